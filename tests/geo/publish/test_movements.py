"""Movements: which event counts, whose forum it is, what stands out among peers, and what a narrower scope sees."""

from datetime import date
from math import comb
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from geo.errors import BadInput
from geo.ground.areas import Ground
from geo.publish import movements, peers
from geo.publish.movements import Moves
from geo.publish.paging import Wanted
from geo.publish.peers import Ordinary
from geo.scope import LAST, OPERATOR, Scope
from geo.trust import accounts
from geo.trust.grants import Grant
from tests.conftest import PASSWORD
from tests.world import BLOCKS, VILLAGES

FIRST, SECOND, THIRD = date(2022, 10, 20), date(2022, 10, 21), date(2022, 10, 22)
UPPER = Scope(0, "lurah", "supervisor", ((4, 7),))

EVENT = text("""
INSERT INTO welfare.event (event_id, household_id, number, scale, dated, revision, consultation, before, forum, reason,
    field_status, score, rank, decile, batch_id, row, actor, digest)
VALUES (:event_id, :household_id, :number, :scale, :dated, :revision, :consultation, :before, :forum, :reason,
    :field_status, :score, :rank, :decile, :batch_id, 0, 0, '')
""")
VALUES = ("consultation", "before", "forum", "reason", "field_status", "score", "rank", "decile")


def event(
    household: str, number: int, scale: str, dated: date = FIRST, revision: int = 1, **said: Any
) -> dict[str, Any]:
    """A row of the ledger."""
    made = {"event_id": uuid4(), "batch_id": uuid4(), "household_id": household, "number": number, "scale": scale}
    return made | {"dated": dated, "revision": revision} | dict.fromkeys(VALUES) | said


def forum(household: str, number: int, before: int | None, after: int, dated: date = FIRST, **said: Any) -> Any:
    return event(household, number, "consultation", dated, before=before, consultation=after, **said)


async def read(db: AsyncConnection, ground: Ground, scope: Scope = OPERATOR, **of: date) -> Moves:
    asked = {"since": date.min, "until": date.max} | of
    return await movements.read(db, ground.tree, scope, asked["since"], asked["until"])


def told(found: Moves, number: int) -> list[tuple[int, int, int]]:
    """(before, after, families) of a forum."""
    matrix = found.matrix[list(found.forum).index(number)]
    return [(b, a, int(matrix[b, a])) for b, a in zip(*np.nonzero(matrix), strict=True)]


# ── what is read ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_newest_event_counts_and_says_or_finds_the_group_before(db: Database, ground: Ground) -> None:
    number = BLOCKS[0].number
    rows = [
        forum("said", number, 3, 2, FIRST), forum("said", number, 4, 1, SECOND),
        forum("earlier", number, None, 4, FIRST), forum("earlier", number, None, 3, SECOND),
        forum("corrected", number, 2, 4, FIRST), forum("corrected", number, None, 3, FIRST, revision=2),
        forum("nobody knows", number, None, 3, FIRST),
        forum("later", number, 4, 4, FIRST), forum("later", number, 4, 2, THIRD),
    ]  # fmt: skip
    async with db.worker.begin() as connection:
        await connection.execute(EVENT, rows)
        found = await read(connection, ground, until=SECOND)
        assert told(found, number) == [(0, 3, 1), (2, 3, 1), (4, 1, 1), (4, 3, 1), (4, 4, 1)]
        assert told(await read(connection, ground), number) == [(0, 3, 1), (2, 3, 1), (4, 1, 1), (4, 2, 1), (4, 3, 1)]
        assert told(await read(connection, ground, since=SECOND, until=SECOND), number) == [(4, 1, 1), (4, 3, 1)]
        assert len((await read(connection, ground, until=date(2022, 10, 1))).forum) == 0


async def test_a_forum_is_the_block_it_names_else_the_familys_own(db: Database, ground: Ground) -> None:
    here, there = BLOCKS[0], BLOCKS[4]
    rows = [
        forum("elsewhere", here.number, 3, 2, forum=there.code, reason="lost work"),
        forum("own", here.number, 3, 2, reason="lost work"),
        forum("village", here.number, 3, 4, forum=VILLAGES[0]),
        forum("unknown", here.number, 3, 3, forum="nowhere", reason="of one who stayed"),
    ]
    async with db.worker.begin() as connection:
        await connection.execute(EVENT, rows)
        found = await read(connection, ground)
        assert dict(found.reasons) == {here.number: {"lost work": 1, "": 1}, there.number: {"lost work": 1}}
        assert told(found, there.number) == [(3, 2, 1)]
        assert told(found, here.number) == [(3, 2, 1), (3, 3, 1), (3, 4, 1)]


