"""The audit's hash chain: rows are appended unchained, so that nobody queues, and sealed in order afterwards.

Seal n is SHA-256 over the digest of seal n − 1 (32 zero bytes before the first) and the row in its canonical form: the
JSON list `[audit_id, at, actor, credential_id, act, subject]` in UTF-8 without spaces, where `at` is UTC with
microseconds and `subject` the text PostgreSQL gives for it. Whoever alters, removes or slips in a row breaks the chain;
whoever builds the whole chain anew is found by any digest that was written down elsewhere before (`Head`).
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries

SQL = queries.load(__file__)

#: Most rows sealed in one transaction, and read at once for verification.
MOST = 5_000

_BEFORE_THE_FIRST = bytes(32)

#: Faults listed by name; more are only counted.
_LISTED = 100


class Head(NamedTuple):
    """The chain's end at some time: the place of its last seal and that seal's digest, as hexadecimal text."""

    place: int
    digest: str


@dataclass(frozen=True)
class Verdict:
    """What verification found. `faults` says in words what is wrong, at most a hundred of `wrong`."""

    sealed: int
    waiting: int
    head: Head
    wrong: int
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was altered, removed or slipped in."""
        return self.wrong == 0


async def seal(db: AsyncConnection) -> Head | None:
    """Seal rows that wait, at most MOST of them, in the caller's transaction; the new end of the chain.

    None where nothing waits, or somebody else is sealing.
    """
    if not await db.scalar(SQL["alone"]):
        return None
    rows = (await db.execute(SQL["waiting"], {"most": MOST})).all()
    if not rows:
        return None
    end = await head(db)
    place, digest = end.place, bytes.fromhex(end.digest)
    digests = []
    for row in rows:
        digest = _digest(digest, row)
        digests.append(digest)
    sealed = [row.audit_id for row in rows]
    places = list(range(place + 1, place + 1 + len(rows)))
    await db.execute(SQL["seal"], {"places": places, "rows": sealed, "digests": digests})
    await db.execute(SQL["sealed"], {"rows": sealed})
    return Head(places[-1], digest.hex())


async def head(db: AsyncConnection) -> Head:
    """The chain's end now; place 0 before the first seal."""
    found = (await db.execute(SQL["head"])).one_or_none()
    return Head(found.place, found.digest.hex()) if found else Head(0, _BEFORE_THE_FIRST.hex())


async def verify(
    db: AsyncConnection, known: Iterable[Head] = (), tell: Callable[[int, int | None], None] = lambda _done, _of: None
) -> Verdict:
    """Go over the whole chain and every row, in one snapshot of the database.

    `known` are ends of the chain that were written down elsewhere before. `tell(done, of)` is called on the way.
    """
    await db.execute(SQL["still"])
    faults = _Faults()
    written: dict[int, set[str]] = {}
    for known_end in known:
        written.setdefault(known_end.place, set()).add(known_end.digest)
    end = await head(db)
    digest, place = _BEFORE_THE_FIRST, 0
    while rows := (await db.execute(SQL["chain"], {"after": place, "most": MOST})).all():
        for row in rows:
            if row.place != place + 1:
                faults.add(f"seals {place + 1} to {row.place - 1} are missing")
            if row.act is None:
                faults.add(f"row {row.sealed_id} of seal {row.place} was removed")
            elif _digest(digest, row) != row.digest:
                faults.add(f"row {row.sealed_id} or its seal {row.place} was altered")
            if written.get(row.place, set()) - {row.digest.hex()}:
                faults.add(f"seal {row.place} is not the one that was written down")
            digest, place = row.digest, row.place
        tell(place, end.place)
    for lost in sorted(p for p in written if p > place):
        faults.add(f"seal {lost} was written down and is not there")
    for row in await db.execute(SQL["strays"]):
        faults.add(f"row {row.audit_id} {'was removed before its seal' if row.removed else 'was slipped in'}")
    waiting = (await db.execute(SQL["count"])).scalar_one()
    return Verdict(place, waiting, Head(place, digest.hex()), faults.wrong, tuple(faults.listed))


class _Faults:
    """What is wrong, counted, the first of it listed."""

    def __init__(self) -> None:
        self.wrong = 0
        self.listed: list[str] = []

    def add(self, said: str) -> None:
        self.wrong += 1
        if len(self.listed) < _LISTED:
            self.listed.append(said)


def _digest(before: bytes, row: Row[Any]) -> bytes:
    said = [row.audit_id, row.at, row.actor, row.credential_id, row.act, row.subject]
    return hashlib.sha256(before + orjson.dumps(said)).digest()
