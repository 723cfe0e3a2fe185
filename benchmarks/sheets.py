"""Time to print the sheets of a district: a hundred blocks of a simulated town half-way through its month, as one PDF.

    PYTHONPATH=. .venv/bin/python benchmarks/sheets.py

A private server is started and filled with the demo's `district` as known at the end of a day: areas, footprints, lists,
visits. Then sheets are written as the service writes them (`app.printing.write`), reading through row-level security as
an administrator. Measured are wall time, the CPU of this process and that of the server's, and the size of the file;
and, while it prints, how late a coroutine of the same process wakes that asked for every millisecond: what others feel.
"""

import argparse
import asyncio
import io
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from app import printing
from app.database import AT_WORK, Database, Logins
from app.demo import hours, stage, truth
from app.demo.city import Scale, build
from app.demo.month import plan, submission
from app.demo.rates import Rates
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


async def measure(logins: Logins, paper: printing.Paper, many: int) -> None:
    """Print, and say what it took."""
    db = Database(logins, 2, AT_WORK)
    snapshot, scope = await looked_at(db)
    numbers = sheets.asked(snapshot, OPERATOR, 0)
    families = snapshot.expected[numbers]
    numbers = [n for n, expects in zip(numbers, families.tolist(), strict=True) if expects > 0][:many]
    look = printing.look(snapshot, paper, "id", "https://cakupan.example.id")
    order = printing.Order(replace(snapshot, lasting={}), scope, scope, numbers, look)

    def opened() -> AbstractAsyncContextManager[AsyncConnection]:
        return db.as_actor(scope.actor)

    into, waits = io.BytesIO(), []
    watching = asyncio.create_task(late(waits))
    wall, cpu = time.perf_counter(), time.process_time()
    await printing.write(opened, order, into)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    watching.cancel()
    await db.close()
    p99, most = np.quantile(waits, 0.99) * 1000, max(waits) * 1000
    print(
        f"{paper}: {len(numbers)} sheets, {len(into.getvalue()) / 1e6:.1f} MB: {wall:.1f} s, {cpu:.1f} s of CPU here; "
        f"others wait {p99:.0f} ms (p99), {most:.0f} ms at most",
        flush=True,
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--many", type=int, default=100)
    asked.add_argument("--day", type=int, default=14)
    asked.add_argument("--scale", default="district")
    given = asked.parse_args()
    from benchmarks.stage import bare, spent  # noqa: PLC0415  # brings what only benchmarks of the map need

    with bare() as (logins, postmaster):
        asyncio.run(lay(logins, given.scale, given.day))
        for paper in ("a4", "a3"):
            begun = spent(postmaster)
            asyncio.run(measure(logins, paper, given.many))
            print(f"    and {spent(postmaster) - begun:.1f} s of CPU in the server's processes")


if __name__ == "__main__":
    main()
