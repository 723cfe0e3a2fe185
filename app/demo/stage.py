"""Lays the ground of the simulated campaign, by the same functions as an office's own files, and makes its accounts."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from app.demo import files
from app.demo.city import EDITION, TIME_ZONE, City
from app.demo.fieldwork import Fieldwork
from app.demo.hours import DAYS, START, ZONE
from geo.ground import areas, assignments, campaign, expected, footprints
from geo.ground.sources import Table
from geo.trust import accounts

STARTS_ON = datetime.fromtimestamp(START, ZONE).date()
ENDS_ON = STARTS_ON + timedelta(days=DAYS - 1)

#: When the prelist was drawn up.
LISTED_ON = date(2022, 10, 1)

Say = Callable[[str], None]
Area = tuple[str, str]


class Person(NamedTuple):
    """A log-in that the demo hands out: account, role, and the areas (level, code) it is for; none for all."""

    name: str
    role: str
    areas: list[Area]


async def lay(db: AsyncConnection, city: City, fieldwork: Fieldwork, say: Say = lambda _: None) -> None:
    """Areas, campaign, footprints, expected families and assignments of the city; the clock stands at the beginning."""
    await areas.store(db, EDITION, fieldwork.areas, progress=say)
    await campaign.save(
        db,
        {
            "name": "Regsosek",
            "starts_on": STARTS_ON,
            "ends_on": ENDS_ON,
            "time_zone": TIME_ZONE,
            "edition": EDITION,
            "simulated": True,
            "clock": datetime.fromtimestamp(START, UTC),
        },
    )
    houses = city.buildings
    say(f"spreading {len(fieldwork.prelist.household_id):,} expected families over {len(houses):,} houses")
    await footprints.store(db, EDITION, houses.lon, houses.lat, houses.area_m2.astype(np.float64))
    listed = _table(("block", "families"), files.expected(city, fieldwork))
    await expected.store(db, EDITION, listed, series="prelist", source="simulated", dated=LISTED_ON)
    staff = _table(("block", "enumerator", "supervisor"), files.assignments(city, fieldwork))
    await assignments.store(db, EDITION, staff, starts_on=STARTS_ON)


async def employ(
    db: AsyncConnection, city: City, fieldwork: Fieldwork, password: str, say: Say = lambda _: None
) -> dict[str, str]:
    """An account for everybody who works, with `password` for those of `logins`; the tokens of the phones."""
    shown = {person.name: person for person in logins(city, fieldwork)}
    for person in shown.values():
        await _account(db, person, password)
    tokens: dict[str, str] = {}
    expires = datetime.now(UTC) + timedelta(days=365)
    say(f"making {len(fieldwork.staff.enumerators):,} enumerators with a phone each")
    for name, blocks in _blocks(city, fieldwork).items():
        if name in shown:
            made = await accounts.account_id(db, name)
        else:
            made = await _account(db, Person(name, "enumerator", [("block", code) for code in blocks]), None)
        tokens[name] = await accounts.issue(db, made, "token", "phone", expires)
    return tokens


def logins(city: City, fieldwork: Fieldwork) -> list[Person]:
    """One log-in for each role; supervisor and enumerator are those with the most and the first blocks."""
    staff = fieldwork.staff
    led = staff.supervisor[staff.enumerator]
    supervisor = Counter(led[staff.enumerator >= 0].tolist()).most_common(1)[0][0]
    theirs = np.flatnonzero((led == supervisor) & (staff.enumerator >= 0))
    enumerator = int(staff.enumerator[theirs[0]])
    coordinator = int(staff.coordinator[supervisor])
    parent = {row.code: row.parent for row in city.areas}
    villages = {city.blocks.code[b].partition("-")[0] for b in np.flatnonzero(staff.coordinator[led] == coordinator)}
    district = Counter(parent[v] for v in villages).most_common(1)[0][0]
    regency = str(parent[str(district)])
    return [
        Person("admin", "admin", []),
        Person(staff.coordinators[coordinator], "coordinator", [("district", str(district))]),
        Person(staff.supervisors[supervisor], "supervisor", [("block", city.blocks.code[b]) for b in theirs]),
        Person(
            staff.enumerators[enumerator],
            "enumerator",
            [("block", city.blocks.code[b]) for b in np.flatnonzero(staff.enumerator == enumerator)],
        ),
        Person("pemda", "local_government", [("regency", regency)]),
    ]


def _blocks(city: City, fieldwork: Fieldwork) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in fieldwork.staff.enumerators}
    for block, enumerator in enumerate(fieldwork.staff.enumerator.tolist()):
        if enumerator >= 0:
            found[fieldwork.staff.enumerators[enumerator]].append(city.blocks.code[block])
    return found


async def _account(db: AsyncConnection, person: Person, password: str | None) -> int:
    first = person.areas[0] if person.areas else None
    made = await accounts.create(db, person.name, person.role, first, password)
    for area in person.areas[1:]:
        await accounts.grant(db, made, person.role, area)
    return made


def _table(columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> Table:
    """What a reader of files would give: every cell as text."""
    cells: list[dict[str, str | None]] = [dict(zip(columns, map(str, row), strict=True)) for row in rows]
    return Table(columns=list(columns), rows=cells, notices=[])
