"""Vector tiles of sites: public, of the newest version of the list or of the one asked for."""

import gzip
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from app.access import HouseDep, ReaderDep
from app.answers import TILED
from app.api.tiles import At, at
from app.errors import documented
from geo.publish import sites as publish_sites
from geo.scope import LAST
from tiles import sites

router = APIRouter(tags=["sites"], responses=documented(401, 404, 422, 503))

_MVT = "application/vnd.mapbox-vector-tile"

Version = Annotated[int | None, Query(ge=0, le=LAST, description="of the list of sites; left out: the newest")]


@router.get("/tiles/sites/{z}/{x}/{y}.mvt", response_class=Response, responses=TILED)
async def tile(
    house: HouseDep,
    reader: ReaderDep,
    where: Annotated[At, Depends(at)],
    version: Version = None,
    accept_encoding: Annotated[str, Header()] = "",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """One tile of points, named by the version of the list; 204 where no site lies."""
    async with house.db.as_reader(reader.account_id if reader else None) as connection:
        number = await publish_sites.newest(connection, version)
        headers = _headers(number)
        if if_none_match == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        body = await sites.tile(connection, number, where)
    if not body:
        return Response(status_code=204, headers=headers)
    if "gzip" in accept_encoding:
        body, headers = gzip.compress(body, 6, mtime=0), headers | {"Content-Encoding": "gzip"}
    return Response(body, media_type=_MVT, headers=headers)


@router.get("/tiles/sites.json")
async def metadata(
    request: Request, response: Response, house: HouseDep, reader: ReaderDep, version: Version = None
) -> dict[str, Any]:
    """TileJSON 3 of the sites; tiles are of `version` where one is asked for, else of the newest at the time."""
    async with house.db.as_reader(reader.account_id if reader else None) as connection:
        number = await publish_sites.newest(connection, version)
        box = await sites.bounds(connection, number)
    response.headers.update(_headers(number))
    root = str(request.base_url).rstrip("/")
    of = "" if version is None else f"?version={number}"
    return sites.tilejson(f"{root}/tiles/sites/{{z}}/{{x}}/{{y}}.mvt{of}", box)


def _headers(version: int) -> dict[str, str]:
    """The newest version may be another in a minute, and whoever has just changed it looks for that."""
    return {"ETag": sites.etag(version), "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
