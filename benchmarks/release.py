"""How far published figures are from the exact ones, on a whole simulated city, and what can still be seen in them.

    PYTHONPATH=. .venv/bin/python benchmarks/release.py --seeds 3
    PYTHONPATH=. .venv/bin/python benchmarks/release.py --seeds 1 --scale district --end-to-end

A month is planned for each seed; releases are made of it as the service makes them, in arrays: five of the field table
and the final one, with the noise of `geo.publish.noise`. Keys come from the seed, so that the figures come again.
`off by`: mean of |published − exact| over the areas with a figure, of the households behind it; `share`: the sum of
those errors over the sum of the exact figures. `of all counted`: the same against everybody counted by then, also
those who wait for the final table. `within ±`: areas whose figure is no farther off than is stated beside it; figures
are whole, so this is told of the ± as it is and rounded up. `worst tenth kept`: of the areas in the published worst
tenth, by share of poor families, those that belong there; `in the worst fifth`: of those that belong in the worst
tenth, who is at least in the published worst fifth.
"""

import argparse
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo.city import SCALES, City, Scale, build
from app.demo.fieldwork import Fieldwork
from app.demo.hours import DAY, DAYS, START
from app.demo.month import plan
from app.demo.rates import Rates
from app.demo.visits import COMPLETED
from app.demo.welfare import Welfare, draw
from geo.ground import cells
from geo.publish import cost, noise
from geo.publish.noise import Purpose

#: As `geo.publish.freeze` and `geo.schema_release` have them.
GATE, LEAF, PUBLIC = 20, 8, 7
SHOWN_FROM = 10
#: Areas of which a tenth is worth telling.
RANKED_FROM = 50

#: As the usual calendar has them: the day after each fifth of the campaign, and half a year after its end.
FIELD, FINAL_AFTER = 5, 180
#: Of columns told without decimals.
DIGITS = {"areas": 0, "worst tenth kept": 0, "in the worst fifth": 0}

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
#: Scores by level and table; what each release shows, in %.
Measured = tuple[dict[tuple[str, str], dict[str, float]], dict[str, list[float]]]


@dataclass(frozen=True)
class Counted:
    """Households that count at some moment, arrays (C,): place in Fieldwork.household_id, leaf by system, poor."""

    case: Numbers
    revision: Numbers
    leaf: dict[str, Numbers]
    poor: Flags


@dataclass(frozen=True)
class Figures:
    """A table over all leaves of a system (L,): households behind it, of them poor, the same with noise, and draws.

    `all_n`, `all_poor`: of everybody counted by then, whether behind the figure or not.
    """

    leaf: Numbers
    n: Numbers
    poor: Numbers
    value: Numbers
    draws: Numbers
    all_n: Numbers
    all_poor: Numbers

    def summed(self, above: Numbers) -> "Figures":
        """Figures of what lies above: `above` (L,) names it for each leaf."""
        names, at = np.unique(above, return_inverse=True)
        sums = {
            name: np.bincount(at, getattr(self, name), len(names)).astype(np.int64)
            for name in ("n", "poor", "value", "draws", "all_n", "all_poor")
        }
        return Figures(names, **sums)


def received(work: Fieldwork) -> NDArray[np.float64]:
    """When each visit reaches the service (V,): with the first line its phone has afterwards; never: infinity."""
    seen = work.visits
    at = np.full(len(seen), np.inf)
    for enumerator in range(len(work.staff.enumerators)):
        lines = np.append(work.sync_at[work.sync_enumerator == enumerator], np.inf)
        own = np.flatnonzero(seen.enumerator == enumerator)
        at[own] = lines[np.searchsorted(lines, seen.captured_at[own])]
    return at


class Month:
    """A simulated month, asked for who counts at some moment."""

    def __init__(self, seed: int, scale: Scale) -> None:
        self.city: City = build(seed, scale)
        self.welfare: Welfare = draw(self.city, seed)
        self.work = plan(self.city, Rates(), seed, self.welfare.status)
        outline: Any = shapely.union_all(self.city.blocks.outline)
        self.leaves = {"block": np.arange(len(self.city.blocks)), "cell": cells.cover(outline, LEAF)}
        seen, (west, south, east, north) = self.work.visits, outline.bounds
        inside = (seen.lon > west) & (seen.lon < east) & (seen.lat > south) & (seen.lat < north)
        self.arrival = received(self.work)
        self._received = np.where(inside, self.arrival, np.inf)  # swapped axes and null islands are held back
        self._cell = np.zeros(len(seen), np.int64)
        self._cell[inside] = cells.index(seen.lon[inside], seen.lat[inside], LEAF)

    def counted(self, at: float, kind: str) -> Counted:
        """Who counts at a moment (Unix seconds), and who of them is poor in the field table or in the final one."""
        seen = self.work.visits
        known = np.flatnonzero(self._received < at)
        known = known[np.lexsort((seen.revision[known], seen.case[known]))]
        last = known[np.append(np.diff(seen.case[known]) > 0, True)]  # highest revision of each
        last = last[seen.result[last] == COMPLETED]
        case = seen.case[last].astype(np.int64)
        if kind == "final":
            family = self.work.family[case]
            poor = (family >= 0) & (self.welfare.after[family] <= 2)
        else:
            poor = (seen.welfare[last] >= 1) & (seen.welfare[last] <= 2)
        leaf = {"block": seen.block[last].astype(np.int64), "cell": self._cell[last]}
        return Counted(case, seen.revision[last].astype(np.int64), leaf, poor)


