"""Coverage against a slow count in plain Python, and what a scope hides."""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

import h3
import numpy as np
import pytest

from geo.errors import BadInput
from geo.schema import COUNTS
from geo.scope import LAST, OPERATOR, Scope
from geo.watch import coverage
from geo.watch.coverage import STATES, Figures
from geo.watch.live import Snapshot
from tests.geo.watch.conftest import EXPECTED, Row, Work
from tests.world import BLOCKS, VILLAGES

NUMBER = {block.code: block.number for block in BLOCKS}
UPPER = Scope(7, "supervisor", "supervisor", ((4, 7),))
NOBODY = Scope(8, "nobody", "supervisor", ())


def vector(row: Row) -> Counter[str]:
    """What one household counts for, by the contract's words."""
    result, origin = row["result"], row["origin"]
    found = Counter({result: 1})
    if result == "completed" and origin == "new":
        found["new"] = 1
    if result in {"not_found", "moved", "deceased", "ineligible"} and origin == "prelist":
        found["dropped"] = 1
    if "lon" in row:
        found["located"] = 1
    return found


def counted(households: Iterable[Row]) -> dict[int, Counter[str]]:
    found: dict[int, Counter[str]] = {number: Counter() for number in (0, *NUMBER.values())}
    for row in households:
        found[NUMBER.get(row.get("block", ""), 0)].update(vector(row))
    return found


def figures(expected: int | None, counts: Counter[str]) -> Row:
    """Gap, coverage and resolved of one block by the formulas of the census."""
    done = counts["completed"] - counts["new"] + counts["dropped"] + counts["closed"]
    return {
        "expected": expected,
        **{name: counts[name] for name in COUNTS},
        "gap": None if expected is None else max(expected - done, 0),
        "coverage": round(counts["completed"] / expected, 4) if expected else None,
        "resolved": round(done / expected, 4) if expected else None,
    }


def by_code(rows: list[Row]) -> dict[str, Row]:
    return {row["code"]: row for row in rows}


def same(row: Row, truth: Row) -> None:
    assert {name: row[name] for name in truth} == truth


async def test_blocks_equal_a_slow_count(work: Work) -> None:
    truth = counted(work.households())
    rows = by_code(coverage.by_area(work.now, OPERATOR, "block"))
    assert list(rows) == [block.code for block in BLOCKS]
    for block in BLOCKS:
        same(rows[block.code], figures(EXPECTED.get(block.number), truth[block.number]))


async def test_states(work: Work) -> None:
    rows = by_code(coverage.by_area(work.now, OPERATOR, "block"))
    assert [rows[block.code]["state"] for block in BLOCKS] == [
        "started", "over", "empty", "unvisited", "behind", "unknown",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "counts", "state"),
    [
        (-1, {}, "unknown"),
        (-1, {"completed": 5}, "unknown"),
        (0, {}, "empty"),
        (0, {"completed": 2, "new": 2}, "empty"),
        (10, {"completed": 11}, "over"),
        (10, {"completed": 14, "new": 4}, "over"),
        (10, {"completed": 10}, "done"),
        (10, {"completed": 4, "moved": 6, "dropped": 6}, "done"),
        (10, {"completed": 4, "refused": 6, "closed": 6}, "done"),
        (10, {}, "unvisited"),
        (10, {"not_met": 1}, "behind"),
        (10, {"completed": 3}, "behind"),
        (10, {"completed": 4}, "started"),
        (10, {"completed": 12, "new": 12}, "started"),  # all of them new: nobody of the prelist was found
    ],
)
def test_state_of_one_block_halfway(expected: int, counts: dict[str, int], state: str) -> None:
    row = np.array([[counts.get(name, 0) for name in COUNTS]])
    at = np.array([expected])
    found = Figures(at, coverage.gap_of(at, row), row, np.zeros_like(row), np.array([np.nan]))
    assert STATES[found.states(0.5)[0]] == state


@pytest.mark.parametrize("level", ["village", "district", "regency", "province"])
async def test_an_areas_gap_is_the_sum_of_its_blocks_gaps(work: Work, level: str) -> None:
    blocks = coverage.by_area(work.now, OPERATOR, "block")
    for area in coverage.by_area(work.now, OPERATOR, level):
        last = work.now.tree.last[area["n"]]
        inside = [b for b in blocks if area["n"] <= b["n"] <= last]
        for name in ("expected", "gap"):
            assert area[name] == sum(b[name] for b in inside if b["expected"] is not None)
        for name in COUNTS:
            assert area[name] == sum(b[name] for b in inside)
        matched = sum(b["completed"] for b in inside if b["expected"] is not None)
        assert area["apart"] == area["completed"] - matched
        assert area["coverage"] == round(matched / area["expected"], 4)
    # one block's surplus hides no other's want: B1 found 9 of 5
    upper = by_code(coverage.by_area(work.now, OPERATOR, "village"))[VILLAGES[0]]
    assert upper["gap"] > upper["expected"] - upper["completed"] + upper["new"] - upper["dropped"]


async def test_unknown_expected_is_not_nothing(work: Work) -> None:
    row = by_code(coverage.by_area(work.now, OPERATOR, "block"))[BLOCKS[5].code]
    assert row["completed"] == 3
    assert row["expected"] is row["gap"] is row["coverage"] is row["resolved"] is row["schedule"] is None
    nothing = by_code(coverage.by_area(work.now, OPERATOR, "block"))[BLOCKS[2].code]
    assert (nothing["expected"], nothing["gap"], nothing["coverage"]) == (0, 0, None)


