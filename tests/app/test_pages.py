"""The shells of the pages, their files, and who gets in."""

import asyncio
import json
import re
import time

import httpx2
import pytest
from sqlalchemy import create_engine, text

from app.database import Database
from geo.trust import accounts, credentials
from geo.trust.grants import Grant
from tests.conftest import serving
from tests.world import submission

PAGES = ("/", "/gaps", "/quarantine")


@pytest.fixture
def open_page(service):
    """Fetches a page as somebody, by token."""

    def fetch(path, who="admin", **headers):
        with service.client(who) as client:
            return client.get(path, headers=headers)

    return fetch


@pytest.mark.parametrize("path", [*PAGES, "/gaps?state=behind&within=6472030001"])
def test_nobody_is_sent_to_the_log_in_page_and_back(open_page, path):
    answer = open_page(path, who=None)
    assert answer.status_code == 303
    to = answer.headers["location"]
    assert to.startswith("/login?to=")
    with_form = open_page(to, who=None)
    assert f'name="to" value="{path.replace("&", "&amp;")}"' in with_form.text


def test_a_failed_log_in_gives_its_reason_aloud(open_page):
    page = open_page("/login?failed=1&to=/gaps", who=None).text
    assert 'role="alert"' in page
    assert "Nama akun atau kata sandi salah" in page
    assert 'role="alert"' not in open_page("/login", who=None).text


def test_where_to_go_on_to_cannot_break_out_of_the_form(open_page):
    page = open_page('/login?to="><script>alert(1)</script>', who=None).text
    assert "<script>alert" not in page


@pytest.mark.parametrize("who", ["admin", "coordinator", "supervisor", "enumerator"])
@pytest.mark.parametrize("path", PAGES)
def test_watchers_see_pages_with_their_name_and_role(open_page, path, who):
    answer = open_page(path, who)
    assert answer.status_code == 200
    assert f"<b>{who}</b>" in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_local_government_does_not_see_the_live_map(open_page):
    answer = open_page("/", "local_government")
    assert answer.status_code == 403
    assert "Halaman Anda ada di tempat lain" in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_local_government_is_told_where_its_page_is(open_page, path):
    assert 'class="button" href="/releases"' in open_page(path, "local_government").text


def test_who_reads_releases_alone_lands_on_them_after_the_log_in(service):
    for who, page in (("local_government", "/releases"), ("coordinator", "/")):
        with service.client(None) as client:
            answer = client.post("/login", data={"name": who, "password": service.password})
        assert answer.headers["location"] == page


def test_an_upload_changes_no_byte_of_the_page_of_releases(service):
    def seen():
        with service.client(None) as client:
            return client.get("/releases").content

    before = seen()
    setup = json.loads(re.search(rb'id="setup">(.*?)</script>', before, re.DOTALL)[1])
    assert set(setup["campaign"]) == {"name", "time_zone", "edition", "simulated"}
    assert setup["me"] is None
    assert service.send(*(submission(f"releases{n}") for n in range(5))).json()["counts"]["stored"] == 5
    with service.client() as client:
        limit = time.monotonic() + 10
        while client.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"] < 5:
            assert time.monotonic() < limit, "they were not counted"
            time.sleep(0.05)
    assert seen() == before


@pytest.mark.parametrize("path", [*PAGES, "/login", "/releases", "/programmes"])
def test_every_page_says_that_data_are_simulated(open_page, path):
    assert "DATA SIMULASI" in open_page(path).text
    assert "SIMULATED DATA" in open_page(f"{path}?lang=en").text


@pytest.mark.parametrize("path", [*PAGES, "/login", "/releases", "/programmes"])
def test_no_page_has_scripts_or_styles_that_the_policy_would_refuse(open_page, path):
    page = open_page(path).text
    scripts = re.findall(r"<script\b([^>]*)>", page)
    assert all("src=" in s or 'type="application/json"' in s for s in scripts)
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_a_link_sets_the_language_and_the_cookie_keeps_it(service):
    with service.client() as client:
        first = client.get("/gaps?lang=en")
        assert '<html lang="en">' in first.text
        assert "cakupan_lang=en" in first.headers["set-cookie"]
        assert '<html lang="en">' in client.get("/gaps").text
        assert '<html lang="id">' in client.get("/gaps?lang=id").text
        assert '<html lang="id">' in client.get("/gaps", headers={"accept-language": "en"}).text


def test_the_language_links_keep_the_rest_of_the_address(open_page):
    page = open_page("/gaps?state=behind&lang=id").text
    assert 'href="?state=behind&amp;lang=en"' in page


def test_files_of_the_pages_may_be_kept_for_ever_and_come_compressed(open_page):
    address = re.search(r'href="(/assets/\w+/static/page\.css)"', open_page("/login").text)[1]
    answer = open_page(address, who=None)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.headers["content-encoding"] == "gzip"
    other = open_page(re.sub(r"/assets/\w+/", "/assets/old/", address), who=None)
    assert other.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["static/../routes.py", "static/%2e%2e/routes.py", "routes.py", "vendor/stamp", "static/"]
)
def test_no_other_file_can_be_fetched(open_page, name):
    assert open_page(f"/assets/x/{name}", who=None).status_code == 404


def test_a_stream_is_not_compressed(service):
    with service.client() as client, client.stream("GET", "/v1/stream", headers={"accept-encoding": "gzip"}) as answer:
        assert "content-encoding" not in answer.headers
        assert next(answer.iter_lines()) == "event: alive"


def test_the_campaign_says_how_far_it_is(open_page):
    said = open_page("/v1/campaign").json()
    assert (said["name"], said["time_zone"], said["simulated"]) == ("Regsosek simulasi", "Asia/Makassar", True)
    assert (said["day"], said["days"]) == (10, 31)
    assert (said["edition"], said["series"]) == ("2022_2", "prelist")
    assert open_page("/v1/campaign", who=None).status_code == 401


def test_before_there_is_a_campaign_the_page_says_what_to_do(settings, fresh_database):
    engine = create_engine(fresh_database.owner)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM ground.campaign"))
    engine.dispose()
    with serving(settings, fresh_database) as url:
        page = _as_admin(fresh_database, url)
    assert "./cakupan areas import" in page
    assert "./cakupan campaign set" in page
    assert "./cakupan expected import" in page


def _as_admin(logins, url):
    async def token():
        db = Database(logins, 1)
        async with db.worker.begin() as connection:
            made = await accounts.create(connection, "first", Grant("admin"), "simulasi-saja-22")
            secret = await credentials.issue(connection, made, "token", "test", None)
        await db.close()
        return secret

    headers = {"Authorization": f"Bearer {asyncio.run(token())}"}
    with httpx2.Client(base_url=url, headers=headers, timeout=20) as client:
        assert client.get("/gaps").status_code == 200
        return client.get("/").text
