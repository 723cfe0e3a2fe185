"""The demo from start to end: build the city, lay the ground, start the service, play the month, settle accounts."""

import asyncio
import os
import signal
import threading
import time
import webbrowser
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import make_url

from app import embedded
from app.database import Database, Logins
from app.demo import beside, files, memory, play, publishing, reconcile, stage, truth, welfare_files
from app.demo.beside import Service
from app.demo.city import City, build
from app.demo.clock import Clock
from app.demo.fieldwork import Fieldwork
from app.demo.hours import DAY, DAYS, START, ZONE
from app.demo.memory import Memory
from app.demo.month import plan
from app.demo.phones import Phones
from app.demo.publishing import Press
from app.demo.rates import Rates
from app.demo.sites import draw_sites
from app.demo.welfare import draw
from app.demo.wire import Server
from app.heads import file_of
from app.settings import Settings
from app.terminal import err, ready, server, table
from geo.errors import NotReady, Refused
from geo.ground import areas, campaign
from geo.intake.recount import recount
from geo.publish import publisher
from geo.trust import accounts

RATES = Rates()

#: Campaign days in a minute, where nothing else is said: as fast as two cores follow.
SPEEDS = {"small": 10.0, "district": 6.0, "city": 1.5, "province": 0.3}

#: When the demo stands still: in the morning after the last day, when the consultation is imagined to be over.
AFTER = START + (stage.FINAL_DAY - 1) * DAY + 9 * 3600

#: The demo's database on the private server; with DATABASE_URL it is the one named there.
DATABASE = "cakupan_demo"


@dataclass(frozen=True)
class Asked:
    """What the command line says; None where nothing was said."""

    port: int | None
    browser: bool
    fresh: bool
    speed: float | None
    seed: int | None
    scale: str | None


@dataclass(frozen=True)
class Show:
    """A city with its month, ready to be played. `speed` in campaign days a minute."""

    city: City
    fieldwork: Fieldwork
    kept: Memory
    place: Path
    press: Press
    speed: float

    @property
    def logins(self) -> Logins:
        """Those of its database."""
        return self.press.logins


def run(asked: Asked) -> bool:
    """Run the demo until Ctrl-C. Killed or stopped, it goes on where it was when run again.

    Whether everything added up. Raises Refused where the database is not the demo's to use.
    """
    begun = time.monotonic()
    given = {"database": DATABASE} if asked.port is None else {"database": DATABASE, "port": asked.port}
    settings = Settings(**given)
    with memory.folder(settings.home) as place:
        kept = memory.recall(place, asked.seed, memory.known_scale(asked.scale), fresh=asked.fresh)
        with server(settings) as owner:
            show = _prepared(settings, owner, place, kept, asked.speed)
            with beside.running(settings, place / "service.log") as service:
                _welcome(service.url, show, time.monotonic() - begun, private=settings.database_url is None)
                if asked.browser and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
                    webbrowser.open(service.url)
                return _perform(service, show)


def say(line: str) -> None:
    """A line on standard error."""
    err.print(line, style="dim")


def _prepared(settings: Settings, owner: str, place: Path, kept: Memory, speed: float | None) -> Show:
    """The city as it was left, or a new one on new ground."""
    private = settings.database_url is None
    if private and not kept.tokens:
        embedded.database(owner, DATABASE, fresh=True)
        for old in (file_of(settings.home, DATABASE), publisher.file_of(settings.home, DATABASE)):
            old.unlink(missing_ok=True)
    logins = ready(settings, owner)
    if kept.tokens:
        found = asyncio.run(_stopped(logins))
        if found is None and private:  # the database is gone, or was never finished
            kept = Memory(kept.seed, kept.scale, kept.password)
        elif found is None or not found.simulated or found.digest != kept.ground:
            raise Refused(
                f"the database is not that of the demo in {place}: unset DATABASE_URL, or move that folder away"
            )
    say(f"building a city: scale {kept.scale}, seed {kept.seed}")
    city = build(kept.seed, kept.scale)
    welfare = draw(city, kept.seed)
    fieldwork = plan(city, RATES, kept.seed, welfare.status)
    month = memory.digest(city, fieldwork)
    if kept.tokens and kept.month != month:
        raise Refused("this version makes another month of the same seed: begin anew with --fresh")
    if not kept.tokens:
        if not asyncio.run(_empty(logins)):
            raise Refused(
                "DATABASE_URL leads to a database that is in use: give the demo an empty one, or unset DATABASE_URL, "
                "for it has one of its own"
            )
        memory.forget(place)
        memory.keep(place, kept)
        sites = draw_sites(city, welfare, kept.seed)
        files.write(place / "files", city, fieldwork, welfare, sites)
        known = welfare_files.truth(welfare, sites)
        known["blocks"] = welfare_files.by_block(city, fieldwork, welfare, files.ids_of_families(city, fieldwork))
        truth.write(place / "truth.json", city, fieldwork, RATES, known)
        kept = asyncio.run(_lay(logins, city, fieldwork, replace(kept, month=month), place))
    press = Press(logins, publisher.file_of(settings.home, make_url(logins.owner).database or ""), place / "files")
    return Show(city, fieldwork, kept, place, press, speed or SPEEDS[kept.scale])


