"""The live map in a real browser: it draws, answers a click, and changes by itself in every open browser."""

import re

import pytest
from playwright.async_api import expect

from tests import world
from tests.browser.afield import until
from tests.browser.conftest import PHONE
from tests.world import BLOCKS, submission

pytestmark = pytest.mark.browser

MAP = "document.getElementById('map').map"
RENDERED = f"{MAP}.queryRenderedFeatures({{layers: ['blocks-fill']}}).map(f => f.id)"


def place(block, x=0.5, y=0.25) -> str:
    """Where a place in a block lies on the page, as a script."""
    lon, lat = block.at(x, y)
    return f"(() => {{ const p = {MAP}.project([{lon}, {lat}]); const b = {MAP}.getCanvas().getBoundingClientRect(); \
return [p.x + b.x, p.y + b.y]; }})()"


async def click_on(page, block) -> None:
    x, y = await page.evaluate(place(block))
    await page.mouse.click(x, y)


async def test_every_block_is_drawn(service, visit):
    page = await (await visit(service)).ready()
    assert set(await page.evaluate(RENDERED)) == {b.number for b in BLOCKS}


async def test_the_legend_has_five_classes_with_ranges_and_two_hatches(service, visit):
    page = await (await visit(service)).ready()
    entries = page.locator("#legend li")
    await expect(entries).to_have_count(7)
    said = await entries.all_inner_texts()
    assert said[1].replace("\xa0", " ").strip() == "25% – 50%"
    assert [s.strip() for s in said[5:]] == ["tidak ada data", "di luar wilayah Anda"]
    colour = await entries.first.locator(".swatch").evaluate("e => getComputedStyle(e).backgroundColor")
    with service.client() as client:
        style = client.get("/style.json").json()
    first = style["metadata"]["cakupan:legend"]["coverage"]["classes"][0]["colour"]
    assert colour == f"rgb({int(first[1:3], 16)}, {int(first[3:5], 16)}, {int(first[5:7], 16)})"


async def test_a_class_of_the_legend_can_be_switched_off(service, visit):
    page = await (await visit(service)).ready()
    entry = page.locator("#legend li button").first
    before = await page.evaluate(f"{MAP}.getPaintProperty('blocks-fill', 'fill-opacity')")
    await entry.click()
    await expect(entry).to_have_attribute("aria-pressed", "false")
    after = await page.evaluate(f"{MAP}.getPaintProperty('blocks-fill', 'fill-opacity')")
    assert before == 0.85
    assert after[0] == "case"


async def test_a_click_shows_the_numbers_and_the_address_keeps_them(fresh_service, visit):
    assert fresh_service.send(*(submission(i) for i in range(9)), submission(9, origin="new")).status_code == 201
    page = await (await visit(fresh_service)).ready()
    await expect(page.locator("#total")).to_contain_text("10 dari target 360 keluarga")
    await click_on(page, BLOCKS[0])
    panel = page.locator("#panel")
    await expect(panel.locator("h2")).to_have_text("RT 01")
    await expect(panel).to_contain_text("10 dari target 60 keluarga")
    await expect(panel).to_contain_text(re.compile(r"prelist 2022_2, per "))
    await expect(panel).to_contain_text("Kampung 1")
    await expect(panel.locator("dl").first).to_contain_text(re.compile(r"Belum terdata\s*51"))
    await expect(panel.locator("dl").first).to_contain_text(re.compile(r"Baru \(di luar prelist\)\s*1"))
    again = await (await visit(fresh_service, page.url.removeprefix(fresh_service.url))).ready()
    await expect(again.locator("#panel h2")).to_have_text("RT 01")


async def test_more_than_everything_is_taken_apart(fresh_service, visit):
    more = [submission(i) for i in range(58)] + [submission(f"n{i}", origin="new") for i in range(8)]
    assert fresh_service.send(*more).status_code == 201
    page = (await visit(fresh_service, f"/?area={BLOCKS[0].code}&level=block&lang=en")).page
    parts = page.locator("#panel .parts")
    await expect(parts).to_have_text("110.0% = 96.6% from the prelist + 13.4% new families")


async def test_a_submission_shows_in_two_browsers_that_ask_for_nothing(fresh_service, visit):
    one = await (await visit(fresh_service, f"/?area={BLOCKS[2].code}&level=block")).ready()
    two = await (await visit(fresh_service, "/gaps")).page.context.new_page()
    await two.goto(f"{fresh_service.url}/?measure=gap")
    await two.locator("#map[data-state=ready]").wait_for(timeout=30_000)
    await two.locator("#live[data-phase=live]").wait_for()
    assert fresh_service.send(submission(1, BLOCKS[2]), submission(2, BLOCKS[2])).status_code == 201
    for page in (one, two):
        await expect(page.locator("#total")).to_contain_text("2 dari target 360")
        state = f"{MAP}.getFeatureState({{source: 'blocks', sourceLayer: 'blocks', id: {BLOCKS[2].number}}}).completed"
        await until(page, f"{state} === 2")
        row = page.locator("#table tbody tr", has_text=BLOCKS[2].code)
        await expect(row).to_contain_text("2 / 60")
    await expect(one.locator("#panel")).to_contain_text("2 dari target 60")


