"""What the service lets a browser keep, and what a log-out takes back."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import orjson
import pytest

from app.access import COOKIE, PAGE_OF
from app.api.session import WAITING
from app.pages import assets, offline
from app.settings import Settings
from tests.app.callers import in_session
from tests.conftest import Service

FORGET = "clear-site-data"


@pytest.fixture
def client(service: Service) -> Iterator[httpx2.Client]:
    """Logged in as the supervisor."""
    with service.client(None) as client:
        client.post("/login", data={"name": "supervisor", "password": service.password, "to": "/livez"})
        yield client


def kept(script: str) -> dict[str, Any]:
    return dict(orjson.loads(script.partition("\n")[0].removeprefix("const KEPT = ").removesuffix(";")))


def test_the_worker_is_there_for_all_and_never_stale(service: Service) -> None:
    with service.client(None) as client:
        answer = client.get("/sw.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-cache"
    said = kept(answer.text)
    assert said["name"] == f"cakupan-{assets.root().rpartition('/')[2]}", "another version keeps apart"
    assert said["shells"] == list(offline.SHELLS)
    assert said["hours"] == 72


def test_the_worker_keeps_every_file_that_its_pages_load(service: Service, client: httpx2.Client) -> None:
    files = set(kept(client.get("/sw.js").text)["files"])
    for path in offline.SHELLS:
        page = client.get(path).text
        loaded = set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', page))
        assert len(loaded) > 10
        assert loaded <= files
    assert not [file for file in files if "/vendor/" in file]
    assert all(client.get(file).status_code == 200 for file in files)


def test_pages_say_how_long_copies_last(client: httpx2.Client) -> None:
    assert '"copies": {"hours": 72, "households": 12}' in client.get("/gaps").text


@pytest.mark.parametrize(
    ("copies", "session", "lasting"),
    [(72, 12, (72, 12)), (6, 12, (6, 6)), (0, 12, (0, 0)), (72, 100, (72, 72))],
)
def test_single_households_last_no_longer_than_a_log_in(
    settings: Settings, copies: int, session: int, lasting: tuple[int, int]
) -> None:
    changed = settings.model_copy(update={"copies_hours": copies, "session_hours": session})
    assert tuple(offline.lasting(changed).values()) == lasting


def test_a_log_out_takes_everything_from_the_browser(client: httpx2.Client) -> None:
    assert client.post("/logout").headers[FORGET] == '"cache", "storage"'


def test_a_log_out_leaves_what_waits_to_be_sent(client: httpx2.Client) -> None:
    client.cookies.set(WAITING, "1")
    assert client.post("/logout").headers[FORGET] == '"cache"'


def test_the_page_after_a_session_that_ended_takes_answers_from_the_browser(service: Service) -> None:
    with service.client(None) as client:
        assert client.get("/login?ended=1&to=/gaps").headers[FORGET] == '"cache"'
        assert FORGET not in client.get("/login").headers
        assert FORGET not in client.get("/livez").headers


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_of_one_account_gets_and_does_nothing_as_another(
    service: Service, client: httpx2.Client, method: str
) -> None:
    """Two tabs share one cookie: the first was opened by somebody else."""
    path = "/v1/gaps" if method == "GET" else "/v1/submissions"
    answer = client.request(method, path, headers={PAGE_OF: "admin"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:cakupan:problem:other-account")
    assert client.request(method, path, headers={PAGE_OF: "supervisor"}).json().get("type", "") != answer.json()["type"]


def test_names_of_all_letters_are_told_apart(service: Service, client: httpx2.Client) -> None:
    assert client.get("/v1/me", headers={PAGE_OF: "super%76isor"}).status_code == 200
    assert client.get("/v1/me", headers={PAGE_OF: "p%C3%A9"}).status_code == 409
    with in_session(service, client.cookies[COOKIE]) as again:
        assert again.get("/v1/me").status_code == 200
