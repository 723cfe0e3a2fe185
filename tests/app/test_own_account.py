"""One's own tokens, sessions and password over HTTP."""

import pytest

from app.access import COOKIE
from app.api.me import MeOut
from geo.schema import ROLES
from tests.app.test_api import problem
from tests.app.townspeople import THERE, enters, fresh_town, grant, held, inside, session, town
from tests.conftest import PASSWORD, Service
from tests.world import VILLAGES

__all__ = ["fresh_town", "town"]


@pytest.mark.parametrize("who", ROLES)
def test_everybody_makes_tokens_of_its_own(fresh_service: Service, who: str) -> None:
    with session(fresh_service, who) as client:
        made = client.post("/v1/tokens", json={"name": " QGIS kantor ", "days": 365})
        assert made.status_code == 201
        assert made.headers["cache-control"] == "no-store"
        secret = made.json()["token"]
        rows = client.get("/v1/tokens").json()["tokens"]
        assert [row["name"] for row in rows] == ["test", "QGIS kantor"]
        assert rows[1]["id"] == made.json()["id"]
        assert secret not in client.get("/v1/tokens").text
        bearer = {"Authorization": f"Bearer {secret}"}
        with fresh_service.client(None) as other:
            assert other.get("/v1/me", headers=bearer).json()["name"] == who
            assert client.delete(f"/v1/tokens/{rows[1]['id']}").status_code == 204
            assert other.get("/v1/me", headers=bearer).status_code == 401
        problem(client.delete(f"/v1/tokens/{rows[1]['id']}"), 404, "no-token")


def test_tokens_have_bounds(fresh_town: Service) -> None:
    with session(fresh_town, "supervisor") as client:
        problem(client.post("/v1/tokens", json={"name": "x", "days": 366}), 422, "bad-expiry")
        for wrong in ({"days": 0}, {"days": 3651}, {"days": "9"}, {"days": 1.5}, {"name": ""}, {"name": "x" * 65}):
            problem(client.post("/v1/tokens", json={"name": "x", "days": 9} | wrong), 422, "bad-parameter")
        for name in (" ", "a\u0000", "6472031210850001", "NIK 6472031210850001."):
            problem(client.post("/v1/tokens", json={"name": name, "days": 9}), 422, "bad-name")
        for n in range(49):
            assert client.post("/v1/tokens", json={"name": f"t{n}", "days": 9}).status_code == 201
        problem(client.post("/v1/tokens", json={"name": "one more", "days": 9}), 409, "too-many-tokens")
    with session(fresh_town, "lurah") as client:
        assert client.post("/v1/tokens", json={"name": "x", "days": 3650}).status_code == 201
    with session(fresh_town, "baru") as client:
        problem(client.post("/v1/tokens", json={"name": "x", "days": 9}), 403, "no-role")
        assert client.get("/v1/tokens").json() == {"tokens": []}
        assert client.get("/v1/me").json()["role"] == "none"


def test_tokens_and_sessions_of_others_are_not_there(town: Service) -> None:
    with inside(town, "admin") as admin, inside(town, "supervisor") as supervisor:
        (session_id,) = (r["id"] for r in supervisor.get("/v1/sessions").json()["sessions"] if r["this"])
        (token_id,) = (r["id"] for r in supervisor.get("/v1/tokens").json()["tokens"])
        problem(admin.delete(f"/v1/tokens/{token_id}"), 404, "no-token")
        problem(admin.delete(f"/v1/sessions/{session_id}"), 404, "no-session")
        problem(supervisor.delete(f"/v1/tokens/{session_id}"), 404, "no-token")
        problem(supervisor.delete(f"/v1/sessions/{token_id}"), 404, "no-session")
        assert supervisor.get("/v1/me").status_code == 200


def test_a_session_elsewhere_is_ended(fresh_service: Service) -> None:
    with session(fresh_service, "supervisor") as here, session(fresh_service, "supervisor") as there:
        rows = here.get("/v1/sessions").json()["sessions"]
        assert sorted(row["this"] for row in rows) == [False, True]
        assert {row["how"] for row in rows} == {"password"}
        (other,) = (row["id"] for row in rows if not row["this"])
        assert here.delete(f"/v1/sessions/{other}").status_code == 204
        assert there.get("/v1/me").status_code == 401
        assert here.get("/v1/me").status_code == 200


