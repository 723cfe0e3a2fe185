"""What devices say of themselves, so that a supervisor can tell an idle enumerator from a phone without signal."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from app import small_bodies
from app.access import HouseDep
from app.api.submissions import Sender
from app.errors import documented
from app.small_bodies import Instant
from geo.intake import heartbeats
from geo.intake.submissions import NAME_SHAPE

router = APIRouter(tags=["heartbeats"], responses=documented(401, 403, 413, 422, 503))

#: As many blocks as may be named, with the longest codes there are, and what else is said.
MAX_BYTES = 20_000

#: Blocks of which a device may say how much waits; an enumerator works in a few.
MOST_BLOCKS = 200

#: What the column holds.
MOST_QUEUED = 2**31 - 1

Code = Annotated[str, Field(pattern=f"^{NAME_SHAPE.pattern}$")]
Waiting = Annotated[int, Field(ge=1, le=MOST_QUEUED, strict=True)]


class HeartbeatIn(BaseModel):
    """What a device says of itself. Unknown fields are ignored."""

    model_config = ConfigDict(title="Heartbeat")
    device: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", description="its own name, the same each time")
    queued: int = Field(ge=0, le=MOST_QUEUED, strict=True, description="submissions that wait there")
    last_event_at: Instant | None = Field(
        description="RFC 3339 with an offset: when something was last recorded there; null: nothing yet"
    )
    blocks: dict[Code, Waiting] | None = Field(
        default=None,
        max_length=MOST_BLOCKS,
        description="how many of them wait, by the code of the block they declare; no more in all than `queued`. "
        "Left out: not known",
    )

    @field_validator("blocks")
    @classmethod
    def _no_more_than_wait(cls, blocks: dict[str, int] | None, of: ValidationInfo) -> dict[str, int] | None:
        """A device whose parts are more than its whole has counted something else."""
        if sum((blocks or {}).values()) > of.data.get("queued", MOST_QUEUED):
            raise ValueError("no more can wait in the blocks than is queued")
        return blocks


@router.post("/v1/heartbeats", status_code=204, openapi_extra=small_bodies.described(HeartbeatIn))
async def post(
    house: HouseDep, sender: Sender, said: Annotated[HeartbeatIn, Depends(small_bodies.said(HeartbeatIn, MAX_BYTES))]
) -> None:
    """Keep what a device says of itself. The latest word counts; there is no receipt, and none needs to be resent."""
    async with house.db.worker.begin() as connection:
        await heartbeats.store(connection, sender.account_id, said.device, said.queued, said.last_event_at, said.blocks)
