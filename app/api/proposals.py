"""Where points contradict the map: whether a point, a code or an edge is suspect, and what a person decides on it.

For those who answer for an area: a proposal names people, and nothing is proved against any of them.
"""

import asyncio
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app import small_bodies
from app.access import HouseDep
from app.answers import Said, listed
from app.api.areas import said_of_all
from app.api.quarantine import Decider
from app.errors import documented
from app.formats import OUTLINED
from app.outgoing import OutgoingDep
from geo.intake import batch, recoding
from geo.intake.notes import LONGEST
from geo.intake.recoding import Miscoded, Recoded
from geo.intake.reviews import Act, Review
from geo.trust import accounts
from geo.watch import proposals as watch
from geo.watch.proposals import Question

router = APIRouter(tags=["proposals"], responses=documented(401, 403, 404, 422, 503))

Kind = Literal["boundary", "point", "code"]
ProposalState = Literal["open", "accepted", "rejected"]


class Evidence(BaseModel):
    """What speaks for a proposal; what does not go with its kind is left out. `metres` and `…_m` are metres."""

    model_config = ConfigDict(title="ProposalEvidence", extra="forbid")
    metres: float | None = Field(default=None, description="that half of the points lie outside their block, at least")
    accuracy_m: float | None = Field(default=None, description="of the points, as phones said; half are better")
    houses: int | None = Field(default=None, description="edges: houses that the points stand for")
    length_m: int | None = Field(default=None, description="edges: along the edge")
    depth_m: float | None = Field(default=None, description="edges: beyond the edge, nine of ten points at most")
    own: int | None = Field(default=None, description="edges: points of the neighbour's own in the strip")
    own_share: float | None = Field(default=None, description="edges: of all points of both in the strip")
    own_elsewhere: int | None = Field(default=None, description="edges: the neighbour's own points beyond the strip")
    buildings: int | None = Field(default=None, description="edges: residential buildings in it; null: none mapped")
    visited: int | None = Field(default=None, description="edges: of those, with a point")
    chance: float | None = Field(default=None, description="edges: of scatter alone making one like it, at most")
    records: int | None = Field(
        default=None, description="codes: recorded so on those days; points: by that person in those blocks"
    )
    share: float | None = Field(
        default=None, description="codes and points: of those records, the ones that lie outside"
    )
    blocks: int | None = Field(default=None, description="codes: blocks they lie in")
    first_day: date | None = Field(default=None, description="codes: local date")
    last_day: date | None = Field(default=None, description="codes: local date")
    most_m: int | None = Field(default=None, description="points: that the farthest lies outside its block")


class ReviewedOut(BaseModel):
    """What was decided last, by whom and when."""

    model_config = ConfigDict(title="ProposalReviewed", extra="forbid")
    decision: Literal["accepted", "rejected"]
    note: str | None
    decided_by: str | None
    decided_at: datetime


class ProposalRow(BaseModel):
    """One proposal. `code`, `name`, `level`, `n` and `place` are of the block that was declared."""

    model_config = ConfigDict(title="Proposal", extra="forbid")
    proposal: str = Field(description="the same while its evidence stays, and while some is added")
    kind: Kind
    code: str
    name: str
    level: str
    n: int
    place: str = Field(description="the areas the block lies in, nearest first")
    other_code: str | None = Field(
        description="block the points lie in; of several the commonest, null for stray points"
    )
    other_name: str | None
    other_n: int | None
    enumerators: list[str] = Field(description="who took the points, most of them first")
    households: int = Field(description="0: nothing is left to be seen of what was decided on")
    days: int = Field(description="on which the points were taken")
    evidence: Evidence
    lon: float | None = Field(description="a place in the middle, degrees, WGS 84")
    lat: float | None
    shape: dict[str, Any] | None = Field(description="GeoJSON: the strip of an edge, else the points")
    state: ProposalState
    reviewed: ReviewedOut | None = Field(
        description="with `open`: much has been added since. In tables `decision`, `note`, `decided_by`, `decided_at`"
    )


class ProposalsOut(Said):
    """Proposals, most households first."""

    kinds: dict[Kind, int] = Field(description="open ones by kind, whatever was asked for")
    total: int = Field(description="proposals on all pages")
    next: str | None = Field(description="`after` of the next page")
    proposals: list[ProposalRow]


class ReviewIn(BaseModel):
    """What a person decides on a proposal."""

    model_config = ConfigDict(title="ProposalReview", extra="forbid")
    review_id: UUID = Field(description="made by whoever decides; the same act sent again keeps it, and happens once")
    decision: Literal["accepted", "rejected", "reopened"] = Field(description="`reopened`: as if never decided")
    note: str | None = Field(default=None, max_length=LONGEST, description="no names, no numbers")


