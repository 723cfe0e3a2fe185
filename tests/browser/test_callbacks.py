"""Families to be visited again, in a real browser: found, understood, closed and opened again."""

import re

import pytest
from playwright.async_api import expect

from tests.app.test_callbacks import close, sent
from tests.browser.conftest import PHONE
from tests.world import BLOCKS, submission

pytestmark = pytest.mark.browser


@pytest.fixture
def filled(fresh_service):
    """Visits of every kind, two of them closed."""
    assert fresh_service.send(*sent()).status_code == 201
    for name in ("c00", "c02"):
        assert close(fresh_service, name, note="tetangga: pulang kampung").status_code == 200
    return fresh_service


def card(page, name):
    """The card of a household."""
    return page.locator("#list > li", has=page.locator(f'[aria-controls="visits-SIM-{name}"]'))


async def test_what_is_due_first_and_in_words(filled, visit):
    page = (await visit(filled, "/callbacks", who="coordinator")).page
    await expect(page.locator("#list-title")).to_have_text("15 keluarga")
    words = [
        "Janji terlewat: Jum, 21 Okt 16.30", "Janji terlewat: kemarin 10.00", "Janji terlewat: hari ini 15.54",
        "Janji hari ini 16.06", "Janji hari ini 19.30", "Jatuh tempo 5 hari yang lalu", "Jatuh tempo kemarin",
        "Jatuh tempo kemarin", "Dapat dikunjungi mulai hari ini 20.54", "Sudah dapat dikunjungi",
        "Janji besok 00.00", "Janji Sen, 31 Okt 09.00", "Tiga kunjungan habis, belum ditemui",
    ]  # fmt: skip
    for n, said in enumerate(words):
        await expect(page.locator("#list > li").nth(n).locator(".when b")).to_have_text(said)
    first = page.locator("#list > li").first
    await expect(first).to_contain_text("Kampung 2")
    await expect(first).to_contain_text("Kunjungan 1 dari 3, Kam, 20 Okt 09.00 oleh pcl-4: Menolak")
    await expect(first.locator("a[href^='geo:']")).to_have_attribute("href", re.compile(r"^geo:-0\.5\d+,117\.1\d+\?q="))
    await expect(page.locator("#waiting")).to_be_hidden()


async def test_chips_filter_with_counts_and_the_link_says_so(filled, visit):
    page = (await visit(filled, "/callbacks?lang=en", who="coordinator")).page
    chips = {
        name: page.locator(f'[data-due="{name}"]') for name in ("", "overdue", "today", "later", "spent", "closed")
    }
    for name, said in {
        "": "Not closed 15",
        "overdue": "Overdue 6",
        "today": "Due today 4",
        "closed": "Closed 2",
    }.items():
        await expect(chips[name]).to_have_text(said)
    await chips["later"].click()
    await expect(page.locator("#list > li")).to_have_count(2)
    await chips["closed"].click()
    await expect(page.locator("#list > li")).to_have_count(4)
    await expect(page).to_have_url(re.compile(r"\?due=later&due=closed$"))
    await page.reload()
    await expect(page.locator("#list-title")).to_have_text("4 families")
    await expect(chips["closed"]).to_have_attribute("aria-pressed", "true")
    await chips[""].focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#list-title")).to_have_text("15 families")
    await expect(chips[""]).to_be_focused()


async def test_narrowed_to_an_area(filled, visit):
    page = (await visit(filled, "/callbacks", who="coordinator")).page
    await page.get_by_role("combobox").fill("Kampung 2")
    await page.get_by_role("option").first.click()
    await expect(page.locator("#within")).to_contain_text("Hanya di Kampung 2")
    await expect(page.locator("#list > li")).to_have_count(3)
    await expect(page.locator('[data-due="closed"]')).to_have_text("Ditutup 1")
    await page.reload()
    await expect(page.locator("#within")).to_contain_text("Hanya di Kampung 2")
    await page.get_by_role("button", name="Seluruh wilayah").click()
    await expect(page.locator("#list-title")).to_have_text("15 keluarga")


