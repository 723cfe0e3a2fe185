"""Every table, constraint and index; more stand in `geo.schema_trust`, `_decided`, `_welfare`, `_release` and `_site`.

Functions and rights are in `migrations/`.

Schemas are ours alone: `ground`, `intake`, `trust`, `welfare`, `release`, `site`. Codes are text, always. Coordinates
are EPSG:4326 unless a column name says otherwise; instants are `timestamptz`; cells are H3 indexes as bigint. `number`
is an area's place in the preorder of its edition: its descendants are exactly `number … last`. Number 0 is the
campaign's `unplaced` tally.
"""

from geoalchemy2 import Geometry
from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMAS = ("ground", "intake", "trust", "welfare", "release", "site")

RESULTS = ("completed", "partial", "not_met", "refused", "not_found", "moved", "deceased", "ineligible")
ORIGINS = ("prelist", "new")
HELD_STATES = ("open", "resolved", "rejected")

SERIES = ("prelist", "verified", "footprint", "civil")
ROLES = ("enumerator", "supervisor", "coordinator", "local_government", "admin")

#: What a tally counts, in the order of every array and table that holds counts. `new` are completed families that the
#: prelist lacks, `dropped` prelist families found to be none, `closed` refusals and non-contacts a supervisor closed,
#: `located` households with a believable point, `spent` those whose third visit is used up, not closed.
COUNTS = (
    "completed",
    "new",
    "partial",
    "not_met",
    "refused",
    "not_found",
    "moved",
    "deceased",
    "ineligible",
    "dropped",
    "closed",
    "located",
    "spent",
)

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)


