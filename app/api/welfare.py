"""The welfare ledger: lists of one scale in, with a receipt for each row; one household's history; rows held back.

Single households all of it, for those who answer for an area, and every import and every read is audited. What is for
outsiders is published in releases.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app import bodies
from app.access import HouseDep, one_of
from app.answers import Said, listed
from app.api.areas import said_of_all
from app.api.households import HouseholdId
from app.api.quarantine import Decider
from app.api.submissions import MAX_NOTICES
from app.errors import documented
from app.outgoing import OutgoingDep
from geo.errors import BadInput
from geo.ground.areas import Ground
from geo.intake import batch
from geo.intake.batch import Envelope
from geo.publish import ledger, welfare
from geo.publish.judging import LedgerReason, Limits, judge, typed
from geo.publish.welfare import LedgerReceipt, LedgerStatus, Question, Rows
from geo.scope import LAST, Scope
from geo.trust import accounts
from geo.trust.credentials import Caller
from geo.watch import coverage
from geo.watch.live import Snapshot

router = APIRouter(tags=["welfare"], responses=documented(401, 403, 404, 422, 503))

Scale = Literal["field_status", "consultation", "rank"]

#: Those who bring lists in. Supervisors read, and lead enumerators; the lists come from offices.
Importer = Annotated[Caller, Depends(one_of("coordinator", "admin"))]

#: What a list may be sent as. It has no places, so it is no map.
_KINDS = (bodies.JSON, bodies.LINES, bodies.TABLE, bodies.WORKBOOK)


class WelfareIn(BaseModel):
    """One row, with the fields of its scale; others are ignored and named in the receipt's notices."""

    household_id: str = Field(max_length=64)
    dated: date | None = Field(default=None, description="from which day it holds; may be given for the whole list")
    revision: int = Field(default=1, ge=1, description="a correction of the same day is higher")
    field_status: int | None = Field(default=None, ge=1, le=3, description="1 very poor, 2 poor, 3 not poor")
    consultation: int | None = Field(default=None, ge=1, le=4, description="group after the forum; also `after`")
    before: int | None = Field(default=None, ge=1, le=4, description="group before the forum")
    forum: str | None = Field(default=None, description="code of the area whose forum decided; also `block`")
    score: float | None = Field(default=None, description="of the proxy means test; lower is poorer")
    rank: int | None = Field(default=None, ge=1, description="1 … N in the regency; 1 is the poorest")
    decile: int | None = Field(default=None, ge=1, le=10)
    reason: str | None = Field(default=None, max_length=500, description="why; no names, no numbers")


class LedgerReceiptOut(BaseModel):
    """One row's receipt."""

    model_config = ConfigDict(title="LedgerReceipt")
    row: int
    household_id: str | None
    status: LedgerStatus
    reason: LedgerReason | None
    detail: str | None
    notices: list[str]


class LedgerOut(BaseModel):
    """Receipts of a list, after commit."""

    model_config = ConfigDict(title="LedgerReceipts")
    batch_id: UUID
    body_sha256: str
    counts: dict[LedgerStatus, int]
    results: list[LedgerReceiptOut]


class LedgerHeld(BaseModel):
    """A row held back. `code`, `name` and `level` are of its block; null where not known, or not the caller's."""

    model_config = ConfigDict(extra="forbid")
    id: int
    scale: Scale
    household_id: str | None
    reason: LedgerReason
    detail: str
    code: str | None
    name: str | None
    level: str | None
    raw: Any = Field(description="as sent, what looks like an identity number masked")
    sender: str | None = Field(description="account that sent it")
    own: bool = Field(description="whether the caller sent it")
    batch_id: UUID
    row: int
    received_at: datetime


class LedgerHeldOut(Said):
    """Rows held back, newest first; those of a household go when a better one of the same scale comes."""

    reasons: dict[LedgerReason, int] = Field(description="how many there are for each reason")
    next: int | None = Field(description="`after` of the next page")
    held: list[LedgerHeld]


class StandingOut(BaseModel):
    """What is known of one measure."""

    model_config = ConfigDict(title="Standing", extra="forbid")
    value: float
    dated: date = Field(description="from which day it holds")
    source: Literal["ledger", "door"]


class WelfareEvent(BaseModel):
    """What was written down once. Fields of other scales are null."""

    model_config = ConfigDict(extra="forbid")
    scale: Scale
    dated: date
    revision: int
    field_status: int | None
    consultation: int | None
    before: int | None
    score: float | None
    rank: int | None
    decile: int | None
    forum: str | None
    reason: str | None
    actor: str | None = Field(description="account that sent it; null for the operator")
    recorded_at: datetime
    source: Literal["ledger", "door"]


class WelfareOut(BaseModel):
    """One household on the three scales, which are never one: what is known on a day, and all that was written down."""

    model_config = ConfigDict(title="Welfare", extra="forbid")
    household_id: str
    on: date
    field_status: StandingOut | None
    consultation: StandingOut | None
    score: StandingOut | None
    rank: StandingOut | None
    decile: StandingOut | None
    events: list[WelfareEvent] = Field(description="oldest first, those after `on` too")


