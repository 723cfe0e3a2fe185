"""Kota Jambi: 62 real villages, their real families, simulated households; every figure counted a second time.

The second count reads the same files with geopandas, h3 and pandas alone and follows the written rules, not our code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import h3
import numpy as np
import pandas as pd
import pyarrow.csv
import pytest
import shapely

from benchmarks.simulate import Plan, draw
from geo.intake.files import CHUNK
from tests.real.conftest import Get, Run
from tests.real.printed import table

KEPT = ["completed", "partial", "not_met", "refused", "not_found", "moved", "deceased", "ineligible"]
DROPPED = ["not_found", "moved", "deceased", "ineligible"]
CLOCK = "2022-10-30T18:00:00+0700"
ELAPSED = 16 / 31
BAD = {"swapped": "AXES_SWAPPED", "null": "NULL_ISLAND", "far": "OUTSIDE_CAMPAIGN", "future": "CLOCK_AHEAD"}


@dataclass(frozen=True)
class Truth:
    """What was written to the file: rows in its order with `planted` saying what is odd about each."""

    path: Path
    rows: pd.DataFrame


def plant(drawn: pd.DataFrame, villages: Any, seed: int) -> pd.DataFrame:
    """The drawn households with what goes wrong in the field: a kind `planted` on some rows each, in any order."""
    rng = np.random.default_rng(seed)
    corners, villages_there = np.unique(
        np.concatenate([np.unique(shapely.get_coordinates(g), axis=0) for g in villages.geometry]),
        axis=0, return_counts=True,
    )  # fmt: skip
    south = corners[corners[:, 1].argmin()]
    first, second = sorted(drawn["block"].unique())[:2]
    rows = drawn.assign(planted="")
    free = iter(rng.permutation(len(rows)))

    def take(kind: str, many: int = 40) -> list[int]:
        at = [next(free) for _ in range(many)]
        rows.loc[at, "planted"] = kind
        return at

    at = take("swapped")
    rows.loc[at, ["lon", "lat"]] = rows.loc[at, ["lat", "lon"]].to_numpy()
    rows.loc[take("null"), ["lon", "lat"]] = 0.0
    rows.loc[take("far"), "lon"] += 1.0
    rows.loc[take("future"), "captured_at"] = "2022-11-02T10:00:00+07:00"
    rows.loc[take("unlocated"), ["lon", "lat"]] = np.nan
    rows.loc[take("inaccurate"), "accuracy_m"] = 87.5
    rows.loc[take("beyond"), ["lon", "lat", "block"]] = [south[0], south[1] - 0.018, None]  # 2 km outside
    at = take("corner")  # just where villages meet
    rows.loc[at, ["lon", "lat"]] = corners[villages_there > 1][:: len(corners) // 100][: len(at)]
    rows.loc[at, "block"] = None
    at = take("elsewhere")  # declared in one village, standing in another
    rows.loc[at, "block"] = np.where(rows.loc[at, "block"] == first, second, first)
    rows.loc[take("blockless", 2000), "block"] = None
    rows.loc[take("misnamed"), "block"] = "9999999999"
    corrected = rows.loc[take("corrected", 300)].assign(revision=2, planted="correction")
    corrected["submission_id"] = [f"{text[:-4]}{n:04x}" for n, text in enumerate(corrected["submission_id"])]
    corrected["result"] = rng.choice(KEPT, len(corrected))
    corrected["captured_at"] = "2022-10-30T12:00:00+07:00"
    corrected.loc[corrected.index[:3], ["block", "result"]] = [first, "completed"]
    twice = rows.loc[take("sent", 200)].assign(planted="twice")
    other = rows.loc[take("disputed", 20)].assign(planted="other", accuracy_m=7.77)
    whole = pd.concat([rows, corrected, twice], ignore_index=True)
    shuffled = whole.iloc[rng.permutation(len(whole))]
    return pd.concat([shuffled, other], ignore_index=True)  # of two with one id the first stored counts


@pytest.fixture(scope="module")
def villages(shared: Path) -> Any:
    return gpd.read_file(shared / "boundaries" / "kota_jambi_villages.geojson")[["village_code", "geometry"]]


@pytest.fixture(scope="module")
def families(shared: Path, villages: Any) -> Mapping[str, int]:
    read = pd.read_csv(shared / "expected" / "jambi_podes2019_families.csv", dtype={"village_code": str})
    found = dict(zip(read["village_code"], read["families_total"], strict=True))
    return {code: int(found[code]) for code in villages["village_code"]}


@pytest.fixture(scope="module")
def truth(villages: Any, families: Mapping[str, int], tmp_path_factory: pytest.TempPathFactory) -> Truth:
    drawn = draw(villages, families, Plan(seed=22, share=0.13, uneven=True))
    path = tmp_path_factory.mktemp("kota_jambi") / "kota_jambi_simulated.csv"
    pyarrow.csv.write_csv(drawn, path)  # as the script writes it, so that types are those of a file
    rows = plant(pd.read_csv(path, dtype={"block": object}), villages, seed=23)
    rows.drop(columns="planted").to_csv(path, index=False)
    return Truth(path, rows)


@pytest.fixture(scope="module")
def walked(cakupan: Run, shared: Path, truth: Truth) -> dict[str, str]:
    """What the commands of the guide printed, by command."""
    boundaries = shared / "boundaries"
    said = {
        "areas": cakupan(
            "areas", "import", "--edition", "2020_1", f"district={boundaries / 'kota_jambi_districts.geojson'}",
            f"village={boundaries / 'kota_jambi_villages.geojson'}",
        ),
        "expected": cakupan(
            "expected", "import", shared / "expected" / "jambi_podes2019_families.csv", "--edition", "2020_1",
            "--source", "PODES 2019", "--dated", "2019-12-31", "--report", truth.path.with_name("left_out.csv"),
        ),
        "campaign": cakupan(
            "campaign", "set", "--name", "Kota Jambi (simulasi)", "--starts", "2022-10-15", "--ends", "2022-11-14",
            "--edition", "2020_1", "--simulated", "--clock", CLOCK,
        ),
    }  # fmt: skip
    return said | {"households": cakupan("households", "import", truth.path)}


@pytest.fixture(scope="module")
def believed(truth: Truth, villages: Any) -> pd.DataFrame:
    """The rows that count or would, with the village `declared` (where there is one) and that of the point."""
    rows = truth.rows[~truth.rows["planted"].isin([*BAD, "twice", "other"])].copy()
    points = gpd.GeoDataFrame(rows, geometry=gpd.points_from_xy(rows["lon"], rows["lat"], crs=4326))
    joined = points[["geometry"]].sjoin(villages, predicate="intersects")
    rows["point"] = joined.groupby(joined.index)["village_code"].min().reindex(rows.index)
    rows["declared"] = rows["block"].where(rows["block"].isin(villages["village_code"]))
    return rows


@pytest.fixture(scope="module")
def counted(believed: pd.DataFrame) -> pd.DataFrame:
    """The households, counted by the rules: the highest revision of each, its village, its day, its cell."""
    last = believed.sort_values("revision").drop_duplicates("household_id", keep="last").set_index("household_id")
    same = believed["result"] == believed["household_id"].map(last["result"])
    reached = believed[same].sort_values("revision").drop_duplicates("household_id").set_index("household_id")
    last["day"] = reached["captured_at"].str[:10]
    last["village"] = last["declared"].fillna(last["point"])
    last["cell"] = [
        h3.cell_to_parent(h3.latlng_to_cell(lat, lon, 15), 10) if np.isfinite(lat) else None
        for lat, lon in zip(last["lat"], last["lon"], strict=True)
    ]
    return last


def by(key: pd.Series, counted: pd.DataFrame) -> pd.DataFrame:
    """Counts of results by `key`, with `new` and `dropped`."""
    found = pd.crosstab(key, counted["result"]).reindex(columns=KEPT, fill_value=0)
    new = counted[(counted["result"] == "completed") & (counted["origin"] == "new")]
    found["new"] = key[new.index].value_counts().reindex(found.index).fillna(0)
    dropped = counted[counted["result"].isin(DROPPED) & (counted["origin"] == "prelist")]
    found["dropped"] = key[dropped.index].value_counts().reindex(found.index).fillna(0)
    return found.astype(int)


def test_the_ground_is_as_published(walked: dict[str, str], get: Get, families: Mapping[str, int]) -> None:
    assert "problems" not in walked["areas"]
    levels = {level: len(get("/v1/areas", level=level)["areas"]) for level in ("regency", "district", "village")}
    assert levels == {"regency": 1, "district": 11, "village": 62}
    assert sum(families.values()) == 155_685


def test_families_of_other_places_are_listed_and_not_guessed(
    walked: dict[str, str], truth: Truth, shared: Path
) -> None:
    assert table(walked["expected"], "1,500 rows left out") == [
        {"why": "no block of the edition has this code", "rows": "1500"}
    ]
    left_out = pd.read_csv(truth.path.with_name("left_out.csv"), dtype=str)
    whole = pd.read_csv(shared / "expected" / "jambi_podes2019_families.csv", dtype=str)["village_code"]
    assert left_out["code"].tolist() == whole[~whole.str.startswith("1571")].tolist()
    assert (left_out["row"].astype(int) - 1).tolist() == whole.index[~whole.str.startswith("1571")].tolist()


def test_every_row_got_the_receipt_it_deserved(walked: dict[str, str], truth: Truth) -> None:
    rows = truth.rows
    chunk = pd.Series(rows.index // CHUNK, index=rows.index)
    pairs = rows[rows["household_id"].isin(rows.loc[rows["planted"] == "correction", "household_id"])]
    arrived = chunk[pairs.index].groupby([pairs["household_id"], pairs["revision"]]).min().unstack()
    planted = rows["planted"].value_counts()
    wanted = {
        "superseded": int((arrived[2] <= arrived[1]).sum()),
        "quarantined": int(planted[list(BAD)].sum()),
        "duplicate": int(planted["twice"]),
        "conflict": int(planted["other"]),
    }
    wanted["stored"] = len(rows) - sum(wanted.values())
    assert counts(table(walked["households"], "rows of kota_jambi")[0]) == wanted
    reasons = {row["reason"]: int(row["rows"]) for row in table(walked["households"], "held back")}
    assert reasons == dict.fromkeys(BAD.values(), 40) | {"CONFLICT": 20}
    refused = pd.read_csv(truth.path.with_name(f"{truth.path.name}.refused.csv"), dtype=str)
    found = dict(zip(refused["row"].astype(int) - 1, refused["reason"], strict=True))
    assert found == rows["planted"].map(BAD | {"other": "CONFLICT"}).dropna().to_dict()


def counts(row: dict[str, str]) -> dict[str, int]:
    return {name: int(value) for name, value in row.items()}


def test_doubts_are_counted_where_they_lie(walked: dict[str, str], believed: pd.DataFrame, villages: Any) -> None:
    doubts = {row["flag"]: int(row["rows"]) for row in table(walked["households"], "doubts")}
    apart = believed[
        believed["declared"].notna() & believed["lon"].notna() & (believed["declared"] != believed["point"])
    ]
    points = gpd.GeoSeries(gpd.points_from_xy(apart["lon"], apart["lat"], crs=4326)).to_crs(32748)
    declared = villages.to_crs(32748).set_index("village_code").geometry[apart["declared"]].reset_index(drop=True)
    away = points.distance(declared).to_numpy() > apart["accuracy_m"].to_numpy()
    assert doubts == {
        "outside_block": away.sum(),
        "low_accuracy": (believed["accuracy_m"] > 50).sum(),
        "unknown_block": (believed["block"] == "9999999999").sum(),
    }
    assert away.sum() >= 40


def test_every_village_counts_what_geopandas_counts(
    blocks: pd.DataFrame, counted: pd.DataFrame, families: Mapping[str, int]
) -> None:
    wanted = by(counted["village"], counted).reindex(blocks.index, fill_value=0)
    for name in wanted:
        assert blocks[name].to_dict() == wanted[name].to_dict(), name
    assert blocks["expected"].to_dict() == dict(families)
    gap = (blocks["expected"] - (wanted["completed"] - wanted["new"]) - wanted["dropped"]).clip(lower=0)
    assert blocks["gap"].to_dict() == gap.to_dict()
    rate = wanted["completed"] / blocks["expected"]
    assert np.allclose(blocks["coverage"].astype(float), rate, atol=5e-5)
    visited = wanted[KEPT].sum(axis=1) > 0
    state = np.select(
        [(gap == 0) & (rate > 1), gap == 0, ~visited, rate / ELAPSED < 0.8],
        ["over", "done", "unvisited", "behind"],
        "started",
    )
    assert blocks["state"].tolist() == state.tolist()
    assert {"unvisited", "behind"} <= set(state)


def test_on_a_shared_edge_the_lowest_code_wins(counted: pd.DataFrame, villages: Any) -> None:
    """That these points do touch several villages, so that the count above says something about them."""
    corner = counted[counted["planted"] == "corner"]
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(corner["lon"], corner["lat"], crs=4326))
    assert points.sjoin(villages, predicate="intersects").groupby(level=0).size().min() >= 2
    assert len(points) == 40


def test_sums_upward_and_what_lies_nowhere(get: Get, blocks: pd.DataFrame, counted: pd.DataFrame) -> None:
    for level, digits in (("district", 7), ("regency", 4)):
        rows = pd.DataFrame(get("/v1/coverage", level=level)["coverage"]).set_index("code")
        for name in ("expected", "gap", "completed", "new", "dropped", "not_met"):
            assert rows[name].to_dict() == blocks[name].groupby(blocks.index.str[:digits]).sum().to_dict(), name
    whole = get("/v1/coverage", level="scope")["coverage"][0]
    everywhere = by(pd.Series("all", counted.index), counted).loc["all"]
    assert {name: whole[name] for name in everywhere.index} == everywhere.to_dict()
    nowhere = counted[counted["village"].isna()]
    assert len(nowhere) == 40
    assert whole["completed"] - blocks["completed"].sum() == (nowhere["result"] == "completed").sum()


def test_a_day_counts_what_had_been_reached_by_then(get: Get, counted: pd.DataFrame) -> None:
    rows = pd.DataFrame(get("/v1/coverage", level="block", day="2022-10-20")["coverage"]).set_index("code")
    until = counted[counted["day"] <= "2022-10-20"]
    wanted = by(until["village"], until).reindex(rows.index, fill_value=0)
    for name in wanted:
        assert rows[name].to_dict() == wanted[name].to_dict(), name
    assert 0 < wanted["completed"].sum() < len(counted) / 2


@pytest.mark.parametrize("resolution", [10, 9, 8, 7, 6, 4])
def test_cells_count_what_h3_counts(get: Get, counted: pd.DataFrame, resolution: int) -> None:
    rows = pd.DataFrame(get("/v1/cells", res=resolution)["cells"]).set_index("cell")
    placed = counted[counted["cell"].notna()]
    cell = placed["cell"].map(lambda fine: h3.cell_to_parent(fine, resolution))
    wanted = by(cell, placed)
    found = rows[rows[KEPT].sum(axis=1) > 0]
    assert set(found.index) == set(wanted.index)
    for name in wanted:
        assert found[name].to_dict() == wanted[name].reindex(found.index).to_dict(), name
    assert rows["expected"].sum() == 155_685


def test_cells_of_a_village_expect_its_families(get: Get, blocks: pd.DataFrame) -> None:
    for code in blocks.index[::10]:
        rows = pd.DataFrame(get("/v1/cells", res=9, within=code)["cells"])
        assert rows["expected"].sum() == blocks["expected"][code]


def test_gaps_come_worst_first(get: Get, blocks: pd.DataFrame) -> None:
    answer = get("/v1/gaps", limit=1000)
    rows = pd.DataFrame(answer["gaps"])
    open_ = blocks[blocks["state"].isin(["unvisited", "behind", "started"])]
    assert rows["code"].tolist() == open_.sort_values(["gap", "n"], ascending=[False, True]).index.tolist()
    assert rows["gap"].sum() == open_["gap"].sum()


def test_the_terminal_says_the_same_and_everything_adds_up(
    cakupan: Run, get: Get, blocks: pd.DataFrame, tmp_path: Path
) -> None:
    rows = table(cakupan("coverage", "--level", "village"), "coverage by village")
    assert {row["code"]: int(row["completed"]) for row in rows if row["code"]} == blocks["completed"].to_dict()
    total = get("/v1/coverage", level="scope")["coverage"][0]
    assert [int(row["completed"]) for row in rows[-2:]] == [
        total["completed"] - blocks["completed"].sum(),
        total["completed"],
    ]
    assert [row["name"] for row in rows[-2:]] == ["in no block", "all"]
    assert "sound" in cakupan("check")
    worst = table(cakupan("gaps", "--limit", "3"), "families to be found")
    assert [int(row["gap"]) for row in worst] == blocks["gap"].nlargest(3).tolist()
    cakupan("report", tmp_path / "map.html")
    html = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert all(code in html for code in blocks.index)
