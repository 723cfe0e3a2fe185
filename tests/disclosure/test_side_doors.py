"""Ways around the front door: credentials, conditional requests, caches, refusals, what is open to everybody."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.main import create_app
from app.settings import Settings
from tests.app.matrix import GUARDED, PUBLISHED, ROLES, request_of
from tests.disclosure.bytes import published
from tests.disclosure.doors import EVERYBODY, FIRST, PUBLIC, SECOND, Door
from tests.disclosure.stage import OURS, Stage

LEAVES = ("/v1/releases/1/areas?level=block&limit=1000", "/v1/releases/1/cells?res=8", "/v1/releases/6.xlsx",
          "/v1/releases/1/areas?level=block&format=csv", "/v1/releases/1.gpkg")  # fmt: skip


@pytest.fixture(scope="module")
def door(played: Stage) -> Door:
    return played.seen[OURS].door


def test_a_local_government_is_refused_everywhere_else(door: Door) -> None:
    """Whatever it sends, to every route that is not for it."""
    for route, of in GUARDED.items():
        if ROLES - of.roles:
            asked = request_of(route)
            answer = door.clients[FIRST].request(asked["method"], asked["url"], json=asked.get("json"))
            assert answer.status_code == 403, route
            assert answer.json()["type"] in {f"urn:cakupan:problem:{why}" for why in ("not-allowed", "session-needed")}


def test_refusals_do_not_tell_whether_a_family_is_there(door: Door, played: Stage) -> None:
    family = played.city.families[0].name
    for who in EVERYBODY:
        for path in ("/v1/households/{}", "/v1/households/{}/welfare", "/v1/submissions/{}", "/v1/sheets/{}.pdf"):
            there, not_there = (door.get(path.format(name), who) for name in (family, "nobody"))
            assert there.status_code in {401, 403}
            assert (there.status_code, there.content) == (not_there.status_code, not_there.content)


def test_a_token_as_password_reads_the_same_and_a_wrong_one_nothing(door: Door) -> None:
    token = door.clients[FIRST].headers["Authorization"].removeprefix("Bearer ")
    basic = base64.b64encode(f"anybody:{token}".encode()).decode()
    client = door.clients[PUBLIC]
    for path in LEAVES[:2]:
        assert client.get(path, headers={"Authorization": f"Basic {basic}"}).content == door.get(path, FIRST).content
    for path, _ in PUBLISHED.values():
        assert client.get(path, headers={"Authorization": f"Bearer {token[:-1]}x"}).status_code == 401


def test_what_one_was_given_answers_no_other(door: Door) -> None:
    """The tag of a local government's answer is nobody else's, and what was kept for it is shown to nobody."""
    for path in (*LEAVES, "/tiles/release/1/blocks/13/6761/4109.mvt"):
        answers = {who: door.get(path, who) for who in (FIRST, SECOND, PUBLIC)}
        assert len({answer.headers["etag"] for answer in answers.values()}) == 3, path
        for who, answer in answers.items():
            kept = answer.headers["cache-control"]
            assert kept.startswith("public" if who == PUBLIC else "private"), path
            assert {"authorization", "cookie"} <= set(answer.headers["vary"].lower().replace(",", " ").split())
            for other in EVERYBODY:
                again = door.clients[other].get(path, headers={"If-None-Match": answer.headers["etag"]})
                assert again.status_code == (304 if other == who else answers[other].status_code), (path, who, other)
                assert again.content == (b"" if other == who else answers[other].content)


def test_many_at_once_are_not_taken_for_one_another(door: Door) -> None:
    paths = [path for path in published() if "level=block" in path or "res=8" in path or "/blocks/" in path]
    wanted = {(who, path): door.get(path, who).content for who in EVERYBODY for path in paths}

    def ask(asked: tuple[str, str]) -> bool:
        return door.get(asked[1], asked[0]).content == wanted[asked]

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(ask, list(wanted)))


def test_whole_files_hold_nothing_of_others(door: Door, played: Stage) -> None:
    """Not in a corner of a page of the file either: codes of blocks and cells stand in it only where they are shown."""
    blocks = {n: [b.code.encode() for b in played.city.blocks if b.village == n] for n in (0, 1)}
    files = {who: door.get("/v1/releases/1.gpkg", who).content for who in EVERYBODY}
    assert all(code in files[FIRST] for code in blocks[0])
    assert not any(code in files[FIRST] for code in blocks[1])
    assert not any(code in files[PUBLIC] for code in blocks[0] + blocks[1])
    names = [family.name.encode() for family in played.city.families]
    for file in files.values():
        assert not any(name in file for name in names)


def test_what_is_open_is_of_the_process_alone(door: Door, settings: Settings, played: Stage) -> None:
    metrics = door.get("/metrics").text
    assert {line.split("_")[0] for line in metrics.splitlines() if not line.startswith("#")} == {"python", "process"}
    document = create_app(settings, played.office.logins).openapi()
    assert door.get("/v1/openapi.json").json() == document
