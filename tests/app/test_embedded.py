"""The private PostGIS on real clusters: kills, strangers' folders, several users at once."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from app import postgis
from app.embedded import Cluster, EmbeddedError, running
from app.home import secrets_of

ROOT = Path(__file__).resolve().parents[2]

HOLDER = """
import sys
from pathlib import Path
from app.embedded import running
with running(Path(sys.argv[1]), durable=False, report=lambda text: None) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the server's user may enter when root runs the tests (pytest's own are closed to it)."""
    folder = Path(tempfile.mkdtemp(prefix="cakupan-test-"))
    folder.chmod(0o711)
    yield folder
    for durable in (True, False):
        cluster = Cluster(folder, durable, silent)
        if cluster.processes():  # only where a test failed
            cluster.stop()
        shutil.rmtree(cluster.socket().parent, ignore_errors=True)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def pattern() -> Iterator[Path]:
    """A home with a stopped cluster for tests, to be copied: that is quicker than making one."""
    folder = Path(tempfile.mkdtemp(prefix="cakupan-test-"))
    folder.chmod(0o711)
    with running(folder, durable=False, report=silent):
        pass
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def made(home: Path, pattern: Path) -> Path:
    """A home of one's own with a stopped cluster for tests."""
    subprocess.run(["cp", "-a", pattern / "secrets.json", pattern / "test-data", home], check=True)
    return home


def silent(_text: str) -> None:
    pass


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as db:
        answer = db.execute(statement.encode())
        row = answer.fetchone() if answer.description else None
    return row[0] if row else None


