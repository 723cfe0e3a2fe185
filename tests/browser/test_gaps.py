"""The list of blocks in a real browser: which are left, why, who works there; light, live, and usable on a phone."""

import json
import re

import pytest
from playwright.async_api import expect

from tests import world
from tests.browser.conftest import PHONE
from tests.world import BLOCKS, submission

pytestmark = pytest.mark.browser

#: What a block's row says beside its reason, and what the page makes of it, by language.
REASONS = {
    "nobody_yet": ({}, "HP budi sudah mengirim semuanya", "budi’s phone is up to date, so it is truly unvisited"),
    "nobody_assigned": ({"enumerator": None}, "belum ada petugas yang ditugaskan", "nobody is assigned to it"),
    "unsynced": ({"waiting": 12}, "menyimpan 12 data yang belum terkirim", "holds 12 records that have not arrived"),
    "device_quiet": ({}, "HP budi tanpa kabar selama 31 jam", "nothing heard from budi’s phone for 31 hours"),
    "device_never": ({"heard_at": None}, "belum pernah memberi kabar", "has never been heard"),
    "behind_schedule": ({}, "Lebih lambat", "Slower than the time"),
    "on_course": ({}, "Sesuai jadwal", "On course"),
}


async def test_the_list_changes_by_itself_worst_first(fresh_service, visit):
    page = (await visit(fresh_service, "/gaps")).page
    items = page.locator("#list > li")
    await expect(items).to_have_count(6)
    await expect(page.locator("#answer")).to_contain_text("360 keluarga belum terdata di 6 blok")
    await expect(page.locator("#list-title")).to_have_text("6 blok, sisa terbanyak di atas")
    await expect(items.first).to_contain_text("Belum ada yang datang")
    await page.locator("#live[data-phase=live]").wait_for()
    fresh_service.send(*(submission(i) for i in range(12)))
    await expect(page.locator("#answer")).to_contain_text("348 keluarga")
    await expect(items.last).to_contain_text(BLOCKS[0].code)
    await expect(items.last).to_contain_text("12 dari target 60 keluarga")
    await expect(items.last).to_contain_text("Kampung 1, Samarinda Ulu (simulasi)")


async def test_families_that_can_still_be_won_are_told_from_those_with_three_visits(fresh_service, visit):
    fresh_service.send(*(submission(f"k{i}", result="not_met", visit=3) for i in range(3)))
    page = (await visit(fresh_service, "/gaps")).page
    await expect(page.locator("#answer")).to_contain_text("357 di antaranya masih bisa didata")
    await expect(page.locator("#answer")).to_contain_text("3 sudah habis tiga kunjungan")
    await expect(page.locator(f'[data-code="{BLOCKS[0].code}"]')).to_contain_text("57 masih bisa didata")


async def test_states_filter_with_counts(fresh_service, visit):
    fresh_service.send(submission(1))
    page = (await visit(fresh_service, "/gaps")).page
    behind = page.locator("[data-state=behind]")
    await expect(behind).to_contain_text("Terlambat 1")
    await behind.click()
    await expect(behind).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#list > li")).to_have_count(1)
    await expect(page.locator("#list-title")).to_contain_text("59 keluarga belum terdata di 1 blok")
    await expect(page).to_have_url(re.compile("state=behind"))
    await page.locator("[data-state=open]").click()
    await expect(page.locator("#list > li")).to_have_count(6)
    await behind.evaluate("(chip) => { chip.dataset.touched = 'yes'; }")
    await page.locator("#sort").evaluate("(sort) => { sort.value = 'code'; sort.dispatchEvent(new Event('change')); }")
    await expect(page.locator("#list > li").first).to_contain_text(BLOCKS[0].code)
    await expect(page.locator("#list[aria-busy=false]")).to_be_visible()
    assert await behind.get_attribute("data-touched") == "yes", "a finger on a chip must not lose it to a new one"


