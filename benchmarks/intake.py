"""Measures how many households a running service takes, durably and exactly once, while its map is being read.

    PYTHONPATH=. .venv/bin/python benchmarks/intake.py --rows 50 --batches 2000
    PYTHONPATH=. .venv/bin/python benchmarks/intake.py --rows 1 --batches 10000

Copied into another checkout and run there, it measures that one.
Makes a durable private server (fsync, synchronous_commit) in a folder of its own that is removed afterwards, a plain
city of square blocks, one enumerator account for each device, and starts `serve` as an operator would. Devices in
processes of their own post batches over loopback, each the next one as soon as it has its receipts (a closed loop); a
viewer reads live tiles and the stream all the while, the fold runs. A batch comes from one block, as an
enumerator's does, and its rows are families heard of for the first time; `--scattered` puts each row in another block,
`--revised` is the share that revises families of earlier batches.

Counted: rows acknowledged as stored per second of wall time, and CPU seconds of service and database server for 1,000
rows (from /proc; the load's own CPU is told apart, it shares the cores). The figure for a machine of two cores that
does nothing else is 2 / CPU a row, which no run can pass. At the end the submissions in the database must be those
acknowledged, row for row, and the recount sound; otherwise there are no figures.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import shapely
from sqlalchemy import make_url, text

import migrations
from app import embedded
from app.database import Database, Logins
from app.home import secrets_of
from geo.ground import areas, campaign
from geo.ground.inspection import AreaRow
from geo.intake.recount import recount
from geo.trust import accounts, credentials
from geo.trust.grants import Grant

#: The city: SIDE × SIDE square blocks of about 440 m, a village for each row of blocks.
SIDE, STEP, WEST, SOUTH = 40, 0.004, 117.0, -0.6
ZOOM = 14
DISTRICT = "6472030"


@dataclass(frozen=True)
class Share:
    """What one process of devices does: where to post, a token for each device, the bodies to post."""

    port: int
    tokens: list[str]
    bodies: list[bytes]
    until: float


def main() -> None:
    """Set up, load, verify, print, take down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50, help="rows of a batch")
    parser.add_argument("--batches", type=int, default=2000)
    parser.add_argument("--devices", type=int, default=32)
    parser.add_argument("--revised", type=float, default=0.0, help="share of rows that are revisions")
    parser.add_argument("--viewers", type=int, default=1, help="maps being read")
    parser.add_argument("--scattered", action="store_true", help="every row in another block, not a batch in one block")
    parser.add_argument("--seconds", type=float, default=120, help="an end to the load in any case")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="cakupan-intake-", dir="/var/tmp"))  # a disk, not memory
    home.chmod(0o755)
    try:
        with embedded.running(home, report=lambda _: None) as owner:
            logins, tokens = prepared(home, owner, given.devices)
            with service(home) as (process, port):
                figures = asyncio.run(measured(given, home, process, port, tokens))
            asyncio.run(verified(logins, figures["acknowledged"]))
            figures.pop("acknowledged")
            print(json.dumps({"rows": given.rows, "devices": given.devices} | figures, indent=1))
    finally:
        shutil.rmtree(home, ignore_errors=True)


def prepared(home: Path, owner: str, devices: int) -> tuple[Logins, list[str]]:
    """A migrated database with the city and its accounts; tokens of the devices, then of the viewer."""
    kept = secrets_of(home)
    migrations.upgrade(owner, {"worker": kept.worker, "internal": kept.internal, "release": kept.release})
    url = make_url(owner)
    login = {
        tier: url.set(username=migrations.LOGINS[tier], password=word).render_as_string(hide_password=False)
        for tier, word in (("worker", kept.worker), ("internal", kept.internal), ("release", kept.release))
    }
    logins = Logins(owner, **login)
    return logins, asyncio.run(_city(logins, devices))


async def _city(logins: Logins, devices: int) -> list[str]:
    db = Database(logins, 1)
    tokens = []
    today = datetime.now(UTC).date()
    async with db.worker.begin() as connection:
        await areas.store(connection, "bench", _areas())
        await campaign.save(
            connection,
            {"name": "benchmark", "starts_on": today - timedelta(10), "ends_on": today + timedelta(20),
             "edition": "bench", "time_zone": "Asia/Makassar"},
        )  # fmt: skip
        for device in range(devices):
            made = await accounts.create(connection, f"pcl-{device}", Grant("enumerator", ("district", DISTRICT)))
            tokens.append(await credentials.issue(connection, made, "token", "bench", None))
        made = await accounts.create(connection, "viewer", Grant("admin"))
        tokens.append(await credentials.issue(connection, made, "token", "bench", None))
    await db.close()
    return tokens


