"""The audit, for administrators of the whole campaign. That it was read stands in it too."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple

import orjson
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access import HouseDep
from app.answers import listed
from app.api.accounts import Administrator, printable
from app.errors import Denied, documented
from app.formats import Format, respond
from app.small_bodies import Instant
from geo.errors import NotFound
from geo.trust import accounts, audit
from geo.trust.credentials import Caller

router = APIRouter(tags=["audit"], responses=documented(401, 403, 404, 422, 503))


async def of_everything(admin: Administrator) -> Caller:
    """An administrator of the whole campaign: rows of the audit are of all areas."""
    if not admin.scope.everything:
        raise Denied("this needs an administrator of the whole campaign")
    return admin


class AuditRow(BaseModel):
    """What somebody did."""

    model_config = ConfigDict(extra="forbid")
    id: int
    at: datetime
    account: str | None = Field(description="null: the operator at the terminal, or nobody known")
    act: str
    subject: dict[str, Any] = Field(description="what it was done to; never an id of a household, nor a point")
    credential: int | None = Field(description="number of the token or session it was done with")
    sealed: bool = Field(description="whether it is part of the hash chain yet")


class AuditOut(BaseModel):
    """Rows of the audit, newest first."""

    model_config = ConfigDict(extra="forbid")
    audit: list[AuditRow]
    next: int | None = Field(description="`after` of the next page")


class Span(NamedTuple):
    """From one instant on, and before another."""

    since: datetime | None
    until: datetime | None


async def span(
    since: Annotated[Instant | None, Query(description="from this instant on")] = None,
    until: Annotated[Instant | None, Query(description="before this instant")] = None,
) -> Span:
    """The time asked about."""
    return Span(since, until)


@router.get("/v1/audit", responses=listed(AuditOut, places=False))
async def listing(
    house: HouseDep,
    admin: Annotated[Caller, Depends(of_everything)],
    when: Annotated[Span, Depends(span)],
    account: Annotated[str | None, Query(max_length=64, description="name of who did it")] = None,
    act: Annotated[
        str | None, Query(max_length=64, pattern=r"^[a-z][a-z.-]*$", description="one; with a dot at its end, a family")
    ] = None,
    after: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    format: Format = "json",  # noqa: A002  # the contract's name
) -> Response:
    """What people did, newest first."""
    printable(account or "")
    async with house.db.for_actor(admin.account_id, admin.credential_id) as connection:
        who = await _number(connection, account) if account else None
        found = await audit.listing(
            connection, since=when.since, until=when.until, account=who, act=act, after=after, limit=limit + 1
        )
        rows = found[:limit]
        await audit.note(connection, admin.account_id, "audit.read", rows=len(rows))
    head = {"next": rows[-1]["id"] if len(found) > limit else None}
    if format != "json":
        rows = [row | {"subject": orjson.dumps(row["subject"]).decode()} for row in rows]
    answer = respond(format, "audit", rows, head, key="id")
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _number(db: AsyncConnection, account: str) -> int:
    """The number of an account. What was typed is not repeated in an answer: it may be anything."""
    try:
        return (await accounts.find(db, account)).account_id
    except NotFound:
        raise NotFound("there is no account of this name", code="no-account") from None
