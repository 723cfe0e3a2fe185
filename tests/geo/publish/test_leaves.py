"""The finest figures that a reader sees, as arrays."""

import numpy as np
import pytest

from app.database import Database, Logins
from geo.publish import leaves, published
from geo.trust import accounts
from tests.app.published import FIELD, FINAL, NOTHING, area_figures, cell_figures, lay
from tests.conftest import PASSWORD, granted
from tests.world import VILLAGES


@pytest.fixture(scope="module")
async def db(database: Logins):
    made = Database(database, 2)
    async with made.worker.begin() as connection:
        await lay(connection)
    yield made
    await made.close()


async def test_blocks_and_cells_are_the_published_figures(db: Database) -> None:
    async with db.worker.begin() as connection:
        areas, cells = await area_figures(connection, FIELD), await cell_figures(connection, FIELD)
    async with db.worker.begin() as connection:
        grant = granted("local_government", ("regency", "6472"))
        actor = await accounts.create(connection, "leaves-all", grant, PASSWORD)
    async with db.as_reader(actor) as connection:
        sealed = await published.find(connection, FIELD)
        blocks = await leaves.blocks(connection, sealed)
        fine = await leaves.cells(connection, sealed)
    told = (blocks.n, blocks.value, blocks.draws, blocks.expected)
    found = dict(zip(blocks.key.tolist(), zip(*(one.tolist() for one in told), strict=True), strict=True))
    assert found
    assert found == {n: (areas[n].n, areas[n].value, areas[n].draws, areas[n].expected) for n in found}
    assert fine.resolution == 8
    assert dict(zip(fine.key.tolist(), fine.value.tolist(), strict=True)).items() <= {
        cell: f.value for cell, f in cells.items()}.items()  # fmt: skip
    assert np.all(np.diff(fine.key) > 0)


async def test_within_an_area_lie_those_that_hold_a_leaf_of_it(db: Database) -> None:
    async with db.as_reader(None) as connection:
        sealed = await published.find(connection, FINAL)
        assert len(await leaves.blocks(connection, sealed)) == 0
        all_of_it = await leaves.cells(connection, sealed)
        first, last = await published.span(connection, VILLAGES[0], "village")
        part = await leaves.cells(connection, sealed, (first, last))
        shown, _ = await published.cells(connection, sealed, published.Cells(7, (first, last)))
    assert all_of_it.resolution == 7
    assert all_of_it.n.sum() > NOTHING.n
    assert 0 < len(part) <= len(all_of_it)
    assert part.n.tolist() == [row["households"] for row in shown]
