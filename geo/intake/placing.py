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


@dataclass(frozen=True)
class _Points:
    """The points of a batch, NaN where a submission has none."""

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    located: NDArray[np.int32]
    declared: NDArray[np.int32]

    @property
    def present(self) -> NDArray[np.bool_]:
        return np.isfinite(self.lon)

    @property
    def on_earth(self) -> NDArray[np.bool_]:
        return self.present & (np.abs(self.lon) <= 180) & (np.abs(self.lat) <= 90)


def place(ground: Ground, submissions: Sequence[Submission]) -> list[Placed | Fault]:
    """One answer per submission, in order: where it counts, or why its place cannot be believed."""
    if not submissions:
        return []
    lon = np.array([np.nan if s.lon is None else s.lon for s in submissions])
    lat = np.array([np.nan if s.lat is None else s.lat for s in submissions])
    declared = np.array([ground.block_numbers.get(s.block or "", 0) for s in submissions], dtype=np.int32)
    points = _Points(lon, lat, np.zeros(len(submissions), dtype=np.int32), declared)
    usable = points.on_earth
    points.located[usable] = ground.locator.locate(lon[usable], lat[usable])
    faults = _faults(ground, points)
    index = np.zeros(len(submissions), dtype=np.int64)
    index[usable] = cells.index(lon[usable], lat[usable], 15)
    outside = _outside(ground, points, submissions)
    limit = ground.campaign.accuracy_limit_m
    answers: list[Placed | Fault] = []
    looked = zip(submissions, declared.tolist(), points.located.tolist(), index.tolist(), outside.tolist(), strict=True)
    for i, (submission, block, located, cell, beyond) in enumerate(looked):
        if i in faults:
            answers.append(faults[i])
            continue
        has_point = submission.lon is not None
        if not has_point and not block:
            answers.append(
                Fault(Reason.UNKNOWN_BLOCK, "block", f"the edition {ground.campaign.edition} has no such block")
            )
            continue
        flags = []
        if submission.accuracy_m is not None and submission.accuracy_m > limit:
            flags.append("low_accuracy")
        if beyond:
            flags.append("outside_block")
        if submission.block and not block:
            flags.append("unknown_block")
            submission.notices += ("UNKNOWN_BLOCK block",)
        answers.append(
            Placed(
                submission,
                number=block or located,
                located=located if has_point else None,
                cell=cell if has_point else None,
                flags=" ".join(flags) or None,
            )
        )
    return answers


def _faults(ground: Ground, points: _Points) -> dict[int, Fault]:
    """Points that cannot be believed, by position."""
    suspects = np.flatnonzero(points.present & (points.located == 0))
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


def _outside(ground: Ground, points: _Points, submissions: Sequence[Submission]) -> NDArray[np.bool_]:
    """Whether a point lies outside its declared block by more than its accuracy."""
    outside: NDArray[np.bool_] = points.on_earth & (points.declared > 0) & (points.located != points.declared)
    at = np.flatnonzero(outside)
    away = ground.locator.distance_m(points.lon[at], points.lat[at], points.declared[at])
    accuracy = np.array([submissions[i].accuracy_m or 0.0 for i in at.tolist()])
    outside[at] = away > accuracy
    return outside
