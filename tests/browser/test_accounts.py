"""One's own account, who may see an area, and the accounts of others, in a real browser."""

import asyncio
import re

import httpx2
import pytest
from playwright.async_api import expect

from app.database import Database
from geo.trust import accounts
from geo.trust.grants import Grant
from tests.app.townspeople import HERE, enters, grant, session
from tests.browser.conftest import DESK, PHONE
from tests.conftest import CERTIFICATES, PASSWORD, Service, serving
from tests.world import VILLAGES

pytestmark = pytest.mark.browser

#: What every page must have, as far as it can be told without a library: names, targets, references, widths.
FAULTS = """() => {
  const seen = (e) => e.offsetParent !== null && getComputedStyle(e).visibility !== 'hidden';
  const named = (e) => e.getAttribute('aria-label') || e.labels?.length || e.textContent.trim() || e.title;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const ids = all('[id]').map((e) => e.id);
  const found = [];
  for (const e of all('button, input:not([type=hidden]), select, textarea, a[href]').filter(seen)) {
    if (!named(e)) found.push(['no name', e.outerHTML.slice(0, 80)]);
    const inline = e.tagName === 'A' && e.closest('p, li') && getComputedStyle(e).display === 'inline';
    const small = e.getBoundingClientRect().height < 43.5 && !e.closest('label.tick');
    if (small && !inline) found.push(['small', e.outerHTML.slice(0, 80)]);
  }
  for (const name of ['aria-labelledby', 'aria-describedby', 'aria-controls']) {
    for (const e of all(`[${name}]`)) {
      const lost = e.getAttribute(name).split(' ').filter((id) => !ids.includes(id));
      if (lost.length) found.push([name, lost.join()]);
    }
  }
  found.push(...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => ['twice', id]));
  const levels = all('h1, h2, h3').filter(seen).map((e) => Number(e.tagName[1]));
  levels.forEach((level, at) => { if (level > (levels[at - 1] ?? 0) + 1) found.push(['heading', String(level)]); });
  const width = document.documentElement.scrollWidth;
  if (width > innerWidth) found.push(['wide', String(width)]);
  return found;
}"""


def forget(visited, *statuses):
    """Browsers write every answer of 4xx to the console; those a test is about are no fault."""
    visited.seen.faults[:] = [f for f in visited.seen.faults if not any(str(s) in f for s in statuses)]


async def test_a_token_is_shown_once_and_revoked(fresh_town, visit):
    visited = await visit(fresh_town, "/account", who="supervisor", **PHONE)
    page = visited.page
    await visited.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await expect(page.locator("#sees")).to_contain_text("Pengawas (PML): Kampung 1, desa/kelurahan 6472030001")
    await expect(page.locator("#sees")).to_contain_text("Semuanya 3 blok")
    await page.get_by_label("Untuk alat apa?").fill("HP saya")
    await page.get_by_role("button", name="Buat token").tap()
    box = page.locator(".once")
    await expect(box).to_be_focused()
    await expect(box).to_contain_text("Ini tidak dapat ditampilkan lagi")
    secret = await box.locator("code").inner_text()
    await box.get_by_role("button", name="Salin").tap()
    await expect(box.get_by_role("status")).to_have_text("Sudah disalin.")
    assert await page.evaluate("navigator.clipboard.readText()") == secret
    with fresh_town.client(None) as client:
        bearer = {"Authorization": f"Bearer {secret}"}
        assert client.get("/v1/me", headers=bearer).json()["name"] == "supervisor"
        await page.reload()
        row = page.locator("#tokens li", has_text="HP saya")
        await expect(row).to_be_visible()
        assert secret not in await page.content()
        await row.get_by_role("button").tap()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Alat yang memakainya tidak dapat masuk lagi")
        await page.keyboard.press("Escape")
        assert client.get("/v1/me", headers=bearer).status_code == 200
        await row.get_by_role("button").tap()
        await dialog.get_by_role("button", name="Cabut").tap()
        await expect(row).to_have_count(0)
        await expect(page.locator("#made")).to_contain_text("Token HP saya sudah dicabut")
        assert client.get("/v1/me", headers=bearer).status_code == 401


