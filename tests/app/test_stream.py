"""The stream: what was accepted is in every open map within two seconds, and nothing that is not theirs."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import httpx2
import pytest
from sqlalchemy import text

from app.database import Database, Logins
from app.settings import Settings
from geo.ground import campaign
from geo.watch import changes
from geo.watch.coverage import STATES
from tests import world
from tests.conftest import PASSWORD, Service, people, serving
from tests.world import BLOCKS, submission


class Event(NamedTuple):
    kind: str
    id: int | None
    data: dict[str, Any]


def events(answer: httpx2.Response) -> Iterator[Event]:
    """Events of a stream, as a browser would read them."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield Event(fields["event"], int(fields["id"]) if "id" in fields else None, json.loads(fields["data"]))
            fields = {}


@contextlib.contextmanager
def listening(
    service: Service, who: str = "admin", query: str = "level=block", since: int | None = None
) -> Iterator[Iterator[Event]]:
    headers = {} if since is None else {"Last-Event-ID": str(since)}
    with service.client(who) as client, client.stream("GET", f"/v1/stream?{query}", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        yield events(answer)


def change(stream: Iterator[Event]) -> Event:
    return next(event for event in stream if event.kind == "change")


def completed(event: Event) -> dict[int, float]:
    return {row[0]: row[1 + changes.FIELDS.index("completed")] for row in event.data["areas"]}


def epoch(service: Service) -> int:
    with service.client() as client:
        return int(client.get("/v1/coverage").json()["epoch"])


def settled(service: Service, families: int) -> int:
    limit = time.monotonic() + 5
    with service.client() as client:
        while True:
            found = client.get("/v1/coverage?level=scope").json()
            if found["coverage"][0]["completed"] >= families:
                return int(found["epoch"])
            assert time.monotonic() < limit
            time.sleep(0.03)


def test_a_change_arrives_within_two_seconds_everywhere(fresh_service: Service) -> None:
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(listening(fresh_service, query="level=block&res=8")) for _ in range(4)]
        assert [next(stream).kind for stream in streams] == ["alive"] * 4
        sent = time.monotonic()
        assert fresh_service.send(*(submission(n) for n in range(5))).status_code == 201
        for stream in streams:
            event = change(stream)
            assert time.monotonic() - sent < 2
            assert completed(event) == {BLOCKS[0].number: 5}
            assert sum(row[2] for row in event.data["cells"]) == 5
            assert event.id == event.data["epoch"]


def test_resumes_where_it_broke_off(fresh_service: Service) -> None:
    fresh_service.send(submission(1))
    first = settled(fresh_service, 1)
    fresh_service.send(submission(2, BLOCKS[1]), submission(3, BLOCKS[1]))
    fresh_service.send(submission(4, BLOCKS[2]))
    last = settled(fresh_service, 4)
    with listening(fresh_service, since=first) as stream:
        event = change(stream)
        assert event.id == last
        assert completed(event) == {BLOCKS[1].number: 2, BLOCKS[2].number: 1}
    with listening(fresh_service, query="level=block&epoch=0") as stream:
        assert completed(change(stream)) == {BLOCKS[0].number: 1, BLOCKS[1].number: 2, BLOCKS[2].number: 1}
    with listening(fresh_service, since=last + 1000) as stream:
        assert change(stream).data["resync"]


def test_only_what_lies_in_scope(fresh_service: Service) -> None:
    fresh_service.send(*(submission(n, BLOCKS[n % 6]) for n in range(60)))
    settled(fresh_service, 60)
    with listening(fresh_service, "supervisor", "level=block&level=village&level=district&res=10&epoch=0") as stream:
        event = change(stream)
        assert set(completed(event)) == {4, 5, 6, 7}
        assert sum(row[2] for row in event.data["cells"]) == 30
        assert event.data["total"]["completed"] == 30
    with listening(fresh_service, query="level=block&epoch=0&within=6472030002") as stream:
        assert set(completed(change(stream))) == {9, 10, 11}


