"""What the routes of clusters, sites, reach and placements answer, for the OpenAPI document.

A test holds every real answer against these.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.release_answers import Figure, ReleaseHead, _Strict, filed, tabled
from app.release_files import GPKG, XLSX
from geo.publish.clusters import Quadrant, Reason, State
from geo.publish.reach import Fullness

Class = Literal["<1", "1-2", "2-5", "5-10", ">10"]
System = Literal["block", "cell"]
PDF = "application/pdf"


class Within(_Strict):
    """The area asked about."""

    code: str
    name: str
    level: str
    n: int


class OverlayHead(ReleaseHead):
    """What every answer says beside its rows: of the release, of the sites, and what was asked."""

    within: Within | None = Field(description="null: all that the caller sees")
    programme: str | None = Field(description="null: any")
    km: int | None = Field(description="the distance asked about; null: any")
    sites_version: int = Field(description="0 while there are no sites")
    sites_recorded_at: datetime | None
    system: System = Field(description="what it was computed on")
    resolution: int = Field(description="of cells; 0 for blocks")


class Compared(OverlayHead):
    """The same where an earlier release may be compared with."""

    before_release: ReleaseHead | None
    same_table: bool | None = Field(
        description="whether the later figures hold the earlier ones; else two measures meet"
    )


class Served(_Strict):
    """The nearest site of a programme."""

    programme: str
    class_: Class = Field(alias="class", description="kilometres, straight line from the nearest cell")


class Group(Figure):
    """Cells that hang together, and what stands in them now."""

    cluster: str
    n: int
    cells: list[str] = Field(description="H3 indexes as hexadecimal text")
    km2: float
    places: list[str] = Field(description="villages in which they lie, most families first, five at most")
    lon: float = Field(description="a point inside, degrees, WGS 84")
    lat: float


class Cluster(Group):
    """Neighbouring cells with significantly many poor families."""

    excess: float = Field(description="poor families beyond what the share of all tested cells would give")
    excess_error: float = Field(description="its ±")
    agree: float = Field(description="share of its cells that local Moran too calls many among many")
    sure: float = Field(description="share of redraws of the noise in which it is found again")
    served: list[Served]
    without_site: list[str] = Field(description="programmes without a site within `km` of any of its cells")
    state: Literal["new", "still"] | None
    before: Figure | None


class Gone(Group):
    """A cluster of the earlier release of which no cell lies in one now."""

    before: Figure


class ClustersOut(Compared):
    """Poverty clusters."""

    method: dict[str, Any] = Field(description="statistic, weights, permutations, seed and bounds")
    tested: int
    untested: dict[Reason, int] = Field(description="cells that were not, by reason: do not rank them")
    too_small: int = Field(description="hot groups too small to be outlined")
    families: Figure
    inside: Figure
    clusters: list[Cluster]
    gone: list[Gone]


class Leaf(Figure):
    """A cell that was looked at."""

    cell: str
    n: int
    lon: float
    lat: float
    state: State
    why: Reason | None = Field(description="why it is not tested")
    z: float | None
    p: float | None
    moran: Quadrant
    cluster: str | None


class LeavesOut(OverlayHead):
    """Every cell that was looked at."""

    total: int
    leaves: list[Leaf]


class ProgrammeSites(_Strict):
    """A programme and its sites in the area asked about."""

    programme: str
    kinds: list[str]
    sites: int
    capacity: int | None = Field(description="of those that say theirs; null where none does")


class SiteLoad(Figure):
    """A site, and the families for whom it is the nearest of its programme."""

    site_id: str
    programme: str
    kind: str
    name: str
    n: int = Field(description="number among all sites there ever were, as in `/v1/sites`")
    lon: float
    lat: float
    capacity: int | None
    inside: bool = Field(description="whether it lies in the area asked about; others are the nearest for some of it")
    fullness: Fullness


class OverlaySitesOut(OverlayHead):
    """Sites and what comes to each."""

    programmes: list[ProgrammeSites]
    total: int = Field(description="sites in the area asked about")
    over: int = Field(description="of them over capacity, whatever the noise")
    sites: list[SiteLoad]


class Distance(Figure):
    """Families whose nearest site lies in a class of distances."""

    class_: Class = Field(alias="class")
    before: Figure | None


class Together(Figure):
    """Families within reach of exactly these programmes."""

    programmes: list[str]


class NearCluster(_Strict):
    """How near a cluster has a site of the programme asked about."""

    cluster: str
    class_: Class | None = Field(alias="class")
    without_site: bool


class Parts(_Strict):
    """Families within the distance, and all others."""

    reached: Figure
    beyond: Figure


class ReachArea(Figure, Parts):
    """An area with its own figure and the two parts of it."""

    code: str
    name: str
    level: str
    n: int
    parent: str | None
    lon: float
    lat: float
    measured: Literal["blocks", "point"] = Field(description="added up of blocks, or all of it by a point inside")


class ReachOut(Compared, Parts):
    """Which families have a site how near."""

    programmes: list[ProgrammeSites]
    families: Figure
    classes: list[Distance]
    overlap: list[Together]
    clusters: list[NearCluster]
    before: Parts | None
    areas: list[ReachArea] | None = Field(
        default=None, description="with `level` only, most poor families beyond first"
    )


class Covered(_Strict):
    """Poor families within the distance of a site, before and after, of how many."""

    before: int
    after: int
    error: float
    of: int


class Placement(_Strict):
    """A proposed place: the point of a leaf, not an address."""

    place: int
    n: int
    lon: float
    lat: float
    places: list[str]
    poor_gained: int
    error: float
    share_of_all: float | None


class PlacementsOut(OverlayHead):
    """Where new sites would reach most."""

    method: Literal["cover", "median"]
    sites: int
    solver: str
    optimal: bool
    gap: float = Field(description="how far, at most, the answer is from the best there is")
    bound: float
    seconds_limit: float
    candidates: int
    points: int = Field(description="leaves with poor families that were looked at")
    covered: Covered
    placements: list[Placement]


#: `responses` of the routes.
CLUSTERS, LEAVES, SITES = tabled(ClustersOut), tabled(LeavesOut), tabled(OverlaySitesOut)
REACH, PLACEMENTS = tabled(ReachOut), tabled(PlacementsOut)
WORKBOOK, PACKAGE, BRIEF = filed(XLSX), filed(GPKG), filed(PDF)
FILE_TYPES = {"xlsx": XLSX, "gpkg": GPKG, "pdf": PDF}
