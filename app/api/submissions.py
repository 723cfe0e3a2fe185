"""What devices send, and the receipts they get. 201 after commit, never 200: captive portals answer 200."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict

from app import bodies
from app.access import HouseDep, Watcher, one_of
from app.answers import SubmissionIn
from app.errors import documented
from geo.intake import batch
from geo.intake.batch import Envelope, Receipt, Status
from geo.intake.reasons import Reason
from geo.trust.credentials import Caller

router = APIRouter(tags=["submissions"], responses=documented(401, 403, 422, 503))

#: Notices told of one row; a row may have a million fields that nobody knows.
MAX_NOTICES = 50

#: Bytes of a body that is understood where we are; a larger one goes to a thread, so that nobody else waits for it.
FEW_BYTES = 30_000


class ReceiptOut(BaseModel):
    """One row's receipt."""

    model_config = ConfigDict(title="Receipt")
    row: int
    submission_id: str | None
    status: Status
    reason: Reason | None
    detail: str | None
    notices: list[str]


class BatchOut(BaseModel):
    """Receipts of a batch, after commit."""

    model_config = ConfigDict(title="Receipts")
    batch_id: UUID
    body_sha256: str
    counts: dict[Status, int]
    results: list[ReceiptOut]


class ReceiptNow(BaseModel):
    """The receipt of one submission as of now."""

    submission_id: UUID
    row: int
    batch_id: UUID
    status: Status


Sender = Annotated[Caller, Depends(one_of("enumerator", "supervisor", "coordinator", "admin"))]

_BODY = {
    "requestBody": {
        "required": True,
        "description": "Compressed with `Content-Encoding: gzip`, or as it is; 20 MB at most, unpacked too.",
        "content": {
            bodies.JSON: {
                "schema": {
                    "type": "object",
                    "required": ["submissions"],
                    "properties": {
                        "submissions": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": bodies.MAX_ROWS,
                            "items": SubmissionIn.model_json_schema(),
                        }
                    },
                }
            },
            bodies.LINES: {"schema": {"type": "string", "description": "one JSON object a line"}},
            bodies.TABLE: {
                "schema": {
                    "type": "string",
                    "description": "The first line names the fields, one row a line. Local times are the campaign's.",
                }
            },
            bodies.GEOJSON: {
                "schema": {
                    "type": "object",
                    "required": ["type", "features"],
                    "properties": {
                        "type": {"const": "FeatureCollection"},
                        "features": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": bodies.MAX_ROWS,
                            "items": {
                                "type": "object",
                                "description": "A Point, or null where a block is given; properties are the fields.",
                            },
                        },
                    },
                }
            },
            bodies.WORKBOOK: {
                "schema": {"type": "string", "format": "binary", "description": "as CSV, in the first sheet"}
            },
        },
    }
}


@router.post(
    "/v1/submissions", status_code=201, response_model=BatchOut, openapi_extra=_BODY, responses=documented(413, 415)
)
async def post(request: Request, house: HouseDep, sender: Sender) -> Response:
    """Store a batch of submissions: JSON, NDJSON, CSV, GeoJSON or XLSX, up to 10,000 rows and 20 MB; gzip or plain.

    `body_sha256` is the digest of the bytes as they were sent, compressed or not. Every row gets a receipt; rows that
    cannot be believed are kept in quarantine with a reason.
    """
    sent = await bodies.read(request)
    ground = await house.intake()
    lacking = bodies.Lacking(ground.campaign.zone, f"api {sender.account_id}")
    if len(sent.content) > FEW_BYTES or sent.encoding == "gzip" or sent.kind == bodies.WORKBOOK:  # may unpack to much
        found = await asyncio.to_thread(bodies.understand, sent, lacking)
    else:
        found = bodies.understand(sent, lacking)
    envelope = Envelope(sender.account_id, "api", sent.sha256, len(sent.content))
    own = sender.name if sender.role == "enumerator" else None
    receipts = await house.together.commit(ground, envelope, found.rows, own)
    return _answer(envelope, found.notices, receipts)


@router.get("/v1/submissions/{submission_id}", responses=documented(404))
async def get(house: HouseDep, watcher: Watcher, submission_id: Annotated[UUID, Path()]) -> ReceiptNow:
    """The receipt of one submission as of now."""
    async with house.db.as_actor(watcher.account_id, watcher.credential_id) as connection:
        found = await batch.receipt(connection, submission_id)
    return ReceiptNow(**found)


def _few(notices: tuple[str, ...]) -> list[str]:
    more = len(notices) - MAX_NOTICES
    return [*notices[:MAX_NOTICES], f"AND_MORE {more}"] if more > 0 else list(notices)


def _answer(envelope: Envelope, notices: tuple[str, ...], receipts: list[Receipt]) -> Response:
    results: list[dict[str, Any]] = [
        {
            "row": r.row,
            "submission_id": r.submission_id,
            "status": r.status,
            "reason": r.reason,
            "detail": r.detail,
            "notices": _few(notices + r.notices),
        }
        for r in receipts
    ]
    answer = {
        "batch_id": envelope.batch_id,
        "body_sha256": envelope.body_sha256.hex(),
        "counts": batch.counts(receipts),
        "results": results,
    }
    return Response(orjson.dumps(answer), 201, {"Cache-Control": "no-store"}, "application/json")
