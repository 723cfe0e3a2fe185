"""Point to block: Cakupan's locator against geopandas `sjoin`, on real villages.

    python benchmarks/locate.py ../shared/data/boundaries/jambi_province_villages.gpkg --column village_code

The same on both sides: two arrays of degrees in, the block's number for every point out, blocks and whatever index
serves them ready beforehand (owner ranges and tree here; spatial index there), one process, one core. The answers are
compared point by point before anything is timed, an overlap going to the lowest code on both sides. Measured is CPU
time; the sides take turns (A B B A), and what is reported is the median of the paired ratios with its quartiles.

geopandas is given three ways to the same answer: `points.sjoin(blocks, "intersects")` says the rule as we do;
`points.sjoin(blocks, "within")` is what most people write and leaves out points on boundaries (random ones meet none);
`blocks.sjoin(points, "intersects")` prepares the blocks and is the fastest we know of.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import shapely

from geo.ground.locate import Locator, owner_ranges

Locate = Callable[[np.ndarray, np.ndarray], np.ndarray]


def read(path: Path, column: str) -> tuple[geopandas.GeoDataFrame, np.ndarray]:
    """Valid polygons with `code` and `number`, in the order of their codes."""
    frame = geopandas.read_file(path).to_crs(4326)
    frame["geometry"] = frame.geometry.make_valid()
    frame = frame[frame.geom_type.isin(["Polygon", "MultiPolygon"])]
    frame = frame.assign(code=frame[column].astype(str)).sort_values("code", kind="stable", ignore_index=True)
    frame["number"] = np.arange(1, len(frame) + 1, dtype=np.int32)
    return frame[["number", "code", "geometry"]], np.array(frame.geometry, dtype=object)


def lowest(joined: geopandas.GeoDataFrame, point: np.ndarray, many: int) -> np.ndarray:
    """The lowest number found for each point; numbers follow the codes here."""
    found = np.full(many, np.iinfo(np.int32).max, np.int32)
    np.minimum.at(found, point, joined["number"].to_numpy(np.int32))
    return np.where(found == np.iinfo(np.int32).max, 0, found)


def peers(frame: geopandas.GeoDataFrame) -> dict[str, Locate]:
    """The three ways to say it in geopandas."""
    blocks = frame[["number", "geometry"]]
    assert blocks.sindex is not None  # built here, not on the clock

    def points(lon: np.ndarray, lat: np.ndarray) -> geopandas.GeoDataFrame:
        return geopandas.GeoDataFrame(geometry=geopandas.points_from_xy(lon, lat, crs=4326))

    def by_points(predicate: str) -> Locate:
        def locate(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
            joined = points(lon, lat).sjoin(blocks, how="inner", predicate=predicate)
            return lowest(joined, joined.index.to_numpy(), len(lon))

        return locate

    def by_blocks(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        joined = blocks.sjoin(points(lon, lat), how="inner", predicate="intersects")
        return lowest(joined, joined["index_right"].to_numpy(), len(lon))

    return {
        'points.sjoin(blocks, "intersects")': by_points("intersects"),
        'points.sjoin(blocks, "within")': by_points("within"),
        'blocks.sjoin(points, "intersects")': by_blocks,
    }


def sample(geometries: np.ndarray, many: int, outside: float) -> tuple[np.ndarray, np.ndarray]:
    """Random points in the blocks by area, and a part `outside` anywhere in their box."""
    rng = np.random.default_rng(20221015)
    west, south, east, north = shapely.total_bounds(geometries)
    tree = shapely.STRtree(geometries)
    lon, lat = np.empty(0), np.empty(0)
    while len(lon) < many:
        x, y = rng.uniform(west, east, many), rng.uniform(south, north, many)
        hit = np.unique(tree.query(shapely.points(x, y), predicate="intersects")[0])
        lon, lat = np.append(lon, x[hit]), np.append(lat, y[hit])
    lon, lat = lon[:many].copy(), lat[:many].copy()
    stray = rng.random(many) < outside
    lon[stray], lat[stray] = rng.uniform(west, east, stray.sum()), rng.uniform(south, north, stray.sum())
    return lon, lat


def seconds(locate: Locate, lon: np.ndarray, lat: np.ndarray) -> float:
    begun = time.process_time()
    locate(lon, lat)
    return time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("blocks", type=Path, help="polygons, any format geopandas reads")
    parser.add_argument("--column", required=True, help="the column that holds the code")
    parser.add_argument("--points", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=9, help="paired rounds; each runs both sides twice")
    parser.add_argument("--outside", type=float, default=0.01, help="part of the points thrown anywhere")
    options = parser.parse_args()

    frame, geometries = read(options.blocks, options.column)
    codes, numbers = frame["code"].tolist(), frame["number"].to_numpy(np.int32)
    begun = time.process_time()
    ranges = owner_ranges(geometries, numbers, codes)
    print(f"{len(frame):,} blocks; {len(ranges):,} owner ranges, {ranges.nbytes / 1e6:.1f} MB,", end=" ")
    print(f"built in {time.process_time() - begun:.1f} s of CPU")
    ours = Locator(ranges, numbers, codes, geometries).locate
    lon, lat = sample(geometries, options.points, options.outside)
    answer = ours(lon, lat)
    print(f"{options.points:,} points, {(answer > 0).mean():.1%} in a block; CPUs {os.cpu_count()}")
    for name, peer in peers(frame).items():
        differing = int((peer(lon, lat) != answer).sum())
        assert differing == 0, f"{name} answers differently for {differing} points"
        ratios, mine, theirs = [], [], []
        for _ in range(options.rounds):
            a, b, c, d = (seconds(side, lon, lat) for side in (ours, peer, peer, ours))
            ratios.append((b + c) / (a + d))
            mine += [a, d]
            theirs += [b, c]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"{name:38} {options.points / statistics.median(theirs):>10,.0f} points/s", end="  ")
        print(f"ours {options.points / statistics.median(mine):>10,.0f}", end="  ")
        print(f"ratio {middle:.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
