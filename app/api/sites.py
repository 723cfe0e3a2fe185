"""Sites of programmes: public places, for everybody to read; changed by who answers for an area, each change a version.

`doubts` of a site are told to those alone who may change it, and null for everybody else: a page shows its buttons by
that. What a file would do is told by a dry run before anything is stored. Every change is audited. The answers in full
are in docs/guide/sites.md and in `app.site_answers`.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, cast

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app import bodies, site_answers, small_bodies
from app.access import HouseDep, one_of
from app.api.releases import AskingDep, InsideDep
from app.errors import documented
from app.house import House
from app.outgoing import made as made_file
from app.release_answers import tabled
from app.release_files import GPKG, Format
from app.site_answers import SiteIn, SitePutOut, SiteReceiptsOut, SiteRowIn, SitesOut, VersionsOut
from geo.errors import BadInput
from geo.ground.areas import Ground
from geo.publish import published, site_changes, site_doubts, site_rows, sites
from geo.publish.published import EVERYWHERE
from geo.publish.site_changes import Incoming, Outcome
from geo.publish.site_doubts import Doubt, Settled
from geo.publish.sites import KEEPERS, Site, SiteList
from geo.scope import LAST
from geo.trust.credentials import Caller

router = APIRouter(tags=["sites"], responses=documented(401, 404, 422, 503))

Keeper = Annotated[Caller, Depends(one_of(*KEEPERS))]

SiteId = Annotated[str, Path(max_length=64)]
Word = Annotated[str | None, Query(max_length=site_rows.LONGEST_WORD)]
Note = Annotated[str | None, Query(max_length=500, description="why; no names of people, no numbers")]
Version = Annotated[int | None, Query(ge=0, le=LAST, description="of the list; left out: the newest")]

#: Where a process keeps, beside the mirror of the areas, what doubts are made of, and those of the last version read.
_SETTLED, _LOOKED = "families settled", "sites looked at"

#: What a list may be sent as. GeoPackages and shapefiles go to the command: no upload is given to GDAL.
_KINDS = (bodies.TABLE, bodies.WORKBOOK, bodies.GEOJSON, bodies.JSON, bodies.LINES)
_ROWS = {"type": "array", "minItems": 1, "maxItems": bodies.MAX_ROWS, "items": SiteRowIn.model_json_schema()}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "Compressed with `Content-Encoding: gzip`, or as it is; 20 MB at most, unpacked too.",
        "content": {
            bodies.TABLE: {"schema": {"type": "string", "description": "The first line names the fields."}},
            bodies.WORKBOOK: {"schema": {"type": "string", "format": "binary", "description": "as CSV, first sheet"}},
            bodies.GEOJSON: {"schema": {"type": "object", "description": "points, or outlines: a point inside counts"}},
            bodies.JSON: {"schema": {"type": "object", "required": ["sites"], "properties": {"sites": _ROWS}}},
            bodies.LINES: {"schema": {"type": "string", "description": "one JSON object a line"}},
        },
    }
}


@dataclass(frozen=True)
class Filter:
    """Which sites of the list are asked for."""

    programme: str | None
    q: str
    doubts: bool
    after: int | None
    limit: int


async def asked(
    programme: Word = None,
    q: Annotated[str, Query(max_length=64, description="part of a name, or the beginning of an id")] = "",
    doubts: Annotated[bool, Query(description="only doubtful ones that are the caller's to change")] = False,
    after: Annotated[int | None, Query(ge=0, le=LAST, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Filter:
    """Which sites are asked for."""
    return Filter(programme, q.casefold(), doubts, after, limit)


@router.get("/v1/sites", responses=tabled(SitesOut))
async def listing(
    asking: AskingDep,
    which: Annotated[Filter, Depends(asked)],
    inside: InsideDep,
    version: Version = None,
    format: Format = "json",  # noqa: A002  # the contract's name
) -> Response:
    """Open sites by programme and name, as they are or as they were after a version; all of an area by `within`.

    Needs no log-in. An area is one of the releases, so there is none to ask about before the terms are fixed.
    """
    async with asking.reading() as connection:
        found = await sites.current(connection, version)
        where = await published.span(connection, *inside)
        known = await sites.villages(connection, found.rows)
    looked = await _looked(asking.house, asking.reader, found)
    chosen = sorted(found.of(which.programme), key=site_answers.in_order)
    if where != EVERYWHERE:
        chosen = [s for s in chosen if s.block in known and where[0] <= known[s.block][0] <= where[1]]
    chosen = [s for s in chosen if which.q in s.name.casefold() or s.site_id.casefold().startswith(which.q)]
    doubtful = [s for s in chosen if looked.get(s.site_id)]
    page, following = _page(doubtful if which.doubts else chosen, which)
    rows = [site_answers.told(s, known.get(s.block or "", (0, None))[1], looked.get(s.site_id)) for s in page]
    edits = asking.reader is not None and asking.reader.only(KEEPERS) is not None
    head = {
        "version": found.version,
        "recorded_at": found.recorded_at,
        "programmes": sites.by_programme(found),
        "total": len(doubtful if which.doubts else chosen),
        "doubtful": len(doubtful) if edits else None,
        "next": following,
    }
    body = orjson.dumps(head | {"sites": rows})
    tag = f'"{hashlib.sha256(body + format.encode()).hexdigest()[:32]}"'
    answer = Response(body, media_type="application/json")
    if format != "json" and tag not in asking.known:
        answer = await _file(format, rows, head)
    return asking.answer(tag, lambda: answer)


async def bringing(
    programme: Annotated[Word, Query(description="of rows that say none")] = None,
    kind: Annotated[Word, Query(description="of rows that say none")] = None,
    column: Annotated[list[str] | None, Query(max_length=20, description="FIELD=COLUMN, where a name is odd")] = None,
    note: Note = None,
    replace: Annotated[bool, Query(description="close sites of its programmes that the file has no more")] = False,
    dry_run: Annotated[bool, Query(description="tell what would be, and store nothing")] = False,
) -> Incoming:
    """What holds for all rows of a file; the rows are yet to be read."""
    return Incoming((), _pairs(column), programme, kind, note, replace, dry_run)


@router.post(
    "/v1/sites",
    status_code=201,
    response_model=SiteReceiptsOut,
    openapi_extra=_BODY,
    responses=documented(403, 413, 415),
)
async def post(
    request: Request,
    house: HouseDep,
    keeper: Keeper,
    how: Annotated[Incoming, Depends(bringing)],
) -> Response:
    """Bring sites in from a file, up to 10,000 rows and 20 MB: one version, or none where nothing changes.

    Every row gets a receipt; those refused do not hold up the others. 201 where a version was made, else 200. A file
    that looks like a list of households is refused whole. Sites of areas that are not the caller's are neither changed
    nor closed.
    """
    sent = await bodies.read(request)
    ground = await house.intake()
    found, columns = await asyncio.to_thread(_understood, sent, how.columns)
    incoming = replace(how, rows=found.rows, columns=columns)
    async with house.db.worker.connect() as connection:
        scope = await sites.kept_by(connection, keeper)
    rows = await asyncio.to_thread(site_changes.judged, incoming, ground, scope)
    async with house.db.for_actor(keeper.account_id, keeper.credential_id) as connection:
        outcome = await site_changes.bring(connection, scope, ground, incoming, rows)
    return _receipts(sent, found, columns, incoming, outcome)


@router.get("/v1/sites/versions", response_model=VersionsOut, responses=documented(403))
async def versions(
    house: HouseDep,
    _: Keeper,
    before: Annotated[int | None, Query(ge=1, le=LAST, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """Versions of the list, newest first: who changed how many sites, when and why."""
    async with house.db.worker.connect() as connection:
        rows = await sites.versions(connection, before, limit + 1)
    following = rows[limit - 1]["version"] if len(rows) > limit else None
    return _private({"versions": rows[:limit], "next": following})


@router.put(
    "/v1/sites/{site_id:path}",
    response_model=SitePutOut,
    openapi_extra=small_bodies.described(SiteIn),
    responses=documented(403, 409, 413),
)
async def put(
    house: HouseDep, keeper: Keeper, site_id: SiteId, body: Annotated[SiteIn, Depends(small_bodies.said(SiteIn))]
) -> Response:
    """Put one site in, or correct it: `version` is that of the site as it was read, null for a new one.

    409 where somebody has changed it since. What cannot be is refused with a `reason` as of a row.
    """
    ground = await house.intake()
    async with house.db.for_actor(keeper.account_id, keeper.credential_id) as connection:
        scope = await sites.kept_by(connection, keeper)
        version, done = await site_changes.put(connection, scope, ground, site_id, body.model_dump())
        stored = (await sites.current(connection)).by_id[site_id]
        known = await sites.villages(connection, [stored])
    row = site_answers.told(stored, known.get(stored.block or "", (0, None))[1], done.doubts)
    return _private({"version": version, "status": done.status, "site": row})


@router.delete("/v1/sites/{site_id:path}", response_model=site_answers.SiteClosedOut, responses=documented(403, 409))
async def close(
    house: HouseDep,
    keeper: Keeper,
    site_id: SiteId,
    note: Note = None,
    version: Annotated[int | None, Query(ge=1, le=LAST, description="of the site as it was read, if it was")] = None,
) -> Response:
    """Close a site. Earlier versions still have it, and its id may be used again."""
    ground = await house.intake()
    async with house.db.for_actor(keeper.account_id, keeper.credential_id) as connection:
        made = await site_changes.close(
            connection, await sites.kept_by(connection, keeper), ground, site_id, note, version
        )
    return _private({"version": made})


# ── how ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _looked(house: House, reader: Caller | None, found: SiteList) -> dict[str, Sequence[Doubt]]:
    """Doubts of the sites that are the reader's to change, by id."""
    keeper = reader.only(KEEPERS) if reader else None
    ground, live = house.ground, house.snapshot
    if keeper is None or ground is None or live is None:
        return {}
    kept = live.lasting  # goes when areas or expected families change
    async with house.db.worker.connect() as connection:
        mine = await sites.kept_by(connection, keeper)
        if _SETTLED not in kept:
            kept[_SETTLED] = await site_doubts.settled(connection, ground.campaign)
    version, numbers, doubts = kept.get(_LOOKED, (None, [], []))
    if version != found.version:
        numbers, doubts = await asyncio.to_thread(_look, found.rows, ground, kept[_SETTLED])
        kept[_LOOKED] = found.version, numbers, doubts
    return {site.site_id: of for site, n, of in zip(found.rows, numbers, doubts, strict=True) if mine.covers(n, n)}


