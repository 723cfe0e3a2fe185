"""What has been published, as the public and a local government read it."""

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

import pytest
from sqlalchemy import text

from app.database import Database, Logins
from geo.errors import BadInput, NotFound
from geo.ground import cells as h3cells
from geo.publish import bands, cost, published
from geo.publish.published import EVERYTHING, Cells, Question, Row, Sealed
from geo.trust import accounts
from tests.app.published import EXPECTED, FIELD, FINAL, Figure, area_figures, cell_figures, digest, lay
from tests.conftest import granted
from tests.world import BLOCKS, SOUTH, VILLAGES, WEST

LEVELS = ("province", "regency", "district", "village", "block")


class World(NamedTuple):
    """Pools over the tiny world with two releases; who reads the upper village; the truth by release."""

    db: Database
    actor: int
    areas: Mapping[int, Mapping[int, Figure]]
    cells: Mapping[int, Mapping[int, Figure]]
    owners: Mapping[int, int]


@pytest.fixture(scope="module")
async def world(database: Logins) -> AsyncIterator[World]:
    db = Database(database, 2)
    async with db.worker.begin() as connection:
        await lay(connection)
        actor = await accounts.create(connection, "dinsos", granted("local_government", ("village", VILLAGES[0])))
        areas = {release: await area_figures(connection, release) for release in (FIELD, FINAL)}
        cells = {release: await cell_figures(connection, release) for release in (FIELD, FINAL)}
        owners = await connection.execute(text("SELECT cell, number FROM release.cell WHERE resolution = 8"))
        found = World(db, actor, areas, cells, {row.cell: row.number for row in owners})
    yield found
    await db.close()


async def areas(world: World, question: Question, actor: int | None = None, release: int = FIELD) -> published.Page:
    async with world.db.as_reader(actor) as connection:
        return await published.areas(connection, await published.find(connection, release), question)


async def cells(world: World, question: Cells, actor: int | None = None, release: int = FIELD) -> list[Row]:
    async with world.db.as_reader(actor) as connection:
        return (await published.cells(connection, await published.find(connection, release), question))[0]


def told(rows: list[Row]) -> dict[int, Figure | None]:
    """The figure of each row by its number; None where it is not shown, and then nothing at all is."""
    found: dict[int, Figure | None] = {}
    for row in rows:
        if row["notes"] == ["not_shown"]:
            assert {row[name] for name in published.FIGURE if name != "notes"} == {None}
            found[row["n"]] = None
        else:
            found[row["n"]] = Figure(row["households"], row["poor"], row["draws"], row["expected"])
    return found


# ── the calendar ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_overview(world: World) -> None:
    async with world.db.as_reader(None) as connection:
        said = await published.overview(connection)
    assert [(slot["release"], slot["state"]) for slot in said["calendar"]] == [
        (FIELD, "sealed"), (2, "passed_over"), (FINAL, "sealed")]  # fmt: skip
    assert [(row["release"], row["digest"]) for row in said["releases"]] == [
        (release, digest(release).hex()) for release in (FIELD, FINAL)
    ]
    assert said["cost"] == {"now": cost.of(2), "whole": cost.of(2)}
    assert said["levels"] == list(LEVELS)
    assert (said["terms"]["sigma"], said["terms"]["gate"], said["terms"]["shown_from"]) == (3, 20, 10)


async def test_where_nothing_is_fixed(empty_database: Logins) -> None:
    db = Database(empty_database, 1)
    async with db.as_reader(None) as connection:
        said = await published.overview(connection)
        with pytest.raises(NotFound) as caught:
            await published.find(connection, FIELD)
    await db.close()
    assert caught.value.code == "no-release"
    assert (said["terms"], said["levels"], said["calendar"], said["releases"]) == (None, [], [], [])
    assert said["cost"] == {"now": cost.of(0), "whole": cost.of(2)}


# ── areas ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("release", [FIELD, FINAL])
@pytest.mark.parametrize("level", LEVELS)
async def test_areas_have_their_figures_where_they_may_be_seen(world: World, level: str, release: int) -> None:
    mine = {block.number for block in BLOCKS[:3]}
    for actor in (None, world.actor):
        page = await areas(world, Question(level), actor, release)
        found = told(page.rows)
        shown = {n for n in found if level != "block" or (actor is not None and n in mine)}
        assert found == {n: world.areas[release][n] if n in shown else None for n in found}
        assert list(found) == sorted(found)
        assert page.total == len(found) == {"village": 2, "block": 6}.get(level, 1)
        of = [figure for figure in found.values() if figure]
        assert page.shown == {
            "areas": len(of),
            "households": sum(f.n for f in of),
            "poor": sum(f.value for f in of),
            "draws": sum(f.draws for f in of),
            "error": published.error(sum(f.draws for f in of)),
        }


