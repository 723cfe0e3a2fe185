"""Poverty clusters of a real island: whether quarters known to be poor come out, with a release's noise and without.

    PYTHONPATH=. .venv/bin/python benchmarks/reunion.py --svg docs/guide/reunion.svg

Households and poor households of La Réunion by cells of 200 m (INSEE 2010, by way of the R package btb), added up to H3
cells of resolution 8 by their centres and rounded to whole families. The quarters are priority quarters of the French
urban policy (QPV, fixed in 2014 by income on a grid of 200 m); their places are typed in by hand to about 500 m, and
each stands for the cell in which it lies and those around it. `inside`: a cluster holds the quarter's own cell;
`beside`: one that touches it. With noise: the share of maps with one draw of noise each, as in a final table.
"""

import argparse
import os
from itertools import pairwise
from pathlib import Path

import geopandas
import numpy as np
from numpy.typing import NDArray

from benchmarks.release import table
from geo.ground import cells
from geo.publish import clusters, noise
from geo.publish.leaves import Leaves

HERE = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("CAKUPAN_SHARED", HERE.parent / "shared"))
GRID = "data/elsewhere/reunion_households_200m_points.parquet"
RESOLUTION = 8
MAPS = 20
#: Around Saint-Denis: west, south, east, north, degrees.
SAINT_DENIS = (55.38, -20.96, 55.53, -20.80)
#: Cells with most poor families beyond the island's share that are looked at.
FIRST = 40

#: Commune and quarter, latitude and longitude in degrees, to about 500 m.
QUARTERS = (
    ("Le Port", "Ariste Bolon, SIDR", -20.947, 55.298),
    ("Le Port", "centre", -20.938, 55.292),
    ("La Possession", "centre", -20.926, 55.336),
    ("Saint-Denis", "Le Chaudron", -20.896, 55.486),
    ("Saint-Denis", "Moufia", -20.905, 55.484),
    ("Saint-Denis", "Camélias", -20.890, 55.462),
    ("Saint-Denis", "Vauban", -20.884, 55.464),
    ("Sainte-Suzanne", "centre", -20.908, 55.604),
    ("Saint-André", "centre", -20.965, 55.652),
    ("Saint-André", "Cambuston, Fayard", -20.945, 55.642),
    ("Saint-Benoît", "Bras-Fusil", -21.045, 55.705),
    ("Saint-Benoît", "centre", -21.036, 55.716),
    ("Saint-Joseph", "centre", -21.380, 55.618),
    ("Saint-Pierre", "Ravine Blanche", -21.338, 55.465),
    ("Saint-Pierre", "Joli Fond, Basse Terre", -21.327, 55.478),
    ("Saint-Pierre", "Bois d'Olives", -21.300, 55.463),
    ("Le Tampon", "centre, La Châtoire", -21.278, 55.507),
    ("Saint-Louis", "Le Gol", -21.285, 55.401),
    ("Saint-Louis", "Roche Maigre", -21.284, 55.415),
    ("Saint-Leu", "Piton", -21.207, 55.310),
    ("Saint-Paul", "Plateau Caillou", -21.028, 55.262),
    ("Saint-Paul", "Grande Fontaine", -21.013, 55.279),
)

Numbers = NDArray[np.int64]


def island() -> Leaves:
    """Exact counts, one draw each, of which the noise is still to be added."""
    grid = geopandas.read_parquet(SHARED / GRID)
    of = cells.index(grid.geometry.x.to_numpy(), grid.geometry.y.to_numpy(), RESOLUTION)
    key, at = np.unique(of, return_inverse=True)
    n, poor = (np.rint(np.bincount(at, grid[name])).astype(np.int64) for name in ("households", "poor_households"))
    lon, lat = cells.centres(key)
    ones = np.ones(len(key), np.int64)
    return Leaves("cell", RESOLUTION, key, 0 * ones, lon, lat, n, poor, ones, -ones)


def noisy(leaves: Leaves, seed: int) -> Leaves:
    rng = np.random.default_rng(seed)
    drawn = [noise.quantile(int.from_bytes(rng.bytes(16), "big")) for _ in range(len(leaves))]
    return Leaves(**(leaves.__dict__ | {"value": leaves.value + np.array(drawn, np.int64)}))


def found_in(leaves: Leaves, exact: bool, redraws: int = 200) -> clusters.Found:
    clusters.SIGMA = 0 if exact else noise.SIGMA  # what is allowed for, and nothing else
    return clusters.find(leaves, clusters.Rules(redraws=redraws))


def own(leaves: Leaves) -> Numbers:
    """The place of each quarter's cell in the leaves."""
    lat, lon = np.array([row[2] for row in QUARTERS]), np.array([row[3] for row in QUARTERS])
    return np.searchsorted(leaves.key, cells.index(lon, lat, RESOLUTION))


