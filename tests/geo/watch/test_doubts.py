"""Each kind of doubt on cases made by hand, beside their innocent twins; and what is told of a simulated month."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.demo.month import plan
from app.demo.rates import CLEAN
from geo.schema import RESULTS
from geo.watch.doors import Houses
from geo.watch.doubts import KINDS, Doubt, Records, as_small, at_least, unit
from geo.watch.doubts_lines import strands
from geo.watch.doubts_marks import marked
from geo.watch.doubts_moved import Centres, moved
from geo.watch.doubts_places import clusters, stacked
from geo.watch.doubts_times import nights, short, travel
from geo.watch.doubts_told import seen
from geo.watch.doubts_twice import duplicates
from tests.app.demo import grid
from tests.geo.watch.planted_doubts import Month, score

LON, LAT, METRE = 117.15, -0.5, 1 / 111_195
START = 1_665_990_000.0  # a Monday, 15:00 by the local clock
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
OFFSET = 8 * HOUR
NO_CENTRES = Centres(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))
NO_HOUSES = Houses(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0), np.empty(0))


def records(count: int, **given: Any) -> Records:
    """Completed interviews of one enumerator in one block, twenty minutes apart; `x` and `y` are metres."""
    x, y = np.asarray(given.pop("x", np.zeros(count)), float), np.asarray(given.pop("y", np.zeros(count)), float)
    captured = np.asarray(given.pop("captured", START + np.arange(count) * 20 * MINUTE), float)
    minutes = np.asarray(given.pop("minutes", np.full(count, 15.0)), float)
    nothing = np.full(count, np.nan)
    made: dict[str, Any] = {
        "household": np.arange(count),
        "enumerator": np.zeros(count),
        "number": np.full(count, 7),
        "building": np.arange(count),
        "lon": np.round(LON + x * METRE, 7),
        "lat": np.round(LAT + y * METRE, 7),
        "accuracy_m": np.full(count, 6.0),
        "edge_lon": nothing,
        "edge_lat": nothing,
        "captured": captured,
        "started": captured - minutes * MINUTE,
        "finished": captured,
        "result": np.zeros(count),
        "new": np.zeros(count, bool),
        "counts": np.ones(count, bool),
        "outside": np.zeros(count, bool),
        "poor": np.zeros(count, bool),
    } | given
    whole = ("household", "enumerator", "number", "building", "result")
    found = {name: np.asarray(value, np.int64 if name in whole else None) for name, value in made.items()}
    order = np.lexsort((found["captured"], found["enumerator"]))
    return Records(**found, offset=OFFSET).some(order)


def lanes(count: int, seed: int = 3) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Readings along lanes of houses 11 m apart, walked up and down."""
    luck = np.random.default_rng(seed)
    row, place = np.divmod(np.arange(count), 10)
    place = np.where(row % 2 == 0, place, 9 - place)
    return place * 11 + luck.normal(0, 4, count), row * 16 + luck.normal(0, 4, count)


def houses_at(x: Any, y: Any, area: float = 80.0) -> Houses:
    x, y = np.asarray(x, float), np.asarray(y, float)
    return Houses(np.full(len(x), 7), LON + x * METRE, LAT + y * METRE, np.full(len(x), area))


def rows_of(found: list[Doubt]) -> list[list[int]]:
    return [doubt.rows.tolist() for doubt in found]


# ── the statistics ────────────────────────────────────────────────────────────────────────────────────────────────


def test_tails_are_those_of_the_distributions() -> None:
    assert at_least(0, 3.0) == 1
    assert at_least(1, 0.5) == pytest.approx(1 - np.exp(-0.5))
    assert at_least(5, 2.0) == pytest.approx(0.052653, abs=1e-6)
    assert at_least(40, 0.0) == 0
    luck = np.random.default_rng(1)
    squares = (luck.normal(size=(200_000, 6)) ** 2).sum(axis=1)
    assert (squares < 0.8).mean() <= as_small(0.8, 6) < 1.6 * (squares < 0.8).mean()


