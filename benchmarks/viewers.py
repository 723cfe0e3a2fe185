"""From submission to pixel: a thousand viewers while a thousand submissions a second arrive, and a real Chromium.

    PYTHONPATH=. .venv/bin/python benchmarks/viewers.py
    PYTHONPATH=. .venv/bin/python benchmarks/viewers.py --viewers 0      # what the intake alone costs

Service, durable database, devices, viewers and Chromium share the machine's cores, which is told with the CPU of each:
on machines of their own every figure would be better. Submissions come in batches of 50 families of one block, as
enumerators send them (`--scattered`: every row in another block), at fixed times whether or not the last was answered
(an open loop), over 16 connections. Each batch has a block of its own, so that whoever sees its count rise has seen the
batch. Viewers are connections of `/v1/stream?level=block`, all in one process; each event that reaches one is noted,
and what was in which event is read from one of them.

Told, over all pairs of batch and viewer: seconds from the moment the batch was sent, and from its receipt, until the
event has arrived; p50, p99 and the worst. In Chromium: until the map library has drawn a frame after the state of the
feature was set (its `render` event). A batch that a viewer never heard of is an error.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Page, async_playwright

from benchmarks import stage
from benchmarks.stage import COLUMNS, ROWS, Stage
from geo.watch import changes
from tests.browser.conftest import FLAGS

CONNECTIONS = 16
BLOCKS = COLUMNS * ROWS

#: Notes in the page which count a feature was given, and when a frame with it was drawn.
WATCH = """
() => {
  const map = document.getElementById("map").map;
  const set = map.setFeatureState.bind(map);
  let waiting = [];
  window.painted = [];
  const now = () => performance.timeOrigin + performance.now();
  map.setFeatureState = (what, state) => {
    if (state.completed !== undefined && what.source !== "cells") waiting.push([what.id, state.completed]);
    return set(what, state);
  };
  map.on("render", () => {
    const at = now();
    for (const one of waiting) window.painted.push([...one, at]);
    waiting = [];
  });
}
"""


@dataclass
class Sent:
    """Batches: block number, when each was due, sent and answered (seconds of the wall clock)."""

    block: list[int] = field(default_factory=list)
    due: list[float] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    receipt: list[float] = field(default_factory=list)


def main() -> None:
    """Set up, load, watch, print, take down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=1000, help="submissions a second")
    parser.add_argument("--rows", type=int, default=50, help="rows of a batch")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--scattered", action="store_true")
    parser.add_argument("--fold-seconds", type=float, default=0.25)
    parser.add_argument("--ahead", type=float, default=25, help="seconds to get viewers and Chromium ready")
    parser.add_argument("--no-page", action="store_true", help="without Chromium")
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))
    with stage.stage(simulated=False) as on:
        numbers = dict(on.run("SELECT code, number FROM ground.area WHERE number = last"))
        of_place = [numbers[stage.code(place)] for place in range(BLOCKS)]
        with stage.service(on, fold_seconds=str(given.fold_seconds), pool_size="8") as (service, port):
            asyncio.run(measured(given, on, service, port, of_place))


async def measured(given: argparse.Namespace, on: Stage, service: int, port: int, of_place: list[int]) -> None:
    loop = asyncio.get_running_loop()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as watching, ProcessPoolExecutor(1, context) as sending:
        await asyncio.gather(
            *(loop.run_in_executor(pool, stage.middles) for pool in (watching, sending))
        )  # both started
        start = time.time() + given.ahead  # by then everybody is there
        until = start + given.seconds + 15
        seen = loop.run_in_executor(watching, follow, port, on.token, given.viewers, until)
        sent_by = loop.run_in_executor(sending, send, vars(given), port, on.token, of_place, start)
        async with opened(given, port) as page:
            await asyncio.sleep(max(start - time.time(), 0))
            before, began = cpu(on, service), time.time()
            sent, load_cpu = await sent_by
            wall = time.time() - began
            after = cpu(on, service)
            await asyncio.sleep(5)  # the last frames
            painted = await page.evaluate("window.painted") if page else []
        found, viewers_cpu = await seen
    used = {name: (after[name] - before[name]) / wall for name in after}
    told(given, sent, found, painted)
    spent_by = ", ".join(f"{name} {share:.2f}" for name, share in used.items())
    print(
        f"CPUs used of {os.cpu_count()}: {spent_by}, devices {load_cpu / wall:.2f}, viewers {viewers_cpu / wall:.2f}",
        end="",
    )
    deliveries = sum(len(times) for times, _ in found[0])
    print(f"; {deliveries:,} events delivered; load average {os.getloadavg()[0]:.1f}")


