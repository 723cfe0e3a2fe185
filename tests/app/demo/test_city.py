import re
from collections import Counter

import numpy as np
import pytest
import shapely

from app.demo import blocks as census
from app.demo import city, facts, land
from app.demo.city import KINDS, City, build
from geo.ground.areas import preorder

#: Metres of a degree, near enough on the equator.
DEGREE = 111_000


@pytest.fixture(scope="module")
def small() -> City:
    return build(scale="small")


@pytest.fixture(scope="module")
def district() -> City:
    return build(scale="district")


@pytest.fixture(scope="module")
def whole() -> City:
    return build(scale="city")


def counts(made: City) -> np.ndarray:
    return np.bincount(made.families.block, minlength=len(made.blocks))


def same(one: City, other: City, codes: list[str]) -> None:
    """The blocks `codes` of two cities have the same outlines, families and buildings."""
    places = [{code: at for at, code in enumerate(made.blocks.code)} for made in (one, other)]
    for code in codes:
        a, b = (place[code] for place in places)
        assert shapely.equals_identical(one.blocks.outline[a], other.blocks.outline[b]), code
        assert one.blocks.kind[a] == other.blocks.kind[b]
        assert one.blocks.gated[a] == other.blocks.gated[b]
        for axis in ("lon", "lat"):
            mine, theirs = getattr(one.families, axis), getattr(other.families, axis)
            assert np.array_equal(mine[one.families_of(a)], theirs[other.families_of(b)])
        mine, theirs = one.buildings.outline[one.buildings_of(a)], other.buildings.outline[other.buildings_of(b)]
        assert len(mine) == len(theirs)
        assert shapely.equals_identical(mine, theirs).all()


def sound(made: City) -> None:
    """What holds for a city of any scale."""
    outlines, families, buildings = made.blocks.outline, made.families, made.buildings
    assert shapely.is_valid(outlines).all()
    assert shapely.coverage_is_valid(outlines)  # no overlaps, and edges that match corner by corner
    assert sorted(made.blocks.code) == made.blocks.code
    assert all(re.fullmatch(r"\d{10}-SIM\d{3}", code) for code in made.blocks.code)
    assert all(row.geometry.is_valid and not row.uninhabited for row in made.areas)
    assert len(preorder(made.areas)) == len(made.areas)
    assert (np.diff(families.block) >= 0).all()
    assert (np.diff(buildings.block) >= 0).all()
    assert np.array_equal(buildings.block[families.building], families.block)
    assert np.array_equal(np.unique(families.building), np.arange(len(buildings)))  # nobody's house is not there
    assert shapely.contains_xy(outlines[families.block], families.lon, families.lat).all()
    assert shapely.contains(outlines[buildings.block], buildings.outline).all()
    doors = shapely.points(families.lon, families.lat)
    assert shapely.distance(doors, buildings.outline[families.building]).max() < 2 / DEGREE
    assert not shapely.STRtree(doors).query(made.water, predicate="intersects").size
    assert (counts(made) == 0).tolist() == (made.blocks.kind == KINDS.index("empty")).tolist()
    assert 0.66 <= len(buildings) / len(families) <= 0.89


def test_codes_and_names_of_samarinda_are_the_real_ones():
    assert len(facts.DISTRICTS) == 10
    assert len(facts.VILLAGES) == 59
    assert {village.district for village in facts.VILLAGES} == set(facts.DISTRICTS)
    assert facts.DISTRICTS["6472021"] == "Samarinda Kota"
    names = {village.code: village.name for village in facts.VILLAGES}
    assert names["6472030007"] == "Tenun Samarinda"
    assert sum(village.families for village in facts.VILLAGES) == facts.CITY_FAMILIES


def test_made_up_villages_say_so_and_have_codes_of_their_own():
    for regency in facts.REGENCIES:
        villages = facts.villages_of(regency)
        codes = [village.code for village in villages]
        assert codes == sorted(set(codes))
        if regency.code != facts.SAMARINDA:
            assert all(re.fullmatch(regency.code + r"9\d{5}", code) for code in codes)
            assert all("Simulasi" in village.name for village in villages)
            assert all("Simulasi" in facts.district_name(village.district) for village in villages)
            assert sum(village.families for village in villages) == pytest.approx(regency.families, rel=0.01)


def test_kinds_of_blocks_are_those_of_the_contract():
    places = (census.KAMPUNG, census.ESTATE, census.FLAT, census.COUNTRY, census.EMPTY)
    assert [KINDS[place] for place in places] == ["kampung", "estate", "flats", "rural", "empty"]


def test_degrees_and_metres_undo_each_other():
    plane = land.Plane(117.15, -0.5)
    metres = np.array([[0.0, 0.0], [12_345.6, -6_543.2]])
    assert np.allclose(plane.to_metres(plane.to_degrees(metres)), metres, atol=1e-6)
    assert plane.to_degrees(np.array([[1113.2, 0.0]]))[0, 0] == pytest.approx(117.16, abs=1e-5)


def test_the_same_seed_makes_the_same_city(small: City):
    again = build(scale="small")
    same(small, again, small.blocks.code)
    assert [row.code for row in small.areas] == [row.code for row in again.areas]
    assert shapely.equals_identical(small.streets, again.streets).all()


