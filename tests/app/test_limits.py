"""How often one may ask, and how often guess: who goes too far waits, and takes nobody else along."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx2
import pytest

from app import access, limits
from app.database import Logins
from app.settings import Settings
from tests.conftest import PASSWORD, Service, people, serving
from tests.world import submission

ASKED, FAILED = 30, 8


@pytest.fixture(scope="module")
def tokens(database: Logins) -> dict[str, str]:
    return asyncio.run(people(database))


def strict(settings: Settings, **more: Any) -> Settings:
    return settings.model_copy(update={"requests_per_minute": ASKED, "failures_per_minute": FAILED} | more)


@pytest.fixture
def limited(settings: Settings, database: Logins, tokens: dict[str, str]) -> Iterator[Service]:
    """A service of little patience, with counters of its own."""
    with serving(strict(settings), database) as url:
        yield Service(url, database, tokens, PASSWORD)


def stranger(service: Service, address: str, secret: str = "", **headers: str) -> httpx2.Client:
    """A client at another address of this machine, which is no proxy of ours."""
    return httpx2.Client(
        base_url=service.url,
        headers={"Authorization": f"Bearer {secret}", **headers} if secret else headers,
        transport=httpx2.HTTPTransport(local_address=address),
    )


def refused(answer: httpx2.Response) -> bool:
    """Whether it was one too many; then it is said in the form of every other problem, with when to come back."""
    if answer.status_code != 429:
        return False
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:cakupan:problem:too-many-requests"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["cache-control"] == "no-store"
    return True


def wrong(client: httpx2.Client, n: int) -> httpx2.Response:
    return client.get("/v1/me", headers={"Authorization": f"Bearer guess-{n}"})


def passed(ask: Callable[[int], httpx2.Response], most: int) -> set[int]:
    """Statuses of requests until one was too many: `most` of them, or a few more where a minute ends on the way."""
    statuses = []
    while not refused(answer := ask(len(statuses))):
        statuses.append(answer.status_code)
        assert len(statuses) <= most + 3
    assert len(statuses) >= most
    return set(statuses)


def test_one_account_asks_too_often_and_only_it_waits(limited: Service) -> None:
    with limited.client("supervisor") as client, limited.client("enumerator") as other:
        assert passed(lambda _: client.get("/v1/campaign"), ASKED) == {200}
        assert refused(client.post("/v1/heartbeats", json={})), "whatever it asks for"
        assert other.get("/v1/campaign").status_code == 200
        with stranger(limited, "127.0.0.9", limited.tokens["supervisor"]) as elsewhere:
            assert refused(elsewhere.get("/v1/campaign")), "wherever it asks from"
        with limited.client(None) as nobody:
            assert nobody.get("/livez").status_code == 200
            assert nobody.get("/login").status_code == 200


def test_who_guesses_waits_and_others_at_the_address_do_not(limited: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with limited.client("supervisor") as believed, limited.client(None) as client:
        assert believed.get("/v1/me").status_code == 200
        assert passed(lambda n: wrong(client, n), FAILED) == {401}
        assert believed.get("/v1/me").status_code == 200, "who is believed is not asked again"
        monkeypatch.setattr(access, "BELIEVED_SECONDS", 0)
        assert believed.get("/v1/me").status_code == 200, "nor is it a guess what was right a moment ago"
        with stranger(limited, "127.0.0.3", limited.tokens["enumerator"]) as elsewhere:
            assert elsewhere.get("/v1/me").status_code == 200
            assert elsewhere.get("/v1/me", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_the_public_waits_by_address_and_accounts_there_do_not(limited: Service) -> None:
    with limited.client(None) as visitor, limited.client("supervisor") as account:
        assert passed(lambda _: visitor.get("/v1/releases"), ASKED) == {200}
        assert account.get("/v1/releases").status_code == 200
        with stranger(limited, "127.0.0.8") as elsewhere:
            assert elsewhere.get("/v1/releases").status_code == 200


def test_a_session_that_ended_is_one_guess_however_often_its_cookie_comes(limited: Service) -> None:
    with limited.client(None) as client:
        client.cookies.set(access.COOKIE, "ended")
        assert {client.get("/v1/releases").status_code for _ in range(FAILED * 2)} == {200}
        assert wrong(client, 0).status_code == 401, "it has not used up the guesses of the address"


def test_a_right_secret_is_no_guess(limited: Service) -> None:
    with limited.client(None) as client:
        for who in ["supervisor", "enumerator", "coordinator", "admin", "local_government"] * 4:
            secret = limited.tokens[who]
            assert client.get("/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
        assert wrong(client, 0).status_code == 401


def test_passwords_are_guesses_too(limited: Service) -> None:
    with limited.client(None) as client:
        guess = {"password": "wrong password"}
        assert passed(lambda n: client.post("/login", data=guess | {"name": f"nobody {n}"}), FAILED) == {303}
        assert refused(client.post("/login", data={"name": "admin", "password": PASSWORD}))
        assert refused(wrong(client, 1)), "both count together"
        with stranger(limited, "127.0.0.4") as elsewhere:
            assert elsewhere.post("/login", data={"name": "admin", "password": PASSWORD}).status_code == 303


def test_a_storm_of_log_ins_lets_uploads_through(settings: Settings, database: Logins, tokens: dict[str, str]) -> None:
    """Each holds a connection while its password is held against a hash; those of one name wait for each other too."""
    few = strict(settings, pool_size=3, requests_per_minute=0)
    with serving(few, database) as url, ThreadPoolExecutor(30) as crowd:
        service = Service(url, database, tokens, PASSWORD)

        def enter(_: int) -> int:
            with stranger(service, "127.0.0.1") as client:
                return client.post("/login", data={"name": "admin", "password": "wrong"}, timeout=90).status_code

        with service.client("supervisor") as client:
            assert client.get("/nowhere").status_code == 404  # routes are made at the first request
            storm = [crowd.submit(enter, n) for n in range(30)]
            for n in range(10):
                rows = {"submissions": [submission(f"in the storm {n}")]}
                assert client.post("/v1/submissions", json=rows).status_code == 201
        statuses = Counter(done.result() for done in storm)
    assert set(statuses) == {303, 429}
    assert statuses[303] <= FAILED + limits.AT_ONCE + 3, "nor can more be guessed at once than one after the other"


def test_who_is_behind_a_proxy_counts_by_itself_and_nobody_else_may_say_so(limited: Service) -> None:
    guesses = count()

    def by(address: str) -> dict[str, str]:
        return {"X-Forwarded-For": address, "Authorization": f"Bearer guess {next(guesses)}"}

    with limited.client(None) as proxy:  # at 127.0.0.1, which is believed
        assert passed(lambda _: proxy.get("/v1/me", headers=by("203.0.113.7")), FAILED) == {401}
        assert proxy.get("/v1/me", headers=by("203.0.113.8")).status_code == 401
        assert refused(proxy.get("/v1/me", headers=by("198.51.100.1, 203.0.113.7"))), (
            "what a client adds is not believed"
        )
    with stranger(limited, "127.0.0.5") as alone:
        assert passed(lambda n: alone.get("/v1/me", headers=by(f"203.0.113.{100 + n}")), FAILED) == {401}


def test_zero_switches_it_off(settings: Settings, database: Logins, tokens: dict[str, str]) -> None:
    freely = strict(settings, requests_per_minute=0, failures_per_minute=0)
    with serving(freely, database) as url:
        service = Service(url, database, tokens, PASSWORD)
        with service.client("supervisor") as client:
            assert {client.get("/v1/campaign").status_code for _ in range(ASKED * 3)} == {200}
            assert {wrong(client, n).status_code for n in range(FAILED * 3)} == {401}


@pytest.mark.parametrize(
    ("address", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:0:5::", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("unix", "", False),
    ],
)
def test_what_counts_as_one_address(address: str, other: str, same: bool) -> None:
    def of(host: str) -> str:
        scope = {"type": "http", "client": (host, 1) if host else None, "headers": []}
        return limits._address(limits.Request(scope))

    assert (of(address) == of(other)) is same
