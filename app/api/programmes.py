"""Do programmes reach those who are poor: clusters, sites, reach and proposed places, over sealed releases.

For everybody, as far as each may see, like the releases themselves; only proposed places are for those who were granted
an area. Answers are functions of the release, of the version of the sites and of the question. Read through the login
that reads what is published; what takes seconds is calculated in a process apart, while no connection is held.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Annotated, Literal
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app import overlays, programme_answers, programme_files, release_files
from app.analysis import Analysis
from app.api import sheets
from app.api.releases import Asking, AskingDep, InsideDep, Number, TableDep
from app.errors import Denied, documented
from app.formats import OUTLINED
from app.overlays import Opened, apart
from app.release_files import Language, Table
from geo.publish import placing, programmes, published, telling
from geo.publish import reach as reaching
from geo.publish.placing import MOST_SITES
from geo.publish.programmes import Areas, Basis, Question
from geo.publish.published import Row
from geo.scope import LAST

router = APIRouter(tags=["programmes"], responses=documented(401, 403, 404, 422, 503))

Level = Literal["regency", "district", "village"]


class Km(IntEnum):
    """What counts as reached, kilometres."""

    ONE, TWO, FIVE, TEN = reaching.LIMITS_KM


async def analysis_of(request: Request) -> Analysis:
    """Where clusters and new places are calculated."""
    found: Analysis = request.app.state.analysis
    return found


AnalysisDep = Annotated[Analysis, Depends(analysis_of)]


async def about(
    inside: InsideDep,
    programme: Annotated[str | None, Query(max_length=64, description="left out: any")] = None,
    version: Annotated[int | None, Query(ge=0, le=LAST, description="of the sites; left out: the newest")] = None,
) -> Question:
    """The area, the programme and the version of the sites that a question is about."""
    return Question(*inside, programme or None, km=None, sites_version=version)


AboutDep = Annotated[Question, Depends(about)]


async def near(
    about: AboutDep, km: Annotated[Km, Query(description="what counts as reached: kilometres, straight line")] = Km.TWO
) -> Question:
    """The same with a distance."""
    return replace(about, km=int(km))


NearDep = Annotated[Question, Depends(near)]


async def compared(
    near: NearDep,
    earlier: Annotated[int | None, Query(alias="with", ge=0, le=LAST, description="an earlier release")] = None,
) -> Question:
    """The same against an earlier release."""
    return replace(near, with_release=earlier)


ComparedDep = Annotated[Question, Depends(compared)]


@dataclass(frozen=True)
class Wished:
    """How many new sites, and what they are to be best at."""

    sites: Annotated[int, Query(ge=1, le=MOST_SITES, description="new sites to propose")] = 3
    method: Annotated[
        placing.Method, Query(description="most poor families within `km`, or the least distance for all")
    ] = "cover"

    def of(self, question: Question) -> Question:
        """The question with this wish."""
        return replace(question, new_sites=self.sites, method=self.method)


WishedDep = Annotated[Wished, Depends()]


@dataclass(frozen=True)
class Filed:
    """A question that is answered by a file, and the address of the service."""

    asking: Asking
    analysis: Analysis
    question: Question
    base: str


async def filed(
    request: Request,
    asking: AskingDep,
    analysis: AnalysisDep,
    question: ComparedDep,
    wished: WishedDep,
    lang: Language = "id",
) -> Filed:
    """The question in a language. What is printed leads to the service by the address it was asked at."""
    base = sheets.base(request, asking.house)
    said = replace(asking, language=lang, address=f"{asking.address} {base}")
    return Filed(said, analysis, wished.of(question), base)


FileDep = Annotated[Filed, Depends(filed)]


@router.get("/v1/releases/{release}/clusters", responses=programme_answers.CLUSTERS)
async def clusters(asking: TableDep, analysis: AnalysisDep, release: Number, question: ComparedDep) -> Response:
    """Neighbouring cells with significantly many poor families, and which programmes have a site near."""
    opened, basis = await _read(asking, release, question)
    if basis is None:
        return asking.answer(opened.tag, Response)
    found, before = await overlays.found(analysis, basis.cells), await overlays.found_before(analysis, basis)
    told = await apart(telling.clusters, basis, found, before)
    return await _answer(opened, basis, told, _Rows("clusters", lambda: telling.cluster_shapes(basis.cells, found)))


@router.get("/v1/releases/{release}/clusters/leaves", responses=programme_answers.LEAVES)
async def leaves(asking: TableDep, analysis: AnalysisDep, release: Number, inside: InsideDep) -> Response:
    """Every cell that was looked at for clusters, and what was found of it."""
    opened, basis = await _read(asking, release, Question(*inside, km=None))
    if basis is None:
        return asking.answer(opened.tag, Response)
    told = await apart(telling.leaves, basis, await overlays.found(analysis, basis.cells))
    rows = _Rows("leaves", lambda: telling.leaf_shapes(basis.cells), "clusters_leaves")
    return await _answer(opened, basis, told, rows)


@router.get("/v1/releases/{release}/sites", responses=programme_answers.SITES)
async def sites(
    asking: TableDep,
    release: Number,
    about: AboutDep,
    km: Annotated[Km | None, Query(description="families farther away do not count; left out: all do")] = None,
) -> Response:
    """Sites with the families for whom each is the nearest of its programme, and whether it is full."""
    opened, basis = await _read(asking, release, replace(about, km=None if km is None else int(km)))
    if basis is None:
        return asking.answer(opened.tag, Response)
    told = await apart(telling.sites, basis)
    return await _answer(opened, basis, told, _Rows("sites", None))


@router.get("/v1/releases/{release}/reach", responses=programme_answers.REACH)
async def reach(
    asking: TableDep,
    analysis: AnalysisDep,
    release: Number,
    question: ComparedDep,
    level: Annotated[Level | None, Query(description="adds `areas` of this level")] = None,
) -> Response:
    """Which families have a site of a programme how near, and which have none."""
    areas, shapes = None, dict[int, str]()
    async with asking.reading() as connection:
        opened = await overlays.opened(connection, asking, release, question)
        if opened.known:
            return asking.answer(opened.tag, Response)
        basis = await opened.basis(connection)
        if level is not None:
            areas = await programmes.areas(connection, opened.sealed, basis.span, level)
            shapes = await _outlines(connection, asking, areas)
    told = await apart(overlays.reached, basis, await overlays.found(analysis, basis.cells), areas)
    rows = (
        _Rows("classes", dict, "reach", outlined=False)
        if areas is None
        else _Rows("areas", lambda: shapes, "reach_villages")
    )
    return await _answer(opened, basis, told, rows)


@router.get("/v1/releases/{release}/placements", responses=programme_answers.PLACEMENTS)
async def placements(
    asking: TableDep, analysis: AnalysisDep, release: Number, near: NearDep, wished: WishedDep
) -> Response:
    """Where new sites of a programme would reach most poor families. For those who were granted an area."""
    if asking.reader is None:
        raise Denied("proposed places are for those who plan: log in", code="not-logged-in")
    opened, basis = await _read(asking, release, wished.of(near))
    if not opened.plans:
        raise Denied("proposed places are for those who were granted an area")
    if basis is None:
        return asking.answer(opened.tag, Response)
    told = await overlays.placed(analysis, basis)
    return await _answer(opened, basis, told, _Rows("placements", None))


@router.get("/v1/releases/{release}/programmes.xlsx", response_class=Response, responses=programme_answers.WORKBOOK)
async def workbook(asked: FileDep, release: Number) -> Response:
    """All of one question as a workbook: clusters, sites, reach, proposed places, a dictionary and the terms."""
    return await _file(asked, release, "xlsx")


@router.get("/v1/releases/{release}/programmes.gpkg", response_class=Response, responses=programme_answers.PACKAGE)
async def package(asked: FileDep, release: Number) -> Response:
    """The same as a GeoPackage: a layer for each, EPSG:4326, and tables of what they say."""
    return await _file(asked, release, "gpkg")


@router.get("/v1/releases/{release}/programmes.pdf", response_class=Response, responses=programme_answers.BRIEF)
async def brief(asked: FileDep, release: Number) -> Response:
    """The same as a brief for a meeting, two pages A4, with a code that leads to the page."""
    return await _file(asked, release, "pdf")


# ── answering ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Rows:
    """Which rows of an answer a table holds, their outlines (None: they are points), and what the table is called."""

    key: str
    shapes: Callable[[], Mapping[int, str]] | None
    called: str = ""
    outlined: bool = True

    def table(self, rows: list[Row], *, packed: bool) -> Table:
        """The rows as a table; in a GeoPackage points have a shape of their own."""
        name = self.called or self.key
        if self.shapes is None:
            return programme_files.table(name, rows, programme_files.points(rows) if packed else {}, "Point")
        return programme_files.table(name, rows, self.shapes(), "MultiPolygon" if self.outlined else None)


async def _read(asking: Asking, release: int, question: Question) -> tuple[Opened, Basis | None]:
    """What an answer is made of; None where the caller has it already."""
    async with asking.reading() as connection:
        opened = await overlays.opened(connection, asking, release, question)
        return opened, None if opened.known else await opened.basis(connection)


async def _outlines(db: AsyncConnection, asking: Asking, areas: Areas) -> dict[int, str]:
    """Outlines of areas where they are drawn."""
    drawn = [row["n"] for row in areas.rows] if asking.format in OUTLINED else []
    return await published.area_shapes(db, drawn)


async def _answer(opened: Opened, basis: Basis, told: Row, rows: _Rows) -> Response:
    """What was told as JSON, or its rows in another format."""
    asking, head = opened.asking, opened.sealed.head | telling.head(basis)
    if asking.format == "json":
        body = orjson.dumps(head | told)
        return asking.answer(opened.tag, lambda: Response(body, media_type="application/json"))
    said = {key: value for key, value in told.items() if not isinstance(value, list | dict)}
    table = await apart(rows.table, told[rows.key], packed=asking.format == "gpkg")
    made = await release_files.table(asking.format, asking.language, opened.sealed, head | said, table)
    return asking.answer(opened.tag, lambda: made)


async def _file(asked: Filed, release: int, format_: Literal["xlsx", "gpkg", "pdf"]) -> Response:
    asking, language = asked.asking, asked.asking.language
    async with asking.reading() as connection:
        opened = await overlays.opened(connection, asking, release, asked.question)
        if opened.known:
            return asking.answer(opened.tag, Response)
        basis = await opened.basis(connection)
        areas = basis.villages
        shapes = await published.area_shapes(connection, [row["n"] for row in areas.rows] if format_ == "gpkg" else [])
        ground = await programme_files.outlines(connection, opened.sealed, basis.span) if format_ == "pdf" else []
    overlay = await overlays.overlay(asked.analysis, opened, basis, areas, shapes)
    if format_ == "pdf":
        page = f"{asked.base}/programmes?{_page(asked.question, release)}"
        body = await overlays.filed(programme_files.brief, language, opened.sealed, overlay, page, ground)
    else:
        make = programme_files.workbook if format_ == "xlsx" else programme_files.geopackage
        body = await overlays.filed(make, language, opened.sealed, overlay)
    named = f'attachment; filename="cakupan_programmes{release}.{format_}"'
    headers = {"Content-Disposition": named, "Content-Language": language}
    made = Response(body, media_type=programme_answers.FILE_TYPES[format_], headers=headers)
    return asking.answer(opened.tag, lambda: made)


def _page(question: Question, release: int) -> str:
    """The query of the page that shows the same question."""
    said = {
        "release": release,
        "with": question.with_release,
        "within": question.within,
        "within_level": question.within_level,
        "programme": question.programme or "",
        "km": question.km,
        "method": question.method,
        "sites": question.new_sites,
    }
    return urlencode({name: value for name, value in said.items() if value is not None})
