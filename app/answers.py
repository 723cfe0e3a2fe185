"""What lists answer, for the OpenAPI document. A test holds every real answer against these.

Answers are made from arrays and written by `formats`; nothing is copied through these models on the way.
"""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Result = Literal["completed", "partial", "not_met", "refused", "not_found", "moved", "deceased", "ineligible"]
Origin = Literal["prelist", "new"]
PrelistState = Literal["missing", "open", "done", "dropped", "new"]
State = Literal["unknown", "empty", "over", "done", "silent", "unvisited", "behind", "started"]


class SubmissionIn(BaseModel):
    """One complete record about one household. Unknown fields are ignored and named in the receipt's notices."""

    submission_id: UUID = Field(description="made by the device; the same record keeps it however often it is sent")
    household_id: str = Field(max_length=64, description="made by the device for new families")
    revision: int = Field(ge=1, description="the highest counts; each visit and each correction is a new one")
    block: str | None = Field(default=None, max_length=64, description="declared code; may be missing with a point")
    lon: float | None = Field(default=None, description="degrees, WGS 84; may be missing with a block")
    lat: float | None = None
    accuracy_m: float | None = Field(default=None, ge=0)
    captured_at: datetime = Field(description="RFC 3339 with an offset")
    result: Result
    origin: Origin = "prelist"
    visit: int | None = Field(default=None, ge=1, le=3)
    revisit_at: datetime | None = None
    welfare: int | None = Field(default=None, ge=1, le=3, description="field status")
    started_at: datetime | None = None
    finished_at: datetime | None = None
    enumerator: str | None = Field(default=None, max_length=64)


class Said(BaseModel):
    """What every internal answer says beside its rows."""

    model_config = ConfigDict(extra="forbid")
    epoch: int = Field(description="the fold up to which everything is counted")
    as_of: datetime = Field(description="when that fold was")
    edition: str
    series: str
    simulated: bool


class Place(BaseModel):
    """What an area is, without any count. `lon` and `lat` are a point inside, degrees, WGS 84."""

    model_config = ConfigDict(extra="forbid")
    code: str | None
    name: str | None
    level: str
    n: int = Field(description="number in the edition: the feature id in tiles, stream and GeoJSON")
    parent: str | None
    lon: float | None
    lat: float | None


class Counts(BaseModel):
    """Families. Null outside the caller's scope; `expected`, `gap` and rates also where nothing is known."""

    expected: int | None
    completed: int | None
    new: int | None
    partial: int | None
    not_met: int | None
    refused: int | None
    not_found: int | None
    moved: int | None
    deceased: int | None
    ineligible: int | None
    dropped: int | None
    closed: int | None
    located: int | None
    spent: int | None = Field(description="third visit used up without a result, not closed")
    apart: int | None = Field(description="completed in blocks whose expected families are unknown; in no rate")
    gap: int | None
    coverage: float | None = Field(description="completed over expected")
    resolved: float | None = Field(description="families accounted for over expected")
    schedule: float | None = Field(description="coverage over the share of days begun")


class AreaFigures(Place, Counts):
    """An area and its figures."""

    last_at: datetime | None
    state: State | None


class CellFigures(Counts):
    """An H3 cell and its figures over the caller's scope. `lon` and `lat` are its centre."""

    model_config = ConfigDict(extra="forbid")
    cell: str = Field(description="H3 index as hexadecimal text")
    n: int
    lon: float
    lat: float


class GapBlock(AreaFigures):
    """A block where families are to be found, and why it is on the list."""

    place: str = Field(description="the areas it lies in, nearest first")
    winnable: int | None = Field(description="of the gap, families whose visits are not used up")
    reason: str = Field(description="why it is in its state; where nothing has arrived, what its device says")
    enumerator: str | None = Field(description="who is assigned; this and what follows is for those who answer for it")
    supervisor: str | None
    heard_at: datetime | None = Field(
        description="when the enumerator's device was last heard of, since the assignment"
    )
    queued: int | None = Field(description="submissions that wait on it, as it said")
    waiting: int | None = Field(description="of those, for this block; all of them where it does not say")


class Bounds(BaseModel):
    """How far an area reaches."""

    last: int = Field(description="its descendants are exactly the numbers n … last")
    bounds: list[float] = Field(min_length=4, max_length=4, description="west, south, east, north, degrees")


class AreaPlace(Place, Bounds):
    """An area and how far it reaches."""


class AreaWhole(AreaFigures, Bounds):
    """An area, its figures and how far it reaches."""


class AreasOut(Said):
    """Areas in the order of their numbers."""

    areas: list[AreaPlace]
    next: int | None = Field(description="`after` of the next page")


