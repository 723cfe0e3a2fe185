"""The vocabulary of an inspection: kinds of problems, from what size on they matter, and what repair would change."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from geo.ground import outlines

SLIVER_M2 = 10_000.0
"""An overlap or a hole up to one hectare is a sliver: the largest between villages that were digitised apart but meant
to fit is 9,400 m² (Kemendagri's Bekasi). A larger overlap blocks; a larger hole is noted, it may be water."""

SLIVER_SHARE = 0.01
"""An overlap of more than this share of the smaller area blocks even when it is small, ..."""

SLIVER_LEAST_M2 = 100.0
"""... unless it is less than a house plot, which GPS cannot tell anyway."""

SCATTERED_M = 1_000.0
"""Rows of one code that lie further apart than this may be two areas; they are merged, with a note."""

REPAIRABLE = frozenset({"invalid", "duplicate-code", "missing-code", "null-geometry", "empty-geometry", "not-polygon"})
"""What `repair` settles: outlines made valid, rows of one code merged, rows without a code or an outline left out."""

BLOCKING = REPAIRABLE | {"code-conflict", "overlap", "orphan", "outside-parent"}
"""What prevents an import until it is repaired or accepted."""

NOTES = frozenset({"sliver", "uncovered", "uninhabited", "scattered"})
"""What is only said."""

EMPTY_VILLAGES = frozenset({"888", "999"})
"""Village parts of BPS codes that stand for lakes and forests."""


@dataclass(frozen=True)
class Problem:
    """One finding: its kind, the code (and the other code) concerned, a place in degrees, the ground in m²."""

    kind: str
    code: str | None
    other: str | None
    lon: float | None
    lat: float | None
    area_m2: float | None
    detail: str


@dataclass(frozen=True)
class Change:
    """What a repair did to the ground of one code, m² before and after; 0 after means that it was left out."""

    kind: str
    code: str | None
    before_m2: float
    after_m2: float


@dataclass
class Findings:
    """What has been found so far."""

    problems: list[Problem] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def add(
        self,
        kind: str,
        codes: Sequence[str | None],
        shapes: Any,
        areas: Any,
        details: Sequence[str],
        others: Sequence[str | None] | None = None,
    ) -> None:
        """Report one problem of `kind` for each of the aligned values, placed inside its shape."""
        spots = outlines.places(np.asarray(shapes, dtype=object))
        second = others if others is not None else [None] * len(codes)
        for code, other, (lon, lat), area, detail in zip(codes, second, spots, areas, details, strict=True):
            self.problems.append(Problem(kind, code, other, lon, lat, round(float(area), 1), detail))

    def change(self, kind: str, code: str | None, before_m2: Any, after_m2: Any) -> None:
        """Note what a repair does to the ground of one code."""
        self.changes.append(Change(kind, code, round(float(before_m2), 1), round(float(after_m2), 1)))
