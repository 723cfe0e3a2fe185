"""What the routes of releases answer, for the OpenAPI document. A test holds every real answer against these."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.answers import _FILE, Place, listed
from geo.publish.bands import Note

Kind = Literal["field", "final"]
Measure = Literal["field_status", "consultation", "score"]
Band = Literal["<5", "5-10", "10-15", "15-20", "20-30", "30-40", "40-50", ">=50"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Terms(_Strict):
    """What is published of this campaign, fixed before it began."""

    campaign: str
    edition: str
    series: str
    time_zone: str
    simulated: bool
    measure: Measure = Field(description="of the final table")
    cut_off: float | None = Field(description="score below which a family counts as poor, where that is the measure")
    fixed_at: datetime
    sigma: float = Field(description="standard deviation of one draw of noise, families")
    gate: int = Field(description="households that newly enter a block or cell before its field figure moves")
    shown_from: int = Field(description="households from which a share is shown")
    low_coverage: float = Field(description="share of the expected families below which areas are not to be ranked")


class Cost(_Strict):
    """What tables cost in privacy."""

    tables: int
    rho: float
    epsilon: float
    delta: float
    advantage: float = Field(description="the most that one gains who knows everybody else; 0 a coin, 1 certainty")


class Spent(_Strict):
    """Cost of the tables of which something is sealed, and of both."""

    now: Cost
    whole: Cost


class Slot(_Strict):
    """A date of the calendar."""

    release: int
    kind: Kind
    due: date = Field(description="first day on which it may be made")
    state: Literal["sealed", "passed_over", "planned"]


class ReleaseRow(_Strict):
    """A sealed release."""

    release: int
    kind: Kind
    measure: Measure
    due: date
    as_of: datetime
    sealed_at: datetime
    digest: str = Field(description="SHA-256 of its canonical bytes")


class ReleasesOut(_Strict):
    """Terms, cost, calendar and sealed releases; empty lists and no terms where nothing is fixed."""

    terms: Terms | None
    levels: list[str] = Field(description="of the areas, coarsest first")
    cost: Spent
    calendar: list[Slot]
    releases: list[ReleaseRow]


class ReleaseHead(_Strict):
    """What every answer of a release says beside its rows."""

    release: int
    kind: Kind
    measure: Measure
    as_of: datetime = Field(description="everything counted by then may be in it")
    sealed_at: datetime
    edition: str
    campaign: str
    simulated: bool
    digest: str


class Figure(_Strict):
    """Households behind a figure and, of them, the poor or very poor. Null where it is not the caller's to see."""

    households: int | None = Field(description="behind the figure, exact")
    poor: int | None = Field(description="of them poor or very poor, with noise; may be negative, so that sums hold")
    draws: int | None = Field(description="draws of noise in it")
    error: float | None = Field(description="± of `poor`, families: 95 of 100 figures are no farther off")
    expected: int | None = Field(description="families expected there as of the release; null also where unknown")
    covered: float | None = Field(description="households over expected")
    poor_shown: int | None = Field(description="`poor` as a number that can be; null below ten households")
    share_band: Band | None = Field(description="share of the households, in per cent; null likewise")
    notes: list[Note] = Field(description="what is to be said beside it")


class ReleaseArea(Place, Figure):
    """An area and its figure."""


class ReleaseCell(Figure):
    """An H3 cell and its figure. `lon` and `lat` are its centre, degrees, WGS 84."""

    cell: str = Field(description="H3 index as hexadecimal text")
    n: int
    lon: float
    lat: float


class Shown(_Strict):
    """The sum of what is shown, on all pages."""

    areas: int
    households: int
    poor: int
    draws: int
    error: float


class ReleaseAreasOut(ReleaseHead):
    """Figures of the areas of a level."""

    level: str
    total: int = Field(description="areas on all pages, shown or not")
    shown: Shown
    next: str | None = Field(description="`after` of the next page")
    areas: list[ReleaseArea]


class ReleaseCellsOut(ReleaseHead):
    """Figures of cells."""

    resolution: int
    next: str | None = Field(description="`after` of the next page")
    cells: list[ReleaseCell]


class Comparison(Place):
    """An area in two releases."""

    before_households: int | None
    before_poor: int | None
    before_draws: int | None
    before_error: float | None
    before_expected: int | None
    before_covered: float | None
    before_poor_shown: int | None
    before_share_band: Band | None
    before_notes: list[Note]
    after_households: int | None
    after_poor: int | None
    after_draws: int | None
    after_error: float | None
    after_expected: int | None
    after_covered: float | None
    after_poor_shown: int | None
    after_share_band: Band | None
    after_notes: list[Note]
    change: int | None = Field(description="`after_poor` − `before_poor`; null where one of them is no figure")
    change_error: float | None = Field(description="± of the change, from the draws that are not in both")
    clear: bool | None = Field(description="whether the change is larger than that")


class ComparisonOut(ReleaseHead):
    """Two releases; the head is of the later one."""

    level: str
    before: ReleaseHead
    same_table: bool = Field(description="whether the later figures hold the earlier ones; else two measures meet")
    next: int | None = Field(description="`after` of the next page")
    compare: list[Comparison]


#: `responses` of a file that was named by `If-None-Match`.
_UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "It is still the one named by `If-None-Match`."}}


def tabled(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """`responses` of a list of a release."""
    responses = listed(model, places=False)
    responses[200]["content"]["application/geopackage+sqlite3"] = _FILE
    return responses | _UNCHANGED


def filed(media_type: str) -> dict[int | str, dict[str, Any]]:
    """`responses` of a whole release as a file."""
    return {200: {"description": "The whole release.", "content": {media_type: _FILE}}, **_UNCHANGED}


#: `responses` of the calendar of releases.
OVERVIEW: dict[int | str, dict[str, Any]] = {200: {"model": ReleasesOut}, **_UNCHANGED}