async def test_cells_are_a_switch_and_new_ones_appear(fresh_service, visit):
    page = await (await visit(fresh_service)).ready()
    await page.locator("label.switch", has_text="H3").click()
    drawn = f"{MAP}.queryRenderedFeatures({{layers: ['cells-fill']}}).length"
    await expect(page).to_have_url(re.compile("cells=1"))
    await expect(page.locator("#legend .hint").first).to_contain_text("perkiraan")
    await until(page, f"{drawn} > 3")
    fresh_service.send(submission(1, BLOCKS[0]))
    total = f"{MAP}.queryRenderedFeatures({{layers: ['cells-fill']}}).some(f => f.state.completed === 1)"
    await until(page, total)
    await click_on(page, BLOCKS[0])
    await expect(page.locator("#panel h2")).to_have_text("Sel H3")
    await expect(page).to_have_url(re.compile("cell="))


async def test_household_points_are_for_near_zooms_and_those_who_may(service, visit):
    service.send(submission("point"))
    page = await (await visit(service)).ready()
    await page.locator("label.switch", has_text="Titik").click()
    await until(page, f"{MAP}.queryRenderedFeatures({{layers: ['households-point']}}).length >= 1")


async def test_keys_alone_lead_to_a_blocks_numbers(service, visit):
    page = await (await visit(service)).ready()
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.locator("#search input")).to_be_focused()
    await page.keyboard.type("RT 02")
    await expect(page.locator("#search [role=option]")).to_have_count(2)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator("#panel h2")).to_have_text("RT 02")
    await expect(page.locator("#panel")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("#panel")).to_be_hidden()
    await expect(page.locator("#search input")).to_be_focused()


async def test_the_table_sorts_selects_and_exports(fresh_service, visit):
    fresh_service.send(*(submission(i, BLOCKS[4]) for i in range(5)))
    page = await (await visit(fresh_service)).ready()
    rows = page.locator("#table tbody tr")
    await expect(rows).to_have_count(6)
    await page.locator("[data-sort=coverage]").click()
    await page.locator("[data-sort=coverage]").click()
    await expect(rows.first).to_contain_text(BLOCKS[4].code)
    await rows.first.locator("button").click()
    await expect(page.locator("#panel h2")).to_have_text("RT 02")
    links = await page.locator("#table .exports a").evaluate_all("all => all.map(a => a.href)")
    assert [re.search(r"format=(\w+)", link)[1] for link in links] == ["csv", "xlsx", "geojson"]


async def test_a_supervisor_sees_the_neighbours_shapes_without_numbers(service, visit):
    page = await (await visit(service, who="supervisor")).ready()
    assert await page.evaluate(f"{MAP}.queryRenderedFeatures({{layers: ['blocks-fill']}}).length") >= 3
    await page.goto(f"{service.url}/?area={BLOCKS[3].code}&level=block")
    await expect(page.locator("#panel")).to_contain_text("di luar kewenangan")


async def test_a_lost_connection_is_said_and_mended(fresh_service, visit):
    seen = await visit(fresh_service)
    page = await seen.ready()
    await seen.context.set_offline(True)
    await page.evaluate("dispatchEvent(new Event('offline'))")
    await expect(page.locator("#live")).to_have_attribute("data-phase", "offline")
    await expect(page.locator("#live")).to_contain_text("Luring sejak")
    fresh_service.send(submission(1))
    await seen.context.set_offline(False)
    await page.evaluate("dispatchEvent(new Event('online'))")
    await expect(page.locator("#total")).to_contain_text("1 dari target 360")
    await expect(page.locator("#live")).to_have_attribute("data-phase", "live")
    seen.seen.faults[:] = [f for f in seen.seen.faults if "ERR_INTERNET_DISCONNECTED" not in f]


async def test_nothing_sticks_out_on_a_phone(service, visit):
    visited = await visit(service, f"/?area={BLOCKS[0].code}&level=block", **PHONE)
    page = await visited.ready()
    await expect(page.locator("#panel h2")).to_have_text("RT 01")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = await page.locator("button:visible, nav a:visible, label:visible").evaluate_all(
        "all => all.filter(e => e.getBoundingClientRect().height < 43.5).map(e => e.outerHTML.slice(0, 120))"
    )
    assert small == []


@pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=pytest.mark.slow)])
async def test_every_page_says_that_data_are_simulated(service, visit, scheme):
    for path in ("/", "/gaps"):
        page = (await visit(service, path, color_scheme=scheme, viewport={"width": 1440, "height": 900})).page
        await expect(page.locator(".simulated")).to_contain_text("DATA SIMULASI")


def test_the_world_is_the_one_these_tests_count_on():
    assert (len(BLOCKS), world.FAMILIES) == (6, 60)
