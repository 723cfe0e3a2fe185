"""Log-in by a standard provider (OpenID Connect, authorization code with PKCE), where the settings name one.

The provider says who somebody is; what that account may see stays with our own grants. An account is found by its name
the first time and bound to the provider's subject then, so that a name given to somebody else later opens nothing.
"""

import hashlib
import hmac
from datetime import timedelta
from typing import Annotated, Any

import structlog
from authlib.integrations.starlette_client import OAuth, OAuthError
from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.responses import RedirectResponse
from httpx2 import HTTPError
from joserfc.errors import JoseError
from sqlalchemy import make_url
from starlette.middleware.sessions import SessionMiddleware

from app import limits
from app.access import HouseDep
from app.api.session import entered, ours
from app.errors import documented
from app.settings import Settings
from geo.trust import accounts, audit

log = structlog.get_logger()

router = APIRouter(prefix="/login/provider", tags=["session"], responses=documented(429, 503))

#: What the log-in page says instead of the reason: who is sent back learns nothing about accounts.
FAILED = "/login?failed=provider"

#: Seconds for which somebody may stay at the provider's page.
PATIENCE = 600


def install(app: FastAPI, settings: Settings, database: str) -> None:
    """Offer log-in by the provider of the settings.

    What must be kept while somebody is at the provider's page lies in a signed cookie of its own, for these two routes
    only. Its key is derived from the password of a login in `database`, the same in every process and after a restart.
    """
    app.include_router(router)
    secret = settings.oidc_client_secret
    app.state.provider = OAuth().register(
        "provider",
        server_metadata_url=f"{settings.oidc_issuer}/.well-known/openid-configuration",
        client_id=settings.oidc_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        client_kwargs={"scope": settings.oidc_scope, "code_challenge_method": "S256", "timeout": 10},
    )
    password = (make_url(database).password or "").encode()
    app.add_middleware(
        SessionMiddleware,
        secret_key=hmac.new(password, b"log-in by provider", hashlib.sha256).hexdigest(),
        session_cookie="cakupan_provider",
        path=router.prefix,
        max_age=PATIENCE,
        same_site="lax",
        https_only=settings.secure_cookies,
    )


@router.get("", response_class=RedirectResponse, status_code=302)
async def leave(
    request: Request, house: HouseDep, to: Annotated[str, Query(max_length=500, description="page to go on to")] = "/"
) -> Response:
    """Send the browser to the provider's log-in page."""
    provider = request.app.state.provider
    request.session.clear()
    try:
        if await _issuer(provider) != house.settings.oidc_issuer:
            return _failed("issuer")
        answer: Response = await provider.authorize_redirect(request, request.url_for("come_back"))
    except (OAuthError, HTTPError, ValueError, RuntimeError) as error:
        return _failed(type(error).__name__)
    request.session["to"] = ours(to)
    return answer


@router.get("/callback", response_class=RedirectResponse, status_code=303)
async def come_back(request: Request, house: HouseDep) -> Response:
    """Where the provider sends the browser back: check what it says, and begin a session of the account it names."""
    provider, settings = request.app.state.provider, house.settings
    limits.of(request).may_fail(request)
    onward = ours(str(request.session.get("to", "/")))
    claims = {
        "iss": {"essential": True, "values": [settings.oidc_issuer, f"{settings.oidc_issuer}/"]},
        "aud": {"essential": True, "values": [settings.oidc_client_id]},
    }
    try:
        token = await provider.authorize_access_token(request, claims_options=claims)
    except (OAuthError, JoseError, HTTPError, ValueError, KeyError, TypeError) as error:
        limits.of(request).failed(request)
        return _failed(type(error).__name__)
    finally:
        request.session.clear()
    said: dict[str, Any] = token.get("userinfo") or {}
    name = said.get(settings.oidc_claim)
    if not isinstance(name, str) or not name or (settings.oidc_claim == "email" and not said.get("email_verified")):
        return _failed("no name")
    address = request.client.host if request.client else None
    async with house.db.worker.begin() as connection:
        found = await accounts.of_identity(connection, f"{settings.oidc_issuer} {said['sub']}", name)
        if found is None:
            await audit.note(connection, 0, "log-in.failed", how="provider", address=address)
            secret = None
        else:
            lasts = timedelta(hours=settings.session_hours)
            secret = await accounts.enter(connection, found, lasts, how="provider", address=address)
    return _failed("no account") if secret is None else await entered(request, house, secret, onward)


async def _issuer(provider: Any) -> str:
    """Who the provider says it is, which must be who the settings say."""
    return str((await provider.load_server_metadata()).get("issuer", "")).rstrip("/")


def _failed(why: str) -> Response:
    log.warning("provider", why=why)
    return RedirectResponse(FAILED, 303)