def _areas() -> list[AreaRow]:
    def box(column: int, row: int, wide: int, high: int) -> shapely.MultiPolygon:
        west, south = WEST + column * STEP, SOUTH + row * STEP
        return shapely.MultiPolygon([shapely.box(west, south, west + wide * STEP, south + high * STEP)])

    whole = box(0, 0, SIDE, SIDE)
    rows = [
        AreaRow("province", "64", "Simulasi", None, whole, False, True),
        AreaRow("regency", "6472", "Simulasi", "64", whole, False, True),
        AreaRow("district", DISTRICT, "Simulasi", "6472", whole, False, True),
    ]
    for row in range(SIDE):
        village = f"{DISTRICT}{row:03d}"
        rows.append(AreaRow("village", village, "Simulasi", DISTRICT, box(0, row, SIDE, 1), False, True))
        rows += [
            AreaRow("block", f"{village}-SIM{c:02d}", "RT", village, box(c, row, 1, 1), False, False)
            for c in range(SIDE)
        ]
    return rows


@contextmanager
def service(home: Path) -> Iterator[tuple[int, int]]:
    """`serve` in a process of its own; its id and port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    checkout = Path(__file__).parent.parent
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    environment |= {"CAKUPAN_HOME": str(home), "PYTHONPATH": str(checkout), "CAKUPAN_LOG_LEVEL": "warning"}
    command = [sys.executable, "-P", "-m", "app.cli", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environment, cwd=checkout) as process:
        try:
            limit = time.monotonic() + 60
            while True:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as asked:
                    asked.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                    if asked.recv(100).startswith(b"HTTP/1.1 200"):
                        break
                if time.monotonic() > limit or process.poll() is not None:
                    raise SystemExit("the service did not start")
                time.sleep(0.1)
            yield process.pid, port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


async def measured(given: argparse.Namespace, home: Path, process: int, port: int, tokens: list[str]) -> dict[str, Any]:
    """The load with its viewer, and what it took."""
    bodies = _bodies(given)
    processes = 2
    postmaster = int((home / "data" / "postmaster.pid").read_text().split()[0])
    viewers = [asyncio.create_task(_view(port, tokens[-1])) for _ in range(given.viewers)]
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        until = time.time() + given.seconds
        shares = [Share(port, tokens[:-1][at::processes], bodies[at::processes], until) for at in range(processes)]
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(pool, _warm) for _ in shares))
        before = _ticks(process), _server_ticks(postmaster)
        start = time.perf_counter()
        found = await asyncio.gather(*(loop.run_in_executor(pool, devices, share) for share in shares))
        wall = time.perf_counter() - start
    await asyncio.sleep(1)  # the last folds
    per_second = os.sysconf("SC_CLK_TCK")
    service_cpu = (_ticks(process) - before[0]) / per_second
    server_cpu = (_server_ticks(postmaster) - before[1]) / per_second
    for viewer in viewers:
        viewer.cancel()
    seen = await asyncio.gather(*viewers, return_exceptions=True)
    if stopped := [s for s in seen if not isinstance(s, asyncio.CancelledError)]:
        raise SystemExit(f"a viewer stopped: {stopped[0]!r}")
    statuses: Counter[str] = sum((f[0] for f in found), Counter())
    waits = np.concatenate([f[1] for f in found])
    rows = statuses.total()
    return {
        "acknowledged": statuses,
        "statuses": dict(statuses),
        "rows_per_second": round(rows / wall),
        "seconds": round(wall, 2),
        "service_cpu_ms_per_1000": round(1e6 * service_cpu / rows, 1),
        "database_cpu_ms_per_1000": round(1e6 * server_cpu / rows, 1),
        "rows_per_second_of_two_free_cores": round(2 * rows / (service_cpu + server_cpu)),
        "load_cpu_seconds": round(sum(f[2] for f in found), 2),
        "receipt_ms": {p: round(float(np.percentile(waits, p)) * 1000, 1) for p in (50, 95, 99)},
        "load_average": os.getloadavg()[0],
        "loop_cpu_seconds": round(_loop(), 2),
    }


def _bodies(given: argparse.Namespace) -> list[bytes]:
    rng = random.Random(7)  # noqa: S311  # a load, not a secret
    captured = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")
    bodies: list[bytes] = []
    known: list[dict[str, Any]] = []
    for batch in range(given.batches):
        sent = []
        column, line = rng.randrange(SIDE), rng.randrange(SIDE)
        for row in range(given.rows):
            older = known[rng.randrange(len(known))] if len(known) > 5000 and rng.random() < given.revised else None
            if given.scattered:
                column, line = rng.randrange(SIDE), rng.randrange(SIDE)
            made = older or {
                "household_id": f"SIM-{batch}-{row}",
                "block": f"{DISTRICT}{line:03d}-SIM{column:02d}",
                "lon": round(WEST + (column + rng.uniform(0.01, 0.99)) * STEP, 7),
                "lat": round(SOUTH + (line + rng.uniform(0.01, 0.99)) * STEP, 7),
                "accuracy_m": 6.5,
                "captured_at": captured,
                "origin": "prelist",
                "visit": 1,
                "started_at": captured,
                "finished_at": captured,
                "revision": 0,
                "result": "completed",
            }
            made = made | {
                "submission_id": str(UUID(int=rng.getrandbits(128), version=4)),
                "revision": made["revision"] + 1,
            }
            if older is None and given.revised:
                known.append(made)
            sent.append(made)
        bodies.append(orjson.dumps({"submissions": sent}))
    return bodies


def _warm() -> None:
    """Start a process of the pool."""
    time.sleep(0.3)


def devices(share: Share) -> tuple[Counter[str], Any, float]:
    """Post the bodies over as many connections as there are tokens: rows by status, waits, CPU seconds."""
    began = time.process_time()
    statuses, waits = asyncio.run(_post_all(share))
    return statuses, np.array(waits), time.process_time() - began


async def _post_all(share: Share) -> tuple[Counter[str], list[float]]:
    waiting = iter(share.bodies)
    statuses: Counter[str] = Counter()
    waits: list[float] = []

    async def device(token: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", share.port, limit=1 << 22)
        for body in waiting:
            if time.time() > share.until:
                break
            asked = time.perf_counter()
            writer.write(
                b"POST /v1/submissions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (token.encode(), len(body), body)
            )
            status, answer = await _answer(reader)
            waits.append(time.perf_counter() - asked)
            if status != 201:
                raise SystemExit(f"{status} {answer[:300]!r}")
            statuses.update({k: n for k, n in orjson.loads(answer)["counts"].items() if n})
        writer.close()

    await asyncio.gather(*map(device, share.tokens))
    return statuses, waits


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    size = int(head.partition(b"content-length:")[2].split(b"\r\n")[0]) if b"content-length:" in head else 0
    return int(head.split()[1]), await reader.readexactly(size)


async def _view(port: int, token: str) -> None:
    """A map being read: the stream, and a tile of blocks and of cells a few times a second."""
    across = 2**ZOOM
    x = int((WEST + SIDE * STEP / 2 + 180) / 360 * across)
    y = int((0.5 - np.arcsinh(np.tan(np.radians(SOUTH + SIDE * STEP / 2))) / (2 * np.pi)) * across)
    bearer = b"Authorization: Bearer %s\r\n\r\n" % token.encode()

    async def follow() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /v1/stream?level=block HTTP/1.1\r\nHost: 127.0.0.1\r\n" + bearer)
        while await reader.read(1 << 20):
            pass
        writer.close()
        raise SystemExit("the stream ended")

    async def tiles() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        while True:
            for layer in (b"blocks", b"cells"):
                asked = b"GET /tiles/%s/%d/%d/%d.mvt HTTP/1.1\r\nHost: 127.0.0.1\r\n" % (layer, ZOOM, x, y)
                writer.write(asked + bearer)
                status, _ = await _answer(reader)
                if status not in {200, 204}:
                    raise SystemExit(f"a tile answered {status}")
            await asyncio.sleep(0.25)

    await asyncio.gather(follow(), tiles())


def _loop() -> float:
    """CPU seconds of ten million additions: what a CPU second is worth while other work shares the cores."""
    began, total = time.process_time(), 0
    for number in range(10_000_000):
        total += number
    return time.process_time() - began


def _stat(process: int | str) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _ticks(process: int) -> int:
    return sum(int(t) for t in _stat(process)[11:13])


def _server_ticks(postmaster: int) -> int:
    """CPU of the postmaster, of the back-ends it has reaped and of those alive."""
    ticks = sum(int(t) for t in _stat(postmaster)[11:15])
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = _stat(entry.name)
            if int(fields[1]) == postmaster:
                ticks += int(fields[11]) + int(fields[12])
    return ticks


async def verified(logins: Logins, acknowledged: Counter[str]) -> None:
    """Raise SystemExit unless what was acknowledged is there, once, and everything adds up."""
    db = Database(logins, 1)
    async with db.worker.connect() as connection:
        sound = (await recount(connection)).sound
        kept = await connection.scalar(text("SELECT count(*) FROM intake.submission"))
        batches = await connection.scalar(text("SELECT sum((counts->>'stored')::int) FROM intake.batch"))
    await db.close()
    said = acknowledged["stored"] + acknowledged["superseded"]
    if kept != said or (batches != acknowledged["stored"]) or not sound:
        raise SystemExit(f"kept {kept}, acknowledged {said}, batches say {batches}, sound: {sound}")


if __name__ == "__main__":
    main()
