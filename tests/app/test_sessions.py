"""Log-ins that end: what was taken back is dead soon in every process, what is guessed is locked."""

import asyncio
import base64
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from pwdlib import PasswordHash
from sqlalchemy import text

from app import access
from app.access import COOKIE
from app.api import stream
from app.database import Database, Logins
from app.settings import Settings
from geo.scope import OPERATOR
from geo.trust import accounts, credentials, grants
from tests.app.callers import in_session
from tests.app.matrix import GUARDED, OPEN, UNSAFE, request_of
from tests.conftest import PASSWORD, Service, people, serving

#: What the service promises of a credential that was taken back, seconds.
PROMISED = 60


# ── what was taken back is dead in another process too ───────────────────────────────────────────────────────────


def test_the_seconds_add_up() -> None:
    """A stream asks again at the first event after BELIEVED_SECONDS, and may be answered by what was asked before."""
    assert stream.BELIEVED_SECONDS == access.BELIEVED_SECONDS
    assert 2 * access.BELIEVED_SECONDS + 2 * stream.ALIVE_SECONDS < PROMISED


@pytest.fixture
def two(
    settings: Settings, fresh_database: Logins, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Service, Service]]:
    """Two processes' worth of the service over one database, which believe nobody for long."""
    for module in (access, stream):
        monkeypatch.setattr(module, "BELIEVED_SECONDS", 0.4)
    monkeypatch.setattr(stream, "ALIVE_SECONDS", 0.2)
    tokens = asyncio.run(people(fresh_database))
    with serving(settings, fresh_database) as first, serving(settings, fresh_database) as second:
        made = tuple(Service(url, fresh_database, tokens, PASSWORD) for url in (first, second))
        for one in made:  # routes are made at the first request, and not in two threads at once
            with one.client(None) as client:
                assert client.get("/nowhere").status_code == 404
        yield made


async def _taken_back(logins: Logins, what: str) -> None:
    db = Database(logins, 1)
    async with db.worker.begin() as connection:
        account = (await accounts.find(connection, "supervisor")).account_id
        (token,) = await credentials.tokens(connection, account)
        (grant,) = await grants.of_accounts(connection, [account])
        if what == "a revoked token":
            await credentials.revoke(connection, token["credential_id"], OPERATOR)
        elif what == "a disabled account":
            await accounts.disable(connection, account, OPERATOR)
        elif what == "an ended grant":
            await grants.end(connection, grant["granted_id"], OPERATOR)
        elif what == "an expired grant":
            await connection.execute(
                text("UPDATE trust.granted SET expires_at = now() WHERE account_id = :a"), {"a": account}
            )
        else:
            await connection.execute(
                text("UPDATE trust.credential SET expires_at = now() WHERE account_id = :a"), {"a": account}
            )
    await db.close()


@dataclass
class Viewer:
    """An open stream, read in a thread; when it last said something, and whether it ended."""

    client: httpx2.Client
    said_at: float = 0.0
    ended: bool = False

    def read(self) -> None:
        with contextlib.suppress(httpx2.HTTPError), self.client.stream("GET", "/v1/stream") as answer:
            assert answer.status_code == 200
            for _ in answer.iter_lines():
                self.said_at = time.monotonic()
        self.ended = True


TAKEN_BACK = ["a revoked token", "a disabled account", "an ended grant", "an expired grant", "an expired token"]


@pytest.mark.parametrize("what", TAKEN_BACK)
def test_dead_elsewhere_within_a_minute_streams_too(two: tuple[Service, Service], what: str) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(one.client("supervisor")) for one in two]
        viewers = [Viewer(stack.enter_context(one.client("supervisor"))) for one in two]
        other = Viewer(stack.enter_context(two[1].client("coordinator")))
        threads = [threading.Thread(target=viewer.read, daemon=True) for viewer in [*viewers, other]]
        for thread in threads:
            thread.start()
        assert [client.get("/v1/coverage").status_code for client in clients] == [200, 200]
        time.sleep(1.2)  # longer than anybody is believed: an open stream lives as long as what opened it
        assert not any(viewer.ended for viewer in [*viewers, other])
        asyncio.run(_taken_back(two[0].logins, what))
        limit = time.monotonic() + 5
        gone = 403 if "grant" in what else 401
        while [c.get("/v1/coverage").status_code for c in clients] != [gone, gone] or not all(v.ended for v in viewers):
            assert time.monotonic() < limit, f"{what} still opens"
            time.sleep(0.05)
        assert time.monotonic() - other.said_at < 2
        assert not other.ended, "nobody else is thrown out"
        for one in two:
            one_ended = time.monotonic()
            with one.client("supervisor") as client, client.stream("GET", "/v1/stream") as answer:
                assert answer.status_code == gone
            assert time.monotonic() - one_ended < 5