async def test_the_password_is_changed(fresh_town, visit):
    visited = await visit(fresh_town, "/account?lang=en", who="supervisor")
    page = visited.page
    with session(fresh_town, "supervisor") as elsewhere:
        await expect(page.locator("#sessions li")).to_have_count(1)
        await page.reload()
        await expect(page.locator("#sessions li")).to_have_count(2)
        await page.get_by_label("Old password").fill("not the old one")
        await page.get_by_label("New password").fill("yang-baru-sekali")
        await page.keyboard.press("Enter")
        await expect(page.locator("#password-said")).to_contain_text("The old password is wrong")
        await expect(page.get_by_label("Old password")).to_be_focused()
        await page.get_by_label("Old password").fill(PASSWORD)
        await page.get_by_label("Show passwords").check()
        await expect(page.get_by_label("New password")).to_have_attribute("type", "text")
        await page.get_by_role("button", name="Change the password").click()
        await expect(page.locator("#password-said")).to_contain_text("The password is changed")
        await expect(page.locator("#sessions li")).to_have_count(1)
        assert elsewhere.get("/v1/me").status_code == 401
    await page.goto(f"{fresh_town.url}/gaps")
    await expect(page.locator(".me")).to_contain_text("supervisor")
    forget(visited, 403)


async def test_a_supervisor_sees_who_may_see_its_area(town, visit):
    visited = await visit(town, "/access", who="supervisor")
    page = visited.page
    await expect(page.locator("#holders-title")).to_have_text("Wilayah Anda: 10 akun boleh melihat (3 blok)")
    roles = page.locator("#holders tbody")
    await expect(roles).to_have_count(5)
    await expect(roles.nth(2)).to_contain_text("Pengawas (PML) Melihat setiap keluarga di wilayahnya")
    await expect(page.locator("tr", has_text="siti")).to_contain_text("2 dari 3 blok di sini")
    await expect(page.locator("tr", has_text="dinsos")).to_contain_text("Tujuan: tests. Perjanjian T/1.")
    await expect(page.get_by_role("row", name="supervisor (Anda)")).to_be_visible()
    search = page.get_by_role("combobox")
    await search.fill("RT 01")
    await expect(page.get_by_role("option")).to_have_count(2)
    await page.keyboard.press("Enter")
    await expect(page.locator("#holders-title")).to_contain_text("RT 01")
    await expect(page.locator("tr", has_text="siti")).to_have_count(0)
    await expect(page).to_have_url(re.compile("within=6472030001-SIM01"))
    await page.reload()
    await expect(page.locator("#holders-title")).to_contain_text("RT 01")
    await search.fill(VILLAGES[1])
    await page.get_by_role("option").first.click()
    await expect(page.locator("#problem")).to_contain_text("Wilayah ini bukan wilayah Anda")
    await expect(page.locator("#holders tbody")).to_have_count(0)
    await expect(page.locator("#accounts")).to_have_count(0)
    await page.get_by_role("button", name="Seluruh wilayah").click()
    await expect(roles).to_have_count(5)
    forget(visited, 404)


async def test_an_administrator_makes_an_account_with_keys_alone(fresh_town, visit):
    visited = await visit(fresh_town, "/access", who="lurah")
    page = visited.page
    await expect(page.locator(".person")).to_have_count(11)
    await page.locator("#fresh summary").focus()
    await page.keyboard.press("Enter")
    new = page.locator("#new")
    await new.get_by_label("Nama akun").fill("ani")
    await new.get_by_label("Peran").select_option("supervisor")
    await expect(new).to_contain_text("Melihat setiap keluarga di wilayahnya")
    await expect(new.get_by_label("Seluruh pendataan")).to_have_count(0)  # no more than it has
    await new.get_by_role("button", name="Buat akun").focus()
    await page.keyboard.press("Enter")
    await expect(new.get_by_role("alert")).to_contain_text("Belum ada wilayah yang dipilih")
    await new.get_by_role("combobox", name="Cari wilayah").fill("Kampung 2")
    await page.keyboard.press("Enter")  # too early: nothing is found yet, and nothing is sent
    await expect(new.locator(".search [role=option]")).to_contain_text("Kampung 2")
    await page.keyboard.press("Enter")
    await new.get_by_role("button", name="Buat akun").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("ani menjadi Pengawas (PML)?")
    await expect(dialog.get_by_role("button", name="Batal")).to_be_focused()
    await dialog.get_by_role("button", name="Beri peran ini").click()
    await expect(new.get_by_role("alert")).to_contain_text("Di luar kewenangan Anda")
    await new.get_by_role("combobox", name="Cari wilayah").fill("Kampung 1")
    await expect(new.locator(".search [role=option]")).to_contain_text("Kampung 1")
    await page.keyboard.press("Enter")
    await new.get_by_role("button", name="Buat akun").click()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    box = page.locator(".once")
    await expect(box).to_be_focused()
    await expect(box).to_contain_text("Kata sandi pertama untuk ani")
    password = await box.locator("code").inner_text()
    await expect(page.locator(".person[data-account=ani]")).to_contain_text("Pengawas (PML): Kampung 1")
    await expect(page.locator("#holders tr", has_text="ani")).to_have_count(1)
    with session(fresh_town, "ani", password) as client:
        assert client.get("/v1/me").json()["blocks"] == 3
    forget(visited, 403)


