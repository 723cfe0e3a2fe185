"""Commands of the audit: who did what, whether anybody tampered with it, and whom a breach concerns."""

import csv
import os
import re
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import orjson
import typer
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from app import words
from app.heads import file_of, written
from app.terminal import Desk, at_desk, err, out, plain_errors, progress, table
from app.words import Json
from geo.errors import BadInput
from geo.instants import instant
from geo.scope import OPERATOR
from geo.trust import accounts, seals
from geo.trust import affected as breach
from geo.trust import audit as trail
from geo.trust.affected import Affected, Question
from geo.trust.seals import Head, Verdict

audit = typer.Typer(help="The audit: who did what. It only grows, and is sealed into a chain.", no_args_is_help=True)

#: Within this time of a breach those concerned are to be told in writing (Law 27 of 2022 on personal data, article 46).
NOTIFY_WITHIN = timedelta(hours=3 * 24)

#: Rows fetched at once.
_PAGE = 1_000

Since = Annotated[str | None, typer.Option(help="From this day on, like 2022-11-01, or this instant.")]
Until = Annotated[str | None, typer.Option(help="Up to this day, itself included, or this instant.")]


class Form(StrEnum):
    """How rows are printed."""

    table = "table"
    csv = "csv"
    jsonl = "jsonl"


