"""What every answer says to a browser: nothing from elsewhere, nothing inline, nothing for others."""

import re
from collections.abc import AsyncIterator, Mapping

import pytest
from fastapi import FastAPI

from app.headers import HEADERS, POLICY
from app.main import create_app
from app.pages import assets
from app.settings import Settings
from tests.app.asking import Answer, ask, living
from tests.app.matrix import GUARDED, OPEN, TILE, request_of
from tests.conftest import Service

YEAR = 31_536_000


@pytest.fixture(scope="module")
async def app(service: Service, settings: Settings) -> AsyncIterator[FastAPI]:
    """The application without a line between."""
    made = create_app(settings.model_copy(update={"requests_per_minute": 40}), service.logins, may_lose=True)
    async with living(made):
        yield made


def check(answer: Answer, scheme: str = "http") -> None:
    """Whether an answer says all of it."""
    said = answer.headers
    assert {name: said.get(name.lower()) for name in HEADERS} == HEADERS
    assert said["cache-control"]
    lasts = re.fullmatch(r"max-age=(\d+)(; includeSubDomains)?", said.get("strict-transport-security", ""))
    assert (lasts is not None and int(lasts[1]) >= YEAR) is (scheme == "https"), "over HTTPS, and only there"


def bearer(service: Service, who: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {service.tokens[who]}"}


def test_the_policy_is_strict() -> None:
    rules = dict(rule.strip().partition(" ")[::2] for rule in POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    for what in ("base-uri", "frame-ancestors"):
        assert rules[what] == "'none'"
    for what in ("script-src", "style-src", "connect-src", "font-src", "form-action", "manifest-src"):
        assert rules[what] == "'self'"
    allowed = {source for rule in rules.values() for source in rule.split()}
    assert allowed == {"'none'", "'self'", "blob:", "data:"}, "nothing inline, no eval, no other host"
    assert {what for what, rule in rules.items() if {"blob:", "data:"} & set(rule.split())} == {"worker-src", "img-src"}


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_every_route_says_them(app: FastAPI, service: Service, scheme: str) -> None:
    for route in GUARDED:
        request = request_of(route)
        for who in ("admin", "enumerator", "local_government", "nobody"):
            headers = bearer(service, who) if who in service.tokens else {}
            answer = await ask(app, request["url"], method=request["method"], headers=headers, scheme=scheme, events=1)
            check(answer, scheme)
    for route in OPEN:
        method, _, path = route.partition(" ")
        check(
            await ask(app, path.replace("{version}/{name:path}", "x/static/page.css"), method=method, scheme=scheme),
            scheme,
        )


async def test_errors_say_them_too(app: FastAPI, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = bearer(service, "supervisor")
    tile = await ask(app, f"/tiles/blocks/{TILE}.mvt", headers=supervisor)
    seen = {}
    for scheme in ("http", "https"):
        answers = [
            await ask(
                app,
                f"/tiles/blocks/{TILE}.mvt",
                headers={**supervisor, "if-none-match": tile.headers["etag"]},
                scheme=scheme,
            ),
            await ask(app, "/tiles/blocks/13/1/1.mvt", headers=supervisor, scheme=scheme),
            await ask(app, "/nowhere", scheme=scheme),
            await ask(app, "/v1/coverage", method="PUT", scheme=scheme),
            await ask(app, "/v1/coverage", {"level": "x"}, headers=supervisor, scheme=scheme),
            await ask(app, "/livez", headers={"host": "elsewhere.example"}, scheme=scheme),
            await ask(app, "/v1/coverage/", scheme=scheme),
            await ask(app, "/", scheme=scheme),
        ]
        with monkeypatch.context() as broken:
            broken.setattr("app.api.areas.said_of_all", lambda _live: 1 / 0)
            answers.append(await ask(app, "/v1/areas", headers=supervisor, scheme=scheme))
        for answer in answers:
            check(answer, scheme)
            seen[answer.status] = answer
        while (answer := await ask(app, "/v1/me", headers=bearer(service, "coordinator"), scheme=scheme)).status == 200:
            check(answer, scheme)
        check(answer, scheme)
        seen[answer.status] = answer
    assert set(seen) >= {204, 303, 304, 404, 405, 421, 422, 429, 500}


@pytest.mark.parametrize("path", ["/", "/gaps", "/quarantine", "/account", "/access", "/login"])
def test_pages_load_from_nowhere_else(service: Service, path: str) -> None:
    """Neither an address of another host nor a script or style within a page."""
    with service.client("admin") as client:
        answer = client.get(path)
    assert answer.status_code == 200
    text = answer.text
    for tag in re.findall(r"<(?:script|link|img|iframe|form|source|object|embed)\b[^>]*>", text):
        for loaded in re.findall(r'\b(?:src|href|action)="([^"]*)"', tag):
            assert re.match(r"/(?!/)", loaded), loaded
    assert not re.search(r"<style\b|\son[a-z]+=|\sstyle=|javascript:", text)
    for said, inside in re.findall(r"<script\b([^>]*)>(.*?)</script>", text, re.DOTALL):
        assert not inside.strip() or 'type="application/json"' in said, "no script within a page"


def test_scripts_and_styles_load_from_nowhere_else() -> None:
    for name, file in assets.files().items():
        if name.startswith("static/") and file.suffix in {".js", ".css", ".mjs"}:
            code = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")  # a name, not an address
            assert re.findall(r"""["'`(](?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}""", code) == [], name
            assert not re.search(r"\beval\(|new Function\(|document\.write|insertAdjacentHTML|\.innerHTML\s*=", code), (
                name
            )
