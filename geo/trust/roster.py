"""A roster: many accounts and their grants from one table, a grant a row. The operator's way, for tens of thousands.

Rows that cannot be are listed with the reason and stop no other. The rest is enlisted some at a time, each time in a
transaction of its own; killed in between, the same table goes on where it stopped, for what is there is passed over.
Secrets are written down before they count, so that none is lost.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, NamedTuple, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from geo import queries
from geo.errors import BadInput, CakupanError
from geo.ground.areas import Tree
from geo.ground.campaign import Campaign
from geo.ground.levels import LEVELS
from geo.ground.tables import Row, Table
from geo.instants import instant
from geo.scope import OPERATOR
from geo.trust import accounts, audit, credentials, grants
from geo.trust.grants import Grant

SQL = queries.load(__file__)

#: Rows enlisted in one transaction.
AT_ONCE = 200

#: Column names recognised for each field, in any case of letters; the first that a table has counts.
COLUMNS = {
    "name": ("name", "account", "nama", "akun", "username"),
    "role": ("role", "peran"),
    "level": ("level", "tingkat"),
    "area": ("area", "code", "kode", "wilayah"),
    "assigned": ("assigned", "ditugaskan"),
    "expires": ("expires", "expires_at", "until", "berakhir"),
    "purpose": ("purpose", "tujuan"),
    "agreement": ("agreement", "perjanjian"),
}

#: What stands for the whole campaign in the column of areas; an empty cell does not, it may have been forgotten.
EVERYWHERE = "*"

#: Names go into files that people open in spreadsheets.
_FORMULAS = ("=", "+", "-", "@", "'")

_YES, _NO = {"yes", "true", "1", "x", "ya"}, {"", "no", "false", "0", "tidak"}

#: A row refused: its number from 1 without header, the name in it, and why.
Refusal = tuple[int, str, str]


@dataclass(frozen=True)
class Entry:
    """One row that can be enlisted. `ends` says whether the row itself names the grant's end."""

    row: int
    name: str
    grant: Grant
    ends: bool


class Papers(Protocol):
    """Where secrets are written down."""

    def known(self, name: str) -> str | None:
        """The secret written down for this name before: it is used again, none is made anew."""

    def write(self, made: Mapping[str, str]) -> None:
        """Write down secrets by name, durably."""


@dataclass(frozen=True)
class Handed:
    """What new accounts are given: enumerators a token that is good `until`, others a password; None: nothing."""

    tokens: Papers | None = None
    passwords: Papers | None = None
    until: datetime | None = None


@dataclass
class Enlisted:
    """What became of a roster: accounts made, grants given, grants that were `there`, secrets handed, rows refused."""

    created: int = 0
    granted: int = 0
    there: int = 0
    tokens: int = 0
    passwords: int = 0
    refused: list[Refusal] = field(default_factory=list)


class _Known(NamedTuple):
    account_id: int
    disabled: bool


def read(table: Table, tree: Tree, zone: tzinfo) -> tuple[list[Entry], list[Refusal]]:
    """The rows that can be enlisted, and those that cannot. Raises BadInput for a table without names or roles."""
    by_name = {column.strip().lower(): column for column in table.columns}
    columns = {what: next((by_name[n] for n in names if n in by_name), None) for what, names in COLUMNS.items()}
    for what in ("name", "role"):
        if columns[what] is None:
            raise BadInput(f"no column {what}; there are {table.columns}")
    entries, refused = [], []
    for at, row in enumerate(table.rows, start=1):
        said = {what: (row.get(column) or "").strip() if column else "" for what, column in columns.items()}
        try:
            _check_name(said["name"])
            grant = _grant(said, tree, zone)
            grants.check(grant)
        except CakupanError as wrong:
            refused.append((at, said["name"], str(wrong)))
        else:
            entries.append(Entry(at, said["name"], grant, bool(said["expires"])))
    return entries, refused


def _check_name(name: str) -> None:
    accounts.check_name(name)
    if name.startswith(_FORMULAS):
        raise BadInput("a name that a spreadsheet would take for a formula", code="bad-name")


def _grant(said: Row | Mapping[str, str], tree: Tree, zone: tzinfo) -> Grant:
    """The grant a row means. Raises BadInput."""
    role = (said["role"] or "").lower()
    assigned = (said["assigned"] or "").lower()
    if assigned not in _YES | _NO:
        raise BadInput(f"assigned is yes or no, not {said['assigned']}", code="bad-grant")
    code = said["area"] or ""
    if not code and assigned in _NO:
        raise BadInput(f"neither an area nor assigned=yes; {EVERYWHERE} is the whole campaign", code="bad-grant")
    area = None
    if code and code != EVERYWHERE:
        try:
            number = tree.number_of(code, (said["level"] or "").lower() or None)
        except CakupanError as wrong:
            raise BadInput(f"area {code}: {wrong}") from wrong
        area = LEVELS[tree.level[number]], code
    ends = instant(said["expires"], zone, whole_day=True) if said["expires"] else grants.usual_end(role)
    return Grant(role, area, assigned in _YES, ends, said["purpose"] or None, said["agreement"] or None)


