"""What the benchmarks of the map stand on: a private server, a city of 4,000 blocks, `serve`, and CPU from /proc.

The server is durable and lies in a folder of its own that is removed afterwards. The city is simulated: 80 × 50 blocks
like those of a town, on average 27 corners each (the demo's city has 29, the 2,685 RW of Jakarta on OpenStreetMap have
42). There is no level between province and block, so that from afar the layer of areas shows them all: one tile of zoom
10 holds 4,000 features, which is more than the layer of blocks would put in one. One block in fifty has no expected
families.
"""

import asyncio
import math
import os
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import shapely
from sqlalchemy import create_engine, make_url, text

import migrations
from app import embedded
from app.database import AT_WORK, Database, Logins
from app.home import secrets_of
from geo.ground import areas, campaign, expected
from geo.ground.inspection import AreaRow
from geo.ground.tables import Table
from geo.trust import accounts, credentials
from geo.trust.grants import Grant

#: The city in degrees, inside of one tile of zoom 10.
COLUMNS, ROWS, STEP, WEST, SOUTH = 80, 50, 0.0035, 117.10, -0.62
ZOOM, X, Y = 10, 845, 513
FAMILIES = 120
EDITION = "bench"

#: Who looks on, with all rights; the server of a benchmark is reached from this machine alone.
VIEWER, PASSWORD = "viewer", "simulasi-saja-22"


@dataclass(frozen=True)
class Stage:
    """A migrated database with the city, on a server of its own, and a token of an administrator."""

    home: Path
    logins: Logins
    postmaster: int
    token: str

    @property
    def address(self) -> str:
        """The owner's plain `postgresql://` address."""
        return make_url(self.logins.owner).set(drivername="postgresql").render_as_string(hide_password=False)

    def run(self, statement: str, **values: Any) -> Any:
        """Run a statement as the owner; its rows, if it has any."""
        engine = create_engine(self.logins.owner)
        with engine.begin() as connection:
            found = connection.execute(text(statement), values)
            rows = found.all() if found.returns_rows else None
        engine.dispose()
        return rows


@contextmanager
def stage(
    *, simulated: bool = True, lay: Callable[[Logins], Coroutine[Any, Any, str]] | None = None
) -> Iterator[Stage]:
    """The stage for the time of the block. `simulated` stops the campaign's clock, so that both sides tell the same.

    `lay` puts another city into the database instead, and gives a token.
    """
    home = Path(tempfile.mkdtemp(prefix="cakupan-bench-", dir="/var/tmp"))  # a disk, not memory
    home.chmod(0o755)
    try:
        with embedded.running(home, report=lambda _: None) as owner:
            kept = secrets_of(home)
            words = {"worker": kept.worker, "internal": kept.internal, "release": kept.release}
            migrations.upgrade(owner, words)
            url = make_url(owner)
            addresses = {
                tier: url.set(username=migrations.LOGINS[tier], password=word).render_as_string(hide_password=False)
                for tier, word in words.items()
            }
            logins = Logins(owner, **addresses)
            token = asyncio.run(lay(logins) if lay else _city(logins, simulated=simulated))
            postmaster = int((home / "data" / "postmaster.pid").read_text().split()[0])
            yield Stage(home, logins, postmaster, token)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def code(place: int) -> str:
    """Code of the block at a place, row by row from south-west."""
    return f"6472030{place // COLUMNS:03d}-SIM{place % COLUMNS:02d}"


def shapes() -> Any:
    """Outlines of the blocks: a jittered grid's Voronoi cells, with edges bent alike on both sides."""
    rng = np.random.default_rng(2022)
    x, y = (a.ravel().astype(float) for a in np.meshgrid(np.arange(COLUMNS) + 0.5, np.arange(ROWS) + 0.5))
    seeds = np.column_stack((x, y)) + rng.uniform(-0.3, 0.3, (len(x), 2))
    box = shapely.box(0, 0, COLUMNS, ROWS)
    found = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(seeds), extend_to=box))
    at = shapely.STRtree(found).query(shapely.points(seeds), predicate="within")[1]  # back in the seeds' order
    cells = shapely.segmentize(shapely.intersection(found[at], box), 0.17)

    def bend(points: Any) -> Any:
        u, v = points.T
        du = 0.06 * np.sin(5.1 * v + 1.3 * u) + 0.03 * np.sin(11 * v)
        dv = 0.06 * np.sin(4.7 * u + 1.7 * v) + 0.03 * np.sin(13 * u)
        return np.column_stack((WEST + STEP * (u + du), SOUTH + STEP * (v + dv)))

    return shapely.transform(cells, bend)


def _areas() -> list[AreaRow]:
    blocks = shapes()
    whole = shapely.MultiPolygon([shapely.box(*shapely.total_bounds(blocks))])
    return [
        AreaRow("province", "64", "Simulasi", None, whole, False, True),
        *(
            AreaRow("block", code(at), f"RT {at:04d}", "64", shapely.MultiPolygon([block]), False, False)
            for at, block in enumerate(blocks)
        ),
    ]


