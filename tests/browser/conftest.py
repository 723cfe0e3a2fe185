"""A real Chromium, and pages that complain of what no page of ours may do."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, async_playwright, expect

from app.settings import Settings
from tests.app.townspeople import move_in
from tests.browser.afield import EXPECTED, settled
from tests.conftest import PASSWORD, Service, closed, database_on, logins_of, people, serving

VENDOR = Path(__file__).parents[2] / "app" / "pages" / "vendor" / "maplibre-gl.mjs"

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--use-angle=swiftshader",  # MapLibre needs WebGL, and there is no graphics card here
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--disable-gpu-compositing",  # without a graphics card, what is not WebGL is drawn faster the plain way
    "--disable-gpu-rasterization",
    "--disable-features=SpareRendererForSitePerProcess",
]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 1}
DESK = {"viewport": {"width": 1440, "height": 900}}


#: Milliseconds for what has no limit of its own: software WebGL on a busy machine is slow.
expect.set_options(timeout=30_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test of a page that fails runs once more, and the summary names it: a race of the page, or of the test."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is."""
    found = os.environ.get("CAKUPAN_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found or not Path(found).exists():
        pytest.skip("no Chromium here: install chromium, or set CAKUPAN_CHROMIUM to it")
    if not VENDOR.exists():
        pytest.skip("the map library is not installed: run ./cakupan serve once")
    return found


@pytest.fixture(scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as driver:
        started = await driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        await started.close()


@dataclass(frozen=True)
class Town:
    """A database with accounts that nobody is connected to, to be cloned: passwords are slow to hash on purpose."""

    name: str
    tokens: dict[str, str]


@contextmanager
def _built(cluster: str, template: str, passwords: dict[str, str], *, crowded: bool) -> Iterator[Town]:
    name = f"t_{uuid4().hex[:12]}_town"
    with database_on(cluster, name, template) as owner:
        logins = logins_of(owner, passwords)
        tokens = asyncio.run(people(logins))
        if crowded:
            move_in(logins)
        closed(cluster, name)
        yield Town(name, tokens)


@contextmanager
def _cloned(settings: Settings, cluster: str, passwords: dict[str, str], town: Town) -> Iterator[Service]:
    with database_on(cluster, f"t_{uuid4().hex[:12]}", town.name) as owner:
        logins = logins_of(owner, passwords)
        with serving(settings, logins) as url:
            yield Service(url, logins, town.tokens, PASSWORD)


@pytest.fixture(scope="session")
def hamlet(cluster: str, template: str, passwords: dict[str, str]) -> Iterator[Town]:
    """The tiny world with one account for each role."""
    with _built(cluster, template, passwords, crowded=False) as town:
        yield town


@pytest.fixture(scope="session")
def crowd(cluster: str, template: str, passwords: dict[str, str]) -> Iterator[Town]:
    """The tiny world with everybody in and around the first village."""
    with _built(cluster, template, passwords, crowded=True) as town:
        yield town


@pytest.fixture
def fresh_service(settings: Settings, cluster: str, passwords: dict[str, str], hamlet: Town) -> Iterator[Service]:
    """A running service for this test, with one account for each role."""
    with _cloned(settings, cluster, passwords, hamlet) as service:
        yield service


@pytest.fixture
def fresh_town(settings: Settings, cluster: str, passwords: dict[str, str], crowd: Town) -> Iterator[Service]:
    """A running service for this test, with a town's people."""
    with _cloned(settings, cluster, passwords, crowd) as service:
        yield service


@pytest.fixture(scope="module")
def town(settings: Settings, cluster: str, passwords: dict[str, str], crowd: Town) -> Iterator[Service]:
    """A running service for this file, with a town's people whom no test changes."""
    with _cloned(settings, cluster, passwords, crowd) as service:
        yield service


@dataclass
class Seen:
    """What a page did that it must not do, and the bytes it fetched by path."""

    faults: list[str] = field(default_factory=list)
    fetched: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Visit:
    """One reader's browser."""

    context: BrowserContext
    page: Page
    seen: Seen

    async def ready(self) -> Page:
        """The page once its map is drawn, its lists are loaded, and the stream is heard."""
        await self.page.locator("#map[data-state=ready]").wait_for(timeout=30_000)
        await self.page.locator("#live[data-phase=live]").wait_for(timeout=30_000)
        return self.page


Open = Callable[..., Awaitable[Visit]]


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Open]:
    """Opens a page of a service as somebody; at the end no visit may have broken the rules that `_watch` keeps."""
    opened: list[Visit] = []

    async def begin(service, path: str = "/", who: str | None = "admin", language: str = "id-ID", **device) -> Visit:
        context = await browser.new_context(locale=language, **{"reduced_motion": "reduce", **(device or DESK)})
        page = await context.new_page()
        visit = Visit(context, page, Seen())
        opened.append(visit)
        if who:
            await _log_in(page, service, who)
        _watch(page, service.url, visit.seen)
        await page.goto(service.url + path)
        return visit

    yield begin
    for one in opened:
        await one.context.close()
    assert [fault for one in opened for fault in one.seen.faults] == []


@pytest.fixture
async def phone(visit):
    """Opens a page on a phone, with its service worker in force; failed requests are no fault here."""
    opened = []

    async def begin(service, path="/gaps", who="admin", **more):
        visited = await visit(service, path, who, **{**PHONE, **more})
        opened.append(visited)
        await expect(visited.page.locator("#list > li").first).to_be_visible()
        await settled(visited.page)
        return visited

    yield begin
    for one in opened:
        one.seen.faults[:] = [fault for fault in one.seen.faults if not EXPECTED.search(fault)]


async def _log_in(page: Page, service, who: str) -> None:
    answer = await page.context.request.post(
        f"{service.url}/login",
        form={"name": who, "password": service.password, "to": "/livez"},
    )
    assert answer.url.endswith("/livez"), "the log-in failed"


def _watch(page: Page, url: str, seen: Seen) -> None:
    """No console error (violations of the policy are such), no uncaught exception, no request to another host."""
    host = urlsplit(url).netloc

    def asked(address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != host:
            seen.faults.append(f"asked {address}")

    async def finished(request) -> None:
        try:
            sizes = await request.sizes()
        except Error as late:
            if "has been closed" not in str(late):  # the test was over before the browser said how much it was
                raise
            return
        path = urlsplit(request.url).path
        seen.fetched[path] = seen.fetched.get(path, 0) + sizes["responseBodySize"] + sizes["responseHeadersSize"]

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "GL Driver Message" not in message.text:  # of the drawing itself
            seen.faults.append(f"console: {message.text}")

    page.on("console", said)
    page.on("pageerror", lambda error: seen.faults.append(f"exception: {error}"))
    page.on("request", lambda request: asked(request.url))
    page.on("requestfinished", finished)
