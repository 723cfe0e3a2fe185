"""What is doubtful about sites that are stored: the same place twice, or a place where nobody is expected.

A doubt is a question to whoever keeps the list and no verdict. It is made of the list, the areas and the families
expected (which are published with every release), never of anything counted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.ground import cells
from geo.ground.areas import Ground
from geo.ground.campaign import Campaign
from geo.publish.site_rows import EDGE_M, plain
from geo.publish.sites import Site

SQL = queries.load(__file__)


class SiteDoubt(StrEnum):
    """What is doubtful. Stable: clients branch on them."""

    POSSIBLE_DUPLICATE = "POSSIBLE_DUPLICATE"
    BETWEEN_BLOCKS = "BETWEEN_BLOCKS"
    UNINHABITED = "UNINHABITED"
    FAR = "FAR"


#: Sites of one programme nearer to each other than the first may be one; nearer than the second, if of one name. Not so
#: where each has a number of its own: schools 1 and 2 share a yard.
BESIDE_M, NAMESAKE_M = 50.0, 500.0
#: Farther than this from every cell where a family is expected, metres.
FAR_M = 400.0
_NUMBERS = re.compile(r"\d+")
#: A degree of latitude, metres, to a part in three hundred.
_DEGREE_M = 111_195.0


@dataclass(frozen=True)
class Doubt:
    """One doubt about a site; `other` is the one that may be the same."""

    doubt: SiteDoubt
    other: Site | None = None

    @property
    def told(self) -> dict[str, Any]:
        """As answers tell it."""
        return {
            "doubt": self.doubt.value,
            "other": None if self.other is None else {"site_id": self.other.site_id, "name": self.other.name},
        }


@dataclass(frozen=True)
class Settled:
    """Where families are expected, `families` in all. `nobody`, `unknown`: numbers of blocks where none, nobody knows.

    `lon`, `lat`: centres of the cells where some are. Nothing is known of an edition without expected families.
    """

    nobody: frozenset[int]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    families: int
    unknown: frozenset[int] = frozenset()


async def settled(db: AsyncConnection, campaign: Campaign) -> Settled:
    """Where families are expected in the campaign's edition, by its series. The worker's to read."""
    of = {"edition_id": campaign.edition_id, "series": campaign.series}
    nobody, unknown = await db.scalars(SQL["nobody"], of), await db.scalars(SQL["unknown"], of)
    found = await queries.arrays(db, SQL["lived_in"], of, {"cell": "i8"})
    families = int((await db.execute(SQL["families"], of)).scalar_one())
    lon, lat = cells.centres(found["cell"])
    return Settled(frozenset(nobody), lon, lat, families, frozenset(unknown))


def numbers(sites: Sequence[Site], ground: Ground) -> NDArray[np.int32]:
    """The number of the block of each site, else of the nearest: whose it is to change. 0 where there is none."""
    return ground.locator.nearest(*_degrees(sites), EDGE_M)


def doubts_of(sites: Sequence[Site], ground: Ground, where: Settled) -> list[list[Doubt]]:
    """What is doubtful about each of `sites`, all the open ones, in their order."""
    if not sites:
        return []
    lon, lat = _degrees(sites)
    block = ground.locator.locate(lon, lat).tolist()
    shrink = float(np.cos(np.radians(lat.mean())))
    points = np.asarray(shapely.points(lon * shrink, lat), object)
    twins = _twins(sites, points)
    near = np.full(len(sites), len(where.lon) == 0)
    if len(where.lon):
        homes = shapely.STRtree(np.asarray(shapely.points(where.lon * shrink, where.lat), object))
        near[homes.query(points, predicate="dwithin", distance=FAR_M / _DEGREE_M)[0]] = True
    found: list[list[Doubt]] = []
    for at in range(len(sites)):
        told = {
            SiteDoubt.POSSIBLE_DUPLICATE: at in twins,
            SiteDoubt.BETWEEN_BLOCKS: block[at] == 0,
            SiteDoubt.UNINHABITED: block[at] in where.nobody,
            SiteDoubt.FAR: not near[at] and block[at] not in where.unknown,
        }
        mine = [doubt for doubt, holds in told.items() if holds]
        found.append([Doubt(d, sites[twins[at]] if d is SiteDoubt.POSSIBLE_DUPLICATE else None) for d in mine])
    return found


def _degrees(sites: Sequence[Site]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([s.lon for s in sites], np.float64), np.array([s.lat for s in sites], np.float64)


def _twins(sites: Sequence[Site], points: NDArray[np.object_]) -> dict[int, int]:
    """Positions of sites that may be the same as another, each with the nearest such."""
    programme = np.unique([site.programme for site in sites], return_inverse=True)[1]
    name = np.unique([plain(site.name) for site in sites], return_inverse=True)[1]
    one, other = shapely.STRtree(points).query(points, predicate="dwithin", distance=NAMESAKE_M / _DEGREE_M)
    alike = (one != other) & (programme[one] == programme[other])
    one, other = one[alike], other[alike]
    away = shapely.distance(points[one], points[other]) * _DEGREE_M
    own = [_numbered(site) for site in sites]
    count, bare = np.unique(own, return_inverse=True)[1], np.array([not numbers for numbers in own])
    apart = (count[one] != count[other]) & ~bare[one] & ~bare[other]
    same = ((away <= BESIDE_M) & ~apart) | (name[one] == name[other])
    one, other, away = one[same], other[same], away[same]
    order = np.lexsort((other, away, one))
    first, at = np.unique(one[order], return_index=True)
    return dict(zip(first.tolist(), other[order][at].tolist(), strict=True))


def _numbered(site: Site) -> str:
    """The numbers in a site's name, without zeros before them; not those of its id, of which a missing name is made."""
    return " ".join(found.lstrip("0") for found in _NUMBERS.findall(site.name.replace(site.site_id, "")))
