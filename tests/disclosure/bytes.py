"""Every byte an outsider can get: all routes that read releases in every form, all others as they are refused.

Two such looks with no release in between must be the same to the last byte, whatever families did in the meantime.
"""

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.app.matrix import GUARDED, OPEN, PUBLISHED
from tests.disclosure.city import COLUMNS, ROWS, SIDE, SOUTH, VILLAGES, WEST
from tests.disclosure.doors import EVERYBODY, LEAF, LEVELS, SECOND, said
from tests.disclosure.sites import planning, planning_files

if TYPE_CHECKING:
    from tests.disclosure.stage import Stage

Asked = tuple[str, str, str]
Look = dict[Asked, tuple[int, tuple[tuple[str, str], ...], bytes]]

FORMATS = ("csv", "geojson", "xlsx", "gpkg")
LAYERS = ("areas", "blocks", "cells")
ZOOMS = (6, 9, 11, 12, 13, 14)

#: Open routes that say how the process does, or are the same for all: the clock and the memory of a computer.
APART = {"GET /metrics", "GET /assets/{version}/{name:path}", "POST /login", "GET /login/provider"}
APART |= {"GET /login/provider/callback", "GET /sw.js", "GET /favicon.ico"}

#: What is not there, not allowed, or not understood.
OTHERS = (
    "/releases?lang=en", "/releases?release=1", "/v1/releases/2", "/v1/releases/1/nothing", "/v1/releases/7/areas",
    "/v1/releases/1/clusters?within=K-00-1-00", "/v1/releases/1/sites?programme=K-00-1-00",
    "/v1/households/K-00-1-00", "/v1/households?block=1", "/v1/households/K-00-1-00/welfare",
    "/v1/households/nobody/welfare", "/v1/releases/1/areas?level=household",
    "/v1/releases/1/areas?sort=welfare", "/v1/releases/2/areas", "/v1/releases/1/areas?within=K-00-1-00",
    "/v1/releases/1/reach?km=3", "/v1/releases/2/reach", "/v1/releases/1/clusters?version=99", "/v1/sites/versions",
    "/v1/releases/1/placements?sites=99", "/programmes?lang=en", "/v1/releases/1/areas?after=0~1~2",
    "/v1/releases/1/areas?min_poor=3&level=block",
)  # fmt: skip

#: A part of a page that is drawn at random for each request, if there is one.
_NONCE = re.compile(rb"nonce-[A-Za-z0-9+/_=-]+")


def published(release: int = 1) -> Iterator[str]:
    """What a release says, as lists and tiles."""
    base = f"/v1/releases/{release}"
    yield "/v1/releases"
    for level in (*LEVELS, LEAF):
        yield f"{base}/areas?level={level}&limit=1000"
    for resolution in range(4, 9):
        yield f"{base}/cells?res={resolution}"
    for more in ("sort=poor", "sort=share", "sort=households", "q=RT", "limit=3", f"within={VILLAGES[0]}"):
        yield f"{base}/areas?level={LEAF}&{more}"
    yield f"{base}/cells?res=8&within={VILLAGES[1]}"
    yield f"{base}/cells?res=8&bbox={WEST},{SOUTH},{WEST + SIDE},{SOUTH + SIDE}"
    yield f"{base}/compare?with={release}&level={LEAF}"
    yield f"{base}/compare?with={release}&level=village&format=csv"
    yield from tiles(release)
    yield from planning(release)


def files(release: int = 1) -> Iterator[str]:
    """What a release says, as files."""
    base = f"/v1/releases/{release}"
    for format_ in FORMATS:
        yield f"{base}/areas?level={LEAF}&format={format_}&limit=1000"
        yield f"{base}/cells?res=8&format={format_}"
    yield f"{base}/areas?level=village&format=xlsx&lang=en"
    yield from (f"{base}.xlsx", f"{base}.gpkg", f"{base}.xlsx?lang=en")
    yield from planning_files(release)


def tiles(release: int) -> Iterator[str]:
    """Tiles over the middle of the city, and over the border between its villages."""
    lon, lat = WEST + COLUMNS / 2 * SIDE, SOUTH + ROWS * SIDE
    for layer in LAYERS:
        yield f"/tiles/release/{release}/{layer}.json"
        for z in ZOOMS:
            x, y = tile_at(z, lon, lat)
            yield f"/tiles/release/{release}/{layer}/{z}/{x}/{y}.mvt"
    yield "/tiles/sites.json"
    x, y = tile_at(12, lon, lat)
    yield f"/tiles/sites/12/{x}/{y}.mvt"


def tile_at(z: int, lon: float, lat: float) -> tuple[int, int]:
    """Column and row of the tile of Web Mercator in which a point lies."""
    north = math.asinh(math.tan(math.radians(lat))) / math.pi
    return int((lon + 180) / 360 * 2**z), int((1 - north) / 2 * 2**z)


def elsewhere() -> Iterator[str]:
    """Every other address: open ones, and those of which an outsider is told that they are not for it."""
    for route in OPEN:
        if route.startswith("GET ") and route not in APART:
            yield route.removeprefix("GET ")
    for route, of in GUARDED.items():
        if route.startswith("GET "):
            yield of.path
    yield from OTHERS


def look(stage: "Stage") -> Look:
    """Everything, as the public and one local government; the other one asks what differs between the two."""
    door = stage.seen["ours"].door
    found: Look = {}
    for who in EVERYBODY:
        more = (*files(), *elsewhere()) if who != SECOND else ()
        for address in (*published(), *more):
            answer = door.get(address, who)
            status, given, body = said(answer)
            found[who, "GET", address] = (status, given, _NONCE.sub(b"", body))
        for method, headers in (("HEAD", {}), ("OPTIONS", {}), ("GET", {"Range": "bytes=0-99"})):
            address = "/v1/releases/1/areas?level=block"
            answer = door.clients[who].request(method, address, headers=headers)
            found[who, f"{method} {headers}", address] = said(answer)
    return found


def routes_asked() -> set[str]:
    """Routes of PUBLISHED that a look goes through."""
    patterns = {route: re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(route.removeprefix("GET "))) for route in PUBLISHED}
    paths = [address.partition("?")[0] for address in (*published(), *files())]
    return {route for route, pattern in patterns.items() if any(re.fullmatch(pattern, path) for path in paths)}
