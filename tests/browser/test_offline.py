"""Without a network: the last copy with its age, writes that wait and happen once, nothing left for who comes next."""

import asyncio
import contextlib
import re
import threading
import time

import pytest
import uvicorn
from playwright.async_api import Error, expect

from app.access import COOKIE
from app.main import create_app
from app.service import Server
from tests.browser.afield import (
    EXPECTED,
    MODULE,
    SHELLS,
    completed,
    copies,
    household,
    send,
    settled,
    shells,
    soon,
    until,
)
from tests.browser.conftest import PHONE
from tests.browser.test_axe import look
from tests.conftest import PASSWORD, Service, people
from tests.world import submission

pytestmark = pytest.mark.browser

#: What a browser says aloud of a request that did not get through: these tests make it so.

# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("language", "age", "why", "again"),
    [
        ("id-ID", "Salinan terakhir, ", "Tidak ada jaringan", "Coba lagi"),
        pytest.param("en-GB", "Last copy, ", "No network", "Try again", marks=pytest.mark.slow),
    ],
)
async def test_the_list_opens_without_a_network_and_says_how_old_it_is(service, phone, language, age, why, again):
    visited = await phone(service, language=language)
    page = visited.page
    await visited.context.set_offline(True)
    await page.reload()
    await expect(page.locator("#list > li")).to_have_count(6)
    await expect(page.locator("p.kept")).to_contain_text(age)
    await expect(page.locator("p.kept")).to_contain_text(why)
    await expect(page.locator(".me")).to_contain_text("admin")
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await look(page) == []
    await visited.context.set_offline(False)
    await expect(page.locator("p.kept")).to_be_hidden()
    await expect(page.get_by_role("button", name=again)).to_be_hidden()
    await page.locator("#live[data-phase=live]").wait_for()


async def test_coming_back_shows_what_happened_meanwhile(fresh_service, phone):
    visited = await phone(fresh_service)
    page = visited.page
    await visited.context.set_offline(True)
    await page.reload()
    await expect(page.locator("p.kept")).to_be_visible()
    await expect(page.locator("#list > li").first).to_contain_text("60")
    fresh_service.send(*(submission(i) for i in range(12)))
    await visited.context.set_offline(False)
    await expect(page.locator("#list > li").last).to_contain_text("48")
    await expect(page.locator("p.kept")).to_be_hidden()


@pytest.mark.slow
async def test_an_old_copy_says_its_hours(service, phone):
    visited = await phone(service)
    page = visited.page
    await page.evaluate("""() => new Promise((resolve) => {
      indexedDB.open("cakupan").onsuccess = ({ target: { result: db } }) => {
        const change = db.transaction("copies", "readwrite");
        change.objectStore("copies").openCursor().onsuccess = ({ target: { result: one } }) => {
          if (!one) return;
          if (one.value.text) one.update({ ...one.value, at: Date.now() - 2.2 * 3600000 });
          one.continue();
        };
        change.oncomplete = () => { db.close(); resolve(); };
      };
    })""")
    await visited.context.set_offline(True)
    await page.reload()
    await expect(page.locator("p.kept")).to_contain_text("2 jam yang lalu")


@pytest.mark.slow
async def test_a_slow_line_shows_the_copy_and_then_the_answer(service, phone):
    visited = await phone(service)
    page = visited.page
    held = asyncio.Event()

    async def slow(route):
        await held.wait()
        await route.continue_()

    await page.route(re.compile("/v1/gaps"), slow)
    await page.reload()
    await expect(page.locator("#list > li")).to_have_count(6)
    await expect(page.locator("p.kept")).to_contain_text("Jaringan lambat")
    held.set()
    await expect(page.locator("p.kept")).to_be_hidden()


@pytest.mark.slow
async def test_what_was_never_opened_says_so_and_comes_with_the_network(service, phone):
    visited = await phone(service)
    page = visited.page
    await visited.context.set_offline(True)
    await page.goto(f"{service.url}/gaps?state=behind")
    await expect(page.locator("#problem")).not_to_be_empty()
    await expect(page.locator("p.kept")).to_be_hidden()
    await visited.context.set_offline(False)
    await expect(page.locator("#problem")).to_be_empty()


@pytest.mark.slow
async def test_pages_not_opened_yet_open_too(service, phone):
    visited = await phone(service)
    page = visited.page
    await until(page, f"({SHELLS})().then((found) => ['/block', '/callbacks'].every((path) => found.includes(path)))")
    await visited.context.set_offline(True)
    for path in ("/callbacks", "/block?code=6472030001000100"):
        await page.goto(service.url + path)
        await expect(page.locator(".me")).to_contain_text("admin")
        await expect(page.locator("h1")).to_be_visible()


async def test_only_shells_files_and_lists_of_the_field_are_kept(service, phone):
    visited = await phone(service)
    page = visited.page
    await page.goto(service.url)
    await visited.ready()
    paths = await page.evaluate(SHELLS)
    assert not [path for path in paths if not re.match(r"/assets/\w+/static/|/(gaps|block|callbacks|plan)$", path)]
    kept = [one["key"].split(" ")[2] for one in await copies(page)]
    assert kept
    assert not [key for key in kept if not re.match(r"/v1/(gaps|coverage|areas|enumerators|holes)\b", key)]


