"""What an inspection finds in real, messy and hand-made boundaries, and what repair makes of them."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod
from shapely import GeometryCollection, LineString, MultiPolygon, Point, Polygon, box

from geo.errors import BadInput
from geo.ground import outlines
from geo.ground.inspection import Inspection, inspect
from geo.ground.problems import BLOCKING, NOTES
from geo.ground.sources import read_areas

STEP = 0.01  # degrees, about 1.1 km


@pytest.fixture(scope="module")
def shared() -> Path:
    root = Path(os.environ.get("CAKUPAN_SHARED", Path(__file__).parents[4] / "shared")) / "data"
    if not root.is_dir():
        pytest.skip("the shared trial data is not on this machine (CAKUPAN_SHARED)")
    return root


def square(column: float, row: float = 0, size: float = 1) -> Polygon:
    west, south = 117 + column * STEP, row * STEP
    return box(west, south, west + size * STEP, south + size * STEP)


def villages(*shapes: Any, codes: list[Any] | None = None, **columns: list[Any]) -> gpd.GeoDataFrame:
    """Villages 6472010001, 6472010002, … of one district."""
    numbered = [f"647201000{number}" for number in range(1, len(shapes) + 1)]
    return gpd.GeoDataFrame({"village_code": codes or numbered, **columns}, geometry=list(shapes), crs=4326)


REAL: list[tuple[list[tuple[str, str]], dict[str, int], dict[str, int]]] = [
    ([("village", "boundaries/samarinda_villages.geojson")], {}, {"district": 10, "village": 59}),
    (
        [("district", "boundaries/samarinda_districts.geojson"), ("village", "boundaries/samarinda_villages.geojson")],
        {},
        {"district": 10, "village": 59},
    ),
    (
        [
            ("district", "boundaries/kota_jambi_districts.geojson"),
            ("village", "boundaries/kota_jambi_villages.geojson"),
        ],
        {},
        {"district": 11, "village": 62},
    ),
    (
        [("village", "boundaries/bekasi_villages.geojson"), ("district", "boundaries/bekasi_districts.geojson")],
        {},
        {"district": 23, "village": 187},
    ),
    (
        [("village", "boundaries/jambi_province_villages.gpkg")],
        {"uninhabited": 3},
        {"regency": 11, "district": 143, "village": 1565},
    ),
    (
        [("village", "boundaries/kepri_villages.gpkg")],
        {"uncovered": 1, "uninhabited": 2},
        {"regency": 7, "district": 70, "village": 418},
    ),
    ([("village", "messy/indonesia/bekasi_villages_kemendagri_slivers.geojson")], {"sliver": 1104}, {"village": 187}),
    ([("village", "messy/indonesia/samarinda_villages_kemendagri_slivers.geojson")], {"sliver": 281}, {"village": 59}),
    ([("village", "messy/indonesia/kota_jambi_villages_kemendagri_slivers.geojson")], {"sliver": 296}, {"village": 68}),
    (
        [("regency", "messy/indonesia/kepri_kaltim_regencies_unrepaired.geojson")],
        {"invalid": 10, "overlap": 15, "sliver": 7, "uncovered": 84},
        {},
    ),
    (
        [("block", "jakarta_rw/jakarta_rw_as_published.gpkg")],
        {"invalid": 1, "missing-code": 35, "duplicate-code": 50, "scattered": 11, "sliver": 402, "uncovered": 17},
        {},
    ),
]


@pytest.mark.parametrize(
    ("files", "problems", "areas"), REAL, ids=lambda value: value[-1][1] if value and isinstance(value, list) else ""
)
def test_real_files(
    shared: Path, files: list[tuple[str, str]], problems: dict[str, int], areas: dict[str, int]
) -> None:
    found = inspect([(level, read_areas(shared / name)) for level, name in files])
    assert found.counts() == problems
    assert bool(found.blocking) is not bool(areas)
    levels = Counter(area.level for area in found.areas)
    assert {level: levels[level] for level in areas} == areas
    assert all(area.geometry.geom_type == "MultiPolygon" and area.geometry.is_valid for area in found.areas)
    assert len({(area.level, area.code) for area in found.areas}) == len(found.areas)


def test_sliver_files_hold_the_overlaps_their_packager_counted(shared: Path) -> None:
    for name, pairs in (("bekasi", 329), ("samarinda", 83)):
        frame = read_areas(shared / f"messy/indonesia/{name}_villages_kemendagri_slivers.geojson")
        found = inspect([("village", frame)])
        both = [problem for problem in found.problems if "both claim" in problem.detail]
        assert len(both) == pairs
        assert all(problem.kind == "sliver" and problem.code and problem.other for problem in both)


def test_jakarta_is_imported_once_repaired(shared: Path) -> None:
    frame = read_areas(shared / "jakarta_rw/jakarta_rw_as_published.gpkg")
    assert inspect([("block", frame)]).areas == []
    found = inspect([("block", frame)], repair=True)
    levels = Counter((area.level, area.derived) for area in found.areas)
    assert levels.pop(("block", False)) == 2595
    assert levels == {("village", True): 260, ("district", True): 42, ("regency", True): 5, ("province", True): 1}
    merged = [int(problem.detail.split()[0]) for problem in found.problems if problem.kind == "duplicate-code"]
    assert 2685 - 35 - sum(rows - 1 for rows in merged) == 2595
    area = {area.code: area for area in found.areas}
    assert area["3175030006-RW01"].parent == "3175030006"
    assert area["3175030006"].name == "KEBON BAWANG"
    assert area["3171"].name == "JAKARTA SELATAN"
    assert not [code for code in area if "NAN" in code]
    lost = [change for change in found.changes if change.kind == "missing-code"]
    assert len(lost) == 35
    assert all(change.before_m2 > 0 and change.after_m2 == 0 for change in lost)


def test_derived_outlines_cover_their_children_exactly(shared: Path) -> None:
    found = inspect([("village", read_areas(shared / "boundaries/samarinda_villages.geojson"))])
    given = read_areas(shared / "boundaries/samarinda_districts.geojson").set_index("district_code")
    derived = [area for area in found.areas if area.level == "district"]
    assert len(derived) == 10
    for area in derived:
        assert area.derived
        assert area.name == given.district[area.code]
        assert area.geometry.symmetric_difference(given.geometry[area.code]).area < 1e-9
    assert [(area.code, area.name, area.parent) for area in found.areas[:2]] == [
        ("64", "Kalimantan Timur", None), ("6472", "Kota Samarinda", "64"),
    ]  # fmt: skip


def test_areas_agree_with_the_geodesic(shared: Path) -> None:
    shapes = np.asarray(read_areas(shared / "boundaries/kota_jambi_villages.geojson").geometry)
    geodesic = [abs(Geod(ellps="WGS84").geometry_area_perimeter(shape)[0]) for shape in shapes]
    assert outlines.areas_m2(shapes) == pytest.approx(geodesic, rel=1e-6)


BOW_TIE = Polygon([(117, 0), (117.01, 0.01), (117.01, 0), (117, 0.01)])
NESTED = MultiPolygon([square(0, size=4), square(1, 1)])


@pytest.mark.parametrize(
    ("kind", "frame", "left"),
    [
        ("invalid", villages(BOW_TIE, square(2)), 2),
        ("invalid", villages(NESTED, square(5)), 2),
        ("null-geometry", villages(square(0), None), 1),
        ("empty-geometry", villages(square(0), Polygon()), 1),
        ("not-polygon", villages(square(0), LineString([(117, 0), (118, 0)])), 1),
        ("not-polygon", villages(square(0), Point(117, 0)), 1),
        ("not-polygon", villages(square(0), GeometryCollection([square(1), Point(117, 0)])), 2),
        ("missing-code", villages(square(0), square(1), codes=["6472010001", None]), 1),
        ("missing-code", villages(square(0), square(1), codes=["6472010001", " "]), 1),
        ("duplicate-code", villages(square(0), square(1), codes=["6472010001"] * 2, village=["A", "A"]), 1),
    ],
)
def test_repairable_problems_block_until_repaired(kind: str, frame: gpd.GeoDataFrame, left: int) -> None:
    found = inspect([("village", frame)])
    assert found.counts() == {kind: 1}
    assert [problem.kind for problem in found.blocking] == [kind]
    assert found.areas == []
    assert [change.kind for change in found.changes] == [kind]
    for settled in (inspect([("village", frame)], repair=True), inspect([("village", frame)], accept={kind})):
        assert settled.counts() == {kind: 1}
        assert not settled.blocking
        assert len([area for area in settled.areas if area.level == "village"]) == left
        assert all(area.geometry.is_valid for area in settled.areas)
    assert inspect([("village", frame)], accept=BLOCKING - {kind}).areas == []


def test_repairs_show_the_area_they_change() -> None:
    cell = outlines.areas_m2(np.array([square(0)], dtype=object))[0]
    frame = villages(BOW_TIE, square(2), square(3), square(4), codes=["6472010001", "6472010002", "6472010002", None])
    changes = {change.kind: change for change in inspect([("village", frame)]).changes}
    assert (changes["invalid"].before_m2, changes["invalid"].after_m2) == pytest.approx((0, cell / 2), rel=1e-6, abs=1)
    assert (changes["duplicate-code"].before_m2, changes["duplicate-code"].after_m2) == pytest.approx(
        (2 * cell, 2 * cell)
    )
    assert (changes["missing-code"].before_m2, changes["missing-code"].after_m2) == pytest.approx((cell, 0))


def test_a_place_and_an_area_go_with_every_problem() -> None:
    [problem] = inspect([("village", villages(BOW_TIE))]).problems
    assert (problem.lon, problem.lat) == pytest.approx((117.005, 0.005))
    [problem] = inspect([("village", villages(square(0), square(0.5)))]).problems
    assert (problem.code, problem.other, problem.kind) == ("6472010001", "6472010002", "overlap")
    assert (problem.lon, problem.lat) == pytest.approx((117.0075, 0.005))
    assert problem.area_m2 == pytest.approx(1113.2 / 2 * 1105.7, rel=0.001)


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        (square(1), None),
        (square(1 - 1e-7), None),  # 0.1 m² of rounding
        (square(0.9999), "sliver"),  # 120 m², a hundredth of a per cent
        (square(0.98), "overlap"),  # two per cent, two hectares
        (square(0), "overlap"),  # the same ground twice
        (square(0.2, 0.2, size=0.1), "overlap"),  # one inside the other
        (square(0.995, 0.2, size=0.01), "sliver"),  # half of it, but less than a house plot
    ],
)
def test_overlaps_matter_by_size_and_share(second: Polygon, kind: str | None) -> None:
    found = inspect([("village", villages(square(0), second))])
    assert found.counts() == ({kind: 1} if kind else {})
    assert bool(found.blocking) is (kind == "overlap")
    assert inspect([("village", villages(square(0), second))], accept={"overlap"}).areas


@pytest.mark.parametrize(("width", "kind"), [(0.05, "sliver"), (0.5, "uncovered")])
def test_holes_between_areas_are_notes(width: float, kind: str) -> None:
    hole = square(1.2, 0.2, size=width)
    ring = square(0, size=3).difference(hole)
    west = ring.intersection(square(0, -1, size=1.22))
    east = ring.difference(west)
    found = inspect([("village", villages(west, east))])
    [problem] = found.problems
    assert (problem.kind, problem.code, problem.other) == (kind, "6472010001", "6472010002")
    assert shapely.covers(hole, Point(problem.lon, problem.lat))
    district = next(area for area in found.areas if area.level == "district")
    assert bool(len(district.geometry.geoms[0].interiors)) is (kind == "uncovered")


def test_different_areas_under_one_code_are_not_repaired_away() -> None:
    frame = villages(square(0), square(1), codes=["6472010001"] * 2, village=["Atas", "Bawah"])
    found = inspect([("village", frame)], repair=True)
    assert found.counts() == {"code-conflict": 1}
    assert found.areas == []
    assert "Atas / Bawah" in found.problems[0].detail
    assert inspect([("village", frame)], accept={"code-conflict"}).areas


def test_rows_of_one_code_far_apart_are_merged_with_a_note() -> None:
    found = inspect([("village", villages(square(0), square(3), codes=["6472010001"] * 2))], repair=True)
    assert found.counts() == {"duplicate-code": 1, "scattered": 1}
    village = next(area for area in found.areas if area.level == "village")
    assert len(village.geometry.geoms) == 2
    assert "about 2,2" in next(problem.detail for problem in found.problems if problem.kind == "scattered")


def districts(*codes: str) -> gpd.GeoDataFrame:
    shapes = [square(2 * place, size=2) for place in range(len(codes))]
    return gpd.GeoDataFrame({"district_code": list(codes)}, geometry=shapes, crs=4326)


@pytest.mark.parametrize(
    ("codes", "known", "orphans"),
    [
        (["6472010001", "6472020001"], {}, ["6472020001"]),
        (["6472010001", "6472020001"], {"6472020": "district"}, []),
        (["6472010001", "6472020001"], {"6472020": "village"}, ["6472020001"]),
        (["6472010001", "LAIN"], {}, ["LAIN"]),
    ],
)
def test_orphans_block(codes: list[str], known: dict[str, str], orphans: list[str]) -> None:
    frames = [("district", districts("6472010")), ("village", villages(square(0), square(1), codes=codes))]
    found = inspect(frames, known=known)
    assert [problem.code for problem in found.problems if problem.kind == "orphan"] == orphans
    assert bool(found.areas) is not bool(orphans)
    accepted = inspect(frames, known=known, accept={"orphan"}).areas
    assert {area.code for area in accepted if area.level == "village"} == set(codes)


def test_codes_that_do_not_nest_need_a_column() -> None:
    frame = gpd.GeoDataFrame(
        {"block_id": ["A-RW01", "A-RW02"], "desa": ["Sana", "Sana"], "induk": ["6472010001"] * 2},
        geometry=[square(0), square(1)],
        crs=4326,
    )
    assert inspect([("block", frame)]).counts() == {"orphan": 2}
    found = inspect([("block", frame)], columns={"parent": "induk"})
    assert [(area.level, area.code, area.name, area.parent) for area in found.areas] == [
        ("province", "64", "64", None),
        ("regency", "6472", "6472", "64"),
        ("district", "6472010", "6472010", "6472"),
        ("village", "6472010001", "Sana", "6472010"),
        ("block", "A-RW01", "A-RW01", "6472010001"),
        ("block", "A-RW02", "A-RW02", "6472010001"),
    ]


def test_parents_the_edition_has_are_not_made_again() -> None:
    found = inspect([("village", villages(square(0)))], known={"6472010": "district"})
    assert [(area.level, area.code, area.parent) for area in found.areas] == [("village", "6472010001", "6472010")]


@pytest.mark.parametrize(("shift", "kinds"), [(0, {}), (1e-5, {}), (0.5, {"outside-parent": 1})])
def test_children_lie_inside_their_parents(shift: float, kinds: dict[str, int]) -> None:
    found = inspect([("district", districts("6472010")), ("village", villages(square(1 + shift)))])
    assert found.counts() == kinds
    assert bool(found.areas) is not bool(kinds)


def test_lakes_and_forests_are_marked_up_to_districts_that_hold_nothing_else() -> None:
    codes = ["1501091888", "1501091001", "1501888888", "1506999999"]
    found = inspect([("village", villages(*(square(place) for place in range(4)), codes=codes))])
    assert found.counts() == {"uninhabited": 3}
    assert [area.code for area in found.areas if area.uninhabited] == [
        "1506", "1501888", "1506999", "1501091888", "1501888888", "1506999999",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"frames": [("hamlet", villages(square(0)))]}, "no-such-level"),
        ({"frames": [("village", villages(square(0)))] * 2}, "level-twice"),
        ({"frames": [("village", villages(square(0)))], "accept": {"sliver"}}, "no-such-problem"),
        ({"frames": [("village", villages(square(0)))], "columns": {"code": "none"}}, "no-such-column"),
        ({"frames": [("village", villages(square(0)).rename(columns={"village_code": "x"}))]}, "no-code-column"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(BadInput) as error:
        inspect(**arguments)
    assert error.value.code == code


def test_a_frame_of_nothing_usable_is_reported_not_imported() -> None:
    found = inspect([("village", villages(None, Point(117, 0)))], repair=True)
    assert found.counts() == {"not-polygon": 1, "null-geometry": 1}
    assert found.areas == []


def test_kinds_are_either_blocking_or_notes() -> None:
    assert not BLOCKING & NOTES
    assert Inspection().blocking == []


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("messy/mapshaper/ex10_bowtie.json", {"not-polygon": 1}),
        ("messy/mapshaper/ex1_invalid_rings.json", {"invalid": 1}),
        ("messy/gdal/geometrycollection.geojson", {"not-polygon": 1}),
        ("messy/mapshaper/six_counties_three_null.json", {"null-geometry": 3}),
        ("messy/gdal/ogr_geojson_14.geojson", {"null-geometry": 17}),
    ],
)
def test_other_projects_messy_files(shared: Path, name: str, problems: dict[str, int]) -> None:
    frame = read_areas(shared / name)
    frame["row"] = [f"V{row}" for row in range(len(frame))]
    frame["in"] = "6472010"
    counts = inspect([("village", frame)], columns={"code": "row", "parent": "in"}, repair=True).counts()
    assert {kind: counts[kind] for kind in problems} == problems
