"""Commands of releases: the calendar, making one, and whether what was sealed is what it was."""

from datetime import date, datetime
from math import ceil
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import make_url

from app import words
from app.terminal import Desk, at_desk, err, out, progress, table
from geo.errors import NotFound
from geo.ground.campaign import Campaign
from geo.ground.campaign import load as load_campaign
from geo.publish import cost, freeze, making, publisher, terms
from geo.publish.making import Sealed, Verdict
from geo.publish.preview import Preview, preview
from geo.publish.terms import Terms

release = typer.Typer(
    help="Releases: all that anybody outside ever sees, sealed, with noise that gives no household away.",
    no_args_is_help=True,
)

Days = Annotated[
    list[datetime] | None,
    typer.Option(formats=["%Y-%m-%d"], help="First day of a release of the field table; at most five, in order."),
]

_TABLES = {"field": "field table", "final": "final table"}
_SYSTEMS = {"block": "blocks", "cell": "cells"}


def install(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(release, name="release")


def _file(desk: Desk) -> Path:
    return publisher.file_of(desk.settings.home, make_url(desk.logins.owner).database or "")


# ── calendar ──────────────────────────────────────────────────────────────────────────────────────────────────────


@release.command("calendar")
def release_calendar(
    measure: Annotated[
        str | None,
        typer.Option(help="What the final table counts: consultation (groups 1 and 2), or score, with --cut-off."),
    ] = None,
    cut_off: Annotated[
        float | None, typer.Option("--cut-off", help="With the measure score: a family below this score is poor.")
    ] = None,
    field: Days = None,
    final: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day of the final table, after the consultation."),
    ] = None,
) -> None:
    """Show what is published and when, or fix it. It can be fixed, and fixed anew, until the campaign begins."""
    fixes = measure is not None or cut_off is not None or field is not None or final is not None

    async def work(desk: Desk) -> tuple[Terms | None, Campaign, list[Sealed], int | None]:
        async with desk.begin() as connection:
            if fixes:
                with progress("cells") as bar:
                    await terms.fix(
                        connection,
                        measure=measure or "consultation",
                        cut_off=cut_off,
                        field=[day.date() for day in field] if field else None,
                        final=final.date() if final else None,
                        progress=bar,
                    )
            campaign = await load_campaign(connection)
            try:
                found = await terms.load(connection)
            except NotFound:
                return None, campaign, [], None
            begun = await freeze.under_way(connection)
            return found, campaign, await making.sealed(connection), begun.release if begun else None

    found, campaign, sealed, begun = at_desk(work)
    if found is None:
        rows = [[slot.release, _TABLES[slot.kind], str(slot.due)] for slot in terms.usual(campaign)]
        table("nothing is fixed yet; the usual calendar would be", ["release", "table", "due"], rows)
        out.print("It holds if nothing else is fixed before the campaign begins: see --help.")
        return
    done = {one.release for one in sealed}
    today = found.today(campaign)
    rows = [
        [slot.release, _TABLES[slot.kind], str(slot.due), _state(slot, done, begun, today)] for slot in found.calendar
    ]
    table(f"releases of {found.campaign}, edition {found.edition}", ["release", "table", "due", "state"], rows)
    out.print(f"Poor in the field table: field status 1 or 2. In the final table: {_measured(found)}.")
    for tables in sorted({1, len({slot.kind for slot in found.calendar})}):
        out.print(f"{_of_tables(tables)} cost {_spent(cost.of(tables))}.")


def _state(slot: terms.Slot, sealed: set[int], begun: int | None, today: date) -> str:
    if slot.release in sealed:
        return "sealed"
    if slot.release == begun:
        return "being made"
    if slot.release < max(sealed, default=0):
        return "passed over"
    return "due" if slot.due <= today else "planned"


def _measured(found: Terms) -> str:
    return "consultation group 1 or 2" if found.cut_off is None else f"a score below {found.cut_off:g}"


def _of_tables(tables: int) -> str:
    return "One table" if tables == 1 else "Both tables"


def _spent(spent: dict[str, float]) -> str:
    return (
        f"ε {spent['epsilon']:.1f} at δ {spent['delta']:g} (ρ {spent['rho']:.2f}): whoever knows everybody else gains "
        f"at most {spent['advantage']:.2f} on one household"
    )


