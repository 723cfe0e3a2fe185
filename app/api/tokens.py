"""One's own tokens, sessions and password. Whoever holds a token alone can make nothing of it that outlives it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app import limits
from app.access import CallerDep, HouseDep, InSession, one_of
from app.api.session import keep
from app.errors import Denied, documented
from app.small_bodies import described, said, unkept
from geo.errors import BadInput, NotFound, Refused
from geo.identities import sixteen_digits
from geo.trust import accounts, credentials
from geo.trust.credentials import STRONGEST, Caller

router = APIRouter(tags=["tokens"], responses=documented(401, 403, 422, 503), dependencies=[Depends(unkept)])

#: Tokens in force that one account may have.
MOST = 50

#: Days for which a token of an administrator may hold, and of everybody else.
LONGEST_OF_ADMIN, LONGEST = 3650, 365

#: Everybody with a role in force: a token of nobody would come alive with a later grant.
Acting = Annotated[Caller, Depends(one_of(*STRONGEST))]
Id = Annotated[int, Path(ge=1, le=2**31 - 1)]


class TokenIn(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(title="Token", extra="forbid")
    name: str = Field(min_length=1, max_length=64, description="what it is for, for instance the device")
    days: int = Field(ge=1, le=LONGEST_OF_ADMIN, strict=True, description="365 at most, save for administrators")


class TokenOut(BaseModel):
    """A new token, said this once."""

    id: int
    name: str
    token: str
    expires_at: datetime


class TokenRow(BaseModel):
    """A token in force."""

    id: int
    name: str
    created_at: datetime
    used_at: datetime | None = Field(description="to the hour")
    expires_at: datetime | None


class TokensOut(BaseModel):
    """The caller's tokens in force."""

    tokens: list[TokenRow]


class SessionRow(BaseModel):
    """A session that has not ended."""

    id: int
    how: str = Field(description="`password`, or `provider`")
    this: bool = Field(description="whether it is the one that asks")
    created_at: datetime
    used_at: datetime | None = Field(description="to the hour")
    expires_at: datetime


class SessionsOut(BaseModel):
    """The caller's sessions, newest first."""

    sessions: list[SessionRow]


class PasswordIn(BaseModel):
    """The caller's password, and the one that is to take its place."""

    model_config = ConfigDict(title="Password", extra="forbid")
    old: str = Field(max_length=200)
    new: str = Field(max_length=1000)
    tokens: bool = Field(default=False, strict=True, description="revoke the tokens, too")


@router.get("/v1/tokens")
async def tokens(house: HouseDep, caller: CallerDep) -> TokensOut:
    """The caller's tokens in force, without their secrets."""
    async with house.db.for_actor(caller.account_id, caller.credential_id) as connection:
        found = await credentials.tokens(connection, caller.account_id)
    return TokensOut(tokens=[TokenRow(id=row["credential_id"], **_of(row, "name")) for row in found])


@router.post("/v1/tokens", status_code=201, openapi_extra=described(TokenIn), responses=documented(409, 413))
async def make(
    house: HouseDep, caller: Acting, _: InSession, wanted: Annotated[TokenIn, Depends(said(TokenIn))]
) -> TokenOut:
    """A new token of the caller. It sees what the account sees, and is said this once. Needs a session."""
    name = wanted.name.strip()
    if not name or not name.isprintable() or sixteen_digits(name):
        raise BadInput("a token's name has 1 to 64 printable characters, and no national number in it", code="bad-name")
    longest = LONGEST_OF_ADMIN if "admin" in caller.scopes else LONGEST
    if wanted.days > longest:
        raise BadInput(f"a token holds for {longest} days at most", code="bad-expiry")
    expires_at = datetime.now(UTC) + timedelta(days=wanted.days)
    async with house.db.for_actor(caller.account_id, caller.credential_id) as connection:
        before = {row["credential_id"] for row in await credentials.tokens(connection, caller.account_id)}
        if len(before) >= MOST:
            raise Refused(f"an account has {MOST} tokens at most: revoke one first", code="too-many-tokens")
        secret = await credentials.give_token(connection, caller.account_id, name, expires_at, caller.scope)
        made = await credentials.authenticate(connection, secret)
    if made is None:  # shut out in this moment
        raise Denied("log in, or send a token as Authorization: Bearer", code="not-logged-in")
    return TokenOut(id=made.credential_id, name=name, token=secret, expires_at=expires_at)


