"""Row-level security stays fast: by index, and no more rows read than are given out, among two million households.

Every statement is the one that was really sent, executed once more with the plan for its parameters and with the plan
for any (which a pooled connection may come to use).
"""

import math
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database, Logins
from geo.ground import campaign
from geo.ground.areas import load_tree
from geo.intake import batch, quarantine
from geo.scope import LAST, Scope
from geo.trust import accounts
from geo.trust.grants import Grant
from geo.watch import callbacks, households
from geo.watch import live as mirror
from geo.watch.households import Question
from geo.watch.live import Snapshot
from tests import province
from tests.conftest import database_on, logins_of
from tests.plans import Plan, plan_of, sent_on
from tiles import geometry

pytestmark = pytest.mark.slow

#: A village, and the district it lies in.
VILLAGE, DISTRICT = province.village(333), province.district(16)
#: Households of a block and of the village, on average and rounded up.
IN_BLOCK = math.ceil(province.HOUSEHOLDS / province.BLOCKS)
IN_VILLAGE = 20 * IN_BLOCK
WEST, SOUTH, *_ = VILLAGE.box
#: A part of the village: about 300 households.
BOX = (WEST + 0.002, SOUTH + 0.0005, WEST + 0.012, SOUTH + 0.0035)
Z = 15
X = int((WEST + 0.006 + 180) / 360 * 2**Z)
Y = int((1 - math.asinh(math.tan(math.radians(SOUTH + 0.002))) / math.pi) / 2 * 2**Z)

WHO = ("supervisor", "coordinator", "admin")


@dataclass(frozen=True)
class Province:
    """The database, its mirror, and what each may see."""

    db: Database
    live: Snapshot
    scopes: dict[str, Scope]
    submission: UUID


@pytest.fixture(scope="module")
def big_database(cluster: str, migrated: str, passwords: dict[str, str]) -> Iterator[Logins]:
    """A migrated database for the province."""
    with database_on(cluster, f"t_{uuid4().hex[:12]}", migrated) as owner:
        yield logins_of(owner, passwords)


@pytest.fixture(scope="module")
async def big(big_database: Logins) -> AsyncIterator[Province]:
    await province.build(big_database)
    db = Database(big_database, 2)
    of = {"supervisor": VILLAGE, "coordinator": DISTRICT, "admin": None}
    scopes = {}
    async with db.worker.begin() as connection:
        for role, place in of.items():
            area = (place.level, place.code) if place else None
            made = await accounts.create(connection, role, Grant(role, area))
            scopes[role] = Scope(made, role, role, ((place.first, place.last),) if place else ((0, LAST),))
        live = await mirror.load(connection, (it := await campaign.load(connection)), await load_tree(connection, it))
        there = {"first": VILLAGE.first, "last": VILLAGE.last}
        one = text("SELECT submission_id FROM intake.submission WHERE number BETWEEN :first AND :last LIMIT 1")
        submission = (await connection.execute(one, there)).scalar_one()
    yield Province(db, live, scopes, submission)
    await db.close()


Ask = Callable[[AsyncConnection, Scope], Coroutine[Any, Any, Any]]


async def plans(big: Province, who: str, ask: Ask) -> tuple[Any, list[Plan]]:
    """What somebody is answered, and plans of the statements that read household data for it."""
    scope = big.scopes[who]
    found = []
    async with big.db.as_actor(scope.actor) as connection:
        with sent_on(big.db.internal) as sent:
            answer = await ask(connection, scope)
        for one in list(sent):
            if "FROM intake." in one.statement:
                found += [await plan_of(connection, one, generic=generic) for generic in (False, True)]
        await connection.rollback()
    assert found
    return answer, found


def fast(plan: Plan, table: str, index: set[str], most: int) -> None:
    """Read by index alone, and no more than `most` rows, those that a filter removes included."""
    assert "Seq Scan" not in plan.scans[table], plan
    assert plan.indexes & index, plan
    assert plan.looked_at[table] <= most, plan


async def test_the_province_is_as_it_says(big: Province) -> None:
    async with big.db.worker.begin() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM intake.household")) == province.HOUSEHOLDS
    assert len(big.live.tree) == 14_742
    for place in (VILLAGE, DISTRICT):
        number = big.live.tree.number_of(place.code)
        assert (number, big.live.tree.last[number]) == (place.first, place.last)
    assert int(big.live.counts[:, -1].sum()) == province.HOUSEHOLDS


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize(
    "asked",
    [
        Question(),
        Question(within=VILLAGE.first + 5),
        Question(after=f"n{VILLAGE.first + 7}~8"),
        Question(limit=10_000),
        Question(after=f"n{VILLAGE.first + 7}~8", limit=10_000),
    ],
    ids=["first page", "within", "next page", "large page", "large next page"],
)
async def test_a_page_reads_what_it_gives_and_one_row_more(big: Province, who: str, asked: Question) -> None:
    page, found = await plans(big, who, lambda db, scope: households.listing(db, big.live, scope, asked))
    assert len(page.rows) == asked.limit or page.next is None
    assert len(page.rows) > 50
    for plan in found:
        fast(plan, "household", {"household_number_ix"}, len(page.rows) + 1)
        assert plan.buffers < 2 * len(page.rows) + 100


