"""Where submissions count: the declared block if the edition has it, else the block the point lies in, else unplaced.

The observed coordinate is never changed; doubts about it become a fault with a proposal, or a flag.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.ground import cells
from geo.ground.areas import Ground
from geo.intake.reasons import Fault, Reason
from geo.intake.submissions import Submission


@dataclass(slots=True)
class Placed:
    """A submission with its counted block, the block its point lies in (0: none, None: no point), cell and flags."""

    submission: Submission
    number: int
    located: int | None
    cell: int | None
    flags: str | None


#: What may be doubtful about a row that is stored all the same: bits, and the words of every sum of them.
LOW_ACCURACY, OUTSIDE_BLOCK, UNKNOWN_BLOCK = 1, 2, 4
DOUBTS: tuple[str | None, ...] = tuple(
    " ".join(word for bit, word in enumerate(("low_accuracy", "outside_block", "unknown_block")) if doubts >> bit & 1)
    or None
    for doubts in range(8)
)


@dataclass(frozen=True)
class Points:
    """Where the rows of a batch say they are: arrays (n,), degrees and metres, NaN where a row does not say.

    `declared` is the number of the block a row names; 0 where it names none, or one that the edition lacks (`unknown`).
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]
    declared: NDArray[np.int32]
    unknown: NDArray[np.bool_]

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which rows have a point."""
        return np.isfinite(self.lon)

    @property
    def on_earth(self) -> NDArray[np.bool_]:
        """Which points are a place."""
        return self.present & (np.abs(self.lon) <= 180) & (np.abs(self.lat) <= 90)


@dataclass(frozen=True)
class Places:
    """Where rows lie: the block (0: in none) and cell of each point, what is doubtful, and which may not be believed.

    `suspect` points lie in no block: some of them are too far away, or stand for another kind of coordinate. `homeless`
    rows have neither point nor known block.
    """

    located: NDArray[np.int32]
    cell: NDArray[np.int64]
    doubts: NDArray[np.int64]
    suspect: NDArray[np.bool_]
    homeless: NDArray[np.bool_]


def places(ground: Ground, points: Points) -> Places:
    """Where each row of a batch lies, by the block and the cell of its point."""
    usable = points.on_earth
    located = np.zeros(len(points.lon), dtype=np.int32)
    located[usable] = ground.locator.locate(points.lon[usable], points.lat[usable])
    cell = np.zeros(len(points.lon), dtype=np.int64)
    cell[usable] = cells.index(points.lon[usable], points.lat[usable], cells.HOUSEHOLD)
    doubts = np.where(points.accuracy_m > ground.campaign.accuracy_limit_m, LOW_ACCURACY, 0)  # NaN compares false
    doubts |= np.where(_outside(ground, points, located), OUTSIDE_BLOCK, 0)
    doubts |= np.where(points.unknown, UNKNOWN_BLOCK, 0)
    suspect = points.present & (located == 0)
    return Places(located, cell, doubts, suspect, homeless=~points.present & (points.declared == 0))


def place(ground: Ground, submissions: Sequence[Submission]) -> list[Placed | Fault]:
    """One answer per submission, in order: where it counts, or why its place cannot be believed."""
    if not submissions:
        return []
    points = _points(ground, submissions)
    found = places(ground, points)
    faults = _faults(ground, points, np.flatnonzero(found.suspect))
    looked = (points.declared.tolist(), found.located.tolist(), found.cell.tolist(), found.doubts.tolist())
    answers: list[Placed | Fault] = []
    for i, (submission, block, located, cell, doubts) in enumerate(zip(submissions, *looked, strict=True)):
        if i in faults:
            answers.append(faults[i])
            continue
        has_point = submission.lon is not None
        if not has_point and not block:
            answers.append(
                Fault(Reason.UNKNOWN_BLOCK, "block", f"the edition {ground.campaign.edition} has no such block")
            )
            continue
        if doubts & UNKNOWN_BLOCK:
            submission.notices += ("UNKNOWN_BLOCK block",)
        answers.append(
            Placed(
                submission,
                number=block or located,
                located=located if has_point else None,
                cell=cell if has_point else None,
                flags=DOUBTS[doubts],
            )
        )
    return answers


def _points(ground: Ground, submissions: Sequence[Submission]) -> Points:
    declared = np.array([ground.block_numbers.get(s.block or "", 0) for s in submissions], dtype=np.int32)
    return Points(
        lon=np.array([np.nan if s.lon is None else s.lon for s in submissions]),
        lat=np.array([np.nan if s.lat is None else s.lat for s in submissions]),
        accuracy_m=np.array([np.nan if s.accuracy_m is None else s.accuracy_m for s in submissions]),
        declared=declared,
        unknown=np.array([s.block is not None for s in submissions]) & (declared == 0),
    )


def _faults(ground: Ground, points: Points, suspects: NDArray[np.intp]) -> dict[int, Fault]:
    """Which of the suspects cannot be believed, by position."""
    if not len(suspects):
        return {}
    lon, lat = points.lon[suspects], points.lat[suspects]
    limit = ground.campaign.outside_limit_m
    near = np.zeros(len(suspects), dtype=bool)
    fine = points.on_earth[suspects]
    near[fine] = ground.locator.within(lon[fine], lat[fine], limit)
    swapped = (np.abs(lat) <= 180) & (np.abs(lon) <= 90) & ~near
    swapped[swapped] = ground.locator.within(lat[swapped], lon[swapped], 0.0)
    found = {}
    for at, i in enumerate(suspects):
        if near[at]:
            continue
        x, y = float(lon[at]), float(lat[at])
        if swapped[at]:
            fault = Fault(
                Reason.AXES_SWAPPED, "lon", "lies in the campaign only with its axes swapped", {"lon": y, "lat": x}
            )
        elif abs(x) > 1000 or abs(y) > 1000:
            fault = Fault(Reason.WRONG_CRS, "lon", "looks like metres: send degrees, WGS 84")
        elif not fine[at]:
            fault = Fault(Reason.OUT_OF_RANGE, "lon" if abs(x) > 180 else "lat", "is no place on earth")
        else:
            fault = Fault(Reason.OUTSIDE_CAMPAIGN, "lon", f"lies more than {limit:.0f} m outside the campaign's areas")
        found[int(i)] = fault
    return found


def _outside(ground: Ground, points: Points, located: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether a point lies outside its declared block by more than its accuracy."""
    outside: NDArray[np.bool_] = points.on_earth & (points.declared > 0) & (located != points.declared)
    at = np.flatnonzero(outside)
    away = ground.locator.distance_m(points.lon[at], points.lat[at], points.declared[at])
    outside[at] = away > np.nan_to_num(points.accuracy_m[at])
    return outside
