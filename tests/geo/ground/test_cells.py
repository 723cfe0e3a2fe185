"""Cells by bits against h3 itself, and the disc that locating relies on."""

import contextlib

import h3.api.basic_int as h3
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import BadInput
from geo.ground import cells

RESOLUTIONS = range(16)


def globe(seed: int, many: int) -> tuple[np.ndarray, np.ndarray]:
    """Points spread evenly over the globe, longitude and latitude."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-180, 180, many), np.degrees(np.arcsin(rng.uniform(-1, 1, many)))


def some_cells(resolution: int, many: int = 500) -> np.ndarray:
    """Random cells and every pentagon of one resolution."""
    return np.append(cells.index(*globe(resolution, many), resolution), h3.get_pentagons(resolution))


def sphere_distance(lon1, lat1, lon2, lat2):
    lon1, lat1, lon2, lat2 = map(np.radians, (lon1, lat1, lon2, lat2))
    inner = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return 2 * np.arcsin(np.sqrt(inner))


def test_index_is_h3_with_the_axes_in_our_order():
    lon, lat = np.array([117.1537, 106.8272]), np.array([-0.5022, -6.1754])
    found = cells.index(lon, lat, 11)
    assert found.dtype == np.int64
    assert found.tolist() == [h3.latlng_to_cell(-0.5022, 117.1537, 11), h3.latlng_to_cell(-6.1754, 106.8272, 11)]
    assert cells.index(np.empty(0), np.empty(0), 9).shape == (0,)


@pytest.mark.parametrize(
    ("lon", "lat"), [(np.nan, 0), (0, np.nan), (np.inf, 0), (0, -np.inf), (0, 91), (-180.5, 0), (500_000, 9_900_000)]
)
def test_index_refuses_what_is_no_place(lon, lat):
    with pytest.raises(BadInput):
        cells.index(np.array([1.0, lon]), np.array([1.0, lat]), 11)


def test_index_refuses_arrays_that_do_not_belong_together():
    with pytest.raises(BadInput):
        cells.index(np.array([1.0, 2.0]), np.array([1.0]), 11)


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_parents_and_resolution_agree_with_h3(resolution):
    fine = some_cells(resolution)
    assert (fine > 0).all()
    assert set(cells.resolution(fine).tolist()) == {resolution}
    for coarse in range(resolution + 1):
        expected = [h3.cell_to_parent(cell, coarse) for cell in fine.tolist()]
        assert cells.parents(fine, coarse).tolist() == expected


def test_a_coarser_cell_has_no_parent_there():
    with pytest.raises(BadInput):
        cells.parents(some_cells(5, 3), 6)
    with pytest.raises(BadInput):
        cells.parents(some_cells(5, 3), 16)


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_feature_ids_are_small_unique_and_reversible(resolution):
    many = np.unique(some_cells(resolution))
    ids = cells.feature_ids(many, resolution)
    assert ids.min() >= 0
    assert ids.max() < 2**53
    assert len(np.unique(ids)) == len(many)
    assert (np.diff(ids) > 0).all()
    assert np.array_equal(cells.from_feature_ids(ids, resolution), many)


@pytest.mark.parametrize("number", [-1, 122 << 30, 2**53])
def test_numbers_that_are_no_feature_ids_are_refused(number):
    with pytest.raises(BadInput):
        cells.from_feature_ids(np.array([0, number]), 10)


def test_hex_goes_both_ways():
    for cell in np.concatenate([some_cells(r, 20) for r in RESOLUTIONS]).tolist():
        assert cells.to_hex(cell) == h3.int_to_str(cell)
        assert cells.from_hex(cells.to_hex(cell)) == cell
    assert cells.to_hex(np.int64(h3.get_pentagons(3)[0])) == h3.int_to_str(h3.get_pentagons(3)[0])


@pytest.mark.parametrize(
    "text",
    ["", "8a", "8a8c1a5b2ffffff0", "0x8a8c1a5b2fffff", "8A8C1A5B2FFFFFF", " 88283082bfffff", "z88283082bfffff",
     "08a283082bfffff", "88283082bffffff\n", "888888888888888", "881c00000000000",
     "115283473ffffff", "٨٨283082bffffff"],
)  # fmt: skip
def test_what_is_no_cell_in_hex_is_refused(text):
    with pytest.raises(BadInput):
        cells.from_hex(text)


@given(st.text(max_size=20))
@settings(max_examples=200)
def test_from_hex_never_fails_otherwise(text):
    with contextlib.suppress(BadInput):
        assert cells.to_hex(cells.from_hex(text)) == text


@pytest.mark.parametrize("resolution", range(12))
def test_children_fill_their_range_and_nothing_else_does(resolution):
    for cell in some_cells(resolution, 20).tolist():
        for finer in range(resolution, min(resolution + 3, 15) + 1):
            low, high = cells.children_range(cell, finer)
            offspring = sorted(h3.cell_to_children(cell, finer))
            assert (low, high) == (offspring[0], offspring[-1])
        strangers = some_cells(finer, 200)
        inside = (strangers >= low) & (strangers <= high)
        assert (inside == (cells.parents(strangers, resolution) == cell)).all()


def test_a_finer_cell_has_no_children_there():
    with pytest.raises(BadInput):
        cells.children_range(int(some_cells(9, 1)[0]), 8)


@pytest.mark.parametrize("resolution", range(15))
def test_children_agree_with_h3(resolution):
    coarse = np.unique(some_cells(resolution, 50))
    found, place = cells.children(coarse, resolution)
    for at, cell in enumerate(coarse.tolist()):
        assert sorted(found[place == at].tolist()) == sorted(h3.cell_to_children(cell))
    assert place[: len(coarse)].tolist() == list(range(len(coarse)))


def test_positions_count_cells_in_their_order():
    root = h3.latlng_to_cell(-1.6, 103.6, 5)
    offspring = np.array(sorted(h3.cell_to_children(root, 9)))
    assert set(np.diff(cells.positions(offspring, 9)).tolist()) == {1}
    everywhere = np.unique(some_cells(9))
    assert (np.diff(cells.positions(everywhere, 9)) > 0).all()


def test_roots_are_all_cells_of_resolution_0():
    assert len(cells.roots()) == 122
    assert set(cells.roots().tolist()) == set(h3.get_res0_cells())


@pytest.mark.parametrize(("resolution", "target"), [(r, t) for t in (10, 11) for r in range(t + 1)])
def test_reach_holds_every_descendant(resolution, target):
    """At random places and at the pentagons."""
    rng = np.random.default_rng(resolution)
    largest = 0.0
    for cell in some_cells(resolution, 40).tolist():
        offspring = np.array([cell])
        for level in range(resolution, target):  # the farthest of each level, and some others
            offspring, _ = cells.children(offspring, level)
            if len(offspring) > 150:
                away = sphere_distance(*h3.cell_to_latlng(cell)[::-1], *cells.centres(offspring))
                offspring = np.append(offspring[np.argsort(away)[-100:]], rng.choice(offspring, 50))
        corners = np.array([corner for one in offspring.tolist() for corner in h3.cell_to_boundary(one)])
        lat, lon = h3.cell_to_latlng(cell)
        largest = max(largest, sphere_distance(lon, lat, corners[:, 1], corners[:, 0]).max())
    assert largest <= cells.reach(resolution, target) * (1 + 1e-9)
    assert largest > cells.reach(resolution, target) * 0.85  # and the disc is no wider than need be


def test_centres_and_boundaries_agree_with_h3():
    many = np.concatenate([some_cells(r, 50) for r in (5, 10, 11)])
    lon, lat = cells.centres(many)
    outlines = cells.boundaries(many)
    assert shapely.is_valid(outlines).all()
    for at, cell in enumerate(many.tolist()):
        assert (lat[at], lon[at]) == h3.cell_to_latlng(cell)
        corners = shapely.get_coordinates(outlines[at])[:-1]
        expected = np.array(h3.cell_to_boundary(cell))[:, ::-1]
        assert np.allclose((corners - expected) % 360, 0)
        assert np.ptp(corners[:, 0]) < 180
    assert cells.boundaries(many[:0]).shape == (0,)
    assert cells.centres(many[:0])[0].shape == (0,)


def test_a_cell_across_the_antimeridian_stays_in_one_piece():
    cell = np.array([h3.latlng_to_cell(10.0, 179.9999, 6), h3.latlng_to_cell(-1.0, 103.0, 6)])
    across, plain = shapely.bounds(cells.boundaries(cell))
    assert across[0] < 180 < across[2]
    assert across[2] - across[0] < 0.2
    assert plain[2] - plain[0] < 0.2


def test_cover_finds_every_cell_that_is_touched():
    rng = np.random.default_rng(4)
    hole = shapely.Point(103.6, -1.6).buffer(0.004)
    ring = shapely.Point(103.6, -1.6).buffer(0.01).difference(hole)
    both = shapely.MultiPolygon([ring, shapely.box(103.7, -1.5, 103.7001, -1.4999)])
    found = cells.cover(both, 10)
    assert (np.diff(found) > 0).all()
    near = cells.index(103.6 + rng.uniform(-0.02, 0.02, 20_000), -1.6 + rng.uniform(-0.02, 0.02, 20_000), 10)
    near = np.unique(np.append(near, cells.index(np.array([103.70005]), np.array([-1.49995]), 10)))
    touched = near[shapely.intersects(cells.boundaries(near), both)]
    assert set(touched.tolist()) <= set(found.tolist())
    assert shapely.intersects(cells.boundaries(found), both.buffer(1e-9)).all()


def test_cover_of_a_tiny_block_is_never_empty():
    tiny = shapely.box(103.6, -1.6, 103.60001, -1.59999)
    assert len(cells.cover(tiny, 10)) >= 1
    two = shapely.MultiPolygon([tiny, shapely.box(103.60002, -1.6, 103.60003, -1.59999)])
    assert len(cells.cover(two, 10)) == len(np.unique(cells.cover(two, 10)))
    assert cells.cover(shapely.Polygon(), 10).shape == (0,)


def test_only_polygons_are_covered():
    with pytest.raises(BadInput):
        cells.cover(shapely.Point(0, 0), 10)


@settings(max_examples=150, deadline=None)
@given(
    st.floats(-180, 179), st.floats(-45, 44), st.floats(-6, 2.5), st.floats(0.1, 10), st.integers(0, 2**32 - 1)
)  # fmt: skip
def test_ranges_over_a_box_hold_every_point_of_it(west, south, size, aspect, seed):
    """Boxes of a metre to hundreds of kilometres: no point of one lies outside the ranges, and these are few."""
    wide = 10.0**size
    east, north = min(west + wide, 180.0), min(south + wide / aspect, 60.0)
    los, his = cells.ranges_over((west, south, east, north))
    assert (los <= his).all()
    assert (los[1:] > his[:-1]).all()
    assert 1 <= len(los) <= 600
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(west, east, 200), rng.uniform(south, north, 200)
    x[:4], y[:4] = (west, west, east, east), (south, north, south, north)
    found = cells.index(x, y, cells.HOUSEHOLD)
    at = np.searchsorted(los, found, side="right") - 1
    assert (at >= 0).all()
    assert (found <= his[at]).all()


def test_ranges_over_a_box_leave_out_what_is_far():
    los, his = cells.ranges_over((117.10, -0.55, 117.20, -0.45))
    lon, lat = globe(1, 4000)
    far = (np.abs(lon - 117.15) > 0.1) | (np.abs(lat + 0.5) > 0.1)
    found = cells.index(lon[far], lat[far], cells.HOUSEHOLD)
    at = np.maximum(np.searchsorted(los, found, side="right") - 1, 0)
    assert not ((found >= los[at]) & (found <= his[at])).any()
    whole = cells.ranges_over((-180, -90, 180, 90))
    assert len(whole[0]) == 1


def scattered(seed: int, rings: int = 6) -> np.ndarray:
    """Some of the cells around a place, in any order, with holes and islands."""
    rng = np.random.default_rng(seed)
    around = np.array(h3.grid_disk(h3.latlng_to_cell(-0.5022, 117.1537, 8), rings), np.int64)
    return rng.permutation(around[rng.random(len(around)) < 0.6])


@pytest.mark.parametrize("seed", range(3))
def test_neighbours_are_those_of_h3(seed):
    many = scattered(seed)
    pairs = cells.neighbours(many)
    expected = [(i, j) for i in range(len(many)) for j in range(i + 1, len(many))
                if h3.are_neighbor_cells(int(many[i]), int(many[j]))]  # fmt: skip
    assert [tuple(pair) for pair in pairs.tolist()] == expected
    assert cells.neighbours(many[:0]).shape == (0, 2)
    pentagon = h3.get_pentagons(8)[0]
    assert len(cells.neighbours(np.array(h3.grid_disk(pentagon, 1)))) == 10


@pytest.mark.parametrize("seed", range(3))
def test_outline_is_the_union_of_hexagons(seed):
    many = scattered(seed)
    found, union = cells.outline(many), shapely.union_all(cells.boundaries(many))
    assert found.is_valid
    assert found.symmetric_difference(union).area < 1e-12 * union.area
    corners = {tuple(one) for one in shapely.get_coordinates(cells.boundaries(many)).tolist()}
    assert {tuple(one) for one in shapely.get_coordinates(found).tolist()} <= corners
    assert any(part.interiors for part in found.geoms)
    assert shapely.to_wkb(cells.outline(many[::-1])) == shapely.to_wkb(found)
    assert cells.outline(many[:0]).is_empty
    assert cells.outline(many[:1]).geoms[0].equals(cells.boundaries(many[:1])[0])
