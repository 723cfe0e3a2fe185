"""Loads a file of households into exact tallies, beside a geopandas script that does the same work.

    PYTHONPATH=. .venv/bin/python benchmarks/load.py AREAS.gpkg HOUSEHOLDS_simulated.csv

Both sides start from an empty database on the same durable private server, read the same CSV, find each point's
village, keep one row per household with a unique key, a btree on the village and a GiST index on the point, and end
with counts by village, by (village, H3 cell of resolution 10) and by day. The peer is what an analyst would write:
`read_csv`, `sjoin`, `to_postgis`, `groupby`. It checks nothing, keeps no submissions, receipts or quarantine, and
cannot resume. The tallies of both are compared before any figure is printed. Figures are wall seconds, CPU seconds of
the process and of its server (from /proc), and the process's peak memory, each side in a process of its own; ratios
are peer / ours, above one where ours is cheaper. Importing the areas is not timed. Needs villages with
`village_code`, households with `lon lat block captured_at`.
"""

import argparse
import asyncio
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import h3.api.numpy_int as h3
import pandas as pd
from sqlalchemy import Engine, create_engine, make_url, text

import migrations
from app import embedded
from app.database import Database, Logins
from app.home import secrets_of
from app.settings import default_home
from geo.ground import areas, campaign
from geo.ground.inspection import inspect
from geo.ground.sources import read_areas
from geo.intake import files
from geo.intake.fold import fold
from geo.intake.recount import recount

ZONE = "Asia/Jakarta"


def main() -> None:
    """Run both sides, one after the other, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("areas", type=Path)
    parser.add_argument("households", type=Path)
    parser.add_argument("--home", type=Path, default=default_home())
    parser.add_argument("--side", choices=("ours", "peer"))
    parser.add_argument("--url")
    given = parser.parse_args()
    if given.side:
        print(json.dumps(ours(given) if given.side == "ours" else peer(given)))
        return
    with embedded.running(given.home) as owner:
        found = {side: in_its_own_process(side, owner) for side in ("ours", "peer")}
    a, b = found["ours"], found["peer"]
    if a["tallies"] != b["tallies"]:
        raise SystemExit(f"the two sides disagree, so there are no figures: {a['tallies']} {b['tallies']}")
    print(f"{a['rows']:,} rows; both sides agree on every village, pair and day")
    for what in ("wall", "cpu", "server", "memory_mb"):
        print(f"{what:10} ours {a[what]:10.1f}   peer {b[what]:10.1f}   peer/ours {b[what] / a[what]:6.2f}")
    print(f"{'rows/s':10} ours {a['rows'] / a['wall']:10,.0f}   peer {b['rows'] / b['wall']:10,.0f}")


def in_its_own_process(side: str, owner: str) -> dict[str, Any]:
    """One side's figures, on an empty database that is dropped afterwards."""
    engine = create_engine(owner, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS load_{side} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE load_{side}"))
    url = make_url(owner).set(database=f"load_{side}").render_as_string(hide_password=False)
    try:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--side", side, "--url", url],
            check=True, stdout=subprocess.PIPE, timeout=3600,
        )  # fmt: skip
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE load_{side} WITH (FORCE)"))
        engine.dispose()
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def ours(given: argparse.Namespace) -> dict[str, Any]:
    """`households import` and the folds that follow; then `check`."""
    kept = secrets_of(given.home)
    words = {"worker": kept.worker, "internal": kept.internal, "release": kept.release}
    migrations.upgrade(given.url, words)
    url = make_url(given.url)
    addresses = {
        tier: url.set(username=migrations.LOGINS[tier], password=word).render_as_string(hide_password=False)
        for tier, word in words.items()
    }
    return asyncio.run(_ours(Logins(given.url, **addresses), given))


