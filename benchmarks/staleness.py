"""CPU against staleness: the live tile by our stream, and tipg behind an nginx that caches its answers for a while.

    PYTHONPATH=. .venv/bin/python benchmarks/staleness.py --plot docs/guide/staleness.svg

One hot tile of 4,000 features, many viewers, four changes a second. A cache makes a peer cheap by telling everybody
what was true a while ago: behind `proxy_cache_valid 200 T` each viewer loads the tile again every T seconds, spread
evenly, for T from 1 to 60. Ours has loaded the tile once and hears what changed. Measured is the CPU of a second from
/proc: for the peer nginx, tipg and its database backends (without intake and fold, which it would need as well); for
ours the service and its backends with intake and fold. Staleness is what a viewer of the run had before its eyes: the
age of the oldest change it does not show yet, looked at ten times a second.
Needs nginx (`apt-get install nginx-light`).
"""

import argparse
import asyncio
import gzip
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mapbox_vector_tile
import numpy as np
import orjson

from benchmarks import peers, stage
from benchmarks.stage import Stage
from geo.watch import changes

#: Changes a second, and the block in which they happen: its count tells which a viewer has seen.
PER_SECOND, CLOCK = 4, 0

NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/c; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  proxy_cache_path {folder}/kept keys_zone=kept:10m max_size=100m;
  upstream tipg {{ server 127.0.0.1:{behind}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    location /healthz {{ return 200; }}
    location / {{
      proxy_pass http://tipg; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_cache kept;
      proxy_cache_lock on; proxy_cache_use_stale updating; proxy_cache_valid 200 {seconds}s;
      proxy_ignore_headers Cache-Control Expires;
    }}
  }}
}}
"""


@dataclass
class Run:
    """When each change was acknowledged, and what a watched viewer had seen when: (time, count)."""

    changed: list[float] = field(default_factory=list)
    seen: list[tuple[float, int]] = field(default_factory=list)
    base: int = 0

    def staleness(self, begun: float, ended: float) -> tuple[float, float]:
        """Mean and worst age of the oldest change not yet shown, seconds."""
        changed, times = np.array(self.changed), np.array([at for at, _ in self.seen])
        counts = np.array([count for _, count in self.seen])
        ages = []
        for now in np.arange(begun, ended, 0.1):
            at = int(np.searchsorted(times, now, side="right")) - 1
            shown = int(counts[at]) - self.base if at >= 0 else 0
            ages.append(max(now - changed[shown], 0.0) if shown < len(changed) else 0.0)
        return float(np.mean(ages)), float(np.max(ages))


def main() -> None:
    """Set up, measure, print, draw, take down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=100)
    parser.add_argument(
        "--seconds", type=int, default=20, help="length of a run; longer where the cache is kept longer"
    )
    parser.add_argument("--kept", type=int, nargs="*", default=[1, 2, 5, 10, 30, 60], help="seconds the cache keeps")
    parser.add_argument("--plot", type=Path, help="where to write an SVG")
    parser.add_argument("--scratch", type=Path, help="folder for tipg's venv; left out: one that is removed again")
    given = parser.parse_args()
    if not shutil.which("nginx"):
        raise SystemExit("nginx is not installed: apt-get install nginx-light")
    with ExitStack() as stack:
        scratch = given.scratch or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cakupan-peers-")))
        python = peers.venv(scratch)
        on = stack.enter_context(stage.stage(simulated=False))
        login = peers.login(on)
        service, port = stack.enter_context(stage.service(on))
        tipg, behind = stack.enter_context(peers.tipg(on, python, login))
        sender = Sender(port, on.token)
        rows = [asyncio.run(streamed(on, sender, service, port, given))]
        for seconds in given.kept:
            with nginx(scratch, behind, seconds) as (number, front):

                def cost(number: int = number) -> float:
                    workers = [int(p.name) for p in Path("/proc").glob("[0-9]*") if parent_of(p) == number]
                    return peers.cpu(on, number, tipg, *workers)

                rows.append(asyncio.run(cached(sender, cost, front, seconds, given)))
    for name, cpu, mean, worst in rows:
        bar = "#" * max(1, round(cpu * 40))
        print(f"{name:22}{cpu * 1000:8.1f} ms/s   stale {mean:6.2f} s, at worst {worst:6.2f} s   {bar}")
    if given.plot:
        given.plot.write_text(drawn(rows, given.viewers), encoding="utf-8")


Row = tuple[str, float, float, float]


