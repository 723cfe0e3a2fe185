"""axe looks at every page, in both themes, on a phone and on a desk, for what keeps people out."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import expect

from app.pages.routes import PAGES
from tests.app.published import publish
from tests.app.townspeople import done
from tests.browser.conftest import DESK, PHONE
from tests.browser.test_sites import LISTED, bring
from tests.browser.test_welfare import lay as consult
from tests.world import BLOCKS, VILLAGES, submission

pytestmark = pytest.mark.browser

#: Minor findings are opinions; these are not.
GRAVE = {"moderate", "serious", "critical"}
DEVICES = {"phone": PHONE, "desk": DESK}
#: Each page of the menu, and states of the map that look different: a past day, a selection, the projector.
PATHS = (
    *sorted(PAGES),
    f"/?area={BLOCKS[0].code}&level=block",
    f"/block?code={BLOCKS[0].code}&level=block",
    "/quality?look=again&share=0.5",
    "/quality?look=boundaries&lang=en",
    "/welfare?look=cutoffs&lang=en",
    "/welfare?look=held",
    "/?day=2022-10-20&measure=schedule",
    "/?projector=1&lang=en",
    f"/releases?release=1&within={VILLAGES[0]}&within_level=village",
    "/releases?with=1&lang=en",
    "/programmes?lang=en",
    "/sites",
)


@pytest.fixture(scope="module")
def campaign(service):
    """Some work, visits to make again, a row that waits for a decision, forums that moved families, two releases."""
    publish(service.logins)
    far = submission("far", lon=110.0, lat=-7.0)
    again = [submission(f"again{visit}", result="refused", visit=visit) for visit in (1, 3)]
    assert service.send(*(submission(i) for i in range(30)), far, *again).status_code == 201
    done(service.logins, consult)
    bring(service, *LISTED)
    return service


async def look(page) -> list[str]:
    """What axe finds grave on a page as it is now."""
    await page.evaluate(AXE_SCRIPT)
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)")
    return [
        f"{v['id']} ({v['impact']}): {node['html'][:160]} {node['failureSummary'][:200]}"
        for v in found
        if v["impact"] in GRAVE
        for node in v["nodes"]
    ]


@pytest.mark.parametrize("device", ["phone", pytest.param("desk", marks=pytest.mark.slow)])
async def test_axe_finds_nothing_on_any_page(campaign, visit, device):
    visited = await visit(campaign, "/gaps", **DEVICES[device])
    page = visited.page
    found = {}
    for path in PATHS:
        await page.goto(campaign.url + path)
        if await page.locator("#map").count():
            await visited.ready()
        await expect(page.locator("[aria-busy=true]")).to_have_count(0)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            found[path, scheme] = await look(page)
    assert {where: what for where, what in found.items() if what} == {}
    visited.seen.faults[:] = [fault for fault in visited.seen.faults if "422" not in fault]  # /plan asks whose


@pytest.mark.parametrize("device", ["phone", pytest.param("desk", marks=pytest.mark.slow)])
async def test_axe_finds_nothing_on_the_log_in_page(service, visit, device):
    page = (await visit(service, "/login?failed=password", who=None, **DEVICES[device])).page
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await look(page) == []
