"""`footprints import` and `assignments import` as a person runs them, on a copy of the tiny world."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.database import Logins
from app.settings import Settings
from tests.world import BLOCKS, EDITION, FAMILIES

Run = Callable[..., str]


@pytest.fixture
def cakupan(settings: Settings, fresh_database: Logins, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command and gives what it printed, blanks and lines of tables taken together."""
    monkeypatch.setenv("DATABASE_URL", fresh_database.owner)
    monkeypatch.setenv("CAKUPAN_HOME", str(settings.home))

    def run(*words: object, exit_code: int = 0) -> str:
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == exit_code, f"{done.output}\n{done.exception!r}"
        return " ".join(done.output.replace("│", " ").split())

    return run


def reported(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_footprints(cakupan: Run, tmp_path: Path) -> None:
    places = [BLOCKS[0].at(0.1, 0.1), BLOCKS[0].at(0.9, 0.9), BLOCKS[1].at(0.5, 0.5), (118.0, -0.5)]
    kinds = ("house", "house", "shop", "house")
    lines = [f"{lon},{lat},50,{kind}" for (lon, lat), kind in zip(places, kinds, strict=True)]
    path = tmp_path / "houses.csv"
    path.write_text("\n".join(["lon,lat,area_m2,kind", *lines, ",,50,house"]))
    how = ("footprints", "import", path, "--edition", EDITION, "--report", tmp_path / "left_out.csv")
    said = cakupan(*how, "--where", "kind=house")
    assert f"footprints of edition {EDITION}" in said
    assert " 2 1 1 " in said  # footprints, blocks, in no block
    assert f"prelist {FAMILIES} {5 * FAMILIES}" in said
    assert "1 rows do not have kind=house and were passed over" in said
    assert reported(tmp_path / "left_out.csv") == [
        ["row", "why"], ["4", "in no block of the edition"], ["5", "no place"],
    ]  # fmt: skip
    assert f"prelist {2 * FAMILIES} {4 * FAMILIES}" in cakupan(*how)
    assert "write house as NAME=VALUE" in cakupan(*how, "--where", "house", exit_code=1)
    assert "there is no edition 1999" in cakupan("footprints", "import", path, "--edition", "1999", exit_code=1)


def test_assignments(cakupan: Run, tmp_path: Path) -> None:
    cakupan(
        "account", "create", "sari", "--role", "enumerator", "--area", BLOCKS[0].code, "--password", "simulasi-22-x"
    )
    path = tmp_path / "staff.csv"
    lines = [f"{BLOCKS[0].code};sari;budi", f"{BLOCKS[1].code};adi;budi", "9999999999-X;adi;budi"]
    path.write_text("\n".join(["idsubsls;ppl;pml", *lines]))
    how = ("assignments", "import", path, "--edition", EDITION, "--report", tmp_path / "left_out.csv")
    said = cakupan(*how, "--starts", "2022-10-15")
    assert " 2 2 1 " in said  # blocks, enumerators, supervisors
    assert "2 of these people have no account yet" in said
    assert "4 blocks of the edition have nobody assigned" in said
    assert reported(tmp_path / "left_out.csv") == [
        ["row", "code", "why"], ["3", "9999999999-X", "no block of the edition has this code"],
    ]  # fmt: skip
    assert "--enumerator-column" in cakupan(*how, "--starts", "2022-10-15", "--enumerator-column", "nama", exit_code=1)


def test_expected_families_left_out_are_reported_alike(cakupan: Run, tmp_path: Path) -> None:
    path = tmp_path / "families.csv"
    path.write_text(f"block,families\n{BLOCKS[0].code},12\n{BLOCKS[1].code},many\n")
    said = cakupan(
        "expected", "import", path, "--edition", EDITION, "--source", "test", "--dated", "2022-10-01",
        "--report", tmp_path / "left_out.csv",
    )  # fmt: skip
    why = "the number of families is no whole number: many"
    assert "1 rows left out" in said
    assert "5 blocks of the edition are not in this file" in said
    assert reported(tmp_path / "left_out.csv") == [["row", "code", "why"], ["2", BLOCKS[1].code, why]]


def test_areas_tell_of_footprints_that_lost_their_block(cakupan: Run, tmp_path: Path) -> None:
    lon, lat = BLOCKS[0].at(0.9, 0.9)
    (tmp_path / "houses.csv").write_text(f"lon,lat\n{lon},{lat}\n")
    cakupan("footprints", "import", tmp_path / "houses.csv", "--edition", EDITION)
    west, south = BLOCKS[0].west, BLOCKS[0].south
    ring = [[west, south], [west + 0.002, south], [west + 0.002, south + 0.002], [west, south + 0.002], [west, south]]
    feature = {
        "type": "Feature",
        "properties": {"block_id": BLOCKS[0].code, "village_code": BLOCKS[0].code[:10]},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    (tmp_path / "smaller.geojson").write_text(json.dumps(feature))
    said = cakupan("areas", "import", tmp_path / "smaller.geojson", "--edition", EDITION)
    assert "1 footprints lie in no block any more and were dropped" in said
