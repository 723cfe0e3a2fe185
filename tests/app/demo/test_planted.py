"""Every kind of fault is there, once, and can be seen in the records alone; without rates nothing is planted."""

import json
from dataclasses import replace

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from app.demo import hours
from app.demo.city import City
from app.demo.fieldwork import PLANTED, Fieldwork, Plant
from app.demo.month import plan
from app.demo.plane import Plane, over
from app.demo.rates import CLEAN, Planted, Rates
from geo.schema import RESULTS
from tests.app.demo import grid


@pytest.fixture(scope="module")
def city() -> City:
    return grid.city(villages=4)


@pytest.fixture(scope="module")
def month(city: City) -> Fieldwork:
    return plan(city)


@pytest.fixture(scope="module")
def clean(city: City) -> Fieldwork:
    return plan(city, CLEAN)


@pytest.fixture(scope="module")
def plane(city: City) -> Plane:
    return over(city.families.lon, city.families.lat)


def of(made: Fieldwork, kind: str) -> list[Plant]:
    return [plant for plant in made.planted if plant.kind == kind]


def block_of(city: City, plant: Plant) -> int:
    return city.blocks.code.index(plant.blocks[0])


def rows_of(made: Fieldwork, plant: Plant) -> NDArray[np.intp]:
    """Places of the visits to a plant's households that carry its kind."""
    cases = [made.household_id.index(household) for household in plant.households]
    kind = PLANTED.index(plant.kind)
    return np.flatnonzero(np.isin(made.visits.case, cases) & (made.visits.planted == kind))


def last_rows(made: Fieldwork) -> NDArray[np.intp]:
    """Place of the last visit of every visited case."""
    order = np.lexsort((made.visits.revision, made.visits.case))
    return order[np.r_[np.diff(made.visits.case[order]) > 0, True]]


def test_every_kind_is_planted_at_its_rate(city: City, month: Fieldwork) -> None:
    rates, families = Planted(), len(city.families)
    blocks, people = len(np.unique(city.families.block)), len(month.staff.enumerators)
    for kind in PLANTED[1:]:
        rate = getattr(rates, kind)
        among = families
        if kind in ("hole", "left_out", "over_reporting"):
            among = blocks
        elif kind in ("fabricated_cluster", "fabricated_strand", "impossible_travel"):
            among = people
        elif rate == 1.0:
            among = 1
        assert len(of(month, kind)) == max(1, round(rate * among)), kind


def test_no_two_faults_meet_in_one_record(month: Fieldwork) -> None:
    touched = [household for plant in month.planted if plant.kind != "wrong_boundary" for household in plant.households]
    assert len(touched) == len(set(touched))
    strip = set(of(month, "wrong_boundary")[0].households)
    assert not strip & set(touched)
    whole = [
        code
        for kind in ("hole", "left_out", "over_reporting", "wrong_boundary")
        for p in of(month, kind)
        for code in p.blocks
    ]
    assert len(whole) == len(set(whole))
    marked = np.bincount(month.visits.planted, minlength=len(PLANTED))
    for kind in ("hole", "left_out", "wrong_boundary"):
        assert marked[PLANTED.index(kind)] == 0  # they change no record
    for plant in month.planted:
        if plant.households and plant.kind != "wrong_boundary":
            assert len(rows_of(month, plant)) >= 1


def test_holes_are_absent_from_prelist_and_visits_of_a_full_block(city: City, month: Fieldwork) -> None:
    for plant in of(month, "hole"):
        block = block_of(city, plant)
        polygon = shapely.from_geojson(json.dumps(plant.detail["polygon"]))
        homes = np.arange(len(city.families))[city.families_of(block)]
        house = city.families.building[homes]
        inside = shapely.intersects_xy(
            shapely.buffer(polygon, 2e-7), city.buildings.lon[house], city.buildings.lat[house]
        )
        missing = homes[inside]
        assert len(missing) == plant.detail["families"] >= 10
        assert not np.isin(missing, month.family).any()
        listed = np.flatnonzero(month.prelist.block == block)
        done = np.isin(listed, month.visits.case[np.isin(month.visits.result, [0, 4, 5, 6, 7])])
        assert done.mean() > 0.88  # the block looks full
        assert len(listed) < 0.95 * len(homes)


