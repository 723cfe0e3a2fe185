"""Who asks: dependencies that every route hangs on. Authorisation goes by route, never by path."""

import base64
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, Query, Request
from sqlalchemy.exc import SQLAlchemyError

from app import limits
from app.errors import Denied
from app.house import House
from geo.scope import Scope
from geo.trust import credentials
from geo.trust.credentials import Caller

COOKIE = "cakupan_session"

#: Header by which a page says as which account it was opened, percent-encoded. Two tabs share one session.
PAGE_OF = "cakupan-account"

#: Seconds for which a process believes a credential without asking again; a revoked one dies within them.
BELIEVED_SECONDS = 20

#: Credentials that a process believes at once.
MOST_BELIEVED = 10_000


async def house(request: Request) -> House:
    """The process's state. A coroutine though it waits for nothing: a plain function would be sent to a thread."""
    found: House = request.app.state.house
    return found


HouseDep = Annotated[House, Depends(house)]


async def known(request: Request, house: HouseDep) -> Caller | None:
    """Who asks, by bearer token, by token as password of HTTP Basic, or by session cookie; None for nobody."""
    secret = _secret(request)
    if not secret:
        return None
    caller = await _believed(request, house, secret)
    if caller:
        _same_account(request, caller)
        limits.of(request).asked(caller.account_id)
        if request.method not in {"GET", "HEAD"} and not _bearer(request):
            same_origin(request)
    return caller


async def _believed(request: Request, house: House, secret: str) -> Caller | None:
    """Who holds the secret, asked of the database now or a moment ago."""
    believed: dict[bytes, tuple[float, Caller | None]] = request.app.state.believed
    key, now = credentials.digest(secret), time.monotonic()
    if key in believed and now - believed[key][0] < BELIEVED_SECONDS:
        return believed[key][1]
    if key not in believed:  # what was known a moment ago is no guess, however many others guess at this address
        limits.of(request).may_fail(request)
    async with house.db.internal.begin() as connection:
        caller = await credentials.authenticate(connection, secret)
    if len(believed) > MOST_BELIEVED:
        believed.clear()
    believed[key] = (now, caller)
    if caller is None:  # once for each: a browser sends the cookie of a session that has ended with every picture
        limits.of(request).failed(request)
        return None
    if caller.used_at is None or datetime.now(UTC) - caller.used_at > timedelta(hours=1):
        async with house.db.worker.begin() as connection:
            await credentials.used(connection, caller.credential_id)
    return caller


async def still(request: Request, house: House, caller: Caller) -> bool:
    """Whether the credential of a request that lasts still opens what it did when the request came.

    An answer that goes on for hours must end within a minute of its token or grant; also where nobody can be asked.
    """
    secret = _secret(request)
    try:
        now = await _believed(request, house, secret) if secret else None
    except (limits.TooMany, SQLAlchemyError, OSError):
        return False
    return now is not None and all(now.scopes.get(role) == seen for role, seen in caller.scopes.items())


async def caller(found: Annotated[Caller | None, Depends(known)]) -> Caller:
    """Who asks. Raises Denied (401) for nobody."""
    if found is None:
        raise Denied("log in, or send a token as Authorization: Bearer", code="not-logged-in")
    return found


CallerDep = Annotated[Caller, Depends(caller)]


async def reader(request: Request, found: Annotated[Caller | None, Depends(known)]) -> Caller | None:
    """Who reads what is published: None for the public. Raises Denied (401) for a wrong token.

    A session that has ended reads what the public reads: a browser sends its cookie along whether it means to or not.
    A page that was opened as an account is told that it has ended.
    """
    if found is None and ("authorization" in request.headers or PAGE_OF in request.headers):
        raise Denied("this token is not, or no longer, in force", code="not-logged-in")
    if found is None:
        limits.of(request).visited(request)
    return found


ReaderDep = Annotated[Caller | None, Depends(reader)]


def one_of(*roles: str) -> Callable[[Caller], Coroutine[Any, Any, Caller]]:
    """A dependency that lets only these roles pass, each with what it may see in them."""

    async def allowed(asking: CallerDep) -> Caller:
        if not asking.scopes:
            raise Denied("your account has no role in force: ask an administrator", code="no-role")
        acting = asking.only(roles)
        if acting is None:
            raise Denied(f"this needs one of the roles {', '.join(roles)}")
        return acting

    return allowed


async def by_session(asking: CallerDep) -> None:
    """Let only sessions pass. What gives new access is not for a token, so that one that was stolen cannot breed."""
    if asking.kind != "session":
        raise Denied("log in with your password for this: a token may not give new access", code="session-needed")


InSession = Annotated[None, Depends(by_session)]

#: Those who watch the census: everybody inside but local government, which reads sealed releases only.
WATCHERS = ("enumerator", "supervisor", "coordinator", "admin")
Watcher = Annotated[Caller, Depends(one_of(*WATCHERS))]


async def scope(watcher: Watcher) -> Scope:
    """What the caller may see."""
    return watcher.scope


ScopeDep = Annotated[Scope, Depends(scope)]


async def within(
    house: HouseDep,
    _: Watcher,
    within: Annotated[str | None, Query(max_length=64, description="code of an area, itself included")] = None,
    within_level: Annotated[str | None, Query(description="level of `within`, where codes repeat")] = None,
) -> int:
    """The number of the area asked about; 0 for the whole scope."""
    return house.current.tree.number_of(within, within_level) if within else 0


WithinDep = Annotated[int, Depends(within)]


def _secret(request: Request) -> str | None:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except ValueError:  # neither base64 nor text: nobody
            return None
    return request.cookies.get(COOKIE)


def _bearer(request: Request) -> bool:
    """Whether a program sent the secret. A cookie, and what was typed for Basic, a browser sends along by itself."""
    return request.headers.get("authorization", "").partition(" ")[0].lower() == "bearer"


def _same_account(request: Request, caller: Caller) -> None:
    """Refuse a page that was opened as one account where its browser has logged in as another since."""
    page = request.headers.get(PAGE_OF)
    if page is not None and unquote(page) != caller.name:
        raise Denied("somebody else has logged in here since: load the page anew", code="other-account")


def same_origin(request: Request) -> None:
    """Refuse what another site makes a browser send along with our cookie, or with a token typed for Basic."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site in {"same-origin", "none"} or (
        site is None and origin in {None, f"{request.url.scheme}://{request.url.netloc}"}
    ):
        return
    raise Denied("the request came from another site")
