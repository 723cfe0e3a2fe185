"""Where the faults happen: a durable private cluster in a home of its own, databases on it, the service as a child.

Ends only processes that it found or started in that home, and leaves neither processes nor sockets nor folders behind.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

import migrations
from app import embedded
from app.database import Database, Logins
from app.embedded import Cluster
from app.home import secrets_of
from tests import world
from tests.conftest import closed, logins_of, named, people
from tests.faults import starter

#: Seconds within which a service, or a killed server, is back.
BACK = 60.0


def silent(_line: str) -> None:
    """Nobody listens to what the cluster reports."""


@dataclass
class Stage:
    """A durable cluster with a template that holds the tiny world and its accounts."""

    home: Path
    owner: str
    template: str = ""
    empty: str = ""
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def passwords(self) -> dict[str, str]:
        kept = secrets_of(self.home)
        return {"worker": kept.worker, "internal": kept.internal, "release": kept.release}

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.home, True, silent)

    @contextlib.contextmanager
    def world(self) -> Iterator[Logins]:
        """A fresh copy of the tiny world."""
        self.until_up()
        with database_on(self.owner, f"t_{uuid4().hex[:12]}", self.template) as address:
            try:
                yield logins_of(address, self.passwords)
            finally:
                self.until_up()

    def kill_postgres(self) -> None:
        """kill -9 of the postmaster. Whoever uses the cluster starts it again."""
        pid = self.cluster.postmaster()
        assert pid is not None, "there is no server to kill"
        os.kill(pid, signal.SIGKILL)

    def kill_backend(self, database: str) -> bool:
        """kill -9 of one server process that works for the service in this database; False where none did."""
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(plain(self.owner)) as db:
            found = db.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = %s AND usename = %s AND state <> 'idle'",
                [database, migrations.LOGINS["worker"]],
            ).fetchone()
            if found and found[0] in self.cluster.processes():
                os.kill(found[0], signal.SIGKILL)
                return True
        return False

    def until_up(self) -> None:
        """Wait until the server answers again."""
        end = time.monotonic() + BACK
        while True:
            try:
                with psycopg.connect(plain(self.owner), connect_timeout=5):
                    return
            except psycopg.OperationalError:
                assert time.monotonic() < end, "the server was not started again"
                time.sleep(0.1)


def plain(url: str) -> str:
    """An address as psycopg takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextlib.contextmanager
def database_on(owner: str, name: str, like: str = "") -> Iterator[str]:
    """A database for the time of the block. Keeps no connection, for the server may be killed in between."""

    def say(statement: str) -> None:
        with psycopg.connect(plain(owner), autocommit=True) as db:
            db.execute(statement.encode())

    say(f"CREATE DATABASE {name}" + (f" TEMPLATE {like} STRATEGY file_copy" if like else ""))
    try:
        yield named(owner, name)
    finally:
        say(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextlib.contextmanager
def home_of_its_own(programs: Path, place: Path | None = None) -> Iterator[Path]:
    """A folder that the server's user may enter; its programs are taken from `programs` where they were fetched."""
    folder = Path(tempfile.mkdtemp(prefix="cakupan-faults-", dir=place))
    folder.chmod(0o711)
    if (programs / "postgis").is_dir():
        (folder / "postgis").symlink_to(programs / "postgis")
    try:
        yield folder
    finally:
        cluster = Cluster(folder, True, silent)
        if cluster.processes():  # only where a test failed
            cluster.stop()
        shutil.rmtree(cluster.socket().parent, ignore_errors=True)
        shutil.rmtree(folder)


@contextlib.contextmanager
def staged(programs: Path, place: Path | None = None) -> Iterator[Stage]:
    """A stage for the time of the block, in a folder made in `place`."""
    starter.warm()
    with home_of_its_own(programs, place) as home, embedded.running(home, report=silent) as owner:
        stage = Stage(home, owner)
        with database_on(owner, "t_empty") as bare:
            migrations.upgrade(bare, stage.passwords)
            closed(owner, "t_empty")
            with database_on(owner, "t_world", "t_empty") as address:
                logins = logins_of(address, stage.passwords)
                asyncio.run(_build(logins))
                stage.tokens = asyncio.run(people(logins))
                closed(owner, "t_world")
                stage.template, stage.empty = "t_world", "t_empty"
                yield stage
                stage.until_up()


async def _build(logins: Logins) -> None:
    db = Database(logins, 1)
    async with db.worker.begin() as connection:
        await world.build(connection)
    await db.close()


class Service:
    """The service as a process of its own, started and killed as often as one likes."""

    def __init__(self, home: Path, database: str, said: Path) -> None:
        self._home, self._database, self._said = home, database, said
        self._process: ForkServerProcess | None = None
        self._port: int | None = None
        self.kills = 0

    def port(self) -> int | None:
        """Where it listens; None while it is down."""
        return self._port

    @property
    def said(self) -> str:
        return self._said.read_text(errors="replace") if self._said.exists() else ""

    def start(self, *, stop_at: str = "", sabotage: str = "", fold_seconds: float = 0.05) -> None:
        """Start it and wait until it is ready. Raises AssertionError where it does not get there."""
        begun = len(self.said)
        settings = {"home": self._home, "database": self._database, "port": 0, "fold_seconds": fold_seconds}
        self._process = starter.child(starter.serve, self._said, settings, stop_at, sabotage)
        end = time.monotonic() + BACK
        while time.monotonic() < end:
            alive = self._process.is_alive()
            said = self.said[begun:]
            found = re.search(r"http://127\.0\.0\.1:(\d+)", said)
            early = stop_at and self._process.exitcode == -signal.SIGKILL  # it came to its point before we looked
            assert alive or early, f"the service stopped:\n{said}"
            if found and (early or ready(int(found[1]))):
                self._port = int(found[1])
                return
            time.sleep(0.02)
        raise AssertionError(f"the service is not ready:\n{self.said[begun:]}")

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self._process is not None
        self._process.kill()
        self.wait()

    def hold(self) -> None:
        """Let it stand still, with all it holds: locks, connections, the fold. It answers nobody."""
        self._signal(signal.SIGSTOP)

    def let_go(self) -> None:
        """Let it go on where it stood still."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def wait(self) -> None:
        """Wait until it is gone, by a kill of its own or ours. Raises AssertionError where it left any other way."""
        assert self._process is not None
        self._process.join(BACK)
        self._port = None
        code = self._process.exitcode
        assert code == -signal.SIGKILL, f"it ended with {code}:\n{self.said[-2000:]}"
        self.kills += 1

    def stop(self) -> None:
        """End it politely if it runs."""
        self._port = None
        if self._process is not None and self._process.is_alive():
            self.let_go()
            self._process.terminate()
            self._process.join(45)
            self._process.kill()
            self._process.join(BACK)


def ready(port: int) -> bool:
    """Whether the service there says that uploads would be kept."""
    line = HTTPConnection("127.0.0.1", port, timeout=6)
    try:
        line.request("GET", "/readyz")
        return line.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        line.close()
