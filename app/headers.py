"""Security headers on every answer. Plain ASGI, so that streams and tiles pass untouched."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Everything comes from our own host. Workers of the map library are made from blobs; its canvas styles need no inline.
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self' blob:; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), payment=()",
}

#: Over HTTPS: a browser that came so once never comes without it again, for a year.
HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}

#: Takes from a browser what it may have kept of our answers, so that who comes next does not see them; and all that
#: pages stored there.
FORGET = "Clear-Site-Data"
ANSWERS, EVERYTHING = '"cache"', '"cache", "storage"'

#: Where an answer does not say how long it may be kept, nobody keeps it: what one may see another may not.
KEPT = {"Cache-Control": "no-store"}


def headers_of(scope: Scope) -> dict[str, str]:
    """The security headers of the answer to a request."""
    return HEADERS | HTTPS_ONLY if scope.get("scheme") == "https" else HEADERS


def policy(elsewhere: str) -> str:
    """The policy where pictures, and nothing else, may also come from `elsewhere`: an origin."""
    return POLICY.replace("img-src 'self'", f"img-src 'self' {elsewhere}").replace(
        "connect-src 'self'", f"connect-src 'self' {elsewhere}"
    )


class SecurityHeaders:
    """Adds them where an answer does not set them itself. `elsewhere` is the origin of a basemap's tiles, if any."""

    def __init__(self, app: ASGIApp, elsewhere: str | None = None) -> None:
        self.app = app
        self.more = KEPT | ({"Content-Security-Policy": policy(elsewhere)} if elsewhere else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; touch only the start of an HTTP answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (headers_of(scope) | self.more).items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)
