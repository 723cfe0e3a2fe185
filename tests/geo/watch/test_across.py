"""Points across edges: what is a strip, a wrong code or a stray point, what scatter explains, what of it is told."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from app.demo.month import plan
from app.demo.rates import Planted, Rates
from geo.watch import across
from geo.watch.across import Found, Points
from geo.watch.doors import Houses
from tests.app.demo import grid
from tests.geo.watch.planted_holes import Month
from tests.geo.watch.planted_proposals import poorer, score

METRE = 1 / 111_000
#: Two blocks of 300 by 300 m side by side, the edge between them at 0.
LEFT, RIGHT, SIDE = 1, 2, 300.0
ONE, TWO, HERS = 11, 12, 21
FIRST = 19_000

Floats = NDArray[np.float64]


def outlines() -> dict[int, Any]:
    boxes = shapely.box(np.array([-SIDE, 0.0]), 0.0, np.array([0.0, SIDE]), SIDE)
    return dict(zip((LEFT, RIGHT), shapely.transform(boxes, lambda at: at * METRE), strict=True))


def points(number: int, x: Any, y: Any, day: Any = 0, who: Any = ONE, accuracy: Any = 5.0) -> Points:
    """Points at metres east of the edge and north of the corner, declared in a block."""
    x, y = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    located = np.where((y < 0) | (y > SIDE) | (np.abs(x) > SIDE), 0, np.where(x > 0, RIGHT, LEFT))
    full = np.ones(len(x))
    return Points(
        np.full(len(x), number, dtype=np.int64),
        located.astype(np.int64),
        x * METRE,
        y * METRE,
        accuracy * full,
        (FIRST + day * full).astype(np.int64),
        (who * full).astype(np.int64),
    )


def joined(*some: Points) -> Points:
    return Points(*(np.concatenate([getattr(one, name) for one in some]) for name in Points.__dataclass_fields__))


def rows(number: int, first: float, last: float, who: int) -> Points:
    """Houses in rows from one distance to another, all visited over ten days."""
    x, y = np.meshgrid(np.arange(first, last, 15.0), np.arange(10.0, SIDE, 15.0))
    return points(number, x.ravel(), y.ravel(), np.arange(x.size) % 10, who)


HOMES = joined(rows(LEFT, -150, 0, ONE), rows(RIGHT, 45, 200, HERS))
Y = np.arange(20.0, 260.0, 15.0)
STRIP = points(LEFT, 10 + np.arange(16) % 2 * 14, Y, np.arange(16) % 4)
NONE = Houses(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), np.zeros(0))


def told(*some: Points, houses: Houses = NONE) -> list[Found]:
    return across.found(joined(*some), outlines(), houses)


def kinds(*some: Points, houses: Houses = NONE) -> list[str]:
    return [one.kind for one in told(*some, houses=houses)]


def test_a_strip_filled_by_the_block_beside_makes_the_edge_suspect() -> None:
    (edge,) = told(STRIP, HOMES)
    assert (edge.kind, edge.number, edge.other) == ("boundary", LEFT, RIGHT)
    assert edge.points.tolist() == list(range(16))
    said = edge.evidence
    assert (said["houses"], said["own"], said["metres"]) == (16, 0, 17.0)
    assert said["length_m"] == pytest.approx(225, abs=2)
    true = shapely.transform(shapely.box(0, 0, 34, SIDE), lambda at: at * METRE)
    assert edge.shape.intersection(true).area / edge.shape.union(true).area > 0.75
    assert outlines()[RIGHT].buffer(1e-6).contains(edge.shape)


def test_one_day_of_one_person_is_no_edge_but_of_two_people_it_is() -> None:
    assert kinds(replace(STRIP, day=np.full(16, FIRST)), HOMES) == []
    both = replace(STRIP, day=np.full(16, FIRST), who=np.array([ONE, TWO] * 8))
    assert kinds(both, HOMES) == ["boundary"]


def test_where_the_neighbours_own_people_work_the_edge_is_right() -> None:
    assert kinds(STRIP, HOMES, points(RIGHT, 12 + np.arange(16) % 2 * 6, Y + 6, 1, HERS)) == []


def test_scatter_over_an_edge_with_houses_on_both_sides_is_nothing() -> None:
    rng = np.random.default_rng(5)
    for seed in range(5):
        x, y = np.meshgrid([-22.0, -11.0, -2.0], np.arange(5.0, 295.0, 7.0))
        near = points(LEFT, x.ravel(), y.ravel(), np.arange(x.size) % 6, accuracy=8.0)
        hers = points(RIGHT, -near.lon / METRE, y.ravel(), np.arange(x.size) % 6, HERS, 8.0)
        both = joined(near, hers)
        off = np.random.default_rng(seed).normal(0, 8.0 / across.RADIUS, (2, len(both)))
        lon = both.lon + off[0] * METRE
        moved = replace(both, lon=lon, located=np.where(lon > 0, RIGHT, LEFT).astype(np.int64))
        # also before the neighbour's people have begun
        assert kinds(moved) == []
        assert kinds(Points(*(getattr(moved, n)[: len(near)] for n in Points.__dataclass_fields__))) == []
    assert across.scatter(np.abs(rng.normal(0, 8.0, 40)) / across.RADIUS, np.full(40, 8.0)) > 0.01


def test_one_large_house_across_the_edge_is_no_strip() -> None:
    flats = points(LEFT, 14 + np.arange(20) % 3, 100 + np.arange(20) % 4, np.arange(20) % 5)
    assert kinds(flats, HOMES) == []


def test_poor_readings_say_nothing_of_an_edge() -> None:
    assert kinds(replace(STRIP, accuracy_m=np.full(16, 40.0)), HOMES) == []


@pytest.mark.parametrize(("visited", "expected"), [(True, ["boundary"]), (False, [])])
def test_houses_that_were_all_visited_stand_for_deeper_points(visited: bool, expected: list[str]) -> None:
    """Points hardly deeper than their accuracy: what houses are known to stand there decides."""
    shallow = points(LEFT, np.full(16, 10.0), Y, np.arange(16) % 4, accuracy=9.0)
    assert across.CHANCE < across.scatter(np.full(16, 10.0), np.full(16, 9.0)) < across.CHANCE_FILLED
    lat = Y if visited else np.concatenate([Y, Y + 5.0, Y - 5.0])
    full = np.ones(len(lat))
    houses = Houses(np.full(len(lat), RIGHT, dtype=np.int64), 10 * METRE * full, lat * METRE, 60.0 * full)
    assert kinds(shallow, HOMES, houses=houses) == expected


def test_a_day_among_others_houses_makes_the_code_suspect() -> None:
    day = points(LEFT, np.linspace(90, 180, 10), np.linspace(40, 250, 10), 12, TWO)
    two = points(LEFT, np.linspace(90, 180, 6), np.linspace(50, 260, 6), 13, TWO)
    (code,) = told(day, two, HOMES)
    assert (code.kind, code.number, code.other, len(code.points)) == ("code", LEFT, RIGHT, 16)
    assert (code.evidence["records"], code.evidence["first_day"], code.evidence["last_day"]) == (
        16,
        FIRST + 12,
        FIRST + 13,
    )
    # the half of a day is no code, and half a day and more of a day is
    some = points(LEFT, np.linspace(-90, -20, 9), np.linspace(40, 250, 9), 12, TWO)
    assert kinds(day, some, HOMES) == ["point"]
    assert kinds(replace(day, who=np.zeros(10, dtype=np.int64)), HOMES) == ["point"]


def test_stray_points_are_gathered_by_who_took_them() -> None:
    far = points(LEFT, [120.0, 150.0, 180.0], [40.0, 150.0, 260.0], [1, 5, 9], [ONE, ONE, TWO])
    nowhere = points(LEFT, [-100.0], [700.0], 3, TWO)
    one, two = sorted(told(far, nowhere, HOMES), key=lambda found: len(found.points) * 10 + found.other)[::-1]
    assert (one.kind, len(one.points), one.other) == ("point", 2, RIGHT)
    assert (len(two.points), two.other, two.evidence["most_m"]) == (2, 0, pytest.approx(400, abs=4))
    assert one.evidence["records"] == 2 + int((HOMES.who == ONE).sum())
    near = points(LEFT, [20.0], [100.0], 1, TWO)
    assert kinds(near, HOMES) == []


def test_nothing_comes_of_nothing() -> None:
    assert across.found(HOMES, {}, NONE) == []
    assert kinds(HOMES) == []


def test_what_was_planted_in_a_month_is_told_and_nothing_else() -> None:
    city = grid.city()
    rates = Rates(planted=Planted(wrong_boundary=2, miscoded_batch=2))
    month = Month(city, plan(city, rates, 3))
    found = score(month)
    assert (found.edges, found.edges_met, found.false_edges) == (2, 2, 0)
    assert (found.codes, found.codes_met, found.false_codes) == (2, 2, 0)
    assert found.strays == found.planted_points > 20
    assert score(replace(month, fieldwork=poorer(month.fieldwork, 2.0))).false_edges == 0
