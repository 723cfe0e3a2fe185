"""Log-in by a provider: who it says somebody is opens that account, and nothing that it, or anybody else, makes up."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import text

from app.access import COOKIE
from app.database import Database, Logins
from app.settings import Settings
from geo.trust import accounts
from tests.app.provider import CLIENT, SECRET, Provider, provider
from tests.conftest import granted, serving


@pytest.fixture(scope="module")
def honest() -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture(scope="module")
def url(settings: Settings, database: Logins, honest: Provider) -> Iterator[str]:
    """A service whose log-in provider is that one, with accounts for a supervisor and one that is shut out."""

    async def make() -> None:
        db = Database(database, 1)
        async with db.worker.begin() as connection:
            await accounts.create(connection, "budi", granted("supervisor", ("village", "6472030001")))
            await accounts.create(connection, "sari", granted("coordinator", ("district", "6472030")))
            gone = await accounts.create(connection, "gone", granted("admin", None))
            await connection.execute(
                text("UPDATE trust.account SET disabled_at = now() WHERE account_id = :a"), {"a": gone}
            )
        await db.close()

    asyncio.run(make())
    more = {
        "oidc_issuer": honest.address,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SecretStr(SECRET),
        "oidc_label": "SSO",
    }
    with serving(settings.model_copy(update=more), database) as address:
        yield address


def walked(url: str, to: str = "/gaps?state=open") -> httpx2.Response:
    """The way of a browser: to the provider, back, and the answer that begins a session or does not."""
    with httpx2.Client(base_url=url, timeout=20) as client:
        left = client.get("/login/provider", params={"to": to})
        assert left.status_code == 302, left.headers
        back = client.get(left.headers["location"])
        return client.get(back.headers["location"])


def refused(answer: httpx2.Response) -> bool:
    return (
        answer.status_code == 303
        and answer.headers["location"] == "/login?failed=provider"
        and COOKIE not in answer.cookies
    )


def who(url: str, answer: httpx2.Response) -> dict[str, Any]:
    with httpx2.Client(base_url=url, cookies={COOKIE: answer.cookies[COOKIE]}) as client:
        found: dict[str, Any] = client.get("/v1/me").json()
        return found


def test_who_the_provider_knows_is_let_in_and_goes_on(url: str, honest: Provider) -> None:
    honest.honest(sub="s-1", preferred_username="budi")
    answer = walked(url)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/gaps?state=open"
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(COOKIE))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    me = who(url, answer)
    assert (me["name"], me["role"], me["everything"]) == ("budi", "supervisor", False)


def test_a_name_given_to_somebody_else_later_opens_nothing(url: str, honest: Provider) -> None:
    honest.honest(sub="s-1", preferred_username="budi")
    assert who(url, walked(url))["name"] == "budi"
    honest.honest(sub="s-2", preferred_username="budi")
    assert refused(walked(url))
    honest.honest(sub="s-1", preferred_username="budi who married")  # the subject counts, not the name
    assert who(url, walked(url))["name"] == "budi"


@pytest.mark.parametrize("name", ["nobody of ours", "gone", "", None, 7, ["budi"]])
def test_who_has_no_account_stays_outside(url: str, honest: Provider, name: object) -> None:
    honest.honest(sub="s-9", preferred_username=name)
    assert refused(walked(url))


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("iss", "https://somebody.example"),
        ("iss", None),
        ("aud", "another-service"),
        ("aud", None),
        ("aud", [CLIENT, "another-service"]),
        ("azp", "another-service"),
        ("nonce", "old"),
        ("nonce", None),
        ("exp", 1_000_000_000),
        ("exp", None),
        ("exp", "never"),
        ("nbf", 4_000_000_000),
        ("sub", None),
    ],
)
def test_what_the_provider_says_must_be_meant_for_us_and_now(
    url: str, honest: Provider, what: str, value: object
) -> None:
    honest.honest(sub="s-5", preferred_username="sari")
    honest.claims = {what: value}
    assert refused(walked(url)), what


@pytest.mark.parametrize("signed", ["somebody else", "nobody", "our public key"])
def test_what_the_provider_did_not_sign_is_not_believed(url: str, honest: Provider, signed: str) -> None:
    honest.honest(sub="s-5", preferred_username="sari")
    honest.signed = signed
    assert refused(walked(url))
    honest.signed = "own"
    assert who(url, walked(url))["name"] == "sari"


def test_whoever_comes_back_must_be_who_left(url: str, honest: Provider) -> None:
    honest.honest(sub="s-5", preferred_username="sari")
    with httpx2.Client(base_url=url) as mine, httpx2.Client(base_url=url) as theirs:
        back = mine.get(mine.get("/login/provider").headers["location"]).headers["location"]
        theirs.get("/login/provider")
        assert refused(theirs.get(back))  # a link of an attacker who is logged in at the provider
        state = parse_qs(urlsplit(back).query)["state"][0]
        assert refused(mine.get("/login/provider/callback", params={"state": state, "code": "made up"}))
        assert refused(mine.get(back))  # the state was spent
        assert refused(mine.get("/login/provider/callback", params={"error": "access_denied", "state": state}))
        assert refused(mine.get("/login/provider/callback"))


def test_a_code_is_taken_once(url: str, honest: Provider) -> None:
    honest.honest(sub="s-5", preferred_username="sari")
    with httpx2.Client(base_url=url) as client:
        back = client.get(client.get("/login/provider").headers["location"]).headers["location"]
        kept = dict(client.cookies)
        assert COOKIE in client.get(back).cookies
    with httpx2.Client(base_url=url, cookies=kept) as again:
        assert refused(again.get(back))


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_nobody_is_sent_on_to_another_site(url: str, honest: Provider, to: str) -> None:
    honest.honest(sub="s-5", preferred_username="sari")
    assert walked(url, to).headers["location"] == "/"


def test_log_ins_are_in_the_audit(url: str, database: Logins, honest: Provider) -> None:
    honest.honest(sub="s-5", preferred_username="sari")
    walked(url)
    honest.honest(sub="s-77", preferred_username="unknown-person-77")
    walked(url)

    async def last() -> list[tuple[Any, ...]]:
        db = Database(database, 1)
        async with db.worker.begin() as connection:
            found = await connection.execute(
                text(
                    "SELECT act, subject, subject::text LIKE '%unknown%' FROM trust.audit "
                    "ORDER BY audit_id DESC LIMIT 2"
                )
            )
            rows = [tuple(row) for row in found]
        await db.close()
        return rows

    failed, entered = asyncio.run(last())
    assert failed == ("log-in.failed", {"how": "provider", "address": "127.0.0.1"}, False)
    assert entered == ("log-in", {"how": "provider", "address": "127.0.0.1"}, False)


@pytest.mark.parametrize(("issuer", "down"), [("https://somebody.example", False), (None, True)])
def test_a_provider_that_is_another_or_does_not_answer(
    settings: Settings, database: Logins, issuer: str | None, down: bool
) -> None:
    with provider() as other:
        other.says_issuer, other.down = issuer, down
        more = {"oidc_issuer": other.address, "oidc_client_id": CLIENT, "oidc_client_secret": SecretStr(SECRET)}
        with serving(settings.model_copy(update=more), database) as address:
            assert refused(httpx2.get(f"{address}/login/provider", timeout=20))


def test_without_a_provider_there_is_no_such_page(settings: Settings, database: Logins) -> None:
    with serving(settings, database) as address:
        assert httpx2.get(f"{address}/login/provider").status_code == 404


@pytest.mark.parametrize("address", ["http://sso.example", "ftp://sso.example", "https://sso.example?x=1", "sso"])
def test_a_provider_without_https_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="https"):
        Settings(_env_file=None, oidc_issuer=address)


async def test_an_address_of_mail_counts_only_where_it_is_verified(
    settings: Settings, fresh_database: Logins, honest: Provider
) -> None:
    db = Database(fresh_database, 1)
    async with db.worker.begin() as connection:
        await accounts.create(connection, "sari@bps.example", granted("coordinator", None))
    await db.close()
    more = {
        "oidc_issuer": honest.address,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SecretStr(SECRET),
        "oidc_claim": "email",
    }
    with serving(settings.model_copy(update=more), fresh_database) as address:
        honest.honest(sub="m-1", email="sari@bps.example", email_verified=False)
        assert refused(await asyncio.to_thread(walked, address))
        honest.honest(sub="m-1", email="sari@bps.example", email_verified=True)
        assert COOKIE in (await asyncio.to_thread(walked, address)).cookies
