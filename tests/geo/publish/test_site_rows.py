"""Rows of sites: what is understood of a file, what is refused and why, and what is no list of sites at all."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely

from geo.errors import BadInput
from geo.ground.areas import Ground, Tree
from geo.ground.campaign import Campaign
from geo.ground.cells import centres, index
from geo.ground.locate import Locator, owner_ranges
from geo.intake.reasons import Fault, Reason
from geo.publish.site_doubts import Settled, SiteDoubt, doubts_of, numbers
from geo.publish.site_rows import Limits, Misfit, SiteReason, Wanted, columns_of, judge, made_id, named
from geo.publish.sites import Site
from geo.scope import OPERATOR, Scope

WEST, SOUTH, SIDE = 117.14, -0.51, 0.004
LOCAL = Scope(7, "dinsos", "local_government", ((1, 1),))
CODE = "6472030505900001"  # looks like a national number, and is the code of a block
METRE = 1 / 111_195


@pytest.fixture(scope="module")
def ground() -> Ground:
    """Two blocks side by side, 55 m apart: a river runs between them."""
    shapes = np.array(
        [shapely.MultiPolygon([shapely.box(w, SOUTH, w + SIDE, SOUTH + SIDE)]) for w in (WEST, WEST + SIDE + 0.0005)],
        object,
    )
    of, codes = np.array([1, 2], np.int32), [CODE, "B2"]
    locator = Locator(owner_ranges(shapes, of, codes), of, codes, shapes)
    nothing = np.zeros(3)
    tree = Tree("e", "d", np.arange(3, dtype=np.int32), np.zeros(3, np.int32), np.zeros(3, np.int8), ["", *codes],
                ["", "", ""], nothing, nothing, np.zeros((3, 4)), {CODE: [1], "B2": [2]})  # fmt: skip
    campaign: Any = Campaign.__new__(Campaign)
    return Ground(campaign, tree, {CODE: 1, "B2": 2}, locator)


def at(x: float, y: float = 0.5) -> dict[str, Any]:
    return {"lon": WEST + x * SIDE, "lat": SOUTH + y * SIDE}


def judged(ground: Ground, *rows: Any, **limits: Any) -> list[Wanted | Misfit]:
    return judge(rows, named(columns_of(rows), {}), replace(Limits(ground, OPERATOR, "PKH"), **limits))


GOOD = {"site_id": "A", "name": "Pos", **at(0.5)}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (Fault(Reason.MALFORMED, "", "is not JSON"), SiteReason.MALFORMED),
        ([1, 2], SiteReason.MALFORMED),
        ({"name": "Pos", "lon": 117.142}, SiteReason.MISSING),
        ({"lon": 117.142, "lat": -0.508}, SiteReason.MISSING),
        (GOOD | {"lon": "here"}, SiteReason.BAD_PLACE),
        (GOOD | {"lon": float("inf")}, SiteReason.BAD_PLACE),
        (GOOD | {"lon": "516302", "lat": "9943826"}, SiteReason.BAD_PLACE),
        (GOOD | {"lon": GOOD["lat"], "lat": GOOD["lon"]}, SiteReason.SWAPPED),
        (GOOD | {"lon": 0.0, "lat": 0}, SiteReason.NULL_ISLAND),
        (GOOD | {"lon": 118.0}, SiteReason.OUTSIDE),
        (GOOD | {"kapasitas": "-5"}, SiteReason.BAD_CAPACITY),
        (GOOD | {"kapasitas": "many"}, SiteReason.BAD_CAPACITY),
        (GOOD | {"site_id": "a b"}, SiteReason.BAD_ID),
        (GOOD | {"name": "x" * 201}, SiteReason.BAD_TEXT),
        (GOOD | {"name": {"id": 1}}, SiteReason.BAD_TEXT),
        (GOOD | {"alamat": "RT 3, 6472031505900001"}, SiteReason.LOOKS_LIKE_IDENTITY),
        (GOOD | {"kode": 6472031505900001, "site_id": "A"}, SiteReason.LOOKS_LIKE_IDENTITY),
    ],
)
def test_what_is_no_site_is_told_apart(ground: Ground, row: Any, reason: SiteReason) -> None:
    (found,) = judged(ground, row)
    assert isinstance(found, Misfit)
    assert found.reason is reason
    assert "6472031505900001" not in found.said


def test_rows_are_understood_as_offices_write_them(ground: Ground) -> None:
    lon, lat = 117.142, -0.508
    ring = json.dumps({"type": "Polygon", "coordinates": [[[117.141, -0.509], [117.143, -0.509], [117.142, -0.507],
                                                           [117.141, -0.509]]]})  # fmt: skip
    rows = (
        {
            "Nama": " Pos  A ",
            "Program": "pkh",
            "Bujur": "117,142",
            "Lintang": "−0,508",
            "Kapasitas": "120",
            "Jenis": "-",
        },
        {"Nama": "Pos A", "Titik Koordinat": "-0.508, 117.142", "id": 17.0, "desa": CODE},
        {"Nama": "Pos A", "Titik Koordinat": "POINT (117.142 -0.508)", "id": None, "kapasitas": 120.0},
        {
            "Nama": "Pos A",
            "x": "117.14200000000000021",
            "y": -0.508,
            "jauh": 0.6472031505900001,
            "sls": "0.6472031505900001",
        },
        {"id": "node/5", "lon": json.loads(ring), "lat": None},
    )
    found = [judged(ground, row)[0] for row in rows]
    assert all(isinstance(one, Wanted) for one in found), found
    first, second, third, _, fourth = (one for one in found if isinstance(one, Wanted))
    assert (first.programme, first.name, first.kind, first.capacity) == ("pkh", "Pos A", "", 120)
    assert {(one.lon, one.lat, one.block) for one in (first, second, third)} == {(lon, lat, CODE)}
    assert (second.site_id, second.capacity) == ("17", None)
    assert first.site_id == third.site_id == made_id("PKH", "Pos A", lon, lat)
    assert fourth.name == "PKH node/5"
    assert fourth.notices == ("NAME_MADE",)
    assert shapely.from_geojson(ring).contains(shapely.Point(fourth.lon, fourth.lat))


@pytest.mark.parametrize(
    "column",
    ["NIK", "No. KK", "nomor_kk", "household_id", "Nama Kepala Keluarga", "nama krt", "ID DTKS", "id_semesta", "desil",
     "Tanggal Lahir", "nama_penerima_manfaat"],
)  # fmt: skip
def test_a_list_of_families_is_known_by_its_columns(column: str) -> None:
    with pytest.raises(BadInput) as refused:
        named(["name", "lon", "lat", column], {})
    assert refused.value.code == "household-list"


def test_other_columns_are_no_list_of_families() -> None:
    columns = ["nama", "nama kepala puskesmas", "jumlah kk", "kk dilayani", "alamat", "x", "y", "RT", "telepon"]
    assert named(columns, {}) == {"name": "nama", "lon": "x", "lat": "y"}
    assert named(["id", "site_id", "a"], {"name": "a"}) == {"site_id": "site_id", "name": "a"}


def test_a_place_between_blocks_is_its_neighbours_to_bring(ground: Ground) -> None:
    near, far = judged(ground, GOOD | at(1.02), GOOD | {"site_id": "B"} | at(1.12), scope=LOCAL)
    assert isinstance(near, Wanted)
    assert (near.number, near.block) == (1, None)
    assert isinstance(far, Misfit)
    assert far.reason is SiteReason.OUTSIDE_SCOPE


def test_doubts(ground: Ground) -> None:
    def site(name: str, metres: float, programme: str = "PKH", x: float = 0.2) -> Site:
        place = at(x)
        return Site(
            name, programme, "", name.rstrip("0123456789"), place["lon"] + metres * METRE, place["lat"], None, None
        )

    sites = [site("a1", 0), site("b1", 49), site("c1", 0, "Sembako"), site("c2", 60, "Sembako"), site("d1", 150),
             site("e1", 0, "other", 1.06), site("f1", 0, "else", 1.6)]  # fmt: skip
    home = at(0.2)
    lon, lat = centres(index(np.array([home["lon"]]), np.array([home["lat"]]), 10))
    found = doubts_of(sites, ground, Settled(frozenset({2}), lon, lat, 60))
    told = {s.site_id: {(d.doubt, d.other and d.other.site_id) for d in of} for s, of in zip(sites, found, strict=True)}
    twin = SiteDoubt.POSSIBLE_DUPLICATE
    assert told == {
        "a1": {(twin, "b1")},  # nearer than 50 m, one programme
        "b1": {(twin, "a1")},
        "c1": {(twin, "c2")},  # of one name, nearer than 500 m
        "c2": {(twin, "c1")},
        "d1": set(),
        "e1": {(SiteDoubt.BETWEEN_BLOCKS, None)},
        "f1": {(SiteDoubt.UNINHABITED, None), (SiteDoubt.FAR, None)},
    }
    assert numbers(sites, ground).tolist() == [1, 1, 1, 1, 1, 1, 2]
    nothing = np.empty(0)
    unknown = doubts_of(sites, ground, Settled(frozenset(), nothing, nothing, 0))
    assert {d.doubt for of in unknown for d in of} == {twin, SiteDoubt.BETWEEN_BLOCKS}
