"""What the commands share: a database to work on, tables and progress on the terminal, errors as plain sentences."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

import migrations
from app import embedded
from app.database import AT_WORK, Database, Logins, logins, passwords
from app.settings import Settings
from geo.errors import CakupanError, NotReady
from tiles.style import percent

T = TypeVar("T")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what can go wrong into one sentence and an exit code: 2 for bad input, 1 for the rest."""
    try:
        yield
    except CakupanError as error:
        err.print(f"[bold red]{error.code}[/]: {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except OperationalError as error:
        err.print(f"[bold red]database[/]: it does not answer ({type(error.orig).__name__}); is DATABASE_URL right?")
        sys.exit(1)
    except ValidationError as error:
        for wrong in error.errors():
            err.print(f"[bold red]setting {'.'.join(str(p) for p in wrong['loc'])}[/]: {wrong['msg']}")
        sys.exit(2)


@contextmanager
def server(settings: Settings) -> Iterator[str]:
    """The owner's address of the database: an outside server by settings, else the private one, started if need be."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
    else:
        with embedded.running(settings.home, report=lambda line: err.print(line, style="dim")) as url:
            yield embedded.database(url, settings.database)


@dataclass
class Desk:
    """A database ready to work on."""

    settings: Settings
    logins: Logins
    db: Database

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction of the worker login."""
        async with self.db.worker.begin() as connection:
            yield connection


def ready(settings: Settings, owner: str) -> Logins:
    """Bring a private database's schema up to date; an outside one must have been migrated. Gives the logins."""
    if settings.database_url is None:
        migrations.upgrade(owner, passwords(settings))
    else:
        engine = create_engine(owner)
        with engine.connect() as connection:
            if migrations.current(connection) != migrations.head():
                raise NotReady("the database's schema is not current: run ./cakupan migrate", code="schema")
        engine.dispose()
    return logins(settings, owner)


def at_desk(work: Callable[[Desk], Awaitable[T]]) -> T:
    """Run `work` on the database that the settings lead to."""
    with plain_errors():
        settings = Settings()
        with server(settings) as owner:
            return asyncio.run(_at_desk(settings, ready(settings, owner), work))
    raise AssertionError("plain_errors leaves")


async def _at_desk(settings: Settings, found: Logins, work: Callable[[Desk], Awaitable[T]]) -> T:
    db = Database(found, 2, AT_WORK)
    try:
        return await work(Desk(settings, found, db))
    finally:
        await db.close()


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], caption: str | None = None) -> None:
    """Print a table; numbers to the right, None as a dash. Piped, it is printed as wide as it is."""
    console = out if out.is_terminal else Console(highlight=False, width=200)
    made = Table(header_style="bold")
    for at, column in enumerate(columns):
        numeric = any(isinstance(row[at], int | float) for row in rows)
        made.add_column(column, justify="right" if numeric else "left", no_wrap=at == 0)
    for row in rows:
        made.add_row(*(Text(_shown(value)) for value in row))  # names may hold what looks like markup
    console.print(f"[bold]{escape(title)}[/]")
    console.print(made)
    if caption:
        console.print(caption, style="dim")


def share(value: float | None) -> str | None:
    """A rate as a percentage, as the pages and the report say it."""
    return None if value is None else percent(value)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on the terminal; a function that takes what is done and how much there is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err, transient=not err.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