async def _ours(logins: Logins, given: argparse.Namespace) -> dict[str, Any]:
    db = Database(logins, 2)
    villages = inspect([("village", read_areas(given.areas))]).areas
    async with db.worker.begin() as connection:
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))  # a province takes a while
        await areas.store(connection, "bench", villages)
        await campaign.save(
            connection,
            {"name": "benchmark", "starts_on": date(2022, 10, 15), "ends_on": date(2022, 11, 14), "edition": "bench",
             "time_zone": ZONE, "simulated": True, "clock": datetime(2022, 11, 14, 20, tzinfo=ZoneInfo(ZONE))},
        )  # fmt: skip
        ground = await areas.load_ground(connection)
    with Meter(create_engine(given.url)) as meter:
        summary = await files.import_file(db.worker, ground, given.households, files.Reading())
        folding = True
        while folding:
            async with db.worker.begin() as connection:
                folding = await fold(connection) is not None
    async with db.worker.connect() as connection:
        if not (await recount(connection)).sound:
            raise SystemExit("check is red")
    async with db.worker.begin() as connection:
        tallies = {
            "village": digest(await connection.execute(text(
                "SELECT a.code, t.completed FROM intake.tally t JOIN ground.area a USING (number) "
                "WHERE completed > 0"))),
            "pair": digest(await connection.execute(text(
                "SELECT a.code, t.cell, t.completed FROM intake.tally_cell t JOIN ground.area a USING (number) "
                "WHERE completed > 0"))),
            "day": digest(await connection.execute(text(
                "SELECT day::text, sum(completed)::int FROM intake.tally_day GROUP BY 1"))),
        }  # fmt: skip
    await db.close()
    return meter.figures | {"rows": summary.rows, "tallies": tallies}


def peer(given: argparse.Namespace) -> dict[str, Any]:
    """The analyst's script."""
    engine = create_engine(given.url)
    with engine.begin() as connection:
        connection.execute(text("CREATE EXTENSION postgis"))
    villages = gpd.read_file(given.areas)[["village_code", "geometry"]].to_crs(4326)
    with Meter(engine) as meter:
        rows = pd.read_csv(given.households, dtype={"block": str})
        points = gpd.GeoDataFrame(rows, geometry=gpd.points_from_xy(rows.lon, rows.lat), crs=4326)
        joined = gpd.sjoin(points, villages, how="left", predicate="within").drop(columns="index_right")
        joined["village"] = joined.block.fillna(joined.village_code)
        joined["cell"] = [
            h3.cell_to_parent(c, 10)
            for c in (h3.latlng_to_cell(y, x, 15) for y, x in zip(rows.lat, rows.lon, strict=True))
        ]
        joined["day"] = pd.to_datetime(joined.captured_at).dt.tz_convert(ZONE).dt.date.astype(str)
        joined.to_postgis("household", engine, index=False, chunksize=100_000)
        with engine.begin() as connection:
            connection.execute(text("CREATE UNIQUE INDEX ON household (household_id)"))
            connection.execute(text("CREATE INDEX ON household (village)"))
            connection.execute(text("CREATE INDEX ON household USING gist (geometry)"))
        done = joined[joined.result == "completed"]
        counts = {
            "village": done.groupby("village").size(),
            "pair": done.groupby(["village", "cell"]).size(),
            "day": done.groupby("day").size(),
        }
        for name, count in counts.items():
            count.rename("completed").reset_index().to_sql(f"tally_{name}", engine, index=False)
    tallies = {name: digest(count.rename("n").reset_index().itertuples(index=False)) for name, count in counts.items()}
    return meter.figures | {"rows": len(rows), "tallies": tallies}


def digest(rows: Iterable[Any]) -> str:
    """Names a set of rows, whatever their order and number types."""
    lines = sorted(",".join(str(int(v)) if hasattr(v, "__index__") else str(v) for v in row) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class Meter:
    """Wall seconds, CPU seconds of this process and of the server, and peak memory."""

    def __init__(self, engine: Engine) -> None:
        with engine.connect() as connection:
            back_end = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        self.postmaster = int(Path(f"/proc/{back_end}/stat").read_text().rpartition(")")[2].split()[1])

    def __enter__(self) -> "Meter":
        self.start = time.perf_counter(), time.process_time(), self._server()
        return self

    def __exit__(self, *_: object) -> None:
        wall, cpu, server = self.start
        self.figures = {
            "wall": time.perf_counter() - wall,
            "cpu": time.process_time() - cpu,
            "server": self._server() - server,
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }

    def _server(self) -> float:
        """CPU seconds of the postmaster, of the back-ends it has reaped and of those alive."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat.parent.name) == self.postmaster:
                ticks += sum(int(f) for f in fields[11:15])
            elif int(fields[1]) == self.postmaster:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
