"""Commands of grants: who holds which role on which areas."""

from datetime import tzinfo
from typing import Annotated, NamedTuple

import typer
from rich.markup import escape
from sqlalchemy.ext.asyncio import AsyncConnection

from app import words
from app.terminal import Desk, at_desk, out, table
from app.words import Json
from geo.ground.areas import load_tree
from geo.ground.campaign import load
from geo.ground.levels import LEVELS
from geo.instants import instant
from geo.schema import ROLES
from geo.scope import LAST, OPERATOR
from geo.trust import accounts, grants
from geo.trust.grants import Grant

grant = typer.Typer(help="Grants: a role on an area; they end, and are never deleted.", no_args_is_help=True)

Role = Annotated[str, typer.Option(help=f"One of {', '.join(ROLES)}.")]
Area = Annotated[str | None, typer.Option(help="Code of the area; left out: the whole campaign.")]
Level = Annotated[str | None, typer.Option(help=f"Its level, where codes repeat: {', '.join(LEVELS)}.")]
Assigned = Annotated[bool, typer.Option("--assigned", help="On the blocks that assignments give to it, now or later.")]
Expires = Annotated[
    str | None,
    typer.Option(
        help=f"Last day, like 2022-11-14, or an instant; a local government's default is {grants.AGREED_FOR.days} days."
    ),
]
Purpose = Annotated[str | None, typer.Option(help="What a local government may use it for.")]
Agreement = Annotated[str | None, typer.Option(help="Number of the agreement with a local government.")]


def install(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(grant, name="grant")


class Said(NamedTuple):
    """A grant as options say it."""

    role: str
    area: str | None
    level: str | None
    assigned: bool
    expires: str | None
    purpose: str | None
    agreement: str | None

    async def grant(self, db: AsyncConnection) -> Grant:
        """The grant that is meant. Raises NotFound and BadInput."""
        ends = grants.usual_end(self.role)
        if self.expires:
            ends = instant(self.expires, await words.zone(db), whole_day=True)
        where = None
        if self.area is not None:
            tree = await load_tree(db, await load(db))
            where = LEVELS[tree.level[tree.number_of(self.area, self.level)]], self.area
        return Grant(self.role, where, self.assigned, ends, self.purpose, self.agreement)


@grant.command("give")
def grant_give(
    name: Annotated[str, typer.Argument(metavar="ACCOUNT")],
    role: Role,
    area: Area = None,
    level: Level = None,
    assigned: Assigned = False,
    expires: Expires = None,
    purpose: Purpose = None,
    agreement: Agreement = None,
) -> None:
    """Give an account a role on an area, beside what it has; in force within a minute."""
    said = Said(role, area, level, assigned, expires, purpose, agreement)

    async def work(desk: Desk) -> tuple[int, Grant, tzinfo]:
        async with desk.begin() as connection:
            found = await accounts.find(connection, name)
            given = await said.grant(connection)
            number = await grants.give(connection, found.account_id, given, OPERATOR)
            return number, given, await words.zone(connection)

    number, given, where = at_desk(work)
    out.print(f"grant {number}: [bold]{escape(name)}[/] {words.meant(words.row(given), where)}")


@grant.command("end")
def grant_end(number: Annotated[int, typer.Argument(metavar="GRANT")]) -> None:
    """End a grant; it opens nothing within a minute, and stays on record."""

    async def work(desk: Desk) -> None:
        async with desk.begin() as connection:
            await grants.end(connection, number, OPERATOR)

    at_desk(work)
    out.print(f"grant {number} has ended")


@grant.command("list")
def grant_list(
    area: Annotated[str | None, typer.Option(help="Code of an area; left out: the whole campaign.")] = None,
    level: Level = None,
) -> None:
    """List who may see an area, or any part of it, widest first."""

    async def work(desk: Desk) -> tuple[list[Json], str, tzinfo]:
        async with desk.begin() as connection:
            first, last, called = 0, LAST, "the campaign"
            if area is not None:
                tree = await load_tree(connection, await load(connection))
                first = tree.number_of(area, level)
                last, called = int(tree.last[first]), f"{tree.name[first]} ({area})"
            return await grants.holders(connection, first, last), called, await words.zone(connection)

    rows, called, where = at_desk(work)
    shown = [
        [r["name"], r["role"], words.place(r), "all" if r["whole"] else "a part", words.until(r, where), words.terms(r),
         r["granted_by"] or OPERATOR.name, r["granted_id"]]
        for r in rows
    ]  # fmt: skip
    table(
        f"who may see {called}: {len({r['name'] for r in rows}):,} accounts",
        ["account", "role", "on", "of it", "until", "agreement", "given by", "grant"],
        shown,
        "local governments see sealed releases only",
    )
