"""A block made up for printed sheets, and a look at the pages as somebody with a ruler has it: in millimetres."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pypdfium2
import shapely
from numpy.typing import NDArray

from app import locales
from geo.watch.sheets import About, Buildings, Call, Head, Neighbour, Sheet
from tiles import sheet as printed
from tiles.sheet import Look
from tiles.wording import Wording

LON, LAT = 117.1, -0.5
#: Metres of a degree of longitude and of latitude there (WGS 84).
EAST_M, NORTH_M = 111_315.1, 110_574.3
NOW = datetime(2022, 10, 26, 6, 5, tzinfo=UTC)
#: Dots of a millimetre at which pages are looked at.
DOTS = 8
ABOUT = About("Regsosek simulasi", True, "prelist", "2022_2", 123, NOW, ZoneInfo("Asia/Makassar"))
HEAD = Head(7, "6472030001-SIM01", "6472030001", "RT 01", "block", ("Kampung 1", "Samarinda Ulu"), "siti", "budi")
FIGURES = {"gap": 12, "completed": 48, "expected": 60, "state": "behind"}


def place(x: float, y: float) -> tuple[float, float]:
    """Degrees of metres east and north of the block's middle."""
    return LON + x / EAST_M, LAT + y / NORTH_M


def square(wide: float, high: float, x: float = 0.0, y: float = 0.0) -> shapely.MultiPolygon:
    """A rectangle of metres around a place."""
    (west, south), (east, north) = place(x - wide / 2, y - high / 2), place(x + wide / 2, y + high / 2)
    return shapely.MultiPolygon([shapely.box(west, south, east, north)])


def houses(at: list[tuple[float, float, int]], area: float = 64.0) -> Buildings:
    """Houses at metres (x, y), with so many families met."""
    places = np.array([place(x, y) for x, y, _ in at]).reshape(-1, 2)
    met = np.array([n for *_, n in at], dtype=np.int64)
    return Buildings(places[:, 0], places[:, 1], np.full(len(at), area), met)


def call(x: float | None, y: float | None, **more: object) -> Call:
    """A visit due at metres (x, y)."""
    lon, lat = (None, None) if x is None or y is None else place(x, y)
    made = Call(lon, lat, "SIM-1", "012", 3, "not_met", 2, "today", NOW + timedelta(hours=2), True)
    return replace(made, **more)


def block(wide: float = 120.0, high: float = 160.0, **changes: object) -> Sheet:
    """The sheet of a block of metres: nothing in it, one neighbour to the east."""
    beside = Neighbour("6472030001-SIM02", "RT 02", square(wide, high, x=wide))
    made = Sheet(
        ABOUT,
        HEAD,
        FIGURES,
        square(wide, high),
        (beside,),
        True,
        houses([]),
        houses([]),
        np.empty((0, 2)),
        (),
        (),
        (),
    )
    return replace(made, **changes)


def look(paper: str = "a4", language: str = "id") -> Look:
    return Look(
        paper,
        Wording(language, locales.texts(language)),
        NOW,
        lambda code, level: f"https://cakupan.example.id/block?code={code}&level={level}",
    )


def pdf(*sheets: Sheet, how: Look | None = None) -> bytes:
    """Sheets as a file."""
    how, into = how or look(), io.BytesIO()
    pages = printed.begin(into, how, "test")
    for one in sheets:
        west, south, east, north = shapely.bounds(one.outline).tolist()
        printed.draw(pages, one, (west, south, east, north), how)
    pages.save()
    return into.getvalue()


def texts(body: bytes) -> list[str]:
    """The words of each page."""
    file = pypdfium2.PdfDocument(body)
    found = [" ".join(page.get_textpage().get_text_range().split()) for page in file]
    file.close()
    return found


def seen(body: bytes, page: int = 0, dots: int = DOTS) -> NDArray[np.uint8]:
    """A page as it looks: greys, so many dots a millimetre, the first row on top."""
    file = pypdfium2.PdfDocument(body)
    shown = np.asarray(file[page].render(scale=dots * 25.4 / 72).to_pil().convert("L"))
    file.close()
    return shown
