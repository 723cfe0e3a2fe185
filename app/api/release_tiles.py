"""Vector tiles of sealed releases: for everybody, as far as each may see."""

import gzip
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access import HouseDep, ReaderDep
from app.answers import TILED
from app.api.tiles import At, at
from app.errors import documented
from geo.publish import bands, published
from geo.publish.published import Sealed
from geo.scope import LAST
from geo.trust.credentials import Caller
from tiles import released
from tiles.released import Ground, LayerId

router = APIRouter(tags=["releases"], responses=documented(401, 404, 422, 503))

_MVT = "application/vnd.mapbox-vector-tile"

Number = Annotated[int, Path(ge=0, le=LAST, description="number in the calendar")]


@router.get("/tiles/release/{release}/{layer}/{z}/{x}/{y}.mvt", response_class=Response, responses=TILED)
async def tile(
    request: Request,
    house: HouseDep,
    reader: ReaderDep,
    release: Number,
    layer: LayerId,
    where: Annotated[At, Depends(at)],
    accept_encoding: Annotated[str, Header()] = "",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """One tile. What the caller may not see has a band of −1, `not_shown` in its notes, and no figure.

    Blocks and cells of resolution 8 are for the local governments whose they are; 204 where nothing lies.
    """
    async with house.db.as_reader(reader.account_id if reader else None) as connection:
        sealed = await published.find(connection, release)
        headers = _headers(sealed, reader)
        if if_none_match == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        fixed = await _ground(request, sealed, connection)
        body = await released.tile(connection, sealed, fixed, layer, where)
    if not body:
        return Response(status_code=204, headers=headers)
    if "gzip" in accept_encoding:
        body, headers = gzip.compress(body, 6, mtime=0), headers | {"Content-Encoding": "gzip"}
    return Response(body, media_type=_MVT, headers=headers)


@router.get("/tiles/release/{release}/{layer}.json")
async def metadata(
    request: Request, response: Response, house: HouseDep, reader: ReaderDep, release: Number, layer: LayerId
) -> dict[str, Any]:
    """TileJSON 3 of a layer, with the names of the bands in `bands`."""
    async with house.db.as_reader(reader.account_id if reader else None) as connection:
        sealed = await published.find(connection, release)
        fixed = await _ground(request, sealed, connection)
    response.headers.update(_headers(sealed, reader))
    root = str(request.base_url).rstrip("/")
    address = f"{root}/tiles/release/{release}/{layer}/{{z}}/{{x}}/{{y}}.mvt"
    return released.tilejson(layer, address, fixed) | {"bands": bands.BANDS}


async def _ground(request: Request, sealed: Sealed, connection: AsyncConnection) -> Ground:
    """What is fixed of a release's areas, read once by each process: nothing of it changes after the first release."""
    known: dict[str, Ground] = request.app.state.released
    if sealed.digest not in known:
        known[sealed.digest] = await released.ground(connection)
    return known[sealed.digest]


def _headers(sealed: Sealed, reader: Caller | None) -> dict[str, str]:
    """How long an answer may be kept, and by whom: by everybody where it was given to nobody in particular."""
    kept = "private, no-cache" if reader else "public, max-age=300"
    return {"ETag": released.etag(sealed), "Cache-Control": kept, "Vary": "Authorization, Cookie, Accept-Encoding"}
