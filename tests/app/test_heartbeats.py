"""What devices say of themselves: the latest word is kept, a wrong clock is not, and nobody reads another's."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import RowMapping, create_engine, text

from app.api.heartbeats import MAX_BYTES, MOST_BLOCKS
from app.database import Database
from app.main import create_app
from app.settings import Settings
from geo.intake import heartbeats
from geo.intake.submissions import AHEAD
from tests.conftest import Service
from tests.world import BLOCKS, NOW

SAID: dict[str, Any] = {"device": "tab-07", "queued": 12, "last_event_at": "2022-10-24T16:30:00+08:00"}


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx2.Client]:
    with service.client("enumerator") as found:
        yield found


def kept(service: Service, device: str) -> RowMapping | None:
    """What is stored of a device."""
    engine = create_engine(service.logins.worker)
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT h.*, a.name FROM intake.heartbeat h JOIN trust.account a ON account_id = actor "
                 "WHERE device = :device"), {"device": device}
        ).mappings().one_or_none()  # fmt: skip
    engine.dispose()
    return found


def test_a_word_is_kept(service: Service, client: httpx2.Client) -> None:
    answer = client.post("/v1/heartbeats", json=SAID)
    assert (answer.status_code, answer.content) == (204, b"")
    row = kept(service, "tab-07")
    assert row is not None
    assert (row["name"], row["queued"]) == ("enumerator", 12)
    assert row["last_event_at"] == datetime.fromisoformat(SAID["last_event_at"])
    assert row["heard_at"] == NOW, "the campaign's time, which the test has set"


def test_the_latest_arrival_wins(service: Service, client: httpx2.Client) -> None:
    said = SAID | {"device": "tab-08"}
    client.post("/v1/heartbeats", json=said)
    client.post("/v1/heartbeats", json=said | {"queued": 0, "last_event_at": "2022-10-23T08:00:00+08:00"})
    row = kept(service, "tab-08")
    assert row is not None
    assert row["queued"] == 0
    assert row["last_event_at"] == datetime.fromisoformat("2022-10-23T08:00:00+08:00")


def test_what_waits_by_block_is_kept(service: Service, client: httpx2.Client) -> None:
    said = SAID | {"device": "tab-09"}
    for blocks in ({BLOCKS[0].code: 7, "0012": 5}, {"0012": 1}, {}, None):
        assert client.post("/v1/heartbeats", json=said | {"blocks": blocks}).status_code == 204
        row = kept(service, "tab-09")
        assert row is not None
        assert (row["queued"], row["blocks"]) == (12, blocks)
    client.post("/v1/heartbeats", json=said | {"blocks": {"0012": 1}})
    assert client.post("/v1/heartbeats", json=said).status_code == 204, "a device of old says nothing of blocks"
    row = kept(service, "tab-09")
    assert row is not None
    assert row["blocks"] is None, "what it said before is not true any more"


def test_as_many_blocks_as_may_be(service: Service, client: httpx2.Client) -> None:
    blocks = {f"{at:0>64}": 2 for at in range(1, MOST_BLOCKS + 1)}
    said = {"device": "d" * 64, "queued": 2**31 - 1, "last_event_at": SAID["last_event_at"], "blocks": blocks}
    assert client.post("/v1/heartbeats", json=said).status_code == 204
    row = kept(service, "d" * 64)
    assert row is not None
    assert row["blocks"] == blocks
    answer = client.post("/v1/heartbeats", json=said | {"blocks": blocks | {"x": 1}})
    assert (answer.status_code, answer.json()["errors"][0]["at"]) == (422, "body.blocks")


@pytest.mark.parametrize(
    ("moment", "believed"),
    [
        (NOW + AHEAD, True),
        (NOW + AHEAD + timedelta(seconds=1), False),
        (NOW.replace(year=2032), False),
        (datetime.fromisoformat("2022-10-14T00:00:00+08:00"), True),
        (datetime.fromisoformat("2022-10-13T23:59:59+08:00"), False),
        (datetime.fromisoformat("1970-01-01T00:00:00+00:00"), False),
        (datetime.fromisoformat("0001-01-01T00:00:00+14:00"), False),
        (datetime.fromisoformat("9999-12-31T23:59:59-14:00"), False),
        (None, False),
    ],
)
def test_a_wrong_clock_is_not_believed(
    service: Service, client: httpx2.Client, moment: datetime | None, believed: bool
) -> None:
    word = {"device": "clock", "queued": 3, "last_event_at": moment and moment.isoformat()}
    assert client.post("/v1/heartbeats", json=word).status_code == 204
    row = kept(service, "clock")
    assert row is not None
    assert row["last_event_at"] == (moment if believed else None)
    assert (row["queued"], row["heard_at"]) == (3, NOW), "the rest of the word counts"


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"device": ""}, "body.device"),
        ({"device": "x" * 65}, "body.device"),
        ({"device": "Siti's phone"}, "body.device"),
        ({"device": "tab\n"}, "body.device"),
        ({"device": 7}, "body.device"),
        ({"queued": -1}, "body.queued"),
        ({"queued": 2**31}, "body.queued"),
        ({"queued": "1"}, "body.queued"),
        ({"queued": True}, "body.queued"),
        ({"queued": None}, "body.queued"),
        ({"last_event_at": "2022-10-24T16:30:00"}, "body.last_event_at"),
        ({"last_event_at": "2022-10-24"}, "body.last_event_at"),
        ({"last_event_at": 1666600000}, "body.last_event_at"),
        ({"last_event_at": "1666600000"}, "body.last_event_at"),
        ({"last_event_at": "T"}, "body.last_event_at"),
        ({"blocks": {"0012": 13}}, "body.blocks"),
        ({"blocks": {"0012": 12, "0013": 1}}, "body.blocks"),
        ({"blocks": {"0012": 0}}, "body.blocks.0012"),
        ({"blocks": {"0012": -1}}, "body.blocks.0012"),
        ({"blocks": {"0012": 2**31}}, "body.blocks.0012"),
        ({"blocks": {"0012": 1.5}}, "body.blocks.0012"),
        ({"blocks": {"0012": "1"}}, "body.blocks.0012"),
        ({"blocks": {"0012": True}}, "body.blocks.0012"),
        ({"blocks": {"0012": None}}, "body.blocks.0012"),
        ({"blocks": {"": 1}}, "body.blocks..[key]"),
        ({"blocks": {"0012\n": 1}}, "body.blocks.0012\n.[key]"),
        ({"blocks": {"\0": 1}}, "body.blocks.\0.[key]"),
        ({"blocks": {"x" * 65: 1}}, f"body.blocks.{'x' * 65}.[key]"),
        ({"blocks": [["0012", 1]]}, "body.blocks"),
        ({"blocks": "0012"}, "body.blocks"),
    ],
)
def test_what_cannot_be_understood(service: Service, client: httpx2.Client, changes: dict[str, Any], at: str) -> None:
    answer = client.post("/v1/heartbeats", json=SAID | {"device": "bad"} | changes)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:cakupan:problem:bad-parameter"
    assert [error["at"] for error in answer.json()["errors"]] == [at]
    assert kept(service, "bad") is None


@pytest.mark.parametrize("missing", SAID)
def test_every_field_is_needed(client: httpx2.Client, missing: str) -> None:
    answer = client.post("/v1/heartbeats", json={name: value for name, value in SAID.items() if name != missing})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["at"] == f"body.{missing}"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"device": "\xe9"}', b"[" * 1900, b'{"device": "\\ud800"}']
)
def test_bodies_that_are_none(client: httpx2.Client, body: bytes) -> None:
    answer = client.post("/v1/heartbeats", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:cakupan:problem:bad-parameter"


def test_a_body_too_large(client: httpx2.Client) -> None:
    answer = client.post("/v1/heartbeats", json=SAID | {"note": "x" * MAX_BYTES})
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:cakupan:problem:body-too-large"


def test_unknown_fields_are_ignored(client: httpx2.Client) -> None:
    assert client.post("/v1/heartbeats", json=SAID | {"battery": 0.4}).status_code == 204


@pytest.mark.parametrize(
    ("who", "status"),
    [("admin", 204), ("coordinator", 204), ("supervisor", 204), ("enumerator", 204), ("local_government", 403),
     (None, 401)],
)  # fmt: skip
def test_who_may_say_so(service: Service, who: str | None, status: int) -> None:
    with service.client(who) as client:
        assert client.post("/v1/heartbeats", json=SAID).status_code == status


def test_the_document_describes_the_body(settings: Settings, service: Service) -> None:
    described = create_app(settings, service.logins).openapi()["paths"]["/v1/heartbeats"]["post"]
    body = described["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["required"]) == set(SAID)
    assert set(body["properties"]) == {*SAID, "blocks"}
    assert "204" in described["responses"]


async def test_nobody_reads_another_ones(db: Database) -> None:
    async with db.worker.begin() as connection:
        for actor in (101, 102):
            await heartbeats.store(connection, actor, "tab", actor, NOW)
    for actor in (101, 102):
        async with db.as_actor(actor) as connection:
            assert (await connection.execute(text("SELECT queued FROM intake.heartbeat"))).scalars().all() == [actor]
    async with db.internal.begin() as connection:
        assert (await connection.execute(text("SELECT queued FROM intake.heartbeat"))).scalars().all() == []


async def test_an_account_cannot_fill_the_table_with_names(db: Database) -> None:
    async with db.worker.begin() as connection:
        for at in range(heartbeats.MOST + 5):
            await connection.execute(text("UPDATE ground.campaign SET clock = clock + interval '1 second'"))
            await heartbeats.store(connection, 7, f"device-{at:02d}", 0, None)
        await heartbeats.store(connection, 8, "another", 0, None)
        kept = (await connection.execute(text("SELECT actor, device FROM intake.heartbeat ORDER BY 1, 2"))).all()
    assert [tuple(row) for row in kept] == [
        *((7, f"device-{at:02d}") for at in range(5, heartbeats.MOST + 5)),
        (8, "another"),
    ]