async def test_sums_hold(world: World) -> None:
    pages = {level: await areas(world, Question(level), world.actor, FINAL) for level in LEVELS}
    whole = pages["province"].rows[0]
    assert whole["poor"] == sum(row["poor"] for row in pages["village"].rows)
    assert pages["village"].rows[0]["poor"] == sum(row["poor"] or 0 for row in pages["block"].rows)


async def test_how_a_figure_is_told(world: World) -> None:
    everyone = await _everyone(world)
    rows = {row["n"]: row for row in (await areas(world, Question("block"), everyone)).rows}
    by_place = [rows[block.number] for block in BLOCKS]
    assert (by_place[0]["error"], by_place[0]["covered"]) == (round(1.96 * 3 * 2**0.5, 1), round(58 / EXPECTED, 4))
    assert [row["notes"] for row in by_place] == [
        [], ["none_yet"], ["fewer_than_10"], ["low_coverage"], [], []]  # fmt: skip
    assert [row["share_band"] for row in by_place] == ["30-40", None, None, "30-40", "<5", "20-30"]
    assert [row["poor_shown"] for row in by_place] == [21, None, None, 12, 0, 12]
    assert by_place[4]["poor"] == -2, "the signed value stays, so that sums hold"


async def _everyone(world: World) -> int:
    """An account that sees all of it."""
    async with world.db.worker.begin() as connection:
        found = (
            await connection.execute(text("SELECT account_id FROM trust.account WHERE name = 'provinsi'"))
        ).scalar_one_or_none()
        if found is None:
            found = await accounts.create(connection, "provinsi", granted("local_government", ("province", "64")))
    return int(found)


@pytest.mark.parametrize(
    ("order", "places"),
    [
        ("code", [0, 1, 2, 3, 4, 5]),
        ("poor", [0, 5, 4, 3, 2, 1]),  # then those with a note: 12 and 3 of few or half counted, none yet
        ("share", [0, 5, 4, 3, 2, 1]),
        ("households", [0, 4, 5, 3, 2, 1]),
    ],
)
async def test_orders_put_what_is_not_to_be_ranked_last(world: World, order: str, places: list[int]) -> None:
    everyone = await _everyone(world)
    whole = await areas(world, Question("block", order=order), everyone)
    assert [row["n"] for row in whole.rows] == [BLOCKS[place].number for place in places]
    warned = [bool(row["notes"]) for row in whole.rows]
    assert order in {"code", "households"} or warned == sorted(warned)


@pytest.mark.parametrize("order", published.ORDERS)
async def test_pages_give_every_area_once_and_hidden_ones_last(world: World, order: str) -> None:
    whole = await areas(world, Question("block", order=order), world.actor)
    found, after = [], None
    for _ in range(6):
        page = await areas(world, Question("block", order=order, after=after, limit=1), world.actor)
        assert (page.total, page.shown) == (whole.total, whole.shown)
        found += page.rows
        after = page.next
    assert after is None
    assert found == whole.rows
    hidden = [row["notes"] == ["not_shown"] for row in found]
    assert hidden == sorted(hidden), "the upper village comes first in every order"


async def test_orders_say_nothing_of_what_is_hidden(world: World) -> None:
    for order in published.ORDERS:
        rows = (await areas(world, Question("block", order=order))).rows
        assert [row["n"] for row in rows] == [block.number for block in BLOCKS]


@pytest.mark.parametrize(
    "after", ["", "x", "1", "0~1e999~1", "3~0~1", "0~nan~1", "0~0~99999999999", "0~1~-1", "0~0~1 "]
)
async def test_a_page_begins_where_one_ended(world: World, after: str) -> None:
    with pytest.raises(BadInput) as caught:
        await areas(world, Question("block", after=after))
    assert caught.value.code == "bad-after"


async def test_within_and_words(world: World) -> None:
    async with world.db.as_reader(None) as connection:
        lower = await published.span(connection, VILLAGES[1])
        assert lower == (8, 11)
        assert await published.span(connection, None) == published.EVERYWHERE
        assert await published.span(connection, VILLAGES[1], "village") == lower
        for code, level in (("nowhere", None), (VILLAGES[1], "block"), ("\0", None)):
            with pytest.raises(NotFound):
                await published.span(connection, code, level)
    inside = await areas(world, Question("block", within=lower))
    assert [row["n"] for row in inside.rows] == [9, 10, 11]
    for words, many in (("rt 0", 6), ("RT 03", 2), (f"{VILLAGES[0]}-", 3), ("-SIM", 0), ("%", 0), ("\0", 0)):
        page = await areas(world, Question("block", words=words))
        assert (len(page.rows), page.total) == (many, many), words