async def test_one_field_filters_by_name_code_and_enumerator(town, visit):
    page = (await visit(town, "/gaps")).page
    field, items = page.get_by_role("searchbox", name="Blok atau petugas"), page.locator("#list > li")
    for words, codes in {
        "rt 02": [BLOCKS[1].code, BLOCKS[4].code],
        BLOCKS[3].code.lower(): [BLOCKS[3].code],
        "siti": [BLOCKS[1].code, BLOCKS[2].code],
    }.items():
        await field.fill(words)
        await expect(items).to_have_count(len(codes))
        assert sorted([await item.get_attribute("data-code") for item in await items.all()]) == sorted(codes)
    await expect(page).to_have_url(re.compile("[?&]q=siti"))
    await page.reload()
    await expect(items).to_have_count(2)
    await expect(field).to_have_value("siti")
    await field.fill("tidak ada")
    await expect(page.locator("#list > .empty")).to_contain_text("Tidak ada blok dengan saringan ini")
    await items.get_by_role("button", name="Hapus semua saringan").click()
    await expect(items).to_have_count(6)
    await expect(field).to_have_value("")


async def test_order_and_least_stand_in_the_address(fresh_service, visit):
    fresh_service.send(*(submission(i, BLOCKS[2]) for i in range(20)), submission(99, BLOCKS[1]))
    page = (await visit(fresh_service, "/gaps?least=41&sort=code")).page
    items = page.locator("#list > li")
    await expect(items).to_have_count(5)
    codes = [await item.get_attribute("data-code") for item in await items.all()]
    assert codes == sorted(codes)
    await page.get_by_role("button", name="Saring", exact=True).click()
    await expect(page.get_by_label("Sisa paling sedikit")).to_have_value("41")
    await page.get_by_label("Sisa paling sedikit").select_option("1")
    await page.get_by_label("Urutkan").select_option("coverage")
    await expect(items).to_have_count(6)
    await expect(items.last).to_have_attribute("data-code", BLOCKS[2].code)
    await expect(page).to_have_url(re.compile("sort=coverage"))
    await expect(page.locator("#list-title")).to_contain_text("cakupan terendah di atas")


async def test_search_narrows_to_an_area(service, visit):
    page = (await visit(service, "/gaps")).page
    await page.get_by_role("button", name="Saring", exact=True).click()
    await page.get_by_role("combobox", name="Cari wilayah").fill(world.VILLAGES[1])
    await page.get_by_role("option", name="Kampung 2").click()
    await expect(page.locator("#list > li")).to_have_count(3)
    await expect(page.locator("#answer")).to_contain_text("180 keluarga")
    await expect(page.locator("#within")).to_contain_text("Hanya di Kampung 2")
    await page.reload()
    await expect(page.locator("#within")).to_contain_text("Hanya di Kampung 2")
    await page.get_by_role("button", name="Seluruh wilayah").click()
    await expect(page.locator("#list > li")).to_have_count(6)


@pytest.mark.parametrize("language", ["id", "en"])
async def test_every_reason_is_a_sentence(service, visit, language):
    visited = await visit(service, "/login", language=language)
    page = visited.page

    async def reasoned(route):
        answer = await (await route.fetch()).json()
        heard = "2022-10-23T02:00:00Z"  # the campaign's clock stands at 09:00 on the 24th
        answer["gaps"] = [
            answer["gaps"][0]
            | {"reason": reason, "enumerator": "budi", "heard_at": heard, "queued": 12, "waiting": 0, "n": n}
            | changes
            for n, (reason, (changes, *_)) in enumerate(REASONS.items())
        ]
        await route.fulfill(json=answer)

    await page.route("**/v1/gaps?*", reasoned)
    await page.goto(f"{service.url}/gaps?lang={language}")
    cards = page.locator("#list > li .why")
    await expect(cards).to_have_count(len(REASONS))
    for at, (_, *said) in enumerate(REASONS.values()):
        await expect(cards.nth(at)).to_contain_text(said[language == "en"])
    assert "{" not in await page.locator("#list").inner_text()


async def test_without_a_name_a_reason_begins_with_a_capital(town, visit):
    page = (await visit(town, "/gaps", who="siti", language="en-GB")).page
    why = page.locator(f'[data-code="{BLOCKS[1].code}"] .why')
    await expect(why).to_contain_text("Perhaps visited already: the enumerator’s phone has never been heard")