class Releases:
    """Makes the releases of one month, one after another, as `geo.publish.making` does over a database."""

    def __init__(self, month: Month, seed: int) -> None:
        self.month, self.seed = month, seed
        self.entered = {system: np.zeros(len(month.work.household_id), bool) for system in month.leaves}
        self.so_far: dict[str, Figures] = {}

    def field(self, release: int, at: float) -> dict[str, Figures]:
        """The field table of both systems after this release; `at`: the moment it is as of."""
        counted = self.month.counted(at, "field")
        for system, leaves in self.month.leaves.items():
            place = _places(leaves, counted.leaf[system])
            fresh = (place >= 0) & ~self.entered[system][counted.case]
            opens = np.bincount(place[fresh], minlength=len(leaves)) >= GATE
            enters = fresh & opens[place]
            self.entered[system][counted.case[enters]] = True
            made = self._drawn(system, "field", release, counted, np.where(enters, place, -1), opens)
            if before := self.so_far.get(system):
                sums = {name: getattr(before, name) + getattr(made, name) for name in ("n", "poor", "value", "draws")}
                made = replace(made, **sums)
            self.so_far[system] = _beside(made, counted, place)
        return dict(self.so_far)

    def final(self, release: int, at: float) -> dict[str, Figures]:
        """The final table of both systems: everybody who counts then, and one draw for every leaf."""
        counted, made = self.month.counted(at, "final"), {}
        for system, leaves in self.month.leaves.items():
            place = _places(leaves, counted.leaf[system])
            figures = self._drawn(system, "final", release, counted, place, np.ones(len(leaves), bool))
            made[system] = _beside(figures, counted, place)
        return made

    def _drawn(self, system: str, kind: str, release: int, counted: Counted, place: Numbers, opens: Flags) -> Figures:
        """What one release counts and draws in each leaf; `place`: each household's leaf, −1: it does not enter."""
        leaves = self.month.leaves[system]
        key = hashlib.sha256(f"{self.seed}/{release}".encode()).digest()
        purpose = Purpose("simulasi", "2022_2", kind, "consultation" if kind == "final" else "field_status", release)
        rows = defaultdict(list)
        for i in np.flatnonzero(place >= 0).tolist():
            name = self.month.work.household_id[counted.case[i]]
            rows[int(place[i])].append((name, int(counted.revision[i]), bool(counted.poor[i])))
        names = self.month.city.blocks.code if system == "block" else [cells.to_hex(leaf) for leaf in leaves.tolist()]
        drawn = np.zeros(len(leaves), np.int64)
        for leaf in np.flatnonzero(opens).tolist():
            drawn[leaf] = noise.draw(key, purpose, system, names[leaf], noise.content(rows.get(leaf, [])))
        n, poor = _tallies(place, counted.poor, len(leaves))
        nothing = np.zeros(len(leaves), np.int64)
        return Figures(leaves, n, poor, poor + drawn, opens.astype(np.int64), nothing, nothing)


def _places(leaves: Numbers, leaf: Numbers) -> Numbers:
    """The place of each household's leaf in the list, −1 where it is not on it."""
    at = np.searchsorted(leaves, leaf).clip(max=len(leaves) - 1)
    return np.where(leaves[at] == leaf, at, -1)


def _tallies(place: Numbers, poor: Flags, leaves: int) -> tuple[Numbers, Numbers]:
    here = place >= 0
    n = np.bincount(place[here], minlength=leaves)
    return n, np.bincount(place[here], poor[here], leaves).astype(np.int64)


def _beside(made: Figures, counted: Counted, place: Numbers) -> Figures:
    n, poor = _tallies(place, counted.poor, len(made.leaf))
    return replace(made, all_n=n, all_poor=poor)


# ── measuring ─────────────────────────────────────────────────────────────────────────────────────────────────────


def scored(figures: Figures) -> dict[str, float]:
    """What a table is good for; areas without a draw have no figure, those without anybody no error worth telling."""
    told = (figures.draws > 0) & (figures.all_n > 0)
    value, poor, n, everybody = (getattr(figures, name)[told] for name in ("value", "poor", "n", "all_poor"))
    off, late = np.abs(value - poor), np.abs(value - everybody)
    stated = np.array([cost.error(int(draws)) for draws in figures.draws[told]])
    worst, fifth = kept(value, poor, n)
    return {
        "areas": float(told.sum()),
        "poor": float(poor.mean()),
        "off by": float(off.mean()),
        "share": 100 * float(off.sum() / poor.sum()),
        "of all counted": 100 * float(late.sum() / everybody.sum()),
        "within ±": 100 * float((off <= stated).mean()),
        "rounded up": 100 * float((off <= np.ceil(stated)).mean()),
        "worst tenth kept": 100 * worst,
        "in the worst fifth": 100 * fifth,
    }


