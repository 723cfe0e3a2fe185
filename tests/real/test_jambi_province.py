"""Jambi province: every village of eleven regencies, and what every level above adds up to."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from tests.real.conftest import Get, Run
from tests.real.printed import table

pytestmark = pytest.mark.slow

UNINHABITED = ["1501091888", "1501888888", "1506999999"]
FAMILIES = 1_014_520


@pytest.fixture(scope="module")
def villages(shared: Path) -> Any:
    return gpd.read_file(shared / "boundaries" / "jambi_province_villages.gpkg")


@pytest.fixture(scope="module")
def families(shared: Path) -> pd.Series:
    read = pd.read_csv(shared / "expected" / "jambi_podes2019_families.csv", dtype={"village_code": str})
    return read.set_index("village_code")["families_total"]


@pytest.fixture(scope="module")
def walked(cakupan: Run, shared: Path) -> dict[str, str]:
    """What the commands printed."""
    return {
        "areas": cakupan(
            "areas", "import", shared / "boundaries" / "jambi_province_villages.gpkg", "--level", "village",
            "--edition", "2020_1",
        ),
        "expected": cakupan(
            "expected", "import", shared / "expected" / "jambi_podes2019_families.csv", "--edition", "2020_1",
            "--source", "PODES 2019", "--dated", "2019-12-31",
        ),
        "campaign": cakupan(
            "campaign", "set", "--name", "Jambi (simulasi)", "--starts", "2022-10-15", "--ends", "2022-11-14",
            "--edition", "2020_1", "--simulated", "--clock", "2022-10-30T18:00:00+0700",
        ),
    }  # fmt: skip


def test_all_villages_are_in_and_what_is_no_village_is_noted(walked: dict[str, str], villages: Any) -> None:
    above = {"province": "1", "regency": "11", "district": str(villages["district_code"].nunique())}
    stored = table(walked["areas"], "edition 2020_1")[0]
    assert {name: stored[name] for name in (*above, "village", "blocks")} == above | {
        "village": "1565",
        "blocks": "1565",
    }
    kinds = {row["kind"]: row["how many"] for row in table(walked["areas"], "problems")}
    assert kinds["uninhabited"] == "3"
    named = {row["code"] for row in table(walked["areas"], "the first of each kind") if row["kind"] == "uninhabited"}
    assert named == set(UNINHABITED)


def test_every_level_sums_to_the_families_of_the_source(
    walked: dict[str, str], get: Get, blocks: pd.DataFrame, families: pd.Series
) -> None:
    assert table(walked["expected"], "expected families") == [{"blocks": "1562", "families": str(FAMILIES)}]
    assert "3 blocks of the edition are not in this file" in walked["expected"]
    assert "left out" not in walked["expected"]
    sums = table(walked["expected"], "by level")[0]
    assert sums == dict.fromkeys(("province", "regency", "district", "village"), str(FAMILIES))
    known = blocks["expected"].dropna()
    assert known.astype(int).to_dict() == families.to_dict()
    for level, digits in (("province", 2), ("regency", 4), ("district", 7)):
        rows = pd.DataFrame(get("/v1/coverage", level=level)["coverage"]).set_index("code")["expected"]
        wanted = families.groupby(families.index.str[:digits]).sum()
        assert rows.dropna().astype(int).to_dict() == wanted.to_dict(), level
        assert rows.sum() == FAMILIES, level


def test_lakes_and_forests_are_unknown_and_not_zero(blocks: pd.DataFrame) -> None:
    assert sorted(blocks.index[blocks["expected"].isna()]) == UNINHABITED
    assert set(blocks.loc[UNINHABITED, "state"]) == {"unknown"}
    assert set(blocks["state"].drop(UNINHABITED)) == {"unvisited"}


@pytest.mark.parametrize("resolution", [8, 6, 4])
def test_cells_sum_to_the_same(get: Get, resolution: int) -> None:
    assert sum(cell["expected"] or 0 for cell in get("/v1/cells", res=resolution)["cells"]) == FAMILIES


def test_the_labels_of_villages_lie_in_them(get: Get, villages: Any) -> None:
    rows = pd.DataFrame(get("/v1/areas", level="village", limit=10_000)["areas"]).set_index("code")
    points = shapely.points(rows["lon"], rows["lat"])
    outlines = villages.set_index("village_code").geometry[rows.index].to_numpy()
    assert shapely.dwithin(outlines, points, 1e-6).all()  # labels are rounded to a decimetre