async def test_phones_say_of_whom_nothing_is_heard_and_lead_to_their_blocks(town, visit):
    page = (await visit(town, "/gaps", who="budi")).page
    phones = page.locator("#phones")
    await expect(phones).to_contain_text("1 dari 1 HP petugas tanpa kabar selama 24 jam atau lebih")
    await phones.locator("summary").click()
    await expect(phones.get_by_role("listitem")).to_contain_text("siti belum pernah memberi kabar")
    await phones.get_by_role("button", name="siti").click()
    await expect(page).to_have_url(re.compile("q=siti"))
    await expect(page.locator("#list > li")).to_have_count(2)


async def test_who_leads_nobody_is_shown_no_phones(town, visit):
    page = (await visit(town, "/gaps", who="enumerator")).page
    await expect(page.locator("#list > li")).to_have_count(1)
    await page.wait_for_timeout(500)
    await expect(page.locator("#phones")).to_be_hidden()


async def test_a_block_leads_to_its_page_to_the_map_and_to_a_maps_app(service, visit):
    visited = await visit(service, "/gaps?state=unvisited", **PHONE)
    page = visited.page
    first = page.locator("#list > li").first
    code = await first.get_attribute("data-code")
    await expect(first.get_by_role("link", name="Rincian")).to_have_attribute("href", f"/block?code={code}&level=block")
    await expect(first.get_by_role("link", name="Aplikasi peta")).to_have_attribute(
        "href", re.compile(r"^geo:(-?\d+\.\d+,\d+\.\d+)\?q=\1$")
    )
    await expect(page.locator("#these")).to_have_attribute("href", "/?state=unvisited")
    await first.get_by_role("link", name="Peta", exact=False).first.click()
    await visited.ready()
    await expect(page.locator("#panel")).to_contain_text(code)


async def test_where_there_is_a_mouse_the_point_can_be_copied(service, visit):
    visited = await visit(service, "/gaps")
    page = visited.page
    await visited.context.grant_permissions(["clipboard-read", "clipboard-write"])
    first = page.locator("#list > li").first
    await expect(first.locator("a[href^=geo]")).to_be_hidden()
    await first.get_by_role("button", name="Salin titik").click()
    await expect(first.locator(".go [role=status]")).to_contain_text("Disalin: -0.5")
    assert re.fullmatch(r"-0\.50\d+, 117\.14\d+", await page.evaluate("navigator.clipboard.readText()"))


async def test_the_list_leaves_in_six_formats_with_the_same_question(service, visit):
    page = (await visit(service, "/gaps?state=unvisited&q=rt+01")).page
    await page.get_by_text("Unduh").click()
    links = page.locator("#exports a")
    await expect(links).to_have_text(["CSV", "XLSX", "GeoJSON", "GeoPackage", "GPX", "KML"])
    for link in await links.all():
        address = await link.get_attribute("href")
        assert "state=unvisited" in address
        assert "q=rt+01" in address
        answer = await page.request.get(service.url + address)
        assert answer.status == 200, address
        assert len(await answer.body()) > 100, address


async def test_keys_alone_filter_and_open_a_block(service, visit):
    page = (await visit(service, "/gaps")).page
    await expect(page.locator("#list > li")).to_have_count(6)
    await page.locator("#q").focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#fields")).to_be_visible()
    await page.locator("[data-state=unvisited]").focus()
    await page.keyboard.press("Space")
    await expect(page.locator("[data-state=unvisited]")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("[data-state=unvisited]")).to_be_focused()
    await page.locator("#list a").first.focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/block"))


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("width", [320, *(pytest.param(width, marks=pytest.mark.slow) for width in (360, 390))])
async def test_list_and_menu_fit_a_phone(service, visit, language, width):
    device = PHONE | {"viewport": {"width": width, "height": 780}}
    page = (await visit(service, f"/gaps?lang={language}", **device)).page
    await expect(page.locator("#list > li")).to_have_count(6)
    await page.locator("#tune").tap()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = await page.evaluate(
        """[...document.querySelectorAll('.pages a, main button, main input, main select, main summary, .go a')]
           .filter((e) => e.offsetParent && (e.offsetHeight < 43.5 || e.offsetWidth < 43.5)).map((e) => e.outerHTML)"""
    )
    assert small == []
    outside = await page.evaluate(
        """[...document.querySelectorAll('.pages a')].map((e) => e.getBoundingClientRect())
           .filter((box) => box.left < 0 || box.right > innerWidth)
           .concat([...document.querySelectorAll('.pages')].map((e) => e.getBoundingClientRect())
             .filter((box) => Math.abs(box.bottom - innerHeight) > 1))
           .map((box) => JSON.stringify(box))"""
    )
    assert outside == [], "the whole menu lies at the bottom, and none of it has to be scrolled to"


