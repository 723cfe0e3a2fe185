"""The ordinary month: every enumerator walks from door to door, comes back, corrects, and meets what one meets.

One walk is a plain loop over the clock of one enumerator with its own random numbers, so that what happens to one
never changes what happens to another.
"""

import heapq
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo.city import City
from app.demo.fieldwork import Prelist, Staff
from app.demo.hours import DAY, HOUR, Sessions
from app.demo.people import Found
from app.demo.plane import Plane
from app.demo.rates import Ordinary
from geo.schema import RESULTS

COMPLETED, PARTIAL, NOT_MET, REFUSED, NOT_FOUND = (
    RESULTS.index(name) for name in ("completed", "partial", "not_met", "refused", "not_found")
)

#: Minutes at the door: an interview, a callback of a partial one, nobody there, a refusal, asking about somebody gone.
INTERVIEW, REST, NOBODY, NO, ASKING, CORRECTING = 19.0, 9.0, 2.0, 4.0, 5.0, 2.0
SLOW_AT_FIRST, LEARNT = 0.4, 4.0  # interviews take so much longer on the first day; days until a third of it is left
WALK, RIDE, DOOR = 1.1, 6.0, 40.0  # metres a second on foot and by motorbike, seconds from gate to door
FAR = 400.0  # metres from which one rides

#: Callbacks: at least four hours later, three visits in all (Regsosek's rule).
BETWEEN = 4.25 * HOUR
MOST_VISITS = 3
APPOINTMENT = {PARTIAL: 0.7, NOT_MET: 0.4, REFUSED: 0.3}
STILL_ABSENT, STILL_REFUSING, STILL_PARTIAL = 0.38, 0.5, 0.12
GATED_STILL = 1.3  # how much worse the second visit goes behind a gate
CLOSED_GATE = 0.5  # gated blocks whose guard lets nobody in at first
AT_THE_GATE = 4  # families that the enumerator asks for before giving up

#: What a correction changes: result, point or declared block.
RESULT, POINT, BLOCK = 0.15, 0.55, 0.30
CORRECTED_AFTER = 2.5  # days, at most


@dataclass(frozen=True)
class Stops:
    """Doors to knock at (N,), by enumerator and in walking order.

    `entry`: place in the prelist, −1 where the list lacks the family. `x`, `y`: metres on the plane.
    """

    enumerator: NDArray[np.int32]
    entry: NDArray[np.int32]
    family: NDArray[np.int32]
    block: NDArray[np.int32]
    gone: NDArray[np.int8]
    x: NDArray[np.float64]
    y: NDArray[np.float64]

    def take(self, order: NDArray[np.intp]) -> "Stops":
        """Some of them, in this order."""
        return Stops(**{name: getattr(self, name)[order] for name in self.__dataclass_fields__})


def stops(city: City, plane: Plane, entries: Prelist, found: Found, staff: Staff, early: set[int]) -> Stops:
    """Every door of the month. Enumerators begin with their block of `early`, if any; others where they like.

    A family is visited where it lives, wherever it is listed; an entry without a house where its neighbours are.
    """
    families, houses = city.families, city.buildings
    new = np.flatnonzero(found.found & ~found.listed).astype(np.int32)
    family = np.concatenate([entries.family, new])
    block = np.concatenate([entries.block, families.block[new]])
    block = np.where(family >= 0, families.block[family], block).astype(np.int32)
    first = np.searchsorted(families.block, block).clip(max=len(families) - 1)
    at_home, house = families.building[first], np.concatenate([entries.building, families.building[new]])
    house = np.where(house < 0, at_home, house)
    x, y = plane.metres(
        np.where(family >= 0, families.lon[family], houses.lon[house]),
        np.where(family >= 0, families.lat[family], houses.lat[house]),
    )
    every = Stops(
        enumerator=staff.enumerator[block],
        entry=np.concatenate([np.arange(len(entries.block)), np.full(len(new), -1)]).astype(np.int32),
        family=family.astype(np.int32),
        block=block,
        gone=np.concatenate([entries.gone, np.full(len(new), -1)]).astype(np.int8),
        x=x,
        y=y,
    )
    return every.take(_route(city, plane, every, early))


