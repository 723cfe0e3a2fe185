"""Households from files: the same rows give the same tallies in every format, and a kill loses and doubles nothing."""

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
import xlsxwriter
from sqlalchemy import text

from app.database import Database
from geo.errors import BadInput
from geo.ground.areas import Ground
from geo.intake import files, fold
from geo.intake.files import Summary
from geo.intake.reading import Reading, as_submission
from geo.intake.recount import recount
from tests.world import BLOCKS, submission

Rows = list[dict[str, Any]]
RESULTS = ("completed", "completed", "refused", "not_met", "moved")
COLUMNS = ("household_id", "revision", "block", "lon", "lat", "accuracy_m", "captured_at", "result", "origin", "visit")


def rows(many: int) -> Rows:
    """Households as an exporting program writes them: no submission ids, local times, every seventh row is bad."""
    found = []
    for n in range(many):
        row = submission(n, BLOCKS[n % 6], result=RESULTS[n % 5], origin="new" if n % 11 == 0 else "prelist")
        row["captured_at"] = f"2022-10-{17 + n % 6}T09:30:00"
        if n % 7 == 3:
            row["lon"] = 10.5
        if n % 7 == 5:
            row["result"] = "hilang"
        found.append({name: row[name] for name in COLUMNS})
    return found


def as_csv(path: Path, some: Rows) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter=";")
        writer.writeheader()
        writer.writerows(some)


def as_xlsx(path: Path, some: Rows) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate([dict(zip(COLUMNS, COLUMNS, strict=True)), *some]):
            sheet.write_row(at, 0, list(row.values()))


def frame(some: Rows) -> Any:
    points = [shapely.Point(row["lon"], row["lat"]) for row in some]
    return gpd.GeoDataFrame(
        [{k: v for k, v in row.items() if k not in {"lon", "lat"}} for row in some], geometry=points, crs=4326
    )


def as_layer(path: Path, some: Rows) -> None:
    frame(some).to_file(path, engine="pyogrio")


def as_metres(path: Path, some: Rows) -> None:
    frame(some).to_crs(32750).to_file(path, engine="pyogrio")


def as_parquet(path: Path, some: Rows) -> None:
    frame(some).to_parquet(path)


WRITERS: dict[str, Callable[[Path, Rows], None]] = {
    "h.csv": as_csv,
    "h.xlsx": as_xlsx,
    "h.geojson": as_layer,
    "h.gpkg": as_layer,
    "metres.gpkg": as_metres,
    "h.parquet": as_parquet,
}


async def load(db: Database, ground: Ground, path: Path, reading: Reading | None = None) -> Summary:
    summary = await files.import_file(db.worker, ground, path, reading or Reading(source="survey", key="household_id"))
    await settle(db)
    return summary


async def settle(db: Database) -> None:
    while True:
        async with db.worker.begin() as connection:
            if await fold.fold(connection) is None:
                break
    async with db.worker.connect() as connection:
        assert (await recount(connection)).differences == []


