"""Coverage of areas and of cells: counts first, and rates only with their numerator and denominator beside them.

Formulas and states are those of the census (coverage C/E, gap per block max(E − (C − N) − X − Q, 0), an area's gap the
sum of its blocks' gaps). What lies outside the caller's scope answers with nothing; shapes are public, numbers are not.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.errors import BadInput
from geo.ground import cells
from geo.ground.levels import LEVELS
from geo.schema import COUNTS
from geo.scope import Scope
from geo.watch import grid, sums
from geo.watch.live import Snapshot
from geo.watch.sums import gap_of

#: States of a block, first that fits (design, section 5). The position is the state's number in tiles.
STATES = ("unknown", "empty", "over", "done", "silent", "unvisited", "behind", "started")

#: Below this schedule index a block is behind.
BEHIND = 0.8

#: Coarsest and finest resolution of cells that can be asked for.
RESOLUTIONS = range(4, 11)

_C = {name: at for at, name in enumerate(COUNTS)}


@dataclass(frozen=True)
class Figures:
    """Sums over some areas or cells, in rows. `expected` and `gap` are −1 where nothing is known.

    `apart` is the part of `counts` from blocks whose expected families are unknown: no rate may set it against others'
    expected families. `silent` says of blocks whether something may wait on a device there; of others nothing.
    """

    expected: NDArray[np.int64]
    gap: NDArray[np.int64]
    counts: NDArray[np.int64]
    apart: NDArray[np.int64]
    last_at: NDArray[np.float64]
    silent: NDArray[np.bool_] | None = None

    def count(self, name: str) -> NDArray[np.int64]:
        """One column of the counts."""
        return self.counts[:, _C[name]]

    @property
    def visited(self) -> NDArray[np.bool_]:
        """Whether anything at all has been reported."""
        anything: NDArray[np.bool_] = (self.counts != 0).any(axis=1)
        return anything

    def ratio(self, numerator: NDArray[np.int64]) -> NDArray[np.float64]:
        """`numerator` over expected, NaN where expected is unknown or nothing."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.expected > 0, numerator / self.expected, np.nan)

    def matched(self, name: str) -> NDArray[np.int64]:
        """One column of the counts, from blocks whose expected families are known."""
        return self.count(name) - self.apart[:, _C[name]]

    @property
    def coverage(self) -> NDArray[np.float64]:
        """Completed over expected."""
        return self.ratio(self.matched("completed"))

    @property
    def resolved(self) -> NDArray[np.float64]:
        """Families accounted for, found or closed or dropped, over expected."""
        found = self.matched("completed") - self.matched("new")
        return self.ratio(found + self.matched("dropped") + self.matched("closed"))

    def some(self, at: NDArray[np.intp]) -> "Figures":
        """Some of the rows."""
        silent = None if self.silent is None else self.silent[at]
        return Figures(self.expected[at], self.gap[at], self.counts[at], self.apart[at], self.last_at[at], silent)

    def states(self, elapsed: float) -> NDArray[np.int8]:
        """Position in STATES of each row, `elapsed` being the share of the campaign's days begun."""
        schedule = self.coverage / elapsed if elapsed > 0 else np.full(len(self.gap), np.inf)
        completed = self.matched("completed")
        tests = [
            self.expected < 0,
            self.expected == 0,
            (self.gap == 0) & (completed > self.expected),
            self.gap == 0,
            ~self.visited & (False if self.silent is None else self.silent),
            ~self.visited,
            schedule < BEHIND,
        ]
        return np.select(tests, np.arange(len(tests)), len(STATES) - 1).astype(np.int8)


def of_areas(live: Snapshot, scope: Scope, numbers: NDArray[np.integer], day: date | None = None) -> Figures:
    """Figures of areas, each a sum over its blocks. Raises ValueError where one is not wholly in scope."""
    last = live.tree.last[numbers]
    if not scope.mask(numbers, last).all():
        raise ValueError("an area lies outside the scope")
    if day is None and (last == numbers).all():
        return _of_blocks(live, numbers)
    of = sums.of(live, scope, day)
    first = of.places(numbers)
    silent = live.news.silent[numbers] if day is None else None
    return Figures(*of.between(first, first + last - numbers + 1), silent)


def of_blocks(live: Snapshot, scope: Scope, numbers: NDArray[np.integer]) -> Figures:
    """Figures of blocks. Raises ValueError where one is not in scope."""
    if not scope.mask(numbers, numbers).all():
        raise ValueError("a block lies outside the scope")
    return _of_blocks(live, numbers)


def _of_blocks(live: Snapshot, numbers: NDArray[np.integer]) -> Figures:
    expected, counts = live.expected[numbers].astype(np.int64), live.counts[numbers]
    apart = np.where((expected < 0)[:, None], counts, 0)
    silent = live.news.silent[numbers]
    return Figures(expected, gap_of(expected, counts), counts, apart, live.last_at[numbers], silent)


