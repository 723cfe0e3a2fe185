"""A release is what was frozen and its key: counts, one draw for each leaf that moves, and sums of leaves."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from geo.errors import NotFound, Refused
from geo.ground import areas, campaign, cells
from geo.ground.inspection import AreaRow
from geo.publish import freeze, making, noise, publisher, terms
from geo.publish.preview import preview
from tests import world
from tests.geo.publish.filling import Family, at, count, families, say

KEY = bytes(range(32))
FIRST, SECOND, FINAL = date(2022, 10, 22), date(2022, 10, 28), date(2023, 5, 13)
A, B, C, D, *_ = world.BLOCKS

#: number or cell: (n, value, draws, expected)
Figures = dict[int, tuple[int, int, int, int | None]]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that the test knows too."""
    monkeypatch.setattr(noise, "new_key", lambda: KEY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "releases" / "t.json"


async def begin(db: Database, day: date, *found: list[Family]) -> None:
    """The day it is, after these families were counted."""
    async with db.worker.begin() as connection:
        await at(connection, day)
        for some in found:
            await count(connection, some)


async def figures(db: Database, release: int) -> tuple[Figures, Figures]:
    async with db.worker.begin() as connection:
        of = {"release": release}
        found = "SELECT {}, n, value, draws, expected FROM release.{}_figure WHERE release = :release"
        by_area = (await connection.execute(text(found.format("number", "area")), of)).all()
        by_cell = (await connection.execute(text(found.format("cell", "cell")), of)).all()
    return {row[0]: tuple(row[1:]) for row in by_area}, {row[0]: tuple(row[1:]) for row in by_cell}


def drawn(kind: str, release: int, measure: str, system: str, leaf: str, entering: list[Family]) -> int:
    """The noise of a leaf, from the contract."""
    purpose = noise.Purpose("Regsosek simulasi", world.EDITION, kind, measure, release)
    rows = [(one.name, one.revision, one.poor) for one in entering]
    return noise.draw(KEY, purpose, system, leaf, noise.content(rows))


def leaf_of(family: Family) -> int:
    return int(cells.parents(np.array([family.cell]), 8)[0])


async def nothing_is_left(connection: AsyncConnection) -> bool:
    tables = ("making", "frozen", "frozen_leaf")
    return not any([await connection.scalar(text(f"SELECT count(*) FROM welfare.{table}")) for table in tables])


async def test_first_and_next_release_of_the_field_table(db: Database, path: Path) -> None:
    a, b, c = families(A, 1, 40, poor=9), families(B, 101, 120, poor=2), families(C, 201, 219, poor=5)
    nowhere = [Family("F-0901", A, 1, result="not_met"), Family("F-0902", A, 1, located=False)]
    await begin(db, FIRST, a, b, c, nowhere)
    done = await making.make(db.worker, path)
    assert (done.release, done.kind, done.measure, done.due) == (1, "field", "field_status", FIRST)
    found, by_cell = await figures(db, 1)
    inside = [*a, nowhere[1]]
    of_a = 10 + drawn("field", 1, "field_status", "block", A.code, inside)
    of_b = 2 + drawn("field", 1, "field_status", "block", B.code, b)
    assert found[A.number] == (41, of_a, 1, 60)
    assert found[B.number] == (20, of_b, 1, 60)
    assert found[C.number] == (0, 0, 0, 60)  # its gate is shut
    assert found[4] == (61, of_a + of_b, 2, 180)  # the village above them
    assert found[1] == found[2] == found[3] == (61, of_a + of_b, 2, 360)
    assert found[8] == (0, 0, 0, 180)

    leaves = defaultdict(list)
    for family in (*a, *b, *c):
        leaves[leaf_of(family)].append(family)
    for cell, entering in leaves.items():
        opens = len(entering) >= 20
        noisy = drawn("field", 1, "field_status", "cell", cells.to_hex(cell), entering)
        wanted = (len(entering), sum(one.poor for one in entering) + noisy, 1) if opens else (0, 0, 0)
        assert by_cell[cell][:3] == wanted
    added(by_cell)

    # Corrections, moves and deletions do not move a gate, nor what is published.
    corrected = [Family(one.name, A, 3, 2) for one in a[:5]] + [Family(one.name, C, 1, 2) for one in a[5:20]]
    gone = [Family(one.name, B, 1, 2, result="not_found") for one in b]
    new = [*families(A, 41, 59, poor=19), *families(C, 220, 220)]
    await begin(db, SECOND, corrected, gone, new)
    await making.make(db.worker, path)
    later, later_by_cell = await figures(db, 2)
    of_c = 5 + drawn("field", 2, "field_status", "block", C.code, [*c, new[-1]])
    assert (later[A.number], later[B.number]) == (found[A.number], found[B.number])
    assert later[C.number] == (20, of_c, 1, 60)
    assert later[4] == (81, of_a + of_b + of_c, 3, 180)
    added(later_by_cell)

    async with db.worker.begin() as connection:
        twice = await connection.scalar(
            text("SELECT count(*) FROM (SELECT FROM welfare.entered GROUP BY kind, system, household_id "
                 "HAVING count(*) > 1) t")
        )  # fmt: skip
        assert twice == 0
        assert await nothing_is_left(connection)
        with pytest.raises(Refused) as early:
            await freeze.next_slot(connection, await terms.load(connection), await campaign.load(connection))
    assert early.value.code == "not-due"
    assert "release 3, is due on 2022-11-03" in str(early.value)


def added(found: Figures) -> None:
    """Every cell is the sum of those in it."""
    for cell, figure in found.items():
        resolution = cell >> 52 & 15
        if resolution < 8:
            below = [f for c, f in found.items() if c >> 52 & 15 == resolution + 1 and int(
                cells.parents(np.array([c]), resolution)[0]) == cell]  # fmt: skip
            assert figure == tuple(sum(column) for column in zip(*below, strict=True))


@pytest.mark.parametrize("measure", ["consultation", "score"])
async def test_the_final_table_is_a_fresh_count_with_a_draw_for_every_leaf(
    db: Database, path: Path, measure: str
) -> None:
    a, b = families(A, 1, 30, poor=30), families(B, 101, 103)
    async with db.worker.begin() as connection:
        await at(connection, date(2022, 10, 1))
        await terms.fix(connection, measure=measure, cut_off=30.0 if measure == "score" else None)
    await begin(db, FIRST, a, b)
    await making.make(db.worker, path)
    moved = [Family(one.name, B, one.status, 2) for one in a[:10]]
    async with db.worker.begin() as connection:
        values = {"consultation": (2, 3), "score": (29.9, 30.0)}[measure]
        await say(connection, measure, {one.name: values[0] for one in b} | {one.name: values[1] for one in a})
        await say(connection, measure, {b[0].name: values[1]}, revision=2)
        await say(connection, measure, {b[1].name: values[1]}, dated=date(2024, 1, 1))
    await begin(db, FINAL, moved)
    async with db.worker.connect() as connection:
        ahead = await preview(connection, path)
    assert (ahead.judged, ahead.entering[0].opens, ahead.entering[0].households) == (33, 6, 33)
    assert [slot.release for slot in ahead.passed_over] == [2, 3, 4, 5]
    done = await making.make(db.worker, path)
    assert (done.release, done.kind, done.measure) == (6, "final", measure)
    found, by_cell = await figures(db, 6)
    poor = {one.name for one in b[1:]}
    for block, inside in ((A, a[10:]), (B, [*moved, *b]), (C, []), (D, [])):
        said = [Family(one.name, block, 1 if one.name in poor else 3, one.revision) for one in inside]
        noisy = drawn("final", 6, measure, "block", block.code, said)
        assert found[block.number] == (len(inside), len(poor & {one.name for one in inside}) + noisy, 1, 60)
    assert found[3][0] == 33
    assert found[3][2] == 6
    assert all(figure[2] == 1 for cell, figure in by_cell.items() if cell >> 52 & 15 == 8)
    added(by_cell)
    await begin(db, date(2030, 1, 1))
    with pytest.raises(Refused, match="none is left"):
        await making.make(db.worker, path)


async def test_sql_says_the_same_content_as_the_noise(db: Database, path: Path) -> None:
    ids = ["b", "B", "a-1", "a_1", "a/1", "Z" * 64, "é", "10", "9", "a.1:+@"]
    found = [Family(name, A, 1 + at % 3, 10**at % 99991 + 1) for at, name in enumerate(ids)]
    await begin(db, FIRST, found, families(A, 1, 10))
    async with db.worker.begin() as connection:
        await terms.ready(connection)
    async with db.worker.begin() as connection:
        await freeze.begin(connection)
        await freeze.freeze(connection, path)
        rows = {(row.system, row.leaf): row for row in await freeze.contents(connection, 1)}
    wanted = noise.content([(one.name, one.revision, one.poor) for one in (*found, *families(A, 1, 10))])
    assert rows["block", A.number].content == wanted
    assert rows["block", B.number].content is None


async def test_what_is_frozen_stays_and_altered_it_is_refused(db: Database, path: Path) -> None:
    found = families(A, 1, 30, poor=3)
    await begin(db, FIRST, found)
    async with db.worker.begin() as connection:
        await terms.ready(connection)
    async with db.worker.begin() as connection:
        await freeze.begin(connection)
        begun = await freeze.freeze(connection, path)
    await begin(db, SECOND, [Family(one.name, B, 1, 2) for one in found], families(A, 31, 60))
    async with db.worker.begin() as connection:
        await freeze.begin(connection)
        assert await freeze.freeze(connection, path) == begun

    async def alter(poor: bool) -> None:
        async with db.worker.begin() as connection:
            await connection.execute(
                text("DELETE FROM welfare.frozen WHERE household_id = 'F-0030' AND system = 'block'")
            )
            await connection.execute(
                text("INSERT INTO welfare.frozen VALUES (1, 'block', 'F-0030', :leaf, 1, :poor)"),
                {"leaf": A.number, "poor": poor},
            )

    await alter(True)
    with pytest.raises(Refused) as changed:
        await making.make(db.worker, path)
    assert changed.value.code == "input-changed"
    await alter(False)
    made, again = await asyncio.gather(making.make(db.worker, path), making.make(db.worker, path))  # two makers meet
    assert made.as_of == begun.as_of
    assert {made.release, again.release} <= {1, 2}
    figure = (await figures(db, 1))[0][A.number]
    assert figure == (30, 3 + drawn("field", 1, "field_status", "block", A.code, found), 1, 60)


async def test_no_value_is_looked_at_before_a_release_is_made(db: Database, path: Path) -> None:
    a, b = families(A, 1, 40, poor=20), families(B, 101, 110)
    lost = [Family("F-0901", world.Block("", 0, A.west, A.south), 1, located=False)]
    await begin(db, FIRST, a, b, lost)

    async def look() -> Any:
        async with db.worker.connect() as connection:
            return await preview(connection, path)

    ahead = await look()
    assert (ahead.slot.release, ahead.resumed, ahead.fixed_now, ahead.passed_over) == (1, False, True, ())
    blocks, _ = ahead.entering
    assert (blocks.leaves, blocks.opens, blocks.households, blocks.waiting) == (6, 1, 40, 10)
    assert blocks.outside == {"in no block": 1, "in a block not listed": 0}
    assert (ahead.now["tables"], ahead.after["tables"], ahead.whole["tables"]) == (0, 1, 2)
    assert ahead.block_error == ahead.village_error == pytest.approx(5.88)
    async with db.worker.begin() as connection:
        await connection.execute(text("UPDATE intake.household SET welfare = CASE WHEN random() < 0.5 THEN 1 END"))
        await say(connection, "field_status", {one.name: 1 for one in a[:30]})
    assert await look() == ahead
    assert not path.exists()
    async with db.worker.begin() as connection:
        with pytest.raises(NotFound):
            await terms.load(connection)  # nothing of a look ahead is kept


async def test_areas_renumbered_since_and_another_edition(db: Database, path: Path) -> None:
    async with db.worker.begin() as connection:
        await at(connection, date(2022, 10, 1))
        await terms.fix(connection)
        inserted = [
            AreaRow("village", "6472030000", "Kampung 0", "6472030", world.area_rows()[3].geometry, False, True),
            AreaRow("block", "6472030000-SIM01", "RT 01", "6472030000", world.area_rows()[5].geometry, False, False),
        ]
        await areas.store(connection, world.EDITION, inserted)
        now = {row.code: row.number for row in await connection.execute(text("SELECT code, number FROM ground.area"))}
    assert now[A.code] == A.number + 2
    here = world.Block(A.code, now[A.code], A.west, A.south)
    unlisted = world.Block("", now["6472030000-SIM01"], A.west, A.south)
    await begin(db, FIRST, families(here, 1, 25, poor=4), families(unlisted, 101, 130))
    async with db.worker.connect() as connection:
        assert (await preview(connection, path)).entering[0].outside["in a block not listed"] == 30
    await making.make(db.worker, path)
    assert (await figures(db, 1))[0][A.number][0] == 25
    async with db.worker.begin() as connection:
        await areas.store(connection, "2023_1", world.area_rows())
        await campaign.save(connection, {"edition": "2023_1"})
        await at(connection, SECOND)
    with pytest.raises(Refused) as other:
        await making.make(db.worker, path)
    assert other.value.code == "edition-changed"


async def test_expected_families_are_unknown_where_any_are(db: Database, path: Path) -> None:
    async with db.worker.begin() as connection:
        await connection.execute(
            text("DELETE FROM ground.expected WHERE number IN (:b, :d)"), {"b": B.number, "d": D.number}
        )
        await connection.execute(text("UPDATE ground.area SET uninhabited = true WHERE number = :d"), {"d": D.number})
    await begin(db, FIRST, families(A, 1, 20))
    await making.make(db.worker, path)
    found, by_cell = await figures(db, 1)
    assert {n: figure[3] for n, figure in found.items()} == {
        **dict.fromkeys((1, 2, 3, 4, B.number)), A.number: 60, C.number: 60, 8: 120, D.number: 0, 10: 60, 11: 60
    }  # fmt: skip
    assert sum(f[3] or 0 for c, f in by_cell.items() if c >> 52 & 15 == 8) <= 360


@pytest.fixture
def owner(db: Database) -> Iterator[Any]:
    engine = create_engine(db.logins.owner)
    yield engine
    engine.dispose()


async def test_a_sealed_release_that_was_altered_is_found(db: Database, path: Path, owner: Any) -> None:
    await begin(db, FIRST, families(A, 1, 40))
    done = await making.make(db.worker, path)
    async with db.worker.begin() as connection:
        found = await making.verify(connection, path)
        bytes_of = await making.canonical(connection, 1)
    assert found.sound
    assert found.compared
    assert bytes_of.startswith(
        b"cakupan release\t1\tfield\tfield_status\t2022-10-22\t2022-10-22T04:00:00.000000+00:00\n"
    )
    assert f"\narea\tblock\t{C.code}\t0\t0\t0\t60\n".encode() in bytes_of
    assert publisher.kept(path).sealed == {1: done.digest.hex()}
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE release.area_figure DISABLE TRIGGER only_grows"))
        connection.execute(text("UPDATE release.area_figure SET value = value + 1 WHERE number = 5"))
    async with db.worker.begin() as connection:
        assert ["release 1 comes to" in fault for fault in (await making.verify(connection, path)).faults] == [True]
