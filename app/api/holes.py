"""Where nobody has been inside blocks that were visited: groups of cells where expected families are missing.

What is told is made of households' points but holds none, nor any household: reading it is not audited. A list that
leaves as a file is, as all are.
"""

import asyncio
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.answers import Said, State, listed
from app.api.areas import said_of_all
from app.errors import documented
from app.formats import OUTLINED
from app.outgoing import OutgoingDep
from geo.watch import holes as watch
from geo.watch.holes import Question

router = APIRouter(tags=["holes"], responses=documented(401, 403, 404, 422, 503))


class HoleRow(BaseModel):
    """One hole. `code`, `name`, `level`, `n`, `gap`, `coverage` and `state` are those of its block."""

    model_config = ConfigDict(extra="forbid")
    hole: str = Field(description="the same as long as the hole's middle house is")
    code: str
    name: str
    level: str
    n: int
    place: str = Field(description="the areas the block lies in, nearest first")
    lon: float = Field(description="a house in the middle of the hole, degrees, WGS 84")
    lat: float
    buildings: int = Field(description="residential buildings where nobody has been")
    missing: int = Field(description="families to be expected in them")
    low: int = Field(description="with `high`, where their number lies four times of five")
    high: int
    gap: int | None
    coverage: float | None
    state: State
    since: date | None = Field(description="when somebody was last at a house next to it; null: never")
    cells: list[str] = Field(description="H3 cells that it covers, all of one resolution")


class HolesOut(Said):
    """Holes, most missing families first."""

    total: int = Field(description="holes on all pages")
    missing: int = Field(description="families missing in all of them")
    blocks: int = Field(description="blocks that were looked at")
    without_footprints: int = Field(
        description="of those, lived in but without any footprint: nothing can be said of them"
    )
    resolution: int = Field(description="of the cells")
    next: str | None = Field(description="`after` of the next page")
    holes: list[HoleRow]


@router.get("/v1/holes", responses=listed(HolesOut))
async def holes(
    out: OutgoingDep,
    after: Annotated[str | None, Query(max_length=100, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> Response:
    """Groups of houses in visited blocks where nobody has been, and how many families they are likely to hold.

    Also where the block's total is full. Ask about 1,000 blocks at most: name an area in `within`.
    """
    live = out.house.current
    question = Question(out.within, after, limit)
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        found = await watch.read(connection, live, out.scope, out.within)
    page = await asyncio.to_thread(watch.listing, live, out.scope, question, found)
    head = said_of_all(live) | {
        "total": page.total,
        "missing": page.missing,
        "blocks": page.blocks,
        "without_footprints": page.without_footprints,
        "resolution": watch.RESOLUTION,
        "next": page.next,
    }
    shapes: dict[Any, Any] = {}
    if out.format in OUTLINED:
        shapes = await asyncio.to_thread(lambda: {row["hole"]: watch.outline(row) for row in page.rows})
    answer = await out.answer("holes", page.rows, head, shapes, key="hole")
    answer.headers["Cache-Control"] = "no-store"
    return answer
