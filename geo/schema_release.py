"""The tables that leave: releases and all that they are shown with, read by a login that reads nothing else.

Leaves are the blocks and the H3 cells of resolution 8, from lists fixed before the first release; every other figure is
a sum of published leaves, written down beside them. Numbers are those of `release.area`, a copy that no later import of
areas renumbers. `value` is families that are poor or very poor, with noise: it may be negative, and sums hold.
"""

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from geo.schema import instant, metadata, one_of
from geo.schema_welfare import KINDS

#: What counts as poor in the final table, chosen before the campaign: groups 1 and 2, or a score below a cut-off.
MEASURES = ("field_status", "consultation", "score")

#: Resolution of leaf cells, the finest one that the public sees, and the coarsest that is published.
LEAF, PUBLIC, COARSEST = 8, 7, 4

terms = Table(
    "terms",
    metadata,
    Column("terms_id", SmallInteger, primary_key=True, server_default=text("1")),
    Column("campaign", Text, nullable=False),
    Column("edition", Text, nullable=False),
    Column("series", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("measure", Text, nullable=False, comment="of the final table"),
    Column("cut_off", Double, comment="score below which a family counts as poor"),
    instant("fixed_at"),
    CheckConstraint("terms_id = 1", name="one"),
    one_of("measure", ("consultation", "score")),
    CheckConstraint("(measure = 'score') = (cut_off IS NOT NULL)", name="cut_off"),
    comment="what is published of this campaign, fixed before it begins",
    schema="release",
)

calendar = Table(
    "calendar",
    metadata,
    Column("release", SmallInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("due", Date, nullable=False, comment="first day on which it may be made"),
    one_of("kind", KINDS),
    CheckConstraint("release BETWEEN 1 AND 6", name="six"),
    comment="when which table is published, fixed before the campaign begins",
    schema="release",
)

area = Table(
    "area",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
    Column("parent", Integer, nullable=False),
    Column("level", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("uninhabited", Boolean, nullable=False),
    Column("lon", Double, nullable=False, comment="a point inside, for labels"),
    Column("lat", Double, nullable=False),
    Column("geom", Geometry("MULTIPOLYGON", 4326, spatial_index=False), nullable=False),
    Column("geom_3857", Geometry("MULTIPOLYGON", 3857, spatial_index=False), nullable=False),
    UniqueConstraint("level", "code"),
    CheckConstraint("number >= 1 AND last >= number AND parent < number", name="preorder"),
    Index("area_released_3857_ix", "geom_3857", postgresql_using="gist"),
    comment="the areas of the edition when the terms were fixed",
    schema="release",
)

cell = Table(
    "cell",
    metadata,
    Column("cell", BigInteger, primary_key=True, autoincrement=False),
    Column("resolution", SmallInteger, nullable=False),
    Column("number", Integer, nullable=False, comment="block to which a leaf belongs, by its centre; 0 for the others"),
    Column("lon", Double, nullable=False, comment="of its centre"),
    Column("lat", Double, nullable=False),
    Column("geom", Geometry("POLYGON", 4326, spatial_index=False), nullable=False),
    Column("geom_3857", Geometry("POLYGON", 3857, spatial_index=False), nullable=False),
    CheckConstraint(f"resolution BETWEEN {COARSEST} AND {LEAF}", name="resolution"),
    CheckConstraint(f"(resolution = {LEAF}) = (number > 0)", name="number"),
    Index("cell_released_3857_ix", "geom_3857", postgresql_using="gist"),
    comment="H3 cells over those areas, resolutions 4 to 8",
    schema="release",
)

release = Table(
    "release",
    metadata,
    Column("release", SmallInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("measure", Text, nullable=False),
    Column("due", Date, nullable=False),
    instant("as_of"),
    instant("sealed_at", now=True),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of its canonical bytes, without sealed_at"),
    one_of("kind", KINDS),
    one_of("measure", MEASURES),
    comment="sealed releases; rows are only ever added",
    schema="release",
)

area_figure = Table(
    "area_figure",
    metadata,
    Column("release", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("level", Text, nullable=False),
    Column("n", Integer, nullable=False, comment="households behind the figure, exact"),
    Column("value", Integer, nullable=False, comment="of them poor or very poor, with noise; may be negative"),
    Column("draws", Integer, nullable=False, comment="draws of noise in it; 0: nothing published yet"),
    Column("expected", Integer, comment="families expected there, as of the release"),
    Index("area_figure_level_ix", "release", "level", "number"),
    comment="published figures of areas; blocks are seen by the local government whose they are",
    schema="release",
)

cell_figure = Table(
    "cell_figure",
    metadata,
    Column("release", SmallInteger, primary_key=True, autoincrement=False),
    Column("cell", BigInteger, primary_key=True, autoincrement=False),
    Column("resolution", SmallInteger, nullable=False),
    Column("number", Integer, nullable=False, comment="as in release.cell"),
    Column("n", Integer, nullable=False),
    Column("value", Integer, nullable=False),
    Column("draws", Integer, nullable=False),
    Column("expected", Integer),
    Index("cell_figure_resolution_ix", "release", "resolution", "cell"),
    comment="the same of H3 cells; those of resolution 8 are seen by the local government whose they are",
    schema="release",
)
