"""Locating gives the answer of the exact test, always: on boundaries, in holes, on overlaps, on real blocks."""

import geopandas
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import BadInput
from geo.ground import cells
from geo.ground.locate import OWNER, Locator, owner_ranges, refine

HOLED = shapely.Point(103.60, -1.60).buffer(0.02).difference(shapely.Point(103.60, -1.60).buffer(0.008))
BLOCKS = {  # codes are given out of order, so that order of place and order of code differ
    "07": shapely.box(103.60, -1.60, 103.65, -1.55),  # overlaps 03
    "03": HOLED,
    "05": shapely.box(103.65, -1.60, 103.70, -1.55),  # shares an edge with 07
    "09": shapely.MultiPolygon([shapely.box(103.65, -1.65, 103.68, -1.60), shapely.box(103.72, -1.60, 103.74, -1.58)]),
    "01": shapely.box(103.7000, -1.5501, 103.7001, -1.55),  # ten metres wide
    "11": shapely.Polygon(),
}


def edition(blocks=BLOCKS):
    codes = list(blocks)
    numbers = np.arange(10, 10 + len(codes), dtype=np.int32)
    return np.array(list(blocks.values()), dtype=object), numbers, codes


def locator(blocks=BLOCKS):
    geometries, numbers, codes = edition(blocks)
    return Locator(owner_ranges(geometries, numbers, codes), numbers, codes, geometries)


def brute(geometries, numbers, codes, lon, lat):
    """The rule in its plainest words: every block against every point, the lowest code that intersects."""
    answer = np.zeros(len(lon), np.int32)
    points = shapely.points(lon, lat)
    for _, number, geometry in sorted(zip(codes, numbers.tolist(), geometries, strict=True), reverse=True):
        answer[shapely.intersects(geometry, points)] = number
    return answer


def awkward(geometries):
    """Vertices, edge midpoints and points a hair beside them."""
    corners = shapely.get_coordinates(geometries)
    middles = (corners[1:] + corners[:-1]) / 2
    hair = np.concatenate([corners, middles]) + 1e-12
    return np.concatenate([corners, middles, hair]).T


def real_blocks(shared, name):
    path, column = {
        "jambi_city": ("boundaries/kota_jambi_villages.geojson", "village_code"),
        "samarinda": ("boundaries/samarinda_villages.geojson", "village_code"),
        "jambi_sample": ("boundaries/jambi_province_villages.gpkg", "village_code"),
        "jakarta": ("jakarta_rw/jakarta_rw_as_published.gpkg", "block_id"),
    }[name]
    frame = geopandas.read_file(shared / path)
    if name == "jambi_sample":
        frame = frame[frame.regency_code.isin(["1501", "1507"])]
    frame["geometry"] = frame.geometry.make_valid()
    frame = frame[frame.geom_type.isin(["Polygon", "MultiPolygon"])]
    codes = frame[column].astype(str).tolist()
    return np.array(frame.geometry, dtype=object), np.arange(1, len(codes) + 1, dtype=np.int32), codes


@pytest.mark.parametrize(
    "name",
    ["jambi_city", "samarinda", *(pytest.param(name, marks=pytest.mark.slow) for name in ("jambi_sample", "jakarta"))],
)
def test_real_blocks_give_the_exact_answer(shared, name):
    geometries, numbers, codes = real_blocks(shared, name)
    ranges = owner_ranges(geometries, numbers, codes)
    here = Locator(ranges, numbers, codes, geometries)
    west, south, east, north = shapely.total_bounds(geometries)
    rng = np.random.default_rng(7)
    lon, lat = rng.uniform(west, east, 100_000), rng.uniform(south, north, 100_000)
    found = here.locate(lon, lat)
    assert np.array_equal(found, here.exact(lon, lat))
    assert np.array_equal(found[:3000], brute(geometries, numbers, codes, lon[:3000], lat[:3000]))
    assert (found > 0).mean() > 0.1

    # Near boundaries a wrongly owned cell would show: points of cells next to owned ones, and the vertices.
    centres = cells.centres(np.unique(np.append(ranges["lo"], ranges["hi"]))[:40_000])
    assert np.array_equal(here.locate(*centres), here.exact(*centres))
    edge = awkward(geometries)
    assert np.array_equal(here.locate(*edge), here.exact(*edge))