async def test_no_family_outside_the_scope_is_counted_and_no_area_only_partly_in_it(
    db: Database, ground: Ground
) -> None:
    rows = [forum(f"{b.number}-{n}", b.number, 3, 2 + (n > 1)) for b in BLOCKS for n in range(9)]
    numbers = np.array([1, 2, 3, 4, 8, *(b.number for b in BLOCKS)])
    async with db.worker.begin() as connection:
        await connection.execute(EVENT, rows)
        found = await read(connection, ground, UPPER)
    assert found.forum.tolist() == [b.number for b in BLOCKS[:3]]
    page = movements.listing(ground.tree, UPPER, found, Wanted(numbers))
    rows_of = dict(zip(page.numbers.tolist(), page.rows, strict=True))
    assert sorted(rows_of) == [1, 2, 3, 4, 5, 6, 7]
    assert {n: row["families"] for n, row in rows_of.items()} == {1: None, 2: None, 3: None, 4: 27, 5: 9, 6: 9, 7: 9}
    assert all(value is None for value in rows_of[3].values())
    assert page.whole["families"] == 27
    assert page.numbers.tolist()[-3:] == [1, 2, 3]


async def test_row_level_security_holds_whatever_the_scope_says(db: Database, ground: Ground) -> None:
    async with db.worker.begin() as connection:
        await connection.execute(EVENT, [forum(str(b.number), b.number, 3, 2) for b in BLOCKS])
        lurah = await accounts.create(connection, "lurah", Grant("supervisor", ("village", VILLAGES[0])), PASSWORD)
    async with db.as_actor(lurah) as connection:
        found = await read(connection, ground, Scope(0, "", "admin", ((0, LAST),)))
    assert found.forum.tolist() == [b.number for b in BLOCKS[:3]]


# ── what is told ──────────────────────────────────────────────────────────────────────────────────────────────────


def of_forums(
    families: list[int],
    moved: list[int],
    numbers: list[int] | None = None,
    reasons: dict[int, dict[str, int]] | None = None,
) -> Moves:
    """Forums that moved families from group 3 to 2."""
    matrix = np.zeros((len(families), 5, 5), dtype=np.int64)
    matrix[:, 3, 3] = np.array(families) - moved
    matrix[:, 3, 2] = moved
    return Moves(np.array(numbers or range(1, len(families) + 1)), matrix, reasons or {})


def test_areas_are_sums_and_those_that_stand_out_come_first(ground: Ground) -> None:
    reasons = {5: {"lost work": 1, "assets": 2}, 6: {"lost work": 9}}
    found = of_forums([10, 10, 10, 5, 40], [1, 9, 0, 5, 3], [5, 6, 7, 9, 10], reasons)
    found.matrix[0, 0, 2] = 4  # before is not known
    found.matrix[0, 1, 2] = 2  # to a richer group
    blocks = np.array([b.number for b in BLOCKS])
    page = movements.listing(ground.tree, OPERATOR, found, Wanted(blocks))
    assert page.numbers.tolist() == [6, 9, 5, 10, 7, 11]
    first, five = page.rows[0], page.rows[2]
    assert (first["outlier"], first["odds"], first["forums"], first["net"]) == (True, None, 1, -9)  # too few peers
    assert [row["outlier"] for row in page.rows] == [True, False, False, False, False, False]
    assert (five["families"], five["unknown"], five["moved"], five["poorer"], five["richer"]) == (16, 4, 3, 1, 2)
    assert (five["stayed"], five["share"], five["net"]) == (9, 0.25, 1)
    assert five["matrix"][2] == [0, 1, 9, 0]
    assert (page.rows[-1]["families"], page.rows[-1]["share"]) == (0, None)
    village, _ = movements.listing(ground.tree, OPERATOR, found, Wanted(np.array([4, 8]))).rows
    assert (village["families"], village["moved"], village["outliers"], village["forums"]) == (36, 12, 1, 3)
    assert village["reasons"] == {"lost work": 10, "assets": 2}
    assert village["outlier"]
    inside = movements.listing(ground.tree, OPERATOR, found, Wanted(blocks[:1], within=4))
    assert inside.whole["families"] == 36