@pytest.mark.slow
async def test_without_a_place_to_keep_things_everything_works_online(service, visit):
    visited = await visit(service, "/login", **PHONE)
    await visited.context.add_init_script(
        "delete Object.getPrototypeOf(navigator).serviceWorker;"
        "Object.defineProperty(globalThis, 'indexedDB', { get() { throw new Error('none'); } });"
    )
    page = visited.page
    await page.goto(f"{service.url}/gaps")
    await expect(page.locator("#list > li")).to_have_count(6)
    assert await send(page, household(900)) == {"queued": False}
    await visited.context.set_offline(True)
    assert await send(page, household(901)) == {"refused": "network"}
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if not EXPECTED.search(fault)]


# ── a service that goes and comes back ──────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def listening(settings, logins, port: int):
    """A service in a thread, on a port that it had before."""
    app = create_app(settings, logins, may_lose=True)
    server = Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=1), app)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    limit = time.monotonic() + 20
    while not server.started and time.monotonic() < limit:
        time.sleep(0.02)
    assert server.started
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.mark.slow
async def test_a_service_that_goes_and_comes_back(settings, fresh_database, phone):
    tokens = await people(fresh_database)
    with listening(settings, fresh_database, 0) as port:
        service = Service(f"http://127.0.0.1:{port}", fresh_database, tokens, PASSWORD)
        visited = await phone(service)
    page = visited.page
    await page.reload()
    await expect(page.locator("#list > li")).to_have_count(6)
    await expect(page.locator("p.kept")).to_contain_text("Tidak ada jaringan")
    assert await send(page, household(1)) == {"queued": True}
    with listening(settings, fresh_database, port):
        await expect(page.locator("p.kept")).to_be_hidden(timeout=40_000)
        await expect(page.locator("div.kept")).to_have_count(2)
        await soon(lambda: completed(service) == 1, 40)
        await page.close()


# ── who comes next ──────────────────────────────────────────────────────────────────────────────────────────────────


async def log_in(page, service, who) -> None:
    """On the log-in page."""
    await page.get_by_label("Nama akun").fill(who)
    await page.get_by_label("Kata sandi").fill(service.password)
    await page.get_by_role("button", name="Masuk").click()


async def test_a_log_out_erases_everything(service, phone):
    visited = await phone(service)
    page = visited.page
    assert await shells(page)
    assert await copies(page)
    await page.get_by_role("button", name="Keluar").click()
    await expect(page).to_have_url(re.compile("/login$"))
    assert await page.evaluate("caches.keys()") == []
    assert await page.evaluate("indexedDB.databases().then((all) => all.length)") <= 1
    assert await copies(page) == []
    assert await page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
    await visited.context.set_offline(True)
    with pytest.raises(Exception, match="ERR_INTERNET_DISCONNECTED"):
        await page.goto(f"{service.url}/gaps")


async def test_a_log_out_asks_first_where_writes_wait_and_they_stay_their_accounts(fresh_service, phone):
    service = fresh_service
    visited = await phone(service, who="supervisor")
    page = visited.page
    aborted = re.compile("/v1/submissions")
    await page.route(aborted, lambda route: route.abort())
    assert await send(page, household(1)) == {"queued": True}
    out = page.get_by_role("button", name="Keluar").first
    await out.click()
    ask = page.get_by_role("dialog")
    await expect(ask).to_contain_text("1 perubahan menunggu dikirim")
    assert await look(page) == []
    await ask.get_by_role("button", name="Tetap masuk").click()
    await expect(ask).to_have_count(0)
    await out.click()
    await ask.get_by_role("button", name="Keluar").click()
    await expect(page).to_have_url(re.compile("/login$"))
    await expect(page.locator("#kept")).to_contain_text("Satu perubahan menunggu di perangkat ini")
    assert await copies(page) == []
    assert await shells(page) == []

    await page.unroute(aborted)
    await page.goto(f"{service.url}/login?to=/gaps")
    await log_in(page, service, "coordinator")
    line = page.locator("div.kept").first
    await expect(line).to_contain_text("1 perubahan oleh supervisor menunggu di perangkat ini")
    await page.wait_for_timeout(500)
    assert completed(service) == 0, "nothing is sent as somebody else"
    await page.goto(f"{service.url}/account")
    await page.get_by_role("button", name="Keluar").first.click()
    await expect(page.locator("#kept")).to_be_visible()
    await page.goto(f"{service.url}/login?to=/")
    await log_in(page, service, "supervisor")
    await soon(lambda: completed(service) == 1)


@pytest.mark.slow
async def test_without_a_network_a_log_out_erases_and_says_what_is_left_to_do(service, phone):
    visited = await phone(service)
    page = visited.page
    await visited.context.set_offline(True)
    await page.get_by_role("button", name="Keluar").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Tanpa jaringan")
    assert await look(page) == []
    assert await copies(page) == []
    assert await shells(page) == []


