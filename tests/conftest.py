"""Real PostgreSQL for every test that needs one: a migrated template, cloned for each file of tests."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
import uvicorn
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import create_engine, make_url, text

import migrations
from app import embedded, home
from app.database import Database, Logins
from app.main import create_app
from app.service import Server
from app.settings import Settings, default_home
from geo.ground.areas import Ground, load_ground
from geo.trust import accounts, credentials
from geo.trust.grants import Grant
from tests import world

REPOSITORY = Path(__file__).parent.parent
#: Loaded once; every client would load them anew, though none of them speaks TLS.
CERTIFICATES = ssl.create_default_context()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout."""
    found = Path(os.environ.get("CAKUPAN_SHARED", REPOSITORY.parent / "shared")) / "data"
    if not found.is_dir():
        pytest.skip("real data are not here: set CAKUPAN_SHARED to the folder that holds data/")
    return found


@pytest.fixture(scope="session", autouse=True)
def real_hasher() -> Iterator[PasswordHash]:
    """How passwords are really hashed: in a quarter of a second, on purpose; in all other tests in no time."""
    real = accounts._hasher
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_hasher", PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),)))
        yield real


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings that read neither the environment's secrets nor a .env file."""
    return Settings(
        _env_file=None,
        home=Path(os.environ.get("CAKUPAN_HOME") or default_home()),
        database_url=None,
        fold_seconds=0.05,
        tile_disk_mb=0,  # what one test built another must build itself
    )


@pytest.fixture(scope="session")
def cluster(settings: Settings) -> Iterator[str]:
    """The owner's address of a server without fsync, kept in the same home as the private one."""
    with embedded.running(settings.home, durable=False) as url:
        in_memory(url)
        yield url


@pytest.fixture(scope="session")
def passwords(settings: Settings) -> dict[str, str]:
    kept = home.secrets_of(settings.home)
    return {"worker": kept.worker, "internal": kept.internal, "release": kept.release}


@contextlib.contextmanager
def alone(url: str) -> Iterator[None]:
    """One process of the tests at a time on the server at `url`."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(hashtext('cakupan-tests'))"))  # until the connection ends
        yield
    engine.dispose()


@pytest.fixture(scope="session")
def migrated(cluster: str, passwords: dict[str, str]) -> Iterator[str]:
    """Name of a migrated database that holds nothing; nobody is connected to it."""
    name = f"t_{hashlib.sha256(f'{os.getpid()}{time.time()}'.encode()).hexdigest()[:12]}"
    with database_on(cluster, name) as address:
        with alone(cluster):  # logins belong to the server: two that set their passwords at once, one fails
            migrations.upgrade(address, passwords)
        closed(cluster, name)
        yield name


@pytest.fixture(scope="session")
def template(cluster: str, migrated: str, passwords: dict[str, str]) -> Iterator[str]:
    """Name of a migrated database that holds the tiny world; nobody is connected to it."""
    with database_on(cluster, f"{migrated}_world", migrated) as address:
        asyncio.run(_build(logins_of(address, passwords)))
        closed(cluster, f"{migrated}_world")
        yield f"{migrated}_world"


def closed(url: str, name: str) -> None:
    """Let nobody into a template, autovacuum neither: it could not be cloned while anybody is in it."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
    engine.dispose()


async def _build(logins: Logins) -> None:
    db = Database(logins, 1)
    async with db.worker.begin() as connection:
        await world.build(connection)
    await db.close()


