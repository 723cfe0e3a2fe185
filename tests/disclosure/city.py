"""The city that is attacked: two villages of 42 blocks, and in every block families of whom one thing is not known.

The attacker knows everything of everybody: who lives where, when each was counted, and whether each is poor; only of a
*victim* it does not know the one thing that a tossed coin decided. Blocks play parts, by what happens in them:

- `watched`: after the first release, in every second one, a family is uploaded, one corrected and one deleted;
- `edited`: after the first release nobody comes, but nineteen families are corrected, and the victim perhaps;
- `moved`: nothing is ever corrected; at the consultation one family is moved, or nobody is;
- `still`: nothing happens at all; there are cells enough beside the others to look for clusters among;
- `rich`: nobody is poor, but the victim of each wave perhaps.

In each village eight blocks side by side, four of them `moved` and four `still`, are a poor quarter, so that there are
clusters to be told of. A family's point lies in the middle of its block's cell of resolution 8, which is no other
block's; but `strays`, who are counted in a block of the second village and live in a cell of the first.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from uuid import UUID, uuid5

import numpy as np
import shapely
from sqlalchemy.ext.asyncio import AsyncConnection

from geo.ground import areas, campaign, cells, expected
from geo.ground.inspection import AreaRow
from geo.ground.sources import Table

EDITION = "2022_2"
WEST, SOUTH, SIDE = 117.10, -0.60, 0.01
COLUMNS, ROWS = 6, 7
VILLAGES = ("6472030001", "6472030002")
#: What happens in the blocks of a village, by their order.
PARTS = ("watched",) * 10 + ("edited",) * 6 + ("moved",) * 8 + ("still",) * 12 + ("rich",) * 6
#: Blocks of a village, by their order, in which more families are poor; how many of a hundred are where.
QUARTER = (*range(18, 22), *range(24, 28))
POOR_ELSEWHERE, POOR_THERE, POOR_WHERE_STILL = 0.45, 0.8, 0.95
#: Families expected in a block: those of the first wave; in `rich` ones all, so that coverage is low there for long.
EXPECTED, EXPECTED_RICH = 25, 104

#: Families that come before each release of the field table, in every block but those where nobody comes any more.
WAVES = (24, 20, 20, 20, 20)
#: Families of a block in which nothing happens: many, so that clusters stand out from the noise.
STILL = 40
BEGINS, ENDS = date(2022, 10, 15), date(2022, 11, 14)
FIELD = (date(2022, 10, 22), date(2022, 10, 28), date(2022, 11, 3), date(2022, 11, 9), date(2022, 11, 15))
FINAL = date(2023, 5, 15)

POOR, NOT_POOR = 2, 3
_NAMESPACE = UUID("00000000-0000-5000-8000-000000000009")
_METRE = 1 / 111_320


@dataclass(frozen=True)
class Block:
    """A block: its place in the list, code, village (0 or 1), part, and its cell of resolution 8."""

    place: int
    code: str
    village: int
    part: str
    west: float
    south: float

    @property
    def chance(self) -> float:
        """Of a family of the block to be poor, of whom that is known."""
        if self.part == "rich":
            return 0
        if self.place % len(PARTS) not in QUARTER:
            return POOR_ELSEWHERE
        return POOR_WHERE_STILL if self.part == "still" else POOR_THERE

    @property
    def shape(self) -> shapely.Polygon:
        return shapely.box(self.west, self.south, self.west + SIDE, self.south + SIDE)

    @cached_property
    def cell(self) -> int:
        middle = np.array([self.west + SIDE / 2]), np.array([self.south + SIDE / 2])
        return int(cells.index(*middle, 8)[0])

    @cached_property
    def anchor(self) -> tuple[float, float]:
        """Longitude and latitude of the middle of its cell."""
        lon, lat = cells.centres(np.array([self.cell]))
        return float(lon[0]), float(lat[0])


@dataclass
class Family:
    """One family: where it counts, its point and cell, and how it was judged, revision after revision."""

    name: str
    block: Block
    cell: int
    lon: float
    lat: float
    wave: int
    poor: bool
    victim: str = ""
    revision: int = 1
    result: str = "completed"
    later: bool = False  # whether the consultation finds it poor

    def __hash__(self) -> int:
        return hash(self.name)

    def record(self, on: date) -> dict[str, object]:
        """As a phone sends it."""
        made: dict[str, object] = {
            "submission_id": str(uuid5(_NAMESPACE, f"{self.name}/{self.revision}")),
            "household_id": self.name,
            "revision": self.revision,
            "block": self.block.code,
            "lon": self.lon,
            "lat": self.lat,
            "accuracy_m": 6.0,
            "captured_at": datetime.combine(on, time(9, 30)).isoformat() + "+08:00",
            "result": self.result,
            "origin": "prelist",
            "visit": 1,
            "welfare": POOR if self.poor else NOT_POOR,
        }
        return made


@dataclass
class City:
    """Blocks and families; `seed` decides who is poor."""

    seed: int
    families: list[Family] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 -- the seed replays a run; no secret is made of it
        for wave in range(1, len(WAVES) + 1):
            self._wave(wave)

    @cached_property
    def blocks(self) -> list[Block]:
        made: list[Block] = []
        for village, code in enumerate(VILLAGES):
            for n, part in enumerate(PARTS):
                west, south = WEST + n % COLUMNS * SIDE, SOUTH + (village * ROWS + n // COLUMNS) * SIDE
                made.append(Block(len(made), f"{code}-SIM{n + 1:02d}", village, part, west, south))
        return made

    def of(self, part: str) -> list[Block]:
        """The blocks of a part."""
        return [block for block in self.blocks if block.part == part]

    def coins(self, count: int) -> list[bool]:
        """As many heads as tails, in a random order."""
        made = [n % 2 == 0 for n in range(count)]
        self.chance.shuffle(made)
        return made

    def victims(self, what: str) -> list[Family]:
        """Families of whom one thing is not known."""
        return [family for family in self.families if family.victim == what]

    def settle(self, block: Block, wave: int, n: int, *, poor: bool, victim: str = "", far: bool = False) -> Family:
        """Let a family live near the middle of the block's cell; `far`: farther north-east than anybody else there."""
        east, north = (270, 270) if far else (self.chance.uniform(-150, 150) for _ in range(2))
        lon, lat = block.anchor
        family = Family(
            f"K-{block.place:02d}-{wave}-{n:02d}",
            block,
            block.cell,
            round(lon + east * _METRE, 7),
            round(lat + north * _METRE, 7),
            wave,
            poor,
            victim,
            later=poor,
        )
        self.families.append(family)
        return family

    def _wave(self, wave: int) -> None:
        """The first family of a block is the victim; in blocks where everything stands still there is one wave."""
        coins = self.coins(len(self.blocks))
        for block, coin in zip(self.blocks, coins, strict=True):
            if wave > 1 and block.part in {"edited", "moved", "still"}:
                continue
            self.settle(block, wave, 0, poor=coin, victim=f"wave {wave}", far=True)
            for n in range(1, STILL if block.part == "still" else WAVES[wave - 1]):
                self.settle(block, wave, n, poor=self.chance.random() < block.chance)
        if wave == 1:
            self._strays()

    def _strays(self) -> None:
        """Families counted in the second village whose points lie in cells of the first, a pair of blocks each."""
        here, there = (
            [b for b in self.blocks if b.village == n and b.part in {"watched", "edited", "moved"}] for n in (0, 1)
        )
        for block, other, coin in zip(there, here, self.coins(len(there)), strict=True):
            family = self.settle(block, 1, 90, poor=coin, victim="stray")
            family.lon, family.lat, family.cell = *other.anchor, other.cell

    # What happens after the first release

    def newcomers(self) -> Iterator[Family]:
        """In every second watched block one more family is counted."""
        blocks = self.of("watched")[::2]
        for block, coin in zip(blocks, self.coins(len(blocks)), strict=True):
            yield self.settle(block, 2, 91, poor=coin, victim="uploaded")

    def corrected(self) -> Iterator[Family]:
        """In the same blocks a family known as not poor is judged again."""
        blocks = self.of("watched")[::2]
        for block, coin in zip(blocks, self.coins(len(blocks)), strict=True):
            family = next(f for f in self.families if f.block is block and f.wave == 1 and not f.victim and not f.poor)
            family.victim, family.poor, family.revision = "corrected", coin, 2
            yield family

    def deleted(self) -> Iterator[Family]:
        """In the same blocks a family of whom nothing is known turns out to have moved away."""
        for block in self.of("watched")[::2]:
            family = next(f for f in self.victims("wave 1") if f.block is block)
            family.result, family.revision = "moved", 2
            yield family

    def judged_again(self) -> list[Family]:
        """In every edited block nineteen families are judged otherwise than before, and the victim perhaps."""
        changed = []
        blocks = self.of("edited")
        for block, coin in zip(blocks, self.coins(len(blocks)), strict=True):
            own = [f for f in self.families if f.block is block and not f.victim][:20]
            for family in own[:19] + own[19:] * coin:
                family.poor, family.revision = not family.poor, 2
                changed.append(family)
            own[19].victim = "judged again" if coin else "judged once"
        return changed

    def in_between(self) -> list[Family]:
        """A known family of the third wave of every watched block is judged again while the release is being made."""
        changed = []
        blocks = self.of("watched")
        for block, coin in zip(blocks, self.coins(len(blocks)), strict=True):
            family = next(f for f in self.families if f.block is block and f.wave == 3 and not f.victim and not f.poor)
            family.victim, family.poor, family.revision = "in between", coin, 2
            changed.append(family)
        return changed

    def consulted(self) -> None:
        """The forums leave everybody where he was, but one family in half of the moved blocks: it is poor from now on.

        The first of those blocks is known to have moved nobody.
        """
        for family in self.families:
            family.later = family.poor
        blocks = self.of("moved")
        for block, coin in zip(blocks, [False, *self.coins(len(blocks) - 1)], strict=True):
            family = next(f for f in self.families if f.block is block and not f.victim and not f.poor)
            family.victim, family.later = "moved" if block is not blocks[0] else "", coin