def instant(name: str, *, null: bool = False, now: bool = False) -> Column[object]:
    """A column for an instant."""
    return Column(name, DateTime(timezone=True), nullable=null, server_default=func.now() if now else None)


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """A check that a column holds one of some words."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(v) for v in values)})", name=column)


def _counts() -> list[Column[int]]:
    return [Column(name, Integer, nullable=False, server_default=text("0")) for name in COUNTS]


# ── ground: what exists before anybody knocks ─────────────────────────────────────────────────────────────────────

edition = Table(
    "edition",
    metadata,
    Column("edition_id", Integer, Identity(), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("digest", Text, nullable=False, comment="changes with the areas; names caches of shapes"),
    instant("numbered_at", now=True),
    schema="ground",
)

area = Table(
    "area",
    metadata,
    Column("edition_id", Integer, ForeignKey(edition.c.edition_id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
    Column("parent", Integer, nullable=False, comment="number of the area above, 0 at the top"),
    Column("level", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("derived", Boolean, nullable=False, comment="outline dissolved from the areas below"),
    Column("uninhabited", Boolean, nullable=False),
    Column("area_m2", Double, nullable=False),
    Column("lon", Double, nullable=False, comment="a point inside, for labels"),
    Column("lat", Double, nullable=False),
    Column("geom", Geometry("MULTIPOLYGON", 4326, spatial_index=False), nullable=False),
    Column("geom_3857", Geometry("MULTIPOLYGON", 3857, spatial_index=False), nullable=False),
    one_of("level", ("province", "regency", "district", "village", "block")),
    CheckConstraint("number >= 1 AND last >= number AND parent < number", name="preorder"),
    UniqueConstraint("edition_id", "level", "code"),
    Index("area_block_code_key", "edition_id", "code", unique=True, postgresql_where=text("number = last")),
    Index("area_geom_3857_ix", "geom_3857", postgresql_using="gist"),
    schema="ground",
)

owner = Table(
    "owner",
    metadata,
    Column("edition_id", Integer, ForeignKey(edition.c.edition_id, ondelete="CASCADE"), primary_key=True),
    Column("lo", BigInteger, primary_key=True, autoincrement=False),
    Column("hi", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    comment="ranges of H3 cells of resolution 11 that lie wholly inside one block",
    schema="ground",
)

expected = Table(
    "expected",
    metadata,
    Column("edition_id", Integer, ForeignKey(edition.c.edition_id, ondelete="CASCADE"), primary_key=True),
    Column("series", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("expected", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("dated", Date, nullable=False),
    one_of("series", SERIES),
    CheckConstraint("expected >= 0", name="expected"),
    schema="ground",
)

expected_cell = Table(
    "expected_cell",
    metadata,
    Column("edition_id", Integer, ForeignKey(edition.c.edition_id, ondelete="CASCADE"), primary_key=True),
    Column("series", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("cell", BigInteger, primary_key=True, comment="H3, resolution 10"),
    Column("expected", Integer, nullable=False),
    Column("estimated", Boolean, nullable=False, comment="spread by area, not by footprints"),
    schema="ground",
)

campaign = Table(
    "campaign",
    metadata,
    Column("campaign_id", SmallInteger, primary_key=True, server_default=text("1")),
    Column("name", Text, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("edition_id", Integer, ForeignKey(edition.c.edition_id), nullable=False),
    Column("series", Text, nullable=False),
    Column("accuracy_limit_m", REAL, nullable=False, server_default=text("50")),
    Column("outside_limit_m", REAL, nullable=False, server_default=text("5000")),
    Column("simulated", Boolean, nullable=False, server_default=text("false")),
    instant("clock", null=True),
    instant("clock_at", null=True),
    Column("clock_speed", Double, nullable=False, server_default=text("0"), comment="seconds it gains in a real one"),
    Column(
        "draw_key",
        LargeBinary,
        nullable=False,
        server_default=text("uuid_send(gen_random_uuid())"),
        comment="decides who is drawn for a second interview; nobody may foresee it",
    ),
    CheckConstraint("campaign_id = 1", name="one"),
    CheckConstraint("ends_on >= starts_on", name="dates"),
    CheckConstraint("clock IS NULL OR simulated", name="clock"),
    one_of("series", SERIES),
    schema="ground",
)

footprint = Table(
    "footprint",
    metadata,
    Column("footprint_id", BigInteger, Identity(), primary_key=True),
    Column("edition_id", Integer, ForeignKey(edition.c.edition_id, ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False, comment="block it lies in"),
    Column("lon", Double, nullable=False),
    Column("lat", Double, nullable=False),
    Column("area_m2", REAL, nullable=False),
    Index("footprint_number_ix", "edition_id", "number"),
    CheckConstraint("area_m2 > 0", name="area"),
    comment="residential buildings, by a point inside and the ground they cover",
    schema="ground",
)

assignment = Table(
    "assignment",
    metadata,
    Column("edition_id", Integer, ForeignKey(edition.c.edition_id, ondelete="CASCADE"), primary_key=True),
    Column("code", Text, primary_key=True, comment="of the block"),
    Column("enumerator", Text, nullable=False, comment="account name"),
    Column("supervisor", Text, comment="account name"),
    Column("starts_on", Date, nullable=False),
    Index("assignment_enumerator_ix", "enumerator"),
    Index("assignment_supervisor_ix", "supervisor"),
    schema="ground",
)

prelist = Table(
    "prelist",
    metadata,
    Column("edition_id", Integer, ForeignKey(edition.c.edition_id, ondelete="CASCADE"), primary_key=True),
    Column("household_id", Text, primary_key=True),
    Column("number", Integer, nullable=False, comment="block it is listed in"),
    Column("building", Text, comment="number of the building, as printed"),
    Column("sequence", Integer, comment="of the family in its building or block"),
    Index("prelist_number_ix", "edition_id", "number", "household_id"),
    comment="families that should be found, without names",
    schema="ground",
)

# ── intake: what arrives, and how it is added up ──────────────────────────────────────────────────────────────────

batch = Table(
    "batch",
    metadata,
    Column("batch_id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("actor", Integer, nullable=False),
    Column("body_sha256", LargeBinary, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("counts", JSONB, nullable=False),
    instant("received_at", now=True),
    schema="intake",
)

submission = Table(
    "submission",
    metadata,
    Column("submission_id", Uuid, primary_key=True),
    Column("household_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("batch_id", Uuid, nullable=False),
    Column("row", Integer, nullable=False),
    Column("actor", Integer, nullable=False),
    Column("block", Text, comment="declared code"),
    Column("number", Integer, nullable=False, comment="counted block"),
    Column("located", Integer, comment="block the point lies in, 0 for none"),
    Column("lon", Double),
    Column("lat", Double),
    Column("cell", BigInteger, comment="H3, resolution 15"),
    Column("accuracy_m", REAL),
    instant("captured_at"),
    Column("day", Date, nullable=False, comment="local date of captured_at"),
    Column("result", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("visit", SmallInteger),
    instant("revisit_at", null=True),
    Column("welfare", SmallInteger),
    instant("started_at", null=True),
    instant("finished_at", null=True),
    Column("enumerator", Text),
    Column("flags", Text, comment="doubts seen at the door, separated by spaces"),
    Column("digest", LargeBinary, nullable=False, comment="of the canonical content, without submission_id"),
    instant("received_at", now=True),
    UniqueConstraint("household_id", "revision"),
    Index("submission_number_ix", "number", "enumerator", "received_at"),  # who sent last, and when, of each block
    one_of("result", RESULTS),
    one_of("origin", ORIGINS),
    CheckConstraint("revision >= 1", name="revision"),
    CheckConstraint("(lon IS NULL) = (lat IS NULL) AND (lon IS NULL) = (cell IS NULL)", name="point"),
    schema="intake",
)

household = Table(
    "household",
    metadata,
    Column("household_id", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("submission_id", Uuid, nullable=False),
    Column("block", Text),
    Column("number", Integer, nullable=False),
    Column("located", Integer),
    Column("cell", BigInteger),
    Column("geom", Geometry("POINT", 4326, spatial_index=False)),
    Column("accuracy_m", REAL),
    instant("captured_at"),
    Column("day", Date, nullable=False, comment="of the first revision that reached the current result"),
    Column("result", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("visit", SmallInteger),
    instant("revisit_at", null=True),
    Column("welfare", SmallInteger),
    Column("enumerator", Text),
    Column("flags", Text),
    Column("closed", Boolean, nullable=False, server_default=text("false")),
    # Lists page by (number, household_id); comparing text is leakproof too.
    Index("household_number_ix", "number", "household_id"),
    # A box on the map is a few ranges of cells. Ranges of bigint are leakproof, so row-level security keeps this index;
    # `&&` on a geometry is not, and costs more to keep.
    Index("household_cell_ix", "cell"),
    Index(
        "household_open_ix",  # whom to visit again
        "number",
        "household_id",
        postgresql_where=text("result IN ('partial', 'not_met', 'refused')"),
    ),
    schema="intake",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", BigInteger, Identity(), primary_key=True),
    Column("batch_id", Uuid, nullable=False),
    Column("row", Integer, nullable=False),
    Column("actor", Integer, nullable=False),
    Column("number", Integer, nullable=False, comment="of its area: the block, else where its sender works, else 0"),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("proposal", JSONB),
    Column("raw", JSONB, nullable=False, comment="as sent, numbers that look like identities masked"),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    instant("received_at", now=True),
    instant("resolved_at", null=True),
    Column("resolved_by", Integer, comment="account of the person who decided"),
    Column("note", Text, comment="why, in that person's words"),
    Column("submission_id", Uuid, comment="of what was stored instead"),
    one_of("state", HELD_STATES),
    CheckConstraint("(state = 'open') = (resolved_at IS NULL)", name="resolved"),
    Index("quarantine_number_ix", "number"),
    Index("quarantine_actor_ix", "actor"),
    Index("quarantine_open_ix", "quarantine_id", postgresql_where=text("state = 'open'")),
    schema="intake",
)

delta = Table(
    "delta",
    metadata,
    Column("delta_id", BigInteger, Identity(), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("cell", BigInteger, nullable=False, comment="H3, resolution 10; 0 without a point"),
    Column("day", Date, nullable=False),
    *_counts(),
    instant("last_at"),
    schema="intake",
)

tally = Table(
    "tally",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    *_counts(),
    instant("last_at"),
    Column("epoch", BigInteger, nullable=False, index=True),
    comment="counts of each block",
    schema="intake",
)

tally_cell = Table(
    "tally_cell",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("cell", BigInteger, primary_key=True, autoincrement=False),
    *_counts(),
    Column("epoch", BigInteger, nullable=False, index=True),
    comment="counts of each (block, cell of resolution 10) pair",
    schema="intake",
)

tally_day = Table(
    "tally_day",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    *_counts(),
    Column("epoch", BigInteger, nullable=False, index=True),
    comment="counts of each block by day",
    schema="intake",
)

epoch = Table(
    "epoch",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    instant("as_of", now=True),
    Column("deltas", Integer, nullable=False),
    schema="intake",
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("actor", Integer, primary_key=True, autoincrement=False),
    Column("device", Text, primary_key=True),
    Column("queued", Integer, nullable=False, comment="submissions that wait on the device"),
    Column("blocks", JSONB, comment="how many of them wait by code of block, where the device says"),
    instant("last_event_at", null=True),
    instant("heard_at"),
    CheckConstraint("queued >= 0", name="queued"),
    comment="what each device last said of itself",
    schema="intake",
)

file_import = Table(
    "file_import",
    metadata,
    Column("file_sha256", LargeBinary, primary_key=True),
    Column("edition_id", Integer, primary_key=True),
    Column("rows_done", BigInteger, nullable=False),
    Column("counts", JSONB, nullable=False),
    instant("changed_at", now=True),
    comment="how far a file of households has been read, so that a killed import resumes",
    schema="intake",
)
