"""The families of the prelist one by one: who is still missing, who is there that no list has. Reading is audited."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.answers import PrelistOut, PrelistState, listed
from app.api.areas import said_of_all
from app.errors import documented
from app.outgoing import OutgoingDep
from geo.watch import prelist as watch
from geo.watch.prelist import Question

router = APIRouter(tags=["prelist"], responses=documented(401, 403, 404, 422, 503))


@router.get("/v1/prelist", responses=listed(PrelistOut))
async def prelist(
    out: OutgoingDep,
    state: Annotated[list[PrelistState] | None, Query(description="only these; left out: the missing ones")] = None,
    after: Annotated[str | None, Query(max_length=400, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=0, le=10_000, description="0 only counts")] = 100,
) -> Response:
    """Families of the prelist in the caller's scope, and households counted there that the prelist lacks.

    In the order of blocks, in each by building and by place in it. A family found in another block than listed stands
    where it is listed and says where it was `found`. In an area of many blocks a page may be short, or empty, and not
    be the last: go on until `next` is null. Reading them is audited.
    """
    live = out.house.current
    asked = Question(out.within, tuple(state or ("missing",)), after, limit)
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        page = await watch.listing(connection, live, out.scope, asked, out.format)
    head = said_of_all(live) | {"listed": page.listed, "states": page.states, "total": page.total, "next": page.next}
    answer = await out.answer("prelist", page.rows, head, key="household_id")
    answer.headers["Cache-Control"] = "no-store"
    return answer
