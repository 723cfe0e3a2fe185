"""The page of sites: what there is, what is doubtful, a file seen row by row before it is stored, one put right."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import expect

from app.settings import Settings
from tests.app.published import publish
from tests.browser.conftest import DESK, PHONE, Town, _cloned
from tests.conftest import Service
from tests.world import BLOCKS

pytestmark = pytest.mark.browser

Row = dict[str, Any]

SHOP, TWIN, POST, CLINIC = "SHOP-1", "SHOP-2", "POST-1", "CLINIC-1"


def site(site_id: str, name: str, at: tuple[float, float], capacity: int | None, what: str = "Sembako") -> Row:
    """A row of a list, its place in degrees."""
    kind = {"Sembako": "e-warong", "PKH": "pos"}.get(what, "klinik")
    made = {"site_id": site_id, "programme": what, "kind": kind, "name": name, "capacity": capacity}
    return made | {"lon": round(at[0], 6), "lat": round(at[1], 6)}


#: Two shops a few steps from each other, a post, and a clinic.
LISTED = (
    site(SHOP, "E-Warong Mawar", BLOCKS[0].at(0.5, 0.5), 120),
    site(TWIN, "Warung Mawar", BLOCKS[0].at(0.52, 0.5), None),
    site(POST, "Pos PKH Melati", BLOCKS[1].at(0.4, 0.6), 300, "PKH"),
    site(CLINIC, "Puskesmas Anggrek", BLOCKS[4].at(0.3, 0.3), None, "Puskesmas"),
)


@pytest.fixture(scope="module")
def listed(settings: Settings, cluster: str, passwords: dict[str, str], hamlet: Town) -> Iterator[Service]:
    """A service with two releases, and a list of sites in its first version."""
    with _cloned(settings, cluster, passwords, hamlet) as service:
        publish(service.logins)
        bring(service, *LISTED)
        yield service


def bring(service: Service, *rows: Row) -> None:
    """Store rows as `site` makes them."""
    with service.client("coordinator") as client:
        headers = {"content-type": "application/json"}
        answer = client.post("/v1/sites", content=json.dumps({"sites": rows}), headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.json()["counts"]["refused"] == 0


def _stored(service: Service, site_id: str) -> Row:
    with service.client(None) as client:
        found = client.get("/v1/sites", params={"q": site_id}).json()["sites"]
    return next(site for site in found if site["site_id"] == site_id)


def _card(page, site_id: str, place: str = "#list"):
    return page.locator(f'{place} > [data-site="{site_id}"]')


async def _ready(page):
    await expect(page.locator("#list")).to_have_attribute("aria-busy", "false")
    await expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    return page


async def _fits(page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = await page.evaluate(
        """[...document.querySelectorAll('main button, main input:not([type=checkbox]), main select, main summary')]
           .filter((e) => e.offsetParent && e.getBoundingClientRect().height < 43.5)
           .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert small == []
    assert not re.search(r"\{\w+\}|\bsites?\.\w+_", await page.locator("main").inner_text())


@pytest.mark.parametrize("who", [None, "supervisor"])
async def test_whoever_may_change_nothing_reads_the_list_alone(listed, visit, who):
    visited = await visit(listed, "/sites", who, **PHONE)
    page = await _ready(visited.page)
    await expect(page.locator("#answer .says")).to_have_text("Ada 4 lokasi layanan dari 3 program.")
    await expect(page.locator(".programmes tbody tr")).to_have_text(
        ["PKHpos1300", "Puskesmasklinik1belum diketahui", "Sembakoe-warong2120"]
    )
    await expect(_card(page, POST)).to_contain_text("Kampung 1")
    await expect(_card(page, POST)).to_contain_text("Melayani sampai 300 keluarga miskin")
    for hidden in ("#keep", "#check", ".doubts", "#list button:visible"):
        await expect(page.locator(hidden).and_(page.locator(":visible"))).to_have_count(0)
    assert not any("vendor" in path or "/tiles/" in path for path in visited.seen.fetched)
    await page.get_by_role("button", name=re.compile("^Sembako")).tap()
    await expect(page.locator("#list > li")).to_have_count(2)
    assert page.url.endswith("/sites?programme=Sembako")
    await page.get_by_role("searchbox").fill("warung")
    await expect(page.locator("#list-title")).to_have_text("1 lokasi")
    await _fits(page)


