"""The page of programmes: clusters, sites, reach and proposed places, for everybody, on a phone and on a desk."""

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, Route, expect

from app.settings import Settings
from tests.app.published import publish
from tests.app.sited import lay_clusters, place_sites
from tests.browser.conftest import DESK, PHONE, Town, _cloned
from tests.browser.test_axe import look
from tests.conftest import Service

pytestmark = pytest.mark.browser

#: Milliseconds for the first question, which begins a process that calculates.
FIRST = 120_000


@pytest.fixture(scope="module")
def overlaid(settings: Settings, cluster: str, passwords: dict[str, str], hamlet: Town) -> Iterator[Service]:
    """A service with a field table and the final one, sites of two programmes, and clusters far from them."""
    with _cloned(settings, cluster, passwords, hamlet) as service:
        publish(service.logins)
        place_sites(service.logins)
        lay_clusters(service.logins)
        yield service


async def said(page: Page, place: str = "#answer") -> str:
    """The words in a place, once everything has come."""
    await expect(page.locator("#answer[aria-busy=false]")).to_be_visible(timeout=FIRST)
    await expect(page.locator("main [aria-busy=true]")).to_have_count(0)
    return " ".join((await page.locator(place).inner_text()).split())


async def test_the_public_reads_the_answer_first_and_no_map_is_loaded(overlaid, visit):
    visited = await visit(overlaid, "/programmes", who=None, **PHONE)
    page = visited.page
    answer = await said(page)
    assert answer.startswith(
        "Di seluruh wilayah pendataan ada 1 kantong kemiskinan. "
        "Di situ tinggal kira-kira 1.676 (± 14) keluarga miskin. Di sana tidak ada lokasi PKH dalam 2 km."
    ), answer
    assert "melebihi kapasitas" not in answer, "a cell of five square kilometres holds many sites"
    row = await said(page, "#list tbody tr")
    assert re.fullmatch(
        r"1 Kampung 2 hampir pasti 1\.676 ± 14 dari 4\.200 30\W+40 % lebih dari 10 km tidak ada dalam 2 km", row
    ), row
    await page.get_by_role("button", name="Usulan lokasi").click()
    await expect(page.locator("#list")).to_contain_text("hanya untuk pemerintah daerah dan petugas yang sudah masuk")
    assert not any("vendor" in path or "/tiles/" in path for path in visited.seen.fetched)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]


async def test_programme_and_distance_are_asked_for_and_stand_in_the_address(overlaid, visit):
    page = (await visit(overlaid, "/programmes?look=reach", None, "en-GB", **PHONE)).page
    assert "2–5 km 4 ± 6" in await said(page, ".classes")
    await expect(page.locator(".classes .far")).to_have_count(3)
    await page.locator("#choices summary").click()
    await page.locator(".km label").last.click()
    await expect(page.locator(".classes .far")).to_have_count(1)
    await page.select_option("#programme", "")
    await expect(page.locator(".overlap")).to_contain_text("poor families have no site of any programme within 10 km")
    assert page.url.endswith("?programme=&km=10&look=reach")
    await expect(page.locator("#chosen")).to_have_text("all programmes · 10 km")
    await page.go_back()
    await expect(page.locator("#programme")).to_have_value("PKH")
    await page.fill("#search input", "Kampung 2")
    await page.get_by_role("option", name="Kampung 2").click()
    await expect(page.locator("#within")).to_contain_text("Only in Kampung 2")
    await expect(page.locator("#list tbody tr")).to_have_count(1)


async def test_a_release_is_compared_with_an_earlier_one_and_who_is_busy_is_asked_again(overlaid, visit):
    visited = await visit(overlaid, "/livez", "local_government", "en-GB", **PHONE)
    page, refused = visited.page, []

    async def busy(route: Route) -> None:
        if refused:
            return await route.fallback()
        refused.append(route.request.url)
        return await route.fulfill(status=503, json={"type": "urn:cakupan:problem:busy", "status": 503})

    await page.route("**/clusters?*", busy)
    await page.goto(f"{overlaid.url}/programmes?with=1")
    answer = await said(page)
    assert answer.startswith("There are 2 poverty clusters in Kota Samarinda (simulasi).")
    assert "There is no PKH site within 2 km of 1 of them." in answer
    rows = page.locator("#list tbody tr")
    await expect(rows.first).to_contain_text(re.compile("there before.*almost certain.*Release 1: 1,426"))
    await expect(rows.last).to_contain_text("new")
    await expect(page.locator(".gone")).to_contain_text("Kampung 2 Release 1: 1,426 ± 25")
    await expect(page.locator("#comparing")).to_contain_text("The two releases measure differently")
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if "503" not in fault]


async def test_rows_lead_to_the_map_and_back(overlaid, visit):
    page = (await visit(overlaid, "/programmes?look=sites", "local_government", **DESK)).page
    await expect(page.locator("#chart[data-outlines='2']")).to_be_visible()
    await page.get_by_role("button", name="Pos PKH").click()
    await expect(page.locator(".panel .warn")).to_have_text("Kapasitas 10: melebihi kapasitas.")
    await page.get_by_role("button", name="Kantong", exact=True).click()
    await expect(page.locator(".panel")).to_be_hidden()
    await page.get_by_role("button", name="1 Kampung 2").click()
    await expect(page.locator(".panel")).to_contain_text("Tidak ada lokasi PKH dalam 2 km (terdekat: lebih dari 10 km)")
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await look(page) == []
    await page.get_by_role("button", name="Lihat di tabel").click()
    await expect(page.locator("#list tr.selected button")).to_be_focused()
    await page.locator(".legend .entry").first.click()
    assert "hide=clusters" in page.url


async def test_a_local_government_looks_for_new_places(overlaid, visit):
    page = (await visit(overlaid, "/programmes?look=placements&km=1&within=", "local_government", **PHONE)).page
    await said(page)
    await expect(page.locator("#list")).to_contain_text("Tidak ada tempat yang menambah keluarga miskin")
    async with page.expect_request(lambda one: "/placements?" in one.url and "sites=2" in one.url) as asked:
        await page.select_option("#many", "2")
    assert "km=1&sites=2&method=cover" in (await asked.value).url
    await expect(page.locator("#list[aria-busy=false]")).to_be_visible()
    assert "sites=2" in page.url


async def test_every_file_of_the_question_comes(overlaid, visit):
    page = (await visit(overlaid, "/programmes?programme=Sembako&km=5", "local_government", **PHONE)).page
    await said(page)
    for name in ("pdf", "xlsx", "gpkg"):
        link = await page.locator(f"#file-{name}").get_attribute("href")
        assert "within=6472" in link
        assert "programme=Sembako&km=5" in link
        answer = await page.request.get(overlaid.url + link)
        assert answer.status == 200, link
        assert len(await answer.body()) > 1_000


async def test_without_sites_the_page_says_so_and_who_keeps_them_is_led_there(overlaid, visit):
    page = (await visit(overlaid, "/livez", "local_government", **PHONE)).page

    async def none(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, json=await answer.json() | {"programmes": [], "sites": [], "classes": []})

    await page.route(re.compile("/(sites|reach)[?]"), none)
    await page.goto(f"{overlaid.url}/programmes")
    answer = await said(page)
    assert answer.startswith("Di Kota Samarinda (simulasi) ada 2 kantong kemiskinan.")
    assert "Belum ada daftar lokasi layanan" in answer
    await expect(page.locator("#list thead th")).to_have_count(2)
    await expect(page.get_by_role("link", name="Perbarui daftar lokasi layanan")).to_have_attribute("href", "/sites")
