"""Sealed releases: for everybody, as far as each may see. Answers are functions of the release alone.

Whoever has no token is the public: villages and above, cells of resolution 7 and coarser. Blocks and resolution 8 are
for those to whom an area was granted. One pool is asked, which reads releases and nothing else.
"""

import hashlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app import release_files
from app.access import HouseDep, ReaderDep
from app.api.coverage import BoxDep
from app.errors import documented
from app.formats import OUTLINED
from app.house import House
from app.release_answers import OVERVIEW, ComparisonOut, ReleaseAreasOut, ReleaseCellsOut, filed, tabled
from app.release_files import GPKG, XLSX, Format, Language, Table
from geo.ground import cells as h3cells
from geo.publish import compare as comparing
from geo.publish import published
from geo.publish.published import Cells, Question, Row, Sealed
from geo.schema_release import COARSEST, LEAF, PUBLIC
from geo.scope import LAST
from geo.trust.credentials import Caller

router = APIRouter(tags=["releases"], responses=documented(401, 404, 422, 503))

Level = Literal["province", "regency", "district", "village", "block"]
Order = Literal["code", "poor", "share", "households"]
Number = Annotated[int, Path(ge=0, le=LAST, description="number in the calendar")]

#: Part of every tag. Another number wherever an answer of a release that stays the same comes out differently.
_FORM = "1"


@dataclass(frozen=True)
class Asking:
    """Who asks (None: the public), for what, in which format and language, and what was given before."""

    house: House
    reader: Caller | None
    address: str
    known: frozenset[str]
    format: Format = "json"
    language: Language = "id"

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction in which releases are read as far as the caller may."""
        return self.house.db.as_reader(self.reader.account_id if self.reader else None)

    def answer(self, tag: str, make: Callable[[], Response]) -> Response:
        """What `make` gives, or 304; with the tag and how long it may be kept, and by whom."""
        answer = Response(status_code=304) if tag in self.known else make()
        answer.headers["ETag"] = tag
        answer.headers["Cache-Control"] = "private, no-cache" if self.reader else "public, max-age=300"
        answer.headers.add_vary_header("Authorization, Cookie")
        return answer

    def tag(self, *releases: Sealed) -> str:
        """Names an answer by the releases' digests, by what the caller may see, and by what was asked."""
        of = [_FORM, *(sealed.digest for sealed in releases), releases[0].scope, self.address]
        return f'"{hashlib.sha256(chr(0).join(of).encode()).hexdigest()[:32]}"'


async def asking(request: Request, house: HouseDep, reader: ReaderDep) -> Asking:
    """Who asks for what; parameters in one order, however they came."""
    asked = sorted(request.query_params.multi_items())
    known = request.headers.get("if-none-match", "").split(",")
    address = orjson.dumps([request.url.path, asked]).decode()
    return Asking(house, reader, address, frozenset(part.strip().removeprefix("W/") for part in known))


AskingDep = Annotated[Asking, Depends(asking)]


async def for_table(
    asking: AskingDep,
    format: Format = "json",  # noqa: A002  # the contract's name
    lang: Annotated[Language, Query(description="of the dictionary in a workbook or GeoPackage")] = "id",
) -> Asking:
    """The same for what comes in several formats."""
    return Asking(asking.house, asking.reader, asking.address, asking.known, format, lang)


TableDep = Annotated[Asking, Depends(for_table)]


async def inside(
    within: Annotated[str | None, Query(max_length=64, description="code of an area, itself included")] = None,
    within_level: Annotated[Level | None, Query(description="level of `within`, where codes repeat")] = None,
) -> tuple[str | None, str | None]:
    """Code and level of the area asked about, as the releases have it."""
    return within, within_level


InsideDep = Annotated[tuple[str | None, str | None], Depends(inside)]


@router.get("/v1/releases", responses=OVERVIEW)
async def releases(asking: AskingDep) -> Response:
    """What is published of this campaign: the terms, what it costs in privacy, the calendar, and what is sealed."""
    async with asking.reading() as connection:
        body = orjson.dumps(await published.overview(connection))
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return asking.answer(tag, lambda: Response(body, media_type="application/json"))


