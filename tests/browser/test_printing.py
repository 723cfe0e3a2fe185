"""Printing from the pages: one block by a link, all that are listed by a job that can be watched, stopped, fetched."""

import json
import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE
from tests.browser.test_axe import look
from tests.tiles.drawing import texts
from tests.world import BLOCKS

pytestmark = pytest.mark.browser

JOB = {
    "job": "11111111-1111-4111-8111-111111111111",
    "asked_at": "2022-10-24T09:00:00Z",
    "made_at": None,
    "reason": None,
}


def told(state: str = "running", **more: object) -> dict[str, object]:
    return JOB | {"state": state, "done": 2, "of": 6, "before": 0, "file": None} | more


async def test_the_sheet_of_a_block_is_a_link_to_its_file(service, visit):
    page = (await visit(service, f"/block?code={BLOCKS[0].code}&level=block&lang=en", **PHONE)).page
    part = page.locator("#print")
    await expect(part).to_contain_text("The sheet of this block")
    async with page.expect_download() as coming:
        await part.get_by_role("link", name="A4").click()
    file = await coming.value
    assert file.suggested_filename.startswith(f"cakupan_sheets_{BLOCKS[0].code}_a4")
    path = await file.path()
    (said,) = texts(path.read_bytes())
    assert "families still to be found" in said
    await expect(part.get_by_role("link", name="A3")).to_have_attribute("href", re.compile("paper=a3&lang=en$"))


async def test_what_is_listed_is_printed_as_one_file(service, visit):
    page = (await visit(service, "/gaps", **PHONE)).page
    part = page.locator("#print")
    await part.locator("summary").click()
    await expect(part).to_contain_text("6 lembar, satu blok per lembar")
    assert await look(page) == []
    await part.get_by_role("button", name="Buat A4").click()
    link = part.get_by_role("link", name="Unduh PDF")
    await expect(link).to_be_visible()
    await expect(part).to_contain_text("6 lembar siap")
    # the tab remembers it
    await page.reload()
    await part.locator("summary").click()
    await expect(link).to_be_visible()
    async with page.expect_download() as coming:
        await link.click()
    pages = texts((await (await coming.value).path()).read_bytes())
    assert [said.split()[0] for said in pages] == [block.code for block in BLOCKS]
    await part.get_by_role("button", name="Cetak yang lain").click()
    await expect(part.get_by_role("button", name="Buat A3")).to_be_enabled()


async def test_a_job_is_watched_and_stopped(service, visit):
    page = (await visit(service, "/livez")).page
    asked, stopped, now = [], [], [told(before=1, done=0), told()]

    async def answer(route):
        if route.request.method == "DELETE":
            stopped.append(route.request.url)
            await route.fulfill(status=204)
        elif route.request.method == "POST":
            asked.append(json.loads(route.request.post_data))
            await route.fulfill(status=202, json=told(before=1, done=0))
        else:
            await route.fulfill(json=now.pop(0) if len(now) > 1 else now[0])

    await page.route(re.compile(r"/v1/(sheets|jobs)"), answer)
    await page.goto(f"{service.url}/gaps?lang=en&state=unvisited")
    part = page.locator("#print")
    await part.locator("summary").click()
    await part.get_by_role("button", name="Make A3").focus()
    await page.keyboard.press("Enter")
    await expect(part.get_by_role("button", name="Stop")).to_be_focused()
    await expect(part.locator(".how-far")).to_have_text("2 of 6 sheets made…")
    assert await part.locator("progress").evaluate("(bar) => [bar.value, bar.max]") == [2, 6]
    assert asked[0]["state"] == ["unvisited"]
    assert (asked[0]["paper"], asked[0]["lang"], asked[0]["within"]) == ("a3", "en", None)
    async with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        await part.get_by_role("button", name="Stop").click()
    await expect(part.get_by_role("alert")).to_have_text("Stopped.")
    assert stopped == [f"{service.url}/v1/jobs/{JOB['job']}"]
    # one that fails says so, and can be begun again
    now[:] = [told("failed", reason="database")]
    await part.get_by_role("button", name="Make A4").click()
    await expect(part.get_by_role("alert")).to_have_text("The sheets could not be made. Try again.")
    await expect(part.get_by_role("button", name="Make A4")).to_be_enabled()
