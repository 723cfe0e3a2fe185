"""Whether planted clusters are found in released figures, and how often something is found where nothing was planted.

    PYTHONPATH=. .venv/bin/python benchmarks/clusters.py --scale city --seeds 3
    PYTHONPATH=. .venv/bin/python benchmarks/clusters.py --scale city --seeds 3 --poor 0.3
    PYTHONPATH=. .venv/bin/python benchmarks/clusters.py --nothing

Months and releases as in benchmarks/release.py: with the noise of the service, and the low coverage of early field
releases. `found`: planted clusters of which at least half of the families live in cells of a cluster; `families`: share
of all planted families that do; `empty`: clusters, and cells of clusters, in which no planted family lives; `sure`:
median of `Cluster.sure`. `by the book`: what Gi* of PySAL finds without the house's additions: rates standardised with
moments, permutations of all cells, the same rate of false discoveries, groups of three cells.

`--nothing`: maps without planted clusters, on the cells of the simulated city. `even`: everybody is poor with the same
chance. `places differ`: the chance of each cell differs by itself, with so large a standard deviation, relative to
the mean. `simulated`: the city without its discs, where kampungs, river banks and fringes are poorer on purpose: what
is found there is true, but was not planted.
"""

import argparse
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import esda
import numpy as np
from libpysal.weights import W
from numpy.typing import NDArray

from app.demo import clusters as planting
from app.demo import welfare
from app.demo.city import Scale, build
from app.demo.hours import DAY, DAYS, START
from benchmarks.release import FIELD, FINAL_AFTER, Figures, Month, Releases, table
from geo.ground import cells
from geo.publish import clusters, noise
from geo.publish.leaves import Leaves

Numbers = NDArray[np.int64]

#: By share of poor families: bounds of a block's chance outside of clusters, in proportion to those of the simulation.
BOUNDS = {0.12: (0.003, 0.30), 0.2: (0.003, 0.45), 0.3: (0.003, 0.60)}
#: Maps without clusters of each kind, and the relative spread of places in them.
NOTHING = 100
SPREADS = (0.0, 0.15, 0.3)
QUICK = clusters.Rules(moran_permutations=99, redraws=0)


@dataclass
class Score:
    """Sums over maps."""

    planted: int = 0
    found: int = 0
    families: int = 0
    inside: int = 0
    clusters: int = 0
    empty: int = 0
    cells: int = 0
    empty_cells: int = 0
    tested: int = 0
    maps: int = 0

    def add(self, members: Numbers, groups: list[Numbers], tested: int) -> None:
        """`members` (planted, cells): families of each planted cluster; `groups`: positions of found cells."""
        inside = np.zeros(members.shape[1], bool)
        for group in groups:
            inside[group] = True
        of, lived = members.sum(axis=1), members.sum(axis=0)
        self.planted += len(of)
        self.found += int((2 * members[:, inside].sum(axis=1) >= of).sum())
        self.families += int(of.sum())
        self.inside += int(lived[inside].sum())
        self.clusters += len(groups)
        self.empty += sum(int(lived[group].sum()) == 0 for group in groups)
        self.cells += int(inside.sum())
        self.empty_cells += int((lived[inside] == 0).sum())
        self.tested += tested
        self.maps += 1


def leaves_of(figures: Figures, expected: Numbers, resolution: int) -> Leaves:
    lon, lat = cells.centres(figures.leaf)
    nothing = np.zeros(len(figures.leaf), np.int64)
    return Leaves(
        "cell", resolution, figures.leaf, nothing, lon, lat, figures.n, figures.value, figures.draws, expected
    )


def by_the_book(leaves: Leaves) -> tuple[list[Numbers], int]:
    """Groups of hot cells by PySAL alone, and how many cells were tested."""
    low = (leaves.n < 0.8 * leaves.expected) | (leaves.n < 10) | (leaves.draws == 0)
    pairs = cells.neighbours(leaves.key)
    pairs = pairs[~low[pairs].any(axis=1)]
    here = np.unique(pairs)
    if len(here) < clusters.Rules().least_tested:
        return [], 0
    place = np.full(len(leaves), -1)
    place[here] = np.arange(len(here))
    beside: dict[int, list[int]] = {i: [] for i in range(len(here))}
    for a, b in place[pairs].tolist():
        beside[a].append(b)
        beside[b].append(a)
    score = esda.smoothing.assuncao_rate(leaves.value[here].astype(float), leaves.n[here].astype(float))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = esda.G_Local(
            score - score.min() + 1, W(beside, silence_warnings=True), transform="B", star=True, permutations=9_999,
            seed=2022, n_jobs=1, keep_simulations=False)  # fmt: skip
    p = np.where(seen.Zs > 0, np.asarray(seen.p_sim, float), 1.0)
    hot = clusters.discovered(p, 0.05)
    names = hot * (1 + np.arange(len(here)))
    joined = place[pairs][hot[place[pairs]].all(axis=1)]
    for _ in range(len(here)):  # spreads the least name through each group
        before = names.copy()
        for a, b in (joined.T, joined.T[::-1]):
            np.minimum.at(names, a, names[b])
        if (names == before).all():
            break
    groups = [here[np.flatnonzero(names == name)] for name in np.unique(names[hot])]
    return [group for group in groups if len(group) >= 3], len(here)


def grouped(found: clusters.Found) -> list[Numbers]:
    return [np.array(one.positions, np.int64) for one in found.clusters]


