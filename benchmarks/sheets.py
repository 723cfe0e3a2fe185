"""Time to print the sheets of a district: a hundred blocks of a simulated town half-way through its month, as one PDF.

    PYTHONPATH=. .venv/bin/python benchmarks/sheets.py

A private server is started and filled with the demo's `district` as known at the end of a day: areas, footprints, lists
and visits. Then sheets are written as the service writes them (`app.printing.write`), through row-level security, as
an administrator. Measured are wall time, the CPU of this process and that of the server's, and the size of the file;
and, while it prints, how late a coroutine of the same process wakes that asked for every millisecond: what others feel.
"""

import argparse
import asyncio
import io
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

import migrations
from app import embedded, printing
from app.database import AT_WORK, Database, Logins
from app.demo import hours, stage, truth
from app.demo.city import Scale, build
from app.demo.month import plan, submission
from app.demo.rates import Rates
from app.home import secrets_of
from benchmarks.stage import backends, spent
from geo.ground import campaign
from geo.ground.areas import load_ground, load_tree
from geo.intake import batch, fold
from geo.intake.batch import Envelope
from geo.scope import OPERATOR, Scope
from geo.trust import accounts, credentials
from geo.trust.grants import Grant
from geo.watch import live, sheets
from geo.watch.live import Snapshot

#: Records of one transaction.
ROWS = 5_000


async def lay(logins: Logins, scale: Scale, day: int) -> None:
    """Fill a migrated database with the demo's month as known at the end of a day, the first being 0."""
    city = build(scale=scale)
    work = plan(city, Rates())
    now = hours.START + (day + 1) * hours.DAY
    db = Database(logins, 2, AT_WORK)
    async with db.worker.begin() as connection:
        await stage.lay(connection, city, work)
        await campaign.save(connection, {"clock": datetime.fromtimestamp(now, UTC)})
        await accounts.create(connection, "printer", Grant("admin"), "simulasi-saja-22")
        ground = await load_ground(connection)
    arrived = np.flatnonzero(truth.sent(work, now) & (work.visits.captured_at <= now))
    for first in range(0, len(arrived), ROWS):
        rows = [submission(city, work, int(i)) for i in arrived[first : first + ROWS]]
        envelope = Envelope(0, "benchmark", b"", 0)
        async with db.worker.begin() as connection:
            await batch.store(connection, ground, envelope, rows, batch.judge(ground, rows))
    async with db.worker.begin() as connection:
        while await fold.fold(connection):
            pass
    await db.close()


async def looked_at(db: Database) -> tuple[Snapshot, Scope]:
    """Everything as of now, and an administrator who may print it."""
    async with db.worker.connect() as connection:
        found = await campaign.load(connection)
        snapshot = await live.load(connection, found, await load_tree(connection, found))
        account = (await accounts.find(connection, "printer")).account_id
        return snapshot, await credentials.seen_by(connection, account, "printer")


async def late(found: list[float]) -> None:
    """Notes how late it wakes, again and again."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0.001)
        found.append(time.perf_counter() - begun - 0.001)


@contextmanager
def server() -> Iterator[tuple[Logins, int]]:
    """A migrated database on a server of its own that is removed afterwards; its logins, and its postmaster."""
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
            yield Logins(owner, **addresses), int((home / "data" / "postmaster.pid").read_text().split()[0])
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def measure(logins: Logins, postmaster: int, paper: printing.Paper, many: int) -> None:
    """Print, and say what it took."""
    db = Database(logins, 2, AT_WORK)
    snapshot, scope = await looked_at(db)
    numbers = [n for n in sheets.asked(snapshot, OPERATOR, 0) if snapshot.expected[n] > 0][:many]
    look = printing.look(snapshot, paper, "id", "https://cakupan.example.id")
    order = printing.Order(snapshot, scope, scope, numbers, look)

    def opened() -> AbstractAsyncContextManager[AsyncConnection]:
        return db.as_actor(scope.actor)

    async with opened():
        pass  # connected
    into, waits = io.BytesIO(), []
    watching = asyncio.create_task(late(waits))
    served = spent(*backends(postmaster, "cakupan_"))
    wall, cpu = time.perf_counter(), time.process_time()
    await printing.write(opened, order, into)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    served = spent(*backends(postmaster, "cakupan_")) - served
    watching.cancel()
    await db.close()
    p99, most = np.quantile(waits, 0.99) * 1000, max(waits) * 1000
    print(
        f"{paper}: {len(numbers)} sheets, {len(into.getvalue()) / 1e6:.1f} MB: {wall:.1f} s; CPU {cpu:.1f} s here and "
        f"{served:.1f} s of the server; others wait {p99:.0f} ms (p99), {most:.0f} ms at most",
        flush=True,
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--many", type=int, default=100)
    asked.add_argument("--day", type=int, default=14, help="of the month, the first being 0")
    asked.add_argument("--rounds", type=int, default=3)
    given = asked.parse_args()
    with server() as (logins, postmaster):
        asyncio.run(lay(logins, "district", given.day))
        for paper in ("a4", "a3"):
            for _ in range(given.rounds):
                asyncio.run(measure(logins, postmaster, paper, given.many))


if __name__ == "__main__":
    main()
