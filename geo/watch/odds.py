"""What comes of a visit, and how long it takes: learnt from what was recorded, so that yesterday moves tomorrow.

A visit is won if it ends with a final result: interviewed, or found to be no family. How often it is goes by what came
of the visit before, by its number and by the part of the day. Each share is a Beta distribution that leans on a wider
one: the team's on the campaign's, the campaign's on a first guess. A day counts half as much as one HALF days later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.intake import visits
from geo.intake.visits import Told
from geo.schema import COUNTS, RESULTS
from geo.scope import Scope
from geo.watch.doors import metres
from geo.watch.live import Snapshot

SQL = queries.load(__file__)

#: What a visit follows: nothing, or a visit that ended so.
KINDS = ("first", "not_met", "refused", "partial")
#: Parts of the day, and the local hours at which the second and the third begin.
PARTS = ("morning", "afternoon", "evening")
SECOND, THIRD = 12, 18
#: Kinds whose share is told by part of the day: elsewhere nobody's being at home decides little.
BY_PART = ("first", "not_met")

#: Days until a visit counts half.
HALF = 5.0
#: Visits that a first guess is worth for the campaign, and the campaign's share for a team.
GUESSED, LEANT = 10.0, 30.0
#: First guesses at the share of visits that are won. Nothing is published on it for this census.
GUESS: Mapping[str, float] = {"first": 0.80, "not_met": 0.55, "refused": 0.40, "partial": 0.80}

#: First guesses at the minutes of a visit, at those from a gate to the door and back, and at metres a minute on foot
#: (4 km/h); each worth so many records. Beyond RIDE metres somebody may ride: the records tell.
MINUTES: Mapping[str, float] = {"first": 18.0, "not_met": 15.0, "refused": 10.0, "partial": 10.0}
DOOR, PACE, WORTH = 1.0, 67.0, 10.0
RIDE = 400.0
#: Way on foot over straight line; in the street grids of cities it is 1.2 to 1.4, in kampung alleys hardly less.
DETOUR = 1.3

#: Blocks of the campaign that are asked how visits go elsewhere.
SAMPLE = 150

_FINAL = np.array([result not in KINDS for result in RESULTS])
_KIND_OF = np.array([KINDS.index(result) if result in KINDS else -1 for result in RESULTS])
_MET = [COUNTS.index(result) for result in RESULTS]
_COLUMNS = {"household": "i8", "revision": "i4", "visit": "i4", "result": "i4", "at": "f8", "minutes": "f8"}
_COLUMNS |= {"lon": "f8", "lat": "f8", "who": "i4"}
_FIRST_DAY = date(1970, 1, 1)
#: An 80 % interval of a normal distribution reaches so many sigmas to either side.
_Z80 = 1.2816

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Key = tuple[str, int, str | None]


@dataclass(frozen=True)
class Records:
    """Records (n,) by household, then in the order they were captured.

    `visit` as stated, 0 where not; `result` a place in RESULTS; `at` Unix seconds; `minutes`, `lon`, `lat` NaN where
    unknown; `who` a place among the names asked for, −1 for others.
    """

    household: Ints
    revision: Ints
    visit: Ints
    result: Ints
    at: Floats
    minutes: Floats
    lon: Floats
    lat: Floats
    who: Ints

    def __len__(self) -> int:
        """How many there are."""
        return len(self.at)


@dataclass(frozen=True)
class Outcomes:
    """Visits (n,): place in KINDS, number 1–3, place in PARTS, local day since 1970, whether won, minutes (or NaN)."""

    kind: Ints
    visit: Ints
    part: Ints
    day: Ints
    won: NDArray[np.bool_]
    minutes: Floats


@dataclass(frozen=True)
class Share:
    """A share with its 80 % interval, the visits behind it, and what it was before the last day."""

    share: float
    low: float
    high: float
    of: int
    before: float


@dataclass(frozen=True)
class Odds:
    """How visits of a team go, by (kind, number or 0 for any, part or None for any)."""

    shares: Mapping[Key, Share]

    def of(self, kind: str, visit: int, part: str | None = None) -> float:
        """The share of visits of a kind that are won, at their number and part of the day."""
        whole = self.shares[kind, 0, None].share
        if (kind, visit, None) in self.shares:
            whole = self.shares[kind, visit, None].share
        if part is not None and (kind, 0, part) in self.shares:
            moved = _logit(self.shares[kind, 0, part].share) - _logit(self.shares[kind, 0, None].share)
            whole = _expit(_logit(whole) + moved)
        return whole

    def rows(self) -> list[dict[str, Any]]:
        """As the contract has them: `what` is a kind, a kind and a number, or a kind and a part of the day."""
        found = []
        for (kind, visit, part), share in self.shares.items():
            what = ".".join([kind, *([str(visit)] if visit else []), *([part] if part else [])])
            values = {name: round(value, 3) for name, value in vars(share).items() if name != "of"}
            found.append({"what": what, **values, "of": share.of})
        return found


@dataclass(frozen=True)
class Pace:
    """How long things take: minutes of a visit by kind and at the gate, metres a minute on foot, and beyond RIDE."""

    minutes: Mapping[str, float]
    door: float = DOOR
    near: float = PACE
    far: float = PACE

    def walk(self, away: Floats) -> Floats:
        """Minutes for ways of so many metres, the detour included."""
        walked: Floats = np.minimum(away, RIDE) / self.near + np.maximum(away - RIDE, 0) / self.far
        return walked


async def read(db: AsyncConnection, scope: Scope, numbers: Sequence[int], names: Sequence[str] = ()) -> Records:
    """What was recorded in some blocks, as the transaction's actor may see it. Raises ValueError outside the scope."""
    if not all(scope.covers(number, number) for number in numbers):
        raise ValueError("a block lies outside the scope")
    await db.execute(SQL["in_order"])
    asked = {"numbers": list(numbers), "names": list(names), "results": list(RESULTS)}
    rows = await queries.arrays(db, SQL["records"], asked, _COLUMNS)
    rows = rows[np.lexsort((rows["revision"], rows["at"], rows["household"]))]
    columns: dict[str, Any] = {
        name: rows[name].astype(np.float64 if kind == "f8" else np.int64) for name, kind in _COLUMNS.items()
    }
    return Records(**columns | {"result": columns["result"] - 1, "who": columns["who"] - 1})


