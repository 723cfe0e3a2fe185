"""How good proposed places are, how long they take, and what the noise of a release costs them.

    PYTHONPATH=. .venv/bin/python benchmarks/placing.py --data ../shared/data --scale city --seed 22

Samarinda: the health sites that OpenStreetMap knows, and the simulated poor families of the final table by block, with
the noise of the service. `told`: families within the distance by the released figures, before and after the new sites;
`in truth`: the same places counted with the exact figures; `best`: places chosen on the exact figures. Jakarta: its
puskesmas in OpenStreetMap (2012), and persons of the census of 2010, spread evenly over the RW of each village.
Candidates are the points of all blocks in which somebody lives. `gap`: how far an answer may be from the best one, of
what new sites gain (`cover`) or of the distance left (`median`). `seconds` are of one core; importing spopt is told
by itself.

`--hard` asks the same of places and families strewn at random, as many as a large regency has: harder than any city.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import shapely

from app.demo import welfare
from app.demo.city import SCALES, Scale, build
from geo.publish import noise, reach
from geo.publish.leaves import Leaves
from geo.publish.noise import Purpose
from geo.publish.placing import METHODS, Demand, Method, Placed, Spots, Wish, place

KEY = b"benchmark of placing".ljust(noise.KEY_BYTES)
ASKED = tuple((method, sites, km) for method in METHODS for sites in (5, 20) for km in (1, 2, 5))
HEAD = ("method", "sites", "km", "points", "candidates", "gap", "by", "seconds", "told before", "after", "of")


def released(seed: int, scale: Scale) -> tuple[Leaves, Leaves]:
    """The blocks of the simulated city in the final table, with noise and exact; those where nobody lives left out."""
    city = build(seed, scale)
    drawn = welfare.draw(city, seed)
    of, many = city.families.block, len(city.blocks)
    n, poor = np.bincount(of, minlength=many), np.bincount(of[drawn.after <= 2], minlength=many)
    purpose = Purpose("simulasi", "2022_2", "final", "consultation", 6)
    draws = [noise.draw(KEY, purpose, "block", code, noise.content([])) for code in city.blocks.code]
    at = shapely.point_on_surface(city.blocks.outline)
    key, ones = np.arange(1, many + 1), np.ones(many, np.int64)
    exact = Leaves("block", 0, key, key, shapely.get_x(at), shapely.get_y(at), n, poor, ones, n)
    return _lived(replace(exact, value=poor + np.array(draws))), _lived(exact)


def _lived(leaves: Leaves) -> Leaves:
    here = leaves.n > 0
    columns = ("key", "number", "lon", "lat", "n", "value", "draws", "expected")
    return replace(leaves, **{name: getattr(leaves, name)[here] for name in columns})


def demand_of(leaves: Leaves) -> Demand:
    return Demand(leaves.lon, leaves.lat, reach.demand(leaves))


def spots(shapes: geopandas.GeoSeries) -> Spots:
    at = shapely.point_on_surface(shapes.to_crs(4326).to_numpy())
    return Spots(shapely.get_x(at), shapely.get_y(at))


def within(demand: Demand, existing: Spots, chosen: Spots, km: int) -> int:
    """Families within the distance of any site."""
    lon, lat = (np.concatenate([getattr(existing, name), getattr(chosen, name)]) for name in ("lon", "lat"))
    near = reach.chords2(demand, Spots(lon, lat), slice(None)).min(axis=1) < reach.chord2(km)
    return int(demand.poor[near].sum())


def asked(demand: Demand, existing: Spots, candidates: Spots, wish: Wish) -> tuple[Placed, list[str]]:
    """An answer and what is told of it in every table."""
    begun = time.process_time()
    found = place(demand, existing, candidates, wish)
    took = time.process_time() - begun
    gap = "0" if found.optimal else f"{100 * found.gap:.2f} %"
    told = [wish.method, wish.sites, wish.km, found.points, found.candidates, gap, found.solver, f"{took:.1f}"]
    return found, [str(one) for one in (*told, found.covered_before, found.covered_after, found.total)]


def samarinda(data: Path, seed: int, scale: Scale) -> Iterator[list[str]]:
    figures, exact = released(seed, scale)
    existing = spots(geopandas.read_file(data / "samarinda_osm" / "samarinda_osm_health_facilities.geojson").geometry)
    candidates, truth = Spots(figures.lon, figures.lat), demand_of(exact)
    for method, sites, km in ASKED:
        wish = Wish(method, sites, km)
        found, row = asked(demand_of(figures), existing, candidates, wish)
        best = place(truth, existing, candidates, wish)
        counted = [
            within(truth, existing, Spots(candidates.lon[list(one.chosen)], candidates.lat[list(one.chosen)]), km)
            for one in (found, best)
        ]
        yield [*row, str(counted[0]), str(counted[1])]


def jakarta(data: Path) -> Iterator[list[str]]:
    folder = data / "jakarta_rw"
    blocks = geopandas.read_file(folder / "jakarta_rw_as_published.gpkg")
    counts = geopandas.pd.read_csv(folder / "jakarta_kelurahan_census2010_population.csv", dtype={"village_code": str})
    persons = blocks.village_code.map(counts.set_index("village_code").population_2010)
    each = persons / blocks.groupby("village_code").village_code.transform("size")
    at = spots(blocks.geometry)
    demand = Demand(at.lon, at.lat, each.fillna(0).round().to_numpy(np.int64))
    sites = geopandas.read_file(folder / "jakarta_osm_sites.geojson")
    existing = spots(sites.geometry[sites.site_type == "puskesmas"])
    print(f"Jakarta: {len(existing.lon)} puskesmas, {int(demand.poor.sum()):,} persons")
    for method, many, km in ASKED:
        yield asked(demand, existing, at, Wish(method, many, km))[1]


def strewn(seed: int) -> Iterator[list[str]]:
    rng = np.random.default_rng(seed)

    def some(many: int, degrees: float) -> Spots:
        return Spots(117 + rng.random(many) * degrees, rng.random(many) * degrees)

    for points, candidates, existing, degrees in ((2_800, 1_000, 30, 0.25), (2_800, 1_000, 0, 0.25),
                                                  (11_000, 11_000, 200, 0.8), (11_000, 3_000, 0, 0.8)):  # fmt: skip
        at, poor = some(points, degrees), rng.integers(0, 50, points)
        there, could = some(existing, degrees), some(candidates, degrees)
        wishes: tuple[tuple[Method, int, int], ...] = (
            ("cover", 5, 2),
            ("cover", 20, 5),
            ("median", 5, 2),
            ("median", 20, 2),
        )
        for method, sites, km in wishes:
            yield [str(existing), *asked(Demand(at.lon, at.lat, poor), there, could, Wish(method, sites, km))[1]]


def show(rows: Iterator[list[str]], head: tuple[str, ...]) -> None:
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of real data")
    parser.add_argument("--scale", choices=SCALES, default="city")
    parser.add_argument("--seed", type=int, default=22)
    parser.add_argument("--hard", action="store_true", help="families and places at random instead")
    given = parser.parse_args()
    begun = time.process_time()
    __import__("spopt.locate")
    print(f"spopt is imported in {time.process_time() - begun:.1f} seconds of one core\n")
    if given.hard:
        show(strewn(given.seed), ("existing", *HEAD))
        return
    show(samarinda(given.data, given.seed, given.scale), (*HEAD, "in truth", "best"))
    show(jakarta(given.data), HEAD)


if __name__ == "__main__":
    main()
