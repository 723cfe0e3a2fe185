"""What the tests of devices share: rows, an account of where they are, and a server that says what it is told to."""

import hashlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from app.demo.device import Device
from app.demo.wire import Server
from tests.world import BLOCKS, submission

Reply = Callable[[bytes], tuple[int, dict[str, str], bytes]]


def rows(count: int, first: int = 0, **changes: object) -> list[dict[str, Any]]:
    return [submission(n, BLOCKS[n % 3], 1, **changes) for n in range(first, first + count)]


def ids(submissions: list[dict[str, Any]]) -> set[str]:
    return {str(s["submission_id"]) for s in submissions}


def accounted(device: Device, recorded: list[dict[str, Any]], kept: list[str]) -> None:
    """Every recorded submission is stored, held or waiting; none else is, and none twice."""
    held = [h.submission_id for h in device.held]
    assert ids(recorded) == set(kept) | set(held) | set(device.waiting)
    for once in (kept, held, device.waiting):
        assert len(once) == len(set(once))
    assert device.queued == len(device.waiting)


class Pretender:
    """A server that says what it is told to, one reply a request, the last one for ever."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        pretender = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                pretender.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                pretender.bodies.append(body)
                reply = pretender.replies.pop(0) if len(pretender.replies) > 1 else pretender.replies[0]
                status, headers, content = reply(body)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(content))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                # as a proxy does that forgets idle connections, or a cell that hands over: closed without a word
                self.close_connection = "X-Last-Words" in headers or int(headers.get("Content-Length", 0)) > 0

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))

    @property
    def address(self) -> Server:
        return Server("127.0.0.1", self.server.server_port, timeout=5)


def receipts(body: bytes, **changes: Any) -> tuple[int, dict[str, str], bytes]:
    """What the service would say: everything stored."""
    named = [
        {"row": n, "submission_id": row["submission_id"], "status": "stored", "reason": None, "detail": None}
        for n, row in enumerate(json.loads(body)["submissions"])
    ]
    said = {"body_sha256": hashlib.sha256(body).hexdigest(), "results": named} | changes
    return 201, {"Content-Type": "application/json"}, json.dumps(said).encode()


def problem(status: int, code: str, **headers: str) -> Reply:
    said = {"type": f"urn:cakupan:problem:{code}", "title": "?", "status": status, "detail": "no"}
    return lambda _: (status, {"Content-Type": "application/problem+json"} | headers, json.dumps(said).encode())


def page(status: int, **headers: str) -> Reply:
    return lambda _: (status, {"Content-Type": "text/html"} | headers, b"<html>Welcome to Warkop Wi-Fi. Log in!</html>")