def install(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(audit, name="audit")


# ── list ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@audit.command("list")
def audit_list(
    since: Since = None,
    until: Until = None,
    account: Annotated[str | None, typer.Option(help=f"Of one account; {OPERATOR.name} is the terminal.")] = None,
    act: Annotated[
        str | None, typer.Option(help="One act like export, or with a dot all that begin so: token.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rows, the newest.")] = 100,
    form: Annotated[
        Form, typer.Option("--format", help="CSV and JSON lines hold everything that is kept.")
    ] = Form.table,
) -> None:
    """List what people did, newest first."""

    async def work(desk: Desk) -> tuple[list[Json], tzinfo]:
        async with desk.begin() as connection:
            where = await words.zone(connection)
            of = {
                "since": instant(since, where) if since else None,
                "until": instant(until, where, whole_day=True) if until else None,
                "account": await _number(connection, account),
                "act": act,
            }
            rows = _rows(connection, of, limit)
            if form is Form.table:
                return [row async for row in rows], where
            await _pour(rows, form, sys.stdout)
            return [], where

    found, where = at_desk(work)
    if form is Form.table:
        shown = [
            [r["id"], words.at(r["at"], where), _actor(r), r["act"], _said(r["subject"]),
             "yes" if r["sealed"] else "not yet"]
            for r in found
        ]  # fmt: skip
        table("audit, newest first", ["row", "at", "account", "act", "of", "sealed"], shown)


async def _number(db: AsyncConnection, name: str | None) -> int | None:
    """The number of the account called so; the terminal's is 0."""
    if name is None or name == OPERATOR.name:
        return None if name is None else OPERATOR.actor
    return (await accounts.find(db, name)).account_id


async def _rows(db: AsyncConnection, of: dict[str, Any], limit: int) -> AsyncIterator[Json]:
    """Rows of the audit, fetched some at a time."""
    after, left = None, limit
    while left and (page := await trail.listing(db, after=after, limit=min(left, _PAGE), **of)):
        for row in page:
            yield row
        after, left = page[-1]["id"], left - len(page)


async def _pour(rows: AsyncIterator[Json], form: Form, to: TextIO) -> None:
    """Write rows to a pipe or file as they come."""
    from app.formats import safe  # noqa: PLC0415  # brings the web framework along

    columns = ["id", "at", "account", "act", "credential", "subject", "sealed"]
    writer = csv.DictWriter(to, columns)
    if form is Form.csv:
        writer.writeheader()
    async for row in rows:
        kept = {name: row[name] for name in columns} | {
            "account": _actor(row),
            "at": row["at"].astimezone(UTC).isoformat(),
        }
        if form is Form.csv:
            kept["subject"] = orjson.dumps(row["subject"]).decode()
            writer.writerow({name: safe(value) for name, value in kept.items()})
        else:
            to.write(orjson.dumps(kept).decode() + "\n")


def _actor(row: Json) -> str | None:
    """Who did it: the terminal where no account did, save that nobody knows who failed to log in."""
    unknown = None if row["act"].startswith("log-in") else OPERATOR.name
    return row["account"] or unknown


def _said(subject: Json) -> str:
    """A subject in a cell of a table; of a read of households how many there were, not in which blocks."""
    return ", ".join(f"{k} {v}" for k, v in subject.items() if k != "blocks" and v is not False)


# ── verify ────────────────────────────────────────────────────────────────────────────────────────────────────────


@audit.command("verify")
def audit_verify(
    head: Annotated[
        list[str] | None,
        typer.Option(metavar="PLACE:DIGEST", help="A head from your own notes; may be given again."),
    ] = None,
) -> None:
    """Go over the whole audit and its seals. Exit code 1 where a row was altered, removed or slipped in."""
    with plain_errors():
        noted = [_head(said) for said in head or ()]

    async def work(desk: Desk) -> tuple[Verdict, int]:
        known = written(file_of(desk.settings.home, make_url(desk.logins.owner).database or ""))
        with progress("seals") as bar:
            async with desk.begin() as connection:
                return await seals.verify(connection, [*known, *noted], bar), len(known) + len(noted)

    found, compared = at_desk(work)
    table(
        "audit", ["rows sealed", "waiting for their seal", "heads compared"], [[found.sealed, found.waiting, compared]]
    )
    if found.sound:
        out.print("[bold green]sound[/]: nothing was altered, removed or slipped in")
        if not found.sealed:
            return
        out.print("the chain's head, to write down outside of this machine and compare with --head some day:")
        typer.echo(f"{found.head.place}:{found.head.digest}")
        return
    err.print(f"[bold red]not sound[/], found wrong: {found.wrong:,}")
    for fault in found.faults:
        err.print(f"  {fault}", markup=False)
    if found.wrong > len(found.faults):
        err.print(f"  … and {found.wrong - len(found.faults):,} more")
    err.print("Keep the database and the files of heads as they are: docs/guide/security.md says what to do next.")
    raise typer.Exit(1)


def _head(said: str) -> Head:
    found = re.fullmatch(r"(\d{1,18}):([0-9a-fA-F]{64})", said.strip())
    if found is None:
        raise BadInput(f"{said} is no head: PLACE:DIGEST, as verify prints it")
    return Head(int(found[1]), found[2].lower())


# ── affected ──────────────────────────────────────────────────────────────────────────────────────────────────────


@audit.command("affected")
def audit_affected(
    since: Annotated[str, typer.Option(help="From this day on, like 2022-11-01, or this instant.")],
    until: Until = None,
    account: Annotated[str | None, typer.Option(help="Only what this account read.")] = None,
    credential: Annotated[int | None, typer.Option(help="Only what was read with this token or session.")] = None,
    file: Annotated[
        Path | None, typer.Option("--out", help="Write the households' ids, with village and block, for the notices.")
    ] = None,
) -> None:
    """After a breach: who read single households, and whom that may concern, for the notices within 3 × 24 hours."""

    async def work(desk: Desk) -> tuple[Affected, tzinfo]:
        async with desk.begin() as connection:
            where = await words.zone(connection)
            ends = instant(until, where, whole_day=True) if until else None
            question = Question(instant(since, where), ends, await _number(connection, account), credential)
            found = await breach.affected(connection, question)
            if file is not None:  # a read of households like any other, noted before the first is written
                numbers = (number for first, last in found.blocks for number in range(first, last + 1))
                said = {"what": "affected", "format": "csv"}
                await trail.read(connection, OPERATOR.actor, "export", numbers, found.households, **said)
        if file is not None:
            async with desk.begin() as connection:
                await _write_down(connection, found, file)
        return found, where

    found, where = at_desk(work)
    _show_affected(found, where)
    if file is not None:
        out.print(f"their ids are in {file}, which only you can read: delete it when they have been told", markup=False)


async def _write_down(db: AsyncConnection, found: Affected, file: Path) -> None:
    """The ids of those affected, in a file for its owner alone."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as cause:
        raise BadInput(f"{file} cannot be written: {cause.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as to:
        os.fchmod(handle, 0o600)
        writer = csv.writer(to)
        writer.writerow(["household_id", "village", "block"])
        async for row in breach.households(db, found):
            writer.writerow(row)


def _show_affected(found: Affected, where: tzinfo) -> None:
    readers = [
        [r["account"], r["act"], r["reads"], r["households"], words.at(r["first_at"], where),
         words.at(r["last_at"], where), ", ".join(map(str, r["credentials"] or ()))]
        for r in found.readers
    ]  # fmt: skip
    heads = ["account", "act", "reads", "households given out", "first", "last", "tokens and sessions"]
    table("who read single households", heads, readers)
    if found.elsewhere:
        of = " and ".join(f"{edition} ({many:,})" for edition, many in found.elsewhere.items())
        err.print(f"[bold red]not counted[/]: reads of blocks of other editions than the campaign's: {of}")
    villages = [[v["village"] or "in no block", v["name"], v["households"]] for v in found.villages]
    table(f"at most {found.households:,} households may be concerned", ["village", "name", "households"], villages)
    if not found.households:
        return
    out.print("An upper bound: all that ever counted, are listed or are held back in a block of which any was read.")
    due = words.at(datetime.now(UTC) + NOTIFY_WITHIN, where)
    out.print(
        f"Known from now on, they and the authority are to be told in writing until [bold]{due}[/] (3 × 24 hours)."
    )
