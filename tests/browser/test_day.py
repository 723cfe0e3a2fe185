"""The day slider: map, total, table and panel go to an evening of the campaign together, and come back to now."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import DESK
from tests.browser.test_map import MAP
from tests.world import BLOCKS, submission

pytestmark = pytest.mark.browser

#: Families completed in the first block by day of the campaign, which begins on the 15th; it is day 10 now.
DAYS = {2: 3, 5: 4, 8: 2}


@pytest.fixture(scope="module")
def campaign(service):
    """Work of three days in the first block, and one family new there."""
    made = [
        submission(f"{day}-{i}", captured_at=f"2022-10-{14 + day}T09:30:00+08:00")
        for day, families in DAYS.items()
        for i in range(families)
    ]
    assert service.send(*made).status_code == 201
    return service


async def completed(page, block=BLOCKS[0]) -> int | None:
    """What the tile on the screen says of a block."""
    found = await page.evaluate(f"""(() => {{
        const found = {MAP}.queryRenderedFeatures({{layers: ['blocks-fill']}}).find((f) => f.id === {block.number});
        return found?.state.completed ?? found?.properties.completed; }})()""")
    return None if found is None else int(found)


async def until_completed(page, families) -> None:
    for _ in range(300):
        if await completed(page) == families:
            return
        await page.wait_for_timeout(50)
    raise AssertionError(f"the map shows {await completed(page)} families, not {families}")


async def test_a_day_of_the_address_moves_map_total_table_and_panel(campaign, visit):
    path = f"/?day=2022-10-19&area={BLOCKS[0].code}&level=block"
    page = await (await visit(campaign, path)).ready()
    await expect(page.locator("#total-title")).to_have_text("Keseluruhan, sampai hari ke-5")
    await expect(page.locator("#total")).to_contain_text("7 dari target 360")
    await expect(page.locator("#total")).to_contain_text("per akhir hari ke-5")
    await expect(page.locator("#table tbody tr", has_text=BLOCKS[0].code)).to_contain_text("7 / 60")
    await expect(page.locator("#panel")).to_contain_text("7 dari target 60")
    await until_completed(page, 7)
    links = await page.locator("#table .exports a").evaluate_all("all => all.map(a => a.href)")
    assert len(links) == 3
    assert all("day=2022-10-19" in link for link in links)


async def test_the_slider_is_moved_with_keys_and_leads_back_to_now(campaign, visit):
    page = await (await visit(campaign)).ready()
    slider = page.get_by_role("slider", name="Hari yang ditampilkan")
    await slider.focus()
    for _ in range(7):
        await page.keyboard.press("ArrowLeft")
    await expect(page.locator("#days")).to_contain_text("Anda melihat hari ke-3 (17 Okt), bukan sekarang")
    await expect(slider).to_have_attribute("aria-valuetext", "Hari ke-3, 17 Okt")
    await expect(page.locator("#total")).to_contain_text("3 dari target 360")
    await expect(page).to_have_url(re.compile(r"\?day=2022-10-17"))
    await until_completed(page, 3)
    await page.get_by_role("button", name="Kembali ke sekarang").click()
    await expect(page.locator("#total")).to_contain_text("9 dari target 360")
    await expect(page.locator("#days")).to_contain_text("Sekarang: hari ke-10")
    await expect(page).not_to_have_url(re.compile("day="))
    await expect(slider).to_be_focused()
    await until_completed(page, 9)


async def test_what_has_no_days_is_disabled_with_a_reason(campaign, visit):
    page = await (await visit(campaign, "/?measure=seen&cells=1")).ready()
    await expect(page.locator("#legend")).to_contain_text("dalam 1 hari")
    await page.get_by_role("slider").fill("4")
    for control in (page.locator("#cells"), page.locator("#points"), page.locator("input[value=seen]")):
        await expect(control).to_be_disabled()
        await expect(control).to_have_accessible_description(re.compile("hanya ada untuk sekarang"))
    await expect(page.locator("#why-not")).to_be_visible()
    await expect(page.locator("input[value=coverage]")).to_be_checked()
    await expect(page.locator("#legend h2")).to_have_text("Cakupan")
    await page.get_by_role("button", name="Kembali ke sekarang").click()
    await expect(page.locator("input[value=seen]")).to_be_checked()
    await expect(page.locator("#cells")).to_be_checked()
    await expect(page.locator("#why-not")).to_be_hidden()


async def test_the_stream_is_not_laid_over_a_past_day(fresh_service, visit):
    fresh_service.send(submission(1, captured_at="2022-10-16T09:30:00+08:00"))
    page = await (await visit(fresh_service, "/?day=2022-10-16")).ready()
    await expect(page.locator("#total")).to_contain_text("1 dari target 360")
    heard = "() => performance.getEntriesByType('resource').length"
    assert await page.evaluate(heard) > 0
    async with page.expect_response(re.compile("/v1/coverage")):  # what a second reader gets: the fold has been
        fresh_service.send(submission(2, captured_at="2022-10-24T09:30:00+08:00"))
        await page.get_by_role("slider").fill("3")
    await expect(page.locator("#total")).to_contain_text("1 dari target 360")
    await until_completed(page, 1)
    await page.get_by_role("button", name="Kembali ke sekarang").click()
    await expect(page.locator("#total")).to_contain_text("2 dari target 360")
    await until_completed(page, 2)


@pytest.mark.slow
async def test_the_days_pass_by_themselves_until_now(campaign, visit):
    page = await (await visit(campaign, "/?day=2022-10-21")).ready()
    await page.get_by_role("button", name="Putar hari demi hari").click()
    await expect(page.get_by_role("button", name="Jeda")).to_be_visible()
    await expect(page.locator("#days")).to_contain_text("Sekarang: hari ke-10")
    await expect(page.get_by_role("button", name="Putar hari demi hari")).to_be_visible()
    await expect(page.locator("#total")).to_contain_text("9 dari target 360")


async def test_who_wants_less_motion_goes_one_day_on_at_each_press(campaign, visit):
    page = await (await visit(campaign, "/?day=2022-10-17", **DESK, reduced_motion="reduce")).ready()
    await page.get_by_role("button", name="Hari berikutnya").click()
    await expect(page.locator("#days")).to_contain_text("hari ke-4")
    await expect(page.locator("#total-title")).to_have_text("Keseluruhan, sampai hari ke-4")
    await expect(page).to_have_url(re.compile("day=2022-10-18"))