def lived(month: Month, leaf: Numbers, resolution: int) -> tuple[Numbers, Numbers]:
    """Families of each planted cluster by cell (planted, cells), and all families by cell."""
    families = month.city.families
    of = cells.index(families.lon, families.lat, 8)
    of = cells.parents(of, resolution)
    at = np.searchsorted(leaf, of)
    member = month.welfare.cluster
    planted = [np.bincount(at[member == one], minlength=len(leaf)) for one in range(int(member.max()) + 1)]
    return np.array(planted, np.int64).reshape(-1, len(leaf)), np.bincount(at, minlength=len(leaf))


def worlds(month: Month, seed: int) -> Iterator[tuple[str, Figures, int]]:
    """Tables of cells by name, with their resolution."""
    releases = Releases(month, seed)
    for release in range(1, FIELD + 1):
        made = releases.field(release, START + ceil(DAYS * release / FIELD) * DAY)["cell"]
        if release >= 3:
            yield f"field {release}", made, 8
    made = releases.final(FIELD + 1, START + (DAYS + FINAL_AFTER) * DAY)["cell"]
    yield "final", made, 8
    exact = Figures(made.leaf, made.n, made.poor, made.poor, made.draws, made.all_n, made.all_poor)
    yield "final without noise", exact, 8
    yield "final, by the book", made, 8
    yield "final, public cells", made.summed(cells.parents(made.leaf, 7)), 7


def measure(scale: Scale, seeds: int, poor: float) -> None:
    welfare.POOR, welfare.BASE_BOUNDS = (poor - 0.01, poor + 0.01), BOUNDS[poor]
    scores: dict[str, Score] = {}
    sure: dict[str, list[float]] = {}
    seconds: list[float] = []
    for seed in range(1, seeds + 1):
        month = Month(seed, scale)
        for name, figures, resolution in worlds(month, seed):
            members, families = lived(month, figures.leaf, resolution)
            leaves = leaves_of(figures, families, resolution)
            score = scores.setdefault(name, Score())
            if name.endswith("book"):
                score.add(members, *by_the_book(leaves))
                continue
            clusters.SIGMA = 0 if name.endswith("noise") else noise.SIGMA  # what it allows for, and nothing else
            began = time.perf_counter()
            found = clusters.find(leaves)
            seconds.append(time.perf_counter() - began)
            score.add(members, grouped(found), found.tested)
            sure.setdefault(name, []).extend(one.sure for one in found.clusters)
    print(f"{scale}, {seeds} seeds, {poor:.0%} poor; a map takes {np.median(seconds):.1f} s\n")
    rows = []
    for name, one in scores.items():
        certain = f"{np.median(sure[name]):.2f}" if sure.get(name) else "–"
        rows.append(
            [name, f"{one.tested / one.maps:.0f}", f"{one.found} of {one.planted}",
             f"{100 * one.inside / max(one.families, 1):.0f} %", str(one.clusters), str(one.empty),
             f"{one.empty_cells} of {one.cells}", certain])  # fmt: skip
    table(["table", "cells tested", "found", "families", "clusters", "empty", "cells empty", "sure"], rows)


def drawn(rng: np.random.Generator, many: int) -> Numbers:
    """Noise of one release."""
    return np.array([noise.quantile(int.from_bytes(rng.bytes(16), "big")) for _ in range(many)], np.int64)


def nothing(seeds: int) -> None:
    """Maps in which nothing is planted."""
    planting.place = lambda *_: []
    rows = []
    for poor in (0.12, 0.3):
        welfare.POOR, welfare.BASE_BOUNDS = (poor - 0.01, poor + 0.01), BOUNDS[poor]
        kinds: dict[str, Score] = {}
        for seed in range(1, seeds + 1):
            city = build(seed, "city")
            of = cells.index(city.families.lon, city.families.lat, 8)
            leaf, at, n = np.unique(of, return_inverse=True, return_counts=True)
            rng = np.random.default_rng(seed)
            for turn in range(ceil(NOTHING / seeds)):
                counts = {f"places differ by {spread:.0%}" if spread else "even":
                          rng.binomial(n, chances(rng, poor, spread, len(n))) for spread in SPREADS}  # fmt: skip
                if turn < 10:  # each takes seconds
                    who = welfare.draw(city, 1_000 * seed + turn).poor
                    counts["simulated"] = np.bincount(at, who, len(n)).astype(np.int64)
                for kind, count in counts.items():
                    noisy = count + drawn(rng, len(n))
                    figures = Figures(leaf, n, count, noisy, np.ones_like(n), n, count)
                    found = clusters.find(leaves_of(figures, n, 8), QUICK)
                    kinds.setdefault(kind, Score()).add(np.zeros((0, len(n)), np.int64), grouped(found), found.tested)
        for kind, one in kinds.items():
            rows.append([f"{poor:.0%} poor, {kind}", str(one.maps), f"{100 * one.clusters / one.maps:.0f}",
                         f"{100 * one.cells / one.tested:.2f} %"])  # fmt: skip
    table(["nothing planted", "maps", "clusters in 100 maps", "of all cells"], rows)


def chances(rng: np.random.Generator, mean: float, spread: float, many: int) -> NDArray[np.float64]:
    """The chance of each cell: beta with this mean and relative standard deviation."""
    if not spread:
        return np.full(many, mean)
    both = (1 - mean) / (mean * spread**2) - 1
    return rng.beta(mean * both, (1 - mean) * both, many)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scale", choices=("small", "district", "city"), default="city")
    parser.add_argument("--poor", type=float, choices=tuple(BOUNDS), default=0.12)
    parser.add_argument("--nothing", action="store_true", help="maps in which nothing is planted")
    given = parser.parse_args()
    if given.nothing:
        nothing(given.seeds)
    else:
        measure(given.scale, given.seeds, given.poor)


if __name__ == "__main__":
    main()
