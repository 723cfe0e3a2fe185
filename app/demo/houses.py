"""Houses along lanes, the lanes themselves, and a door for every family: one block at a time, all of it in the block.

Each block is turned so that its longer side lies along x. Lanes run along x, with a row of lots on either side; what a
block is like (`Manner`) says how wide lots may be and how much chance there is in them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo.blocks import COUNTRY, ESTATE, FLAT, KAMPUNG
from app.demo.land import Plane, Points

#: Between a building and the edge of its block, and around a block of flats, metres.
CLEAR, YARD = 2.0, 9.0

#: Families in one block of flats, share of a block's families in them, and the ground of a building, metres.
TOWER = (20, 60)
IN_TOWERS = 0.75
TOWER_SIZE = (52.0, 17.0)

#: Shrinking of lots, tried in turn until every building finds room.
SHRINK = (1.0, 0.86, 0.74, 0.64, 0.55)


@dataclass(frozen=True)
class Manner:
    """How people build: metres of a lot along the lane and away from it, of lane, yard and largest house.

    `chance`: from 0, all alike and close together, to 1. `together`: chances of 1, 2, 3, … families in a building, so
    chosen that a city has 0.66 to 0.89 residential buildings for each family (domain.md).
    """

    along: tuple[float, float]
    away: tuple[float, float]
    lane: float
    yard: float
    house: tuple[float, float]
    chance: float
    together: tuple[float, ...]


#: Kampung houses stand close, some let rooms (kos) to several families.
KAMPUNG_MANNER = Manner(
    (7.5, 15), (10, 23), 3.0, 0.8, (10, 12), 0.8, (0.855, 0.08, 0.025, 0.014, 0.01, 0.007, 0.005, 0.004)
)
MANNERS = {
    KAMPUNG: KAMPUNG_MANNER,
    ESTATE: Manner((7.5, 12), (13, 19), 6.0, 3.0, (9, 12), 0.04, (0.97, 0.03)),
    FLAT: KAMPUNG_MANNER,
    COUNTRY: Manner((15, 32), (18, 46), 4.5, 5.0, (11, 13), 0.9, (0.92, 0.07, 0.01)),
}


@dataclass(frozen=True)
class Homes:
    """Buildings, families and lanes of many blocks, each ordered by block; corners and ends in degrees.

    `corners` (U, 4, 2), `area_m2` (U,), `block` (U,); `door` (F, 2), `building` (F,); `lanes` (L, 2, 2),
    `lane_block` (L,).
    """

    block: NDArray[np.int32]
    corners: Points
    area_m2: NDArray[np.float32]
    building: NDArray[np.int32]
    door: Points
    lanes: Points
    lane_block: NDArray[np.int32]


#: One building: x and y of its middle, its width along the lane and depth, which side of the lane (±1), y of the lane.
Boxes = NDArray[np.float64]


def settle(
    outlines: NDArray[Any], families: NDArray[np.int64], kind: NDArray[np.int8], plane: Plane, seeds: list[list[int]]
) -> Homes:
    """Homes for the families of blocks (B,); outlines in degrees, near the plane's origin; a seed for each block."""
    grounds = shapely.transform(outlines, plane.to_metres)
    frames = shapely.get_coordinates(shapely.get_exterior_ring(shapely.oriented_envelope(grounds))).reshape(-1, 5, 2)
    parts: list[tuple[Any, ...]] = []
    buildings = 0
    for at in np.flatnonzero(families):
        turn = _turn(frames[at])
        ground = shapely.Polygon(shapely.get_coordinates(grounds[at]) @ turn)
        rng = np.random.default_rng(seeds[at])
        boxes, counts, lanes = _block(ground, int(kind[at]), int(families[at]), rng)
        building, door = _doors(boxes, counts, rng)
        back = turn.T
        parts.append(
            (
                np.full(len(boxes), at),
                _corners(boxes) @ back,
                boxes[:, 2] * boxes[:, 3],
                building + buildings,
                door @ back,
                lanes @ back,
                np.full(len(lanes), at),
            )
        )
        buildings += len(boxes)
    block, corners, area, building, door, lanes, lane_block = (
        np.concatenate(part) for part in zip(*parts, strict=True)
    )
    return Homes(
        block.astype(np.int32),
        _degrees(plane, corners),
        area.astype(np.float32),
        building.astype(np.int32),
        _degrees(plane, door),
        _degrees(plane, lanes),
        lane_block.astype(np.int32),
    )


