"""Writes that wait for the network: sent in order, each once, and a refusal is kept with its reason."""

from uuid import uuid4

import pytest
from playwright.async_api import expect

from tests.app.test_callbacks import close, sent
from tests.browser.afield import answered, completed, household, send, soon
from tests.browser.test_axe import look

pytestmark = pytest.mark.browser

#: What a browser says aloud of a request that did not get through: these tests make it so.


async def test_a_write_waits_is_said_to_and_is_sent_later(fresh_service, phone):
    visited = await phone(fresh_service)
    page = visited.page
    line = page.locator("div.kept").first
    await visited.context.set_offline(True)
    assert await send(page, household(1), about="Menutup keluarga A-1") == {"queued": True}
    assert await send(page, household(2), about="Menutup keluarga A-2") == {"queued": True}
    await expect(line).to_contain_text("2 perubahan menunggu dikirim")
    await page.reload()
    await expect(line).to_contain_text("2 perubahan menunggu dikirim")
    await line.locator("summary").click()
    await expect(line.locator("li").first).to_contain_text("Menutup keluarga A-1")
    assert await look(page) == []
    assert completed(fresh_service) == 0
    await visited.context.set_offline(False)
    await expect(line).to_be_hidden()
    await soon(lambda: completed(fresh_service) == 2)


@pytest.mark.slow
async def test_writes_leave_in_the_order_they_were_made(fresh_service, phone):
    visited = await phone(fresh_service)
    page = visited.page
    order = answered(visited.context)
    await visited.context.set_offline(True)
    bodies = [household(number) for number in range(3)]
    for body in bodies[:2]:
        await send(page, body)
    await visited.context.set_offline(False)
    assert await send(page, bodies[2]) == {"queued": False}
    assert order == [body["submissions"][0]["submission_id"] for body in bodies]


async def test_once_also_where_the_answer_got_lost(fresh_service, phone):
    visited = await phone(fresh_service)
    page = visited.page
    answers = []

    async def lost(route):
        answer = await route.fetch()  # the server has it
        answers.append((await answer.json())["results"][0]["status"])
        await (route.abort() if len(answers) == 1 else route.fulfill(response=answer))

    await page.route("**/v1/submissions", lost)
    assert await send(page, household(1)) == {"queued": True}
    await expect(page.locator("div.kept").first).to_contain_text("1 perubahan menunggu dikirim")
    await expect(page.locator("div.kept").first).to_be_hidden()
    assert answers == ["stored", "duplicate"]
    await soon(lambda: completed(fresh_service) == 1)


async def test_two_tabs_send_each_write_once(fresh_service, phone):
    visited = await phone(fresh_service)
    page = visited.page
    other = await visited.context.new_page()
    await other.goto(f"{fresh_service.url}/gaps")
    await expect(other.locator("#list > li").first).to_be_visible()
    sent = answered(visited.context)
    await visited.context.set_offline(True)
    for number in range(4):
        await send((page, other)[number % 2], household(number))
    await expect(other.locator("div.kept").first).to_contain_text("4 perubahan")
    await expect(page.locator("div.kept").first).to_contain_text("4 perubahan")
    await visited.context.set_offline(False)
    for one in (page, other):
        await expect(one.locator("div.kept").first).to_be_hidden()
    assert len(sent) == len(set(sent)) == 4
    await soon(lambda: completed(fresh_service) == 4)


async def test_a_refusal_is_kept_with_its_reason_until_somebody_has_read_it(service, phone):
    visited = await phone(service)
    page = visited.page
    path = f"/v1/households/{uuid4()}/close"
    down = False

    async def refused(route):
        if down:
            return await route.abort()
        return await route.fulfill(
            status=409,
            content_type="application/problem+json",
            json={"type": "urn:cakupan:problem:already-closed", "status": 409, "detail": "it is closed"},
        )

    await page.route("**/close", refused)
    assert await send(page, {}, path) == {"refused": "already-closed"}, "one who waits hears it, and it is not kept"
    bad = page.locator("div.kept.bad")
    await expect(bad).to_be_hidden()
    down = True
    await visited.context.set_offline(True)
    assert await send(page, {}, path, "Menutup keluarga A-1") == {"queued": True}
    assert await send(page, household(950), about="Mencatat keluarga A-2") == {"queued": True}
    down = False
    await visited.context.set_offline(False)
    await expect(bad).to_contain_text("1 perubahan ditolak")
    await expect(bad).to_contain_text("Menutup keluarga A-1")
    await expect(bad).to_contain_text("Sudah ditutup oleh orang lain.")
    await expect(page.locator("div.kept").first).to_be_hidden()  # what came after it went its way
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await look(page) == []
    await page.reload()
    await expect(bad).to_contain_text("Sudah ditutup oleh orang lain.")
    await bad.get_by_role("button", name="Hapus dari daftar").click()
    await expect(bad).to_be_hidden()
    await page.reload()
    await expect(page.locator("#list > li").first).to_be_visible()
    await expect(bad).to_be_hidden()


def decisions(service, name) -> list[dict]:
    with service.client() as client:
        return client.get(f"/v1/households/SIM-{name}").json()["closings"]


async def decide(page, name) -> None:
    """Close a household on the page."""
    row = page.locator("#list > li", has=page.locator(f'[aria-controls="visits-SIM-{name}"]'))
    await row.get_by_role("button", name="Tutup…").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Alasan").select_option("absent_until_the_end")
    await dialog.get_by_role("button", name="Tutup keluarga").click()
    await expect(row.locator(".said")).not_to_be_empty()


async def test_a_household_closed_without_a_network_is_closed_once(fresh_service, phone):
    """Though the answer got lost; and where somebody else was faster that is said."""
    service = fresh_service
    assert service.send(*sent()).status_code == 201
    visited = await phone(service, "/callbacks?due=spent", who="supervisor")
    page = visited.page
    down, answers = True, []

    async def lost(route):
        if down:
            return await route.abort()
        answer = await route.fetch()
        answers.append(answer.status)
        return await (route.abort() if len(answers) == 1 else route.fulfill(response=answer))

    await page.route("**/close", lost)
    await visited.context.set_offline(True)
    await page.reload()
    await decide(page, "used-up")
    await decide(page, "c00")
    await expect(page.locator("div.kept").first).to_contain_text("2 perubahan menunggu dikirim")
    assert close(service, "c00").status_code == 200
    down = False
    await visited.context.set_offline(False)
    bad = page.locator("div.kept.bad")
    await expect(bad).to_contain_text("Sudah ditutup oleh orang lain.", timeout=40_000)
    await expect(page.locator("div.kept").first).to_be_hidden()
    assert answers == [200, 200, 409]
    assert [len(decisions(service, name)) for name in ("used-up", "c00")] == [1, 1]