def select(live: Snapshot, level: str, within: int) -> NDArray[np.intp]:
    """Numbers of the areas of a level inside `within` (0: everywhere), itself included, ascending.

    `block` takes the lowest areas, whatever their level: where no finer ones exist villages serve as blocks. What comes
    is part of one array for all: not to be changed.
    """
    tree = live.tree
    if level != "block" and level not in LEVELS:
        raise BadInput(f"no level {level}: take one of {', '.join(LEVELS)} or scope", code="bad-level")
    numbers: NDArray[np.intp] = live.once(
        ("level", level), lambda: np.flatnonzero(tree.block if level == "block" else tree.level == LEVELS.index(level))
    )
    return _part(numbers, within, int(tree.last[within])) if within else numbers


def visible(live: Snapshot, scope: Scope, level: str, within: int = 0) -> NDArray[np.intp]:
    """Those of them that lie wholly in scope."""
    numbers, last = select(live, level, within), live.tree.last
    parts = [(_part(numbers, lo, hi), hi) for lo, hi in scope.ranges]
    return np.concatenate([np.empty(0, dtype=np.intp), *(part[last[part] <= hi] for part, hi in parts)])


def by_area(
    live: Snapshot,
    scope: Scope,
    level: str,
    within: int = 0,
    day: date | None = None,
    *,
    after: int = 0,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Coverage of every area of `level` inside `within`, in the order of the numbers; nulls outside the scope.

    With `limit` only the first so many beyond number `after`. `level="scope"` gives one row, the caller's own total.
    Raises BadInput for an unknown level.
    """
    elapsed = live.campaign.elapsed(day) / live.campaign.days
    if level == "scope":
        return [_scope_total(live, scope, within, day, elapsed)]
    numbers = select(live, level, within)
    numbers = numbers[np.searchsorted(numbers, after, side="right") :][:limit]
    seen = scope.mask(numbers, live.tree.last[numbers])
    figures = iter(rows(of_areas(live, scope, numbers[seen], day), elapsed))
    return [
        place | (next(figures) if ok else _HIDDEN)
        for place, ok in zip(places(live, numbers), seen.tolist(), strict=True)
    ]


def one_area(live: Snapshot, scope: Scope, number: int, day: date | None = None) -> dict[str, Any]:
    """Coverage of one area, with `day` as at its end; nulls where it is not wholly in scope."""
    if not scope.covers(number, int(live.tree.last[number])):
        return describe(live, number) | _HIDDEN
    figures = of_areas(live, scope, np.array([number]), day)
    return describe(live, number) | rows(figures, live.campaign.elapsed(day) / live.campaign.days)[0]


def by_cell(
    live: Snapshot, scope: Scope, resolution: int, within: int = 0, box: tuple[float, float, float, float] | None = None
) -> list[dict[str, Any]]:
    """The same counts by H3 cell of `resolution` inside `within` and `box` (degrees: west, south, east, north).

    Only cells where families are expected or reported, and only what lies in scope. Raises BadInput for a resolution.
    """
    keys, figures = cell_figures(live, scope, resolution, within)
    lon, lat = cell_centres(live, scope, resolution, within)
    x, y = lon.round(6).tolist(), lat.round(6).tolist()  # plain numbers, as JSON wants them
    keep = cells.around(lon, lat, resolution, box) if box else np.ones(len(keys), dtype=bool)
    ids = cells.feature_ids(keys, resolution)
    found = rows(figures, live.campaign.elapsed() / live.campaign.days)
    return [
        {"cell": cells.to_hex(int(keys[i])), "n": int(ids[i]), "lon": x[i], "lat": y[i]}
        | {k: v for k, v in found[i].items() if k not in {"last_at", "state"}}
        for i in np.flatnonzero(keep)
    ]


def cell_figures(
    live: Snapshot, scope: Scope, resolution: int, within: int = 0, only: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], Figures]:
    """Cells with anything in scope and inside `within`, ascending, and their figures.

    With `only`, ascending feature ids, of those cells alone. Raises BadInput for a resolution.
    """
    if resolution not in RESOLUTIONS:
        raise BadInput("resolutions go from 4 to 10", code="bad-resolution")

    def make() -> tuple[NDArray[np.int64], Figures]:
        of = grid.sums(live, scope, resolution, within, only)
        gap = gap_of(of.expected, of.counts - of.apart)
        never = np.full(len(of.ids), np.nan)
        return cells.from_feature_ids(of.ids, resolution), Figures(of.expected, gap, of.counts, of.apart, never)

    if only is not None:
        return make()
    found: tuple[NDArray[np.int64], Figures] = live.remember(("cells", scope.ranges, resolution, within), make)
    return found


def cell_centres(
    live: Snapshot, scope: Scope, resolution: int, within: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes and latitudes of the centres of those cells, in the same order."""

    def make() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        keys, _ = cell_figures(live, scope, resolution, within)
        return grid.centres(live, cells.feature_ids(keys, resolution), resolution)

    found: tuple[NDArray[np.float64], NDArray[np.float64]] = live.remember(
        ("centres", scope.ranges, resolution, within), make
    )
    return found


def _part(numbers: NDArray[np.intp], first: int, last: int) -> NDArray[np.intp]:
    """Those of ascending `numbers` that lie between `first` and `last`; not copied."""
    return numbers[slice(*np.searchsorted(numbers, (first, last + 1)))]


def _scope_total(live: Snapshot, scope: Scope, within: int, day: date | None, elapsed: float) -> dict[str, Any]:
    of = sums.of(live, scope, day)
    last = int(live.tree.last[within]) if within else len(live.tree) - 1
    parts = np.array(scope.clip(within, last), dtype=np.int64).reshape(-1, 2)
    each = Figures(*of.between(of.places(parts[:, 0]), of.places(parts[:, 1]) + 1))
    known = each.expected >= 0
    total = Figures(
        np.array([each.expected[known].sum() if known.any() else -1]),
        np.array([each.gap[known].sum() if known.any() else -1]),
        each.counts.sum(axis=0, keepdims=True),
        each.apart.sum(axis=0, keepdims=True),
        np.fmax.reduce(each.last_at, keepdims=True, initial=np.nan),
    )
    head = {"code": None, "name": None, "level": "scope", "n": within, "parent": None, "lon": None, "lat": None}
    return head | rows(total, elapsed)[0]


def unplaced(live: Snapshot, scope: Scope) -> dict[str, Any] | None:
    """Figures of the households that count in no block; None where there are none, or the scope does not reach them."""
    if not scope.everything or not live.counts[0].any():
        return None
    figures = of_blocks(live, scope, np.array([0]))
    return rows(figures, live.campaign.elapsed() / live.campaign.days)[0]


def above(live: Snapshot, number: int) -> str | None:
    """The areas in which a block lies, nearest first, as one text; None for number 0, which lies in none."""
    tree = live.tree
    return ", ".join(tree.name[n] for n in reversed(tree.path(int(tree.parent[number])))) if number else None


def describe(live: Snapshot, number: int) -> dict[str, Any]:
    """What an area is, without any count."""
    return places(live, np.array([number]))[0]


def places(live: Snapshot, numbers: NDArray[np.integer]) -> list[dict[str, Any]]:
    """What areas are, without any count, a row for each."""
    tree = live.tree
    each = zip(
        numbers.tolist(),
        tree.level[numbers].tolist(),
        tree.parent[numbers].tolist(),
        tree.lon[numbers].round(6).tolist(),
        tree.lat[numbers].round(6).tolist(),
        strict=True,
    )
    return [
        {
            "code": tree.code[n],
            "name": tree.name[n],
            "level": LEVELS[level],
            "n": n,
            "parent": tree.code[parent] or None,
        }
        | {"lon": lon, "lat": lat}
        for n, level, parent, lon, lat in each
    ]


#: Fields of a row of figures, in the order of the contract.
FIELDS = (
    "expected",
    *COUNTS,
    "apart",
    "gap",
    "coverage",
    "resolved",
    "schedule",
    "last_at",
    "state",
)
_HIDDEN = dict.fromkeys(FIELDS)


def rows(figures: Figures, elapsed: float) -> list[dict[str, Any]]:
    """Figures as plain rows: whole numbers, rates rounded to four places, instants in UTC, None for unknown."""
    columns = figures.expected, figures.counts, figures.apart[:, _C["completed"]], figures.gap
    counts = np.column_stack(columns).tolist()
    for row in counts:
        if row[0] < 0:  # nothing is known
            row[0] = None
        if row[-1] < 0:
            row[-1] = None
    coverage, resolved = _rates(figures.coverage), _rates(figures.resolved)
    schedule = _rates(figures.coverage / elapsed) if elapsed > 0 else [None] * len(counts)
    heard = _instants(figures.last_at)
    states = [STATES[s] for s in figures.states(elapsed)]
    return [
        dict(zip(FIELDS, (*row, *rest), strict=True))
        for row, *rest in zip(counts, coverage, resolved, schedule, heard, states, strict=True)
    ]


def _rates(values: NDArray[np.float64]) -> list[float | None]:
    """Four places; what is not yet all of it never becomes 1 by rounding."""
    shown = values.round(4)
    shown[(values < 1) & (shown >= 1)] = 0.9999
    return [None if share != share else share for share in shown.tolist()]  # noqa: PLR0124  # only NaN is not itself


def _instants(seconds: NDArray[np.float64]) -> list[datetime | None]:
    """Instants in UTC, to the microsecond, from seconds since 1970."""
    known = ~np.isnan(seconds)
    micros = np.where(known, seconds * 1e6, 0).round().astype("datetime64[us]").tolist()
    return [at.replace(tzinfo=UTC) if ok else None for at, ok in zip(micros, known.tolist(), strict=True)]
