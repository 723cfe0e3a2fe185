"""The tables of welfare: the ledger of three scales, and what the making of a release remembers.

Field status, consultation group and rank are three scales, each with columns of its own; a household's welfare is what
the events of a scale say up to a day. Nothing here is ever shown outside; what may be stands in `geo.schema_release`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from geo.schema import instant, metadata, one_of

#: The three scales: the RT head's judgement, the forum's group, and the proxy means test's rank.
SCALES = ("field_status", "consultation", "rank")

#: The two tables that are published, and the two systems of leaves in which each is.
KINDS = ("field", "final")
SYSTEMS = ("block", "cell")

event = Table(
    "event",
    metadata,
    Column("event_id", Uuid, primary_key=True, comment="UUIDv5 of scale, household, dated and revision"),
    Column("place", BigInteger, Identity(), nullable=False, comment="order of recording"),
    Column("household_id", Text, nullable=False),
    Column("number", Integer, nullable=False, comment="block in which the household counted, or was listed, then"),
    Column("scale", Text, nullable=False),
    Column("dated", Date, nullable=False, comment="day from which it holds"),
    Column("revision", Integer, nullable=False, server_default=text("1"), comment="a correction of that day is higher"),
    Column("field_status", SmallInteger, comment="1 very poor, 2 poor, 3 not poor"),
    Column("consultation", SmallInteger, comment="group after the forum: 1 very poor … 4 not poor"),
    Column("before", SmallInteger, comment="group before the forum"),
    Column("score", Double, comment="of the proxy means test; lower is poorer"),
    Column("rank", Integer, comment="1 … N in the regency; 1 is the poorest"),
    Column("decile", SmallInteger, comment="1 … 10 in the regency; 1 is the poorest"),
    Column("forum", Text, comment="code of the area whose forum decided"),
    Column("reason", Text, comment="why, in the words of who decided"),
    Column("batch_id", Uuid, nullable=False, comment="in intake.batch"),
    Column("row", Integer, nullable=False),
    Column("actor", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="of the canonical content"),
    instant("recorded_at", now=True),
    one_of("scale", SCALES),
    CheckConstraint("revision >= 1", name="revision"),
    CheckConstraint("(scale = 'field_status') = (field_status IS NOT NULL)", name="field_status_alone"),
    CheckConstraint("(scale = 'consultation') = (consultation IS NOT NULL)", name="consultation_alone"),
    CheckConstraint("(scale = 'rank') = (num_nonnulls(score, rank, decile) > 0)", name="rank_alone"),
    CheckConstraint("scale = 'consultation' OR num_nonnulls(before, forum) = 0", name="forum_alone"),
    CheckConstraint(
        "field_status BETWEEN 1 AND 3 AND consultation BETWEEN 1 AND 4 AND before BETWEEN 1 AND 4 "
        "AND rank >= 1 AND decile BETWEEN 1 AND 10",
        name="values",
    ),
    Index("event_household_ix", "household_id", "scale", "dated", "revision"),
    Index("event_number_ix", "number", "scale", "dated"),
    comment="the welfare ledger; appended to, never changed",
    schema="welfare",
)

held = Table(
    "held",
    metadata,
    Column("held_id", BigInteger, Identity(), primary_key=True),
    Column("batch_id", Uuid, nullable=False),
    Column("row", Integer, nullable=False),
    Column("actor", Integer, nullable=False),
    Column("number", Integer, nullable=False, comment="block of the household, 0 where it is not known"),
    Column("scale", Text, nullable=False),
    Column("household_id", Text, comment="where the row says one that could be"),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("raw", JSONB, nullable=False, comment="as sent, numbers that look like identities masked"),
    Column("digest", LargeBinary, nullable=False, unique=True),
    instant("received_at", now=True),
    instant("resolved_at", null=True),
    one_of("scale", SCALES),
    Index("held_number_ix", "number"),
    Index("held_household_ix", "household_id", "scale"),
    comment="rows of the ledger that could not be believed, until a better one of the same household came",
    schema="welfare",
)

entered = Table(
    "entered",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("household_id", Text, primary_key=True),
    Column("release", SmallInteger, nullable=False),
    one_of("kind", KINDS),
    one_of("system", SYSTEMS),
    comment="which household entered which published table: each once",
    schema="welfare",
)

making = Table(
    "making",
    metadata,
    Column("release", SmallInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, nullable=False, comment="of this release's noise; the row goes when it is sealed"),
    instant("as_of"),
    Column("digest", LargeBinary, nullable=False, comment="of what is frozen"),
    CheckConstraint("octet_length(key) = 32", name="key"),
    comment="a release that is being made",
    schema="welfare",
)

frozen = Table(
    "frozen",
    metadata,
    Column("release", SmallInteger, primary_key=True, autoincrement=False),
    Column("system", Text, primary_key=True),
    Column("household_id", Text, primary_key=True),
    Column("leaf", BigInteger, nullable=False, comment="number in release.area, or H3 cell of resolution 8"),
    Column("revision", Integer, nullable=False),
    Column("poor", Boolean, nullable=False),
    one_of("system", SYSTEMS),
    comment="the input of a release that is being made; the rows go when it is sealed",
    schema="welfare",
)

frozen_leaf = Table(
    "frozen_leaf",
    metadata,
    Column("release", SmallInteger, primary_key=True, autoincrement=False),
    Column("system", Text, primary_key=True),
    Column("leaf", BigInteger, primary_key=True, autoincrement=False),
    Column("expected", Integer, comment="families expected there then"),
    one_of("system", SYSTEMS),
    comment="what else a release that is being made reads, frozen with its input",
    schema="welfare",
)

publisher = Table(
    "publisher",
    metadata,
    Column("publisher_id", SmallInteger, primary_key=True, server_default=text("1")),
    Column("nonce_sha256", LargeBinary, nullable=False, comment="of a word kept beside the service, not in here"),
    Column("system_identifier", BigInteger, nullable=False, comment="of the database server"),
    Column("database_oid", BigInteger, nullable=False),
    instant("bound_at", now=True),
    CheckConstraint("publisher_id = 1", name="one"),
    comment="the one system that publishes: a copy or a restored one never does",
    schema="welfare",
)