def _look(rows: Sequence[Site], ground: Ground, where: Settled) -> tuple[list[int], list[list[Doubt]]]:
    return site_doubts.numbers(rows, ground).tolist(), site_doubts.doubts_of(rows, ground, where)


def _page(rows: list[Site], which: Filter) -> tuple[list[Site], int | None]:
    """The rows behind `after`, and where the next page begins. Raises BadInput (`bad-after`)."""
    first = 0
    if which.after is not None:
        first = next((at for at, site in enumerate(rows, 1) if site.n == which.after), 0)
        if not first:
            raise BadInput("after must be the `next` of the page before, of the same version", code="bad-after")
    page = rows[first : first + which.limit]
    return page, page[-1].n if len(rows) > first + which.limit else None


async def _file(format_: Format, rows: list[site_answers.Row], head: dict[str, Any]) -> Response:
    """The sites as a file, named after their version."""
    rows = site_answers.for_tables(rows) if format_ != "geojson" else rows
    if format_ == "gpkg":
        answer = Response(await asyncio.to_thread(site_answers.geopackage, rows, head), media_type=GPKG)
    else:
        said = {"version": head["version"], "as_of": head["recorded_at"]}
        answer = await made_file(format_, "sites", rows, said if format_ == "xlsx" else head)
    answer.headers["Content-Disposition"] = f'attachment; filename="cakupan_sites_version{head["version"]}.{format_}"'
    return answer


