"""A wider world for probes: two regencies, four districts, eight villages, twenty-four blocks; who is who in it.

Every id says of which block it is: household `HH-05-2` is the second of block 5, as is its submission
`cafe0005-0002-4000-8000-…`. What each caller may see is worked out here in plain Python from the grants, and what is to
be seen from the rows sent; nothing is asked of the code under test.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from uuid import UUID

import numpy as np
import shapely
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from geo.ground import areas, assignments, campaign, cells, expected, prelist
from geo.ground.areas import load_ground
from geo.ground.inspection import AreaRow
from geo.ground.sources import Table
from geo.intake import batch
from geo.intake.batch import Envelope
from geo.scope import OPERATOR
from geo.trust import accounts, credentials, grants
from geo.trust.grants import Grant
from tests.app import published
from tests.app.published import Figure
from tests.world import NOW

EDITION = "2022_2"
WEST, SOUTH, SIDE = 117.10, -0.55, 0.004
#: A household in every sentence; the block stands in the id, as in the name of whoever works there, `worker-05`.
HOUSEHOLD = re.compile(r"HH-(\d\d)-(\d+)")
SUBMISSION = re.compile(r"cafe(\d{4})-(\d{4})-4000-8000-0000000000(\d\d)", re.IGNORECASE)

#: Each caller's grants: role, level, code; the last three see nothing.
GRANTS: dict[str, tuple[tuple[str, str | None, str | None], ...]] = {
    "admin": (("admin", None, None),),
    "province": (("coordinator", "province", "64"),),
    "regency_admin": (("admin", "regency", "6401"),),
    "district": (("coordinator", "district", "6402020"),),
    "two_districts": (("coordinator", "district", "6401010"), ("coordinator", "district", "6402010")),
    "supervisor": (("supervisor", "village", "6401010002"),),
    "supervisors": (("supervisor", "village", "6401020001"), ("supervisor", "block", "6401010001-B02")),
    "enumerator": (("enumerator", "block", "6402010001-B01"),),
    "enumerators": (("enumerator", "block", "6401010001-B03"), ("enumerator", "block", "6402020002-B01")),
    "mixed": (("supervisor", "village", "6402010002"), ("enumerator", "block", "6401020002-B01")),
    "mixed_admin": (("admin", "village", "6401020002"), ("enumerator", "village", "6402020001")),
    "both_sides": (("enumerator", "block", "6402020002-B03"), ("local_government", "regency", "6401")),
    "local_government": (("local_government", "regency", "6401"),),
    "no_role": (),
    "nobody": (),
}


@dataclass(frozen=True)
class Area:
    """An area, its number in the preorder, and the numbers of the blocks in it."""

    level: str
    code: str
    number: int
    blocks: frozenset[int]


def _areas() -> list[tuple[str, str, str | None]]:
    rows: list[tuple[str, str, str | None]] = [("province", "64", None)]
    for r in ("6401", "6402"):
        rows.append(("regency", r, "64"))
        for d in (f"{r}010", f"{r}020"):
            rows.append(("district", d, r))
            for v in (f"{d}001", f"{d}002"):
                rows.append(("village", v, d))
                rows += [("block", f"{v}-B{b:02d}", v) for b in (1, 2, 3)]
    return rows


#: In preorder already, so that a number is a place in this list.
ROWS = _areas()
BLOCKS = {code: at for at, (level, code, _) in enumerate(ROWS, 1) if level == "block"}
AREAS = {
    code: Area(level, code, at, frozenset(n for block, n in BLOCKS.items() if block.startswith(code)))
    for at, (level, code, _) in enumerate(ROWS, 1)
}
_PLACES = {number: divmod(at, 6) for at, number in enumerate(BLOCKS.values())}


def _box(numbers: Sequence[int]) -> shapely.MultiPolygon:
    boxes = []
    for number in numbers:
        row, column = _PLACES[number]
        west, south = WEST + column * SIDE, SOUTH + row * SIDE
        boxes.append(shapely.box(west, south, west + SIDE, south + SIDE))
    whole = shapely.union_all(boxes)
    return whole if isinstance(whole, shapely.MultiPolygon) else shapely.MultiPolygon([whole])


def households_of(number: int) -> list[dict[str, object]]:
    """The households of a block: 3 to 7 of them, some visited twice."""
    row, column = _PLACES[number]
    made: list[dict[str, object]] = []
    code = ROWS[number - 1][1]
    for n in range(3 + number % 5):
        for revision in range(1, 2 + (n == 0)):
            made.append({
                "submission_id": f"cafe{number:04d}-{n:04d}-4000-8000-{revision:012d}",
                "household_id": f"HH-{number:02d}-{n}",
                "revision": revision,
                "block": code,
                "lon": round(WEST + (column + (n * 37 % 10 + 0.5) / 11) * SIDE, 7),
                "lat": round(SOUTH + (row + (n * 53 % 10 + 0.5) / 11) * SIDE, 7),
                "captured_at": f"2022-10-2{revision}T09:30:00+08:00",
                "result": "completed" if n % 3 else "not_met",
                "enumerator": f"worker-{number:02d}",
            })  # fmt: skip
    return made


def listed_in(number: int) -> list[str]:
    """The prelist of a block: all of its households but the first, and two families that nobody finds."""
    found = dict.fromkeys(str(row["household_id"]) for row in households_of(number))
    return [*list(found)[1:], f"HH-{number:02d}-80", f"HH-{number:02d}-81"]


@dataclass(frozen=True)
class Caller:
    """Somebody, and what it may see, by its grants alone. `sent`: households of rows that it sent itself."""

    name: str
    roles: frozenset[str]
    areas: tuple[Area | None, ...]
    token: str = ""
    sent: frozenset[str] = frozenset()

    @cached_property
    def blocks(self) -> frozenset[int]:
        """Numbers of the blocks it sees."""
        return frozenset(n for area in self.areas for n in (BLOCKS.values() if area is None else area.blocks))

    @cached_property
    def covered(self) -> frozenset[str]:
        """Codes of areas that lie wholly in one grant, or in several that touch."""
        if None in self.areas:
            return frozenset(AREAS)
        spans: set[int] = set()
        for area in self.areas:
            assert area is not None
            spans |= {a.number for a in AREAS.values() if a.code.startswith(area.code)}
        return frozenset(
            code for code, a in AREAS.items() if {b.number for b in AREAS.values() if b.code.startswith(code)} <= spans
        )

    @property
    def watches(self) -> bool:
        """Whether anything inside is its to see."""
        return bool(self.roles - {"local_government"})


@dataclass
class Realm:
    """Callers by name; families counted and expected, by block and cell of resolution 10; rows held back.

    Of each release the figures by number and by cell, and the block of each leaf cell.
    """

    callers: dict[str, Caller]
    completed: dict[int, int] = field(default_factory=dict)
    cells: Counter[tuple[int, int]] = field(default_factory=Counter)
    expected_cells: Counter[tuple[int, int]] = field(default_factory=Counter)
    held: dict[int, tuple[int, str]] = field(default_factory=dict)
    released: dict[int, dict[int, Figure]] = field(default_factory=dict)
    owners: dict[int, int] = field(default_factory=dict)

    def total(self, caller: Caller, within: str | None) -> int:
        """Families completed in what a caller sees of an area."""
        inside = AREAS[within].blocks if within else frozenset(BLOCKS.values())
        return sum(self.completed[n] for n in caller.blocks & inside)

    def by_cell(self, counted: Counter[tuple[int, int]], blocks: frozenset[int], resolution: int) -> Counter[int]:
        """Counts of some blocks by cell of a resolution."""
        found: Counter[int] = Counter()
        for (number, cell), n in counted.items():
            if number in blocks:
                found[int(cells.parents(np.array([cell]), resolution)[0])] += n
        return found


async def build(db: Database) -> Realm:
    """Make the world and its people, let them send, and fold nothing: the service does."""
    async with db.worker.begin() as connection:
        await _ground(connection)
        realm = Realm(await _people(connection))
        await _send(connection, realm)
        await connection.execute(text(CONSULTED))
        await connection.execute(text(HELD_BACK))
        await connection.execute(text(SITES))
        await _publish(connection, realm)
    return realm


async def _publish(db: AsyncConnection, realm: Realm) -> None:
    """Two releases. Numbers of areas and of cells never meet, so that one table holds the figures of both."""
    await published.lay(db)
    for release in (published.FIELD, published.FINAL):
        figures = await published.area_figures(db, release)
        realm.released[release] = figures | await published.cell_figures(db, release)
    leaves = await db.execute(text("SELECT cell, number FROM release.cell WHERE resolution = 8"))
    realm.owners.update({row.cell: row.number for row in leaves})


#: Every household was moved from group 3 to 2 by the forum of its block, and has a rank.
CONSULTED = """
INSERT INTO welfare.event
    (event_id, household_id, number, scale, dated, consultation, before, decile, batch_id, row, actor, digest)
