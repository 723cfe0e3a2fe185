"""kill -9 of `release make` at every point, twenty times: the same bytes as where nobody was killed.

Between a kill and the next run households and ledger change; what was frozen is released. `CAKUPAN_SEED` replays a run.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database, Logins
from geo.publish import making, noise, publisher
from tests.faults import releasing, starter
from tests.faults.releasing import DUE
from tests.faults.stage import BACK, Stage, plain

#: In the order in which a run passes them.
POINTS = ("freeze.rows", "freeze.before-commit", "freeze.after-commit", "draw", "seal.rows", "seal.before-commit",
          "seal.after-commit")  # fmt: skip

#: Kills of each release; of the first one at every point.
KILLS = (7, 3, 3, 3, 2, 2)


@dataclass
class Killed:
    """A database in which releases are made by children that are killed."""

    stage: Stage
    logins: Logins
    said: Path

    def run(self, stop: str = "") -> int | None:
        """Make a release in a child; how it ended."""
        database = str(make_url(self.logins.owner).database)
        child = starter.child(releasing.make, self.said, {"home": self.stage.home, "database": database}, stop)
        child.join(BACK)
        return child.exitcode

    def has(self, table: str) -> int:
        with psycopg.connect(plain(self.logins.owner)) as db:
            row = db.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            return int(row[0]) if row else 0


def work(logins: Logins, *tasks: Callable[[AsyncConnection], Awaitable[Any]]) -> list[Any]:
    """Do these in one transaction of the worker each."""

    async def at_once() -> list[Any]:
        db = Database(logins, 1)
        found = []
        for task in tasks:
            async with db.worker.begin() as connection:
                found.append(await task(connection))
        await db.close()
        return found

    return asyncio.run(at_once())


def made(logins: Logins, path: Path) -> bytes:
    """Make a release here and now; its digest."""

    async def at_once() -> bytes:
        db = Database(logins, 2)
        done = await making.make(db.worker, path)
        await db.close()
        return done.digest

    return asyncio.run(at_once())


def test_twenty_kills_change_no_byte(stage: Stage, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "new_key", lambda: releasing.KEY)
    chance = random.Random(seed)  # noqa: S311 -- luck, not secrecy
    with stage.world() as left, stage.world() as right:
        killed = Killed(stage, left, tmp_path / "said")
        lived = 0
        for release, kills in enumerate(KILLS, 1):
            history = f"CAKUPAN_SEED={seed}, release {release}"
            if lived < release:
                work(left, lambda db, n=release: releasing.live(db, n, seed))
                lived = release
            work(left, lambda db, n=release: releasing.day(db, n))
            work(right, lambda db, n=release: releasing.live(db, n, seed), lambda db, n=release: releasing.day(db, n))
            wanted = made(right, tmp_path / "twin.json")
            for point in sorted(chance.sample(POINTS, kills), key=POINTS.index):
                stop = f"{point}:{chance.randint(1, 3)}" if point == "draw" else f"{point}:1"
                history += f", {stop}"
                assert killed.run(stop) == -signal.SIGKILL, f"{history}\n{killed.said.read_text()[-2000:]}"
                frozen = POINTS.index("freeze.after-commit") <= POINTS.index(point) < POINTS.index("seal.after-commit")
                assert killed.has("welfare.making") == frozen, history
                assert killed.has("release.release") == release - (point != "seal.after-commit"), history
                if frozen and lived == release < len(DUE):  # what comes too late is for the next one
                    work(left, lambda db, n=release + 1: releasing.live(db, n, seed))
                    work(left, lambda db, n=release: releasing.day(db, n, late=chance.randint(0, 3)))
                    lived += 1
            if killed.has("release.release") < release:
                assert killed.run() == 0, f"{history}\n{killed.said.read_text()[-2000:]}"
            found = work(left, making.sealed)[0]
            assert [one.digest for one in found[release - 1 :]] == [wanted], history
        path = publisher.file_of(stage.home, str(make_url(left.owner).database))
        verdict = work(left, lambda db: making.verify(db, path))[0]
        assert (verdict.faults, verdict.compared, len(verdict.releases)) == ((), True, 6)
        for table in ("welfare.making", "welfare.frozen", "welfare.frozen_leaf"):
            assert killed.has(table) == 0