async def _lay(logins: Logins, city: City, fieldwork: Fieldwork, kept: Memory, place: Path) -> Memory:
    """Lay the ground and make the accounts, all or nothing; tokens are kept first, for nobody can read them again."""
    async with _database(logins) as db, db.worker.begin() as connection:
        await stage.lay(connection, city, fieldwork, say)
        tokens = await stage.employ(connection, city, fieldwork, kept.password, say)
        made = replace(kept, tokens=tokens, ground=(await campaign.load(connection)).digest)
        memory.keep(place, made)
    return made


async def _empty(logins: Logins) -> bool:
    """Whether nobody has done anything with the database yet."""
    async with _database(logins) as db, db.worker.begin() as connection:
        return not await areas.editions(connection) and await accounts.is_empty(connection)


async def _stopped(logins: Logins) -> campaign.Campaign | None:
    """The campaign, its clock stopped where the demo last left a mark; None where there is none.

    A demo that was killed left it running, and what is pending would bear the time of another year.
    """
    async with _database(logins) as db, db.worker.begin() as connection:
        try:
            found = await campaign.load(connection)
        except NotReady:
            return None
        if found.simulated and found.clock is not None:
            await campaign.set_clock(connection, found.clock)
        return found


@asynccontextmanager
async def _database(logins: Logins) -> AsyncIterator[Database]:
    db = Database(logins, 2)
    try:
        yield db
    finally:
        await db.close()


def _welcome(url: str, show: Show, seconds: float, *, private: bool) -> None:
    """Where the map is, and how to look at it in each role."""
    listed, blocks = len(show.fieldwork.prelist.household_id), len(show.city.blocks)
    err.print(
        f"\nThe map is at [bold]{url}[/] after {seconds:.0f} s: a simulated city of {blocks:,} blocks, {listed:,} "
        f"expected families and {len(show.fieldwork.staff.enumerators):,} enumerators.",
        soft_wrap=True,
    )
    people = stage.logins(show.city, show.fieldwork)
    rows = [[p.name, p.grant.role, ", ".join(p.codes[:3]) or "everything"] for p in people]
    table(f"log-ins, all with the password {show.kept.password}", ["name", "role", "sees"], rows)
    lines = [
        f"What the public sees, without a log-in: {url}/releases, from day {stage.FIELD_DAYS[0]} on. Log in there as "
        "[bold]pemda[/] for the blocks of its regency, as a local government does.",
        f"Where poor families cluster, and whether programmes reach them: {url}/programmes, likewise; as pemda with "
        f"proposed places for new sites. The list of sites, some of them wrong: {url}/sites as pemda, koseka or admin.",
        f"What the consultation moved, for those who answer for it: {url}/welfare as koseka or admin, after the month.",
        f"What is true, and what was planted to be found: {show.place / 'truth.json'}",
        f"The office's own lists and boundaries, for trying the imports: {show.place / 'files'}",
        "Ctrl-C stops it; run again, it goes on. --fresh begins anew.",
    ]
    if private:
        lines.insert(-1, f"Other commands work on it with CAKUPAN_DATABASE={DATABASE}, like ./cakupan gaps.")
    for line in lines:
        err.print(line, soft_wrap=True)