def cpu(on: Stage, service: int) -> dict[str, float]:
    """CPU seconds so far of the service, the database server and Chromium."""
    chromium = [int(p.name) for p in Path("/proc").glob("[0-9]*") if _is_ours(p)]
    found = {"service": stage.spent(service), "database": stage.spent(*stage.backends(on.postmaster))}
    return found | {"Chromium": stage.spent(*chromium)}


def _is_ours(process: Path) -> bool:
    """Whether a process is a Chromium whose profile this process made."""
    with suppress(OSError):
        return f"cakupan-page-{os.getpid()}".encode() in (process / "cmdline").read_bytes() or _child_of_ours(process)
    return False


def _child_of_ours(process: Path) -> bool:
    """Whether a process is a renderer or other helper of such a Chromium: they share its group."""
    group = int((process / "stat").read_text().rpartition(")")[2].split()[2])
    leader = Path(f"/proc/{group}/cmdline")
    return leader.exists() and f"cakupan-page-{os.getpid()}".encode() in leader.read_bytes()


class opened:  # noqa: N801  # used like a function, in `async with`
    """The live map in Chromium, logged in, watched; None where it is not wanted."""

    def __init__(self, given: argparse.Namespace, port: int) -> None:
        self._wanted, self._port = not given.no_page, port
        self._profile = f"/tmp/cakupan-page-{os.getpid()}"  # noqa: S108  # its name is how its CPU is found

    async def __aenter__(self) -> Page | None:
        if not self._wanted:
            return None
        self._driver = await async_playwright().start()
        binary = os.environ.get("CAKUPAN_CHROMIUM") or shutil.which("chromium")
        self._context = await self._driver.chromium.launch_persistent_context(
            self._profile, executable_path=binary, args=FLAGS, viewport={"width": 1280, "height": 800}
        )
        page = await self._context.new_page()
        url = f"http://127.0.0.1:{self._port}"
        form: dict[str, str | float | bool] = {"name": stage.VIEWER, "password": stage.PASSWORD, "to": "/livez"}
        await page.context.request.post(f"{url}/login", form=form)
        await page.goto(url + "/")
        await page.locator("#map[data-state=ready]").wait_for(timeout=60_000)
        await page.locator("#live[data-phase=live]").wait_for(timeout=30_000)
        await page.evaluate(WATCH)
        return page

    async def __aexit__(self, *_: object) -> None:
        if self._wanted:
            await self._context.close()
            await self._driver.stop()
            shutil.rmtree(self._profile, ignore_errors=True)


# ── devices ───────────────────────────────────────────────────────────────────────────────────────────────────────


