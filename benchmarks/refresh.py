"""Bytes that bring a viewed tile up to date after 1 % of its features changed: the stream against reloading the tile.

    PYTHONPATH=. .venv/bin/python benchmarks/refresh.py

A viewer has the tile of 4,000 features (`benchmarks/stage.py`) and listens to `/v1/stream`; 40 families are found in 40
blocks taken at random. Counted is every byte that comes over the line, headers and framing too: of the stream's event;
of the same tile loaded again from tipg and from ours, as gzip. The old tile with the event laid over it must be the new
tile, value by value, and tipg's new tile must tell the same. The question "has anything changed?" (`If-None-Match`) is
asked of both when nothing has. Told are medians over the rounds, and the interval of the paired ratios.
"""

import argparse
import gzip
import json
import socket
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import numpy as np

from benchmarks import peers, stage
from benchmarks.stage import COLUMNS, ROWS, ZOOM, Stage, X, Y
from geo.watch import changes
from tiles.layers import LAYERS

FIELDS = list(LAYERS["areas"].fields)
CAPTURED = "2022-10-24T08:00:00+08:00"
TILE = f"/tiles/areas/{ZOOM}/{X}/{Y}.mvt"


class Line:
    """A connection whose bytes are counted."""

    def __init__(self, port: int, token: str = "") -> None:
        self._port = port
        self._bearer = f"Authorization: Bearer {token}\r\n" if token else ""

    def get(self, path: str, headers: str = "") -> tuple[int, bytes, bytes]:
        """Bytes of an answer as they came, its head, and its body."""
        with socket.create_connection(("127.0.0.1", self._port), 20) as line:
            said = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept-Encoding: gzip\r\n"
            line.sendall(f"{said}{self._bearer}{headers}\r\n".encode())
            answer = b"".join(iter(lambda: line.recv(1 << 16), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return len(answer), head, body

    def post(self, path: str, body: bytes) -> None:
        """Send JSON; it must be taken whole."""
        with socket.create_connection(("127.0.0.1", self._port), 20) as line:
            said = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
            line.sendall(f"{said}{self._bearer}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = b"".join(iter(lambda: line.recv(1 << 16), b""))
        assert b'"stored":0' not in answer, answer[:400]
        assert answer.startswith(b"HTTP/1.1 201"), answer[:400]


class Stream:
    """A viewer of the stream."""

    def __init__(self, port: int, token: str) -> None:
        self._line = socket.create_connection(("127.0.0.1", port), 20)
        self._line.sendall(
            f"GET /v1/stream?level=block HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            "Accept-Encoding: gzip\r\n\r\n".encode()
        )
        self._file = self._line.makefile("rb")
        while self._file.readline() != b"\r\n":
            pass

    def change(self) -> tuple[int, dict[str, Any]]:
        """Bytes of the next change as they came, and what it says."""
        while True:
            size = self._file.readline()
            event = self._file.read(int(size, 16) + 2)
            if event.startswith(b"event: change"):
                data = next(line for line in event.splitlines() if line.startswith(b"data: "))
                return len(size) + len(event), json.loads(data[6:])


def main() -> None:
    """Set up, count, compare, print, take down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--share", type=float, default=0.01, help="part of the features that change")
    parser.add_argument("--scratch", type=Path, help="folder for tipg's venv; left out: one that is removed again")
    given = parser.parse_args()
    with ExitStack() as stack:
        scratch = given.scratch or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cakupan-peers-")))
        python = peers.venv(scratch)
        on = stack.enter_context(stage.stage())
        stage.fill(on)
        _, port = stack.enter_context(stage.service(on))
        _, theirs = stack.enter_context(peers.tipg(on, python, peers.login(on)))
        counted(on, Line(port, on.token), Line(theirs), Stream(port, on.token), given)


def counted(on: Stage, ours: Line, tipg: Line, stream: Stream, given: argparse.Namespace) -> None:
    rng = np.random.default_rng(1)
    many = round(COLUMNS * ROWS * given.share)
    events, reloads, others = [], [], []
    for serial in range(1, given.rounds + 1):
        before = values(ours.get(TILE)[2])
        ours.post(
            "/v1/submissions",
            stage.submissions(rng.choice(COLUMNS * ROWS, many, replace=False).tolist(), serial, CAPTURED),
        )
        size, event = stream.change()
        assert not event["resync"]
        assert len(event["areas"]) == many
        after_size, _, body = ours.get(TILE)
        peer_size, _, peer_body = tipg.get(peers.PATH)
        for number, *fields in event["areas"]:
            before[number] = [dict(zip(changes.FIELDS, fields, strict=True))[name] for name in FIELDS]
        after = values(body)
        assert same(after, before), "the event laid over the old tile is not the new one"
        assert same(after, values(peer_body)), "tipg tells something else"
        events.append(size)
        reloads.append(after_size)
        others.append(peer_size)
    print(f"{many} of {COLUMNS * ROWS:,} features changed; an event is {stage.interval(events)[1]:,} bytes")
    for name, sizes in (("tipg's tile again", others), ("our tile again", reloads)):
        low, middle, high = stage.interval([size / event for size, event in zip(sizes, events, strict=True)])
        print(f"{name:20}{stage.interval(sizes)[1]:>10,} bytes: {middle:6.1f}× ({low:.1f}–{high:.1f})")
    for name, line, path in (("ours", ours, TILE), ("tipg", tipg, peers.PATH)):
        _, head, _ = line.get(path)
        tag = next((h[6:] for h in head.decode().split("\r\n") if h.lower().startswith("etag: ")), None)
        size, head, _ = line.get(path, f"If-None-Match: {tag}\r\n" if tag else "")
        print(f"nothing changed, {name}: {size:,} bytes, {head.split()[1].decode()}{'' if tag else ', no ETag'}")


def values(tile: bytes) -> dict[int, list[float]]:
    """Fields by number."""
    tile = gzip.decompress(unchunked(tile))
    (layer,) = mapbox_vector_tile.decode(tile).values()
    of = (f["properties"] | {"id": f.get("id")} for f in layer["features"])
    return {int(fields.get("number", fields["id"])): [fields[name] for name in FIELDS] for fields in of}


def same(one: dict[int, list[float]], other: dict[int, list[float]]) -> bool:
    """Whether both tell the same; the stream tells four places."""
    numbers = sorted(one)
    return numbers == sorted(other) and np.allclose([one[n] for n in numbers], [other[n] for n in numbers], 1e-6, 6e-5)


def unchunked(body: bytes) -> bytes:
    """A body that may come in chunks."""
    if body[:2] == b"\x1f\x8b":
        return body
    found, rest = b"", body
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        found, rest = found + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return found


if __name__ == "__main__":
    begun = time.monotonic()
    main()
    print(f"{time.monotonic() - begun:.0f} s")
