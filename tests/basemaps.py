"""Tiny basemaps for tests: pictures of one colour, and vector tiles in the schema of Protomaps."""

import gzip
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import mapbox_vector_tile
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

#: Zooms of the tiny basemaps: the tiny world lies in one tile of each.
ZOOMS = range(15)
Colour = tuple[int, int, int]


def png(colour: Colour, size: int = 8) -> bytes:
    """A square picture of one colour (PNG, second edition, section 5)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + bytes(colour) * size) * size
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def around(lon: float, lat: float, zoom: int) -> list[tuple[int, int]]:
    """Tiles of a zoom around a place near the equator."""
    size = 2**zoom
    x, y = int((lon + 180) / 360 * size), int((180 - lat) / 360 * size)  # near the equator both go alike
    return [(i, j) for i in range(x - 3, x + 4) for j in range(y - 3, y + 4) if 0 <= i < size and 0 <= j < size]


def write(
    path: Path, place: tuple[float, float], tile: bytes, header: dict[str, Any], metadata: dict[str, Any]
) -> Path:
    """A PMTiles file that has the same tile at every zoom around a place."""
    with path.open("wb") as file:
        writer = Writer(file)
        for tile_id in sorted(zxy_to_tileid(z, x, y) for z in ZOOMS for x, y in around(*place, z)):
            writer.write_tile(tile_id, tile)
        writer.finalize(header, metadata)
    return path


def raster(path: Path, place: tuple[float, float], colour: Colour) -> Path:
    """Pictures of one colour."""
    header = {"tile_type": TileType.PNG, "tile_compression": Compression.NONE}
    return write(path, place, png(colour), header, {"attribution": "<a href='x'>&copy; Tests</a>"})


def vector(path: Path, place: tuple[float, float], layer: str = "earth") -> Path:
    """Tiles full of earth, with a road across."""
    whole = {"geometry": "POLYGON((0 0, 4096 0, 4096 4096, 0 4096, 0 0))", "properties": {"kind": "earth"}}
    road = {"geometry": "LINESTRING(0 0, 4096 4096)", "properties": {"kind": "major_road"}}
    body = mapbox_vector_tile.encode([{"name": layer, "features": [whole]}, {"name": "roads", "features": [road]}])
    header = {"tile_type": TileType.MVT, "tile_compression": Compression.GZIP}
    layers = [{"id": name, "fields": {"kind": "String"}} for name in (layer, "roads")]
    return write(path, place, gzip.compress(body, mtime=0), header, {"vector_layers": layers})


def of_type(path: Path, place: tuple[float, float], tile_type: TileType) -> Path:
    """A file that says to hold tiles of some type."""
    return write(path, place, b"x", {"tile_type": tile_type, "tile_compression": Compression.NONE}, {})


def cut(path: Path, length: int) -> Path:
    """The beginning of a file."""
    found = path.with_name(f"{path.stem}-cut{path.suffix}")
    found.write_bytes(io.BytesIO(path.read_bytes()).read(length))
    return found
