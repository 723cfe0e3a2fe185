"""A full disk: uploads are told to come again, nothing acknowledged is lost, and with room again the work goes on."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psycopg
import pytest

from app.settings import Settings
from tests.conftest import logins_of
from tests.faults.conftest import Play, played
from tests.faults.rows import campaign
from tests.faults.stage import Service, Stage, database_on, plain, staged

BALLAST = "ballast"


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A small file system. Skips where none can be mounted."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    folder = Path(tempfile.mkdtemp(prefix="cakupan-disk-"))
    try:
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()


def fill(folder: Path) -> None:
    """Leave nothing, while others still write."""
    with (folder / BALLAST).open("wb") as file, suppress(OSError):
        for at in count(0, 2**18):
            os.posix_fallocate(file.fileno(), at, 2**18)


@contextmanager
def tablespace(stage: Stage, folder: Path) -> Iterator[str]:
    """A tablespace there; a database in it must be dropped before the end."""
    user = stage.cluster.user()
    folder.mkdir(mode=0o700)
    os.chown(folder, user.pw_uid, user.pw_gid)
    with psycopg.connect(plain(stage.owner), autocommit=True) as db:
        db.execute(f"CREATE TABLESPACE t_small LOCATION '{folder}'".encode())
    try:
        yield "t_small"
    finally:
        with psycopg.connect(plain(stage.owner), autocommit=True) as db:
            db.execute(b"DROP TABLESPACE t_small")
            db.execute(b"CHECKPOINT")  # a server killed later reads its journal from here, not from before


def test_tables_without_room(play: Play) -> None:
    with (
        small_disk(64) as folder,
        tablespace(play.stage, folder / "space") as space,
        database_on(play.stage.owner, "t_full", f"{play.stage.template} TABLESPACE {space}") as address,
    ):
        play.logins = logins_of(address, play.stage.passwords)
        play.service = Service(play.stage.home, play.database, play.history.path.with_name("full.log"))
        try:
            without_room(play, folder, 3_000)
            play.figure("tables without room")
        finally:
            play.service.stop()


@pytest.mark.slow
def test_a_journal_without_room(request: pytest.FixtureRequest, settings: Settings, seed: int, tmp_path: Path) -> None:
    """The server itself cannot go on; its users start it again and again until there is room."""
    with (
        small_disk(640) as folder,
        staged(settings.home, folder) as stage,
        played(stage, request, seed, tmp_path) as play,
    ):
        without_room(play, folder, 6_000, journal=True)
        play.figure("a journal without room")
        play.service.stop()


def without_room(play: Play, folder: Path, rows: int, *, journal: bool = False) -> None:
    """Fill the disk under load, see that uploads are put off, make room, see that all arrive."""
    play.service.start()
    with play.fleet(seconds=180) as fleet:
        for uploads in play.uploads(campaign(play.chance, rows), 4):
            fleet.sends(uploads, play.chance.getrandbits(32))
        fleet.until(300)
        fill(folder)
        end = time.monotonic() + 15
        while play.history.refused.total() < 10 and time.monotonic() < end:
            with suppress(psycopg.Error):
                if journal:
                    with psycopg.connect(plain(play.stage.owner), autocommit=True, connect_timeout=2) as db:
                        db.execute("SELECT pg_switch_wal()")
            time.sleep(0.05)
        assert fleet.busy, "the disk was never full"
        assert set(play.history.refused) <= {"503 database", "503 busy"}
        assert play.history.refused.total() >= 10
        if not journal:
            play.look()
        (folder / BALLAST).unlink()
        fleet.finish()
    play.settled()
    assert play.history.acknowledged >= rows * 0.9