def sample(live: Snapshot) -> list[int]:
    """Blocks all over the campaign where something was recorded: what is told of them is a share alone."""
    there = np.flatnonzero(live.counts[:, _MET].any(axis=1) & live.tree.block)
    step = max(1, -(-len(there) // SAMPLE))
    chosen: list[int] = there[::step].tolist()
    return chosen


def outcomes(records: Records, zone: ZoneInfo) -> Outcomes:
    """The visits behind records, as `geo.intake.visits` judges them; a correction changes what came of its visit."""
    if not len(records):
        none = np.empty(0, dtype=np.int64)
        return Outcomes(none, none, none, none, np.empty(0, dtype=np.bool_), np.empty(0))
    fresh = np.append(True, np.diff(records.household) != 0)
    counts, number = fresh.copy(), np.ones(len(records), dtype=np.int64)
    first = np.flatnonzero(fresh)
    size = np.diff(np.append(first, len(records)))
    for at, many in zip(first[size > 1].tolist(), size[size > 1].tolist(), strict=True):
        here = range(at, at + many)
        told = [
            Told(int(records.revision[i]), datetime.fromtimestamp(records.at[i], zone), int(records.visit[i]) or None)
            for i in here
        ]
        for i, one in zip(here, visits.judged(told).judged, strict=True):
            counts[i] = one.counts
    place = np.flatnonzero(counts)
    opens = fresh[place]
    last = np.append(place[1:], len(records)) - 1  # the last record of each visit
    end = records.result[last]
    before = np.append(-1, end[:-1])
    kind = np.where(opens, 0, _KIND_OF[before])
    of = np.arange(len(place)) - np.maximum.accumulate(np.where(opens, np.arange(len(place)), 0))
    number = np.maximum(of + 1, np.minimum(records.visit[place], visits.MOST))
    keep = kind >= 0  # what comes after a final result is no visit to win
    hour, day = _local(records.at[place], zone)
    part = np.searchsorted([SECOND, THIRD], hour, side="right")
    found: Any = (kind, np.minimum(number, visits.MOST), part, day, _FINAL[end], records.minutes[place])
    return Outcomes(*(column[keep] for column in found))


def learn(team: Outcomes, campaign: Outcomes, day: date) -> Odds:
    """How visits will go on a day, and how they would have been thought to go a day earlier."""
    last = (day - _FIRST_DAY).days - 1
    now, then = _learnt(team, campaign, last), _learnt(team, campaign, last - 1)
    return Odds({key: Share(*found, before=then[key][0]) for key, found in now.items()})


def flat(odds: Odds) -> Odds:
    """The same as they were guessed before anything was recorded."""
    return Odds({key: Share(GUESS[key[0]], 0.0, 1.0, 0, GUESS[key[0]]) for key in odds.shares})


def _learnt(team: Outcomes, campaign: Outcomes, last: int) -> dict[Key, tuple[float, float, float, int]]:
    """Share, bounds and count by key from all that was recorded up to and on the day `last`."""
    found: dict[Key, tuple[float, float, float, int]] = {}
    for at, kind in enumerate(KINDS):
        wide = _posterior(campaign, campaign.kind == at, last, GUESS[kind], GUESSED)
        own = found[kind, 0, None] = _posterior(team, team.kind == at, last, wide[0], LEANT)
        finer: list[tuple[Key, Any, Any]] = [
            ((kind, n, None), campaign.visit == n, team.visit == n) for n in (2, 3) if at
        ]
        if kind in BY_PART:
            finer += [((kind, 0, part), campaign.part == p, team.part == p) for p, part in enumerate(PARTS)]
        for key, there, here in finer:
            around = _posterior(campaign, there & (campaign.kind == at), last, wide[0], LEANT)[0]
            lean = _expit(_logit(own[0]) + _logit(around) - _logit(wide[0]))
            found[key] = _posterior(team, here & (team.kind == at), last, lean, LEANT)
    return found


def _posterior(
    seen: Outcomes, which: NDArray[np.bool_], last: int, lean: float, worth: float
) -> tuple[float, float, float, int]:
    """Mean of a Beta distribution, its 80 % interval by the normal one of its logit, and how many visits it knows."""
    which = which & (seen.day <= last)
    weight = 0.5 ** ((last - seen.day[which]) / HALF)
    won = float(weight[seen.won[which]].sum()) + worth * lean
    lost = float(weight[~seen.won[which]].sum()) + worth * (1 - lean)
    share, wide = won / (won + lost), _Z80 * (1 / won + 1 / lost) ** 0.5
    return share, _expit(_logit(share) - wide), _expit(_logit(share) + wide), int(which.sum())


def pace(records: Records, seen: Outcomes, zone: ZoneInfo) -> Pace:
    """How long visits and ways take, from records that say when they began; first guesses where they do not."""
    minutes = {}
    for at, kind in enumerate(KINDS):
        known = seen.minutes[(seen.kind == at) & (seen.minutes > 0) & (seen.minutes < 120)]
        minutes[kind] = float((known.sum() + WORTH * MINUTES[kind]) / (len(known) + WORTH))
    away, gap = _ways(records, zone)
    door = _leaning(gap[(away < 40) & (gap < 10)], DOOR, 0.3, 5.0)
    walked = (away >= 60) & (away <= RIDE) & (gap > door) & (gap < 30)
    near = _leaning(away[walked] / (gap[walked] - door), PACE, 40.0, 110.0)
    rest = gap - door - RIDE / near
    ridden = (away >= 2 * RIDE) & (away < 8_000) & (rest > 0.2) & (rest < 60)
    far = _leaning((away[ridden] - RIDE) / rest[ridden], near, near, 500.0)
    return Pace(minutes, door, near, far)


def _ways(records: Records, zone: ZoneInfo) -> tuple[Floats, Floats]:
    """Metres, with the detour, and minutes from each record to the next one of the same enumerator and day."""
    known = np.isfinite(records.lon) & np.isfinite(records.minutes) & (records.who >= 0)
    order = np.flatnonzero(known)[np.lexsort((records.at[known], records.who[known]))]
    if len(order) < 2:
        return np.empty(0), np.empty(0)
    x, y = metres(records.lon[order], records.lat[order], records.lon[order], records.lat[order])
    away = np.hypot(np.diff(x), np.diff(y)) * DETOUR
    begun = records.at[order] - records.minutes[order] * 60
    gap = (begun[1:] - records.at[order][:-1]) / 60
    day = _local(records.at[order], zone)[1]
    same = (np.diff(records.who[order]) == 0) & (np.diff(day) == 0) & (gap > 0)
    return away[same], gap[same]


def _leaning(seen: Floats, guess: float, least: float, most: float) -> float:
    """The middle of what was seen, leaning on a guess, between bounds."""
    if not len(seen):
        return guess
    told = (len(seen) * np.log(np.median(seen)) + WORTH * np.log(guess)) / (len(seen) + WORTH)
    return float(np.clip(np.exp(told), least, most))


def _local(at: Floats, zone: ZoneInfo) -> tuple[Floats, Ints]:
    """Local hour and day since 1970 of instants in Unix seconds, by the offset of the latest of them."""
    offset = datetime.fromtimestamp(float(at.max()), zone).utcoffset() if len(at) else None
    local = at + (offset.total_seconds() if offset else 0.0)
    return local % 86_400 / 3_600, (local // 86_400).astype(np.int64)


def part_of(hour: float) -> str:
    """The part of the day of a local hour."""
    return PARTS[int(np.searchsorted([SECOND, THIRD], hour, side="right"))]


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def _expit(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


#: Every `what` that `Odds.rows` can name.
WHATS = tuple(
    list(KINDS)
    + [f"{kind}.{n}" for kind, n in product(KINDS[1:], (2, 3))]
    + [f"{kind}.{part}" for kind, part in product(BY_PART, PARTS)]
)
