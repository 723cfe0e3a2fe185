"""kill -9 of `cakupan migrate` at any moment: the schema is whole or not there, and the next run completes it."""

import random
import time
from pathlib import Path

import psycopg
from sqlalchemy import create_engine

import migrations
from app import embedded
from geo.schema import SCHEMAS
from tests.conftest import logins_of
from tests.faults import invariants, starter
from tests.faults.history import History
from tests.faults.stage import BACK, Stage, database_on, plain

#: How often one is killed; each costs a database.
KILLS = 3


def test_a_killed_migration_leaves_nothing_half_done(stage: Stage, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)  # noqa: S311 -- luck, not secrecy
    stage.until_up()
    with database_on(stage.owner, "t_migrated") as address:
        settings = {"home": stage.home, "database": "t_migrated"}
        begun = time.monotonic()
        took = migrate(settings, tmp_path / "said")
        assert whole(address), (tmp_path / "said").read_text()
        for _ in range(KILLS):
            embedded.database(stage.owner, "t_migrated", fresh=True)
            made = starter.child(starter.migrate, tmp_path / "said", settings)
            time.sleep(chance.uniform(0.1, 1) * took)
            made.kill()
            made.join(BACK)
            assert whole(address) or not there(address), f"CAKUPAN_SEED={seed}: half a schema"
        migrate(settings, tmp_path / "said")
        assert whole(address), (tmp_path / "said").read_text()
        logins = logins_of(address, stage.passwords)
        assert invariants.differences(logins, History(tmp_path / "history.jsonl", seed)) == []
        assert time.monotonic() - begun < 5 * BACK


def migrate(settings: dict[str, object], said: Path) -> float:
    """Migrate to the end; how long it took, seconds."""
    begun = time.monotonic()
    made = starter.child(starter.migrate, said, settings)
    made.join(BACK)
    assert made.exitcode == 0, said.read_text()
    return time.monotonic() - begun


def there(address: str) -> bool:
    """Whether there is any schema of ours."""
    with psycopg.connect(plain(address)) as db:
        query = "SELECT 1 FROM pg_namespace WHERE nspname = ANY(%s)"
        return db.execute(query, [list(SCHEMAS)]).fetchone() is not None


def whole(address: str) -> bool:
    """Whether the schema is complete and that of this version."""
    engine = create_engine(address)
    try:
        with engine.connect() as connection:
            if migrations.current(connection) != migrations.head():
                return False
            migrations.check(connection)
            return True
    finally:
        engine.dispose()