def beyond_usual(leaves: Leaves, found: clusters.Found) -> NDArray[np.float64]:
    """Poor families of each cell beyond what the share of all tested cells would give; NaN where not tested."""
    here = found.reason == clusters.TESTED
    share = leaves.value[here].sum() / leaves.n[here].sum()
    return np.where(here, leaves.value - share * leaves.n, np.nan)


def lies(found: clusters.Found, at: Numbers, pairs: Numbers) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which quarters lie inside a cluster, and which inside or beside one."""
    inside = found.cluster > 0
    near = inside.copy()
    near[pairs[inside[pairs[:, 1]], 0]] = True
    near[pairs[inside[pairs[:, 0]], 1]] = True
    return inside[at], near[at]


def tell_clusters(leaves: Leaves, found: clusters.Found) -> None:
    rows = []
    for one in found.clusters:
        at = np.array(one.positions)
        lon, lat = (np.average(column[at], weights=leaves.n[at]) for column in (leaves.lon, leaves.lat))
        away = [np.hypot((row[2] - lat) * 111, (row[3] - lon) * 104) for row in QUARTERS]
        near = QUARTERS[int(np.argmin(away))]
        rows.append(
            [f"{one.number}: {lat:.3f}, {lon:.3f}", f"{near[0]}, {near[1]} ({min(away):.0f} km)", str(len(at)),
             f"{one.n:,}", f"{100 * one.value / one.n:.0f} %", f"{one.excess:.0f} ± {one.excess_error:.0f}",
             f"{one.sure:.2f}"])  # fmt: skip
    table(["cluster", "nearest known quarter", "cells", "households", "poor", "beyond", "sure"], rows)


def tell_quarters(leaves: Leaves, exact: clusters.Found) -> None:
    """The quarters one by one: what lives in their cells, how they rank, and whether they come out."""
    at, pairs = own(leaves), cells.neighbours(leaves.key)
    tested = np.flatnonzero(exact.reason == clusters.TESTED)
    share = leaves.value / np.maximum(leaves.n, 1)
    beyond = leaves.value - leaves.n * leaves.value.sum() / leaves.n.sum()
    inside, near = lies(exact, at, pairs)
    often = np.zeros(len(QUARTERS))
    many = 0
    for seed in range(MAPS):
        found = found_in(noisy(leaves, seed), exact=False, redraws=0)
        often += lies(found, at, pairs)[0]
        many += len(found.clusters)
    rows = []
    for row, place, within, beside, times in zip(QUARTERS, at, inside, near, often, strict=True):
        rank = [1 + int((column[tested] > column[place]).sum()) for column in (share, beyond)]
        word = "inside" if within else "beside" if beside else "no"
        rows.append(
            [f"{row[0]}, {row[1]}", f"{leaves.n[place]:,}", f"{100 * share[place]:.0f} %", f"{exact.z[place]:.1f}",
             str(rank[0]), str(rank[1]), word, f"{times:.0f} of {MAPS}"])  # fmt: skip
    table(["quarter", "households", "poor", "z", "rank by share", "by families beyond", "exact", "with noise"], rows)
    around = np.isin(np.arange(len(leaves)), np.unique(pairs[np.isin(pairs, at).any(axis=1)]))
    first = np.argsort(-beyond, kind="stable")[:FIRST]
    print(f"{len(tested)} cells were tested; a map with noise has {many / MAPS:.1f} clusters.")
    print(
        f"Of the {FIRST} cells with most poor families beyond the island's share {around[first].sum()} lie in or beside"
    )
    print(f"a known quarter, of all cells {100 * around.mean():.0f} %.\n")


def tell_one_town(leaves: Leaves) -> None:
    """Saint-Denis compared with Saint-Denis: which of its quarters come out, in how many maps with noise."""
    west, south, east, north = SAINT_DENIS
    here = (leaves.lon > west) & (leaves.lon < east) & (leaves.lat > south) & (leaves.lat < north)
    names = {int(key): row[1] for key, row in zip(leaves.key[own(leaves)], QUARTERS, strict=True)}
    often: dict[str, int] = {}
    for seed in range(MAPS):
        columns = noisy(leaves, seed).__dict__.items()
        town = Leaves(**{name: one[here] if isinstance(one, np.ndarray) else one for name, one in columns})
        found = found_in(town, exact=False, redraws=0)
        for key in set(town.key[found.cluster > 0].tolist()) & set(names):
            often[names[key]] = often.get(names[key], 0) + 1
    said = ", ".join(f"{name} in {many}" for name, many in sorted(often.items()))
    print(f"Saint-Denis compared with itself, {here.sum()} cells, of {MAPS} maps with noise: {said}\n")


# ── the map ───────────────────────────────────────────────────────────────────────────────────────────────────────

WIDTH, MARGIN, FOOT = 900, 12, 64
FILLS = ("#f7f7f7", "#dadada", "#b5b5b5", "#868686", "#4d4d4d")
BREAKS = (0.2, 0.3, 0.4, 0.5)
LABELS = ("&lt; 20 %", "20–30 %", "30–40 %", "40–50 %", "≥ 50 %")
LINE = "#c2185b"


def drawn(leaves: Leaves, found: clusters.Found) -> str:
    """The map as SVG: shares in five greys, hatched where nothing is ranked, outlines of clusters, known quarters."""
    shapes = cells.boundaries(leaves.key)
    west, south, east, north = leaves.lon.min(), leaves.lat.min(), leaves.lon.max(), leaves.lat.max()
    flat = np.cos(np.radians((south + north) / 2))
    scale = (WIDTH - 2 * MARGIN) / ((east - west) * flat)
    height = int((north - south) * scale) + 2 * MARGIN + FOOT

    def dot(lon: float, lat: float) -> tuple[int, int]:
        return round((lon - west) * flat * scale) + MARGIN, round((north - lat) * scale) + MARGIN

    def path(rings: list[NDArray[np.float64]]) -> str:
        said = []
        for ring in rings:
            points = [dot(x, y) for x, y in ring[:-1]]
            steps = (f"{b[0] - a[0]} {b[1] - a[1]}" for a, b in pairwise(points))
            said.append(f"M{points[0][0]} {points[0][1]}l{' '.join(steps)}z")
        return "".join(said).replace(" -", "-")

    kind = np.searchsorted(BREAKS, leaves.value / np.maximum(leaves.n, 1), side="right")
    kind[found.state == clusters.UNTESTED] = len(FILLS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12"><title>La Réunion: share of poor households by H3 cell, clusters, known poor quarters</title>'
        f'<defs><pattern id="h" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        f'<rect width="5" height="5" fill="#fff"/><path d="M0 0v5" stroke="#999"/></pattern></defs>'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
    ]
    for code, fill in enumerate((*FILLS, "url(#h)")):
        rings = [np.asarray(shape.exterior.coords) for shape in shapes[kind == code]]
        parts.append(f'<path fill="{fill}" stroke="#fff" stroke-width=".4" d="{path(rings)}"/>')
    for one in found.clusters:
        outline = cells.outline(leaves.key[list(one.positions)])
        rings = [np.asarray(part.exterior.coords) for part in outline.geoms]
        parts.append(f'<path fill="none" stroke="{LINE}" stroke-width="3" d="{path(rings)}"/>')
        x, y = dot(float(outline.bounds[2]), float(outline.bounds[1]))
        parts.append(f'<text x="{x + 4}" y="{y + 6}" font-weight="bold" fill="{LINE}">{one.number}</text>')
    over = np.nan_to_num(beyond_usual(leaves, found), nan=-np.inf)
    most = cells.outline(leaves.key[np.argsort(-over, kind="stable")[:FIRST]])
    rings = [np.asarray(part.exterior.coords) for part in most.geoms]
    parts.append(f'<path fill="none" stroke="#000" stroke-width="1.5" d="{path(rings)}"/>')
    for commune, quarter, lat, lon in QUARTERS:
        x, y = dot(lon, lat)
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="#fff" stroke="#00579c" stroke-width="2"><title>{commune}, '
                     f"{quarter}</title></circle>")  # fmt: skip
    x, y = MARGIN, height - FOOT + 24
    for fill, label in zip((*FILLS, "url(#h)"), (*LABELS, "fewer than 10: do not rank"), strict=True):
        parts.append(f'<rect x="{x}" y="{y - 11}" width="14" height="14" fill="{fill}" stroke="#666"/>'
                     f'<text x="{x + 19}" y="{y}">{label}</text>')  # fmt: skip
        x += 92
    said = ((LINE, 3, "clusters", 0), ("#000", 1.5, f"the {FIRST} cells with most poor families beyond the share", 90))
    for colour, width, label, right in said:
        parts.append(f'<path d="M{MARGIN + right} {y + 22}h14" stroke="{colour}" stroke-width="{width}"/>'
                     f'<text x="{MARGIN + right + 19}" y="{y + 26}">{label}</text>')  # fmt: skip
    parts.append(f'<circle cx="{MARGIN + 439}" cy="{y + 22}" r="4" fill="#fff" stroke="#00579c" stroke-width="2"/>'
                 f'<text x="{MARGIN + 450}" y="{y + 26}">known poor quarters · INSEE 2010 by way of btb, one draw of '
                 f"noise</text>")  # fmt: skip
    return "\n".join(parts) + "</svg>\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--svg", type=Path, help="where to draw the map, of the first map with noise")
    given = parser.parse_args()
    leaves = island()
    exact, published = found_in(leaves, exact=True), found_in(noisy(leaves, 0), exact=False)
    for name, found in (("exact", exact), ("with the noise of one release", published)):
        said = found.method
        print(f"{name}: {found.tested} of {len(leaves)} cells tested, usual share {said['usual_share']:.3f}, places "
              f"differ by {said['usual_spread']:.3f}\n")  # fmt: skip
        tell_clusters(leaves, found)
    tell_quarters(leaves, exact)
    tell_one_town(leaves)
    if given.svg:
        given.svg.write_text(drawn(noisy(leaves, 0), published), encoding="utf-8")


if __name__ == "__main__":
    main()