def kept(value: Numbers, poor: Numbers, n: Numbers) -> tuple[float, float]:
    """Of the published worst tenth those that belong there, and of those that belong there who is in the worst fifth.

    By share of poor families, of areas that show one; NaN for fewer areas than fifty.
    """
    shown = n >= SHOWN_FROM
    if shown.sum() < RANKED_FROM:
        return np.nan, np.nan
    published, exact = value[shown] / n[shown], poor[shown] / n[shown]
    tenth = int(shown.sum()) // 10
    order = np.argsort(-published, kind="stable")
    belongs = exact >= np.sort(exact)[-tenth]  # equals of the last one belong too
    first = np.argsort(-exact, kind="stable")[:tenth]
    return float(belongs[order[:tenth]].mean()), float(np.isin(first, order[: 2 * tenth]).mean())


def levels(month: Month, made: dict[str, Figures]) -> dict[str, Figures]:
    """The tables of leaves and of what lies above them."""
    code = np.array(month.city.blocks.code)
    villages = np.unique(code.astype("U10"), return_inverse=True)[1]
    districts = np.unique(code.astype("U7"), return_inverse=True)[1]
    return {
        "block": made["block"],
        "village": made["block"].summed(villages),
        "district": made["block"].summed(districts),
        f"cell, resolution {LEAF}": made["cell"],
        f"cell, resolution {PUBLIC}": made["cell"].summed(cells.parents(made["cell"].leaf, PUBLIC)),
    }


def note(shares: dict[str, list[float]], made: dict[str, Figures]) -> None:
    """Append what a release shows of leaves in which somebody counts, and of those who count, in %."""
    for system, figures in made.items():
        lived, told = figures.all_n > 0, figures.draws > 0
        few = lived & told & (figures.n < SHOWN_FROM)
        shares[f"{system}s with a figure"].append(100 * told[lived].mean())
        shares[f"{system}s with a figure of fewer than {SHOWN_FROM}"].append(100 * few.sum() / lived.sum())
        shares[f"households in the {system}s' table"].append(100 * figures.n.sum() / figures.all_n.sum())


def measured(seed: int, scale: Scale) -> Measured:
    """Scores by level and table, and per release how many leaves are open and how many households are in, in %."""
    month = Month(seed, scale)
    releases = Releases(month, seed)
    shares: dict[str, list[float]] = defaultdict(list)
    scores = {}
    for release in range(1, FIELD + 1):
        made = releases.field(release, START + ceil(DAYS * release / FIELD) * DAY)
        note(shares, made)
    for name, figures in levels(month, made).items():
        scores[name, "field"] = scored(figures)
    made = releases.final(FIELD + 1, START + (DAYS + FINAL_AFTER) * DAY)
    note(shares, made)
    for name, figures in levels(month, made).items():
        scores[name, "final"] = scored(figures)
    return scores, shares


# ── telling ───────────────────────────────────────────────────────────────────────────────────────────────────────


def span(values: Sequence[float], digits: int = 1) -> str:
    """The mean over the seeds, with the least and the greatest."""
    if np.isnan(values).any():
        return "–"
    least, mean, most = (f"{value:,.{digits}f}" for value in (min(values), np.mean(values), max(values)))
    return mean if least == most else f"{mean} ({least}–{most})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print("| " + " | ".join(head) + " |\n|---|" + "--:|" * (len(head) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def tell(each: Sequence[Measured]) -> None:
    """Print the seeds' figures together."""
    scores, shares = each[0]
    rows = []
    for figure in scores:
        values = {column: [seed[figure][column] for seed, _ in each] for column in scores[figure]}
        rows.append([", ".join(figure), *(span(found, DIGITS.get(column, 1)) for column, found in values.items())])
    table(["figure", *next(iter(scores.values()))], rows)
    many = range(max(map(len, shares.values())))
    rows = []
    for name in shares:
        found = [seed[name] for _, seed in each]
        rows.append([name, *(span([one[i] for one in found]) if i < len(found[0]) else "" for i in many)])
    table(["%", *(f"release {i + 1}" for i in many)], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scale", choices=SCALES, default="city")
    parser.add_argument("--end-to-end", action="store_true", help="made by the service over a private database")
    given = parser.parse_args()
    made = measured
    if given.end_to_end:
        from benchmarks.sealed import measured as made  # noqa: PLC0415  # it stands on this module
    tell([made(seed, given.scale) for seed in range(1, given.seeds + 1)])


if __name__ == "__main__":
    main()
