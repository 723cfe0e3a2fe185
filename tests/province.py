"""A plain province of 14,000 blocks and two million households, for what depends on size.

Made by the database itself in about a minute. Households come as devices send them, a few of one block at a time, so
that those of a block lie scattered over the table.

```
province (number 1)    5 regencies    35 districts    700 villages in rows of 20 blocks    14,000 blocks of 440 m
```
"""

from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np
from sqlalchemy import create_engine

from app.database import Database, Logins
from geo import queries
from geo.ground import campaign, cells
from geo.ground.areas import copy_arrays

SQL = queries.load(__file__)

EDITION = "2022_2"
HOUSEHOLDS = 2_000_000

#: Degrees; blocks in a row from west to east.
WEST, SOUTH, SIDE, WIDE = 117.0, -1.2, 0.004, 140
BLOCKS = 14_000


class Place(NamedTuple):
    """An area: level and code, its numbers, and the box around its blocks (west, south, east, north, degrees)."""

    level: str
    code: str
    first: int
    last: int
    box: tuple[float, float, float, float]


def village(place: int) -> Place:
    """One of the 700 villages."""
    regency, inside = divmod(place, 140)
    first = 4 + regency * 2948 + inside // 20 * 421 + inside % 20 * 21
    row, column = divmod(place * 20, WIDE)
    west, south = WEST + column * SIDE, SOUTH + row * SIDE
    return Place("village", f"V{place:03d}", first, first + 20, (west, south, west + 20 * SIDE, south + SIDE))


def district(place: int) -> Place:
    """One of the 35 districts."""
    boxes = np.array([village(place * 20 + n).box for n in range(20)])
    west, south, east, north = *boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()
    first = village(place * 20).first - 1
    return Place("district", f"D{place:02d}", first, first + 420, (west, south, east, north))


async def build(logins: Logins, households: int = HOUSEHOLDS) -> None:
    """Areas, campaign, households, some submissions and rows held back, in a migrated database without areas.

    Indexes of the households are made anew afterwards, which is faster; then everything is analysed.
    """
    owner = create_engine(logins.owner, isolation_level="AUTOCOMMIT")
    with owner.connect() as as_owner:
        indexes = as_owner.execute(SQL["indexes"]).all()
        for index in indexes:
            as_owner.exec_driver_sql(index.dropped)
        await _fill(logins, households)
        as_owner.exec_driver_sql("SET maintenance_work_mem = '256MB'")
        for index in indexes:
            as_owner.exec_driver_sql(index.made)
        as_owner.exec_driver_sql("ANALYZE")
    owner.dispose()


async def _fill(logins: Logins, households: int) -> None:
    db = Database(logins, 1)
    async with db.worker.begin() as connection:
        await connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        of = {"edition_id": (await connection.execute(SQL["edition"], {"code": EDITION})).scalar_one()}
        await connection.execute(SQL["areas"], of | {"west": WEST, "south": SOUTH})
        dates = {"starts_on": date(2022, 10, 15), "ends_on": date(2022, 11, 14)}
        clock = {"time_zone": "Asia/Makassar", "simulated": True, "clock": datetime(2022, 11, 10, 9, 0, tzinfo=UTC)}
        await campaign.save(connection, {"name": "province", "edition": EDITION, **dates, **clock})
        place = np.arange(BLOCKS)
        x, y = WEST + (place % WIDE + 0.5) * SIDE, SOUTH + (place // WIDE + 0.5) * SIDE
        least, _ = cells.children_ranges(cells.index(x, y, cells.TALLY), cells.HOUSEHOLD)
        await connection.execute(SQL["spot"])
        await copy_arrays(connection, "spot", {"place": place.astype(np.int32), "cell": least})
        await connection.execute(SQL["households"], of | {"households": households})
        await connection.execute(SQL["tallies"])
        await connection.execute(SQL["epoch"])
        await connection.execute(SQL["submissions"], {"submissions": households // 10})
        await connection.execute(SQL["quarantine"], {"held": households // 20})
    await db.close()
