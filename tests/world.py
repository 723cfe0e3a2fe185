"""A tiny simulated world for tests: one district, two villages, six square blocks of about 440 m, 60 families each.

```
village 6472030001:  SIM01 SIM02 SIM03      (upper row)
village 6472030002:  SIM01 SIM02 SIM03      (lower row)
```
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID, uuid5

import shapely
from sqlalchemy.ext.asyncio import AsyncConnection

from geo.ground import areas, campaign, expected
from geo.ground.inspection import AreaRow
from geo.ground.sources import Table

EDITION = "2022_2"
WEST, SOUTH, SIDE = 117.140, -0.510, 0.004
NOW = datetime(2022, 10, 24, 9, 0, tzinfo=UTC)
FAMILIES = 60
VILLAGES = ("6472030001", "6472030002")
_NAMESPACE = UUID("00000000-0000-5000-8000-000000000001")


@dataclass(frozen=True)
class Block:
    """A block and the number it gets."""

    code: str
    number: int
    west: float
    south: float

    @property
    def shape(self) -> shapely.Polygon:
        return shapely.box(self.west, self.south, self.west + SIDE, self.south + SIDE)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Longitude and latitude of a place in the block, `x` and `y` from 0 to 1."""
        return self.west + x * SIDE, self.south + y * SIDE


BLOCKS = tuple(
    Block(f"{village}-SIM{column + 1:02d}", 5 + row * 4 + column, WEST + column * SIDE, SOUTH + (1 - row) * SIDE)
    for row, village in enumerate(VILLAGES)
    for column in range(3)
)


def area_rows() -> list[AreaRow]:
    """Every area of the world."""
    whole = shapely.MultiPolygon([shapely.box(WEST, SOUTH, WEST + 3 * SIDE, SOUTH + 2 * SIDE)])
    rows = [
        AreaRow("province", "64", "Kalimantan Timur (simulasi)", None, whole, False, True),
        AreaRow("regency", "6472", "Kota Samarinda (simulasi)", "64", whole, False, True),
        AreaRow("district", "6472030", "Samarinda Ulu (simulasi)", "6472", whole, False, True),
    ]
    for row, village in enumerate(VILLAGES):
        south = SOUTH + (1 - row) * SIDE
        shape = shapely.MultiPolygon([shapely.box(WEST, south, WEST + 3 * SIDE, south + SIDE)])
        rows.append(AreaRow("village", village, f"Kampung {row + 1}", "6472030", shape, False, True))
    rows += [
        AreaRow("block", b.code, f"RT {b.code[-2:]}", b.code[:10], shapely.MultiPolygon([b.shape]), False, False)
        for b in BLOCKS
    ]
    return rows


async def build(db: AsyncConnection) -> None:
    """Areas, campaign and expected families of the world."""
    await areas.store(db, EDITION, area_rows())
    await campaign.save(
        db,
        {
            "name": "Regsosek simulasi",
            "starts_on": date(2022, 10, 15),
            "ends_on": date(2022, 11, 14),
            "time_zone": "Asia/Makassar",
            "edition": EDITION,
            "simulated": True,
            "clock": NOW,
        },
    )
    rows = [{"block": b.code, "families": str(FAMILIES)} for b in BLOCKS]
    table = Table(columns=["block", "families"], rows=rows, notices=[])
    await expected.store(db, EDITION, table, series="prelist", source="simulated", dated=date(2022, 10, 1))


def submission(
    household: int | str, inside: Block = BLOCKS[0], revision: int = 1, /, **changes: object
) -> dict[str, object]:
    """A believable record; `changes` replace fields, None takes one away."""
    seed = household if isinstance(household, int) else sum(household.encode())
    lon, lat = inside.at((seed * 37 % 97 + 1) / 99, (seed * 53 % 89 + 1) / 91)
    made: dict[str, object] = {
        "submission_id": str(uuid5(_NAMESPACE, f"{household}/{revision}")),
        "household_id": f"SIM-{household}",
        "revision": revision,
        "block": inside.code,
        "lon": round(lon, 7),
        "lat": round(lat, 7),
        "accuracy_m": 6.5,
        "captured_at": f"2022-10-2{revision % 4}T09:30:00+08:00",
        "result": "completed",
        "origin": "prelist",
        "visit": 1,
    }
    made |= changes
    return {name: value for name, value in made.items() if value is not None}
