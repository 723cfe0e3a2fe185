"""What is known of the devices in the field, by block: so that a phone without a line is not taken for a blank block.

A block from which nothing has arrived is either truly unvisited or was visited and waits on a phone. The device of the
one who is assigned there tells: it sends what it has, and says between uploads how much waits (heartbeats). Like the
mirror this sees everything and answers nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import monotonic

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.ground.areas import Tree
from geo.ground.campaign import Campaign

SQL = queries.load(__file__)

#: Hours of the campaign's clock without a word from a device after which nothing is known of what waits on it. Some
#: send every second evening only; of 12, 24, 36 and 48 this told most blocks right (`benchmarks/silence.py`).
QUIET_HOURS = 48.0

Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Staff:
    """Who works where: of each number places in `enumerators` and `supervisors`, −1 where nobody is assigned.

    `since` is when the assignment began, in seconds since 1970.
    """

    digest: str
    enumerators: Sequence[str]
    supervisors: Sequence[str]
    who: NDArray[np.int32]
    led: NDArray[np.int32]
    since: Seconds


@dataclass(frozen=True)
class News:
    """What is known of the devices at one moment; arrays by number.

    `heard`: when the device of the enumerator of a block was last heard of, seconds since 1970, NaN for never.
    `queued`: what it says waits there in all, −1 where it says nothing. `waiting`: of those, for this block; all of
    them where it does not say. `silent`: whether something may wait there that has not arrived. `flipped` is when, by
    this process's own clock, that last changed; `at` is when it was looked at.
    """

    staff: Staff
    heard: Seconds
    queued: NDArray[np.int32]
    waiting: NDArray[np.int32]
    silent: NDArray[np.bool_]
    flipped: Seconds = field(repr=False)
    at: float = field(default_factory=monotonic)

    @cached_property
    def latest(self) -> float:
        """When any block last fell silent or no longer was; −∞ for never."""
        return float(self.flipped.max(initial=-np.inf))

    def enumerator(self, number: int) -> str | None:
        """Who works in a block."""
        return _named(self.staff.enumerators, self.staff.who, number)

    def supervisor(self, number: int) -> str | None:
        """Who leads that one."""
        return _named(self.staff.supervisors, self.staff.led, number)

    def reason(self, number: int) -> str:
        """Why a block from which nothing has arrived is silent, or that it is not."""
        if self.staff.who[number] < 0:
            return "nobody_assigned"
        if not self.silent[number]:
            return "nobody_yet"
        if np.isnan(self.heard[number]):
            return "device_never"
        return "unsynced" if self.waiting[number] > 0 else "device_quiet"


def none(numbers: int) -> News:
    """No news of so many numbers: nobody is assigned."""
    nobody, never = np.full(numbers, -1, dtype=np.int32), np.full(numbers, np.nan)
    staff = Staff("", (), (), nobody, nobody, never)
    return News(
        staff, never, nobody, np.zeros(numbers, np.int32), np.zeros(numbers, np.bool_), np.full(numbers, -np.inf)
    )


async def load(db: AsyncConnection, campaign: Campaign, tree: Tree, last_at: Seconds, before: News) -> News:
    """The news of now, by the campaign's clock. `last_at` is when something last arrived from each number.

    `before` is the news so far, whose assignments are kept where they have not changed.
    """
    staff = await _staff(db, campaign, tree, before.staff)
    # What arrived from a block is a word from the device of the one who works there.
    heard = np.full(len(staff.enumerators) + 1, np.nan)  # the last is nobody's: −1
    np.fmax.at(heard, staff.who, last_at)
    queued = np.full(len(heard), -1, dtype=np.int32)
    waiting = np.zeros(len(tree), dtype=np.int32)
    places = {name: place for place, name in enumerate(staff.enumerators)}
    unsaid: list[int] = []
    for row in await db.execute(SQL["devices"]):
        place = places.get(row.name)
        if place is None:
            continue
        if row.heard < heard[place]:
            continue  # something has arrived since: what waited then need not wait any more
        heard[place] = row.heard
        queued[place] = min(row.queued, np.iinfo(np.int32).max)
        if row.blocks is None:
            unsaid.append(place)
            continue
        for code, count in (pair for device in row.blocks for pair in device.items()):
            for number in tree.by_code.get(code, ()):
                waiting[number] += count
    heard[-1], queued[-1] = np.nan, -1
    vague = np.isin(staff.who, unsaid)
    waiting[vague] = queued[staff.who[vague]]
    now = campaign.now().timestamp()
    of_block = heard[staff.who]
    last_word = np.where(of_block >= staff.since, of_block, np.nan)
    silent = (staff.who >= 0) & (np.isnan(last_word) | (now - last_word > QUIET_HOURS * 3600) | (waiting > 0))
    flipped = np.where(silent != before.silent, monotonic(), before.flipped)
    return News(staff, last_word, queued[staff.who], waiting, silent, flipped)


async def _staff(db: AsyncConnection, campaign: Campaign, tree: Tree, before: Staff) -> Staff:
    """Who works where; `before` where nothing has changed."""
    of = {"edition_id": campaign.edition_id}
    digest = f"{campaign.digest} {await db.scalar(SQL['digest'], of)}"
    if digest == before.digest:
        return before
    found = none(len(tree)).staff
    who, led, since = found.who.copy(), found.led.copy(), found.since.copy()
    enumerators: dict[str, int] = {}
    supervisors: dict[str, int] = {}
    for row in await db.execute(SQL["assignments"], of | {"zone": campaign.time_zone}):
        who[row.number] = enumerators.setdefault(row.enumerator, len(enumerators))
        since[row.number] = row.starts
        if row.supervisor:
            led[row.number] = supervisors.setdefault(row.supervisor, len(supervisors))
    return replace(
        found,
        digest=digest,
        enumerators=list(enumerators),
        supervisors=list(supervisors),
        who=who,
        led=led,
        since=since,
    )


def _named(names: Sequence[str], places: NDArray[np.int32], number: int) -> str | None:
    place = int(places[number])
    return names[place] if place >= 0 else None
