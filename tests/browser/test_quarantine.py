"""The work list of rows held back in a real browser: seen, understood, decided, counted."""

import re

import pytest
from playwright.async_api import expect

from tests.app.test_access import until
from tests.browser.conftest import PHONE
from tests.world import BLOCKS, submission

pytestmark = pytest.mark.browser


def swapped(household="tertukar", inside=BLOCKS[0], **changes):
    made = submission(household, inside)
    return made | {"lon": made["lat"], "lat": made["lon"]} | changes


def completed(service):
    with service.client() as client:
        return client.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"]


async def test_swapped_axes_are_seen_and_the_proposal_is_accepted(fresh_service, visit):
    fresh_service.send(swapped(), who="enumerator")
    page = (await visit(fresh_service, "/quarantine", who="supervisor")).page
    await expect(page.locator("#list-title")).to_have_text("1 data menunggu keputusan")
    await expect(page.locator("#waiting")).to_contain_text("1")
    row = page.locator("#list > li")
    await expect(row).to_contain_text("Bujur dan lintang tertukar")
    await expect(row).to_contain_text("RT 01")
    await expect(row).to_contain_text("Dikirim enumerator")
    await row.get_by_role("button", name="Periksa").click()
    await expect(row.locator(".points li").nth(0)).to_contain_text("tidak ada tempat seperti itu di bumi")
    await expect(row.locator(".points li").nth(1)).to_contain_text("Usulan")
    await row.locator(".spot[data-state=ready]").wait_for(timeout=30_000)
    await expect(row.locator(".spot .mark.new")).to_be_visible()
    assert completed(fresh_service) == 0
    await row.get_by_role("button", name="Tukar bujur dan lintang").click()
    await expect(row.locator(".answer")).to_contain_text("Diterima dan sekarang dihitung")
    await expect(page.locator("#waiting")).to_be_hidden()
    await expect(page.locator("#list-title")).to_have_text("0 data menunggu keputusan")
    until(lambda: completed(fresh_service) == 1)
    await page.locator("[data-key=resolved]").click()
    await expect(row).to_contain_text("Diterima oleh supervisor")


async def test_corrected_by_hand_with_a_tap_on_the_map(fresh_service, visit):
    fresh_service.send(submission("nol", lon=0.0, lat=0.0), who="enumerator")
    page = (await visit(fresh_service, "/quarantine", who="supervisor")).page
    row = page.locator("#list > li")
    await row.get_by_role("button", name="Periksa").click()
    await expect(row.get_by_role("button", name="Hitung di blok ini, tanpa titik")).to_be_visible()
    await row.locator(".spot[data-state=ready]").wait_for(timeout=30_000)
    await row.get_by_role("button", name="Betulkan sendiri").click()
    await row.get_by_role("button", name="Simpan perbaikan").click()
    await expect(row.get_by_role("alert")).to_contain_text("Belum ada yang diubah")
    await row.locator(".spot canvas").click()
    await expect(row.get_by_label("bujur")).to_have_value(re.compile(r"^117\.14\d+$"))
    await expect(row.locator(".points li").nth(1)).to_contain_text("Perbaikan")
    await row.get_by_label("hasil").select_option("refused")
    await row.get_by_role("button", name="Simpan perbaikan").click()
    await expect(row.locator(".answer")).to_contain_text("Diterima dan sekarang dihitung")
    with fresh_service.client() as client:
        until(lambda: client.get("/v1/coverage?level=scope").json()["coverage"][0]["refused"] == 1)


async def test_what_the_server_refuses_is_said_and_stays_open(fresh_service, visit):
    fresh_service.send(submission("masa-depan", captured_at="2022-10-29T09:00:00+08:00"))
    visited = await visit(fresh_service, "/quarantine?lang=en", who="supervisor")
    page = visited.page
    row = page.locator("#list > li")
    await row.get_by_role("button", name="Look into it").click()
    await row.get_by_role("button", name="Check again").click()
    await expect(row.get_by_role("alert")).to_contain_text("Still held back, nothing was changed.")
    await expect(row.get_by_role("alert")).to_contain_text("Time in the future")
    await row.get_by_role("button", name="Correct by hand").click()
    field = row.get_by_label("time of capture")
    await expect(field).to_have_value("2022-10-29T09:00")
    await field.fill("2022-10-22T09:30:00")
    await row.get_by_role("button", name="Save the correction").click()
    await expect(row.locator(".answer")).to_contain_text("Accepted, and counted now.")
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if "422" not in fault]


async def test_a_conflict_shows_both_and_one_is_taken(fresh_service, visit):
    fresh_service.send(submission("dua", result="refused"), who="enumerator")
    fresh_service.send(submission("dua"), who="enumerator")
    page = (await visit(fresh_service, "/quarantine", who="supervisor")).page
    row = page.locator("#list > li")
    await row.get_by_role("button", name="Periksa").click()
    await expect(row.locator(".compare .differs")).to_have_count(1)
    await expect(row.locator(".compare .differs")).to_contain_text("Menolak")
    await expect(row.locator(".compare .differs")).to_contain_text("Selesai didata")
    await row.get_by_role("button", name="Pakai yang ditahan ini").click()
    await expect(row.locator(".answer")).to_contain_text("Diterima dan sekarang dihitung")
    until(lambda: completed(fresh_service) == 1)


