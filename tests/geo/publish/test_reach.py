"""Classes of distance, what comes to each site, and how full it is: exact sums of leaves."""

import numpy as np
import pytest

from geo.errors import BadInput
from geo.publish import published, reach
from geo.publish.leaves import UNKNOWN, Leaves
from geo.publish.reach import CLASSES, LIMITS_KM, NO_CLASS, NOWHERE, Places

#: A degree of latitude on the sphere.
DEGREE_KM = np.pi * reach.EARTH_KM / 180
HERE = (117.15, -0.5)


def leaves_at(north_km: list[float], **columns: list[int]) -> Leaves:
    """Leaves so many kilometres north of HERE, of 40 families, 10 of them poor, with a draw, 40 expected."""
    many = len(north_km)
    usual = {"n": [40] * many, "value": [10] * many, "draws": [1] * many, "expected": [40] * many}
    told = {name: np.array(column, np.int64) for name, column in (usual | columns).items()}
    key = np.arange(1, many + 1)
    lon, lat = np.full(many, HERE[0]), HERE[1] + np.array(north_km) / DEGREE_KM
    return Leaves("block", 0, key, key, lon, lat, **told)


def places_at(*sites: tuple[str, str, float, int]) -> Places:
    """Sites of (id, programme, kilometres north of HERE, capacity)."""
    ids, programmes, north, room = zip(*sites, strict=True) if sites else ((), (), (), ())
    lat = HERE[1] + np.array(north, float) / DEGREE_KM
    return Places(tuple(ids), tuple(programmes), np.full(len(ids), HERE[0]), lat, np.array(room, np.int64))


def test_a_distance_is_a_great_circle() -> None:
    one, other = places_at(("a", "p", 0, 1)), places_at(("b", "p", 7.25, 1))
    assert reach.kilometres(reach.chords2(one, other, slice(None))) == pytest.approx(7.25, abs=1e-9)
    jakarta = Places(("j",), ("p",), np.array([106.8272]), np.array([-6.1754]), np.array([1]))
    samarinda = Places(("s",), ("p",), np.array([117.1536]), np.array([-0.5022]), np.array([1]))
    spherical = np.degrees(np.arccos(
        np.sin(np.radians(-6.1754)) * np.sin(np.radians(-0.5022))
        + np.cos(np.radians(-6.1754)) * np.cos(np.radians(-0.5022)) * np.cos(np.radians(117.1536 - 106.8272))
    )) * DEGREE_KM  # fmt: skip
    assert reach.kilometres(reach.chords2(jakarta, samarinda, slice(None))) == pytest.approx(spherical, rel=1e-9)


def test_classes_meet_at_their_bounds() -> None:
    north = [0, 0.999, 1.001, 1.999, 2.001, 4.999, 5.001, 9.999, 10.001, 80]
    found = reach.classes(leaves_at(north), places_at(("a", "p", 0, 1)))
    assert [CLASSES[i] for i in found.tolist()] == [
        "<1", "<1", "1-2", "1-2", "2-5", "2-5", "5-10", "5-10", ">10", ">10",
    ]  # fmt: skip
    assert [int(reach.within(found, km).sum()) for km in LIMITS_KM] == [2, 4, 6, 8]
    with pytest.raises(BadInput) as refused:
        reach.within(found, 3)
    assert refused.value.code == "bad-km"


def test_without_a_site_there_is_no_class() -> None:
    leaves = leaves_at([0, 1])
    assert reach.classes(leaves, places_at()).tolist() == [NO_CLASS] * 2
    assert reach.nearest(leaves, places_at()).tolist() == [NOWHERE] * 2
    assert not reach.within(reach.classes(leaves, places_at()), 10).any()
    assert len(reach.loads(leaves, places_at())) == 0


def test_of_equally_near_sites_the_smaller_id_is_nearest() -> None:
    places = places_at(("S-2", "p", 1, 1), ("S-10", "p", 1, 1), ("S-0", "p", 4, 1))
    assert [places.ids[i] for i in reach.nearest(leaves_at([0, 1, 3.9]), places)] == ["S-10", "S-10", "S-0"]


def test_the_nearest_is_found_in_parts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    leaves = leaves_at(rng.uniform(0, 30, 200).tolist())
    places = places_at(*[(f"{i:02d}", "p", km, 1) for i, km in enumerate(rng.uniform(0, 30, 17))])
    by_hand = np.abs(leaves.lat[:, None] - places.lat[None]).argmin(axis=1)
    assert reach.nearest(leaves, places).tolist() == by_hand.tolist()
    monkeypatch.setattr(reach, "_AT_ONCE", 50)
    assert reach.nearest(leaves, places).tolist() == by_hand.tolist()


