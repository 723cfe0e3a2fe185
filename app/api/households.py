"""Single households of the caller's scope. Whatever is given out is audited."""

from dataclasses import replace
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from app.access import WithinDep
from app.answers import HouseholdsOut, Origin, Result, listed
from app.api.areas import said_of_all
from app.api.coverage import BoxDep
from app.errors import documented
from app.outgoing import OutgoingDep
from geo.watch import households as watch
from geo.watch.households import Question

router = APIRouter(tags=["households"], responses=documented(401, 403, 404, 422, 503))


async def question(
    within: WithinDep,
    box: BoxDep,
    result: Annotated[list[Result] | None, Query(description="only these")] = None,
    origin: Origin | None = None,
    since: Annotated[date | None, Query(alias="from", description="first local date")] = None,
    until: Annotated[date | None, Query(description="last local date")] = None,
    flag: Annotated[str | None, Query(pattern=r"^[a-z_]{1,32}$", description="only those with this doubt")] = None,
    unplaced: Annotated[bool, Query(description="only those that count in no block")] = False,
) -> Question:
    """Which households are asked for."""
    days = (since or date.min, until or date.max)
    return Question(within, unplaced, box, tuple(result or ()), origin, *days, flag)


@router.get("/v1/households", responses=listed(HouseholdsOut))
async def households(
    out: OutgoingDep,
    asked: Annotated[Question, Depends(question)],
    after: Annotated[str | None, Query(max_length=100, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> Response:
    """Single households that count in the caller's scope, in the order of their blocks. Reading them is audited.

    A household that stays where it is comes once, however many are added while pages are read. With a filter a page may
    be short, or empty, and not be the last: go on until `next` is null.
    """
    live = out.house.current
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        page = await watch.listing(connection, live, out.scope, replace(asked, after=after, limit=limit), out.format)
    head = said_of_all(live) | {"total": page.total, "next": page.next}
    answer = await out.answer("households", page.rows, head, key="household_id")
    answer.headers["Cache-Control"] = "no-store"
    return answer