async def test_a_session_that_ended_leaves_no_copies_but_what_waits(fresh_service, phone):
    visited = await phone(fresh_service)
    page = visited.page
    await visited.context.set_offline(True)
    assert await send(page, household(1)) == {"queued": True}
    (cookie,) = [c for c in await visited.context.cookies() if c["name"] == COOKIE]
    await visited.context.add_cookies([{**cookie, "value": "ended"}])
    await visited.context.set_offline(False)
    await expect(page).to_have_url(re.compile(r"/login\?ended=1&to=%2Fgaps"))
    await expect(page.locator("#kept")).to_be_visible()
    assert await copies(page) == []
    assert await shells(page) == []
    await log_in(page, fresh_service, "admin")
    await expect(page).to_have_url(re.compile("/gaps"))
    await soon(lambda: completed(fresh_service) == 1)


async def test_another_account_never_sees_the_first_ones_copies(service, phone):
    """Also where no log-in page came between, as with a provider of log-ins."""
    visited = await phone(service)
    page = visited.page
    await visited.context.request.post(
        f"{service.url}/login", form={"name": "supervisor", "password": service.password, "to": "/livez"}
    )
    with contextlib.suppress(Error):  # the page loads itself anew once it hears, by this request or its own
        await page.evaluate(f"import({MODULE}).then((m) => m.copied('/v1/gaps')).catch((e) => e.code)")
    await page.wait_for_timeout(500)
    await page.goto(f"{service.url}/gaps")
    await expect(page.locator(".me")).to_contain_text("supervisor")
    await expect(page.locator("#list > li")).to_have_count(3)
    await until(page, f"({SHELLS})().then((found) => found.includes('/gaps'))")
    assert {one["key"].split(" ")[0] for one in await copies(page)} == {"supervisor"}
    await visited.context.set_offline(True)
    await page.reload()
    await expect(page.locator(".me")).to_contain_text("supervisor")
    await expect(page.locator("#list > li")).to_have_count(3)


@pytest.mark.slow
async def test_a_page_of_one_account_does_nothing_as_another(fresh_service, phone):
    """Two tabs, one session: what the first sends after the second logged in as somebody else is refused, and waits."""
    visited = await phone(fresh_service)
    page = visited.page
    await visited.context.request.post(
        f"{fresh_service.url}/login", form={"name": "supervisor", "password": PASSWORD, "to": "/livez"}
    )
    await send_and_forget(page, household(1))
    await expect(page.locator(".me")).to_contain_text("supervisor")
    await expect(page.locator("div.kept").first).to_contain_text("1 perubahan oleh admin menunggu")
    assert completed(fresh_service) == 0


async def send_and_forget(page, body) -> None:
    """Send, in a page that is about to be loaded anew."""
    await page.evaluate(
        f"([body]) => {{ import({MODULE}).then(({{ send }}) => send('/v1/submissions', body, 'x')); }}", [body]
    )


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "no-role"),
        (404, "no-area"),
        *(pytest.param(*one, marks=pytest.mark.slow) for one in ((403, "not-allowed"), (422, "bad-state"))),
    ],
)
async def test_what_one_may_no_longer_see_is_erased_and_not_shown(service, phone, status, code):
    visited = await phone(service)
    page = visited.page

    async def refused(route):
        said = {"type": f"urn:cakupan:problem:{code}", "status": status, "detail": "no"}
        await route.fulfill(status=status, content_type="application/problem+json", json=said)

    await page.route(re.compile("/v1/gaps"), refused)
    await page.reload()
    await expect(page.locator("#problem")).not_to_be_empty()
    await expect(page.locator("#list > li")).to_have_count(0)
    left = [one["key"].split(" ")[2] for one in await copies(page)]
    assert not [key for key in left if key.startswith("/v1/gaps")]
    await page.unroute(re.compile("/v1/gaps"))
    await visited.context.set_offline(True)
    if code == "no-role":  # not even the page is kept
        with pytest.raises(Exception, match="ERR_FAILED"):
            await page.reload()
        return
    await page.reload()
    await expect(page.locator("#problem")).not_to_be_empty()
    await expect(page.locator("#list > li")).to_have_count(0)


@pytest.mark.slow
async def test_an_operator_may_switch_copies_off(settings, fresh_database, visit):
    tokens = await people(fresh_database)
    with listening(settings, fresh_database, 0) as port:
        service = Service(f"http://127.0.0.1:{port}", fresh_database, tokens, PASSWORD)
        visited = await visit(service, "/gaps", **PHONE)
        page = visited.page
        await expect(page.locator("#list > li")).to_have_count(6)
        await settled(page)
    with listening(settings.model_copy(update={"copies_hours": 0}), fresh_database, port):
        await page.goto(f"{service.url}/gaps")
        await expect(page.locator("#list > li")).to_have_count(6)
        await until(page, "navigator.serviceWorker.getRegistrations().then((all) => all.length === 0)")
        assert await page.evaluate("caches.keys()") == []
        assert await copies(page) == []
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if not EXPECTED.search(fault)]
