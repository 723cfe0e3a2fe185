"""From the province down to a block, by map, search and table; Back undoes it; one address is one view."""

import asyncio
import json
import re
from datetime import timedelta

import pytest
from playwright.async_api import expect

from geo.ground.campaign import set_clock
from tests.app.townspeople import done
from tests.browser.afield import until
from tests.browser.test_map import MAP, click_on
from tests.world import BLOCKS, NOW, VILLAGES, submission

pytestmark = pytest.mark.browser

ROWS = "#table tbody tr"


async def crumbs(page) -> list[str]:
    return [text.strip() for text in await page.locator("#table .path li").all_inner_texts()]


async def test_the_table_leads_from_the_province_to_a_block_and_back_undoes_it(service, visit):
    page = await (await visit(service)).ready()
    await page.get_by_label("Tingkat wilayah").select_option("province")
    await expect(page).to_have_url(re.compile("list=province"))
    for name, inside in (
        ("Kalimantan Timur (simulasi)", "Kota Samarinda (simulasi)"),
        ("Kota Samarinda (simulasi)", "Samarinda Ulu (simulasi)"),
        ("Samarinda Ulu (simulasi)", "Kampung 2"),
        ("Kampung 2", "RT 03"),
    ):
        await page.locator(ROWS, has_text=name).get_by_role("button").click()
        await expect(page.locator("#panel h2")).to_have_text(name)
        await expect(page.locator(ROWS, has_text=inside)).to_have_count(1)
        await expect(page.locator("#table h2")).to_contain_text(f"di dalam {name}")
    assert await crumbs(page) == [
        "Seluruh wilayah",
        "Kalimantan Timur (simulasi)",
        "Kota Samarinda (simulasi)",
        "Samarinda Ulu (simulasi)",
        "Kampung 2",
    ]
    await page.locator(ROWS, has_text="RT 03").get_by_role("button").click()
    await expect(page.locator("#panel h2")).to_have_text("RT 03")
    await expect(page.locator(ROWS)).to_have_count(3)  # its neighbours stay beside it
    await expect(page.locator(f"{ROWS}.selected")).to_contain_text("RT 03")
    await page.go_back()
    await expect(page.locator("#panel h2")).to_have_text("Kampung 2")
    await page.go_back()
    await expect(page.locator("#panel h2")).to_have_text("Samarinda Ulu (simulasi)")
    await expect(page.locator("#table h2")).to_contain_text("2 di dalam Samarinda Ulu (simulasi)")
    await page.go_forward()
    await expect(page.locator("#panel h2")).to_have_text("Kampung 2")
    await page.locator("#table .path").get_by_role("button", name="Seluruh wilayah").click()
    await expect(page.locator(ROWS)).to_have_count(6)
    await expect(page.locator("#panel")).to_be_hidden()
    assert not re.search("area=|within=", page.url)


async def test_the_table_exports_the_very_same_question(service, visit):
    page = await (await visit(service, f"/?within={VILLAGES[1]}&within_level=village&day=2022-10-20")).ready()
    await expect(page.locator(ROWS)).to_have_count(3)
    (csv, _, geojson) = await page.locator("#table .exports a").evaluate_all("all => all.map(a => a.href)")
    with service.client() as client:
        lines = client.get(csv.removeprefix(service.url)).text.splitlines()
        shapes = client.get(geojson.removeprefix(service.url)).json()["features"]
    assert [line.split(",")[0] for line in lines[1:]] == [b.code for b in BLOCKS[3:]]
    assert [f["properties"]["code"] for f in shapes] == [b.code for b in BLOCKS[3:]]
    assert f"within={VILLAGES[1]}&within_level=village&day=2022-10-20" in csv


async def test_a_click_on_an_area_goes_into_it_until_blocks_are_drawn(service, visit):
    page = await (await visit(service, "/#8.8/-0.506/117.146")).ready()
    await click_on(page, BLOCKS[1])
    await expect(page.locator("#panel h2")).to_have_text("Kota Samarinda (simulasi)")
    await expect(page.locator(ROWS)).to_contain_text("Samarinda Ulu (simulasi)")
    ids = f"{MAP}.queryRenderedFeatures({{layers: ['blocks-fill']}}).map((f) => f.id)"
    await until(page, f"!{MAP}.isMoving() && new Set({ids}).size === {len(BLOCKS)}")
    await click_on(page, BLOCKS[1])
    await expect(page.locator("#panel h2")).to_have_text("RT 02")
    await expect(page.locator("#table h2")).to_contain_text("di dalam Kampung 1")
    await expect(page).to_have_url(re.compile(rf"area={BLOCKS[1].code}&level=block&within={VILLAGES[0]}"))