def _perform(service: Service, show: Show) -> bool:
    """Play, settle accounts, and stay until Ctrl-C; whether everything added up."""
    ended = threading.Event()

    async def work() -> bool:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        phones = Phones(show.place / "phones", Server.at(service.url), show.kept.tokens, RATES.ordinary, show.kept.seed)
        try:
            async with _database(show.logins) as db:
                right = await _play(db, phones, show, service, ended)
                while not ended.is_set():
                    service.look()
                    await asyncio.sleep(0.2)
                return right
        finally:
            phones.close()

    return asyncio.run(work())


async def _play(db: Database, phones: Phones, show: Show, service: Service, ended: threading.Event) -> bool:
    """The rest of the month and what comes after it; whether everything added up, as far as it came."""
    async with db.worker.begin() as connection:
        begin = (await campaign.load(connection)).clock
    at, right = START if begin is None else begin.timestamp(), await publishing.furnish(show.press, say)
    if at <= play.END:
        finished, published = await _month(db, phones, show, service, ended, at)
        right &= published
        if not finished:
            return right
    right &= await _settle(db, phones, show)
    if not ended.is_set():
        await Clock(db, 0).stop(AFTER)
        right &= await publishing.conclude(show.press, ended, say)
    err.print(f"The map stays at {service.url} until Ctrl-C.", soft_wrap=True)
    return right


async def _month(
    db: Database, phones: Phones, show: Show, service: Service, ended: threading.Event, at: float
) -> tuple[bool, bool]:
    """Play from `at` on (Unix seconds), and publish meanwhile; whether the month is over, and all was published."""
    reached = at
    releases = asyncio.create_task(publishing.follow(show.press, lambda: reached, ended, say))
    with _progress() as tell:

        def look(told: play.Told) -> None:
            nonlocal reached
            reached = told.at
            if not ended.is_set():  # Ctrl-C ends the service, too
                service.look()
            tell(told)

        try:
            clock = Clock(db, show.speed * DAY / 60)
            finished = await play.play(show.city, show.fieldwork, phones, clock, at, look, ended)
        except BaseException:
            releases.cancel()
            raise
        return finished, await releases


async def _settle(db: Database, phones: Phones, show: Show) -> bool:
    """The month is over: recount, and account for every household; whether everything adds up."""
    async with db.worker.connect() as connection:
        counted = await recount(connection)
        waiting = reconcile.waiting(show.city, show.fieldwork, phones)
        found = await reconcile.reconcile(connection, show.city, show.fieldwork, waiting)
    table("the month is over: every household of the simulation", list(found.counts), [list(found.counts.values())])
    for line in found.differences[:10]:
        err.print(f"[bold red]differs[/]: {line}", soft_wrap=True)
    if found.differences:
        err.print(f"[bold red]{len(found.differences):,} differences[/] between the truth and the service")
    else:
        err.print("every household is accounted for")
    err.print("tallies equal the recount" if counted.sound else "[bold red]tallies differ from the recount[/]")
    return counted.sound and not found.differences


@contextmanager
def _progress() -> Iterator["play.Tell"]:
    """A bar of the month on standard error."""
    columns = (
        TextColumn("day {task.fields[day]:>2} of 31, {task.fields[time]}"),
        BarColumn(),
        TextColumn("{task.fields[recorded]:,} recorded, {task.fields[received]:,} received"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=not err.is_terminal) as bar:
        task = bar.add_task("", total=DAYS * DAY, day=1, time="", recorded=0, received=0)

        def tell(told: play.Told) -> None:
            moment = datetime.fromtimestamp(told.at, ZONE)
            day = int((told.at - START) // DAY) + 1
            if day != bar.tasks[task].fields["day"] and not err.is_terminal:  # a bar tells nothing in a file
                say(f"day {day} of {DAYS}: {told.recorded:,} recorded, {told.received:,} received")
            bar.update(
                task, completed=told.at - START, day=day, time=f"{moment:%a %H:%M}", recorded=told.recorded,
                received=told.received,
            )  # fmt: skip

        yield tell
