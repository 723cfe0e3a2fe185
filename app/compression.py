"""Compresses what is read, never what is sent in: receipts go out at thousands a second and must cost nothing."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.basemap import ADDRESS

#: Tiles, a file of tiles that is read in pieces, files of the pages, which are compressed once, and printed sheets.
_PRESSED = ("/tiles/", "/assets/", "/v1/sheets/", "/v1/jobs/", ADDRESS)


class Compressed:
    """gzip on answers to GET. Streams pass untouched, and so does what is compressed already, like tiles."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.gzip = GZipMiddleware(app, minimum_size=1000, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, through gzip where something is read."""
        read = scope["type"] == "http" and scope["method"] == "GET" and not scope["path"].startswith(_PRESSED)
        await (self.gzip if read else self.app)(scope, receive, send)
