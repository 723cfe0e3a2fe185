"""Rows held back, and a person's decision on them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app import small_bodies
from app.access import HouseDep, Watcher, one_of
from app.answers import Said, listed
from app.api.areas import said_of_all
from app.api.submissions import ReceiptOut
from app.errors import documented, problem
from app.outgoing import OutgoingDep
from geo.intake import quarantine
from geo.intake.quarantine import Action, Decision, Outcome, Question
from geo.intake.reasons import Reason
from geo.scope import LAST, Scope
from geo.trust.credentials import Caller
from geo.watch import coverage
from geo.watch.live import Snapshot

router = APIRouter(tags=["quarantine"], responses=documented(401, 403, 404, 422, 503))

MAX_BYTES = 20_000

HeldState = Literal["open", "resolved", "rejected"]

#: Those who decide. Enumerators see what they sent, and where they work; others decide on it.
DECIDERS = ("supervisor", "coordinator", "admin")
Decider = Annotated[Caller, Depends(one_of(*DECIDERS))]

_NESTED = ("proposal", "raw", "known")


class HeldRow(BaseModel):
    """A row held back. `code`, `name`, `level` and `place` say whose area it is, as far as that is known."""

    model_config = ConfigDict(extra="forbid")
    id: int
    state: HeldState
    reason: Reason
    detail: str
    code: str | None
    name: str | None
    level: str | None
    place: str | None = Field(description="the areas above, nearest first")
    block: str | None = Field(description="as sent")
    household_id: str | None = Field(description="as sent")
    lon: float | None = Field(description="as sent, whatever it may mean; null where it is no number")
    lat: float | None
    proposed_lon: float | None = Field(description="degrees, WGS 84")
    proposed_lat: float | None
    proposal: dict[str, Any] | None = Field(description="fields to replace: `changes` for `amend`")
    raw: Any = Field(description="as sent, what looks like an identity number masked")
    known: dict[str, Any] | None = Field(description="the record stored under the same id, or household and revision")
    sender: str | None = Field(description="account that sent it")
    own: bool = Field(description="whether the caller sent it")
    yours: bool = Field(description="whether the caller may decide on it, while it is open")
    batch_id: UUID
    row: int
    received_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None
    submission_id: UUID | None = Field(description="of what was stored instead")


class QuarantineOut(Said):
    """Rows held back, newest first."""

    states: dict[HeldState, int] = Field(description="rows by state, whatever was asked for")
    reasons: dict[Reason, int] = Field(description="rows by reason in the states asked for")
    next: int | None = Field(description="`after` of the next page")
    quarantine: list[HeldRow]


class DecisionIn(BaseModel):
    """A decision on one row."""

    model_config = ConfigDict(title="Decision", extra="forbid")
    action: Action = Field(
        description="`revalidate`: check it again as of now; `amend`: replace fields and check; `take`: of a conflict, "
        "count this one instead, as the household's next revision; `reject`: never count it, for the reason in `note`"
    )
    changes: dict[str, Any] = Field(default_factory=dict, description="fields to replace; null takes one away")
    note: str | None = Field(default=None, max_length=500)


class OutcomeOut(BaseModel):
    """What came of a decision."""

    model_config = ConfigDict(title="Outcome")
    id: int
    state: HeldState
    submission_id: UUID | None = Field(description="of what is stored now")
    receipt: ReceiptOut | None


@router.get("/v1/quarantine", responses=listed(QuarantineOut))
async def rows_held(
    out: OutgoingDep,
    watcher: Watcher,
    state: Annotated[list[HeldState] | None, Query(description="left out: the open ones")] = None,
    reason: Annotated[list[Reason] | None, Query(description="only rows held for these")] = None,
    after: Annotated[int | None, Query(ge=0, le=2**63 - 1, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=0, le=1000, description="0: only count")] = 100,
) -> Response:
    """Rows held back, newest first: those of areas in the caller's scope, and those it sent itself.

    A row lies in the area of the block it names, else where its sender works. Reading rows is audited.
    """
    live = out.house.current
    last = int(live.tree.last[out.within]) if out.within else LAST
    question = Question(out.within, last, tuple(state or ("open",)), tuple(reason or ()), after, limit)
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        found = await quarantine.listing(connection, out.scope, question)
    head = said_of_all(live) | {"states": found.states, "reasons": found.reasons, "next": found.next}
    deciding = watcher.only(DECIDERS)
    rows = [_placed(live, row, deciding.scope if deciding else None) for row in found.rows]
    if out.format in {"csv", "xlsx"}:
        rows = [row | {name: _text(row[name]) for name in _NESTED} for row in rows]
        head |= {name: _text(head[name]) for name in ("states", "reasons")}
    answer = await out.answer("quarantine", rows, head, key="id")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post(
    "/v1/quarantine/{row_id}/resolve",
    openapi_extra=small_bodies.described(DecisionIn),
    response_model=OutcomeOut,
    responses=documented(409, 413),
)
async def resolve(
    house: HouseDep,
    decider: Decider,
    said: Annotated[DecisionIn, Depends(small_bodies.said(DecisionIn, MAX_BYTES))],
    row_id: Annotated[int, Path(ge=1, le=2**63 - 1)],
) -> Response:
    """Decide on one open row: all of it happens, or nothing. Of two people who decide at once the second gets 409.

    A row that cannot be believed even so stays open: 422 `still-held`, with the `reason`.
    """
    ground = await house.intake()
    decision = Decision(said.action, said.changes, said.note)
    try:
        async with house.db.for_actor(decider.account_id, decider.credential_id) as connection:
            outcome = await quarantine.resolve(connection, ground, decider.scope, row_id, decision)
    except quarantine.StillHeld as held:
        return problem(422, "still-held", str(held), reason=held.reason)
    return Response(_outcome(outcome), 200, {"Cache-Control": "no-store"}, "application/json")


def _outcome(outcome: Outcome) -> bytes:
    return orjson.dumps({
        "id": outcome.id,
        "state": outcome.state,
        "submission_id": outcome.submission_id,
        "receipt": outcome.receipt,
    })  # fmt: skip


def _placed(live: Snapshot, row: dict[str, Any], deciding: Scope | None) -> dict[str, Any]:
    """A row with the area it belongs to, in the order of the contract; `deciding` is where the caller may decide."""
    number = row["number"] if 0 < row["number"] < len(live.tree) else 0
    area = coverage.describe(live, number) if number else {}
    above = live.tree.path(int(live.tree.parent[number])) if number else []
    more = {
        "yours": deciding is not None and deciding.covers(row["number"], row["number"]),
        "code": area.get("code"),
        "name": area.get("name"),
        "level": area.get("level"),
        "place": ", ".join(live.tree.name[n] for n in reversed(above)) if number else None,
        "batch_id": str(row["batch_id"]),
        "submission_id": str(row["submission_id"]) if row["submission_id"] else None,
    }
    return {name: (row | more)[name] for name in HeldRow.model_fields}


def _text(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