def _degrees(plane: Plane, metres: Points) -> Points:
    """Points of any shape (…, 2) in degrees, to the centimetre."""
    return np.round(plane.to_degrees(metres.reshape(-1, 2)), 7).reshape(metres.shape)


def _turn(frame: Points) -> Points:
    """The matrix that, multiplied from the right, turns the longer side of a rectangle (5, 2) along x."""
    first, second = frame[1] - frame[0], frame[2] - frame[1]
    x, y = first if np.hypot(*first) >= np.hypot(*second) else second
    length = np.hypot(x, y) or 1.0
    return np.array([[x, -y], [y, x]]) / length


def _block(ground: Any, kind: int, families: int, rng: np.random.Generator) -> tuple[Boxes, NDArray[np.int64], Points]:
    """Buildings of one block, how many families live in each, and its lanes (L, 2, 2); `ground` is turned."""
    manner = MANNERS[kind]
    free = ground.buffer(-CLEAR)
    towers, high = np.empty((0, 6)), np.empty(0, np.int64)
    if kind == FLAT:
        towers, high = _towers(free, round(families * IN_TOWERS), rng)
        free = shapely.difference(free, shapely.union_all(_outlined(towers)).buffer(YARD))
    counts = _shared_out(families - int(high.sum()), manner, rng)
    houses, counts = _houses(free, manner, counts, rng)
    if not len(houses) and not len(towers):
        x, y = shapely.get_coordinates(ground.representative_point())[0]
        houses, counts = np.array([[x, y, 1.5, 1.5, 1.0, y]]), np.array([families])
    lanes = _lanes(ground, houses)
    return np.concatenate((towers, houses)), np.concatenate((high, counts)), lanes


def _shared_out(families: int, manner: Manner, rng: np.random.Generator) -> NDArray[np.int64]:
    """How many families live in each building, `families` in all."""
    drawn = 1 + rng.choice(len(manner.together), size=families, p=manner.together)
    upto = np.cumsum(drawn)
    last = int(np.searchsorted(upto, families))
    counts = drawn[: last + 1].astype(np.int64)
    counts[-1:] -= int(counts.sum()) - families
    return counts


