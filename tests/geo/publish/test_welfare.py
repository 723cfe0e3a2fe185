"""Rows into the ledger: what each comes to, what is held back, and what a file that is imported twice changes."""

import asyncio
import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.database import Database, Logins
from geo.errors import BadInput
from geo.ground.areas import Ground, Tree, load_ground
from geo.intake import batch
from geo.intake.batch import Envelope
from geo.publish import files, welfare
from geo.publish.files import Reading
from geo.publish.judging import Limits, Unfit, judge, typed
from geo.publish.welfare import LedgerReceipt, Question, Rows
from geo.scope import OPERATOR, Scope
from tests.world import BLOCKS, submission

TODAY = date(2022, 10, 24)
NIK = "6472031505900001"
FORUM = BLOCKS[0].code
COORDINATOR = Scope(7, "koseka", "coordinator", ((BLOCKS[0].number, BLOCKS[2].number),))
Json = dict[str, Any]

GOOD: dict[str, Json] = {
    "field_status": {"household_id": "SIM-1", "field_status": 2, "dated": "2022-10-20"},
    "consultation": {"household_id": "SIM-1", "after": 2, "before": 3, "block": FORUM, "dated": "2022-10-20"},
    "rank": {"household_id": "SIM-1", "score": 31.5, "rank": 7, "decile": 1, "dated": "2022-10-20"},
}


@pytest.fixture(scope="module")
def tree(database: Logins) -> Tree:
    """The areas of the tiny world, for rows that are only looked at."""

    async def read() -> Tree:
        db = Database(database, 1)
        async with db.worker.begin() as connection:
            found = (await load_ground(connection)).tree
        await db.close()
        return found

    return asyncio.run(read())


@pytest.fixture
async def counted(db: Database, ground: Ground) -> Ground:
    """Three households counted in the first block, one in the last."""
    rows = [submission(1), submission(2), submission(3), submission(4, BLOCKS[5])]
    await batch.commit(db.worker, ground, Envelope(1, "test", b"", 0), rows, batch.judge(ground, rows))
    return ground


async def send(
    db: Database, ground: Ground, *rows: object, scale: str = "rank", scope: Scope = OPERATOR
) -> list[LedgerReceipt]:
    limits = Limits(scale, TODAY, ground.tree, scope)
    judged = [judge(at, row, limits) for at, row in enumerate(rows)]
    async with db.worker.begin() as connection:
        return await welfare.store(
            connection, scope, Envelope(scope.actor, "test", b"x", 1), Rows(limits, rows, judged)
        )


async def open_rows(db: Database) -> list[tuple[str, int]]:
    async with db.worker.begin() as connection:
        query = text("SELECT reason, number FROM welfare.held WHERE resolved_at IS NULL ORDER BY held_id")
        return [(row.reason, row.number) for row in await connection.execute(query)]


def statuses(receipts: Sequence[LedgerReceipt]) -> list[str]:
    return [r.reason or r.status for r in receipts]


@pytest.mark.parametrize("scale", GOOD)
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"household_id": None}, "MISSING"),
        ({"household_id": 17}, "BAD_ID"),
        ({"household_id": "a b"}, "BAD_ID"),
        ({"household_id": NIK}, "LOOKS_LIKE_IDENTITY"),
        ({"anything": f"x {NIK}"}, "LOOKS_LIKE_IDENTITY"),
        ({"anything": int(NIK)}, "LOOKS_LIKE_IDENTITY"),
        ({"anything": {"deep": [NIK]}}, "BAD_TEXT"),
        ({"dated": None}, "MISSING"),
        ({"dated": "20/10/2022"}, "BAD_DATE"),
        ({"dated": "2022-02-30"}, "BAD_DATE"),
        ({"dated": "2022-10-20T09:00:00"}, "BAD_DATE"),
        ({"dated": 20221020}, "BAD_DATE"),
        ({"dated": "2022-10-25"}, "FUTURE_DATE"),
        ({"revision": 0}, "OUT_OF_RANGE"),
        ({"revision": True}, "NOT_A_NUMBER"),
    ],
)
def test_what_no_row_may_be(tree: Tree, scale: str, changes: Json, reason: str) -> None:
    found = judge(0, GOOD[scale] | changes, Limits(scale, TODAY, tree, OPERATOR))
    assert isinstance(found, Unfit), found
    assert found.reason == reason
    assert NIK not in found.said


