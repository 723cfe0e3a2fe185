"""Runs our revisions. Looks at our own schemas alone, so that PostGIS's tiger and topology tables stay untouched."""

from alembic import context
from sqlalchemy import Connection, text

from geo import schema, schema_decided, schema_release, schema_site, schema_trust, schema_welfare  # noqa: F401  # whose tables join the same metadata


def ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave every schema that is not ours out of comparisons."""
    return name in schema.SCHEMAS if kind == "schema" else True


def run(connection: Connection) -> None:
    """Run in one transaction; the version table lives in `ground`."""
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS ground"))
    context.configure(
        connection=connection,
        target_metadata=schema.metadata,
        include_schemas=True,
        include_name=ours,
        version_table="version",
        version_table_schema="ground",
        compare_type=False,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
