"""Making releases in a child that dies at a named point, and the months of a town that both twins live through.

Points: those of `starter` for the transactions `freeze` and `seal` (the publisher's file is written between `seal.rows`
and `seal.before-commit`), and `draw`, one draw of noise.
"""

import asyncio
import random
from datetime import date, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import AT_WORK, Database, logins
from app.settings import Settings
from app.terminal import plain_errors, server
from geo.publish import making, noise, publisher
from tests import world
from tests.faults import starter
from tests.geo.publish.filling import Family, at, count, say

#: The twins share it; a real one is random for each release.
KEY = bytes(range(32))

#: When each release is made: the usual calendar of the tiny world.
DUE = (
    date(2022, 10, 22),
    date(2022, 10, 28),
    date(2022, 11, 3),
    date(2022, 11, 9),
    date(2022, 11, 15),
    date(2023, 5, 13),
)


def make(settings: Settings, stop: str = "") -> None:
    """`./cakupan release make --yes`, with the key that the twins share. `stop`: where to die, as in `draw:2`."""
    noise.new_key = lambda: KEY
    if stop:
        point, _, time = stop.partition(":")
        reached = starter.stop_at(point, int(time or 1))
        starter.watch(reached)
        noise.draw = _noticed(noise.draw, reached)
    with plain_errors(), server(settings) as owner:
        asyncio.run(_make(Database(logins(settings, owner), 2, AT_WORK), settings))


def _noticed(draw: Any, reached: starter.Reached) -> Any:
    def noticed(*words: Any) -> int:
        reached("draw")
        return int(draw(*words))

    return noticed


async def _make(db: Database, settings: Settings) -> None:
    try:
        done = await making.make(db.worker, publisher.file_of(settings.home, settings.database))
        print(f"sealed {done.release} {done.digest.hex()}", flush=True)  # noqa: T201 -- what the test reads
    finally:
        await db.close()


async def live(db: AsyncConnection, release: int, seed: int) -> None:
    """What happens before release number `release` is made: families counted, corrected, moved, lost, and judged."""
    chance = random.Random(f"{seed}/{release}")  # noqa: S311 -- luck, not secrecy
    first = 200 * release
    busy = chance.sample(world.BLOCKS, 3)
    new = [
        Family(f"F-{first + n}", busy[n % 3], chance.choice([None, 1, 2, 3])) for n in range(chance.randint(70, 110))
    ]
    old = [f"F-{200 * before + n}" for before in range(1, release) for n in range(0, 70, chance.randint(3, 9))]
    changed = [
        Family(name, chance.choice(world.BLOCKS), chance.choice([None, 1, 3]), release + 1,
               chance.choice(["completed", "completed", "not_found"]))
        for name in old
    ]  # fmt: skip
    await count(db, [*new, *changed])
    dated = DUE[release - 1] - timedelta(days=1)
    await say(db, "field_status", {one.name: chance.randint(1, 3) for one in new[::4]}, dated)
    await say(db, "consultation", {one.name: chance.randint(1, 4) for one in new[::2]}, dated)


async def day(db: AsyncConnection, release: int, late: int = 0) -> None:
    """Let it be the day on which a release is due, or some days after."""
    await at(db, DUE[release - 1] + timedelta(days=late))
