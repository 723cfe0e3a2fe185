"""The invariant: tallies and pending deltas equal a recount from the submissions, for every block, pair and day."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries

SQL = queries.load(__file__)

#: Differences listed; one is enough to fail.
MOST = 300

_KEYS = {"blocks": ("number",), "pairs": ("number", "cell"), "days": ("number", "day")}


@dataclass(frozen=True)
class Difference:
    """Where a tally is off: its kind, its key, and by how much in each count that differs (kept − counted)."""

    kind: str
    key: dict[str, Any]
    by: dict[str, int]


@dataclass(frozen=True)
class Recount:
    """What was compared, and what differed."""

    counted: dict[str, int]
    differences: list[Difference]

    @property
    def sound(self) -> bool:
        """Whether everything adds up."""
        return not self.differences


@dataclass(frozen=True)
class Kept:
    """Every household: `counted` by id, with revision, result, number of its block; `held` only quarantine knows."""

    counted: dict[str, tuple[int, str, int]]
    held: set[str]
    submissions: int
    quarantined: int


async def households(db: AsyncConnection) -> Kept:
    """Every household, for who must account for each: a simulation that knows the truth. Answers no caller."""
    rows = await db.execute(SQL["counted_households"])
    counted = {row.household_id: (row.revision, row.result, row.number) for row in rows}
    held = set((await db.execute(SQL["held_households"])).scalars())
    rest = (await db.execute(SQL["kept"])).one()
    return Kept(counted, held - counted.keys(), rest.submissions, rest.quarantined)


async def recount(db: AsyncConnection) -> Recount:
    """Recount everything in one snapshot. Reads only; runs beside intake and fold."""
    await db.execute(SQL["snapshot"])
    await db.execute(SQL["memory"])
    counted = dict((await db.execute(SQL["counted"])).mappings().one())
    differences: list[Difference] = []
    for row in (await db.execute(SQL["differences"], {"most": MOST})).mappings():
        key = {name: row[name] for name in _KEYS[row["kind"]]}
        differences.append(Difference(row["kind"], key, {k: v for k, v in row["difference"].items() if v}))
    if wrong := await db.scalar(SQL["households"]):
        differences.append(Difference("households", {}, {"households": wrong}))
    return Recount(counted, differences)