async def test_doubtful_sites_come_first_with_what_to_do(listed, visit):
    page = await _ready((await visit(listed, "/sites", "local_government", **PHONE)).page)
    await expect(page.locator("#answer .warn")).to_contain_text("2 lokasi perlu diperiksa")
    await expect(page.locator("#check-title")).to_have_text("Perlu diperiksa: 2")
    card = _card(page, SHOP, "#doubtful")
    await expect(card.locator(".doubts")).to_contain_text("Mungkin tercatat dua kali. Bandingkan dengan Warung Mawar.")
    await expect(card.get_by_role("button", name=re.compile("Tutup lokasi ?: E-Warong Mawar"))).to_be_visible()
    await _fits(page)


async def test_a_file_is_seen_row_by_row_before_anything_is_stored(listed, visit):
    page = await _ready((await visit(listed, "/sites", "local_government", **PHONE)).page)
    new, far = BLOCKS[5].at(0.5, 0.5), BLOCKS[2].at(0.5, 0.5)
    lines = [
        "kode;nama;bujur;lintang;daya tampung;telepon",
        f"NEW-1;Posyandu Kenanga;{new[0]:.6f};{new[1]:.6f};60;-".replace(".", ","),
        f"NEW-2;Posyandu Terbalik;{far[1]:.6f};{far[0]:.6f};;-".replace(".", ","),
        "NEW-3;Posyandu Kosong;;;40;-",
    ]
    await page.locator("#import > summary").tap()
    await page.get_by_label("Berkas", exact=True).set_input_files(
        {"name": "posyandu.csv", "mimeType": "text/csv", "buffer": "\r\n".join(lines).encode("utf-8-sig")}
    )
    await page.get_by_label(re.compile("^Program")).first.fill("Posyandu")
    await page.get_by_role("button", name="Periksa dulu").tap()
    said = page.locator("#upload-said")
    await expect(said.locator("h3")).to_have_text("Bila posyandu.csv disimpan:")
    rows = said.locator("tbody tr")
    await expect(rows).to_have_count(3)
    await expect(rows.nth(0)).to_contain_text("Baris 3 Posyandu Terbalik", use_inner_text=True)
    await expect(rows.nth(0)).to_contain_text("Bujur dan lintang tertukar.")
    await expect(rows.nth(1)).to_contain_text("Isi program, nama, bujur, dan lintangnya.")
    await expect(rows.nth(2)).to_contain_text("Lokasi baru")
    await expect(said).to_contain_text("Kolom yang tidak dipakai: telepon")
    await _fits(page)
    with listed.client(None) as client:
        assert [one["programme"] for one in client.get("/v1/sites").json()["programmes"]] == [
            "PKH",
            "Puskesmas",
            "Sembako",
        ]
    await said.get_by_role("button", name="Simpan satu perubahan ini").tap()
    await expect(said.locator("h3")).to_contain_text("Sudah disimpan sebagai versi")
    await expect(_card(page, "NEW-1")).to_contain_text("Melayani sampai 60 keluarga miskin")
    assert _stored(listed, "NEW-1")["lon"] == round(new[0], 6)


async def test_a_list_of_families_is_refused_whole(listed, visit):
    visited = await visit(listed, "/sites?lang=en", "coordinator", **DESK)
    page = await _ready(visited.page)
    await page.locator("#import > summary").click()
    body = b"program,nama kepala keluarga,lon,lat\nPKH,Siapa,117.141,-0.505\n"
    file = {"name": "keluarga.csv", "mimeType": "text/csv", "buffer": body}
    await page.get_by_label("File", exact=True).set_input_files(file)
    async with page.expect_response(lambda answer: "dry_run" in answer.url) as refused:
        await page.get_by_role("button", name="Check first").click()
    assert (await refused.value).status == 422
    await expect(page.locator("#upload-said [role=alert]")).to_contain_text("looks like a list of families or people")
    await expect(page.locator("#upload-said button")).to_have_count(0)
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if "422" not in fault]


