"""Expected families by cell: whole, exact, fair at every resolution."""

import geopandas
import numpy as np
import pandas
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import BadInput
from geo.ground import cells, spread

TINY = shapely.box(103.60, -1.60, 103.60001, -1.59999)
SQUARE = shapely.box(103.60, -1.60, 103.65, -1.55)
PARTS = shapely.MultiPolygon([shapely.Point(103.6, -1.6).buffer(0.01), shapely.box(103.9, -1.6, 103.91, -1.57)])
HOLED = shapely.Point(103.60, -1.60).buffer(0.03).difference(shapely.Point(103.60, -1.60).buffer(0.02))
HUGE = shapely.box(102.0, -2.0, 102.21, -1.79)  # 33,000 cells, as the largest forest villages


def areas_inside(geometry, many):
    """Area of each cell inside the geometry, by cutting every one."""
    return shapely.area(shapely.intersection(cells.boundaries(many), geometry))


@pytest.mark.parametrize(
    "geometry", [TINY, SQUARE, PARTS, HOLED, HUGE], ids=["tiny", "square", "parts", "holed", "huge"]
)
@pytest.mark.parametrize("expected", [0, 1, 91, 12_343])
def test_by_area_is_whole_and_exact(geometry, expected):
    found, families = spread.by_area(geometry, expected)
    assert families.dtype == np.int32
    assert families.sum() == expected
    assert (families > 0).all()
    assert (np.diff(found) > 0).all()
    assert set(cells.resolution(found).tolist()) <= {cells.TALLY}
    assert shapely.intersects(cells.boundaries(found), geometry).all()


def test_many_families_go_by_area():
    """With so many families rounding hardly shows: every cell of the block gets its part."""
    expected = 50_000_000
    found, families = spread.by_area(HOLED, expected)
    every = cells.cover(HOLED, cells.TALLY)
    part = areas_inside(HOLED, every)
    share = dict(zip(every.tolist(), (part / part.sum()).tolist(), strict=True))
    got = dict(zip(found.tolist(), families.tolist(), strict=True))
    for cell, fair in share.items():
        assert got.get(cell, 0) == pytest.approx(fair * expected, rel=0.003, abs=8)


@pytest.mark.parametrize("resolution", [6, 7, 8])
def test_few_families_in_a_huge_block_are_spread_and_not_heaped(resolution):
    """400 families on 33,000 cells: every coarser cell holds its share to within a few, wherever it lies."""
    expected = 400
    found, families = spread.by_area(HUGE, expected)
    every = cells.cover(HUGE, cells.TALLY)
    coarse, where = np.unique(cells.parents(every, resolution), return_inverse=True)
    part = areas_inside(HUGE, every)
    fair = np.bincount(where, part / part.sum()) * expected
    at = np.searchsorted(coarse, cells.parents(found, resolution))
    got = np.bincount(at, families, len(coarse))
    assert np.abs(got - fair).max() <= 2.5


def test_interior_cells_are_not_cut_but_weigh_the_same(monkeypatch):
    cut = 0
    real = shapely.intersection

    def counted(a, b):
        nonlocal cut
        cut += len(a)
        return real(a, b)

    monkeypatch.setattr(spread.shapely, "intersection", counted)
    found, families = spread.by_area(HUGE, 3_300_000)
    assert len(found) > 30_000
    assert cut < len(found) / 10
    inner = families[shapely.contains_properly(HUGE.buffer(-0.005), cells.boundaries(found))]
    assert np.ptp(inner) <= 6  # about 100 each; a unit at most for each of seven roundings