class AreaOut(Said):
    """One area and those above it, from the top."""

    area: AreaWhole
    path: list[Place]


class CoverageOut(Said):
    """Coverage of the areas of a level."""

    coverage: list[AreaFigures]
    next: int | None = Field(description="`after` of the next page")


class CellsOut(Said):
    """Coverage by cell."""

    resolution: int
    cells: list[CellFigures]


class GapsOut(Said):
    """Blocks, worst first."""

    total: int = Field(description="blocks on all pages")
    gap: int = Field(description="families to be found in them")
    winnable: int = Field(description="of those, families whose visits are not used up")
    states: dict[State, int] = Field(description="blocks of the scope by state, whatever was asked for")
    gaps: list[GapBlock]
    next: str | None = Field(description="`after` of the next page")


class Household(BaseModel):
    """One household as its highest revision says."""

    model_config = ConfigDict(extra="forbid")
    household_id: str
    revision: int
    block: str | None = Field(description="code declared at the door")
    code: str | None = Field(description="of the block it counts in; null where it counts in none")
    name: str | None
    located: str | None = Field(description="code of the block its point lies in; null where in none, or without one")
    lon: float | None = Field(description="degrees, WGS 84, as sent")
    lat: float | None
    accuracy_m: float | None
    captured_at: datetime
    day: date = Field(description="local date of the first revision that reached this result")
    result: Result
    origin: Origin
    visit: int | None
    revisit_at: datetime | None
    welfare: int | None = Field(description="field status, 1 to 3")
    enumerator: str | None
    flags: list[str] = Field(description="doubts about the point")
    closed: bool = Field(description="whether a refusal or non-contact was closed")


class HouseholdsOut(Said):
    """Single households, in the order of their blocks; in a box asked of a wide scope, of their cells."""

    total: int | None = Field(
        description="households on all pages, as of `epoch`; null where more is asked than `within` and `result`"
    )
    next: str | None = Field(description="`after` of the next page; a page may be short, or empty, and not be the last")
    households: list[Household]


class PrelistFamily(BaseModel):
    """One family of the prelist, or a household that the prelist lacks; what is known of it is null while missing."""

    model_config = ConfigDict(extra="forbid")
    household_id: str
    code: str = Field(description="of the block it is listed in; of one that is not listed, of the block it counts in")
    name: str
    n: int
    building: str | None = Field(description="number of the building, as listed")
    sequence: int | None = Field(description="place of the family in its building or block, as listed")
    state: PrelistState = Field(
        description="nothing known; met or refused without a result; completed or closed; found to be none; not listed"
    )
    result: Result | None
    visits: int | None = Field(description="number of the last visit; 0 while missing, null where nobody said")
    lon: float | None = Field(description="degrees, WGS 84, as sent")
    lat: float | None
    listed: bool
    origin: Origin | None = Field(
        description="what was said at the door: where it contradicts `listed`, the id is wrong"
    )
    found: str | None = Field(description="code of the block it counts in; null while missing, or where in none")


class PrelistOut(Said):
    """Families of the prelist in the order of blocks, buildings and places in them."""

    listed: bool = Field(description="whether the area has any prelist; without one everything counted is `new`")
    states: dict[PrelistState, int] | None = Field(
        description="families of the area by state, whatever was asked for; null outside of the scope, and for an area "
        "of more than 500 blocks"
    )
    total: int | None = Field(description="families on all pages; null where `states` is")
    next: str | None = Field(description="`after` of the next page; a page may be short, or empty, and not be the last")
    prelist: list[PrelistFamily]


_FILE = {"schema": {"type": "string", "format": "binary"}}


def listed(model: type[BaseModel], *, places: bool = True) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that answers in the formats of `formats`; `places`: those for maps among them."""
    content = {
        "text/csv": {"schema": {"type": "string"}},
        "application/geo+json": {"schema": {"type": "object"}},
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _FILE,
    }
    for_maps = {
        "application/geopackage+sqlite3": _FILE,
        "application/gpx+xml": {"schema": {"type": "string"}},
        "application/vnd.google-earth.kml+xml": {"schema": {"type": "string"}},
    }
    return {
        200: {
            "model": model,
            "description": "The rows, in the format asked for.",
            "content": content | (for_maps if places else {}),
        }
    }


#: `responses` of the event stream.
STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `change` and `alive`, each with an epoch as its id and JSON as its data.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}

#: `responses` of a vector tile.
TILED: dict[int | str, dict[str, Any]] = {
    200: {"description": "A vector tile.", "content": {"application/vnd.mapbox-vector-tile": _FILE}},
    204: {"description": "Nothing lies in this tile."},
    304: {"description": "The tile is still the one named by `If-None-Match`."},
}
