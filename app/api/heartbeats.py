"""What devices say of themselves, so that a supervisor can tell an idle enumerator from a phone without signal."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.access import HouseDep
from app.api.submissions import Sender
from app.errors import documented
from geo.errors import BadInput
from geo.intake import heartbeats

router = APIRouter(tags=["heartbeats"], responses=documented(401, 403, 413, 422, 503))

MAX_BYTES = 2_000

#: What the column holds.
MOST_QUEUED = 2**31 - 1


def _written(value: object) -> object:
    """Seconds since 1970 are no RFC 3339, though pydantic would take them, as numbers and as text."""
    if value is not None and not (isinstance(value, str) and "T" in value.upper()):
        raise ValueError("must be RFC 3339 with an offset, like 2022-10-15T09:30:00+07:00")
    return value


class HeartbeatIn(BaseModel):
    """What a device says of itself. Unknown fields are ignored."""

    model_config = ConfigDict(title="Heartbeat")
    device: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", description="its own name, the same each time")
    queued: int = Field(ge=0, le=MOST_QUEUED, strict=True, description="submissions that wait there")
    last_event_at: Annotated[AwareDatetime | None, BeforeValidator(_written)] = Field(
        description="RFC 3339 with an offset: when something was last recorded there; null: nothing yet"
    )


async def _said(request: Request) -> HeartbeatIn:
    """The body. Read here, for the framework reads bodies of any size and answers text that is not UTF-8 with 400."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            raise BadInput(f"a heartbeat has at most {MAX_BYTES} bytes", code="body-too-large")
    try:
        return HeartbeatIn.model_validate_json(body)
    except ValidationError as wrong:
        raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in wrong.errors()]) from wrong


_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": HeartbeatIn.model_json_schema()}}}
}


@router.post("/v1/heartbeats", status_code=204, openapi_extra=_BODY)
async def post(house: HouseDep, sender: Sender, said: Annotated[HeartbeatIn, Depends(_said)]) -> None:
    """Keep what a device says of itself. The latest word counts; there is no receipt, and none needs to be resent."""
    async with house.db.worker.begin() as connection:
        await heartbeats.store(connection, sender.account_id, said.device, said.queued, said.last_event_at)
