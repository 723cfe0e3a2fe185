"""The office's own files: imported by hand they make the campaign that the demo lays, and a month that adds up."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from app.database import Database, Logins
from app.demo import files, stage
from app.demo.city import EDITION, TIME_ZONE, City, build
from app.demo.fieldwork import Fieldwork
from app.demo.hours import ZONE
from app.demo.month import plan
from app.demo.play import END
from app.demo.reconcile import reconcile
from app.demo.sites import draw_sites
from app.demo.welfare import draw
from geo.ground import areas, assignments, campaign, expected, footprints, prelist
from geo.ground.inspection import inspect
from geo.ground.sources import read_areas, read_table
from geo.intake.files import Reading, import_file
from geo.intake.fold import fold
from geo.intake.recount import recount


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[City, Fieldwork, Path]:
    city = build(22, "small")
    welfare = draw(city)
    fieldwork = plan(city, status=welfare.status)
    folder = tmp_path_factory.mktemp("files")
    files.write(folder, city, fieldwork, welfare, draw_sites(city, welfare))
    files.write_submissions(folder, city, fieldwork)
    return city, fieldwork, folder


@pytest.fixture
async def imported(empty_database: Logins, made: tuple[City, Fieldwork, Path]) -> AsyncIterator[Database]:
    """The campaign as an office would make it from the files."""
    _, _, folder = made
    db = Database(empty_database, 2)
    async with db.worker.begin() as connection:
        found = inspect([("block", read_areas(folder / files.BLOCKS))])
        assert found.blocking == []
        await areas.store(connection, EDITION, found.areas)
        days = {"starts_on": stage.STARTS_ON, "ends_on": stage.ENDS_ON, "time_zone": TIME_ZONE, "edition": EDITION}
        clock = datetime.fromtimestamp(END, ZONE)
        await campaign.save(connection, days | {"name": "by hand", "simulated": True, "clock": clock})
        houses = footprints.read(folder / files.FOOTPRINTS)
        await footprints.store(connection, EDITION, houses.lon, houses.lat, houses.area_m2)
        table = read_table(folder / files.EXPECTED)
        await expected.store(connection, EDITION, table, series="prelist", source="files", dated=stage.LISTED_ON)
        table = read_table(folder / files.PRELIST)
        await prelist.store(connection, EDITION, table.columns, table.rows)
        table = read_table(folder / files.ASSIGNMENTS)
        await assignments.store(connection, EDITION, table, starts_on=stage.STARTS_ON)
    yield db
    await db.close()


async def test_files_make_what_the_demo_lays(
    imported: Database, made: tuple[City, Fieldwork, Path], fresh_database: Logins
) -> None:
    city, fieldwork, folder = made

    async def content(db: Database) -> list[list[tuple[object, ...]]]:
        statements = (
            "SELECT number, last, parent, level, code, name FROM ground.area ORDER BY 1",
            "SELECT number, expected FROM ground.expected ORDER BY 1",
            "SELECT number, cell, expected, estimated FROM ground.expected_cell ORDER BY 1, 2",
            "SELECT household_id, number, building, sequence FROM ground.prelist ORDER BY 1",
            "SELECT code, enumerator, supervisor FROM ground.assignment ORDER BY 1",
        )
        async with db.worker.begin() as connection:
            return [[tuple(row) for row in await connection.execute(text(s))] for s in statements]

    async def square_metres(db: Database) -> list[float]:
        async with db.worker.begin() as connection:
            return list((await connection.execute(text("SELECT area_m2 FROM ground.area ORDER BY number"))).scalars())

    by_hand = await content(imported)
    laid = Database(fresh_database, 1)
    async with laid.worker.begin() as connection:
        await connection.execute(text("DELETE FROM ground.campaign"))
        await connection.execute(text("DELETE FROM ground.edition"))
        await stage.lay(connection, city, fieldwork)
    assert by_hand == await content(laid)
    assert await square_metres(imported) == pytest.approx(await square_metres(laid), abs=1.0), (
        "files round to 1e-7 degree"
    )
    await laid.close()
    async with imported.worker.begin() as connection:
        ground = await areas.load_ground(connection)
    summary = await import_file(imported.worker, ground, folder / files.SUBMISSIONS, Reading())
    assert summary.rows == summary.counts.total() == len(fieldwork.visits)
    assert set(summary.counts) == {"stored", "superseded", "quarantined"}, "a later revision in the same chunk counts"
    async with imported.worker.begin() as connection:
        await fold(connection)
    async with imported.worker.connect() as connection:
        assert (await recount(connection)).sound
        settled = await reconcile(connection, city, fieldwork, np.zeros(len(fieldwork.visits), dtype=bool))
    assert settled.differences == []
