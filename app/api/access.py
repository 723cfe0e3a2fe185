"""Who may see an area: the question a supervisor asks before it trusts the system with its people's homes."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.access import HouseDep, one_of
from app.answers import Said, listed
from app.api.accounts import Role
from app.api.areas import Level, said_of_all
from app.api.quarantine import DECIDERS
from app.errors import documented
from app.formats import Format, respond
from geo.errors import NotFound
from geo.ground.areas import Tree
from geo.scope import LAST
from geo.trust import holders
from geo.trust.credentials import Caller

router = APIRouter(tags=["access"], responses=documented(401, 403, 404, 422, 503))

#: Those who answer for an area, and may know who sees it.
OVERSEERS = DECIDERS
Overseer = Annotated[Caller, Depends(one_of(*OVERSEERS))]


class AccessRow(BaseModel):
    """A grant that lets an account see some of what was asked about. Of local governments: read its releases."""

    model_config = ConfigDict(extra="forbid")
    id: int = Field(description="number of the grant")
    account: str
    own: bool = Field(description="whether it is the caller's")
    role: Role
    level: str | None
    code: str | None = Field(description="what the role was given on; null: the whole campaign, or what is assigned")
    area: str | None
    assigned: bool
    blocks: int = Field(description="blocks of those asked about that it reaches")
    whole: bool = Field(description="whether these are all of them")
    since: datetime
    until: datetime | None = Field(description="null: until somebody ends it")
    granted_by: str | None = Field(description="null: the operator at the terminal")
    purpose: str | None
    agreement: str | None


class AccessOut(Said):
    """Who may see the area asked about, administrators first."""

    blocks: int = Field(description="blocks asked about: those of the area that are the caller's")
    accounts: int = Field(description="accounts on all pages")
    access: list[AccessRow]
    next: int | None = Field(description="`after` of the next page")


@router.get("/v1/access", responses=listed(AccessOut, places=False))
async def access(
    house: HouseDep,
    overseer: Overseer,
    within: Annotated[str | None, Query(max_length=64, description="code of an area, itself included")] = None,
    within_level: Annotated[Level | None, Query(description="level of `within`, where codes repeat")] = None,
    after: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    format: Format = "json",  # noqa: A002  # the contract's name
) -> Response:
    """Who may see an area, or the caller's whole scope: account, role, on what, since and until when, given by whom.

    Of an area that is the caller's in part, that part is meant; one wholly outside answers 404: who may see it is not
    the caller's to know.
    """
    live = house.current
    number = live.tree.number_of(within, within_level) if within else 0
    last = int(live.tree.last[number]) if within else LAST
    asked = tuple(overseer.scope.clip(number, last))
    if not asked:
        raise NotFound("the area is not yours: who may see it is for those it belongs to", code="not-found")
    async with house.db.for_actor(overseer.account_id, overseer.credential_id) as connection:
        found = await holders.areas(connection, asked, after=after, limit=limit + 1)
    blocks = live.tree.blocks_in(asked)
    rows = [_row(live.tree, row, blocks, overseer) for row in found.rows[:limit]]
    next_ = rows[-1]["id"] if len(found.rows) > limit else None
    head = said_of_all(live) | {"blocks": blocks, "accounts": found.accounts, "next": next_}
    answer = respond(format, "access", rows, head, key="id")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _row(tree: Tree, row: dict[str, Any], blocks: int, overseer: Caller) -> dict[str, Any]:
    """A row in the order of the contract."""
    reached = tree.blocks_in(row["seen"])
    more = {"own": row["account_id"] == overseer.account_id, "blocks": reached, "whole": reached == blocks}
    return {name: (row | more)[name] for name in AccessRow.model_fields}
