"""Only the system that began publishing publishes: no copy of its database, no older state of it, no copied folder."""

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from app.database import Database, Logins
from geo.errors import Refused
from geo.publish import making
from tests import world
from tests.conftest import database_on, logins_of
from tests.geo.publish.filling import at, count, families

FIRST, SECOND, THIRD = date(2022, 10, 22), date(2022, 10, 28), date(2022, 11, 3)


async def on(db: Database, day: date) -> None:
    async with db.worker.begin() as connection:
        await at(connection, day)


async def refused(db: Database, path: Path) -> str:
    with pytest.raises(Refused) as found:
        await making.make(db.worker, path)
    assert found.value.code == "not-the-publisher"
    async with db.worker.begin() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM welfare.making")) == 0
    return str(found.value)


def as_owner(logins: Logins, *statements: str) -> None:
    engine = create_engine(logins.owner)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
async def published(db: Database, tmp_path: Path) -> Path:
    """The file of a system that has sealed its first release, and whose second is due."""
    path = tmp_path / "releases" / "t.json"
    async with db.worker.begin() as connection:
        await count(connection, families(world.BLOCKS[0], 1, 30))
    await on(db, FIRST)
    await making.make(db.worker, path)
    await on(db, SECOND)
    return path


async def test_a_copied_database(
    db: Database, published: Path, cluster: str, passwords: dict[str, str], tmp_path: Path
) -> None:
    await db.close()
    name = make_url(db.logins.owner).database or ""
    with database_on(cluster, f"t_{uuid4().hex[:12]}", name) as owner:
        copy = Database(logins_of(owner, passwords), 2)
        assert "this database is a copy" in await refused(copy, published)
        away = tmp_path / "away" / "t.json"
        assert "is gone" in await refused(copy, away)
        await copy.close()


async def test_a_database_restored_from_before(db: Database, published: Path) -> None:
    await making.make(db.worker, published)
    await on(db, THIRD)
    figures = ("release.release", "release.area_figure", "release.cell_figure", "welfare.entered")
    for table in figures:
        as_owner(
            db.logins,
            f"ALTER TABLE {table} DISABLE TRIGGER only_grows",
            f"DELETE FROM {table} WHERE release = 2",
        )
    assert "does not know release 2, which was sealed: it was restored" in await refused(db, published)
    as_owner(db.logins, *(f"DELETE FROM {table}" for table in figures))
    as_owner(db.logins, "ALTER TABLE welfare.publisher DISABLE TRIGGER only_grows", "DELETE FROM welfare.publisher")
    assert "restored from before that, or made anew" in await refused(db, published)


def gone(path: Path) -> Path:
    path.unlink()
    return path


def other_word(path: Path) -> Path:
    said = json.loads(path.read_bytes())
    path.write_text(json.dumps(said | {"word": "another"}))
    return path


def older(path: Path) -> Path:
    said = json.loads(path.read_bytes())
    path.write_text(json.dumps(said | {"sealed": {}}))
    return path


def damaged(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:40])
    return path


def copied(path: Path) -> Path:
    return Path(shutil.copytree(path.parent, path.parent.parent / "copy")) / path.name


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (gone, "is gone"),
        (other_word, "belongs to another database"),
        (older, "is older than the database"),
        (damaged, "cannot be read"),
        (copied, "was copied or moved from"),
    ],
)
async def test_a_file_that_is_not_the_one(
    db: Database, published: Path, change: Callable[[Path], Path], why: str
) -> None:
    assert published.stat().st_mode & 0o777 == 0o600
    kept = published.read_bytes()
    assert why in await refused(db, change(published))
    published.write_bytes(kept)
    assert (await making.make(db.worker, published)).release == 2


async def test_a_run_that_died_before_it_froze_leaves_nothing_in_the_way(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "releases" / "t.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"word": "begun", "place": str(path), "sealed": {}}))
    await on(db, FIRST)
    assert (await making.make(db.worker, path)).release == 1
    assert json.loads(path.read_bytes())["word"] == "begun"
