"""The commands. Each explains itself with --help; long ones show progress and can be interrupted and run again."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

import migrations
from app import commands_blocks, commands_demo, commands_ground, commands_watch
from app.database import passwords
from app.service import serve as run_service
from app.settings import Settings
from app.terminal import Desk, at_desk, out, plain_errors, server, table
from geo.ground.areas import load_tree
from geo.ground.campaign import load
from geo.ground.levels import LEVELS
from geo.intake.recount import recount
from geo.schema import ROLES
from geo.scope import OPERATOR
from geo.trust import accounts, credentials
from geo.trust.grants import Grant

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
commands_demo.install(app)
account = typer.Typer(help="Accounts: who may log in, in which role, for which area.", no_args_is_help=True)
token = typer.Typer(help="Personal tokens, for devices, QGIS, Excel and scripts.", no_args_is_help=True)
app.add_typer(account, name="account")
app.add_typer(token, name="token")

Json = dict[str, Any]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one; default 8000.")] = None,
) -> None:
    """Run the service until Ctrl-C. Without DATABASE_URL it brings its own PostGIS, and stops it again."""
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


@account.command("create")
def account_create(
    name: str,
    role: Annotated[str, typer.Option(help=f"One of {', '.join(ROLES)}.")],
    area: Annotated[str | None, typer.Option(help="Code of the area; left out: the whole campaign.")] = None,
    level: Annotated[str | None, typer.Option(help="Level of the area, where codes repeat.")] = None,
    password: Annotated[str | None, typer.Option(help="Left out: one is made and shown once.")] = None,
) -> None:
    """Make an account with a password for the pages."""

    async def work(desk: Desk) -> str:
        chosen = password or accounts.new_password()
        async with desk.begin() as connection:
            where = None
            if area is not None:
                tree = await load_tree(connection, await load(connection))
                number = tree.number_of(area, level)
                where = LEVELS[tree.level[number]], area
            await accounts.create(connection, name, Grant(role, where), chosen)
        return chosen

    chosen = at_desk(work)
    out.print(f"account [bold]{name}[/] ({role}{f', {area}' if area else ''})")
    if password is None:
        out.print(f"password (shown this once): [bold]{chosen}[/]")


@account.command("list")
def account_list() -> None:
    """List accounts with their roles and areas."""

    async def work(desk: Desk) -> list[Json]:
        async with desk.begin() as connection:
            return await accounts.listing(connection)

    rows = [[r["name"], bool(r["disabled_at"])] for r in at_desk(work)]
    table("accounts", ["name", "disabled"], rows)


@account.command("password")
def account_password(
    name: str,
    password: Annotated[str | None, typer.Option(help="Left out: one is made and shown once.")] = None,
) -> None:
    """Set a new password and end the account's sessions."""

    async def work(desk: Desk) -> str:
        chosen = password or accounts.new_password()
        async with desk.begin() as connection:
            found = await accounts.find(connection, name)
            await accounts.set_password(connection, found.account_id, chosen, OPERATOR)
        return chosen

    out.print(f"password of {name} (shown this once): [bold]{at_desk(work)}[/]")


@token.command("create")
def token_create(
    account_name: Annotated[str, typer.Argument(metavar="ACCOUNT")],
    name: Annotated[str, typer.Option(help="What it is for, like a device's name.")] = "token",
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until it expires.")] = 90,
) -> None:
    """Make a token for an account and print it, alone on its line."""

    async def work(desk: Desk) -> str:
        async with desk.begin() as connection:
            found = await accounts.find(connection, account_name)
            until = datetime.now(UTC) + timedelta(days=days)
            return await credentials.give_token(connection, found.account_id, name, until, OPERATOR)

    typer.echo(at_desk(work))


@token.command("list")
def token_list() -> None:
    """List tokens in force; secrets are not kept and cannot be shown."""

    async def work(desk: Desk) -> list[Json]:
        async with desk.begin() as connection:
            return await credentials.tokens(connection)

    rows = [[r["credential_id"], r["account"], r["name"], str(r["expires_at"])] for r in at_desk(work)]
    table("tokens", ["id", "account", "name", "expires"], rows)


@token.command("revoke")
def token_revoke(token_id: int) -> None:
    """Revoke a token; it is dead within a minute."""

    async def work(desk: Desk) -> None:
        async with desk.begin() as connection:
            await credentials.revoke(connection, token_id, OPERATOR)

    at_desk(work)
    out.print(f"token {token_id} is revoked")


def main() -> None:
    """Entry point."""
    app()


if __name__ == "__main__":
    main()
