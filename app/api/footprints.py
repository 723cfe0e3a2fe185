"""Where residential buildings stand: what a drawing of a place is laid over. Public to everybody who is logged in."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.access import HouseDep, Watcher, WithinDep
from app.answers import Said, listed
from app.api.areas import said_of_all
from app.errors import documented
from app.formats import Format
from app.outgoing import made
from geo.errors import BadInput
from geo.ground import footprints as ground

router = APIRouter(tags=["areas"], responses=documented(401, 403, 404, 422, 503))

#: Areas that may be asked about at once, themselves included: those of a district.
MOST_AREAS = 1_100


class Footprint(BaseModel):
    """One building: a point inside it, degrees (WGS 84), and the ground it covers."""

    model_config = ConfigDict(extra="forbid")
    id: int
    code: str = Field(description="of the block it stands in")
    n: int
    lon: float
    lat: float
    area_m2: float


class FootprintsOut(Said):
    """Buildings in the order of their ids."""

    next: int | None = Field(description="`after` of the next page")
    footprints: list[Footprint]


@router.get("/v1/footprints", responses=listed(FootprintsOut, places=False))
async def footprints(
    house: HouseDep,
    watcher: Watcher,
    within: WithinDep,
    after: Annotated[int, Query(ge=0, lt=2**63, description="`next` of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    format: Format = "json",  # noqa: A002  # the contract's name
) -> Response:
    """Residential buildings of a district, a village or a block, as they were imported. They say nothing of anybody."""
    live = house.current
    last = int(live.tree.last[within]) if within else len(live.tree) - 1
    if last - within > MOST_AREAS:
        raise BadInput("this is too wide for one answer: name a smaller area in `within`", code="too-wide")
    async with house.db.as_actor(watcher.account_id, watcher.credential_id) as connection:
        found = await ground.within(connection, live.campaign.edition_id, (within, last), (after, limit + 1))
    page = found[:limit]
    rows = [{"id": one["id"], "code": live.tree.code[one["n"]]} | one for one in page]
    head = said_of_all(live) | {"next": page[-1]["id"] if len(found) > limit else None}
    return await made(format, "footprints", rows, head, key="id")
