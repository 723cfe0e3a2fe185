"""The city as it truly is: areas, houses and families. Nobody in the campaign knows all of it; the truth file does.

Everything is made up from a seed, the same seed giving the same city; only names and codes of districts and villages
are real. Arrays of one kind share an order, which the comments name; points are EPSG:4326, degrees.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo import blocks as census
from app.demo import facts, houses, land
from geo.ground.inspection import AreaRow

Scale = Literal["small", "district", "city", "province"]
SCALES: tuple[Scale, ...] = ("small", "district", "city", "province")

#: What a block looks like. `empty` ones are water or forest.
KINDS = ("kampung", "estate", "flats", "rural", "empty")

EDITION = "2022_2"
TIME_ZONE = "Asia/Makassar"

Degrees = NDArray[np.float64]


@dataclass(frozen=True)
class Blocks:
    """Census blocks (B,), in the order of their codes. `outline` are valid polygons that neither overlap nor gap."""

    code: list[str]
    outline: NDArray[Any]
    kind: NDArray[np.int8]
    gated: NDArray[np.bool_]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.code)


@dataclass(frozen=True)
class Buildings:
    """Residential buildings (U,), ordered by block. `outline` are small rectangles; `area_m2` is their ground."""

    block: NDArray[np.int32]
    lon: Degrees
    lat: Degrees
    area_m2: NDArray[np.float32]
    outline: NDArray[Any]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.block)


@dataclass(frozen=True)
class Families:
    """Families (F,), ordered by block. `lon`, `lat`: their door. `building`: place in Buildings, often shared."""

    block: NDArray[np.int32]
    building: NDArray[np.int32]
    lon: Degrees
    lat: Degrees

    def __len__(self) -> int:
        """How many there are."""
        return len(self.block)


@dataclass(frozen=True)
class City:
    """The simulated city. `areas` hold every level from province to block, as `geo.ground.areas.store` takes them."""

    seed: int
    scale: Scale
    areas: list[AreaRow]
    blocks: Blocks
    buildings: Buildings
    families: Families
    streets: NDArray[Any]
    water: NDArray[Any]

    def families_of(self, block: int) -> slice:
        """Where the families of a block stand in `families`."""
        first, after = np.searchsorted(self.families.block, [block, block + 1])
        return slice(int(first), int(after))

    def buildings_of(self, block: int) -> slice:
        """Where the buildings of a block stand in `buildings`."""
        first, after = np.searchsorted(self.buildings.block, [block, block + 1])
        return slice(int(first), int(after))


@dataclass(frozen=True)
class _Part:
    """What one regency adds. `village`: of each block, its place in `villages`; `water`: blocks that are."""

    regency: facts.Regency
    villages: list[facts.Village]
    village: NDArray[np.int64]
    blocks: Blocks
    water: NDArray[np.bool_]
    homes: houses.Homes


def build(seed: int = 22, scale: Scale = "district") -> City:
    """The city of a seed, in one of `SCALES`; what a smaller scale has is in the larger ones just the same.

    `small`: one village of about 800 families; `district`: two districts on both banks of the river; `city`: all of
    Samarinda; `province`: beyond a million families in ten regencies.
    """
    regencies = [r for r in facts.REGENCIES if scale == "province" or r.code == facts.SAMARINDA]
    parts = [_part(regency, seed, scale) for regency in regencies]
    homes = [part.homes for part in parts]
    blocks = Blocks(
        [code for part in parts for code in part.blocks.code],
        np.concatenate([part.blocks.outline for part in parts]),
        np.concatenate([part.blocks.kind for part in parts]),
        np.concatenate([part.blocks.gated for part in parts]),
    )
    first_block = _firsts([len(part.blocks) for part in parts])
    first_building = _firsts([len(home.block) for home in homes])
    block = np.concatenate([home.block + first for home, first in zip(homes, first_block, strict=True)])
    building = np.concatenate([home.building + first for home, first in zip(homes, first_building, strict=True)])
    lane_block = np.concatenate([home.lane_block + first for home, first in zip(homes, first_block, strict=True)])
    corners = np.concatenate([home.corners for home in homes])
    doors = np.concatenate([home.door for home in homes])
    middle = corners.mean(axis=1)
    return City(
        seed,
        scale,
        _areas(parts),
        blocks,
        Buildings(
            block,
            middle[:, 0],
            middle[:, 1],
            np.concatenate([home.area_m2 for home in homes]),
            np.asarray(shapely.polygons(corners)),
        ),
        Families(block[building], building, doors[:, 0], doors[:, 1]),
        _streets(np.concatenate([home.lanes for home in homes]), blocks.outline[lane_block]),
        np.concatenate([_joined(part.blocks.outline[part.water]) for part in parts]),
    )


def _firsts(counts: list[int]) -> NDArray[np.int32]:
    return (np.cumsum(counts) - counts).astype(np.int32)


def _part(regency: facts.Regency, seed: int, scale: Scale) -> _Part:
    """The blocks and homes of one regency, as much of it as `scale` asks for."""
    ground = land.lay_out(regency, seed)
    wanted = {"small": (facts.SMALL,), "district": facts.DISTRICT}.get(scale, (regency.code,))
    chosen = [i for i, village in enumerate(ground.villages) if village.code.startswith(wanted)]
    # blocks next door put corners on the edges of ours, so they are laid out too
    near = land.around(ground, set(chosen))
    plots = {i: census.plots(ground, i, seed) for i in near}
    rings = [ring for i in chosen for ring in plots[i].rings]
    beside = [ring for i in near if i not in chosen for ring in plots[i].rings]
    beside += [ring for ring, owner in zip(ground.strips, ground.owner, strict=True) if owner not in plots]
    outline = census.stitch(rings + beside, ground)[: len(rings)]
    numbers = [(i, number) for i in chosen for number in range(1, len(plots[i].rings) + 1)]
    kind = np.concatenate([plots[i].kind for i in chosen])
    blocks = Blocks(
        [f"{ground.villages[i].code}-SIM{number:03d}" for i, number in numbers],
        outline,
        kind,
        np.concatenate([plots[i].gated for i in chosen]),
    )
    families = np.concatenate([plots[i].families for i in chosen])
    seeds = [[seed, int(ground.villages[i].code), number] for i, number in numbers]
    return _Part(
        regency,
        [ground.villages[i] for i in chosen],
        np.repeat(np.arange(len(chosen)), [len(plots[i].rings) for i in chosen]),
        blocks,
        np.concatenate([plots[i].water for i in chosen]),
        houses.settle(outline, families, kind, ground.plane, seeds),
    )


def _areas(parts: Sequence[_Part]) -> list[AreaRow]:
    """Every area, coarsest level first and by code; all above the blocks are joined from what they hold."""
    blocks: list[AreaRow] = []
    above: dict[str, tuple[str, str | None]] = {facts.PROVINCE[0]: (facts.PROVINCE[1], None)}
    for part in parts:
        shapes = np.asarray(shapely.multipolygons(part.blocks.outline, indices=np.arange(len(part.blocks))))
        for code, at, shape in zip(part.blocks.code, part.village, shapes, strict=True):
            blocks.append(AreaRow("block", code, f"RT {code[-3:]}", part.villages[at].code, shape, False, False))
        above[part.regency.code] = (f"{part.regency.name} (simulasi)", facts.PROVINCE[0])
        for village in part.villages:
            above[village.district] = (facts.district_name(village.district), part.regency.code)
            above[village.code] = (village.name, village.district)
    villages = _joining("village", blocks, above)
    districts = _joining("district", villages, above)
    regencies = _joining("regency", districts, above)
    return [*_joining("province", regencies, above), *regencies, *districts, *villages, *blocks]


def _joining(level: str, finer: list[AreaRow], above: Mapping[str, tuple[str, str | None]]) -> list[AreaRow]:
    """The areas of `level`, joined from those one level below; `above`: name and parent of each code."""
    inside: dict[str, list[Any]] = defaultdict(list)
    for row in finer:
        inside[row.parent or ""].append(row.geometry)
    return [
        AreaRow(
            level, code, above[code][0], above[code][1], shapely.MultiPolygon(_joined(shapes).tolist()), False, True
        )
        for code, shapes in sorted(inside.items())
    ]


def _joined(shapes: Any) -> NDArray[Any]:
    """The polygons (N,) that outlines fitting together make up."""
    parts: NDArray[Any] = shapely.get_parts(shapely.coverage_union_all(shapes))
    return parts


def _streets(lanes: NDArray[np.float64], outlines: NDArray[Any]) -> NDArray[Any]:
    """Lines (L, 2, 2), degrees, as far as they lie in the outline of their block."""
    clipped = shapely.get_parts(shapely.intersection(shapely.linestrings(lanes), outlines))
    streets: NDArray[Any] = clipped[shapely.get_type_id(clipped) == shapely.GeometryType.LINESTRING]
    return streets
