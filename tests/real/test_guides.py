"""The figures that the guides print, counted again from the data with geopandas alone."""

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from benchmarks.simulate import Plan, draw
from tests.conftest import REPOSITORY

Rows = list[list[str]]


def table(guide: str, first: str, column: str) -> Rows:
    """The rows of the table whose header begins with `first` and holds `column`; thousands without commas."""
    lines = (REPOSITORY / "docs" / "guide" / guide).read_text(encoding="utf-8").splitlines()
    starts = [at for at, line in enumerate(lines) if line.startswith(f"| {first} |") and f" {column} |" in line]
    assert len(starts) == 1
    rows = []
    for line in lines[starts[0] + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace(",", "") for cell in line.strip("|").split("|")])
    return rows


@pytest.fixture(scope="module")
def kota_jambi(shared: Path) -> pd.DataFrame:
    """Expected, completed, new, dropped and gap of each village after the import that the guide describes."""
    villages = gpd.read_file(shared / "boundaries" / "kota_jambi_villages.geojson")[
        ["village_code", "village", "geometry"]
    ]
    read = pd.read_csv(shared / "expected" / "jambi_podes2019_families.csv", dtype={"village_code": str})
    families = dict(zip(read["village_code"], read["families_total"], strict=True))
    drawn = draw(villages, families, Plan(seed=22, share=0.55, uneven=True)).to_pandas()
    points = gpd.GeoDataFrame(drawn, geometry=gpd.points_from_xy(drawn["lon"], drawn["lat"], crs=4326))
    found = points.sjoin(villages, predicate="intersects")
    assert len(found) == len(drawn) == 84_807
    completed, new = found["result"] == "completed", found["origin"] == "new"
    dropped = found["result"].isin(["not_found", "moved", "deceased", "ineligible"]) & ~new
    counted = pd.DataFrame(
        {"expected": [families[code] for code in villages["village_code"]]}, villages["village_code"]
    )
    for name, rows in (("completed", completed), ("new", completed & new), ("dropped", dropped)):
        counted[name] = found.loc[rows, "village_code"].value_counts().reindex(counted.index, fill_value=0)
    counted["gap"] = (counted["expected"] - counted["completed"] + counted["new"] - counted["dropped"]).clip(lower=0)
    return counted.assign(name=villages["village"].to_numpy())


def test_kota_jambi_by_district(kota_jambi: pd.DataFrame) -> None:
    columns = ["expected", "completed", "new", "dropped", "gap"]
    wanted = kota_jambi.groupby(kota_jambi.index.str[:7])[columns].sum()
    wanted.loc[""] = wanted.sum()
    printed = table("kota-jambi.md", "code", "dropped")
    assert {row[0]: [int(cell) for cell in row[2:7]] for row in printed} == dict(
        zip(wanted.index, wanted.to_numpy().tolist(), strict=True)
    )
    cut = 1000 * wanted["completed"] // wanted["expected"] / 10
    assert {row[0]: row[7] for row in printed} == {code: f"{rate:.1f} %" for code, rate in cut.items()}


def test_kota_jambi_worst_villages(kota_jambi: pd.DataFrame) -> None:
    worst = kota_jambi.sort_values("gap", ascending=False).head(3)
    assert [row[:5] for row in table("kota-jambi.md", "code", "village")] == [
        [code, row["name"], str(row["gap"]), str(row["completed"]), str(row["expected"])]
        for code, row in worst.iterrows()
    ]


def test_jakarta_by_regency_and_its_fullest_neighbourhoods(shared: Path) -> None:
    published = gpd.read_file(shared / "jakarta_rw" / "jakarta_rw_as_published.gpkg")
    numbered = published[published["rw"].notna()]
    blocks = numbered.assign(geometry=numbered.geometry.make_valid()).dissolve("block_id").reset_index()
    buildings = gpd.read_parquet(shared / "jakarta_rw" / "jakarta_osm_buildings_points.parquet")
    residential = buildings[buildings["type"] == "Residential"].reset_index(drop=True)[["geometry"]]
    joined = residential.sjoin(blocks[["block_id", "geometry"]], predicate="intersects")
    lowest = joined.groupby(joined.index)["block_id"].min()
    wanted = lowest.str[:4].value_counts().reindex(["3171", "3172", "3173", "3174", "3175"], fill_value=0).tolist()
    nowhere = len(residential) - len(lowest)
    assert [int(row[3]) for row in table("jakarta.md", "code", "regency")] == [*wanted, nowhere, len(residential)]
    fullest = lowest.value_counts().head(5)
    assert table("jakarta.md", "block", "buildings") == [[code, str(many)] for code, many in fullest.items()]
    assert lowest.nunique() == 343
    lost = residential.drop(index=lowest.index).sjoin(published.loc[published["rw"].isna(), ["geometry"]])
    assert lost.index.nunique() == 135
