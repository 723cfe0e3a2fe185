"""The rows of one level, made sound: one row a code, each with a valid MultiPolygon.

What stood in the way goes into the findings together with the change of area. Whether the result may be used is decided
by `inspection`, from what the person repaired or accepted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from geo.ground import columns as naming
from geo.ground import outlines
from geo.ground.levels import coarser
from geo.ground.problems import SCATTERED_M, Findings


@dataclass(frozen=True)
class Layer:
    """Areas of one level. `above` and `above_names` as in `columns.Identities`; `shapes` are in EPSG:4326."""

    level: str
    codes: list[str]
    names: list[str | None]
    above: dict[str, list[str | None]]
    above_names: dict[str, list[str | None]]
    shapes: outlines.Shapes

    def parents(self) -> list[str | None]:
        """The code of the area that contains each row; None throughout for provinces."""
        above = coarser(self.level)
        return self.above[above] if above else [None] * len(self.codes)

    def take(self, rows: Sequence[int]) -> "Layer":
        """The same layer with these rows only."""
        return Layer(
            self.level,
            [self.codes[row] for row in rows],
            [self.names[row] for row in rows],
            {level: [codes[row] for row in rows] for level, codes in self.above.items()},
            {level: [names[row] for row in rows] for level, names in self.above_names.items()},
            self.shapes[list(rows)],
        )


def sound(level: str, frame: Any, given: Mapping[str, str], found: Findings) -> Layer:
    """The rows of `frame` (a GeoDataFrame, EPSG:4326) as repair would make them; what was wrong goes to `found`.

    `given` names columns, see `columns.identify`, whose `BadInput` passes through.
    """
    said = naming.identify(level, frame, given)
    written = np.array(frame.geometry, dtype=object)
    before = outlines.areas_m2(written)
    shapes = _shapes(written, before, said.codes, found)
    usable = ~shapely.is_missing(shapes)
    nameless = usable & np.array([code is None for code in said.codes], dtype=bool)
    rows = np.flatnonzero(nameless)
    parents = said.above.get(coarser(level) or "", said.codes)
    details = [f"row {row + 1}, {said.names[row] or 'no name'}, in {parents[row] or 'no parent'}" for row in rows]
    found.add("missing-code", [None] * len(rows), shapes[rows], before[rows], details)
    for row in rows:
        found.change("missing-code", None, before[row], 0)
    layer = Layer(level, [code or "" for code in said.codes], said.names, said.above, said.above_names, shapes)
    return _merged(layer.take(np.flatnonzero(usable & ~nameless).tolist()), found)


def _shapes(
    written: outlines.Shapes, before: outlines.Numbers, codes: Sequence[str | None], found: Findings
) -> outlines.Shapes:
    """Valid MultiPolygons, None where there is nothing to save; reports what was not sound."""
    missing, empty = shapely.is_missing(written), shapely.is_empty(written)
    there = ~missing & ~empty
    odd = there & ~np.isin(shapely.get_type_id(written), (3, 6))
    invalid = there & ~odd & ~shapely.is_valid(written)
    shapes = outlines.polygons(written)
    broken = invalid | odd
    shapes[broken] = outlines.repaired(written[broken])
    after = outlines.areas_m2(shapes)
    kinds = {"null-geometry": missing, "empty-geometry": empty, "not-polygon": odd, "invalid": invalid}
    for kind, rows in kinds.items():
        at = np.flatnonzero(rows).tolist()
        spots, details = zip(*[_described(row, written[row]) for row in at], strict=True) if len(at) else ((), ())
        found.add(kind, [codes[row] for row in at], np.array(spots, dtype=object), before[at], details)
        for row in at:
            found.change(kind, codes[row], before[row], after[row])
    return shapes


def _described(row: int, shape: Any) -> tuple[Any, str]:
    """Where a shape is broken, and what is wrong with it."""
    if shape is None:
        return None, f"row {row + 1}: no outline"
    if shape.is_empty or shape.geom_type not in {"Polygon", "MultiPolygon"}:
        return shape, f"row {row + 1}: {'an empty' if shape.is_empty else 'a'} {shape.geom_type} instead of a polygon"
    reason, _, spot = str(shapely.is_valid_reason(shape)).rstrip("]").partition("[")  # Self-intersection[106.8 -6.3]
    return shapely.Point([float(number) for number in spot.split()[:2]]), f"row {row + 1}: {reason}"


def _merged(layer: Layer, found: Findings) -> Layer:
    """The layer with rows of one code merged into the first of them."""
    rows: dict[str, list[int]] = {}
    for row, code in enumerate(layer.codes):
        rows.setdefault(code, []).append(row)
    parents = layer.parents()
    for code, same in rows.items():
        if len(same) == 1:
            continue
        pieces = layer.shapes[same]
        whole = outlines.united(pieces, [code] * len(same))[code]
        before = outlines.areas_m2(pieces).sum()
        names = sorted({layer.names[row] or "no name" for row in same})
        kind = "code-conflict" if len(names) > 1 or len({parents[row] for row in same}) > 1 else "duplicate-code"
        apart = outlines.metres_apart(pieces)
        detail = f"{len(same)} rows, {' / '.join(names)}, about {apart:,.0f} m apart"
        found.add(kind, [code], pieces[1:2], [before], [detail])
        found.change(kind, code, before, outlines.areas_m2(np.array([whole], dtype=object))[0])
        if apart > SCATTERED_M:
            found.add("scattered", [code], pieces[1:2], [before], [f"{detail}: perhaps two areas"])
        layer.shapes[same[0]] = whole
    return layer.take([same[0] for same in rows.values()])