def test_ties_go_to_the_lower_cell_and_runs_agree():
    lon, lat = np.array([103.60, 103.61, 103.62]), np.full(3, -1.6)
    found, families = spread.by_points(lon, lat, np.ones(3), 3)
    assert families.tolist() == [1, 1, 1]
    again = spread.by_points(lon[::-1], lat[::-1], np.ones(3), 3)
    assert np.array_equal(again[0], found)
    siblings, _ = cells.children(cells.parents(found[:1], 9), 9)
    x, y = cells.centres(siblings[[4, 2, 6]])
    one = spread.by_points(x, y, np.ones(3), 1)
    two = spread.by_points(x, y, np.ones(3), 2)
    assert one[0].tolist() == sorted(siblings[[4, 2, 6]].tolist())[:1]
    assert two[0].tolist() == sorted(siblings[[4, 2, 6]].tolist())[:2]


def test_the_largest_remainder_gets_the_last_family():
    siblings, _ = cells.children(np.array([cells.children_range(int(cells.roots()[50]), 9)[0]]), 9)
    x, y = cells.centres(siblings[:3])
    found, families = spread.by_points(x, y, np.array([2.0, 3.0, 5.0]), 9)  # 1.8, 2.7, 4.5
    assert dict(zip(found.tolist(), families.tolist(), strict=True)) == dict(
        zip(siblings[:3].tolist(), [2, 3, 4], strict=True)
    )


def test_footprints_in_one_cell_are_summed_and_cells_are_those_of_households():
    rng = np.random.default_rng(6)
    lon, lat = 103.6 + rng.uniform(0, 0.01, 3000), -1.6 + rng.uniform(0, 0.01, 3000)
    found, families = spread.by_points(lon, lat, np.full(3000, 40.0), 3000)
    fine = cells.parents(cells.index(lon, lat, 15), 10)
    every, many = np.unique(fine, return_counts=True)
    assert np.array_equal(found, every)
    assert np.array_equal(families, many)


def test_footprints_without_weight_get_nobody():
    found, families = spread.by_points(np.array([103.6, 103.7]), np.array([-1.6, -1.6]), np.array([0.0, 2.0]), 7)
    assert found.tolist() == cells.parents(cells.index(np.array([103.7]), np.array([-1.6]), 15), 10).tolist()
    assert families.tolist() == [7]
    assert spread.by_points(np.empty(0), np.empty(0), np.empty(0), 0)[0].shape == (0,)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [([0.0, 0.0], 5), ([-1.0, 2.0], 5), ([np.nan, 1.0], 5), ([np.inf, 1.0], 5), ([1.0], 5), ([1.0, 1.0], -1)],
)
def test_footprints_that_cannot_carry_families_are_refused(weights, expected):
    with pytest.raises(BadInput):
        spread.by_points(np.array([103.6, 103.7]), np.array([-1.6, -1.6]), np.array(weights), expected)


def test_footprints_off_the_globe_are_refused():
    with pytest.raises(BadInput):
        spread.by_points(np.array([np.nan]), np.array([-1.6]), np.ones(1), 5)


@given(
    weights=st.lists(st.floats(0.0, 1e6, allow_subnormal=False), min_size=1, max_size=40),
    expected=st.integers(0, 20_000),
    seed=st.integers(0, 99),
)
@settings(max_examples=150, deadline=None)
def test_any_weights_sum_exactly(weights, expected, seed):
    rng = np.random.default_rng(seed)
    lon, lat = 103.6 + rng.uniform(0, 0.3, len(weights)), -1.6 + rng.uniform(0, 0.3, len(weights))
    if sum(weights) == 0 and expected:
        with pytest.raises(BadInput):
            spread.by_points(lon, lat, np.array(weights), expected)
        return
    found, families = spread.by_points(lon, lat, np.array(weights), expected)
    assert families.sum() == expected
    assert (families > 0).all()
    assert len(np.unique(found)) == len(found)


