"""The tables of sites: places where programmes are delivered, in versions, apart from the releases they are laid over.

Sites are public places. Whoever brings them brings places and never households; nothing here says anything of a family.
A version is the list as it was after one change; rows are only ever added, so that every answer that names a release
and a version can be given again.
"""

from sqlalchemy import Boolean, CheckConstraint, Column, Double, ForeignKey, Identity, Integer, Table, Text, text

from geo.schema import instant, metadata, one_of

#: How a version came about: a file, one site put in or changed by hand, one site closed.
CHANGES = ("import", "edit", "close")

version = Table(
    "version",
    metadata,
    Column("version", Integer, Identity(), primary_key=True),
    Column("change", Text, nullable=False),
    Column("note", Text, comment="why, in the words of who changed it; of an import the name of the file"),
    Column("actor", Integer, nullable=False, comment="account; 0 the operator"),
    instant("recorded_at", now=True),
    one_of("change", CHANGES),
    comment="versions of the list of sites; rows are only ever added",
    schema="site",
)

revision = Table(
    "revision",
    metadata,
    Column("site_id", Text, primary_key=True),
    Column("version", Integer, ForeignKey("site.version.version"), primary_key=True),
    Column("programme", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("lon", Double, nullable=False),
    Column("lat", Double, nullable=False),
    Column("capacity", Integer, comment="poor families it can serve; nobody knows: null"),
    Column("closed", Boolean, nullable=False, server_default=text("false")),
    Column("block", Text, comment="code of the block it stood in when this was written; null between blocks"),
    CheckConstraint("lon BETWEEN -180 AND 180 AND lat BETWEEN -90 AND 90", name="place"),
    CheckConstraint("capacity >= 0", name="capacity"),
    CheckConstraint("site_id <> '' AND programme <> '' AND name <> ''", name="named"),
    comment="what each version says of the sites it changed; of the others the newest older row holds",
    schema="site",
)