async def test_a_site_is_corrected_by_numbers_and_on_the_map(listed, visit):
    page = await _ready((await visit(listed, "/sites?lang=en&programme=PKH", "local_government", **DESK)).page)
    card = _card(page, POST)
    await card.get_by_role("button", name="Correct").click()
    await expect(card.locator(".spot[data-state=ready]")).to_be_visible()
    await card.get_by_label("Name of the site").fill("Pos PKH Melati II")
    await card.get_by_label("Capacity").fill("banyak")
    await card.get_by_role("button", name="Store the correction").click()
    await expect(card.get_by_role("alert")).to_contain_text("Capacity is a whole number")
    await expect(card.get_by_label("Capacity")).to_be_focused()
    await card.get_by_label("Capacity").fill("1.250")
    before = await card.get_by_label("Longitude").input_value()
    await card.locator(".spot canvas").click(position={"x": 560, "y": 120})
    await expect(card.get_by_label("Longitude")).not_to_have_value(before)
    await expect(card.locator(".spot .mark.new")).to_be_visible()
    lon, lat = (round(value, 6) for value in BLOCKS[1].at(0.7, 0.3))
    await card.get_by_label("Latitude").evaluate(
        """(field, text) => { const data = new DataTransfer(); data.setData("text", text);
             field.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, cancelable: true})); }""",
        f"{lat}, {lon}",
    )
    await expect(card.get_by_label("Longitude")).to_have_value(str(lon))
    await card.get_by_role("button", name="Store the correction").click()
    await expect(page.locator("#problem")).to_have_text("Pos PKH Melati II is stored.")
    await expect(_card(page, POST)).to_contain_text("Serves up to 1,250 poor families")
    found = _stored(listed, POST)
    assert (found["name"], found["lon"], found["lat"]) == ("Pos PKH Melati II", lon, lat)


async def test_what_somebody_else_has_changed_is_not_overwritten(listed, visit):
    visited = await visit(listed, "/sites?programme=Puskesmas", "coordinator", **PHONE)
    page = await _ready(visited.page)
    card = _card(page, CLINIC)
    await card.get_by_role("button", name="Perbaiki").tap()
    await card.get_by_label("Nama lokasi").fill("Puskesmas Lain")
    bring(listed, LISTED[3] | {"capacity": 900})
    await card.get_by_role("button", name="Simpan perbaikan").tap()
    await expect(card.get_by_role("alert")).to_contain_text("Orang lain sudah mengubah lokasi ini.")
    await _fits(page)
    assert (_stored(listed, CLINIC)["name"], _stored(listed, CLINIC)["capacity"]) == ("Puskesmas Anggrek", 900)
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if "409" not in fault]


async def test_a_site_is_added_and_closed_and_earlier_versions_can_be_read(listed, visit):
    page = await _ready((await visit(listed, "/sites", "local_government", **PHONE)).page)
    await page.locator("#add > summary").tap()
    form = page.locator("#add form")
    lon, lat = BLOCKS[3].at(0.5, 0.5)
    for label, value in (
        ("Program", "Kelor"),
        ("Nama lokasi", "Kios Kelor"),
        ("Lintang", f"{lat:.6f}"),
        ("Bujur", f"{lon:.6f}"),
    ):
        await form.get_by_label(label, exact=True).fill(value.replace(".", ","))
    await form.get_by_role("button", name="Simpan lokasi").tap()
    await expect(page.locator("#problem")).to_have_text("Kios Kelor sudah disimpan.")
    await page.get_by_role("button", name=re.compile("Tutup lokasi ?: Kios Kelor")).tap()
    dialog = page.get_by_role("dialog", name="Tutup Kios Kelor?")
    await dialog.get_by_label("Mengapa ditutup?").fill("pindah ke kota lain")
    await dialog.get_by_role("button", name="Tutup lokasi").tap()
    await expect(page.locator("#problem")).to_have_text("Kios Kelor sudah ditutup.")
    await expect(page.locator("#list").get_by_text("Kios Kelor")).to_have_count(0)
    await page.locator("#versions > summary").tap()
    closing, adding = page.locator(".versions > li").nth(0), page.locator(".versions > li").nth(1)
    await expect(closing).to_contain_text("local_government")
    await expect(closing).to_contain_text("1 lokasi ditutup. pindah ke kota lain", use_inner_text=False)
    await adding.get_by_role("link", name="Lihat daftar versi ini").tap()
    await _ready(page)
    await expect(page.locator("#older")).to_contain_text("Anda melihat daftar lama")
    await expect(page.locator("#list").get_by_text("Kios Kelor")).to_have_count(1)
    await expect(page.locator("#list button:visible")).to_have_count(0)