def _route(city: City, plane: Plane, every: Stops, early: set[int]) -> NDArray[np.intp]:
    """The order of walking: block after neighbouring block, in each from house to the nearest next."""
    centre = shapely.centroid(city.blocks.outline)
    cx, cy = plane.metres(shapely.get_x(centre), shapely.get_y(centre))
    by_block = np.argsort(every.block, kind="stable")
    bounds = np.searchsorted(every.block[by_block], np.arange(len(city.blocks) + 1))
    owner = np.full(len(city.blocks), -1, dtype=np.int64)
    owner[every.block] = every.enumerator
    order: list[NDArray[np.intp]] = []
    people = np.argsort(owner, kind="stable")
    for blocks in np.split(people, np.flatnonzero(np.diff(owner[people])) + 1):
        if owner[blocks[0]] < 0:
            continue
        start = next((i for i, b in enumerate(blocks.tolist()) if b in early), 0)
        for b in blocks[nearest_next(cx[blocks], cy[blocks], start)]:
            here = by_block[bounds[b] : bounds[b + 1]]
            x, y = every.x[here], every.y[here]
            order.append(here[nearest_next(x, y, int(np.argmin(x + y)))])
    return np.concatenate(order)


def nearest_next(x: NDArray[np.float64], y: NDArray[np.float64], start: int) -> NDArray[np.intp]:
    """A walk over all places: from each to the nearest not yet seen."""
    away = (x[:, None] - x[None, :]) ** 2 + (y[:, None] - y[None, :]) ** 2
    walk = np.empty(len(x), dtype=np.intp)
    at = start
    for step in range(len(x)):
        walk[step] = at
        away[:, at] = np.inf
        at = int(away[at].argmin())
    return walk


#: A visit: stop, captured at, minutes, block, result, visit, revisit at, and how the point is read: 0 like any other,
#: 1 poorly, −1 the point of the same stop before.
Seen = tuple[int, float, float, int, int, int, float, int]


