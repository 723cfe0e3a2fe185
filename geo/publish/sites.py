"""Sites: places where programmes are delivered, in versions; read by whoever asks, changed by who answers for an area.

Public places, and nothing of any family. A version is the list as it was after one change, and never changes again, so
that every answer that names a release and a version of the sites can be given once more.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import NotFound
from geo.publish.leaves import UNKNOWN
from geo.publish.reach import Places
from geo.scope import LAST, Scope, merged
from geo.trust.credentials import Caller

SQL = queries.load(__file__)

#: Roles that keep the list of their areas: offices inside, and local governments.
KEEPERS = ("admin", "coordinator", "local_government")


@dataclass(frozen=True, slots=True)
class Site:
    """A place where a programme is delivered. `lon`, `lat`: degrees, EPSG:4326; `capacity`: poor families it can serve.

    `block`: code of the block it stood in when this was written, None between blocks. `n` numbers it among all sites
    there ever were; `version` is the one that says this of it.
    """

    site_id: str
    programme: str
    kind: str
    name: str
    lon: float
    lat: float
    capacity: int | None
    block: str | None
    n: int = 0
    version: int = 0

    @property
    def said(self) -> tuple[Any, ...]:
        """What is said of it: two sites that say the same need no new version."""
        return self.programme, self.kind, self.name, self.lon, self.lat, self.capacity


@dataclass(frozen=True)
class SiteList:
    """The open sites as they were after a version (0: there is none yet), in the order of their ids."""

    version: int
    rows: list[Site]
    recorded_at: datetime | None = None

    @cached_property
    def by_id(self) -> Mapping[str, Site]:
        """The sites by their ids."""
        return {site.site_id: site for site in self.rows}

    @property
    def programmes(self) -> tuple[str, ...]:
        """Every programme that has a site, in the order of their names."""
        return tuple(sorted({site.programme for site in self.rows}))

    def of(self, programme: str | None) -> list[Site]:
        """The sites of a programme, None for all; none where nothing was ever imported.

        Raises NotFound (`no-programme`) where other programmes have sites and this one has none.
        """
        found = [site for site in self.rows if programme in (None, site.programme)]
        if not found and self.rows:
            raise NotFound(f"no site is of this programme; there are {', '.join(self.programmes)}", code="no-programme")
        return found


async def current(db: AsyncConnection, version: int | None = None) -> SiteList:
    """The list after a version, None for the newest. Raises NotFound (`no-version`)."""
    number = await newest(db, version)
    if number == 0:
        return SiteList(0, [])
    recorded_at = await db.scalar(SQL["recorded"], {"version": number})
    rows = await db.execute(SQL["rows"], {"version": number})
    return SiteList(number, [Site(*row) for row in rows], recorded_at)


async def newest(db: AsyncConnection, version: int | None = None) -> int:
    """The number of the newest version, 0 before there is any; or `version` itself. Raises NotFound (`no-version`)."""
    if version is None:
        return int((await db.execute(SQL["newest"])).scalar_one())
    if version and await db.scalar(SQL["recorded"], {"version": version}) is None:
        raise NotFound("the sites have no such version", code="no-version")
    return version


def places(found: SiteList, programme: str | None = None) -> Places:
    """The sites of a programme, None for all, in the order of their ids. Raises NotFound as `SiteList.of`."""
    sites = found.of(programme)
    return Places(
        tuple(site.site_id for site in sites),
        tuple(site.programme for site in sites),
        np.array([site.lon for site in sites], np.float64),
        np.array([site.lat for site in sites], np.float64),
        np.array([UNKNOWN if site.capacity is None else site.capacity for site in sites], np.int64),
    )


async def villages(db: AsyncConnection, found: Sequence[Site]) -> dict[str, tuple[int, list[str]]]:
    """By code of a block its number in the releases, and the names of the areas that hold it, nearest first.

    Blocks that the releases do not have are not among them.
    """
    blocks = sorted({site.block for site in found if site.block is not None})
    rows = await db.execute(SQL["villages"], {"blocks": blocks})
    return {row.block: (int(row.number), list(row.places or ())) for row in rows}


async def versions(db: AsyncConnection, before: int | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Versions below `before`, newest first: `version change note actor recorded_at sites closed`."""
    of = {"before": 2**31 - 1 if before is None else before, "limit": limit}
    return [dict(row) for row in (await db.execute(SQL["versions"], of)).mappings()]


async def kept_by(db: AsyncConnection, keeper: Caller) -> Scope:
    """The areas whose sites the caller keeps in the roles it acts in, of the campaign's edition. For the worker."""
    of = {"account_id": keeper.account_id, "roles": [r for r in KEEPERS if r in keeper.scopes], "last": LAST}
    ranges = merged(*(((row.first, row.last),) for row in await db.execute(SQL["kept_by"], of)))
    return Scope(keeper.account_id, keeper.name, keeper.role, ranges, keeper.credential_id)


def by_programme(found: SiteList) -> list[dict[str, Any]]:
    """Each programme with its kinds, how many sites it has and what they can serve; None where nobody knows of any."""
    told = []
    for programme in found.programmes:
        mine = [site for site in found.rows if site.programme == programme]
        known = [site.capacity for site in mine if site.capacity is not None]
        kinds = [kind for kind, _ in Counter(site.kind for site in mine).most_common() if kind]
        told.append(
            {"programme": programme, "kinds": kinds, "sites": len(mine), "capacity": sum(known) if known else None}
        )
    return told
