"""The command that makes many accounts from one table, and the files that their tokens and passwords are written to."""

import csv
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Annotated, Self

import typer

from app.commands_blocks import show_left_out
from app.terminal import Desk, at_desk, err, out, plain_errors, progress, table
from geo.errors import BadInput
from geo.ground.areas import load_tree
from geo.ground.campaign import load
from geo.ground.tables import read_table
from geo.trust import roster
from geo.trust.roster import Enlisted, Handed

#: The mark by which Excel knows UTF-8.
_MARK = b"\xef\xbb\xbf"

#: What tokens and passwords made here look like.
_TOKEN, _PASSWORD = re.compile(r"ck_[\w-]{43}"), re.compile(r"(?:[a-z2-9]{4}-){3}[a-z2-9]{4}")


class SecretFile:
    """A CSV file of secrets by account name, for its owner alone (mode 0600).

    It is only ever added to, and every line is on the disk before `write` returns. The last line, where a failure of
    power cut it short, never counted and is taken away. Raises BadInput for any other file, which stays as it is.
    """

    def __init__(self, path: Path, kind: str, form: re.Pattern[str]) -> None:
        self._path = path
        self._head = _MARK + f"name,{kind}\r\n".encode()
        self._kind, self._form = kind, form
        self._known: dict[str, str] = {}
        try:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+b")
        except OSError as cause:
            raise BadInput(f"{path} cannot be written: {cause.strerror}") from None

    def __enter__(self) -> Self:
        """Read what is there, and make sure that nobody else can."""
        with ExitStack() as failing:
            failing.push(self._file)
            self._file.seek(0)
            found = self._file.read()
            whole = found[: found.rfind(b"\n") + 1]
            self._known = self._secrets(found, whole)
            os.fchmod(self._file.fileno(), 0o600)
            self._file.truncate(len(whole))
            if not whole:
                self._add(self._head)
            failing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the file back."""
        self._file.close()

    def known(self, name: str) -> str | None:
        """The secret in the file for this name."""
        return self._known.get(name)

    def write(self, made: Mapping[str, str]) -> None:
        """Add a line for each secret that is not in the file yet, and wait until it is on the disk."""
        new = {name: secret for name, secret in made.items() if self._known.get(name) != secret}
        if new:
            text = StringIO(newline="")
            csv.writer(text).writerows(new.items())
            self._add(text.getvalue().encode())
            self._known |= new

    def _add(self, more: bytes) -> None:
        try:
            self._file.write(more)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as cause:
            raise BadInput(f"{self._path} cannot be written: {cause.strerror}; run again with more room") from None

    def _secrets(self, found: bytes, whole: bytes) -> dict[str, str]:
        """The secrets in a file with these bytes, the `whole` lines of it."""
        if not whole and self._head.startswith(found):
            return {}
        try:
            if not whole.startswith(self._head):
                raise ValueError("another header")
            known = dict(csv.reader(StringIO(whole[len(self._head) :].decode(), newline=""), strict=True))
            if not all(map(self._form.fullmatch, known.values())):
                raise ValueError("something else than our secrets")
        except (ValueError, csv.Error) as unlike:
            raise BadInput(f"{self._path} is no file of {self._kind}s made here: name a new one") from unlike
        return known


def install(account: typer.Typer) -> None:
    """Add the command to those of accounts."""
    account.command("import")(account_import)


def account_import(
    path: Path,
    tokens: Annotated[
        Path | None, typer.Option(help="Write a token for each new enumerator to this CSV file, for your eyes alone.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until these tokens expire.")] = 90,
    passwords: Annotated[
        Path | None, typer.Option(help="Write a password for each other new account to this CSV file.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write every row refused to this CSV file.")] = None,
) -> None:
    """Make many accounts, and give grants, from CSV or XLSX: a grant a row, an account may have several.

    Columns: name, role; area or assigned=yes; where wanted level, expires, purpose, agreement. Run again, it does
    what is missing; stopped or killed, it goes on where it was, with the same files of secrets.
    """
    with plain_errors(), ExitStack() as open_files:
        read = read_table(path)
        for notice in read.notices:
            err.print(notice, style="dim", markup=False)
        until = datetime.now(UTC) + timedelta(days=days)
        handed = Handed(
            open_files.enter_context(SecretFile(tokens, "token", _TOKEN)) if tokens else None,
            open_files.enter_context(SecretFile(passwords, "password", _PASSWORD)) if passwords else None,
            until,
        )

        async def work(desk: Desk) -> Enlisted:
            async with desk.begin() as connection:
                campaign = await load(connection)
                tree = await load_tree(connection, campaign)
            entries, refused = roster.read(read, tree, campaign.zone)
            with progress("accounts") as bar:
                done = await roster.enlist(desk.db.worker, campaign, entries, handed, bar)
            done.refused += refused
            return done

        _show(at_desk(work), handed, (tokens, passwords), report)


def _show(done: Enlisted, handed: Handed, files: Sequence[Path | None], report: Path | None) -> None:
    table(
        "accounts",
        ["made", "grants given", "grants there already", "rows refused"],
        [[done.created, done.granted, done.there, len(done.refused)]],
    )
    for kind, many, file in zip(("tokens", "passwords"), (done.tokens, done.passwords), files, strict=True):
        if file is not None:
            ends = f", good until {handed.until:%Y-%m-%d}" if kind == "tokens" and handed.until else ""
            out.print(f"{many:,} new {kind}{ends}, in {file}: hand them out and delete the file", markup=False)
    if without := done.created - done.tokens - done.passwords:
        out.print(f"{without:,} new accounts have neither token nor password: token create, or account password")
    show_left_out(["row", "account", "why"], sorted(done.refused), report)
