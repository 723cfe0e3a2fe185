"""The simulated campaign as files, in the form in which an office would have them: for trying the imports by hand.

They tell what the office knows. What is true stands in the truth file alone.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np

from app.demo import welfare_files
from app.demo.city import City
from app.demo.fieldwork import Fieldwork
from app.demo.month import submission
from app.demo.sites import Site
from app.demo.welfare import Welfare
from geo.ground.levels import LEVELS
from geo.intake.submissions import FIELDS

BLOCKS = "blocks_simulated.geojson"
PRELIST = "prelist_simulated.csv"
EXPECTED = "expected_simulated.csv"
ASSIGNMENTS = "assignments_simulated.csv"
FOOTPRINTS = "footprints_simulated.csv"
SUBMISSIONS = "submissions_simulated.csv"

#: Columns of the prelist.
LISTED = ("household_id", "block", "building", "sequence")


def write(folder: Path, city: City, fieldwork: Fieldwork, welfare: Welfare, sites: list[Site]) -> None:
    """Write blocks, prelist, expected families, assignments, footprints, welfare and sites into `folder`.

    Blocks are GeoJSON with the areas above in columns, EPSG:4326; tables are CSV in UTF-8 with BOM. All say that they
    are simulated.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _blocks(folder / BLOCKS, fieldwork)
    _table(folder / PRELIST, LISTED, prelist(city, fieldwork))
    _table(folder / EXPECTED, ("block", "families"), expected(city, fieldwork))
    _table(folder / ASSIGNMENTS, ("block", "enumerator", "supervisor"), assignments(city, fieldwork))
    houses = city.buildings
    places = zip(houses.lon.round(7).tolist(), houses.lat.round(7).tolist(), houses.area_m2.tolist(), strict=True)
    _table(folder / FOOTPRINTS, ("lon", "lat", "area_m2"), ((x, y, round(area, 1)) for x, y, area in places))
    welfare_files.write(folder, city, welfare, sites, ids_of_families(city, fieldwork))


def write_submissions(folder: Path, city: City, fieldwork: Fieldwork) -> None:
    """Write every submission of the month as one CSV, in the order in which they were recorded."""
    names = [name for name in FIELDS if name != "submission_id"]
    every = (submission(city, fieldwork, i) for i in range(len(fieldwork.visits)))
    rows = ([made["submission_id"], *(made.get(name, "") for name in names)] for made in every)
    _table(folder / SUBMISSIONS, ("submission_id", *names), rows)


def prelist(city: City, fieldwork: Fieldwork) -> list[tuple[str, str, str, str]]:
    """Household, block, building and place in it of every entry. Buildings are numbered from 1 in their own block.

    Where the house is gone, so is its number; one listed under the neighbouring block keeps that of where it stands.
    """
    listed, code, of = fieldwork.prelist, city.blocks.code, city.buildings.block
    number = np.arange(len(of)) - np.searchsorted(of, of) + 1
    return [
        (household, code[block], str(number[building]) if building >= 0 else "", str(sequence))
        for household, block, building, sequence in zip(
            listed.household_id,
            listed.block.tolist(),
            listed.building.tolist(),
            listed.sequence.tolist(),
            strict=True,
        )
    ]


def expected(city: City, fieldwork: Fieldwork) -> list[tuple[str, int]]:
    """Families listed in each block; blocks without any among them."""
    listed = [0] * len(city.blocks)
    for block in fieldwork.prelist.block.tolist():
        listed[block] += 1
    return list(zip(city.blocks.code, listed, strict=True))


def assignments(city: City, fieldwork: Fieldwork) -> list[tuple[str, str, str]]:
    """Block, enumerator and supervisor of every block that somebody works in."""
    staff = fieldwork.staff
    return [
        (city.blocks.code[block], staff.enumerators[who], staff.supervisors[staff.supervisor[who]])
        for block, who in enumerate(staff.enumerator.tolist())
        if who >= 0
    ]


def ids_of_families(city: City, fieldwork: Fieldwork) -> list[str]:
    """By which id the campaign first knew each family (F,); empty where it never heard of it."""
    found = [""] * len(city.families)
    for household, family in zip(fieldwork.household_id, fieldwork.family.tolist(), strict=True):
        if family >= 0 and not found[family]:
            found[family] = household
    return found


def _blocks(path: Path, fieldwork: Fieldwork) -> None:
    at = {(row.level, row.code): row for row in fieldwork.areas}
    columns: dict[str, list[Any]] = {f"{level}{kind}": [] for level in LEVELS for kind in ("_code", "_name", "")}
    shapes = []
    for row in (row for row in fieldwork.areas if row.level == "block"):
        shapes.append(row.geometry)
        code: str | None = row.code
        for level in reversed(LEVELS):
            here = at[level, str(code)]
            columns[f"{level}_code"].append(here.code)
            columns[f"{level}_name" if level == "block" else level].append(here.name)
            code = here.parent
    filled = {name: values for name, values in columns.items() if values} | {"is_simulated": [True] * len(shapes)}
    frame = geopandas.GeoDataFrame(filled, geometry=shapes, crs="EPSG:4326")
    frame.to_file(path, driver="GeoJSON", COORDINATE_PRECISION=7)


def _table(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([*names, "is_simulated"])
        out.writerows((*row, "true") for row in rows)
