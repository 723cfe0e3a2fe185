"""A simulated month stopped at some day, at whose doors anybody may go on knocking: the same doors for every policy.

Whether a family opens depends on the family, on how often somebody has been there and on the hour; that luck is drawn
once for each door and visit. Rates, minutes and paces are those of the simulated month (`app/demo`).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.demo import hours, visits
from app.demo.city import City
from app.demo.fieldwork import Fieldwork
from app.demo.plane import over
from app.demo.rates import Ordinary
from app.demo.visits import COMPLETED, NOT_MET, PARTIAL, REFUSED
from geo.intake.visits import MOST

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Metres by which phones are off in either axis, and what they call their accuracy.
OFF, ACCURACY = 4.0, 6.0
#: Hours of the days after at which appointments are made.
AGREED = (9.0, 14.0, 16.5)
#: Seconds from the appointed time within which it is kept.
IN_TIME = 2_100.0
#: Where appointments hold: families not at home all the same at the time they agreed to, of those not met before. The
#: others are at home less often: on the whole it is as in the simulated month, where an appointment says nothing.
BROKEN = 0.15
UNAGREED = (visits.STILL_ABSENT - visits.APPOINTMENT[NOT_MET] * BROKEN) / (1 - visits.APPOINTMENT[NOT_MET])


@dataclass(frozen=True)
class Doors:
    """Doors (n,): degrees and metres, block, building (−1: none), place by case.

    `gone`: as what an entry without a family is found, −1 for a family. `listed` in the prelist; `walked` found by who
    goes by the list: others only by who asks at every house.
    """

    lon: Floats
    lat: Floats
    x: Floats
    y: Floats
    block: Ints
    house: Ints
    gone: Ints
    listed: NDArray[np.bool_]
    walked: NDArray[np.bool_]
    of_case: Ints


def doors(city: City, work: Fieldwork) -> Doors:
    """Every door of the city: entries of the list, families without an entry, those nobody has found included."""
    listed = len(work.prelist.household_id)
    case = np.arange(len(work.household_id))
    family = work.family.astype(np.int64)
    known = np.zeros(len(city.families), dtype=bool)
    known[family[:listed][family[:listed] >= 0]] = True
    keep = case < listed
    for at in range(listed, len(case)):
        if family[at] >= 0 and not known[family[at]]:
            known[family[at]], keep[at] = True, True
    rest = np.flatnonzero(~known)
    chosen = np.flatnonzero(keep)
    of_case = np.full(len(case), -1, dtype=np.int64)
    of_case[chosen] = np.arange(len(chosen))
    family = np.concatenate([family[chosen], rest])
    entry = np.where(chosen < listed, chosen, -1)
    entry = np.concatenate([entry, np.full(len(rest), -1)])
    there, lives = city.buildings, city.families
    house = np.where(family >= 0, lives.building[family], np.where(entry >= 0, work.prelist.building[entry], -1))
    block = np.where(family >= 0, lives.block[family], work.prelist.block[entry])
    beside = np.searchsorted(there.block, block).clip(max=len(there) - 1)
    at_house = np.where(house >= 0, house, beside)
    lon = np.where(family >= 0, lives.lon[family], there.lon[at_house])
    lat = np.where(family >= 0, lives.lat[family], there.lat[at_house])
    plane = over(lives.lon, lives.lat)
    gone = np.where((family < 0) & (entry >= 0), work.prelist.gone[entry], -1)
    walked = np.concatenate([np.ones(len(chosen), dtype=bool), np.zeros(len(rest), dtype=bool)])
    whole = (block.astype(np.int64), house.astype(np.int64), gone.astype(np.int64))
    return Doors(lon, lat, *plane.metres(lon, lat), *whole, entry >= 0, walked, of_case)


@dataclass
class Field:
    """What is known at the doors so far, and every record. `used`: visits, `result` −1 where nobody has been.

    `hold`: whether appointments hold.
    """

    city: City
    doors: Doors
    used: Ints
    result: Ints
    at: Floats
    agreed: Floats
    luck: Floats
    length: Floats
    later: Floats
    hold: bool = False
    records: list[tuple[float, ...]] = field(default_factory=list)

    @property
    def done(self) -> NDArray[np.bool_]:
        """Doors with a final result."""
        final: NDArray[np.bool_] = (self.result >= 0) & ~np.isin(self.result, [PARTIAL, NOT_MET, REFUSED])
        return final

    def copy(self) -> "Field":
        """The same, for another policy to go on with."""
        state = {name: getattr(self, name).copy() for name in ("used", "result", "at", "agreed", "records")}
        fixed = {name: getattr(self, name) for name in ("luck", "length", "later", "hold")}
        return Field(self.city, self.doors, **fixed, **state)

    def knock(self, door: int, now: float, who: int) -> tuple[float, bool]:
        """Visit a door at an instant: seconds it takes, and whether that was a final result."""
        before, visit = int(self.result[door]), int(self.used[door]) + 1
        draw = min(visit, MOST) - 1
        result = self._result(door, draw, before, now)
        base = {COMPLETED: visits.INTERVIEW, PARTIAL: 0.6 * visits.INTERVIEW}
        base |= {NOT_MET: visits.NOBODY, REFUSED: visits.NO}
        minutes = visits.REST if (before, result) == (PARTIAL, COMPLETED) else base.get(result, visits.ASKING)
        spent = int(minutes * self.length[door, draw] * 60) + 20
        self.used[door], self.result[door], self.at[door] = visit, result, now + spent
        self.agreed[door] = self._agreed(door, draw, result, now)
        degree = OFF / 111_000
        lon = float(self.doors.lon[door] + degree * (self.later[door, draw, 0] - 0.5) * 2)
        lat = float(self.doors.lat[door] + degree * (self.later[door, draw, 1] - 0.5) * 2)
        self.records.append((door, visit, visit, result, now + spent, spent / 60, lon, lat, who))
        return spent, bool(self.done[door])

    def _result(self, door: int, draw: int, before: int, now: float) -> int:
        """As in `app.demo.visits.Walk`, but with the hour and day of the visit."""
        if self.doors.gone[door] >= 0:
            return int(self.doors.gone[door])
        rate, gated = Ordinary(), bool(self.city.blocks.gated[self.doors.block[door]])
        absent = rate.gated_not_met if gated else rate.not_met
        refusing, partial = (rate.gated_refused if gated else rate.refused), rate.partial
        if draw > 0:
            worse = visits.GATED_STILL if gated else 1.0
            absent = (self._still(door, now) if before == NOT_MET else absent) * worse
            refusing = visits.STILL_REFUSING * worse if before == REFUSED else refusing
            partial = visits.STILL_PARTIAL if before == PARTIAL else partial
        absent *= absence(now)
        luck = self.luck[door, draw]
        if luck < absent:
            return NOT_MET
        if luck < absent + refusing:
            return REFUSED
        return PARTIAL if luck < absent + refusing + partial else COMPLETED

    def _still(self, door: int, now: float) -> float:
        """How many are not at home again, of those not met before; the hour of an appointment is one they chose."""
        if not self.hold:
            return visits.STILL_ABSENT
        return BROKEN / absence(now) if abs(now - self.agreed[door]) <= IN_TIME else UNAGREED  # False for NaN

    def _agreed(self, door: int, draw: int, result: int, now: float) -> float:
        """The appointment made at a visit, NaN for none: on one of the next two days."""
        chance, (made, which) = visits.APPOINTMENT.get(result), self.later[door, draw]
        if chance is None or made >= chance or draw + 1 >= MOST:
            return float("nan")
        day = hours.START + (int((now - hours.START) // hours.DAY) + 1 + int(which * 2)) * hours.DAY
        return float(day + AGREED[int(which * 1000) % len(AGREED)] * hours.HOUR)


def absence(now: float) -> float:
    """How much likelier than on average nobody is at home."""
    day, second = divmod(now - hours.START, hours.DAY)
    part = int(np.searchsorted([12.0, 18.0], second / hours.HOUR, side="right"))
    return hours.ABSENT[part] * (hours.ABSENT_WEEKEND if (int(day) + 5) % 7 >= 5 else 1.0)


def stopped(city: City, work: Fieldwork, day: int, seed: int, *, hold: bool = False) -> Field:
    """A month at the midnight after `day` days, with everything recorded until then; whether appointments `hold`."""
    every = doors(city, work)
    count, rng = len(every.x), np.random.default_rng([seed, day, 77])
    state = Field(
        city,
        every,
        used=np.zeros(count, dtype=np.int64),
        result=np.full(count, -1, dtype=np.int64),
        at=np.full(count, -np.inf),
        agreed=np.full(count, np.nan),
        luck=rng.random((count, MOST)),
        length=np.exp(rng.normal(0, 0.25, (count, MOST))),
        later=rng.random((count, MOST, 2)),
        hold=hold,
    )
    seen = work.visits
    for i in np.flatnonzero(seen.captured_at < hours.START + day * hours.DAY).tolist():
        door = int(every.of_case[seen.case[i]])
        if door < 0:
            continue
        state.used[door] = max(int(state.used[door]), int(seen.visit[i]))
        state.result[door], state.at[door] = seen.result[i], seen.captured_at[i]
        state.agreed[door] = seen.revisit_at[i]
        told = (door, seen.revision[i], seen.visit[i], seen.result[i], seen.captured_at[i], seen.minutes[i])
        state.records.append((*told, seen.lon[i], seen.lat[i], seen.enumerator[i]))
    return state


@dataclass
class Walker:
    """Somebody on the way: who, where (metres), what time it is; and what came of it."""

    who: int
    x: float
    y: float
    now: float
    out: float = 0.0
    won: int = 0
    metres: float = 0.0
    kept: int = 0

    def visit(self, state: Field, door: int, opens: float = -np.inf) -> None:
        """Go to a door, wait until it `opens`, and knock."""
        x, y = float(state.doors.x[door]), float(state.doors.y[door])
        away = float(np.hypot(x - self.x, y - self.y))
        self.now += visits.DOOR + away / (visits.RIDE if away > visits.FAR else visits.WALK)
        self.now = max(self.now, opens)
        self.x, self.y, self.metres = x, y, self.metres + away
        self.kept += bool(abs(self.now - state.agreed[door]) <= IN_TIME)  # False for NaN
        spent, won = state.knock(door, self.now, self.who)
        self.now, self.won = self.now + spent, self.won + won

    def nearest(self, state: Field, among: Ints) -> int:
        """The nearest of some doors."""
        return int(among[np.argmin((state.doors.x[among] - self.x) ** 2 + (state.doors.y[among] - self.y) ** 2)])
