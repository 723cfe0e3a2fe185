"""Accounts and their grants, for administrators: each in its own areas, and no further than it reaches itself."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.access import HouseDep, InSession, one_of
from app.answers import listed
from app.api.areas import Level
from app.errors import documented
from app.formats import Format, respond
from app.small_bodies import Instant, described, said, unkept
from geo.errors import BadInput, Refused
from geo.trust import accounts, grants, holders
from geo.trust.credentials import Caller
from geo.trust.grants import Grant

router = APIRouter(
    tags=["accounts"], responses=documented(401, 403, 404, 409, 413, 422, 503), dependencies=[Depends(unkept)]
)

Administrator = Annotated[Caller, Depends(one_of("admin"))]
Role = Literal["enumerator", "supervisor", "coordinator", "local_government", "admin"]

#: A grant that ends later than this was mistyped.
LAST_YEAR = 2100

Name = Annotated[str, Path(min_length=1, max_length=64, description="name of the account")]


class GrantIn(BaseModel):
    """A role, and on what: an area (`level` and `code`), else the blocks `assigned` to the account, else everything."""

    model_config = ConfigDict(title="Grant", extra="forbid")
    role: Role
    level: Level | None = None
    code: str | None = Field(default=None, min_length=1, max_length=64)
    assigned: bool = Field(default=False, strict=True, description="enumerators and supervisors only")
    expires_at: Instant | None = Field(default=None, description="RFC 3339 with an offset; null: until it is ended")
    purpose: str | None = Field(default=None, max_length=200, description="required for local governments")
    agreement: str | None = Field(
        default=None, max_length=200, description="its number; required for local governments"
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.level is None) != (self.code is None):
            raise ValueError("level and code of an area come together")
        if self.code is not None and not self.code.isprintable():
            raise ValueError("a code has printable characters only")
        if self.expires_at is not None and self.expires_at.year > LAST_YEAR:
            raise ValueError(f"a grant ends in {LAST_YEAR} at the latest")
        return self

    def grant(self) -> Grant:
        """As `geo.trust.grants` takes it."""
        area = (self.level, self.code) if self.level and self.code else None
        return Grant(self.role, area, self.assigned, self.expires_at, self.purpose, self.agreement)


class AccountIn(BaseModel):
    """A new account and its first grant."""

    model_config = ConfigDict(title="Account", extra="forbid")
    name: str = Field(min_length=1, max_length=64)
    grant: GrantIn


class GrantOut(BaseModel):
    """A grant in force."""

    model_config = ConfigDict(extra="forbid")
    id: int
    role: Role
    level: str | None
    code: str | None = Field(description="null: the whole campaign, or what is assigned")
    area: str | None
    assigned: bool
    purpose: str | None
    agreement: str | None
    granted_by: str | None = Field(description="null: the operator at the terminal")
    since: datetime
    until: datetime | None
    yours: bool = Field(description="whether the caller may end it")


class AccountOut(BaseModel):
    """An account and its grants in force, as far as they touch the caller's areas."""

    model_config = ConfigDict(extra="forbid")
    name: str
    created_at: datetime
    disabled_at: datetime | None = Field(description="shut out since")
    locked: bool = Field(description="after too many wrong passwords; opens by itself")
    by_password: bool
    by_provider: bool = Field(description="has logged in by the provider of log-ins")
    logged_in_at: datetime | None
    own: bool
    yours: bool = Field(description="whether the caller may change it: all it was ever granted lies in its areas")
    grants: list[GrantOut]


class AccountsOut(BaseModel):
    """Accounts in the order of their names."""

    model_config = ConfigDict(extra="forbid")
    accounts: list[AccountOut]
    next: str | None = Field(description="`after` of the next page")


class PasswordOut(BaseModel):
    """A new password, said this once."""

    name: str
    password: str


class GivenOut(BaseModel):
    """A new grant."""

    id: int