class ReviewOut(BaseModel):
    """The act as it stands."""

    model_config = ConfigDict(title="ProposalDecided", extra="forbid")
    review_id: UUID
    proposal: str
    decision: Literal["accepted", "rejected", "reopened"]
    note: str | None
    decided_by: str | None
    decided_at: datetime
    corrected: int | None = Field(description="an accepted code: finished records that count where they lie now")
    left: int | None = Field(description="an accepted code: records left as they are: they are to be visited again")


ProposalName = Annotated[str, Path(max_length=64, pattern=r"^[a-z]+(\.[0-9a-f]{1,12}){2,3}$")]


@router.get("/v1/proposals", responses=listed(ProposalsOut))
async def proposals(
    out: OutgoingDep,
    decider: Decider,
    kind: Annotated[list[Kind] | None, Query(description="only these; left out: all")] = None,
    state: Literal["open", "accepted", "rejected", "all"] = "open",
    after: Annotated[str | None, Query(max_length=100, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=0, le=10_000, description="0: only count")] = 100,
) -> Response:
    """Points that lie in another block than the declared one: whether edge, code or point is suspect.

    Nothing moves by itself, and the observed coordinate never does. Ask about 1,000 blocks at most: name an area in
    `within`. Reading rows is audited.
    """
    out = replace(out, scope=decider.scope)
    live = out.house.current
    question = Question(out.within, tuple(kind or ()), state, after, limit)
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        found = await watch.read(connection, live, out.scope, out.within)
    page = await asyncio.to_thread(watch.listing, live, out.scope, question, found)
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        await watch.given(connection, out.scope, page, out.format)
    plain = out.format in {"json", "geojson"}
    head = said_of_all(live) | {
        "kinds": page.kinds if plain else orjson.dumps(page.kinds).decode(),
        "total": page.total,
        "next": page.next,
    }
    shapes: dict[Any, Any] = {}
    if out.format in OUTLINED:
        shapes = {row["proposal"]: orjson.dumps(row["shape"]) for row in page.rows if row["shape"]}
    rows = page.rows if out.format == "json" else [_flat(row, plain=plain) for row in page.rows]
    answer = await out.answer("proposals", rows, head, shapes, key="proposal")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post(
    "/v1/proposals/{proposal}/review",
    openapi_extra=small_bodies.described(ReviewIn),
    response_model=ReviewOut,
    responses=documented(409, 413),
)
async def review(
    house: HouseDep,
    decider: Decider,
    proposal: ProposalName,
    said: Annotated[ReviewIn, Depends(small_bodies.said(ReviewIn))],
) -> Response:
    """Decide on a proposal. Accepting an edge or a point changes no count: it is listed, for whoever draws the map.

    Accepting a code counts the finished records where they lie: all of it happens, once, or nothing. Both blocks must
    be the caller's: 409 `reaches-further`. To reopen it afterwards takes back the decision, not what was corrected.
    """
    live, ground, scope = house.current, await house.intake(), decider.scope
    within = watch.place_of(live, scope, proposal)
    async with house.db.as_actor(scope.actor, scope.credential) as connection:
        read = await watch.read(connection, live, scope, within)
    about = await asyncio.to_thread(watch.target, live, scope, proposal, read)
    act = Act(said.review_id, said.decision, said.note)

    async def work(connection: AsyncConnection) -> tuple[Review, Recoded | None]:
        await accounts.act_as(connection, decider.account_id, decider.credential_id)
        kept = await watch.decide(connection, scope, proposal, about, act)
        if kept.decision != "accepted" or not proposal.startswith("code."):
            return kept, None
        found = Miscoded(proposal, *watch.miscoded(about))
        return kept, await recoding.recode(connection, ground, scope, found, act.review_id)

    kept, done = await batch.committed(house.db.worker, work)
    answer = {name: value for name, value in vars(kept).items() if name != "about"} | {
        "proposal": proposal,
        "corrected": done and done.corrected,
        "left": done and done.left,
    }
    return Response(orjson.dumps(answer), 200, {"Cache-Control": "no-store"}, "application/json")


def _flat(row: dict[str, Any], *, plain: bool) -> dict[str, Any]:
    """A row of a table or a map: its shape is drawn, not told, and what was decided stands in columns of its own."""
    made = {name: value for name, value in row.items() if name not in {"shape", "reviewed"}}
    said = row["reviewed"] or {}
    more = {name: said.get(name) for name in ("decision", "note", "decided_by", "decided_at")}
    return made | more | ({} if plain else {"evidence": orjson.dumps(row["evidence"]).decode()})
