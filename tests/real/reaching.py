"""How near families have a site, and where new ones would be best: asked of the product, and counted once more."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import create_engine, text

from app.database import Logins
from geo.publish import placing, reach
from geo.publish.placing import Demand, Placed, Spots, Wish

LISTED = text(
    "SELECT lon, lat FROM (SELECT DISTINCT ON (site_id) * FROM site.revision ORDER BY site_id, version DESC) newest"
    " WHERE programme = :programme AND NOT closed ORDER BY site_id"
)

#: Persons to a family, where a census counts persons alone.
PERSONS = 4

#: How many new sites are asked for within a distance, kilometres.
MANY = {1: (1, 2, 3), 2: (1, 3, 5)}


@dataclass(frozen=True)
class City:
    """Families at places, the regency of each place if that matters, and the sites of a programme."""

    families: Demand
    sites: Spots
    regency: NDArray[np.str_] | None = None

    @property
    def all(self) -> int:
        """Families altogether."""
        return int(self.families.poor.sum())

    @property
    def away(self) -> NDArray[np.float64]:
        """Kilometres of each place to its nearest site, by haversines."""
        return haversines(self.families, self.sites).min(axis=1)

    def within(self, km: int) -> int:
        """Families within a distance, as the product says."""
        many = len(self.sites.lon)
        unknown, names = np.full(many, -1), tuple(map(str, range(many)))
        places = reach.Places(names, names, self.sites.lon, self.sites.lat, unknown)
        return int(self.families.poor[reach.within(reach.classes(self.families, places), km)].sum())

    def only(self, places: NDArray[np.bool_]) -> "City":
        """The families of some places, with all sites."""
        of = self.families
        return City(Demand(of.lon[places], of.lat[places], of.poor[places]), self.sites)

    def table(self, name: str, km: int) -> list[list[str]]:
        """What the guide prints of new sites; each checked by haversines, the first by trying every place."""
        rows = []
        for sites in MANY[km]:
            found = self.proposed(km, sites)
            assert (found.optimal, found.gap, len(found.chosen)) == (True, 0, sites)
            assert (found.covered_before, found.covered_after) == (self.covered(km, []), self.covered(km, found.chosen))
            assert sites > 1 or found.gained == (self.best_one(km),)
            share = 100 * found.covered_after / self.all
            rows.append([name, f"{km} km", str(sites), str(sum(found.gained)), f"{share:.1f} %", f"{found.gap:.0f}"])
        return rows

    def proposed(self, km: int, sites: int) -> Placed:
        """The best places for so many new sites, each where families live."""
        return placing.place(
            self.families, self.sites, Spots(self.families.lon, self.families.lat), Wish("cover", sites, km)
        )

    def covered(self, km: int, chosen: Sequence[int]) -> int:
        """Families within a distance with new sites at these places, by haversines."""
        new = Spots(self.families.lon[list(chosen)], self.families.lat[list(chosen)])
        near = self.away < km
        if len(chosen):
            near |= haversines(self.families, new).min(axis=1) < km
        return int(self.families.poor[near].sum())

    def best_one(self, km: int) -> int:
        """The most families that one more site, wherever families live, can bring within a distance."""
        gained = (haversines(self.families, self.families) < km)[self.away >= km]
        return int((gained * self.families.poor[self.away >= km, None]).sum(axis=0).max())


def listed(logins: Logins, programme: str) -> Spots:
    """The open sites of a programme."""
    engine = create_engine(logins.owner)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(LISTED, {"programme": programme})]
    engine.dispose()
    lon, lat = np.array(rows, float).T
    return Spots(lon, lat)


def haversines(points: Demand | Spots, others: Demand | Spots) -> NDArray[np.float64]:
    """Great-circle distances of all points to all others, kilometres."""
    (x, y), (u, v) = (np.radians([of.lon, of.lat]) for of in (points, others))
    half = np.sin((y[:, None] - v) / 2) ** 2 + np.cos(y)[:, None] * np.cos(v) * np.sin((x[:, None] - u) / 2) ** 2
    return np.asarray(2 * reach.EARTH_KM * np.arcsin(np.sqrt(half)))