@router.get("/v1/releases/{release}/areas", responses=tabled(ReleaseAreasOut))
async def areas(
    asking: TableDep,
    release: Number,
    inside: InsideDep,
    level: Level = "village",
    q: Annotated[str, Query(max_length=64, description="part of a name, or the beginning of a code")] = "",
    sort: Annotated[Order, Query(description="as numbered, or the most first; with a note after all others")] = "code",
    after: Annotated[str | None, Query(max_length=80, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Response:
    """Figures of the areas of a level. Those that are not the caller's to see have none, and the note `not_shown`."""
    shapes: dict[int, str] = {}
    async with asking.reading() as connection:
        sealed = await published.find(connection, release)
        if (tag := asking.tag(sealed)) in asking.known:
            return asking.answer(tag, Response)
        where = await published.span(connection, *inside)
        page = await published.areas(connection, sealed, Question(level, where, q, sort, after, limit))
        if asking.format in OUTLINED:
            shapes = await published.area_shapes(connection, [row["n"] for row in page.rows])
    head = sealed.head | {"level": level, "total": page.total, "shown": page.shown, "next": page.next}
    return await _table(asking, tag, sealed, head, Table("areas", page.rows, shapes))


@router.get("/v1/releases/{release}/cells", responses=tabled(ReleaseCellsOut))
async def cells(
    asking: TableDep,
    release: Number,
    inside: InsideDep,
    box: BoxDep,
    res: Annotated[int, Query(ge=COARSEST, le=LEAF, description="H3 resolution")] = PUBLIC,
    after: Annotated[str | None, Query(max_length=16, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
) -> Response:
    """Figures of H3 cells, each of the whole cell; `within` an area are those that hold a leaf of it."""
    shapes: dict[int, str] = {}
    async with asking.reading() as connection:
        sealed = await published.find(connection, release)
        if (tag := asking.tag(sealed)) in asking.known:
            return asking.answer(tag, Response)
        where = await published.span(connection, *inside)
        question = Cells(res, where, box, h3cells.from_hex(after) if after else 0, limit)
        rows, more = await published.cells(connection, sealed, question)
        if asking.format in OUTLINED:
            shapes = await published.cell_shapes(connection, [row["cell"] for row in rows], res)
    head = sealed.head | {"resolution": res, "next": None if more is None else h3cells.to_hex(more)}
    return await _table(asking, tag, sealed, head, Table("cells", rows, shapes))


@router.get("/v1/releases/{release}/compare", responses=tabled(ComparisonOut))
async def compare(
    asking: TableDep,
    release: Number,
    inside: InsideDep,
    earlier: Annotated[int, Query(alias="with", ge=0, le=LAST, description="number of an earlier release")],
    level: Level = "village",
    after: Annotated[int, Query(ge=0, le=LAST, description="`next` of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Response:
    """A release against an earlier one, by area: both figures, the change, and whether noise could have made it."""
    shapes: dict[int, str] = {}
    async with asking.reading() as connection:
        sealed, before = await published.find(connection, release), await published.find(connection, earlier)
        if (tag := asking.tag(sealed, before)) in asking.known:
            return asking.answer(tag, Response)
        where = await published.span(connection, *inside)
        question = Question(level, where, limit=limit)
        rows, more = await comparing.areas(connection, before, sealed, question, after)
        if asking.format in OUTLINED:
            shapes = await published.area_shapes(connection, [row["n"] for row in rows])
    head = sealed.head | {"level": level, "before": before.head, "same_table": comparing.same_table(before, sealed)}
    return await _table(asking, tag, sealed, head | {"next": more}, Table("compare", rows, shapes))


@router.get("/v1/releases/{release}.xlsx", response_class=Response, responses=filed(XLSX))
async def workbook(asking: AskingDep, release: Number, lang: Language = "id") -> Response:
    """The whole release as far as the caller may see it: a sheet for each level and resolution, a dictionary, terms."""
    return await _whole(asking, release, "xlsx", lang)


@router.get("/v1/releases/{release}.gpkg", response_class=Response, responses=filed(GPKG))
async def package(asking: AskingDep, release: Number, lang: Language = "id") -> Response:
    """The same as a GeoPackage: a layer for each level and resolution, EPSG:4326, and tables of what they say."""
    return await _whole(asking, release, "gpkg", lang)


async def _table(asking: Asking, tag: str, sealed: Sealed, head: Row, table: Table) -> Response:
    made = await release_files.table(asking.format, asking.language, sealed, head, table)
    return asking.answer(tag, lambda: made)


async def _whole(asking: Asking, release: int, format_: Any, language: Language) -> Response:
    async with asking.reading() as connection:
        sealed = await published.find(connection, release)
        if (tag := asking.tag(sealed)) in asking.known:
            return asking.answer(tag, Response)
        tables = await release_files.gather(connection, sealed, outlined=format_ == "gpkg")
    made = await release_files.whole(format_, language, sealed, tables)
    return asking.answer(tag, lambda: made)
