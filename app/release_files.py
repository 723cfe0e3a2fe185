"""Releases as files: lists in every format, and the whole of one as a workbook or a GeoPackage.

Every file says beside its figures what they are and how far they go: a dictionary of its columns, and the terms with
rules for reading. The same bytes come at every request, to everybody who may see as much.
"""

import asyncio
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa
import shapely
import xlsxwriter
from fastapi import Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app import formats, locales
from app.formats import safe
from geo.errors import BadInput
from geo.ground.levels import LEVELS
from geo.publish import bands, cost, noise, published
from geo.publish.freeze import GATE
from geo.publish.published import EVERYTHING, Cells, Question, Row, Sealed
from geo.schema_release import COARSEST, LEAF
from geo.schema_welfare import KINDS
from tiles import package
from tiles.package import GEOMETRY, Layer

Format = Literal["json", "csv", "geojson", "xlsx", "gpkg"]
Language = Literal["id", "en"]
Geometry = Literal["MultiPolygon", "Point"] | None

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
GPKG = "application/geopackage+sqlite3"

#: Rows that a whole file holds at most; a worksheet would hold 1,048,576.
MOST_ROWS = 300_000

#: One at a time, and apart from the lists of those inside: whoever is outside can ask for these.
_MAKER = ThreadPoolExecutor(1, thread_name_prefix="release")

#: Columns that are not whole numbers; every other one is.
_TEXTS = {"code", "name", "level", "parent", "cell", "share_band", "notes"}
_TEXTS |= {"cluster", "cells", "places", "served", "without_site", "state", "why", "moran", "measured"}
_TEXTS |= {"site_id", "programme", "programmes", "kind", "fullness", "class"}
_BROKEN = {"lon", "lat", "error", "covered", "change_error", "km2", "excess", "excess_error", "agree", "sure", "z", "p"}
_BROKEN |= {"poor_gained", "share_of_all"}
#: Beginnings of columns that hold the same figure of something else.
_OF_ELSE = ("before", "after", "reached", "beyond")
_WIDE, _NARROW = 26, 12

#: Rules for reading, in the order in which they are said.
RULES = ("noise", "sums", "few", "none_yet", "coverage", "bands", "once", "hidden", "alike", "ask")

T = TypeVar("T")


@dataclass(frozen=True)
class Table:
    """Rows of one list, and their outlines as GeoJSON text by `n`, where it is drawn.

    `titles` are its columns where there is no row; `geometry` is what it has in a GeoPackage, None for nothing.
    """

    name: str
    rows: list[Row]
    shapes: Mapping[int, str] = field(default_factory=dict)
    titles: Sequence[str] = ()
    geometry: Geometry = "MultiPolygon"

    @property
    def columns(self) -> list[str]:
        """Names of its columns."""
        return list(self.rows[0] if self.rows else self.titles)


@dataclass(frozen=True)
class Beside:
    """What is said beside tables that are not simply those of a release: lines that come last."""

    dictionary: Sequence[tuple[str, str]] = ()
    terms: Sequence[tuple[str, str]] = ()


NOTHING_ELSE = Beside()


async def gather(db: AsyncConnection, sealed: Sealed, *, outlined: bool) -> list[Table]:
    """All that the reader sees of a release: a table for each level and resolution, with outlines or without.

    Raises BadInput (`too-wide`) beyond MOST_ROWS.
    """
    there = await published.extent(db, sealed)
    if sum(there.values()) > MOST_ROWS:
        raise BadInput("too many rows for one file: take the lists, page by page", code="too-wide")
    tables = []
    for level in LEVELS:
        if ("area", level) in there:
            rows = (await published.areas(db, sealed, Question(level, limit=EVERYTHING, shown_only=True))).rows
            shapes = await published.area_shapes(db, [row["n"] for row in rows]) if outlined else {}
            tables.append(Table(level, rows, shapes))
    for resolution in range(COARSEST, LEAF + 1):
        if ("cell", str(resolution)) in there:
            rows, _ = await published.cells(db, sealed, Cells(resolution, limit=EVERYTHING, shown_only=True))
            names = [row["cell"] for row in rows]
            shapes = await published.cell_shapes(db, names, resolution) if outlined else {}
            tables.append(Table(f"cells_{resolution}", rows, shapes))
    return tables


