"""The progress page in a real browser: its words against the API's figures, and the table against what is drawn."""

import asyncio
import re
from datetime import date

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from app.database import Database
from geo.ground import assignments
from geo.ground.sources import Table
from tests import world
from tests.browser.conftest import PHONE
from tests.world import BLOCKS, EDITION, VILLAGES, submission

pytestmark = pytest.mark.browser

#: Families completed on each of the first nine days, in the first block, then the next.
BY_DAY = (2, 3, 4, 6, 8, 9, 12, 14, 15)


def fieldwork() -> list[dict[str, object]]:
    """Nine days of work, 73 families, in the first village but for one block's worth."""
    rows: list[dict[str, object]] = []
    for at, families in enumerate(BY_DAY):
        for _ in range(families):
            n = len(rows)
            captured = f"2022-10-{15 + at}T10:{n % 60:02d}:00+08:00"
            rows.append(submission(f"f{n}", BLOCKS[n // 30], captured_at=captured, enumerator="budi"))
    return rows


async def told(service, **query):
    """What the API says."""
    with service.client() as client:
        return client.get("/v1/progress", params=query).json()


@pytest.fixture
async def worked(fresh_service):
    """The service with nine days of work, all of it counted, and somebody assigned who never said a word."""
    assert fresh_service.send(*fieldwork()).status_code == 201
    db = Database(fresh_service.logins, 1)
    async with db.worker.begin() as connection:
        rows = [{"block": BLOCKS[4].code, "enumerator": "diam", "supervisor": "sari"}]
        table = Table(columns=["block", "enumerator", "supervisor"], rows=rows, notices=[])
        await assignments.store(connection, EDITION, table, starts_on=date(2022, 10, 15))
    await db.close()
    while (await told(fresh_service))["completed"] < sum(BY_DAY):
        await asyncio.sleep(0.05)
    return fresh_service


async def text_of(place) -> str:
    return re.sub(r"\s+", " ", await place.inner_text())


async def test_the_words_say_what_the_figures_say(worked, visit):
    page = (await visit(worked, "/progress", language="en-GB")).page
    said = await told(worked)
    last = [row for row in said["progress"] if row["whole"]][-1]
    assert (last["done"], last["due"], said["expected"], said["days_left"]) == (73, 105, 360, 22)
    await expect(page.locator("#verdict-title")).to_have_text("Behind: 32 families short")
    await expect(page.locator("#verdict")).to_have_attribute("data-state", "bad")
    await expect(page.locator("#lead")).to_have_text(
        "By the evening of 23 Oct: 73 of 360 expected families done (20.2%); due by then: 105 (29.1%)."
    )
    facts = await text_of(page.locator("#facts"))
    end, on = said["forecast"]["at_end"], said["forecast"]["on"]
    for words in (
        "Done now 20.2% 73 of 360 families · 287 still missing",
        f"Pace of the last 7 days {round(said['pace'])} a day",
        f"Pace needed {said['pace_needed']} a day to finish by 14 Nov, 22 days left",
        f"Forecast at the deadline, 14 Nov {round(100 * end['low'])}–{round(100 * end['high'])}% 80% interval",
        f"Forecast: 95% done on {'from ' if not on['high'] else ''}{int(on['low'][-2:])}",
    ):
        assert words in facts
    await expect(page.locator("#day")).to_have_text("Day 10 of 31")


async def test_the_table_holds_what_is_drawn(worked, visit):
    page = (await visit(worked, "/progress", language="en-GB")).page
    await expect(page.locator("#curve canvas")).to_be_visible()
    day, done, due, low, _, high = await page.evaluate("document.querySelector('#curve').plot.data")
    said = await told(worked)
    expected = said["expected"]
    assert [round(share * expected) for share in done[: len(said["progress"]) + 1]] == [
        0,
        *(row["done"] for row in said["progress"]),
    ]
    assert [round(share * expected) for share in due[1:11]] == [row["due"] for row in said["progress"]]
    whole = sum(row["whole"] for row in said["progress"])
    drawn = [(a, b) for at, a, b in zip(day, low, high, strict=True) if at > whole and a is not None]
    assert drawn == [(row["low"], row["high"]) for row in said["forecast"]["ahead"][: len(drawn)]]
    assert len(drawn) >= said["days_left"]
    _, full, today = await page.evaluate("document.querySelector('#bars').plot.data")
    assert full[:9] == list(BY_DAY)
    assert today[9] is None  # nothing yet

    await page.locator("#numbers summary").click()
    rows = await page.locator("#days .past tr").all_inner_texts()
    assert rows[8].split("\t") == ["23 Oct", "73 (20.2%)", "105 (29.1%)", "−32", "+15"]
    assert rows[9].startswith("24 Oct (not over)\t73 (20.2%)")
    assert len(rows) == len(said["progress"]) == 10
    ahead = (await page.locator("#days .ahead tr").all_inner_texts())[1:]
    assert len(ahead) == len(drawn)
    lo, hi = drawn[-1]
    assert ahead[-1].split("\t")[1] in {f"{round(100 * lo)}–{round(100 * hi)}%", f"{round(100 * hi)}%"}
    answer = await page.request.get(worked.url + await page.locator("#exports a").first.get_attribute("href"))
    assert len((await answer.text()).splitlines()) == 11


async def test_pointing_at_a_day_says_its_numbers(worked, visit):
    page = (await visit(worked, "/progress", language="en-GB")).page
    box = await page.locator("#curve .u-over").bounding_box()
    await page.mouse.move(box["x"] + 1, box["y"] + 50)
    await expect(page.locator("#readout")).to_contain_text("done 0.0% (0); due 0.0% (0)")
    await page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 50)
    await expect(page.locator("#readout")).to_contain_text("forecast")


async def test_one_link_is_one_view(worked, visit):
    page = (await visit(worked, "/progress", language="en-GB")).page
    worst = page.locator("#worst li")
    await expect(worst).to_have_count(2)
    await expect(worst.first).to_contain_text("Kampung 2")  # 180 are missing there, 107 in the other
    await expect(worst.first).to_contain_text("0% of schedule")
    await page.get_by_role("button", name="99%").click()
    await page.get_by_role("button", name="Furthest behind").click()
    await expect(page).to_have_url(re.compile(r"\?target=0\.99&order=schedule$"))
    await worst.nth(1).get_by_role("link", name="Kampung 1", exact=True).click()
    await expect(page.locator("#path [aria-current]")).to_have_text("Kampung 1")
    await expect(page.locator("#verdict-title")).to_have_text("On course: 21 families ahead of what was due")
    await expect(worst).to_have_count(3)
    await expect(worst.first.get_by_role("link", name="Map")).to_have_attribute("href", re.compile(r"^/\?area=.*SIM03"))
    href = f"/progress?within={VILLAGES[1]}&target=0.9&quiet=48"
    await page.goto(worked.url + href)
    await expect(page.get_by_role("button", name="90%")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_role("button", name="2 days")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#path")).to_contain_text("Kampung 2")
    await expect(page.locator("#why")).to_have_text("Nothing is done here yet, so nothing can be said of the end.")
    await page.locator("#path").get_by_role("link", name="Everywhere").click()
    await expect(page.locator("#verdict-title")).to_have_text("Behind: 32 families short")


async def test_search_leads_to_an_area(worked, visit):
    page = (await visit(worked, "/progress")).page
    await page.get_by_role("combobox").fill(world.VILLAGES[0])
    await page.get_by_role("option", name="Kampung 1").click()
    await expect(page).to_have_url(re.compile(f"within={VILLAGES[0]}&within_level=village"))
    await expect(page.locator("#path [aria-current]")).to_have_text("Kampung 1")


async def test_it_changes_by_itself(worked, visit):
    page = (await visit(worked, "/progress", language="en-GB")).page
    await page.locator("#live[data-phase=live]").wait_for()
    await expect(page.locator("#facts")).to_contain_text("73 of 360")
    more = [submission(f"m{n}", BLOCKS[5], captured_at="2022-10-24T08:00:00+08:00") for n in range(7)]
    worked.send(*more)
    await expect(page.locator("#facts")).to_contain_text("80 of 360", timeout=12_000)
    assert await page.evaluate("document.querySelector('#bars').plot.data[2][9]") == 7


async def test_enumerators_without_news_are_named_to_those_who_answer_for_them(worked, visit):
    page = (await visit(worked, "/progress", language="en-GB")).page
    await expect(page.locator("#silent-said")).to_have_text(
        "1 of 2 enumerators gave no word for 24 h. 1 of them never did."
    )
    await expect(page.locator("#silent li")).to_have_count(1)
    row = page.locator("#silent li").first
    for words in ("Never heard of", "diam", "supervisor sari", "0 of 60 done in 1 blocks"):
        await expect(row).to_contain_text(words)
    other = (await visit(worked, "/progress", who="enumerator")).page
    await expect(other.locator("#verdict-title")).to_contain_text("keluarga")
    assert await other.locator("#people").count() == 0


@pytest.mark.parametrize("within", ["", f"?within={VILLAGES[1]}"])
async def test_before_anything_is_done_it_says_so(service, visit, within):
    page = (await visit(service, f"/progress{within}")).page
    families = 52 if within else 105
    await expect(page.locator("#verdict-title")).to_have_text(f"Tertinggal: kurang {families} keluarga")
    await expect(page.locator("#facts")).to_contain_text("Belum ada prakiraan")
    await expect(page.locator("#key-ahead")).to_be_hidden()


async def test_what_is_not_ones_own_has_no_figures(service, visit):
    page = (await visit(service, f"/progress?within={VILLAGES[1]}", who="supervisor")).page
    await expect(page.locator("#verdict-title")).to_have_text("Angka ini di luar kewenangan akun Anda")
    await expect(page.locator("#curves")).to_be_hidden()
    await expect(page.locator("#facts > *")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=pytest.mark.slow)])
async def test_nobody_is_kept_out(worked, visit, scheme):
    page = (await visit(worked, "/progress", color_scheme=scheme, **PHONE)).page
    await expect(page.locator("#worst li").first).to_be_visible()
    await page.locator("#numbers summary").click()
    found = await Axe().run(page)
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found.response["violations"]] == []
    assert await page.evaluate("document.querySelector('main').scrollWidth <= 390")
    targets = page.locator("main button:visible, main .go a:visible")
    low = "(found) => found.filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.textContent)"
    assert await targets.evaluate_all(low) == []  # all at one moment: a list may be put in place anew


async def test_on_paper_it_is_dark_on_white(worked, visit):
    page = (await visit(worked, "/progress", color_scheme="dark")).page
    await expect(page.locator("#curve canvas")).to_be_visible()
    await page.emulate_media(media="print")
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert await page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()") == "#000"
    await expect(page.locator("#search")).to_be_hidden()
    await expect(page.locator("#curve canvas")).to_be_visible()
    await page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert await page.evaluate("document.documentElement.className") == ""
