"""Whom to visit again, and when."""

from datetime import datetime
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.answers import Result, Said, listed
from app.api.areas import said_of_all
from app.api.households import ClosingReason
from app.errors import documented
from app.outgoing import OutgoingDep
from geo.watch import callbacks as watch
from geo.watch.callbacks import Question

router = APIRouter(tags=["callbacks"], responses=documented(401, 403, 404, 422, 503))

Due = Literal["overdue", "today", "later", "spent", "closed"]


class Callback(BaseModel):
    """One household to be visited again. `code`, `name`, `n` and `place` say in which block it counts."""

    model_config = ConfigDict(extra="forbid")
    household_id: str
    code: str | None
    name: str | None
    n: int = Field(description="number of the block; 0 where it counts in none")
    place: str | None = Field(description="the areas above the block, nearest first")
    lon: float | None = Field(description="degrees, WGS 84, as sent")
    lat: float | None
    result: Result = Field(description="of the last visit")
    visits: int = Field(description="visits used, as far as stated or known: 1 to 3")
    captured_at: datetime = Field(description="of the last visit")
    earliest: datetime = Field(description="from when the next visit counts: four hours later")
    revisit_at: datetime | None = Field(description="the appointment, where one was made")
    due: Due
    due_at: datetime | None = Field(description="the appointment, else `earliest`; null for `spent` and `closed`")
    enumerator: str | None
    building: str | None = Field(description="number of the building in the prelist")
    sequence: int | None = Field(description="of the family in the prelist")
    closed: bool
    reason: ClosingReason | None = Field(description="why it is closed")
    closed_at: datetime | None


class CallbacksOut(Said):
    """Visits due, in the order of who walks."""

    due: dict[Due, int] = Field(description="households by what is due, whatever was asked for")
    total: int = Field(description="households on all pages")
    next: str | None = Field(description="`after` of the next page")
    callbacks: list[Callback]


@router.get("/v1/callbacks", responses=listed(CallbacksOut))
async def callbacks(
    out: OutgoingDep,
    due: Annotated[list[Due] | None, Query(description="only these; left out: all but closed")] = None,
    after: Annotated[str | None, Query(max_length=120, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=0, le=10_000, description="0: only count")] = 100,
) -> Response:
    """Households met in part, not met or refused: when each is to be visited again, and which visits are used up.

    Missed appointments come first, then today's by the hour; then those due without one and those for later; then those
    whose third visit is used up, and those closed. Reading rows is audited. One whose due changes meanwhile may come
    twice or not at all.
    """
    live = out.house.current
    asked = Question(out.within, tuple(due or ()), after, limit)
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        page = await watch.listing(connection, live, out.scope, asked, out.format)
    counts = page.due if out.format in {"json", "geojson"} else orjson.dumps(page.due).decode()
    head = said_of_all(live) | {"due": counts, "total": page.total, "next": page.next}
    answer = await out.answer("callbacks", page.rows, head, key="household_id")
    answer.headers["Cache-Control"] = "no-store"
    return answer