def test_sums_are_exact_and_an_unknown_number_stays_unknown() -> None:
    leaves = leaves_at([0, 0.5, 1.5, 3, 40], value=[5, -2, 7, 30, 1], expected=[40, 50, UNKNOWN, 40, 60])
    of = reach.classes(leaves, places_at(("a", "p", 0, 1)))
    sums = reach.reached(leaves, of, len(CLASSES))
    assert sums.value.tolist() == [3, 7, 30, 0, 1]
    assert sums.n.tolist() == [80, 40, 40, 0, 40]
    assert sums.leaves.tolist() == [2, 1, 1, 0, 1]
    assert sums.expected.tolist() == [90, UNKNOWN, 40, 0, 60]
    assert sums.parts(1) == {"n": 40, "value": 7, "draws": 1, "expected": None}
    assert published.figure(sums.parts(0))["poor"] == 3
    left_out = reach.reached(leaves, np.where(of == 0, -1, 0), 1)
    assert left_out.value.tolist() == [38]


def test_demand_is_what_is_shown() -> None:
    leaves = leaves_at([0] * 5, n=[40, 9, 40, 40, 0], value=[-3, 5, 55, 12, 0], draws=[1, 1, 1, 0, 0])
    told = [published.figure({"n": n, "value": v, "draws": d, "expected": None})["poor_shown"] for n, v, d in
            zip(leaves.n.tolist(), leaves.value.tolist(), leaves.draws.tolist(), strict=True)]  # fmt: skip
    assert reach.demand(leaves).tolist() == [shown or 0 for shown in told] == [0, 0, 40, 0, 0]


def test_a_site_bears_the_leaves_nearest_to_it_of_its_programme() -> None:
    leaves = leaves_at([0, 1, 2, 9], value=[1, 2, 4, 8])
    places = places_at(("b", "PKH", 2, 1), ("a", "PKH", 0, 1), ("c", "Sembako", 1, 1))
    assert reach.loads(leaves, places).value.tolist() == [12, 3, 15]
    assert reach.loads(leaves, places, 2).value.tolist() == [4, 3, 7]
    assert reach.loads(leaves, places, 2).leaves.tolist() == [1, 2, 3]
    with pytest.raises(BadInput):
        reach.loads(leaves, places, 7)


def test_a_site_is_over_only_beyond_the_noise() -> None:
    # The ± of one draw is 5.9.
    leaves = leaves_at([0, 0, 20, 40, 60, 80], value=[50, 50, 100, 100, 100, 100],
                       n=[200, 200, 400, 400, 400, 100], expected=[200, 200, 400, 400, 400, 400],
                       draws=[2, 2, 1, 1, 0, 1])  # fmt: skip
    places = places_at(
        ("a", "p", 0, 88), ("b", "p", 20, 94), ("c", "p", 40, 106), ("d", "p", 60, 10), ("e", "p", 80, 50)
    )
    assert reach.fullness(reach.loads(leaves, places), places.capacity) == ("over", "over", "within", "unknown", "over")
    roomier = np.array([89, 95, 105, 10, 500])
    assert reach.fullness(reach.loads(leaves, places), roomier) == ("near", "near", "near", "unknown", "unknown")
    nobody_knows = np.full(5, UNKNOWN)
    assert set(reach.fullness(reach.loads(leaves, places), nobody_knows)) == {"unknown"}
    far = places_at(("a", "p", 500, 0))
    assert reach.fullness(reach.loads(leaves, far, 1), far.capacity) == ("within",)


def test_overlap_divides_the_leaves_among_sets_of_programmes() -> None:
    leaves = leaves_at([0, 1.5, 5, 50], value=[1, 2, 4, 8])
    places = places_at(("a", "PKH", 0, 1), ("b", "Sembako", 1, 1), ("c", "PBI", 5, 1))
    names, sums = reach.overlap(leaves, places, 2)
    assert names == [("PKH", "Sembako"), ("PBI",), ()]
    assert sums.value.tolist() == [3, 4, 8]
    assert reach.overlap(leaves, places_at(), 2)[0] == [()]
    assert reach.overlap(leaves_at([]), places, 2)[0] == []


def test_a_cluster_is_without_a_site_if_no_leaf_of_it_has_one() -> None:
    leaves = leaves_at([0, 1.5, 3, 30])
    places = places_at(("a", "PKH", 0, 1), ("b", "Sembako", 30.5, 1))
    found = reach.cluster_reach(leaves, places, [np.array([0, 1]), np.array([1, 2]), np.array([3])])
    assert found.programmes == ("PKH", "Sembako")
    assert [[CLASSES[i] for i in row] for row in found.nearest] == [["<1", ">10"], ["1-2", ">10"], [">10", "<1"]]
    assert found.without_site(1).tolist() == [[False, True], [True, True], [True, False]]
    assert found.without_site(2)[:, 0].tolist() == [False, False, True]
    assert found.all_within(2)[:, 0].tolist() == [True, False, False]
