"""Do programmes reach those who are poor? Everything that an answer to it is made of, read at once.

A function of a sealed release as its reader sees it, of a version of the sites, and of the question: no campaign, no
clock, no household. Whoever answers reads a `Basis` here within one transaction of the release login, lets clusters and
new places be calculated elsewhere, and tells what was found by `geo.publish.telling`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput
from geo.publish import leaves as finest
from geo.publish import published, sites
from geo.publish.clusters import Cluster, Found
from geo.publish.leaves import Leaves, Whole
from geo.publish.placing import Demand, Method, Placed, Spots, Wish
from geo.publish.published import EVERYWHERE, Row, Sealed
from geo.publish.reach import Places, demand
from geo.publish.sites import SiteList
from geo.schema_release import LEAF, PUBLIC

SQL = queries.load(__file__)

Span = tuple[int, int]

#: More leaves than these are too many for one answer.
MOST_CELLS, MOST_LEAVES = 20_000, 60_000

#: Areas that leaves are named after, the finest that there is.
_NAMING = ("village", "district", "regency", "province")


@dataclass(frozen=True)
class Question:
    """What is asked: `within` an area (None: all that the reader sees), of a `programme` (None: any).

    `km` is one of reach.LIMITS_KM, or None where any distance will do; `method` and `new_sites` are for proposed
    places; `with_release` is an earlier release to compare with; `sites_version` None means the newest.
    """

    within: str | None = None
    within_level: str | None = None
    programme: str | None = None
    km: int | None = 2
    method: Method = "cover"
    new_sites: int = 3
    with_release: int | None = None
    sites_version: int | None = None


@dataclass(frozen=True)
class Areas:
    """Areas (A,) of one level in the order of their numbers: what each is and its figure, and how many blocks it holds.

    A row is as `published.area_of` tells it; `parts` are what `published.figure` tells of it.
    """

    rows: tuple[Row, ...] = ()
    parts: tuple[Row, ...] = ()
    number: Whole = field(default_factory=lambda: np.zeros(0, np.int64))
    last: Whole = field(default_factory=lambda: np.zeros(0, np.int64))
    blocks: Whole = field(default_factory=lambda: np.zeros(0, np.int64))

    def of(self, numbers: Whole) -> NDArray[np.int64]:
        """Position of the area that holds each number; −1 where none does."""
        if not len(self.number):
            return np.full(len(numbers), -1, np.int64)
        at = np.searchsorted(self.number, numbers, side="right") - 1
        return np.asarray(np.where((at >= 0) & (numbers <= self.last[at]), at, -1), np.int64)


@dataclass(frozen=True)
class Earlier:
    """The same leaves in an earlier release."""

    sealed: Sealed
    cells: Leaves
    leaves: Leaves


@dataclass(frozen=True)
class Basis:
    """What every answer to a question is made of.

    `cells` are for clusters, `leaves` for reach (blocks where all asked about are seen, else cells of resolution 7),
    `every` the same of all that the reader sees, for what comes to a site. `inside` are ids of the sites that lie in
    the area asked about. `villages` and `spots` (cells of resolution 8, and the block of each) name places.
    """

    sealed: Sealed
    question: Question
    span: Span
    within: Row | None
    cells: Leaves
    leaves: Leaves
    every: Leaves
    sites: SiteList
    inside: frozenset[str]
    villages: Areas
    spots: tuple[Whole, Whole]
    earlier: Earlier | None = None

    @cached_property
    def places(self) -> Places:
        """All sites, whatever the programme."""
        return sites.places(self.sites)

    @cached_property
    def asked(self) -> Places:
        """Sites of the programme asked about."""
        return sites.places(self.sites, self.question.programme)

    @property
    def km(self) -> int:
        """The distance asked about; the widest class where none was."""
        return self.question.km or 10

    def placing(self) -> tuple[Demand, Spots, Spots, Wish]:
        """What `placing.place` is asked: demand, sites there are, places where new ones could be, and the wish.

        A place is the point of a leaf in which anybody lives.
        """
        leaves, asked, wished = self.leaves, self.asked, self.question
        lived = self.candidates
        return (
            Demand(leaves.lon, leaves.lat, demand(leaves)),
            Spots(asked.lon, asked.lat),
            Spots(leaves.lon[lived], leaves.lat[lived]),
            Wish(wished.method, wished.new_sites, self.km),
        )

    @cached_property
    def candidates(self) -> NDArray[np.int64]:
        """Positions of the leaves where a new site could be: those in which anybody was counted."""
        return np.flatnonzero(self.leaves.n > 0)


@dataclass(frozen=True)
class Overlay:
    """All that is told for one question, in the forms of the routes (docs/guide/api.md), without the release's head.

    `head`: what stands before every answer, and `method` and `sites` of the proposed places. `reach` has `areas`.
    `placements` is None for whoever may not ask for them. Outlines are GeoJSON text, EPSG:4326, by the `n` of their
    rows: of clusters, of the leaves of `leaves`, of the areas of `reach`.
    """

    head: Row
    clusters: Row
    leaves: Row
    sites: Row
    reach: Row
    placements: Row | None
    cluster_shapes: Mapping[int, str]
    leaf_shapes: Mapping[int, str]
    area_shapes: Mapping[int, str]


async def sites_of(db: AsyncConnection, question: Question) -> SiteList:
    """The sites of the version asked about. Raises NotFound (`no-version`, `no-programme`).

    Where there is no site at all, every programme is known.
    """
    found = await sites.current(db, question.sites_version)
    found.of(question.programme)
    return found


async def read(
    db: AsyncConnection, sealed: Sealed, question: Question, of: SiteList, earlier: Sealed | None = None
) -> Basis:
    """What an answer to `question` is made of, on sites that `sites_of` gave. Raises NotFound (`no-area`).

    Raises BadInput (`ambiguous-area`, `too-wide`; `not-earlier` where `earlier` is not).
    """
    if earlier is not None and earlier.release >= sealed.release:
        raise BadInput("a release is compared with an earlier one", code="not-earlier")
    span = await published.span(db, question.within, question.within_level)
    leaves = await _leaves(db, sealed, span)
    return Basis(
        sealed,
        question,
        span,
        await _place(db, span),
        await _cells(db, sealed, span),
        leaves,
        leaves if span == EVERYWHERE else await _every(db, sealed, leaves),
        of,
        await _inside(db, of, span),
        await _naming(db, sealed, span),
        await _spots(db, span),
        None if earlier is None else await _earlier(db, earlier, span),
    )


async def areas(db: AsyncConnection, sealed: Sealed, span: Span, level: str) -> Areas:
    """Areas of a level, and their figures in a release."""
    of = {"release": sealed.release, "level": level, "first": span[0], "last": span[1]}
    rows = (await db.execute(SQL["areas"], of)).mappings().all()
    return Areas(
        tuple(published.area_of(row) for row in rows),
        tuple({part: row[part] for part in ("n", "value", "draws", "expected")} for row in rows),
        *(np.array([row[name] for row in rows], np.int64) for name in ("number", "last", "blocks")),
    )


def found_of(told: Row) -> Found:
    """What `clusters.find` found, of its JSON: there NaN is null."""
    clusters = tuple(Cluster(**(row | {"positions": tuple(row["positions"])})) for row in told["clusters"])
    return Found(
        state=np.array(told["state"], np.int8),
        reason=np.array(told["reason"], np.int8),
        z=np.array(told["z"], np.float64),
        p=np.array(told["p"], np.float64),
        moran=np.array(told["moran"], np.int8),
        cluster=np.array(told["cluster"], np.int64),
        clusters=clusters,
        too_small=told["too_small"],
        method=told["method"],
    )


def placed_of(told: Row) -> Placed:
    """What `placing.place` found, of its JSON."""
    return Placed(**(told | {"chosen": tuple(told["chosen"]), "gained": tuple(told["gained"])}))


async def _earlier(db: AsyncConnection, sealed: Sealed, span: Span) -> Earlier:
    return Earlier(sealed, await _cells(db, sealed, span), await _leaves(db, sealed, span))


async def _place(db: AsyncConnection, span: Span) -> Row | None:
    if span == EVERYWHERE:
        return None
    return dict((await db.execute(SQL["place"], {"number": span[0]})).mappings().one())


async def _every(db: AsyncConnection, sealed: Sealed, of: Leaves) -> Leaves:
    """All that the reader sees of the same leaves; those leaves themselves where that is too much for one answer."""
    found = await (
        finest.blocks(db, sealed) if of.system == "block" else finest.cells(db, sealed, EVERYWHERE, of.resolution)
    )
    return found if len(found) <= MOST_LEAVES else of


async def _leaves(db: AsyncConnection, sealed: Sealed, span: Span) -> Leaves:
    """Blocks where all that are there are seen, else cells that the public sees. Raises BadInput (`too-wide`)."""
    found = await finest.blocks(db, sealed, span)
    if not len(found) or (span != EVERYWHERE and len(found) < await _many(db, span, "blocks")):
        found = await finest.cells(db, sealed, span, PUBLIC)
    _narrow(len(found), MOST_LEAVES)
    return found


async def _cells(db: AsyncConnection, sealed: Sealed, span: Span) -> Leaves:
    """The finest cells, where all that are there are seen, else those that the public sees. Raises as `_leaves`."""
    found = await finest.cells(db, sealed, span)
    if found.resolution == LEAF and (
        not len(found) or (span != EVERYWHERE and len(found) < await _many(db, span, "cells"))
    ):
        found = await finest.cells(db, sealed, span, PUBLIC)
    _narrow(len(found), MOST_CELLS)
    return found


async def _many(db: AsyncConnection, span: Span, of: str) -> int:
    row = (await db.execute(SQL["leaves"], {"first": span[0], "last": span[1]})).mappings().one()
    return int(row[of])


def _narrow(many: int, most: int) -> None:
    if many > most:
        raise BadInput("too many leaves for one answer: name a smaller area in `within`", code="too-wide")


async def _inside(db: AsyncConnection, of: SiteList, span: Span) -> frozenset[str]:
    if span == EVERYWHERE:
        return frozenset(site.site_id for site in of.rows)
    places = {"lon": [site.lon for site in of.rows], "lat": [site.lat for site in of.rows]}
    return frozenset(of.rows[at].site_id for at in await db.scalars(SQL["inside"], places | {"number": span[0]}))


async def _naming(db: AsyncConnection, sealed: Sealed, span: Span) -> Areas:
    """The finest areas above blocks, by which places are named."""
    for level in _NAMING:
        found = await areas(db, sealed, span, level)
        if found.rows:
            return found
    return Areas()


async def _spots(db: AsyncConnection, span: Span) -> tuple[Whole, Whole]:
    asked = {"first": span[0], "last": span[1]}
    rows = await queries.arrays(db, SQL["leaf_cells"], asked, {"cell": "i8", "number": "i8"})
    return rows["cell"], rows["number"]
