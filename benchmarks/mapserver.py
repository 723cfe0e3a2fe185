"""MapServer as a peer: its map file, and just enough of FastCGI to ask it without a web server in front."""

import socket
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

#: Where Debian's cgi-mapserver puts it.
BINARY = Path("/usr/lib/cgi-bin/mapserv")

MAP = """
MAP
  NAME "bench"
  EXTENT -20037508.34 -20037508.34 20037508.34 20037508.34
  SIZE 512 512
  PROJECTION "init=epsg:3857" END
  OUTPUTFORMAT
    NAME "mvt" DRIVER "MVT" MIMETYPE "application/vnd.mapbox-vector-tile" EXTENSION "mvt"
    FORMATOPTION "EXTENT=4096" FORMATOPTION "EDGE_BUFFER={buffer}"
  END
  WEB METADATA "ows_enable_request" "*" END END
  LAYER
    NAME "areas" TYPE POLYGON STATUS ON
    CONNECTIONTYPE POSTGIS CONNECTION "{connection}" PROCESSING "CLOSE_CONNECTION=DEFER"
    DATA "geom FROM bench.areas USING UNIQUE number USING SRID=3857"
    PROJECTION "init=epsg:3857" END
    METADATA "gml_include_items" "all" "gml_types" "auto" END
  END
END
"""

_HEAD = struct.Struct(">BBHHBx")
_BEGIN, _END, _PARAMS, _STDIN, _STDOUT = 1, 3, 4, 5, 6

Fetch = Callable[[int, int, int], bytes]


@contextmanager
def running(scratch: Path, address: str, buffer: int) -> Iterator[tuple[int, Fetch]]:
    """A MapServer process that stays, and a function that fetches a tile (z, x, y) from it; `address` is PostGIS's."""
    url = urlsplit(address)
    said = {"host": unquote(url.netloc.partition("@")[2]), "dbname": url.path[1:], "user": url.username}
    connection = " ".join(f"{k}={v}" for k, v in (said | {"password": url.password}).items())
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        path = Path(folder)
        (path / "bench.map").write_text(MAP.format(connection=connection, buffer=buffer))
        (path / "mapserver.conf").write_text(f'CONFIG\n  ENV\n    MS_MAP_PATTERN "^{folder}/.*$"\n  END\nEND\n')
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path / "socket"))
            listening.listen()
            environment = {"MAPSERVER_CONFIG_FILE": str(path / "mapserver.conf"), "PATH": "/usr/bin:/bin"}
            with subprocess.Popen(
                [BINARY], stdin=listening.fileno(), env=environment, stdout=subprocess.DEVNULL
            ) as started:
                try:
                    yield started.pid, lambda z, x, y: _fetch(path, z, x, y)
                finally:
                    started.kill()
                    started.wait(10)


def _fetch(folder: Path, z: int, x: int, y: int) -> bytes:
    query = f"map={folder}/bench.map&mode=tile&tilemode=gmap&tile={x}+{y}+{z}&layers=areas&map.imagetype=mvt"
    parameters = {"QUERY_STRING": query, "REQUEST_METHOD": "GET", "SERVER_NAME": "localhost", "SERVER_PORT": "80"}
    packed = b"".join(
        bytes([len(k)]) + struct.pack(">I", len(v) | 1 << 31) + k.encode() + v.encode() for k, v in parameters.items()
    )
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(folder / "socket"))
        records = ((_BEGIN, struct.pack(">HB5x", 1, 0)), (_PARAMS, packed), (_PARAMS, b""), (_STDIN, b""))
        line.sendall(b"".join(_HEAD.pack(1, kind, 1, len(body), 0) + body for kind, body in records))
        with line.makefile("rb") as answer:
            said = b"".join(_read(answer))
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"vector-tile" in head, said[:500]
    return body


def _read(answer: BinaryIO) -> Iterator[bytes]:
    """What the process writes to its standard output."""
    while True:
        _, kind, _, length, padding = _HEAD.unpack(answer.read(_HEAD.size))
        body = answer.read(length)
        answer.read(padding)
        if kind == _STDOUT:
            yield body
        elif kind == _END:
            return
