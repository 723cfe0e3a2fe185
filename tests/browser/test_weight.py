"""What the pages for the field cost on a phone: below 60 kB over the line before a map is opened, with fifty blocks."""

import asyncio
from collections.abc import Iterator
from datetime import date

import pytest
import shapely
from playwright.async_api import expect
from sqlalchemy import text

from app.database import Database
from app.settings import Settings
from geo.ground import areas, assignments, expected
from geo.ground.inspection import AreaRow
from geo.ground.sources import Table
from tests import world
from tests.app.published import publish
from tests.browser.conftest import PHONE
from tests.browser.test_sites import bring, site
from tests.conftest import PASSWORD, Service, people, serving
from tests.world import EDITION, SIDE, SOUTH, VILLAGES, WEST, Block, submission

pytestmark = pytest.mark.browser

#: Bytes as they come over the line, headers too: a second and a half at 320 kbit/s.
MOST = 60_000
COLUMNS, ROWS = 9, 8

PAGES = {
    "/gaps": "#list > li",
    f"/block?code={VILLAGES[0]}-SIM001&level=block": "#figures > *",
    "/callbacks": "#list > li",
    "/plan?supervisor=pengawas-00": "#routes > .route",
    **dict.fromkeys(("/welfare?look=movements", "/welfare?look=cutoffs", "/welfare?look=held"), "#list > li"),
    "/releases": "#list tbody tr",
    "/programmes": "#list tbody tr",
    "/sites": "#list > li",
    **dict.fromkeys(("/quality?look=flags", "/quality?look=boundaries", "/quality?look=again"), "#list > li"),
}


#: Sixty families in every block, some of them moved by the forum, some ranked.
CONSULTED = """
INSERT INTO welfare.event
    (event_id, household_id, number, scale, dated, consultation, before, reason, decile, batch_id, row, actor, digest)
SELECT gen_random_uuid(), 'SIM-' || number || '-' || n, number, scale, DATE '2022-10-20',
    CASE scale WHEN 'consultation' THEN 2 + n % 2 END, CASE scale WHEN 'consultation' THEN 3 END,
    'kehilangan pekerjaan', CASE scale WHEN 'rank' THEN n % 10 + 1 END, gen_random_uuid(), n, 0, ''
FROM ground.area, generate_series(1, 60) n, (VALUES ('consultation'), ('rank')) s (scale)
WHERE number = last
"""


def _blocks() -> list[Block]:
    """Blocks of the first village, side by side; the numbers that they will get do not matter here."""
    return [
        Block(f"{VILLAGES[0]}-SIM{i + 1:03d}", 0, WEST + (i % COLUMNS) * SIDE, SOUTH + (i // COLUMNS) * SIDE)
        for i in range(COLUMNS * ROWS)
    ]


def _rows(blocks: list[Block]) -> list[AreaRow]:
    """The areas of the tiny world, its first village with many blocks. Names are as long as real ones."""
    whole = shapely.MultiPolygon([shapely.box(WEST, SOUTH, WEST + COLUMNS * SIDE, SOUTH + ROWS * SIDE)])
    above = [
        AreaRow(row.level, row.code, f"{row.name} Sungai Pinang Dalam", row.parent, whole, False, True)
        for row in world.area_rows()
        if row.level not in {"block"} and row.code != VILLAGES[1]
    ]
    return above + [
        AreaRow("block", b.code, f"RT {i % 40 + 1:03d} RW {i // 40 + 1:03d} Gang Mawar {i}", VILLAGES[0],
                shapely.MultiPolygon([b.shape]), False, False)
        for i, b in enumerate(blocks)
    ]  # fmt: skip


async def _fill(service: Service, blocks: list[Block]) -> None:
    db = Database(service.logins, 1)
    async with db.worker.begin() as connection:
        await areas.store(connection, EDITION, _rows(blocks))
        listed = [{"block": b.code, "families": str(60 + i % 50)} for i, b in enumerate(blocks)]
        table = Table(columns=["block", "families"], rows=listed, notices=[])
        await expected.store(connection, EDITION, table, series="prelist", source="simulated", dated=date(2022, 10, 1))
        staff = [
            {"block": b.code, "enumerator": f"petugas-{i // 6:03d}", "supervisor": f"pengawas-{i // 24:02d}"}
            for i, b in enumerate(blocks)
        ]
        table = Table(columns=["block", "enumerator", "supervisor"], rows=staff, notices=[])
        await assignments.store(connection, EDITION, table, starts_on=date(2022, 10, 15))
        await connection.execute(text(CONSULTED))
    await db.close()


@pytest.fixture(scope="module")
def wide(settings: Settings, database) -> Iterator[Service]:
    """A service over a village of many blocks, each with work done, refusals, and somebody assigned."""
    unborn = Service("", database, {}, PASSWORD)
    blocks = _blocks()
    asyncio.run(_fill(unborn, blocks))
    tokens = asyncio.run(people(database))
    publish(database)
    with serving(settings, database) as url:
        service = Service(url, database, tokens, PASSWORD)
        rows = [
            submission(f"{i}-{k}", block, result="not_met" if k % 4 == 3 else "completed", visit=1 + k % 3)
            for i, block in enumerate(blocks)
            for k in range(i % 9)
        ]
        assert service.send(*rows).status_code == 201
        shops = (site(f"S-{i}", f"E-Warong Sungai Pinang {i}", b.at(0.5, 0.5), 40 + i) for i, b in enumerate(blocks))
        bring(service, *shops)
        yield service


@pytest.mark.parametrize("language", ["id", pytest.param("en", marks=pytest.mark.slow)])
@pytest.mark.parametrize("path", PAGES)
async def test_a_page_weighs_less_than_60_kb(wide, visit, path, language):
    visited = await visit(wide, "/livez", who="coordinator", **PHONE)
    page = visited.page
    line = await visited.context.new_cdp_session(page)
    await line.send("Network.enable")
    await line.send("Network.setCacheDisabled", {"cacheDisabled": True})
    asked: dict[str, str] = {}
    came: dict[str, float] = {}
    line.on("Network.requestWillBeSent", lambda e: asked.setdefault(e["requestId"], e["request"]["url"]))
    line.on("Network.loadingFinished", lambda e: came.__setitem__(e["requestId"], e["encodedDataLength"]))
    await page.goto(f"{wide.url}{path}{'&' if '?' in path else '?'}lang={language}")
    await expect(page.locator(PAGES[path]).first).to_be_visible()
    await expect(page.locator("main [aria-busy=true]")).to_have_count(0)
    await page.wait_for_timeout(1000)
    weighed = {asked[key].removeprefix(wide.url): int(size) for key, size in came.items() if key in asked}
    if path == "/gaps":
        await expect(page.locator("#list > li")).to_have_count(50)
    assert not any("vendor" in name or "/tiles/" in name for name in weighed)
    assert any(name.startswith("/v1/") for name in weighed)
    assert any(name.startswith(path.partition("?")[0]) for name in weighed)
    assert sum(weighed.values()) < MOST, sorted(weighed.items(), key=lambda pair: -pair[1])
