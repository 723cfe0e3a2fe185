"""Where families are still to be found: order, states, pages, scope."""

import pytest

from geo.errors import BadInput
from geo.scope import OPERATOR
from geo.watch import coverage, gaps
from geo.watch.coverage import STATES
from geo.watch.gaps import Question
from tests.geo.watch.conftest import Work
from tests.geo.watch.test_coverage import NOBODY, UPPER
from tests.world import BLOCKS


async def test_worst_first(work: Work) -> None:
    found = gaps.listing(work.now, OPERATOR, Question())
    truth = {r["code"]: r for r in coverage.by_area(work.now, OPERATOR, "block")}
    open_ones = [r for r in truth.values() if r["state"] in gaps.OPEN]
    assert [b["code"] for b in found.blocks] == [
        r["code"] for r in sorted(open_ones, key=lambda r: (-r["gap"], r["n"]))
    ]
    assert [b["code"] for b in found.blocks] == [BLOCKS[3].code, BLOCKS[4].code, BLOCKS[0].code]
    for block in found.blocks:
        assert {name: block[name] for name in truth[block["code"]]} == truth[block["code"]]
    assert [b["reason"] for b in found.blocks] == ["nobody_assigned", "behind_schedule", "on_course"]
    assert (found.total, found.gap, found.next) == (3, sum(r["gap"] for r in open_ones), None)
    assert found.states == {"unknown": 1, "empty": 1, "over": 1, "unvisited": 1, "behind": 1, "started": 1} | {
        "done": 0, "silent": 0,
    }  # fmt: skip


@pytest.mark.parametrize("state", STATES)
async def test_by_state(work: Work, state: str) -> None:
    found = gaps.listing(work.now, OPERATOR, Question(states=[state]))
    assert {b["state"] for b in found.blocks} <= {state}
    assert len(found.blocks) == found.states[state] == found.total


@pytest.mark.parametrize("limit", [1, 2, 4])
async def test_pages_hold_every_block_once(work: Work, limit: int) -> None:
    every = gaps.listing(work.now, OPERATOR, Question(states=STATES))
    seen: list[str] = []
    after = None
    while True:
        page = gaps.listing(work.now, OPERATOR, Question(states=STATES, after=after, limit=limit))
        assert len(page.blocks) <= limit
        assert (page.total, page.gap) == (every.total, every.gap)
        seen += [b["code"] for b in page.blocks]
        after = page.next
        if after is None:
            break
    assert seen == [b["code"] for b in every.blocks]
    assert len(seen) == 6


async def test_within_and_scope(work: Work) -> None:
    assert {b["n"] for b in gaps.listing(work.now, OPERATOR, Question(8, STATES)).blocks} == {9, 10, 11}
    assert {b["n"] for b in gaps.listing(work.now, UPPER, Question(0, STATES)).blocks} == {5, 6, 7}
    assert sum(gaps.listing(work.now, UPPER, Question()).states.values()) == 3
    empty = gaps.listing(work.now, NOBODY, Question(0, STATES))
    assert (empty.blocks, empty.total, empty.gap, set(empty.states.values())) == ([], 0, 0, {0})


async def test_wrong_questions(work: Work) -> None:
    with pytest.raises(BadInput):
        gaps.listing(work.now, OPERATOR, Question(states=["lost"]))
    for after in ("", "1", "1-2-3", "a-b", "x"):
        with pytest.raises(BadInput):
            gaps.listing(work.now, OPERATOR, Question(after=after))


ORDERED = {
    "gap": lambda row: -(row["gap"] or 0),
    "winnable": lambda row: -(row["winnable"] or 0),
    "coverage": lambda row: float("inf") if row["coverage"] is None else row["coverage"],
    "last_at": lambda row: row["last_at"].timestamp() if row["last_at"] else 0,
    "heard_at": lambda row: row["heard_at"].timestamp() if row["heard_at"] else 0,
    "code": lambda _: 0,
}


@pytest.mark.parametrize("order", gaps.ORDERS)
@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_every_order_pages_without_loss(work: Work, order: str, limit: int) -> None:
    every = gaps.listing(work.now, OPERATOR, Question(states=STATES, order=order), OPERATOR).blocks
    assert [b["n"] for b in every] == [b["n"] for b in sorted(every, key=lambda b: (ORDERED[order](b), b["n"]))]
    seen: list[int] = []
    after = None
    while True:
        page = gaps.listing(work.now, OPERATOR, Question(states=STATES, order=order, after=after, limit=limit))
        seen += [b["n"] for b in page.blocks]
        if (after := page.next) is None:
            break
    assert seen == [b["n"] for b in every]
    assert len(seen) == 6


async def test_narrowed(work: Work) -> None:
    every = {b["n"]: b for b in gaps.listing(work.now, OPERATOR, Question(states=STATES)).blocks}
    for least in (1, 20, 59, 60, 61):
        found = gaps.listing(work.now, OPERATOR, Question(states=STATES, least=least))
        assert {b["n"] for b in found.blocks} == {n for n, b in every.items() if (b["gap"] or 0) >= least}
        assert found.gap == sum(b["gap"] for b in found.blocks)
        assert found.winnable == sum(b["winnable"] for b in found.blocks)
    for words, blocks in {
        "rt 02": {6, 10},
        "0002-SIM": {9, 10, 11},
        "-sim03": {7, 11},
        "nobody": set(),
        "%": set(),
    }.items():
        assert {b["n"] for b in gaps.listing(work.now, OPERATOR, Question(states=STATES, words=words)).blocks} == blocks
    with pytest.raises(BadInput):
        gaps.listing(work.now, OPERATOR, Question(order="name"))


async def test_what_is_kept_of_all_blocks_moves_on_with_the_epochs(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = [gaps.listing(now, OPERATOR, Question(states=STATES)) for now in work.snapshots]
    monkeypatch.setattr(gaps, "FEW", 0)
    for now in work.snapshots:
        now.lasting.pop(gaps._Standing, None)
    assert [gaps.listing(now, OPERATOR, Question(states=STATES)) for now in work.snapshots] == plain
    assert [gaps.listing(now, UPPER, Question(states=STATES)).gap for now in work.snapshots[::-1]] == [
        sum(b["gap"] or 0 for b in page.blocks if b["n"] in {5, 6, 7}) for page in plain[::-1]
    ]
