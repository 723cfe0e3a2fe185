"""Places where programmes are delivered: most where poor families live, some so badly put that planning must find them.

Every plant can be proved by geometry: the distance to the nearest poor family, the water on the way, the polygon it
lies in, the number of poor families for whom it is the nearest of its programme.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.demo import terrain as ground
from app.demo.city import City
from app.demo.terrain import Metres, Terrain
from app.demo.welfare import Welfare

_SALT = 0x53495445


@dataclass(frozen=True)
class Programme:
    """A programme. `kind` of place that delivers it, what its simulated places are called, families to one of them."""

    code: str
    kind: str
    title: str
    families: int


#: Programmes of 2025 (domain, "Three welfare scales") and the health centres; how many places each has is our guess.
PROGRAMMES = (
    Programme("Sembako", "shop", "E-Warong Simulasi", 1_500),
    Programme("PKH", "post", "Pos PKH Simulasi", 5_000),
    Programme("PBI-JKN", "office", "Loket PBI-JKN Simulasi", 10_000),
    Programme("Puskesmas", "clinic", "Puskesmas Simulasi", 8_000),
)
_SHOPS, _POSTS = 0, 1
PLANTED = ("", "badly_placed", "over_capacity", "duplicate", "impossible_place")

#: A cluster without a site is farther than this from every site, measured from its rim: from all of its families.
UNSERVED_M = 1_000.0
_MARGIN_M = 50.0
#: Families that must live outside that ring, so that the rest of the city can still be served.
_LEFT = 0.25
#: Two sites of one programme stand farther apart than the first, planted duplicates nearer than the second.
APART_M, DUPLICATE_M = 150.0, 30.0
#: A site beside the door, not on it: no household's own point is given away by a simulated site either.
_BESIDE_M = 15.0
#: A badly placed site is at least so far from every poor family; one across the river has so much water on its way.
FAR_M, WATER_M = 400.0, 60.0
ACROSS_M = 2_500.0
#: One more of each plant for so many sites.
FAR_EACH, OVER_EACH, DUPLICATE_EACH = 60, 25, 40
#: Poor families for each place of capacity: of ordinary sites, and of those over capacity, which serve at least `BUSY`.
ROOM, CROWDED = (1.3, 1.8), (0.4, 0.6)
BUSY = 60
OUTSIDE_M = 3_000.0
_SHORE_M = 20.0
_SAMPLE = 10_000


@dataclass(frozen=True)
class Site:
    """A site, EPSG:4326 degrees. `planted`: one of PLANTED.

    `why` is for the truth alone: `far`, `across_river:` and a cluster's id, `river`, `outside`, or of a duplicate the
    original's id. `demand`: poor families (field status 1–2) for whom it is the nearest of its programme, duplicates
    and impossible places left out; `capacity` likewise counts poor families.
    """

    site_id: str
    programme: str
    kind: str
    name: str
    lon: float
    lat: float
    capacity: int
    planted: str = ""
    why: str = ""
    demand: int = 0


@dataclass
class _Draft:
    """A site in the making: its programme's place in PROGRAMMES, where it is in metres, and which draft it repeats."""

    programme: int
    at: Metres
    planted: str = ""
    why: str = ""
    repeats: int = -1


@dataclass(frozen=True)
class _Plan:
    """What all steps look at. `door` (n, 2): doors of families where sites may stand; `poor` (p, 2): of all poor."""

    terrain: Terrain
    welfare: Welfare
    door: Metres
    poor: Metres
    centre: Metres
    unserved: int
    rng: np.random.Generator

    def allowed(self, xy: Metres) -> NDArray[np.bool_]:
        """Which places (n, 2) keep off the cluster that is to have no site."""
        return _off(self.centre, self.welfare, self.unserved, xy)


