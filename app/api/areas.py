"""Areas by level, place and name."""

from datetime import date
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Response

from app.access import HouseDep, ScopeDep, Watcher, WithinDep
from app.answers import AreaOut, AreasOut, listed
from app.errors import documented
from app.formats import OUTLINED, Format
from app.outgoing import ReaderDep, made
from geo.ground.areas import outlines
from geo.watch import coverage
from geo.watch.live import Snapshot

router = APIRouter(tags=["areas"], responses=documented(401, 403, 404, 422, 503))

Level = Literal["province", "regency", "district", "village", "block"]
AnyLevel = Literal["province", "regency", "district", "village", "block", "scope"]


def said_of_all(live: Snapshot) -> dict[str, Any]:
    """What every internal answer says beside its rows."""
    return {
        "epoch": live.epoch,
        "as_of": live.as_of,
        "edition": live.campaign.edition,
        "series": live.campaign.series,
        "simulated": live.campaign.simulated,
    }


async def shapes(house: HouseDep, rows: list[dict[str, Any]], format_: Format) -> dict[int, Any]:
    """Outlines of the areas in `rows` as GeoJSON text by number; none for a format that shows none."""
    if format_ not in OUTLINED:
        return {}
    async with house.db.internal.begin() as connection:
        return await outlines(connection, house.current.campaign, [r["n"] for r in rows])


@router.get("/v1/areas", responses=listed(AreasOut))
async def areas(
    house: HouseDep,
    _: Watcher,
    within: WithinDep,
    reader: ReaderDep,
    level: Level | None = None,
    q: Annotated[str | None, Query(max_length=64, description="part of a name, or the beginning of a code")] = None,
    after: Annotated[int, Query(ge=0, description="number of the last area of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    format: Format = "json",  # noqa: A002  # the contract's name
) -> Response:
    """Areas in the order of their numbers. Shapes and names are public to everybody who is logged in."""
    live = house.current
    tree = live.tree
    last = int(tree.last[within]) if within else len(tree) - 1
    numbers = coverage.select(live, level, within) if level else np.arange(max(within, 1), last + 1)
    if q:
        wanted = q.casefold()
        numbers = np.array(
            [n for n in numbers if wanted in tree.name[n].casefold() or tree.code[n].startswith(q)], dtype=np.int64
        )
    numbers = numbers[numbers > after]
    page = numbers[:limit]
    rows = [
        coverage.describe(live, int(n))
        | {"last": int(tree.last[n]), "bounds": [round(b, 6) for b in tree.bounds[n].tolist()]}
        for n in page
    ]
    head = said_of_all(live) | {"next": int(page[-1]) if len(numbers) > limit else None}
    return await made(format, "areas", rows, head, await shapes(house, rows, format), reader=reader)


@router.get("/v1/areas/{code}", responses={200: {"model": AreaOut}})
async def area(
    house: HouseDep,
    scope: ScopeDep,
    code: str,
    level: Level | None = None,
    day: Annotated[date | None, Query(description="figures as at this local day's end")] = None,
) -> dict[str, Any]:
    """One area: its place in the country, its bounds and its figures."""
    live = house.current
    number = live.tree.number_of(code, level)
    return said_of_all(live) | {
        "area": coverage.one_area(live, scope, number, day)
        | {"last": int(live.tree.last[number]), "bounds": [round(b, 6) for b in live.tree.bounds[number].tolist()]},
        "path": [coverage.describe(live, n) for n in live.tree.path(number)],
    }
