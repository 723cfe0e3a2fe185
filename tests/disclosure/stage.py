"""One campaign in the attacked city, from its first family to the final table, with all that outsiders saw of it.

It is played once for all attacks. Whatever our service publishes, the naive ones publish at the same moment, and the
outsiders look at both. What they saw is kept in `Seen`, one for each service; attacks are functions of that.
"""

import asyncio
import contextlib
import copy
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import httpx2
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from app.database import Database, Logins
from app.settings import Settings
from geo.ground import campaign
from geo.publish import terms
from geo.trust import accounts, credentials
from geo.trust.grants import Grant
from tests.conftest import CERTIFICATES, PASSWORD, closed, database_on, granted, logins_of, serving
from tests.disclosure import city as city_of
from tests.disclosure import doors, making, naive, naive_sites, sites
from tests.disclosure.city import FIELD, FINAL, VILLAGES, City, Family, noon
from tests.disclosure.doors import FIRST, SECOND, Door, Figures
from tests.disclosure.naive import MADE, Naive
from tests.faults.stage import plain

OURS = "ours"
Leaf = tuple[str, str]
Behind = dict[Leaf, list[tuple[Family, bool]]]
FINAL_RELEASE = len(FIELD) + 1

_LEDGER = """
INSERT INTO welfare.event (event_id, household_id, number, scale, dated, consultation, batch_id, row, actor, digest)
SELECT CAST(e.id AS uuid), e.household, 1, 'consultation', :dated, e.value, CAST(:batch AS uuid), e.row, 1, ''
FROM unnest(CAST(:ids AS text[]), CAST(:households AS text[]), CAST(:values AS integer[])) WITH ORDINALITY
    AS e (id, household, value, row)"""


@dataclass(frozen=True)
class Step:
    """One family changed something; what an outsider saw before and after."""

    victim: Family
    before: Figures
    after: Figures


@dataclass
class Seen:
    """What the outsiders saw of one service: figures after each release, and around each step."""

    door: Door
    city: City
    truth: "Truth"
    leaves: dict[int, Figures] = field(default_factory=dict)
    above: dict[int, Figures] = field(default_factory=dict)
    steps: dict[str, list[Step]] = field(default_factory=dict)
    #: What release 3 said when it was made first, before its input was changed and it was made again.
    unfinished: Figures = field(default_factory=dict)


@dataclass
class Truth:
    """By release and leaf: who is `counted` then, who has `entered` our table by then, each with its value; `draws`."""

    counted: dict[int, Behind] = field(default_factory=dict)
    entered: dict[int, Behind] = field(default_factory=dict)
    draws: dict[int, dict[Leaf, int]] = field(default_factory=dict)

    def count(self, city: City, release: int, *, final: bool = False) -> None:
        """Who is counted, and found poor, on the day of a release."""
        found: Behind = {}
        for f in city.families:
            if f.result == "completed" and (final or f.wave <= release):
                for leaf in leaves_of(f):
                    found.setdefault(leaf, []).append((f, f.later if final else f.poor))
        self.counted[release] = found

    def enter(self, release: int, *, final: bool = False) -> None:
        """Who enters our table by the rules of the promise, told without a look at how the house does it."""
        before = {} if final else self.entered.get(release - 1, {})
        draws = {} if final else dict(self.draws.get(release - 1, {}))
        known = {(leaf[0], f.name) for leaf, rows in before.items() for f, _ in rows}
        entered = {leaf: list(rows) for leaf, rows in before.items()}
        for leaf, rows in self.counted[release].items():
            new = [(f, poor) for f, poor in rows if (leaf[0], f.name) not in known]
            if final or len(new) >= naive.GATE:
                entered.setdefault(leaf, []).extend(new)
                draws[leaf] = draws.get(leaf, 0) + 1
        self.entered[release], self.draws[release] = entered, draws