def area_rows(city: City) -> list[AreaRow]:
    """Every area of the city."""
    north = SOUTH + 2 * ROWS * SIDE
    whole = shapely.MultiPolygon([shapely.box(WEST, SOUTH, WEST + COLUMNS * SIDE, north)])
    rows = [
        AreaRow("province", "64", "Kalimantan Timur (simulasi)", None, whole, False, True),
        AreaRow("regency", "6472", "Kota Samarinda (simulasi)", "64", whole, False, True),
        AreaRow("district", "6472030", "Samarinda Ulu (simulasi)", "6472", whole, False, True),
    ]
    for n, village in enumerate(VILLAGES):
        south = SOUTH + n * ROWS * SIDE
        shape = shapely.MultiPolygon([shapely.box(WEST, south, WEST + COLUMNS * SIDE, south + ROWS * SIDE)])
        rows.append(AreaRow("village", village, f"Kampung {n + 1}", "6472030", shape, False, True))
    rows += [
        AreaRow("block", b.code, f"RT {b.code[-2:]}", b.code[:10], shapely.MultiPolygon([b.shape]), False, False)
        for b in city.blocks
    ]
    return rows


async def build(db: AsyncConnection, city: City) -> None:
    """Areas, campaign and expected families, on the day before the campaign begins."""
    await areas.store(db, EDITION, area_rows(city))
    await campaign.save(
        db,
        {
            "name": "Regsosek simulasi",
            "starts_on": BEGINS,
            "ends_on": ENDS,
            "time_zone": "Asia/Makassar",
            "edition": EDITION,
            "simulated": True,
            "clock": noon(BEGINS - timedelta(days=1)),
        },
    )
    families = {part: EXPECTED_RICH if part == "rich" else EXPECTED for part in PARTS}
    rows: list[dict[str, str | None]] = [{"block": b.code, "families": str(families[b.part])} for b in city.blocks]
    table = Table(columns=["block", "families"], rows=rows, notices=[])
    await expected.store(db, EDITION, table, series="prelist", source="simulated", dated=date(2022, 10, 1))


def noon(day: date) -> datetime:
    """Noon in the city's time zone."""
    return datetime.combine(day, time(4, 0), UTC)
