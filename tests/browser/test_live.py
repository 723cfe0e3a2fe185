"""What the page says of its own age: live, behind, offline since; and nothing is missed when the line comes back."""

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.browser.test_map import MAP
from tests.world import BLOCKS, submission

pytestmark = pytest.mark.browser

BADGE = "#live"


def forget_cuts(visited) -> None:
    """Browsers write every cut connection to the console; here they are what the test is about."""
    visited.seen.faults[:] = [f for f in visited.seen.faults if "net::ERR_" not in f]


async def test_a_quiet_campaign_is_live_however_old_its_epoch(service, visit):
    page = await (await visit(service)).ready()
    await expect(page.locator(BADGE)).to_contain_text(re.compile(r"Langsung\s+per"))
    await page.wait_for_timeout(100)
    await expect(page.locator(BADGE)).to_have_attribute("data-phase", "live")


async def test_a_stream_that_stalls_is_behind_then_offline_since_its_last_word(fresh_service, visit, monkeypatch):
    """The connection stays open and says nothing: only the page's own clock can tell."""
    monkeypatch.setattr("app.api.stream.ALIVE_SECONDS", 3600.0)
    visited = await visit(fresh_service, "/livez")
    page = visited.page
    await page.clock.install()
    await page.goto(f"{fresh_service.url}/?lang=en")
    await visited.ready()
    await page.clock.fast_forward(10_000)
    await expect(page.locator(BADGE)).to_have_text(re.compile(r"Behind by 1\d s"))
    await expect(page.locator(BADGE)).to_have_attribute("data-phase", "behind")
    dialled = []
    page.on("request", lambda request: dialled.append(request.url) if "/v1/stream" in request.url else None)
    await page.clock.fast_forward(12_000)
    await expect(page.locator(BADGE)).to_have_text(re.compile(r"Live as of"))  # dialled anew, and heard again
    assert any("epoch=" in url for url in dialled)


async def test_nothing_is_missed_over_a_real_cut(fresh_service, visit):
    visited = await visit(fresh_service, f"/?area={BLOCKS[0].code}&level=block")
    page = await visited.ready()
    aloud = page.locator(f"{BADGE} + [role=status]")
    await expect(aloud).to_have_text("")
    await visited.context.set_offline(True)
    await expect(page.locator(BADGE)).to_have_text(re.compile(r"Luring sejak \d\d[.:]\d\d"))
    await expect(aloud).to_contain_text("Luring sejak")
    before = await page.locator("#total").inner_text()
    await asyncio.to_thread(fresh_service.send, *(submission(i) for i in range(7)))
    await visited.context.set_offline(False)
    await expect(page.locator(BADGE)).to_have_attribute("data-phase", "live")
    await expect(page.locator("#total")).to_contain_text("7 dari target 360")
    assert before != await page.locator("#total").inner_text()
    await expect(page.locator("#panel")).to_contain_text("7 dari target 60")
    await expect(page.locator("#table tbody tr", has_text=BLOCKS[0].code)).to_contain_text("7 / 60")
    state = f"{MAP}.getFeatureState({{source: 'blocks', sourceLayer: 'blocks', id: {BLOCKS[0].number}}}).completed"
    assert await page.evaluate(state) == 7  # laid in by the stream from the epoch before, not by loading all anew
    forget_cuts(visited)


async def test_a_change_is_laid_in_within_a_frame_or_two(fresh_service, visit):
    page = await (await visit(fresh_service)).ready()
    laid = """new Promise((done) => {
        const map = document.getElementById('map');
        const before = Number(map.dataset.laid ?? 0);
        let frames = 0;
        const look = () => {
            if (Number(map.dataset.laid ?? 0) > before) return done(frames);
            frames += 1;
            return requestAnimationFrame(look);
        };
        const heard = new MutationObserver(() => { frames = 0; });
        heard.observe(document.getElementById('total'), {childList: true});
        look();
    })"""
    waiting = asyncio.ensure_future(page.evaluate(laid))
    await asyncio.to_thread(fresh_service.send, submission(1))
    assert await waiting <= 2  # frames since the page showed the stream's word


async def test_more_changes_than_a_frame_carries_come_over_several(service, visit):
    """Five thousand rows at once, as an event may bring: laid in parts, the last one of each feature counts."""
    page = await (await visit(service)).ready()
    found = await page.evaluate(
        """async ([module]) => {
            const { Laid } = await import(module);
            const laid = [];
            const map = {
                getContainer: () => document.createElement('div'),
                setFeatureState: (of, state) => laid.push([of.id, state.completed]),
                removeFeatureState: () => null,
            };
            const full = [];
            const of = new Laid(map, (source) => full.push(source));
            for (let i = 0; i < 5000; i++) of.lay('blocks', i, { completed: 0 });
            of.lay('blocks', 1, { completed: 9 });
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            const first = laid.length;
            while (laid.length < 5000) await new Promise(requestAnimationFrame);
            for (let i = 5000; i < 20001; i++) of.lay('blocks', i, { completed: 0 });
            while (!full.length) await new Promise(requestAnimationFrame);
            return { first, last: laid.find(([id]) => id === 1)[1], full };
        }""",
        [await page.evaluate("document.body.dataset.assets + '/static/laid.js'")],
    )
    assert 0 < found["first"] < 5000
    assert found["last"] == 9
    assert found["full"] == ["blocks"]
