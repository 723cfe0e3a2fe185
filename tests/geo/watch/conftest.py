"""Some days of work in the tiny world, with the mirror as of every epoch."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from app.database import Database, Logins
from geo.ground import expected
from geo.ground.areas import Ground, load_ground
from geo.ground.sources import Table
from geo.intake import batch, fold
from geo.intake.batch import Envelope
from geo.watch import live
from geo.watch.live import Snapshot
from tests.world import BLOCKS, EDITION, submission

#: Families expected; the last block is unknown.
EXPECTED = {BLOCKS[0].number: 60, BLOCKS[1].number: 5, BLOCKS[2].number: 0, BLOCKS[3].number: 60, BLOCKS[4].number: 60}

Row = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """What was sent, in order, and the mirror after each fold."""

    ground: Ground
    sent: list[Row]
    snapshots: list[Snapshot]

    @property
    def now(self) -> Snapshot:
        return self.snapshots[-1]

    def households(self) -> list[Row]:
        """The state of each household: its highest revision, and the day it first reached that result."""
        found: dict[str, list[Row]] = {}
        for row in self.sent:
            found.setdefault(row["household_id"], []).append(row)
        top = []
        for rows in found.values():
            last = max(rows, key=lambda row: row["revision"])
            first = min((r for r in rows if r["result"] == last["result"]), key=lambda row: row["revision"])
            top.append(last | {"day": date.fromisoformat(first["captured_at"][:10])})
        return top


def steps() -> list[list[Row]]:
    """Batches: B1 is overfull, B3 is left alone, B4 is behind, B5 has no expected, B2 expects nobody."""
    results = ("completed", "completed", "completed", "refused", "not_met", "moved", "not_found", "partial")
    day = "2022-10-{:02d}T09:00:00+08:00".format
    return [
        [submission(n, BLOCKS[0], 1, result=results[n % 8], captured_at=day(16 + n % 3)) for n in range(40)],
        [submission(f"b{n}", BLOCKS[1], captured_at=day(18)) for n in range(9)],
        [submission(f"c{n}", BLOCKS[2], origin="new", captured_at=day(19)) for n in range(2)],
        [submission(f"d{n}", BLOCKS[4], captured_at=day(20), result=results[n % 8]) for n in range(7)],
        [submission(f"e{n}", BLOCKS[5], captured_at=day(20)) for n in range(3)],
        [submission(n, BLOCKS[0], 2, result="completed", captured_at=day(21)) for n in range(3, 40, 8)],
        [submission(n, BLOCKS[4], 3, result="completed", captured_at=day(22)) for n in (0, 1)],
        [submission("nowhere", block=None, lon=BLOCKS[0].west - 0.01, captured_at=day(22))],
        [submission("no-point", BLOCKS[0], lon=None, lat=None, accuracy_m=None, captured_at=day(23))],
    ]


async def _expect(db: Database) -> None:
    table = Table(
        columns=["block", "families"],
        rows=[{"block": b.code, "families": str(EXPECTED[b.number])} for b in BLOCKS if b.number in EXPECTED],
        notices=[],
    )
    async with db.worker.begin() as connection:
        await expected.store(connection, EDITION, table, series="prelist", source="test", dated=date(2022, 10, 1))
        for name in ("expected", "expected_cell"):
            await connection.execute(text(f"DELETE FROM ground.{name} WHERE number = {BLOCKS[5].number}"))


@pytest.fixture(scope="module")
async def work(database: Logins) -> Work:
    """The work of some days; the first snapshot is from before anything was sent."""
    db = Database(database, 2)
    await _expect(db)
    async with db.worker.begin() as connection:
        ground = await load_ground(connection)
        snapshots = [await live.load(connection, ground.campaign, ground.tree)]
    sent: list[Row] = []
    for rows in steps():
        sent += rows
        async with db.worker.begin() as connection:
            judged = batch.judge(ground, rows)
            receipts = await batch.store(connection, ground, Envelope(1, "test", b"", 0), rows, judged)
            assert {r.status for r in receipts} == {"stored"}
        async with db.worker.begin() as connection:
            assert await fold.fold(connection)
        async with db.worker.connect() as connection:
            snapshots.append(await live.advance(connection, snapshots[-1]))
    await db.close()
    return Work(ground, sent, snapshots)
