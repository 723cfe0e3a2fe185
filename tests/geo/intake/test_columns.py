"""Rows judged by whole columns: whatever a file holds, what is surely fine says the same as when judged by itself."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from app.database import Database, Logins
from geo.ground.areas import Ground, load_ground
from geo.intake import batch, bulk, files, fold
from geo.intake.batch import Envelope
from geo.intake.columns import Sure, surely_fine
from geo.intake.placing import Placed
from geo.intake.reading import Reading, Sheet
from geo.intake.recount import recount
from geo.intake.submissions import FIELDS, Limits, Submission, parse
from tests.world import BLOCKS, NOW, submission

LIMITS = Limits(NOW, datetime(2022, 10, 14, 16, tzinfo=UTC), UTC)
NIK = "6472031210850001"
ZONES: list[tzinfo] = [
    ZoneInfo(name) for name in ("Asia/Makassar", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu")
] + [UTC, timezone(timedelta(hours=-9, minutes=-30))]


def sheet(rows: Sequence[dict[str, Any]], reading: Reading | None = None, zone: tzinfo = UTC) -> Sheet:
    """Rows as a table of text holds them, or with the types they have."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    read = pa.RecordBatch.from_pydict({name: [row.get(name) for row in rows] for name in names})
    return Sheet(read, np.arange(7, 7 + len(rows)), reading or Reading(), "survey", zone)


def as_text(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if value is None else str(value) for name, value in row.items()}