async def enlist(
    engine: AsyncEngine,
    campaign: Campaign,
    entries: Sequence[Entry],
    handed: Handed,
    tell: Callable[[int, int | None], None] = lambda _done, _of: None,
) -> Enlisted:
    """Make the accounts that are missing and give the grants that are missing, as the operator.

    `tell(done, of)` is called on the way. Raises what the database raises; what was done until then stays.
    """
    done = Enlisted()
    known = await _everybody(engine)
    for at in range(0, len(entries), AT_ONCE):
        tell(at, len(entries))
        some = entries[at : at + AT_ONCE]
        new = {e.name: e.grant.role for e in reversed(some) if e.name not in known}  # the first row of a name decides
        passwords = _secrets(handed.passwords, [n for n, r in new.items() if r != "enumerator"], accounts.new_password)
        hashes = dict(zip(passwords, await asyncio.gather(*map(accounts.hashed, passwords.values())), strict=True))
        async with engine.begin() as db:
            made = await _make(db, {name: hashes.get(name) for name in new})
            known |= {name: _Known(account_id, False) for name, account_id in made.items()}
            await _give(db, campaign, some, known, done)
            wanted = [name for name in made if new[name] == "enumerator"]
            tokens = _secrets(handed.tokens, wanted, credentials.new_secret)
            await _hand(db, {made[name]: secret for name, secret in tokens.items()}, handed.until)
            passwords = {name: secret for name, secret in passwords.items() if name in made}
            for papers, secrets in ((handed.tokens, tokens), (handed.passwords, passwords)):
                if papers is not None:
                    papers.write(secrets)
        done.created += len(made)
        done.tokens += len(tokens)
        done.passwords += len(passwords)
    tell(len(entries), len(entries))
    return done


async def _everybody(engine: AsyncEngine) -> dict[str, _Known]:
    found: dict[str, _Known] = {}
    async with engine.begin() as db:
        last = ""
        while rows := await accounts.listing(db, after=last):
            found |= {r["name"]: _Known(r["account_id"], r["disabled_at"] is not None) for r in rows}
            last = rows[-1]["name"]
    return found


def _secrets(papers: Papers | None, names: Sequence[str], make: Callable[[], str]) -> dict[str, str]:
    """A secret for each name, the one written down before where the last run ended before it counted."""
    return {} if papers is None else {name: papers.known(name) or make() for name in names}


async def _make(db: AsyncConnection, hashes: Mapping[str, str | None]) -> dict[str, int]:
    """New accounts, by name with the hash of a password; their numbers."""
    if not hashes:
        return {}
    rows = await db.execute(SQL["accounts"], {"names": list(hashes), "hashes": list(hashes.values())})
    made = {row.name: row.account_id for row in rows}
    await audit.notes(db, OPERATOR.actor, [("account.create", {"account": made[n]}) for n in hashes if n in made])
    return made


async def _give(
    db: AsyncConnection, campaign: Campaign, some: Sequence[Entry], known: Mapping[str, _Known], done: Enlisted
) -> None:
    """Give what is not held already."""
    ids = sorted({known[e.name].account_id for e in some if e.name in known})
    held = {_key(row, row["edition"]): row for row in await grants.of_accounts(db, ids)}
    wanted: list[dict[str, Any]] = []
    for entry in some:
        found = known.get(entry.name)
        if found is None:
            done.refused.append((entry.row, entry.name, "somebody made this account a moment ago: run again"))
            continue
        if found.disabled:
            done.refused.append((entry.row, entry.name, "the account is shut out: ./cakupan account enable"))
            continue
        level, code = entry.grant.area or (None, None)
        row = vars(entry.grant) | {"account_id": found.account_id, "level": level, "code": code, "granted_id": None}
        key = _key(row, campaign.edition if code else None)
        before = held.setdefault(key, row)
        if before is row:
            wanted.append(row)
        elif entry.ends and before["expires_at"] != entry.grant.expires_at:
            which = f"grant {before['granted_id']}" if before["granted_id"] else "a row above"
            done.refused.append((entry.row, entry.name, f"{which} gives the same with another end"))
        else:
            done.there += 1
    await _grant_all(db, campaign.edition_id, wanted)
    done.granted += len(wanted)


def _key(row: Mapping[str, Any], edition: str | None) -> tuple[object, ...]:
    """What makes two grants the same."""
    return row["account_id"], row["role"], edition, row["level"], row["code"], row["assigned"]


async def _grant_all(db: AsyncConnection, edition_id: int, wanted: Sequence[Mapping[str, Any]]) -> None:
    if not wanted:
        return
    fields = {
        "accounts": "account_id", "roles": "role", "levels": "level", "codes": "code", "assigned": "assigned",
        "expires_at": "expires_at", "purposes": "purpose", "agreements": "agreement",
    }  # fmt: skip
    of = {name: [row[column] for row in wanted] for name, column in fields.items()}
    given = (await db.execute(SQL["grants"], of | {"edition_id": edition_id})).mappings()
    await audit.notes(db, OPERATOR.actor, [("grant.give", dict(row)) for row in given])


async def _hand(db: AsyncConnection, secrets: Mapping[int, str], until: datetime | None) -> None:
    """Make tokens of these secrets, by account."""
    if not secrets:
        return
    said = {"name": "roster", "expires_at": until}
    of = {"accounts": list(secrets), "digests": [credentials.digest(secret) for secret in secrets.values()]}
    await db.execute(SQL["tokens"], of | said)
    await audit.notes(db, OPERATOR.actor, [("token.create", {"account": a} | said) for a in secrets])