@router.get("/v1/accounts", responses=listed(AccountsOut, places=False))
async def listing(
    house: HouseDep,
    admin: Administrator,
    q: Annotated[str, Query(max_length=64, description="part of a name")] = "",
    after: Annotated[str, Query(max_length=64, description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    format: Format = "json",  # noqa: A002  # the contract's name
) -> Response:
    """Accounts and their grants in force.

    An administrator of some areas gets those with a grant that touches them, and those without any whose every grant
    lay in them.
    """
    printable(q, after)
    async with house.db.for_actor(admin.account_id, admin.credential_id) as connection:
        found = await holders.accounts(connection, admin.scope, part=q, after=after, limit=limit + 1)
    rows = [_account(row, admin) for row in found[:limit]]
    head = {"next": rows[-1]["name"] if len(found) > limit else None}
    if format != "json":
        rows = [row | {"grants": orjson.dumps(row["grants"]).decode()} for row in rows]
    answer = respond(format, "accounts", rows, head, key="name")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/v1/accounts", status_code=201, openapi_extra=described(AccountIn))
async def create(
    house: HouseDep, admin: Administrator, _: InSession, wanted: Annotated[AccountIn, Depends(said(AccountIn))]
) -> PasswordOut:
    """A new account with its first grant. Its password is made here and said this once. Needs a session."""
    if "/" in wanted.name or wanted.name in {".", ".."}:
        raise BadInput("a name has no / in it: it is part of addresses", code="bad-name")
    password = accounts.new_password()
    async with house.db.for_actor(admin.account_id, admin.credential_id) as connection:
        await accounts.create(connection, wanted.name, wanted.grant.grant(), password, admin.scope)
    return PasswordOut(name=wanted.name, password=password)


@router.post("/v1/accounts/{name}/grants", status_code=201, openapi_extra=described(GrantIn))
async def give(
    house: HouseDep, admin: Administrator, _: InSession, name: Name, wanted: Annotated[GrantIn, Depends(said(GrantIn))]
) -> GivenOut:
    """Give a grant, no wider than one's own, to an account that the caller may know of. Needs a session."""
    printable(name)
    async with house.db.for_actor(admin.account_id, admin.credential_id) as connection:
        account = await holders.known(connection, admin.scope, name)
        given = await grants.give(connection, account, wanted.grant(), admin.scope)
    return GivenOut(id=given)


@router.delete("/v1/grants/{grant_id}", status_code=204)
async def end(
    request: Request, house: HouseDep, admin: Administrator, grant_id: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> None:
    """End a grant at once. Nobody ends its own."""
    async with house.db.for_actor(admin.account_id, admin.credential_id) as connection:
        await grants.end(connection, grant_id, admin.scope)
    request.app.state.believed.clear()


@router.post("/v1/accounts/{name}/password")
async def new_password(
    request: Request,
    house: HouseDep,
    admin: Administrator,
    _: InSession,
    name: Name,
    tokens: Annotated[bool, Query(description="revoke its tokens, too")] = False,
) -> PasswordOut:
    """Give an account a new password, made here and said this once; its sessions end. Needs a session."""
    printable(name)
    if name == admin.name:
        raise Refused("your own password you change with the old one, at POST /v1/password", code="own-account")
    password = accounts.new_password()
    async with house.db.for_actor(admin.account_id, admin.credential_id) as connection:
        account = await holders.changeable(connection, admin.scope, name)
        await accounts.set_password(connection, account, password, admin.scope, tokens=tokens)
    request.app.state.believed.clear()
    return PasswordOut(name=name, password=password)


@router.post("/v1/accounts/{name}/disable", status_code=204)
async def disable(request: Request, house: HouseDep, admin: Administrator, name: Name) -> None:
    """Shut an account out at once. Its sessions and tokens end for good; its grants stay."""
    await _disable(request, house, admin, name, disabled=True)


@router.post("/v1/accounts/{name}/enable", status_code=204)
async def enable(request: Request, house: HouseDep, admin: Administrator, _: InSession, name: Name) -> None:
    """Let an account in again that was shut out. Needs a session."""
    await _disable(request, house, admin, name, disabled=False)


async def _disable(request: Request, house: HouseDep, admin: Caller, name: str, *, disabled: bool) -> None:
    printable(name)
    async with house.db.for_actor(admin.account_id, admin.credential_id) as connection:
        account = await holders.changeable(connection, admin.scope, name)
        await accounts.disable(connection, account, admin.scope, disabled=disabled)
    request.app.state.believed.clear()


def _account(row: dict[str, Any], admin: Caller) -> dict[str, Any]:
    """An account in the order of the contract."""
    held = [{name: grant[name] for name in GrantOut.model_fields} for grant in row["grants"]]
    more = {"own": row["account_id"] == admin.account_id, "grants": held}
    return {name: (row | more)[name] for name in AccountOut.model_fields}


def printable(*texts: str) -> None:
    """Raise BadInput for text that the database cannot hold."""
    if not all(text.isprintable() for text in texts):
        raise BadInput("a name has 1 to 64 printable characters", code="bad-name")