@dataclass(frozen=True)
class Office:
    """What the census office does: send records, and set the clock of its simulated campaign."""

    url: str
    logins: Logins
    token: str

    def work(self, act: Callable[..., Any]) -> Any:
        """Do something with a connection of the worker."""

        async def run() -> Any:
            db = Database(self.logins, 1)
            try:
                async with db.worker.begin() as connection:
                    return await act(connection)
            finally:
                await db.close()

        return asyncio.run(run())

    def clock(self, day: date) -> None:
        self.work(lambda db: campaign.save(db, {"clock": noon(day)}))

    def upload(self, families: Sequence[Family], on: date) -> None:
        """Send the records of families as the office's phones would."""
        body = {"submissions": [family.record(on) for family in families]}
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx2.Client(timeout=60, verify=CERTIFICATES) as client:
            answer = client.post(f"{self.url}/v1/submissions", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        assert answer.json()["counts"]["stored"] == len(families), answer.json()["counts"]

    def consult(self, families: Sequence[Family]) -> None:
        """The forums' decisions go into the ledger."""
        rows = {
            "ids": [str(uuid5(UUID(int=0), f.name)) for f in families],
            "households": [f.name for f in families],
            "values": [2 if f.later else 4 for f in families],
            "dated": FINAL - timedelta(days=5),
            "batch": str(UUID(int=0)),
        }
        self.work(lambda db: db.execute(text(_LEDGER), rows))


@dataclass
class Stage:
    """The campaign while it is played, from the first release on. Call `play` once."""

    office: Office
    publisher: Path
    city: City
    naive: Naive
    seen: dict[str, Seen]
    truth: Truth
    #: Called before and after families are watched; what it gave.
    look: Callable[["Stage"], Any] | None = None
    looked: list[Any] = field(default_factory=list)
    last: dict[tuple[str, int], Figures] = field(default_factory=dict)

    def publish(self, release: int) -> None:
        """Everybody publishes, and the outsiders look."""
        final = release == FINAL_RELEASE
        self.truth.count(self.city, release, final=final)
        if release not in self.truth.entered:
            self.truth.enter(release, final=final)
        assert making.make(self.office.logins, self.publisher) == release
        self.naive.make(release, final=final)
        for name in (OURS, *MADE):
            seen = self.seen[name]
            seen.leaves[release] = seen.door.leaves(release)
            if name == OURS or (name, release) == ("exact", 1):
                seen.above[release] = seen.door.above(release)

    def play(self) -> None:
        """Everything that happens, in order."""
        self.publish(1)
        self.watch()
        for release in range(2, len(FIELD) + 1):
            day = FIELD[release - 1]
            self.office.clock(day)
            new = [f for f in self.city.families if f.wave == release and f.victim != "uploaded"]
            self.office.upload(new, day - timedelta(days=1))
            if release == 3:
                self.interrupted()
            self.publish(release)
        self.office.clock(FINAL)
        self.city.consulted()
        self.office.consult(self.city.families)
        self.publish(FINAL_RELEASE)

    def watch(self) -> None:
        """One upload, one correction, one deletion after another; then nineteen or twenty corrections a block."""
        self.looked += [self.look(self)] if self.look else []
        for what, families in (
            ("uploaded", self.city.newcomers()),
            ("corrected", self.city.corrected()),
            ("deleted", self.city.deleted()),
        ):
            for family in families:
                self._step(what, family)
        self.office.upload(self.city.judged_again(), FIELD[0])
        self.looked += [self.look(self)] if self.look else []

    def _step(self, what: str, family: Family) -> None:
        """What one family's change lets an outsider see; of before, what was seen after the last one there."""
        village = family.block.village
        for name in WATCHED:
            if (name, village) not in self.last:
                self.last[name, village] = self._glance(name, village)
        planned = [(name, self._plans(name, village)) for name in PLANS if what == "corrected"]
        self.office.upload([family], FIELD[0])
        for name in WATCHED:
            after = self._glance(name, village)
            self.seen[name].steps.setdefault(what, []).append(Step(replace(family), self.last[name, village], after))
            self.last[name, village] = after
        for name, before in planned:
            step = Step(replace(family), before, self._plans(name, village))
            self.seen[name].steps.setdefault("planned", []).append(step)

    def _glance(self, name: str, village: int) -> Figures:
        """The leaves of one local government, and the village."""
        door, who = self.seen[name].door, (FIRST, SECOND)[village]
        code = VILLAGES[village]
        rows = [("block", row) for row in door.areas(1, "block", who, within=code)]
        rows += [("village", row) for row in door.areas(1, "village", within=code)]
        return {(level, row["code"]): row for level, row in rows if row["code"].startswith(code)}

    def _plans(self, name: str, village: int) -> Figures:
        """What is told of clusters and of who has a site, to one local government."""
        door, who = self.seen[name].door, (FIRST, SECOND)[village]
        asked = {"clusters": {}, "reach": {"programme": sites.ANCHORS, "km": 10}}
        return {(path, ""): sites.told(door, path, who, **query) for path, query in asked.items()}

    def interrupted(self) -> None:
        """The third release is made, and its input is changed before it is sealed."""
        making.freeze(self.office.logins, self.publisher)
        self.truth.count(self.city, 3)
        self.truth.enter(3)
        self.naive.make(3, ("rerun",))
        for name in (OURS, "rerun"):
            self.seen[name].unfinished = self.seen[name].door.leaves(3)
        self.office.upload(self.city.in_between(), FIELD[2])


#: Services that are looked at around each single step.
WATCHED = (OURS, "live", "cell_key")
#: Of these, those that plan.
PLANS = (OURS, "live")


def leaves_of(family: Family) -> tuple[tuple[str, str], tuple[str, str]]:
    """The two leaves in which a family counts."""
    return ("block", family.block.code), ("8", f"{family.cell:x}")


async def _people(db: Database) -> dict[str, str]:
    """An administrator for the office, and two local governments, each of a village; their tokens."""
    tokens = {}
    async with db.worker.begin() as connection:
        for name, grant in {
            "admin": Grant("admin", None),
            FIRST: granted("local_government", ("village", VILLAGES[0])),
            SECOND: granted("local_government", ("village", VILLAGES[1])),
        }.items():
            made = await accounts.create(connection, name, grant, PASSWORD)
            tokens[name] = await credentials.issue(connection, made, "token", "test", None)
    return tokens


def settled(logins: Logins, city: City) -> dict[str, str]:
    """Build the city in a migrated database, fix its terms before it begins; tokens of its people."""

    async def run() -> dict[str, str]:
        db = Database(logins, 1)
        try:
            async with db.worker.begin() as connection:
                await city_of.build(connection, city)
                await terms.fix(connection, field=list(FIELD), final=FINAL)
            return await _people(db)
        finally:
            await db.close()

    return asyncio.run(run())


@dataclass(frozen=True)
class Peopled:
    """The city before its first release: `template` is a database with all families of the first wave in it."""

    template: str
    city: City
    tokens: Mapping[str, str]


@contextlib.contextmanager
def peopled(settings: Settings, cluster: str, migrated: str, passwords: dict[str, str], seed: int) -> Iterator[Peopled]:
    """Make it, of a migrated database that holds nothing."""
    city, name = City(seed), f"{migrated}_city"
    with database_on(cluster, name, migrated) as owner:
        logins = logins_of(owner, passwords)
        tokens = settled(logins, city)
        with serving(settings, logins) as url:
            office = Office(url, logins, tokens["admin"])
            office.clock(FIELD[0] - timedelta(days=1))
            office.upload([f for f in city.families if f.wave == 1], FIELD[0] - timedelta(days=1))
            office.clock(FIELD[0])
            with doors.clients(url, tokens) as clients:
                sites.settle(Door(OURS, "", clients), city)
        closed(cluster, name)
        yield Peopled(name, city, tokens)


@contextlib.contextmanager
def staged(settings: Settings, logins: Logins, folder: Path, of: Peopled) -> Iterator["Stage"]:
    """Our service and the naive ones over a copy of the city; the campaign is not yet played."""
    city, tokens = copy.deepcopy(of.city), of.tokens
    bad = Naive(plain(logins.owner), dict(zip((tokens[FIRST], tokens[SECOND]), VILLAGES, strict=True)))
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(serving(settings, logins))
        other = stack.enter_context(_answering(naive_sites.create(bad)))
        truth = Truth()
        to_ours = stack.enter_context(doors.clients(ours, tokens))
        to_others = stack.enter_context(doors.clients(other, tokens))
        seen = {OURS: Seen(Door(OURS, "", to_ours), city, truth)}
        for flaw in (*naive.LIVE, *naive_sites.PLANNING, *MADE):
            seen[flaw] = Seen(Door(flaw, f"/{flaw}", to_others), city, truth)
        sites.settle(seen["around"].door, city)
        yield Stage(Office(ours, logins, tokens["admin"]), folder / "publisher.json", city, bad, seen, truth)


@contextlib.contextmanager
def _answering(app: FastAPI) -> Iterator[str]:
    """A small application in a thread; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    limit = time.monotonic() + 20
    while not server.started and time.monotonic() < limit:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
