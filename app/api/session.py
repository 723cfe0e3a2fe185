"""Log in and out with name and password, for pages. Programs use tokens."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app import limits
from app.access import COOKIE, WATCHERS, CallerDep, HouseDep, same_origin
from app.errors import documented
from app.headers import ANSWERS, EVERYTHING, FORGET
from app.house import House
from geo.trust import accounts, credentials

router = APIRouter(tags=["session"], responses=documented(401, 422, 503))

#: Set by pages while writes wait in the browser (static/copies.js): they are nowhere else, and outlive a log-out.
WAITING = "cakupan_outbox"

#: The page of those who do not watch the census.
RELEASES = "/releases"


@router.post("/login", response_class=RedirectResponse, status_code=303)
async def log_in(
    request: Request,
    house: HouseDep,
    name: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=200)],
    to: Annotated[str, Form(max_length=500, description="page to go on to")] = "/",
) -> Response:
    """Set a session cookie and go on, or back to the log-in page with a reason."""
    same_origin(request)
    counters = limits.of(request)
    lasts = timedelta(hours=house.settings.session_hours)
    address = request.client.host if request.client else None
    onward = ours(to)
    async with counters.entering:
        counters.may_fail(request)
        async with house.db.worker.begin() as connection:
            secret = await accounts.log_in(connection, name, password, lasts, address)
        if secret is None:
            counters.failed(request)
            return RedirectResponse("/login?" + urlencode({"failed": 1, "to": onward}), 303)
    return await entered(request, house, secret, onward)


def ours(to: str) -> str:
    """A page of ours to go on to; the first where it is none."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"


async def entered(request: Request, house: House, secret: str, onward: str) -> Response:
    """Go on with a new session: to the first page of whoever it is, where no other was asked for."""
    if onward == "/":
        async with house.db.internal.begin() as connection:
            found = await credentials.authenticate(connection, secret)
        onward = RELEASES if found and not set(found.scopes) & set(WATCHERS) else onward
    answer = RedirectResponse(onward, 303)
    keep(answer, request, house, secret)
    return answer


def keep(answer: Response, request: Request, house: House, secret: str) -> None:
    """Let the browser keep the secret of a session, where no script can read it."""
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=house.settings.session_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=house.settings.secure_cookies or request.url.scheme == "https",
    )


@router.post("/logout", response_class=RedirectResponse, status_code=303)
async def log_out(request: Request, house: HouseDep, caller: CallerDep) -> Response:
    """End the session, and erase what the browser kept of it; writes that wait there to be sent stay."""
    async with house.db.for_actor(caller.account_id, caller.credential_id) as connection:
        if caller.kind == "session":
            await credentials.revoke(connection, caller.credential_id, caller.scope)
    request.app.state.believed.clear()
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    answer.headers[FORGET] = ANSWERS if request.cookies.get(WAITING) else EVERYTHING
    return answer
