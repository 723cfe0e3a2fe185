"""Commands of the welfare ledger: lists of one scale in, one household's history, rows held back."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from app.commands_ground import pairs
from app.terminal import Desk, at_desk, err, out, plain_errors, progress, table
from geo.errors import BadInput
from geo.ground import areas as ground_areas
from geo.ground import campaign as ground_campaign
from geo.ground.areas import Ground
from geo.publish import ledger
from geo.publish import welfare as publish_welfare
from geo.publish.welfare import LEDGER_STATUSES
from geo.schema_welfare import SCALES
from geo.scope import LAST, OPERATOR

welfare = typer.Typer(
    help="The welfare ledger: field status, consultation, rank; never one scale.", no_args_is_help=True
)

_SCALE = typer.Option(help=f"One of {', '.join(SCALES)}.")


def install(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(welfare, name="welfare")


@welfare.command("import")
def welfare_import(
    path: Path,
    scale: Annotated[str, _SCALE],
    dated: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Day from which rows hold that say none themselves."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=COLUMN, where a field has another name in the file; may be given again."),
    ] = None,
) -> None:
    """Write a list of one scale (CSV or XLSX) into the ledger. Nothing there is ever changed or taken away.

    Killed, it is run again: what was stored is told as duplicates. A correction of the same household and day has a
    higher `revision`. Rows held back are in FILE.refused.csv with the reason.
    """
    from geo.publish import files  # noqa: PLC0415  # brings what reads files, which few commands need

    with plain_errors():
        _check(scale)
        reading = files.Reading(scale, dated and dated.date(), pairs(column))

    async def work(desk: Desk) -> files.Summary:
        ground = await _ground(desk)
        with progress(path.name) as bar:
            return await files.import_file(
                desk.db.worker, ground, OPERATOR, path, reading,
                progress=bar, say=lambda notice: err.print(notice, style="dim", markup=False),
            )  # fmt: skip

    done = at_desk(work)
    table(
        f"{done.rows:,} rows of {path.name}",
        list(LEDGER_STATUSES),
        [[done.counts[status] for status in LEDGER_STATUSES]],
    )
    if done.ignored:
        out.print(f"not looked at: the columns {', '.join(done.ignored)}", markup=False)
    if done.reasons:
        table("not stored", ["reason", "rows"], [list(item) for item in done.reasons.most_common()])
        out.print(f"these rows are in {done.refused}", markup=False)


@welfare.command("show")
def welfare_show(
    household: str,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As of this day; default the campaign's.")
    ] = None,
) -> None:
    """Show one household on each scale on a day, and all that was written down of it. It is audited."""

    async def work(desk: Desk) -> ledger.History:
        async with desk.begin() as connection:
            day = on.date() if on else (await ground_campaign.load(connection)).today()
            return await ledger.history(connection, OPERATOR, household, day)

    found = at_desk(work)
    table(
        f"{found.household_id} on {found.on}",
        ["measure", "value", "since", "from"],
        [
            [name, f"{known.value:g}" if known else None, known and str(known.dated), known and known.source]
            for name, known in found.standing.items()
        ],
    )
    values = ("field_status", "before", "consultation", "score", "rank", "decile")
    rows = [
        [
            str(event["dated"]),
            event["source"],
            event["revision"],
            ", ".join(f"{name} {event[name]:g}" for name in values if event[name] is not None) or "taken back",
            event["forum"],
            event["reason"],
            event["actor"] or "operator",
        ]
        for event in found.events
    ]
    table("written down", ["dated", "where", "revision", "what", "forum", "reason", "by"], rows)


@welfare.command("held")
def welfare_held(
    within: Annotated[str | None, typer.Option(help="Only of this area, by its code.")] = None,
    scale: Annotated[str | None, _SCALE] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Rows shown, newest first.")] = 20,
) -> None:
    """Show rows of the ledger that were held back and not resolved since. It is audited."""
    with plain_errors():
        if scale is not None:
            _check(scale)

    async def work(desk: Desk) -> tuple[Ground, publish_welfare.Listing]:
        ground = await _ground(desk)
        first = ground.tree.number_of(within) if within else 0
        last = int(ground.tree.last[first]) if within else LAST
        question = publish_welfare.Question(first, last, scale, None, limit)
        async with desk.begin() as connection:
            return ground, await publish_welfare.listing(connection, OPERATOR, question)

    ground, found = at_desk(work)
    table("held back", ["reason", "rows"], [list(item) for item in found.reasons.items()])
    rows = [
        [
            str(row["received_at"].date()),
            row["scale"],
            row["household_id"],
            ground.tree.code[row["number"]] or None,
            row["reason"],
            row["detail"],
            row["sender"] or "operator",
        ]
        for row in found.rows
    ]
    if rows:
        table("the newest of them", ["came", "scale", "household", "block", "reason", "why", "from"], rows)


async def _ground(desk: Desk) -> Ground:
    async with desk.begin() as connection:
        return await ground_areas.load_ground(connection)


def _check(scale: str) -> None:
    if scale not in SCALES:
        raise BadInput(f"no scale {scale}: take one of {', '.join(SCALES)}", code="bad-scale")