@pytest.mark.parametrize(
    ("scale", "changes", "reason"),
    [
        ("field_status", {"field_status": None}, "MISSING"),
        ("field_status", {"field_status": 4}, "OUT_OF_RANGE"),
        ("field_status", {"field_status": "2"}, "NOT_A_NUMBER"),
        ("field_status", {"field_status": 2.0}, "NOT_A_NUMBER"),
        ("field_status", {"reason": "a\nb"}, "BAD_TEXT"),
        ("field_status", {"reason": "x" * 501}, "BAD_TEXT"),
        ("consultation", {"after": 5}, "OUT_OF_RANGE"),
        ("consultation", {"before": 0}, "OUT_OF_RANGE"),
        ("consultation", {"block": None}, "MISSING"),
        ("consultation", {"block": "9999"}, "UNKNOWN_FORUM"),
        ("consultation", {"block": ["x"]}, "BAD_TEXT"),
        ("rank", {"score": None, "rank": None, "decile": None}, "MISSING"),
        ("rank", {"score": float("nan")}, "NOT_A_NUMBER"),
        ("rank", {"score": float("inf")}, "NOT_A_NUMBER"),
        ("rank", {"score": 10**400}, "NOT_A_NUMBER"),
        ("rank", {"decile": 11}, "OUT_OF_RANGE"),
        ("rank", {"rank": 2**31}, "OUT_OF_RANGE"),
    ],
)
def test_what_no_row_of_a_scale_may_be(tree: Tree, scale: str, changes: Json, reason: str) -> None:
    found = judge(0, GOOD[scale] | changes, Limits(scale, TODAY, tree, OPERATOR))
    assert isinstance(found, Unfit), found
    assert found.reason == reason


def test_cells_are_read_as_json_would_have_them(tree: Tree) -> None:
    cells = {"household_id": "SIM-1", "after": "2.0", "before": "3", "forum": FORUM, "dated": "2022-10-20 00:00:00"}
    limits = Limits("consultation", TODAY, tree, OPERATOR)
    read = judge(0, typed(cells | {"reason": None, "score": "1e400"}), limits)
    sent = judge(5, GOOD["consultation"], limits)
    assert not isinstance(read, Unfit)
    assert not isinstance(sent, Unfit)
    assert (read.event_id, read.digest(), read.notices) == (sent.event_id, sent.digest(), ("UNKNOWN_FIELD score",))
    for text_ in ("1e400", "NaN", "31,5", "=1+1"):
        assert typed({"score": text_}) == {"score": text_}
    assert typed({"score": "31.5", "rank": "7", "decile": None}) == {"score": 31.5, "rank": 7}


async def test_the_same_again_changes_nothing_and_something_else_needs_a_revision(
    db: Database, counted: Ground
) -> None:
    row = GOOD["rank"]
    other, corrected = row | {"score": 40.0}, row | {"score": 40.0, "revision": 2}
    assert statuses(await send(db, counted, row, row, other)) == ["stored", "duplicate", "CONFLICT"]
    assert await open_rows(db) == [("CONFLICT", BLOCKS[0].number)]
    assert statuses(await send(db, counted, other, row)) == ["CONFLICT", "duplicate"]
    assert len(await open_rows(db)) == 1, "the same bad row again adds nothing"
    assert statuses(await send(db, counted, corrected)) == ["stored"]
    assert await open_rows(db) == [], "a better row of the same household and scale came"
    async with db.worker.begin() as connection:
        rows = (await connection.execute(text("SELECT score, revision, number FROM welfare.event"))).all()
        assert [tuple(r) for r in rows] == [(31.5, 1, BLOCKS[0].number), (40.0, 2, BLOCKS[0].number)]
        batches = (await connection.execute(text("SELECT counts FROM intake.batch WHERE source = 'test'"))).scalars()
        kept = [each for each in batches if "held" in each]
        assert kept[0] == {"stored": 1, "duplicate": 1, "conflict": 1, "held": 0}
        acts = (await connection.execute(text("SELECT act FROM trust.audit"))).scalars().all()
        assert acts == ["welfare.import"] * 3, "every import is audited"