def log_in(client: httpx2.Client, name: str, password: str, to: str = "/", **headers: str) -> httpx2.Response:
    return client.post("/login", data={"name": name, "password": password, "to": to}, headers=headers)


@contextlib.contextmanager
def logged_in(service: Service, name: str = "supervisor") -> Iterator[httpx2.Client]:
    with service.client(None) as client:
        assert log_in(client, name, service.password).headers["location"] == "/"
        yield client


def test_an_open_stream_ends_with_its_session(two: tuple[Service, Service]) -> None:
    with logged_in(two[0]) as client, in_session(two[1], client.cookies[COOKIE]) as elsewhere:
        viewer = Viewer(elsewhere)
        thread = threading.Thread(target=viewer.read, daemon=True)
        thread.start()
        until(lambda: viewer.said_at > 0)
        assert client.post("/logout").status_code == 303
        thread.join(5)
        assert viewer.ended
        assert elsewhere.get("/v1/me").status_code == 401


def until(check: Callable[[], bool]) -> None:
    limit = time.monotonic() + 5
    while not check():
        assert time.monotonic() < limit, "it did not come"
        time.sleep(0.02)


# ── sessions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_log_in_and_out(fresh_service: Service) -> None:
    with fresh_service.client(None) as client:
        answer = log_in(client, "supervisor", fresh_service.password, "/gaps?state=behind")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/gaps?state=behind"
        secret = client.cookies[COOKIE]
        assert client.get("/v1/me").json()["role"] == "supervisor"
        assert client.post("/logout", headers={"Origin": fresh_service.url}).status_code == 303
        client.cookies.set(COOKIE, secret)
        assert client.get("/v1/me").status_code == 401  # dead at once


def test_every_log_in_is_a_session_of_its_own(service: Service) -> None:
    with logged_in(service) as one, logged_in(service) as other:
        assert one.cookies[COOKIE] != other.cookies[COOKIE]
        assert one.post("/logout").status_code == 303
        assert other.get("/v1/me").status_code == 200


def test_a_new_password_ends_every_other_session(fresh_service: Service) -> None:
    with logged_in(fresh_service) as one, logged_in(fresh_service) as other, logged_in(fresh_service, "admin") as admin:
        old = one.cookies[COOKIE]
        said = {"old": fresh_service.password, "new": "something-else-42"}
        assert one.post("/v1/password", json=said).status_code == 204
        assert one.get("/v1/me").status_code == 200
        assert one.cookies[COOKIE] != old
        assert other.get("/v1/me").status_code == 401
        with in_session(fresh_service, old) as before:
            assert before.get("/v1/me").status_code == 401
        with fresh_service.client(None) as client:
            assert "failed" in log_in(client, "supervisor", fresh_service.password).headers["location"]
            assert log_in(client, "supervisor", "something-else-42").headers["location"] == "/"
            assert admin.post("/v1/accounts/supervisor/password").status_code == 200
            assert client.get("/v1/me").status_code == 401
        assert one.get("/v1/me").status_code == 401


@pytest.mark.parametrize(
    "to", ["//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example", "x", "/\t/e.example"]
)
def test_log_in_leads_nowhere_else(service: Service, to: str) -> None:
    with service.client(None) as client:
        said = log_in(client, "admin", service.password, to).headers["location"]
    assert said == "/" or (said.startswith("/%") and "e.example" in said), "what a browser would take for an address"


def test_flags_of_the_cookie(service: Service, settings: Settings, database: Logins) -> None:
    def cookie(client: httpx2.Client, **headers: str) -> set[str]:
        said = log_in(client, "admin", service.password, **headers).headers["set-cookie"].lower()
        return {part.strip() for part in said.split(";")[1:]}

    plain = {"httponly", "samesite=lax", "path=/", "max-age=43200"}
    with service.client(None) as client:
        assert cookie(client) == plain
        assert cookie(client, **{"X-Forwarded-Proto": "https"}) == plain | {"secure"}
    stranger = httpx2.HTTPTransport(local_address="127.0.0.2")  # no proxy of ours
    with httpx2.Client(base_url=service.url, transport=stranger) as client:
        assert cookie(client, **{"X-Forwarded-Proto": "https"}) == plain
    with (
        serving(settings.model_copy(update={"secure_cookies": True}), database) as url,
        httpx2.Client(base_url=url) as client,
    ):
        assert cookie(client) == plain | {"secure"}


# ── guessing ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def _later(logins: Logins, minutes: float) -> None:
    """As if so many minutes had passed since an account was locked."""
    db = Database(logins, 1)
    earlier = "locked_until - make_interval(secs => :s)"
    statement = f"UPDATE trust.account SET locked_until = {earlier} WHERE locked_until IS NOT NULL"
    async with db.worker.begin() as connection:
        assert (await connection.execute(text(statement), {"s": minutes * 60})).rowcount == 1
    await db.close()