def hold(home: Path) -> tuple[subprocess.Popen[str], str]:
    """A process that uses the server until its input ends, and the URL it was given."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # whoever runs the tests may have had signals ignored, as nohup does, and children inherit that
        preexec_fn=lambda: [signal.signal(s, signal.SIG_DFL) for s in (signal.SIGHUP, signal.SIGINT)],  # noqa: PLW1509  # no threads here
    )
    assert process.stdout
    return process, process.stdout.readline().strip()


def end(process: subprocess.Popen[str], number: signal.Signals | None = None) -> int:
    if number is not None:
        process.send_signal(number)
        process.wait(60)
    process.communicate(timeout=60)
    return process.returncode


def seen(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Everything below a folder with its times, sizes and owners."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        fact = path.lstat()
        found[str(path)] = (fact.st_mtime_ns, fact.st_size, fact.st_uid)
    return found


def pid_of(home: Path) -> int:
    pid = Cluster(home, False, silent).postmaster()
    assert pid is not None
    return pid


# Secrets


def test_secrets_are_made_once_and_only_their_owner_reads_them(home: Path) -> None:
    first = secrets_of(home)
    path = home / "secrets.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert secrets_of(home) == first
    words = [first.owner, first.worker, first.internal, first.release, first.session]
    assert len(set(words)) == 5
    assert all(len(word) >= 43 for word in words)
    assert first.owner not in repr(first)


def test_secrets_made_by_many_at_once_are_the_same(home: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(lambda _: secrets_of(home), range(32)))
    assert len(made) == 1
    assert [path.name for path in home.iterdir()] == ["secrets.json"]


def test_secrets_open_to_others_are_closed_again(home: Path) -> None:
    secrets_of(home)
    (home / "secrets.json").chmod(0o644)
    secrets_of(home)
    assert (home / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_damaged_secrets_say_what_to_do(home: Path) -> None:
    (home / "secrets.json").write_text("{}")
    with pytest.raises(EmbeddedError, match=r"put back the copy"):
        secrets_of(home)


# The usual course


def test_it_serves_postgis_and_leaves_nothing_running(home: Path) -> None:
    with running(home, report=silent) as url:
        assert url.startswith("postgresql+psycopg://cakupan:")
        ask(url, "CREATE EXTENSION postgis")
        ask(url, "CREATE TABLE kept AS SELECT 7 AS n")
        point = "ST_SetSRID(ST_Point(106.8, -6.2), 4326)"
        assert ask(url, f"SELECT ST_AsText(ST_Transform({point}, 32748), 0)") == "POINT(699163 9314349)"
        drawn = f"ST_AsMVTGeom(ST_Transform({point}, 3857), ST_TileEnvelope(8, 203, 132))"
        assert ask(url, f"SELECT length(ST_AsMVT(q, 'l')) FROM (SELECT 1 AS id, {drawn} AS g) q")
        for name, value in {
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "data_checksums": "on",
            "listen_addresses": "",
            "server_encoding": "UTF8",
            "password_encryption": "scram-sha-256",
            "jit": "off",
        }.items():
            assert ask(url, f"SHOW {name}") == value
        assert ask(url, "SELECT datcollate FROM pg_database WHERE datname = 'cakupan'") == "C.UTF-8"
        wrong = url.replace(secrets_of(home).owner, "wrong")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            ask(wrong, "SELECT 1")
    cluster = Cluster(home, True, silent)
    assert cluster.processes() == []
    assert not cluster.socket().parent.exists()
    assert (home / "data").stat().st_mode & 0o777 == 0o700

    begun = time.monotonic()
    with running(home, report=silent) as again:
        assert time.monotonic() - begun < 10
        assert again == url
        assert ask(url, "SELECT n FROM kept") == 7


def test_two_starts_at_once_share_one_server_and_the_last_to_leave_stops_it(home: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        users = list(pool.map(lambda _: hold(home), range(3)))
    assert len({url for _, url in users}) == 1
    assert ask(users[0][1], "SHOW fsync") == "off"
    server = pid_of(home)
    for process, url in users[:2]:
        assert end(process) == 0
        assert ask(url, "SELECT 1") == 1
    assert pid_of(home) == server
    assert end(users[2][0]) == 0
    assert Cluster(home, False, silent).processes() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_command_stops_the_server(made: Path, number: signal.Signals) -> None:
    process, url = hold(made)
    assert ask(url, "SELECT 1") == 1
    assert end(process, number) != 0
    assert Cluster(made, False, silent).processes() == []


def test_a_long_path_with_a_space_in_it(home: Path) -> None:
    deep = home / ("long name " * 8) / ("x" * 120)
    with running(deep, durable=False, report=silent) as url:
        assert ask(url, "SHOW data_directory") == str(deep / "test-data")
    shutil.rmtree(Cluster(deep, False, silent).socket().parent, ignore_errors=True)


# After kills


def test_a_server_left_by_a_killed_user_is_used_and_stopped_by_the_next(made: Path) -> None:
    process, url = hold(made)
    left = pid_of(made)
    end(process, signal.SIGKILL)
    assert pid_of(made) == left
    with running(made, durable=False, report=silent) as again:
        assert again == url
        assert pid_of(made) == left
    assert Cluster(made, False, silent).processes() == []


def test_a_server_killed_in_use_comes_back_with_what_was_committed(made: Path) -> None:
    (made / "test-data").rename(made / "data")
    told: list[str] = []
    with running(made, report=told.append) as url:
        ask(url, "CREATE TABLE kept AS SELECT 7 AS n")
        killed = Cluster(made, True, silent).postmaster()
        assert killed
        os.kill(killed, signal.SIGKILL)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                assert ask(url, "SELECT n FROM kept") == 7
                break
            except psycopg.OperationalError:
                time.sleep(0.1)
        assert Cluster(made, True, silent).postmaster() not in {None, killed}
    assert "PostGIS: the server was killed; starting it again" in told
    assert Cluster(made, True, silent).processes() == []


def test_busy_orphans_of_a_killed_server_do_not_block_the_next_start(made: Path) -> None:
    process, url = hold(made)
    ask(url, "CREATE TABLE kept AS SELECT 7 AS n")
    ask(url, "CHECKPOINT")  # the server for tests has no fsync, but this is no power cut

    def stay_busy() -> None:
        with pytest.raises(psycopg.OperationalError):
            ask(url, "SELECT count(*) FROM generate_series(1, 1000000000) a WHERE a % 7 = 8")

    busy = threading.Thread(target=stay_busy)
    busy.start()
    while not ask(
        url, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%a % 7 = 8' AND pid <> pg_backend_pid()"
    ):
        time.sleep(0.05)
    killed = pid_of(made)
    process.kill()
    process.communicate()
    os.kill(killed, signal.SIGKILL)
    with running(made, durable=False, report=silent):
        assert ask(url, "SELECT n FROM kept") == 7
        busy.join(30)
        assert not busy.is_alive()
    assert Cluster(made, False, silent).processes() == []


def test_a_pid_given_to_a_stranger_is_not_the_server(made: Path) -> None:
    with running(made, durable=False, report=silent):
        stale = (made / "test-data" / "postmaster.pid").read_text()
    lock = made / "test-data" / "postmaster.pid"
    lock.write_text("\n".join([str(os.getpid()), *stale.splitlines()[1:], ""]))
    owner = (made / "test-data").stat()
    os.chown(lock, owner.st_uid, owner.st_gid)
    with running(made, durable=False, report=silent) as url:
        assert ask(url, "SELECT 1") == 1


def test_a_socket_taken_by_a_cleaner_of_tmp_is_made_again(made: Path) -> None:
    with running(made, durable=False, report=silent):
        shutil.rmtree(Cluster(made, False, silent).socket().parent)
        with running(made, durable=False, report=silent) as url:
            assert ask(url, "SELECT 1") == 1


def test_a_half_made_data_folder_is_made_anew(home: Path) -> None:
    (home / "test-data.new").mkdir()
    (home / "test-data.new" / "PG_VERSION").write_text("15\n")
    with running(home, durable=False, report=silent) as url:
        assert ask(url, "SELECT 1") == 1
    assert not (home / "test-data.new").exists()


# Folders that must not be touched


def test_data_of_another_major_version_are_refused_and_not_touched(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = made / "test-data" / "PG_VERSION"
    version.write_text("9\n")
    before = seen(made / "test-data")
    monkeypatch.setenv("PATH", "")  # no apt: nothing may be installed for this
    with (
        pytest.raises(EmbeddedError, match=r"written by PostgreSQL 9.*postgresql-9-postgis-3"),
        running(made, durable=False, report=silent),
    ):
        pass
    assert seen(made / "test-data") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_data_of_somebody_else_are_refused_and_not_touched(made: Path) -> None:
    stranger = pwd.getpwnam("nobody")
    os.chown(made / "test-data", stranger.pw_uid, stranger.pw_gid)
    before = seen(made / "test-data")
    with pytest.raises(EmbeddedError, match="belongs to nobody"), running(made, durable=False, report=silent):
        pass
    assert seen(made / "test-data") == before


def test_a_folder_that_is_no_cluster_is_refused_and_not_touched(home: Path) -> None:
    (home / "test-data").mkdir()
    (home / "test-data" / "diary.txt").write_text("mine")
    if os.geteuid() == 0:
        os.chown(home / "test-data", pwd.getpwnam("postgres").pw_uid, -1)
    before = seen(home / "test-data")
    with pytest.raises(EmbeddedError, match="not a PostgreSQL data folder"), running(home, durable=False):
        pass
    assert seen(home / "test-data") == before


def test_data_without_their_secrets_are_refused(made: Path) -> None:
    (made / "secrets.json").unlink()
    with pytest.raises(EmbeddedError, match=r"secrets\.json is gone"), running(made, durable=False, report=silent):
        pass
    assert not (made / "secrets.json").exists()


def test_secrets_of_other_data_are_refused_and_nothing_stays_running(made: Path) -> None:
    (made / "secrets.json").unlink()
    secrets_of(made)
    with pytest.raises(EmbeddedError, match="does not fit"), running(made, durable=False, report=silent):
        pass
    assert Cluster(made, False, silent).processes() == []


def test_a_socket_folder_that_a_stranger_could_write_is_not_used(made: Path) -> None:
    known = Cluster(made, False, silent).socket().parent
    known.mkdir()
    known.chmod(0o777)
    with running(made, durable=False, report=silent) as url:
        assert ask(url, "SELECT 1") == 1
        assert Cluster(made, False, silent).socket().parent != known
    known.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs the server itself")
def test_a_home_closed_to_the_servers_user_is_refused(home: Path) -> None:
    home.chmod(0o700)
    with pytest.raises(EmbeddedError, match="may not enter"), running(home, durable=False, report=silent):
        pass


# Installing


def test_without_root_apt_brings_the_server_and_its_libraries_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = ["libc6", "libllvm14", "libgeos-c1v5", "libproj25", "proj-data", "mysql-common", "libjson-perl", "ssl-cert"]
    fake = tmp_path / "apt-get"
    fake.write_text("#!/bin/sh\n" + "".join(f"echo 'Inst {name} (1.0 Debian)'\n" for name in plan))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert postgis._missing(15, []) == [
        *("postgresql-15", "postgresql-client-15", "postgresql-15-postgis-3", "postgresql-15-postgis-3-scripts"),
        *("libgeos-c1v5", "libproj25", "proj-data"),
    ]


def test_the_newest_version_that_apt_offers_is_taken_unless_data_want_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "apt-cache"
    fake.write_text("#!/bin/sh\nfor v in 9 16 15; do echo postgresql-$v-postgis-3 - Geographic objects; done\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert postgis._choose(None, []) == 16
    assert postgis._choose(15, []) == 15
    with pytest.raises(EmbeddedError, match="apt offers no PostgreSQL 14"):
        postgis._choose(14, [])


def test_the_server_never_sees_the_callers_pg_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGDATA", "/elsewhere")
    monkeypatch.setenv("LD_PRELOAD", "/elsewhere.so")
    found = postgis.find()
    assert found
    environment = found.environment(Path("/home"))
    assert not {"PGDATA", "LD_PRELOAD"} & set(environment)
    assert environment["HOME"] == "/home"