@dataclass
class Walk:
    """One enumerator on the way: where and when it is, and whom it has still to see again."""

    stops: Stops
    sessions: Sessions
    gated: list[bool]
    ordinary: Ordinary
    rng: np.random.Generator
    others: list[int]
    begun: float

    def __post_init__(self) -> None:
        """Everything drawn at once: numbers drawn one by one would take most of the time."""
        count = len(self.stops.block)
        self.x, self.y = self.stops.x.tolist(), self.stops.y.tolist()
        self.block, self.gone = self.stops.block.tolist(), self.stops.gone.tolist()
        self.luck = self.rng.random((count, MOST_VISITS)).tolist()
        self.length = np.exp(self.rng.normal(0, 0.25, (count, MOST_VISITS))).tolist()
        self.later = self.rng.random((count, MOST_VISITS, 2)).tolist()
        self.wrong = self.rng.random((count, 4)).tolist()
        self.gate = {b for b in dict.fromkeys(self.block) if self.rng.random() < CLOSED_GATE}
        self.now, self.at, self.session = self.begun, (self.x[0], self.y[0]), 0
        self.due: list[tuple[float, int, int]] = []
        self.results: dict[int, int] = {}
        self.seen: list[Seen] = []

    def month(self) -> list[Seen]:
        """All visits, in the order of the clock."""
        firsts, count = 0, len(self.x)
        after: dict[int, float] = {}
        put_off: list[int] = []
        asked: dict[int, int] = {}
        while self.session < len(self.sessions.start):
            self.now = max(self.now, self.sessions.start[self.session])
            if self.now >= self.sessions.end[self.session]:
                self.session += 1
            elif self.due and self.due[0][0] <= self.now:
                _, stop, visit = heapq.heappop(self.due)
                self._correct(stop, visit) if visit > MOST_VISITS else self._knock(stop, visit)
            elif put_off and after[self.block[put_off[0]]] <= self.now:
                self._knock(put_off.pop(0), 1)
            elif firsts < count:
                b = self.block[firsts]
                closed = self.gated[firsts] and b in self.gate
                if closed and asked.get(b, 0) >= AT_THE_GATE:
                    put_off.append(firsts)
                    after.setdefault(b, self.now + (1.5 + 4 * self.luck[firsts][2]) * DAY)
                elif closed:
                    asked[b] = asked.get(b, 0) + 1
                    self._knock(firsts, 1, refused=True)
                else:
                    self._knock(firsts, 1)
                firsts += 1
            else:
                waiting = [self.due[0][0]] if self.due else []
                waiting += [after[self.block[put_off[0]]]] if put_off else []
                if not waiting:
                    break
                self.now = min(waiting)
        return self.seen

    def _knock(self, stop: int, visit: int, refused: bool = False) -> None:
        """One visit: the way there, who is met, and when to come again."""
        before = self.results.get(stop, -1)
        result = REFUSED if refused else self._result(stop, visit, before)
        base = {COMPLETED: INTERVIEW, PARTIAL: 0.6 * INTERVIEW, NOT_MET: NOBODY, REFUSED: NO}.get(result, ASKING)
        if before == PARTIAL and result == COMPLETED:
            base = REST
        if result in (COMPLETED, PARTIAL):
            base *= 1 + SLOW_AT_FIRST * 2.718 ** (-(self.now - self.begun) / DAY / LEARNT)
        self._go(stop)
        spent = int(base * self.length[stop][visit - 1] * 60) + 20
        self.now += spent
        revisit = self._come_again(stop, visit, result)
        block, how = self.block[stop], 0
        if result == COMPLETED and self.wrong[stop][0] < self.ordinary.corrected:
            block, how = self._mistake(stop)
            delay = 0.5 * HOUR + self.wrong[stop][3] * CORRECTED_AFTER * DAY
            heapq.heappush(self.due, (self.now + delay, stop, MOST_VISITS + visit))
        self.results[stop] = result
        self.seen.append((stop, self.now, spent / 60, block, result, visit, revisit, how))

    def _go(self, stop: int) -> None:
        """The way from the last door to this one."""
        x, y = self.x[stop], self.y[stop]
        away = ((x - self.at[0]) ** 2 + (y - self.at[1]) ** 2) ** 0.5
        self.now += int(DOOR + away / (RIDE if away > FAR else WALK))
        self.at = (x, y)

    def _result(self, stop: int, visit: int, before: int) -> int:
        """What comes of a visit, given what came of the one before."""
        if self.gone[stop] >= 0:
            return int(self.gone[stop])
        luck, rate, gated = self.luck[stop][visit - 1], self.ordinary, self.gated[stop]
        absent = rate.gated_not_met if gated else rate.not_met
        refusing, partial = (rate.gated_refused if gated else rate.refused), rate.partial
        if visit > 1:
            worse = GATED_STILL if gated else 1.0
            absent = (STILL_ABSENT if before == NOT_MET else absent) * worse
            refusing = STILL_REFUSING * worse if before == REFUSED and rate.refused > 0 else refusing
            partial = STILL_PARTIAL if before == PARTIAL else partial
        absent *= self.sessions.absent[self.session]
        if luck < absent:
            return NOT_MET
        if luck < absent + refusing:
            return REFUSED
        return PARTIAL if luck < absent + refusing + partial else COMPLETED

    def _come_again(self, stop: int, visit: int, result: int) -> float:
        """Puts the next visit on the list; the appointment, or NaN where none was made."""
        chance = APPOINTMENT.get(result)
        if chance is None or visit >= MOST_VISITS:
            return float("nan")
        made, which = self.later[stop][visit - 1]
        soonest = self.now + BETWEEN
        coming = [start for start in self.sessions.start[self.session : self.session + 9] if start >= soonest]
        if made < chance and coming:
            agreed = coming[int(which * len(coming))] + 0.5 * HOUR
            heapq.heappush(self.due, (agreed, stop, visit + 1))
            return agreed
        heapq.heappush(self.due, (soonest + which * 1.5 * DAY, stop, visit + 1))
        return float("nan")

    def _mistake(self, stop: int) -> tuple[int, int]:
        """What the first record of an interview says that gets corrected: declared block, and how its point is read."""
        kind = self.wrong[stop][1]
        if kind < RESULT:
            return self.block[stop], 0
        if kind < RESULT + POINT or len(self.others) < 2:
            return self.block[stop], 1
        return next(b for b in self.others if b != self.block[stop]), 0

    def _correct(self, stop: int, due: int) -> None:
        """A correction at the door or, of the result alone, of the record; sometimes it needs another one."""
        kind, first = self.wrong[stop][1], due <= 2 * MOST_VISITS
        self._go(stop)
        spent = int(60 * CORRECTING)
        self.now += spent
        visit = (due - 1) % MOST_VISITS + 1
        result = PARTIAL if kind < RESULT and first else COMPLETED
        how = -1 if kind < RESULT or (kind >= RESULT + POINT and first) else 0
        if first and self.wrong[stop][2] < self.ordinary.corrected_again:
            heapq.heappush(self.due, (self.now + (1 + 10 * self.wrong[stop][3]) * HOUR, stop, 2 * MOST_VISITS + visit))
        self.seen.append((stop, self.now, spent / 60, self.block[stop], result, visit, float("nan"), how))
