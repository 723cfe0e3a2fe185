"""Jakarta: neighbourhoods as published with their dirt, and real residential buildings standing for households.

The second count reads the same files with geopandas alone.
"""

import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import h3
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from app.database import Logins
from geo.publish.placing import Demand
from tests.real.conftest import Get, Run
from tests.real.printed import table
from tests.real.reaching import PERSONS, City, listed
from tests.real.test_guides import table as guide_table

READING = ("--where", "type=Residential", "--key", "id", "--source", "osm-2012", "--set", "result=completed")


@pytest.fixture(scope="module")
def published(shared: Path) -> Any:
    return gpd.read_file(shared / "jakarta_rw" / "jakarta_rw_as_published.gpkg")


@pytest.fixture(scope="module")
def buildings(shared: Path) -> Any:
    """Residential ones, as points."""
    found = gpd.read_parquet(shared / "jakarta_rw" / "jakarta_osm_buildings_points.parquet")
    return found[found["type"] == "Residential"].reset_index(drop=True)


@pytest.fixture(scope="module")
def neighbourhoods(published: Any) -> Any:
    """Rows that have a number, mended, one a code; in order of codes."""
    numbered = published[published["rw"].notna()]
    mended = numbered.assign(geometry=numbered.geometry.make_valid())
    return mended.dissolve("block_id").reset_index()[["block_id", "geometry"]].sort_values("block_id")