def _pairs(given: list[str] | None) -> dict[str, str]:
    """FIELD=COLUMN as written in the address."""
    found = dict(cast("tuple[str, str]", tuple(pair.partition("=")[::2])) for pair in given or ())
    if not all(found) or not all(found.values()):
        raise BadInput("write column as FIELD=COLUMN", code="no-such-field")
    return found


def _understood(sent: bodies.Sent, given: Mapping[str, str]) -> tuple[bodies.Rows, dict[str, str]]:
    """The rows of a body, and the column of each field."""
    if sent.kind not in _KINDS:
        raise BadInput(f"send one of {', '.join(_KINDS)}", code="unsupported-body")
    found = bodies.understand(sent, bodies.Lacking(rows="sites", key=None, typed=dict))
    return found, site_rows.named(site_rows.columns_of(found.rows), given)


def _receipts(
    sent: bodies.Sent, found: bodies.Rows, columns: dict[str, str], incoming: Incoming, outcome: Outcome
) -> Response:
    taken = set(columns.values())
    answer = {
        "version": outcome.version,
        "dry_run": incoming.dry_run,
        "body_sha256": sent.sha256.hex(),
        "counts": outcome.counts,
        "ignored": [name for name in site_rows.columns_of(found.rows) if name not in taken],
        "notices": list(found.notices),
        "closed": outcome.closed,
        "results": [site_answers.receipt(one) for one in outcome.receipts],
    }
    return _private(answer, 201 if outcome.made else 200)


def _private(answer: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(answer), status, {"Cache-Control": "no-store"}, "application/json")
