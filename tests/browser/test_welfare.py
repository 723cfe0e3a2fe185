"""The page after the consultation: forums with their evidence, cut-offs to turn, rows that were not taken."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.app.townspeople import done
from tests.browser.conftest import PHONE
from tests.geo.publish.test_movements import EVENT, FIRST, event
from tests.world import BLOCKS, VILLAGES

pytestmark = pytest.mark.browser

#: Families of each forum, and how many of them it moved to a poorer group; the second stands out.
FORUMS = ((60, 3), (60, 57), (60, 4), (60, 2), (60, 3), (0, 0))


async def lay(db: Any) -> None:
    rows = []
    for block, (families, moved) in zip(BLOCKS, FORUMS, strict=True):
        for n in range(families):
            name, after = f"{block.number}-{n:02d}", 2 if n < moved else 3
            said = {"before": 3, "consultation": after, "reason": "kehilangan pekerjaan" if n < moved else None}
            rows.append(event(name, block.number, "consultation", **said))
            rows.append(event(name, block.number, "rank", decile=n % 10 + 1))
            rows.append(event(name, block.number, "field_status", FIRST, field_status=1 if n % 10 == 4 else 3))
    await db.execute(EVENT, rows)


@pytest.fixture(scope="module")
def consulted(town):
    done(town.logins, lay)
    return town


async def ready(visited):
    await expect(visited.page.locator("#list")).to_have_attribute("aria-busy", "false")
    return visited.page


async def test_the_forum_to_ring_up_comes_first_and_its_evidence_opens_in_place(consulted, visit):
    page = await ready(await visit(consulted, "/welfare", who="coordinator"))
    await expect(page.locator("#list-title")).to_have_text("1 dari 5 forum menonjol")
    await expect(page.locator("#lead")).to_contain_text("bukan bukti kesalahan")
    card = page.locator("#list > li").first
    await expect(card).to_have_attribute("data-code", BLOCKS[1].code)
    await expect(card.locator(".kind")).to_have_text("Menonjol")
    await expect(card).to_contain_text("57 dari 60 keluarga dipindah")
    await card.get_by_role("button", name="Lihat bukti").press("Enter")
    await expect(card.locator(".crossed td.poorer")).to_have_text("57")
    await expect(card.locator(".reasons")).to_have_text("57 kehilangan pekerjaan")
    await expect(card).to_contain_text("terlalu sedikit untuk saling dibandingkan")
    await expect(card).to_contain_text("Banjir, kebakaran")
    await expect(card.locator(".notice")).to_contain_text("baru diketahui sesudah ditanyakan")
    await expect(page.locator("#beside")).to_contain_text("69 dari 300 keluarga")
    assert not re.search(r"\{\w+\}", await page.locator("main").inner_text())


async def test_areas_lead_to_their_forums(consulted, visit):
    page = await ready(await visit(consulted, "/welfare?lang=en", who="coordinator"))
    await page.get_by_role("combobox", name="By").select_option("village")
    await expect(page.locator("#list > li").first.locator(".kind")).to_have_text("1 forum stands out")
    await page.get_by_role("button", name=re.compile("See its 3 forums ?: Kampung 1")).click()
    await expect(page).to_have_url(re.compile(f"within={VILLAGES[0]}"))
    await expect(page.locator("#list > li")).to_have_count(3)
    await expect(page.locator("#within")).to_contain_text("Kampung 1")


async def test_a_cut_off_is_moved_and_the_poor_outside_are_said(consulted, visit):
    page = await ready(await visit(consulted, "/welfare?look=cutoffs", who="supervisor"))
    total = page.locator("#beside .total")
    await expect(total).to_contain_text("daftar bertambah dari 72 menjadi 90")
    await expect(total).to_contain_text("18 miskin menurut status lapangan (100,0%)")
    await expect(total).to_contain_text("Tetap di luar daftar baru")
    await page.get_by_label("Batas baru").select_option("3")
    await expect(total).to_contain_text("daftar berkurang dari 72 menjadi 54")
    await expect(total).to_contain_text("Dari 18 keluarga yang dikeluarkan")
    await page.get_by_role("button", name=re.compile("^Sembako")).click()
    await expect(page).to_have_url(re.compile("from=5&to=6"))
    await page.get_by_label("Daftar menurut").select_option("rank")
    await expect(page.get_by_label("Batas sekarang")).to_have_value("1000")
    await expect(total).to_contain_text("180 keluarga tanpa peringkat")
    await expect(page.locator("#list > li")).to_have_count(1)


async def test_a_file_is_imported_and_what_was_not_taken_says_what_to_do(consulted, visit):
    page = await ready(await visit(consulted, "/welfare?look=held", who="coordinator"))
    await page.get_by_text("Impor berkas").click()
    await expect(page.locator("#columns")).to_contain_text("after")
    rows = ["household_id,after,forum", f"siapa-ini,2,{BLOCKS[0].code}", f"5-00,7,{BLOCKS[0].code}"]
    file = {"name": "forum.csv", "mimeType": "text/csv", "buffer": "\r\n".join(rows).encode("utf-8-sig")}
    await page.get_by_label("Berkas CSV atau XLSX").set_input_files(file)
    await page.get_by_label("Berlaku sejak").fill("2022-10-22")
    await page.get_by_role("button", name="Kirim berkas").click()
    said = page.locator("#upload-said")
    await expect(said).to_contain_text("forum.csv: server menerima 2 baris")
    await expect(said).to_contain_text("Baris data 2 · Angka di luar skala.")
    card = page.locator('#list > [data-reason="UNKNOWN_HOUSEHOLD"]')
    await expect(card).to_contain_text("Periksa nomornya, atau datakan dulu.")
    await card.get_by_text("Yang terkirim").click()
    await expect(card.locator(".as-sent")).to_contain_text("siapa-ini")
    await expect(page.locator("#list-title")).to_have_text("2 baris belum masuk")


async def test_a_supervisor_imports_nothing_and_the_page_fits_a_phone(consulted, visit):
    visited = await visit(consulted, "/welfare?look=held", who="supervisor", **PHONE)
    page = await ready(visited)
    await expect(page.locator("#import")).to_have_count(0)
    for look in ("movements", "cutoffs"):
        await page.goto(f"{consulted.url}/welfare?look={look}")
        await expect(page.locator("#list > li").first).to_be_visible()
        if look == "movements":
            await page.get_by_role("button", name="Lihat bukti").first.tap()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        small = await page.evaluate(
            """[...document.querySelectorAll('main button, main input, main select, main summary')]
               .filter((e) => e.offsetParent && e.getBoundingClientRect().height < 43.5)
               .map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert small == []
