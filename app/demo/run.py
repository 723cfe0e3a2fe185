"""The demo from start to end: build the city, lay the ground, start the service, play the month, settle accounts."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app import embedded
from app.database import Database, Logins
from app.demo import files, memory, play, reconcile, stage, truth, welfare_files
from app.demo.city import City, build
from app.demo.clock import Clock
from app.demo.fieldwork import Fieldwork
from app.demo.hours import DAY, DAYS, START, ZONE
from app.demo.memory import Memory
from app.demo.month import plan
from app.demo.phones import Phones
from app.demo.rates import Rates
from app.demo.sites import draw_sites
from app.demo.welfare import draw
from app.demo.wire import Server
from app.settings import Settings
from app.terminal import err, ready, server, table
from geo.errors import NotReady, Refused
from geo.ground import campaign
from geo.intake.recount import recount

RATES = Rates()

#: Campaign days in a minute, where nothing else is said: as fast as two cores follow.
SPEEDS = {"small": 10.0, "district": 6.0, "city": 1.5, "province": 0.3}

#: The demo's database on the private server; with DATABASE_URL it is the one named there.
DATABASE = "cakupan_demo"

#: Seconds that the service may take to start.
PATIENCE = 90.0


@dataclass(frozen=True)
class Asked:
    """What the command line says; None where nothing was said."""

    port: int | None
    browser: bool
    fresh: bool
    speed: float | None
    seed: int | None
    scale: str | None


def run(asked: Asked) -> None:
    """Run the demo until Ctrl-C. Killed or stopped, it goes on where it was when run again."""
    begun = time.monotonic()
    given = {"database": DATABASE} if asked.port is None else {"database": DATABASE, "port": asked.port}
    settings = Settings(**given)
    with memory.folder(settings.home) as place:
        kept = memory.recall(place, asked.seed, asked.scale, fresh=asked.fresh)
        say(f"building a city: scale {kept.scale}, seed {kept.seed}")
        city = build(kept.seed, kept.scale)
        welfare = draw(city, kept.seed)
        fieldwork = plan(city, RATES, kept.seed, welfare.status)
        if not kept.tokens:
            sites = draw_sites(city, welfare, kept.seed)
            files.write(place / "files", city, fieldwork, welfare, sites)
            truth.write(place / "truth.json", city, fieldwork, RATES, welfare_files.truth(welfare, sites))
        with server(settings) as owner:
            if not kept.tokens and settings.database_url is None:
                embedded.database(owner, DATABASE, fresh=True)
            logins = ready(settings, owner)
            if not kept.tokens or not asyncio.run(_holds_a_campaign(logins)):
                kept = asyncio.run(_lay(logins, city, fieldwork, kept))
                memory.keep(place, kept)
            with _service(settings, place) as url:
                _welcome(url, city, fieldwork, kept, place, time.monotonic() - begun)
                if asked.browser and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
                    webbrowser.open(url)
                _perform(logins, Performance(city, fieldwork, kept, place, url, asked.speed or SPEEDS[kept.scale]))


def say(line: str) -> None:
    """A line on standard error."""
    err.print(line, style="dim")


async def _lay(logins: Logins, city: City, fieldwork: Fieldwork, kept: Memory) -> Memory:
    """Lay the ground and make the accounts, all or nothing. Raises Refused on a database that holds anything real."""
    db = Database(logins, 1)
    try:
        if await _holds_a_campaign(logins):
            raise Refused(
                "the database holds a campaign already: give the demo an empty one, or empty this one for good with "
                "./cakupan migrate --down"
            )
        async with db.worker.begin() as connection:
            await stage.lay(connection, city, fieldwork, say)
            tokens = await stage.employ(connection, city, fieldwork, kept.password, say)
    finally:
        await db.close()
    return replace(kept, tokens=tokens)


async def _holds_a_campaign(logins: Logins) -> bool:
    db = Database(logins, 1)
    try:
        async with db.worker.begin() as connection:
            await campaign.load(connection)
    except NotReady:
        return False
    finally:
        await db.close()
    return True


@contextmanager
def _service(settings: Settings, place: Path) -> Iterator[str]:
    """The service, as everybody runs it, in a process of its own for the time of the block; its address."""
    log = place / "service.log"
    said = os.environ | {"CAKUPAN_DATABASE": settings.database, "CAKUPAN_PORT": str(settings.port)}
    with log.open("w", encoding="utf-8") as file:
        command = [sys.executable, "-P", "-m", "app.cli", "serve"]
        process = subprocess.Popen(command, env=said, stdin=subprocess.DEVNULL, stdout=file, stderr=file)  # noqa: S603 -- a fixed list of words
    try:
        yield _answering(process, log, settings)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(45)


def _answering(process: subprocess.Popen[bytes], log: Path, settings: Settings) -> str:
    """Wait until the service is ready; its address. Raises NotReady with what it said where it is not."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        said = log.read_text(encoding="utf-8", errors="replace")
        if "http://" in said:
            port = int(said.partition("http://")[2].split()[0].rpartition(":")[2])
            connection = HTTPConnection("127.0.0.1" if settings.host == "0.0.0.0" else settings.host, port, timeout=10)  # noqa: S104 -- only compared
            try:
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return f"http://{connection.host}:{port}"
            except (OSError, HTTPException):
                pass
            finally:
                connection.close()
        time.sleep(0.1)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-6:]
    raise NotReady("the service did not start; it said: " + " / ".join(lines), code="demo-service")