SELECT gen_random_uuid(), household_id, number, scale, DATE '2022-10-23', CASE scale WHEN 'consultation' THEN 2 END,
    CASE scale WHEN 'consultation' THEN 3 END, CASE scale WHEN 'rank' THEN 5 END, gen_random_uuid(), 0, 0, ''
FROM intake.household, (VALUES ('consultation'), ('rank')) s (scale)
"""

#: A row of the ledger that was held back of the first household of every block.
HELD_BACK = """
INSERT INTO welfare.held (batch_id, row, actor, number, scale, household_id, reason, detail, raw, digest)
SELECT gen_random_uuid(), 0, 0, number, 'rank', household_id, 'MISSING', 'x', to_jsonb(household_id),
    number::text::bytea
FROM intake.household WHERE household_id LIKE '%-0'
"""


#: A site in every block, all of one name, so that each is doubtful beside its neighbours.
SITES = """
WITH made AS (INSERT INTO site.version (change, actor) VALUES ('import', 0) RETURNING version)
INSERT INTO site.revision (site_id, version, programme, kind, name, lon, lat, block)
SELECT 'SITE-' || a.number, made.version, 'PKH', 'post', 'Place', a.lon, a.lat, a.code
FROM made, ground.area a JOIN ground.campaign USING (edition_id) WHERE a.number = a.last
"""


async def _ground(db: AsyncConnection) -> None:
    rows = [
        AreaRow(level, code, f"Area {code}", parent, _box(sorted(AREAS[code].blocks)), False, level != "block")
        for level, code, parent in ROWS
    ]
    await areas.store(db, EDITION, rows)
    about = {"name": "realm", "starts_on": date(2022, 10, 15), "ends_on": date(2022, 11, 14), "clock": NOW}
    await campaign.save(db, about | {"time_zone": "Asia/Makassar", "edition": EDITION, "simulated": True})
    families = [{"block": code, "families": str(20 + n)} for code, n in BLOCKS.items()]
    table = Table(columns=["block", "families"], rows=families, notices=[])
    await expected.store(db, EDITION, table, series="prelist", source="simulated", dated=date(2022, 10, 1))
    staff = [{"block": code, "enumerator": f"worker-{n:02d}", "supervisor": "leader"} for code, n in BLOCKS.items()]
    table = Table(columns=["block", "enumerator", "supervisor"], rows=staff[::2], notices=[])  # the others only send
    await assignments.store(db, EDITION, table, starts_on=date(2022, 10, 15))
    listed = [{"id": name, "block": code} for code, number in BLOCKS.items() for name in listed_in(number)]
    await prelist.store(db, EDITION, ["id", "block"], listed)


async def _people(db: AsyncConnection) -> dict[str, Caller]:
    found = {}
    until = datetime.now(UTC) + timedelta(days=30)
    for name, given in GRANTS.items():
        token = ""
        if name != "nobody":
            account = await accounts.create(db, name)
            for role, level, code in given:
                area = (level, code) if level and code else None
                of = Grant(role, area)
                if role == "local_government":
                    of = Grant(role, area, expires_at=until, purpose="tests", agreement="T/1")
                await grants.give(db, account, of, OPERATOR)
            token = await credentials.issue(db, account, "token", "probe", None)
        seen = tuple(AREAS[code] if code else None for role, _, code in given if role != "local_government")
        found[name] = Caller(name, frozenset(role for role, _, _ in given), seen, token)
    return found


async def _send(db: AsyncConnection, realm: Realm) -> None:
    ground = await load_ground(db)
    ids = dict((await db.execute(text("SELECT name, account_id FROM trust.account"))).all())
    sent: dict[str, list[dict[str, object]]] = {name: [] for name in ("admin", "enumerator", "supervisor")}
    for number in BLOCKS.values():
        rows = households_of(number)
        last = {str(row["household_id"]): row for row in rows}
        realm.completed[number] = sum(row["result"] == "completed" for row in last.values())
        for row in last.values():
            at = cells.index(np.array([row["lon"]]), np.array([row["lat"]]), 15)
            if row["result"] == "completed":
                realm.cells[number, int(cells.parents(at, 10)[0])] += 1
        sent["admin"] += rows
        n = len(last)
        sent["admin"].append(rows[0] | _named(number, n, 1) | {"result": "?"})
        sent["admin"].append(rows[0] | {"submission_id": _id(number, n + 1, 1), "result": "moved"})  # in conflict
    for who, foreign in (("enumerator", 10), ("supervisor", 38)):  # each sends a row of a block that is not its own
        row = households_of(foreign)[0] | _named(foreign, 50 + len(who), 1) | {"result": "?"}
        sent[who].append(row)
        caller = realm.callers[who]
        realm.callers[who] = Caller(
            who, caller.roles, caller.areas, caller.token, frozenset({str(row["household_id"])})
        )
    for who, rows in sent.items():
        await batch.store(db, ground, Envelope(ids[who], "t", b"", 0), rows, batch.judge(ground, rows))
    for held in await db.execute(text("SELECT quarantine_id, number, raw ->> 'household_id' FROM intake.quarantine")):
        realm.held[held[0]] = (held[1], held[2])
    for number, cell, families in await db.execute(text("SELECT number, cell, expected FROM ground.expected_cell")):
        realm.expected_cells[number, cell] += families


def _id(number: int, n: int, revision: int) -> str:
    return str(UUID(f"cafe{number:04d}-{n:04d}-4000-8000-{revision:012d}"))


def _named(number: int, n: int, revision: int) -> dict[str, object]:
    return {"submission_id": _id(number, n, revision), "household_id": f"HH-{number:02d}-{n}"}
