"""Who asks: its roles, its areas, and the grants it has them from."""

import hashlib
from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from app.access import CallerDep, HouseDep
from app.errors import documented
from app.small_bodies import unkept
from geo.trust import credentials, holders
from geo.trust.credentials import Caller

router = APIRouter(tags=["session"], responses=documented(401, 503))


class OwnGrant(BaseModel):
    """A grant of the caller's that is in force."""

    id: int
    role: str
    level: str | None
    code: str | None = Field(description="null: the whole campaign, or what is assigned")
    area: str | None
    assigned: bool
    purpose: str | None
    agreement: str | None
    since: datetime
    until: datetime | None


class OwnArea(BaseModel):
    """An area that is the caller's as a whole."""

    code: str
    name: str
    n: int


class MeOut(BaseModel):
    """Who asks, and what it may see."""

    name: str
    role: str = Field(description="the strongest; `none` without any in force")
    roles: list[str]
    everything: bool
    areas: list[OwnArea]
    blocks: int | None = Field(description="blocks of the scope; null before there is a campaign")
    sees: str = Field(description="changes with what the account may see")
    by_password: bool
    grants: list[OwnGrant]


@router.get("/v1/me", dependencies=[Depends(unkept)])
async def me(house: HouseDep, caller: CallerDep) -> MeOut:
    """Who asks: name, roles, the areas of its scope, and the grants it has them from."""
    tree = house.snapshot.tree if house.snapshot else None
    areas = [
        OwnArea(code=tree.code[lo], name=tree.name[lo], n=lo)
        for lo, hi in caller.scope.ranges
        if tree is not None and 0 < lo < len(tree) and tree.last[lo] == hi
    ]
    async with house.db.for_actor(caller.account_id, caller.credential_id) as connection:
        own = await holders.of_account(connection, caller.account_id)
    return MeOut(
        name=caller.name,
        role=caller.role,
        roles=[role for role in credentials.STRONGEST if role in caller.scopes],
        everything=caller.scope.everything,
        areas=areas,
        blocks=None if tree is None else tree.blocks_in(caller.scope.ranges),
        sees=sees(caller),
        by_password=own.by_password,
        grants=[OwnGrant(**{name: grant[name] for name in OwnGrant.model_fields}) for grant in own.grants],
    )


def sees(caller: Caller) -> str:
    """A word that changes with what the caller may see, so that a page notices that it has grown old."""
    said = [(role, caller.scopes.get(role)) for role in credentials.STRONGEST]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]