def test_blocks_left_out_are_expected_but_unvisited(city: City, month: Fieldwork) -> None:
    for plant in of(month, "left_out"):
        block = block_of(city, plant)
        assert not (month.visits.block == block).any()
        assert (month.prelist.block == block).sum() == plant.detail["expected"] > 30
        enumerator = month.staff.enumerator[block]
        assert plant.enumerators == [month.staff.enumerators[enumerator]]
        assert (month.visits.enumerator == enumerator).sum() > 30  # who works elsewhere


def test_points_outside_their_block_lie_150_to_1500_metres_away(city: City, month: Fieldwork, plane: Plane) -> None:
    for plant in of(month, "outside_block"):
        (row,) = rows_of(month, plant)
        outline = plane.flat(city.blocks.outline[month.visits.block[row]])
        x, y = plane.metres(month.visits.lon[row], month.visits.lat[row])
        assert 145 < shapely.distance(outline, shapely.points(x, y)) < 1505


def test_poor_readings_say_so(month: Fieldwork) -> None:
    poor = month.visits.planted == PLANTED.index("low_accuracy")
    assert (month.visits.accuracy_m[poor] > 50).all()
    assert (month.visits.accuracy_m[~poor] <= 50).all()


def test_swapped_and_missing_positions_are_mended_half_the_time(month: Fieldwork) -> None:
    visits = month.visits
    for kind in ("swapped_axes", "null_island"):
        plants = of(month, kind)
        for plant in plants:
            case = month.household_id.index(plant.households[0])
            (row,) = rows_of(month, plant)
            if kind == "swapped_axes":
                assert abs(visits.lon[row]) < 1
                assert 116 < visits.lat[row] < 119
            else:
                assert visits.lon[row] == visits.lat[row] == 0
            later = np.flatnonzero((visits.case == case) & (visits.revision > visits.revision[row]))
            assert len(later) == plant.detail["mended"]
            assert (visits.lon[later] > 116).all()
        mended = np.mean([plant.detail["mended"] for plant in plants])
        assert 0.2 < mended < 0.8


def test_duplicates_stand_at_the_same_door_under_two_names(month: Fieldwork, plane: Plane) -> None:
    by_another = 0
    for plant in of(month, "duplicate"):
        first, second = (month.household_id.index(household) for household in plant.households)
        assert month.family[first] == month.family[second] >= 0
        assert second >= len(month.prelist.household_id)
        a, b = (int(np.flatnonzero(month.visits.case == case)[-1]) for case in (first, second))
        x, y = plane.metres(month.visits.lon[[a, b]], month.visits.lat[[a, b]])
        assert np.hypot(np.diff(x), np.diff(y)) < 100
        assert month.visits.origin[b] == 1
        assert month.visits.result[b] == RESULTS.index("completed")
        by_another += month.visits.enumerator[a] != month.visits.enumerator[b]
    assert by_another > 0


def test_copied_points_are_exactly_those_of_another_household(month: Fieldwork) -> None:
    visits = month.visits
    for plant in of(month, "copied"):
        (row,) = rows_of(month, plant)
        other = int(np.flatnonzero(visits.case == month.household_id.index(plant.detail["from"]))[-1])
        assert (visits.lon[row], visits.lat[row]) == (visits.lon[other], visits.lat[other])
        assert visits.enumerator[row] == visits.enumerator[other]
        assert month.family[visits.case[row]] != month.family[visits.case[other]]


def test_repaired_points_have_the_marks_of_repair(city: City, month: Fieldwork, plane: Plane) -> None:
    seen = set()
    for plant in of(month, "repaired"):
        (row,) = rows_of(month, plant)
        x, y = plane.metres(month.visits.lon[row], month.visits.lat[row])
        sources = [np.flatnonzero(month.visits.case == month.household_id.index(h))[-1] for h in plant.detail["from"]]
        sx, sy = plane.metres(month.visits.lon[sources], month.visits.lat[sources])
        seen.add(plant.detail["how"])
        if plant.detail["how"] == "midpoint":
            assert np.hypot(sx.mean() - x, sy.mean() - y) < 0.02
        elif plant.detail["how"] == "beside":
            assert np.hypot(sx[0] - x, sy[0] - y) == pytest.approx(5, abs=0.05)
        else:
            centre = city.blocks.outline[month.visits.block[row]].centroid
            assert (month.visits.lon[row], month.visits.lat[row]) == pytest.approx((centre.x, centre.y), abs=1e-7)
    assert seen == {"midpoint", "beside", "centroid"}


