"""The prelist among many: by index, and no more read than the blocks that are looked at."""

import pytest
from sqlalchemy import create_engine, text

from app.database import Database, Logins
from geo.errors import BadInput
from geo.ground.areas import load_ground
from geo.schema import RESULTS
from geo.scope import Scope
from geo.trust import accounts
from geo.trust.grants import Grant
from geo.watch import live
from geo.watch import prelist as watch
from geo.watch.prelist import STATES, Question
from tests.plans import plan_of, sent_on
from tests.world import BLOCKS, VILLAGES

#: Families of each list; as many count there, of which one in ten is on no list, and one in ten on that of the block
#: before; every seventh of a list is missing.
EACH = 3_000

FILL = """
    INSERT INTO ground.prelist (edition_id, household_id, number, building, sequence)
    SELECT (SELECT edition_id FROM ground.campaign), 'F-' || number || '-' || n, number, n % 97, n % 3
    FROM unnest(CAST(:numbers AS integer[])) number CROSS JOIN generate_series(1, :each) n;
    INSERT INTO intake.household (household_id, revision, submission_id, number, captured_at, day, result, origin)
    SELECT CASE WHEN n % 10 = 1 THEN 'N-' || number || '-' || n WHEN n % 10 = 2
        THEN 'F-' || before || '-' || n ELSE 'F-' || number || '-' || n END,
        1, gen_random_uuid(), number, '2022-10-20 09:00+08', '2022-10-20',
        (CAST(:results AS text[]))[1 + n % 8], 'prelist'
    FROM (SELECT number, coalesce(lag(number) OVER (ORDER BY number), max(number) OVER ()) AS before
          FROM unnest(CAST(:numbers AS integer[])) number) b
    CROSS JOIN generate_series(1, :each) n
    WHERE n % 7 > 0
"""


@pytest.fixture
async def crowded(db: Database, fresh_database: Logins) -> Database:
    numbers = [block.number for block in BLOCKS]
    async with db.worker.begin() as connection:
        for statement in FILL.split(";"):
            of = {"numbers": numbers, "each": EACH} | ({"results": list(RESULTS)} if ":results" in statement else {})
            await connection.execute(text(statement), of)
    owner = create_engine(fresh_database.owner, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection_of_owner:
        connection_of_owner.execute(text("ANALYZE"))
    owner.dispose()
    return db


async def test_a_block_is_read_by_index_and_alone(crowded: Database) -> None:
    async with crowded.worker.begin() as connection:
        made = await accounts.create(connection, "lead", Grant("coordinator", ("village", VILLAGES[0])))
        ground = await load_ground(connection)
        snapshot = await live.load(connection, ground.campaign, ground.tree)
    scope = Scope(made, "lead", "coordinator", ((4, 7),))
    number = BLOCKS[1].number
    async with crowded.as_actor(made) as connection:
        with sent_on(crowded.internal) as sent:
            page = await watch.listing(connection, snapshot, scope, Question(number, STATES, limit=10_000))
        asked = [one for one in sent if "household" in one.statement and "prelist" in one.statement]
        assert len(asked) == 2, "counts and rows"
        for one in asked:
            for generic in (False, True):
                plan = await plan_of(connection, one, generic=generic)
                for table in ("household", "prelist"):
                    assert "Seq Scan" not in plan.scans[table], one.statement
                    assert plan.looked_at[table] <= 1.5 * EACH, (table, plan.looked_at)
    assert page.states is not None
    assert page.total == len(page.rows) == sum(page.states.values())
    right = {"missing": 0, "new": 0}
    for n in range(1, EACH + 1):
        right["missing"] += n % 7 == 0 or n % 10 == 1
        right["new"] += n % 7 > 0 and n % 10 == 1
    assert {state: page.states[state] for state in right} == right
    elsewhere = [row for row in page.rows if row["found"] not in {None, row["code"]}]
    assert {row["found"] for row in elsewhere} == {BLOCKS[2].code}
    assert len(elsewhere) == sum(n % 7 > 0 and n % 10 == 2 for n in range(1, EACH + 1))


async def test_a_state_that_there_is_none_of(crowded: Database) -> None:
    async with crowded.worker.begin() as connection:
        ground = await load_ground(connection)
        snapshot = await live.load(connection, ground.campaign, ground.tree)
        with pytest.raises(BadInput, match="no state gone"):
            await watch.listing(connection, snapshot, Scope(1, "x", "admin", ((0, 99),)), Question(0, ("gone",)))
