"""Where nobody has been: blocks, worst first."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.answers import GapsOut, State, listed
from app.api.areas import said_of_all, shapes
from app.errors import documented
from app.outgoing import OutgoingDep
from geo.watch import gaps as watch

router = APIRouter(tags=["gaps"], responses=documented(401, 403, 404, 422, 503))


@router.get("/v1/gaps", responses=listed(GapsOut))
async def gaps(
    out: OutgoingDep,
    state: Annotated[list[State] | None, Query(description="only blocks in these; left out: the open ones")] = None,
    after: Annotated[str | None, Query(max_length=32, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100_000)] = 100,
) -> Response:
    """Blocks of the caller's scope by families still to be found, with the state, the reason and a point inside.

    `place` names the areas above, nearest first.
    """
    live = out.house.current
    found = watch.worst_first(live, out.scope, out.within, state or (), after, limit)
    for block in found.blocks:
        above = live.tree.path(int(live.tree.parent[block["n"]]))
        block["place"] = ", ".join(live.tree.name[n] for n in reversed(above))
    head = said_of_all(live) | {
        "total": found.total,
        "gap": found.gap,
        "states": found.states,
        "next": found.next,
    }
    return await out.answer("gaps", found.blocks, head, await shapes(out.house, found.blocks, out.format))
