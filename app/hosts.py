"""Which names the service answers to. Plain ASGI, so that streams and tiles pass untouched.

A page of somebody else's whose name is made to lead to this machine must not be able to speak with it. Addresses
cannot be bent so: every one is let pass. Names are `localhost`, the one the service listens on, and those in the
settings.
"""

import ipaddress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import problem
from app.settings import Settings


class TrustedHosts:
    """Answers 421 to requests for any other name."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.names = {"localhost", settings.host.lower(), *(name.lower() for name in settings.host_names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is meant for us."""
        if scope["type"] != "http" or self._ours(Headers(scope=scope).get("host", "")):
            await self.app(scope, receive, send)
            return
        said = "the service does not answer to this name: the operator adds it to CAKUPAN_HOST_NAMES"
        await problem(421, "unknown-host", said)(scope, receive, send)

    def _ours(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if name.lower().rstrip(".") in self.names:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True
