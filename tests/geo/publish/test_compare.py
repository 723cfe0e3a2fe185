"""One release against an earlier one: the change, its ±, and where there is none to tell."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from app.database import Database, Logins
from geo.errors import BadInput
from geo.publish import compare, published
from geo.publish.published import Question, Row
from geo.trust import accounts
from tests.app.published import FIELD, FINAL, Figure, lay, leaf
from tests.conftest import granted
from tests.world import BLOCKS, VILLAGES

SECOND = 2
#: What newly entered the field table for the second release, by place of the leaf; of the others nothing did.
ENTERED = {0: Figure(20, 11, 1, 0), 1: Figure(24, -4, 1, 0)}


@pytest.fixture(scope="module")
async def world(database: Logins) -> AsyncIterator[tuple[Database, int]]:
    """Three releases: two of the field table, of which the second holds the first, and the final one."""
    db = Database(database, 2)
    async with db.worker.begin() as connection:
        await lay(connection)
        actor = await accounts.create(connection, "dinsos", granted("local_government", ("village", VILLAGES[0])))
        await connection.execute(
            text(
                "INSERT INTO release.release SELECT 2, kind, measure, due + 1, as_of, sealed_at, digest || '\\x02' "
                "FROM release.release WHERE release = 1"
            )
        )
        for place, block in enumerate(BLOCKS):
            of = vars(leaf(place, FIELD) + ENTERED.get(place, Figure(0, 0, 0, 0))) | {"number": block.number}
            insert = "INSERT INTO release.area_figure VALUES (2, :number, 'block', :n, :value, :draws, :expected)"
            await connection.execute(text(insert), of)
    yield db, actor
    await db.close()


async def compared(world: tuple[Database, int], before: int, after: int, actor: int | None) -> list[Row]:
    async with world[0].as_reader(actor) as connection:
        old, new = await published.find(connection, before), await published.find(connection, after)
        return (await compare.areas(connection, old, new, Question("block")))[0]


async def test_field_tables_differ_by_what_entered(world: tuple[Database, int]) -> None:
    rows = await compared(world, FIELD, SECOND, world[1])
    told = [(row["change"], row["change_error"], row["clear"]) for row in rows]
    one = round(1.96 * 3, 1)
    assert told[:3] == [(11, one, True), (-4, one, False), (0, 0.0, False)], "only the new draw is in a change"
    assert rows[1]["before_notes"] == ["none_yet"]
    assert (rows[0]["before_poor"], rows[0]["after_poor"]) == (21, 32)
    assert told[3:] == [(None, None, None)] * 3
    assert {tuple(row["before_notes"]) for row in rows[3:]} == {("not_shown",)}


async def test_the_final_table_is_drawn_afresh(world: tuple[Database, int]) -> None:
    rows = await compared(world, FIELD, FINAL, world[1])
    old, new = leaf(0, FIELD), leaf(0, FINAL)
    assert rows[0]["change"] == new.value - old.value
    assert rows[0]["change_error"] == round(1.96 * 3 * (old.draws + new.draws) ** 0.5, 1)
    assert rows[0]["clear"] is False
    assert rows[1]["change"] is None, "nothing was published of it before"
    assert rows[1]["after_households"] == leaf(1, FINAL).n


async def test_the_public_compares_nothing_that_is_hidden(world: tuple[Database, int]) -> None:
    for row in await compared(world, FIELD, FINAL, None):
        figures = {name: value for name, value in row.items() if name.startswith(("before_", "after_", "change", "cl"))}
        notes = {name: value for name, value in figures.items() if name.endswith("_notes")}
        assert notes == {"before_notes": ["not_shown"], "after_notes": ["not_shown"]}
        assert {value for name, value in figures.items() if name not in notes} == {None}


async def test_pages_and_the_order_of_time(world: tuple[Database, int]) -> None:
    async with world[0].as_reader(None) as connection:
        old, new = await published.find(connection, FIELD), await published.find(connection, FINAL)
        first, more = await compare.areas(connection, old, new, Question("village", limit=1))
        rest, end = await compare.areas(connection, old, new, Question("village", limit=1), more or 0)
        assert [row["code"] for row in first + rest] == list(VILLAGES)
        assert (more, end) == (4, None)
        for before, after in ((new, old), (new, new)):
            with pytest.raises(BadInput) as caught:
                await compare.areas(connection, before, after, Question("village"))
            assert caught.value.code == "not-earlier"