def test_another_seed_makes_another_city(small: City):
    other = build(seed=23, scale="small")
    assert not np.array_equal(small.families.lon, other.families.lon)
    sound(other)


def test_small_is_a_village_by_the_water(small: City):
    sound(small)
    assert 8 <= (counts(small) > 0).sum() <= 10
    assert len(small.families) == pytest.approx(800, rel=0.1)
    assert len(small.water)
    levels = Counter(row.level for row in small.areas)
    assert levels == {"province": 1, "regency": 1, "district": 1, "village": 1, "block": len(small.blocks)}
    names = [row.name for row in small.areas[:2]]
    assert names == ["Kalimantan Timur (simulasi)", "Kota Samarinda (simulasi)"]


def test_small_is_part_of_district(small: City, district: City):
    same(small, district, small.blocks.code)


def test_district_spans_both_banks(district: City):
    sound(district)
    assert 25_000 <= len(district.families) <= 30_000
    assert [row.name for row in district.areas if row.level == "district"] == ["Samarinda Kota", "Samarinda Seberang"]
    regency = next(row for row in district.areas if row.level == "regency")
    assert len(regency.geometry.geoms) == 1  # the river between belongs to it
    assert set(district.blocks.kind.tolist()) == set(range(len(KINDS)))
    assert district.blocks.gated.any()
    assert (district.blocks.kind[district.blocks.gated] == KINDS.index("estate")).all()


def test_areas_above_are_made_of_the_blocks(district: City):
    outlines = {row.code: row.geometry for row in district.areas}
    for row in district.areas:
        assert row.derived == (row.level != "block")
        if row.parent is not None and row.level != "block":
            assert outlines[row.parent].covers(row.geometry)
    blocks = shapely.area(district.blocks.outline).sum()
    assert outlines["64"].area == pytest.approx(blocks, rel=1e-9)


def test_streets_and_buildings_are_of_a_likely_size(district: City):
    lengths = shapely.length(district.streets) * DEGREE
    assert np.median(lengths) > 30
    assert lengths.max() < 1_500
    assert shapely.get_type_id(district.streets).tolist() == [1] * len(district.streets)
    low, high = np.quantile(district.buildings.area_m2, [0.05, 0.95])
    assert 30 < low < high < 150
    sizes = shapely.area(district.buildings.outline) * DEGREE**2
    assert np.allclose(sizes, district.buildings.area_m2, rtol=0.02)
    first, second = shapely.STRtree(district.buildings.outline).query(district.buildings.outline, predicate="overlaps")
    assert len(first) / 2 < 0.001 * len(district.buildings)
    assert len(second) == len(first)


@pytest.mark.parametrize("seed", [1, 7])
def test_other_seeds_make_sound_ground(seed: int):
    """The whole city's ground fits together, whatever the bends; houses are left out."""
    regency = next(r for r in facts.REGENCIES if r.code == facts.SAMARINDA)
    ground = land.lay_out(regency, seed)
    plots = [census.plots(ground, village, seed) for village in range(len(ground.villages))]
    outlines = census.stitch([ring for plot in plots for ring in plot.rings], ground)
    assert shapely.is_valid(outlines).all()
    assert shapely.coverage_is_valid(outlines)


@pytest.mark.slow
def test_the_city_has_the_numbers_of_the_domain(whole: City):
    sound(whole)
    assert len(whole.families) == pytest.approx(259_000, rel=0.03)
    assert len(whole.blocks) == pytest.approx(2_850, rel=0.06)
    families = counts(whole)
    low, middle, high = np.quantile(families, [0.25, 0.5, 0.75])
    assert (low, middle, high) == (pytest.approx(72, abs=4), pytest.approx(91, abs=3), pytest.approx(111, abs=4))
    assert 150 <= families.max() <= 175
    assert (families == 0).mean() == pytest.approx(0.06, abs=0.015)
    estates = whole.blocks.kind == KINDS.index("estate")
    assert whole.blocks.gated[estates].mean() == pytest.approx(0.25, abs=0.06)
    levels = Counter(row.level for row in whole.areas)
    assert (levels["district"], levels["village"]) == (10, 59)


@pytest.mark.slow
def test_district_is_part_of_the_city(district: City, whole: City):
    same(district, whole, district.blocks.code)


@pytest.mark.slow
def test_regencies_of_the_province_lie_apart(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(city.houses, "settle", _nobody)
    made = build(scale="province")
    regencies = [row.geometry for row in made.areas if row.level == "regency"]
    assert len(regencies) == 10
    assert not any(a.intersects(b) for i, a in enumerate(regencies) for b in regencies[:i])
    assert shapely.is_valid(made.blocks.outline).all()
    assert shapely.coverage_is_valid(made.blocks.outline)
    assert all(row.geometry.is_valid for row in made.areas)


def _nobody(*_: object) -> city.houses.Homes:
    none, numbers = np.empty((0, 2)), np.empty(0, np.int32)
    corners, lanes = np.empty((0, 4, 2)), np.empty((0, 2, 2))
    return city.houses.Homes(numbers, corners, np.empty(0, np.float32), numbers, none, lanes, numbers)
