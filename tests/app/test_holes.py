"""Holes as they are asked for: whose they are, what is told of them, pages, formats, and that nothing stale comes."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely

from app.api.holes import HolesOut
from app.database import Database
from geo.errors import BadInput
from geo.ground import cells, footprints
from geo.ground.areas import Ground, load_ground
from geo.intake import batch, fold
from geo.intake.batch import Envelope
from geo.scope import LAST, OPERATOR, Scope
from geo.trust import accounts
from geo.trust.grants import Grant
from geo.watch import holes, live, villages
from geo.watch.holes import Question
from geo.watch.live import Snapshot
from tests.app.reading import PLACED, layer_of, rows_of
from tests.app.townspeople import done
from tests.conftest import PASSWORD, Service
from tests.world import BLOCKS, EDITION, FAMILIES, VILLAGES, Block, submission

#: Houses in rows of eight, about 14 m apart, in the middle of three blocks: of the first a corner is missed, of the
#: second a smaller one, of the third (in the other village) none. The fourth is not walked yet.
ACROSS, APART = 8, 14 / 111_000
HOUSED = (BLOCKS[0], BLOCKS[1], BLOCKS[3], BLOCKS[4])
MISSED = {BLOCKS[0].code: 4, BLOCKS[1].code: 3, BLOCKS[3].code: 0, BLOCKS[4].code: 7}


def place(block: Block, at: int) -> tuple[float, float]:
    west, south = block.at(0.3, 0.3)
    return round(west + at % ACROSS * APART, 7), round(south + at // ACROSS * APART, 7)


def missed(block: Block, at: int) -> bool:
    wide = MISSED[block.code]
    return at % ACROSS < wide and at // ACROSS < wide


def visits(block: Block) -> list[dict[str, object]]:
    """A visit at every house that is not missed, and as many more in the last of them as the list has families."""
    met = [at for at in range(ACROSS**2) if not missed(block, at)]
    if block != BLOCKS[4]:
        met += met[-1:] * max(FAMILIES - len(met), 0)
    found = []
    for n, at in enumerate(met):
        lon, lat = place(block, at)
        result = "not_met" if n % 9 == 5 else "completed"
        found.append(submission(f"{block.number}-{n}", block, 1, lon=lon, lat=lat, result=result))
    return found


async def lay(db: Any) -> None:
    at = [place(block, n) for block in HOUSED for n in range(ACROSS**2)]
    lon, lat = np.array(at).T
    await footprints.store(db, EDITION, lon, lat, np.full(len(lon), 80.0))


@pytest.fixture(scope="module")
def walked(service: Service) -> Service:
    """A town whose houses are known and were visited, but for the corners."""
    done(service.logins, lay)
    for block in HOUSED:
        answer = service.send(*visits(block))
        assert answer.status_code == 201
        assert {row["status"] for row in answer.json()["results"]} == {"stored"}, answer.text[:500]
    with service.client() as client:
        for _ in range(200):
            got = client.get("/v1/holes").json()
            if got.get("total") == 2:
                break
            asyncio.run(asyncio.sleep(0.1))
        else:
            raise AssertionError(got)
    return service


def ask(service: Service, who: str = "admin", **query: str | int) -> dict[str, Any]:
    with service.client(who) as client:
        answer = client.get("/v1/holes", params=query)
    assert answer.status_code == 200, answer.text
    HolesOut.model_validate_json(answer.content)
    found: dict[str, Any] = answer.json()
    return found


def test_holes_of_walked_blocks_most_missing_first(walked: Service) -> None:
    got = ask(walked)
    first, second = got["holes"]
    assert [first["code"], second["code"]] == [BLOCKS[0].code, BLOCKS[1].code]
    assert (got["total"], got["missing"]) == (2, first["missing"] + second["missing"])
    assert (got["blocks"], got["without_footprints"], got["next"]) == (6, 2, None)
    for hole, wide in ((first, 4), (second, 3)):
        assert abs(hole["buildings"] - wide**2) <= 2
        assert hole["low"] <= wide**2 * 1.05 <= hole["high"]
        assert hole["low"] <= hole["missing"] <= hole["high"]
        assert hole["gap"] is not None
        assert hole["since"].startswith("2022-10-")
    assert first["place"].split(", ")[:2] == ["Kampung 1", "Samarinda Ulu (simulasi)"]
    assert first["level"] == "block"


def test_cells_lie_where_the_houses_are(walked: Service) -> None:
    for hole in ask(walked)["holes"]:
        block = next(b for b in BLOCKS if b.code == hole["code"])
        own = np.array([cells.from_hex(cell) for cell in hole["cells"]])
        assert set(cells.resolution(own).tolist()) == {ask(walked)["resolution"]}
        shape = shapely.union_all(cells.boundaries(own))
        inside = [shape.contains(shapely.Point(place(block, at))) for at in range(ACROSS**2)]
        truly = [missed(block, at) for at in range(ACROSS**2)]
        assert np.mean(np.array(inside) == truly) > 0.95
        assert shape.buffer(1e-6).contains(shapely.Point(hole["lon"], hole["lat"]))


def test_nothing_of_a_household_is_told(walked: Service) -> None:
    with walked.client() as client:
        answer = client.get("/v1/holes")
    assert "SIM-" not in answer.text.replace("-SIM0", "")
    met = {(round(float(str(v["lon"])), 6), round(float(str(v["lat"])), 6)) for b in HOUSED for v in visits(b)}
    assert not {(hole["lon"], hole["lat"]) for hole in answer.json()["holes"]} & met
    assert answer.headers["cache-control"] == "no-store"


def test_everybody_sees_holes_of_their_own_blocks(walked: Service) -> None:
    assert {hole["code"] for hole in ask(walked, "coordinator")["holes"]} == {BLOCKS[0].code, BLOCKS[1].code}
    assert {hole["code"] for hole in ask(walked, "supervisor")["holes"]} == {BLOCKS[0].code, BLOCKS[1].code}
    mine = ask(walked, "enumerator")
    assert [hole["code"] for hole in mine["holes"]] == [BLOCKS[0].code]
    assert (mine["blocks"], mine["total"]) == (1, 1)
    other = ask(walked, "enumerator", within=BLOCKS[1].code)
    assert (other["holes"], other["blocks"], other["missing"]) == ([], 0, 0)
    with walked.client("local_government") as client:
        assert client.get("/v1/holes").status_code == 403


def test_within_and_pages(walked: Service) -> None:
    assert [hole["code"] for hole in ask(walked, within=BLOCKS[1].code)["holes"]] == [BLOCKS[1].code]
    assert ask(walked, within=BLOCKS[3].code[:10])["holes"] == []
    every = ask(walked)["holes"]
    first = ask(walked, limit=1)
    assert (first["holes"], first["total"]) == (every[:1], 2)
    second = ask(walked, limit=1, after=first["next"])
    assert (second["holes"], second["next"]) == (every[1:], None)
    with walked.client() as client:
        answer = client.get("/v1/holes", params={"after": "nonsense"})
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (422, "bad-after")


@pytest.mark.parametrize("format_", PLACED)
def test_every_format_says_the_same(walked: Service, format_: str) -> None:
    every = ask(walked)["holes"]
    with walked.client() as client:
        body = client.get("/v1/holes", params={"format": format_}).content
    rows = rows_of(body, "holes", format_)
    for name in ("code", "hole", "missing", "low", "high", "buildings"):
        assert [row[name] for row in rows] == [hole[name] for hole in every], name


def test_maps_get_the_union_of_the_cells(walked: Service) -> None:
    every = ask(walked)["holes"]
    with walked.client() as client:
        drawn = client.get("/v1/holes", params={"format": "geojson"}).json()
        packed = layer_of(client.get("/v1/holes", params={"format": "gpkg"}).content, "holes")
    for hole, feature, shape in zip(every, drawn["features"], packed.geometry, strict=True):
        assert feature["geometry"]["type"] == "MultiPolygon"
        outline = shapely.from_geojson(json.dumps(feature["geometry"]))
        own = np.array([cells.from_hex(cell) for cell in hole["cells"]])
        assert outline.is_valid
        assert abs(outline.area / shapely.area(cells.boundaries(own)).sum() - 1) < 0.01
        assert shape.symmetric_difference(outline).area < 0.01 * outline.area


# ── what is kept from question to question ────────────────────────────────────────────────────────────────────────


async def fetched(db: Database, mirror: Snapshot, actor: int, scope: Scope) -> tuple[int, holes.Page]:
    """How many villages were read anew for a question, and its answer."""
    async with db.as_actor(actor) as connection:
        found = await holes.read(connection, mirror, scope)
    return len(found.fresh), holes.listing(mirror, scope, Question(), found)


async def send(db: Database, ground: Ground, sent: list[dict[str, object]]) -> None:
    async with db.worker.begin() as connection:
        await batch.store(connection, ground, Envelope(1, "test", b"", 0), sent, batch.judge(ground, sent))
    async with db.worker.begin() as connection:
        await fold.fold(connection)


async def test_only_what_moved_is_read_again_and_for_each_scope_apart(db: Database) -> None:
    async with db.worker.begin() as connection:
        await lay(connection)
        ground = await load_ground(connection)
        admin = await accounts.create(connection, "admin", Grant("admin"), PASSWORD)
        lurah = await accounts.create(connection, "lurah", Grant("admin", ("village", VILLAGES[0])), PASSWORD)
    for block in HOUSED:
        await send(db, ground, visits(block))
    async with db.worker.begin() as connection:
        mirror = await live.load(connection, ground.campaign, ground.tree)
    all_of, upper = Scope(admin, "admin", "admin", ((0, LAST),)), Scope(lurah, "lurah", "admin", ((4, 7),))
    fresh, first = await fetched(db, mirror, admin, all_of)
    assert (fresh, first.total) == (2, 2)
    assert await fetched(db, mirror, admin, all_of) == (0, first)
    assert await fetched(db, mirror, lurah, upper) == (1, replace(first, blocks=3, without_footprints=1))
    # whoever knocks in the corner closes the hole; the other village stays as it was
    lon, lat = zip(*(place(BLOCKS[1], at) for at in range(ACROSS**2) if missed(BLOCKS[1], at)), strict=True)
    # declared in the block beside: where they lie is what tells
    came = [submission(f"x{n}", BLOCKS[2], lon=x, lat=y) for n, (x, y) in enumerate(zip(lon, lat, strict=True))]
    await send(db, ground, came)
    async with db.worker.begin() as connection:
        mirror = await live.advance(connection, mirror)
    fresh, then = await fetched(db, mirror, admin, all_of)
    assert fresh == 1
    assert [row["code"] for row in then.rows] == [BLOCKS[0].code]


async def test_too_wide_a_question_is_refused(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(villages, "MOST_BLOCKS", 5)
    async with db.worker.begin() as connection:
        ground = await load_ground(connection)
        mirror = await live.load(connection, ground.campaign, ground.tree)
        with pytest.raises(BadInput) as refused:
            await holes.read(connection, mirror, OPERATOR)
        assert refused.value.code == "too-wide"
        assert len((await holes.read(connection, mirror, OPERATOR, 4)).asked) == 3


async def test_row_level_security_holds_whatever_the_scope_says(db: Database) -> None:
    async with db.worker.begin() as connection:
        await lay(connection)
        ground = await load_ground(connection)
        lurah = await accounts.create(connection, "lurah", Grant("admin", ("village", VILLAGES[0])), PASSWORD)
    for block in HOUSED:
        await send(db, ground, visits(block))
    async with db.worker.begin() as connection:
        mirror = await live.load(connection, ground.campaign, ground.tree)
    async with db.as_actor(lurah) as connection:
        found = await holes.read(connection, mirror, OPERATOR)
    points = [len(points) for _, _, _, points in found.fresh]
    assert points == [len(visits(BLOCKS[0])) + len(visits(BLOCKS[1])), 0]
