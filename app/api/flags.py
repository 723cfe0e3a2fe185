"""Doubts about records and points, with their evidence: never a verdict. A person looks into each and decides.

Only for those who answer for an area: whoever makes the records should not be told which of them stand out. Rows name
single households, and reading them is audited.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app import small_bodies
from app.access import HouseDep
from app.answers import Said, listed
from app.api.areas import said_of_all
from app.api.quarantine import Decider
from app.errors import documented
from app.outgoing import OutgoingDep
from geo.errors import NotFound
from geo.intake import reviews
from geo.intake.notes import LONGEST
from geo.intake.reviews import Act, Subject
from geo.watch import flags as watch
from geo.watch.flags import Question

router = APIRouter(tags=["flags"], responses=documented(401, 403, 404, 422, 503))

Kind = Literal[
    "outside_block",
    "low_accuracy",
    "no_point",
    "duplicate",
    "stacked",
    "cluster",
    "strand",
    "travel",
    "night",
    "short",
    "midpoint",
    "shifted",
    "centroid",
]
FlagState = Literal["open", "explained", "revisit"]
FlagDecision = Literal["explained", "revisit", "reopened"]

_REVIEWED = ("decision", "note", "decided_by", "decided_at")


class FlagReviewed(BaseModel):
    """What somebody decided on a flag."""

    model_config = ConfigDict(extra="forbid")
    decision: Literal["explained", "revisit"]
    note: str | None
    decided_by: str | None
    decided_at: datetime


class FlagRow(BaseModel):
    """One flag. `code`, `name`, `level`, `n` and `place` say in which block most of its records count."""

    model_config = ConfigDict(extra="forbid")
    flag: str = Field(description="stays the same as long as the evidence does")
    kind: Kind
    code: str
    name: str
    level: str
    n: int
    place: str = Field(description="the areas above the block, nearest first")
    lon: float | None = Field(description="middle of the points, degrees, WGS 84; null without any")
    lat: float | None
    enumerator: str | None
    day: date = Field(description="local date of the first record")
    at: datetime = Field(description="when the first record was made")
    until: datetime = Field(description="when the last one was")
    households: list[str] = Field(description="whose records are doubted, by the clock")
    count: int = Field(description="how many these are")
    weight: float = Field(description="from 0 to 1, the more the less accident makes such; orders the list")
    evidence: dict[str, float | int | str] = Field(description="what speaks for it, by kind: see the guide to flags")
    shape: dict[str, Any] | None = Field(description="GeoJSON to be drawn: the points, and the line it is about")
    state: FlagState
    reviewed: FlagReviewed | None = Field(description="in tables `note`, `decided_by` and `decided_at` instead")


class Doubted(BaseModel):
    """How much of an enumerator's work is in open flags."""

    model_config = ConfigDict(extra="forbid")
    enumerator: str
    flags: int
    households: int = Field(description="in any of them")
    records: int = Field(description="submissions that were looked at")
    share: float = Field(description="households over records")


class FlagsOut(Said):
    """Flags, least likely accidents first."""

    kinds: dict[Kind, int] = Field(description="open flags by kind, whatever kind and state was asked for")
    enumerators: list[Doubted] = Field(description="those with open flags, most weight first, at most 50")
    records: int = Field(description="submissions that were looked at")
    total: int = Field(description="flags on all pages")
    next: str | None = Field(description="`after` of the next page")
    flags: list[FlagRow]


class FlagReviewIn(BaseModel):
    """Decide on a flag."""

    model_config = ConfigDict(title="FlagReview", extra="forbid")
    review_id: UUID = Field(description="made by whoever decides; the same act sent again keeps it, and happens once")
    decision: FlagDecision = Field(
        description="`explained`: nothing is wrong; `revisit`: somebody goes there again; `reopened`: undo that"
    )
    note: str | None = Field(default=None, max_length=LONGEST, description="no names, no numbers")


class FlagReviewOut(BaseModel):
    """The act as it stands; sent again with the same `review_id` it is the same."""

    model_config = ConfigDict(extra="forbid")
    review_id: UUID
    flag: str
    decision: FlagDecision
    note: str | None
    decided_by: str | None
    decided_at: datetime


