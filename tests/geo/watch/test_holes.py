"""Holes: which houses somebody has been to, which groups are no accident, and how well planted ones are found."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from app.demo.month import plan
from app.demo.rates import CLEAN, Planted, Rates
from geo.errors import BadInput
from geo.ground import cells
from geo.watch import doors, holes
from geo.watch.doors import Houses, Points
from tests.app.demo import grid
from tests.geo.watch.planted_holes import Month, Score, score, with_empty

#: A metre in degrees of latitude, and at the equator of longitude too.
METRE = 1 / 111_000
DAY = 19_000

Floats = NDArray[np.float64]


def rows(across: int = 10, down: int = 10, apart: float = 12.0, number: int = 7) -> Houses:
    """Houses in even rows, metres `apart`."""
    x, y = (np.float64(apart * METRE) * axis.ravel() for axis in np.meshgrid(np.arange(across), np.arange(down)))
    return Houses(np.full(len(x), number, dtype=np.int64), 117.0 + x, y, np.full(len(x), 80.0))


def at_doors(houses: Houses, of: NDArray[np.intp], off: float = 0.0, seed: int = 1) -> Points:
    """A point for each of some houses, `off` metres of sigma from its middle."""
    away = np.random.default_rng(seed).normal(0, off * METRE, (2, len(of))) if off else np.zeros((2, len(of)))
    nothing = np.full(len(of), 6.0)
    return Points(houses.lon[of] + away[0], houses.lat[of] + away[1], nothing, np.full(len(of), DAY, dtype=np.int64))


def corner(houses: Houses, wide: int, across: int = 10) -> NDArray[np.bool_]:
    """The houses of a square corner of `rows`."""
    at = np.arange(len(houses))
    return (at % across < wide) & (at // across < wide)


def test_every_point_has_one_house_and_further_families_share_it() -> None:
    houses = rows(3, 1)
    points = at_doors(houses, np.array([0, 0, 2]))
    held, of = doors.matched(houses, points)
    assert held.sum() == 3
    assert held[2] == 1
    assert of.tolist()[2] == 2
    # two families of one house: the second may stand for the free neighbour only if it is about as near
    far = doors.matched(rows(3, 1, apart=60.0), at_doors(rows(3, 1, apart=60.0), np.array([0, 0, 2])))[0]
    assert far.tolist() == [2, 0, 1]


def test_a_row_of_visited_houses_does_not_serve_the_row_behind() -> None:
    houses = rows(12, 2, apart=11.0)
    front = np.arange(12)
    held, _ = doors.matched(houses, at_doors(houses, front, off=3.0))
    assert (held[:12] > 0).mean() >= 0.75
    assert (held[12:] > 0).mean() <= 0.25


def test_points_that_are_far_off_serve_nobody() -> None:
    houses = rows(2, 2)
    points = at_doors(houses, np.arange(4))
    off = replace(points, lat=points.lat + 150 * METRE)
    held, of = doors.matched(houses, off)
    assert not held.any()
    assert (of == -1).all()
    assert not doors.matched(houses, at_doors(houses, np.arange(0)))[0].any()


def test_a_corner_is_found_with_what_is_missing() -> None:
    houses = rows()
    gone = corner(houses, 4)
    found = doors.unvisited(houses, at_doors(houses, np.flatnonzero(~gone), off=3.0))
    (group,) = found
    assert group.number == 7
    assert gone[group.houses].mean() > 0.9
    assert len(group.houses) >= 13
    assert group.low < 16 < group.high
    assert group.chance < doors.CHANCE
    assert group.day == DAY


def test_single_empty_houses_are_no_hole() -> None:
    houses = rows()
    empty = np.zeros(len(houses), dtype=bool)
    empty[[0, 7, 23, 46, 52, 71, 88, 95]] = True
    assert doors.unvisited(houses, at_doors(houses, np.flatnonzero(~empty))) == []


def test_few_adjoining_houses_are_a_hole_only_where_few_others_are_empty() -> None:
    houses = rows(20, 20)
    gone = corner(houses, 3, 20)
    assert len(doors.unvisited(houses, at_doors(houses, np.flatnonzero(~gone)))) == 1
    many = gone | (np.random.default_rng(4).random(len(houses)) < 0.3)
    assert doors.unvisited(houses, at_doors(houses, np.flatnonzero(~many))) == []


def test_empty_houses_elsewhere_lower_what_is_missing() -> None:
    houses, gone = rows(), corner(rows(), 5)
    plain = doors.unvisited(houses, at_doors(houses, np.flatnonzero(~gone)))[0]
    thin = ~gone & (np.arange(len(houses)) % 6 != 0)
    fewer = doors.unvisited(houses, at_doors(houses, np.flatnonzero(thin)))
    most = max(fewer, key=lambda group: len(group.houses))
    assert most.missing / len(most.houses) < plain.missing / len(plain.houses)


def test_families_met_nearby_say_how_many_a_house_holds() -> None:
    houses, gone = rows(20, 20), corner(rows(20, 20), 5, 20)
    once = np.flatnonzero(~gone)
    one = doors.unvisited(houses, at_doors(houses, once))[0]
    three = doors.unvisited(houses, at_doors(houses, np.repeat(once, 3)))[0]
    assert three.missing > 2 * one.missing


def test_a_large_building_counts_by_its_ground() -> None:
    houses, gone = rows(), corner(rows(), 4)
    area = houses.area_m2.copy()
    area[[0, 55]] = 800.0
    tall = replace(houses, area_m2=area)
    points = at_doors(tall, np.append(np.flatnonzero(~gone), np.full(19, 55)))
    flat = doors.unvisited(houses, at_doors(houses, np.flatnonzero(~gone)))[0].missing
    assert doors.unvisited(tall, points)[0].missing > flat + 8


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.15, 0.2])
def test_chance_is_what_strewing_gives(rate: float) -> None:
    """The formula errs on the safe side, and not by an order of magnitude."""
    houses = rows(60, 60)
    x, y = doors.metres(houses.lon, houses.lat, houses.lon, houses.lat)
    # every second row moved by half a step: six neighbours at one distance
    x = x + 6.0 * ((np.arange(len(x)) // 60) % 2)
    a, b = doors._neighbours(x, y * 0.866)
    rng = np.random.default_rng(11)
    size, strewn, often = (4 if rate < 0.12 else 6), 0, 60
    for _ in range(often):
        empty = rng.random(len(houses)) < rate
        both = empty[a] & empty[b]
        label = doors._connected(len(houses), a[both], b[both])
        strewn += int((np.bincount(label[empty]) >= size).sum())
    said = doors.chance(len(houses), size, rate) * often
    assert strewn / 1.5 < said < strewn * 4


def test_no_houses_and_no_points() -> None:
    nothing = rows(0, 0)
    assert doors.unvisited(nothing, at_doors(rows(), np.arange(4))) == []
    (group,) = doors.unvisited(rows(), at_doors(rows(), np.arange(0)))
    assert len(group.houses) == 100
    assert group.day is None


def test_cells_hold_every_house_of_the_hole_and_little_else() -> None:
    houses = rows(5, 5)
    found = holes.covering(houses.lon, houses.lat)
    own = cells.index(houses.lon, houses.lat, holes.RESOLUTION)
    assert np.isin(own, found).all()
    assert (np.diff(found) > 0).all()
    assert (cells.resolution(found) == holes.RESOLUTION).all()
    area = shapely.union_all(cells.boundaries(found)).area / METRE**2
    assert 48**2 < area < 66**2


def state(expected: int, met: int, *, missing: float = 12.0, waiting: int = 0, quiet: bool = False) -> bool:
    families, seen, held = (np.array([value], dtype=np.int64) for value in (expected, met, waiting))
    return bool(holes.stands(np.array([missing]), families, seen, held, np.array([quiet]))[0])


def test_what_is_not_walked_yet_is_no_hole() -> None:
    assert state(100, 100)
    assert state(100, 110)  # also where more came than were expected
    assert state(100, 95)
    assert not state(100, 85)  # still being walked
    assert not state(100, 92, missing=7.0)  # those on the list can fill it
    assert not state(100, 98, waiting=12)  # it may wait on a phone
    assert state(100, 80, quiet=True)
    assert not state(100, 50, quiet=True)
    assert not state(100, 0, quiet=True)
    assert state(0, 0)  # nobody will be sent where nothing is expected
    assert not state(-1, 50)
    assert state(-1, 50, quiet=True)


@pytest.mark.parametrize("after", ["", "12", "x~a", "-3~a", "1234567890~a"])
def test_wrong_pages(after: str) -> None:
    with pytest.raises(BadInput):
        holes._key(after)


# ── planted holes ─────────────────────────────────────────────────────────────────────────────────────────────────

#: Holes and little else, so that a small city has enough of them.
RATES = Rates(planted=replace(CLEAN.planted, hole=0.12))


def total(rates: Rates, day: int | None = None, **more: Callable[[Houses], Houses]) -> Score:
    found = Score()
    for seed in (3, 7):
        city = grid.city(villages=3, seed=seed)
        found += score(Month(city, plan(city, rates, seed), day, **more))
    return found


def test_planted_holes_are_found_and_no_others() -> None:
    found = total(RATES)
    assert found.planted >= 12
    assert found.recall >= 0.85
    assert np.mean(found.overlap) >= 0.55
    assert np.mean(found.doors) >= 0.5
    assert 0.8 <= np.mean(found.missing) <= 1.25
    assert np.mean(found.held) >= 0.6
    assert found.precision >= 0.9
    assert found.full_alarms <= 0.02 * found.full


def test_while_blocks_are_walked_nothing_is_called_a_hole() -> None:
    for day in (4, 11, 19):
        found = total(RATES, day)
        assert found.alarms <= 0.02 * found.blocks, day


def test_a_month_without_holes_has_none() -> None:
    found = total(CLEAN)
    assert found.planted == 0
    assert found.alarms <= 0.01 * found.blocks


def test_empty_houses_bring_few_alarms() -> None:
    found = total(RATES, changed=with_empty(0.1))
    assert found.recall >= 0.75
    assert found.full_alarms <= 0.05 * found.full


def test_a_moved_edge_and_a_miscoded_day_are_no_holes() -> None:
    """Somebody was there, whatever block they were counted in."""
    faults = replace(CLEAN.planted, wrong_boundary=2.0, miscoded_batch=2.0)
    found = total(Rates(planted=faults))
    assert found.alarms <= 0.01 * found.blocks
    assert Planted().wrong_boundary > 0
