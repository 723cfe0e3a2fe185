"""The private PostGIS: a server of our own, alive exactly as long as somebody uses it.

Without `DATABASE_URL` every command that needs the database wraps itself in `running(home)`. Whoever comes first starts
the server, whoever leaves last stops it; the data stay. Users hold a shared lock on a lease file, which the kernel
drops when they are killed, so that nothing has to be cleaned up after them. While a server is in use its users also
watch it, and start it again should it be killed.

Layout of `home`: `secrets.json`; `data` and `data.*` for the durable cluster; `test-data` and `test-data.*` for one
without fsync, which tests use; `postgis` for programs unpacked without root.
"""

import fcntl
import hashlib
import os
import pwd
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url

from app import postgis
from app.home import make_home, secrets_of, user_name
from app.postgis import PORT, Binaries, EmbeddedError, Report

__all__ = ["Cluster", "EmbeddedError", "database", "running"]

_NAME = "cakupan"  # the database, and its owner
_SERVER_USERS = ("postgres", "cakupan")  # who may run the server for root, in this order
_WATCH_SECONDS = 1.0


# The server for the time of a block


@contextmanager
def running(home: Path, *, durable: bool = True, report: Report = print) -> Iterator[str]:
    """A private PostGIS for the time of the block: yields the owner's SQLAlchemy URL, the same after every start.

    Several processes may be inside at once. `durable=False` is a second cluster, without fsync, for tests. Installing,
    making and starting say so through `report`. SIGTERM and SIGHUP, where nobody handles them, end the block properly.
    Raises EmbeddedError, with the one thing to do, where there is no server to be had.
    """
    cluster = Cluster(home.expanduser().absolute(), durable, report)
    with _ended_by_signals(), cluster.lease() as url:
        yield url


def database(url: str, name: str, *, fresh: bool = False) -> str:
    """The URL of the database `name` on the server of `url`, made if there is none; `fresh` drops what it held."""
    address = make_url(url).set(drivername="postgresql", database="postgres")
    with psycopg.connect(address.render_as_string(hide_password=False), autocommit=True) as db:
        if fresh:
            db.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        if not db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Turn the signals that would end this process on the spot into SystemExit, so that the server is stopped."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    # A handler of the caller's stays. uvicorn's, for one, sends the signal again when it has finished.
    ours = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) == signal.SIG_DFL]
    with _handled(ours, leave):
        yield


