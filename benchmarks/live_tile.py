"""CPU of one live tile of 4,000 features: ours against servers that have PostGIS encode it for every viewer.

    PYTHONPATH=. .venv/bin/python benchmarks/live_tile.py

Peers: tipg (put into a venv of its own in a scratch folder, from the package index that pip is set to), MapServer over
FastCGI (`apt-get install cgi-mapserver`; its row is left out where it is not installed), and the bare statement
`ST_AsMVT` over a join through a pool like ours, without any server in front: what every such server pays at least.

The same on all sides: one PostGIS database on this machine, one table of outlines in EPSG:3857 with its GiST index, one
pool, extent 4096, buffer 64, the same eight fields and two texts, gzip (none for the bare statement and MapServer,
which makes them cheaper). The peers read a view that joins outlines, expected families and tallies. Nobody caches an
answer: ours keeps the unchanging half of the tile, which is the technique itself, lays the values in anew for every
request and compresses them; what building that half costs is told beside it. The campaign's clock stands still, so that
all sides tell the same; each tile is decoded and compared feature by feature before anything is timed.

Measured is CPU from /proc: the server's process with all its threads and its own backends of the database. Ours holds
whatever else the service does meanwhile. The sides take turns, A B B A; told is the median of the paired ratios
and the interval that holds it with 95 %.
"""

import argparse
import asyncio
import gzip
import http.client
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import numpy as np
import psycopg

from app.database import Database
from benchmarks import mapserver, peers, stage
from benchmarks.stage import ZOOM, Stage, X, Y
from geo.ground import campaign
from geo.ground.areas import load_tree
from geo.scope import OPERATOR
from geo.watch import live as mirror
from tiles import geometry, splice
from tiles.layers import LAYERS

FIELDS = list(LAYERS["areas"].fields)

BARE = """
SELECT ST_AsMVT(s, 'areas', 4096, 'geom', 'number')
FROM (SELECT number, code, name, {fields}, ST_AsMVTGeom(geom, ST_TileEnvelope({z}, {x}, {y}), 4096, 64, true) AS geom
      FROM bench.areas WHERE geom && ST_TileEnvelope({z}, {x}, {y}, margin => 64.0 / 4096)) s
WHERE geom IS NOT NULL
"""


@dataclass(frozen=True)
class Side:
    """One way to serve the tile: fetches it, and tells the CPU seconds spent on its behalf so far."""

    name: str
    fetch: Callable[[], bytes]
    cpu: Callable[[], float]
    repeat: int

    def cost(self) -> float:
        """CPU seconds of one tile, over some."""
        before = self.cpu()
        for _ in range(self.repeat):
            self.fetch()
        time.sleep(0.02)  # what the server does after its answer
        return (self.cpu() - before) / self.repeat


