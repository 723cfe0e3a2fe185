"""A plan to take along: GPX for the phone of who walks, and a workbook to print and tick.

GPX has a route for each enumerator and a waypoint for each stop with its number, since some apps show the one and some
the other. The workbook has a page for each enumerator. Both are in the reader's words and local times.
"""

import io
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import xlsxwriter
from fastapi import Response

from app import locales
from app.formats import safe
from app.mapfiles import Reader

#: Formats that are written here; others are lists of stops.
FORMATS = ("gpx", "xlsx")

_TYPES = {
    "gpx": "application/gpx+xml",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_GPX = "http://www.topografix.com/GPX/1/1"
#: What the name of a worksheet cannot hold, and how long it is at most.
_UNNAMEABLE, _LONGEST = re.compile(r"[\[\]:*?/\\']"), 31
#: What XML 1.0 cannot hold (section 2.2, "Char").
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WIDTHS = (5, 13, 22, 46, 9, 11, 12, 8, 26)

Row = Mapping[str, Any]


def rows_of(routes: Sequence[Row]) -> list[dict[str, Any]]:
    """The stops of all routes as one list, each with its enumerator and its place in the order, from 1."""
    return [
        {"enumerator": route["enumerator"], "order": at, **row}
        for route in routes
        for at, row in enumerate(route["stops"], start=1)
    ]


def respond(format_: str, head: Row, routes: Sequence[Row], reader: Reader | None = None) -> Response:
    """Routes in one of FORMATS; `head` is what is said of the whole plan."""
    reader = reader or Reader()
    body = (gpx if format_ == "gpx" else workbook)(head, routes, reader)
    name = f"cakupan_plan_{head['day']}.{format_}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Language": reader.language}
    return Response(body, media_type=_TYPES[format_], headers=headers)


def gpx(head: Row, routes: Sequence[Row], reader: Reader) -> bytes:
    """GPX 1.1: waypoints of all stops, then a route for each enumerator that has any."""
    root = ElementTree.Element("gpx", {"version": "1.1", "creator": "Cakupan", "xmlns": _GPX})
    about = ElementTree.SubElement(root, "metadata")
    _said(about, "name", f"Cakupan: {head['supervisor']}, {head['day']}")
    _said(about, "desc", _about(head, reader))
    for route in routes:
        for at, row in enumerate(route["stops"], start=1):
            _point(root, "wpt", route, (at, row), reader)
    for route in (route for route in routes if route["stops"]):
        line = ElementTree.SubElement(root, "rte")
        _said(line, "name", route["enumerator"])
        for at, row in enumerate(route["stops"], start=1):
            _point(line, "rtept", route, (at, row), reader)
    written: bytes = ElementTree.tostring(root, "utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + written


def _point(onto: ElementTree.Element, kind: str, route: Row, stop: tuple[int, Row], reader: Reader) -> None:
    """One stop with its number: elements in the order of the schema."""
    at, row = stop
    texts = locales.texts(reader.language)
    point = ElementTree.SubElement(onto, kind, {"lat": f"{row['lat']:.6f}", "lon": f"{row['lon']:.6f}"})
    _said(point, "name", f"{at} {row['name']}" if kind == "rtept" else f"{at} {route['enumerator']}")
    lines = [
        texts["route.time"].format(arrive=_hour(row["arrive"], reader), leave=_hour(row["leave"], reader)),
        _what(row, reader),
        f"{row['name']} {row['code']}",
        texts["route.families"].format(families=row["families"]),
    ]
    if row["appointment"]:
        lines.append(f"{texts['route.head_appointment']}: {_hour(row['appointment'], reader)}")
    _said(point, "desc", "\n".join(lines))
    _said(point, "type", row["kind"])


def workbook(head: Row, routes: Sequence[Row], reader: Reader) -> bytes:
    """A worksheet for each enumerator, made to be printed on A4 across: stops in order, with room to tick and write."""
    out, texts = io.BytesIO(), locales.texts(reader.language)
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        looks = {
            "title": book.add_format({"bold": True, "font_size": 13}),
            "head": book.add_format({"bold": True, "border": 1, "bg_color": "#DDDDDD", "text_wrap": True}),
            "text": book.add_format({"border": 1, "text_wrap": True, "valign": "top", "num_format": "@"}),
            "plain": book.add_format({"border": 1, "valign": "top"}),
        }
        names: set[str] = set()
        for route in routes or [{"enumerator": "-", "families": 0, "walk_m": 0, "hours": 0, "stops": []}]:
            sheet = book.add_worksheet(_named(route["enumerator"], names))
            _page(sheet, looks, (head, route), (texts, reader))
    return out.getvalue()


def _page(sheet: Any, looks: Mapping[str, Any], said: tuple[Row, Row], how: tuple[Mapping[str, str], Reader]) -> None:
    """One enumerator's page."""
    (head, route), (texts, reader) = said, how
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(2)
    sheet.set_footer("&L&A&R&P / &N")
    title = texts["route.title"].format(**{**route, "day": head["day"], "families": round(route["families"])})
    sheet.write_string(0, 0, safe(title), looks["title"])
    sheet.write_string(
        1, 0, safe(texts["route.team"].format(supervisor=head["supervisor"], about=_about(head, reader)))
    )
    heads = ("order", "head_time", "head_what", "head_where", "head_families", "head_walk", "head_appointment")
    for column, name in enumerate((*heads, "head_done", "head_note")):
        sheet.write_string(2, column, texts[f"route.{name}"], looks["head"])
        sheet.set_column(column, column, _WIDTHS[column])
    for at, row in enumerate(route["stops"], start=1):
        hours = texts["route.time"].format(arrive=_hour(row["arrive"], reader), leave=_hour(row["leave"], reader))
        appointment = _hour(row["appointment"], reader) if row["appointment"] else ""
        where = f"{row['name']}, {row['place']} ({row['code']})"
        cells = (at, hours, _what(row, reader), where, row["families"], row["walk_m"], appointment, "☐", "")
        for column, value in enumerate(cells):
            if isinstance(value, str):
                sheet.write_string(at + 2, column, safe(value), looks["text"])
            else:
                sheet.write_number(at + 2, column, value, looks["plain"])


def _what(row: Row, reader: Reader) -> str:
    """What is to be done at a stop, and at whose door."""
    texts = locales.texts(reader.language)
    said = texts[f"plan.kind_{row['kind']}"]
    door = texts["way.building"].format_map(row) if row["building"] and row["sequence"] is not None else ""
    return f"{said}: {door or row['household_id']}" if row["household_id"] else said


def _about(head: Row, reader: Reader) -> str:
    """As of when the plan is, and that it is simulated."""
    line = f"epoch {head['epoch']}, {head['as_of'].astimezone(reader.zone):%Y-%m-%d %H:%M}"
    return f"{line}, SIMULATED" if head["simulated"] else line


def _hour(at: datetime, reader: Reader) -> str:
    return f"{at.astimezone(reader.zone):%H:%M}"


def _said(onto: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(onto, name).text = _UNWRITABLE.sub("�", text)


def _named(name: str, taken: set[str]) -> str:
    """A worksheet's name like `name` that no other has; Excel tells capitals from small letters nowhere."""
    stem = _UNNAMEABLE.sub("_", name)[:_LONGEST] or "_"
    found, more = stem, 2
    while found.casefold() in taken or found.casefold() == "history":  # which Excel keeps for itself
        found, more = f"{stem[: _LONGEST - 4]} {more}", more + 1
    taken.add(found.casefold())
    return found
