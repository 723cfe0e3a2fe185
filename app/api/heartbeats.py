"""What devices say of themselves, so that a supervisor can tell an idle enumerator from a phone without signal."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from app import small_bodies
from app.access import HouseDep
from app.api.submissions import Sender
from app.errors import documented
from app.small_bodies import Instant
from geo.intake import heartbeats

router = APIRouter(tags=["heartbeats"], responses=documented(401, 403, 413, 422, 503))

MAX_BYTES = 2_000

#: What the column holds.
MOST_QUEUED = 2**31 - 1


class HeartbeatIn(BaseModel):
    """What a device says of itself. Unknown fields are ignored."""

    model_config = ConfigDict(title="Heartbeat")
    device: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", description="its own name, the same each time")
    queued: int = Field(ge=0, le=MOST_QUEUED, strict=True, description="submissions that wait there")
    last_event_at: Instant | None = Field(
        description="RFC 3339 with an offset: when something was last recorded there; null: nothing yet"
    )


@router.post("/v1/heartbeats", status_code=204, openapi_extra=small_bodies.described(HeartbeatIn))
async def post(
    house: HouseDep, sender: Sender, said: Annotated[HeartbeatIn, Depends(small_bodies.said(HeartbeatIn, MAX_BYTES))]
) -> None:
    """Keep what a device says of itself. The latest word counts; there is no receipt, and none needs to be resent."""
    async with house.db.worker.begin() as connection:
        await heartbeats.store(connection, sender.account_id, said.device, said.queued, said.last_event_at)
