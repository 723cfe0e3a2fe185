"""Samarinda: the health sites that OpenStreetMap knows, brought in as the guide says, and who lives how near to one.

Nobody publishes how many families are poor, so everybody counts: persons of the census of 2010, four to a family. The
second count reads the same files with geopandas and haversines alone. Jakarta's are in `test_jakarta`.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from app.database import Logins
from geo.ground import cells
from geo.publish.placing import Demand
from tests.real.conftest import Get, Run
from tests.real.printed import table
from tests.real.reaching import PERSONS, City, listed
from tests.real.test_guides import table as guide_table

GUIDE = "health-sites.md"
METRES = 32750
SPREAD = text("SELECT cell, expected FROM ground.expected_cell ORDER BY cell")

#: By hand, from places and operators: buildings of one compound each, and facilities of two operators side by side.
COMPOUNDS = [
    {"357650792", "357650799", "357650805", "357650810", "357650813", "357650816"},
    {"361649901", "361649902", "361649903", "361649904", "361649905"},
    {"355881119", "1027658311"},
]
NEIGHBOURS = {"316793614", "317762493"}


@pytest.fixture(scope="module")
def facilities(shared: Path) -> Any:
    return gpd.read_file(shared / "samarinda_osm" / "samarinda_osm_health_facilities.geojson").to_crs(METRES)


@pytest.fixture(scope="module")
def villages(shared: Path) -> Any:
    """With the families of the census; unknown where a village of today was none then."""
    found = gpd.read_file(shared / "boundaries" / "samarinda_villages.geojson")
    census = pd.read_csv(shared / "expected" / "samarinda_census2010_population.csv")
    persons = found["village"].str.upper().map(census.set_index("village")["population_2010"])
    return found.assign(families=(persons / PERSONS).round())


@pytest.fixture(scope="module")
def walked(cakupan: Run, shared: Path, villages: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the commands of the guide printed, by what they are for."""
    folder = tmp_path_factory.mktemp("samarinda")
    families, sites = folder / "families.csv", folder / "samarinda_osm_health_facilities.geojson"
    known = villages.loc[villages["families"].notna(), ["village_code", "families"]]
    known.astype({"families": int}).to_csv(families, index=False)
    shutil.copy(shared / "samarinda_osm" / sites.name, sites)
    cakupan("areas", "import", "--edition", "2020_1", f"village={shared / 'boundaries' / 'samarinda_villages.geojson'}")
    cakupan("expected", "import", families, "--edition", "2020_1", "--source", "census", "--dated", "2010-05-31")
    cakupan(
        "campaign", "set", "--name", "Samarinda", "--starts", "2022-10-15", "--ends", "2022-11-14",
        "--edition", "2020_1",
    )  # fmt: skip
    reading = ("--programme", "kesehatan", "--column", "kind=operator_class")
    return {
        "blind": cakupan("sites", "import", sites),
        "first": cakupan("sites", "import", sites, *reading),
        "refused": (folder / f"{sites.name}.refused.csv").read_text(encoding="utf-8-sig"),
        "again": cakupan("sites", "import", sites, *reading),
    }


@pytest.fixture(scope="module")
def city(walked: dict[str, str], empty_database: Logins) -> City:
    """Families as the product spreads them over cells, at the middle of cells of resolution 8."""
    engine = create_engine(empty_database.owner)
    with engine.connect() as connection:
        cell, expected = np.array([tuple(row) for row in connection.execute(SPREAD)], np.int64).T
    engine.dispose()
    keys, of = np.unique(cells.parents(cell, 8), return_inverse=True)
    lon, lat = cells.centres(keys)
    return City(Demand(lon, lat, np.bincount(of, expected).astype(np.int64)), listed(empty_database, "kesehatan"))


def counts(said: str) -> dict[str, int]:
    return {name: int(many) for name, many in table(said, "82 rows of")[0].items()}


def test_a_file_that_says_of_no_programme_brings_nothing(walked: dict[str, str]) -> None:
    assert counts(walked["blind"])["refused"] == 82
    assert "say of which programme" in walked["blind"]
    assert "version 0 stays" in walked["blind"]


def test_what_lies_outside_is_refused_and_nothing_else(walked: dict[str, str], facilities: Any, villages: Any) -> None:
    first = counts(walked["first"])
    assert first == {"stored": 65, "changed": 0, "unchanged": 0, "doubtful": 15, "refused": 2, "closed": 0}
    ground = villages.to_crs(METRES).union_all()
    away = facilities.geometry.distance(ground)
    outside = facilities.loc[away > 0, "osm_id"].astype(str)
    assert set(re.findall(r"^\d+,OUTSIDE,.*?,(\d{8,}),", walked["refused"], re.MULTILINE)) == set(outside)
    assert [round(one / 1000, 1) for one in sorted(away[away > 0])] == [4.8, 9.6]
    row = [str(first[name]) for name in ("stored", "doubtful", "refused")]
    assert guide_table(GUIDE, "city", "doubtful")[0] == ["Samarinda", "82", *row]


def test_the_same_file_again_makes_no_version(walked: dict[str, str]) -> None:
    assert counts(walked["again"]) == {
        "stored": 0, "changed": 0, "unchanged": 80, "doubtful": 0, "refused": 2, "closed": 0,
    }  # fmt: skip
    assert "this is version 1 of the sites" in walked["first"]
    assert "nothing changed: version 1 stays" in walked["again"]


def test_doubts_are_buildings_of_one_compound_but_for_two_neighbours(get: Get, facilities: Any) -> None:
    told = get("/v1/sites", doubts="true")
    assert (told["total"], told["doubtful"], told["version"]) == (15, 15, 1)
    said = {site["site_id"]: site["doubts"] for site in told["sites"]}
    assert {doubt["doubt"] for doubts in said.values() for doubt in doubts} == {"POSSIBLE_DUPLICATE"}
    assert set(said) == NEIGHBOURS.union(*COMPOUNDS)
    close = facilities.sjoin(facilities.set_geometry(facilities.buffer(50, quad_segs=64)), predicate="within")
    close = close[close.index != close["index_right"]]
    assert set(close["osm_id_left"].astype(str)) == set(said)
    of = {site: compound for compound in (*COMPOUNDS, NEIGHBOURS) for site in compound}
    assert all(doubts[0]["other"]["site_id"] in of[site] - {site} for site, doubts in said.items())


def test_nobody_is_far_where_nobody_knows_how_many_live(get: Get, villages: Any) -> None:
    """Six villages are younger than the census: their families are unknown and not none."""
    young = villages.loc[villages["families"].isna(), "village_code"]
    there = [site["doubts"] for site in get("/v1/sites")["sites"] if site["block"] in set(young)]
    assert (len(young), len(there)) == (6, 8)
    assert not any(doubt["doubt"] in {"FAR", "UNINHABITED"} for doubts in there for doubt in doubts)


def test_families_near_a_site(city: City) -> None:
    near = [city.within(km) for km in (1, 2, 5)]
    assert near == [city.families.poor[city.away < km].sum() for km in (1, 2, 5)]
    shares = [f"{100 * some / city.all:.1f} %" for some in near]
    assert guide_table(GUIDE, "families of", "2 km")[0] == ["Samarinda", "80", str(city.all), *shares]


def test_places_for_new_ones_are_the_best_there_are(city: City) -> None:
    printed = guide_table(GUIDE, "places for", "gap")
    assert city.table("Samarinda", 1) + city.table("Samarinda", 2) == printed[:6]
