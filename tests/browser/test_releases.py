"""The page of releases, as the public and as a local government see it, on a phone and on a desk, in both languages."""

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from app.settings import Settings
from tests.app.published import FINAL, publish
from tests.browser.conftest import DESK, PHONE, Town, _cloned
from tests.conftest import Service
from tests.world import BLOCKS, VILLAGES

pytestmark = pytest.mark.browser

#: A share that no page may state: of a share as people write it, none or all.
NONE_OR_ALL = re.compile(r"(?<![\d.,–⁠])(?:0|100)(?:[.,]0+)?\s?%")


@pytest.fixture(scope="module")
def sealed(settings: Settings, cluster: str, passwords: dict[str, str], hamlet: Town) -> Iterator[Service]:
    """A service with a field table and the final one."""
    with _cloned(settings, cluster, passwords, hamlet) as service:
        publish(service.logins)
        yield service


@pytest.fixture
def planned(fresh_service: Service) -> Service:
    """A service whose terms are fixed, and nothing published."""
    publish(fresh_service.logins, kept=())
    return fresh_service


async def rows_of(page) -> list[str]:
    await expect(page.locator("#list[aria-busy=false]")).to_be_visible()
    return [" ".join(text.split()) for text in await page.locator("#list tbody tr").all_inner_texts()]


async def test_the_public_reads_villages_on_a_phone_and_no_map_is_loaded(sealed, visit):
    visited = await visit(sealed, "/releases", who=None, **PHONE)
    page = visited.page
    await expect(page.locator(".edition")).to_have_text("Rilis 6 dari 6 · hitungan akhir · per 14 Mei 2023")
    said = page.locator("#answer .says")
    await expect(said).to_contain_text("keluarga yang sudah didata di seluruh wilayah pendataan, kira-kira")
    rows = await rows_of(page)
    assert len(rows) == 2
    assert all(
        re.search(r"Kampung \d 647203000\d \d+ ± \d+ dari \d+ (\d+\W+\d+|kurang dari 5)", row) for row in rows
    ), rows
    body = await page.locator("body").inner_text()
    assert not NONE_OR_ALL.search(body)
    assert "Buka peta" in body
    assert not any("vendor" in path or "/tiles/" in path for path in visited.seen.fetched)
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["viewport"]["width"]


async def test_blocks_are_closed_to_the_public_and_open_to_their_local_government(sealed, visit):
    for who, blocks in ((None, 0), ("local_government", 3)):
        page = (
            await visit(sealed, f"/releases?release=1&within={VILLAGES[0]}&within_level=village", who, **PHONE)
        ).page
        rows = await rows_of(page)
        assert len(rows) == blocks
        if not blocks:
            await expect(page.locator("#list")).to_contain_text("hanya untuk pemerintah daerah setempat")
            assert BLOCKS[0].code not in await page.content()
            continue
        said = dict(zip(("few", "none", "plain"), sorted(rows, key=len, reverse=True), strict=True))
        assert "kurang dari 10 keluarga: tidak ditampilkan" in said["few"]
        assert "belum ada angka" in said["none"]
        assert "21 ± 9 dari 58 30" in said["plain"]


async def test_a_list_is_narrowed_sorted_and_opened_and_the_address_says_so(sealed, visit):
    page = (await visit(sealed, "/releases?release=1", "local_government", "en-GB", **PHONE)).page
    await expect(page.locator("#path [aria-current]")).to_have_text("Kota Samarinda (simulasi)")
    await page.fill("#q", "Kampung 2")
    await expect(page.locator("#list tbody tr")).to_have_count(1)
    await page.get_by_role("button", name="Kampung 2").click()
    await expect(page.locator("#path [aria-current]")).to_have_text("Kampung 2")
    await expect(page.locator("#list tbody tr")).to_have_count(3)
    await page.locator("[data-sort=share], [data-hold=sort-share]").click()
    await expect(page.locator("th.share[aria-sort=descending]")).to_have_count(1)
    assert f"within={VILLAGES[1]}" in page.url
    assert "sort=share" in page.url
    await expect(page.locator("#answer .warn")).to_contain_text("Do not compare with other areas.")
    await page.go_back()
    await page.go_back()
    await expect(page.locator("#path [aria-current]")).to_have_text("Kota Samarinda (simulasi)")


async def test_two_releases_side_by_side_say_what_changed_and_whether_it_is_clear(sealed, visit):
    page = (await visit(sealed, "/releases", "local_government", "en-GB", **PHONE)).page
    await rows_of(page)
    await page.select_option("#with", "1")
    await expect(page.locator("table.changes tbody tr")).to_have_count(2)
    row = " ".join((await page.locator("table.changes tbody tr").first.inner_text()).split())
    assert re.search(
        r"Release 1: \d+ ± \d+ of \d+ Release 6: \d+ ± \d+ of \d+ [+−]\d+ ± \d+ (a clear change|may be no change)", row
    )
    await expect(page.locator("#comparing")).to_contain_text("The two releases measure differently")


async def test_the_map_stands_beside_the_list_on_a_desk(sealed, visit):
    page = (await visit(sealed, "/releases?release=1", "local_government", **DESK)).page
    await expect(page.locator("#chart[data-state=ready]")).to_be_visible(timeout=30_000)
    entries = page.locator(".legend .entry")
    await expect(entries).to_have_count(12)
    assert [" ".join((await one.inner_text()).split()) for one in (await entries.all())[:2]] == [
        "kurang dari 5 %",
        "5⁠–⁠10 %",
    ]
    await page.get_by_role("button", name="Kampung 1").click()
    await page.get_by_role("button", name="RT 01").click()
    await expect(page.locator(".panel .says")).to_contain_text(
        "Dari 58 keluarga yang sudah didata di RT 01, kira-kira 21"
    )
    await page.locator("label:has(#cells)").click()
    await expect(page.locator(".panel")).to_be_hidden()
    assert "cells=1" in page.url


async def test_every_file_of_a_release_comes(sealed, visit):
    page = (await visit(sealed, "/releases", "local_government", **PHONE)).page
    await rows_of(page)
    links = [await one.get_attribute("href") for one in await page.locator("#files a").all()]
    assert len(links) == 4
    for link in links:
        answer = await page.request.get(sealed.url + link)
        assert answer.status == 200, link
        assert len(await answer.body()) > 100
    assert f"/v1/releases/{FINAL}.xlsx?lang=id" in links


async def test_before_the_first_release_the_page_says_when(planned, visit):
    page = (await visit(planned, "/releases", who=None, **PHONE)).page
    await expect(page.locator("#which")).to_have_text(
        "Belum ada yang terbit. Rilis berikutnya paling cepat 22 Oktober 2022."
    )
    await expect(page.locator("#calendar li")).to_have_count(3)
    await expect(page.locator("#areas")).to_be_hidden()


async def test_a_local_government_lands_here_and_is_led_here_from_elsewhere(sealed, visit):
    page = (await visit(sealed, "/login", who=None, **PHONE)).page
    await expect(page.get_by_role("link", name="Lihat angka yang sudah terbit, tanpa masuk")).to_have_attribute(
        "href", "/releases"
    )
    await page.fill("#name", "local_government")
    await page.fill("#password", sealed.password)
    await page.locator("button.main").click()
    await expect(page.locator(".edition")).to_be_visible()
    assert page.url.startswith(f"{sealed.url}/releases")
    answer = await page.request.get(f"{sealed.url}/gaps")
    assert answer.status == 403
    assert 'href="/releases"' in await answer.text()
