"""The plan of a day in a real browser: read, changed by hand with keys and fingers, saved, drawn, and printed."""

# ruff: noqa: F811  # tests ask for the fixture by the name under which it was imported

import io
import re

import pypdfium2
import pytest
from playwright.async_api import expect

from tests.app.test_plan import order, plan, put
from tests.app.test_plan import town as team  # noqa: F401  # the fixture: a team of two, with work done and left
from tests.browser.afield import settled, soon
from tests.browser.conftest import PHONE
from tests.browser.test_axe import look
from tests.world import BLOCKS

pytestmark = pytest.mark.browser

#: The stop of an appointment at ten, and who goes there.
OWN, WHO = "callback.SIM-5-38", "siti"


def route(page, name=WHO):
    return page.locator(f'[data-route="{name}"]')


def stop(page, name=OWN):
    return page.locator(f'[data-stop="{name}"]')


async def begun(visit, service, day, who="budi", **device):
    """The page of a day, its stops open and ready to be changed. Tests change days of their own."""
    visited = await visit(service, f"/plan?day={day}", who=who, **device)
    await expect(route(visited.page).locator(".stop").first).to_be_attached()
    if device:
        await route(visited.page).get_by_role("button", name="Tujuan").click()
    await visited.page.get_by_role("button", name="Ubah rencana").click()
    return visited


def ids(said, name=WHO):
    return next(row["stops"] for row in order(said) if row["enumerator"] == name)


async def test_it_says_who_goes_where_when_and_why(team, visit):
    visited = await visit(team, "/plan", who="budi")
    page, said = visited.page, plan(team)
    await expect(page.locator("#whose")).to_have_text("Tim budi · Selasa, 25 Okt")
    await expect(page.get_by_role("button", name="Besok")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#answer .still b")).to_have_text(str(round(said["families"])))
    await expect(page.locator("#standing")).to_contain_text("Usulan otomatis dari data per")
    await expect(route(page).locator(".sums")).to_contain_text(
        re.compile(r"kira-kira \d+ keluarga · 0\d\.\d\d–\d\d\.\d\d")
    )
    assert await route(page).locator(".stop").evaluate_all("all => all.map((e) => e.dataset.stop)") == ids(said)
    await expect(stop(page).locator(".badge").first).to_have_text("Janji 10.00")
    await expect(stop(page)).to_contain_text("Sudah berjanji bertemu. Kunjungan 1 dari 3: Sebagian")
    await expect(stop(page)).to_contain_text(re.compile(r"Peluang: kira-kira \d dari 10"))
    await expect(stop(page).get_by_role("link", name="RT 01")).to_have_attribute(
        "href", re.compile(f"^/block.*{BLOCKS[0].code}")
    )
    await expect(stop(page).locator('a[href^="geo:"]')).to_have_count(1)
    await expect(page.locator("#exports a")).to_have_text(["XLSX", "GPX"])
    await page.get_by_text("Peluang hari ini").click()
    row = page.locator(".chances tbody tr").first
    await expect(row).to_contain_text(re.compile(r"Kunjungan pertama\s*\d(,\d)? dari 10"))


async def test_who_leads_no_team_chooses_one_and_the_link_keeps_it(team, visit):
    visited = await visit(team, "/plan?lang=en", who="admin")
    page = visited.page
    await expect(page.locator("#problem")).to_contain_text("Choose a supervisor")
    await page.get_by_label("Team of supervisor").select_option("wati")
    await expect(page.locator("#whose")).to_have_text("Team of wati · Tuesday 25 Oct")
    await page.get_by_label("Team of supervisor").select_option("budi")
    await page.get_by_label("Working hours").select_option("2")
    await expect(page).to_have_url(re.compile(r"\?lang=en&supervisor=budi&hours=2$"))
    await page.get_by_role("button", name="Today").click()
    await expect(page.locator("#whose")).to_contain_text("Monday 24 Oct")
    await page.reload()
    await expect(page.locator("#whose")).to_have_text("Team of budi · Monday 24 Oct")
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if "422" not in fault]  # the browser says it aloud


async def test_changed_with_keys_saved_and_taken_back(team, visit):
    page = (await begun(visit, team, "2022-10-26")).page
    first, second = ids(plan(team, day="2022-10-26"))[:2]
    await stop(page, first).get_by_role("button", name="Turunkan").focus()
    await page.keyboard.press("Enter")
    await expect(route(page).locator(".stop").nth(1)).to_have_attribute("data-stop", first)
    await expect(stop(page, first).get_by_role("button", name="Turunkan")).to_be_focused()
    await expect(page.locator("#aloud")).to_have_text("Sekarang tujuan ke-2 dari siti.")
    await expect(route(page)).to_contain_text("jam dan jarak dihitung lagi setelah disimpan")
    await stop(page, second).get_by_role("button", name="Pindahkan").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="tono").press("Enter")
    await expect(route(page, "tono").locator(f'[data-stop="{second}"]')).to_be_focused()
    await stop(page, first).get_by_role("button", name="Pindahkan").click()
    await page.get_by_role("button", name="Keluarkan dari rencana").click()
    await expect(page.locator("#left .stop").first).to_have_attribute("data-stop", first)
    page.once("dialog", lambda asked: asked.dismiss())
    await page.get_by_role("button", name="Besok").click()
    await expect(page.get_by_role("region", name="Perubahan belum disimpan")).to_be_visible()  # thought better of
    await page.get_by_role("button", name="Simpan rencana").click()
    await expect(page.locator("#standing")).to_contain_text("Diubah oleh budi, hari ini")
    await expect(page.locator("#saving")).to_be_hidden()
    said = plan(team, day="2022-10-26")
    assert first not in ids(said)
    assert second in ids(said, "tono")
    await page.reload()
    await expect(page.locator("#standing")).to_contain_text("Diubah oleh budi")
    await page.get_by_role("button", name="Kembali ke usulan").click()
    await expect(page.locator("#standing")).to_contain_text("Usulan otomatis")
    assert plan(team, day="2022-10-26")["saved"] is None


