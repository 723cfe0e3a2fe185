"""What has been published, as whoever asks may read it: functions of sealed releases alone.

Every function takes a connection of the release login (`app.database.Database.as_reader`), which sees the schema
`release` and nothing else; its policies decide which leaves are shown. No campaign, no clock, no mirror, no household.
What is hidden is there without a figure: shapes are public. Sums are of what is shown.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound
from geo.ground import cells as h3cells
from geo.ground.levels import LEVELS
from geo.publish import bands, cost, noise
from geo.publish.freeze import GATE
from geo.schema_welfare import KINDS
from geo.scope import LAST

SQL = queries.load(__file__)

Row = dict[str, Any]
Box = tuple[float, float, float, float]

#: By what areas can be put in order: as they are numbered, or the most first.
ORDERS = ("code", "poor", "share", "households")

#: The whole of what a list can hold: nobody asks for more at once.
EVERYTHING = 1_000_000

#: First and last number where no area is named.
EVERYWHERE = (0, LAST)

#: A page begins behind this: nothing comes before it.
_START = (-1, 0.0, 0)
_AFTER = re.compile(r"([0-2])~(-?[0-9]{1,10}(?:\.[0-9]{1,25})?(?:e-[0-9]{1,3})?)~([0-9]{1,10})")

#: Radius of the sphere of Web Mercator in metres, and the latitude at which its square ends (EPSG:3857).
_RADIUS, _SQUARE = 6_378_137.0, 85.051128


@dataclass(frozen=True)
class Sealed:
    """A sealed release under its terms, and what the reader sees of it down to its leaves, as text of a multirange."""

    about: Mapping[str, Any]
    scope: str

    @property
    def release(self) -> int:
        """Its number in the calendar."""
        return int(self.about["release"])

    @property
    def digest(self) -> str:
        """SHA-256 of its canonical bytes, hexadecimal."""
        return bytes(self.about["digest"]).hex()

    @property
    def head(self) -> Row:
        """What every answer says of the release beside its rows."""
        said = ("release", "kind", "measure", "as_of", "sealed_at", "edition", "campaign", "simulated")
        return {name: self.about[name] for name in said} | {"digest": self.digest}


@dataclass(frozen=True)
class Question:
    """Which areas: of a `level`, `within` first and last number, with `words` in the name or beginning the code.

    `order` is one of ORDERS, `after` the `next` of the page before; `shown_only` leaves out what is hidden.
    """

    level: str
    within: tuple[int, int] = EVERYWHERE
    words: str = ""
    order: str = "code"
    after: str | None = None
    limit: int = 1_000
    shown_only: bool = False


@dataclass(frozen=True)
class Cells:
    """Which cells: of a `resolution`, touching `box` (degrees: west, south, east, north), behind the cell `after`.

    `within` an area lie those that hold a leaf of it.
    """

    resolution: int
    within: tuple[int, int] = EVERYWHERE
    box: Box | None = None
    after: int = 0
    limit: int = 10_000
    shown_only: bool = False


@dataclass(frozen=True)
class Page:
    """Rows, where the next page begins, how many rows all pages have, and the sum of what is shown in them."""

    rows: list[Row]
    next: str | None
    total: int
    shown: Row


async def overview(db: AsyncConnection) -> Row:
    """Terms (None where nothing is fixed), levels of the areas, coarsest first, cost, calendar and sealed releases.

    The same for every reader.
    """
    terms = (await db.execute(SQL["terms"])).mappings().one_or_none()
    calendar = [dict(row) for row in (await db.execute(SQL["calendar"])).mappings()]
    releases = [dict(row) for row in (await db.execute(SQL["releases"])).mappings()]
    levels = list(await db.scalars(SQL["levels"], {"levels": list(LEVELS)}))
    rules = {"sigma": noise.SIGMA, "gate": GATE, "shown_from": bands.SHOWN_FROM, "low_coverage": bands.LOW_COVERAGE}
    return {
        "terms": None if terms is None else dict(terms) | rules,
        "levels": levels,
        "cost": {"now": cost.of(len({row["kind"] for row in releases})), "whole": cost.of(len(KINDS))},
        "calendar": calendar,
        "releases": [row | {"digest": bytes(row["digest"]).hex()} for row in releases],
    }


async def find(db: AsyncConnection, release: int) -> Sealed:
    """A sealed release as this reader sees it. Raises NotFound (`no-release`)."""
    row = (await db.execute(SQL["release"], {"release": release})).mappings().one_or_none()
    if row is None:
        raise NotFound("there is no such release", code="no-release")
    return Sealed({name: value for name, value in row.items() if name != "scope"}, row["scope"])


async def span(db: AsyncConnection, code: str | None, level: str | None = None) -> tuple[int, int]:
    """First and last number of an area of the releases; everything for None.

    Raises NotFound (`no-area`), BadInput (`ambiguous-area`) where several levels share the code.
    """
    if code is None:
        return EVERYWHERE
    found = (await db.execute(SQL["named"], {"code": _plain(code), "level": level})).all()
    if not found:
        raise NotFound("the releases have no area of this code", code="no-area")
    if len(found) > 1:
        raise BadInput("the code stands for several areas: name the level too", code="ambiguous-area")
    return int(found[0].number), int(found[0].last)


async def areas(db: AsyncConnection, sealed: Sealed, question: Question) -> Page:
    """Figures of the areas of a level. By a figure, those that a note warns of come after all others, hidden ones last.

    Raises BadInput (`bad-after`).
    """
    of = _asked(question) | {"release": sealed.release}
    after_all, key, number = _start(question.after)
    more = {"sort": question.order, "shown_from": bands.SHOWN_FROM, "low_coverage": bands.LOW_COVERAGE}
    more |= {"after_all": after_all, "key": key, "after": number, "limit": question.limit + 1}
    more["shown_only"] = question.shown_only
    found = (await db.execute(SQL["areas"], of | more)).mappings().all()
    page = found[: question.limit]
    together = (await db.execute(SQL["areas_together"], of)).mappings().one()
    last = page[-1] if len(found) > question.limit else None
    return Page(
        [area_of(row) | figure(row) for row in page],
        None if last is None else f"{last['after_all']}~{float(last['key'])!r}~{last['number']}",
        int(together["total"]),
        _sum(together),
    )


async def cells(db: AsyncConnection, sealed: Sealed, question: Cells) -> tuple[list[Row], int | None]:
    """Figures of H3 cells in their order, and the cell behind which more follow; a figure is of the whole cell."""
    box = (None, None, None, None) if question.box is None else _metres(question.box)
    of: Row = {"release": sealed.release, "resolution": question.resolution, "after": question.after}
    of |= {"first": question.within[0], "last": question.within[1], "shown_only": question.shown_only}
    of |= {"limit": question.limit + 1, **dict(zip(("west", "south", "east", "north"), box, strict=True))}
    found = (await db.execute(SQL["cells"], of)).mappings().all()
    page = found[: question.limit]
    ids = h3cells.feature_ids(np.array([row["cell"] for row in page], np.int64), question.resolution).tolist()
    rows = [
        {"cell": h3cells.to_hex(row["cell"]), "n": n, "lon": round(row["lon"], 6), "lat": round(row["lat"], 6)}
        | figure(row)
        for row, n in zip(page, ids, strict=True)
    ]
    return rows, int(page[-1]["cell"]) if len(found) > question.limit else None


async def extent(db: AsyncConnection, sealed: Sealed) -> dict[tuple[str, str], int]:
    """How many figures the reader sees, by (`area`, level) and (`cell`, resolution)."""
    rows = await db.execute(SQL["extent"], {"release": sealed.release})
    return {(row.system, row.of): row.many for row in rows}


async def area_shapes(db: AsyncConnection, numbers: Sequence[int]) -> dict[int, str]:
    """Outlines of areas as GeoJSON text by number, EPSG:4326, simplified to about ten metres."""
    return {row.key: row.shape for row in await db.execute(SQL["area_shapes"], {"keys": list(numbers)})}


async def cell_shapes(db: AsyncConnection, names: Sequence[str], resolution: int) -> dict[int, str]:
    """Outlines of cells, given by their hex text, as GeoJSON text by feature id, EPSG:4326."""
    keys = [h3cells.from_hex(name) for name in names]
    rows = (await db.execute(SQL["cell_shapes"], {"keys": keys})).all()
    ids = h3cells.feature_ids(np.array([row.key for row in rows], np.int64), resolution).tolist()
    return {n: row.shape for n, row in zip(ids, rows, strict=True)}


def figure(row: RowMapping | Mapping[str, Any]) -> Row:
    """A figure as it is told, of `n`, `value`, `draws` and `expected`; nothing but `not_shown` where `n` is None."""
    n, poor, draws, expected = row["n"], row["value"], row["draws"], row["expected"]
    if n is None:
        return dict.fromkeys(FIGURE) | {"notes": ["not_shown"]}
    place = bands.band(poor, n, draws)
    return {
        "households": n,
        "poor": poor,
        "draws": draws,
        "error": error(draws),
        "expected": expected,
        "covered": round(n / expected, 4) if expected else None,
        "poor_shown": bands.poor_shown(poor, n, draws),
        "share_band": None if place == bands.NO_BAND else bands.BANDS[place],
        "notes": list(bands.notes(n, draws, expected)),
    }


#: What a figure consists of.
FIGURE = ("households", "poor", "draws", "error", "expected", "covered", "poor_shown", "share_band", "notes")


def error(draws: int) -> float:
    """± of a figure with so many draws, families, to a tenth."""
    return round(cost.error(draws), 1)


def area_of(row: RowMapping | Mapping[str, Any]) -> Row:
    """What an area is, without any figure."""
    place = {"code": row["code"], "name": row["name"], "level": row["level"], "n": row["number"]}
    return place | {"parent": row["parent"], "lon": round(row["lon"], 6), "lat": round(row["lat"], 6)}


def _asked(question: Question) -> Row:
    first, last = question.within
    return {"level": question.level, "first": first, "last": last, "words": _plain(question.words)}


def _sum(together: RowMapping) -> Row:
    draws = int(together["draws"])
    said = {"areas": int(together["shown"]), "households": int(together["households"]), "poor": int(together["poor"])}
    return said | {"draws": draws, "error": error(draws)}


def _start(after: str | None) -> tuple[int, float, int]:
    if after is None:
        return _START
    found = _AFTER.fullmatch(after)
    if found is None or not math.isfinite(float(found[2])):
        raise BadInput("after must be the `next` of the page before", code="bad-after")
    return int(found[1]), float(found[2]), int(found[3])


def _plain(text: str) -> str:
    """Text that the database can hold; it ends one at NUL."""
    return text.replace("\0", "�")


def _metres(box: Box) -> Box:
    """A box of degrees in Web Mercator, where it is one too; what lies beyond the map's edge is moved to it."""
    west, south, east, north = box
    low, high = (max(min(lat, _SQUARE), -_SQUARE) for lat in (south, north))
    y = [_RADIUS * math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)) for lat in (low, high)]
    return _RADIUS * math.radians(west), y[0], _RADIUS * math.radians(east), y[1]
