"""What the routes of sites answer: models for the OpenAPI document, rows as they are told, and files of them.

A test holds every real answer against the models.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa
import shapely
from pydantic import BaseModel, ConfigDict, Field

from geo.publish.site_changes import SiteReceipt, SiteStatus
from geo.publish.site_doubts import Doubt, SiteDoubt
from geo.publish.site_rows import LONGEST_NAME, LONGEST_WORD, SiteReason
from geo.publish.sites import Site
from geo.schema_site import CHANGES
from tiles import package
from tiles.package import GEOMETRY, Layer

Row = dict[str, Any]

_DIGITS = re.compile(r"(\d+)")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Other(_Strict):
    """A site that may be the same."""

    site_id: str
    name: str


class DoubtOut(_Strict):
    """What is doubtful about a site."""

    model_config = ConfigDict(extra="forbid", title="SiteDoubtful")
    doubt: SiteDoubt
    other: Other | None


class SiteOut(_Strict):
    """A site. `lon`, `lat`: degrees, WGS 84."""

    model_config = ConfigDict(extra="forbid", title="Site")
    site_id: str
    programme: str
    kind: str = Field(description="of place; empty where nobody said")
    name: str
    n: int = Field(description="number among all sites there ever were: the feature id in tiles and GeoJSON")
    lon: float
    lat: float
    capacity: int | None = Field(description="poor families it can serve; null where nobody knows")
    block: str | None = Field(description="code of the block it stood in when this was written; null between blocks")
    place: str | None = Field(description="the areas it lies in, nearest first; null while nothing is published")
    version: int = Field(description="the one that says this of it")
    doubts: list[DoubtOut] | None = Field(description="null where the site is not the caller's to change")


class ProgrammeOut(_Strict):
    """A programme that has sites."""

    programme: str
    kinds: list[str] = Field(description="most frequent first")
    sites: int
    capacity: int | None = Field(description="of the sites that say theirs; null where none does")


class SitesOut(_Strict):
    """Open sites, by programme and name."""

    version: int = Field(description="0: nothing was imported yet")
    recorded_at: datetime | None
    programmes: list[ProgrammeOut] = Field(description="of the whole list, whatever was asked for")
    total: int = Field(description="sites on all pages")
    doubtful: int | None = Field(description="of them doubtful and the caller's to change; null for who changes none")
    next: int | None = Field(description="`after` of the next page")
    sites: list[SiteOut]


class SiteIn(BaseModel):
    """One site as it is to be."""

    programme: str = Field(max_length=LONGEST_WORD)
    kind: str = Field(default="", max_length=LONGEST_WORD)
    name: str = Field(max_length=LONGEST_NAME)
    lon: float = Field(description="degrees, WGS 84")
    lat: float
    capacity: int | None = Field(default=None, ge=0)
    note: str | None = Field(default=None, max_length=500, description="why; no names of people, no numbers")
    version: int | None = Field(default=None, description="that of the site as it was read; null for a new one")


class SiteRowIn(BaseModel):
    """One row of a file of sites; other names are known too (docs/guide/sites.md)."""

    site_id: str | None = Field(default=None, description="left out: made of programme, name and place")
    programme: str | None = Field(default=None, description="may be given for the whole file")
    kind: str | None = None
    name: str | None = None
    lon: float = Field(description="degrees, WGS 84")
    lat: float
    capacity: int | None = Field(default=None, description="poor families it can serve")


class PlacedOut(_Strict):
    """A site as it is, or would be, in the list."""

    programme: str
    kind: str
    lon: float
    lat: float
    capacity: int | None
    block: str | None


class SiteReceiptOut(_Strict):
    """One row's receipt."""

    model_config = ConfigDict(extra="forbid", title="SiteReceipt")
    row: int
    site_id: str | None
    name: str | None
    status: SiteStatus
    reason: SiteReason | None
    detail: str | None
    doubts: list[DoubtOut]
    site: PlacedOut | None = Field(description="null where it was refused")


