"""The prelist of a simulated month against what is true of it: who is missing, who was found where, who is new."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.database import Database, Logins
from app.demo import files, stage
from app.demo.city import EDITION, City, build
from app.demo.fieldwork import Fieldwork
from app.demo.hours import DAY, START
from app.demo.month import plan
from app.demo.truth import STATES, Outcome, expected_outcome, sent
from geo.ground import areas, prelist
from geo.ground.tables import text_rows
from geo.intake.files import Reading, import_file
from geo.intake.fold import fold
from geo.schema import ORIGINS, RESULTS
from geo.scope import OPERATOR
from geo.watch import live
from geo.watch import prelist as watch
from geo.watch.prelist import Question

Row = dict[str, Any]


@pytest.fixture(scope="module")
def made() -> tuple[City, Fieldwork]:
    city = build(22, "small")
    return city, plan(city)


@pytest.fixture(scope="module")
async def laid(empty_database: Logins, made: tuple[City, Fieldwork]) -> AsyncIterator[Database]:
    """The campaign as the demo lays it."""
    db = Database(empty_database, 2)
    async with db.worker.begin() as connection:
        await stage.lay(connection, *made)
    yield db
    await db.close()


async def stored(db: Database) -> list[tuple[Any, ...]]:
    async with db.worker.connect() as connection:
        found = await connection.execute(text("SELECT household_id, number, building, sequence FROM ground.prelist"))
        return sorted(tuple(row) for row in found)


async def test_the_file_says_what_is_laid(laid: Database, made: tuple[City, Fieldwork], tmp_path: Path) -> None:
    city, fieldwork = made
    before = await stored(laid)
    assert len(before) == len(fieldwork.prelist.household_id)
    files._table(tmp_path / files.PRELIST, files.LISTED, files.prelist(city, fieldwork))
    columns, rows = text_rows(tmp_path / files.PRELIST, lambda _: None)
    async with laid.worker.begin() as connection:
        done = await prelist.store(connection, EDITION, columns, rows)
    assert (done.left_out, done.repeated, done.differing) == ([], [], [])
    assert (done.not_stored, done.families, done.replaced) == (["is_simulated"], len(before), len(before))
    assert await stored(laid) == before


def truth(city: City, fieldwork: Fieldwork, outcome: Outcome) -> dict[str, tuple[str, str | None, str | None]]:
    """State, block of the list and block it counts in of every case that the list has or that counts."""
    listed = dict(zip(fieldwork.prelist.household_id, fieldwork.prelist.block.tolist(), strict=True))
    found: dict[str, tuple[str, str | None, str | None]] = {}
    for at, household in enumerate(fieldwork.household_id):
        counted = STATES[outcome.state[at]] == "counted"
        if counted and household in listed:
            result = RESULTS[outcome.result[at]]
            state = {"completed": "done", "partial": "open", "not_met": "open", "refused": "open"}.get(
                result, "dropped"
            )
        elif household in listed:
            state = "missing"
        elif counted:
            state = "new"
        else:
            continue
        of_list = city.blocks.code[listed[household]] if household in listed else None
        found[household] = (state, of_list, city.blocks.code[outcome.block[at]] if counted else None)
    return found


async def test_every_family_is_told_as_it_is(laid: Database, made: tuple[City, Fieldwork], tmp_path: Path) -> None:
    city, fieldwork = made
    files.write_submissions(tmp_path, city, fieldwork)
    arrived = sent(fieldwork, START + 22 * DAY)
    header, *lines = (tmp_path / files.SUBMISSIONS).read_text(encoding="utf-8-sig").splitlines()
    kept = [line for line, reached in zip(lines, arrived.tolist(), strict=True) if reached]
    (tmp_path / files.SUBMISSIONS).write_text("\n".join([header, *kept]))
    async with laid.worker.begin() as connection:
        await connection.execute(text("UPDATE ground.campaign SET clock = '2022-12-01'"))
        ground = await areas.load_ground(connection)
    await import_file(laid.worker, ground, tmp_path / files.SUBMISSIONS, Reading())
    async with laid.worker.begin() as connection:
        await fold(connection)
        snapshot = await live.load(connection, ground.campaign, ground.tree)
        rows: list[Row] = []
        after = None
        while True:
            question = Question(0, watch.STATES, after, limit=97)
            page = await watch.listing(connection, snapshot, OPERATOR, question)
            rows += page.rows
            after = page.next
            if after is None:
                break
    outcome = expected_outcome(fieldwork, arrived)
    assert {STATES[state] for state in outcome.state.tolist()} == set(STATES)
    right = truth(city, fieldwork, outcome)
    told = {r["household_id"]: (r["state"], r["code"] if r["listed"] else None, r["found"]) for r in rows}
    assert len(rows) == len(told)
    assert told == right
    assert page.states == {state: sum(one == state for one, *_ in right.values()) for state in watch.STATES}
    assert min(page.states.values()) > 0
    assert [r["n"] for r in rows] == sorted(r["n"] for r in rows)
    said = {
        fieldwork.household_id[case]: ORIGINS[o]
        for case, o in zip(fieldwork.visits.case, fieldwork.visits.origin, strict=True)
    }
    assert {r["origin"] for r in rows if r["state"] == "new"} == {"new"}
    assert all(r["origin"] == said[r["household_id"]] for r in rows if r["found"])
    assert any(r["found"] not in {None, r["code"]} for r in rows), "somebody was found in another block than listed"