async def test_an_account_is_shut_out_only_after_a_second_yes(fresh_town, visit):
    visited = await visit(fresh_town, "/access", who="camat")
    page = visited.page
    await page.get_by_role("button", name="Kelola akun supervisor").click()
    person = page.locator(".person")
    await expect(person).to_have_count(1)
    await expect(person.get_by_role("button", name="Tutup akun")).to_be_visible()
    dialog = page.get_by_role("dialog")
    with session(fresh_town, "supervisor") as supervisor:
        await person.get_by_role("button", name="Tutup akun").click()
        await expect(dialog).to_contain_text("Semua tokennya dicabut untuk selamanya")
        await dialog.get_by_role("button", name="Batal").click()
        assert supervisor.get("/v1/me").status_code == 200
        await person.get_by_role("button", name="Akhiri").click()
        await expect(dialog).to_contain_text("tidak lagi menjadi Pengawas (PML) di Kampung 1")
        await dialog.get_by_role("button", name="Akhiri").click()
        await expect(page.locator("#said")).to_contain_text("Peran supervisor sudah diakhiri")
        await expect(person).to_contain_text("Tidak ada peran yang berlaku")
        assert supervisor.get("/v1/me").json()["role"] == "none"
        await person.get_by_role("button", name="Kata sandi baru").click()
        await dialog.get_by_role("button", name="Buat kata sandi baru").click()
        password = await page.locator(".once code").inner_text()
        assert supervisor.get("/v1/me").status_code == 401
        assert enters(supervisor, "supervisor", password)
        await person.get_by_role("button", name="Tutup akun").click()
        await dialog.get_by_role("button", name="Tutup akun").click()
        await expect(person).to_contain_text("ditutup sejak")
        assert supervisor.get("/v1/me").status_code == 401
        assert not enters(supervisor, "supervisor", password)
        await person.get_by_role("button", name="Buka kembali").click()
        await dialog.get_by_role("button", name="Buka kembali").click()
        await expect(person.get_by_role("button", name="Tutup akun")).to_be_visible()
        assert enters(supervisor, "supervisor", password)


async def test_a_local_government_needs_purpose_agreement_and_end(fresh_town, visit):
    page = (await visit(fresh_town, "/access?lang=en", who="admin")).page
    await page.locator("#fresh summary").click()
    new = page.locator("#new")
    await new.get_by_label("Account name").fill("bappeda")
    await expect(new.get_by_label("Number of the agreement")).to_be_hidden()
    await new.get_by_label("Role").select_option("local_government")
    await new.get_by_label("The whole campaign").check()
    await new.get_by_role("button", name="Make the account").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)  # the browser asks for what is missing
    await new.get_by_label("Until the day").fill("2099-12-31")
    await new.get_by_label("What it is used for").fill("PKH")
    await new.get_by_label("Number of the agreement").fill("PKS/7")
    await new.get_by_role("button", name="Make the account").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Reads sealed releases only")
    await expect(page.get_by_role("dialog")).to_contain_text("until 31 Dec 2099")
    await page.get_by_role("dialog").get_by_role("button", name="Give this role").click()
    await expect(page.locator("#holders tr", has_text="bappeda")).to_contain_text("Purpose: PKH. Agreement PKS/7.")
    with fresh_town.client() as client:
        (row,) = client.get("/v1/accounts?q=bappeda").json()["accounts"]
        assert row["grants"][0]["until"] == "2099-12-31T15:59:59+00:00"  # the day ends where the campaign is


@pytest.fixture
def impatient(monkeypatch):
    """Streams look often whether they may go on."""
    monkeypatch.setattr("app.api.stream.BELIEVED_SECONDS", 0.2)
    monkeypatch.setattr("app.api.stream.ALIVE_SECONDS", 0.2)
    monkeypatch.setattr("app.access.BELIEVED_SECONDS", 0.1)


async def test_a_session_that_ended_leads_to_the_log_in_page_and_back(fresh_town, visit, impatient):
    visited = await visit(fresh_town, "/gaps?state=unvisited", who="supervisor")
    page = visited.page
    await page.locator("#live[data-phase=live]").wait_for()
    with session(fresh_town, "supervisor") as elsewhere:
        for row in elsewhere.get("/v1/sessions").json()["sessions"]:
            if not row["this"]:
                elsewhere.delete(f"/v1/sessions/{row['id']}")
    await expect(page).to_have_url(re.compile(r"/login\?ended=1&to="))
    await expect(page.get_by_role("status")).to_contain_text("Sesi Anda sudah berakhir")
    await page.get_by_label("Nama akun").fill("supervisor")
    await page.get_by_label("Kata sandi").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/gaps\?state=unvisited$"))
    forget(visited, 401)