def send(given: dict[str, Any], port: int, token: str, of_place: list[int], start: float) -> tuple[Sent, float]:
    """Send the batches at their times, in a process of its own; what was sent, and the CPU that it took."""
    captured = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")
    rng = np.random.default_rng(5)
    batches = given["rate"] * given["seconds"] // given["rows"]
    assert batches <= BLOCKS // 2, "each batch needs a block of its own"
    order = rng.permutation(BLOCKS // 2) * 2
    bodies = []
    for serial in range(batches):
        own = int(order[serial])
        others = (
            rng.integers(0, BLOCKS // 2, given["rows"] - 1) * 2 + 1
            if given["scattered"]
            else [own] * (given["rows"] - 1)
        )
        bodies.append(stage.submissions([own, *map(int, others)], serial + 1, captured))
    began = time.process_time()
    sent = asyncio.run(_send(bodies, port, token, start, given["rate"] / given["rows"]))
    sent.block = [of_place[int(order[serial])] for serial in range(batches)]
    return sent, time.process_time() - began


async def _send(bodies: list[bytes], port: int, token: str, start: float, per_second: float) -> Sent:
    many = len(bodies)
    sent = Sent(due=[start + n / per_second for n in range(many)], at=[0.0] * many, receipt=[0.0] * many)
    waiting = iter(range(many))

    async def device() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        for n in waiting:
            await asyncio.sleep(sent.due[n] - time.time())
            sent.at[n] = time.time()
            head = f"POST /v1/submissions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(bodies[n])}\r\n\r\n".encode())
            writer.write(bodies[n])
            said = (await reader.readuntil(b"\r\n\r\n")).lower()
            body = await reader.readexactly(int(said.partition(b"content-length:")[2].split(b"\r\n")[0]))
            sent.receipt[n] = time.time()
            if not said.startswith(b"http/1.1 201"):
                raise SystemExit(f"a batch was answered {said[:20]!r} {body[:300]!r}")
        writer.close()

    await asyncio.gather(*(device() for _ in range(CONNECTIONS)))
    return sent


# ── viewers ───────────────────────────────────────────────────────────────────────────────────────────────────────

#: For each viewer the times of its events and their epochs; and, by epoch, the counts of blocks that one of them read.
Followed = tuple[list[tuple[list[float], list[int]]], list[tuple[int, dict[int, int]]]]


class Viewer(asyncio.Protocol):
    """A connection that notes when which epoch arrived. The first one keeps what it reads, the others only look."""

    def __init__(self, port: int, token: str, keeps: bool) -> None:
        head = f"GET /v1/stream?level=block HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._ask, self._keeps = head.encode(), keeps
        self.at: list[float] = []
        self.epoch: list[int] = []
        self.body = bytearray()
        self.read: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        transport.write(self._ask)  # type: ignore[attr-defined]  # a transport of a connection, which can be written to

    def data_received(self, data: bytes) -> None:
        """An event may come in pieces; it has arrived with the last, and then nothing of it is waited for."""
        self.body += data
        while (end := self.body.find(b"\n\n")) >= 0:
            event = bytes(self.body[:end])
            del self.body[: end + 2]
            if b"event: change" in event:
                self.at.append(time.time())
                self.epoch.append(int(event.partition(b"\nid: ")[2].split(b"\n")[0]))
                if self._keeps:
                    self.read.append(event)


def follow(port: int, token: str, many: int, until: float) -> tuple[Followed, float]:
    """Viewers in a process of their own; what reached them, and their CPU."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))
    began = time.process_time()
    found = asyncio.run(_follow(port, token, many, until))
    return found, time.process_time() - began


async def _follow(port: int, token: str, many: int, until: float) -> Followed:
    loop = asyncio.get_running_loop()
    viewers = [Viewer(port, token, keeps=n == 0) for n in range(max(many, 1))]
    for viewer in viewers:
        await loop.create_connection(lambda viewer=viewer: viewer, "127.0.0.1", port)  # type: ignore[misc]  # a lambda with a default binds the loop's viewer
    await asyncio.sleep(until - time.time())
    counts = []
    completed = 1 + changes.FIELDS.index("completed")
    for event in viewers[0].read:
        data = json.loads(event[event.rindex(b"data: ") + 6 :])
        assert not data["resync"], "too much changed at once"
        counts.append((data["epoch"], {row[0]: row[completed] for row in data["areas"]}))
    return [(viewer.at, viewer.epoch) for viewer in viewers], counts


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def told(given: argparse.Namespace, sent: Sent, found: Followed, painted: list[list[float]]) -> None:
    """Print what was waited for."""
    at, receipt, due = np.array(sent.at), np.array(sent.receipt), np.array(sent.due)
    rows = len(at) * given.rows
    rate = rows / (receipt.max() - at.min())
    print(f"{rows:,} submissions in batches of {given.rows}, {rate:,.0f}/s held", end="")
    print(f"; latest start {(at - due).max():.2f} s; fold pause {given.fold_seconds} s, {len(found[0]):,} viewers")
    first: dict[int, int] = {}
    for epoch, counts in found[1]:
        for number in counts:
            first.setdefault(number, epoch)
    epochs = np.array([first[number] for number in sent.block])
    arrived = np.empty((len(found[0]), len(at)))
    for n, (times, seen) in enumerate(found[0]):
        place = np.searchsorted(np.array(seen), epochs)
        assert place.max() < len(times), "a viewer never heard of a batch"
        arrived[n] = np.array(times)[place]
    say("receipt", receipt - at)
    say("event at the viewers, from sending", (arrived - at).ravel())
    say("event at the viewers, from receipt", (arrived - receipt).ravel())
    if painted:
        drawn: dict[int, float] = {}
        for block, _, when in painted:
            drawn.setdefault(int(block), when / 1000)
        pixel = np.array([drawn.get(one, np.nan) for one in sent.block])
        missing = int(np.isnan(pixel).sum())
        say(f"pixel in Chromium, from sending ({missing} of {len(pixel)} not drawn)", (pixel - at)[~np.isnan(pixel)])


def say(what: str, seconds: Any) -> None:
    p50, p95, p99 = np.percentile(seconds, (50, 95, 99))
    print(f"{what:52} p50 {p50:6.3f} s  p95 {p95:6.3f} s  p99 {p99:6.3f} s  worst {seconds.max():6.3f} s", flush=True)


if __name__ == "__main__":
    main()
