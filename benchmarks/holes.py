"""Scores the holes that are found in simulated months against those that were planted there.

    PYTHONPATH=. .venv/bin/python benchmarks/holes.py --seeds 3
    PYTHONPATH=. .venv/bin/python benchmarks/holes.py --jakarta ~/census-data/jakarta_rw

For each scale and seed a month is planned and looked at on some day and at its end; then once more with footprints as
they are elsewhere: with empty houses, with houses that nobody has mapped. `recall`: planted holes in walked blocks that
a found one meets. `overlap`: area of found cells and planted polygon in common, over both together. `doors`: share of
the missed families whose door lies in the cells. `in 80 %`: planted holes whose true number of families lies between
low and high. `alarms`: holes found where none was planted; in blocks with another planted fault (interviews made up
elsewhere), and in full blocks without any.
"""

import argparse
from pathlib import Path

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo.city import Scale, build
from app.demo.month import plan
from app.demo.rates import Rates
from geo.watch import holes
from geo.watch.doors import RADIUS, Houses, Points, metres
from tests.geo.watch.planted_holes import Changed, Month, Score, score, with_empty, without

#: Real footprints: buildings that make a block worth a look, those of a planted corner, visited ones of the others.
ENOUGH, LEAST_CORNER, VISITED = 30, 8, 0.96

#: Footprints as the city has them, and as they may be elsewhere.
FOOTPRINTS: dict[str, Changed] = {
    "all": lambda found: found,
    "10 % more, empty": with_empty(0.1),
    "25 % more, empty": with_empty(0.25),
    "15 % not mapped": without(0.15),
    "40 % not mapped": without(0.4),
}
HEAD = "scale     day footprints        holes recall overlap doors missing in 80 %  found alarms (faults) full (alarms)"


def line(total: Score) -> str:
    def mean(values: tuple[float, ...]) -> str:
        return f"{np.mean(values):.2f}" if values else "-"

    return (
        f"{total.met:3d}/{total.planted:<3d} {total.recall if total.planted else 0:6.2f} {mean(total.overlap):>7} "
        f"{mean(total.doors):>5} {mean(total.missing):>7} {mean(total.held):>7} {total.found:6d} {total.alarms:6d} "
        f"({total.faults:4d}) {total.full:6d} ({total.full_alarms})"
    )


def simulated(seeds: int, day: int) -> None:
    print(HEAD)
    scales: tuple[Scale, ...] = ("small", "district")
    for scale in scales:
        months = []
        for seed in range(1, seeds + 1):
            city = build(seed, scale)
            months.append((city, plan(city, Rates(), seed)))
        for name, changed in FOOTPRINTS.items() if scale == "district" else [("all", FOOTPRINTS["all"])]:
            for until in (day - 1, None):
                each = [score(Month(*month, until, changed)) for month in months]
                said = f"{scale:9s} {'end' if until is None else until + 1:>3} {name:17s}"
                if name == "all":
                    for seed, one in enumerate(each, start=1):
                        print(f"{said[:-3]} #{seed} {line(one)}")
                print(said, line(sum(each, Score())), flush=True)


def jakarta(folder: Path, seeds: int) -> None:
    """Real footprints: how many blocks have enough of them, and what is found of corners planted in those."""
    areas = geopandas.read_file(folder / "jakarta_rw_as_published.gpkg").dropna(subset=["block_id"])
    areas = areas[~areas.block_id.str.endswith("-NAN")].to_crs(4326)
    areas["geometry"] = areas.make_valid()
    areas = areas[["block_id", "village_code", "geometry"]].dissolve("block_id", aggfunc="first").reset_index()
    homes = geopandas.read_parquet(folder / "jakarta_osm_buildings_points.parquet")
    homes = homes[homes["type"] == "Residential"].to_crs(4326)
    at, block = shapely.STRtree(np.asarray(areas.geometry)).query(np.asarray(homes.geometry), predicate="intersects")
    order = np.lexsort((block, at))
    at, block = at[order], block[order]
    first = np.append(True, np.diff(at) > 0)
    at, block = at[first], block[first]
    place = shapely.get_coordinates(np.asarray(homes.geometry)[at])
    houses = Houses(block.astype(np.int64), place[:, 0], place[:, 1], homes["area_m2"].clip(lower=20).to_numpy()[at])
    number, count = np.unique(block, return_counts=True)
    print(
        f"{len(areas):,} neighbourhoods; {len(homes):,} residential buildings, {len(at):,} of them in a neighbourhood"
    )
    for least in (1, 10, 30, 60, 100):
        print(
            f"  with {least:3d} buildings or more: {(count >= least).sum():4d}, in all {count[count >= least].sum():,}"
        )
    enough = number[count >= ENOUGH]
    village = areas.village_code.to_numpy()[block]
    for seed in range(1, seeds + 1):
        rng = np.random.default_rng(seed)
        planted = {int(b): _corner(houses, int(b), rng) for b in rng.permutation(enough)[: len(enough) // 2]}
        gone = np.zeros(len(houses), dtype=bool)
        for corner in planted.values():
            gone[corner] = True
        seen = np.flatnonzero(~gone & (rng.random(len(houses)) < VISITED))
        seen = np.repeat(seen, rng.choice([1, 2, 3], len(seen), p=[0.85, 0.1, 0.05]))
        accuracy = 6 * np.exp(rng.normal(0, 0.45, len(seen)))
        off = rng.normal(0, 1, (2, len(seen))) * accuracy / RADIUS / 111_000
        points = Points(houses.lon[seen] + off[0], houses.lat[seen] + off[1], accuracy, np.zeros(len(seen), np.int64))
        found = []
        for one in np.unique(village):
            here, there = village == one, village[seen] == one
            some = Houses(houses.number[here], houses.lon[here], houses.lat[here], houses.area_m2[here])
            near = Points(points.lon[there], points.lat[there], points.accuracy_m[there], points.day[there])
            found += [
                (hole.group.number, np.flatnonzero(here)[hole.group.houses]) for hole in holes.seen(some, near).holes
            ]
        met = {b for b, members in found if b in planted and gone[members].mean() > 0.5}
        share = [np.isin(planted[b], np.concatenate([m for n, m in found if n == b])).mean() for b in met]
        false = [b for b, members in found if gone[members].mean() <= 0.5]
        clean = set(enough.tolist()) - set(planted)
        print(
            f"  seed {seed}: {len(met)} of {len(planted)} planted corners found, with {np.mean(share):.0%} of their "
            f"houses; {len(false)} alarms elsewhere, {len(clean & set(false))} of {len(clean)} untouched blocks of "
            f"{ENOUGH} buildings or more"
        )


def _corner(houses: Houses, block: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """The fifth of a block's houses that lie around one at its edge."""
    here = np.flatnonzero(houses.number == block)
    x, y = metres(houses.lon[here], houses.lat[here], houses.lon[here], houses.lat[here])
    angle = rng.uniform(0, 2 * np.pi)
    edge = int(np.argmax(x * np.cos(angle) + y * np.sin(angle)))
    return here[np.argsort(np.hypot(x - x[edge], y - y[edge]))[: max(LEAST_CORNER, len(here) // 5)]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--day", type=int, default=20, help="of the campaign, from 1")
    parser.add_argument("--jakarta", type=Path, help="folder with the published neighbourhoods and buildings")
    given = parser.parse_args()
    if given.jakarta:
        jakarta(given.jakarta, given.seeds)
    else:
        simulated(given.seeds, given.day)


if __name__ == "__main__":
    main()
