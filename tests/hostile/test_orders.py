"""Any order, duplication and batching of revisions from two devices ends in the same counts and the same households."""

import itertools
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.database import Database, Logins
from geo.ground.areas import Ground, load_ground
from geo.intake import batch, fold
from geo.intake.batch import Envelope
from geo.intake.recount import recount
from tests.world import BLOCKS, submission

REVISIONS = 4
RUNS = itertools.count()
TABLES = {"tally": ("number",), "tally_cell": ("number", "cell"), "tally_day": ("number", "day")}
HOUSEHOLDS = """
SELECT right(household_id, 2), revision, result, number, cell FROM intake.household
WHERE household_id LIKE :run ORDER BY 1
"""
Counts = dict[str, Counter[tuple[Any, ...]]]
#: Which device sends, and which records (family, revision) at once.
Batch = tuple[int, list[tuple[int, int]]]

#: What a revision may correct: result, block, and where in the block the point lies.
corrections = st.tuples(
    st.sampled_from(["completed", "completed", "partial", "not_met", "refused", "moved"]),
    st.sampled_from(BLOCKS),
    st.sampled_from([(0.2, 0.2), (0.8, 0.8), None]),
)
families = st.lists(st.tuples(*[corrections] * REVISIONS), min_size=1, max_size=3)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Any, list[Batch]]:
    """Families and batches of their records; each record comes at least once, some again, perhaps from the other."""
    made = draw(families)
    records = list(itertools.product(range(len(made)), range(1, REVISIONS + 1)))
    again = draw(st.lists(st.sampled_from(records), max_size=6))
    order = draw(st.permutations(records + again))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1), max_size=4)))
    parts = [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    return made, [(draw(st.sampled_from([1, 2])), part) for part in parts]


@pytest.fixture(scope="module")
async def place(database: Logins) -> AsyncIterator[tuple[Database, Ground]]:
    db = Database(database, 2)
    async with db.worker.begin() as connection:
        ground = await load_ground(connection)
    yield db, ground
    await db.close()


def record(run: str, family: int, revision: int, made: Any) -> dict[str, Any]:
    """The record that a device sends: the same whenever it is sent."""
    result, block, at = made[family][revision - 1]
    lon, lat = block.at(*at) if at else (None, None)
    name = f"{run}-{family}"
    own_id = str(uuid5(NAMESPACE_OID, f"{name}/{revision}"))
    return submission(name, block, revision, submission_id=own_id, result=result, lon=lon, lat=lat)


async def counts(db: Database) -> Counts:
    """Tallies of blocks, of pairs and of days, without what says when."""
    found: Counts = {}
    async with db.worker.connect() as connection:
        for table, key in TABLES.items():
            rows = (await connection.execute(text(f"SELECT * FROM intake.{table}"))).mappings().all()
            aside = {*key, "last_at", "epoch"}
            found[table] = Counter(
                {
                    (*(row[k] for k in key), name): n
                    for row in rows
                    for name, n in row.items()
                    if name not in aside and n
                }
            )
    return found


async def settle(db: Database) -> None:
    while True:
        async with db.worker.begin() as connection:
            if await fold.fold(connection) is None:
                return


async def play(db: Database, ground: Ground, run: str, made: Any, batches: list[Batch]) -> tuple[Counts, list[Any]]:
    """Send batches; by how much the counts moved, and the households that came of it."""
    before = await counts(db)
    for device, part in batches:
        rows: list[object] = [record(run, family, revision, made) for family, revision in part]
        envelope = Envelope(device, "test", b"", 0)
        receipts = await batch.commit(db.worker, ground, envelope, rows, batch.judge(ground, rows))
        assert {r.status for r in receipts} <= {"stored", "superseded", "duplicate"}
        if device == 1:  # fold now and then, so that corrections meet folded tallies and pending deltas
            await settle(db)
    await settle(db)
    after = await counts(db)
    for name, counted in after.items():
        counted.subtract(before[name])
    async with db.worker.connect() as connection:
        households = [tuple(row) for row in await connection.execute(text(HOUSEHOLDS), {"run": f"SIM-{run}-%"})]
    async with db.worker.connect() as connection:
        assert (await recount(connection)).differences == []
    return {name: Counter({k: n for k, n in counted.items() if n}) for name, counted in after.items()}, households


@given(history=histories())
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
async def test_any_order_ends_as_the_right_one(place: tuple[Database, Ground], history: tuple[Any, Any]) -> None:
    db, ground = place
    made, batches = history
    run = f"run{next(RUNS)}"
    straight = [(1, [(family, revision) for family in range(len(made))]) for revision in range(1, REVISIONS + 1)]
    anyhow, households = await play(db, ground, f"{run}a", made, batches)
    orderly, expected = await play(db, ground, f"{run}b", made, straight)
    assert anyhow == orderly
    assert households == expected
    assert [revision for _, revision, *_ in households] == [REVISIONS] * len(made)
    located = sum(count for (*_, name), count in anyhow["tally"].items() if name == "located")
    assert located == sum(at is not None for *_, at in (family[-1] for family in made))