def draw_sites(city: City, welfare: Welfare, seed: int | None = None) -> list[Site]:
    """The sites of a city, in the order of their ids; the same city, welfare and seed give the same.

    A city too small for a cluster that is a kilometre from every site has none such; one without water has no site in
    it; `planted` always says what there is.
    """
    rng = np.random.default_rng([_SALT, city.seed if seed is None else seed])
    plan = _plan(city, welfare, rng)
    drafts = _sensible(city, plan)
    sensible = len(drafts)
    drafts += _far(city, plan, 1 + sensible // FAR_EACH) + _across(plan) + _impossible(city, plan)
    drafts += _repeated(plan, drafts[:sensible])
    demand = _demand(plan, drafts)
    busy = [i for i in range(sensible) if demand[i] >= BUSY and all(d.repeats != i for d in drafts)]
    for i in rng.permutation(busy)[: 1 + sensible // OVER_EACH]:
        drafts[i].planted = "over_capacity"
    return _finished(plan, drafts, demand)


def unserved(welfare: Welfare, sites: list[Site]) -> list[str]:
    """Ids of the clusters none of whose families can have a site within 1 km, straight."""
    lons, lats = np.array([s.lon for s in sites]), np.array([s.lat for s in sites])
    return [
        c.id for c in welfare.clusters if (ground.distances_m(c.lon, c.lat, lons, lats) > c.radius_m + UNSERVED_M).all()
    ]


def _off(centre: Metres, welfare: Welfare, number: int, xy: Metres) -> NDArray[np.bool_]:
    if number < 0:
        return np.ones(len(xy), bool)
    away = np.hypot(*(xy - centre[number]).T)
    return np.asarray(away > welfare.clusters[number].radius_m + UNSERVED_M + _MARGIN_M)


def _plan(city: City, welfare: Welfare, rng: np.random.Generator) -> _Plan:
    terrain = ground.survey(city)
    poor = terrain.door[welfare.poor]
    lons, lats = np.array([c.lon for c in welfare.clusters]), np.array([c.lat for c in welfare.clusters])
    centre = terrain.metres(lons, lats) if len(lons) else np.empty((0, 2))
    chosen = _choose(welfare, terrain, centre)
    door = terrain.door[_off(centre, welfare, chosen, terrain.door)]
    return _Plan(terrain, welfare, door, poor, centre, chosen, rng)


def _choose(welfare: Welfare, terrain: Terrain, centre: Metres) -> int:
    """The cluster to leave without a site: the one that takes least of the city with it; −1 where none can be."""
    best, least = -1, 1 - _LEFT
    for number in range(len(centre)):
        off = _off(centre, welfare, number, terrain.door)
        others = set(range(len(centre))) - {number}
        served = others <= set(welfare.cluster[off].tolist())
        if served and (~off).mean() < least:
            best, least = number, float((~off).mean())
    return best


def _sensible(city: City, plan: _Plan) -> list[_Draft]:
    """Sites amid poor families; every cluster but the unserved one has a shop inside."""
    poor = plan.poor[plan.allowed(plan.poor)]
    first = [
        plan.door[np.argmin(np.hypot(*(plan.door - centre).T))]
        for number, centre in enumerate(plan.centre)
        if number != plan.unserved
    ]
    middles = [_middles(poor, max(1, round(len(city.families) / p.families)), plan.rng) for p in PROGRAMMES]
    chosen = plan.door[ground.nearest(plan.door, np.concatenate(middles))[0]]
    drafts = []
    for number, doors in enumerate(np.split(chosen, np.cumsum([len(these) for these in middles])[:-1])):
        wanted = np.concatenate([first, doors]) if number == _SHOPS and first else doors
        drafts += [_Draft(number, at) for at in _spaced(_beside(plan, wanted))]
    return drafts


def _middles(xy: Metres, many: int, rng: np.random.Generator) -> Metres:
    """Where `many` sites would stand amid places (n, 2): a few steps of k-means, on a sample."""
    if len(xy) > _SAMPLE:
        xy = rng.choice(xy, _SAMPLE, replace=False)
    middles = rng.choice(xy, min(many, len(xy)), replace=False)
    for _ in range(3):
        of = ground.nearest(middles, xy)[0]
        size = np.bincount(of, minlength=len(middles))
        sums = np.column_stack([np.bincount(of, xy[:, i], len(middles)) for i in (0, 1)])
        middles = np.where(size[:, None] > 0, sums / np.maximum(size, 1)[:, None], middles)
    return middles


def _beside(plan: _Plan, doors: Metres) -> Metres:
    """Some steps from each door (n, 2), on habitable ground where there is some."""
    found, open_ = doors.copy(), np.ones(len(doors), bool)
    for _ in range(8):
        angle = plan.rng.uniform(0, 2 * np.pi, len(doors))
        moved = doors + _BESIDE_M * np.column_stack([np.cos(angle), np.sin(angle)])
        good = open_ & plan.terrain.habitable(moved)
        found[good] = moved[good]
        open_ &= ~good
    return found


def _spaced(xy: Metres) -> list[Metres]:
    kept: list[Metres] = []
    for at in xy:
        if all(np.hypot(*(at - other)) > APART_M for other in kept):
            kept.append(at)
    return kept


def _far(city: City, plan: _Plan, many: int) -> list[_Draft]:
    """Shops where no poor family lives far and wide: in wide rural blocks, else in blocks where nobody lives."""
    west, south, east, north = np.array([outline.bounds for outline in city.blocks.outline]).T
    block = plan.rng.integers(0, len(west), _SAMPLE)
    way = plan.rng.random((2, _SAMPLE))
    lon, lat = west[block] + way[0] * (east - west)[block], south[block] + way[1] * (north - south)[block]
    xy = plan.terrain.metres(lon, lat)
    xy = xy[plan.terrain.in_city(xy) & ~plan.terrain.wet(xy) & plan.allowed(xy)]
    away = ground.nearest(plan.poor, xy)[1]
    lonely = np.flatnonzero(away >= FAR_M)
    settled = plan.terrain.habitable(xy[lonely])
    found = _spaced(xy[lonely[np.lexsort((-away[lonely], ~settled))]][:500])
    return [_Draft(_SHOPS, at, "badly_placed", "far") for at in found[:many]]


def _across(plan: _Plan) -> list[_Draft]:
    """A shop meant for a cluster but on the other bank: nearest to it of all doors behind so much water."""
    doors = plan.rng.choice(plan.door, min(len(plan.door), _SAMPLE), replace=False)
    best, found = ACROSS_M, None
    for number, centre in enumerate(plan.centre):
        away = np.hypot(*(doors - centre).T)
        near = _beside(plan, doors[(away > plan.welfare.clusters[number].radius_m) & (away < best)])
        near = near[(plan.terrain.crossing_m(near, centre) >= WATER_M) & plan.allowed(near)]
        if number != plan.unserved and len(near):
            away = np.hypot(*(near - centre).T)
            best, found = float(away.min()), (near[away.argmin()], plan.welfare.clusters[number].id)
    return [_Draft(_SHOPS, found[0], "badly_placed", f"across_river:{found[1]}")] if found else []


def _impossible(city: City, plan: _Plan) -> list[_Draft]:
    """A post in the river, well off its banks, and one outside the city."""
    bounds = np.array([outline.bounds for outline in city.blocks.outline])
    low, high = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    within = plan.rng.uniform(low, high, (_SAMPLE, 2))
    xy = plan.terrain.metres(within[:, 0], within[:, 1])
    xy = xy[plan.terrain.wet(xy) & plan.allowed(xy)]
    around = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    ring = _SHORE_M * np.column_stack([np.cos(around), np.sin(around)])
    off_bank = plan.terrain.wet((xy[:, None] + ring).reshape(-1, 2)).reshape(-1, 8).all(axis=1)
    programme = _POSTS
    drafts = [_Draft(programme, at, "impossible_place", "river") for at in xy[off_bank][:1]]
    beyond = plan.terrain.metres(low[:1], (low[1:] + high[1:]) / 2)[0] - [OUTSIDE_M, 0]
    return [*drafts, _Draft(programme, beyond, "impossible_place", "outside")]


def _repeated(plan: _Plan, drafts: list[_Draft]) -> list[_Draft]:
    """The same sites once more, some metres beside."""
    chosen = plan.rng.permutation(len(drafts))[: 1 + len(drafts) // DUPLICATE_EACH]
    again = _beside(plan, np.array([drafts[i].at for i in chosen]))
    return [_Draft(drafts[i].programme, at, "duplicate", repeats=int(i)) for i, at in zip(chosen, again, strict=True)]


def _demand(plan: _Plan, drafts: list[_Draft]) -> NDArray[np.int64]:
    """Poor families for whom each draft is the nearest of its programme, see `Site.demand`."""
    found = np.zeros(len(drafts), np.int64)
    real = np.array([d.planted not in ("duplicate", "impossible_place") for d in drafts])
    of = np.array([d.programme for d in drafts])
    at = np.array([d.at for d in drafts])
    for number in range(len(PROGRAMMES)):
        these = np.flatnonzero(real & (of == number))
        found[these] = np.bincount(ground.nearest(at[these], plan.poor)[0], minlength=len(these))
    return found


def _finished(plan: _Plan, drafts: list[_Draft], demand: NDArray[np.int64]) -> list[Site]:
    """The sites in a random order, so that neither id nor name tells which are planted."""
    order = plan.rng.permutation(len(drafts))
    place = np.argsort(order)
    capacity = _capacities(plan, drafts, demand)
    degrees, counted, sites = plan.terrain.degrees(np.array([d.at for d in drafts])), [0] * len(PROGRAMMES), []
    for i in order.tolist():
        draft, programme = drafts[i], PROGRAMMES[drafts[i].programme]
        counted[draft.programme] += 1
        like = draft.repeats if draft.repeats >= 0 else i
        why = draft.why or (_id(place[like]) if like != i else "")
        name = f"{programme.title} {counted[draft.programme]}"
        lon, lat = float(degrees[i, 0]), float(degrees[i, 1])
        room, planted, came = int(capacity[like]), draft.planted, int(demand[i])
        sites.append(Site(_id(place[i]), programme.code, programme.kind, name, lon, lat, room, planted, why, came))
    names = {site.site_id: site.name for site in sites}
    return [replace(s, name=f"{names[s.why]} B") if s.planted == "duplicate" else s for s in sites]


def _capacities(plan: _Plan, drafts: list[_Draft], demand: NDArray[np.int64]) -> NDArray[np.int64]:
    """Room for more poor families than come, in tens; for fewer where a draft is planted as over capacity."""
    served = np.where(demand > 0, demand, BUSY)
    enough = np.ceil(served * plan.rng.uniform(*ROOM, len(drafts)) / 10) * 10 + 20
    few = np.floor(served * plan.rng.uniform(*CROWDED, len(drafts)) / 10) * 10
    return np.where([d.planted == "over_capacity" for d in drafts], few, enough).astype(np.int64)


def _id(place: int) -> str:
    return f"SIM-S{int(place) + 1:04d}"