def test_owned_cells_lie_wholly_in_their_block_and_touch_no_winner(shared):
    geometries, numbers, codes = real_blocks(shared, "jakarta")
    ranges = owner_ranges(geometries, numbers, codes)
    ends = np.concatenate([ranges["lo"], ranges["hi"]])
    owner = np.concatenate([ranges["number"], ranges["number"]])
    outlines = cells.boundaries(ends)
    assert shapely.contains_properly(geometries[owner - 1], outlines).all()
    cell, block = shapely.STRtree(geometries).query(outlines, predicate="intersects")
    assert all(codes[b] >= codes[owner[c] - 1] for c, b in zip(cell.tolist(), block.tolist(), strict=True))


def test_most_points_need_no_geometry(shared):
    """What the owner ranges are for: in villages nine points in ten are settled by their cell alone."""
    geometries, numbers, codes = real_blocks(shared, "jambi_city")
    ranges = owner_ranges(geometries, numbers, codes)
    rng = np.random.default_rng(1)
    west, south, east, north = shapely.total_bounds(geometries)
    lon, lat = rng.uniform(west, east, 50_000), rng.uniform(south, north, 50_000)
    inside = Locator(ranges, numbers, codes, geometries).locate(lon, lat) > 0
    at = cells.index(lon[inside], lat[inside], OWNER)
    place = np.searchsorted(ranges["lo"], at, side="right") - 1
    assert (ranges["hi"][place] >= at).mean() > 0.88


def test_ranges_are_sorted_disjoint_and_merged():
    ranges = owner_ranges(*edition())
    assert len(ranges) > 10
    assert (ranges["lo"] <= ranges["hi"]).all()
    assert (ranges["lo"][1:] > ranges["hi"][:-1]).all()
    follows = cells.positions(ranges["lo"][1:], OWNER) == cells.positions(ranges["hi"][:-1], OWNER) + 1
    assert (ranges["number"][1:][follows] != ranges["number"][:-1][follows]).all()
    assert set(cells.resolution(ranges["lo"]).tolist()) == {OWNER}


def test_the_lowest_code_wins_on_edges_and_overlaps():
    here = locator()
    lon = np.array([103.65, 103.61, 103.60, 103.665, 103.65, 103.73, 103.70005, 103.7, 103.5])
    lat = np.array([-1.58, -1.585, -1.60, -1.60, -1.60, -1.59, -1.55005, -1.5505, -1.6])
    #               edge   overlap hole   edge     corner  2nd part tiny block  edge   outside
    names = ["05", "03", "07", "05", "05", "09", "01", "05", None]
    expected = [10 + list(BLOCKS).index(name) if name else 0 for name in names]
    assert here.locate(lon, lat).tolist() == expected
    assert here.exact(lon, lat).tolist() == expected


def test_equal_codes_go_to_the_lower_number():
    box = shapely.box(0, 0, 0.01, 0.01)
    geometries, numbers = np.array([box, box], dtype=object), np.array([8, 3], np.int32)
    here = Locator(owner_ranges(geometries, numbers, ["A", "A"]), numbers, ["A", "A"], geometries)
    assert here.locate(np.array([0.005, 0.0]), np.array([0.005, 0.0])).tolist() == [3, 3]


def test_random_and_awkward_points_agree_with_brute_force():
    geometries, numbers, codes = edition()
    here = locator()
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(103.57, 103.75, 60_000), rng.uniform(-1.66, -1.54, 60_000)
    edge = awkward(geometries)
    lon, lat = np.append(lon, edge[0]), np.append(lat, edge[1])
    expected = brute(geometries, numbers, codes, lon, lat)
    assert np.array_equal(here.locate(lon, lat), expected)
    assert np.array_equal(here.exact(lon, lat), expected)


corner = st.tuples(st.integers(0, 12), st.integers(0, 12))


@given(
    corners=st.lists(st.tuples(corner, corner), min_size=1, max_size=5),
    south=st.sampled_from([-79.9, -60.0, -6.2, 0.0, 45.0, 79.95]),
    west=st.sampled_from([-180.0, -0.01, 106.8, 179.976]),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=40, deadline=None)