async def test_closed_with_the_keyboard_and_undone(filled, visit):
    page = (await visit(filled, "/callbacks?due=spent", who="supervisor")).page
    row = card(page, "used-up")
    await row.get_by_role("button", name="Tutup…").focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Alasan")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(row.get_by_role("button", name="Tutup…")).to_be_focused()
    await page.keyboard.press("Enter")
    await dialog.get_by_role("button", name="Tutup keluarga").click()
    await expect(dialog).to_be_visible()  # it asks for a reason first
    await dialog.get_by_label("Alasan").select_option("other")
    await dialog.get_by_role("button", name="Tutup keluarga").click()
    await expect(dialog).to_be_visible()  # which this one must be told in a note
    await dialog.get_by_label("Alasan").select_option("absent_until_the_end")
    await dialog.get_by_label("Catatan").fill("rumah kosong sejak Maret")
    await dialog.get_by_role("button", name="Tutup keluarga").click()
    await expect(row.locator(".said")).to_have_text("Ditutup: Tidak ada di rumah sampai akhir.")
    await expect(row.locator(".said p")).to_be_focused()
    await expect(page.locator('[data-due="closed"]')).to_have_text("Ditutup 2")
    await expect(page.locator('[data-due="spent"]')).to_have_text("Kunjungan habis 1")
    await row.get_by_role("button", name="Riwayat").click()
    await expect(row.locator(".visits li")).to_have_count(4)
    await expect(row.locator(".visits")).to_contain_text("Ditutup oleh supervisor: Tidak ada di rumah sampai akhir")
    await expect(row.locator(".visits")).to_contain_text("“rumah kosong sejak Maret”")
    await row.get_by_role("button", name="Batalkan penutupan").click()
    await expect(row.locator(".said")).to_contain_text("Penutupan dibatalkan")
    await expect(row.locator(".visits")).to_contain_text("Penutupan dibatalkan oleh supervisor")
    await expect(row.get_by_role("button", name="Tutup…")).to_be_visible()
    await expect(page.locator('[data-due="closed"]')).to_have_text("Ditutup 1")


async def test_what_the_server_refuses_is_said(filled, visit):
    hours = (9, 10.5, 16)
    filled.send(*(submission("rush", BLOCKS[0], n, result="refused", visit=n,
                             captured_at=f"2022-10-22T{int(hour):02d}:{int(hour % 1 * 60):02d}:00+08:00")
                  for n, hour in enumerate(hours, start=1)))  # fmt: skip
    visited = await visit(filled, "/callbacks?due=spent&lang=en", who="supervisor")
    page = visited.page
    row = card(page, "rush")
    await row.get_by_role("button", name="History").click()
    await expect(row.locator(".visits .early")).to_contain_text("Too soon, 1.5 hours after the visit before")
    await expect(row.locator(".visits")).to_contain_text("1 more visit is needed")
    await row.get_by_role("button", name="Close…").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Reason").select_option("unsafe")
    await dialog.get_by_role("button", name="Close the family").click()
    await expect(row.get_by_role("alert")).to_contain_text("Cannot be closed yet: visits still needed: 1")
    assert close(filled, "used-up").status_code == 200
    other = card(page, "used-up")
    await other.get_by_role("button", name="Close…").click()
    await dialog.get_by_label("Reason").select_option("unsafe")
    await dialog.get_by_label("Note").fill("NIK 6472031210850001")
    await dialog.get_by_role("button", name="Close the family").click()
    await expect(other.get_by_role("alert")).to_contain_text("looks like an identity number")
    await other.get_by_role("button", name="Close…").click()
    await dialog.get_by_label("Reason").select_option("unsafe")
    await dialog.get_by_role("button", name="Close the family").click()
    await expect(other.get_by_role("alert")).to_contain_text("Somebody else has decided this already")
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if not re.search("409|422", fault)]


