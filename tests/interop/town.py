"""What the decoders are shown: the tiny world with difficult names, one block of which nothing is known, and PostGIS's
own encoding of the same tile with the same values.
"""

import asyncio
import json
import time
from datetime import datetime
from typing import Any

import h3
import httpx2
import numpy as np
import shapely
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.database import Logins
from geo.ground import cells
from geo.watch import coverage
from tests.conftest import Service
from tests.interop.readers import Place
from tests.world import BLOCKS, submission
from tiles.layers import LAYERS, resolution_at

#: What the names of blocks end in, in their order; and the block of which it is not known how many families to expect.
NAMES = ("Ké\u00f1é – “1”", "日本町", "🏠 rumah", "Ж", "e\u0301", "a\u200fب")
UNKNOWN = BLOCKS[2]

#: Tiles: the whole world, its corner, and what is seen from afar.
PLACES = (
    Place("blocks", 13, 6761, 4107),
    Place("blocks", 16, 54093, 32860),
    Place("areas", 13, 6761, 4107),
    Place("areas", 10, 845, 513),
    Place("areas", 5, 26, 16),
    Place("cells", 13, 6761, 4107),
    Place("cells", 10, 845, 513),
)

SENT = 47


def paint(logins: Logins) -> None:
    """Give the blocks their names, and forget what is expected in one."""
    engine = create_engine(logins.owner)
    with engine.begin() as connection:
        for block, name in zip(BLOCKS, NAMES, strict=True):
            of = {"name": name, "number": block.number}
            connection.execute(text("UPDATE ground.area SET name = :name WHERE number = :number"), of)
        for table in ("expected", "expected_cell"):
            connection.execute(text(f"DELETE FROM ground.{table} WHERE number = :n"), {"n": UNKNOWN.number})
    engine.dispose()


def work(service: Service) -> None:
    """Some households, a block left unvisited; returns once everybody's map has them."""
    results = ("completed", "moved", "not_met", "completed", "refused", "completed", "completed")
    sent = [submission(n, BLOCKS[n % 5], result=results[n % 7]) for n in range(SENT)]
    answer = service.send(*sent)
    assert answer.json()["counts"]["stored"] == SENT
    limit = time.monotonic() + 10
    with service.client() as client:
        while total(client) < SENT:
            assert time.monotonic() < limit, "the fold did not come"
            time.sleep(0.05)


def total(client: httpx2.Client) -> int:
    """Households accounted for in some way."""
    row = client.get("/v1/coverage?level=scope").json()["coverage"][0]
    return sum(row[n] for n in ("completed", "moved", "not_met", "refused"))


def fetch(client: httpx2.Client, place: Place, encoding: str) -> bytes:
    """The bytes of a tile as they went over the line."""
    with client.stream("GET", place.path, headers={"Accept-Encoding": encoding}) as answer:
        assert answer.status_code == 200
        assert answer.headers.get("content-encoding", "identity") == encoding
        return b"".join(answer.iter_raw())


def truth(client: httpx2.Client, place: Place, level: str) -> dict[int, dict[str, Any]]:
    """What each feature's fields should be, from the rows of the API: −1 for no data, −2 for what is not shown."""
    if place.layer == "cells":
        rows = client.get("/v1/cells", params={"res": resolution_at(place.z)}).json()["cells"]
        return {r["n"]: {n: _plain(r[n]) for n in LAYERS["cells"].fields if n in r} for r in rows}
    rows = client.get("/v1/coverage", params={"level": "block" if place.layer == "blocks" else level}).json()[
        "coverage"
    ]
    begins = datetime.fromisoformat("2022-10-15T00:00:00+08:00")
    found = {}
    for row in rows:
        fields = dict.fromkeys(LAYERS[place.layer].fields, -2.0)
        if row["completed"] is not None:
            last = row["last_at"] and (datetime.fromisoformat(row["last_at"]) - begins).total_seconds() / 3600
            told = row | {"seen": last, "state": coverage.STATES.index(row["state"])}
            fields = {name: _plain(told[name]) for name in fields}
        found[row["n"]] = fields | {"code": row["code"], "name": row["name"]}
    return found


def _plain(value: float | None) -> float:
    return -1.0 if value is None else value


PEER = """
SELECT ST_AsMVT(s, :layer, 4096, 'geom', 'id')
FROM (SELECT v.*, ST_AsMVTGeom(g.geom, ST_TileEnvelope(:z, :x, :y), 4096, 64, true) AS geom
      FROM jsonb_to_recordset(CAST(:values AS jsonb)) AS v({columns})
      JOIN ({shapes}) g USING (id)
      WHERE g.geom && ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096) ORDER BY id) s
WHERE geom IS NOT NULL
"""


def postgis(logins: Logins, place: Place, values: dict[int, dict[str, Any]]) -> bytes:
    """The same tile with the same values, encoded by ST_AsMVT alone."""
    texts = {"code", "name"}
    names = list(max(values.values(), key=len))
    columns = ", ".join(["id bigint", *(f"{n} {'text' if n in texts else 'real'}" for n in names)])
    shapes = "SELECT CAST(number AS bigint) AS id, geom_3857 AS geom FROM ground.area"
    rows: list[dict[str, Any]] = [{"id": number} | fields for number, fields in values.items()]
    if place.layer == "cells":
        shapes = (
            "SELECT id, ST_Transform(ST_GeomFromText(wkt, 4326), 3857) AS geom "
            "FROM jsonb_to_recordset(CAST(:values AS jsonb)) AS c(id bigint, wkt text)"
        )
        rows = [row | {"wkt": _hexagon(row["id"], resolution_at(place.z))} for row in rows]
    statement = text(PEER.format(columns=columns, shapes=shapes))

    async def ask() -> bytes:
        engine = create_async_engine(logins.owner)
        async with engine.connect() as connection:
            of = place._asdict() | {"values": json.dumps(rows)}
            found = await connection.scalar(statement, of)
        await engine.dispose()
        return bytes(found)

    return asyncio.run(ask())


def _hexagon(number: int, resolution: int) -> str:
    key = int(cells.from_feature_ids(np.array([number]), resolution)[0])
    return shapely.Polygon([(lng, lat) for lat, lng in h3.cell_to_boundary(h3.int_to_str(key))]).wkt
