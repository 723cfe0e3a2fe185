"""What row-level security costs: each statement that reads single households, with the policy and without.

    PYTHONPATH=. .venv/bin/python benchmarks/rights.py

Makes a private server in a folder of its own that is removed afterwards, with the province of `tests/province.py`: two
million households in 14,000 blocks. Every statement is the one that the service sends, caught on its way. It runs as
the internal login, where the policy decides and the caller's scope is derived in the database, and as the worker, where
the same statement's own ranges are all there is. Both must give the same rows before anything is timed.

Measured is the CPU time of the server's process (from /proc), not the wall's. The sides take turns (A B B A); told are
medians over the rounds, and the median of the paired ratios with its quartiles.
"""

import argparse
import asyncio
import math
import shutil
import statistics
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

import migrations
from app import embedded
from app.database import Database, Logins
from app.home import secrets_of
from geo.ground import campaign
from geo.ground.areas import load_tree
from geo.intake import batch, quarantine
from geo.scope import LAST, Scope
from geo.trust import accounts
from geo.trust.grants import Grant
from geo.watch import households
from geo.watch import live as mirror
from geo.watch.households import Question
from geo.watch.live import Snapshot
from tests import province
from tests.conftest import logins_of
from tests.plans import Sent, sent_on
from tiles import geometry

VILLAGE, DISTRICT = province.village(333), province.district(16)
Ask = Callable[[AsyncConnection, Scope], Coroutine[Any, Any, Any]]


def main() -> None:
    """Set up, measure, print, take down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--repeat", type=int, default=10, help="executions in one turn")
    parser.add_argument("--households", type=int, default=province.HOUSEHOLDS)
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="cakupan-rights-", dir="/var/tmp"))
    home.chmod(0o755)
    try:
        with embedded.running(home, report=lambda _: None) as owner:
            kept = secrets_of(home)
            passwords = {"worker": kept.worker, "internal": kept.internal, "release": kept.release}
            migrations.upgrade(owner, passwords)
            logins = logins_of(owner, passwords)
            asyncio.run(province.build(logins, given.households))
            asyncio.run(measured(logins, given.rounds, given.repeat))
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def measured(logins: Logins, rounds: int, repeat: int) -> None:
    db = Database(logins, 1)
    of = {"supervisor": VILLAGE, "coordinator": DISTRICT, "admin": None}
    scopes = {}
    async with db.worker.begin() as connection:
        for role, place in of.items():
            made = await accounts.create(connection, role, Grant(role, (place.level, place.code) if place else None))
            scopes[role] = Scope(made, role, role, ((place.first, place.last),) if place else ((0, LAST),))
        of_now = await campaign.load(connection)
        live = await mirror.load(connection, of_now, await load_tree(connection, of_now))
        one = text("SELECT submission_id FROM intake.submission WHERE number BETWEEN :first AND :last LIMIT 1")
        receipt = (await connection.execute(one, {"first": VILLAGE.first, "last": VILLAGE.last})).scalar_one()
    print(f"{'statement':24}{'who':14}{'rows':>7}{'with, ms':>11}{'without':>10}{'ratio':>8}  quartiles")
    for name, ask in asks(live, receipt).items():
        for who, scope in scopes.items():
            await compared(db, name, who, scope, ask, rounds, repeat)
    await db.close()


def asks(live: Snapshot, receipt: Any) -> dict[str, Ask]:
    """What is asked, by name."""
    west, south, *_ = VILLAGE.box
    z, box = 15, (west + 0.002, south + 0.0005, west + 0.012, south + 0.0035)
    x = int((west + 0.006 + 180) / 360 * 2**z)
    y = int((1 - math.asinh(math.tan(math.radians(south + 0.002))) / math.pi) / 2 * 2**z)

    def listing(**of: Any) -> Ask:
        return lambda db, scope: households.listing(db, live, scope, Question(**of))

    return {
        "list, first page": listing(),
        "list, next page": listing(after=f"n{VILLAGE.first + 7}~8"),
        "list, 10,000 rows": listing(limit=10_000),
        "list, in a small box": listing(box=box, limit=1000),
        "list, one result": listing(results=("refused",)),
        "tile of households": lambda db, scope: geometry.households(db, scope, z, x, y),
        "rows held back": lambda db, scope: quarantine.listing(db, scope, quarantine.Question()),
        "receipt": lambda db, _: batch.receipt(db, receipt),
    }


async def compared(db: Database, name: str, who: str, scope: Scope, ask: Ask, rounds: int, repeat: int) -> None:
    """One line of the table."""
    async with db.as_actor(scope.actor) as connection:
        with sent_on(db.internal) as sent:
            await ask(connection, scope)
        await connection.rollback()
    settings = [one for one in sent if "set_config" in one.statement]
    reads = [one for one in sent if "FROM intake." in one.statement]
    async with db.as_actor(scope.actor) as internal, db.worker.begin() as worker:
        sides = [await driver_of(internal), await driver_of(worker)]
        for driver in sides:
            for one in settings:
                await driver.execute(one.statement, one.parameters)
        first = [await rows(driver, reads) for driver in sides]
        assert first[0] == first[1], f"{name}: other rows as {who}"
        took: list[list[float]] = [[], []]
        for _ in range(rounds):
            turn = [0.0, 0.0]
            for side in (0, 1, 1, 0):
                turn[side] += await cpu(sides[side], reads, repeat) / 2
            for side in (0, 1):
                took[side].append(turn[side])
        await internal.rollback()
    ratios = [a / b for a, b in zip(*took, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    a, b = (statistics.median(side) * 1000 for side in took)
    many = len(first[0][-1])
    print(f"{name:24}{who:14}{many:>7}{a:>11.2f}{b:>10.2f}{middle:>8.2f}  {low:.2f}–{high:.2f}", flush=True)


async def driver_of(connection: AsyncConnection) -> psycopg.AsyncConnection[Any]:
    raw = await connection.get_raw_connection()
    driver: psycopg.AsyncConnection[Any] = raw.driver_connection  # type: ignore[assignment]  # the driver's own connection, which SQLAlchemy types as any
    return driver


async def rows(driver: psycopg.AsyncConnection[Any], reads: list[Sent]) -> list[list[Any]]:
    return [await (await driver.execute(one.statement, one.parameters)).fetchall() for one in reads]


async def cpu(driver: psycopg.AsyncConnection[Any], reads: list[Sent], repeat: int) -> float:
    """Seconds of the server's process for one execution of the statements."""
    seen = Path(f"/proc/{driver.info.backend_pid}/schedstat")  # its first number: nanoseconds on a processor
    before = int(seen.read_text().split()[0])
    for _ in range(repeat):
        await rows(driver, reads)
    return (int(seen.read_text().split()[0]) - before) / 1e9 / repeat


if __name__ == "__main__":
    main()
