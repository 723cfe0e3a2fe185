"""Plans of a day as supervisors changed them: only ever added, and the newest one stands.

Whoever saves says upon which plan it was made (`base`): if another was saved meanwhile nothing is overwritten. A plan
has an id of its own, so that one sent twice is saved once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import NotFound, Refused
from geo.scope import Ranges, Scope, merged
from geo.trust import audit

SQL = queries.load(__file__)


@dataclass(frozen=True)
class Route:
    """The stops of one enumerator in walking order, and the hours of its day."""

    enumerator: str
    stops: Sequence[str]
    hours: float


@dataclass(frozen=True)
class Draft:
    """A plan to be saved: of a supervisor's day, for a team with these blocks, made upon `base` (None: upon none).

    `routes` None takes the changes back: the proposal stands.
    """

    plan_id: UUID
    base: UUID | None
    supervisor: str
    day: date
    numbers: Sequence[int]
    routes: Sequence[Route] | None


@dataclass(frozen=True)
class Saved:
    """A plan that was saved."""

    plan_id: UUID
    supervisor: str
    day: date
    routes: list[Route] | None
    saved_by: str | None
    saved_at: datetime


async def save(db: AsyncConnection, scope: Scope, draft: Draft) -> Saved:
    """Keep a plan for a team in the caller's scope, within the caller's transaction of the worker.

    Raises NotFound outside the scope, Refused where the id names another plan (`conflict`) or another plan was saved
    since `base` (`plan-changed`). Sent again, nothing else happens.
    """
    if not draft.numbers or not all(scope.covers(number, number) for number in draft.numbers):
        raise NotFound("there is no such team, or it is not yours to plan for")
    routes = None if draft.routes is None else [vars(route) | {"stops": list(route.stops)} for route in draft.routes]
    said = (draft.supervisor, draft.day, routes)
    asked = {"supervisor": draft.supervisor, "day": draft.day}
    await db.execute(SQL["alone"], asked)
    known = (await db.execute(SQL["known"], {"plan_id": draft.plan_id})).mappings().one_or_none()
    if known is None:
        before = (await db.execute(SQL["newest"], asked)).mappings().one_or_none()
        if (before["plan_id"] if before and before["routes"] is not None else None) != draft.base:
            raise Refused("somebody saved another plan for this day meanwhile: look at it first", code="plan-changed")
        of = asked | {"plan_id": draft.plan_id, "numbers": _multirange(draft.numbers), "actor": scope.actor}
        text = None if routes is None else queries.as_json(routes)
        place = await db.scalar(SQL["append"], of | {"routes": text})
        await audit.note(db, scope.actor, "plan.save", row=place, day=draft.day, blocks=audit.ranges(draft.numbers))
        known = (await db.execute(SQL["known"], {"plan_id": draft.plan_id})).mappings().one()
    elif (known["supervisor"], known["day"], known["routes"]) != said:
        raise Refused("this plan_id names another plan: make a new one", code="conflict")
    return _saved(known)


async def newest(db: AsyncConnection, scope: Scope, draft: tuple[str, date, Sequence[int]]) -> Saved | None:
    """The plan that stands for a supervisor, a day and a team's blocks, as the transaction's actor may see it.

    None where none was saved, or it was taken back.

    Raises ValueError where a block lies outside the scope.
    """
    supervisor, day, numbers = draft
    if not all(scope.covers(number, number) for number in numbers):
        raise ValueError("a block lies outside the scope")
    found = (await db.execute(SQL["newest"], {"supervisor": supervisor, "day": day})).mappings().one_or_none()
    return _saved(found) if found and found["routes"] is not None else None


def ranges_of(numbers: Sequence[int]) -> Ranges:
    """Numbers as closed ranges."""
    return merged(tuple((number, number) for number in numbers))


def _multirange(numbers: Sequence[int]) -> str:
    return "{" + ",".join(f"[{lo},{hi}]" for lo, hi in ranges_of(numbers)) + "}"


def _saved(row: RowMapping) -> Saved:
    said: list[dict[str, Any]] | None = row["routes"]
    routes = None if said is None else [Route(one["enumerator"], one["stops"], one["hours"]) for one in said]
    return Saved(**{name: row[name] for name in Saved.__dataclass_fields__ if name != "routes"}, routes=routes)
