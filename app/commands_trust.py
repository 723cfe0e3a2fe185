"""Commands of accounts and tokens: who may log in, in which role, for which areas, with what."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated

import typer
from rich.markup import escape

from app import words
from app.commands_grants import Agreement, Area, Assigned, Expires, Level, Purpose, Role, Said
from app.terminal import Desk, at_desk, out, table
from app.words import Json
from geo.errors import BadInput
from geo.scope import OPERATOR
from geo.trust import accounts, credentials, grants
from geo.trust.grants import Grant

account = typer.Typer(help="Accounts: who may log in, in which role, for which areas.", no_args_is_help=True)
token = typer.Typer(help="Personal tokens, for devices, QGIS, Excel and scripts.", no_args_is_help=True)


def install(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(account, name="account")
    app.add_typer(token, name="token")


# ── accounts ──────────────────────────────────────────────────────────────────────────────────────────────────────


@account.command("create")
def account_create(
    name: str,
    role: Role,
    area: Area = None,
    level: Level = None,
    assigned: Assigned = False,
    expires: Expires = None,
    purpose: Purpose = None,
    agreement: Agreement = None,
    password: Annotated[str | None, typer.Option(help="Left out: one is made and shown once.")] = None,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="For whoever only uses tokens, or logs in by a provider.")
    ] = False,
) -> None:
    """Make an account with its first grant, and a password for the pages."""
    said = Said(role, area, level, assigned, expires, purpose, agreement)
    chosen = None if no_password else password or accounts.new_password()

    async def work(desk: Desk) -> tuple[Grant, tzinfo]:
        if no_password and password:
            raise BadInput("--password or --no-password, not both")
        async with desk.begin() as connection:
            given = await said.grant(connection)
            await accounts.create(connection, name, given, chosen)
            return given, await words.zone(connection)

    given, where = at_desk(work)
    out.print(f"account [bold]{escape(name)}[/]: {words.meant(words.row(given), where)}")
    if chosen and not password:
        out.print(f"password (shown this once): [bold]{chosen}[/]")


@account.command("list")
def account_list(
    part: Annotated[str, typer.Argument(help="Only names with this in them.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 200,
) -> None:
    """List accounts with the grants they have in force."""

    async def work(desk: Desk) -> tuple[list[Json], list[Json], tzinfo]:
        async with desk.begin() as connection:
            found = await accounts.listing(connection, part, limit=limit + 1)
            held = await grants.of_accounts(connection, [r["account_id"] for r in found])
            return found, held, await words.zone(connection)

    found, held, where = at_desk(work)
    by_account: dict[int, list[str]] = {}
    for row in held:
        by_account.setdefault(row["account_id"], []).append(words.meant(row, where))
    shown = [
        [r["name"], _state(r), "\n".join(by_account.get(r["account_id"], ["none"])), words.at(r["logged_in_at"], where)]
        for r in found[:limit]
    ]
    more = f"the first {limit:,}: name a part, or give --limit" if len(found) > limit else None
    table("accounts", ["name", "state", "grants in force", "last log-in"], shown, more)


@account.command("show")
def account_show(name: str) -> None:
    """Show all of an account: grants in force and ended, tokens, sessions."""

    async def work(desk: Desk) -> tuple[Json, list[Json], list[Json], list[Json], tzinfo]:
        async with desk.begin() as connection:
            number = (await accounts.find(connection, name)).account_id
            (found,) = await accounts.listing(connection, account=number)
            held = await grants.of_accounts(connection, [number], ended=True)
            tokens = await credentials.tokens(connection, number)
            return found, held, tokens, await credentials.sessions(connection, number), await words.zone(connection)

    found, held, tokens, sessions, where = at_desk(work)
    ways = [way for way, has in (("password", found["by_password"]), ("provider", found["by_provider"])) if has]
    table(
        f"account {name}",
        ["state", "logs in by", "made", "last log-in"],
        [[_state(found), ", ".join(ways) or "tokens alone", words.at(found["created_at"], where),
          words.at(found["logged_in_at"], where)]],
    )  # fmt: skip
    now = datetime.now(UTC)
    rows = [
        [r["granted_id"], r["role"], words.place(r), words.at(r["created_at"], where), r["granted_by"] or OPERATOR.name,
         words.ended(r, now, where), words.terms(r)]
        for r in held
    ]  # fmt: skip
    table("grants", ["grant", "role", "on", "given", "by", "ends", "agreement"], rows)
    for title, given in (("tokens", tokens), ("sessions", sessions)):
        of = [
            [
                r["credential_id"],
                r["name"],
                words.at(r["created_at"], where),
                words.at(r["used_at"], where),
                words.until(r, where),
            ]
            for r in given
        ]
        table(title, ["id", "name", "made", "last used", "until"], of)


@account.command("password")
def account_password(
    name: str,
    password: Annotated[str | None, typer.Option(help="Left out: one is made and shown once.")] = None,
    tokens: Annotated[bool, typer.Option("--tokens", help="Revoke its tokens, too.")] = False,
) -> None:
    """Set a new password, end the account's sessions and take its lock away. Its tokens stay, but for --tokens."""
    chosen = password or accounts.new_password()

    async def work(desk: Desk) -> None:
        async with desk.begin() as connection:
            found = await accounts.find(connection, name)
            await accounts.set_password(connection, found.account_id, chosen, OPERATOR, tokens=tokens)

    at_desk(work)
    out.print(
        f"{escape(name)} has a new password"
        if password
        else f"password of {escape(name)} (shown this once): [bold]{chosen}[/]"
    )


@account.command("disable")
def account_disable(name: str) -> None:
    """Shut an account out: its sessions end and its tokens are revoked, within a minute."""
    _switch(name, disabled=True)
    out.print(f"{escape(name)} is shut out")


@account.command("enable")
def account_enable(name: str) -> None:
    """Let an account in again, with its grants; tokens of before stay revoked."""
    _switch(name, disabled=False)
    out.print(f"{escape(name)} may log in again; tokens of before stay revoked")


def _switch(name: str, *, disabled: bool) -> None:
    async def work(desk: Desk) -> None:
        async with desk.begin() as connection:
            found = await accounts.find(connection, name)
            await accounts.disable(connection, found.account_id, OPERATOR, disabled=disabled)

    at_desk(work)


def _state(row: Json) -> str:
    return "shut out" if row["disabled_at"] else "locked" if row["locked"] else "open"


# ── tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────


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
def token_list(
    account_name: Annotated[str | None, typer.Argument(metavar="ACCOUNT", help="Left out: of all accounts.")] = None,
) -> None:
    """List tokens in force; secrets are not kept and cannot be shown."""

    async def work(desk: Desk) -> tuple[list[Json], tzinfo]:
        async with desk.begin() as connection:
            of = (await accounts.find(connection, account_name)).account_id if account_name else None
            return await credentials.tokens(connection, of), await words.zone(connection)

    found, where = at_desk(work)
    rows = [
        [r["credential_id"], r["account"], r["name"], words.at(r["created_at"], where), words.at(r["used_at"], where),
         words.until(r, where)]
        for r in found
    ]  # fmt: skip
    table("tokens", ["id", "account", "name", "made", "last used", "until"], rows)


@token.command("revoke")
def token_revoke(token_id: int) -> None:
    """Revoke a token; it is dead within a minute."""

    async def work(desk: Desk) -> None:
        async with desk.begin() as connection:
            await credentials.revoke(connection, token_id, OPERATOR)

    at_desk(work)
    out.print(f"token {token_id} is revoked")