async def test_only_households_of_the_scope_are_written_of(db: Database, counted: Ground) -> None:
    async with db.worker.begin() as connection:
        listed = text("INSERT INTO ground.prelist (edition_id, household_id, number) VALUES (:e, 'SIM-9', :n)")
        await connection.execute(listed, {"e": counted.campaign.edition_id, "n": BLOCKS[1].number})
    rows = [GOOD["rank"] | {"household_id": name} for name in ("SIM-1", "SIM-9", "SIM-4", "SIM-nobody")]
    found = await send(db, counted, *rows, scope=COORDINATOR)
    assert statuses(found) == ["stored", "stored", "OUTSIDE_SCOPE", "UNKNOWN_HOUSEHOLD"]
    assert [r.status for r in found[2:]] == ["held", "held"]
    forum = GOOD["consultation"] | {"block": BLOCKS[5].code}
    assert statuses(await send(db, counted, forum, scale="consultation", scope=COORDINATOR)) == ["OUTSIDE_SCOPE"]
    async with db.worker.begin() as connection:
        mine = await welfare.listing(connection, COORDINATOR, Question())
        others = await welfare.listing(connection, replace(COORDINATOR, actor=8), Question())
        theirs = Question(BLOCKS[5].number, BLOCKS[5].number)
        asked = await welfare.listing(connection, COORDINATOR, theirs)
    assert [(r["reason"], r["number"]) for r in mine.rows] == [
        ("OUTSIDE_SCOPE", BLOCKS[0].number), ("UNKNOWN_HOUSEHOLD", 0), ("OUTSIDE_SCOPE", 0),
    ]  # fmt: skip  # where a stranger's household lies is not told
    assert [r["number"] for r in others.rows] == [BLOCKS[0].number]
    assert asked.rows == [], "nor can it be found out by asking for one area after the other"


async def test_what_is_kept_of_a_row_names_nobody(db: Database, counted: Ground) -> None:
    bad = GOOD["consultation"] | {"reason": f"nik {NIK}"}
    await send(db, counted, bad, bad, "no row", scale="consultation")
    async with db.worker.begin() as connection:
        raw = (await connection.execute(text("SELECT raw, household_id FROM welfare.held ORDER BY row"))).all()
    assert [row.raw for row in raw] == [bad | {"reason": f"nik {'*' * 16}"}, "no row"]
    assert [row.household_id for row in raw] == ["SIM-1", None]


async def test_a_file_is_imported_once_however_often(db: Database, counted: Ground, tmp_path: Path) -> None:
    path = tmp_path / "skor.csv"
    lines = ["keluarga;skor;nama", "SIM-1;31.5;x", "SIM-2;oops;x", "SIM-3;12;x", "SIM-nobody;1;x", f"{NIK};1;x"]
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    reading = Reading("rank", date(2022, 10, 20), {"household_id": "keluarga", "score": "skor"})
    for run in ("stored", "duplicate"):
        done = await files.import_file(db.worker, counted, OPERATOR, path, reading)
        assert (done.rows, done.counts) == (5, {run: 2, "held": 3})
        assert done.ignored == ["nama"]
        assert done.reasons == {"NOT_A_NUMBER": 1, "UNKNOWN_HOUSEHOLD": 1, "LOOKS_LIKE_IDENTITY": 1}
        assert done.refused is not None
        with done.refused.open(encoding="utf-8-sig", newline="") as file:
            refused = list(csv.reader(file))
        assert refused[0] == ["row", "reason", "detail", "keluarga", "skor", "nama"]
        assert [(row[0], row[1]) for row in refused[1:]] == [
            ("2", "NOT_A_NUMBER"), ("4", "UNKNOWN_HOUSEHOLD"), ("5", "LOOKS_LIKE_IDENTITY"),
        ]  # fmt: skip
    assert len(await open_rows(db)) == 3


async def test_a_killed_import_goes_on(
    db: Database, counted: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "skor.csv"
    path.write_text("household_id,score\n" + "".join(f"SIM-{n},{n}\n" for n in (1, 2, 3)), encoding="utf-8")
    monkeypatch.setattr(files, "CHUNK", 1)
    stopped: list[int] = []

    def stop(done: int, _: int | None) -> None:
        stopped.append(done)
        if done == 2:
            raise KeyboardInterrupt

    reading = Reading("rank", date(2022, 10, 20))
    with pytest.raises(KeyboardInterrupt):
        await files.import_file(db.worker, counted, OPERATOR, path, reading, progress=stop)
    done = await files.import_file(db.worker, counted, OPERATOR, path, reading)
    assert done.counts == {"duplicate": 2, "stored": 1}


async def test_how_no_file_is_read(db: Database, ground: Ground, tmp_path: Path) -> None:
    path = tmp_path / "skor.csv"
    path.write_text("household_id,score\nSIM-1,1\n", encoding="utf-8")
    for reading, code in (
        (Reading("wealth"), "bad-scale"),
        (Reading("rank", date(2022, 10, 25)), "bad-day"),
        (Reading("rank", columns={"consultation": "score"}), "bad-input"),
        (Reading("rank", columns={"score": "skor"}), "no-such-column"),
        (Reading("rank", columns={"score": "household_id"}), "no-header"),
    ):
        with pytest.raises(BadInput) as refused:
            await files.import_file(db.worker, ground, OPERATOR, path, reading)
        assert refused.value.code == code
