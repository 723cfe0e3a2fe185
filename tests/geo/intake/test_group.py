"""Batches stored together come to the same as batches stored one after the other."""

import random
from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlalchemy import text

from app.database import Database
from geo.ground.areas import Ground
from geo.intake import batch, fold
from geo.intake.batch import Batch, Envelope, Receipt
from geo.intake.recount import recount
from tests.world import BLOCKS, submission

ROW = dict[str, object]


def ready(ground: Ground, actor: int, rows: Sequence[object]) -> Batch:
    return Batch(Envelope(actor, "test", bytes([actor]), 7), rows, batch.judge(ground, rows))


async def settled(db: Database) -> None:
    while True:
        async with db.worker.begin() as connection:
            if await fold.fold(connection) is None:
                break
    async with db.worker.connect() as connection:
        assert (await recount(connection)).differences == []


async def one_by_one(db: Database, ground: Ground, batches: Sequence[Batch]) -> list[list[Receipt]]:
    return [await batch.commit(db.worker, ground, b.envelope, b.rows, b.judged) for b in batches]


async def together(db: Database, ground: Ground, batches: Sequence[Batch]) -> list[list[Receipt]]:
    found = {}
    for group in batch.apart(batches):
        for each, receipts in zip(group, await batch.commit_all(db.worker, ground, group), strict=True):
            found[each.envelope.batch_id] = receipts
    return [found[b.envelope.batch_id] for b in batches]


def rows_of(seed: int, space: int) -> list[list[object]]:
    """A few batches that often meet in households, revisions and ids. Equal seeds differ only in the ids' `space`."""
    rng = random.Random(seed)  # noqa: S311  # has to be the same again
    families, name = rng.choice((4, 12, 40)), f"{seed}-{space}"

    def row() -> object:
        if rng.random() < 0.08:
            return {"space": space, "bad": rng.randrange(3)}
        family, revision = rng.randrange(families), rng.randint(1, 3)
        usual = family * 3 + revision
        block = BLOCKS[rng.choice((family % 6, rng.randrange(6)))]
        lon, lat = block.at((family + 0.5) / families, revision / 4)
        made = submission(
            f"{name}-{family}",
            block,
            revision,
            lon=lon,
            lat=lat,
            result=rng.choice(("completed", "completed", "refused", "not_met")),
            submission_id=str(UUID(int=seed << 64 | space << 48 | rng.choice((usual, usual, rng.randrange(200))))),
        )
        return made | ({"lon": 0.0} if rng.random() < 0.04 else {})

    return [[row() for _ in range(rng.randint(1, 9))] for _ in range(rng.randint(2, 8))]


async def kept(db: Database, seed: int, space: int) -> list[list[tuple[object, ...]]]:
    """What the tables hold of one space, without the names that tell spaces apart."""
    like = {"like": f"SIM-{seed}-{space}-%"}
    mine = "split_part(household_id, '-', 4)"
    named = "raw ->> 'household_id'"
    statements = (
        f"SELECT {mine}, revision, right(submission_id::text, 12), number, day, result, located, cell, origin "
        "FROM intake.household WHERE household_id LIKE :like ORDER BY 1",
        f'SELECT {mine}, revision, right(submission_id::text, 12), "row", actor, number, result, day '
        "FROM intake.submission WHERE household_id LIKE :like ORDER BY 1, 2",
        f"SELECT split_part({named}, '-', 4), \"row\", actor, reason, detail, number "
        f"FROM intake.quarantine WHERE {named} LIKE :like ORDER BY 1, 2, 3, 4",
    )
    async with db.worker.connect() as connection:
        return [[tuple(row) for row in await connection.execute(text(each), like)] for each in statements]