def test_clusters_are_dense_fast_and_far_from_shared_houses(city: City, month: Fieldwork, plane: Plane) -> None:
    held = np.bincount(city.families.building)
    hx, hy = plane.metres(city.buildings.lon[held > 1], city.buildings.lat[held > 1])
    for plant in of(month, "fabricated_cluster"):
        rows = made_up(month, plant)
        x, y = plane.metres(month.visits.lon[rows], month.visits.lat[rows])
        assert np.hypot(x[:, None] - x[None, :], y[:, None] - y[None, :]).max() <= 7.6
        assert np.hypot(hx[:, None] - x[None, :], hy[:, None] - y[None, :]).min() > 20


def test_strands_are_straight_and_even(month: Fieldwork, plane: Plane) -> None:
    for plant in of(month, "fabricated_strand"):
        rows = made_up(month, plant)
        rows = rows[np.argsort(month.visits.captured_at[rows])]
        at = np.column_stack(plane.metres(month.visits.lon[rows], month.visits.lat[rows]))
        steps = np.diff(at, axis=0)
        np.testing.assert_allclose(np.hypot(*steps.T), plant.detail["step_m"], atol=0.05)
        np.testing.assert_allclose(steps, np.tile(steps[0], (len(steps), 1)), atol=0.05)


def made_up(month: Fieldwork, plant: Plant) -> NDArray[np.intp]:
    """Rows of made-up interviews, after what both kinds have in common is checked."""
    rows = rows_of(month, plant)
    assert 8 <= len(rows) == len(plant.households) <= 20
    assert len(set(month.visits.enumerator[rows].tolist())) == 1
    assert (month.visits.case[rows] < len(month.prelist.household_id)).all()
    assert (month.visits.result[rows] == RESULTS.index("completed")).all()
    assert np.ptp(month.visits.captured_at[rows]) < 60 * 60
    assert month.visits.minutes[rows].max() < 2
    assert not np.isin(month.visits.case, month.visits.case[rows]).sum() > len(rows)  # never truly visited
    return rows


def test_impossible_travel_is_kilometres_in_a_minute_or_two(month: Fieldwork, plane: Plane) -> None:
    order = np.lexsort((month.visits.captured_at, month.visits.enumerator))
    for plant in of(month, "impossible_travel"):
        (row,) = rows_of(month, plant)
        before = order[int(np.flatnonzero(order == row)[0]) - 1]
        assert month.visits.enumerator[before] == month.visits.enumerator[row]
        assert 0 < month.visits.captured_at[row] - month.visits.captured_at[before] <= 120
        x, y = plane.metres(month.visits.lon[[before, row]], month.visits.lat[[before, row]])
        assert 1900 < np.hypot(np.diff(x), np.diff(y))[0] < 4100


def test_a_wrong_edge_leaves_a_whole_coverage_and_ten_houses_across(city: City, month: Fieldwork) -> None:
    (plant,) = of(month, "wrong_boundary")
    published = {area.code: area for area in month.areas}
    assert [area.code for area in month.areas] == [area.code for area in city.areas]
    shapes = [area.geometry.geoms[0] for area in month.areas if area.level == "block"]
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    assert shapely.union_all(shapes).area == pytest.approx(shapely.union_all(city.blocks.outline).area, rel=1e-12)
    for truth in city.areas:
        if truth.level != "block":
            assert published[truth.code] is truth
    loser, winner = (city.blocks.code.index(code) for code in plant.blocks)
    houses = city.buildings_of(loser)
    wrong = published[plant.blocks[1]].geometry
    across = shapely.contains_xy(wrong, city.buildings.lon[houses], city.buildings.lat[houses])
    assert across.sum() == plant.detail["houses"] >= 10
    homes = city.families_of(loser)
    shown = shapely.contains_xy(wrong, city.families.lon[homes], city.families.lat[homes])
    assert set(np.flatnonzero(shown) + homes.start) >= {
        month.family[month.household_id.index(h)] for h in plant.households
    }
    moved = [
        area.code
        for area, truth in zip(month.areas, city.areas, strict=True)
        if area.geometry.symmetric_difference(truth.geometry).area > 1e-12  # others may get a vertex
    ]
    assert sorted(moved) == sorted(plant.blocks)
    assert winner != loser