@pytest.fixture(scope="module")
def walked(cakupan: Run, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the commands of the guide printed, by command; beside it the report of the first."""
    file = shared / "jakarta_rw" / "jakarta_rw_as_published.gpkg"
    report = tmp_path_factory.mktemp("jakarta") / "problems.csv"
    return {
        "report": str(report),
        "blocked": cakupan("areas", "import", file, "--edition", "rw_2012", "--report", report, exit_code=1),
        "areas": cakupan("areas", "import", file, "--edition", "rw_2012", "--repair"),
        "campaign": cakupan(
            "campaign", "set", "--name", "Jakarta (simulasi)", "--starts", "2012-10-01", "--ends", "2012-10-31",
            "--edition", "rw_2012", "--simulated", "--clock", "2012-10-31T18:00:00+0700",
        ),
        "households": cakupan(
            "households", "import", shared / "jakarta_rw" / "jakarta_osm_buildings_points.parquet", *READING,
            "--set", "captured_at=2012-10-15T09:00:00+07:00",
        ),
    }  # fmt: skip


def test_dirt_stands_against_an_import(walked: dict[str, str], published: Any) -> None:
    said = {row["kind"]: int(row["how many"]) for row in table(walked["blocked"], "problems")}
    numbered = published[published["rw"].notna()]
    codes = numbered["block_id"].value_counts()
    assert said["missing-code"] == published["rw"].isna().sum() == 35
    assert said["invalid"] == (~published.geometry.is_valid).sum() == 1
    assert said["duplicate-code"] == (codes > 1).sum() == 50
    assert said == {
        "missing-code": 35, "invalid": 1, "duplicate-code": 50, "scattered": 11, "sliver": 402, "uncovered": 17,
    }  # fmt: skip
    assert "nothing was imported" in walked["blocked"]
    problems = pd.read_csv(walked["report"])
    assert problems["kind"].value_counts().to_dict() == said
    west, south, east, north = published.total_bounds
    assert problems["lon"].between(west, east).all()
    assert problems["lat"].between(south, north).all()


def test_overlaps_are_found_where_geopandas_finds_them(walked: dict[str, str], neighbourhoods: Any) -> None:
    metres = neighbourhoods.to_crs(32748)
    pairs = metres.overlay(metres, how="intersection", keep_geom_type=True)
    pairs = pairs[(pairs["block_id_1"] < pairs["block_id_2"]) & (pairs.area > 1.05)]
    problems = pd.read_csv(walked["report"])
    ours = problems[problems["kind"].eq("sliver") & problems["detail"].str.startswith("both claim")]
    found = {tuple(sorted(pair)) for pair in zip(ours["code"], ours["other"], strict=True)}
    assert set(zip(pairs["block_id_1"], pairs["block_id_2"], strict=True)) <= found
    assert len(found) - len(pairs) <= 2  # those of just a square metre
    assert ours["area_m2"].sum() == pytest.approx(pairs.area.sum(), rel=0.01)


def test_repair_leaves_one_valid_outline_a_code(walked: dict[str, str], get: Get, neighbourhoods: Any) -> None:
    assert table(walked["areas"], "edition rw_2012")[0] == {
        "province": "1", "regency": "5", "district": "42", "village": "260", "block": "2595", "blocks": "2595",
        "owner ranges": table(walked["areas"], "edition rw_2012")[0]["owner ranges"],
    }  # fmt: skip
    named = get("/v1/areas", level="block", limit=10_000)["areas"]
    assert sorted(area["code"] for area in named) == neighbourhoods["block_id"].tolist()


def test_only_residential_buildings_were_read(walked: dict[str, str]) -> None:
    assert table(walked["households"], "7,689 rows of") == [{"stored": "6120"}]
    assert "1,569 rows do not have type=Residential" in walked["households"]


def test_every_neighbourhood_counts_what_geopandas_counts(
    blocks: pd.DataFrame, buildings: Any, neighbourhoods: Any, get: Get
) -> None:
    joined = buildings[["geometry"]].sjoin(neighbourhoods, predicate="intersects")
    lowest = joined.groupby(joined.index)["block_id"].min()
    wanted = lowest.value_counts().reindex(blocks.index, fill_value=0)
    assert blocks["completed"].to_dict() == wanted.to_dict()
    assert (len(lowest), len(buildings)) == (5_983, 6_120)
    whole = get("/v1/coverage", level="scope")["coverage"][0]
    assert whole["completed"] == whole["located"] == len(buildings)


def test_what_nobody_expects_is_unknown_and_not_zero(blocks: pd.DataFrame, get: Get, cakupan: Run) -> None:
    for name in ("expected", "gap", "coverage", "resolved"):
        assert blocks[name].isna().all(), name
    assert set(blocks["state"]) == {"unknown"}
    gaps = get("/v1/gaps")
    assert (gaps["gaps"], gaps["states"]["unknown"]) == ([], 2595)
    assert "2,595 blocks have no expected families" in cakupan("gaps")
    rows = table(cakupan("coverage", "--level", "regency"), "coverage by regency")
    assert {row["expected"] for row in rows} == {"–"}
    assert [(row["name"], row["completed"]) for row in rows[-2:]] == [("in no block", "137"), ("all", "6120")]
    assert all(row["expected"] is None for row in get("/v1/cells", res=8)["cells"])


def test_the_same_buildings_again_count_once(cakupan: Run, shared: Path, tmp_path: Path) -> None:
    """The same rows from another file: ids come from source and key, so every row is known."""
    copy = gpd.read_parquet(shared / "jakarta_rw" / "jakarta_osm_buildings_points.parquet")
    copy[["id", "type", "geometry"]].to_file(tmp_path / "copy.gpkg", engine="pyogrio")
    again = cakupan(
        "households", "import", tmp_path / "copy.gpkg", *READING, "--set", "captured_at=2012-10-15T09:00:00+07:00"
    )
    assert table(again, "7,689 rows of") == [{"duplicate": "6120"}]
    assert "sound" in cakupan("check")


def test_a_column_that_is_not_there_is_refused(cakupan: Run, shared: Path) -> None:
    file = shared / "jakarta_rw" / "jakarta_osm_buildings_points.parquet"
    for option in (("--key", "nomor"), ("--where", "nomor=1"), ("--column", "accuracy_m=nomor")):
        assert "no column nomor" in cakupan("households", "import", file, *option, exit_code=1)


@pytest.fixture(scope="module")
def houses_of(buildings: Any, neighbourhoods: Any) -> Any:
    """The block of each residential building, by its place in `buildings`: the lowest code where it touches two."""
    joined = buildings[["geometry"]].sjoin(neighbourhoods, predicate="intersects")
    return joined.groupby(joined.index)["block_id"].min()


@pytest.fixture(scope="module")
def built(
    cakupan: Run, walked: dict[str, str], shared: Path, houses_of: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Buildings as footprints, and ten families a house expected, in a series that the campaign does not show."""
    families = (houses_of.value_counts() * 10).rename_axis("block_id").rename("families").reset_index()
    families.loc[len(families)] = ["3171010001-RW01", 77]  # nobody mapped a house there
    path = tmp_path_factory.mktemp("houses") / "families_simulated.csv"
    families.to_csv(path, index=False)
    of = ("--edition", "rw_2012")
    said = cakupan(
        "expected", "import", path, *of, "--series", "footprint", "--source", "simulated", "--dated", "2012-10-01"
    )
    file = shared / "jakarta_rw" / "jakarta_osm_buildings_points.parquet"
    report = path.with_name("left_out.csv")
    return {
        "report": str(report),
        "expected": said,
        "footprints": cakupan("footprints", "import", file, *of, "--where", "type=Residential", "--report", report),
    }


def test_buildings_become_the_footprints_of_the_blocks_they_stand_in(
    built: dict[str, str], buildings: Any, houses_of: Any, empty_database: Logins
) -> None:
    assert (len(buildings), len(houses_of), houses_of.nunique()) == (6_120, 5_983, 343)
    assert table(built["footprints"], "footprints of edition") == [
        {"footprints": "5982", "blocks": "343", "in no block": "137"}
    ]
    assert "1,569 rows do not have type=Residential" in built["footprints"]
    assert pd.read_csv(built["report"])["why"].value_counts().to_dict() == {
        "in no block of the edition": len(buildings) - len(houses_of),
        "no area above 0 m²": (buildings["area_m2"] == 0).sum(),
    }
    kept = rows(
        empty_database,
        "SELECT a.code, count(*), sum(f.area_m2::float8) FROM ground.footprint f JOIN ground.area a"
        " USING (edition_id, number) GROUP BY a.code",
    )
    weighing = buildings["area_m2"][houses_of.index][lambda area: area > 0]
    assert len(weighing) == 5_982
    wanted = weighing.groupby(houses_of[weighing.index])
    assert {code: many for code, many, _ in kept} == wanted.size().to_dict()
    assert {code: m2 for code, _, m2 in kept} == pytest.approx(wanted.sum().to_dict(), rel=1e-6)


def test_families_are_expected_where_the_houses_are(
    built: dict[str, str], buildings: Any, houses_of: Any, empty_database: Logins
) -> None:
    assert table(built["footprints"], "families spread over cells") == [
        {"series": "footprint", "by footprints": "59830", "by area": "77"}
    ]
    found = pd.DataFrame(
        rows(
            empty_database,
            "SELECT a.code, to_hex(c.cell), c.expected, c.estimated FROM ground.expected_cell c JOIN ground.area a"
            " USING (edition_id, number) WHERE c.series = 'footprint'",
        ),
        columns=["block", "cell", "expected", "estimated"],
    )
    guessed = found[found["estimated"]]
    assert (set(guessed["block"]), guessed["expected"].sum()) == ({"3171010001-RW01"}, 77)
    sure = found[~found["estimated"]].set_index(["block", "cell"])["expected"]
    assert sure.groupby("block").sum().to_dict() == (houses_of.value_counts() * 10).to_dict()
    inside = buildings.loc[houses_of.index]
    cell = [h3.cell_to_parent(h3.latlng_to_cell(p.y, p.x, 15), 10) for p in inside.geometry]
    ground = inside["area_m2"].groupby([houses_of, pd.Series(cell, inside.index)]).sum()
    assert set(sure.index) <= set(ground.index)
    share = ground / ground.groupby(level=0).transform("sum")
    fair = share * (houses_of.value_counts() * 10).reindex(share.index.get_level_values(0)).to_numpy()
    off = (sure.reindex(fair.index, fill_value=0) - fair).abs()
    assert off.max() < 3  # a family at most for each rounding that matters; largest remainder, level by level
    assert off.mean() < 0.5


@pytest.fixture(scope="module")
def sited(
    cakupan: Run, walked: dict[str, str], shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What the imports of 780 sites of eleven kinds printed, each kind as a programme of its own."""
    file = tmp_path_factory.mktemp("sites") / "jakarta_osm_sites.geojson"
    shutil.copy(shared / "jakarta_rw" / file.name, file)
    reading = ("--column", "programme=site_type", "--column", "kind=type")
    return {name: cakupan("sites", "import", file, *reading) for name in ("first", "again")}


@pytest.fixture(scope="module")
def sites(shared: Path) -> Any:
    return gpd.read_file(shared / "jakarta_rw" / "jakarta_osm_sites.geojson")


@pytest.fixture(scope="module")
def city(sited: dict[str, str], neighbourhoods: Any, shared: Path, empty_database: Logins) -> City:
    """Persons of the census of 2010, four to a family, evenly over the neighbourhoods of each kelurahan."""
    census = pd.read_csv(
        shared / "jakarta_rw" / "jakarta_kelurahan_census2010_population.csv", dtype={"village_code": str}
    )
    village = neighbourhoods["block_id"].str[:10]
    persons = village.map(census.set_index("village_code")["population_2010"]) / village.map(village.value_counts())
    inside = neighbourhoods.geometry.representative_point()
    families = (persons / PERSONS).round().to_numpy(np.int64)
    demand = Demand(inside.x.to_numpy(), inside.y.to_numpy(), families)
    return City(demand, listed(empty_database, "puskesmas"), village.str[:4].to_numpy(str))


def test_every_site_is_in_once(sited: dict[str, str], get: Get) -> None:
    first, again = (table(sited[name], "780 rows of")[0] for name in ("first", "again"))
    assert [first[name] for name in ("stored", "doubtful", "refused")] == ["637", "143", "0"]
    assert guide_table("health-sites.md", "city", "doubtful")[1] == ["Jakarta", "780", "637", "143", "0"]
    assert again["unchanged"] == "780"
    assert "nothing changed: version 1 stays" in sited["again"]
    assert get("/v1/sites", programme="puskesmas")["total"] == 49


def test_what_is_doubtful_of_sites_is_what_geopandas_finds(get: Get, sites: Any, neighbourhoods: Any) -> None:
    told = get("/v1/sites", doubts="true")["sites"]
    said = [(site["programme"], doubt["doubt"], site["site_id"]) for site in told for doubt in site["doubts"]]
    nowhere = set(sites["id"]) - set(sites.sjoin(neighbourhoods)["id"])
    assert {int(site) for _, doubt, site in said if doubt == "BETWEEN_BLOCKS"} == nowhere
    assert len(nowhere) == 26
    metres = sites.to_crs(32748)
    pairs = metres.sjoin(metres.set_geometry(metres.buffer(500, quad_segs=64)), predicate="within")
    pairs = pairs[(pairs.index != pairs["index_right"]) & (pairs["site_type_left"] == pairs["site_type_right"])]
    away = pairs.geometry.distance(metres.geometry.loc[pairs["index_right"]], align=False)
    named = pairs["name_left"].str.casefold() == pairs["name_right"].str.casefold()
    both = (pairs[f"name_{side}"].fillna("") for side in ("left", "right"))
    left, right = (name.str.findall(r"[1-9]\d*").str.join(" ") for name in both)
    numbered = (left != right) & (left != "") & (right != "")  # school 1 and school 2
    assert {int(site) for _, doubt, site in said if doubt == "POSSIBLE_DUPLICATE"} == set(
        pairs.loc[named.fillna(value=False) | ((away <= 50) & ~numbered), "id_left"]
    )
    twins = pd.Series([programme for programme, doubt, _ in said if doubt == "POSSIBLE_DUPLICATE"]).value_counts()
    printed = guide_table("health-sites.md", "programme", "really")
    assert {row[0]: int(row[1]) for row in printed if row[0] != "kesehatan"} == twins.to_dict()


def test_families_near_a_puskesmas(city: City) -> None:
    printed = guide_table("health-sites.md", "families of", "2 km")
    mapped = np.isin(city.regency, ["3173", "3175"])
    for row, of in ((printed[1], city), (printed[2], city.only(mapped))):
        near = [of.within(km) for km in (1, 2, 5)]
        assert near == [of.families.poor[of.away < km].sum() for km in (1, 2, 5)]
        assert row[1:] == ["49", str(of.all), *(f"{100 * some / of.all:.1f} %" for some in near)]


def test_places_for_new_puskesmas_are_the_best_there_are(city: City) -> None:
    assert city.table("Jakarta", 2) == guide_table("health-sites.md", "places for", "gap")[6:]


def rows(logins: Logins, statement: str) -> list[Any]:
    engine = create_engine(logins.owner)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(statement))]
    engine.dispose()
    return found
