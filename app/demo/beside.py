"""The service, as everybody runs it, in a process beside the demo: alive as long as the demo is, and watched by it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from app.demo.wire import Server
from app.settings import Settings
from geo.errors import NotReady

#: Seconds that the service may take to start, and to finish what is in flight.
PATIENCE, GRACE = 90.0, 45.0


@dataclass(frozen=True)
class Service:
    """The running service: its address, and its process with what it said."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def look(self) -> None:
        """Raise NotReady, with its last words, where it has died."""
        if self.process.poll() is not None:
            raise NotReady(f"the service stopped; it said: {_last_words(self.log)}", code="demo-service")


@contextmanager
def running(settings: Settings, log: Path) -> Iterator[Service]:
    """The service for the time of the block. Raises NotReady, with what it said, where it does not start."""
    said = os.environ | {"CAKUPAN_DATABASE": settings.database, "CAKUPAN_PORT": str(settings.port)}
    with log.open("w", encoding="utf-8") as file:
        command = [sys.executable, "-P", "-m", "app.demo.beside"]
        # It reads from us and hears nothing but our end, however that comes.
        process = subprocess.Popen(command, env=said, stdin=subprocess.PIPE, stdout=file, stderr=file)  # noqa: S603 -- a fixed list of words
    try:
        yield Service(_address(process, log), process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(GRACE)


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait until the service is ready; its address."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        said = log.read_text(encoding="utf-8", errors="replace")
        if "http://" in said:
            url = "http://" + said.partition("http://")[2].split()[0]
            connection = Server.at(url).connect()
            try:
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return url
            except (OSError, HTTPException):
                pass
            finally:
                connection.close()
        time.sleep(0.1)
    raise NotReady(f"the service did not start; it said: {_last_words(log)}", code="demo-service")


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-6:]
    return " / ".join(lines) or f"nothing ({log})"


def _end_with_the_demo() -> None:
    """Stop, as on SIGTERM, when the demo's end of our standard input closes: when it has gone, killed or not."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    from app.service import serve
    from app.terminal import plain_errors

    threading.Thread(target=_end_with_the_demo, daemon=True).start()
    with plain_errors():
        serve(Settings())