@router.delete("/v1/tokens/{token_id}", status_code=204, responses=documented(404))
async def revoke(request: Request, house: HouseDep, caller: CallerDep, token_id: Id) -> None:
    """Revoke a token of the caller's. It is dead within a minute everywhere."""
    async with house.db.for_actor(caller.account_id, caller.credential_id) as connection:
        own = {row["credential_id"] for row in await credentials.tokens(connection, caller.account_id)}
        if token_id not in own:
            raise NotFound("you have no such token in force", code="no-token")
        await credentials.revoke(connection, token_id, caller.scope)
    request.app.state.believed.clear()


@router.get("/v1/sessions")
async def sessions(house: HouseDep, caller: CallerDep) -> SessionsOut:
    """Where the caller is logged in."""
    async with house.db.for_actor(caller.account_id, caller.credential_id) as connection:
        found = await credentials.sessions(connection, caller.account_id)
    rows = [
        SessionRow(
            id=row["credential_id"],
            how=row["name"],
            this=row["credential_id"] == caller.credential_id,
            **_of(row),
        )
        for row in found
    ]
    return SessionsOut(sessions=rows)


@router.delete("/v1/sessions/{session_id}", status_code=204, responses=documented(404))
async def end_session(request: Request, house: HouseDep, caller: CallerDep, session_id: Id) -> None:
    """End a session of the caller's."""
    async with house.db.for_actor(caller.account_id, caller.credential_id) as connection:
        own = {row["credential_id"] for row in await credentials.sessions(connection, caller.account_id)}
        if session_id not in own:
            raise NotFound("you have no such session", code="no-session")
        await credentials.revoke(connection, session_id, caller.scope)
    request.app.state.believed.clear()


@router.post("/v1/password", status_code=204, openapi_extra=described(PasswordIn), responses=documented(413, 429))
async def change_password(
    request: Request,
    house: HouseDep,
    caller: CallerDep,
    _: InSession,
    wanted: Annotated[PasswordIn, Depends(said(PasswordIn))],
) -> Response:
    """Change one's own password. Every other session ends; this one goes on under a new cookie. Needs a session.

    Tokens stay in force, unless `tokens` asks for their end: whoever knew the old password may have made one.

    A wrong old password counts like a failed log-in: after five of them the account is locked for fifteen minutes.
    """
    accounts.check_password(wanted.new)
    counters = limits.of(request)
    lasts = timedelta(hours=house.settings.session_hours)
    address = request.client.host if request.client else None
    async with counters.entering:
        counters.may_fail(request)
        async with house.db.for_actor(caller.account_id, caller.credential_id) as connection:
            secret = await accounts.log_in(connection, caller.name, wanted.old, lasts, address)
            if secret is not None:
                await accounts.set_password(
                    connection, caller.account_id, wanted.new, caller.scope, tokens=wanted.tokens
                )
                secret = await accounts.enter(connection, caller.account_id, lasts, how="password", address=address)
        if secret is None:  # said after the failure was written down
            counters.failed(request)
            raise Denied("the old password is wrong, or the account is locked for a while", code="wrong-password")
    request.app.state.believed.clear()
    answer = Response(status_code=204, headers={"Cache-Control": "no-store"})
    keep(answer, request, house, secret)
    return answer


def _of(row: dict[str, Any], *more: str) -> dict[str, Any]:
    return {name: row[name] for name in ("created_at", "used_at", "expires_at", *more)}