async def table(format_: Format, language: Language, sealed: Sealed, head: Row, of: Table) -> Response:
    """One list in a format; a file is named after release and list."""
    if format_ == "json":
        return formats.respond("json", of.name, of.rows, head)
    if format_ in {"csv", "geojson"}:
        answer = await _apart(lambda: formats.respond(format_, of.name, of.rows, head, dict(of.shapes)))
    else:
        answer = await whole(format_, language, sealed, [of])
    answer.headers["Content-Disposition"] = _named(f"cakupan_release{sealed.release}_{of.name}.{format_}")
    return answer


async def whole(format_: Format, language: Language, sealed: Sealed, tables: Sequence[Table]) -> Response:
    """Tables as one workbook or GeoPackage, with a dictionary and the terms in a language."""
    make, media = (workbook, XLSX) if format_ == "xlsx" else (geopackage, GPKG)
    body = await _apart(lambda: make(language, sealed, tables))
    headers = {"Content-Disposition": _named(f"cakupan_release{sealed.release}.{format_}")}
    return Response(body, media_type=media, headers=headers | {"Content-Language": language})


async def _apart(make: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_MAKER, make)


def _named(name: str) -> str:
    return f'attachment; filename="{name}"'


# ── a workbook ────────────────────────────────────────────────────────────────────────────────────────────────────


def workbook(language: Language, sealed: Sealed, tables: Sequence[Table], beside: Beside = NOTHING_ELSE) -> bytes:
    """A sheet for each table, then the dictionary and the terms."""
    out, texts = io.BytesIO(), locales.texts(language)
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        made = sealed.about["as_of"].astimezone(UTC).replace(tzinfo=None)
        book.set_properties({"title": _title(sealed, texts), "created": made})
        looks = {
            "bold": book.add_format({"bold": True}),
            "text": book.add_format({"num_format": "@"}),
            "wrapped": book.add_format({"text_wrap": True, "valign": "top"}),
        }
        for one in tables:
            _sheet(book.add_worksheet(_sheet_name(one.name, texts)), looks, one)
        for name, lines in _said(texts, sealed, tables, beside):
            _lines(book.add_worksheet(texts[f"published.sheet_{name}"]), looks, lines)
    return out.getvalue()


def _sheet(sheet: Any, looks: Mapping[str, Any], of: Table) -> None:
    sheet.freeze_panes(1, 0)
    for column, title in enumerate(of.columns):
        sheet.write_string(0, column, title, looks["bold"])
        sheet.set_column(column, column, _WIDE if title in _TEXTS else _NARROW)
        for at, row in enumerate(of.rows, start=1):
            value = safe(row[title])
            if isinstance(value, str):
                sheet.write_string(at, column, value, looks["text"])
            elif value is not None:
                sheet.write(at, column, value)


def _lines(sheet: Any, looks: Mapping[str, Any], lines: Sequence[tuple[str, str]]) -> None:
    sheet.set_column(0, 0, _WIDE)
    sheet.set_column(1, 1, 100)
    for at, (name, said) in enumerate(lines):
        sheet.write_string(at, 0, safe(name), looks["bold"])
        sheet.write_string(at, 1, safe(said), looks["wrapped"])


def _sheet_name(name: str, texts: Mapping[str, str]) -> str:
    resolution = name.removeprefix("cells_")
    if resolution.isdigit():
        return texts["published.sheet_cells"].format(resolution=resolution)
    return texts[f"published.{name}"]


# ── a GeoPackage ──────────────────────────────────────────────────────────────────────────────────────────────────


def geopackage(language: Language, sealed: Sealed, tables: Sequence[Table], beside: Beside = NOTHING_ELSE) -> bytes:
    """A layer for each table, then `dictionary` and `terms` without shapes."""
    texts = locales.texts(language)
    title = _title(sealed, texts)
    layers = [_layer(one, title) for one in tables]
    for name, lines in _said(texts, sealed, tables, beside):
        keys, said = zip(*lines, strict=True)
        layers.append(Layer(name, pa.table({"name": list(keys), "text": list(said)}), None, title))
    return package.packed(layers, sealed.about["as_of"])


