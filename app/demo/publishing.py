"""What the demo publishes: its sites, each release when its day comes, while the month plays, and the final table.

Nothing here is different from what an operator does by `./cakupan sites import`, `release make` and `welfare import`.
Each release is made in a thread of its own, so that the month goes on meanwhile; one that a kill interrupted is found
begun and sealed with the same bytes by the next start.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from app.database import AT_WORK, Database, Logins
from app.demo import stage, welfare_files
from geo.errors import CakupanError, Refused
from geo.ground import campaign
from geo.ground.areas import load_ground
from geo.publish import making, site_files, sites, terms
from geo.publish.files import Reading, Summary, import_file
from geo.publish.making import Sealed
from geo.publish.terms import Slot
from geo.scope import OPERATOR

#: Real seconds between two looks at the clock.
LOOK = 0.3

#: Real seconds that the clock may run while a release is begun.
HASTE = 5.0

#: What the office gets after the month, by scale. Field status came from the door.
OFFICE = {"consultation": welfare_files.CONSULTATION, "rank": welfare_files.SCORES}

Say = Callable[[str], None]


class Stopped(Exception):
    """Ctrl-C came between two chunks of an import."""


@dataclass(frozen=True)
class Press:
    """Where releases are made: the logins of the database, the file by which it is known as the publisher.

    `files` is the folder with the office's list of sites, and with what it got of the consultation.
    """

    logins: Logins
    word: Path
    files: Path


async def furnish(press: Press, say: Say) -> bool:
    """Bring in the office's list of sites, if nobody has brought any yet: what was put right since stays as it is.

    Whether nothing went wrong. Some rows are refused and some doubted, as it should be.
    """
    try:
        if await _known(press):
            return True
        found = await bring_sites(press)
    except CakupanError as error:
        say(f"no sites were brought in: {error}")
        return False
    counts = found.outcome.counts
    kept = len(found.outcome.receipts) - counts["refused"]
    say(f"{welfare_files.SITES_TABLE}: {kept:,} sites are in the list, {counts['doubtful']:,} of them doubtful, "
        f"{counts['refused']:,} refused: see /sites, and /programmes after the first release")  # fmt: skip
    return True


async def bring_sites(press: Press) -> site_files.Summary:
    """Bring the office's list of sites in, all in one version. What comes in again changes nothing."""
    db = Database(press.logins, 2, AT_WORK)
    try:
        async with db.worker.begin() as connection:
            ground = await load_ground(connection)
        path = press.files / welfare_files.SITES_TABLE
        return await site_files.import_file(db.worker, ground, OPERATOR, path, site_files.Reading(), site_files.Rules())
    finally:
        await db.close()


async def _known(press: Press) -> bool:
    """Whether anybody has brought sites in yet."""
    db = Database(press.logins, 1, AT_WORK)
    try:
        async with db.worker.connect() as connection:
            return (await sites.current(connection)).version > 0
    finally:
        await db.close()


async def follow(press: Press, reached: Callable[[], float], ended: threading.Event, say: Say) -> bool:
    """Make each release of the field table once the month has `reached` its day, until all are made or `ended` is set.

    `reached` is how far it was played, Unix seconds: the clock itself may run ahead of a slow machine. Whether nothing
    went wrong; what did is said, and keeps no month from going on.
    """
    try:
        slots, zone, last = await _planned(press)
        for slot in slots:
            due = datetime.combine(slot.due, time.min, zone).timestamp()
            while slot.release > last and not ended.is_set():  # one that took long may have a later one made instead
                made = await _tried(press) if reached() >= due else None
                if made is None:
                    await asyncio.sleep(LOOK)
                    continue
                last = made.release
                say(f"release {last} is out, as of {made.as_of.astimezone(zone):%d %B %H:%M}: see /releases")
    except CakupanError as error:
        say(f"no release was made: {error}")
        return False
    return True


async def _tried(press: Press) -> Sealed | None:
    """The release that is due, made; None where none is, or not yet: the month sets its clock back now and then."""
    try:
        return await asyncio.to_thread(_made, press)
    except Refused as early:
        if early.code != "not-due":
            raise
        return None


async def _planned(press: Press) -> tuple[list[Slot], ZoneInfo, int]:
    """Releases of the field table within the month, the time zone of their days, and the last one that was sealed."""
    db = Database(press.logins, 1, AT_WORK)
    try:
        async with db.worker.begin() as connection:
            fixed = await terms.ready(connection)
            done = await making.sealed(connection)
    finally:
        await db.close()
    slots = [slot for slot in fixed.calendar if slot.kind == "field" and slot.due <= stage.ENDS_ON]
    return slots, ZoneInfo(fixed.time_zone), max((one.release for one in done), default=0)


def _made(press: Press) -> Sealed | None:
    """Make what is due, in a thread of its own.

    None while the clock runs and the month is nearly over: it runs on into the next day before it is stopped, and the
    final table would be made before there is a consultation.
    """

    async def work() -> Sealed | None:
        db = Database(press.logins, 2, AT_WORK)
        try:
            async with db.worker.begin() as connection:
                shown = await campaign.load(connection)
            soon = shown.now() + timedelta(seconds=HASTE * shown.clock_speed)
            if shown.clock_speed and soon.astimezone(shown.zone).date() > shown.ends_on:
                return None
            return await making.make(db.worker, press.word)
        finally:
            await db.close()

    return asyncio.run(work())


async def conclude(press: Press, ended: threading.Event, say: Say) -> bool:
    """After the month: what the consultation and the ranking found comes in, and the final table is made.

    Whether nothing went wrong. What comes in again is a duplicate, so that a start after a kill does it all once more.
    """
    try:
        for scale, name in OFFICE.items():
            found = await asyncio.to_thread(_imported, press, scale, name, ended)
            held = found.counts["held"] + found.counts["conflict"]
            say(f"{name}: {found.rows - held:,} rows are in the ledger, {held:,} held back")
        made = await _tried(press)
    except Stopped:
        return True
    except CakupanError as error:
        say(f"no final table was made: {error}")
        return False
    if made:
        say(f"release {made.release}, the {made.kind} table, is out: see /releases")
    return True


def _imported(press: Press, scale: str, name: str, ended: threading.Event) -> Summary:
    """Bring one scale into the ledger, in a thread of its own. Raises Stopped once `ended` is set."""

    def look(_done: int, _all: int | None) -> None:
        if ended.is_set():
            raise Stopped

    async def work() -> Summary:
        db = Database(press.logins, 2, AT_WORK)
        try:
            async with db.worker.begin() as connection:
                ground = await load_ground(connection)
            reading = Reading(scale, stage.day(stage.FINAL_DAY))
            return await import_file(db.worker, ground, OPERATOR, press.files / name, reading, progress=look)
        finally:
            await db.close()

    return asyncio.run(work())