# ── make ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@release.command("make")
def release_make(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be published, and what it costs.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Make the release that is due and seal it. Stopped or killed, it goes on when run again, to the same figures."""

    async def work(desk: Desk) -> Sealed | None:
        async with desk.db.worker.connect() as connection:  # rolled back: a look ahead leaves nothing behind
            ahead = await preview(connection, _file(desk))
        _show(ahead)
        if dry_run:
            return None
        if not yes:
            typer.confirm("Once sealed it is never changed and never made again. Go on?", abort=True)
        with progress(f"release {ahead.slot.release}") as bar:
            return await making.make(desk.db.worker, _file(desk), bar)

    made = at_desk(work)
    if made is not None:
        out.print(f"[bold green]sealed[/]: release {made.release}, {_TABLES[made.kind]}, with the digest")
        typer.echo(made.digest.hex())


def _show(ahead: Preview) -> None:
    slot = ahead.slot
    if ahead.fixed_now:
        err.print("Nobody fixed what is published before the campaign began, so the usual calendar holds.")
    for lost in ahead.passed_over:
        err.print(f"Release {lost.release}, due on {lost.due}, was not made in time and is passed over for good.")
    rows = [
        [_SYSTEMS[of.system], of.leaves, of.opens, of.households, of.waiting, sum(of.outside.values())]
        for of in ahead.entering
    ]
    begun = ", begun and not finished" if ahead.resumed else ""
    table(
        f"release {slot.release}, {_TABLES[slot.kind]}, due on {slot.due}{begun}",
        ["of", "all", "with new figures", "households that enter", "that wait", "in none"],
        rows,
        None if slot.kind == "final" else f"A figure moves when {freeze.GATE} households have newly entered it.",
    )
    why = [f"{n:,} {reason}" for of in ahead.entering for reason, n in of.outside.items() if n]
    if why:
        out.print(f"Counted households in none, and so in no release: {', '.join(why)}.")
    if ahead.judged is not None:
        said_of = f"{ahead.judged:,} households" if ahead.judged else "[bold red]no household at all[/]"
        out.print(f"The ledger says something of {said_of}; all others count as not poor.")
    errors = [("block", ahead.block_error), ("village", ahead.village_error)]
    said = [f"{of} ± {ceil(value)}" for of, value in errors if value is not None]
    out.print(f"Families that a figure is off by, at most, in 95 of 100: {', '.join(said) or 'no figure yet'}.")
    for when, spent in (("until now", ahead.now), ("after it", ahead.after), ("the whole calendar", ahead.whole)):
        out.print(f"Cost {when}: {_spent(dict(spent))}." if spent["tables"] else f"Cost {when}: none.")


# ── list, verify ──────────────────────────────────────────────────────────────────────────────────────────────────


@release.command("list")
def release_list() -> None:
    """List what was sealed."""

    async def work(desk: Desk) -> tuple[list[Sealed], list[list[object]]]:
        async with desk.begin() as connection:
            where = await words.zone(connection)
            found = await making.sealed(connection)
        shown: list[list[object]] = [
            [one.release, _TABLES[one.kind], str(one.due), words.at(one.as_of, where), words.at(one.sealed_at, where),
             one.digest.hex()]
            for one in found
        ]  # fmt: skip
        return found, shown

    _, rows = at_desk(work)
    table("sealed releases", ["release", "table", "due", "as of", "sealed", "digest"], rows)


@release.command("verify")
def release_verify() -> None:
    """Compute the digest of every release anew. Exit code 1 where one is not what was sealed."""

    async def work(desk: Desk) -> tuple[Verdict, Path]:
        with progress("releases") as bar:
            async with desk.begin() as connection:
                return await making.verify(connection, _file(desk), bar), _file(desk)

    found, path = at_desk(work)
    rows = [[one.release, _TABLES[one.kind], one.digest.hex()] for one in found.releases]
    table("releases gone over", ["release", "table", "digest"], rows)
    if found.releases and not found.compared:
        err.print(f"{path} is not here, so digests are compared with those in the database alone.")
    if found.sound:
        out.print("[bold green]sound[/]: every release is what was sealed")
        return
    for fault in found.faults:
        err.print(f"[bold red]not sound[/]: {fault}")
    raise typer.Exit(1)
