"""Who works in an area and who has not been heard of, for those who answer for it."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.answers import Said, listed
from app.api.access import Overseer
from app.api.areas import said_of_all
from app.errors import documented
from app.outgoing import OutgoingDep
from geo.watch import enumerators as watch

router = APIRouter(tags=["enumerators"], responses=documented(401, 403, 404, 422, 503))

NewsState = Literal["never", "quiet", "unsynced", "fresh"]


class EnumeratorRow(BaseModel):
    """An enumerator. Figures are over the blocks assigned to it that were asked about and are the caller's."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(description="of its account")
    supervisor: str | None
    blocks: int = Field(description="0: it sent from there without being assigned to any")
    expected: int | None
    done: int | None = Field(description="expected − gap: families nobody need look for any more")
    gap: int | None
    captured_at: datetime | None = Field(description="when the newest of what last arrived was recorded")
    received_at: datetime | None = Field(description="when something it recorded last arrived")
    heard_at: datetime | None = Field(description="when one of its devices last said something of itself")
    queued: int | None = Field(description="submissions that wait on its devices, as these said")
    last_event_at: datetime | None = Field(description="when something was last recorded there, as the devices said")
    hours: float | None = Field(description="since it was last heard of; null: never")
    state: NewsState = Field(
        description="`never`: no word at all; `quiet`: none for so many hours; `unsynced`: its devices hold something "
        "that has not arrived; else `fresh`"
    )
    held: int = Field(
        description="an estimate of the records made that have not arrived: what its devices said waits, and what it "
        "has made since its last word if it works on as of late"
    )
    held_low: int = Field(description="with held_high the bounds of 80 % of it")
    held_high: int


class EnumeratorsOut(Said):
    """Enumerators at work, longest without news first."""

    total: int = Field(description="enumerators on all pages")
    states: dict[NewsState, int] = Field(description="enumerators by state, whatever was asked for")
    quiet: float
    held: int = Field(description="an estimate of the records on all their phones, whatever was asked for")
    held_low: int = Field(description="with held_high the bounds of 80 % of it")
    held_high: int
    next: str | None = Field(description="`after` of the next page")
    enumerators: list[EnumeratorRow]


@router.get("/v1/enumerators", responses=listed(EnumeratorsOut, places=False))
async def enumerators(
    out: OutgoingDep,
    overseer: Overseer,
    quiet: Annotated[
        float, Query(ge=1, le=1000, description="hours without news after which one is `quiet`")
    ] = watch.QUIET_HOURS,
    state: Annotated[list[NewsState] | None, Query(description="only those in these; left out: all")] = None,
    after: Annotated[str | None, Query(max_length=100, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> Response:
    """Enumerators assigned to blocks in the area, or who sent from there; longest without news first.

    For those who answer for the area: of blocks that the caller only works in itself nothing is said.
    """
    out = replace(out, scope=overseer.scope)
    live = out.house.current
    question = watch.Question(out.within, quiet, tuple(state or ()), after, limit)
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        page = await watch.at_work(connection, live, out.scope, question)
    held, low, high = page.held
    head = said_of_all(live) | {
        "total": page.total,
        "states": page.states,
        "quiet": quiet,
        "held": held,
        "held_low": low,
        "held_high": high,
        "next": page.next,
    }
    answer = await out.answer("enumerators", page.rows, head, key="name")
    answer.headers["Cache-Control"] = "no-store"
    return answer
