"""Peers that have PostGIS encode a tile for every viewer: what they read, and tipg in a venv of its own."""

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from benchmarks import stage
from benchmarks.stage import ZOOM, Stage, X, Y

#: Edge units around a tile that are kept, on all sides.
BUFFER = 64

#: Where tipg has the tile.
PATH = f"/collections/bench.areas/tiles/WebMercatorQuad/{ZOOM}/{X}/{Y}"

#: What a peer reads: the fields of our tiles, told by the database. `elapsed`: share of the campaign's days begun.
VIEW = """
CREATE SCHEMA bench;
CREATE VIEW bench.areas AS
WITH known AS (
    SELECT a.number, a.code, a.name, a.geom_3857 AS geom, e.expected, coalesce(t.completed, 0) AS completed,
        coalesce(t.new, 0) AS new, coalesce(t.dropped + t.closed, 0) AS apart, t.number IS NOT NULL AS visited,
        extract(epoch FROM t.last_at - TIMESTAMPTZ '2022-10-15 00:00+08') / 3600 AS seen
    FROM ground.area a
    LEFT JOIN ground.expected e ON e.edition_id = a.edition_id AND e.series = 'prelist' AND e.number = a.number
    LEFT JOIN intake.tally t ON t.number = a.number
    WHERE a.number = a.last
), figured AS (
    SELECT *, CASE WHEN expected >= 0 THEN greatest(expected - (completed - new) - apart, 0) END AS gap,
        completed / nullif(expected, 0)::double precision AS coverage,
        (completed - new + apart) / nullif(expected, 0)::double precision AS resolved
    FROM known
)
SELECT number, code, name, coalesce(expected, -1)::real AS expected, completed::real AS completed,
    coalesce(gap, -1)::real AS gap, coalesce(coverage, -1)::real AS coverage, coalesce(resolved, -1)::real AS resolved,
    coalesce(coverage / {elapsed}, -1)::real AS schedule,
    (CASE WHEN expected IS NULL THEN 0 WHEN expected = 0 THEN 1 WHEN gap = 0 AND completed > expected THEN 2
        WHEN gap = 0 THEN 3 WHEN NOT visited THEN 5 WHEN coverage / {elapsed} < 0.8 THEN 6 ELSE 7 END)::real AS state,
    coalesce(seen, -1)::real AS seen, geom
FROM figured
"""


def get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> bytes:
    """One answer over a connection that stays open, as long as the server lets it."""
    try:
        connection.request("GET", path, headers={"Accept-Encoding": "gzip", **headers})
        answer = connection.getresponse()
    except http.client.RemoteDisconnected:
        connection.close()
        return get(connection, path, headers)
    body = answer.read()
    assert answer.status == 200, f"{answer.status} {body[:300]!r}"
    return body


def login(on: Stage) -> str:
    """Make the view, and a login that reads nothing else; its plain address."""
    begun, days = 10, 31  # days of the campaign begun when the clock stopped, and all of them
    on.run(VIEW.format(elapsed=begun / days))
    word = stage.secret()
    on.run(f"CREATE ROLE peer LOGIN PASSWORD '{word}'")
    on.run("GRANT USAGE ON SCHEMA bench TO peer")
    on.run("GRANT SELECT ON bench.areas TO peer")
    url = make_url(on.logins.owner)
    folder = str(url.query["host"]).replace("/", "%2F")
    return f"postgresql://peer:{word}@{folder}/{url.database}"


def venv(scratch: Path) -> Path:
    """The Python of a venv with tipg and what uvicorn runs best with."""
    python = scratch / "tipg" / "bin" / "python"
    if not python.exists():
        print("installing tipg", flush=True)
        subprocess.run([sys.executable, "-m", "venv", scratch / "tipg"], check=True)
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, "tipg==1.6.1", "uvicorn", "uvloop", "httptools"], check=True)
    return python


@contextmanager
def tipg(on: Stage, python: Path, address: str) -> Iterator[tuple[int, int]]:
    """Serve tipg on uvicorn with uvloop and httptools, as `serve` runs; one process. Its id and port."""
    port = stage.free_port()
    settings = {
        "DATABASE_URL": address,
        "TIPG_DB_SCHEMAS": '["bench"]',
        "TIPG_TILE_BUFFER": str(BUFFER),
        "TIPG_CATALOG_TTL": "0",
        "TIPG_TABLE_CONFIG__bench_areas__pk": "number",
        "TIPG_DB_SPATIAL_EXTENT": "false",
        "DB_MIN_CONN_SIZE": "1",
    }
    command = [str(python), "-m", "uvicorn", "tipg.main:app", "--port", str(port), "--log-level", "warning"]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    with stage.process(command, port, "/healthz", {**os.environ, **settings}) as number:
        yield number, port


def cpu(on: Stage, *processes: int) -> float:
    """CPU seconds of a peer's processes and of its backends."""
    return stage.spent(*processes, *stage.backends(on.postmaster, "peer "))
