"""Whom to interview a second time: a draw that nobody chose, and what came of it.

Only for those who answer for an area: who is asked about should not know beforehand whom it is about.
"""

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app import small_bodies
from app.access import HouseDep
from app.answers import Result, Said, listed
from app.api.areas import said_of_all
from app.api.households import HouseholdId
from app.api.quarantine import Decider
from app.errors import documented
from app.outgoing import OutgoingDep
from geo.intake.notes import LONGEST
from geo.intake.reviews import Act
from geo.watch import reinterviews as watch
from geo.watch.reinterviews import Question

router = APIRouter(tags=["reinterviews"], responses=documented(401, 403, 404, 422, 503))

Outcome = Literal["agrees", "differs", "not_reached"]


class Reviewed(BaseModel):
    """Who said so, and when."""

    model_config = ConfigDict(title="Reinterviewed", extra="forbid")
    decision: Outcome
    note: str | None
    decided_by: str | None
    decided_at: datetime


class Reinterview(BaseModel):
    """One household that was drawn. `code`, `name`, `n` and `place` say in which block it counts."""

    model_config = ConfigDict(extra="forbid")
    household_id: str
    code: str | None
    name: str | None
    n: int = Field(description="number of the block; 0 where it counts in none")
    place: str | None = Field(description="the areas above the block, nearest first")
    lon: float | None = Field(description="degrees, WGS 84, as sent")
    lat: float | None
    captured_at: datetime
    result: Result
    enumerator: str | None = Field(description="who made the first interview")
    building: str | None = Field(description="number of the building in the prelist")
    sequence: int | None = Field(description="of the family in the prelist")
    chance: float = Field(description="with which it was drawn: the share, the same for all")
    outcome: Outcome | None = Field(description="what came of the second interview, so far")
    reviewed: Reviewed | None = Field(description="in tables `note`, `decided_by` and `decided_at` instead")


class Differs(BaseModel):
    """A share, and where the true one lies four times of five (Wilson's interval)."""

    model_config = ConfigDict(extra="forbid")
    share: float
    low: float
    high: float


class OfEnumerator(BaseModel):
    """How far it is with the interviews of one enumerator."""

    model_config = ConfigDict(extra="forbid")
    enumerator: str | None
    of: int = Field(description="completed households")
    drawn: int
    done: int
    differs: Differs | None


class ReinterviewsOut(Said):
    """Households drawn, block by block."""

    drawn: int = Field(description="households drawn, whatever state was asked for")
    of: int = Field(description="completed households among which was drawn")
    done: int = Field(description="of those drawn, with a second interview: it agrees or differs")
    not_reached: int = Field(description="of those drawn, families that were not reached so far")
    differs: Differs | None = Field(description="share of the second interviews that differ; null before there is one")
    enumerators: list[OfEnumerator] = Field(description="of whose interviews some are drawn, by name")
    total: int = Field(description="households on all pages")
    next: str | None = Field(description="`after` of the next page")
    reinterviews: list[Reinterview]


class ReviewIn(BaseModel):
    """What came of a second interview."""

    model_config = ConfigDict(title="ReinterviewReview", extra="forbid")
    review_id: UUID = Field(description="made by whoever decides; the same act sent again keeps it, and happens once")
    decision: Literal["agrees", "differs", "not_reached", "reopened"] = Field(
        description="`reopened`: as if never said"
    )
    note: str | None = Field(default=None, max_length=LONGEST, description="no names, no numbers")


class ReviewOut(BaseModel):
    """The act as it stands."""

    model_config = ConfigDict(title="ReinterviewReviewed", extra="forbid")
    review_id: UUID
    household_id: str
    decision: Literal["agrees", "differs", "not_reached", "reopened"]
    note: str | None
    decided_by: str | None
    decided_at: datetime


@router.get("/v1/reinterviews", responses=listed(ReinterviewsOut))
async def reinterviews(
    out: OutgoingDep,
    decider: Decider,
    since: Annotated[date | None, Query(alias="from", description="completed from this local date on")] = None,
    until: Annotated[date | None, Query(alias="to", description="completed up to this local date")] = None,
    share: Annotated[
        float, Query(ge=watch.LEAST, le=watch.GREATEST, description="chance of each completed household")
    ] = watch.USUAL,
    state: Annotated[
        Literal["open", "done", "all"], Query(description="`open`: without a second interview so far")
    ] = "all",
    after: Annotated[str | None, Query(max_length=100, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=0, le=10_000, description="0: only count")] = 100,
) -> Response:
    """A draw of completed households for a second interview, in which each has the same chance.

    A larger share holds all of a smaller one; no flag, no result and no order of arrival moves it. Ask about 1,000
    blocks at most: name an area in `within`. Reading rows is audited.
    """
    out = replace(out, scope=decider.scope)
    live = out.house.current
    asked = Question(out.within, since or date.min, until or date.max, share, state, after, limit)
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        page = await watch.listing(connection, live, out.scope, asked, out.format)
    plain = out.format in {"json", "geojson"}
    head = said_of_all(live) | {
        "drawn": page.drawn,
        "of": page.of,
        "done": page.done,
        "not_reached": page.not_reached,
        "differs": page.differs if plain else orjson.dumps(page.differs).decode(),
        "enumerators": page.enumerators if plain else orjson.dumps(page.enumerators).decode(),
        "total": page.total,
        "next": page.next,
    }
    rows = page.rows if plain else [_flat(row) for row in page.rows]
    answer = await out.answer("reinterviews", rows, head, key="household_id")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post(
    "/v1/reinterviews/{household_id:path}/review",
    openapi_extra=small_bodies.described(ReviewIn),
    response_model=ReviewOut,
    responses=documented(409, 413),
)
async def review(
    house: HouseDep,
    decider: Decider,
    household_id: HouseholdId,
    said: Annotated[ReviewIn, Depends(small_bodies.said(ReviewIn))],
) -> Response:
    """Say what came of a second interview. The newest act counts; the household and its record stay as they are.

    409 `not-drawn` where no draw holds the household.
    """
    act = Act(said.review_id, said.decision, said.note)
    async with house.db.for_actor(decider.account_id, decider.credential_id) as connection:
        kept = await watch.review(connection, decider.scope, household_id, act)
    found = {name: value for name, value in vars(kept).items() if name != "about"}
    body = orjson.dumps(found | {"household_id": household_id})
    return Response(body, 200, {"Cache-Control": "no-store"}, "application/json")


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a table: who said what came of it stands in columns of its own."""
    said = row["reviewed"] or {}
    more = {name: said.get(name) for name in ("note", "decided_by", "decided_at")}
    return {name: value for name, value in row.items() if name != "reviewed"} | more
