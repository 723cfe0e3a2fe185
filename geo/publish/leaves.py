"""The finest published figures that a reader sees, as arrays: what clusters, reach and proposed places are made of.

Functions of a sealed release alone. Blocks for those to whom an area was granted, else cells: of resolution 8 for them,
of resolution 7 for the public. A leaf's place is a point of its own outline and never one of a household.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.publish.published import EVERYWHERE, Sealed
from geo.schema_release import LEAF, PUBLIC

SQL = queries.load(__file__)

System = Literal["block", "cell"]

Whole = NDArray[np.int64]
Degrees = NDArray[np.float64]

#: What stands in `expected` where nobody knows.
UNKNOWN = -1

_COLUMNS = {"key": "i8", "number": "i8", "n": "i8", "value": "i8", "draws": "i8", "expected": "i8"}


@dataclass(frozen=True)
class Leaves:
    """Published figures of L leaves in the order of their keys; what is hidden from the reader is not among them.

    `key` (L,): numbers of blocks, or H3 cells of `resolution` (0 for blocks). `number` (L,): the block itself, or the
    block to which the cell belongs by its centre (0 above resolution 8). `lon`, `lat` (L,): a point inside the block,
    or the cell's centre, degrees, EPSG:4326. `n` households behind the figure, exact; `value` of them poor, with noise,
    may be negative; `draws` of noise in it, 0 where nothing is published yet; `expected` families, UNKNOWN where nobody
    knows.
    """

    system: System
    resolution: int
    key: Whole
    number: Whole
    lon: Degrees
    lat: Degrees
    n: Whole
    value: Whole
    draws: Whole
    expected: Whole

    def __len__(self) -> int:
        return len(self.key)


def finest(sealed: Sealed) -> int:
    """The finest resolution of cells of which the reader sees any."""
    return PUBLIC if sealed.scope == "{}" else LEAF


def sees_blocks(sealed: Sealed) -> bool:
    """Whether the reader sees any block."""
    return sealed.scope != "{}"


async def blocks(db: AsyncConnection, sealed: Sealed, within: tuple[int, int] = EVERYWHERE) -> Leaves:
    """Blocks `within` first and last number; none for the public."""
    rows = await queries.arrays(db, SQL["blocks"], _asked(sealed, within), _COLUMNS | {"lon": "f8", "lat": "f8"})
    return _leaves("block", 0, rows)


async def cells(
    db: AsyncConnection, sealed: Sealed, within: tuple[int, int] = EVERYWHERE, resolution: int | None = None
) -> Leaves:
    """Cells of a resolution (None: the finest that the reader sees) that hold a leaf of the blocks `within`."""
    asked = _asked(sealed, within) | {"resolution": resolution or finest(sealed)}
    rows = await queries.arrays(db, SQL["cells"], asked, _COLUMNS | {"lon": "f8", "lat": "f8"})
    return _leaves("cell", asked["resolution"], rows)


def _asked(sealed: Sealed, within: tuple[int, int]) -> dict[str, int]:
    return {"release": sealed.release, "first": within[0], "last": within[1]}


def _leaves(system: System, resolution: int, rows: NDArray[np.void]) -> Leaves:
    return Leaves(system, resolution, **{name: rows[name] for name in (*_COLUMNS, "lon", "lat")})