async def _city(logins: Logins, *, simulated: bool) -> str:
    db = Database(logins, 1, AT_WORK)
    now = datetime(2022, 10, 24, 9, 0, tzinfo=UTC) if simulated else datetime.now(UTC)
    first = date(2022, 10, 15) if simulated else now.date() - timedelta(10)
    about: dict[str, Any] = {"name": "benchmark", "starts_on": first, "ends_on": first + timedelta(30)}
    if simulated:
        about |= {"simulated": True, "clock": now}
    async with db.worker.begin() as connection:
        await areas.store(connection, EDITION, _areas())
        await campaign.save(connection, about | {"edition": EDITION, "time_zone": "Asia/Makassar"})
        known: list[dict[str, str | None]] = [
            {"block": code(n), "families": str(FAMILIES)} for n in range(COLUMNS * ROWS) if n % 50 != 49
        ]
        table = Table(columns=["block", "families"], rows=known, notices=[])
        await expected.store(connection, EDITION, table, series="prelist", source="simulated", dated=first)
        made = await accounts.create(connection, VIEWER, Grant("admin"), PASSWORD)
        token = await credentials.issue(connection, made, "token", "bench", None)
    await db.close()
    return token


#: Counts as they are in the middle of a campaign, without the households behind them.
TALLIES = """
INSERT INTO intake.tally (number, completed, new, not_met, refused, located, last_at, epoch)
SELECT number, number * 7919 % 131, number * 7919 % 131 / 20, number % 7, number % 3, number * 7919 % 131,
    TIMESTAMPTZ '2022-10-16 01:00Z' + number * INTERVAL '3 minutes', :epoch
FROM ground.area WHERE number = last AND number % 11 <> 0
"""


def fill(on: Stage) -> None:
    """Give the blocks counts, at epoch 1."""
    on.run(TALLIES, epoch=1)
    on.run("INSERT INTO intake.epoch (epoch, deltas) VALUES (1, 0)")
    on.run("ANALYZE")


def submissions(places: Sequence[int], serial: int, captured: str) -> bytes:
    """A body with one new family for each place, found inside its block; `serial` tells bodies apart."""
    at = middles()
    sent = [
        {
            "submission_id": str(UUID(int=(serial << 64) | n, version=4)),
            "household_id": f"SIM-{serial}-{n}",
            "revision": 1,
            "block": code(place),
            "lon": at[place][0],
            "lat": at[place][1],
            "accuracy_m": 6.5,
            "captured_at": captured,
            "result": "completed",
            "origin": "prelist",
            "visit": 1,
        }
        for n, place in enumerate(places)
    ]
    return orjson.dumps({"submissions": sent})


@cache
def middles() -> list[tuple[float, float]]:
    """A point inside of each block."""
    inside = shapely.point_on_surface(shapes())
    return [(round(x, 7), round(y, 7)) for x, y in shapely.get_coordinates(inside).tolist()]


@contextmanager
def service(on: Stage, **settings: str) -> Iterator[tuple[int, int]]:
    """`serve` in a process of its own; its id and port. Settings as environment variables without their prefix."""
    port = free_port()
    checkout = Path(__file__).parent.parent
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    environment |= {"CAKUPAN_HOME": str(on.home), "PYTHONPATH": str(checkout), "CAKUPAN_LOG_LEVEL": "warning"}
    environment |= {"CAKUPAN_REQUESTS_PER_MINUTE": "0", "CAKUPAN_STREAMS_PER_ACCOUNT": "0"}
    environment |= {f"CAKUPAN_{k.upper()}": v for k, v in settings.items()}
    command = [sys.executable, "-P", "-m", "app.cli", "serve", "--port", str(port)]
    with process(command, port, "/readyz", environment) as number:
        yield number, port


@contextmanager
def process(command: Sequence[str], port: int, ready: str, environment: dict[str, str] | None = None) -> Iterator[int]:
    """A server for the time of the block, its id; once it answers 200 at the path `ready`."""
    checkout = Path(__file__).parent.parent
    with subprocess.Popen(command, env=environment, cwd=checkout) as started:
        try:
            limit = time.monotonic() + 60
            while not _answers(port, ready):
                if time.monotonic() > limit or started.poll() is not None:
                    raise SystemExit(f"did not start: {' '.join(command)}")
                time.sleep(0.1)
            yield started.pid
        finally:
            started.send_signal(signal.SIGTERM)
            started.wait(60)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        found: int = free.getsockname()[1]
        return found


def _answers(port: int, path: str) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as asked:
        asked.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return asked.recv(100).startswith(b"HTTP/1.1 200")
    return False


# ── measuring ─────────────────────────────────────────────────────────────────────────────────────────────────────


def spent(*processes: int) -> float:
    """CPU seconds of processes with all their threads, to the nanosecond."""
    total = 0
    for number in processes:
        for thread in Path(f"/proc/{number}/task").glob("*/schedstat"):
            with suppress(OSError):
                total += int(thread.read_text().split()[0])
    return total / 1e9


def backends(postmaster: int, login: str = "") -> list[int]:
    """Processes of the database server; with `login` only those that serve it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == postmaster and f" {login}" in (entry / "cmdline").read_text():
                found.append(int(entry.name))
    return found


def paired(a: Callable[[], float], b: Callable[[], float], rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Costs of both sides, and the ratios b / a of rounds in which they took turns: A B B A."""
    costs_a, costs_b = [], []
    for _ in range(rounds):
        first, second, third, fourth = a(), b(), b(), a()
        costs_a.append((first + fourth) / 2)
        costs_b.append((second + third) / 2)
    return costs_a, costs_b, [y / x for x, y in zip(costs_a, costs_b, strict=True)]


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, and the two values between which the true one lies with 95 % (by rank, whatever the distribution)."""
    ordered, many = sorted(values), len(values)
    cut = 0
    while sum(math.comb(many, k) for k in range(cut + 2)) / 2**many <= 0.025:
        cut += 1
    return ordered[cut], statistics.median(ordered), ordered[-1 - cut]


def secret() -> str:
    """A password for a peer's login."""
    return secrets.token_urlsafe(16)