def _welcome(url: str, city: City, fieldwork: Fieldwork, kept: Memory, place: Path, seconds: float) -> None:
    """Where the map is, and how to look at it in each role."""
    listed, blocks = len(fieldwork.prelist.household_id), len(city.blocks)
    err.print(
        f"\nThe map is at [bold]{url}[/] after {seconds:.0f} s: a simulated city of {blocks:,} blocks, {listed:,} "
        f"expected families and {len(fieldwork.staff.enumerators):,} enumerators.",
        soft_wrap=True,
    )
    people = stage.logins(city, fieldwork)
    rows = [[p.name, p.role, ", ".join(code for _, code in p.areas[:3]) or "everything"] for p in people]
    table(f"log-ins, all with the password {kept.password}", ["name", "role", "sees"], rows)
    err.print(f"What is true, and what was planted to be found: {place / 'truth.json'}", soft_wrap=True)
    err.print(f"The office's own lists and boundaries, for trying the imports: {place / 'files'}", soft_wrap=True)
    err.print(f"Other commands work on it with CAKUPAN_DATABASE={DATABASE}. Ctrl-C stops it; run again, it goes on.")


@dataclass(frozen=True)
class Performance:
    """All that playing needs. `speed` in campaign days a minute."""

    city: City
    fieldwork: Fieldwork
    kept: Memory
    place: Path
    url: str
    speed: float


def _perform(logins: Logins, of: Performance) -> None:
    """Play, settle accounts, and stay until Ctrl-C."""
    ended = threading.Event()

    async def work() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        db = Database(logins, 2)
        phones = Phones(of.place / "phones", Server.at(of.url), of.kept.tokens, RATES.ordinary, of.kept.seed)
        try:
            await _play(db, phones, of, ended)
            while not ended.is_set():
                await asyncio.sleep(0.2)
        finally:
            phones.close()
            await db.close()

    asyncio.run(work())


async def _play(db: Database, phones: Phones, of: Performance, ended: threading.Event) -> None:
    clock = Clock(db, of.speed * DAY / 60)
    async with db.worker.begin() as connection:
        begin = (await campaign.load(connection)).clock
    at = START if begin is None else begin.timestamp()
    with _progress() as tell:
        if not await play.play(of.city, of.fieldwork, phones, clock, at, tell, ended):
            return
    await _settle(db, phones, of)


async def _settle(db: Database, phones: Phones, of: Performance) -> None:
    """The month is over: recount, and account for every household."""
    async with db.worker.connect() as connection:
        counted = await recount(connection)
        waiting = reconcile.waiting(of.city, of.fieldwork, phones)
        found = await reconcile.reconcile(connection, of.city, of.fieldwork, waiting)
    table("the month is over: every household of the simulation", list(found.counts), [list(found.counts.values())])
    for line in found.differences[:10]:
        err.print(f"[bold red]differs[/]: {line}", soft_wrap=True)
    err.print(
        "tallies equal the recount" if counted.sound else "[bold red]tallies differ from the recount[/]",
        "· every household is accounted for" if not found.differences else "",
    )
    err.print(f"The map stays at {of.url} until Ctrl-C.")


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