def test_a_new_password_ends_the_other_sessions(fresh_service: Service) -> None:
    with session(fresh_service, "supervisor") as here, session(fresh_service, "supervisor") as there:
        before = here.cookies[COOKIE]
        problem(here.post("/v1/password", json={"old": PASSWORD, "new": "short"}), 422, "weak-password")
        problem(here.post("/v1/password", json={"old": PASSWORD, "new": "x" * 201}), 422, "weak-password")
        answer = here.post("/v1/password", json={"old": PASSWORD, "new": "yang-baru-sekali"})
        assert (answer.status_code, answer.headers["cache-control"]) == (204, "no-store")
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert here.cookies[COOKIE] != before
        assert here.get("/v1/me").status_code == 200
        assert len(here.get("/v1/sessions").json()["sessions"]) == 1
        assert there.get("/v1/me").status_code == 401
        there.cookies.set(COOKIE, before)
        assert there.get("/v1/me").status_code == 401
        there.cookies.clear()
        assert not enters(there, "supervisor", PASSWORD)
        assert enters(there, "supervisor", "yang-baru-sekali")
    with fresh_service.client("supervisor") as by_token:
        assert by_token.get("/v1/me").status_code == 200


def test_a_new_password_takes_the_tokens_along_where_asked_to(fresh_service: Service) -> None:
    """Whoever knew the old one may have made a token, which would open the account for a year."""
    with session(fresh_service, "supervisor") as here, fresh_service.client("supervisor") as by_token:
        assert by_token.get("/v1/me").status_code == 200
        said = {"old": PASSWORD, "new": "yang-baru-sekali"}
        problem(here.post("/v1/password", json=said | {"tokens": "yes"}), 422, "bad-parameter")
        assert here.post("/v1/password", json=said | {"tokens": True}).status_code == 204
        assert by_token.get("/v1/me").status_code == 401
        assert here.get("/v1/tokens").json() == {"tokens": []}


@pytest.mark.parametrize(("asked", "left"), [("", 200), ("?tokens=true", 401)])
def test_an_administrator_may_take_the_tokens_along(fresh_service: Service, asked: str, left: int) -> None:
    with session(fresh_service, "admin") as admin, fresh_service.client("supervisor") as by_token:
        assert by_token.get("/v1/me").status_code == 200
        assert admin.post(f"/v1/accounts/supervisor/password{asked}").status_code == 200
        assert by_token.get("/v1/me").status_code == left
        (row, *_) = admin.get("/v1/audit?act=account.password").json()["audit"]
        assert row["subject"].get("tokens") is (True if asked else None)


def test_a_wrong_old_password_counts_like_a_failed_log_in(fresh_service: Service) -> None:
    with session(fresh_service, "supervisor") as client:
        for _ in range(5):
            answer = client.post("/v1/password", json={"old": "guessed-wrongly", "new": "yang-baru-sekali"})
            problem(answer, 403, "wrong-password")
        answer = client.post("/v1/password", json={"old": PASSWORD, "new": "yang-baru-sekali"})
        problem(answer, 403, "wrong-password")  # locked: a stolen session must not go on guessing
        assert not enters(client, "supervisor", PASSWORD)
        assert client.get("/v1/me").status_code == 200
    with fresh_service.client() as admin:
        (row,) = admin.get("/v1/accounts?q=supervisor").json()["accounts"]
        assert row["locked"]
        acts = [r["act"] for r in admin.get("/v1/audit?account=supervisor&act=log-in.").json()["audit"]]
        assert acts.count("log-in.locked") == 1
        assert acts.count("log-in.failed") == 6


def test_me_says_whether_the_view_has_changed(fresh_town: Service) -> None:
    with session(fresh_town, "supervisor") as client, session(fresh_town, "camat") as camat:
        before = MeOut.model_validate_json(client.get("/v1/me").content)
        assert (before.role, before.roles, before.blocks, before.by_password) == ("supervisor", ["supervisor"], 3, True)
        assert [(g.role, g.area, g.until) for g in before.grants] == [("supervisor", "Kampung 1", None)]
        assert client.get("/v1/me").json()["sees"] == before.sees
        camat.post("/v1/accounts/supervisor/grants", json=grant("supervisor", THERE))
        (given,) = (g["id"] for g in held(camat, "supervisor") if g["code"] == VILLAGES[1])
        camat.delete(f"/v1/grants/{before.grants[0].id}")
        after = client.get("/v1/me").json()
        assert after["sees"] != before.sees
        assert [g["id"] for g in after["grants"]] == [given]