def test_any_boxes_anywhere_agree_with_brute_force(corners, south, west, order):
    """Boxes on a grid share edges and corners and overlap; places near the poles and the antimeridian included."""
    boxes = {
        f"{order.randrange(99):02d}-{at}": shapely.box(
            west + min(a[0], b[0]) / 500, south + min(a[1], b[1]) / 500,
            west + (max(a[0], b[0]) + 1) / 500, south + (max(a[1], b[1]) + 1) / 500,
        )
        for at, (a, b) in enumerate(corners)
    }  # fmt: skip
    geometries, numbers, codes = edition(boxes)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(west, west + 0.024, 800), rng.uniform(south, south + 0.026, 800)
    grid = np.meshgrid(west + np.arange(13) / 500, south + np.arange(14) / 500)
    x, y = np.append(x, grid[0].ravel()), np.append(y, grid[1].ravel())
    x = np.where(x > 180, x - 360, x)  # blocks drawn past the antimeridian hold no point beyond it
    assert np.array_equal(locator(boxes).locate(x, y), brute(geometries, numbers, codes, x, y))


def test_cells_across_the_antimeridian_belong_to_nobody():
    """A block drawn past 180° holds no point on the far side, though cells there have their centre on the near one."""
    here = locator({"A": shapely.box(179.9, -1.0, 180.1, -0.9)})
    rng = np.random.default_rng(8)
    lat = rng.uniform(-1, -0.9, 3000)
    assert (here.locate(np.append(np.full(1500, 179.9999), np.full(1500, 180.0)), lat) == 10).all()
    assert (here.locate(-180 + rng.uniform(1e-9, 0.0004, 3000), lat) == 0).all()


@pytest.mark.parametrize("latitude", [0, 7, 45, 70, 79.9])
@pytest.mark.parametrize("resolution", [5, 8, 11])
def test_a_circle_in_degrees_holds_the_disc_on_the_sphere(latitude, resolution):
    """What `refine` takes for granted when it draws discs flat."""
    radius = cells.reach(resolution, OWNER)
    bearing = np.linspace(0, 2 * np.pi, 3600)
    phi = np.radians(latitude)
    lat = np.arcsin(np.sin(phi) * np.cos(radius) + np.cos(phi) * np.sin(radius) * np.cos(bearing))
    lon = np.arctan2(np.sin(bearing) * np.sin(radius) * np.cos(phi), np.cos(radius) - np.sin(phi) * np.sin(lat))
    flat = np.arcsin(np.sin(radius * 1.001) / np.cos(phi))
    assert np.hypot(lon, lat - phi).max() <= flat


def test_refine_splits_each_block_exactly():
    """Cells inside and cells near the edge hold the whole block; inside ones are inside, for every block on its own."""
    geometries = np.array([HOLED, shapely.box(103.60, -1.60, 103.65, -1.55)], dtype=object)
    inside, near = refine(geometries, 10)
    assert cells.resolution(inside.cells).min() < 10
    low, high = cells.children_ranges(inside.cells, 10)
    for block, geometry in enumerate(geometries):
        mine = inside.blocks == block
        every = cells.cover(geometry, 10)
        held = ((every[:, None] >= low[mine]) & (every[:, None] <= high[mine])).sum(axis=1)
        assert held.max() == 1
        assert shapely.contains_properly(geometry, cells.boundaries(every[held == 1])).all()
        assert set(every[held == 0].tolist()) <= set(near.cells[near.blocks == block].tolist())
        assert not np.isin(near.cells[near.blocks == block], every[held == 1]).any()
    assert set(cells.resolution(near.cells).tolist()) == {10}


def test_what_is_no_place_is_in_no_block():
    here = locator()
    lon = np.array([np.nan, 103.61, np.inf, 103.61, 400.0, 103.645])
    lat = np.array([-1.58, np.nan, -1.58, -np.inf, -1.58, -1.56])
    assert here.locate(lon, lat).tolist() == [0, 0, 0, 0, 0, 10]
    assert here.exact(lon, lat).tolist() == [0, 0, 0, 0, 0, 10]
    assert here.locate(np.empty(0), np.empty(0)).shape == (0,)


def test_without_blocks_every_point_is_outside():
    nothing = np.empty(0, dtype=object)
    ranges = owner_ranges(nothing, np.empty(0, np.int32), [])
    assert len(ranges) == 0
    assert Locator(ranges, np.empty(0, np.int32), [], nothing).locate(np.ones(2), np.ones(2)).tolist() == [0, 0]


def test_without_ranges_the_answer_is_the_same():
    geometries, numbers, codes = edition()
    bare = Locator(owner_ranges(geometries, numbers, codes)[:0], numbers, codes, geometries)
    rng = np.random.default_rng(9)
    lon, lat = rng.uniform(103.57, 103.75, 2000), rng.uniform(-1.66, -1.54, 2000)
    assert np.array_equal(bare.locate(lon, lat), locator().locate(lon, lat))


