"""Asking the application without a line between: thousands of requests that cost little more than their answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlencode

from fastapi import FastAPI


@dataclass(frozen=True)
class Answer:
    """What came back; of a stream as much as was waited for."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@contextlib.asynccontextmanager
async def living(app: FastAPI) -> AsyncIterator[None]:
    """The application's life, without a server."""
    async with app.router.lifespan_context(app):
        yield


async def ask(
    app: FastAPI,
    path: str,
    query: Mapping[str, object] | None = None,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    events: int = 2,
    client: str = "127.0.0.1",
    scheme: str = "http",
) -> Answer:
    """One request. Of a stream `events` are waited for; then the one who asked goes away."""
    sent, started, parts = False, {}, []
    enough = asyncio.Event()
    said = {"host": "localhost", **(headers or {})}

    async def receive() -> dict[str, object]:
        nonlocal sent
        if sent:
            await enough.wait()
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body") and b"".join(parts).count(b"\n\n") >= events:
            enough.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": unquote(path),
        "raw_path": quote(path, safe="/%").encode(),
        "query_string": urlencode(query or {}, doseq=True).encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in said.items()],
        "client": (client, 50_000),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    with contextlib.suppress(Exception):  # what nobody foresaw was answered with 500 before it comes here
        await app(scope, receive, send)
    found = {name.decode(): value.decode("latin-1") for name, value in started["headers"]}
    return Answer(started["status"], found, b"".join(parts))