def alike(found: Sure, given: Sheet, limits: Limits) -> None:
    """Every sure row is what `parse` makes of it."""
    for at, fast in zip(found.at.tolist(), found.rows.to_pylist(), strict=True):
        slow = parse(at, given.sent([at])[0], limits)
        assert isinstance(slow, Submission)
        assert fast.pop("digest") == slow.digest()
        assert UUID(bytes=fast.pop("submission_id")) == slow.submission_id
        assert fast.pop("day") == slow.captured_at.astimezone(given.zone).date()
        for name, value in fast.items():
            wanted = getattr(slow, name)
            if isinstance(wanted, datetime):
                wanted = (wanted - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
            assert value == wanted, name
            assert not isinstance(value, float) or math.copysign(1, value) == math.copysign(1, wanted), name
        assert {*fast, "submission_id"} == set(FIELDS)


# ── whatever a file holds ─────────────────────────────────────────────────────────────────────────────────────────

numbers = st.sampled_from(
    [
        "1",
        "2",
        "3",
        "0",
        "-0",
        "1.0",
        "1.5",
        "+1",
        "1e3",
        "007",
        "1.",
        ".5",
        "117.14",
        "-0.51",
        " 1",
        "1 ",
        "",
        " ",
        "1_0",
        "nan",
        "inf",
        "99999999999999999999",
        "123456789012.12345678901234567890",
        "1000000",
        "1000001",
        "100000",
        "100000.1",
        "1\n",
        "٣",
        "0x1",
        NIK,
        None,
    ]
)
times = st.sampled_from(
    [
        "2022-10-20T09:30:00+08:00",
        "2022-10-20T09:30:00Z",
        "2022-10-20 09:30:00+08:00",
        "2022-10-20T09:30:00",
        "2022-10-20T09:30:00.5Z",
        "2022-10-20T09:30:00.123Z",
        "2022-10-20T09:30:00.123456+00:00",
        "2022-10-20T09:30:00.1234567Z",
        "2022-10-20T09:30",
        "2022-10-20",
        "20221020T093000Z",
        "2022-02-29T00:00:00Z",
        "2022-02-30T00:00:00",
        "2024-02-29T00:00:00Z",
        "2022-10-20T24:00:00Z",
        "2022-10-20T23:59:60Z",
        "2022-10-20T09:30:00+24:00",
        "2022-10-20T09:30:00+19:59",
        "2022-10-20T09:30:00-00:00",
        "2022-10-20t09:30:00z",
        "1899-12-31T23:00:00Z",
        "2201-01-01T00:00:00Z",
        "2200-06-01T00:00:00Z",
        "2022-10-30T02:30:00",
        "2022-10-30T01:59:59.999999",
        "2022-03-27T02:30:00",
        "2022-10-02T02:15:00",
        "2022-04-03T01:45:00",
        "2022-10-24T17:09:59+08:00",
        "2022-10-24T17:10:00+08:00",
        "2022-10-24T17:10:00.000001+08:00",
        "2022-10-24T09:10:00",
        "2022-10-15T00:00:00+08:00",
        "2022-10-14T23:59:59+08:00",
        "2022-10-14T16:00:00",
        "2022-10-20T09:30:00Z\n",
        "",
        "kemarin",
        None,
    ]
)
words = st.sampled_from(
    [
        "completed",
        "moved",
        "prelist",
        "new",
        "hilang",
        "A-1",
        "SIM-1",
        "x" * 64,
        "x" * 65,
        "-a",
        "a b",
        "a|b",
        "é",
        "a\n",
        "\x00",
        "",
        " ",
        " completed",
        NIK,
        f"a{NIK}",
        "1" * 17,
        BLOCKS[0].code,
        str(UUID(int=5)),
        str(UUID(int=5)).upper(),
        "{" + str(UUID(int=5)) + "}",
        UUID(int=5).hex,
        "=1+1",
        None,
    ]
)
kinds = {
    "lon": numbers,
    "lat": numbers,
    "accuracy_m": numbers,
    "revision": numbers,
    "visit": numbers,
    "welfare": numbers,
    "captured_at": times,
    "revisit_at": times,
    "started_at": times,
    "finished_at": times,
}
typed = st.sampled_from([1, 2, 0, -1, 10**15, 2**60]) | st.floats() | st.sampled_from([1.0, 2.5, -0.0]) | st.none()


@st.composite
def a_field(draw: st.DrawFn) -> tuple[str, list[Any]]:
    """A field and what six rows say in it: all of one type, as in a file."""
    name = draw(st.sampled_from([*FIELDS, "catatan", "nik"]))
    told = kinds.get(name, words)
    one_type = draw(
        st.sampled_from(
            [
                told,
                told,
                words,
                numbers,
                st.integers(-3, 2**40) | st.none(),
                st.floats() | st.none(),
                st.booleans() | st.none(),
                st.just(None),
                st.just(date(2022, 10, 20)),
                st.just([1]),
                st.just(datetime(2022, 10, 20, 9, tzinfo=UTC)),
            ]
        )
    )
    return name, draw(st.lists(one_type, min_size=6, max_size=6))


@given(
    changes=st.lists(a_field(), max_size=3),
    reading=st.sampled_from(
        [
            Reading(),
            Reading(key="household_id"),
            Reading(key="catatan"),
            Reading({"block": "catatan"}, {"result": "moved"}),
            Reading({"enumerator": "household_id"}, {"visit": "2", "captured_at": "2022-10-21T10:00:00"}),
        ]
    ),
    zone=st.sampled_from(ZONES),
)
@example(changes=[("submission_id", [None] * 6), ("household_id", [None] * 6)], reading=Reading(), zone=UTC)
@example(changes=[("captured_at", ["2022-10-20T09:30:00"] * 6)], reading=Reading(), zone=ZONES[1])
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_surely_fine_says_what_parse_says(
    changes: list[tuple[str, list[Any]]], reading: Reading, zone: tzinfo
) -> None:
    rows = [as_text(submission(n)) | {"catatan": None} for n in range(6)]
    for name, values in changes:
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    whole = sheet(rows, reading, zone)
    alike(surely_fine(whole, LIMITS), whole, LIMITS)


@given(
    values=st.lists(typed, min_size=4, max_size=4),
    name=st.sampled_from(["lon", "lat", "accuracy_m", "visit", "revision"]),
)
@settings(max_examples=150, deadline=None)
def test_numbers_that_come_as_numbers(values: list[Any], name: str) -> None:
    if any(isinstance(v, float) for v in values):
        values = [None if v is None else float(v) for v in values]
    whole = sheet([submission(n) | {name: value} for n, value in enumerate(values)])
    alike(surely_fine(whole, LIMITS), whole, LIMITS)


def test_plain_rows_are_all_sure() -> None:
    """Else the test above proves nothing."""
    rows = [
        submission(n, BLOCKS[n % 6], welfare=1 + n % 3, enumerator="e1", started_at="2022-10-20T09:00:00Z")
        for n in range(50)
    ]
    for some in (
        rows,
        [as_text(row) for row in rows],
        [row | {"catatan": "x", "at": date(2022, 1, 1)} for row in rows],
    ):
        assert surely_fine(sheet(some), LIMITS).at.tolist() == list(range(50))
    local = [
        as_text(row) | {"captured_at": "2022-10-20T09:30:00", "submission_id": None, "household_id": None}
        for row in rows
    ]
    for zone in ZONES:
        assert len(surely_fine(sheet(local, zone=zone), LIMITS).at) == 50


# ── and where it counts ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
async def still_ground(database: Logins) -> Ground:
    db = Database(database, 1)
    async with db.worker.begin() as connection:
        found = await load_ground(connection)
    await db.close()
    return found


async def test_places_are_those_of_rows_judged_one_by_one(still_ground: Ground) -> None:
    rng = np.random.default_rng(22)
    rows = []
    for n in range(600):
        lon, lat = BLOCKS[n % 6].at(*rng.uniform(-0.5, 1.5, 2))
        row = submission(n, BLOCKS[n % 5], lon=lon, lat=lat, accuracy_m=float(rng.choice([3.0, 40.0, 60.0])))
        row |= {
            0: {"lon": None, "lat": None},
            1: {"block": None},
            2: {"block": "X-1"},
            3: {"accuracy_m": None},
            4: {"lon": lon + 0.06},
            5: {"lon": lat, "lat": lon},
            6: {"lat": 91.0},
        }.get(n % 40, {})
        rows.append(row)
    whole = sheet(rows, zone=still_ground.campaign.zone)
    found = bulk.judge(still_ground, whole, Envelope(0, "test", b"", 0))
    slow = batch.judge(still_ground, whole.sent(range(600)))
    assert len(found.sure.at) > 300
    for at, row in zip(found.sure.at.tolist(), found.sure.rows.to_pylist(), strict=True):
        wanted = slow[at]
        assert isinstance(wanted, Placed)
        assert {name: row[name] for name in ("number", "located", "cell", "flags")} == {
            name: getattr(wanted, name) for name in ("number", "located", "cell", "flags")
        }
    assert found.judged == [slow[at] for at in found.odd]
    assert sorted([*found.odd, *found.sure.at.tolist()]) == list(range(600))


# ── and what is stored ────────────────────────────────────────────────────────────────────────────────────────────

TABLES = ("batch", "submission", "household", "quarantine", "delta", "tally", "tally_cell", "tally_day", "file_import")
STORED = {
    "submission": 'SELECT submission_id, household_id, revision, "row", actor, block, number, located, lon, lat, cell, '
    "accuracy_m, captured_at, day, result, origin, visit, revisit_at, welfare, started_at, finished_at, enumerator, "
    "flags, digest FROM intake.submission",
    "household": "SELECT h.*, ST_AsText(geom) FROM intake.household h",
    "quarantine": 'SELECT "row", number, reason, detail, proposal::text, raw::text, digest FROM intake.quarantine',
    "batch": "SELECT source, actor, body_sha256, counts::text FROM intake.batch",
    "tally": "SELECT number, completed, new, partial, refused, moved, dropped, located FROM intake.tally",
    "pairs": "SELECT number, cell, completed, located FROM intake.tally_cell",
    "days": "SELECT number, day, completed, located FROM intake.tally_day",
}


def planted(many: int) -> Any:
    """A table with something of everything, typed as programs write it: rows twice, corrected, disputed, odd."""
    rows = []
    for n in range(many):
        row: dict[str, Any] = {"visit": None, "welfare": 1 + n % 3, "enumerator": None, "catatan": "x"} | submission(
            n, BLOCKS[n % 6], result=("completed", "moved", "refused")[n % 3], accuracy_m=5.0 + n % 60
        )
        if n % 23 == 1:
            row["catatan"] = f"KTP {NIK}"
        if n % 17 == 3:
            row |= {"block": None}
        if n % 19 == 4:
            row |= {"household_id": f"SIM-{n - 1}", "revision": 2}
        if n % 29 == 5:
            row |= {"submission_id": rows[-3]["submission_id"]}
        if n % 31 == 6:
            row = rows[-5]
        if n % 37 == 7:
            row |= {"revisit_at": "2022-10-30T10:00:00", "started_at": "2022-10-20T08:00:00.250000Z"}
        rows.append(row)
    table = pd.DataFrame(rows)
    points = [
        None if n % 41 == 8 else shapely.Point(r.lon + (0.3 if n % 13 == 2 else 0), r.lat)
        for n, r in enumerate(table.itertuples())
    ]
    return gpd.GeoDataFrame(table.drop(columns=["lon", "lat"]), geometry=points, crs=4326)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
async def test_the_database_holds_the_same_as_row_by_row(
    db: Database, ground: Ground, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK", 90)
    path, frame = tmp_path / f"h.{suffix}", planted(400)
    if suffix == "csv":
        frame.drop(columns="geometry").assign(lon=frame.geometry.x, lat=frame.geometry.y).to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    fast = await imported(db, ground, path)
    owner = create_engine(db.logins.owner)
    with owner.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(f'intake.{name}' for name in TABLES)}"))
    owner.dispose()
    early = Limits(LIMITS.not_before - timedelta(days=9), LIMITS.not_before, UTC)  # by this clock nothing is sure
    monkeypatch.setattr(bulk, "surely_fine", lambda given, _: surely_fine(given, early))
    assert await imported(db, ground, path) == fast
    assert all(fast["counts"][status] for status in batch.STATUSES)


async def imported(db: Database, ground: Ground, path: Path) -> dict[str, Any]:
    """What an import tells and leaves."""
    summary = await files.import_file(db.worker, ground, path, Reading())
    while True:
        async with db.worker.begin() as connection:
            if await fold.fold(connection) is None:
                break
    async with db.worker.connect() as connection:
        assert (await recount(connection)).sound
        found: dict[str, Any] = {
            name: sorted(map(repr, await connection.execute(text(statement)))) for name, statement in STORED.items()
        }
    told = {name: getattr(summary, name) for name in ("rows", "counts", "flags", "reasons")}
    return found | told | {"refused": path.with_name(f"{path.name}.refused.csv").read_text(encoding="utf-8-sig")}
