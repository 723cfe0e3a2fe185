"""Log in and out with name and password, for pages. Programs use tokens."""

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app import limits
from app.access import COOKIE, CallerDep, HouseDep, same_origin
from app.errors import documented
from app.house import House
from geo.trust import accounts, credentials

router = APIRouter(tags=["session"], responses=documented(401, 422, 503))


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
    limits.of(request).may_fail(request)
    lasts = timedelta(hours=house.settings.session_hours)
    address = request.client.host if request.client else None
    async with house.db.worker.begin() as connection:
        secret = await accounts.log_in(connection, name, password, lasts, address)
    onward = ours(to)
    if secret is None:
        limits.of(request).failed(request)
        return RedirectResponse("/login?" + urlencode({"failed": 1, "to": onward}), 303)
    return entered(request, house, secret, onward)


def ours(to: str) -> str:
    """A page of ours to go on to; the first where it is none."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"


def entered(request: Request, house: House, secret: str, onward: str) -> Response:
    """Go on with a new session."""
    answer = RedirectResponse(onward, 303)
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=house.settings.session_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=house.settings.secure_cookies or request.url.scheme == "https",
    )
    return answer


@router.post("/logout", response_class=RedirectResponse, status_code=303)
async def log_out(request: Request, house: HouseDep, caller: CallerDep) -> Response:
    """End the session."""
    async with house.db.for_actor(caller.account_id, caller.credential_id) as connection:
        if caller.kind == "session":
            await credentials.revoke(connection, caller.credential_id, caller.scope)
    request.app.state.believed.clear()
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/v1/me")
async def me(house: HouseDep, caller: CallerDep) -> dict[str, Any]:
    """Who asks: name, role and the areas of its scope."""
    tree = house.snapshot.tree if house.snapshot else None
    areas = [
        {"code": tree.code[lo], "name": tree.name[lo], "n": lo}
        for lo, hi in caller.scope.ranges
        if tree is not None and 0 < lo < len(tree) and tree.last[lo] == hi
    ]
    return {"name": caller.name, "role": caller.role, "everything": caller.scope.everything, "areas": areas}
