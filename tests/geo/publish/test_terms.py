"""What is published is fixed before anybody is counted: calendar, measure, areas and cells."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import text

from app.database import Database
from geo.errors import BadInput, NotFound, Refused
from geo.ground import areas, campaign, cells
from geo.ground.campaign import Campaign
from geo.publish import terms
from tests import world
from tests.geo.publish import filling

BEFORE = date(2022, 10, 14)
FIELD = [date(2022, 10, 20), date(2022, 10, 27)]


async def lasting(db: Database, days: int) -> Campaign:
    async with db.worker.begin() as connection:
        found = await campaign.load(connection)
        return await campaign.save(connection, {"ends_on": found.starts_on + timedelta(days=days - 1)})


async def test_the_usual_calendar_follows_the_campaign(db: Database) -> None:
    month = terms.usual(await lasting(db, 31))
    assert [(s.release, s.kind, f"{s.due:%m-%d}") for s in month] == [
        (1, "field", "10-22"),
        (2, "field", "10-28"),
        (3, "field", "11-03"),
        (4, "field", "11-09"),
        (5, "field", "11-15"),
        (6, "final", "05-13"),
    ]
    assert [f"{s.due:%m-%d}" for s in terms.usual(await lasting(db, 2))] == ["10-16", "10-17", "04-14"]


async def test_terms_are_fixed_until_the_first_day(db: Database) -> None:
    async with db.worker.begin() as connection:
        with pytest.raises(NotFound) as nothing:
            await terms.load(connection)
        with pytest.raises(Refused) as late:
            await terms.fix(connection)
        await filling.at(connection, BEFORE)
        await terms.fix(connection)
        fixed = await terms.fix(connection, measure="score", cut_off=31.5, field=FIELD, final=date(2023, 6, 1))
        assert await terms.load(connection) == fixed == await terms.ready(connection)
    assert (nothing.value.code, late.value.code) == ("no-terms", "terms-fixed")
    assert [(s.release, s.kind, s.due) for s in fixed.calendar] == [
        (1, "field", FIELD[0]),
        (2, "field", FIELD[1]),
        (3, "final", date(2023, 6, 1)),
    ]
    assert (fixed.campaign, fixed.edition, fixed.series) == ("Regsosek simulasi", world.EDITION, "prelist")
    assert (fixed.measure_of("field"), fixed.measure_of("final"), fixed.cut_off) == ("field_status", "score", 31.5)
    due = [(last, fixed.due(FIELD[0] + timedelta(days=late), last)) for last, late in ((0, -1), (0, 0), (0, 9), (1, 3))]
    assert [(last, slot and slot.release) for last, slot in due] == [(0, None), (0, 1), (0, 2), (1, None)]


@pytest.mark.parametrize(
    "asked",
    [
        {"measure": "decile"},
        {"measure": "score"},
        {"measure": "score", "cut_off": float("nan")},
        {"cut_off": 30.0},
        {"field": [date(2022, 10, 17 + n) for n in range(6)]},
        {"field": FIELD[::-1]},
        {"field": [FIELD[0], FIELD[0]]},
        {"field": [date(2022, 10, 15)]},
        {"final": date(2022, 11, 14)},
    ],
)
async def test_terms_that_cannot_be(db: Database, asked: dict[str, Any]) -> None:
    async with db.worker.begin() as connection:
        await filling.at(connection, BEFORE)
        with pytest.raises(BadInput) as wrong:
            await terms.fix(connection, **asked)
    assert wrong.value.code == "bad-terms"


async def test_leaves_are_blocks_and_every_cell_that_can_hold_one_of_their_households(db: Database) -> None:
    async with db.worker.begin() as connection:
        await terms.ready(connection)
        listed = (await connection.execute(text("SELECT number, code FROM release.area WHERE number = last"))).all()
        rows = (await connection.execute(text("SELECT cell, resolution, number, lon, lat FROM release.cell"))).all()
        broken = await connection.scalar(
            text("SELECT count(*) FROM release.cell WHERE NOT ST_IsValid(geom) OR ST_NPoints(geom_3857) < 6")
        )
    assert sorted(listed) == sorted((b.number, b.code) for b in world.BLOCKS)
    leaves = {row.cell: row for row in rows if row.resolution == 8}
    chance = np.random.default_rng(1)
    lon = world.WEST + chance.random(5_000) * 3 * world.SIDE
    lat = world.SOUTH + chance.random(5_000) * 2 * world.SIDE
    held = cells.parents(cells.index(lon, lat, 15), 8)
    assert set(held.tolist()) <= set(leaves)
    for resolution in range(4, 8):
        above = set(cells.parents(np.array(list(leaves)), resolution).tolist())
        assert {row.cell for row in rows if row.resolution == resolution} == above
    assert broken == 0
    for leaf in leaves.values():
        far = {b.number: b.shape.distance(shapely.Point(leaf.lon, leaf.lat)) for b in world.BLOCKS}
        assert far[leaf.number] == min(far.values())


async def test_where_villages_serve_as_blocks_they_are_the_leaves(db: Database) -> None:
    async with db.worker.begin() as connection:
        await areas.store(connection, "2020_1", [row for row in world.area_rows() if row.level != "block"])
        await campaign.save(connection, {"edition": "2020_1"})
        await terms.ready(connection)
        leaves = (await connection.execute(text("SELECT level, code FROM release.area WHERE number = last"))).all()
        owners = set((await connection.execute(text("SELECT number FROM release.cell WHERE resolution = 8"))).scalars())
    assert sorted(leaves) == [("village", code) for code in world.VILLAGES]
    assert owners == {4, 5}
