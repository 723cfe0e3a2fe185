"""Simulated households inside real villages, as a file for `./cakupan households import`.

    python benchmarks/simulate.py villages.geojson expected.csv kota_jambi_simulated.csv --share 0.55 --uneven --seed 22

There are no open household points for Indonesia, so these are made up and say so: ids start with `SIM-`, the file's
name ends in `_simulated.csv`, and every row carries `is_simulated`, `method` and `seed`. The same arguments give the
same bytes.

Every village of the first file (columns `village_code`, polygons) that the second one expects families in (columns
`village_code`, `families_total`) gets `share` of its families, in hamlets of about 91 families: centres uniform in the
village, households around them by a normal distribution of 150 m, drawn again where they fall outside. With `--uneven`
the share differs from village to village around that mean, and one village in twenty has not been visited at all.
Interviews are spread over the first `--days` days; nine in ten are completed, one in twenty-five is of a new family.
"""

import argparse
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import shapely
from numpy.typing import NDArray

METHOD = "clustered-uniform-150m"
HAMLET = 91
HAMLET_M = 150.0
METRES_PER_DEGREE = 111_320.0
SECONDS_PER_DAY = 86_400

#: Results of interviews and how often each occurs; weights follow no survey.
RESULTS = ("completed", "partial", "not_met", "refused", "moved", "deceased", "ineligible", "not_found")
WEIGHTS = (0.90, 0.02, 0.03, 0.01, 0.02, 0.005, 0.005, 0.01)
NEW = 0.04


@dataclass(frozen=True)
class Plan:
    """What to draw. `share` of each village's families; `days` from `starts` on, local time at `offset`."""

    seed: int = 22
    share: float = 0.55
    uneven: bool = False
    starts: date = date(2022, 10, 15)
    days: int = 16
    offset: str = "+07:00"


def draw(villages: Any, expected: Mapping[str, int], plan: Plan) -> pa.Table:
    """A table of simulated submissions, a row a household, by village in the order of their codes.

    `villages`: GeoDataFrame in EPSG:4326 with `village_code`; `expected`: families by that code.
    """
    rng = np.random.default_rng(plan.seed)
    frame = villages.sort_values("village_code", ignore_index=True)
    families = frame["village_code"].map(expected).fillna(0).to_numpy(np.int64)
    many = np.round(families * _shares(rng, len(frame), plan)).astype(np.int64)
    shapes = np.array(frame.geometry, dtype=object)
    shapely.prepare(shapes)
    points = np.concatenate([np.empty((0, 2)), *(_inside(rng, s, n) for s, n in zip(shapes, many, strict=True) if n)])
    codes = np.repeat(frame["village_code"].to_numpy(str), many)
    order = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many) + 1
    return pa.table(_columns(rng, codes, order, points, plan))


def _shares(rng: np.random.Generator, villages: int, plan: Plan) -> NDArray[np.float64]:
    if not plan.uneven:
        return np.full(villages, plan.share)
    mean = min(plan.share / 0.95, 0.999)
    return rng.beta(8 * mean, 8 * (1 - mean), villages) * (rng.random(villages) >= 0.05)