@given(
    wanted=st.lists(st.integers(0, 5_000), min_size=1, max_size=6),
    houses=st.lists(st.tuples(st.integers(0, 5), st.floats(1e-3, 1e5)), min_size=6, max_size=60),
    seed=st.integers(0, 99),
)
@settings(max_examples=100, deadline=None)
def test_footprints_of_many_blocks_are_each_spread_as_if_alone(wanted, houses, seed):
    """Sums are exact for each block at every resolution, since coarse cells are sums of fine ones."""
    expected = np.array(wanted)
    owner = np.append(np.array([block for block, _ in houses]) % len(expected), np.arange(len(expected)))
    weights = np.append([weight for _, weight in houses], np.ones(len(expected)))
    rng = np.random.default_rng(seed)
    lon, lat = 103.6 + rng.uniform(0, 0.3, len(owner)), -1.6 + rng.uniform(0, 0.3, len(owner))
    found = spread.spread_points(owner, lon, lat, weights, expected)
    assert (found.blocks.dtype, found.cells.dtype, found.families.dtype) == (np.int32, np.int64, np.int32)
    assert np.bincount(found.blocks, found.families, len(expected)).tolist() == expected.tolist()
    assert (np.lexsort((found.cells, found.blocks)) == np.arange(len(found.cells))).all()
    for at, number in enumerate(wanted):
        here = owner == at
        alone = spread.by_points(lon[here], lat[here], weights[here], number)
        assert np.array_equal(found.cells[found.blocks == at], alone[0])
        assert np.array_equal(found.families[found.blocks == at], alone[1])


def test_many_small_houses_outweigh_a_large_one():
    """A cell weighs the sum of its houses, whatever the order they are listed in."""
    lon, lat = np.array([103.6, 103.7, 103.7, 103.7]), np.full(4, -1.6)
    order = np.array([2, 0, 3, 1])
    found = spread.spread_points(np.zeros(4, int), lon[order], lat[order], np.array([3.0, 2, 2, 1])[order], [80])
    heavy = int(cells.parents(cells.index(np.array([103.7]), np.array([-1.6]), 15), 10)[0])
    assert dict(zip(found.cells.tolist(), found.families.tolist(), strict=True))[heavy] == 50


def test_a_block_without_a_footprint_cannot_be_spread_by_them():
    with pytest.raises(BadInput):
        spread.spread_points(np.zeros(1, int), np.array([103.6]), np.array([-1.6]), np.ones(1), np.array([4, 1]))


def test_many_blocks_are_each_spread_as_if_alone():
    blocks = np.array([SQUARE, TINY, PARTS, HOLED, SQUARE], dtype=object)
    expected = np.array([300, 5, 77, 0, 91])
    told = []
    found = spread.spread_blocks(blocks, expected, progress=lambda done, total: told.append((done, total)))
    assert (found.blocks.dtype, found.cells.dtype, found.families.dtype) == (np.int32, np.int64, np.int32)
    assert np.bincount(found.blocks, found.families, 5).tolist() == expected.tolist()
    for at, (block, number) in enumerate(zip(blocks, expected.tolist(), strict=True)):
        alone = spread.by_area(block, number)
        assert np.array_equal(found.cells[found.blocks == at], alone[0])
        assert np.array_equal(found.families[found.blocks == at], alone[1])
    assert told == [(4, 4)]


@pytest.mark.parametrize(
    ("geometry", "expected"), [(SQUARE, -1), (SQUARE, 1.5), (shapely.Polygon(), 3), (None, 3), (shapely.Point(0, 0), 3)]
)
def test_blocks_that_cannot_carry_families_are_refused(geometry, expected):
    with pytest.raises(BadInput):
        spread.by_area(geometry, expected)


def test_every_block_needs_a_number():
    with pytest.raises(BadInput):
        spread.spread_blocks(np.array([SQUARE], dtype=object), np.array([1, 2]))


def test_real_villages_with_their_real_families(shared):
    villages = geopandas.read_file(shared / "boundaries" / "kota_jambi_villages.geojson")
    families = pandas.read_csv(shared / "expected" / "jambi_podes2019_families.csv", dtype={"village_code": str})
    joined = villages.merge(families, on="village_code")
    assert len(joined) == 62
    expected = joined.families_total.to_numpy(np.int64)
    found = spread.spread_blocks(np.array(joined.geometry, dtype=object), expected)
    assert np.array_equal(np.bincount(found.blocks, found.families), expected)
    assert found.families.sum() == 155_685