async def test_scattered_blocks_are_read_one_after_the_other(big: Province) -> None:
    few = big.live.tree.block.nonzero()[0][::170].tolist()
    scope = Scope(big.scopes["admin"].actor, "admin", "admin", tuple((n, n) for n in few))
    page, found = await plans(big, "admin", lambda db, _: households.listing(db, big.live, scope, Question(limit=1000)))
    assert len({row["code"] for row in page.rows}) in {7, 8}
    for plan in found:
        fast(plan, "household", {"household_number_ix"}, 1001 + 2 * IN_BLOCK)


@pytest.mark.parametrize("who", WHO)
async def test_a_box_reads_little_more_than_it_holds(big: Province, who: str) -> None:
    asked = Question(box=BOX, limit=10_000)
    page, found = await plans(big, who, lambda db, scope: households.listing(db, big.live, scope, asked))
    assert 200 < len(page.rows) < 500
    for plan in found:
        # a small scope is read whole; else cells around the box are
        fast(plan, "household", {"household_number_ix", "household_cell_ix"}, max(IN_VILLAGE, 5 * len(page.rows)))


async def test_a_box_of_a_region_is_read_by_cells_up_to_the_page(big: Province) -> None:
    asked = Question(box=DISTRICT.box)
    page, found = await plans(big, "admin", lambda db, scope: households.listing(db, big.live, scope, asked))
    assert len(page.rows) == 100
    for plan in found:
        fast(plan, "household", {"household_cell_ix"}, province.HOUSEHOLDS // 50)


@pytest.mark.parametrize("who", WHO)
async def test_a_filter_looks_at_so_many_and_no_more(big: Province, who: str) -> None:
    asked = Question(flag="low_accuracy")
    page, found = await plans(big, who, lambda db, scope: households.listing(db, big.live, scope, asked))
    assert len(page.rows) < 30
    assert (page.next is None) is (who != "admin")
    for plan in found:
        fast(plan, "household", {"household_number_ix"}, int(1.02 * households.LOOK))


@pytest.mark.parametrize("who", WHO)
async def test_a_tile_reads_what_lies_in_it_and_around(big: Province, who: str) -> None:
    tile, found = await plans(big, who, lambda db, scope: geometry.households(db, scope, Z, X, Y))
    whole, _ = await plans(big, "admin", lambda db, scope: geometry.households(db, scope, Z, X, Y))
    assert 100 < tile.households <= whole.households
    for plan in found:
        fast(plan, "household", {"household_cell_ix"}, 3 * whole.households)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("limit", [0, 50])
async def test_visits_due_read_open_households_alone(big: Province, who: str, limit: int) -> None:
    asked = callbacks.Question(limit=limit)
    page, found = await plans(big, who, lambda db, scope: callbacks.listing(db, big.live, scope, asked))
    assert len(page.rows) == limit
    of_scope = sum(page.due.values())
    assert of_scope == pytest.approx({"supervisor": IN_VILLAGE, "coordinator": 20 * IN_VILLAGE,
                                      "admin": province.HOUSEHOLDS}[who] / 5, rel=0.2)  # fmt: skip
    for plan in found[:2]:
        fast(plan, "household", {"household_open_ix"}, of_scope)
    for plan in found[2:]:
        fast(plan, "household", {"household_pkey"}, limit)


@pytest.mark.parametrize("who", WHO)
async def test_rows_held_back(big: Province, who: str) -> None:
    asked = quarantine.Question()
    page, found = await plans(big, who, lambda db, scope: quarantine.listing(db, scope, asked))
    assert len(page.rows) == min(100, page.states["open"])
    assert all(row["known"]["submission_id"] == row["raw"]["submission_id"] for row in page.rows)
    all_of_scope = sum(page.states.values())
    counts, listing = found[:2], found[2:]
    for plan in listing:
        fast(plan, "quarantine", {"quarantine_number_ix", "quarantine_open_ix", "quarantine_pkey"},
             201 if who == "admin" else all_of_scope)  # fmt: skip
        fast(plan, "submission", {"submission_pkey"}, 2 * len(page.rows) + 2)
    for plan in counts:
        assert plan.looked_at["quarantine"] == all_of_scope
        assert who == "admin" or "Seq Scan" not in plan.scans["quarantine"]
    waiting, found = await plans(big, who, lambda db, _: quarantine.waiting(db))
    assert waiting == min(page.states["open"], quarantine.MOST_WAITING)
    for plan in found:
        fast(plan, "quarantine", {"quarantine_open_ix"}, max(all_of_scope, quarantine.MOST_WAITING))


@pytest.mark.parametrize("who", WHO)
async def test_a_receipt_reads_one_row_of_each(big: Province, who: str) -> None:
    receipt, found = await plans(big, who, lambda db, _: batch.receipt(db, big.submission))
    assert receipt["status"] == "stored"
    for plan in found:
        fast(plan, "submission", {"submission_pkey"}, 1)
        fast(plan, "household", {"household_pkey"}, 1)


async def test_the_measure_sees_a_scan(big: Province) -> None:
    """A statement without ranges reads the table, and is found out."""

    async def careless(db: AsyncConnection, _: Scope) -> int:
        return len((await db.execute(text("SELECT * FROM intake.household WHERE result = 'refused'"))).all())

    answer, found = await plans(big, "supervisor", careless)
    assert answer < IN_VILLAGE
    for plan in found:
        with pytest.raises(AssertionError):
            fast(plan, "household", {"household_number_ix"}, IN_VILLAGE)
        assert plan.looked_at["household"] == province.HOUSEHOLDS
