"""Inspecting boundaries before anything is imported: what is wrong, where, how much, and what repair would change.

Codes are only worth as much as the outlines behind them: a family on ground that two blocks claim counts in whichever
comes first, a family on ground that none claims counts nowhere. So nothing is imported while a blocking problem is
neither repaired nor accepted, and every repair shows the area it changed. Pure: no files, no database.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from shapely import MultiPolygon

from geo.errors import BadInput
from geo.ground import columns as naming
from geo.ground import outlines
from geo.ground.layer import Layer, sound
from geo.ground.levels import LEVELS, coarser
from geo.ground.problems import (
    BLOCKING,
    EMPTY_VILLAGES,
    REPAIRABLE,
    SLIVER_LEAST_M2,
    SLIVER_M2,
    SLIVER_SHARE,
    Change,
    Findings,
    Problem,
)


@dataclass(frozen=True)
class AreaRow:
    """One area to import. `geometry` is valid, EPSG:4326; `derived` means dissolved from the areas inside it."""

    level: str
    code: str
    name: str
    parent: str | None
    geometry: MultiPolygon
    uninhabited: bool
    derived: bool


@dataclass
class Inspection:
    """The findings. `areas` is filled, coarsest level first and by code, only where nothing blocks."""

    areas: list[AreaRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    settled: frozenset[str] = frozenset()

    @property
    def blocking(self) -> list[Problem]:
        """The problems that are neither repaired nor accepted."""
        return [problem for problem in self.problems if problem.kind in BLOCKING - self.settled]

    def counts(self) -> dict[str, int]:
        """How many problems of each kind there are."""
        return dict(sorted(Counter(problem.kind for problem in self.problems).items()))


def inspect(
    frames: Sequence[tuple[str, Any]],
    *,
    columns: Mapping[str, str] | None = None,
    known: Mapping[str, str] | None = None,
    repair: bool = False,
    accept: Collection[str] = (),
) -> Inspection:
    """What is wrong with `frames`, and the areas to import if nothing blocks.

    `frames`: pairs of level and GeoDataFrame (EPSG:4326, as `sources.read_areas` gives them), one a level. `columns`:
    names of columns by option, see `columns.identify`. `known`: code to level of areas the edition already has, which
    may be parents. `accept`: kinds of `BLOCKING` problems to live with; accepting a repairable kind repairs that kind
    alone. `changes` lists what repair does, done or not. Outlines of parents that neither `frames` nor `known` hold
    are dissolved from their children. Raises `BadInput`: `no-such-level`, `level-twice`, `no-such-problem`, and what
    `columns` raises (`no-code-column`, `no-such-column`, `no-such-option`).
    """
    given, edition = columns or {}, known or {}
    _check(frames, accept)
    naming.check_given(given, [frame for _, frame in frames])
    found = Findings()
    layers = {level: sound(level, frame, given, found) for level, frame in frames}
    for layer in layers.values():
        _find_overlaps(layer, found)
        _find_holes(layer, found)
        _find_uninhabited(layer, found)
        _find_orphans(layer, layers, edition, found)
        _find_outside(layer, layers.get(coarser(layer.level) or ""), found)
    settled = frozenset(accept) | (REPAIRABLE if repair else frozenset())
    inspection = Inspection([], found.problems, found.changes, settled)
    if not inspection.blocking:
        inspection.areas = _areas(layers, edition)
    return inspection


def _check(frames: Sequence[tuple[str, Any]], accept: Collection[str]) -> None:
    levels = [level for level, _ in frames]
    for level in levels:
        if level not in LEVELS:
            raise BadInput(f"{level} is no level; there are {', '.join(LEVELS)}", code="no-such-level")
        if levels.count(level) > 1:
            raise BadInput(f"two files of the level {level}: join them first", code="level-twice")
    if unknown := set(accept) - BLOCKING:
        names = ", ".join(sorted(unknown))
        raise BadInput(f"{names}: nothing to accept; there are {', '.join(sorted(BLOCKING))}", code="no-such-problem")


def _matters(area: outlines.Numbers, whole: outlines.Numbers) -> Any:
    """Whether ground of `area` m² that two claim, or none, is more than a sliver of an area of `whole` m²."""
    return (area > SLIVER_M2) | ((area > SLIVER_SHARE * whole) & (area > SLIVER_LEAST_M2))


def _find_overlaps(layer: Layer, found: Findings) -> None:
    first, second, shared, area = outlines.overlaps(layer.shapes)
    sizes = outlines.areas_m2(layer.shapes)
    smaller = np.minimum(sizes[first], sizes[second])
    big = _matters(area, smaller)
    for kind, chosen in (("overlap", big), ("sliver", ~big)):
        codes = [layer.codes[row] for row in first[chosen]]
        others = [layer.codes[row] for row in second[chosen]]
        shares = area[chosen] / smaller[chosen]
        details = [f"both claim {share:.2%} of the smaller {layer.level}" for share in shares]
        found.add(kind, codes, shared[chosen], area[chosen], details, others)


def _find_holes(layer: Layer, found: Findings) -> None:
    """Ground that no area claims but areas enclose: slivers, or something larger such as water."""
    parts = outlines.united(layer.shapes, [parent or "" for parent in layer.parents()])
    empty, area = outlines.holes(shapely.union_all(list(parts.values())))
    around: dict[int, list[str]] = defaultdict(list)
    for hole, row in shapely.STRtree(layer.shapes).query(empty, predicate="intersects").T:
        around[int(hole)].append(layer.codes[row])
    neighbours = [[*sorted(around[hole]), None, None] for hole in range(len(empty))]
    for kind, rows in (("sliver", area <= SLIVER_M2), ("uncovered", area > SLIVER_M2)):
        at = np.flatnonzero(rows)
        details = [f"no {layer.level} claims it" for _ in at]
        codes, others = [neighbours[row][0] for row in at], [neighbours[row][1] for row in at]
        found.add(kind, codes, empty[at], area[at], details, others)


def _is_uninhabited(code: str) -> bool:
    return code.isdigit() and len(code) >= 10 and code[7:10] in EMPTY_VILLAGES


def _find_uninhabited(layer: Layer, found: Findings) -> None:
    at = [row for row, code in enumerate(layer.codes) if _is_uninhabited(code)]
    shapes = layer.shapes[at]
    details = [f"{layer.names[row] or 'no name'}: a lake or forest by its code" for row in at]
    found.add("uninhabited", [layer.codes[row] for row in at], shapes, outlines.areas_m2(shapes), details)


def _find_orphans(layer: Layer, layers: Mapping[str, Layer], edition: Mapping[str, str], found: Findings) -> None:
    """Rows whose chain of parents breaks before it reaches a province or an area that is given or known."""
    seen: set[tuple[str, str]] = set()
    given = {level: set(other.codes) for level, other in layers.items()}
    settled = set(given) | set(edition.values())
    for row, code in enumerate(layer.codes):
        level, child = layer.level, code
        while (above := coarser(level)) is not None and (level, child) not in seen:
            seen.add((level, child))
            parent = layer.above[above][row]
            if parent is None:
                detail = f"{level} {child}: the code does not nest and no column names its {above}"
            elif edition.get(parent) == above or parent in given.get(above, ()):
                break
            elif above in settled:
                detail = f"{level} {child}: its {above} {parent} is unknown"
            else:
                level, child = above, parent
                continue
            shape = layer.shapes[row : row + 1]
            found.add("orphan", [child], shape, outlines.areas_m2(shape), [detail], [parent])
            break


def _find_outside(layer: Layer, parents: Layer | None, found: Findings) -> None:
    if parents is None:
        return
    place = {code: row for row, code in enumerate(parents.codes)}
    rows = [row for row, parent in enumerate(layer.parents()) if parent in place]
    above = [place[layer.parents()[row] or ""] for row in rows]
    rest, area = outlines.outside(layer.shapes[rows], parents.shapes[above])
    whole = outlines.areas_m2(layer.shapes[rows])
    for at in np.flatnonzero(_matters(area, whole)):
        detail = f"{area[at] / whole[at]:.1%} of it lies outside its {parents.level}"
        codes, others = [layer.codes[rows[at]]], [parents.codes[above[at]]]
        found.add("outside-parent", codes, rest[at : at + 1], area[at : at + 1], [detail], others)


def _areas(layers: Mapping[str, Layer], edition: Mapping[str, str]) -> list[AreaRow]:
    """The areas to import: those given, and above them those that neither `layers` nor `edition` hold."""
    names, upward = _above(layers)
    tiers: list[list[AreaRow]] = []
    finer: list[AreaRow] = []
    ground: dict[str, Any] = {}  # outlines with every hole in them, so that what is dissolved adds up
    for level in reversed(LEVELS):
        here = _given(layers[level], names) if level in layers else []
        have = {area.code for area in here} | {code for code, known in edition.items() if known == level}
        inside = [area for area in finer if area.parent is not None and area.parent not in have]
        whole = outlines.united(
            np.array([ground[area.code] for area in inside], dtype=object), [area.parent or "" for area in inside]
        )
        inhabited = {area.parent for area in inside if not area.uninhabited}
        for code, outline in whole.items():
            filled = outlines.without_holes(outline, SLIVER_M2)
            parent, name = upward.get((level, code)), names.get((level, code), code)
            here.append(AreaRow(level, code, name, parent, filled, code not in inhabited, derived=True))
        ground = {area.code: whole.get(area.code, area.geometry) for area in here}
        finer = here
        tiers.append(sorted(here, key=lambda area: area.code))
    return [area for tier in reversed(tiers) for area in tier]


def _given(layer: Layer, names: Mapping[tuple[str, str], str]) -> list[AreaRow]:
    rows = zip(layer.codes, layer.names, layer.parents(), layer.shapes, strict=True)
    return [
        AreaRow(
            layer.level, code, name or names.get((layer.level, code), code), parent, shape, _is_uninhabited(code), False
        )
        for code, name, parent, shape in rows
    ]


def _above(layers: Mapping[str, Layer]) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
    """By level and code of areas above the rows: the name most rows give it, and the code above it."""
    votes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    upward: dict[tuple[str, str], str] = {}
    for layer in layers.values():
        for level, codes in layer.above.items():
            for code, name in zip(codes, layer.above_names[level], strict=True):
                if code and name:
                    votes[level, code][name] += 1
            above = coarser(level)
            for code, parent in zip(codes, layer.above[above] if above else (), strict=False):
                if code and parent:
                    upward.setdefault((level, code), parent)
    return {key: names.most_common(1)[0][0] for key, names in votes.items()}, upward