def test_pages_go_on_after_the_last_area(ground: Ground) -> None:
    found = of_forums([10, 10], [1, 9], [5, 6])
    blocks = np.array([b.number for b in BLOCKS])
    first = movements.listing(ground.tree, OPERATOR, found, Wanted(blocks, limit=4))
    rest = movements.listing(ground.tree, OPERATOR, found, Wanted(blocks, after=first.next, limit=4))
    assert (*first.numbers, *rest.numbers) == (6, 5, 7, 9, 10, 11)
    assert (first.total, rest.next) == (6, None)
    with pytest.raises(BadInput):
        movements.listing(ground.tree, OPERATOR, found, Wanted(blocks, after=1))
    assert movements.listing(ground.tree, OPERATOR, found, Wanted(blocks, limit=0)).next is None


def test_many_reasons_are_summed_behind_the_commonest(ground: Ground) -> None:
    many = {f"reason {n:02d}": 20 - n for n in range(14)}
    found = of_forums([100], [50], [BLOCKS[0].number], {BLOCKS[0].number: many})
    row = movements.listing(ground.tree, OPERATOR, found, Wanted(np.array([BLOCKS[0].number]))).rows[0]
    assert next(iter(row["reasons"].items())) == ("reason 00", 20)
    assert (len(row["reasons"]), row["reasons"]["*"]) == (11, 10 + 9 + 8 + 7)


# ── peers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def drawn(seed: int, share: float, spread: float, many: int = 400) -> tuple[Any, Any]:
    """Forums of 20 to 170 families whose shares differ as a beta distribution does."""
    rng = np.random.default_rng(seed)
    families = rng.integers(20, 170, many)
    strength = (1 - spread) / spread
    return families, rng.binomial(families, rng.beta(share * strength, (1 - share) * strength, many))


def test_chances_are_those_of_the_beta_binomial() -> None:
    families, share, spread = 12, 0.2, 0.1
    strength = (1 - spread) / spread
    a, b = share * strength, (1 - share) * strength

    def beta(x: float, y: float) -> float:  # by its integral
        t = (np.arange(200_000) + 0.5) / 200_000
        return float((t ** (x - 1) * (1 - t) ** (y - 1)).mean())

    exact = [comb(families, k) * beta(k + a, families - k + b) / beta(a, b) for k in range(families + 1)]
    k = np.arange(families + 1)
    found = peers.chances(Ordinary(share, spread, 0), np.full(families + 1, families), k)
    np.testing.assert_allclose(found, np.cumsum(exact[::-1])[::-1], rtol=2e-3)
    assert found[0] == pytest.approx(1)
    most = peers.seldom_more(Ordinary(share, spread, 0), np.array([families]))[0]
    assert found[most + 1] <= 0.01 < found[most]


@pytest.mark.parametrize(("share", "spread"), [(0.06, 0.01), (0.06, 0.06), (0.25, 0.03)])
def test_what_is_ordinary_is_learnt_though_some_are_odd(share: float, spread: float) -> None:
    families, moved = drawn(1, share, spread)
    odd = slice(0, 30)
    moved[odd] = np.ceil(families[odd] * 0.9)
    found = peers.learn(families, moved)
    assert found is not None
    assert found.share == pytest.approx(share, rel=0.35)
    assert 0.4 * spread < found.spread < 3 * spread
    assert found.forums == 400


def test_those_that_move_far_more_than_their_peers_stand_out_and_no_others() -> None:
    false = 0
    for seed in range(10):
        families, moved = drawn(seed, 0.06, 0.02)
        families[:3], moved[:3] = (60, 60, 7), (45, 33, 7)
        judged = movements.judge(of_forums(families.tolist(), moved.tolist()).matrix)
        assert judged.outlier[:3].tolist() == [True, True, False], "seven families are too few to say"
        assert judged.odds[1] > 1e4
        assert np.isnan(judged.odds[2])
        assert (judged.usual[0], judged.seldom[0]) == (pytest.approx(3.6, abs=1), pytest.approx(12, abs=4))
        false += int(judged.outlier[3:].sum())
    assert false <= 2  # of four thousand


def test_few_forums_are_not_held_against_each_other() -> None:
    judged = movements.judge(of_forums([60] * 11, [30] + [1] * 10).matrix)
    assert judged.ordinary is None
    assert not judged.outlier.any()
    assert np.isnan(judged.odds).all()


def test_the_share_of_accidents_allows_for_how_many_were_looked_at() -> None:
    np.testing.assert_allclose(peers.false_share(np.array([0.01, 0.04, 0.03, 0.005])), [0.02, 0.04, 0.04, 0.02])
    assert peers.false_share(np.array([0.9, 0.8])).tolist() == [0.9, 0.9]
    assert len(peers.false_share(np.empty(0))) == 0