def test_lines_and_nothing_are_no_blocks():
    for wrong in (shapely.LineString([(0, 0), (1, 1)]), None, shapely.GeometryCollection()):
        with pytest.raises(BadInput):
            owner_ranges(np.array([wrong], dtype=object), np.array([1], np.int32), ["1"])
    with pytest.raises(BadInput):
        owner_ranges(np.array([HOLED], dtype=object), np.array([1], np.int32), [])


def test_progress_is_told():
    told = []
    owner_ranges(*edition(), progress=lambda done, total: told.append((done, total)))
    assert told
    assert told[-1][0] == told[-1][1]


def test_distance_is_metres_on_the_ellipsoid():
    here, geod = locator(), pyproj.Geod(ellps="WGS84")
    number = 10 + list(BLOCKS).index("05")  # 103.65 … 103.70, -1.60 … -1.55
    lon = np.array([103.70 + 0.001, 103.67, 103.66, 103.73, 103.70 + 0.03])
    lat = np.array([-1.57, -1.60 - 0.002, -1.58, -1.52, -1.575])
    metres = here.distance_m(lon, lat, np.full(5, number, np.int32))
    nearest = [(103.70, -1.57), (103.67, -1.60), (103.66, -1.58), (103.70, -1.55), (103.70, -1.575)]
    expected = [geod.inv(x, y, *at)[2] for x, y, at in zip(lon, lat, nearest, strict=True)]
    assert metres == pytest.approx(expected, rel=0.002, abs=1e-9)
    assert metres[2] == 0


@pytest.mark.parametrize("latitude", [-10.5, 0.0, 5.5, 50.0])
def test_distance_is_good_to_half_a_percent(latitude):
    """Against the least geodesic distance to points set densely along the outline."""
    block = shapely.Point(110, latitude).buffer(0.05, quad_segs=6)
    here = locator({"A": block})
    rng = np.random.default_rng(2)
    lon, lat = 110 + rng.uniform(-0.2, 0.2, 30), latitude + rng.uniform(-0.2, 0.2, 30)
    metres = here.distance_m(lon, lat, np.full(30, 10, np.int32))
    outline = shapely.get_coordinates(shapely.segmentize(block.exterior, 0.0002))
    geod = pyproj.Geod(ellps="WGS84")
    for x, y, found in zip(lon, lat, metres, strict=True):
        if shapely.intersects_xy(block, x, y):
            assert found == 0
        else:
            many = len(outline)
            least = geod.inv(np.full(many, x), np.full(many, y), outline[:, 0], outline[:, 1])[2].min()
            assert found == pytest.approx(least, rel=0.005, abs=0.5)


def test_distance_is_measured_to_the_block_that_is_asked_for():
    here = locator()
    names = ["05", "07", "05", "01", "03", "07"]
    numbers = np.array([10 + list(BLOCKS).index(name) for name in names], np.int32)
    lon, lat = np.array([103.60, 103.70, 103.71, 103.60, 103.50, 103.62]), np.full(6, -1.58)
    alone = [here.distance_m(lon[i : i + 1], lat[i : i + 1], numbers[i : i + 1])[0] for i in range(6)]
    assert here.distance_m(lon, lat, numbers).tolist() == alone
    assert alone[5] == 0
    assert min(alone[:5]) > 1000
    assert here.distance_m(lon[:0], lat[:0], numbers[:0]).shape == (0,)


def test_within_allows_some_metres_around_all_blocks():
    here = locator()
    east = (
        np.array([99.0, 101.0, 4900.0, 5100.0, -10.0]) / pyproj.Geod(ellps="WGS84").inv(103.74, -1.59, 103.75, -1.59)[2]
    )
    lon, lat = np.append(103.74 + east * 0.01, np.nan), np.full(6, -1.59)
    assert here.within(lon, lat, 100.0).tolist() == [True, False, False, False, True, False]
    assert here.within(lon, lat, 5000.0).tolist() == [True, True, True, False, True, False]
    assert here.within(lon, lat, 0.0).tolist() == [False, False, False, False, True, False]


def test_distance_to_no_block_is_not_a_number():
    here = locator()
    empty = 10 + list(BLOCKS).index("11")
    lon, lat = np.array([103.6, 103.6, np.nan, 103.6]), np.full(4, -1.6)
    assert np.isnan(here.distance_m(lon, lat, np.array([0, 999, 10, empty], np.int32))).all()