def test_how_exact_coordinates_are_is_seen_from_them() -> None:
    luck = np.random.default_rng(2)
    lon, lat = LON + luck.random(80) * 1e-2, LAT + luck.random(80) * 1e-2
    for decimals, step in ((4, 1e-4), (5, 1e-5), (6, 1e-6), (7, 1e-7), (12, 1e-7)):
        assert unit(lon.round(decimals), lat.round(decimals)) == step


def test_an_honest_walk_has_no_doubts() -> None:
    x, y = lanes(60)
    captured = START - 6 * HOUR + np.arange(60) // 15 * DAY + np.arange(60) % 15 * 20 * MINUTE
    minutes = np.exp(np.random.default_rng(4).normal(np.log(12), 0.25, 60)).clip(max=19)
    work = records(60, x=x, y=y, captured=captured, minutes=minutes)
    row, place = np.divmod(np.arange(60), 10)
    assert seen(work, houses_at(place * 11.0, row * 16.0), NO_CENTRES) == []


# ── marks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_marks_of_a_day_are_one_doubt() -> None:
    x, y = lanes(8)
    x[:4] -= 300
    edge = np.where(np.arange(8) < 4, LON - 5 * METRE, np.nan)
    work = records(
        8, x=x, y=y, outside=np.arange(8) < 4, edge_lon=edge, edge_lat=np.where(np.arange(8) < 4, LAT, np.nan),
        poor=np.arange(8) == 6, accuracy_m=np.where(np.arange(8) == 6, 120.0, 6.0),
    )  # fmt: skip
    outside, poor = marked(work)
    assert (outside.kind, outside.rows.tolist()) == ("outside_block", [0, 1, 2, 3])
    assert 250 < float(outside.evidence["metres"]) <= float(outside.evidence["farthest_m"]) < 310
    assert (poor.kind, poor.rows.tolist(), poor.evidence["worst_m"]) == ("low_accuracy", [6], 120)
    assert outside.weight < 0.7


def test_a_little_outside_is_no_doubt() -> None:
    work = records(1, x=[-17.0], outside=[True], edge_lon=[LON], edge_lat=[LAT])  # thrice the accuracy is 18 m
    assert marked(work) == []
    assert marked(records(1, x=[-40.0], outside=[True], edge_lon=[LON], edge_lat=[LAT], accuracy_m=[15.0])) == []
    assert len(marked(records(1, x=[-40.0], outside=[True], edge_lon=[LON], edge_lat=[LAT]))) == 1


def test_without_a_point_and_without_a_name() -> None:
    found = marked(records(3, lon=[np.nan] * 3, lat=[np.nan] * 3, enumerator=[-1, 0, 0], counts=[True, True, False]))
    assert sorted(rows_of(found)) == [[0], [1]]
    assert found[0].evidence == {"of": 1}


# ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_equal_points_of_two_houses() -> None:
    x, y = lanes(40)
    x[3], y[3] = x[37], y[37]
    assert rows_of(stacked(records(40, x=x, y=y), NO_HOUSES, np.zeros(40, bool))) == [[3, 37]]


def test_equal_points_in_one_house_are_ordinary() -> None:
    x, y = lanes(40)
    x[10:14], y[10:14] = x[10], y[10]
    one_house = np.where((np.arange(40) >= 10) & (np.arange(40) < 14), 10, np.arange(40))
    none = np.zeros(40, bool)
    assert stacked(records(40, x=x, y=y, building=one_house), NO_HOUSES, none) == []
    unknown = records(40, x=x, y=y, building=np.full(40, -1))
    assert stacked(unknown, NO_HOUSES, none) == []
    tower = houses_at([x[10]], [y[10]], 900.0)
    small = houses_at(np.arange(30) * 40.0 + 500, np.zeros(30))
    both = Houses(*(np.append(getattr(tower, n), getattr(small, n)) for n in ("number", "lon", "lat", "area_m2")))
    assert stacked(records(40, x=x, y=y), both, none) == []  # each flat has a number of its own
    assert rows_of(stacked(records(40, x=x, y=y), small, none)) == [[10, 11, 12, 13]]