async def test_together_comes_to_the_same_as_one_by_one(db: Database, ground: Ground) -> None:
    met: set[str] = set()
    groups = 0
    for seed in range(1, 41):
        alone = [ready(ground, actor, rows) for actor, rows in enumerate(rows_of(seed, 1), 1)]
        joined = [ready(ground, actor, rows) for actor, rows in enumerate(rows_of(seed, 2), 1)]
        expected = await one_by_one(db, ground, alone)
        found = await together(db, ground, joined)
        groups += len(batch.apart(joined)) < len(joined)
        told = [[(r.row, r.status, r.reason, r.detail, r.notices) for r in receipts] for receipts in found]
        assert told == [[(r.row, r.status, r.reason, r.detail, r.notices) for r in rs] for rs in expected], seed
        assert await kept(db, seed, 2) == await kept(db, seed, 1), seed
        met |= {status for receipts in told for _, status, *_ in receipts}
    assert met == set(batch.STATUSES)
    assert groups > 5, "hardly anything was stored together"
    await settled(db)


async def test_one_transaction_for_many_each_with_its_own_actor(db: Database, ground: Ground) -> None:
    batches = [
        ready(ground, actor, [submission(f"{actor}-{n}", BLOCKS[n % 6]) for n in range(5)] + [{"actor": actor}])
        for actor in range(1, 21)
    ]
    assert batch.apart(batches) == [batches]
    receipts = await batch.commit_all(db.worker, ground, batches)
    assert [[r.status for r in mine] for mine in receipts] == [["stored"] * 5 + ["quarantined"]] * 20
    async with db.worker.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT b.batch_id, b.actor, b.body_sha256, b.counts, b.xmin::text AS moment, "
                "(SELECT array_agg(DISTINCT household_id ORDER BY household_id) FROM intake.submission s "
                "WHERE s.batch_id = b.batch_id AND s.actor = b.actor) AS households, "
                "(SELECT count(*) FROM intake.quarantine q WHERE q.batch_id = b.batch_id AND q.actor = b.actor "
                'AND q."row" = 5) AS held FROM intake.batch b'
            )
        )
        found = {row.batch_id: row for row in rows}
    assert len({row.moment for row in found.values()}) == 1
    for each in batches:
        row, actor = found[each.envelope.batch_id], each.envelope.actor
        assert (row.actor, bytes(row.body_sha256), row.held) == (actor, bytes([actor]), 1)
        assert row.counts == {"stored": 5, "duplicate": 0, "superseded": 0, "conflict": 0, "quarantined": 1}
        assert row.households == [f"SIM-{actor}-{n}" for n in range(5)]
    await settled(db)


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        ("ab cd ef", ["ab cd ef"]),
        ("ab bc cd", ["ab", "bc", "cd"]),
        ("ab bc xy ya", ["ab xy", "bc ya"]),
        ("ab ab ab", ["ab", "ab", "ab"]),
        ("ab xy bx", ["ab xy", "bx"]),
        ("ab bc cx xy", ["ab", "bc", "cx", "xy"]),
    ],
)
def test_what_shares_a_household_keeps_its_order(ground: Ground, names: str, groups: list[str]) -> None:
    batches = {}
    for at, families in enumerate(names.split()):
        each = ready(ground, 1, [submission(f, BLOCKS[0], at + 1) for f in families])
        batches[each.envelope.batch_id] = (each, families)
    found = batch.apart([each for each, _ in batches.values()])
    assert [" ".join(batches[b.envelope.batch_id][1] for b in group) for group in found] == groups


def test_what_shares_only_an_id_is_kept_apart(ground: Ground) -> None:
    one, other = submission(1), submission(2)
    batches = [ready(ground, 1, [one]), ready(ground, 2, [other | {"submission_id": one["submission_id"]}])]
    assert [len(group) for group in batch.apart(batches)] == [1, 1]


async def test_two_batches_in_one_transaction_of_the_caller(db: Database, ground: Ground) -> None:
    first, second = ([submission(n) for n in range(4)], [submission(n) for n in range(3, 9)] + [submission(3)])
    async with db.worker.begin() as connection:
        for rows, told in ((first, ["stored"] * 4), (second, ["duplicate"] + ["stored"] * 5 + ["duplicate"])):
            judged = batch.judge(ground, rows)
            receipts = await batch.store(connection, ground, Envelope(1, "test", b"", 0), rows, judged)
            assert [r.status for r in receipts] == told
    await settled(db)
