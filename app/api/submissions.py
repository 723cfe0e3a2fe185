"""What devices send, and the receipts they get. 201 after commit, never 200: captive portals answer 200."""

import asyncio
import hashlib
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict

from app.access import HouseDep, Watcher, one_of
from app.answers import SubmissionIn
from app.errors import documented, problem
from geo.errors import BadInput
from geo.intake import batch
from geo.intake.batch import Envelope, Receipt, Status
from geo.intake.reasons import Fault, Reason
from geo.trust.accounts import Caller

router = APIRouter(tags=["submissions"], responses=documented(401, 403, 422, 503))

MAX_ROWS, MAX_BYTES = 10_000, 20_000_000


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
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["submissions"],
                    "properties": {
                        "submissions": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MAX_ROWS,
                            "items": SubmissionIn.model_json_schema(),
                        }
                    },
                }
            },
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}


@router.post(
    "/v1/submissions", status_code=201, response_model=BatchOut, openapi_extra=_BODY, responses=documented(413, 415)
)
async def post(request: Request, house: HouseDep, sender: Sender) -> Response:
    """Store a batch of submissions: JSON `{"submissions": […]}` or NDJSON, up to 10,000 rows and 20 MB.

    Every row gets a receipt; rows that cannot be believed are kept in quarantine with a reason.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise BadInput("send the body as it is, without Content-Encoding", code="unsupported-body")
    body = await _read(request)
    if body is None:
        return problem(413, "body-too-large", f"a batch has at most {MAX_BYTES} bytes; send less at a time")
    rows = decode(body, request.headers.get("content-type", ""))
    ground = await house.intake()
    own = sender.name if sender.role == "enumerator" else None
    judged = await asyncio.to_thread(batch.judge, ground, rows, own)
    sha = hashlib.sha256(body)
    envelope = Envelope(sender.account_id, "api", sha.digest(), len(body))
    receipts = await batch.commit(house.db.worker, ground, envelope, rows, judged)
    return _answer(envelope, sha.hexdigest(), receipts)


@router.get("/v1/submissions/{submission_id}", responses=documented(404))
async def get(house: HouseDep, watcher: Watcher, submission_id: Annotated[UUID, Path()]) -> ReceiptNow:
    """The receipt of one submission as of now."""
    async with house.db.as_actor(watcher.account_id) as connection:
        found = await batch.receipt(connection, submission_id)
    return ReceiptNow(**found)


def decode(body: bytes, content_type: str) -> list[object]:
    """Rows of a body. A malformed line is a row's fault, anything else about the body is the batch's: BadInput."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in {"application/x-ndjson", "application/ndjson", "application/jsonl"}:
        rows: list[object] = [_line(line) for line in body.split(b"\n") if line.strip()]
    elif kind == "application/json":
        try:
            sent = orjson.loads(body)
        except orjson.JSONDecodeError as broken:
            raise BadInput("the body is not JSON in UTF-8", code="malformed-body") from broken
        if not isinstance(sent, dict) or not isinstance(sent.get("submissions"), list):
            raise BadInput('the body must be {"submissions": […]}', code="malformed-body")
        rows = sent["submissions"]
    else:
        raise BadInput("send application/json or application/x-ndjson", code="unsupported-body")
    if not rows:
        raise BadInput("the batch has no rows", code="empty-batch")
    if len(rows) > MAX_ROWS:
        raise BadInput(f"a batch has at most {MAX_ROWS} rows; send less at a time", code="too-many-rows")
    return rows


def _line(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return Fault(Reason.MALFORMED, "", f"is not JSON: {line[:200].decode('utf-8', 'replace')}")


async def _read(request: Request) -> bytes | None:
    """The body, None where it is too large: it is not read to its end then."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _answer(envelope: Envelope, sha: str, receipts: list[Receipt]) -> Response:
    results: list[dict[str, Any]] = [
        {
            "row": r.row,
            "submission_id": r.submission_id,
            "status": r.status,
            "reason": r.reason,
            "detail": r.detail,
            "notices": list(r.notices),
        }
        for r in receipts
    ]
    answer = {
        "batch_id": envelope.batch_id,
        "body_sha256": sha,
        "counts": batch.counts(receipts),
        "results": results,
    }
    return Response(orjson.dumps(answer), 201, {"Cache-Control": "no-store"}, "application/json")