def test_too_many_changes_are_loaded_anew(fresh_service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST", 2)
    fresh_service.send(*(submission(n, BLOCKS[n % 6]) for n in range(12)))
    settled(fresh_service, 12)
    with listening(fresh_service, query="level=block&epoch=0") as stream:
        event = change(stream)
        assert event.data["resync"]
        assert event.data["areas"] == []


def test_it_tells_that_it_lives(fresh_service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.stream.ALIVE_SECONDS", 0.1)
    with listening(fresh_service) as stream:
        assert [next(stream).kind for _ in range(4)] == ["alive"] * 4


def test_too_many_viewers_are_told_so(fresh_service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.stream.MOST_VIEWERS", 1)
    with listening(fresh_service) as stream:
        next(stream)
        with fresh_service.client() as client:
            answer = client.get("/v1/stream")
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:cakupan:problem:too-many-viewers"
        assert answer.headers["retry-after"]


def test_one_account_keeps_so_many_maps_open_and_others_are_let_in(settings: Settings, fresh_database: Logins) -> None:
    tokens = asyncio.run(people(fresh_database))
    few = settings.model_copy(update={"streams_per_account": 2})
    with serving(few, fresh_database) as url, contextlib.ExitStack() as stack:
        service = Service(url, fresh_database, tokens, PASSWORD)
        open_ones = [stack.enter_context(listening(service, "supervisor")) for _ in range(2)]
        assert [next(one).kind for one in open_ones] == ["alive"] * 2
        with service.client("supervisor") as client:
            with client.stream("GET", "/v1/stream") as answer:
                assert answer.status_code == 429
                answer.read()
            assert answer.json()["type"] == "urn:cakupan:problem:too-many-streams"
            assert "2 maps" in answer.json()["detail"]
            assert int(answer.headers["retry-after"]) > 0
            assert client.get("/v1/coverage").status_code == 200
        with listening(service, "coordinator") as other:
            assert next(other).kind == "alive"
        stack.close()
        limit = time.monotonic() + 15
        while True:  # what was closed counts no longer
            with service.client("supervisor") as client, client.stream("GET", "/v1/stream") as answer:
                if answer.status_code == 200:
                    break
            assert time.monotonic() < limit
            time.sleep(0.2)


def test_stopping_ends_open_streams_at_once(settings: Settings, fresh_database: Logins) -> None:
    heard: list[float] = []
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(serving(settings, fresh_database))
        other = Service(url, fresh_database, asyncio.run(people(fresh_database)), PASSWORD)
        ready = threading.Event()

        def listen() -> None:
            with listening(other) as stream:
                next(stream)
                ready.set()
                for _ in stream:
                    pass
            heard.append(time.monotonic())

        thread = threading.Thread(target=listen)
        thread.start()
        assert ready.wait(10)
        begun = time.monotonic()
        stack.close()
        thread.join(10)
    assert heard
    assert heard[0] - begun < 1.5
    assert time.monotonic() - begun < 2.5


async def tomorrow(service: Service) -> None:
    """Put the campaign's clock to the same time of the next day."""
    db = Database(service.logins, 1)
    async with db.worker.begin() as connection:
        await campaign.set_clock(connection, world.NOW + timedelta(days=1))
    await db.close()


def test_another_day_asks_for_everything_anew(fresh_service: Service) -> None:
    """Schedule index and state are measured by the day, whether anything was sent or not."""
    with listening(fresh_service) as stream:
        first = next(stream)
        assert (first.kind, first.data["day"]) == ("alive", 10)
        asyncio.run(tomorrow(fresh_service))
        found = change(stream)
    assert (found.data["resync"], found.data["day"]) == (True, 11)
    assert found.data["total"]["expected"] == 6 * world.FAMILIES


def test_what_was_recorded_after_the_clock_jumped_is_believed_at_once(fresh_service: Service) -> None:
    """A simulation sets the clock and sends in the same second."""
    later = {"captured_at": "2022-10-25T16:30:00+08:00"}
    early = fresh_service.send(submission(1, **later)).json()
    assert early["results"][0]["reason"] == "CLOCK_AHEAD"
    asyncio.run(tomorrow(fresh_service))
    assert fresh_service.send(submission(2, **later)).json()["results"][0]["status"] == "stored"


def test_a_clock_that_is_marked_silences_nobody(fresh_service: Service) -> None:
    """A simulation that runs and sends nothing sets its clock anew every few seconds."""
    with listening(fresh_service) as stream:
        next(stream)
        asyncio.run(tomorrow(fresh_service))
        assert change(stream).data["resync"]
        started = time.monotonic()
        asyncio.run(tomorrow(fresh_service))
        assert next(stream).kind == "alive"
        assert time.monotonic() - started < 30


async def _assign(logins: Logins) -> None:
    """The enumerator of the first block is assigned there; the clock runs, so that news is asked for at every look."""
    db = Database(logins, 1)
    async with db.worker.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO ground.assignment SELECT edition_id, :code, 'enumerator', 'supervisor', '2022-10-15' "
                "FROM ground.campaign"
            ),
            {"code": BLOCKS[0].code},
        )
        await campaign.set_clock(connection, world.NOW, 1.0)
    await db.close()


def test_a_heartbeat_turns_a_silent_block_into_an_unvisited_one(fresh_service: Service) -> None:
    def reasons(client: httpx2.Client, wanted: str) -> str:
        limit = time.monotonic() + 10
        while True:
            found = {b["code"]: b for b in client.get("/v1/gaps").json()["gaps"]}[BLOCKS[0].code]
            if found["reason"] == wanted or time.monotonic() > limit:
                return f"{found['state']} {found['reason']} {found['enumerator']} {found['waiting']}"
            time.sleep(0.1)

    asyncio.run(_assign(fresh_service.logins))
    state = 1 + changes.FIELDS.index("state")
    with fresh_service.client("supervisor") as client, fresh_service.client("enumerator") as phone:
        assert reasons(client, "device_never") == "silent device_never enumerator 0"
        with listening(fresh_service, "supervisor") as stream:
            word = {"device": "hp-1", "queued": 0, "last_event_at": None}
            assert phone.post("/v1/heartbeats", json=word).status_code == 204
            unvisited = float(STATES.index("unvisited"))
            while not any(r[0] == BLOCKS[0].number and r[state] == unvisited for r in change(stream).data["areas"]):
                pass
        assert reasons(client, "nobody_yet") == "unvisited nobody_yet enumerator 0"
        word |= {"queued": 2, "blocks": {BLOCKS[0].code: 2}}
        assert phone.post("/v1/heartbeats", json=word).status_code == 204
        assert reasons(client, "unsynced") == "silent unsynced enumerator 2"
        # Who works there is told to those who answer for the block; the enumerator itself does not.
        own = {b["code"]: b for b in phone.get("/v1/gaps").json()["gaps"]}
        assert (own[BLOCKS[0].code]["state"], own[BLOCKS[0].code]["enumerator"]) == ("silent", None)
