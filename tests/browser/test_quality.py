"""The page of what needs a second look: doubts, proposals and second interviews, and what is decided on them."""

import re
from typing import Any

import pytest
from playwright.async_api import expect
from sqlalchemy import create_engine, text

from tests.browser.conftest import PHONE
from tests.world import BLOCKS, submission

pytestmark = pytest.mark.browser

METRE = 1 / 111_320
LEFT = ("pcl-ani", "pcl-budi", "pcl-citra")


def spot(block: Any, east: float, north: float) -> dict[str, float]:
    """A point so many metres from the middle of a block."""
    lon, lat = block.at(0.5, 0.5)
    return {"lon": round(lon + east * METRE, 7), "lat": round(lat + north * METRE, 7)}


def rows() -> list[dict[str, Any]]:
    """Two weeks of work in three blocks; families at one spot, families without a point, a day under a wrong code."""
    made = []
    for at, block in enumerate((*BLOCKS[:3], BLOCKS[4])):
        for n in range(45):
            where = spot(block, (n % 9 - 4) * 40 + n % 5, (n // 9 - 2) * 60 + n % 7)
            when = f"2022-10-{16 + n % 5:02d}T{8 + n // 5 % 9:02d}:{n % 5 * 11:02d}:00+08:00"
            made.append(
                submission(f"{block.number}-{n:02d}", block, enumerator=LEFT[at % 3], captured_at=when, **where)
            )
    for n in range(9):
        when = f"2022-10-22T09:{n * 4:02d}:00+08:00"
        made.append(submission(f"heap-{n}", BLOCKS[0], enumerator="pcl-ani", captured_at=when,
                               **spot(BLOCKS[0], 100 + n % 3, 25 + n // 3)))  # fmt: skip
        made.append(submission(f"bare-{n}", BLOCKS[1], enumerator="pcl-budi", lon=None, lat=None, accuracy_m=None,
                               captured_at=f"2022-10-22T1{n}:05:00+08:00" if n < 9 else None))  # fmt: skip
    for n in range(20):
        when = f"2022-10-23T{8 + n // 3:02d}:{n % 3 * 19:02d}:00+08:00"
        made.append(submission(f"code-{n:02d}", BLOCKS[1], enumerator="pcl-dewi", captured_at=when,
                               **spot(BLOCKS[4], (n % 5 - 2) * 43 + 7, (n // 5 - 2) * 47 + 11)))  # fmt: skip
    return made


@pytest.fixture(scope="module")
def worked(town):
    """A service over that work, with houses, in which tests decide on different things."""
    answer = town.send(*rows())
    assert set(answer.json()["counts"]) <= {"stored", "duplicate"} or answer.json()["counts"]["stored"] == len(rows())
    engine = create_engine(town.logins.owner)
    with engine.begin() as connection:
        places = [(b, spot(b, (k % 9 - 4) * 40, (k // 9 - 2) * 60)) for b in BLOCKS for k in range(45)]
        houses = [{"n": b.number, **at} for b, at in places]
        connection.execute(
            text("INSERT INTO ground.footprint (edition_id, number, lon, lat, area_m2) "
                 "SELECT edition_id, :n, :lon, :lat, 70 FROM ground.campaign"), houses)  # fmt: skip
    engine.dispose()
    return town


async def ready(visited):
    """The page once its list is there."""
    await expect(visited.page.locator("#list")).to_have_attribute("aria-busy", "false")
    return visited.page


# ── doubts ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_doubt_says_what_and_shows_where(worked, visit):
    page = await ready(await visit(worked, "/quality", who="supervisor"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Apa yang perlu dilihat lagi?")
    await expect(page.locator("#lead")).to_contain_text("bukan bukti kesalahan")
    await page.get_by_role("button", name=re.compile(r"^Titik berkumpul")).click()
    await expect(page).to_have_url(re.compile(r"kind=cluster"))
    await expect(page.locator("#list")).to_have_attribute("aria-busy", "false")  # else the card is one of the old list
    card = page.locator('#list > [data-kind="cluster"]').first
    await expect(card.locator(".evident")).to_have_text(re.compile(r"^9 keluarga dalam lingkaran \d(,\d)? m"))
    await expect(card.locator(".evident")).not_to_contain_text("{")
    await expect(card).to_contain_text("pcl-ani")
    look = card.get_by_role("button", name="Lihat bukti")
    await look.press("Enter")
    drawing = card.get_by_role("img", name=re.compile("Gambar bukti"))
    await expect(drawing).to_be_visible()
    assert await drawing.locator("circle.about").count() >= 1
    await expect(drawing.locator(".scale-said")).to_have_text(re.compile(r"^\d+ m$"))
    await expect(card.locator(".drawn-key")).to_contain_text(f"blok {BLOCKS[0].code}")
    await expect(card.get_by_text("Rumah kos atau rumah susun")).to_be_visible()
    await expect(card.get_by_role("link", name=re.compile("Halaman blok"))).to_have_attribute(
        "href", f"/block?code={BLOCKS[0].code}&level=block")  # fmt: skip
    await page.get_by_text(re.compile(r"^Menurut petugas")).click()
    await expect(page.locator("#beside")).to_contain_text("bukan bukti seseorang bersalah")
    await page.locator("#beside").get_by_role("button", name=re.compile("pcl-ani")).click()
    await expect(page.locator("#narrow")).to_contain_text("Hanya petugas pcl-ani")
    await expect(page).to_have_url(re.compile(r"enumerator=pcl-ani"))


async def test_a_decision_is_kept_and_can_be_undone(worked, visit):
    page = await ready(await visit(worked, "/quality?kind=no_point&lang=en", who="supervisor"))
    card = page.locator('#list > [data-kind="no_point"]').first
    chip = page.locator('[data-key="kind-no_point"] b')
    before = int(await chip.inner_text())
    await card.get_by_role("button", name="Explained").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Note").fill("GPS was broken")
    await dialog.get_by_role("button", name="Explained").click()
    await expect(chip).to_have_text(str(before - 1))
    await page.get_by_label("Show").select_option("explained")
    await expect(card.locator(".stands")).to_have_text(re.compile("Explained · supervisor, .*GPS was broken"))
    await card.get_by_role("button", name="Undo the decision").click()
    await expect(card.locator(".stands")).not_to_be_visible()
    await page.get_by_label("Show").select_option("open")
    await expect(chip).to_have_text(str(before))


async def test_without_a_network_a_decision_waits_and_is_sent_once(worked, visit):
    visited = await visit(worked, "/quality?kind=no_point", who="supervisor")
    page = await ready(visited)
    card = page.locator('#list > [data-kind="no_point"]').first
    await visited.context.set_offline(True)
    await card.get_by_role("button", name="Lihat lagi di sana").click()
    await page.get_by_role("dialog").get_by_role("button", name="Lihat lagi di sana").click()
    await expect(card.locator(".said")).to_contain_text("Menunggu dikirim")
    await expect(card.get_by_role("button", name="Ada penjelasan")).to_be_disabled()
    await visited.context.set_offline(False)
    await expect(page.locator('#list > [data-kind="no_point"]')).to_have_count(0, timeout=30_000)
    with worked.client("supervisor") as client:
        found = client.get("/v1/flags", params={"kind": "no_point", "state": "revisit"}).json()["flags"]
    assert [row["reviewed"]["decision"] for row in found] == ["revisit"]
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if "ERR_INTERNET_DISCONNECTED" not in fault]


# ── proposals ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_code_is_corrected_after_asking_twice(worked, visit):
    page = await ready(await visit(worked, "/quality?look=boundaries&kind=code", who="coordinator"))
    card = page.locator('#list > [data-kind="code"]').first
    await expect(card.locator(".evident")).to_have_text(
        re.compile(f"20 keluarga dicatat dengan kode {BLOCKS[1].code}, tetapi titiknya ada di {BLOCKS[4].code}")
    )
    await card.get_by_role("button", name="Lihat bukti").click()
    drawing = card.get_by_role("img", name=re.compile("Gambar bukti"))
    await expect(drawing.locator("text.code")).to_have_count(2)
    await expect(drawing.locator("path.block")).to_have_count(2)
    await card.get_by_role("button", name="Terima").click()
    await page.get_by_role("dialog").get_by_role("button", name="Terima").click()
    sure = page.get_by_role("dialog", name="Benar kodenya salah?")
    await expect(sure).to_contain_text("Titik dan jawaban tetap seperti dicatat")
    await sure.get_by_role("button", name="Batal").click()
    await expect(card.locator(".stands")).to_be_hidden()
    await card.get_by_role("button", name="Terima").click()
    await page.get_by_role("dialog").get_by_role("button", name="Terima").click()
    await sure.get_by_role("button", name=f"Ya, hitung di {BLOCKS[4].code}").click()
    await expect(card.locator(".said")).to_have_text(
        re.compile(f"Sekarang dihitung di {BLOCKS[4].code}: 20|Menunggu"), timeout=30_000
    )
    await page.get_by_label("Tampilkan").select_option("accepted")
    await expect(card.locator(".stands")).to_contain_text("Diterima · coordinator")
    with worked.client() as client:
        one = client.get("/v1/households/SIM-code-00").json()["household"]
    assert one["code"] == BLOCKS[4].code
    assert (one["lon"], one["lat"]) == tuple(spot(BLOCKS[4], -2 * 43 + 7, -2 * 47 + 11).values())


# ── second interviews ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_second_interviews_are_drawn_and_told(worked, visit):
    page = await ready(await visit(worked, "/quality?look=again&share=0.2", who="supervisor"))
    with worked.client("supervisor") as client:
        drawn = client.get("/v1/reinterviews", params={"share": 0.2, "limit": 0}).json()["drawn"]
    await expect(page.locator("#beside .still b")).to_have_text(f"0 dari {drawn}")
    await page.get_by_label("Diundi").select_option("0.5")
    await expect(page).to_have_url(re.compile(r"share=0\.5"))
    await expect(page.locator("#beside .still b")).not_to_have_text(f"0 dari {drawn}")
    for at, outcome in ((0, "Cocok"), (1, "Berbeda")):
        card = page.locator("#list > li").nth(at)
        await card.get_by_role("button", name=outcome).click()
        await page.get_by_role("dialog").get_by_role("button", name=outcome).click()
        await expect(card.locator(".stands")).to_contain_text(f"{outcome} · supervisor")
    await expect(page.locator("#beside")).to_contain_text(re.compile(r"Jawaban berbeda pada 50\s?% wawancara"))
    await page.get_by_text("Unduh").click()
    links = page.locator("#exports a")
    assert "share=0.5" in (await links.first.get_attribute("href"))
    await expect(page.get_by_role("link", name="GPX", exact=True)).to_be_visible()
    await expect(page.get_by_role("link", name="XLSX", exact=True)).to_be_visible()
    await page.get_by_label("Tampilkan").select_option("done")
    await expect(page.locator("#list > li")).to_have_count(2)


# ── whose page it is ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_answers_for_nothing_is_told_so(worked, visit):
    visited = await visit(worked, "/quality", who="enumerator")
    await expect(visited.page.get_by_role("heading", level=1)).to_have_text("Halaman ini bukan untuk peran Anda")
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if "403" not in fault]


async def test_too_wide_an_area_is_no_fault(worked, visit, monkeypatch):
    monkeypatch.setattr("geo.watch.villages.MOST_BLOCKS", 4)
    visited = await visit(worked, "/quality?look=again", who="coordinator")
    page = await ready(visited)
    await expect(page.locator("#problem")).to_contain_text("terlalu luas")
    await page.get_by_role("combobox", name="Cari wilayah").fill("Kampung 1")
    await page.get_by_role("option", name=re.compile("Kampung 1")).click()
    await expect(page.locator("#beside .still")).to_be_visible()
    await expect(page.locator("#looks a").first).to_have_attribute(
        "href", re.compile("look=flags&within=6472030001&within_level=village")
    )
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if "422" not in fault]


async def test_a_phone_sees_it_fit(worked, visit):
    visited = await visit(worked, "/quality?look=flags&state=all", who="coordinator", **PHONE)
    for look in ("flags", "boundaries", "again"):
        if look != "flags":
            await visited.page.locator(f'#looks [data-look="{look}"]').tap()
        page = await ready(visited)
        await page.locator("summary").first.tap()
        assert not any("vendor" in path or "evidence" in path for path in visited.seen.fetched)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        small = await page.evaluate(
            """[...document.querySelectorAll('main button, main input, main a, main select, main summary')]
               .filter((e) => e.offsetParent && e.getBoundingClientRect().height < 43.5)
               .map((e) => e.outerHTML.slice(0, 90))"""
        )
        assert small == [], look
