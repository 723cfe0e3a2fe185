"""The classes and colours of the map as QGIS styles, so that a GeoPackage opens there as it looks in the browser.

A style has a rule for each class of `tiles.style`, one for "no data" and one for "not shown", both hatched; where a
layer holds several levels or resolutions, each is drawn at the scales at which the live map draws it. The format is
QGIS's own (QML). It has no specification; symbols are written in the older way that all versions from 3.4 on read.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from xml.etree import ElementTree as Xml

from tiles.layers import MAX_ZOOM
from tiles.style import LINE, MEASURES, NO_DATA_COLOUR, NOT_SHOWN_COLOUR, Measure

#: Measures that have a column in tables; a layer opens with the first. Ages need a clock, which a file has not.
MEASURES_SHOWN = tuple(name for name, measure in MEASURES.items() if measure.unit != "hours")

#: Scale of the live map at zoom 0, after the OGC's pixel of 0.28 mm and tiles of 512 pixels.
_SCALE = 279_541_132


class Part(NamedTuple):
    """Rows of a layer that are drawn between two zooms (`until` excluded); all of them where `where` is empty."""

    where: str = ""
    since: int = 0
    until: int | None = None


def parts(field: str, at: Callable[[int], str | int]) -> list[Part]:
    """A part for each value of `field` that the live map draws, `at` being which one by zoom."""
    found: list[Part] = []
    for zoom in range(MAX_ZOOM + 1):
        where = f'"{field}" = {at(zoom)!r}'
        if not found or found[-1].where != where:
            if found:
                found[-1] = found[-1]._replace(until=zoom)
            found.append(Part(where, zoom))
    return found


def style(layer: str, geometry: str, measure: str, drawn: Sequence[Part]) -> dict[str, Any]:
    """A row of the table `layer_styles`, where QGIS looks for styles of a layer by table and geometry column."""
    return {
        "f_table_catalog": "",
        "f_table_schema": "",
        "f_table_name": layer,
        "f_geometry_column": geometry,
        "styleName": measure,
        "styleQML": _qml(MEASURES[measure], drawn),
        "styleSLD": "",
        "useAsDefault": measure == MEASURES_SHOWN[0],
        "description": f"{layer} by {measure}: classes and colours of the live map",
        "owner": "",
        "ui": "",
        "update_time": datetime.now(UTC).replace(microsecond=0),
    }


def _qml(measure: Measure, drawn: Sequence[Part]) -> str:
    root = Xml.Element("qgis", version="3.22.0", styleCategories="Symbology")
    renderer = Xml.SubElement(root, "renderer-v2", type="RuleRenderer", forceraster="0", symbollevels="0")
    rules = Xml.SubElement(renderer, "rules", key="root")
    classes = _classes(measure)
    for part in drawn:
        above = rules
        if part.where:
            above = Xml.SubElement(rules, "rule", key=part.where, filter=part.where, label=part.where.replace('"', ""))
            above.set("scalemaxdenom", str(round(_SCALE / 2**part.since)) if part.since else "0")
            above.set("scalemindenom", str(round(_SCALE / 2**part.until)) if part.until else "0")
        for at, (where, label, _) in enumerate(classes):
            Xml.SubElement(above, "rule", key=f"{part.where}{at}", symbol=str(at), filter=where, label=label)
    symbols = Xml.SubElement(renderer, "symbols")
    for at, (_, _, fills) in enumerate(classes):
        symbol = Xml.SubElement(symbols, "symbol", name=str(at), type="fill", alpha="0.85", clip_to_extent="1")
        for kind, properties in fills:
            part_of = Xml.SubElement(symbol, "layer", {"class": kind, "pass": "0", "locked": "0", "enabled": "1"})
            for name, value in properties.items():
                Xml.SubElement(part_of, "prop", k=name, v=value)
    return Xml.tostring(root, encoding="unicode")


Fills = list[tuple[str, dict[str, str]]]


def _classes(measure: Measure) -> list[tuple[str, str, Fills]]:
    """Filter, label and fills of each class, of "no data" and of "not shown"."""
    field = f'"{measure.id}"'
    found: list[tuple[str, str, Fills]] = []
    for (low, high), colour in zip(measure.ranges(), measure.colours, strict=True):
        bounds = [f"{field} IS NOT NULL", *([f"{field} >= {low}"] if low is not None else [])]
        bounds += [f"{field} < {high}"] if high is not None else []
        found.append(
            (" AND ".join(bounds), f"{_said(measure, low) or '0'} – {_said(measure, high) or '…'}", [_fill(colour)])
        )
    hidden, shown = '"completed" IS NULL', '"completed" IS NOT NULL'
    found.append((f"{field} IS NULL AND {shown}", "no data", [_fill(NO_DATA_COLOUR), _hatch("45", "2.2", "0.4")]))
    found.append(
        (hidden, "not shown", [_fill(NOT_SHOWN_COLOUR), _hatch("0", "1.6", "0.1"), _hatch("90", "1.6", "0.1")])
    )
    return found


def _said(measure: Measure, value: float | None) -> str:
    if value is None:
        return ""
    return f"{100 * value:.0f} %" if measure.unit == "share" else f"{value:.0f}"


def _fill(colour: str) -> tuple[str, dict[str, str]]:
    line = {"outline_color": _rgba(LINE), "outline_width": "0.15", "outline_style": "solid", "outline_width_unit": "MM"}
    return "SimpleFill", {"color": _rgba(colour), "style": "solid"} | line


def _hatch(angle: str, distance: str, width: str) -> tuple[str, dict[str, str]]:
    return "LinePatternFill", {
        "angle": angle,
        "distance": distance,
        "distance_unit": "MM",
        "color": _rgba(LINE),
        "line_width": width,
        "line_width_unit": "MM",
    }


def _rgba(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"{red},{green},{blue},255"
