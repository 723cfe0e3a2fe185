"""Where the signs of a printed map go: neighbours' codes along shared edges, rings that do not lie upon each other.

Everything is in millimetres on paper. Shapes in, places out; nothing is drawn here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity

Floats = NDArray[np.float64]

#: An edge shared over less than this is no edge to write along.
LEAST = 3.0
#: How far from an outline words stand (their middle), nearest first; and where along the edge, best first.
AWAY = (2.8, 3.6, 4.6, 6.0, 8.0)
ALONG = (0.5, 0.35, 0.65, 0.2, 0.8)
#: Metres that outlines of neighbours may lie apart, and the same on paper at most.
APART, APART_MOST = 3.0, 6.0
#: Rings are tried in ever wider circles: so many circles, so many places on each, so many radii apart.
CIRCLES, PLACES, STEP = 9, 16, 1.1


@dataclass(frozen=True)
class Written:
    """Words in the middle of (x, y), turned by `angle` degrees."""

    words: str
    x: float
    y: float
    angle: float


@dataclass(frozen=True)
class Wanted:
    """Words to be written in a neighbour's `shape`: the first of `choices` (words, wide, high) that fits."""

    shape: Any
    choices: Sequence[tuple[str, float, float]]


def along(own: Any, neighbours: Sequence[Wanted], frame: Any, taken: Sequence[Any], scale: int) -> list[Written]:
    """Where to write outside of `own`, along the edges it shares; inside `frame`, beside what is `taken`.

    Who shares no edge is not written of; who has no room along it, somewhere in its part of the frame if there is some.
    """
    if shapely.is_empty(own):
        return []
    reach = shapely.buffer(own, min(max(APART * 1000 / scale, 0.5), APART_MOST))
    shapely.prepare(own)
    busy, found = list(taken), []
    for one in sorted(neighbours, key=lambda one: -float(shapely.area(one.shape))):
        parts = _edges(shapely.intersection(shapely.boundary(one.shape), reach))
        if not parts:
            continue
        place = _placed(one, parts, own, frame, busy)
        if place:
            found.append(place[0])
            busy.append(place[1])
    return found


def _edges(shared: Any) -> list[Any]:
    """Pieces of a shared edge that are long enough, the longest first."""
    lines = [part for part in shapely.get_parts(shared).tolist() if part.geom_type == "LineString" and part.length]
    if not lines:
        return []
    merged = shapely.get_parts(shapely.line_merge(shapely.MultiLineString(lines))).tolist()
    return sorted((part for part in merged if part.length >= LEAST), key=lambda part: -part.length)


def _placed(one: Wanted, parts: Sequence[Any], own: Any, frame: Any, busy: Sequence[Any]) -> tuple[Written, Any] | None:
    for words, wide, high in one.choices:
        for line in parts[:3]:
            for share in ALONG:
                for away in AWAY:
                    x, y, angle = _beside(line, share, away, wide, own)
                    box = affinity.translate(
                        affinity.rotate(shapely.box(-wide / 2, -high / 2, wide / 2, high / 2), angle), x, y
                    )
                    if frame.contains(box) and not own.intersects(box) and not any(box.intersects(b) for b in busy):
                        return Written(words, x, y, angle), box
    words, wide, high = one.choices[-1]
    inner = shapely.difference(shapely.intersection(one.shape, frame), own)
    if shapely.is_empty(inner):
        return None
    x, y = shapely.get_coordinates(shapely.point_on_surface(inner))[0].tolist()
    box = shapely.box(x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)
    if frame.contains(box) and not own.intersects(box) and not any(box.intersects(b) for b in busy):
        return Written(words, x, y, 0.0), box
    return None


def _beside(line: Any, share: float, away: float, wide: float, own: Any) -> tuple[float, float, float]:
    """A place beside a line, on the side that is not `own`'s, and the line's direction there (−90 to 90 degrees)."""
    middle, reach = share * line.length, min(wide, line.length) / 2
    (x, y), (ax, ay), (bx, by) = (
        shapely.get_coordinates(line.interpolate(min(max(at, 0.0), line.length)))[0].tolist()
        for at in (middle, middle - reach, middle + reach)
    )
    length = np.hypot(bx - ax, by - ay) or 1.0
    nx, ny = -(by - ay) / length, (bx - ax) / length
    if own.distance(shapely.Point(x + nx * 2, y + ny * 2)) < own.distance(shapely.Point(x - nx * 2, y - ny * 2)):
        nx, ny = -nx, -ny
    angle = float(np.degrees(np.arctan2(by - ay, bx - ax)))
    angle = angle - 180 if angle > 90 else angle + 180 if angle <= -90 else angle
    return x + nx * away, y + ny * away, angle


def apart(x: Floats, y: Floats, radius: float) -> tuple[Floats, Floats]:
    """Places for rings (n,) of a radius, each near its own (x, y) and none upon another as far as there is room."""
    placed = np.empty((0, 2))
    turn = np.arange(PLACES) * 2 * np.pi / PLACES
    around = [np.zeros((1, 2))]
    for circle in range(1, CIRCLES + 1):
        far = radius * (1 + STEP * circle)
        around.append(far * np.column_stack((np.cos(turn), np.sin(turn))))
    offsets = np.concatenate(around)
    for at in np.column_stack((x, y)):
        tried = at + offsets
        free = np.ones(len(tried), dtype=bool)
        if len(placed):
            away = np.hypot(*(tried[:, None] - placed[None]).transpose(2, 0, 1))
            free = (away >= 2.05 * radius).all(axis=1)
        chosen = tried[int(np.argmax(free))] if free.any() else at
        placed = np.append(placed, [chosen], axis=0)
    return placed[:, 0], placed[:, 1]
