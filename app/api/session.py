"""Log in and out with name and password, for pages. Programs use tokens."""

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app.access import COOKIE, CallerDep, HouseDep
from app.errors import documented
from geo.trust import accounts

router = APIRouter(tags=["session"], responses=documented(401, 422, 503))


@router.post("/login", response_class=RedirectResponse, status_code=303)
async def log_in(
    house: HouseDep,
    name: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=200)],
    to: Annotated[str, Form(max_length=500, description="page to go on to")] = "/",
) -> Response:
    """Set a session cookie and go on, or back to the log-in page with a reason."""
    lasts = timedelta(hours=house.settings.session_hours)
    async with house.db.worker.begin() as connection:
        secret = await accounts.log_in(connection, name, password, lasts)
    onward = to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"
    if secret is None:
        return RedirectResponse("/login?" + urlencode({"failed": 1, "to": onward}), 303)
    answer = RedirectResponse(onward, 303)
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=int(lasts.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=house.settings.secure_cookies,
    )
    return answer


@router.post("/logout", response_class=RedirectResponse, status_code=303)
async def log_out(request: Request, house: HouseDep, caller: CallerDep) -> Response:
    """End the session."""
    async with house.db.worker.begin() as connection:
        if caller.kind == "session":
            await accounts.revoke(connection, caller.credential_id)
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