def named(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def logins_of(owner: str, passwords: dict[str, str]) -> Logins:
    url = make_url(owner)
    addresses = {
        tier: url.set(username=migrations.LOGINS[tier], password=word).render_as_string(hide_password=False)
        for tier, word in passwords.items()
    }
    return Logins(owner, **addresses)


#: Databases of tests lie in memory where there is so much: to copy one is to write nine hundred files.
MEMORY, ROOM = Path("/dev/shm"), 3 * 2**30  # noqa: S108  # the server makes a folder of its own there, for itself alone
SPACE = "cakupan_memory"

#: Whether that folder is there: it is not before it is made, nor after the machine was started anew.
SPACE_IS_THERE = f"""
SELECT EXISTS (SELECT FROM pg_tablespace t, LATERAL pg_ls_dir(pg_tablespace_location(t.oid), true, false)
               WHERE spcname = '{SPACE}')"""


def in_memory(url: str) -> None:
    """Keep databases of tests in memory from now on, where there is room: they go when they are dropped."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM or memory_left() < 2 * ROOM:
        return
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"SELECT pg_advisory_lock(hashtext('{SPACE}'))"))  # until the connection ends
        if not connection.scalar(text(SPACE_IS_THERE)):
            folder = f"{MEMORY}/cakupan-{connection.scalar(text('SELECT system_identifier FROM pg_control_system()'))}"
            connection.execute(text(f"DROP TABLESPACE IF EXISTS {SPACE}"))
            connection.execute(text(f"COPY (SELECT 1) TO PROGRAM 'mkdir -p -m 700 {folder}; cat > /dev/null'"))
            connection.execute(text(f"CREATE TABLESPACE {SPACE} LOCATION '{folder}'"))
    engine.dispose()


def memory_left() -> int:
    """Bytes that nobody needs."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


@contextlib.contextmanager
def database_on(url: str, name: str, template: str | None = None) -> Iterator[str]:
    """A database for the time of the block."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    like = f" TEMPLATE {template} STRATEGY file_copy" if template else ""
    try:
        with engine.connect() as connection:
            space = f" TABLESPACE {SPACE}" if connection.scalar(text(SPACE_IS_THERE)) else ""
            connection.execute(text(f"CREATE DATABASE {name}{like}{space}"))
        yield named(url, name)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        engine.dispose()


@pytest.fixture(scope="module")
def database(cluster: str, template: str, passwords: dict[str, str]) -> Iterator[Logins]:
    """A fresh copy of the tiny world for this file."""
    with database_on(cluster, f"t_{uuid4().hex[:12]}", template) as owner:
        yield logins_of(owner, passwords)


@pytest.fixture(scope="module")
def empty_database(cluster: str, migrated: str, passwords: dict[str, str]) -> Iterator[Logins]:
    """A fresh migrated database for this file, without areas and without a campaign."""
    with database_on(cluster, f"t_{uuid4().hex[:12]}", migrated) as owner:
        yield logins_of(owner, passwords)


@pytest.fixture
def fresh_database(cluster: str, template: str, passwords: dict[str, str]) -> Iterator[Logins]:
    """A fresh copy of the tiny world for this test."""
    with database_on(cluster, f"t_{uuid4().hex[:12]}", template) as owner:
        yield logins_of(owner, passwords)


@pytest.fixture
async def db(fresh_database: Logins) -> AsyncIterator[Database]:
    """Pools over a fresh copy of the tiny world."""
    found = Database(fresh_database, 4)
    yield found
    await found.close()


@pytest.fixture
async def ground(db: Database) -> Ground:
    """What intake knows of the tiny world."""
    async with db.worker.begin() as connection:
        return await load_ground(connection)


@dataclass(frozen=True)
class Service:
    """A running service over a fresh copy of the tiny world, and how to log in there."""

    url: str
    logins: Logins
    tokens: dict[str, str]
    password: str

    def client(self, who: str | None = "admin") -> httpx2.Client:
        """An HTTP client with the token of an account: admin, coordinator, supervisor (first village), enumerator."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=20, verify=CERTIFICATES)

    def send(self, *submissions: dict[str, object], who: str = "admin") -> httpx2.Response:
        """Post submissions as JSON."""
        with self.client(who) as client:
            return client.post("/v1/submissions", json={"submissions": list(submissions)})


@contextlib.contextmanager
def serving(settings: Settings, logins: Logins, *, may_lose: bool = True) -> Iterator[str]:
    """A service in a thread of this process; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    app = create_app(settings, logins, may_lose=may_lose)
    server = Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=3), app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    limit = time.monotonic() + 20
    while not server.started and thread.is_alive() and time.monotonic() < limit:
        time.sleep(0.02)
    assert server.started, "the service did not start"
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
        assert not thread.is_alive(), "the service did not stop"


PASSWORD = "simulasi-saja-22"
ACCOUNTS = {
    "admin": ("admin", None),
    "coordinator": ("coordinator", ("district", "6472030")),
    "supervisor": ("supervisor", ("village", world.VILLAGES[0])),
    "enumerator": ("enumerator", ("block", world.BLOCKS[0].code)),
    "local_government": ("local_government", ("regency", "6472")),
}


def granted(role: str, area: tuple[str, str] | None) -> Grant:
    """A grant of a role on an area (level, code); a local government's is under an agreement."""
    if role != "local_government":
        return Grant(role, area)
    until = datetime.now(UTC) + timedelta(days=30)
    return Grant(role, area, expires_at=until, purpose="tests", agreement="T/1")


async def people(logins: Logins) -> dict[str, str]:
    """Make an account for each role; their tokens."""
    db = Database(logins, 1)
    tokens = {}
    async with db.worker.begin() as connection:
        for name, (role, area) in ACCOUNTS.items():
            made = await accounts.create(connection, name, granted(role, area), PASSWORD)
            tokens[name] = await credentials.issue(connection, made, "token", "test", None)
    await db.close()
    return tokens


@pytest.fixture(scope="module")
def service(settings: Settings, database: Logins) -> Iterator[Service]:
    """A running service for this file, with one account for each role."""
    tokens = asyncio.run(people(database))
    with serving(settings, database) as url:
        yield Service(url, database, tokens, PASSWORD)


@pytest.fixture
def fresh_service(settings: Settings, fresh_database: Logins) -> Iterator[Service]:
    """A running service for this test."""
    tokens = asyncio.run(people(fresh_database))
    with serving(settings, fresh_database) as url:
        yield Service(url, fresh_database, tokens, PASSWORD)
