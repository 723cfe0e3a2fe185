"""Vector tiles: bytes that were built once, and values as of now."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from app.access import CallerDep, HouseDep, ScopeDep
from app.answers import TILED
from app.errors import Denied, documented
from app.house import House
from geo.errors import BadInput, NotFound
from geo.scope import Scope
from geo.trust import audit
from geo.watch import changes, coverage
from tiles import geometry, splice
from tiles.layers import LAYERS, MAX_ZOOM, level_at, resolution_at
from tiles.splice import EMPTY, Still
from tiles.style import MEASURES, legend, of_day, style, tilejson

router = APIRouter(tags=["tiles"], responses=documented(401, 403, 404, 422, 503))

LayerId = Literal["areas", "blocks", "cells", "households"]
_MVT = "application/vnd.mapbox-vector-tile"

Day = Annotated[date | None, Query(description="values as at this local day's end; left out: as of now")]


class At(NamedTuple):
    """Which tile."""

    z: int
    x: int
    y: int


async def at(
    z: Annotated[int, Path(ge=0, le=MAX_ZOOM)], x: Annotated[int, Path(ge=0)], y: Annotated[int, Path(ge=0)]
) -> At:
    """Which tile is asked for. Raises NotFound."""
    if x >= 2**z or y >= 2**z:
        raise NotFound("there is no such tile", code="no-tile")
    return At(z, x, y)


@router.get("/tiles/{layer}/{z}/{x}/{y}.mvt", response_class=Response, responses=TILED)
async def tile(
    house: HouseDep,
    scope: ScopeDep,
    layer: LayerId,
    where: Annotated[At, Depends(at)],
    day: Day = None,
    accept_encoding: Annotated[str, Header()] = "",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """One tile. Values are −1 for no data and −2 for what lies outside the caller's scope. 204 where nothing lies.

    A tile of cells holds every cell there; −3 where, of the caller's scope, nobody is expected and nothing was found.
    """
    z, x, y = where
    if day and not LAYERS[layer].days:
        raise BadInput(f"nobody keeps {layer} by day; areas and blocks are", code="no-days")
    live = house.current
    if z < geometry.first_zoom(live, layer):
        return Response(status_code=204)
    if layer == "households":
        return await _households(house, scope, where)

    async def build() -> Still:
        async with house.db.internal.begin() as connection:
            if layer == "cells":
                return await geometry.build_cells(connection, geometry.cells_over(live, z, x, y), z, x, y)
            return await geometry.build_areas(connection, live, layer, z, x, y)

    still = await house.kept.get(f"{live.tree.digest}/{layer}/{z}/{x}-{y}", build)
    if layer == "cells":
        values = geometry.cell_values(live, scope, still, z)
        if (values == EMPTY).all():
            return Response(status_code=204)
    else:
        values = geometry.area_values(live, scope, still, day)
    return _answer(still, splice.changing(still, values), accept_encoding, if_none_match)


@router.get("/tiles/{layer}.json")
async def metadata(
    request: Request, house: HouseDep, caller: CallerDep, layer: LayerId, day: Day = None
) -> dict[str, Any]:
    """TileJSON 3 of a layer; with `day` its tiles are of that day, where the layer has days."""
    if LAYERS[layer].households and not caller.scope.sees_households:
        raise Denied("single households are not yours to see")
    root = str(request.base_url).rstrip("/")
    address = f"{root}/tiles/{layer}/{{z}}/{{x}}/{{y}}.mvt{of_day(LAYERS[layer], day)}"
    return tilejson(layer, address, view(house, caller.scope)["bounds"], geometry.first_zoom(house.current, layer))


@router.get("/style.json")
async def map_style(
    request: Request,
    house: HouseDep,
    scope: ScopeDep,
    measure: Literal["coverage", "gap", "resolved", "schedule", "seen"] = "coverage",
    day: Day = None,
) -> dict[str, Any]:
    """A MapLibre style of our tiles by one measure; with `day` areas and blocks as at its end.

    `metadata` holds the legend, the campaign's `hours` (of which colours of `seen` are an age), the bounds of the
    caller's scope, levels and resolutions by the first zoom that shows them, and the names of states and of the fields
    in rows of `/v1/stream`.
    """
    root = str(request.base_url).rstrip("/")
    where = view(house, scope)
    tree, hours = house.current.tree, round(house.current.campaign.hours(), 2)
    where["blocks_from"] = geometry.first_zoom(house.current, "blocks")
    made = style(root, MEASURES[measure], where, hours, households=scope.sees_households, day=day)
    said = {
        "legend": legend(),
        "bounds": where["bounds"],
        "hours": hours,
        "levels": _by_zoom(lambda zoom: level_at(tree, zoom)),
        "resolutions": _by_zoom(resolution_at),
        "fields": changes.FIELDS,
        "states": coverage.STATES,
    }
    return made | {"metadata": {f"cakupan:{name}": value for name, value in said.items()}}


def _by_zoom(shown_at: Callable[[int], object]) -> list[tuple[int, object]]:
    """What is shown from which zoom on, by ascending zoom."""
    seen = [shown_at(zoom) for zoom in range(MAX_ZOOM + 1)]
    return [(zoom, what) for zoom, what in enumerate(seen) if zoom == 0 or what != seen[zoom - 1]]


def view(house: House, scope: Scope) -> dict[str, Any]:
    """Where a map opens: the bounds of the caller's scope, in degrees, their centre and a zoom that shows them."""
    tree = house.current.tree
    numbers = [max(lo, 1) for lo, _ in scope.ranges] if not scope.everything else list(_roots(tree.parent))
    boxes = tree.bounds[[n for n in numbers if n < len(tree)] or list(_roots(tree.parent))]
    west, south = boxes[:, :2].min(axis=0).tolist()
    east, north = boxes[:, 2:].max(axis=0).tolist()
    span = max(east - west, north - south, 1e-3)
    zoom = 0.0
    while zoom < 14 and span * 2**zoom < 500:
        zoom += 0.5
    return {
        "bounds": (west, south, east, north),
        "center": [round((west + east) / 2, 5), round((south + north) / 2, 5)],
        "zoom": zoom,
    }


def _roots(parent: Any) -> list[int]:
    return [n for n in range(1, len(parent)) if parent[n] == 0]


async def _households(house: House, scope: Scope, where: At) -> Response:
    if not scope.sees_households:
        raise Denied("single households are not yours to see")
    z, x, y = where
    async with house.db.as_actor(scope.actor, scope.credential) as connection:
        found = await geometry.households(connection, scope, z, x, y)
        if found.households:
            await audit.read(connection, scope.actor, "households.tile", found.numbers, found.households, z=z, x=x, y=y)
    return Response(found.body, media_type=_MVT, headers={"Cache-Control": "no-store"})


def _answer(still: Still, tail: bytes, accept_encoding: str, if_none_match: str | None) -> Response:
    if not len(still.ids):
        return Response(status_code=204)
    headers = {"ETag": splice.etag(still, tail), "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" in accept_encoding:
        body = splice.gzipped(still, tail)
        return Response(body, media_type=_MVT, headers=headers | {"Content-Encoding": "gzip"})
    return Response(splice.plain(still, tail), media_type=_MVT, headers=headers)
