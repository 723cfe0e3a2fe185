"""Runs the service: database, schema, first account, and uvicorn until it is told to stop."""

import asyncio
import logging
import socket
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from sqlalchemy import make_url

from app.database import Database, Logins
from app.heads import Heads, file_of
from app.main import create_app
from app.settings import Settings
from app.terminal import err, ready, server
from geo.errors import NotReady
from geo.trust import accounts
from geo.trust.grants import Grant

#: Innermost frames of an exception that are logged.
_FRAMES = 8


class Server(uvicorn.Server):
    """Ends open streams first: uvicorn waits for them before it tells the application that the end has come."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what is open, wait for what is in flight, stop."""
        if house := getattr(self._app.state, "house", None):
            await house.close_streams()
        await super().shutdown(sockets)


def serve(settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM. What is in flight gets 30 seconds to finish."""
    _log(settings)
    listening = _listen(settings)
    with listening, server(settings) as owner:
        logins = ready(settings, owner)
        asyncio.run(_first_account(logins))
        app = create_app(settings, logins, heads=Heads(file_of(settings.home, make_url(owner).database or "")))
        host, port = listening.getsockname()[:2]
        shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104  # only compared
        config = uvicorn.Config(
            app,
            log_config=None,
            timeout_graceful_shutdown=30,
            loop="uvloop",
            http="httptools",
            server_header=False,
            forwarded_allow_ips=settings.proxies,
        )
        err.print(f"Cakupan is at [bold]http://{shown}:{port}[/]   (Ctrl-C stops it; data stay)", soft_wrap=True)
        Server(config, app).run(sockets=[listening])


def _listen(settings: Settings) -> socket.socket:
    """Take the port first, so that a taken one is said before anything is set up."""
    found = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((settings.host, settings.port))
    except OSError as taken:
        found.close()
        raise NotReady(
            f"port {settings.port} on {settings.host} is not free: stop what uses it, or give another with --port",
            code="port-taken",
        ) from taken
    return found


async def _first_account(logins: Logins) -> None:
    """On the very first start make an administrator with a random password and show it once."""
    db = Database(logins, 1)
    try:
        async with db.worker.begin() as connection:
            if not await accounts.is_empty(connection):
                return
            password = accounts.new_password()
            await accounts.create(connection, "admin", Grant("admin"), password)
    finally:
        await db.close()
    err.print(f"First start. Log in as [bold]admin[/] with [bold]{password}[/]   (shown this once)", soft_wrap=True)


def _log(settings: Settings) -> None:
    """Structured lines on standard error, those of libraries too; access lines carry no query strings."""
    levels = {"debug": 10, "info": 20, "warning": 30, "error": 40}
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            _without_secrets,
            structlog.processors.LogfmtRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(levels[settings.log_level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)


class _Libraries(logging.Handler):
    """What libraries log, as lines of ours: what they say before values are put in, and where an exception arose.

    Never what an exception says: it quotes values, and those are households'.
    """

    def emit(self, record: logging.LogRecord) -> None:
        said = str(record.msg).partition("\n")[0] if isinstance(record.msg, str) else type(record.msg).__name__
        about = {"by": record.name, "said": said}
        if record.exc_info and (raised := record.exc_info[1]) is not None:
            frames = traceback.extract_tb(raised.__traceback__)[-_FRAMES:]
            where = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))
            about |= {"kind": type(raised).__name__, "where": where}
        structlog.get_logger().log(record.levelno, "library", **about)


def _without_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave out what must never be logged, whoever tries."""
    return {name: value for name, value in event.items() if name not in {"lon", "lat", "household_id", "password"}}