class SiteReceiptsOut(_Strict):
    """Receipts of a file of sites, after commit, or without one in a dry run."""

    model_config = ConfigDict(extra="forbid", title="SiteReceipts")
    version: int = Field(description="the newest one, made by this or not")
    dry_run: bool
    body_sha256: str
    counts: dict[str, int] = Field(description="rows by status, and `closed`: sites that the file has no more")
    ignored: list[str] = Field(description="columns that were not looked at")
    notices: list[str]
    closed: list[str] = Field(description="ids of the sites that `replace` closes")
    results: list[SiteReceiptOut]


class SitePutOut(_Strict):
    """One site, stored."""

    version: int
    status: SiteStatus
    site: SiteOut


class SiteClosedOut(_Strict):
    """One site, closed."""

    version: int


class VersionOut(_Strict):
    """A version of the list."""

    version: int
    change: Literal["import", "edit", "close"] = Field(description=f"one of {', '.join(CHANGES)}")
    note: str | None
    actor: str | None = Field(description="account that made it; null for the operator")
    recorded_at: datetime
    sites: int = Field(description="how many it changed")
    closed: int = Field(description="of them closed")


class VersionsOut(_Strict):
    """Versions, newest first."""

    versions: list[VersionOut]
    next: int | None = Field(description="`before` of the next page")


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def told(site: Site, place: Sequence[str] | None, doubts: Sequence[Doubt] | None) -> Row:
    """A site as it is told. `place`: names of the areas that hold it; `doubts`: None where they are not to be told."""
    return {
        "site_id": site.site_id,
        "programme": site.programme,
        "kind": site.kind,
        "name": site.name,
        "n": site.n,
        "lon": site.lon,
        "lat": site.lat,
        "capacity": site.capacity,
        "block": site.block,
        "place": ", ".join(place) if place else None,
        "version": site.version,
        "doubts": None if doubts is None else [doubt.told for doubt in doubts],
    }


def receipt(of: SiteReceipt) -> Row:
    """A receipt as it is told."""
    named = ("programme", "kind", "lon", "lat", "capacity", "block")
    return {
        "row": of.row,
        "site_id": of.site_id,
        "name": of.name,
        "status": of.status,
        "reason": of.reason,
        "detail": of.detail,
        "doubts": [doubt.told for doubt in of.doubts],
        "site": None if of.site is None else {name: getattr(of.site, name) for name in named},
    }


def in_order(site: Site) -> tuple[Any, ...]:
    """By programme and name, numbers in names as numbers; then by id."""
    name = [(int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(site.name.casefold())]
    return site.programme.casefold(), name, site.site_id


def for_tables(rows: Sequence[Row]) -> list[Row]:
    """Rows whose doubts are text, for tables; all without that column where they are told of none of them."""
    told = any(row["doubts"] is not None for row in rows)
    return [_for_table(row, told) for row in rows]


def _for_table(row: Row, told: bool) -> Row:
    said = {name: value for name, value in row.items() if name != "doubts"}
    if not told:
        return said
    words = [" ".join([d["doubt"], *([d["other"]["site_id"]] if d["other"] else [])]) for d in row["doubts"] or ()]
    return said | {"doubts": "; ".join(words)}


_KINDS = {"n": pa.int64(), "version": pa.int64(), "capacity": pa.int64(), "lon": pa.float64(), "lat": pa.float64()}


def geopackage(rows: Sequence[Row], head: Mapping[str, Any]) -> bytes:
    """The sites as points, EPSG:4326; the same bytes for the same version."""
    columns = list(rows[0]) if rows else ["site_id"]
    made = {name: pa.array([row[name] for row in rows], _KINDS.get(name, pa.string())) for name in columns}
    points = shapely.points([row["lon"] for row in rows], [row["lat"] for row in rows])
    made[GEOMETRY] = pa.array(shapely.to_wkb(points), pa.binary())
    at = head["recorded_at"] or datetime.fromtimestamp(0, UTC)
    return package.packed([Layer("sites", pa.table(made), "Point", f"Sites, version {head['version']}")], at)
