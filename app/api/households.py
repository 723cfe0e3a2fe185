"""Single households of the caller's scope: lists, one with its history, and closing one. What is read is audited."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app import small_bodies
from app.access import HouseDep, ScopeDep, WithinDep
from app.answers import Household, HouseholdsOut, Origin, Result, Said, listed
from app.api.areas import said_of_all
from app.api.coverage import BoxDep
from app.api.quarantine import Decider
from app.errors import documented, problem
from app.house import House
from app.outgoing import OutgoingDep
from geo.intake import closing
from geo.intake.closing import Act, Closing, VisitsLeft
from geo.intake.notes import LONGEST
from geo.trust.credentials import Caller
from geo.watch import households as watch
from geo.watch.households import Question

router = APIRouter(tags=["households"], responses=documented(401, 403, 404, 422, 503))

ClosingReason = Literal[
    "refused_for_good", "absent_until_the_end", "no_access", "unsafe", "moved_away_unconfirmed", "other"
]

#: As intake takes them: an id may hold a slash.
HouseholdId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$")]


class Revision(BaseModel):
    """One record of a household, and what it is as a visit."""

    model_config = ConfigDict(extra="forbid")
    revision: int
    captured_at: datetime
    received_at: datetime
    result: Result
    visit: int | None = Field(description="as stated")
    revisit_at: datetime | None
    enumerator: str | None
    hours: float | None = Field(description="since the last visit that counts")
    counts: bool = Field(description="whether it is a visit of its own; others correct one, or came too soon")
    too_soon: bool = Field(description="a visit less than four hours after the one before: it does not count")


class ClosingOut(BaseModel):
    """One act: closed for a `reason`, or a closing undone."""

    model_config = ConfigDict(title="Closing", extra="forbid")
    closing_id: UUID
    revision: int = Field(description="of the household when it was decided")
    closed: bool
    reason: ClosingReason | None
    note: str | None
    decided_by: str | None
    decided_at: datetime


class HouseholdOut(Said):
    """One household with all that is known of it."""

    household: Household
    visits: int = Field(description="visits used, as far as stated or known: 1 to 3")
    left: int = Field(description="visits still to be made before it may be closed")
    history: list[Revision] = Field(description="in the order they were captured")
    closings: list[ClosingOut] = Field(description="oldest first")


class Done(ClosingOut):
    """The act as it stands; sent again with the same `closing_id` it is the same."""

    model_config = ConfigDict(title="Closed", extra="forbid")
    household_id: str


class CloseIn(BaseModel):
    """Close one household."""

    model_config = ConfigDict(title="Close", extra="forbid")
    closing_id: UUID = Field(description="made by whoever decides; the same act sent again keeps it, and happens once")
    reason: ClosingReason
    note: str | None = Field(default=None, max_length=LONGEST, description="no names, no numbers; `other` needs one")


class ReopenIn(BaseModel):
    """Undo a closing."""

    model_config = ConfigDict(title="Reopen", extra="forbid")
    closing_id: UUID = Field(description="of this act, not of the one it undoes")
    note: str | None = Field(default=None, max_length=LONGEST)


async def question(
    within: WithinDep,
    box: BoxDep,
    result: Annotated[list[Result] | None, Query(description="only these")] = None,
    origin: Origin | None = None,
    since: Annotated[date | None, Query(alias="from", description="first local date")] = None,
    until: Annotated[date | None, Query(description="last local date")] = None,
    flag: Annotated[str | None, Query(pattern=r"^[a-z_]{1,32}$", description="only those with this doubt")] = None,
    unplaced: Annotated[bool, Query(description="only those that count in no block")] = False,
) -> Question:
    """Which households are asked for."""
    days = (since or date.min, until or date.max)
    return Question(within, unplaced, box, tuple(result or ()), origin, *days, flag)


@router.get("/v1/households", responses=listed(HouseholdsOut))
async def households(
    out: OutgoingDep,
    asked: Annotated[Question, Depends(question)],
    after: Annotated[str | None, Query(max_length=100, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> Response:
    """Single households that count in the caller's scope, in the order of their blocks. Reading them is audited.

    A household that stays where it is comes once, however many are added while pages are read. With a filter a page may
    be short, or empty, and not be the last: go on until `next` is null.
    """
    live = out.house.current
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        page = await watch.listing(connection, live, out.scope, replace(asked, after=after, limit=limit), out.format)
    head = said_of_all(live) | {"total": page.total, "next": page.next}
    answer = await out.answer("households", page.rows, head, key="household_id")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.get("/v1/households/{household_id:path}", response_model=HouseholdOut)
async def household(house: HouseDep, scope: ScopeDep, household_id: HouseholdId) -> Response:
    """One household of the caller's scope, with its visits and what was decided on it. Reading it is audited."""
    live = house.current
    async with house.db.as_actor(scope.actor, scope.credential) as connection:
        found = await watch.one(connection, live, scope, household_id)
    return _unkept(said_of_all(live) | {
        "household": found.household,
        "visits": found.visits.used,
        "left": found.visits.left,
        "history": found.revisions,
        "closings": found.closings,
    })  # fmt: skip


@router.post(
    "/v1/households/{household_id:path}/close",
    openapi_extra=small_bodies.described(CloseIn),
    response_model=Done,
    responses=documented(409, 413),
)
async def close(
    house: HouseDep,
    decider: Decider,
    household_id: HouseholdId,
    said: Annotated[CloseIn, Depends(small_bodies.said(CloseIn))],
) -> Response:
    """Close a refusal or a family that was never met, after the third visit: it need not be looked for any more.

    Visits less than four hours after the one before do not count; 409 `visits-left` says how many are `left`. A closing
    lapses by itself when somebody is met after all.
    """
    return await _decided(house, decider, household_id, Act(said.closing_id, said.reason, said.note))


@router.post(
    "/v1/households/{household_id:path}/reopen",
    openapi_extra=small_bodies.described(ReopenIn),
    response_model=Done,
    responses=documented(409, 413),
)
async def reopen(
    house: HouseDep,
    decider: Decider,
    household_id: HouseholdId,
    said: Annotated[ReopenIn, Depends(small_bodies.said(ReopenIn))],
) -> Response:
    """Undo a closing: the household counts as open again."""
    return await _decided(house, decider, household_id, Act(said.closing_id, None, said.note))


async def _decided(house: House, decider: Caller, household_id: str, act: Act) -> Response:
    try:
        async with house.db.for_actor(decider.account_id, decider.credential_id) as connection:
            done: Closing = await closing.decide(connection, decider.scope, household_id, act)
    except VisitsLeft as soon:
        return problem(409, "visits-left", str(soon), left=soon.left)
    return _unkept(vars(done))


def _unkept(said: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(said), 200, {"Cache-Control": "no-store"}, "application/json")
