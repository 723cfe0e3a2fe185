"""Where nobody has been: blocks, worst first."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from app.access import CallerDep
from app.answers import GapsOut, State, listed
from app.api.access import OVERSEERS
from app.api.areas import said_of_all, shapes
from app.errors import documented
from app.outgoing import OutgoingDep
from geo.watch import gaps as watch

Order = Literal["gap", "winnable", "coverage", "last_at", "heard_at", "code"]

router = APIRouter(tags=["gaps"], responses=documented(401, 403, 404, 422, 503))


@router.get("/v1/gaps", responses=listed(GapsOut))
async def gaps(
    out: OutgoingDep,
    asking: CallerDep,
    state: Annotated[list[State] | None, Query(description="only blocks in these; left out: the open ones")] = None,
    q: Annotated[str, Query(max_length=100, description="in the name, code or enumerator of a block")] = "",
    least: Annotated[int, Query(ge=0, le=1_000_000, description="only blocks with so many families to be found")] = 0,
    sort: Annotated[
        Order,
        Query(description="`gap`, `winnable`: most first; `coverage`: least first; `last_at`, `heard_at`: longest ago"),
    ] = "gap",
    after: Annotated[str | None, Query(max_length=64, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100_000)] = 100,
) -> Response:
    """Blocks of the caller's scope by families still to be found, with the state, the reason and a point inside.

    `place` names the areas above, nearest first. Who works in a block, and what is known of the devices there, is told
    to those who answer for it.
    """
    live = out.house.current
    answering = asking.only(OVERSEERS)
    question = watch.Question(out.within, tuple(state or ()), q.strip(), least, sort, after, limit)
    found = watch.listing(live, out.scope, question, answering.scope if answering else None)
    for block in found.blocks:
        above = live.tree.path(int(live.tree.parent[block["n"]]))
        block["place"] = ", ".join(live.tree.name[n] for n in reversed(above))
    head = said_of_all(live) | {
        "total": found.total,
        "gap": found.gap,
        "winnable": found.winnable,
        "states": found.states,
        "next": found.next,
    }
    return await out.answer("gaps", found.blocks, head, await shapes(out.house, found.blocks, out.format))
