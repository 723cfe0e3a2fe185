"""Logging in and out, and the two languages."""

import re

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.browser


async def test_log_in_leads_back_to_the_page_that_was_wanted(service, visit):
    page = (await visit(service, "/gaps?state=behind", who=None)).page
    await expect(page).to_have_url(re.compile(r"/login\?to="))
    await page.get_by_label("Nama akun").fill("coordinator")
    await page.get_by_label("Kata sandi").fill("salah-sama-sekali")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("kata sandi salah")
    await page.get_by_label("Nama akun").fill("coordinator")
    await page.get_by_label("Kata sandi").fill(service.password)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/gaps\?state=behind"))
    await expect(page.locator(".me")).to_contain_text("coordinator")
    await expect(page.locator(".me")).to_contain_text("Koordinator")
    await page.get_by_role("button", name="Keluar").click()
    await expect(page).to_have_url(re.compile("/login$"))
    await page.goto(service.url)
    await expect(page).to_have_url(re.compile("/login"))


async def test_english_is_kept_and_indonesian_comes_back(service, visit):
    page = (await visit(service, "/gaps")).page
    await expect(page.locator("h1")).to_have_text("Di mana masih ada keluarga yang belum terdata?")
    await page.get_by_role("link", name="English").click()
    await expect(page.locator("h1")).to_have_text("Where are families still to be found?")
    await page.goto(f"{service.url}/gaps")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator("#list > li").first).to_contain_text("Nobody has been here yet")
    await page.get_by_role("link", name="Indonesia").click()
    await expect(page.locator("html")).to_have_attribute("lang", "id")


async def test_a_browser_that_prefers_english_gets_it(service, visit):
    page = (await visit(service, "/login", who=None, language="en-GB")).page
    await expect(page.locator("h1")).to_have_text("Log in")


async def test_a_local_government_is_told_where_its_page_is(service, visit):
    visited = await visit(service, "/", who="local_government")
    await expect(visited.page.locator("h1")).to_have_text("Halaman Anda ada di tempat lain")
    visited.seen.faults[:] = [f for f in visited.seen.faults if "403" not in f]
