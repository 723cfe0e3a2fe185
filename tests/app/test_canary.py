"""Canaries: what must never be repeated is sent everywhere, made to fail everywhere, and then searched for everywhere.

The service runs as an operator starts it, over a private server of its own, so that what both of them write down is
there to be read.
"""

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import psycopg
import pytest

from app.access import COOKIE
from app.database import Logins
from app.main import create_app
from app.settings import Settings
from tests.app import broken
from tests.app.matrix import GUARDED, OPEN, PUBLISHED
from tests.conftest import CERTIFICATES, PASSWORD
from tests.faults import starter
from tests.faults.stage import BACK, Stage, plain, ready, staged
from tests.world import BLOCKS, submission

HOUSEHOLD = "Canary-HH-7f3a91"
SUBMISSION = "c0ffee11-ca4a-4a4a-8a4a-7f3a917f3a91"
LON, LAT = 117.1427391, -0.5072913
#: A national number of a woman born on the 5th of July 1979.
NATIONAL = "6472034507790001"
QUERY = "canary query 7f3a91"
SECRET = "ck_canary7f3a91canary7f3a91canary7f3a91"
WRONG = "Canary-Passw0rd-7f3a91"

#: What is searched for, by what it is: beginnings and parts, lest rounding hide one.
CANARIES = {
    "household": "canary-hh-7f3a91",
    "submission": "ca4a-4a4a-8a4a",
    "longitude": "117.1427",
    "latitude": "0.50729",
    "national number": NATIONAL,
    "query": "query 7f3a91",
    "query, as it is written in addresses": "query%207f3a91",
    "token": "canary7f3a91canary",
    "wrong password": "passw0rd-7f3a91",
    "right password": PASSWORD,
}
#: Parameters of a query by route, and all of them.
PARAMETERS = {
    f"{method.upper()} {path}": {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
    for path, operations in create_app(Settings(_env_file=None), Logins(*["postgresql+psycopg://x@127.0.0.1:9/x"] * 4))
    .openapi()["paths"]
    .items()
    for method, operation in operations.items()
}
OF_PAGES = {"lang", "to", "error"}
EVERY = sorted(OF_PAGES.union(*PARAMETERS.values()))
ROW = submission("x", BLOCKS[0]) | {"household_id": HOUSEHOLD, "submission_id": SUBMISSION, "lon": LON, "lat": LAT}


def sung(said: str) -> list[str]:
    """The canaries in a text."""
    lower = said.lower()
    return [name for name, canary in CANARIES.items() if canary.lower() in lower]


@dataclass
class Run:
    """A service that was sent every canary by every way; what it answered, and what was written down."""

    stage: Stage
    database: str
    said: Path
    url: str
    answers: list[tuple[str, httpx2.Response]] = field(default_factory=list)

    def client(self, **more: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=30, verify=CERTIFICATES, **more)

    def ask(self, client: httpx2.Client, method: str, path: str, **more: Any) -> httpx2.Response | None:
        """One request, kept with its answer; None where the line was cut."""
        try:
            with client.stream(method, path, **more) as answer:
                if "event-stream" not in answer.headers.get("content-type", ""):
                    answer.read()
        except httpx2.HTTPError:
            return None
        self.answers.append((f"{method} {path}", answer))
        return answer

    def log_of_postgres(self) -> str:
        files = sorted((self.stage.home / "data" / "log").glob("*.log"))
        return "".join(file.read_text(errors="replace") for file in files)


@pytest.fixture(scope="module")
def stage(settings: Settings) -> Iterator[Stage]:
    with staged(settings.home) as made:
        yield made


@pytest.fixture(scope="module")
def run(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    said = tmp_path_factory.mktemp("canary") / "service.log"
    with stage.world() as logins:
        database = psycopg.conninfo.conninfo_to_dict(plain(logins.owner))["dbname"]
        of = {"home": stage.home, "database": database, "port": 0, "log_level": "debug", "proxies": "127.0.0.9"}
        process = starter.child(broken.serve, said, of)
        try:
            made = Run(stage, str(database), said, f"http://127.0.0.1:{_port(said)}")
            _sing(made)
            yield made
        finally:
            process.terminate()
            process.join(45)
            process.kill()


def _port(said: Path) -> int:
    end = time.monotonic() + BACK
    while time.monotonic() < end:
        _, _, rest = said.read_text().partition("http://127.0.0.1:") if said.exists() else ("", "", "")
        if (port := rest.split(" ")[0].strip()).isdigit() and ready(int(port)):
            return int(port)
        time.sleep(0.05)
    raise AssertionError("the service is not ready")


def _sing(run: Run) -> None:
    """Send every canary by every way."""
    tokens = run.stage.tokens
    with run.client(headers={"Authorization": f"Bearer {tokens['admin']}"}) as admin, run.client() as nobody:
        run.ask(admin, "POST", "/v1/submissions", json={"submissions": [ROW]})
        _bodies(run, admin)
        for client in (admin, nobody):
            _every_route(run, client)
        _secrets(run, nobody)
        _failures(run, admin)
        _every_route(run, admin)  # once more, now that the database was away
        run.ask(nobody, "GET", "/metrics")


def _bodies(run: Run, client: httpx2.Client) -> None:
    """Bodies that are believed, that are not, and that cannot even be read."""
    bad = [
        ROW | {"result": "completed", "revision": 1, "accuracy_m": 99},  # another record under the same id
        ROW | {"submission_id": NATIONAL}, ROW | {"household_id": NATIONAL}, ROW | {"enumerator": NATIONAL},
        ROW | {"lon": str(LON)}, ROW | {"lon": LAT, "lat": LON}, ROW | {"captured_at": QUERY}, ROW | {"result": QUERY},
        ROW | {"block": QUERY}, ROW | {"revision": 10**30}, ROW | {QUERY: QUERY, "name": WRONG},
        ROW | {"lat": LON * 1e5}, ROW | {"household_id": f"{HOUSEHOLD}\x00"},
    ]  # fmt: skip
    run.ask(client, "POST", "/v1/submissions", json={"submissions": bad})
    whole = json.dumps({"submissions": [ROW]}).encode()
    for kind in ("application/json", "application/x-ndjson", "text/csv", "application/geo+json", "text/plain", QUERY):
        for body in (whole, whole[:-9], whole + whole, b"\xff\xfe" + whole, f'household_id\n{HOUSEHOLD}\n"'.encode()):
            for more in ({}, {"Content-Encoding": "gzip"}):
                run.ask(client, "POST", "/v1/submissions", content=body, headers={"Content-Type": kind} | more)


def _every_route(run: Run, client: httpx2.Client) -> None:
    """Every route with canaries in its path, its query, its headers and its body."""
    names = {"code": HOUSEHOLD, "submission_id": SUBMISSION, "name": quote(QUERY), "layer": HOUSEHOLD, "z": LON,
             "x": LAT, "y": NATIONAL, "row_id": HOUSEHOLD, "version": HOUSEHOLD, "name:path": HOUSEHOLD,
             "token_id": HOUSEHOLD, "session_id": NATIONAL, "grant_id": HOUSEHOLD}  # fmt: skip
    body = {"action": QUERY, "changes": {"household_id": HOUSEHOLD, "lon": LON}, "note": NATIONAL, "device": HOUSEHOLD,
            "name": NATIONAL, "old": WRONG, "new": SECRET, "days": HOUSEHOLD, "queued": HOUSEHOLD,
            "grant": {"role": HOUSEHOLD, "level": QUERY, "code": HOUSEHOLD}}  # fmt: skip
    headers = {"User-Agent": HOUSEHOLD, "Referer": f"http://localhost/?{QUERY}", "Last-Event-ID": NATIONAL,
               "If-None-Match": f'"{HOUSEHOLD}"', "X-Forwarded-For": HOUSEHOLD, "Accept-Language": HOUSEHOLD,
               "Cookie": f"cakupan_lang={HOUSEHOLD}"}  # fmt: skip
    for route in [*GUARDED, *OPEN, *PUBLISHED]:
        method, _, path = route.partition(" ")
        if route == "POST /login":
            run.ask(client, method, path, data={"name": HOUSEHOLD, "password": WRONG, "to": f"/?{QUERY}"})
            run.ask(client, method, path, data={"name": HOUSEHOLD * 9, "password": WRONG * 20})
            run.ask(client, method, path, content=QUERY.encode(), headers={"Content-Type": "multipart/form-data"})
            continue
        own = sorted(PARAMETERS.get(route.replace(":path}", "}"), OF_PAGES))
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", str(value))
        path = re.sub(r"\{[a-z_]+(:path)?\}", HOUSEHOLD, path)  # a route that came later
        more: dict[str, Any] = {"headers": headers} | ({} if method == "GET" else {"json": body})
        run.ask(client, method, path, params=dict.fromkeys(EVERY, QUERY), **more)
        for name in own if method == "GET" else ():
            run.ask(client, method, path, params={name: f"{LON},{LAT},{HOUSEHOLD}"}, headers=headers)
        if method != "GET":
            run.ask(
                client,
                method,
                path,
                headers=headers | {"Content-Type": "application/json"},
                content=f"{{{QUERY}".encode(),
            )
    for real in (f"/tiles/households/16/{2**16 - 1}/5.mvt", f"/v1/areas/64?level={HOUSEHOLD}",
                 f"/nowhere/{HOUSEHOLD}?q={NATIONAL}", "/v1/quarantine/1/resolve"):  # fmt: skip
        method = "POST" if "resolve" in real else "GET"
        run.ask(client, method, real, headers=headers, **({"json": body} if method == "POST" else {}))
    run.ask(
        client,
        "POST",
        "/v1/quarantine/1/resolve",
        json={"action": "amend", "changes": {"household_id": HOUSEHOLD, "lon": QUERY}},
    )
    for row in range(1, 15):
        asked_for = {"action": "amend", "changes": {HOUSEHOLD: QUERY, NATIONAL: LON}}
        run.ask(client, "POST", f"/v1/quarantine/{row}/resolve", json=asked_for)


def _secrets(run: Run, client: httpx2.Client) -> None:
    """Secrets that are wrong, in every place where one can be; and one that is right."""
    basic = base64.b64encode(f"{HOUSEHOLD}:{SECRET}".encode()).decode()
    for said in (f"Bearer {SECRET}", f"Basic {basic}", f"Basic {SECRET}", f"Digest {SECRET}", SECRET):
        run.ask(client, "GET", "/v1/me", headers={"Authorization": said, "Cookie": f"{COOKIE}={SECRET}"})
    run.ask(client, "GET", "/v1/me", headers={"Cookie": f"{COOKIE}={SECRET}"})
    for name, password in (("admin", WRONG), ("nobody", WRONG), (WRONG, WRONG), ("admin", PASSWORD)):
        run.ask(client, "POST", "/login", data={"name": name, "password": password})
    client.cookies.clear()


def _failures(run: Run, client: httpx2.Client) -> None:
    """Failures of every kind, each over each canary."""
    for said in (HOUSEHOLD, f"{LON} {LAT}", NATIONAL, SUBMISSION, QUERY, SECRET, WRONG):
        for path in ("/raise", "/caused", "/stream", "/task", "/copy", "/said"):
            run.ask(client, "GET", f"/broken{path}", params={"said": said})
        for which in broken.STATEMENTS:
            run.ask(client, "GET", "/broken/statement", params={"which": which, "said": said})
        run.ask(client, "GET", "/v1/gaps", params={"after": said})
        _killed(run, client, said if said in (HOUSEHOLD, NATIONAL) else "")
    run.ask(client, "GET", "/broken/statement", params={"which": QUERY, "said": QUERY})


def _killed(run: Run, client: httpx2.Client, said: str) -> None:
    """The database's process dies in the middle of a statement with a value in its text."""
    if not said:
        return
    thread = threading.Thread(target=run.ask, args=(client, "GET", "/broken/slow"), kwargs={"params": {"said": said}})
    thread.start()
    end = time.monotonic() + 20
    while not run.stage.kill_backend(run.database):
        assert time.monotonic() < end, "nothing was there to be killed"
        time.sleep(0.1)
    thread.join(40)
    run.stage.until_up()
    end = time.monotonic() + BACK
    while not ready(int(run.url.rpartition(":")[2])):
        assert time.monotonic() < end, "the service did not come back"
        time.sleep(0.1)


# ── searching ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_search_finds_what_is_there(run: Run) -> None:
    """Every place that is searched is one where something stands; and a log that says more would be found out."""
    assert "unforeseen" in run.said.read_text()
    assert "careless" in run.said.read_text()
    statuses = {answer.status_code for _, answer in run.answers}
    assert statuses >= {201, 200, 303, 401, 403, 404, 409, 413, 415, 422, 500, 503} - {409, 413}
    control = CANARIES["household"]
    with psycopg.connect(plain(run.stage.owner), autocommit=True) as db:
        db.execute("SET log_min_messages = 'error'")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            db.execute("SELECT CAST(%s AS integer)", [f"control of {control[:9]}"])
    end = time.monotonic() + 10
    while f"control of {control[:9]}" not in run.log_of_postgres():
        assert time.monotonic() < end, "the server writes its log elsewhere"
        time.sleep(0.1)
    assert sung(
        f"x {HOUSEHOLD.upper()} {LON:.4f} {LAT} {NATIONAL} {SUBMISSION} {quote(QUERY)} {SECRET} {WRONG} {PASSWORD}"
    )
    assert len(sung(json.dumps([ROW, QUERY]))) == 5


def test_errors_repeat_nothing(run: Run) -> None:
    found = {(asked.partition("?")[0], name) for asked, answer in run.answers if answer.status_code >= 400
             for name in sung(answer.text + str(dict(answer.headers)))}  # fmt: skip
    assert found == set()
    internal = [answer for _, answer in run.answers if answer.status_code == 500]
    assert internal
    assert {answer.json()["type"] for answer in internal} == {"urn:cakupan:problem:internal"}


def test_the_service_logs_nothing_of_it(run: Run) -> None:
    said = run.said.read_text(errors="replace")
    assert sung(said) == [], [line for line in said.splitlines() if sung(line)][:5]


def test_where_it_failed_is_logged_all_the_same(run: Run) -> None:
    said = run.said.read_text(errors="replace")
    for kind, where in (
        ("RuntimeError", "raises"),
        ("ValueError", "parts"),
        ("ExceptionGroup", "caused"),
        ("LookupError", "fails"),
    ):
        assert any(kind in line and "broken.py:" in line and where in line for line in said.splitlines()), kind
    assert any("never retrieved" in line and "ValueError" in line for line in said.splitlines())
    assert "Traceback" not in said


def test_the_database_logs_nothing_of_it(run: Run) -> None:
    said = run.log_of_postgres()
    assert "was terminated by signal 9" in said, "what an operator must know is in it"
    assert sung(said) == [], [line for line in said.splitlines() if sung(line)][:5]


def test_metrics_say_nothing_of_it(run: Run) -> None:
    (metrics,) = [answer for asked, answer in run.answers if asked == "GET /metrics" and "python_info" in answer.text][
        -1:
    ]
    assert sung(metrics.text) == []


def test_what_is_kept_of_people_says_nothing_of_it(run: Run) -> None:
    """No secret stands in the database as it is, no national number anywhere, no id or point in the audit."""
    with psycopg.connect(plain(run.stage.owner).replace("/cakupan?", f"/{run.database}?")) as db:
        tables = db.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname IN ('ground', 'intake', 'trust') AND c.relkind = 'r'"
        ).fetchall()
        kept = {
            f"{schema}.{name}": str(db.execute(f"SELECT t::text FROM {schema}.{name} t".encode()).fetchall())
            for schema, name in tables
        }
    assert sung(kept["trust.audit"]) == []
    assert HOUSEHOLD in kept["intake.submission"]
    never = {"national number", "token", "wrong password", "right password"}
    found = {table: never & set(sung(said)) for table, said in kept.items()}
    found["intake.quarantine"] -= {"wrong password"}  # sent as a field of a row, and kept as the row was sent
    assert {table: names for table, names in found.items() if names} == {}


def test_files_beside_it_say_nothing_of_it(run: Run) -> None:
    for path in run.stage.home.rglob("*"):
        if path.is_file() and "data" not in path.relative_to(run.stage.home).parts[0] and "postgis" not in path.parts:
            assert sung(path.read_text(errors="replace")) == [], path
    for path in run.stage.home.glob("data.*"):
        if path.is_file():
            assert sung(path.read_text(errors="replace")) == [], path


def test_proxies_are_those_of_the_settings(run: Run) -> None:
    """The service was told of one at 127.0.0.9; nobody else may say that a request came by HTTPS."""
    for address, secure in (("127.0.0.1", False), ("127.0.0.9", True)):
        with run.client(transport=httpx2.HTTPTransport(local_address=address)) as client:
            answer = client.get("/livez", headers={"X-Forwarded-Proto": "https"})
        assert ("strict-transport-security" in answer.headers) is secure, address
