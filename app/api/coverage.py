"""Coverage by area and by cell."""

from datetime import date
from typing import Annotated

import numpy as np
import orjson
from fastapi import APIRouter, Depends, Query, Response

from app.answers import CellsOut, CoverageOut, listed
from app.api.areas import AnyLevel, said_of_all, shapes
from app.errors import documented
from app.formats import OUTLINED
from app.outgoing import OutgoingDep
from geo.errors import BadInput
from geo.ground import cells as h3cells
from geo.scope import LAST
from geo.watch import coverage as watch

router = APIRouter(tags=["coverage"], responses=documented(401, 403, 404, 422, 503))


Box = tuple[float, float, float, float]


async def box(
    bbox: Annotated[str | None, Query(max_length=100, description="west,south,east,north in degrees")] = None,
) -> Box | None:
    """The box asked about, degrees. Raises BadInput."""
    if bbox is None:
        return None
    try:
        west, south, east, north = (float(part) for part in bbox.split(","))
    except ValueError as wrong:
        raise BadInput("bbox is west,south,east,north in degrees", code="bad-bbox") from wrong
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise BadInput("bbox is west,south,east,north in degrees, smaller first", code="bad-bbox")
    return west, south, east, north


BoxDep = Annotated[Box | None, Depends(box)]


@router.get("/v1/coverage", responses=listed(CoverageOut))
async def coverage(
    out: OutgoingDep,
    level: AnyLevel = "block",
    day: Annotated[date | None, Query(description="counts up to and including this local date")] = None,
    after: Annotated[int, Query(ge=0, le=LAST, description="number of the last area of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=100_000)] = 10_000,
) -> Response:
    """Counts of every area of a level, in the order of the numbers; null where they are not the caller's to see.

    `level=scope` gives the caller's own total in one row.
    """
    live = out.house.current
    rows = watch.by_area(live, out.scope, level, out.within, day, after=after, limit=limit + 1)
    page = rows[:limit]
    head = said_of_all(live) | {"next": page[-1]["n"] if len(rows) > limit else None}
    return await out.answer("coverage", page, head, await shapes(out.house, page, out.format))


@router.get("/v1/cells", responses=listed(CellsOut))
async def cells(
    out: OutgoingDep, box: BoxDep, res: Annotated[int, Query(ge=4, le=10, description="H3 resolution")] = 8
) -> Response:
    """The same counts by H3 cell, over the part of each cell that lies in the caller's scope."""
    live = out.house.current
    rows = watch.by_cell(live, out.scope, res, out.within, box)
    head = said_of_all(live) | {"resolution": res}
    if out.format not in OUTLINED:
        return await out.answer("cells", rows, head)
    keys = np.array([h3cells.from_hex(r["cell"]) for r in rows], dtype=np.int64)
    outlines = {
        row["n"]: orjson.dumps(shape.__geo_interface__)
        for row, shape in zip(rows, h3cells.boundaries(keys), strict=True)
    }
    return await out.answer("cells", rows, head, outlines)
