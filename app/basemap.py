"""What may lie beneath the map: nothing, one PMTiles file of the operator's, or tiles of a server the operator names.

None is needed and none is there by default. A file is served by us, to those who are logged in; a server of others
learns which places are looked at, so its origin alone enters the content policy, and only while it is set.
"""

import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pmtiles.reader import Reader
from pmtiles.tile import Compression, MagicNumberNotFound, SpecVersionUnsupported, TileType

#: Where a file is answered from.
ADDRESS = "/basemap.pmtiles"

#: A layer that every vector basemap of the Protomaps schema has, and no other schema's does.
_PROTOMAPS = "earth"

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_PICTURES = {TileType.PNG, TileType.JPEG, TileType.WEBP, TileType.AVIF}
_LAST_ZOOM = 19


@dataclass(frozen=True)
class Basemap:
    """One basemap. `url` is a template of pictures, or the address of our own `file`; `bounds` are in degrees."""

    kind: Literal["raster", "vector"]
    url: str
    attribution: str
    bounds: tuple[float, float, float, float] | None = None
    min_zoom: int = 0
    max_zoom: int = _LAST_ZOOM
    file: Path | None = None

    @property
    def origin(self) -> str | None:
        """Scheme, host and port that tiles come from; None where they come from us."""
        if self.file is not None:
            return None
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def for_page(self) -> dict[str, Any]:
        """What the page must know."""
        return {
            "kind": self.kind,
            "url": self.url,
            "attribution": self.attribution,
            "bounds": self.bounds,
            "minzoom": self.min_zoom,
            "maxzoom": self.max_zoom,
        }


def of(setting: str, attribution: str = "") -> Basemap | None:
    """The basemap that a setting names: a path or a template; None for the empty one.

    Without `attribution` the one in the file holds, as plain text. Raises ValueError with a sentence for the operator.
    """
    if not setting:
        return None
    return _of_server(setting, attribution) if "://" in setting else _of_file(Path(setting).expanduser(), attribution)


def _of_server(template: str, attribution: str) -> Basemap:
    if sorted(re.findall(r"\{[^}]*\}", template)) != ["{x}", "{y}", "{z}"]:
        raise ValueError("an address of tiles has {z}, {x} and {y} in it, each once, and nothing else in braces")
    try:
        parts = urlsplit(template)
        host, _ = parts.hostname or "", parts.port
    except ValueError as wrong:
        raise ValueError("is not an address") from wrong
    here = parts.scheme == "http" and host in {"localhost", "127.0.0.1"}
    if parts.scheme != "https" and not here:
        raise ValueError("tiles come over https://, or lie in a file: give its path")
    if not _HOST.fullmatch(host) or "@" in parts.netloc or re.search(r"[\s\"'<>;,]", template):
        raise ValueError("the address needs a plain host, like https://tiles.example.id/{z}/{x}/{y}.png")
    return Basemap("raster", template, attribution)


def _of_file(path: Path, attribution: str) -> Basemap:
    try:
        with path.open("rb") as file:
            reader = Reader(_bytes_of(file))
            header, metadata = reader.header(), reader.metadata()
    except OSError as missing:
        raise ValueError(f"{path} cannot be read: {missing.strerror}") from missing
    except (MagicNumberNotFound, SpecVersionUnsupported, ValueError, IndexError, EOFError) as wrong:
        raise ValueError(f"{path} is no PMTiles file of version 3") from wrong
    west, south, east, north = (header[f"{side}_e7"] / 1e7 for side in ("min_lon", "min_lat", "max_lon", "max_lat"))
    return Basemap(
        _kind(path, header, metadata),
        f"{ADDRESS}?v={path.stat().st_mtime_ns:x}",  # another file, another address: browsers keep what they have
        attribution or _plain(metadata.get("attribution")),
        (west, south, east, north),
        header["min_zoom"],
        header["max_zoom"],
        path.absolute(),
    )


def _kind(path: Path, header: dict[str, Any], metadata: dict[str, Any]) -> Literal["raster", "vector"]:
    if header["tile_type"] in _PICTURES:
        return "raster"
    layers = {layer.get("id") for layer in metadata.get("vector_layers") or ()}
    if header["tile_type"] != TileType.MVT or header["tile_compression"] not in {Compression.GZIP, Compression.NONE}:
        raise ValueError(f"{path} holds neither pictures nor vector tiles that browsers can read")
    if _PROTOMAPS not in layers:
        raise ValueError(f"{path} holds vector tiles, but not in the schema of Protomaps: no layer {_PROTOMAPS}")
    return "vector"


def _bytes_of(file: Any) -> Any:
    def read(offset: int, length: int) -> bytes:
        file.seek(offset)
        found: bytes = file.read(length)
        return found

    return read


def _plain(markup: object) -> str:
    """A file's attribution as text: it usually is a link, and pages show no markup of others."""
    return html.unescape(re.sub(r"<[^>]*>", "", str(markup or ""))).strip()
