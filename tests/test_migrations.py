"""Migrations: up, check and down clean, also beside PostGIS's own tiger and topology tables."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

import migrations
from geo.errors import Refused
from geo.schema import SCHEMAS
from tests.conftest import database_on

EXTENSIONS = ("postgis_topology", "fuzzystrmatch", "postgis_tiger_geocoder")


@pytest.fixture
def bare(cluster: str) -> Iterator[str]:
    """A database that nothing has been done to."""
    with database_on(cluster, f"t_{uuid4().hex[:12]}") as url:
        yield url


def schemas(url: str) -> set[str]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = set(connection.execute(text("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_'")).scalars())
    engine.dispose()
    return found


def test_up_check_down_and_up_again(bare: str, passwords: dict[str, str]) -> None:
    before = schemas(bare)
    engine = create_engine(bare)
    for _ in range(2):
        assert migrations.upgrade(bare, passwords) == migrations.head()
        with engine.connect() as connection:
            assert migrations.current(connection) == migrations.head()
            migrations.check(connection)
        assert migrations.upgrade(bare, passwords) == migrations.head(), "a second time changes nothing"
        assert set(SCHEMAS) <= schemas(bare)
        migrations.downgrade(bare)
        assert schemas(bare) == before
        with engine.connect() as connection:
            assert migrations.current(connection) is None
    engine.dispose()


def test_beside_tiger_and_topology(bare: str, passwords: dict[str, str]) -> None:
    engine = create_engine(bare)
    with engine.begin() as connection:
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS postgis"))
        there = set(connection.execute(text("SELECT name FROM pg_available_extensions")).scalars())
        if missing := set(EXTENSIONS) - there:
            pytest.skip(f"this server has no {', '.join(sorted(missing))}")
        for extension in EXTENSIONS:
            connection.execute(text(f"CREATE EXTENSION {extension}"))
    migrations.upgrade(bare, passwords)
    with engine.connect() as connection:
        migrations.check(connection)
    migrations.downgrade(bare)
    assert {"tiger", "topology"} <= schemas(bare)
    engine.dispose()


def test_check_sees_a_table_that_differs(bare: str, passwords: dict[str, str]) -> None:
    migrations.upgrade(bare, passwords)
    engine = create_engine(bare)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE intake.household ADD COLUMN stray integer"))
    with engine.connect() as connection, pytest.raises(Refused, match="stray"):
        migrations.check(connection)
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing(bare: str, passwords: dict[str, str]) -> None:
    engine = create_engine(bare)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA trust"))
    with pytest.raises(DBAPIError):
        migrations.upgrade(bare, passwords)
    assert "intake" not in schemas(bare)
    with engine.connect() as connection:
        assert migrations.current(connection) is None
    engine.dispose()
