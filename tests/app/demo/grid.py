"""A plain city for tests of the month: square blocks of about 90 families on a grid, a village every six by four."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo.city import Blocks, Buildings, City, Families
from geo.ground.inspection import AreaRow

WEST, SOUTH, SIDE = 117.14, -0.55, 0.0016  # about 178 m
ACROSS, DOWN = 6, 4


def city(villages: int = 2, seed: int = 7, flats: bool = True) -> City:
    """`villages` of 24 blocks each in a row from west to east; of each, one block gated, one of flats, one empty."""
    rng = np.random.default_rng(seed)
    squares, codes, kinds, gated = [], [], [], []
    for v in range(villages):
        for k in range(ACROSS * DOWN):
            west = round(WEST + (v * ACROSS + k % ACROSS) * SIDE, 6)
            south = round(SOUTH + (k // ACROSS) * SIDE, 6)
            squares.append(shapely.box(west, south, round(west + SIDE, 6), round(south + SIDE, 6)))
            codes.append(f"6472030{v + 1:03d}-SIM{k + 1:02d}")
            kinds.append({5: 1, 11: 2 if flats else 0, 17: 4}.get(k, 0))
            gated.append(k == 5)
    blocks = Blocks(codes, np.array(squares), np.array(kinds, dtype=np.int8), np.array(gated))
    buildings, families = _houses(rng, blocks)
    nothing = np.array([], dtype=object)
    return City(seed, "small", _areas(blocks, villages), blocks, buildings, families, nothing, nothing)


def _houses(rng: np.random.Generator, blocks: Blocks) -> tuple[Buildings, Families]:
    """Buildings on a jittered grid inside each block; every sixth has two families, in blocks of flats nine each."""
    at: list[tuple[float, float]] = []
    doors: list[tuple[float, float]] = []
    block_of: list[int] = []
    home_block: list[int] = []
    home: list[int] = []
    for b, outline in enumerate(blocks.outline):
        if blocks.kind[b] == 4:
            continue
        west, south = outline.bounds[:2]
        for k in range(10 if blocks.kind[b] == 2 else 81):
            column, row = (k % 9, k // 9) if blocks.kind[b] != 2 else (k % 5 * 2, k // 5 * 4)
            jitter = rng.uniform(-0.1, 0.1, 2)
            place = (
                west + SIDE * (column + 0.5 + jitter[0]) / 9,
                south + SIDE * (row + 0.5 + jitter[1]) / 9,
            )
            for _ in range(9 if blocks.kind[b] == 2 else 2 if rng.random() < 1 / 6 else 1):
                doors.append((place[0], place[1] - 0.00002))
                home_block.append(b)
                home.append(len(at))
            at.append(place)
            block_of.append(b)
    places, thresholds = np.array(at), np.array(doors)
    half = 0.00004
    outlines = shapely.box(places[:, 0] - half, places[:, 1] - half, places[:, 0] + half, places[:, 1] + half)
    area = np.full(len(at), 79, dtype=np.float32)
    buildings = Buildings(np.array(block_of, dtype=np.int32), places[:, 0], places[:, 1], area, outlines)
    return buildings, Families(
        np.array(home_block, dtype=np.int32), np.array(home, dtype=np.int32), thresholds[:, 0], thresholds[:, 1]
    )


def _areas(blocks: Blocks, villages: int) -> list[AreaRow]:
    """The levels above, dissolved from the blocks, and the blocks."""
    whole = _whole(blocks.outline)
    rows = [
        AreaRow("province", "64", "Kalimantan Timur (simulasi)", None, whole, False, True),
        AreaRow("regency", "6472", "Kota Samarinda (simulasi)", "64", whole, False, True),
        AreaRow("district", "6472030", "Samarinda Ulu (simulasi)", "6472", whole, False, True),
    ]
    of = np.array([code[:10] for code in blocks.code])
    for v in range(villages):
        code = f"6472030{v + 1:03d}"
        shape = _whole(blocks.outline[of == code])
        rows.append(AreaRow("village", code, f"Kampung {v + 1}", "6472030", shape, False, True))
    for code, outline, kind in zip(blocks.code, blocks.outline, blocks.kind, strict=True):
        rows.append(AreaRow("block", code, code[-5:], code[:10], shapely.MultiPolygon([outline]), kind == 4, False))
    return rows


def _whole(outlines: NDArray[Any]) -> shapely.MultiPolygon:
    shape = shapely.union_all(outlines)
    assert isinstance(shape, shapely.Polygon)
    return shapely.MultiPolygon([shape])