def _towers(free: Any, families: int, rng: np.random.Generator) -> tuple[Boxes, NDArray[np.int64]]:
    """Blocks of flats in a row or two for about `families`; none where none fits."""
    wide, deep = TOWER_SIZE
    manner = Manner((wide + 2 * YARD,) * 2, (deep + YARD,) * 2, 2 * YARD, 0.0, TOWER_SIZE, 0.0, (1.0,))
    lots = _lots(free, manner, manner.along[0], manner.away[0], rng)
    lots[:, 2:4] = TOWER_SIZE
    lots = lots[shapely.contains(free, _outlined(lots))] if len(lots) else lots
    count = min(len(lots), max(1, round(families / 42)))
    if not count:
        return np.empty((0, 6)), np.empty(0, np.int64)
    share = np.clip(families // count - rng.integers(0, 7, count), *TOWER)
    return lots[:count], np.minimum(share, families).astype(np.int64)


def _houses(
    free: Any, manner: Manner, counts: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Boxes, NDArray[np.int64]]:
    """A house for each of `counts`; where ground is short fewer houses, with more families in some."""
    wanted, room = len(counts), shapely.area(free)
    if not wanted or room < 30:
        return np.empty((0, 6)), counts[:0]
    lot = 0.75 * room / wanted
    along = float(np.clip((lot / 1.5) ** 0.5, *manner.along))
    away = float(np.clip(lot / along, *manner.away))
    lots = np.empty((0, 6))
    for shrink in SHRINK:
        lots = _lots(free, manner, along * shrink**0.5, away * shrink**0.5, rng)
        if len(lots) >= wanted:
            break
    if len(lots) < wanted:  # the rest move in with others
        kept = counts[: len(lots)].copy()
        np.add.at(kept, np.arange(int(counts[len(lots) :].sum())) % max(1, len(kept)), 1)
        return lots, kept[: len(lots)]
    # houses fill the block from one side, with gaps where there is chance
    side = np.array([[1, 0.1], [-1, 0.1], [0.1, 1], [0.1, -1]])[rng.integers(4)]
    far = lots[:, :2] @ side
    far += rng.random(len(lots)) * manner.chance * 0.8 * np.ptp(far)
    return lots[np.sort(np.argsort(far, kind="stable")[:wanted])], counts


def _lots(free: Any, manner: Manner, along: float, away: float, rng: np.random.Generator) -> Boxes:
    """Every house that finds room in `free`, row by row, lots of `along` by `away` metres."""
    west, south, east, north = shapely.bounds(free)
    reach = away + manner.lane / 2
    lanes = np.arange(south + reach * rng.uniform(0.9, 1.1), north + reach, 2 * reach)
    count = max(1, int((east - west) / along))
    start = west + rng.random((len(lanes), 2)) * along * manner.chance
    x = (start[:, :, None] + (np.arange(count) + 0.5) * along).ravel()
    side = np.tile(np.repeat([-1.0, 1.0], count), len(lanes))
    lane = np.repeat(lanes, 2 * count)
    luck = rng.random((4, len(x)))
    less = manner.chance * luck
    wide = min(along - 0.8, manner.house[0]) * (1 - 0.4 * less[0])
    deep = min(away - manner.yard - 0.8, manner.house[1]) * (1 - 0.4 * less[1])
    x = x + (less[2] - manner.chance / 2) * (along - 0.8 - wide)
    spare = away - manner.yard - 0.8 - deep
    y = lane + side * (manner.lane / 2 + manner.yard + 0.6 * less[3] * spare + deep / 2)
    boxes = np.column_stack((x, y, wide, deep, side, lane))
    middle = (west + east) / 2  # a lane across
    boxes = boxes[np.abs(x - middle) > wide / 2 + manner.lane / 2 + 0.5]
    corners = _corners(boxes)
    shapely.prepare(free)
    inside = np.asarray(shapely.contains_xy(free, corners[..., 0], corners[..., 1])).all(1)
    return np.asarray(boxes[inside])


def _corners(boxes: Boxes) -> Points:
    """Corners (U, 4, 2) of buildings, counter-clockwise."""
    half = boxes[:, None, 2:4] / 2
    return np.asarray(boxes[:, None, :2] + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]))


def _outlined(boxes: Boxes) -> NDArray[Any]:
    return np.asarray(shapely.polygons(_corners(boxes)))


def _doors(boxes: Boxes, counts: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.int64], Points]:
    """The building (F,) of each family and its door (F, 2): side by side along the front, in a large one within it."""
    building = np.repeat(np.arange(len(boxes)), counts)
    place = np.arange(len(building)) - np.repeat(np.cumsum(counts) - counts, counts)
    box, of = boxes[building], counts[building]
    aside = ((place + 0.5) / of - 0.5) * 0.9 + rng.uniform(-0.2, 0.2, len(of)) / (of + 1)
    front = np.where(of > 8, rng.uniform(-0.4, 0.4, len(of)), -0.5 + rng.uniform(0.02, 0.2, len(of)))
    return building, np.column_stack((box[:, 0] + aside * box[:, 2], box[:, 1] + front * box[:, 3] * box[:, 4]))


def _lanes(ground: Any, houses: Boxes) -> Points:
    """The lanes (L, 2, 2) that houses stand on, and one across that joins them and leaves the block."""
    if not len(houses):
        return np.empty((0, 2, 2))
    west, south, east, _north = shapely.bounds(ground)
    middle = (west + east) / 2
    found = []
    for y in np.unique(houses[:, 5]):
        row = houses[houses[:, 5] == y]
        first, last = row[:, 0] - row[:, 2] / 2, row[:, 0] + row[:, 2] / 2
        found.append([(min(first.min(), middle), y), (max(last.max(), middle), y)])
    found.append([(middle, south), (middle, float(houses[:, 5].max()))])
    return np.array(found)
