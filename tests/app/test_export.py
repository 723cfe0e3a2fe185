"""The command `export` as a person runs it: figures as the service's, by whose eyes, audited, never half a file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import httpx2
import pyogrio
import pytest
from pmtiles.reader import MemorySource, Reader, all_tiles

from app.database import Logins
from app.settings import Settings
from geo.ground.levels import LEVELS
from geo.trust import audit
from tests.app.conftest import Ask, Run
from tests.conftest import REPOSITORY, Service
from tests.world import BLOCKS, VILLAGES, submission

FIGURES = ("expected", "completed", "new", "dropped", "gap", "coverage", "resolved", "schedule", "state")


@pytest.fixture
def filled(fresh_service: Service) -> Service:
    """A service with a few households, on the database of the commands."""
    rows = [submission(n, BLOCKS[n % 5], result=("completed", "moved", "not_met")[n % 3]) for n in range(60)]
    assert fresh_service.send(*rows).status_code == 201
    with fresh_service.client() as client:
        limit = time.monotonic() + 20
        while client.get("/v1/coverage?level=scope").json()["coverage"][0]["located"] < 40:
            assert time.monotonic() < limit, "nothing was folded"
            time.sleep(0.05)
    return fresh_service


def answers(client: httpx2.Client, within: str | None = None) -> dict[tuple[str, str], dict[str, Any]]:
    """Figures of every area as `/v1/coverage` tells them, by layer and code."""
    more = {"within": within} if within else {}
    found = {}
    for level in LEVELS:
        rows = client.get("/v1/coverage", params={"level": level} | more).json()["coverage"]
        layer = "blocks" if level == "block" else "areas"
        found |= {(layer, row["code"]): {name: row[name] for name in FIGURES} for row in rows}
    return found


def cells_of(client: httpx2.Client, within: str | None = None) -> dict[str, int]:
    more = {"within": within} if within else {}
    asked = [client.get("/v1/cells", params={"res": res} | more).json()["cells"] for res in (8, 9, 10)]
    return {row["cell"]: row["completed"] for rows in asked for row in rows}


def read(path: Path, layer: str) -> Any:
    if path.suffix == ".gpkg":
        return pyogrio.read_dataframe(path, layer=layer)
    return geopandas.read_parquet(path / f"{layer}.parquet" if path.is_dir() else path)


def figures(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for layer in ("areas", "blocks"):
        frame = read(path, layer).astype(object)
        for row in frame.where(frame.notna(), None).to_dict("records"):
            found[layer, row["code"]] = {name: row[name] for name in FIGURES}
    return found


@pytest.mark.parametrize("name", ["map.gpkg", "map"])
@pytest.mark.parametrize("within", [None, VILLAGES[0]])
def test_every_figure_is_that_of_the_service(
    filled: Service, cakupan: Run, tmp_path: Path, name: str, within: str | None
) -> None:
    said = cakupan("export", tmp_path / name, *(("--within", within) if within else ()))
    with filled.client() as client:
        assert figures(tmp_path / name) == answers(client, within)
        cells = read(tmp_path / name, "cells")
        assert dict(zip(cells["cell"], cells["completed"], strict=True)) == cells_of(client, within)
    assert f"{len(cells)} rows of cells" in said
    assert "SIMULATED" in said


def test_as_somebody_sees_it(filled: Service, cakupan: Run, tmp_path: Path) -> None:
    cakupan("export", tmp_path / "map.gpkg", "--as", "supervisor")
    with filled.client("supervisor") as client:
        assert figures(tmp_path / "map.gpkg") == answers(client)
        seen = cells_of(client)
    cells = read(tmp_path / "map.gpkg", "cells")
    assert dict(zip(cells["cell"], cells["completed"], strict=True)) == seen
    hidden = [figures(tmp_path / "map.gpkg")["blocks", block.code] for block in BLOCKS[3:]]
    assert all(value is None for row in hidden for value in row.values())
    assert "not-found" in cakupan(
        "export", tmp_path / "no.gpkg", "--as", "supervisor", "--within", VILLAGES[1], exit_code=1
    )
    assert "no-account" in cakupan("export", tmp_path / "no.gpkg", "--as", "nobody", exit_code=1)
    assert "no-area" in cakupan("export", tmp_path / "no.gpkg", "--within", "99", exit_code=1)
    assert [path.name for path in tmp_path.iterdir()] == ["map.gpkg"]


def test_tiles(filled: Service, cakupan: Run, tmp_path: Path) -> None:
    path = tmp_path / "new" / "map.pmtiles"
    said = cakupan("export", path, "--max-zoom", 13)
    reader = Reader(MemorySource(path.read_bytes()))
    assert (reader.header()["max_zoom"], reader.metadata()["cakupan"]["simulated"]) == (13, True)
    assert "tiles with blocks" in said
    assert {z for (z, _, _), _ in all_tiles(reader.get_bytes)} == set(range(14))
    blocks = pyogrio.read_dataframe(path, layer="blocks")
    with filled.client() as client:
        wanted = answers(client)
    assert dict(zip(blocks["code"], blocks["completed"], strict=True)) == {
        block.code: wanted["blocks", block.code]["completed"] for block in BLOCKS
    }


def test_each_is_in_the_audit(cakupan: Run, ask: Ask, tmp_path: Path) -> None:
    cakupan("account", "create", "sari", "--role", "supervisor", "--area", VILLAGES[0], "--no-password")
    cakupan("export", tmp_path / "map.gpkg", "--within", VILLAGES[0])
    cakupan("export", tmp_path / "blocks.parquet", "--layer", "blocks", "--as", "sari")
    cakupan("export", tmp_path / "map.pmtiles", "--max-zoom", 4)
    cakupan("report", tmp_path / "map.html", "--as", "sari", "--measure", "seen")
    report, tiles, blocks, tables = (
        row["subject"] for row in ask(lambda db: audit.listing(db, act="export")) if row["account"] is None
    )
    shared = {"edition": "2022_2", "epoch": 0}
    cells = len(read(tmp_path / "map.gpkg", "cells"))
    assert tables == shared | {
        "what": "map", "format": "geopackage", "within": VILLAGES[0], "areas": 1, "blocks": 3, "cells": cells,
    }  # fmt: skip
    assert blocks == shared | {"what": "map", "format": "geoparquet", "blocks": 6, "seen_by": blocks["seen_by"]}
    assert blocks["seen_by"] == report["seen_by"] > 0
    assert (tiles["what"], tiles["format"]) == ("map", "pmtiles")
    assert (report["what"], report["rows"]) == ("report", 6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("map.shp",), "ends in .pmtiles"),
        (("map.parquet",), "name it with --layer"),
        (("map.parquet", "--layer", "areas", "--layer", "cells"), "name it with --layer"),
        (("map.gpkg", "--layer", "households"), "no layer households"),
        (("file/map.gpkg",), "cannot be made"),
    ],
)
def test_what_cannot_be_is_said_at_once(cakupan: Run, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "file").write_text("")
    name, *more = words
    assert said in cakupan("export", tmp_path / name, *more, exit_code=1)
    assert "one of coverage" in cakupan("report", tmp_path / "map.html", "--measure", "x", exit_code=1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def started(words: list[object]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        # Tests that run in the background are deaf to Ctrl-C, and so would be what they start.
        ["env", "--default-signal=INT", sys.executable, "-m", "app.cli", *map(str, words)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("name", ["map.gpkg", "map.pmtiles"])
def test_stopped_it_leaves_no_half_file(
    settings: Settings,
    fresh_database: Logins,
    ask: Ask,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """Stopped while its files lie beside, that is: after it began to write."""
    monkeypatch.setenv("DATABASE_URL", fresh_database.owner)
    monkeypatch.setenv("CAKUPAN_HOME", str(settings.home))
    folder = tmp_path / "out"
    folder.mkdir()
    kept = folder / name
    kept.write_text("of yesterday")
    process = started(["export", kept, "--max-zoom", 16])
    wait_for(lambda: any(file.is_file() for file in folder.glob(".map.*/*")), process)
    process.send_signal(signal.SIGINT)
    process.wait(60)
    assert process.returncode != 0
    assert kept.read_text() == "of yesterday"
    assert list(folder.iterdir()) == [kept]
    assert ask(lambda db: audit.listing(db, act="export")) == []


def wait_for(there: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    limit = time.monotonic() + 60
    while not there():
        assert process.poll() is None, "it was done before it could be stopped"
        assert time.monotonic() < limit
        time.sleep(0.002)
