"""The wire between a device and the service: one request, one answer, or an OSError. Knows nothing of submissions."""

import json
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

#: What the `type` of our own problem documents begins with. Others may say 403, too: proxies, captive portals.
OURS = "urn:cakupan:problem:"

#: Bytes of an answer that are read; ten thousand receipts take about two million.
LARGEST_ANSWER = 20_000_000


@dataclass(frozen=True)
class Server:
    """Where the service is. `timeout` in seconds, for connecting and for each read."""

    host: str
    port: int
    tls: bool = False
    timeout: float = 30.0

    @classmethod
    def at(cls, url: str) -> "Server":
        """The server of an address like `https://census.example`."""
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        return cls(parts.hostname or "127.0.0.1", parts.port or (443 if tls else 80), tls)

    def connect(self) -> HTTPConnection:
        """A connection that opens with its first request."""
        kind = HTTPSConnection if self.tls else HTTPConnection
        return kind(self.host, self.port, timeout=self.timeout)


@dataclass(frozen=True)
class Answer:
    """What came back for one request. `problem` is the code of a problem document of ours, empty for anything else.

    `retry_after` in seconds, 0 where nothing was said, or a date instead.
    """

    status: int
    body: bytes
    retry_after: float
    problem: str
    detail: str


def undisturbed(_moment: str) -> None:
    """The line hook of every real device: nothing is lost on purpose."""


class Wire:
    """A connection to `server`, opened when it is needed, kept for the next request, opened anew where it broke.

    `line` is called with "request" before each request, and with "answer" once the server has dealt with it. Where it
    raises OSError, that one is lost: so tests and the demonstration make a bad line.
    """

    def __init__(self, server: Server, line: Callable[[str], None] = undisturbed) -> None:
        self.server = server
        self.line = line
        self._connection: HTTPConnection | None = None

    def post(self, path: str, body: bytes, token: str) -> Answer:
        """Send JSON, read the answer. Raises OSError where either is lost; then nobody knows what the server did."""
        try:
            self.line("request")
            answer = self._on_open_line(path, body, token)
            self.line("answer")
        except (OSError, HTTPException) as broken:
            self.hang_up()  # an answer that is still on its way must not be taken for that to the next request
            raise OSError(f"{type(broken).__name__}: {broken}") from broken
        return answer

    def hang_up(self) -> None:
        """Close the connection; the next request opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _on_open_line(self, path: str, body: bytes, token: str) -> Answer:
        """As `_exchange`, and at once a second time where a kept connection turns out to be closed: no failure yet."""
        kept = self._connection is not None
        try:
            return self._exchange(path, body, token)
        except (ConnectionError, HTTPException):
            if not kept:
                raise
            self.hang_up()
            return self._exchange(path, body, token)

    def _exchange(self, path: str, body: bytes, token: str) -> Answer:
        if self._connection is None:
            self._connection = self.server.connect()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._connection.request("POST", path, body, headers)
        with closing(self._connection.getresponse()) as response:
            content = response.read(LARGEST_ANSWER)
            kind, after = response.getheader("Content-Type", ""), response.getheader("Retry-After", "")
        code, detail = _problem(content) if kind.startswith("application/problem+json") else ("", "")
        return Answer(response.status, content, float(after) if after.isdecimal() else 0.0, code, detail)


def _problem(content: bytes) -> tuple[str, str]:
    """Code and detail of a problem document of ours, empty for any other."""
    with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        said = json.loads(content)
        if said["type"].startswith(OURS):
            return said["type"].removeprefix(OURS), str(said["detail"])
    return "", ""