async def test_as_of_a_day(work: Work) -> None:
    for day in (date(2022, 10, d) for d in range(15, 25)):
        truth = counted(row for row in work.households() if row["day"] <= day)
        rows = by_code(coverage.by_area(work.now, OPERATOR, "block", day=day))
        for block in BLOCKS:
            same(rows[block.code], figures(EXPECTED.get(block.number), truth[block.number]))
        total = coverage.by_area(work.now, OPERATOR, "scope", day=day)[0]
        assert total["completed"] == sum(c["completed"] for c in truth.values())
        elapsed = (day - date(2022, 10, 15)).days + 1
        rate = rows[BLOCKS[0].code]
        assert rate["schedule"] == pytest.approx(rate["coverage"] * 31 / elapsed, abs=2e-3)


async def test_the_callers_own_total(work: Work) -> None:
    truth = counted(work.households())
    everything = coverage.by_area(work.now, OPERATOR, "scope")[0]
    assert everything["completed"] == sum(c["completed"] for c in truth.values())  # the unplaced one included
    assert everything["expected"] == sum(EXPECTED.values())
    mine = coverage.by_area(work.now, UPPER, "scope")[0]
    blocks = coverage.by_area(work.now, UPPER, "block")
    for name in (*COUNTS, "gap", "expected"):
        assert mine[name] == sum(b[name] for b in blocks if b["n"] <= 7)
    other = coverage.by_area(work.now, UPPER, "scope", within=8)[0]
    assert (other["completed"], other["expected"]) == (0, None)
    assert coverage.by_area(work.now, NOBODY, "scope")[0]["completed"] == 0


@pytest.mark.parametrize("level", ["block", "village", "district", "province"])
async def test_outside_the_scope_shapes_are_public_and_numbers_are_not(work: Work, level: str) -> None:
    everything = coverage.by_area(work.now, OPERATOR, level)
    mine = coverage.by_area(work.now, UPPER, level)
    assert [r["n"] for r in mine] == [r["n"] for r in everything]
    for seen, truth in zip(mine, everything, strict=True):
        inside = seen["n"] >= 4 and work.now.tree.last[seen["n"]] <= 7
        if inside:
            assert seen == truth
        else:
            assert {name: seen[name] for name in ("code", "name", "lon")} == {
                n: truth[n] for n in ("code", "name", "lon")
            }
            assert all(seen[name] is None for name in coverage.FIELDS)
            assert coverage.one_area(work.now, UPPER, seen["n"])["completed"] is None


def household_cells(households: Iterable[Row], resolution: int) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for row in households:
        if "lon" in row:
            cell = h3.cell_to_parent(h3.latlng_to_cell(row["lat"], row["lon"], 15), resolution)
            found.setdefault(cell, Counter()).update(vector(row))
    return found


@pytest.mark.parametrize("resolution", range(4, 11))
async def test_cells_equal_a_slow_count_and_their_sums_the_blocks(work: Work, resolution: int) -> None:
    rows = coverage.by_cell(work.now, OPERATOR, resolution)
    truth = household_cells(work.households(), resolution)
    assert {r["cell"]: r["completed"] for r in rows if any(r[n] for n in COUNTS)} == {
        cell: counts["completed"] for cell, counts in truth.items()
    }
    blocks = counted(row for row in work.households() if "lon" in row)
    for name in COUNTS:
        assert sum(r[name] for r in rows) == sum(c[name] for c in blocks.values())
    assert sum(r["expected"] or 0 for r in rows) == sum(EXPECTED.values())
    assert all(r["gap"] is None or r["gap"] >= 0 for r in rows)
    # in scope only: the cells of a village are those of its own households and expected families, even where shared
    mine = coverage.by_cell(work.now, UPPER, resolution)
    assert sum(r["completed"] for r in mine) == sum(blocks[n]["completed"] for n in (5, 6, 7))
    assert sum(r["expected"] or 0 for r in mine) == sum(EXPECTED[n] for n in (5, 6, 7))
    assert coverage.by_cell(work.now, NOBODY, resolution) == []


async def test_cells_inside_a_box_and_an_area(work: Work) -> None:
    every = {r["cell"] for r in coverage.by_cell(work.now, OPERATOR, 10)}
    box = (BLOCKS[0].west, BLOCKS[0].south, BLOCKS[0].west + 0.001, BLOCKS[0].south + 0.001)
    some = {r["cell"] for r in coverage.by_cell(work.now, OPERATOR, 10, box=box)}
    assert some
    assert some < every
    touching = {h3.latlng_to_cell(box[1] + y * 2.5e-4, box[0] + x * 2.5e-4, 10) for x in range(5) for y in range(5)}
    assert touching & every <= some
    in_block = coverage.by_cell(work.now, OPERATOR, 10, within=BLOCKS[0].number)
    assert sum(r["expected"] for r in in_block) == 60


async def test_wrong_questions(work: Work) -> None:
    with pytest.raises(BadInput, match="level"):
        coverage.by_area(work.now, OPERATOR, "hamlet")
    for resolution in (3, 11):
        with pytest.raises(BadInput, match="resolution"):
            coverage.by_cell(work.now, OPERATOR, resolution)


async def test_nothing_yet(work: Work) -> None:
    blank: Snapshot = work.snapshots[0]
    assert blank.epoch == 0
    rows: list[dict[str, Any]] = coverage.by_area(blank, OPERATOR, "block")
    assert [r["completed"] for r in rows] == [0] * 6
    assert [r["last_at"] for r in rows] == [None] * 6
    assert OPERATOR.ranges == ((0, LAST),)
