"""Who may see an area, what people did, and the pages that say so: over HTTP, in every format, without a secret."""

import csv
import io
import json
from typing import Any

import httpx2
import pytest
from python_calamine import load_workbook

from app import locales
from app.access import COOKIE
from app.api.access import AccessOut
from app.api.audit import AuditOut
from app.database import Logins
from app.main import create_app
from app.settings import Settings
from geo.schema import ROLES
from tests.app.test_api import problem
from tests.app.townspeople import HERE, fresh_town, grant, inside, session, town
from tests.conftest import PASSWORD, Service, serving
from tests.world import BLOCKS, EDITION, VILLAGES

__all__ = ["fresh_town", "town"]

# ── who may see an area ───────────────────────────────────────────────────────────────────────────────────────────


def seen(client: httpx2.Client, **asked: Any) -> AccessOut:
    answer = client.get("/v1/access", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return AccessOut.model_validate_json(answer.content)


def test_who_may_see_an_area(town: Service) -> None:
    with inside(town, "supervisor") as client:
        found = seen(client)
        assert (found.blocks, found.accounts, found.edition, found.next) == (3, len(found.access), EDITION, None)
        assert {(r.account, r.role, r.blocks, r.whole) for r in found.access} == {
            ("admin", "admin", 3, True), ("camat", "admin", 3, True), ("lurah", "admin", 3, True),
            ("coordinator", "coordinator", 3, True), ("supervisor", "supervisor", 3, True),
            ("budi", "supervisor", 2, False), ("siti", "enumerator", 2, False), ("enumerator", "enumerator", 1, False),
            ("dinsos", "local_government", 3, True), ("local_government", "local_government", 3, True),
        }  # fmt: skip
        assert [r.role for r in found.access] == sorted(
            (r.role for r in found.access),
            key=["admin", "coordinator", "supervisor", "enumerator", "local_government"].index,
        )
        assert [r.account for r in found.access if r.own] == ["supervisor"]
        government = next(r for r in found.access if r.account == "dinsos")
        assert (government.purpose, government.agreement, government.area) == ("tests", "T/1", "Kampung 1")
        assert government.until is not None
        one = seen(client, within=BLOCKS[0].code)
        assert (one.blocks, {r.account for r in one.access} & {"enumerator", "siti", "budi"}) == (1, {"enumerator"})
        part = seen(client, within="6472030", within_level="district")  # the part of it that is the caller's
        assert [r.account for r in part.access] == [r.account for r in found.access]
        problem(client.get("/v1/access", params={"within": VILLAGES[1]}), 404, "not-found")
        problem(client.get("/v1/access?within=nowhere"), 404, "no-area")
    with inside(town, "budi") as client:
        assert {r.account for r in seen(client).access} >= {"budi", "siti", "supervisor", "admin"}
        assert "enumerator" not in {r.account for r in seen(client).access}
        problem(client.get("/v1/access", params={"within": BLOCKS[0].code}), 404, "not-found")
    with town.client() as client:
        every = seen(client)
        assert {r.account for r in every.access} >= {"tetangga", "lurah"}
        assert "baru" not in {r.account for r in every.access}
        assert seen(client, within=VILLAGES[1]).blocks == 3


def test_a_supervisor_here_who_is_an_enumerator_there_asks_as_a_supervisor(fresh_town: Service) -> None:
    with session(fresh_town, "camat") as camat, session(fresh_town, "supervisor") as client:
        camat.post("/v1/accounts/supervisor/grants", json=grant("enumerator", ("block", BLOCKS[5].code)))
        assert client.get("/v1/me").json()["blocks"] == 4
        assert seen(client).blocks == 3
        problem(client.get("/v1/access", params={"within": BLOCKS[5].code}), 404, "not-found")


def test_who_may_see_by_pages(town: Service) -> None:
    with town.client() as client:
        every = [r.id for r in seen(client).access]
        pages: list[int] = []
        after: int | None = None
        while True:
            page = seen(client, limit=3, **({"after": after} if after else {}))
            pages += [r.id for r in page.access]
            after = page.next
            if after is None:
                break
        assert pages == every


def test_lists_in_all_formats_say_the_same(town: Service) -> None:
    with inside(town, "admin") as client:
        for path, name in (("/v1/access", "access"), ("/v1/accounts", "accounts"), ("/v1/audit?limit=5", "audit")):
            with_format = path + ("&" if "?" in path else "?") + "format="
            answers = {kind: client.get(with_format + kind) for kind in ("csv", "xlsx", "geojson")}
            assert {a.headers["cache-control"] for a in answers.values()} == {"no-store"}
            rows = client.get(path).json()[name]
            table = list(csv.DictReader(io.StringIO(answers["csv"].content.decode("utf-8-sig"))))
            header, *lines = load_workbook(io.BytesIO(answers["xlsx"].content)).get_sheet_by_name(name).to_python()
            assert list(table[0]) == header == list(rows[0])
            assert len(table) == len(lines) == len(rows) == len(answers["geojson"].json()["features"])
    with inside(town, "admin") as client:
        line = next(csv.DictReader(io.StringIO(client.get("/v1/audit?format=csv").content.decode("utf-8-sig"))))
        assert isinstance(json.loads(line["subject"]), dict)


# ── the audit ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_audit_is_read_and_says_so(fresh_town: Service) -> None:
    with session(fresh_town, "admin") as client:
        client.post("/v1/tokens", json={"name": "hp", "days": 3})
        found = AuditOut.model_validate_json(client.get("/v1/audit").content)
        assert [r.id for r in found.audit] == sorted((r.id for r in found.audit), reverse=True)
        made = next(r for r in found.audit if r.act == "token.create")
        assert (made.account, made.credential is not None) == ("admin", True)
        again = AuditOut.model_validate_json(client.get("/v1/audit?act=audit.read").content)
        assert [(r.account, r.subject) for r in again.audit] == [("admin", {"rows": len(found.audit)})]
        grants_only = client.get("/v1/audit?act=grant.&limit=1000").json()["audit"]
        assert {r["act"] for r in grants_only} == {"grant.give", "grant.end"}
        first = client.get("/v1/audit?limit=2&act=grant.").json()
        rest = client.get(f"/v1/audit?limit=1000&act=grant.&after={first['next']}").json()
        assert [r["id"] for r in first["audit"] + rest["audit"]] == [r["id"] for r in grants_only]
        assert client.get("/v1/audit?since=2100-01-01T00:00:00Z").json()["audit"] == []
        assert client.get("/v1/audit?until=2001-01-01T00:00:00Z").json()["audit"] == []
        assert client.get("/v1/audit?since=0001-01-01T00:00:00%2B23:59&limit=1").status_code == 200
        problem(client.get("/v1/audit?account=nobody"), 404, "no-account")
        problem(client.get("/v1/audit?account=%00"), 422, "bad-name")
        for wrong in ("since=yesterday", "since=5", "since=2030-01-01T00:00:00", "act=%25", "limit=0", "after=0"):
            problem(client.get(f"/v1/audit?{wrong}"), 422, "bad-parameter")


def test_no_secret_is_ever_read_again(fresh_town: Service, capfd: pytest.CaptureFixture[str]) -> None:
    with session(fresh_town, "admin") as client:
        token = client.post("/v1/tokens", json={"name": "hp", "days": 3}).json()["token"]
        wanted = {"name": "ani", "grant": grant("supervisor", HERE)}
        first = client.post("/v1/accounts", json=wanted).json()["password"]
        second = client.post("/v1/accounts/ani/password").json()["password"]
        client.post("/v1/password", json={"old": PASSWORD, "new": "kata-sandi-kanari"})
        secrets = [token, first, second, PASSWORD, "kata-sandi-kanari", client.cookies[COOKIE], "argon2"]
        lists = ("accounts?limit=1000", "access?limit=1000", "audit?limit=1000", "tokens", "sessions", "me")
        answers = [client.get(f"/v1/{path}") for path in lists]
        answers += [client.get(f"/v1/{path}&format=csv") for path in lists[:3]]
        answers += [client.get("/account"), client.get("/access")]
    logged = "".join(capfd.readouterr())
    for secret in secrets:
        assert [str(a.url) for a in answers if secret in a.text] == []
        assert secret not in logged


# ── pages, words, the document ────────────────────────────────────────────────────────────────────────────────────


def test_pages_are_open_to_those_they_are_for(town: Service) -> None:
    opened = dict.fromkeys(("admin", "lurah", "coordinator", "supervisor", "budi"), (200, 200))
    opened |= dict.fromkeys(("enumerator", "siti", "local_government", "baru"), (200, 403))
    for who, (account, access) in opened.items():
        with inside(town, who) as client:
            page = client.get("/account")
            assert page.status_code == account
            assert ('href="/access"' in page.text) is (access == 200)
            assert ('id="make"' in page.text) is (who != "baru")
            answer = client.get("/access")
            assert answer.status_code == access
            assert ('id="accounts"' in answer.text) is (who in {"admin", "lurah"})
    with inside(town, "baru") as client:
        for path in ("/", "/gaps", "/access"):
            answer = client.get(path)
            assert answer.status_code == 403
            assert "Akun Anda belum punya peran" in answer.text
            assert 'href="/gaps"' not in answer.text
    with inside(town, "enumerator") as client:
        assert "Halaman ini bukan untuk peran Anda" in client.get("/access").text
    with town.client(None) as nobody:
        for path in ("/account", "/access"):
            assert nobody.get(path).headers["location"] == f"/login?to={path}"


def test_the_log_in_page_says_why_one_is_there(town: Service) -> None:
    with town.client(None) as nobody:
        assert "Sesi Anda sudah berakhir" in nobody.get("/login?ended=1&to=/account").text
        page = nobody.get("/login?failed=provider").text
        assert "lewat penyedia tidak berhasil" in page
        assert 'role="alert"' in page
        assert "/login/provider" not in page


def test_the_log_in_page_offers_the_provider(settings: Settings, fresh_database: Logins) -> None:
    by = {"oidc_issuer": "https://sso.example.id", "oidc_client_id": "cakupan", "oidc_label": 'SSO "BPS" & co'}
    with serving(settings.model_copy(update=by), fresh_database) as url, httpx2.Client(base_url=url) as client:
        page = client.get("/login?to=/gaps%3Fstate=behind%26x=1").text
    assert 'href="/login/provider?to=/gaps%3Fstate%3Dbehind%26x%3D1"' in page
    assert "Masuk dengan SSO &#34;BPS&#34; &amp; co" in page


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_every_role_and_trouble_is_put_in_words(language: str) -> None:
    said = locales.texts(language)
    assert [r for r in (*ROLES, "none") if f"role.{r}" not in said] == []
    assert [r for r in ROLES if f"can.{r}" not in said] == []
    codes = {
        "not-yours", "own-account", "session-needed", "wrong-password", "no-session", "too-many-tokens", "name-taken",
        "bad-name", "bad-grant", "no-account", "no-grant", "no-token", "no-role", "weak-password", "no-area",
    }  # fmt: skip
    assert [c for c in codes if f"trouble.{c}" not in said] == []
    kinds = ("on_area", "on_everything", "on_assigned", "everything", "assigned", "assigned_own", "area")
    assert [k for k in kinds if f"grant.{k}" not in said] == []


def test_bodies_are_written_out_in_the_document(settings: Settings) -> None:
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:9/none"
    paths = create_app(settings, Logins(nowhere, nowhere, nowhere, nowhere)).openapi()["paths"]
    for path in ("/v1/accounts", "/v1/accounts/{name}/grants", "/v1/tokens", "/v1/password"):
        schema = paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert "$ref" not in json.dumps(schema)
        assert "$defs" not in schema
        assert {"403", "413", "422"} <= set(paths[path]["post"]["responses"])
    assert set(paths["/v1/accounts"]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]) == {
        "name", "grant",
    }  # fmt: skip
