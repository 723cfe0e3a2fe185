"""Clusters, sites, reach and proposed places as files: a workbook, a GeoPackage, and a brief of two pages.

All of one question at once. Beside the rows stand a dictionary of their columns, what was asked, how clusters were
found, and rules for reading. The same question gives the same bytes to everybody who may see as much.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from sqlalchemy.ext.asyncio import AsyncConnection

from app import locales, release_files
from app.release_files import Beside, Geometry, Language, Table
from geo.ground import cells as h3cells
from geo.ground.levels import LEVELS
from geo.publish import published
from geo.publish.clusters import QUADRANTS, REASONS, STATES
from geo.publish.leaves import sees_blocks
from geo.publish.programmes import Overlay
from geo.publish.published import EVERYTHING, EVERYWHERE, FIGURE, Question, Row, Sealed
from geo.publish.reach import FULLNESS
from tiles import brief as briefs
from tiles.brief import Brief, Outline, Told
from tiles.wording import Wording

#: Outlines of one level that the map of a brief bears: more would be a grey field.
MOST_OUTLINES = 400

#: Rules for reading, in the order in which they are said after those of releases.
RULES = ("clusters", "sure", "distance", "reach", "fullness", "placements")

#: Columns of each table, also where it has no row.
_CLUSTER = ("cluster", "n", "cells", "km2", "places", "lon", "lat", *FIGURE)
_PART = tuple(f"{of}_{name}" for of in ("reached", "beyond") for name in FIGURE)
TITLES: Mapping[str, Sequence[str]] = {
    "clusters": (*_CLUSTER, "excess", "excess_error", "agree", "sure", "served", "without_site", "state"),
    "clusters_gone": _CLUSTER,
    "clusters_leaves": ("cell", "n", "lon", "lat", *FIGURE, "state", "why", "z", "p", "moran", "cluster"),
    "sites": ("site_id", "programme", "kind", "name", "n", "lon", "lat", "capacity", "inside", *FIGURE, "fullness"),
    "reach": ("class", *FIGURE),
    "reach_overlap": ("programmes", *FIGURE),
    "reach_villages": ("code", "name", "level", "n", "parent", "lon", "lat", "measured", *FIGURE, *_PART),
    "placements": ("place", "n", "lon", "lat", "places", "poor_gained", "error", "share_of_all"),
}


def workbook(language: Language, sealed: Sealed, overlay: Overlay) -> bytes:
    """A sheet for each table of TITLES that there is, then the dictionary and the terms."""
    texts = locales.texts(language)
    return release_files.workbook(language, sealed, tables(overlay), _beside(texts, overlay))


def geopackage(language: Language, sealed: Sealed, overlay: Overlay) -> bytes:
    """A layer for each of them, EPSG:4326, those of reach by class and programmes without shapes; then the words."""
    texts = locales.texts(language)
    return release_files.geopackage(language, sealed, tables(overlay, outlined=True), _beside(texts, overlay))


def brief(language: Language, sealed: Sealed, overlay: Overlay, address: str, ground: Sequence[Outline]) -> bytes:
    """Two pages A4 as a PDF; `address` is that of the page with the same question, `ground` what `outlines` gave."""
    about = sealed.about
    told = Told(
        overlay.head,
        overlay.clusters,
        overlay.leaves["leaves"],
        overlay.sites,
        overlay.reach,
        overlay.placements,
        closed=not sees_blocks(sealed),
    )
    head = sealed.head | {"cut_off": about["cut_off"]}
    made = Brief(told, head, ZoneInfo(about["time_zone"]), ground, address)
    return briefs.draw(made, Wording(language, locales.texts(language)))


async def outlines(db: AsyncConnection, sealed: Sealed, within: tuple[int, int] = EVERYWHERE) -> list[Outline]:
    """Areas on the map of a brief: of the finest level above blocks that has room, and the level above with names.

    `within` first and last number. Shapes are public.
    """
    found: list[tuple[bool, Row]] = []
    for level in reversed(LEVELS[:-1]):
        rows = (await published.areas(db, sealed, Question(level, within, limit=EVERYTHING))).rows
        if rows and len(rows) <= MOST_OUTLINES:
            named = bool(found)
            found += [(named, row) for row in rows]
            if named:
                break
    shapes = await published.area_shapes(db, [row["n"] for _, row in found])
    return [Outline(row["name"], shapely.from_geojson(shapes[row["n"]]), named) for named, row in found]


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────


def tables(overlay: Overlay, *, outlined: bool = False) -> list[Table]:
    """Every table of an answer, flat: what is nested becomes columns like `before_poor`, lists become text.

    With `outlined` they have their shapes.
    """
    clusters, reach = overlay.clusters, overlay.reach
    made = [table("clusters", clusters["clusters"], overlay.cluster_shapes)]
    if clusters["before_release"] is not None:
        made.append(table("clusters_gone", clusters["gone"], _hexagons(clusters["gone"]) if outlined else {}))
    made += [
        table("clusters_leaves", overlay.leaves["leaves"], overlay.leaf_shapes),
        table("sites", overlay.sites["sites"], points(overlay.sites["sites"]), "Point"),
        table("reach", reach["classes"], {}, None),
        table("reach_overlap", reach["overlap"], {}, None),
        table("reach_villages", reach.get("areas", []), overlay.area_shapes),
    ]
    if overlay.placements is not None:
        rows = overlay.placements["placements"]
        made.append(table("placements", rows, points(rows), "Point"))
    return made


def table(name: str, rows: Sequence[Row], shapes: Mapping[int, str], geometry: Geometry = "MultiPolygon") -> Table:
    """Rows under one of the names in TITLES, flat, in the columns of that name and no others."""
    titles = TITLES[name]
    flattened = [flat(row) for row in rows]
    compared = any("before_households" in row for row in flattened)
    if compared:
        titles = (*titles, *(f"before_{part}" for part in FIGURE))
    return Table(name, [{title: row.get(title) for title in titles} for row in flattened], shapes, titles, geometry)


def flat(row: Row) -> Row:
    """A row without anything nested: figures of something else with its name before theirs, the rest as text."""
    found: Row = {}
    for name, value in row.items():
        if name == "served":
            found[name] = [f"{one['programme']} {one['class']}" for one in value]
        elif isinstance(value, Mapping):
            found |= {f"{name}_{part}": of for part, of in value.items()}
        elif name != "before" or value is not None:
            found[name] = value
    return found


def points(rows: Sequence[Row]) -> dict[int, str]:
    """Where rows are, by their `n`, as GeoJSON text, EPSG:4326."""
    return {row["n"]: shapely.to_geojson(shapely.Point(row["lon"], row["lat"])) for row in rows}


def _hexagons(rows: Sequence[Row]) -> dict[int, str]:
    cells = {row["n"]: np.array([h3cells.from_hex(name) for name in row["cells"]], np.int64) for row in rows}
    return {n: shapely.to_geojson(h3cells.outline(of)) for n, of in cells.items()}


# ── what is said beside them ──────────────────────────────────────────────────────────────────────────────────────


def _beside(texts: Mapping[str, str], overlay: Overlay) -> Beside:
    codes = (
        *((f"state: {state}", f"state_{state}") for state in (*STATES, "new", "still")),
        *((f"why: {code}", f"why_{code}" if code in _OWN_WORDS else f"note_{code}") for code in REASONS),
        *((f"moran: {code}", f"moran_{code}") for code in QUADRANTS if code != "none"),
        *((f"fullness: {code}", f"fullness_{code}") for code in FULLNESS),
    )
    known = release_files.parameters(texts)
    told = [rule for rule in RULES if rule != "placements" or overlay.placements is not None]
    rules = [(texts["published.rule"], texts[f"published.rule_{rule}"].format(**known)) for rule in told]
    words = [(code, texts[f"published.{key}"].format(**known)) for code, key in codes]
    return Beside(words, [*_asked(texts, overlay), *rules])


def _asked(texts: Mapping[str, str], overlay: Overlay) -> list[tuple[str, str]]:
    """What was asked, and how it was calculated."""
    head, placed = overlay.head, overlay.placements
    within = head["within"]
    said: dict[str, Any] = {
        "within": texts["published.all_seen"] if within is None else f"{within['name']} ({within['code']})",
        "programme": head["programme"] or texts["published.every_programme"],
        "km": f"{head['km']} km",
        "sites_version": head["sites_version"],
        "clusters_on": _on(overlay.clusters),
        "reach_on": _on(overlay.reach),
        "method": _listed(overlay.clusters["method"]),
    }
    if placed is not None:
        said["placing"] = _listed({name: value for name, value in placed.items() if name not in _OF_PLACES})
    return [(texts[f"published.term_{name}"], str(value)) for name, value in said.items()]


#: Why a cell is not tested, where no note of a figure says it.
_OWN_WORDS = ("alone", "too_few")

#: What is told of proposed places but not how they were found.
_OF_PLACES = ("placements", "covered", "system", "resolution")


def _on(answer: Row) -> str:
    return f"{answer['system']} {answer['resolution'] or ''}".strip()


def _listed(said: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in said.items())