def main() -> None:
    """Set up, compare, measure, print, take down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--scratch", type=Path, help="folder for tipg's venv; left out: one that is removed again")
    given = parser.parse_args()
    with ExitStack() as stack:
        scratch = given.scratch or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cakupan-peers-")))
        tipg_python = peers.venv(scratch)
        on = stack.enter_context(stage.stage())
        stage.fill(on)
        login = peers.login(on)
        ours = stack.enter_context(our_side(on))
        others = [stack.enter_context(bare_side(on)), stack.enter_context(tipg_side(on, tipg_python, login))]
        if mapserver.BINARY.exists():
            others.append(stack.enter_context(mapserver_side(on, scratch, login)))
        else:
            print("MapServer is not installed (apt-get install cgi-mapserver): no row for it")
        compare(ours, others)
        for peer in others:
            a, b, ratios = stage.paired(ours.cost, peer.cost, given.rounds)
            low, middle, high = stage.interval(ratios)
            mine, theirs = (stage.interval(side)[1] * 1000 for side in (a, b))
            print(
                f"{peer.name:34}{theirs:8.2f} ms, ours {mine:6.2f} ms: {middle:6.1f}× ({low:.1f}–{high:.1f})",
                flush=True,
            )
        asyncio.run(where_it_goes(on))


def compare(ours: Side, others: list[Side]) -> None:
    """Nothing is timed unless all tell the same of the same features."""
    body = ours.fetch()
    reference = decoded(body)
    print(f"{len(reference):,} features, {len(gzip.decompress(body)):,} bytes, {len(body):,} as gzip", end="")
    for peer in others:
        tile = peer.fetch()
        found = decoded(tile)
        assert set(found) == set(reference), f"{peer.name}: other features"
        shapes = 0
        for number, (outline, fields) in found.items():
            assert fields == reference[number][1], f"{peer.name}: {number}: {fields} {reference[number][1]}"
            shapes += outline == reference[number][0]
        print(f"; {peer.name}: {len(tile):,} bytes, {shapes:,} outlines the same", end="")
    print()


def decoded(tile: bytes) -> dict[int, tuple[Any, dict[str, Any]]]:
    """Outline and fields by number; numbers rounded to what a float of 32 bits holds."""
    tile = gzip.decompress(tile) if tile[:2] == b"\x1f\x8b" else tile
    (layer,) = mapbox_vector_tile.decode(tile, default_options={"y_coord_down": True}).values()
    found = {}
    for feature in layer["features"]:
        said = dict(feature["properties"])
        number = int(said.pop("number", feature.get("id", 0)))
        fields = {name: float(f"{np.float32(said[name]):.5g}") for name in FIELDS}
        found[number] = feature["geometry"]["coordinates"], fields | {"code": said["code"], "name": said["name"]}
    return found


# ── the sides ─────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def our_side(on: Stage) -> Iterator[Side]:
    """`serve` as an operator starts it."""
    with stage.service(on) as (number, port):
        line = http.client.HTTPConnection("127.0.0.1", port)
        headers = {"Authorization": f"Bearer {on.token}"}
        fetch = partial(peers.get, line, f"/tiles/areas/{ZOOM}/{X}/{Y}.mvt", headers)
        fetch()
        yield Side("Cakupan", fetch, lambda: stage.spent(number, *stage.backends(on.postmaster, "cakupan_")), 60)
        line.close()


@contextmanager
def bare_side(on: Stage) -> Iterator[Side]:
    """The statement alone, over one open connection: CPU of its backend."""
    with psycopg.connect(on.address, autocommit=True) as connection:
        statement = BARE.format(fields=", ".join(FIELDS), z=ZOOM, x=X, y=Y)

        def fetch() -> bytes:
            found = connection.execute(statement, prepare=True, binary=True).fetchone()
            assert found
            return bytes(found[0])

        yield Side("ST_AsMVT, no server, no gzip", fetch, lambda: stage.spent(connection.info.backend_pid), 5)


@contextmanager
def tipg_side(on: Stage, python: Path, address: str) -> Iterator[Side]:
    """tipg, which answers gzip where asked for it."""
    with peers.tipg(on, python, address) as (number, port):
        line = http.client.HTTPConnection("127.0.0.1", port)
        fetch = partial(peers.get, line, peers.PATH, {})
        fetch()
        yield Side("tipg 1.6.1", fetch, lambda: peers.cpu(on, number), 5)
        line.close()


@contextmanager
def mapserver_side(on: Stage, scratch: Path, address: str) -> Iterator[Side]:
    """MapServer as a FastCGI process that keeps its connection, without a web server in front."""
    with mapserver.running(scratch, address, peers.BUFFER) as (number, fetch):
        tile = partial(fetch, ZOOM, X, Y)
        tile()
        yield Side("MapServer 8, FastCGI, no gzip", tile, lambda: peers.cpu(on, number), 5)


# ── ours, taken apart ─────────────────────────────────────────────────────────────────────────────────────────────


async def where_it_goes(on: Stage, times: int = 40) -> None:
    """CPU of the parts of our tile in this process, milliseconds; the build of the unchanging half among them."""
    db = Database(on.logins, 1)
    async with db.worker.begin() as connection:
        of_now = await campaign.load(connection)
        live = await mirror.load(connection, of_now, await load_tree(connection, of_now))
    async with db.internal.begin() as connection:
        backend = (await connection.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
        begun, theirs = time.process_time(), stage.spent(backend)
        for _ in range(3):
            still = await geometry.build_areas(connection, live, "areas", ZOOM, X, Y)
        cold = (time.process_time() - begun) / 3, (stage.spent(backend) - theirs) / 3
    await db.close()

    def cpu(work: Callable[[], object]) -> float:
        begun = time.process_time()
        for _ in range(times):
            work()
        return (time.process_time() - begun) / times * 1000

    def anew() -> object:
        live.memory.clear()
        return geometry.area_values(live, OPERATOR, still)

    values = geometry.area_values(live, OPERATOR, still)
    tail = splice.changing(still, values)
    warm = cpu(lambda: geometry.area_values(live, OPERATOR, still))
    parts = {
        "sums, once an epoch": cpu(anew) - warm,
        "values": warm,
        "laid into place": cpu(lambda: splice.changing(still, values)),
        "compressed": cpu(lambda: splice.gzipped(still, tail)),
        "ETag": cpu(lambda: splice.etag(still, tail)),
    }
    print("ours, ms: " + ", ".join(f"{name} {value:.2f}" for name, value in parts.items()), end="; ")
    print(f"unchanging half built once: {cold[0] * 1000:.0f} here and {cold[1] * 1000:.0f} in the database")


if __name__ == "__main__":
    main()
