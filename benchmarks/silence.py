"""Scores what is said of phones that have not sent: records still on them, and silent blocks told from unvisited ones.

    PYTHONPATH=. .venv/bin/python benchmarks/silence.py --seeds 3

Simulated months as the demo plays them; no service and no database. At several moments the truth (what was recorded and
has not arrived) is held against `geo.watch.unsent`, and against the rule of `geo.watch.news` for blocks from which
nothing has arrived: silent if the device was never heard, or not for so many hours, or says that something waits.

Two kinds of line. `usual`: a phone sends whenever it has a line, and says so right after. `saving`: three phones of ten
send on every second evening alone, to save data, but still say at every line how much waits.
"""

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.demo import hours
from app.demo.city import City, build
from app.demo.fieldwork import Fieldwork
from app.demo.month import plan
from app.demo.rates import Ordinary
from geo.watch.unsent import Heard, Unsent, estimate

Floats = NDArray[np.float64]

MOMENTS = [(day, hour) for day in (8, 16, 24) for hour in (12, 20)]
LIMITS = (12, 24, 36, 48)
SAVING = 0.3
LINES = ("usual", "saving")
OFFSET = 8 * hours.HOUR  # Asia/Makassar


@dataclass(frozen=True)
class Line:
    """When each visit (V,) arrives, infinite where never; and every heartbeat that was heard, in the clock's order."""

    arrival: Floats
    enumerator: NDArray[np.int32]
    at: Floats


@dataclass(frozen=True)
class Moment:
    """What was so at one moment: visits recorded and arrived (V,), last words (E,), and what waited at these."""

    now: float
    made: NDArray[np.bool_]
    arrived: NDArray[np.bool_]
    word: Floats
    queued: Floats
    waiting: NDArray[np.int64]


def line_of(fieldwork: Fieldwork, kind: str, rng: np.random.Generator) -> Line:
    who, at = fieldwork.sync_enumerator, fieldwork.sync_at
    sends = np.ones(len(at), dtype=bool)
    if kind == "saving":
        saving = rng.random(len(fieldwork.staff.enumerators)) < SAVING
        last = np.zeros(len(at), dtype=bool)
        for one in np.flatnonzero(saving):
            mine = np.flatnonzero(who == one)
            day = hours.day_of(at[mine])
            last[mine] = np.append(day[1:] != day[:-1], True) & ((day + one) % 2 == 0)
        sends = ~saving[who] | last
    arrival = np.full(len(fieldwork.visits), np.inf)
    for one in range(len(fieldwork.staff.enumerators)):
        seen = np.flatnonzero(fieldwork.visits.enumerator == one)
        lines = np.append(at[(who == one) & sends], np.inf)
        arrival[seen] = lines[np.searchsorted(lines, fieldwork.visits.captured_at[seen])]
    heard = rng.random(len(at)) >= Ordinary().lost_requests
    return Line(arrival, who[heard], at[heard])


def moment(fieldwork: Fieldwork, line: Line, blocks: int, now: float) -> Moment:
    seen, people = fieldwork.visits, len(fieldwork.staff.enumerators)
    made, arrived = seen.captured_at <= now, line.arrival <= now
    beat, received = np.full(people, -np.inf), np.full(people, -np.inf)
    early = line.at <= now
    np.maximum.at(beat, line.enumerator[early], line.at[early])
    np.maximum.at(received, seen.enumerator[arrived], line.arrival[arrived])
    waited = (seen.captured_at <= beat[seen.enumerator]) & (line.arrival > beat[seen.enumerator])
    waited &= (received <= beat)[seen.enumerator]  # what a device said before it sent is over
    word = np.maximum(beat, received)
    return Moment(
        now,
        made,
        arrived,
        np.where(np.isfinite(word), word, np.nan),
        np.bincount(seen.enumerator[waited], minlength=people).astype(float),
        np.bincount(seen.block[waited], minlength=blocks),
    )


def counted(city: City, fieldwork: Fieldwork, arrived: NDArray[np.bool_]) -> Floats:
    """Families by block (B,) and day: each on the day of the first record that reached its result."""
    seen = fieldwork.visits
    order = np.flatnonzero(arrived)
    order = order[np.lexsort((seen.revision[order], seen.case[order]))]
    case, result, day = seen.case[order], seen.result[order], hours.day_of(seen.captured_at[order])
    table = np.zeros((len(city.blocks), hours.DAYS))
    if len(order):
        begins = np.append(True, (case[1:] != case[:-1]) | (result[1:] != result[:-1]))
        reached = day[np.flatnonzero(begins)][np.cumsum(begins) - 1]
        latest = np.append(case[1:] != case[:-1], True)
        np.add.at(table, (seen.block[order][latest], reached[latest]), 1)
    return table