def opens(client: httpx2.Client, name: str, password: str) -> bool:
    return log_in(client, name, password).headers["location"] == "/"


def test_five_wrong_passwords_lock_for_fifteen_minutes(fresh_service: Service) -> None:
    right = fresh_service.password
    with fresh_service.client(None) as client:
        for _ in range(4):
            assert not opens(client, "admin", "wrong password")
        assert opens(client, "admin", right), "a right one takes the failures back"
        for _ in range(5):
            assert not opens(client, "admin", "wrong password")
        assert not opens(client, "admin", right)
        assert not opens(client, "nobody", right)
        assert opens(client, "supervisor", right), "nobody else is locked"
        asyncio.run(_later(fresh_service.logins, 14.5))
        assert not opens(client, "admin", right)
        asyncio.run(_later(fresh_service.logins, 0.6))
        assert opens(client, "admin", right)


def test_guesses_at_the_old_password_lock_too(fresh_service: Service) -> None:
    """Whoever took a session over a shoulder cannot try passwords with it."""
    with logged_in(fresh_service) as client, fresh_service.client(None) as fresh:
        for _ in range(5):
            answer = client.post("/v1/password", json={"old": "wrong password", "new": "something-else-42"})
            assert answer.status_code == 403
        said = {"old": fresh_service.password, "new": "something-else-42"}
        assert client.post("/v1/password", json=said).status_code == 403
        assert not opens(fresh, "supervisor", fresh_service.password)


def test_hashing_a_password_costs_time_and_memory(real_hasher: PasswordHash) -> None:
    """What RFC 9106 recommends where memory is scarce: three rounds over 64 MiB."""
    assert real_hasher.hash("simulasi").startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_an_unknown_name_costs_as_much_as_a_wrong_password(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is held against one hash, and answered alike: whoever counts time or bytes learns no names."""
    compared = []
    verify = PasswordHash.verify
    monkeypatch.setattr(
        PasswordHash, "verify", lambda self, *args, **more: compared.append(args[1]) or verify(self, *args, **more)
    )
    with service.client(None) as client:
        answers = []
        for name in ("enumerator", "no such name"):
            compared.clear()
            answers.append(log_in(client, name, "wrong password"))
            assert len(compared) == 1, name
            assert compared[0].startswith("$argon2id$")
    said = [(a.status_code, a.headers["location"], a.content, a.headers.get("set-cookie")) for a in answers]
    assert said[0] == said[1]


# ── another site ──────────────────────────────────────────────────────────────────────────────────────────────────

FOREIGN: list[dict[str, str]] = [
    {"Origin": "http://elsewhere.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "OURS"},
    {"Origin": "OURS.elsewhere.example"},
]


@pytest.mark.parametrize("route", UNSAFE)
@pytest.mark.parametrize("by", ["cookie", "basic"])
def test_another_site_changes_nothing(service: Service, route: str, by: str) -> None:
    """A browser sends cookies along by itself, and what was once typed for HTTP Basic as well."""
    basic = base64.b64encode(f"x:{service.tokens['admin']}".encode()).decode()
    with logged_in(service, "admin") if by == "cookie" else service.client(None) as client:
        own = {} if by == "cookie" else {"Authorization": f"Basic {basic}"}
        for foreign in FOREIGN:
            headers = {name: value.replace("OURS", service.url) for name, value in foreign.items()}
            answer = client.request(**request_of(route), headers=own | headers)
            assert answer.status_code == 403, (foreign, answer.text)
            assert "another site" in answer.json()["detail"]
        assert client.get("/v1/me", headers=own).status_code == 200


def test_a_program_may_say_where_it_is_from(service: Service) -> None:
    """A token sent as Bearer is never sent by a browser of itself: apps on phones name strange origins."""
    with service.client("enumerator") as client:
        answer = client.post("/v1/heartbeats", json={}, headers={"Origin": "capacitor://localhost"})
    assert answer.status_code == 422


def test_another_site_logs_nobody_in(service: Service) -> None:
    with service.client(None) as client:
        for foreign in FOREIGN:
            headers = {name: value.replace("OURS", service.url) for name, value in foreign.items()}
            answer = log_in(client, "admin", service.password, **headers)
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers
        for ours in ({"Origin": service.url}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
            assert log_in(client, "admin", service.password, **ours).status_code == 303


def test_every_route_that_changes_something_is_among_them() -> None:
    changing = {route for route in [*GUARDED, *OPEN] if not route.startswith("GET ")}
    assert changing == {*UNSAFE, "POST /login"}


def test_reading_changes_nothing() -> None:
    """Routes that another site may make a browser ask are GET, of which none is in the list of those that change."""
    said: dict[str, Any] = {route: request_of(route)["method"] for route in UNSAFE}
    assert set(said.values()) <= {"POST", "PUT", "PATCH", "DELETE"}
