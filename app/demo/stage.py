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
from geo.ground import areas, assignments, campaign, expected, footprints, prelist
from geo.ground.sources import Table
from geo.publish import terms
from geo.trust import accounts, credentials
from geo.trust.grants import Grant

STARTS_ON = datetime.fromtimestamp(START, ZONE).date()
ENDS_ON = STARTS_ON + timedelta(days=DAYS - 1)

#: Days of the campaign, from 1, on which the field table is published: inside the month, so that a newcomer sees them
#: come; and the day on which the final one is. A real consultation takes months.
FIELD_DAYS, FINAL_DAY = (7, 13, 19, 25, 31), DAYS + 1

#: When the prelist was drawn up.
LISTED_ON = date(2022, 10, 1)

Say = Callable[[str], None]


class Person(NamedTuple):
    """A log-in that the demo hands out: account, grant, and the codes of the areas that come with it; none for all."""

    name: str
    grant: Grant
    codes: list[str]


async def lay(db: AsyncConnection, city: City, fieldwork: Fieldwork, say: Say = lambda _: None) -> None:
    """Areas, campaign, footprints, prelist, assignments, terms of releases; the clock stands at the beginning."""
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
            "clock": datetime.fromtimestamp(START, UTC) - timedelta(days=1),  # what is published is fixed before it
        },
    )
    houses = city.buildings
    say(f"spreading {len(fieldwork.prelist.household_id):,} expected families over {len(houses):,} houses")
    await footprints.store(db, EDITION, houses.lon, houses.lat, houses.area_m2.astype(np.float64))
    counted = _table(("block", "families"), files.expected(city, fieldwork))
    await expected.store(db, EDITION, counted, series="prelist", source="simulated", dated=LISTED_ON)
    listed = _table(files.LISTED, files.prelist(city, fieldwork))
    await prelist.store(db, EDITION, listed.columns, listed.rows)
    staff = _table(("block", "enumerator", "supervisor"), files.assignments(city, fieldwork))
    await assignments.store(db, EDITION, staff, starts_on=STARTS_ON)
    say("fixing what will be published, and when")
    await terms.fix(db, field=[day(number) for number in FIELD_DAYS], final=day(FINAL_DAY))
    await campaign.set_clock(db, datetime.fromtimestamp(START, UTC))


def day(number: int) -> date:
    """A day of the campaign, counted from 1."""
    return STARTS_ON + timedelta(days=number - 1)


async def employ(
    db: AsyncConnection, city: City, fieldwork: Fieldwork, password: str, say: Say = lambda _: None
) -> dict[str, str]:
    """An account for everybody who works, with `password` for those of `logins`; the tokens of the phones."""
    shown = {person.name: person for person in logins(city, fieldwork)}
    for person in shown.values():
        await accounts.create(db, person.name, person.grant, password)
    tokens: dict[str, str] = {}
    expires = datetime.now(UTC) + timedelta(days=365)
    say(f"making {len(fieldwork.staff.enumerators):,} enumerators with a phone each")
    for name in fieldwork.staff.enumerators:
        if name in shown:
            made = (await accounts.find(db, name)).account_id
        else:
            made = await accounts.create(db, name, Grant("enumerator", assigned=True))
        tokens[name] = await credentials.issue(db, made, "token", "phone", expires)
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
    code = city.blocks.code
    return [
        Person("admin", Grant("admin"), []),
        Person(
            staff.coordinators[coordinator],
            Grant("coordinator", ("district", str(district))),
            [str(district)],
        ),
        Person(staff.supervisors[supervisor], Grant("supervisor", assigned=True), [code[b] for b in theirs]),
        Person(
            staff.enumerators[enumerator],
            Grant("enumerator", assigned=True),
            [code[b] for b in np.flatnonzero(staff.enumerator == enumerator)],
        ),
        Person("pemda", _agreed(("regency", regency)), [regency]),
    ]


def _agreed(area: tuple[str, str]) -> Grant:
    """What a local government is granted: under an agreement, for a purpose, for a year."""
    until = datetime.now(UTC) + timedelta(days=365)
    return Grant(
        "local_government",
        area,
        expires_at=until,
        purpose="programmes for poor families (simulated)",
        agreement="SIM/1",
    )


def _table(columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> Table:
    """What a reader of files would give: every cell as text, None where empty."""
    cells = [{name: str(cell) or None for name, cell in zip(columns, row, strict=True)} for row in rows]
    return Table(columns=list(columns), rows=cells, notices=[])
