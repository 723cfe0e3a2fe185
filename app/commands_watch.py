"""Commands that show where the work stands: coverage and gaps on the terminal."""

from typing import Annotated, Any

import typer

from app.terminal import Desk, at_desk, out, share, table
from geo.ground.areas import load_tree
from geo.ground.campaign import load
from geo.ground.levels import LEVELS
from geo.scope import OPERATOR, Scope
from geo.trust import accounts, credentials
from geo.watch import coverage as watch_coverage
from geo.watch import gaps as watch_gaps
from geo.watch import live
from geo.watch.live import Snapshot


def install(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(coverage)
    app.command()(gaps)


As = Annotated[
    str | None, typer.Option("--as", metavar="ACCOUNT", help="Show what this account would see; nothing outside of it.")
]


async def seen_by(desk: Desk, name: str | None) -> Scope:
    """What somebody sees: the operator everything, an account what the database derives for it."""
    if name is None:
        return OPERATOR
    async with desk.begin() as connection:
        return await credentials.seen_by(connection, (await accounts.find(connection, name)).account_id, name)


async def snapshot(desk: Desk) -> Snapshot:
    """Everything as of now."""
    async with desk.db.worker.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        campaign = await load(connection)
        return await live.load(connection, campaign, await load_tree(connection, campaign))


def caption(found: Snapshot) -> str:
    """As of when, and against what."""
    at = found.as_of.astimezone(found.campaign.zone)
    said = f"{found.campaign.series} {found.campaign.edition}, epoch {found.epoch}, as of {at:%Y-%m-%d %H:%M:%S}"
    return f"{said}, SIMULATED" if found.campaign.simulated else said


def as_seen_by(name: str | None) -> str:
    """Whose figures a title is about, where not the operator's."""
    return f", as {name} sees it" if name else ""


def coverage(
    level: Annotated[str, typer.Option(help=f"One of {', '.join(LEVELS)}, or scope for one total.")] = "district",
    within: Annotated[str | None, typer.Option(help="Code of an area, itself included.")] = None,
    within_level: Annotated[str | None, typer.Option(help="Its level, where codes repeat.")] = None,
    as_: As = None,
) -> None:
    """Show coverage by area, counts first."""

    async def work(desk: Desk) -> tuple[list[dict[str, Any]], str]:
        found, scope = await snapshot(desk), await seen_by(desk, as_)
        number = found.tree.number_of(within, within_level) if within else 0
        rows = watch_coverage.by_area(found, scope, level, number)
        if level != "scope":
            lost = None if within else watch_coverage.unplaced(found, scope)
            rows += [lost | {"name": "in no block", "code": ""}] if lost else []
            rows += [r | {"name": "all", "code": ""} for r in watch_coverage.by_area(found, scope, "scope", number)]
        return rows, caption(found)

    rows, said = at_desk(work)
    shown = [
        [r["code"], r["name"], r["expected"], r["completed"], r["new"], r["dropped"], r["gap"], share(r["coverage"]),
         share(r["resolved"]), r["state"]]
        for r in rows
    ]  # fmt: skip
    head = ["code", "name", "expected", "completed", "new", "dropped", "gap", "coverage", "resolved", "state"]
    table(f"coverage by {level}{as_seen_by(as_)}", head, shown, said)


def gaps(
    within: Annotated[str | None, typer.Option(help="Code of an area, itself included.")] = None,
    within_level: Annotated[str | None, typer.Option(help="Its level, where codes repeat.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only blocks in this state; may be given again.")] = None,
    words: Annotated[str, typer.Option(help="Only blocks with this in their name or code.")] = "",
    least: Annotated[int, typer.Option(min=0, help="Only blocks with so many families to be found.")] = 0,
    sort: Annotated[str, typer.Option(help=f"By which to sort: {', '.join(watch_gaps.ORDERS)}.")] = "gap",
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 20,
    as_: As = None,
) -> None:
    """Show where families are still to be found: blocks, worst first."""

    async def work(desk: Desk) -> tuple[watch_gaps.Gaps, str]:
        found, scope = await snapshot(desk), await seen_by(desk, as_)
        number = found.tree.number_of(within, within_level) if within else 0
        question = watch_gaps.Question(number, tuple(state or ()), words, least, sort, None, limit)
        return watch_gaps.listing(found, scope, question), caption(found)

    found, said = at_desk(work)
    shown = [
        [
            b["code"],
            b["name"],
            b["gap"],
            b["completed"],
            b["expected"],
            share(b["coverage"]),
            b["state"],
            f"{b['lat']}, {b['lon']}",
        ]
        for b in found.blocks
    ]
    head = ["code", "name", "gap", "completed", "expected", "coverage", "state", "at (lat, lon)"]
    table(f"{found.total:,} blocks, {found.gap:,} families to be found{as_seen_by(as_)}", head, shown, said)
    states = {s: n for s, n in found.states.items() if n}
    table("blocks by state", list(states), [list(states.values())])
    if unknown := states.get("unknown"):
        out.print(f"{unknown:,} blocks have no expected families: how many are missing there is not known")
