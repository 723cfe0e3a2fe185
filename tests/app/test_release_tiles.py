"""Tiles of a release: read by a stock decoder, each caller's own figures in them, and nothing that is counted live."""

import asyncio
import time
from dataclasses import replace
from typing import NamedTuple

import httpx2
import numpy as np
import pytest
from sqlalchemy import text

from app.database import Database
from geo.ground import cells
from geo.publish import bands
from geo.watch.coverage import FIELDS as LIVE
from tests.app import published as made
from tests.app.callers import more_people
from tests.app.published import FIELD, Figure
from tests.app.reading import Row, tile_of
from tests.conftest import Service
from tests.world import BLOCKS, VILLAGES, submission

DEEP = "13/6761/4107"
ROOT = "/tiles/release/1"


class Cells(NamedTuple):
    """Figures of all published cells, and of each leaf the block that it belongs to."""

    figures: dict[int, Figure]
    block: dict[int, int]


@pytest.fixture(scope="module")
def published(service: Service) -> Service:
    """The tiny world with a release of the field table, and more people around it."""
    made.publish(service.logins, kept=(FIELD,))
    people = more_people(service.logins, ["both_sides", "part_coordinator", "expired"])
    return replace(service, tokens=service.tokens | asyncio.run(people))


@pytest.fixture(scope="module")
async def hexagons(published: Service) -> Cells:
    """What the release says of cells."""
    db = Database(published.logins, 1)
    async with db.worker.begin() as connection:
        figures = await made.cell_figures(connection, FIELD)
        rows = await connection.execute(text("SELECT cell, number FROM release.cell WHERE resolution = 8"))
        block = {row.cell: row.number for row in rows}
    await db.close()
    return Cells(figures, block)


def tile(published: Service, who: str | None, path: str) -> list[Row]:
    with published.client(who) as client:
        answer = client.get(f"{ROOT}/{path}.mvt")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    return tile_of(answer.content, path.partition("/")[0])


def test_villages_with_their_figures_for_everybody(published: Service) -> None:
    first, second = sorted(tile(published, None, f"areas/{DEEP}"), key=lambda row: str(row["code"]))
    assert first == {
        "id": 4, "code": VILLAGES[0], "name": "Kampung 1", "households": 66, "poor": 24, "error": 10.2,
        "band": bands.BANDS.index("30-40"), "notes": "low_coverage",
    }  # fmt: skip
    assert (second["households"], second["poor"], second["band"]) == (141, 22, bands.BANDS.index("15-20"))
    for row in (first, second):
        assert not set(row) & {"epoch", "as_of", *LIVE}


@pytest.mark.parametrize(
    ("at", "digits"), [("6/52/32", 4), ("9/422/256", 7), ("11/1690/1026", 10), ("16/54093/32860", 10)]
)
def test_areas_grow_coarser_with_the_zoom_and_never_finer_than_a_village(
    published: Service, at: str, digits: int
) -> None:
    assert {len(str(row["code"])) for row in tile(published, "admin", f"areas/{at}")} == {digits}


@pytest.mark.parametrize(("who", "seen"), [
    (None, ()), ("expired", ()), ("local_government", BLOCKS), ("admin", BLOCKS),
    ("part_coordinator", BLOCKS[3:]), ("both_sides", (*BLOCKS[:3], BLOCKS[4])),
])  # fmt: skip
def test_blocks_are_for_those_whose_they_are(published: Service, who: str | None, seen: tuple[object, ...]) -> None:
    rows = {row["id"]: row for row in tile(published, who, f"blocks/{DEEP}")}
    assert set(rows) == {block.number for block in BLOCKS}, "shapes are public"
    for place, block in enumerate(BLOCKS):
        row = rows[block.number]
        assert row["code"] == block.code
        if block in seen:
            assert (row["households"], row["poor"]) == (made.leaf(place, FIELD).n, made.leaf(place, FIELD).value)
        else:
            assert row == {
                "id": block.number, "code": block.code, "name": row["name"], "band": -1, "notes": "not_shown"
            }  # fmt: skip


def test_what_can_be_read_from_a_figure_is_said_beside_it(published: Service) -> None:
    rows = {row["id"]: row for row in tile(published, "local_government", f"blocks/{DEEP}")}
    said = [(rows[block.number]["band"], rows[block.number]["notes"]) for block in BLOCKS]
    assert said == [
        (bands.BANDS.index("30-40"), ""),
        (-1, "none_yet"),
        (-1, "fewer_than_10"),
        (bands.BANDS.index("30-40"), "low_coverage"),
        (bands.BANDS.index("<5"), ""),
        (bands.BANDS.index("20-30"), ""),
    ]
    assert rows[BLOCKS[4].number]["poor"] == -2, "the signed value stays, so that sums hold"
    assert [rows[block.number]["error"] for block in BLOCKS] == [8.3, 0, 5.9, 5.9, 8.3, 8.3]


def test_leaf_cells_are_for_those_whose_they_are_and_the_public_gets_coarser_ones(
    published: Service, hexagons: Cells
) -> None:
    public = tile(published, None, f"cells/{DEEP}")
    whole = {cells.to_hex(c): f.n for c, f in hexagons.figures.items() if cells.resolution(np.array(c)) == 7}
    assert {row["cell"]: row["households"] for row in public}.items() <= whole.items()
    leaves = {row["id"]: row for row in tile(published, "part_coordinator", f"cells/{DEEP}")}
    keys = cells.from_feature_ids(np.array(sorted(leaves), np.int64), 8)
    assert [leaves[at]["cell"] for at in sorted(leaves)] == [cells.to_hex(key) for key in keys]
    assert set(keys.tolist()) == set(hexagons.block), "no leaf lies outside of this tile"
    mine = {block.number for block in BLOCKS[3:]}
    shown = [key for key in hexagons.block if hexagons.block[key] in mine]
    assert 0 < len(shown) < len(keys), "some are foreign here, some are not"
    for at, key in zip(sorted(leaves), keys.tolist(), strict=True):
        assert leaves[at].get("households") == (hexagons.figures[key].n if key in shown else None)
    with published.client(None) as client:
        far = tile_of(client.get(f"{ROOT}/cells/0/0/0.mvt").content, "cells")
    assert sum(row["poor"] for row in far) == sum(hexagons.figures[key].value for key in hexagons.block)


