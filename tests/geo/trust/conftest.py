"""A database with households and somebody of each role, for what is asked of rights."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database, Logins
from geo.ground.areas import load_ground
from geo.intake import batch
from geo.intake.batch import Envelope
from geo.trust import accounts
from tests.conftest import granted
from tests.world import BLOCKS, VILLAGES, submission

#: Tables that hold, row by row, what was said of single households or who did what with it.
HOUSEHOLD_TABLES = {
    *("intake.household", "intake.submission", "intake.quarantine", "intake.batch", "intake.heartbeat", "trust.audit"),
    *("intake.closing", "ground.prelist", "intake.review", "intake.plan"),
    *("welfare.event", "welfare.held"),
}

#: Tables with row-level security that no internal caller has a right to read.
OTHER_GUARDED = {"welfare.entered", "welfare.frozen", "release.area_figure", "release.cell_figure"}

#: What the release login reads; shapes, terms, dates and sites are the same for everybody.
RELEASED = {
    f"release.{name}" for name in ("terms", "calendar", "area", "cell", "release", "area_figure", "cell_figure")
} | {"site.version", "site.revision"}

#: Area of each role's grant, and the blocks it covers.
GRANTS: dict[str, tuple[str, tuple[str, str] | None, set[int]]] = {
    "admin": ("admin", None, {0, 5, 6, 7, 9, 10, 11}),
    "coordinator": ("coordinator", ("district", "6472030"), {5, 6, 7, 9, 10, 11}),
    "supervisor": ("supervisor", ("village", VILLAGES[0]), {5, 6, 7}),
    "enumerator": ("enumerator", ("block", BLOCKS[0].code), {5}),
    "local_government": ("local_government", ("regency", "6472"), set()),
    "nobody": ("supervisor", ("block", BLOCKS[5].code), {11}),
}
MANY = 120


@dataclass(frozen=True)
class House:
    """A database with households and somebody of each role."""

    db: Database
    ids: dict[str, int]
    numbers: dict[str, int]


@pytest.fixture(scope="module")
async def house(database: Logins) -> AsyncIterator[House]:
    """Households in every block and outside all; each block's rows were sent by the admin, some by the enumerator."""
    db = Database(database, 4)
    ids: dict[str, int] = {}
    async with db.worker.begin() as connection:
        ground = await load_ground(connection)
        for name, (role, area, _) in GRANTS.items():
            ids[name] = await accounts.create(connection, name, granted(role, area))
        numbers = {}
        rows = []
        for n in range(MANY):
            block = BLOCKS[n % 6]
            row = submission(n, block)
            if n % 10 == 9:
                row = submission(n, block=None, lon=BLOCKS[0].west - 0.02)
            numbers[str(row["household_id"])] = 0 if n % 10 == 9 else block.number
            rows.append(row)
        bad = [submission(f"bad{n}", BLOCKS[n], result="?") for n in range(6)]
        for actor, some in ((ids["admin"], rows + bad), (ids["enumerator"], [submission("own", BLOCKS[4])])):
            await batch.store(connection, ground, Envelope(actor, "t", b"", 0), some, batch.judge(ground, some))
        numbers["SIM-own"] = BLOCKS[4].number
        for statement in (  # one of each block
            "INSERT INTO ground.prelist SELECT edition_id, 'LISTED-' || number, number FROM ground.area "
            "WHERE number = last",
            "INSERT INTO intake.closing (closing_id, household_id, revision, number, closed, reason, actor) "
            "SELECT gen_random_uuid(), 'SIM-' || number, 1, number, true, 'unsafe', 1 FROM ground.area "
            "WHERE number = last",
            "INSERT INTO intake.review (review_id, subject, about, number, decision, actor) "
            "SELECT gen_random_uuid(), 'flag', 'night.' || number, number, 'explained', 1 FROM ground.area "
            "WHERE number = last",
            "INSERT INTO intake.plan (plan_id, supervisor, day, numbers, actor) "
            "SELECT gen_random_uuid(), number, '2022-10-20', int4multirange(int4range(number, last, '[]')), 1 "
            "FROM ground.area WHERE number IN (1, last)",
        ):
            await connection.execute(text(statement))
    yield House(db, ids, numbers)
    await db.close()


async def seen(connection: AsyncConnection, table: str = "household") -> set[str]:
    found = await connection.execute(text(f"SELECT household_id FROM intake.{table}"))
    return set(found.scalars())