async def test_a_page_in_use_notices_that_its_session_ended(fresh_town, visit):
    visited = await visit(fresh_town, "/account", who="supervisor")
    page = visited.page
    await expect(page.locator("#sessions li")).to_have_count(1)
    await visited.context.clear_cookies()
    await page.get_by_label("Untuk alat apa?").fill("QGIS")
    await page.get_by_role("button", name="Buat token").click()
    await expect(page).to_have_url(re.compile(r"/login\?ended=1&to=%2Faccount"))
    forget(visited, 401)


async def test_who_loses_its_role_sees_no_old_numbers(fresh_town, visit, impatient):
    visited = await visit(fresh_town, "/gaps", who="supervisor")
    page = visited.page
    await page.locator("#live[data-phase=live]").wait_for()
    with session(fresh_town, "camat") as camat:
        (given,) = camat.get("/v1/accounts?q=supervisor").json()["accounts"][0]["grants"]
        assert camat.delete(f"/v1/grants/{given['id']}").status_code == 204
        await expect(page.locator("h1")).to_have_text("Akun Anda belum punya peran")
        await expect(page.locator(".pages a")).to_have_text(["Rilis", "Program"])
        wanted = grant("supervisor", HERE)
        assert camat.post("/v1/accounts/supervisor/grants", json=wanted).status_code == 201
    await page.reload()
    await expect(page.locator("#list > li").first).to_be_visible()
    forget(visited, 403)


@pytest.mark.parametrize("device", [PHONE, pytest.param(DESK, marks=pytest.mark.slow)], ids=["phone", "desk"])
@pytest.mark.parametrize("who", ["supervisor", "camat", "baru"])
async def test_pages_have_names_and_targets_and_fit(town, visit, who, device):
    visited = await visit(town, "/livez", who=who, **device)
    page = visited.page
    # A route leaves the cache out: each page is weighed as a first one.
    await page.route("**/*", lambda route: route.continue_())
    for path, language in (("/account", "id"), ("/account", "en"), ("/access", "id"), ("/access", "en")):
        if who == "baru" and path == "/access":
            continue
        visited.seen.fetched.clear()
        await page.goto(f"{town.url}{path}?lang={language}")
        await expect(page.locator("[aria-busy=true]")).to_have_count(0)
        if who == "camat" and path == "/access":
            await page.locator(".person[data-account=supervisor] summary").click()
            await page.locator(".person[data-account=supervisor] .acts button").first.click()
            await page.locator("#fresh summary").click()
        assert await page.evaluate(FAULTS) == []
        assert 10_000 < sum(visited.seen.fetched.values()) < 60_000, visited.seen.fetched


async def test_an_account_without_a_role_is_told_kindly(town, visit):
    visited = await visit(town, "/", who="baru", **PHONE)
    page = visited.page
    await expect(page.locator("h1")).to_have_text("Akun Anda belum punya peran")
    await page.get_by_role("link", name="Lihat akun saya").tap()
    await expect(page.locator("#sees")).to_contain_text("Minta admin memberi peran")
    await expect(page.get_by_label("Kata sandi lama")).to_be_visible()
    await expect(page.locator("#make")).to_have_count(0)
    forget(visited, 403)


async def test_before_there_is_a_campaign_accounts_can_be_made(settings, empty_database, visit):
    db = Database(empty_database, 1)
    async with db.worker.begin() as connection:
        await accounts.create(connection, "admin", Grant("admin"), PASSWORD)
    await db.close()
    started = serving(settings, empty_database)
    url = await asyncio.to_thread(started.__enter__)
    try:
        visited = await visit(Service(url, empty_database, {}, PASSWORD), "/access", who="admin")
        page = visited.page
        await expect(page.locator("main > .notice")).to_contain_text("Belum ada pendataan")
        await page.locator("#fresh summary").click()
        await page.locator("#new").get_by_label("Nama akun").fill("kedua")
        await page.locator("#new").get_by_label("Peran").select_option("admin")
        await page.locator("#new").get_by_label("Seluruh pendataan").check()
        await page.locator("#new").get_by_role("button", name="Buat akun").click()
        await page.get_by_role("dialog").get_by_role("button", name="Beri peran ini").click()
        password = await page.locator(".once code").inner_text()
        with httpx2.Client(base_url=url, verify=CERTIFICATES) as client:
            assert enters(client, "kedua", password)
        await page.goto(f"{url}/account")
        await expect(page.locator("#sees")).to_contain_text("Admin: seluruh pendataan")
    finally:
        await asyncio.to_thread(started.__exit__, None, None, None)
