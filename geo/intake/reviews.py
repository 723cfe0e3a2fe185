"""What people decide on doubts about points, on proposals, and after visiting a family once more: acts, never verdicts.

Acts are only ever added, each under an id that whoever decides has made: the same act sent twice is one. The newest one
on a thing is what stands. What was observed is never changed by it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound, Refused
from geo.intake import notes
from geo.schema_decided import REVIEWS
from geo.scope import Scope
from geo.trust import audit

SQL = queries.load(__file__)


@dataclass(frozen=True)
class Subject:
    """What is decided on: `kind` is a key of REVIEWS, `about` its name, `number` the block it lies in."""

    kind: str
    about: str
    number: int


@dataclass(frozen=True)
class Act:
    """What a person decides. `review_id` names the act."""

    review_id: UUID
    decision: str
    note: str | None = None


@dataclass(frozen=True)
class Review:
    """An act that stands."""

    review_id: UUID
    about: str
    decision: str
    note: str | None
    decided_by: str | None
    decided_at: datetime


async def decide(db: AsyncConnection, scope: Scope, subject: Subject, act: Act) -> Review:
    """Keep a decision on something in the caller's scope, within the caller's transaction of the worker.

    Raises NotFound outside the scope, BadInput (`bad-review`, `identity-number`) for a decision or note that is none,
    Refused (`conflict`) where the id names another act. Sent again, the answer is that of the first time.
    """
    if act.decision not in REVIEWS[subject.kind]:
        words = ", ".join(REVIEWS[subject.kind])
        raise BadInput(f"no decision {act.decision[:32]}: take one of {words}", code="bad-review")
    note = notes.kept(act.note, "bad-review")
    if not scope.covers(subject.number, subject.number):
        raise NotFound("there is no such thing, or it is not yours to see")
    said = (subject.kind, subject.about, act.decision, note)
    asked = {
        "review_id": act.review_id,
        "subject": subject.kind,
        "about": subject.about,
        "number": subject.number,
        "decision": act.decision,
        "note": note,
        "actor": scope.actor,
    }
    place = await db.scalar(SQL["append"], asked)
    row = (await db.execute(SQL["known"], {"review_id": act.review_id})).mappings().one()
    if (row["subject"], row["about"], row["decision"], row["note"]) != said:
        raise Refused("this review_id names another act: make a new one", code="conflict")
    if place is not None:
        await audit.note(db, scope.actor, f"reviews.{subject.kind}", row=place, decision=act.decision)
    return Review(**{name: row[name] for name in Review.__dataclass_fields__})


async def standing(db: AsyncConnection, scope: Scope, kind: str, numbers: Collection[int]) -> dict[str, Review]:
    """What stands on things of a kind in blocks, by `about`, as the transaction's actor may see it.

    What was reopened is not among them. Raises ValueError where a block lies outside the scope.
    """
    if not all(scope.covers(number, number) for number in numbers):
        raise ValueError("a block lies outside the scope")
    rows = await db.execute(SQL["standing"], {"subject": kind, "numbers": list(numbers)})
    return {row["about"]: Review(**row) for row in rows.mappings()}