def _layer(of: Table, title: str) -> Layer:
    columns = of.columns or ["n"]
    made = {name: pa.array([_cell(row[name]) for row in of.rows], _kind(name)) for name in columns}
    if of.geometry:
        shapes = [shapely.from_geojson(of.shapes[row["n"]]) for row in of.rows]
        drawn = [shapely.MultiPolygon([one]) if isinstance(one, shapely.Polygon) else one for one in shapes]
        made[GEOMETRY] = pa.array([shapely.to_wkb(one) for one in drawn], pa.binary())
    return Layer(of.name, pa.table(made), of.geometry, title)


def _kind(column: str) -> pa.DataType:
    of, _, rest = column.partition("_")
    name = rest if of in _OF_ELSE else column
    if name in {"clear", "inside"}:
        return pa.bool_()
    return pa.string() if name in _TEXTS else pa.float64() if name in _BROKEN else pa.int64()


def _cell(value: Any) -> Any:
    return (",".join(value) or None) if isinstance(value, list) else value


# ── what is said beside the figures ───────────────────────────────────────────────────────────────────────────────


def _said(
    texts: Mapping[str, str], sealed: Sealed, tables: Sequence[Table], beside: Beside
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The two lists of words that every file ends with, by name."""
    yield "dictionary", [*dictionary(texts, tables), *beside.dictionary]
    yield "terms", [*terms(texts, sealed), *beside.terms]


def dictionary(texts: Mapping[str, str], tables: Sequence[Table]) -> list[tuple[str, str]]:
    """Every column of the tables with what it means, then the notes and the bands."""
    columns = dict.fromkeys(column for one in tables for column in one.columns)
    known = parameters(texts)
    lines = [(column, _meaning(column, texts).format(**known)) for column in columns]
    lines += [(note, texts[f"published.note_{note}"].format(**known)) for note in bands.NOTES]
    return lines + [(band, texts["published.band"].format(band=band)) for band in bands.BANDS]


def _meaning(column: str, texts: Mapping[str, str]) -> str:
    which, _, rest = column.partition("_")
    if which in _OF_ELSE:
        return f"{texts[f'published.{which}']} {_meaning(rest, texts)}"
    return texts[f"published.col_{column}"]


def terms(texts: Mapping[str, str], sealed: Sealed) -> list[tuple[str, str]]:
    """Which release it is, what counts as poor in it, the parameters and their cost, and the rules for reading."""
    about = sealed.about
    zone = ZoneInfo(about["time_zone"])
    counted = texts[f"published.measure_{about['measure']}"].format(cut_off=about["cut_off"])
    said = {
        "campaign": about["campaign"],
        "simulated": texts[f"published.{'yes' if about['simulated'] else 'no'}"],
        "edition": f"{about['edition']} ({about['series']})",
        "release": f"{about['release']}: {texts['published.kind_' + about['kind']]}",
        "measure": counted,
        "as_of": _instant(about["as_of"], zone),
        "fixed_at": _instant(about["fixed_at"], zone),
        "digest": sealed.digest,
    }
    lines = [(texts[f"published.term_{name}"], value) for name, value in said.items()]
    known = parameters(texts)
    return lines + [(texts["published.rule"], texts[f"published.rule_{rule}"].format(**known)) for rule in RULES]


def parameters(texts: Mapping[str, str]) -> dict[str, Any]:
    """Values of the release's rules for texts that name them."""
    both = cost.of(len(KINDS))
    broken = {
        "error": f"{published.error(1)}",
        "epsilon": f"{both['epsilon']:.1f}",
        "advantage": f"{both['advantage']:.2f}",
    }
    return {name: said.replace(".", texts["published.point"]) for name, said in broken.items()} | {
        "sigma": noise.SIGMA,
        "gate": GATE,
        "shown_from": bands.SHOWN_FROM,
        "low_coverage": f"{bands.LOW_COVERAGE:.0%}",
    }


def _title(sealed: Sealed, texts: Mapping[str, str]) -> str:
    about = sealed.about
    zone = ZoneInfo(about["time_zone"])
    title = texts["published.title"].format(
        campaign=about["campaign"], release=sealed.release, as_of=_instant(about["as_of"], zone)
    )
    return f"{title} {texts['published.simulated']}" if about["simulated"] else title


def _instant(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"
