"""The names that the service answers to: another's page whose name is made to lead here gets no word in."""

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import orjson
import pytest

from app.database import Logins
from app.settings import Settings
from tests.conftest import Service, serving

NAMED = "Cakupan.example.id"


@pytest.fixture(scope="module")
def named(settings: Settings, service: Service, database: Logins) -> Iterator[str]:
    """A service that answers to a name of its own; where it listens."""
    with serving(settings.model_copy(update={"host_names": (NAMED,)}), database) as url:
        yield url


def ask(url: str, host: str | None, path: str = "/v1/me", version: int = 11) -> tuple[int, dict[str, str], bytes]:
    """One request with that Host line, or without any."""
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    line._http_vsn, line._http_vsn_str = version, f"HTTP/1.{version % 10}"
    try:
        line.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
        if host is not None:
            line.putheader("Host", host)
        line.endheaders()
        answer = line.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        line.close()


@pytest.mark.parametrize(
    "host",
    [
        *(
            "localhost",
            "LOCALHOST",
            "localhost:8000",
            "localhost.",
            "127.0.0.1",
            "127.0.0.1:8000",
            "10.0.0.7",
            "192.0.2.1:443",
        ),
        *("[::1]", "[::1]:8000", "[2001:db8::7]", "[::ffff:127.0.0.1]:80"),
        *("cakupan.example.id", "CAKUPAN.EXAMPLE.ID", "cakupan.example.id:443", "cakupan.example.id."),
    ],
)
def test_names_and_addresses_of_ours(named: str, host: str) -> None:
    assert ask(named, host)[0] == 401
    assert ask(named, host, "/livez")[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        *("elsewhere.example", "elsewhere.example:8000", "elsewhere.example.", "cakupan.example.id.elsewhere.example"),
        *(
            "notlocalhost",
            "localhost.elsewhere.example",
            "127.0.0.1.elsewhere.example",
            "example.id",
            "xn--cakupan.example.id",
        ),
        *(
            "[elsewhere.example]",
            "localhost@elsewhere.example",
            "user:localhost@elsewhere.example:80",
            "0x7f.1",
            "127.1",
        ),
        *("", ":", ":8000", "..", "[", "[]", "localhost elsewhere.example", "testserver"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/me", "/livez", "/login", "/nowhere", "/v1/coverage?within=6472"])
def test_other_names(named: str, host: str, path: str) -> None:
    status, headers, body = ask(named, host, path)
    if status == 400 and b"Invalid" in body:  # what is no Host line at all, the server itself refuses
        return
    assert status == 421
    assert headers["content-type"] == "application/problem+json"
    said = orjson.loads(body)
    assert (said["type"], said["status"]) == ("urn:cakupan:problem:unknown-host", 421)
    assert host.encode() not in body or len(host) < 4, "it is not repeated"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")


def test_without_a_name(named: str) -> None:
    assert ask(named, None, version=10)[0] == 421
    assert ask(named, None)[0] in {400, 421}


def test_a_name_of_another_service_is_none_of_this(service: Service) -> None:
    assert ask(service.url, NAMED)[0] == 421


def test_a_proxy_does_not_name_us(named: str, service: Service) -> None:
    """X-Forwarded-Host is believed of nobody; the proxy passes the Host line on."""
    line = http.client.HTTPConnection(urlsplit(named).netloc, timeout=10)
    said = {"X-Forwarded-Host": "elsewhere.example", "Authorization": f"Bearer {service.tokens['admin']}"}
    line.request("GET", "/tiles/blocks.json", headers=said)
    body = line.getresponse().read()
    line.close()
    assert b"elsewhere" not in body
