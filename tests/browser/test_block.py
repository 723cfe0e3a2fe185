"""The page of one block in a real browser: what is missing there, why, where inside, and a map only when asked for."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE
from tests.world import BLOCKS, VILLAGES, submission

pytestmark = pytest.mark.browser

HERE = BLOCKS[1]
PATH = f"/block?code={HERE.code}&level=block"


def hole(name: str, x: float, y: float) -> dict[str, object]:
    """A hole as /v1/holes tells it, `x` and `y` from 0 to 1 in the block."""
    lon, lat = HERE.at(x, y)
    of = {"code": HERE.code, "name": "RT 02", "level": "block", "n": HERE.number, "place": "Kampung 1"}
    sums = {"buildings": 11, "missing": 14, "low": 9, "high": 20, "gap": 50, "coverage": 0.2, "state": "behind"}
    return of | sums | {"hole": name, "lon": lon, "lat": lat, "since": "2022-10-20", "cells": []}


HOLES = {
    "holes": [hole("a", 0.9, 0.9), hole("b", 0.5, 0.1), hole("c", 0.5, 0.52)],
    "total": 3,
    "blocks": 1,
    "without_footprints": 0,
}
FAMILY = {"code": HERE.code, "result": None, "visits": 0, "lon": None, "lat": None}
STATES = {"missing": 3, "open": 0, "done": 56, "dropped": 1, "new": 1}


def family(building: str | None, sequence: int | None, state: str = "missing") -> dict[str, object]:
    return FAMILY | {
        "household_id": f"SIM-{building}-{sequence}",
        "building": building,
        "sequence": sequence,
        "state": state,
    }


async def answers(page, **by_noun) -> None:
    """Let lists answer what a test wants to see drawn."""

    def answering(made):
        async def answer(route):
            await route.fulfill(json=made(route.request.url) if callable(made) else made)

        return answer

    for noun, made in by_noun.items():
        await page.route(re.compile(rf"/v1/{noun}\?(?!.*format=)"), answering(made))


async def test_a_block_says_what_is_left_why_and_by_whom(fresh_town, visit):
    fresh_town.send(*(submission(i, HERE) for i in range(10)), submission("k", HERE, result="refused", visit=3))
    page = (await visit(fresh_town, PATH, who="supervisor")).page
    await expect(page.locator("h1")).to_have_text(f"RT 02 {HERE.code}")
    await expect(page.locator("#place")).to_contain_text("Kampung 1")
    answer = page.locator("#answer")
    await expect(answer).to_contain_text("50 keluarga belum terdata di blok ini")
    await expect(answer).to_contain_text("49 di antaranya masih bisa didata; 1 sudah habis tiga kunjungan")
    await expect(answer).to_contain_text("Terlambat")
    await expect(page.locator("#who")).to_contain_text("siti")
    await expect(page.locator("#who")).to_contain_text("pengawas budi")
    await expect(page.locator("#figures")).to_contain_text("10 dari target 60 keluarga")
    await expect(page.locator("#go a[href^='/?area=']")).to_have_attribute("href", f"/?area={HERE.code}&level=block")


async def test_callbacks_are_counted_and_linked(fresh_town, visit):
    fresh_town.send(submission("a", HERE, result="not_met"), submission("b", HERE, result="refused", visit=3))
    page = (await visit(fresh_town, PATH, who="supervisor")).page
    part = page.locator("#callbacks")
    await expect(part).to_contain_text("1 sudah tiga kali dikunjungi")
    await expect(part.get_by_role("link")).to_have_attribute(
        "href", f"/callbacks?within={HERE.code}&within_level=block"
    )


async def test_single_families_are_listed_by_number_and_new_ones_told_apart(town, visit):
    visited = await visit(town, "/livez", who="supervisor")
    page = visited.page
    asked = []

    def prelist(url):
        asked.append(url)
        if "state=new" in url:
            return {"listed": True, "states": STATES, "next": None, "prelist": [family(None, None, "new")]}
        rows = [family("012", 3), family("012", 4), family(None, 7)]
        return {"listed": True, "states": STATES, "next": None, "prelist": rows}

    await answers(page, prelist=prelist)
    await page.goto(town.url + PATH)
    part = page.locator("#missing")
    await expect(part).to_contain_text("3 dari 60 keluarga prelist belum terdata")
    await expect(part.locator(".buildings li")).to_have_text(
        ["Bangunan 012urut 3, urut 4", "Tanpa nomor bangunanurut 7"]
    )
    assert not any("state=new" in url for url in asked), "asked for only once somebody wants to know"
    await part.get_by_text("1 keluarga baru, tidak ada di prelist").click()
    await expect(part.locator("details")).to_contain_text("SIM-None-None")


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("id", ["di sudut timur laut", "di sisi selatan", "di tengah blok"]),
        ("en", ["in the north-east corner", "in the south", "in the middle of the block"]),
    ],
)
async def test_holes_say_where_they_are_in_words(town, visit, language, said):
    page = (await visit(town, "/livez", who="supervisor")).page
    await answers(page, holes=HOLES)
    await page.goto(f"{town.url}{PATH}&lang={language}")
    rows = page.locator("#holes li")
    await expect(rows).to_have_count(3)
    for at, where in enumerate(said):
        await expect(rows.nth(at)).to_contain_text(where)
        await expect(rows.nth(at)).to_contain_text("14")
        await expect(rows.nth(at)).to_contain_text("9–20")
    await expect(rows.first.locator("a")).to_have_attribute("href", re.compile("^geo:-0.50"))


async def test_without_prelist_and_footprints_the_parts_say_so(service, visit):
    page = (await visit(service, PATH)).page
    await expect(page.locator("#missing")).to_have_text("Prelist per keluarga belum dimuat untuk blok ini.")
    await expect(page.locator("#holes")).to_contain_text("belum dipetakan")
    await expect(page.locator("#callbacks")).to_have_text("Tidak ada kunjungan ulang yang menunggu di sini.")


async def test_the_map_is_loaded_only_when_it_is_asked_for(fresh_town, visit):
    fresh_town.send(*(submission(i, HERE) for i in range(20)))
    visited = await visit(fresh_town, PATH, who="supervisor")
    page = visited.page
    button = page.get_by_role("button", name="Buka peta di sini")
    await expect(button).to_be_visible()
    await page.wait_for_timeout(500)
    assert not any("vendor" in path or "tiles" in path for path in visited.seen.fetched)
    await button.focus()
    await page.keyboard.press("Enter")
    await page.locator(".plot[data-state=ready]").wait_for(timeout=30_000)
    assert any("maplibre" in path for path in visited.seen.fetched)
    drawn = await page.evaluate(
        """(() => { const map = document.querySelector('.plot').map;
            const found = (id) => (map.getLayer(id) ? map.queryRenderedFeatures({layers: [id]}).length : -1);
            return ['outline', 'cells', 'households-point', 'blocks'].map((id) => [id, found(id)]) })()"""
    )
    assert all(found > 0 for _, found in drawn), drawn
    await expect(page.locator(".plot-key li")).to_have_count(4)


async def test_an_enumerator_sees_its_block_and_no_other(town, visit):
    page = (await visit(town, f"/block?code={BLOCKS[0].code}&level=block", who="enumerator")).page
    await expect(page.locator("#answer")).to_contain_text("60 keluarga belum terdata")
    await page.goto(f"{town.url}{PATH}")
    await expect(page.locator("#answer")).to_contain_text("di luar kewenangan akun Anda")
    await expect(page.get_by_role("button", name="Buka peta di sini")).to_be_visible()
    await expect(page.locator("#missing")).to_be_hidden()


async def test_the_way_back_leads_to_the_list_as_it_was(service, visit):
    page = (await visit(service, "/gaps?state=unvisited&sort=code")).page
    await page.get_by_role("link", name="Rincian").first.click()
    await expect(page.locator("#answer")).to_contain_text("60")
    await page.get_by_role("link", name="Daftar blok").click()
    await expect(page).to_have_url(re.compile("state=unvisited"))
    await expect(page.locator("[data-state=unvisited]")).to_have_attribute("aria-pressed", "true")


async def test_what_is_no_block_is_said(service, visit):
    visited = await visit(service, f"/block?code={VILLAGES[0]}&level=village")
    page = visited.page
    await expect(page.locator("#answer")).to_contain_text("wilayah dengan banyak blok")
    await expect(page.locator("#answer a")).to_have_attribute(
        "href", f"/gaps?within={VILLAGES[0]}&within_level=village"
    )
    await page.goto(f"{service.url}/block")
    await expect(page.get_by_role("alert")).to_contain_text("Pilih satu blok")
    await page.goto(f"{service.url}/block?code=0000&level=block")
    await expect(page.get_by_role("alert")).to_contain_text("Tidak ada blok dengan kode 0000")
    await page.wait_for_timeout(500)
    visited.seen.faults.clear()  # the browser itself complains of each 404


@pytest.mark.parametrize("language", ["id", pytest.param("en", marks=pytest.mark.slow)])
async def test_it_fits_a_phone(town, visit, language):
    page = (await visit(town, "/livez", who="supervisor", **PHONE)).page
    await answers(page, holes=HOLES)
    await page.goto(f"{town.url}{PATH}&lang={language}")
    await expect(page.locator("#holes li")).to_have_count(3)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = await page.evaluate(
        """[...document.querySelectorAll('main a, main button, main summary')]
           .filter((e) => e.offsetParent && e.offsetHeight < 43.5).map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert small == []
