"""Programme sites: every plant can be proved by geometry, the others stand where they should; files tell no plant."""

import csv
import json
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely import LineString, Point

from app.demo.city import City
from app.demo.sites import PLANTED, PROGRAMMES, Site, draw_sites, unserved
from app.demo.terrain import distances_m
from app.demo.welfare import REASONS, Welfare, draw
from app.demo.welfare_files import SCORES, SITES_MAP, SITES_TABLE, truth, write
from geo.errors import BadInput
from tests.app.demo.town import squares


@pytest.fixture(scope="module")
def city() -> City:
    return squares()


@pytest.fixture(scope="module")
def welfare(city: City) -> Welfare:
    return draw(city)


@pytest.fixture(scope="module")
def sites(city: City, welfare: Welfare) -> list[Site]:
    return draw_sites(city, welfare)


@cache
def drawn_with(seed: int) -> tuple[Welfare, list[Site]]:
    town = squares()
    welfare = draw(town, seed)
    return welfare, draw_sites(town, welfare, seed)


def away(site: Site, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    return distances_m(site.lon, site.lat, lon, lat)


def poor_doors(city: City, welfare: Welfare) -> tuple[np.ndarray, np.ndarray]:
    return city.families.lon[welfare.poor], city.families.lat[welfare.poor]


def test_every_programme_has_simulated_sites(sites: list[Site]) -> None:
    assert (
        {site.programme for site in sites} == {"Sembako", "PKH", "PBI-JKN", "Puskesmas"} == {p.code for p in PROGRAMMES}
    )
    assert [site.site_id for site in sites] == [f"SIM-S{i:04d}" for i in range(1, len(sites) + 1)]
    assert all("Simulasi" in site.name and site.capacity >= 10 for site in sites)
    assert len({site.name for site in sites}) == len(sites)
    assert {site.planted for site in sites} == set(PLANTED)


@pytest.mark.parametrize("seed", range(4))
def test_most_sites_stand_amid_poor_families(city: City, seed: int) -> None:
    welfare, drawn = drawn_with(seed)
    lon, lat = poor_doors(city, welfare)
    ground = shapely.union_all(city.blocks.outline[city.blocks.kind != 4])
    sensible = [site for site in drawn if site.planted in ("", "over_capacity")]
    assert len(sensible) > len(drawn) / 2
    for site in sensible:
        assert away(site, lon, lat).min() < 200
        assert ground.covers(Point(site.lon, site.lat))
        assert away(site, city.families.lon, city.families.lat).min() > 1  # at nobody's very door


def test_demand_counts_poor_families_nearest_of_the_programme(city: City, welfare: Welfare, sites: list[Site]) -> None:
    lon, lat = poor_doors(city, welfare)
    for programme in PROGRAMMES:
        real = [
            s for s in sites if s.programme == programme.code and s.planted not in ("duplicate", "impossible_place")
        ]
        nearest = np.argmin([away(site, lon, lat) for site in real], axis=0)
        counted = np.bincount(nearest, minlength=len(real))
        assert np.abs(counted - [site.demand for site in real]).max() <= 1  # a tie of centimetres may fall either way


@pytest.mark.parametrize("seed", range(4))
def test_capacity_is_short_where_planted_and_nowhere_else(seed: int) -> None:
    drawn = drawn_with(seed)[1]
    over = [site for site in drawn if site.planted == "over_capacity"]
    assert over
    assert all(site.demand >= 60 and site.capacity <= 0.6 * site.demand for site in over)
    assert all(site.capacity >= 1.3 * site.demand for site in drawn if site.planted in ("", "badly_placed"))


@pytest.mark.parametrize("seed", range(4))
def test_badly_placed_sites_are_far_from_the_poor_or_behind_the_river(city: City, seed: int) -> None:
    welfare, drawn = drawn_with(seed)
    lon, lat = poor_doors(city, welfare)
    bad = [site for site in drawn if site.planted == "badly_placed"]
    ways = {site.why.split(":")[0] for site in bad}
    assert ways == {"far", "across_river"}
    known = {cluster.id: cluster for cluster in welfare.clusters}
    for site in bad:
        if site.why == "far":
            assert away(site, lon, lat).min() >= 399
        else:
            cluster = known[site.why.split(":")[1]]
            way = LineString([(site.lon, site.lat), (cluster.lon, cluster.lat)])
            assert way.intersection(city.water[0]).length * 110_574 >= 59
            assert away(site, np.array([cluster.lon]), np.array([cluster.lat]))[0] < 2_600
        assert shapely.intersects(city.blocks.outline, Point(site.lon, site.lat)).any()


@pytest.mark.parametrize("seed", range(4))
def test_duplicates_are_the_only_pairs_so_near(seed: int) -> None:
    drawn = drawn_with(seed)[1]
    by_id = {site.site_id: site for site in drawn}
    pairs = set()
    for one in drawn:
        for other in drawn:
            same = one.site_id < other.site_id and one.programme == other.programme
            if same and away(one, np.array([other.lon]), np.array([other.lat]))[0] <= 30:
                pairs.add(frozenset((one.site_id, other.site_id)))
    planted = [site for site in drawn if site.planted == "duplicate"]
    assert planted
    assert pairs == {frozenset((site.site_id, site.why)) for site in planted}
    for site in planted:
        assert site.name == f"{by_id[site.why].name} B"
        assert site.capacity == by_id[site.why].capacity


@pytest.mark.parametrize("seed", range(4))
def test_impossible_places_are_in_the_river_and_outside(city: City, seed: int) -> None:
    placed = {s.why: s for s in drawn_with(seed)[1] if s.planted == "impossible_place"}
    assert set(placed) == {"river", "outside"}
    river = Point(placed["river"].lon, placed["river"].lat)
    assert city.water[0].contains(river)
    assert city.water[0].boundary.distance(river) * 110_574 > 15
    outside = Point(placed["outside"].lon, placed["outside"].lat)
    assert shapely.distance(city.blocks.outline, outside).min() * 110_574 > 2_000


@pytest.mark.parametrize("seed", range(6))
def test_exactly_one_cluster_has_no_site_within_a_kilometre(city: City, seed: int) -> None:
    welfare, drawn = drawn_with(seed)
    lon, lat = np.array([site.lon for site in drawn]), np.array([site.lat for site in drawn])
    without = unserved(welfare, drawn)
    assert len(without) == 1
    assert truth(welfare, drawn)["clusters_without_site"] == without
    for number, cluster in enumerate(welfare.clusters):
        inside = welfare.cluster == number
        if cluster.id in without:
            doors = zip(city.families.lon[inside], city.families.lat[inside], strict=True)
            assert min(distances_m(x, y, lon, lat).min() for x, y in doors) > 1_000
        else:
            assert distances_m(cluster.lon, cluster.lat, lon, lat).min() < cluster.radius_m


def test_a_town_without_room_has_no_unserved_cluster_and_says_so() -> None:
    small = squares(4, seed=1)
    welfare = draw(small)
    drawn = draw_sites(small, welfare)
    assert truth(welfare, drawn)["clusters_without_site"] == []
    assert {site.programme for site in drawn} == {p.code for p in PROGRAMMES}


def test_the_seed_decides(city: City, welfare: Welfare, sites: list[Site]) -> None:
    assert draw_sites(city, welfare, city.seed) == sites
    assert draw_sites(city, welfare, city.seed + 1) != sites


def test_the_truth_is_plain_json_and_complete(city: City, welfare: Welfare, sites: list[Site]) -> None:
    told = truth(welfare, sites)
    assert json.loads(json.dumps(told)) == told
    assert told["simulated"] is True
    assert [c["id"] for c in told["clusters"]] == [c.id for c in welfare.clusters]
    assert all(len(cell) == 15 for c in told["clusters"] for cell in c["cells"])
    odd = told["outlier_forum"]
    assert odd["block"] == welfare.outlier
    assert odd["moved_poorer"] >= 0.85 * odd["families"]
    assert odd["moved_richer"] == 0
    assert {s["site_id"]: s["planted"] for s in told["planted_sites"]} == {
        s.site_id: s.planted for s in sites if s.planted
    }
    moved = told["consultation"]["moved_poorer"] + told["consultation"]["moved_richer"]
    assert moved == (welfare.before != welfare.after).sum()


def rows_of(path: Path) -> list[dict[str, str]]:
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_files_say_what_was_drawn_and_that_it_is_simulated(
    city: City, welfare: Welfare, sites: list[Site], tmp_path: Path
) -> None:
    ids = ["" if i % 10 == 0 else f"SIM-{i:06d}" for i in range(len(city.families))]
    write(tmp_path, city, welfare, sites, ids)
    kept = np.array([i for i, household in enumerate(ids) if household])
    said = ("field_status", "consultation", "scores", "sites")
    read = {name: rows_of(tmp_path / f"{name}_simulated.csv") for name in said}
    columns: dict[str, dict[str, list[str]]] = {name: defaultdict(list) for name in read}
    for name, rows in read.items():
        assert {row["is_simulated"] for row in rows} == {"true"}
        for row in rows:
            for column, value in row.items():
                columns[name][column].append(value)
    for name in ("field_status", "consultation", "scores"):
        assert columns[name]["household_id"] == [ids[i] for i in kept]
    assert columns["field_status"]["field_status"] == [str(v) for v in welfare.status[kept]]
    heard = columns["consultation"]
    assert heard["block"] == [city.blocks.code[b] for b in city.families.block[kept]]
    assert heard["before"] == [str(v) for v in welfare.before[kept]]
    assert heard["after"] == [str(v) for v in welfare.after[kept]]
    assert heard["reason"] == [REASONS[v] for v in welfare.reason[kept]]
    assert columns["scores"]["rank"] == [str(v) for v in welfare.rank[kept]]
    assert columns["scores"]["decile"] == [str(v) for v in welfare.decile[kept]]
    assert np.abs(np.array(columns["scores"]["score"], float) - welfare.score[kept]).max() < 0.001
    assert [(float(row["lon"]), float(row["lat"])) for row in read["sites"]] == [(s.lon, s.lat) for s in sites]


def test_the_files_of_sites_tell_no_plant(city: City, welfare: Welfare, sites: list[Site], tmp_path: Path) -> None:
    write(tmp_path, city, welfare, sites, [""] * len(city.families))
    assert rows_of(tmp_path / SCORES) == []
    drawn = json.loads((tmp_path / SITES_MAP).read_text(encoding="utf-8"))
    assert drawn["type"] == "FeatureCollection"
    assert drawn["simulated"] is True
    assert [f["geometry"]["coordinates"] for f in drawn["features"]] == [[s.lon, s.lat] for s in sites]
    assert [f["properties"]["capacity"] for f in drawn["features"]] == [s.capacity for s in sites]
    told = {key for f in drawn["features"] for key in f["properties"]} | set(rows_of(tmp_path / SITES_TABLE)[0])
    assert not told & {"planted", "why", "demand"}
    assert all(f["properties"]["is_simulated"] for f in drawn["features"])


def test_ids_must_match_the_families(city: City, welfare: Welfare, sites: list[Site], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="as many household ids"):
        write(tmp_path, city, welfare, sites, ["SIM-1"])
    assert list(tmp_path.iterdir()) == []