async def test_a_rejection_needs_a_reason_and_somebody_else_may_be_faster(fresh_service, visit):
    fresh_service.send(swapped("a"), swapped("b"))
    visited = await visit(fresh_service, "/quarantine", who="supervisor")
    page = visited.page
    first, second = page.locator("#list > li").nth(0), page.locator("#list > li").nth(1)
    await first.get_by_role("button", name="Periksa").focus()
    await page.keyboard.press("Enter")
    await first.get_by_role("button", name="Tolak").focus()
    await page.keyboard.press("Enter")
    await expect(first.locator("textarea")).to_be_focused()
    await page.keyboard.type("Keluarga ini sudah didata di blok lain")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(first.locator(".answer")).to_contain_text("Ditolak")
    await expect(first.locator(".answer").locator("p")).to_be_focused()
    await second.get_by_role("button", name="Periksa").click()
    with fresh_service.client() as client:
        held = client.get("/v1/quarantine").json()["quarantine"][0]["id"]
        decision = {"action": "reject", "note": "lebih cepat"}
        assert client.post(f"/v1/quarantine/{held}/resolve", json=decision).status_code == 200
    await second.get_by_role("button", name="Tukar bujur dan lintang").click()
    await expect(second.get_by_role("alert")).to_contain_text("Orang lain sudah memutuskan data ini")
    await second.get_by_role("button", name="Muat ulang daftar").click()
    await expect(page.locator("#list .empty")).to_contain_text("Tidak ada yang menunggu keputusan")
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if "409" not in fault]


async def test_an_enumerator_sees_its_own_and_decides_nothing(fresh_service, visit):
    fresh_service.send(swapped("sendiri", BLOCKS[4]), who="enumerator")
    fresh_service.send(swapped("lain", BLOCKS[5]))
    page = (await visit(fresh_service, "/quarantine", who="enumerator")).page
    row = page.locator("#list > li")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text("Dikirim Anda")
    await row.get_by_role("button", name="Periksa").click()
    await expect(row.locator(".points")).to_be_visible()
    await expect(row.get_by_role("button", name="Tukar bujur dan lintang")).to_have_count(0)
    await expect(page.locator("#upload")).to_have_count(0)


async def test_reasons_filter_with_counts(fresh_service, visit):
    fresh_service.send(*(swapped(n) for n in range(3)), submission("nol", lon=0.0))
    page = (await visit(fresh_service, "/quarantine")).page
    null = page.locator("[data-key=NULL_ISLAND]")
    await expect(null).to_contain_text("Gawai tanpa posisi 1")
    await null.click()
    await expect(page.locator("#list > li")).to_have_count(1)
    await expect(page).to_have_url(re.compile("reason=NULL_ISLAND"))
    await page.reload()
    await expect(page.locator("#list > li")).to_have_count(1)
    await expect(page.locator("#list-title")).to_have_text("1 data menunggu keputusan")


async def test_the_list_of_a_broken_device_is_uploaded(fresh_service, visit):
    good, bad = submission("pinjam", enumerator="enumerator"), swapped("rusak", enumerator="enumerator")
    lines = [",".join(good), *(",".join(str(row[name]) for name in good) for row in (good, bad))]
    page = (await visit(fresh_service, "/quarantine", who="supervisor")).page
    await page.get_by_text("Gawai rusak? Unggah daftarnya").click()
    file = {"name": "gawai-07.csv", "mimeType": "text/csv", "buffer": "\r\n".join(lines).encode("utf-8-sig")}
    await page.get_by_label("Berkas CSV atau XLSX").set_input_files(file)
    await page.get_by_role("button", name="Kirim berkas").click()
    said = page.locator("#upload-said")
    await expect(said).to_contain_text("gawai-07.csv: server menerima 2 baris")
    await expect(said).to_contain_text("1 tersimpan")
    await expect(said).to_contain_text("Baris data 2 · Bujur dan lintang tertukar")
    await said.get_by_role("button", name="Tampilkan di daftar").click()
    await expect(page.locator("#list > li")).to_contain_text("SIM-rusak")
    until(lambda: completed(fresh_service) == 1)


async def test_a_phone_gets_a_light_page_that_fits(fresh_service, visit):
    fresh_service.send(*(swapped(n, BLOCKS[n % 6]) for n in range(20)))
    visited = await visit(fresh_service, "/quarantine", **PHONE)
    page = visited.page
    await expect(page.locator("#list > li")).to_have_count(20)
    await page.wait_for_timeout(500)
    weighed = dict(visited.seen.fetched)
    assert not any("vendor" in path for path in weighed), "the map library comes only when a row is opened"
    assert sum(weighed.values()) < 60_000, weighed
    row = page.locator("#list > li").first
    await row.get_by_role("button", name="Periksa").tap()
    await row.get_by_role("button", name="Betulkan sendiri").tap()
    await expect(row.get_by_label("lintang")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = await page.evaluate(
        """[...document.querySelectorAll('main button, main input, main select')]
           .filter((e) => e.offsetParent && !e.closest('.spot') && e.getBoundingClientRect().height < 43.5)
           .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert small == []