def _inside(rng: np.random.Generator, shape: Any, many: int) -> NDArray[np.float64]:
    """`many` points (lon, lat) in one village, rounded to seven places as a file holds them."""
    west, south, east, north = shape.bounds
    hamlets = _kept(shape, -(-many // HAMLET), lambda n: rng.uniform((west, south), (east, north), (n, 2)))
    spread = HAMLET_M / METRES_PER_DEGREE / np.array([np.cos(np.radians((south + north) / 2)), 1.0])
    return _kept(shape, many, lambda n: hamlets[rng.integers(len(hamlets), size=n)] + rng.normal(0, spread, (n, 2)))


def _kept(shape: Any, many: int, sample: Any) -> NDArray[np.float64]:
    """The first `many` of as many samples as it takes that lie inside `shape`."""
    found, have = [], 0
    while have < many:
        points = np.round(sample(2 * (many - have) + 8), 7)
        found.append(points[shapely.contains_xy(shape, points[:, 0], points[:, 1])])
        have += len(found[-1])
    return np.concatenate(found)[:many]


def _columns(
    rng: np.random.Generator, codes: NDArray[np.str_], order: NDArray[np.int64], points: NDArray[np.float64], plan: Plan
) -> dict[str, Any]:
    many = len(codes)
    results = pa.array(RESULTS).take(pa.array(rng.choice(len(RESULTS), many, p=WEIGHTS)))
    new = rng.random(many) < NEW
    block = pa.array(codes)
    return {
        "submission_id": pa.array(list(_uuids(rng, many)), pa.string()),
        "household_id": pc.binary_join_element_wise("SIM", block, pc.cast(pa.array(order), pa.string()), "-"),
        "revision": pa.array(np.ones(many, np.int8)),
        "block": block,
        "lon": pa.array(points[:, 0]),
        "lat": pa.array(points[:, 1]),
        "accuracy_m": pa.array(np.round(np.clip(rng.gamma(2, 4, many), 1, 60), 1)),
        "captured_at": _moments(rng, many, plan),
        "result": results,
        "origin": pc.if_else(pa.array(new), "new", "prelist"),
        "visit": pa.array(np.ones(many, np.int8)),
        "is_simulated": pa.array(np.full(many, "true")),
        "method": pa.array(np.full(many, METHOD)),
        "seed": pa.array(np.full(many, plan.seed)),
    }


def _uuids(rng: np.random.Generator, many: int) -> Iterator[str]:
    """Random UUIDs of version 4 (RFC 9562, section 5.4), the same for the same seed."""
    raw = rng.integers(0, 256, (many, 16), np.uint8)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    text = raw.tobytes().hex()
    for at in range(0, 32 * many, 32):
        h = text[at : at + 32]
        yield f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def _moments(rng: np.random.Generator, many: int, plan: Plan) -> Any:
    """Local times between eight and five o'clock, RFC 3339 with the offset."""
    seconds = rng.integers(0, plan.days, many) * SECONDS_PER_DAY + rng.integers(8 * 3600, 17 * 3600, many)
    local = np.datetime64(plan.starts, "s") + seconds.astype("timedelta64[s]")
    return pc.binary_join_element_wise(pa.array(np.datetime_as_string(local, unit="s")), plan.offset, "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("villages", type=Path, help="polygons with village_code")
    parser.add_argument("expected", type=Path, help="CSV with village_code and families_total")
    parser.add_argument("out", type=Path, help="file to write; its name ends in _simulated.csv")
    parser.add_argument("--share", type=float, default=Plan.share, help="share of the families, 0 to 1")
    parser.add_argument("--uneven", action="store_true", help="let the share differ between villages")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--starts", type=date.fromisoformat, default=Plan.starts, help="first day")
    parser.add_argument("--days", type=int, default=Plan.days, help="days over which interviews are spread")
    parser.add_argument("--offset", default=Plan.offset, help="offset of local time, like +07:00")
    given = vars(parser.parse_args())
    villages, expected, out = given.pop("villages"), given.pop("expected"), given.pop("out")
    if not out.name.endswith("_simulated.csv"):
        parser.error("the name must end in _simulated.csv, so that nobody takes these for real households")
    if not 0 <= given["share"] <= 1 or not re.fullmatch(r"[+-]\d\d:\d\d", given["offset"]) or given["days"] < 1:
        parser.error("share lies between 0 and 1, days are at least 1, an offset looks like +07:00")
    begun = time.monotonic()
    read = pd.read_csv(expected, dtype={"village_code": str})
    families = dict(zip(read["village_code"], read["families_total"], strict=True))
    plan = Plan(**given)
    table = draw(geopandas.read_file(villages).to_crs(4326), families, plan)
    pyarrow.csv.write_csv(table, out, pyarrow.csv.WriteOptions(quoting_style="none"))
    print(f"{out}: {table.num_rows:,} simulated households in {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
