"""Cut-offs: who is in a list before and after, which word of a scale counts, and what the other scales say."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from app.database import Database
from geo.errors import BadInput
from geo.ground.areas import Ground, load_ground
from geo.publish import cutoffs
from geo.publish.cutoffs import FIELDS, Counts, Question, Scale
from geo.publish.paging import Wanted
from geo.scope import OPERATOR, Scope
from tests.geo.publish.test_movements import EVENT, event
from tests.world import BLOCKS

ZONE, DAY = "Asia/Makassar", date(2022, 10, 24)
FIRST, SECOND, LATER = date(2022, 10, 18), date(2022, 10, 20), date(2022, 10, 30)
HERE, THERE = BLOCKS[0].number, BLOCKS[3].number

DOOR = text("""
INSERT INTO intake.household (household_id, revision, submission_id, number, captured_at, day, result, origin, welfare)
VALUES (:household_id, 1, gen_random_uuid(), :number, :at, :at, 'completed', 'prelist', :welfare)
""")


def rank(household: str, number: int = HERE, dated: date = FIRST, **said: Any) -> dict[str, Any]:
    return event(household, number, "rank", dated, **said)


def group(household: str, after: int, number: int = HERE) -> dict[str, Any]:
    return event(household, number, "consultation", consultation=after)


def status(household: str, value: int, dated: date = FIRST) -> dict[str, Any]:
    return event(household, HERE, "field_status", dated, field_status=value)


async def counted(
    db: Database, rows: list[Any], scale: Scale = "decile", cut: tuple[float, float] = (4, 5), door: Any = ()
) -> dict[int, dict[str, int]]:
    async with db.worker.begin() as connection:
        await connection.execute(EVENT, rows)
        if door:
            await connection.execute(DOOR, list(door))
        tree = (await load_ground(connection)).tree
        found = await cutoffs.read(connection, tree, OPERATOR, Question(scale, *cut, DAY, ZONE))
    return {
        number: {name: n for name, n in zip(FIELDS, of, strict=True) if n}
        for number, of in zip(found.number.tolist(), found.of.tolist(), strict=True)
    }


async def test_the_newest_word_up_to_the_day_counts_though_it_comes_in_files_of_its_own(db: Database) -> None:
    rows = [
        rank("a", decile=3), rank("a", dated=SECOND, decile=5), rank("a", dated=LATER, decile=9),
        rank("b", decile=4, number=THERE), rank("b", dated=SECOND, rank=700),  # a rank says nothing of deciles
        rank("c", decile=5, score=3.5), rank("d", score=4.5),
    ]  # fmt: skip
    found = await counted(db, rows)
    assert found[HERE] == {"families": 2, "after": 2, "added": 2}
    assert found[THERE] == {"families": 1, "before": 1, "after": 1}


@pytest.mark.parametrize(
    ("scale", "cut", "added", "dropped"),
    [
        ("score", (4.0, 5.0), 1, 0),
        ("score", (5.0, 4.0), 0, 1),
        ("rank", (10, 20), 1, 0),
        ("consultation", (2, 3), 1, 0),
    ],
)
async def test_each_scale_has_its_own_cut_offs(
    db: Database, scale: Scale, cut: tuple[float, float], added: int, dropped: int
) -> None:
    rows = [rank("at", score=4.0, rank=20), rank("in", score=3.9, rank=10), rank("out", score=5.0, rank=21)]
    found = await counted(db, [*rows, group("at", 3), group("in", 2), group("out", 4)], scale, cut)
    assert (found[HERE].get("added", 0), found[HERE].get("dropped", 0)) == (added, dropped)
    assert found[HERE]["families"] == 3


async def test_what_the_other_scales_say_is_counted_beside(db: Database) -> None:
    rows = [
        rank("added", decile=5), status("added", 2), group("added", 3),
        rank("added too", decile=5), status("added too", 3), group("added too", 1),
        rank("out", decile=6), status("out", 1), group("out", 2),
        group("never ranked", 1),
        rank("in", decile=1), status("in", 1), group("in", 1),
    ]  # fmt: skip
    assert (await counted(db, rows))[HERE] == {
        "families": 5, "unknown": 1, "before": 1, "after": 3, "added": 2,
        "added_poor_field": 1, "added_poor_consultation": 1,
        "outside_poor_field": 1, "outside_poor_consultation": 2,
    }  # fmt: skip


async def test_of_the_ledger_and_the_door_the_later_counts_and_of_one_day_the_ledger(db: Database) -> None:
    at = datetime(2022, 10, 18, 23, 30, tzinfo=UTC)  # the 19th there
    rows = [status("same day", 2, date(2022, 10, 19)), status("before", 2, FIRST), status("after", 2, SECOND)]
    names = ("same day", "before", "after", "door alone", "said nothing")
    door = [
        {"household_id": name, "number": HERE, "at": at, "welfare": None if name == "said nothing" else 3}
        for name in names
    ]
    door[3]["welfare"] = 1
    found = await counted(db, rows, door=door)
    assert found[HERE] == {"families": 4, "unknown": 4, "outside_poor_field": 3}


async def test_only_households_of_the_scope_and_the_area_are_counted(db: Database, ground: Ground) -> None:
    async with db.worker.begin() as connection:
        await connection.execute(EVENT, [rank(str(b.number), b.number, decile=5) for b in BLOCKS])
        scope = Scope(0, "", "supervisor", ((4, 7),))
        found = await cutoffs.read(connection, ground.tree, scope, Question("decile", 4, 5, DAY, ZONE))
        one = await cutoffs.read(connection, ground.tree, scope, Question("decile", 4, 5, DAY, ZONE, BLOCKS[1].number))
        none = await cutoffs.read(connection, ground.tree, scope, Question("decile", 4, 5, DAY, ZONE, THERE))
    assert found.number.tolist() == [b.number for b in BLOCKS[:3]]
    assert (one.number.tolist(), none.number.tolist()) == ([BLOCKS[1].number], [])


@pytest.mark.parametrize(("scale", "cut"), [("decile", 11), ("decile", 4.5), ("rank", -1), ("consultation", 5)])
async def test_a_cut_off_that_is_none_is_refused(db: Database, ground: Ground, scale: Scale, cut: float) -> None:
    async with db.worker.begin() as connection:
        with pytest.raises(BadInput) as refused:
            await cutoffs.read(connection, ground.tree, OPERATOR, Question(scale, 1, cut, DAY, ZONE))
    assert refused.value.code == "bad-cut-off"


def test_areas_with_most_changes_come_first_and_partly_seen_ones_last(ground: Ground) -> None:
    of = np.zeros((4, len(FIELDS)), dtype=np.int64)
    of[:, FIELDS.index("families")] = (1, 10, 20, 40)
    of[:, FIELDS.index("added")] = (0, 2, 0, 7)
    of[:, FIELDS.index("dropped")] = (0, 3, 6, 0)
    counts = Counts(np.array([0, 5, 6, 9]), of)
    scope = Scope(0, "", "coordinator", ((4, 7), (9, 9)))
    page = cutoffs.listing(ground.tree, scope, counts, Wanted(np.array([3, 4, 5, 6, 7, 8, 9, 10])))
    assert page.numbers.tolist() == [4, 9, 6, 5, 7, 3, 8]
    assert [row["families"] for row in page.rows] == [30, 40, 20, 10, 0, None, None]
    assert page.whole["families"] == 70
    village = cutoffs.listing(ground.tree, scope, counts, Wanted(np.array([8]), within=8))
    assert (village.whole["families"], village.rows[0]["families"]) == (40, None)
    everything = cutoffs.listing(ground.tree, OPERATOR, counts, Wanted(np.array([3])))
    assert (everything.whole["families"], everything.rows[0]["families"]) == (71, 70)
