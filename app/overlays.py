"""One question about programmes, from the release to what is told: read, calculated, and put together.

Reads through the login that reads what is published, and lets it go before anything is calculated, so that no
connection waits for a calculation.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from app.analysis import Analysis
from app.api.releases import Asking
from geo.publish import clusters as clustering
from geo.publish import leaves as finest
from geo.publish import placing, programmes, published, telling
from geo.publish.clusters import Found, Rules
from geo.publish.leaves import Leaves
from geo.publish.programmes import Areas, Basis, Overlay, Question
from geo.publish.published import Row, Sealed
from geo.publish.reach import demand
from geo.publish.sites import SiteList

P = ParamSpec("P")
T = TypeVar("T")

#: Part of every tag: another number wherever an answer of the same release and sites comes out differently.
_FORM = "1"

#: Apart from whoever uploads or watches: whoever is outside can ask for these. Files, which take longer, one at a time.
_TELLER = ThreadPoolExecutor(1, thread_name_prefix="programmes")
_FILER = ThreadPoolExecutor(1, thread_name_prefix="programme-files")


@dataclass(frozen=True)
class Opened:
    """A question, the releases and the sites that it is about, and the tag of its answer."""

    asking: Asking
    question: Question
    sealed: Sealed
    earlier: Sealed | None
    sites: SiteList
    tag: str

    @property
    def known(self) -> bool:
        """Whether the caller has the answer already."""
        return self.tag in self.asking.known

    @property
    def plans(self) -> bool:
        """Whether new places may be proposed to the caller: it was granted an area."""
        return self.asking.reader is not None and finest.sees_blocks(self.sealed)

    async def basis(self, db: AsyncConnection) -> Basis:
        """What the answer is made of. Raises as `programmes.read`."""
        return await programmes.read(db, self.sealed, self.question, self.sites, self.earlier)


async def opened(db: AsyncConnection, asking: Asking, release: int, question: Question) -> Opened:
    """The releases and sites of a question. Raises NotFound (`no-release`, `no-version`, `no-programme`)."""
    sealed = await published.find(db, release)
    earlier = None if question.with_release is None else await published.find(db, question.with_release)
    sites = await programmes.sites_of(db, question)
    named = replace(asking, address=f"{asking.address} form {_FORM} sites {sites.version}")
    return Opened(asking, question, sealed, earlier, sites, named.tag(sealed, *([earlier] if earlier else [])))


async def found(analysis: Analysis, cells: Leaves) -> Found:
    """Clusters among cells."""
    return programmes.found_of(await analysis.run(clustering.find, cells, Rules()))


async def found_before(analysis: Analysis, basis: Basis) -> Found | None:
    """Those of the earlier release, where one is compared with."""
    return None if basis.earlier is None else await found(analysis, basis.earlier.cells)


async def placed(analysis: Analysis, basis: Basis) -> Row:
    """Places for new sites. Raises BadInput (`no-demand`, `no-candidates`)."""
    chosen = programmes.placed_of(await analysis.run(placing.place, *basis.placing()))
    return await apart(telling.placements, basis, chosen)


async def overlay(
    analysis: Analysis, of: Opened, basis: Basis, areas: Areas, area_shapes: Mapping[int, str]
) -> Overlay:
    """All of one question. New places where a programme was named, families are there and the caller may plan."""
    now, before = await found(analysis, basis.cells), await found_before(analysis, basis)
    wanted = of.plans and basis.question.programme is not None and bool(np.any(demand(basis.leaves)))
    places = await placed(analysis, basis) if wanted else None
    return await apart(_put_together, basis, now, before, places, (areas, area_shapes))


def reached(basis: Basis, now: Found, areas: Areas | None) -> Row:
    """Reach as it is told, with `areas` if there are any asked for."""
    told = telling.reached(basis, now)
    return told if areas is None else told | {"areas": telling.by_area(basis, areas)}


async def apart(make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `make` tells, made in a thread."""
    return await asyncio.get_running_loop().run_in_executor(_TELLER, lambda: make(*args, **kwargs))


async def filed(make: Callable[P, bytes], *args: P.args, **kwargs: P.kwargs) -> bytes:
    """The file that `make` makes, in another thread."""
    return await asyncio.get_running_loop().run_in_executor(_FILER, lambda: make(*args, **kwargs))


def _put_together(
    basis: Basis, now: Found, before: Found | None, places: Row | None, drawn: tuple[Areas, Mapping[int, str]]
) -> Overlay:
    areas, shapes = drawn
    cells = basis.cells
    leaves = telling.leaves(basis, now)
    return Overlay(
        telling.head(basis)
        | {"method": basis.question.method, "sites": basis.question.new_sites}
        | {"system": cells.system, "resolution": cells.resolution},
        telling.clusters(basis, now, before),
        leaves,
        telling.sites(basis),
        reached(basis, now, areas),
        places,
        telling.cluster_shapes(cells, now),
        telling.leaf_shapes(cells),
        shapes,
    )