def test_the_tag_goes_by_release_and_by_what_is_seen(published: Service) -> None:
    tags, path = {}, f"{ROOT}/blocks/{DEEP}.mvt"
    for who in (None, "local_government", "admin", "both_sides", "expired"):
        with published.client(who) as client:
            answer = client.get(path)
            tags[who] = answer.headers["etag"]
            assert made.digest(FIELD).hex()[:24] in tags[who]
            assert answer.headers["cache-control"] == ("private, no-cache" if who else "public, max-age=300")
            assert {"Authorization", "Cookie"} <= set(answer.headers["vary"].split(", "))
            again = client.get(path, headers={"If-None-Match": tags[who]})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["cache-control"] == answer.headers["cache-control"]
            assert client.get(path, headers={"If-None-Match": tags[None]}).status_code == (
                304 if who in {None, "expired"} else 200
            )
            plain = client.get(path, headers={"Accept-Encoding": "identity"})
            assert "content-encoding" not in plain.headers
            assert plain.content == answer.content
    assert len(set(tags.values())) == 4, "who sees as much as the public has its tag"


def test_a_session_that_ended_reads_what_the_public_reads(published: Service) -> None:
    path = f"{ROOT}/blocks/{DEEP}.mvt"
    with published.client(None) as client:
        public = client.get(path)
        ended = client.get(path, headers={"Cookie": "cakupan_session=over"})
    assert (ended.status_code, ended.content) == (200, public.content)
    assert ended.headers["cache-control"] == "public, max-age=300"


def test_nothing_moves_between_two_releases(published: Service) -> None:
    paths = [f"{ROOT}/{layer}/{DEEP}.mvt" for layer in ("areas", "blocks", "cells")]
    with published.client("local_government") as client:
        before = [(client.get(path).content, client.get(path).headers["etag"]) for path in paths]
        row = submission("late", BLOCKS[0], welfare=1, captured_at="2022-10-21T09:30:00+08:00")
        assert published.send(row).json()["counts"]["stored"] == 1
        limit = time.monotonic() + 5
        with published.client() as watcher:
            while watcher.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"] == 0:
                assert time.monotonic() < limit, "it was not counted"
        assert [(client.get(path).content, client.get(path).headers["etag"]) for path in paths] == before


def test_tilejson_names_tiles_that_are_there(published: Service) -> None:
    for layer, names in {"areas": {"code", "name"}, "blocks": {"code", "name"}, "cells": {"cell"}}.items():
        with published.client("local_government") as client:
            found = client.get(f"{ROOT}/{layer}.json").json()
            assert (found["tilejson"], found["bands"]) == ("3.0.0", list(bands.BANDS))
            x, y = DEEP.split("/")[1:]
            (address,) = found["tiles"]
            path = address.replace("{z}", "13").replace("{x}", x).replace("{y}", y)
            rows = tile_of(client.get(path).content, layer)
        (described,) = found["vector_layers"]
        assert names <= set(described["fields"])
        assert all(set(row) - {"id"} <= set(described["fields"]) for row in rows)
        assert found["minzoom"] <= 13 <= described["maxzoom"] or layer == "cells"
        west, south, east, north = found["bounds"]
        assert all(west < b.at(0.5, 0.5)[0] < east and south < b.at(0.5, 0.5)[1] < north for b in BLOCKS)


@pytest.mark.parametrize(("path", "status", "code"), [
    (f"/tiles/release/2/areas/{DEEP}.mvt", 404, "no-release"),
    ("/tiles/release/2/areas.json", 404, "no-release"),
    (f"/tiles/release/0/areas/{DEEP}.mvt", 404, "no-release"),
    (f"/tiles/release/{2**31 - 2}/areas/{DEEP}.mvt", 404, "no-release"),
    (f"/tiles/release/{2**31}/areas/{DEEP}.mvt", 422, "bad-parameter"),
    (f"/tiles/release/x/areas/{DEEP}.mvt", 422, "bad-parameter"),
    (f"{ROOT}/households/{DEEP}.mvt", 422, "bad-parameter"),
    (f"{ROOT}/areas/3/8/0.mvt", 404, "no-tile"),
    (f"{ROOT}/areas/17/0/0.mvt", 422, "bad-parameter"),
    (f"{ROOT}/cells/1/-1/0.mvt", 422, "bad-parameter"),
    (f"{ROOT}/cells/1/{10**30}/0.mvt", 404, "no-tile"),
])  # fmt: skip
def test_what_is_not_there(published: Service, path: str, status: int, code: str) -> None:
    with published.client(None) as client:
        answer = client.get(path)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (status, code)
    assert answer.headers["cache-control"] == "no-store"


def test_where_nothing_lies(published: Service) -> None:
    with published.client(None) as client:
        for path in ("areas/13/0/0", "cells/13/0/0", "blocks/13/0/0", "blocks/3/6/4"):
            answer: httpx2.Response = client.get(f"{ROOT}/{path}.mvt")
            assert (answer.status_code, answer.content) == (204, b""), path