async def kept(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    statements = {
        "tally": "SELECT number, completed, new, refused, not_met, moved, located FROM intake.tally",
        "days": "SELECT number, day, completed, refused FROM intake.tally_day",
        "cells": "SELECT number, cell, completed, located FROM intake.tally_cell",
        "ids": "SELECT submission_id, household_id FROM intake.submission",
    }
    async with db.worker.begin() as connection:
        return {
            name: sorted(tuple(row) for row in await connection.execute(text(statement)))
            for name, statement in statements.items()
        }


@pytest.fixture(scope="module")
def as_counted_by_hand() -> dict[int, tuple[int, int]]:
    """Completed and refused by block number, counted in plain Python."""
    found = {block.number: [0, 0] for block in BLOCKS}
    for n, row in enumerate(rows(140)):
        if n % 7 not in {3, 5}:
            counts = found[BLOCKS[n % 6].number]
            counts[0] += row["result"] == "completed"
            counts[1] += row["result"] == "refused"
    return {number: (completed, refused) for number, (completed, refused) in found.items()}


@pytest.mark.parametrize("name", WRITERS)
async def test_every_format_gives_the_same(
    db: Database,
    ground: Ground,
    tmp_path: Path,
    name: str,
    as_counted_by_hand: dict[int, tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "CHUNK", 33)
    WRITERS[name](tmp_path / name, rows(140))
    summary = await load(db, ground, tmp_path / name)
    assert summary.rows == 140
    assert dict(summary.counts) == {"stored": 100, "quarantined": 40}
    assert dict(summary.reasons) == {"OUTSIDE_CAMPAIGN": 20, "BAD_VALUE": 20}
    found = await kept(db)
    assert {row[0]: (row[1], row[3]) for row in found["tally"]} == as_counted_by_hand
    # ids come from source and key alone, so another format of the same rows adds nothing
    other = "h.csv" if name != "h.csv" else "h.gpkg"
    WRITERS[other](tmp_path / f"again-{other}", rows(140))
    again = await load(db, ground, tmp_path / f"again-{other}")
    assert again.counts["stored"] == again.counts["superseded"] == 0
    assert again.counts["quarantined"] == 40
    after = await kept(db)
    assert after == found
    # points that went through metres come back a hair's breadth off: the same ids with other content
    assert again.counts["conflict" if name == "metres.gpkg" else "duplicate"] == 100


async def test_the_same_file_again_reads_nothing(db: Database, ground: Ground, tmp_path: Path) -> None:
    as_csv(tmp_path / "h.csv", rows(20))
    first = await load(db, ground, tmp_path / "h.csv")
    second = await load(db, ground, tmp_path / "h.csv")
    assert second.resumed_at == 20
    assert second.counts == first.counts
    other = await load(db, ground, tmp_path / "h.csv", Reading(source="another", key="household_id"))
    assert other.resumed_at == 0  # read in another way it is another import; households are the same, revisions too
    assert other.counts["duplicate"] == first.counts["stored"]


async def test_ids_of_a_file_without_any(db: Database, ground: Ground, tmp_path: Path) -> None:
    some = [{k: v for k, v in row.items() if k != "household_id"} | {"no": n} for n, row in enumerate(rows(10))]
    zone = ground.campaign.zone
    made = [as_submission(row, n, Reading(key="no"), "survey", zone) for n, row in enumerate(some)]
    again = [as_submission(row, n + 7, Reading(key="no"), "survey", zone) for n, row in enumerate(some)]
    other = [as_submission(row, n, Reading(key="no"), "another", zone) for n, row in enumerate(some)]
    for name in ("submission_id", "household_id"):
        assert [row[name] for row in made] == [row[name] for row in again]
        assert len({row[name] for row in made} | {row[name] for row in other}) == 20
    assert {row["revision"] for row in made} == {1}
    assert made[0]["captured_at"] == "2022-10-17T09:30:00+08:00"


def test_a_row_without_a_key_gets_no_id() -> None:
    """Else all of them would get the same one, and all but the first would be lost."""
    row = {name: value for name, value in rows(1)[0].items() if name != "household_id"} | {"no": None}
    made = as_submission(row, 1, Reading(key="no"), "survey", UTC)
    assert {"submission_id", "household_id"} & made.keys() == set()


def test_a_named_column_wins_over_one_called_like_the_field() -> None:
    row = {"household_id": "A-1", "block": "old", "sls": "new", "result": "completed"}
    reading = Reading(columns={"block": "sls", "enumerator": "household_id"}, fixed={"result": "moved"})
    made = as_submission(row, 1, reading, "survey", UTC)
    assert {name: made.get(name) for name in ("household_id", "block", "enumerator", "result", "sls")} == {
        "household_id": "A-1", "block": "new", "enumerator": "A-1", "result": "moved", "sls": None,
    }  # fmt: skip


async def test_only_the_rows_asked_for_are_read(
    db: Database, ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK", 33)
    as_csv(tmp_path / "h.csv", rows(140))
    reading = Reading(source="survey", key="household_id", where={"result": "hilang"})
    none = await load(db, ground, tmp_path / "h.csv", reading)
    assert (none.rows, none.passed_over, dict(none.counts)) == (140, 120, {"quarantined": 20})
    with (tmp_path / "h.csv.refused.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [int(row["row"]) for row in csv.DictReader(file)] == [n + 1 for n in range(140) if n % 7 == 5]
    again = await load(db, ground, tmp_path / "h.csv", reading)
    assert (again.resumed_at, again.passed_over, again.counts) == (140, 120, none.counts)
    refused = await load(db, ground, tmp_path / "h.csv", Reading(where={"result": "refused", "origin": "prelist"}))
    wanted = [row for n, row in enumerate(rows(140)) if row["result"] == "refused" and row["origin"] == "prelist"]
    assert (sum(refused.counts.values()), refused.passed_over) == (len(wanted), 140 - len(wanted))


async def test_a_column_that_the_file_lacks_is_refused(db: Database, ground: Ground, tmp_path: Path) -> None:
    as_csv(tmp_path / "h.csv", rows(3))
    for reading in (Reading(key="nomor"), Reading(where={"nomor": "1"}), Reading(columns={"block": "nomor"})):
        with pytest.raises(BadInput, match="no column nomor; it has household_id"):
            await files.import_file(db.worker, ground, tmp_path / "h.csv", reading)


async def test_doubts_are_those_of_rows_that_were_stored(db: Database, ground: Ground, tmp_path: Path) -> None:
    doubtful = rows(1)[0] | {"accuracy_m": 99}
    as_csv(tmp_path / "h.csv", [doubtful])
    assert (await load(db, ground, tmp_path / "h.csv")).flags == {"low_accuracy": 1}
    as_csv(tmp_path / "again.csv", [doubtful, doubtful])
    again = await load(db, ground, tmp_path / "again.csv")
    assert (again.counts, again.flags) == ({"duplicate": 2}, {})


async def test_refused_rows_stand_in_a_file_with_row_and_reason(db: Database, ground: Ground, tmp_path: Path) -> None:
    as_csv(tmp_path / "h.csv", rows(14))
    summary = await load(db, ground, tmp_path / "h.csv")
    assert summary.refused == tmp_path / "h.csv.refused.csv"
    with summary.refused.open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    assert [(row["row"], row["reason"]) for row in found] == [
        ("4", "OUTSIDE_CAMPAIGN"),
        ("6", "BAD_VALUE"),
        ("11", "OUTSIDE_CAMPAIGN"),
        ("13", "BAD_VALUE"),
    ]
    assert found[0]["household_id"] == "SIM-3"
    assert found[0]["lon"] == "10.5"
    as_csv(tmp_path / "good.csv", [row for row in rows(14) if row["lon"] != 10.5 and row["result"] != "hilang"])
    assert (await load(db, ground, tmp_path / "good.csv")).refused is None
    assert not (tmp_path / "good.csv.refused.csv").exists()


def test_a_field_that_submissions_lack_is_refused() -> None:
    with pytest.raises(BadInput, match="no field nama"):
        Reading(columns={"nama": "A"})


CHILD = """
import asyncio, os, sys
from pathlib import Path
from sqlalchemy.ext.asyncio import create_async_engine
from geo.ground.areas import load_ground
from geo.intake import files
from geo.intake.reading import Reading

files.CHUNK = 40

async def main():
    engine = create_async_engine(os.environ["WORKER"])
    async with engine.begin() as connection:
        ground = await load_ground(connection)
    reading = Reading(source="survey", key="household_id")
    tell = lambda done, _: print(done, flush=True)
    await files.import_file(engine, ground, Path(sys.argv[1]), reading, progress=tell)
    await engine.dispose()

asyncio.run(main())
"""


async def test_killed_again_and_again_it_ends_as_if_never_killed(db: Database, ground: Ground, tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    as_csv(path, rows(700))
    kills = 0
    reached: list[int] = []
    while True:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path)],
            env=os.environ | {"WORKER": db.logins.worker, "PYTHONPATH": str(Path(files.__file__).parents[2])},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        for line in child.stdout:
            reached.append(int(line))
            # let it commit a few chunks, then strike while the next ones are under way
            if kills < 3 and reached[-1] >= 160 * (kills + 1):
                child.send_signal(signal.SIGKILL)
        child.stdout.close()
        if child.wait() == 0:
            break
        assert child.returncode == -signal.SIGKILL
        kills += 1
    assert kills == 3
    assert reached == sorted(reached)  # each run went on where the one before had committed
    summary = await load(db, ground, path)
    assert summary.resumed_at == 700
    assert summary.counts == {"stored": 500, "quarantined": 200}
    with path.with_name("h.csv.refused.csv").open(encoding="utf-8-sig", newline="") as file:
        refused = [int(row["row"]) for row in csv.DictReader(file)]
    assert refused == [n + 1 for n in range(700) if n % 7 in {3, 5}]
    async with db.worker.begin() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM intake.submission")) == 500
        assert await connection.scalar(text("SELECT count(*) FROM intake.quarantine")) == 200
        assert await connection.scalar(text("SELECT sum((counts->>'stored')::int) FROM intake.batch")) == 500
