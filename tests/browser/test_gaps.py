"""The list of blocks in a real browser: light, live, and usable on a phone."""

import re

import pytest
from playwright.async_api import expect

from tests import world
from tests.browser.conftest import PHONE
from tests.world import BLOCKS, submission

pytestmark = pytest.mark.browser


async def test_the_list_changes_by_itself_worst_first(fresh_service, visit):
    page = (await visit(fresh_service, "/gaps")).page
    items = page.locator("#list > li")
    await expect(items).to_have_count(6)
    await expect(page.locator("#list-title")).to_have_text("360 keluarga belum terdata di 6 blok")
    await expect(items.first).to_contain_text("Belum ada petugas yang mengirim hasil dari sini")
    await page.locator("#live[data-phase=live]").wait_for()
    fresh_service.send(*(submission(i) for i in range(12)))
    await expect(page.locator("#list-title")).to_have_text("348 keluarga belum terdata di 6 blok", timeout=2000)
    await expect(items.last).to_contain_text(BLOCKS[0].code)
    await expect(items.last).to_contain_text("12 dari target 60 keluarga")
    await expect(items.last).to_contain_text("Kampung 1, Samarinda Ulu (simulasi)")


async def test_states_filter_with_counts(fresh_service, visit):
    fresh_service.send(submission(1))
    page = (await visit(fresh_service, "/gaps")).page
    behind = page.locator("[data-state=behind]")
    await expect(behind).to_contain_text("Terlambat 1")
    await behind.click()
    await expect(behind).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#list > li")).to_have_count(1)
    await expect(page).to_have_url(re.compile("state=behind"))
    await page.locator("[data-state=open]").click()
    await expect(page.locator("#list > li")).to_have_count(6)


async def test_search_narrows_to_an_area(service, visit):
    page = (await visit(service, "/gaps")).page
    await page.get_by_role("combobox").fill(world.VILLAGES[1])
    await page.get_by_role("option", name="Kampung 2").click()
    await expect(page.locator("#list > li")).to_have_count(3)
    await expect(page.locator("#within")).to_contain_text("Hanya di Kampung 2")
    await page.reload()
    await expect(page.locator("#within")).to_contain_text("Hanya di Kampung 2")
    await page.get_by_role("button", name="Seluruh wilayah").click()
    await expect(page.locator("#list > li")).to_have_count(6)


async def test_a_block_leads_to_the_map_and_to_a_maps_app(service, visit):
    visited = await visit(service, "/gaps")
    page = visited.page
    first = page.locator("#list > li").first
    await expect(first.locator("a", has_text="aplikasi peta")).to_have_attribute(
        "href", re.compile(r"^geo:-?\d+\.\d+,\d+\.\d+$")
    )
    name = await first.locator("h3").inner_text()
    await first.get_by_role("link", name="Lihat di peta").click()
    await visited.ready()
    await expect(page.locator("#panel")).to_contain_text(name.split()[-1])


async def test_the_first_page_weighs_less_than_60_kb_and_fits_a_phone(service, visit):
    visited = await visit(service, "/gaps", **PHONE)
    await expect(visited.page.locator("#list > li")).to_have_count(6)
    await visited.page.wait_for_timeout(500)
    assert await visited.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    weighed = visited.seen.fetched
    assert "/gaps" in weighed
    assert "/v1/gaps" in weighed
    assert not any("vendor" in path for path in weighed)
    assert sum(weighed.values()) < 60_000, weighed


async def test_a_long_list_comes_in_pages(service, visit, monkeypatch):
    visited = await visit(service, "/login", who="admin")
    asked = []

    async def fewer(route):
        asked.append(route.request.url)
        await route.continue_(url=re.sub(r"limit=50\b", "limit=4", route.request.url))

    await visited.page.route("**/v1/gaps?*", fewer)
    await visited.page.goto(f"{service.url}/gaps")
    await expect(visited.page.locator("#list > li")).to_have_count(4)
    await visited.page.locator("#more").click()
    await expect(visited.page.locator("#list > li")).to_have_count(6)
    await expect(visited.page.locator("#more")).to_be_hidden()
