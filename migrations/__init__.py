"""Our schemas, step by step. Runs as the owner; makes the logins that the service uses."""

import io
from collections.abc import Mapping
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from geo.errors import NotReady, Refused

#: Logins of the service, by tier (design, section 6).
LOGINS = {"worker": "cakupan_worker", "internal": "cakupan_internal", "release": "cakupan_release"}


def _config(connection: Connection | None = None) -> Config:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The revision that this version of the service needs."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise RuntimeError("there are no revisions")
    return found


def current(connection: Connection) -> str | None:
    """The revision of the database, None before the first."""
    if connection.scalar(text("SELECT to_regclass('ground.version')")) is None:
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM ground.version"))
    return found


def upgrade(url: str, passwords: Mapping[str, str]) -> str:
    """Bring the database at `url` (owner login) to `head`, make the logins and set their passwords.

    Waits at most ten seconds for any lock. Raises NotReady where the server lacks PostGIS or the right to add it.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            _prepare(connection)
            command.upgrade(_config(connection), "head")
            for tier, login in LOGINS.items():
                _set_password(connection, login, passwords[tier])
    finally:
        engine.dispose()
    return head()


def downgrade(url: str) -> None:
    """Remove every schema of ours with all they hold. PostGIS and the logins stay: other databases may use them."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            command.downgrade(_config(connection), "base")
            connection.execute(text("DROP TABLE ground.version"))
            connection.execute(text("DROP SCHEMA ground"))
    finally:
        engine.dispose()


def check(connection: Connection) -> None:
    """Raise Refused where tables and `geo.schema` differ."""
    try:
        command.check(_config(connection))
    except Exception as difference:
        raise Refused(f"the schema differs from geo/schema.py: {difference}") from difference


def _prepare(connection: Connection) -> None:
    """PostGIS and the logins: what belongs to the server rather than to a revision."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('cakupan-migrate'))"))
    try:
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS postgis"))
    except DBAPIError as refusal:
        raise NotReady(
            "PostGIS is missing and this login may not add it: run CREATE EXTENSION postgis as a superuser"
        ) from refusal
    for login in LOGINS.values():
        if connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :login"), {"login": login}) is None:
            connection.exec_driver_sql(f"CREATE ROLE {login} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE")


def _set_password(connection: Connection, login: str, password: str) -> None:
    quoted = connection.scalar(text("SELECT quote_literal(:password)"), {"password": password})
    connection.exec_driver_sql(f"ALTER ROLE {login} PASSWORD {quoted}".replace("%", "%%"))