async def test_half_an_answer_is_not_closed_and_enumerators_close_nothing(filled, visit):
    page = (await visit(filled, "/callbacks?due=spent&due=closed", who="coordinator")).page
    await expect(card(page, "used-up-half").locator(".when")).to_contain_text("jawaban belum lengkap")
    await expect(card(page, "used-up-half").get_by_role("button", name="Tutup…")).to_have_count(0)
    await expect(card(page, "c00").locator(".when")).to_contain_text("Ditutup hari ini 17.00: Menolak sampai akhir")
    await expect(card(page, "c00").get_by_role("button", name="Batalkan penutupan")).to_be_visible()
    page = (await visit(filled, "/callbacks?due=spent&due=closed", who="enumerator")).page
    await expect(card(page, "used-up")).to_be_visible()
    await expect(page.locator("#list").get_by_role("button", name=re.compile("Tutup|Batalkan"))).to_have_count(0)


async def test_pages_go_on_where_the_one_before_ended(fresh_service, visit):
    rows = [submission(f"b{n:02d}", BLOCKS[n % 3], result="not_met", captured_at="2022-10-22T09:00:00+08:00")
            for n in range(32)]  # fmt: skip
    fresh_service.send(*rows)
    page = (await visit(fresh_service, "/callbacks", who="supervisor")).page
    await expect(page.locator("#list > li")).to_have_count(25)
    await page.get_by_role("button", name="Tampilkan lebih banyak").click()
    await expect(page.locator("#list > li")).to_have_count(32)
    await expect(page.locator("#more")).to_be_hidden()
    ids = await page.locator("#list [aria-controls]").evaluate_all(
        "all => all.map((e) => e.getAttribute('aria-controls'))"
    )
    assert len(set(ids)) == 32


async def test_nobody_is_to_be_visited(fresh_service, visit):
    page = (await visit(fresh_service, "/callbacks", who="supervisor")).page
    await expect(page.locator("#list .empty")).to_have_text("Tidak ada keluarga yang perlu dikunjungi lagi di sini.")


async def test_without_a_network_a_closing_waits_and_is_sent_once(filled, visit):
    visited = await visit(filled, "/callbacks?due=spent", who="supervisor")
    page = visited.page
    row = card(page, "used-up")
    await expect(row).to_be_visible()
    await visited.context.set_offline(True)
    await row.get_by_role("button", name="Tutup…").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Alasan").select_option("no_access")
    await dialog.get_by_role("button", name="Tutup keluarga").click()
    await expect(row.locator(".said")).to_contain_text("Menunggu dikirim")
    await expect(row.get_by_role("button", name="Tutup…")).to_be_disabled()
    await visited.context.set_offline(False)
    await expect(page.locator('[data-due="spent"]')).to_have_text("Kunjungan habis 1", timeout=30_000)
    await page.locator('[data-due="closed"]').click()
    await expect(card(page, "used-up").locator(".when")).to_contain_text("Tidak dapat masuk")
    with filled.client("supervisor") as client:
        assert len(client.get("/v1/households/SIM-used-up").json()["closings"]) == 1
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if "ERR_INTERNET_DISCONNECTED" not in fault]


async def test_a_phone_gets_a_light_page_that_fits(filled, visit):
    visited = await visit(filled, "/callbacks", who="coordinator", **PHONE)
    page = visited.page
    await expect(page.locator("#list > li")).to_have_count(15)
    await page.wait_for_timeout(500)
    weighed = dict(visited.seen.fetched)
    assert not any("vendor" in path for path in weighed)
    assert sum(weighed.values()) < 60_000, weighed
    row = card(page, "used-up")
    await row.get_by_role("button", name="Riwayat").tap()
    await expect(row.locator(".visits li")).to_have_count(3)
    await row.get_by_role("button", name="Tutup…").tap()
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = await page.evaluate(
        """[...document.querySelectorAll('main button, main input, main a, dialog button, dialog select')]
           .filter((e) => e.offsetParent && e.getBoundingClientRect().height < 43.5)
           .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert small == []
