"""The commands. Each explains itself with --help; long ones show progress and can be interrupted and run again."""

from typing import Annotated

import typer

import migrations
from app import (
    commands_audit,
    commands_blocks,
    commands_demo,
    commands_export,
    commands_grants,
    commands_ground,
    commands_release,
    commands_roster,
    commands_sheets,
    commands_sites,
    commands_trust,
    commands_watch,
    commands_welfare,
)
from app.database import passwords
from app.settings import Settings
from app.terminal import Desk, at_desk, out, plain_errors, server, table
from geo.intake.recount import recount

app = typer.Typer(
    name="cakupan",
    help="Live coverage of a registration census: where enumerators have been, and where they have not.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
commands_ground.install(app)
commands_blocks.install(app)
commands_watch.install(app)
commands_export.install(app)
commands_sheets.install(app)
commands_trust.install(app)
commands_roster.install(commands_trust.account)
commands_grants.install(app)
commands_audit.install(app)
commands_welfare.install(app)
commands_sites.install(app)
commands_release.install(app)
commands_demo.install(app)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one; default 8000.")] = None,
) -> None:
    """Run the service until Ctrl-C. Without DATABASE_URL it brings its own PostGIS, and stops it again."""
    from app.service import serve as run_service  # noqa: PLC0415  # no other command needs the web framework

    with plain_errors():
        given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
        settings = Settings(**given)  # type: ignore[arg-type]  # typed by the options
        run_service(settings)


@app.command()
def migrate(
    down: Annotated[bool, typer.Option("--down", help="Remove our schemas and ALL they hold instead.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --down: do not ask.")] = False,
) -> None:
    """Bring the database's schema up to date and make the service's logins."""
    with plain_errors():
        settings = Settings()
        if down and not yes:
            typer.confirm("This removes every area, household and account. Go on?", abort=True)
        with server(settings) as owner:
            if down:
                migrations.downgrade(owner)
                out.print("removed: schemas ground, intake and trust")
            else:
                out.print(f"schema is at revision {migrations.upgrade(owner, passwords(settings))}")


@app.command()
def check() -> None:
    """Recount everything from the submissions and compare every block, pair and day. Exit code 1 where any differs."""

    async def work(desk: Desk) -> bool:
        async with desk.db.worker.connect() as connection:
            found = await recount(connection)
        table("counted", list(found.counted), [list(found.counted.values())])
        if found.sound:
            out.print("[bold green]sound[/]: tallies and pending deltas equal the recount")
        else:
            rows = [[d.kind, str(d.key), str(d.by)] for d in found.differences]
            table("differences (kept − counted)", ["kind", "key", "by"], rows)
        return found.sound

    if not at_desk(work):
        raise typer.Exit(1)


def main() -> None:
    """Entry point."""
    app()


if __name__ == "__main__":
    main()
