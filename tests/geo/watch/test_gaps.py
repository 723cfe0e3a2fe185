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
