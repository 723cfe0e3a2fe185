"""Households and events of the welfare ledger, written straight into the tables: releases read nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import uuid4

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo.ground import campaign, cells
from tests.world import Block

DAY = date(2022, 10, 16)
AT = datetime(2022, 10, 16, 3, 0, tzinfo=UTC)

_HOUSEHOLD = text("""
INSERT INTO intake.household (household_id, revision, submission_id, number, cell, captured_at, day, result, origin,
                              welfare)
VALUES (:household_id, :revision, :submission_id, :number, :cell, :at, :day, :result, 'prelist', :welfare)
ON CONFLICT (household_id) DO UPDATE
SET revision = excluded.revision, number = excluded.number, cell = excluded.cell, welfare = excluded.welfare,
    result = excluded.result""")
_EVENT = text("""
INSERT INTO welfare.event (event_id, household_id, number, scale, dated, revision, field_status, consultation, score,
                           batch_id, row, actor, digest)
VALUES (:event_id, :household_id, 1, :scale, :dated, :revision, :field_status, :consultation, :score, :event_id, 0, 0,
        ''::bytea)""")


@dataclass(frozen=True)
class Family:
    """A counted household, as a release reads it; `status` is the field status said at the door."""

    name: str
    block: Block
    status: int | None = None
    revision: int = 1
    result: str = "completed"
    located: bool = True

    @property
    def poor(self) -> bool:
        return self.status is not None and self.status <= 2

    @property
    def cell(self) -> int:
        seed = sum(self.name.encode())
        lon, lat = self.block.at((seed * 37 % 97 + 1) / 99, (seed * 53 % 89 + 1) / 91)
        return int(cells.index(np.array([lon]), np.array([lat]), 15)[0])


def families(block: Block, first: int, last: int, poor: int = 0) -> list[Family]:
    """Families `first` to `last`, the first few of them poor."""
    return [Family(f"F-{n:04}", block, 1 + n % 2 if n < first + poor else 3) for n in range(first, last + 1)]


async def count(db: AsyncConnection, found: Sequence[Family]) -> None:
    """Let these families be counted, or counted anew."""
    rows = [
        {"household_id": one.name, "revision": one.revision, "submission_id": uuid4(), "number": one.block.number,
         "cell": one.cell if one.located else None, "at": AT, "day": DAY, "result": one.result, "welfare": one.status}
        for one in found
    ]  # fmt: skip
    await db.execute(_HOUSEHOLD, rows)


async def say(db: AsyncConnection, scale: str, values: dict[str, float], dated: date = DAY, revision: int = 1) -> None:
    """Events of a scale: field_status, consultation, or score, by household."""
    none = {"field_status": None, "consultation": None, "score": None}
    rows = [
        none
        | {"event_id": uuid4(), "household_id": name, "scale": "rank" if scale == "score" else scale, "dated": dated,
           "revision": revision, scale: value}
        for name, value in values.items()
    ]  # fmt: skip
    await db.execute(_EVENT, rows)


async def at(db: AsyncConnection, day: date) -> None:
    """Let it be noon of a day, local time."""
    await campaign.set_clock(db, datetime(day.year, day.month, day.day, 4, tzinfo=UTC))