async def question(
    kind: Annotated[list[Kind] | None, Query(description="only these; left out: all")] = None,
    enumerator: Annotated[str | None, Query(max_length=64, description="only records of this one")] = None,
    since: Annotated[date | None, Query(alias="from", description="first local date of records")] = None,
    until: Annotated[date | None, Query(alias="to", description="last local date of records")] = None,
    state: Literal["open", "explained", "revisit", "all"] = "open",
) -> Question:
    """Which flags are asked for, wherever."""
    return Question(0, tuple(kind or ()), enumerator, since or date.min, until or date.max, state)


@router.get("/v1/flags", responses=listed(FlagsOut))
async def flags(
    out: OutgoingDep,
    decider: Decider,
    asked: Annotated[Question, Depends(question)],
    after: Annotated[str | None, Query(max_length=100, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=0, le=10_000, description="0: only count")] = 100,
) -> Response:
    """Records and points to be looked at: doubts with their evidence, least likely accidents first; never a verdict.

    Ask about 1,000 blocks at most: name an area in `within`. Reading rows is audited.
    """
    out = replace(out, scope=decider.scope)
    live = out.house.current
    asked = replace(asked, within=out.within, after=after, limit=limit)
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        found = await watch.read(connection, live, out.scope, out.within)
    page = await asyncio.to_thread(watch.listing, live, out.scope, asked, found)
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        await watch.given_out(connection, out.scope, page.rows, out.format)
    plain = out.format == "json"
    head = said_of_all(live) | {
        "kinds": page.kinds if plain else _text(page.kinds),
        "enumerators": page.enumerators if plain else _text(page.enumerators),
        "records": page.records,
        "total": page.total,
        "next": page.next,
    }
    shapes: dict[Any, Any] = {}
    if out.format == "geojson":
        shapes = {row["flag"]: orjson.dumps(row["shape"]) for row in page.rows if row["shape"]}
    rows = page.rows if plain else [_flat(row) for row in page.rows]
    answer = await out.answer("flags", rows, head, shapes, key="flag")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post(
    "/v1/flags/{flag}/review",
    openapi_extra=small_bodies.described(FlagReviewIn),
    response_model=FlagReviewOut,
    responses=documented(409, 413),
)
async def review(
    house: HouseDep,
    decider: Decider,
    flag: Annotated[str, Path(max_length=64, pattern=r"^[a-z_]+-[0-9]+-[0-9a-f]+$")],
    said: Annotated[FlagReviewIn, Depends(small_bodies.said(FlagReviewIn))],
) -> Response:
    """Say what came of looking into a flag. The newest act counts; records and points stay as they are.

    404 where there is no such flag any more: its evidence has changed, and what is left of it is another flag.
    """
    live, scope, number = house.current, decider.scope, watch.number_of(flag)
    unknown = NotFound("there is no such flag, or it is not yours to see")
    if not 0 < number < len(live.tree) or not scope.covers(number, number):
        raise unknown
    async with house.db.as_actor(scope.actor, scope.credential) as connection:
        found = await watch.read(connection, live, scope, number)
    if not await asyncio.to_thread(watch.known, live, scope, found, flag):
        raise unknown
    act = Act(said.review_id, said.decision, said.note)
    async with house.db.for_actor(decider.account_id, decider.credential_id) as connection:
        kept = await reviews.decide(connection, scope, Subject("flag", flag, number), act)
    answer = {"review_id": kept.review_id, "flag": flag} | {name: getattr(kept, name) for name in _REVIEWED}
    return Response(orjson.dumps(answer), 200, {"Cache-Control": "no-store"}, "application/json")


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a table: no shape, evidence as text, and what was decided in columns of its own."""
    decided = row["reviewed"] or {}
    more = {name: decided.get(name) for name in _REVIEWED[1:]}
    kept = {name: value for name, value in row.items() if name not in {"shape", "reviewed"}}
    return kept | {"evidence": _text(row["evidence"])} | more


def _text(value: object) -> str:
    return orjson.dumps(value).decode()