def test_a_miscoded_day_declares_another_block_throughout(city: City, month: Fieldwork) -> None:
    (plant,) = of(month, "miscoded_batch")
    kind = PLANTED.index("miscoded_batch")
    rows = np.flatnonzero(month.visits.planted == kind)
    assert len(rows) >= 6
    assert {city.blocks.code[b] for b in month.visits.block[rows]} == set(plant.blocks)
    assert len(plant.blocks) == 1
    enumerator, day = month.visits.enumerator[rows[0]], plant.detail["day"] - 1
    of_day = (month.visits.enumerator == enumerator) & (hours.day_of(month.visits.captured_at) == day)
    assert set(np.flatnonzero(of_day)) == set(rows)
    inside = shapely.contains_xy(
        city.blocks.outline[month.visits.block[rows[0]]], month.visits.lon[rows], month.visits.lat[rows]
    )
    assert inside.mean() < 0.2


def test_over_reported_families_do_not_exist(city: City, month: Fieldwork) -> None:
    for plant in of(month, "over_reporting"):
        assert 15 <= len(plant.households) <= 40
        rows = rows_of(month, plant)
        assert (month.family[month.visits.case[rows]] == -1).all()
        assert (month.visits.origin[rows] == 1).all()
        block = block_of(city, plant)
        last = last_rows(month)
        done = last[(month.visits.block[last] == block) & (month.visits.result[last] == RESULTS.index("completed"))]
        assert len(done) > (month.prelist.block == block).sum()  # more than are expected


def test_a_clean_campaign_has_nothing_planted_and_only_believable_points(
    city: City, clean: Fieldwork, plane: Plane
) -> None:
    assert clean.planted == []
    assert clean.areas == city.areas
    assert not clean.visits.planted.any()
    assert (clean.visits.accuracy_m <= 50).all()
    known = clean.family[clean.visits.case]
    x, y = plane.metres(clean.visits.lon, clean.visits.lat)
    fx, fy = plane.metres(city.families.lon[known], city.families.lat[known])
    off = np.hypot(x - fx, y - fy)[known >= 0]
    accuracy = clean.visits.accuracy_m[known >= 0]
    assert off.max() < 150
    assert (off <= accuracy).mean() == pytest.approx(0.68, abs=0.02)  # what phones call accuracy
    assert len(np.unique(clean.family[clean.family >= 0])) == (clean.family >= 0).sum()


def test_faults_change_nothing_but_what_they_list(city: City, month: Fieldwork, clean: Fieldwork) -> None:
    """Enumerators without any large fault have the very same month."""
    touched = {name for plant in month.planted for name in plant.enumerators}
    calm = [e for e, name in enumerate(month.staff.enumerators) if name not in touched]
    only_ground = plan(city, Rates(planted=replace(CLEAN.planted, hole=0.04, left_out=0.02)))
    touched = {name for plant in only_ground.planted for name in plant.enumerators}
    calm = [e for e, name in enumerate(only_ground.staff.enumerators) if name not in touched]
    assert len(calm) > 10
    for e in calm:
        mine, theirs = only_ground.visits.enumerator == e, clean.visits.enumerator == e
        np.testing.assert_array_equal(only_ground.visits.captured_at[mine], clean.visits.captured_at[theirs])
        np.testing.assert_array_equal(only_ground.visits.lon[mine], clean.visits.lon[theirs])


@pytest.mark.parametrize("kind", PLANTED[1:])
def test_one_rate_alone_plants_its_kind_alone(kind: str) -> None:
    rate = getattr(Planted(), kind)
    made = plan(grid.city(villages=1), Rates(planted=replace(CLEAN.planted, **{kind: rate})))
    assert {plant.kind for plant in made.planted} == {kind}