async def test_the_order_knows_every_warning(db: Database) -> None:
    """What SQL puts after all others is what `bands.notes` has a word for."""
    figures = ((60, 1, None), (9, 1, 9), (48, 1, 60), (47, 1, 60), (60, 0, 60), (60, 1, 0))
    async with db.worker.begin() as connection:
        await lay(connection, kept=())
        actor = await accounts.create(connection, "provinsi", granted("local_government", ("province", "64")))
        await connection.execute(
            text("INSERT INTO release.release VALUES (1, 'field', 'field_status', now(), now(), now(), '')")
        )
        for place, (n, draws, expected) in enumerate(figures):
            of = {"number": BLOCKS[place].number, "n": n, "draws": draws, "expected": expected}
            insert = "INSERT INTO release.area_figure VALUES (1, :number, 'block', :n, 1, :draws, :expected)"
            await connection.execute(text(insert), of)
    for order in ("poor", "share"):
        async with db.as_reader(actor) as connection:
            page = await published.areas(
                connection, await published.find(connection, 1), Question("block", order=order)
            )
        warned = [bool(row["notes"]) for row in page.rows]
        assert warned == [False, False, True, True, True, True]
        assert {note for row in page.rows for note in row["notes"]} == set(bands.NOTES) - {"not_shown"}


# ── cells ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("resolution", range(4, 9))
async def test_cells_have_their_figures_where_they_may_be_seen(world: World, resolution: int) -> None:
    mine = {block.number for block in BLOCKS[:3]}
    for actor in (None, world.actor):
        rows = await cells(world, Cells(resolution), actor, FINAL)
        for row in rows:
            cell = h3cells.from_hex(row["cell"])
            shown = resolution < 8 or (actor is not None and world.owners[cell] in mine)
            assert told([row])[row["n"]] == (world.cells[FINAL][cell] if shown else None)
        assert len(rows) == sum(1 for cell in world.cells[FINAL] if cell >> 52 & 15 == resolution)


async def test_cells_in_a_box_and_within_an_area(world: World) -> None:
    everything = {row["cell"] for row in await cells(world, Cells(8))}
    corner = await cells(world, Cells(8, box=(WEST, SOUTH, WEST + 1e-6, SOUTH + 1e-6)))
    assert 0 < len(corner) < len(everything)
    assert {row["cell"] for row in await cells(world, Cells(8, box=(-180, -90, 180, 90)))} == everything
    assert await cells(world, Cells(8, box=(0, 0, 1, 1))) == []
    for block in BLOCKS:
        mine = {h3cells.to_hex(cell) for cell, number in world.owners.items() if number == block.number}
        inside = await cells(world, Cells(8, within=(block.number, block.number)))
        assert {row["cell"] for row in inside} == mine
        above = await cells(world, Cells(6, within=(block.number, block.number)))
        assert len(above) == bool(mine)
    page = await cells(world, Cells(8, after=h3cells.from_hex(min(everything)), limit=2))
    assert [row["cell"] for row in page] == sorted(everything)[1:3]


async def test_a_whole_file_holds_what_is_shown(world: World) -> None:
    async with world.db.as_reader(world.actor) as connection:
        sealed = await published.find(connection, FIELD)
        there = await published.extent(connection, sealed)
        rows = (await published.areas(connection, sealed, Question("block", limit=EVERYTHING, shown_only=True))).rows
        kept, _ = await published.cells(connection, sealed, Cells(8, shown_only=True))
    assert {row["n"] for row in rows} == {5, 6, 7}
    assert (there["area", "block"], there["cell", "8"]) == (3, len(kept))
    async with world.db.as_reader(None) as connection:
        there = await published.extent(connection, sealed)
    assert ("area", "block") not in there
    assert ("cell", "8") not in there


# ── a release ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_release_says_what_it_is_and_how_far_it_is_seen(world: World) -> None:
    async def found(actor: int | None, release: int = FIELD) -> Sealed:
        async with world.db.as_reader(actor) as connection:
            return await published.find(connection, release)

    public, mine = await found(None), await found(world.actor)
    assert public.head == mine.head
    assert public.head["digest"] == digest(FIELD).hex()
    assert (public.scope, mine.scope) == ("{}", "{[4,8)}")
    for release in (0, 2, 3, 2**31 - 1):
        with pytest.raises(NotFound):
            await found(None, release)
