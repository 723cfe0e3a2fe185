"""Plays the month: the clock runs, phones record what happens and send it to the service whenever they have a line."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.demo.city import City
from app.demo.clock import Clock
from app.demo.fieldwork import Fieldwork
from app.demo.hours import DAY, DAYS, START
from app.demo.month import submission
from app.demo.phones import Phones
from app.demo.truth import sent

#: Real seconds between two looks at the clock, and between two marks from which a killed demo goes on.
LOOK, MARK = 0.1, 5.0

#: Seconds of the campaign in which nothing happens that are played; longer ones are passed over.
QUIET = 1_800.0

#: Seconds of the campaign that are recorded again where a month goes on.
AGAIN = 86_400.0

#: Tasks that may wait before the clock is stopped for the machine to catch up.
MOST_WAITING = 400

END = START + DAYS * DAY - 1


@dataclass(frozen=True)
class Told:
    """How far the month is: Unix seconds of the campaign, submissions recorded, receipts, tries lost on the line."""

    at: float
    recorded: int
    received: int
    lost: int


Tell = Callable[[Told], None]


async def play(
    city: City,
    fieldwork: Fieldwork,
    phones: Phones,
    clock: Clock,
    begin: float,
    tell: Tell,
    ended: threading.Event,
) -> bool:
    """Play from `begin` (Unix seconds) to the deadline; False where `ended` was set before. The clock stands after it.

    What was recorded in the hours before `begin` is recorded again, lest a kill has lost it: the service knows its own.
    """
    at = begin
    await clock.start(begin)
    phones.now = clock.moment
    visit = int(np.searchsorted(fieldwork.visits.captured_at, begin - AGAIN))
    sync = int(np.searchsorted(fieldwork.sync_at, begin))
    marked = asyncio.get_running_loop().time()
    while at < END - QUIET and not ended.is_set():  # the database shows a little more, but never another month
        at = min(clock.now(), END)
        visit = _record(city, fieldwork, phones, visit, at)
        sync = _sync(fieldwork, phones, sync, at)
        tell(_told(phones, at))
        coming = _next(fieldwork, visit, sync)
        if coming >= END:
            break
        if phones.backlog > MOST_WAITING:
            await _catch_up(phones, clock, ended)
        elif coming - at > QUIET:
            await _wait(phones, ended)
            await clock.start(coming - 60)
        elif asyncio.get_running_loop().time() - marked > MARK:
            await _wait(phones, ended)  # so that whatever a kill may lose was recorded after the mark of before
            await clock.start()
            marked = asyncio.get_running_loop().time()
        await asyncio.sleep(LOOK)
    done = not ended.is_set()
    await clock.stop(END if done else None)
    at = END if done else clock.now()
    _record(city, fieldwork, phones, visit, at)
    await _wait(phones)
    if done:
        await _last_syncs(fieldwork, phones)
    tell(_told(phones, at))
    return done


def _told(phones: Phones, at: float) -> Told:
    return Told(at, phones.done.recorded, phones.done.receipts.total(), phones.done.lost)


def _record(city: City, fieldwork: Fieldwork, phones: Phones, first: int, until: float) -> int:
    """Let phones record the visits from `first` up to a moment; the first visit after it."""
    after = int(np.searchsorted(fieldwork.visits.captured_at, until, side="right"))
    who = fieldwork.visits.enumerator[first:after]
    for enumerator in np.unique(who).tolist():
        theirs = (np.flatnonzero(who == enumerator) + first).tolist()
        phones.record(
            fieldwork.staff.enumerators[enumerator],
            lambda theirs=theirs: [submission(city, fieldwork, i) for i in theirs],  # type: ignore[misc]  # a default keeps this round's visits
        )
    return max(first, after)


def _sync(fieldwork: Fieldwork, phones: Phones, first: int, until: float) -> int:
    """Let phones that have a line up to a moment send; the first line after it."""
    after = int(np.searchsorted(fieldwork.sync_at, until, side="right"))
    for enumerator in np.unique(fieldwork.sync_enumerator[first:after]).tolist():
        phones.sync(fieldwork.staff.enumerators[enumerator])
    return after


def _next(fieldwork: Fieldwork, visit: int, sync: int) -> float:
    """When something happens next."""
    moments = [END]
    if visit < len(fieldwork.visits):
        moments.append(float(fieldwork.visits.captured_at[visit]))
    if sync < len(fieldwork.sync_at):
        moments.append(float(fieldwork.sync_at[sync]))
    return min(moments)


async def _catch_up(phones: Phones, clock: Clock, ended: threading.Event) -> None:
    """Stop the clock until the phones have done what they were given."""
    await clock.stop()
    await _wait(phones, ended, MOST_WAITING // 4)
    await clock.start()


async def _wait(phones: Phones, ended: threading.Event | None = None, most: int = 0) -> None:
    """Until no more than `most` tasks wait, or `ended` is set."""
    while phones.backlog > most and not (ended and ended.is_set()):
        await asyncio.sleep(LOOK)


async def _last_syncs(fieldwork: Fieldwork, phones: Phones) -> None:
    """Let each phone that had a line after its last visit send what the line lost, on a good line."""
    phones.patchy = False
    silent = set(fieldwork.visits.enumerator[~sent(fieldwork)].tolist())
    for enumerator, name in enumerate(fieldwork.staff.enumerators):
        if enumerator not in silent:
            phones.sync(name)
    await _wait(phones)
