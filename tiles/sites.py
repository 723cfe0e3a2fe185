"""Tiles of sites: public places of one version of the list, the same for whoever asks."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from tiles.layers import MAX_ZOOM

SQL = queries.load(__file__)

#: Fields of a feature; a capacity that nobody knows is left out.
FIELDS = {
    "site_id": "text",
    "programme": "which programme is delivered there",
    "kind": "of place; empty where nobody said",
    "name": "text",
    "capacity": "poor families it can serve",
}

#: Part of every tag. Another number wherever the tile of a version comes out differently.
_FORM = 1

Bounds = tuple[float, float, float, float]


def etag(version: int) -> str:
    """Names every tile of a version; known before a tile is drawn."""
    return f'"sites-{_FORM}-{version}"'


async def tile(db: AsyncConnection, version: int, where: tuple[int, int, int]) -> bytes:
    """One tile of a version, `where` being z, x and y; nothing where no site lies."""
    z, x, y = where
    return bytes(await db.scalar(SQL["tile"], {"version": version, "z": z, "x": x, "y": y}) or b"")


async def bounds(db: AsyncConnection, version: int) -> Bounds | None:
    """West, south, east and north of all sites of a version, degrees; None where there is none."""
    box = (await db.execute(SQL["bounds"], {"version": version})).one()
    return None if box.west is None else (box.west, box.south, box.east, box.north)


def tilejson(address: str, box: Bounds | None) -> dict[str, Any]:
    """TileJSON 3; `address` is a template with {z}, {x} and {y}."""
    zooms = {"minzoom": 0, "maxzoom": MAX_ZOOM}
    said = "places where programmes are delivered"
    return {
        "tilejson": "3.0.0",
        "name": "Cakupan sites",
        "description": said,
        "tiles": [address],
        **zooms,
        **({} if box is None else {"bounds": list(box)}),
        "vector_layers": [{"id": "sites", "description": said, **zooms, "fields": FIELDS}],
    }