async def test_a_long_list_comes_in_pages(service, visit):
    visited = await visit(service, "/login", who="admin")

    async def fewer(route):
        await route.continue_(url=re.sub(r"limit=50\b", "limit=4", route.request.url))

    await visited.page.route("**/v1/gaps?*", fewer)
    await visited.page.goto(f"{service.url}/gaps")
    await expect(visited.page.locator("#list > li")).to_have_count(4)
    await visited.page.locator("#more").click()
    await expect(visited.page.locator("#list > li")).to_have_count(6)
    await expect(visited.page.locator("#more")).to_be_hidden()


async def test_a_fault_is_said_and_can_be_tried_again(service, visit):
    visited = await visit(service, "/login")
    page = visited.page
    broken = {"type": "urn:cakupan:problem:database", "title": "Not ready", "status": 503}
    await page.route("**/v1/gaps?*", lambda route: route.fulfill(status=503, body=json.dumps(broken)))
    await page.goto(f"{service.url}/gaps")
    await expect(page.get_by_role("alert")).to_contain_text("Daftar gagal dimuat")
    await page.unroute("**/v1/gaps?*")
    await page.get_by_role("button", name="Coba lagi").click()
    await expect(page.locator("#list > li")).to_have_count(6)
    visited.seen.faults.clear()  # the browser itself complains of the 503


HOLE = {
    "hole": "7-1", "level": "block", "n": 5, "lon": 117.142, "lat": -0.504, "cells": [], "buildings": 9,
    "since": "2022-10-20", "coverage": 1.02, "state": "over",
}  # fmt: skip


async def test_holes_stand_beside_the_list_also_of_blocks_that_look_full(service, visit):
    """The list itself names only blocks with a gap; what the answer is made of `tests/app/test_holes.py` holds."""
    holes = [
        HOLE | {"code": BLOCKS[0].code, "name": "RT 01", "place": "Kampung 1, Samarinda Ulu", "missing": 14, "low": 9,
                "high": 20, "gap": 0},
        HOLE | {"hole": "7-2", "code": BLOCKS[1].code, "name": "RT 02", "place": "Kampung 1, Samarinda Ulu",
                "missing": 6, "low": 4, "high": 9, "gap": 12},
    ]  # fmt: skip
    opened = await visit(service, "/account")

    async def told(route) -> None:
        await route.fulfill(json={"total": 2, "missing": 20, "blocks": 6, "without_footprints": 0, "holes": holes})

    await opened.page.route("**/v1/holes?**", told)
    await opened.page.goto(service.url + "/gaps")
    section = opened.page.locator("#holes")
    await expect(section.locator("summary")).to_have_text("Kira-kira 20 keluarga terlewat di 2 kelompok rumah")
    await section.locator("summary").click()
    await expect(section.locator("li")).to_have_count(2)
    await expect(section.locator("li").first).to_contain_text(
        "Kira-kira 14 keluarga (9–20) terlewat. Bloknya tampak sudah penuh."
    )
    await expect(section.locator("li").last).to_contain_text("Di daftarnya masih 12 yang belum terdata.")
    link = section.get_by_role("link", name="RT 01").first
    assert BLOCKS[0].code in (await link.get_attribute("href") or "")
