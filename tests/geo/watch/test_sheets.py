"""What a sheet says of a block: whose it is, houses and visits that belong together, and what is unknown."""

from typing import Any

import numpy as np
import pytest
import shapely

from app.database import Database
from geo.errors import BadInput, NotFound
from geo.ground import areas, campaign, footprints
from geo.ground.areas import Ground, load_ground
from geo.ground.inspection import AreaRow
from geo.intake import batch, fold
from geo.intake.batch import Envelope
from geo.scope import OPERATOR, Scope
from geo.watch import live, sheets
from geo.watch.live import Snapshot
from tests.world import BLOCKS, EDITION, VILLAGES, submission
from tiles.frame import fitting

ENVELOPE = Envelope(actor=1, source="test", body_sha256=b"", size=0)
VILLAGE = Scope(1, "siti", "supervisor", ((4, 7),))
HERE = BLOCKS[0]


async def looked_at(db: Database) -> Snapshot:
    async with db.worker.begin() as connection:
        ground = await load_ground(connection)
    async with db.worker.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        return await live.load(connection, ground.campaign, ground.tree)


async def sent(db: Database, ground: Ground, *rows: dict[str, object]) -> None:
    await batch.commit(db.worker, ground, ENVELOPE, rows, batch.judge(ground, rows))
    async with db.worker.begin() as connection:
        await fold.fold(connection)


async def sheet_of(db: Database, found: Snapshot, *numbers: int, scope: Scope = OPERATOR) -> list[sheets.Sheet]:
    boxes: dict[int, Any] = {n: fitting(tuple(found.tree.bounds[n].tolist()), "a4").box for n in numbers}
    async with db.worker.begin() as connection:
        read = await sheets.read(connection, found, scope, boxes)
    return sheets.told(found, scope, read)


async def test_which_blocks_are_printed(db):
    found = await looked_at(db)
    numbers = [block.number for block in BLOCKS]
    assert sheets.asked(found, OPERATOR, 0) == numbers
    assert sheets.asked(found, VILLAGE, 0) == numbers[:3]
    assert sheets.asked(found, OPERATOR, found.tree.number_of(VILLAGES[1])) == numbers[3:]
    assert sheets.asked(found, OPERATOR, HERE.number, ["unvisited"]) == numbers[:1]
    assert sheets.parts(found, OPERATOR, numbers) == [numbers[:3], numbers[3:]]
    with pytest.raises(NotFound):
        sheets.asked(found, VILLAGE, found.tree.number_of(VILLAGES[1]))
    with pytest.raises(NotFound):
        sheets.asked(found, OPERATOR, 0, ["over"])
    with pytest.raises(BadInput) as bad:
        sheets.asked(found, OPERATOR, 0, ["nonsense"])
    assert bad.value.code == "bad-state"


async def test_nothing_is_read_outside_the_scope(db):
    found = await looked_at(db)
    for numbers in ([BLOCKS[3].number], [HERE.number, BLOCKS[3].number]):
        with pytest.raises(ValueError, match="scope"):
            await sheet_of(db, found, *numbers, scope=VILLAGE)
    with pytest.raises(ValueError, match="village"):
        await sheet_of(db, found, HERE.number, BLOCKS[3].number)


async def test_a_visit_stands_in_the_house_it_was_made_in(db, ground):
    at = [HERE.at(x, 0.5) for x in (0.2, 0.5, 0.8)]
    async with db.worker.begin() as connection:
        lon, lat = np.array(at).T
        await footprints.store(connection, EDITION, lon, lat, np.full(3, 80.0))
    off = 4 / 111_000
    rows = [
        submission("met", HERE, lon=at[0][0] + off, lat=at[0][1]),
        submission("again", HERE, lon=at[1][0], lat=at[1][1] - off, result="not_met"),
        submission("stray", HERE, lon=HERE.at(0.35, 0.9)[0], lat=HERE.at(0.35, 0.9)[1]),
        submission("nowhere", HERE, lon=None, lat=None, result="refused"),
    ]
    await sent(db, ground, *rows)
    (found,) = await sheet_of(db, await looked_at(db), HERE.number)
    order = np.argsort(found.houses.lon)
    assert found.houses.met[order].tolist() == [1, 1, 0]
    assert found.strays.tolist() == [pytest.approx(HERE.at(0.35, 0.9))]
    calls = {call.household_id: call for call in found.calls}
    assert (calls["SIM-again"].lon, calls["SIM-again"].lat) == pytest.approx(at[1])
    assert calls["SIM-nowhere"].lon is None
    assert (found.mapped, found.missing, found.holes) == (True, None, ())
    assert found.figures["completed"] == 2


async def test_neighbours_are_cut_at_the_edge_of_the_paper(db):
    snapshot = await looked_at(db)
    (found,) = await sheet_of(db, snapshot, HERE.number)
    box = shapely.box(*fitting(tuple(snapshot.tree.bounds[HERE.number].tolist()), "a4").box)
    assert {one.code for one in found.neighbours} == {BLOCKS[1].code, BLOCKS[3].code, BLOCKS[4].code}
    assert all(box.buffer(1e-9).contains(one.shape) for one in found.neighbours)
    assert found.head.place[0] == "Kampung 1"
    assert (found.head.above, found.head.enumerator) == (VILLAGES[0], None)
    assert (found.mapped, found.missing, found.holes, found.calls) == (False, None, None, ())


async def test_what_lies_next_door_is_not_taken_for_its_own(db, ground):
    """A house of the neighbour, and a family met there that counts here, leave this block's houses alone."""
    beside = BLOCKS[1].at(0.02, 0.5)
    async with db.worker.begin() as connection:
        await footprints.store(connection, EDITION, np.array([beside[0]]), np.array([beside[1]]), np.array([80.0]))
    await sent(db, ground, submission("there", HERE, lon=beside[0], lat=beside[1]))
    here, there = await sheet_of(db, await looked_at(db), HERE.number, BLOCKS[1].number)
    assert (here.mapped, len(here.houses.lon), len(here.around.lon)) == (False, 0, 1)
    assert there.houses.met.tolist() == [1]


async def test_a_village_without_blocks_is_a_block(db):
    shape = shapely.MultiPolygon([HERE.shape])
    rows = [
        AreaRow("district", "99", "Kecamatan", None, shape, False, True),
        AreaRow("village", "9901", "Desa", "99", shape, False, False),
    ]
    async with db.worker.begin() as connection:
        await areas.store(connection, "villages", rows)
        await campaign.save(connection, {"edition": "villages"})
    snapshot = await looked_at(db)
    (number,) = sheets.asked(snapshot, OPERATOR, 0)
    (found,) = await sheet_of(db, snapshot, number)
    assert (found.head.code, found.head.level, found.head.place) == ("9901", "village", ("Kecamatan",))
    assert found.figures["expected"] is None
    assert shapely.equals(found.outline, shape)
    assert found.neighbours == ()