@contextmanager
def _handled(numbers: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle signals otherwise for a while, in the one thread where that is possible."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(number, signal.signal(number, handler)) for number in numbers]
    try:
        yield
    finally:
        for number, old in before:
            signal.signal(number, old)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """An impatient second Ctrl-C must not leave the server behind; stopping it takes a moment."""


@dataclass(frozen=True)
class Cluster:
    """One data folder with its server. `home` is absolute."""

    home: Path
    durable: bool
    report: Report

    @property
    def data(self) -> Path:
        """The data folder; files beside it start with its name."""
        return self.home / ("data" if self.durable else "test-data")

    @property
    def token(self) -> str:
        """A word in the command line of every process of this server, where anybody may read it."""
        return f"cakupan-{hashlib.sha256(os.fsencode(self.data.resolve())).hexdigest()[:16]}"

    def beside(self, suffix: str) -> Path:
        """The file `data.<suffix>` in the home."""
        return self.data.with_name(f"{self.data.name}.{suffix}")

    @contextmanager
    def lease(self) -> Iterator[str]:
        """Use the server: start it if nobody has, stop it if nobody is left. Yields the URL."""
        make_home(self.home)
        with self.beside("lease").open("a") as lease:
            try:
                with self.alone():
                    fcntl.flock(lease, fcntl.LOCK_SH)  # cannot wait: it is taken exclusively only under `alone`
                    url = self.ensure()
                with self.watched():
                    yield url
            finally:
                with _handled([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], _ignore), self.alone():
                    self.stop_if_last(lease)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Starting and stopping happen one at a time, whichever process does it."""
        with self.beside("lock").open("a") as mutex:
            try:
                fcntl.flock(mutex, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.report("PostGIS: waiting for another command that is starting or stopping it")
                fcntl.flock(mutex, fcntl.LOCK_EX)
            yield

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Start the server again should it be killed while it is in use."""
        left = threading.Event()

        def watch() -> None:
            while not left.wait(_WATCH_SECONDS):
                try:
                    self.mend()
                except (EmbeddedError, OSError, psycopg.Error) as cause:
                    self.report(f"PostGIS: {cause}")
                    left.wait(10 * _WATCH_SECONDS)

        thread = threading.Thread(target=watch, name="cakupan-postgis", daemon=True)
        thread.start()
        try:
            yield
        finally:
            left.set()
            thread.join()

    def mend(self) -> None:
        """Start the server if it is gone."""
        if not self.up():
            with self.alone():
                if not self.up():  # another user of it may have been quicker
                    self.report("PostGIS: the server was killed; starting it again")
                    self.ensure()

    def ensure(self) -> str:
        """The URL of the running server, which is made and started where it must be. Call it under `alone`."""
        self.refuse_foreign_data()
        for _attempt in range(3):  # it may be killed under our hands
            if not self.up():
                binaries = self.binaries()
                self.stop()  # orphans of a killed server, or one that nobody can reach
                if not self.data.exists():
                    self.create(binaries)
                self.start(binaries)
            if url := self.reach():
                return url
        raise EmbeddedError(f"PostgreSQL stops again and again on {self.data}. It said:\n{self.said()}")

    # Whose data, and which server fits them

    def refuse_foreign_data(self) -> None:
        """Stop before touching a folder that is not ours or not a cluster."""
        if not self.data.exists():
            return
        owner = self.data.stat().st_uid
        if os.geteuid() != owner and (os.geteuid() != 0 or user_name(owner) not in _SERVER_USERS):
            name = user_name(owner)
            raise EmbeddedError(f"{self.data} belongs to {name}: run as {name}, or set CAKUPAN_HOME to another folder.")
        if owner == 0:
            raise EmbeddedError(f"{self.data} belongs to root, as which PostgreSQL does not run: set CAKUPAN_HOME.")
        if not (self.data / "PG_VERSION").is_file():
            raise EmbeddedError(f"{self.data} is not a PostgreSQL data folder: move it away, or set CAKUPAN_HOME.")
        if not (self.home / "secrets.json").is_file():
            raise EmbeddedError(f"{self.home}/secrets.json is gone, and {self.data} needs its password: put it back.")

    def binaries(self) -> Binaries:
        """The server's programs, of the major version that wrote the data; installed if missing."""
        if not self.data.exists():
            return postgis.provide(self.home, None, self.report)
        wrote = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        major = int(wrote) if wrote.isdigit() else 0
        try:
            return postgis.provide(self.home, major, self.report)
        except EmbeddedError as cause:
            raise EmbeddedError(
                f"{self.data} was written by PostgreSQL {wrote}, which cannot be had here; nothing was touched. "
                f"Install postgresql-{wrote}-postgis-3, or restore a backup into a new CAKUPAN_HOME.\n({cause})"
            ) from None

    def user(self) -> pwd.struct_passwd:
        """Who runs the server: this user, or for root the owner of the data, `postgres`, or a user made for it."""
        try:
            if os.geteuid() != 0:
                return pwd.getpwuid(os.geteuid())
            if self.data.exists():
                return pwd.getpwuid(self.data.stat().st_uid)
        except KeyError as cause:
            raise EmbeddedError(f"PostgreSQL runs only as a user listed in /etc/passwd: add one ({cause}).") from None
        for name in _SERVER_USERS:
            with suppress(KeyError):
                return pwd.getpwnam(name)
        self.report(f"PostGIS: making the system user {_NAME}, since PostgreSQL does not run as root")
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _NAME]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)  # noqa: S603 -- a fixed list of words
        return pwd.getpwnam(_NAME)

    # Making, starting, stopping

    def create(self, binaries: Binaries) -> None:
        """Make the data folder, which appears only when complete."""
        self.report(f"PostGIS: making the data folder {self.data}")
        user = self.user()
        self.refuse_closed_home(binaries, user)
        draft = self.beside("new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        os.chown(draft, user.pw_uid, user.pw_gid)
        with tempfile.NamedTemporaryFile("w", dir=self.home, prefix=".password.") as password:
            password.write(secrets_of(self.home).owner)
            password.flush()
            os.fchown(password.fileno(), user.pw_uid, user.pw_gid)
            words = ["initdb", f"--pgdata={draft}", f"--username={_NAME}", f"--pwfile={password.name}"]
            words += ["--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8"]
            words += [] if self.durable else ["--no-sync"]
            code = binaries.run(words, self.home, user, self.beside("said"))
        if code != 0:
            raise EmbeddedError(f"PostgreSQL could not make {self.data}; free space or rights? It said:\n{self.said()}")
        draft.rename(self.data)

    def start(self, binaries: Binaries) -> None:
        """Start the server on its data, repairing what a kill left behind."""
        user = self.user()
        self.refuse_closed_home(binaries, user)
        folder = self.socket_folder(user)
        for left in folder.iterdir():  # nobody is alive whose they could be, whatever their numbers say
            left.unlink()
        with suppress(FileNotFoundError):
            stale = (self.data / "postmaster.pid").read_text(encoding="utf-8").partition("\n")[0]
            if Path("/proc", stale).exists():  # a zombie, or a stranger to whom the number was given since
                (self.data / "postmaster.pid").unlink()
        settings = self.beside("conf")
        settings.write_text(postgis.configuration(folder, self.durable), encoding="utf-8")
        settings.chmod(0o644)
        options = shlex.join(["-c", f"config_file={settings}", "-c", f"cluster_name={self.token}"])
        words = ["pg_ctl", "start", f"--pgdata={self.data}", "--wait", "--timeout=30", f"--options={options}"]
        binaries.run(words, self.home, user, self.beside("said"))
        if self.postmaster() is None:
            raise EmbeddedError(f"PostgreSQL did not start on {self.data}. It said:\n{self.said()}")

    def reach(self) -> str | None:
        """Wait until the server answers, make the database if there is none, and give its URL; None if it dies."""
        folder = str(self.socket().parent)
        password = secrets_of(self.home).owner
        address = make_conninfo(host=folder, port=PORT, user=_NAME, password=password, dbname="postgres")
        asked = time.monotonic()
        while True:
            try:
                with psycopg.connect(address, connect_timeout=10, autocommit=True) as db:
                    if not db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_NAME]).fetchone():
                        db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_NAME)))
                break
            except psycopg.OperationalError as cause:
                if "password authentication failed" in str(cause):
                    raise EmbeddedError(
                        f"{self.home}/secrets.json does not fit {self.data}: put back the one made with it."
                    ) from None
                if self.postmaster() is None:
                    return None
            if time.monotonic() - asked > 10:
                self.report("PostGIS: still reading its journal after a hard stop; this can take minutes")
                asked = time.monotonic()
            time.sleep(0.1)
        return f"postgresql+psycopg://{_NAME}:{password}@/{_NAME}?host={quote(folder, safe='')}&port={PORT}"

    def stop_if_last(self, lease: IO[str]) -> None:
        """Give back the lease; the last one to do so stops the server. Call it under `alone`."""
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        self.stop()
        with suppress(OSError):
            self.socket().parent.rmdir()

    def stop(self) -> None:
        """End every process of this server: politely, and after a while at once. Committed data are safe either way."""
        if (server := self.postmaster()) is not None:
            self.end([server], signal.SIGINT, 60)  # "fast": roll back, write a checkpoint, go
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL):
            if pids := self.processes():
                self.end(pids, number, 5)

    def end(self, pids: list[int], number: signal.Signals, seconds: float) -> None:
        """Send a signal, and wait until no process of the server is left, or for some seconds."""
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        end = time.monotonic() + seconds
        while self.processes() and time.monotonic() < end:
            time.sleep(0.02)

    def said(self) -> str:
        """The last words of the program that ran last, and of the server's log."""
        logs = sorted((self.data / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)
        lines: list[str] = []
        for path in [self.beside("said"), *logs[-1:]]:
            lines += path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        return "\n".join(f"  {line}" for line in lines)

    # Looking

    def postmaster(self) -> int | None:
        """The pid of the server, if it is alive; a zombie or a stranger with its number is not."""
        try:
            first = (self.data / "postmaster.pid").read_text(encoding="utf-8").partition("\n")[0]
            words = Path("/proc", first, "cmdline").read_bytes()
        except OSError:
            return None
        return int(first) if self.token.encode() in words else None

    def processes(self) -> list[int]:
        """The pids of the server and its children, orphans included."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                # The second word of the command line tells the server from a search for it by somebody else.
                words = (entry / "cmdline").read_bytes()
                if self.token.encode() in words and b"postgres" in words.partition(b"\0")[0]:
                    found.append(int(entry.name))
        return found

    def up(self) -> bool:
        """Whether the server lives and its socket is still there (a cleaner of /tmp may have taken it)."""
        return self.postmaster() is not None and self.socket().exists()

    def socket(self) -> Path:
        """The socket's path, as recorded when the server was first started."""
        with suppress(FileNotFoundError):
            return Path(self.beside("socket").read_text(encoding="utf-8")) / f".s.PGSQL.{PORT}"
        return self.home / "no-socket-yet" / "socket"

    def socket_folder(self, user: pwd.struct_passwd) -> Path:
        """A short private folder for the socket: the recorded one while it is ours, so that the URL stays the same.

        The kernel limits socket paths to 107 bytes. In /tmp anybody may take a name first: a folder counts only if the
        server's user owns it alone.
        """
        folder = self.socket().parent
        with suppress(OSError):
            if folder.parent != self.home:
                if not os.path.lexists(folder):
                    folder.mkdir(mode=0o700)
                    os.chown(folder, user.pw_uid, user.pw_gid)
                seen = folder.lstat()
                if stat.S_ISDIR(seen.st_mode) and seen.st_uid == user.pw_uid and not seen.st_mode & 0o077:
                    return folder
        places = ["/run", "/tmp", "/var/tmp"] if os.geteuid() == 0 else ["/tmp", "/var/tmp"]  # noqa: S108 -- checked above
        place = next((p for p in places if os.access(p, os.W_OK | os.X_OK)), None)
        if place is None:
            raise EmbeddedError(
                "Neither /tmp nor /var/tmp can be written: the server needs one of them for its socket."
            )
        folder = Path(tempfile.mkdtemp(prefix="cakupan-", dir=place))
        os.chown(folder, user.pw_uid, user.pw_gid)
        self.beside("socket").write_text(str(folder), encoding="utf-8")
        return folder

    def refuse_closed_home(self, binaries: Binaries, user: pwd.struct_passwd) -> None:
        """As root: stop if the server's user may not enter the home or its programs."""
        if os.geteuid() != 0:
            return
        for folder in (self.home, binaries.folder):
            test = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
            done = subprocess.run(  # noqa: S603 -- a fixed list of words
                test, user=user.pw_uid, group=user.pw_gid, extra_groups=[], capture_output=True, check=False
            )
            if done.returncode != 0:
                raise EmbeddedError(
                    f"The server runs as {user.pw_name}, who may not enter {folder}: set CAKUPAN_HOME to a folder "
                    "open to others, such as /var/lib/cakupan."
                )