async def test_late_for_an_appointment_is_marked(team, visit):
    before = plan(team)
    rest = [one for one in ids(before) if one != OWN] + [
        one["stop"] for one in before["left"] if one["kind"] == "block"
    ][:4]
    assert put(team, before, routes=[{"enumerator": WHO, "stops": [*rest, OWN]}]).status_code == 200
    page = (await visit(team, "/plan", who="budi")).page
    await expect(stop(page).locator(".badge.late")).to_have_text("Terlambat untuk janji 10.00")
    assert put(team, plan(team), routes=None).status_code == 200


async def test_somebody_else_saved_meanwhile(team, visit):
    day = "2022-10-27"
    visited = await begun(visit, team, day)
    page, before = visited.page, plan(team, day=day)
    first = ids(before)[0]
    theirs = [{"enumerator": WHO, "stops": ids(before)[:1]}]
    for choice, kept in (("Pakai rencana admin", 1), ("Simpan rencana saya", 2)):
        assert put(team, plan(team, day=day), "admin", routes=theirs).status_code == 200
        await stop(page, first).get_by_role("button", name="Pindahkan").click()
        await page.get_by_role("dialog").get_by_role("button", name="tono").click()
        await page.get_by_role("button", name="Simpan rencana").click()
        await expect(page.get_by_role("alert")).to_contain_text("Rencana ini sudah disimpan admin, hari ini")
        await page.get_by_role("button", name=choice).click()
        await expect(page.locator("#saving")).to_be_hidden()
        owner = WHO if kept == 1 else "tono"
        await expect(route(page, owner).locator(f'[data-stop="{first}"]')).to_have_count(1)
        assert first in ids(plan(team, day=day), owner)
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if "409" not in fault]


async def test_without_a_network_the_copy_is_shown_and_changes_wait(team, visit):
    day = "2022-10-28"
    visited = await visit(team, f"/plan?day={day}", who="budi")
    page, first = visited.page, ids(plan(team, day=day))[0]
    await expect(stop(page, first)).to_be_visible()
    await settled(page)
    await visited.context.set_offline(True)
    await page.reload()
    await expect(page.locator("p.kept")).to_contain_text("Salinan terakhir")
    await page.get_by_role("button", name="Ubah rencana").click()
    await stop(page, first).get_by_role("button", name="Pindahkan").click()
    await page.get_by_role("button", name="Keluarkan dari rencana").click()
    await page.get_by_role("button", name="Simpan rencana").click()
    await expect(page.locator("#problem")).to_contain_text("Menunggu dikirim")
    await page.reload()
    await expect(page.locator("div.kept").first).to_contain_text("1 perubahan menunggu dikirim")
    await expect(page.locator("#left .stop").first).to_have_attribute("data-stop", first)  # what waits is shown
    await visited.context.set_offline(False)
    await soon(lambda: first not in ids(plan(team, day=day)))
    await expect(page.locator("#standing")).to_contain_text("Diubah oleh budi")
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if not re.search("ERR_|net::", fault)]


async def test_the_way_is_drawn_when_it_is_asked_for_and_all_of_it_is_printed(team, visit):
    visited = await visit(team, "/plan", who="budi")
    page, said = visited.page, plan(team)
    await expect(stop(page)).to_be_visible()
    assert not any("sketch" in path for path in visited.seen.fetched)
    await route(page).get_by_role("button", name="Peta").click()
    drawn = route(page).locator("svg.sketch")
    await expect(drawn.locator(".block")).to_have_count(len({one["code"] for one in said["routes"][0]["stops"]}))
    marks = await drawn.locator(".mark text").all_text_contents()
    shown = [part.split("–") for words in marks for part in words.split(", ")]
    assert sum(int(ends[-1]) - int(ends[0]) + 1 for ends in shown) == len(ids(said))
    await route(page).get_by_role("button", name="Tujuan").click()  # closed on the screen, not on paper
    paper = pypdfium2.PdfDocument(io.BytesIO(await page.pdf(format="A4")))
    pages = [sheet.get_textpage().get_text_range() for sheet in paper]
    assert len(pages) == sum(bool(row["stops"]) for row in said["routes"])
    for words, row in zip(pages, [row for row in said["routes"] if row["stops"]], strict=True):
        assert all(part in words for part in (row["enumerator"], "Selasa, 25 Okt", "epoch", "DATA SIMULASI")), words
        assert words.count("Hasil") == len(row["stops"])
        assert "Kemajuan" not in words
        assert "Ubah rencana" not in words


async def test_it_fits_a_phone_and_axe_finds_nothing(team, visit):
    page = (await begun(visit, team, "2022-10-25", **PHONE)).page
    await route(page).get_by_role("button", name="Turunkan").first.tap()
    await route(page).get_by_role("button", name="Peta").tap()
    await expect(route(page).locator("svg.sketch")).to_be_visible()
    await page.get_by_text("Peluang hari ini").click()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = await page.evaluate(
        """[...document.querySelectorAll('main a, main button, main summary, main select, main input')]
           .filter((e) => e.offsetParent && e.offsetHeight < 43.5).map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert small == []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await look(page) == []
