"""Counting records where they lie, after a person decided that their code is wrong: revisions with another block.

Everything else stays as observed, the coordinate above all; also who recorded it and when, so that it counts on its
day. Corrected are finished records only: of a family that is to be visited again the device goes on counting
revisions, and its next one would meet ours. They go the way of every batch; a repeated decision adds nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

import orjson
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import Refused
from geo.ground.areas import Ground
from geo.intake import batch
from geo.intake.batch import Envelope
from geo.intake.placing import Placed, place
from geo.intake.submissions import FIELDS, Submission
from geo.scope import Scope

SQL = queries.load(__file__)

#: Results after which nobody comes again.
FINAL = ("completed", "not_found", "moved", "deceased", "ineligible")

#: What intake calls batches that come of a review.
SOURCE = "review"

_NAMESPACE = UUID("7d0a4d0b-5a2e-5c0e-9a57-3f1c1e6f4b02")


@dataclass(frozen=True)
class Miscoded:
    """A proposal by its name, the number of the block that was declared, and whose records lie elsewhere."""

    proposal: str
    number: int
    households: Sequence[str]


@dataclass(frozen=True)
class Recoded:
    """How many records count where they lie now, and how many were left as they are."""

    corrected: int
    left: int


async def recode(db: AsyncConnection, ground: Ground, scope: Scope, found: Miscoded, review_id: UUID) -> Recoded:
    """Correct the finished records of a proposal, within the transaction of the worker in which it was accepted.

    What a device has sent meanwhile is seen: a household that counts elsewhere by now is left alone. Raises Refused
    (`reaches-further`) where records lie in a block outside the caller's scope; then the caller must roll back.
    """
    batch_id = uuid5(_NAMESPACE, str(review_id))
    known = (await db.execute(SQL["stored"], {"batch_id": batch_id})).scalar_one_or_none()
    if known is not None:
        return Recoded(known["stored"], known["left"])
    asked = {"households": list(found.households)}
    await db.execute(SQL["lock"], asked)
    held = (await db.execute(SQL["held"], asked | {"number": found.number})).mappings().all()
    reached = [found.number, *(row["located"] for row in held)]
    if not all(scope.covers(number, number) for number in reached):
        raise Refused("records lie in a block that is not yours: ask who answers for both", code="reaches-further")
    final = [row for row in held if row["result"] in FINAL]
    records = [_corrected(ground, found.proposal, at, row) for at, row in enumerate(final)]
    placed = [one for one in place(ground, records) if isinstance(one, Placed)]
    rows = [_as_sent(one.submission) for one in placed]
    body = orjson.dumps(rows)
    envelope = Envelope(scope.actor, SOURCE, hashlib.sha256(body).digest(), len(body), batch_id)
    receipts = await batch.store(db, ground, envelope, rows, placed)
    stored = batch.counts(receipts)["stored"]
    await db.execute(SQL["told"], {"batch_id": batch_id, "left": len(held) - stored})
    return Recoded(stored, len(held) - stored)


def _corrected(ground: Ground, proposal: str, at: int, row: RowMapping) -> Submission:
    """The next revision of a record, in the block it lies in. Its id is always the same."""
    said = {name: value for name, value in row.items() if name != "located"}
    revision = row["revision"] + 1
    said |= {"revision": revision, "block": ground.tree.code[row["located"]]}
    made = uuid5(_NAMESPACE, f"{proposal}/{row['household_id']}/{revision}")
    return Submission(row=at, submission_id=made, notices=(), **said)


def _as_sent(submission: Submission) -> dict[str, object]:
    """The record as a device would send it, as far as it says anything."""
    said = {name: getattr(submission, name) for name in FIELDS}
    return {name: _written(value) for name, value in said.items() if value is not None}


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