_ROWS = {"type": "array", "minItems": 1, "maxItems": bodies.MAX_ROWS, "items": WelfareIn.model_json_schema()}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "Compressed with `Content-Encoding: gzip`, or as it is; 20 MB at most, unpacked too.",
        "content": {
            bodies.JSON: {"schema": {"type": "object", "required": ["events"], "properties": {"events": _ROWS}}},
            bodies.LINES: {"schema": {"type": "string", "description": "one JSON object a line"}},
            bodies.TABLE: {"schema": {"type": "string", "description": "The first line names the fields."}},
            bodies.WORKBOOK: {
                "schema": {"type": "string", "format": "binary", "description": "as CSV, in the first sheet"}
            },
        },
    }
}


@router.post(
    "/v1/welfare/{scale}",
    status_code=201,
    response_model=LedgerOut,
    openapi_extra=_BODY,
    responses=documented(413, 415),
)
async def post(
    request: Request,
    house: HouseDep,
    importer: Importer,
    scale: Scale,
    dated: Annotated[date | None, Query(description="day from which rows hold that say none themselves")] = None,
) -> Response:
    """Write a list of one scale into the ledger: JSON, NDJSON, CSV or XLSX, up to 10,000 rows and 20 MB; gzip or plain.

    Every row gets a receipt. Sent again it changes nothing: what is there already is a `duplicate`. A row that says
    something else of the same household and day is a `conflict`, unless its `revision` is higher. Rows of households
    that neither count nor are listed in the caller's areas are `held`. Every import is audited.
    """
    sent = await bodies.read(request)
    ground = await house.intake()
    scope = importer.scope
    limits = Limits(scale, ground.campaign.today(), ground.tree, scope, dated)
    found, rows = await asyncio.to_thread(_understood, sent, ground, limits)
    envelope = Envelope(importer.account_id, f"welfare {scale} api", sent.sha256, len(sent.content))

    async def work(db: AsyncConnection) -> list[LedgerReceipt]:
        await accounts.act_as(db, importer.account_id, importer.credential_id)
        return await welfare.store(db, scope, envelope, rows)

    return _answer(envelope, found.notices, await batch.committed(house.db.worker, work))


@router.get("/v1/welfare/held", responses=listed(LedgerHeldOut, places=False))
async def held(
    out: OutgoingDep,
    decider: Decider,
    scale: Scale | None = None,
    after: Annotated[int | None, Query(ge=0, le=2**63 - 1, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=0, le=1000, description="0: only count")] = 100,
) -> Response:
    """Rows of the ledger held back, newest first: of blocks in the caller's scope, and those it sent. Audited."""
    out = replace(out, scope=decider.scope)
    live = out.house.current
    last = int(live.tree.last[out.within]) if out.within else LAST
    question = Question(out.within, last, scale, after, limit)
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        found = await welfare.listing(connection, out.scope, question)
    plain = out.format == "json"
    rows = [_placed(live, row) for row in found.rows]
    if not plain:
        rows = [row | {"raw": orjson.dumps(row["raw"]).decode()} for row in rows]
    reasons = found.reasons if plain else orjson.dumps(found.reasons).decode()
    head = said_of_all(live) | {"reasons": reasons, "next": found.next}
    answer = await out.answer("held", rows, head, key="id")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.get("/v1/households/{household_id:path}/welfare", response_model=WelfareOut)
async def history(
    house: HouseDep,
    decider: Decider,
    household_id: HouseholdId,
    on: Annotated[date | None, Query(description="left out: the campaign's day")] = None,
) -> Response:
    """One household of the caller's scope on each scale, on a day, and all that was written down of it. Audited."""
    scope: Scope = decider.scope
    async with house.db.as_actor(scope.actor, scope.credential) as connection:
        found = await ledger.history(connection, scope, household_id, on or house.current.campaign.today())
    said = {"household_id": found.household_id, "on": found.on, **found.standing, "events": found.events}
    return Response(orjson.dumps(said), 200, {"Cache-Control": "no-store"}, "application/json")


def _understood(sent: bodies.Sent, ground: Ground, limits: Limits) -> tuple[bodies.Rows, Rows]:
    """The rows of a body, and what each is judged to be."""
    if sent.kind not in _KINDS:
        raise BadInput(f"send one of {', '.join(_KINDS)}", code="unsupported-body")
    found = bodies.understand(sent, bodies.Lacking(ground.campaign.zone, rows="events", typed=typed))
    return found, Rows(limits, found.rows, [judge(at, row, limits) for at, row in enumerate(found.rows)])


def _answer(envelope: Envelope, notices: tuple[str, ...], receipts: Sequence[LedgerReceipt]) -> Response:
    results = [
        {
            "row": r.row,
            "household_id": r.household_id,
            "status": r.status,
            "reason": r.reason,
            "detail": r.detail,
            "notices": (notices + r.notices)[:MAX_NOTICES],
        }
        for r in receipts
    ]
    answer = {
        "batch_id": envelope.batch_id,
        "body_sha256": envelope.body_sha256.hex(),
        "counts": welfare.counts(receipts),
        "results": results,
    }
    return Response(orjson.dumps(answer), 201, {"Cache-Control": "no-store"}, "application/json")


def _placed(live: Snapshot, row: dict[str, Any]) -> dict[str, Any]:
    """A row with the block it is of, in the order of the contract."""
    number = row["number"] if 0 < row["number"] < len(live.tree) else 0
    area = coverage.describe(live, number) if number else {}
    more = {name: area.get(name) for name in ("code", "name", "level")} | {"batch_id": str(row["batch_id"])}
    return {name: (row | more)[name] for name in LedgerHeld.model_fields}
