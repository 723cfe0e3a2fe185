"""The command that shows everything on made-up data."""

import sqlite3
from typing import Annotated

import psycopg
import typer

from app.demo.city import SCALES
from app.terminal import plain_errors
from geo.errors import NotReady


def install(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one; default 8000.")] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the map where there is a screen.")
    ] = True,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the demo of before and begin anew.")] = False,
    speed: Annotated[float | None, typer.Option(min=0.01, max=60, help="Campaign days in a minute.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31, help="Another seed, another city; default 22.")] = None,
    scale: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(SCALES)}; default district, two districts by the river.")
    ] = None,
) -> None:
    """Show it all on a simulated city: a month of fieldwork in minutes, with a log-in for each role.

    Uses a database of its own. Stopped or killed, it goes on where it was when run again.
    """
    with plain_errors():
        from app.demo.run import Asked, run  # noqa: PLC0415  # the other commands need no simulation

        try:
            right = run(Asked(port, browser, fresh, speed, seed, scale))
        except (OSError, sqlite3.Error, psycopg.Error) as broken:
            raise NotReady(f"{type(broken).__name__}: {broken}", code="demo-broken") from broken
    if not right:
        raise typer.Exit(1)
