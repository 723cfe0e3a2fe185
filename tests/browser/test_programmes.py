"""The page of programmes: clusters, sites, reach and proposed places, for everybody, on a phone and on a desk.

A town small enough for tests has no clusters: answers of the routes are made up (`overlaid`), and held against the
service's own models. The last test asks the service itself.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from app.programme_answers import ClustersOut, OverlaySitesOut, PlacementsOut, ReachOut
from app.settings import Settings
from tests.app.published import publish
from tests.browser import overlaid
from tests.browser.conftest import DESK, PHONE, Town, _cloned
from tests.conftest import Service

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def sealed(settings: Settings, cluster: str, passwords: dict[str, str], hamlet: Town) -> Iterator[Service]:
    """A service with a field table and the final one."""
    with _cloned(settings, cluster, passwords, hamlet) as service:
        publish(service.logins)
        yield service


@pytest.fixture
def read(sealed, visit):
    """Opens the page over made-up answers; gives the page, what it asked, and the visit."""

    async def begin(path="/programmes", who=None, language="id-ID", device=PHONE, **answers):
        visited = await visit(sealed, "/releases", who, language, **device)
        asked = await overlaid.laid(visited.page, **answers)
        await visited.page.goto(sealed.url + path)
        await expect(visited.page.locator("#answer[aria-busy=false]")).to_be_visible()
        return visited.page, asked, visited

    return begin


async def said(place) -> str:
    return " ".join((await place.inner_text()).split())


def test_the_made_up_answers_are_of_the_forms_that_the_service_gives():
    for compared in (False, True):
        ClustersOut.model_validate(overlaid.clusters(compared=compared))
        ReachOut.model_validate(overlaid.reach(compared=compared))
    OverlaySitesOut.model_validate(overlaid.sites())
    PlacementsOut.model_validate(overlaid.placements())


async def test_the_public_reads_the_answer_first_and_no_map_is_loaded(read):
    page, _, visited = await read()
    answer = await said(page.locator("#answer"))
    assert answer.startswith(
        "Di seluruh wilayah pendataan ada 2 kantong kemiskinan. Di situ tinggal kira-kira 180 (± 17) keluarga miskin. "
        "1 kantong tidak punya lokasi PKH dalam 2 km."
    ), answer
    assert "400 (± 32) keluarga miskin" in answer
    assert "1 lokasi PKH melebihi kapasitas" in answer
    rows = [await said(row) for row in await page.locator("#list tbody tr").all()]
    assert re.search(r"1 Kampung 1 hampir pasti 100 ± 12 dari 400 .* kurang dari 1 km", rows[0])
    assert re.search(r"2 Kampung 2 dan Kampung 1 belum pasti .* 2–5 km tidak ada dalam 2 km", rows[1])
    await page.get_by_role("button", name="Usulan lokasi").click()
    await expect(page.locator("#list")).to_contain_text("hanya untuk pemerintah daerah dan petugas yang sudah masuk")
    assert not any("vendor" in path or "/tiles/" in path for path in visited.seen.fetched)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]


async def test_programme_and_distance_are_asked_for_and_stand_in_the_address(read):
    page, asked, _ = await read("/programmes?look=reach", "local_government", "en-GB")
    await expect(page.locator(".classes li")).to_have_count(5)
    await expect(page.locator(".classes .far")).to_have_count(3)
    await expect(page.locator("#list tbody tr").first).to_contain_text("Kampung 1")
    await page.select_option("#programme", "Sembako")
    await expect(page.locator("#answer .says")).to_contain_text("Each of them has a Sembako site within 2 km")
    await page.locator(".km label").last.click()
    await expect(page.locator(".classes .far")).to_have_count(1)
    assert "programme=Sembako&km=10&look=reach" in page.url
    assert any("/reach?" in one and "programme=Sembako" in one and "km=10" in one for one in asked)
    await page.select_option("#programme", "")
    await expect(page.locator(".overlap")).to_contain_text("60 ± 12 poor families have no site of any programme")
    await page.go_back()
    await expect(page.locator("#programme")).to_have_value("Sembako")


async def test_a_local_government_looks_for_new_places(read):
    page, asked, _ = await read("/programmes?look=placements", "local_government", "en-GB")
    await expect(page.locator("#list tbody tr")).to_have_count(3)
    await expect(page.locator("#list .says")).to_contain_text("rise from about 300 to 380 (± 21), of all 400.")
    await page.select_option("#many", "2")
    await expect(page.locator("#list tbody tr")).to_have_count(2)
    assert "sites=2" in page.url
    assert any("/placements?" in one and "sites=2" in one and "method=cover" in one for one in asked)


async def test_a_release_is_compared_with_an_earlier_one(read):
    page, asked, visited = await read("/programmes?with=1", "coordinator", "en-GB", busy=1)
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if "503" not in fault]  # it is asked again
    assert asked[0] in asked[1:]
    rows = page.locator("#list tbody tr")
    await expect(rows.first).to_contain_text("there before")
    await expect(rows.last).to_contain_text("new")
    await expect(rows.first).to_contain_text("Release 1: 70 ± 12")
    await expect(page.locator(".gone")).to_contain_text("Kampung 3")
    await expect(page.locator("#comparing")).to_contain_text("The two releases measure differently")


async def test_rows_lead_to_the_map_and_back(read):
    page, _, _ = await read("/programmes?look=sites", "local_government", device=DESK)
    await expect(page.locator("#chart[data-outlines='2']")).to_be_visible()
    await expect(page.locator("#list tbody tr")).to_have_count(2)
    await page.get_by_role("button", name="Pos PKH 2").click()
    await expect(page.locator(".panel .warn")).to_have_text("Kapasitas 50: melebihi kapasitas.")
    await page.get_by_role("button", name="Kantong", exact=True).click()
    await expect(page.locator(".panel")).to_be_hidden()
    await page.get_by_role("button", name="Kampung 2").click()
    await expect(page.locator(".panel")).to_contain_text("Tidak ada lokasi PKH dalam 2 km")
    await page.get_by_role("button", name="Lihat di tabel").click()
    await expect(page.locator("#list tr.selected button")).to_be_focused()
    await page.locator(".legend .entry").first.click()
    assert "hide=clusters" in page.url


async def test_without_sites_the_page_says_so_and_who_keeps_them_is_led_there(read):
    page, _, _ = await read(who="local_government", none=True)
    answer = await said(page.locator("#answer"))
    assert answer.startswith("Di Kota Samarinda (simulasi) tidak tampak kantong kemiskinan yang jelas")
    assert "Belum ada daftar lokasi layanan" in answer
    assert "Hati-hati: 50 dari 90 petak baru sebagian didata" in answer
    await expect(page.get_by_role("link", name="Perbarui daftar lokasi layanan")).to_have_attribute("href", "/sites")