def heap(count: int, among: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    luck = np.random.default_rng(5)
    x, y = lanes(among)
    x[:count], y[:count] = 55 + luck.uniform(-3, 3, count), 200 + luck.uniform(-3, 3, count)
    return x, y


def test_many_houses_in_one_spot() -> None:
    x, y = heap(9, 60)
    row, place = np.divmod(np.arange(60), 10)
    around = houses_at(np.append(place * 11.0, 55.0), np.append(row * 16.0, 200.0))
    slow = clusters(records(60, x=x, y=y), around)
    assert rows_of(slow) == [list(range(9))]
    assert slow[0].evidence["buildings"] == 1
    quick = np.append(START + np.arange(9) * 2 * MINUTE, START + HOUR + np.arange(51) * 20 * MINUTE)
    fast = clusters(records(60, x=x, y=y, captured=quick, building=np.full(60, -1)), around)
    assert rows_of(fast) == [list(range(9))]


def test_many_families_of_one_house_are_ordinary() -> None:
    x, y = heap(9, 60)
    row, place = np.divmod(np.arange(60), 10)
    around = houses_at(np.append(place * 11.0, 55.0), np.append(row * 16.0, 200.0))
    lodgers = np.where(np.arange(60) < 9, 0, np.arange(60))
    assert clusters(records(60, x=x, y=y, building=lodgers), around) == []
    assert clusters(records(60, x=x, y=y, building=np.full(60, -1)), around) == []  # nobody knows, and nobody hurried
    flats = houses_at(np.append(place * 11.0, 55.0), np.append(row * 16.0, 200.0))
    flats.area_m2[-1] = 900.0
    assert clusters(records(60, x=x, y=y, building=np.full(60, -1)), flats) == []


# ── lines ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("off", [0.0, 0.25])
def test_a_strand_is_told(off: float) -> None:
    luck = np.random.default_rng(6)
    x, y = lanes(40)
    x[12:22], y[12:22] = 200 + np.arange(10) * 7 + luck.normal(0, off, 10), 50 + np.arange(10) * 4.0
    y[12:22] += luck.normal(0, off, 10)
    found = strands(records(40, x=x, y=y), NO_HOUSES)
    assert rows_of(found) == [list(range(12, 22))]
    assert found[0].evidence["step_m"] == pytest.approx(np.hypot(7, 4), abs=0.3)


def test_a_row_of_houses_along_a_straight_lane_is_none() -> None:
    for seed in range(20):
        luck = np.random.default_rng(seed)
        x = np.arange(60) * 9.0 + luck.normal(0, 2, 60)
        assert strands(records(60, x=x, y=luck.normal(0, 2, 60)), NO_HOUSES) == []


def test_points_put_onto_houses_are_no_strand() -> None:
    x, y = np.arange(12) * 9.0, np.full(12, 30.0)
    work = records(12, x=x, y=y)
    assert len(strands(work, NO_HOUSES)) == 1
    assert strands(work, houses_at(x, y + 1)) == []


# ── moved points ──────────────────────────────────────────────────────────────────────────────────────────────────


def moved_kinds(work: Records, centres: Centres = NO_CENTRES) -> list[tuple[str, list[int]]]:
    return [(doubt.kind, doubt.rows.tolist()) for doubt in moved(work, centres, np.zeros(len(work), bool))]


def test_repaired_points_are_told() -> None:
    x, y = (value.round(2) for value in lanes(60))
    x[5], y[5] = (x[31] + x[52]) / 2, (y[31] + y[52]) / 2
    assert moved_kinds(records(60, x=x, y=y)) == [("midpoint", [5])]
    x, y = lanes(60)
    x[5], y[5] = x[48] + 5.0, y[48]
    assert moved_kinds(records(60, x=x, y=y)) == [("shifted", [5])]
    x, y = lanes(60)
    x[5], y[5] = 40.0, 60.0
    centres = Centres(np.array([7]), np.array([LON + 40 * METRE]), np.array([LAT + 60 * METRE]))
    assert moved_kinds(records(60, x=x, y=y), centres) == [("centroid", [5])]


def test_accident_makes_few_of_them_however_dense() -> None:
    """Ninety houses on a third of a hectare: three hundred families a hectare, the densest kampung."""
    told = 0
    for seed in range(40):
        luck = np.random.default_rng(seed)
        row, place = np.divmod(np.arange(90), 10)
        x, y = place * 6 + luck.normal(0, 4, 90), row * 6 + luck.normal(0, 4, 90)
        told += len(moved_kinds(records(90, x=x, y=y)))
    assert told <= 6


def test_where_coordinates_are_coarse_nothing_is_said() -> None:
    x, y = lanes(60)
    x[5], y[5] = (x[31] + x[52]) / 2, (y[31] + y[52]) / 2
    work = records(60, x=x, y=y)
    coarse = {"lon": work.lon.round(4), "lat": work.lat.round(4)}
    assert moved_kinds(records(60, **coarse)) == []


# ── twice ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def with_new(hours: float, x: float = 55.0, y: float = 32.0) -> Records:
    """Sixty families and one that the list lacks, recorded so many hours after the last at some place."""
    px, py = lanes(60)
    captured = START + np.append(np.arange(60) * 20 * MINUTE, 60 * 20 * MINUTE + hours * HOUR)
    new, building = np.arange(61) == 60, np.where(np.arange(61) == 60, -1, np.arange(61))
    return records(61, x=np.append(px, x), y=np.append(py, y), captured=captured, new=new, building=building)


def test_a_family_recorded_again_days_later() -> None:
    row, place = np.divmod(np.arange(60), 10)
    taken = houses_at(place * 11.0, row * 16.0)
    found = duplicates(with_new(48), taken)
    assert rows_of(found) == [[60]]
    assert 2 < float(found[0].evidence["days"]) < 3
    assert duplicates(with_new(-12), taken) == []  # met on the walk
    free = houses_at(np.append(place * 11.0, 56.0), np.append(row * 16.0, 38.0))
    assert duplicates(with_new(48, y=38.0), free) == []  # a house stands free
    assert duplicates(with_new(48, x=400.0), taken) == []  # nobody lives there besides


# ── times ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def told_travel(work: Records, outside: list[int] | None = None) -> list[Doubt]:
    return travel(work, np.isin(np.arange(len(work)), outside or []))


def test_nobody_flies() -> None:
    x, y = lanes(10)
    x[4] += 2_500
    near = START + np.append(np.arange(4) * 20, 61.5 + np.arange(6) * 20) * MINUTE
    found = told_travel(records(10, x=x, y=y, captured=near, minutes=np.full(10, 1.0)))
    assert rows_of(found) == [[3, 4]]
    assert float(found[0].evidence["kmh"]) > 90
    assert told_travel(records(10, x=x, y=y)) == []  # five minutes' ride
    x[4] -= 2_450
    assert told_travel(records(10, x=x, y=y, captured=near, minutes=np.full(10, 1.0))) == []


def test_two_interviews_at_once() -> None:
    x, y = lanes(6)
    x[3] += 600
    found = told_travel(records(6, x=x, y=y, minutes=np.full(6, 35.0)))
    assert found[0].evidence["at_once_minutes"] == 15
    x[3] -= 600
    assert told_travel(records(6, x=x, y=y, minutes=np.full(6, 35.0))) == []  # forms left open next door


def test_a_point_far_outside_is_not_told_twice() -> None:
    x, y = lanes(6)
    x[3] += 900
    work = records(6, x=x, y=y, minutes=np.full(6, 19.5))
    assert len(told_travel(work)) == 1
    assert told_travel(work, [3]) == []


def test_imported_moments_say_nothing() -> None:
    x, y = lanes(30)
    x[::2] += 3_000
    midnight = START + 9 * HOUR + np.repeat(np.arange(3), 10) * DAY
    work = records(30, x=x, y=y, captured=midnight, started=np.full(30, np.nan), finished=np.full(30, np.nan))
    assert (told_travel(work), nights(work), short(work)) == ([], [], [])


def test_a_night_s_work() -> None:
    usual = START - 6 * HOUR + np.arange(60) // 10 * DAY + np.arange(60) % 10 * 30 * MINUTE
    usual[55:] = START + 4 * DAY + 8 * HOUR + np.arange(5) * 20 * MINUTE  # from eleven in the evening past midnight
    found = nights(records(60, captured=usual))
    assert [len(doubt.rows) for doubt in found] == [5]
    assert (found[0].evidence["from"], found[0].evidence["until"]) == ("23:00", "00:20")
    usual[57:] -= 8 * HOUR
    assert nights(records(60, captured=usual)) == []
    everybody = np.append(usual, usual) - 6 * HOUR  # the whole village works in the evening: fasting, or heat
    assert nights(records(120, captured=everybody + 9 * HOUR, enumerator=np.repeat([0, 1], 60))) == []


def worked(minutes: NDArray[np.float64]) -> Records:
    """Three people with forty interviews each over four days; the first one's `minutes` may differ."""
    luck = np.random.default_rng(8)
    everybody = np.exp(luck.normal(np.log(18), 0.3, 120))
    everybody[: len(minutes)] = minutes
    day, place = np.divmod(np.arange(40), 10)
    captured = START - 6 * HOUR + day * DAY + place * 40 * MINUTE
    return records(120, captured=np.tile(captured, 3), enumerator=np.repeat(np.arange(3), 40), minutes=everybody)


def test_interviews_that_cannot_have_been_any() -> None:
    assert short(worked(np.empty(0))) == []
    assert short(worked(np.array([2.0, 2.0]))) == []  # some families say little
    run = short(worked(np.full(6, 1.5)))
    assert [(len(doubt.rows), doubt.name) for doubt in run] == [(6, "")]
    assert run[0].evidence["peers_minutes"] == pytest.approx(18, abs=2.5)
    habit = short(worked(np.exp(np.random.default_rng(9).normal(np.log(5), 0.3, 40))))
    assert [(len(doubt.rows), doubt.name) for doubt in habit] == [(40, "habit")]


def test_corrections_and_refusals_are_no_interviews() -> None:
    household = np.append(np.arange(40), np.arange(20))
    captured = START + np.arange(60) * 20 * MINUTE
    work = records(
        60, household=household, captured=captured, minutes=np.append(np.full(40, 15.0), np.full(20, 1.0)),
        counts=np.append(np.arange(40) >= 20, np.ones(20, bool)),
    )  # fmt: skip
    assert short(work) == []
    assert short(records(40, minutes=np.full(40, 1.0), result=np.full(40, RESULTS.index("refused")))) == []


# ── a month ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_planted_faults_of_a_month_are_found() -> None:
    city = grid.city(villages=3, seed=3)
    found = score(Month(city, plan(city, seed=3)))
    assert set(found) == set(KINDS)
    for kind, one in found.items():
        least = 0.5 if kind in {"duplicate", "shifted"} else 0.85
        assert one.found >= least * one.planted, kind
        if kind not in {"duplicate", "short"}:
            assert one.right >= 0.75 * (one.told - one.other), kind
    assert sum(one.planted for one in found.values()) > 30


def test_a_month_without_faults_has_hardly_any() -> None:
    city = grid.city(villages=3, seed=3)
    month = Month(city, plan(city, CLEAN, 3), extras=False)
    assert len(month.found) <= 0.004 * len(city.families)
