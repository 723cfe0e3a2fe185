"""What the devices of the fault suite record: households with their revisions, repeats, contradictions and bad rows.

Everything comes from the generator that is passed in, so that a seed gives the same rows again.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any
from uuid import UUID

from tests.world import BLOCKS, Block

#: The tiny world lies in Samarinda.
ZONE = timezone(timedelta(hours=8))
FIRST_MORNING = datetime(2022, 10, 16, 8, 0, tzinfo=ZONE)

#: Results as enumerators meet them: most doors open, and every kind occurs.
RESULTS = {
    "completed": 72,
    "partial": 5,
    "not_met": 9,
    "refused": 3,
    "not_found": 4,
    "moved": 3,
    "deceased": 2,
    "ineligible": 2,
}

#: How many records a household sends in all. Later ones correct or follow up the first.
REVISIONS = (1, 1, 1, 1, 1, 1, 2, 2, 3, 4)

#: Where households are contested: how many are at a time, about how many rows each has, and within how many rows their
#: order is left to luck.
AT_A_TIME, RECORDS, OUT_OF_ORDER = 30, 20, 100

#: Of a hundred good rows so many are followed by: the same row again, a contradicting one, a row nobody can believe.
REPEATED, CONTRADICTED, BAD = 6, 2, 4


@dataclass(frozen=True)
class Row:
    """A row as it is sent, and the reason for which it must be quarantined; None for a believable one."""

    raw: Any
    fault: str | None = None

    @cached_property
    def content(self) -> tuple[Any, ...]:
        """What a believable one says."""
        return content(self.raw)

    @cached_property
    def exact(self) -> str:
        """What was sent, to the letter."""
        return exact(self.raw)


#: What a stored record must still say, word by word.
_WORDS = ("household_id", "revision", "block", "lon", "lat", "result", "origin", "visit")


def content(row: dict[str, Any]) -> tuple[Any, ...]:
    """What a record says, whether sent or stored."""
    moment = row["captured_at"]
    moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return (*(row.get(name) for name in _WORDS), moment.timestamp())


def exact(raw: object) -> str:
    """A row as text, whatever the order of its fields."""
    return json.dumps(raw, sort_keys=True)


def identity(chance: random.Random) -> str:
    """A UUID of version 4 from the generator."""
    return str(UUID(int=chance.getrandbits(128), version=4))


def record(chance: random.Random, household: str, revision: int, inside: Block | None = None) -> dict[str, Any]:
    """A believable record in a block of the tiny world; few have no position."""
    block = inside or chance.choice(BLOCKS)
    lon, lat = block.at(chance.uniform(0.05, 0.95), chance.uniform(0.05, 0.95))
    moment = FIRST_MORNING + timedelta(days=chance.randrange(8), minutes=chance.randrange(600))
    made: dict[str, Any] = {
        "submission_id": identity(chance),
        "household_id": household,
        "revision": revision,
        "block": block.code,
        "lon": round(lon, 7),
        "lat": round(lat, 7),
        "captured_at": moment.isoformat(),
        "result": chance.choices(list(RESULTS), list(RESULTS.values()))[0],
        "origin": "new" if chance.random() < 0.1 else "prelist",
        "visit": chance.randint(1, 3),
    }
    if chance.random() < 0.04:
        del made["lon"], made["lat"]
    return made


def _ahead(row: dict[str, Any], years: int = 0, days: int = 0) -> dict[str, Any]:
    moment = datetime.fromisoformat(row["captured_at"])
    moved = moment.replace(year=moment.year + years, day=min(moment.day, 28)) + timedelta(days=days)
    return row | {"captured_at": moved.isoformat()}


#: Ways to spoil a row, by the reason that must be given for it.
SPOILT: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "NULL_ISLAND": lambda row: row | {"lon": 0, "lat": 0},
    "NOT_A_NUMBER": lambda row: row | {"revision": str(row["revision"])},
    "MISSING_FIELD": lambda row: {name: value for name, value in row.items() if name != "result"},
    "BAD_VALUE": lambda row: row | {"result": "done"},
    "OUTSIDE_CAMPAIGN": lambda row: row | {"lon": 106.8, "lat": -6.2},
    "CLOCK_AHEAD": lambda row: _ahead(row, days=30),
    "BEFORE_CAMPAIGN": lambda row: _ahead(row, years=-10),
}


def spoilt(chance: random.Random, household: str, reason: str | None = None) -> Row:
    """A row that cannot be believed, with the reason to be given for it."""
    fault = reason or chance.choice(list(SPOILT))
    return Row(SPOILT[fault](record(chance, household, 1)), fault)


def campaign(chance: random.Random, rows: int, name: str = "K") -> list[Row]:
    """About `rows` rows in an order as networks make it: revisions shuffled, rows repeated and contradicted."""
    made: list[Row] = []
    household = 0
    while len(made) < rows:
        household += 1
        code = f"{name}{household:06d}"
        for revision in range(chance.choice(REVISIONS)):
            made += _followed(chance, record(chance, code, revision + 1))
    chance.shuffle(made)
    return made[:rows]


def contested(chance: random.Random, rows: int) -> list[Row]:
    """About `rows` rows, at any time of few households with many revisions: whoever sends at the same time meets.

    Households come and go, so that first records meet, too; records come a little out of order.
    """
    made: list[Row] = []
    revisions: Counter[str] = Counter()
    while len(made) < rows:
        code = f"C{len(made) // RECORDS + chance.randrange(AT_A_TIME):06d}"
        revisions[code] += 1
        made += _followed(chance, record(chance, code, revisions[code]))
    places = {at: at + chance.uniform(0, OUT_OF_ORDER) for at in range(len(made))}
    return [made[at] for at in sorted(places, key=lambda at: places[at])]


def _followed(chance: random.Random, raw: dict[str, Any]) -> list[Row]:
    """A good row, and what else may come of it."""
    made = [Row(raw)]
    luck = chance.uniform(0, 100)
    if luck < REPEATED:
        made.append(made[0])
    elif luck < REPEATED + CONTRADICTED:
        made.append(Row(_contradicting(chance, raw)))
    elif luck < REPEATED + CONTRADICTED + BAD:
        made.append(spoilt(chance, f"{raw['household_id']}x"))
    return made


def _contradicting(chance: random.Random, row: dict[str, Any]) -> dict[str, Any]:
    """The same household and revision with other content, under the same id or another one."""
    other = record(chance, row["household_id"], row["revision"])
    return other | ({"submission_id": row["submission_id"]} if chance.random() < 0.5 else {})


def batches(chance: random.Random, rows: Sequence[Row], largest: int = 60) -> Iterator[list[Row]]:
    """`rows` in batches of 1 to `largest`."""
    at = 0
    while at < len(rows):
        size = chance.randint(1, largest)
        yield list(rows[at : at + size])
        at += size