def estimated(city: City, fieldwork: Fieldwork, at: Moment) -> Unsent:
    people, who = len(fieldwork.staff.enumerators), fieldwork.staff.enumerator
    by_block = counted(city, fieldwork, at.arrived)
    expected = np.bincount(fieldwork.prelist.block, minlength=len(city.blocks)).astype(float)
    theirs = who >= 0
    made, left, planned = np.zeros((people, hours.DAYS)), np.zeros(people), np.zeros(people)
    np.add.at(made, who[theirs], by_block[theirs])
    np.add.at(left, who[theirs], np.maximum(expected - by_block.sum(axis=1), 0)[theirs])
    np.add.at(planned, who[theirs], expected[theirs] / hours.DAYS)
    begun = np.full(people, hours.START)
    return estimate(Heard(hours.START, OFFSET, at.word, begun, at.queued, made, left, planned), at.now)


class Phones:
    """Scores of the estimate, summed over moments."""

    def __init__(self) -> None:
        self.rows: list[Floats] = []
        self.sums: list[tuple[int, int, float, float, float, float]] = []

    def add(self, day: int, hour: int, true: Floats, found: Unsent) -> None:
        """What was true at a moment, and what was estimated."""
        self.rows.append(np.column_stack((true, found.held, found.low, found.high)))
        self.sums.append((day, hour, float(true.sum()), found.total, found.total_low, found.total_high))

    def tell(self) -> None:
        """Print them."""
        true, held, low, high = np.concatenate(self.rows).T
        inside = (low <= true) & (true <= high)
        some = true >= 5
        print(f"  each: {len(true):,} enumerators, {true.mean():.2f} records on a phone, estimated {held.mean():.2f}; "
              f"error {np.abs(held - true).mean():.2f} (were 0 said: {true.mean():.2f}); "
              f"inside of 80 %: {inside.mean():.2f}, of those with 5 or more {inside[some].mean():.2f}")  # fmt: skip
        for day, hour in MOMENTS:
            these = np.array([row[2:] for row in self.sums if row[:2] == (day, hour)])
            inside = (these[:, 2] <= these[:, 0]) & (these[:, 0] <= these[:, 3])
            true_sum, found, low_sum, high_sum = these.sum(axis=0)
            print(f"  day {day:2} {hour}:00  {true_sum:6.0f} true, {found:6.0f} estimated "
                  f"({low_sum:.0f}–{high_sum:.0f}), {inside.sum()} of {len(these)} inside")  # fmt: skip


class Blocks:
    """How often blocks without records were told right, by limit and whether devices say for which blocks some wait."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, bool], NDArray[np.int64]] = {}

    def add(self, fieldwork: Fieldwork, at: Moment) -> None:
        """Blocks from which nothing had arrived at a moment."""
        seen, who = fieldwork.visits, fieldwork.staff.enumerator
        some = np.zeros(len(who), dtype=bool)
        some[seen.block[at.arrived]] = True
        nothing = (who >= 0) & ~some
        waits = np.zeros(len(who), dtype=bool)
        waits[seen.block[at.made & ~at.arrived]] = True
        quiet = (at.now - at.word[who]) / hours.HOUR
        for limit in LIMITS:
            for said in (True, False):
                queue = at.waiting > 0 if said else at.queued[who] > 0
                silent = np.isnan(quiet) | (quiet > limit) | queue
                four = [(nothing & (silent == a) & (waits == b)).sum() for a in (True, False) for b in (True, False)]
                self.found[limit, said] = self.found.get((limit, said), np.zeros(4, dtype=np.int64)) + four

    def tell(self) -> None:
        """Print them."""
        print("  limit  blocks  right   silent: precision recall   unvisited: precision recall  (of blocks, waiting)")
        for (limit, said), (hit, alarm, missed, clear) in self.found.items():
            whole = hit + alarm + missed + clear
            shares = [(hit + clear, whole), (hit, hit + alarm), (hit, hit + missed),
                      (clear, clear + missed), (clear, clear + alarm)]  # fmt: skip
            right, *rest = (f"{part / of:.3f}" if of else "–" for part, of in shares)
            print(f"  {limit:3} h  {'said' if said else 'not ':6}  {right}  {rest[0]:>17} {rest[1]:>6} "
                  f"{rest[2]:>20} {rest[3]:>6}  ({whole}, {hit + missed})")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scales", nargs="+", default=["small", "district"])
    given = parser.parse_args()
    for scale in given.scales:
        phones, blocks = {kind: Phones() for kind in LINES}, {kind: Blocks() for kind in LINES}
        for seed in range(1, given.seeds + 1):
            city = build(seed, scale)
            fieldwork = plan(city, None, seed)
            people = len(fieldwork.staff.enumerators)
            for kind in LINES:
                line = line_of(fieldwork, kind, np.random.default_rng([seed, LINES.index(kind)]))
                for day, hour in MOMENTS:
                    at = moment(
                        fieldwork, line, len(city.blocks), hours.START + (day - 1) * hours.DAY + hour * hours.HOUR
                    )
                    on_phones = np.bincount(fieldwork.visits.enumerator[at.made & ~at.arrived], minlength=people)
                    phones[kind].add(day, hour, on_phones.astype(float), estimated(city, fieldwork, at))
                    blocks[kind].add(fieldwork, at)
        for kind in LINES:
            print(f"{scale}, {kind} lines, {given.seeds} seeds")
            phones[kind].tell()
            blocks[kind].tell()


if __name__ == "__main__":
    main()