async def test_search_goes_into_an_area(service, visit):
    page = await (await visit(service)).ready()
    await page.locator("#search input").fill("Kampung 2")
    await page.get_by_role("option", name="Kampung 2").click()
    await expect(page.locator("#panel h2")).to_have_text("Kampung 2")
    await expect(page.locator(ROWS)).to_have_count(3)
    again = await (await visit(service, page.url.removeprefix(service.url))).ready()
    await expect(again.locator("#panel h2")).to_have_text("Kampung 2")
    await expect(again.locator("#table h2")).to_contain_text("3 di dalam Kampung 2")


@pytest.mark.parametrize(
    ("measure", "name"), [("schedule", "Jadwal"), pytest.param("resolved", "Terselesaikan", marks=pytest.mark.slow)]
)
async def test_the_table_has_the_column_of_the_measure_and_sorts_by_it(fresh_service, visit, measure, name):
    fresh_service.send(*(submission(i, BLOCKS[4]) for i in range(6)))
    page = await (await visit(fresh_service)).ready()
    await expect(page.get_by_role("columnheader")).to_have_count(3)
    await page.locator("#measures label", has_text=name).click()
    await page.get_by_role("columnheader", name=name).get_by_role("button").click()
    await page.get_by_role("columnheader", name=name).get_by_role("button").click()
    await expect(page.locator(ROWS).first).to_contain_text(BLOCKS[4].code)
    await expect(page.locator(ROWS).first).to_contain_text("31,0%" if measure == "schedule" else "10,0%")
    await expect(page).to_have_url(re.compile(rf"measure={measure}&sort=-{measure}"))
    await page.reload()
    await expect(page.locator(ROWS).first).to_contain_text(BLOCKS[4].code)


async def test_last_seen_is_an_age_that_grows_with_the_campaigns_clock(fresh_service, visit):
    fresh_service.send(submission(1, BLOCKS[0]))
    page = await (await visit(fresh_service, "/?measure=seen&lang=en")).ready()
    entries = await page.locator("#legend li").all_inner_texts()
    assert [e.strip() for e in entries] == [
        "within 1 day",
        "1 – 2 days ago",
        "2 – 4 days ago",
        "4 – 7 days ago",
        "7 days ago or more",
        "nothing yet",
        "outside your area",
    ]
    row = page.locator(ROWS, has_text=BLOCKS[0].code)
    await expect(row).to_contain_text("now")
    await expect(page.locator(ROWS, has_text=BLOCKS[1].code)).to_contain_text("never")
    fill = f"JSON.stringify({MAP}.getPaintProperty('blocks-fill', 'fill-color'))"
    before = await page.evaluate(fill)
    await asyncio.to_thread(done, fresh_service.logins, lambda db: set_clock(db, NOW + timedelta(hours=30)))
    await expect(page.locator("#day")).to_have_text("Day 11 of 31")
    await until(page, f"{fill} !== {json.dumps(before)}")
    await expect(row).to_contain_text("30 hours ago")
    await asyncio.to_thread(fresh_service.send, submission(2, BLOCKS[1]))
    await expect(page.locator(ROWS, has_text=BLOCKS[1].code)).to_contain_text("now")


async def test_the_states_of_the_list_of_gaps_are_those_of_the_map(service, visit):
    """The same question on both: the address of the list shows the same blocks here, and leads back."""
    page = await (await visit(service, path="/?state=unvisited&state=silent&within=6472030002")).ready()
    await expect(page.locator("#states")).to_contain_text("Hanya blok berstatus: Belum dikunjungi, Tanpa kabar")
    found = {b["name"] for b in (await listed(page, "state=unvisited&state=silent&within=6472030002"))["gaps"]}
    assert found
    await expect(page.locator(ROWS)).to_have_count(len(found))
    for name in found:
        await expect(page.locator(ROWS, has_text=name)).to_have_count(1)
    opacity = await page.evaluate(f"JSON.stringify({MAP}.getPaintProperty('blocks-fill', 'fill-opacity'))")
    assert '"state"' in opacity
    assert "0.07" in opacity
    link = page.get_by_role("link", name="Tampilkan sebagai daftar")
    there = await link.get_attribute("href")
    assert there == "/gaps?state=unvisited&state=silent&within=6472030002&within_level=village"
    await page.get_by_role("button", name="Semua blok").click()
    await expect(page.locator("#states")).to_be_hidden()
    await expect(page.locator(ROWS)).to_have_count(3)
    assert "state=" not in page.url
    assert await page.evaluate(f"{MAP}.getPaintProperty('blocks-fill', 'fill-opacity')") == 0.85


async def listed(page, query: str):
    return await page.evaluate(f"fetch('/v1/gaps?{query}').then((answer) => answer.json())")