class Sender:
    """Makes a change a few times a second, one new family in one block each."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token, self._serial = port, token, 0

    async def work(self, run: Run, until: float) -> None:
        """Send until then; notes when each was acknowledged."""
        captured = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")
        run.base = self._serial
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        while (now := time.time()) < until:
            self._serial += 1
            body = stage.submissions([CLOCK], self._serial, captured)
            head = f"POST /v1/submissions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._token}\r\n"
            writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            assert (await answer(reader))[0] == 201
            run.changed.append(time.time())
            await asyncio.sleep(max(now + 1 / PER_SECOND - time.time(), 0))
        writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of an answer, chunked or not."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split()[1])
    if b"content-length:" in head:
        return status, await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return status, body


async def streamed(on: Stage, sender: Sender, service: int, port: int, given: argparse.Namespace) -> Row:
    """Our viewers: one tile each, then the stream."""
    run = Run()
    completed = 1 + changes.FIELDS.index("completed")
    until = time.time() + given.seconds + 3

    async def viewer(watched: bool) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        head = f"GET /v1/stream?level=block HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {on.token}\r\n\r\n"
        writer.write(head.encode())
        with suppress(TimeoutError):
            async with asyncio.timeout(until - time.time()):
                while True:
                    event = await reader.readuntil(b"\n\n")
                    if watched and b"event: change" in event:
                        data = orjson.loads(event[event.rindex(b"data: ") + 6 :])
                        run.seen.append((time.time(), int(data["areas"][0][completed])))
        writer.close()

    def cost() -> float:
        return stage.spent(service, *stage.backends(on.postmaster, "cakupan_"))

    viewers = [asyncio.create_task(viewer(n == 0)) for n in range(given.viewers)]
    cpu, begun, ended = await over(sender, run, cost, until)
    await asyncio.gather(*viewers)
    return ("ours, streamed", cpu, *run.staleness(begun, ended))


async def cached(sender: Sender, cost: Callable[[], float], port: int, kept: int, given: argparse.Namespace) -> Row:
    """The peer's viewers: the tile again and again, from the cache."""
    run = Run()
    watched: list[tuple[float, bytes]] = []
    until = time.time() + max(given.seconds, kept * 2) + 3

    async def viewer(n: int) -> None:
        await asyncio.sleep(kept * n / given.viewers)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        while time.time() < until:
            said = f"GET {peers.PATH} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"
            writer.write(said.encode())
            status, body = await answer(reader)
            assert status == 200, body[:200]
            if n == given.viewers // 2:
                watched.append((time.time(), body))  # read afterwards: it takes a moment
            await asyncio.sleep(min(kept, max(until - time.time(), 0)))
        writer.close()

    viewers = [asyncio.create_task(viewer(n)) for n in range(given.viewers)]
    cpu, begun, ended = await over(sender, run, cost, until)
    await asyncio.gather(*viewers)
    run.seen = [(at, clock_of(body)) for at, body in watched]
    return (f"tipg, kept {kept} s", cpu, *run.staleness(begun + kept, ended))


async def over(sender: Sender, run: Run, cost: Callable[[], float], until: float) -> tuple[float, float, float]:
    """CPU of a second, from when everybody is there until the end; and those two times."""
    work: Awaitable[None] = asyncio.create_task(sender.work(run, until))
    await asyncio.sleep(2)
    before, begun = cost(), time.time()
    await work
    ended = time.time()
    return (cost() - before) / (ended - begun), begun, ended


def clock_of(body: bytes) -> int:
    """The count of the block in which changes happen, as a tile tells it."""
    (layer,) = mapbox_vector_tile.decode(gzip.decompress(body)).values()
    return next(
        int(f["properties"]["completed"]) for f in layer["features"] if f["properties"]["code"] == stage.code(CLOCK)
    )


@contextmanager
def nginx(scratch: Path, behind: int, seconds: int) -> Iterator[tuple[int, int]]:
    """An nginx that keeps answers so long; its id and port."""
    port = stage.free_port()
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        Path(folder).chmod(0o755)
        said = Path(folder) / "nginx.conf"
        said.write_text(NGINX.format(folder=folder, behind=behind, port=port, seconds=seconds))
        with stage.process(["nginx", "-c", str(said), "-p", folder], port, "/healthz") as number:
            yield number, port


def parent_of(process: Path) -> int:
    with suppress(OSError):
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return 0


def drawn(rows: list[Row], viewers: int) -> str:
    """The figures as an SVG: staleness to the right, CPU upwards, both by powers of ten."""
    wide, high, edge = 640, 400, 60

    def place(cpu: float, stale: float) -> tuple[float, float]:
        x = edge + (np.log10(max(stale, 0.05)) - np.log10(0.05)) / (np.log10(200) - np.log10(0.05)) * (wide - 2 * edge)
        y = high - edge - (np.log10(max(cpu, 0.001)) + 3) / 4 * (high - 2 * edge)
        return round(float(x), 1), round(float(y), 1)

    parts = [f'<rect width="{wide}" height="{high}" fill="#fff"/>']
    for stale in (0.1, 1, 10, 100):
        x, _ = place(1, stale)
        parts.append(
            f'<path d="M{x} {edge}V{high - edge}" stroke="#ddd"/><text x="{x}" y="{high - 40}">{stale:g} s</text>'
        )
    for cpu in (0.001, 0.01, 0.1, 1, 10):
        _, y = place(cpu, 1)
        said = f'<text x="{edge - 4}" y="{y}" text-anchor="end">{cpu * 1000:g} ms/s</text>'
        parts.append(f'<path d="M{edge} {y}H{wide - edge}" stroke="#ddd"/>{said}')
    for name, cpu, mean, _ in rows:
        (x, y), ours = place(cpu, mean), name.startswith("ours")
        colour = "#3b528b" if ours else "#e66101"
        mark = (
            f'<rect x="{x - 6}" y="{y - 6}" width="12" height="12" fill="{colour}"/>'
            if ours
            else f'<circle cx="{x}" cy="{y}" r="6" fill="{colour}"/>'
        )
        parts.append(f'{mark}<text x="{x + 9}" y="{y - 7}">{name}</text>')
    title = f"CPU a second against mean staleness: one tile of 4,000 features, {viewers} viewers"
    parts.append(f'<text x="{edge}" y="30" font-weight="bold">{title}</text>')
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="11">'
    )
    return "\n".join([head, f"<title>{title}</title>", *parts, "</svg>", ""])


if __name__ == "__main__":
    main()
