"""The reference client against what is no service: portals, proxies, halves of answers, and nobody at all."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.demo.device import LONGEST_WAIT, Device
from app.demo.wire import Server
from tests.app.demo.pretender import Pretender, Reply, accounted, page, problem, receipts, rows
from tests.world import submission


@pytest.fixture
def pretender() -> Iterator[Pretender]:
    made = Pretender()
    made.thread.start()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


@pytest.fixture
def device(tmp_path: Path, pretender: Pretender) -> Iterator[Device]:
    with Device(tmp_path, "tab-07", pretender.address, "token") as made:
        yield made


def test_the_same_bytes_again(device: Device, pretender: Pretender) -> None:
    pretender.replies = [page(200), page(502), receipts]
    device.record(rows(3))
    assert device.send(limit=2).outcome == "failed"
    device.record(rows(3, 3))
    assert device.send(limit=5).outcome == "failed"
    assert device.send(limit=5).outcome == "received"
    assert len(set(pretender.bodies)) == 1
    assert device.waiting == [s["submission_id"] for s in rows(4, 2)], "in the order of recording"


def test_the_limit_of_a_proxy(device: Device, pretender: Pretender) -> None:
    pretender.replies = [page(413)]
    device.record(rows(4))
    assert [device.send(limit=4).outcome for _ in range(4)] == ["smaller", "smaller", "failed", "failed"]
    assert device.held == [], "no word of the server's: nothing is set aside for it"
    accounted(device, rows(4), [])
    pretender.replies = [receipts]
    assert device.drain().counts == {"stored": 4}


# ── what is no receipt ────────────────────────────────────────────────────────────────────────────────────────────

PRETENDED: dict[str, Reply] = {
    "captive portal": page(200),
    "captive portal that says 201": page(201),
    "captive portal that leads elsewhere": page(302, Location="http://portal.example/"),
    "captive portal that forbids": page(403),
    "captive portal that wants a log-in": page(511),
    "proxy that does not let it pass": page(422),
    "200 with a receipt": lambda body: (200, *receipts(body)[1:]),
    "another body's receipt": lambda body: receipts(body, body_sha256=hashlib.sha256(b"other").hexdigest()),
    "no hash": lambda body: receipts(body, body_sha256=None),
    "cut, and the length says so": lambda body: (201, {}, receipts(body)[2][:-9]),
    "cut, and the length does not": lambda body: (
        201,
        {"Content-Length": str(len(receipts(body)[2]))},
        receipts(body)[2][:-9],
    ),
    "empty": lambda _: (201, {}, b""),
    "a list": lambda _: (201, {}, b"[]"),
    "too deep": lambda _: (201, {}, b"[" * 100_000),
    "not text": lambda _: (201, {}, b"\xff\xfe"),
    "no results": lambda body: receipts(body, results=[]),
    "null results": lambda body: receipts(body, results=None),
    "strange results": lambda body: receipts(body, results=[7, None, {"submission_id": ["?"]}]),
    "results of others": lambda body: receipts(
        body, results=[{"submission_id": "11111111-1111-4111-8111-111111111111", "status": "stored"}]
    ),
    "a status nobody knows": lambda body: receipts(
        body,
        results=[{"submission_id": s["submission_id"], "status": "queued"} for s in json.loads(body)["submissions"]],
    ),
    "internal error": problem(500, "internal"),
}


@pytest.mark.parametrize("reply", PRETENDED.values(), ids=PRETENDED)
def test_nothing_is_forgotten_without_a_receipt(device: Device, pretender: Pretender, reply: Reply) -> None:
    pretender.replies = [reply]
    device.record(rows(5))
    first, second = device.send(), device.send()
    assert (first.outcome, second.outcome) == ("failed", "failed")
    assert first.why
    assert 1 <= first.wait_seconds <= 2 <= second.wait_seconds <= 4
    accounted(device, rows(5), [])
    pretender.replies = [receipts]
    assert device.drain().counts == {"stored": 5}


def test_what_a_receipt_does_not_name_stays(device: Device, pretender: Pretender) -> None:
    def some(body: bytes) -> tuple[int, dict[str, str], bytes]:
        return receipts(body, results=json.loads(receipts(body)[2])["results"][1:3])

    pretender.replies = [some]
    device.record(rows(5))
    assert device.send().counts == {"stored": 2}
    accounted(device, rows(5), [str(s["submission_id"]) for s in rows(2, 1)])
    assert device.queued == 3


def test_text_that_cannot_be_stored_is_no_trap(device: Device, pretender: Pretender) -> None:
    def odd(body: bytes) -> tuple[int, dict[str, str], bytes]:
        (row,) = json.loads(receipts(body)[2])["results"]
        return receipts(body, results=[row | {"status": "quarantined", "reason": {"?": 1}, "detail": "\ud83d"}])

    pretender.replies = [odd]
    device.record(rows(1))
    assert device.send().counts == {"quarantined": 1}
    accounted(device, rows(1), [])


# ── when to send again ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("status", "code"), [(503, "busy"), (429, "too-many-requests")])
def test_the_server_says_when(device: Device, pretender: Pretender, status: int, code: str) -> None:
    pretender.replies = [problem(status, code, **{"Retry-After": "90"}), problem(status, code), receipts]
    device.record(rows(2))
    first, second = device.send(), device.send()
    assert first.outcome == second.outcome == "failed"
    assert first.why == f"status {status} {code}"
    assert 90 <= first.wait_seconds <= 180, "no sooner, and not all at once"
    assert 2 <= second.wait_seconds <= 4, "as after any second failure"
    accounted(device, rows(2), [])
    assert device.drain().counts == {"stored": 2}
    assert pretender.connections == 1, "busy is an answer, not a broken line"


@pytest.mark.parametrize("after", ["9" * 400, "-1", "soon", "Wed, 21 Oct 2032 07:28:00 GMT", ""])
def test_a_strange_retry_after(device: Device, pretender: Pretender, after: str) -> None:
    pretender.replies = [page(503, **{"Retry-After": after})]
    device.record(rows(1))
    assert 1 <= device.send().wait_seconds <= LONGEST_WAIT


def test_back_off(tmp_path: Path) -> None:
    with Device(tmp_path, "tab-07", Server("127.0.0.1", 9, timeout=1), "") as device:  # where nobody listens
        device.record(rows(1))
        device.jitter = lambda: 1.0
        assert [device.send().wait_seconds for _ in range(11)] == [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]
        device.jitter = lambda: 0.0
        assert device.send().wait_seconds == 300
        assert "refused" in device.send().why
        accounted(device, rows(1), [])


def test_success_ends_the_back_off(device: Device, pretender: Pretender) -> None:
    pretender.replies = [page(200), page(200), page(200), receipts, page(200)]
    device.record(rows(2))
    device.jitter = lambda: 1.0
    assert [device.send(limit=1).wait_seconds for _ in range(5)] == [2, 4, 8, 0, 2]


# ── the wire ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_connection_is_kept(device: Device, pretender: Pretender) -> None:
    pretender.replies = [receipts]
    device.record(rows(5))
    assert device.drain(limit=1).counts == {"stored": 5}
    assert pretender.connections == 1


def test_a_kept_connection_that_was_closed(device: Device, pretender: Pretender) -> None:
    pretender.replies = [lambda body: (201, {"X-Last-Words": "none"}, receipts(body)[2])]
    device.record(rows(4))
    assert device.drain(limit=1).outcome == "idle", "each time it is opened anew, which is no failure"
    assert pretender.connections == 4
    assert len(pretender.bodies) == 4


def test_an_answer_that_comes_too_late(tmp_path: Path, pretender: Pretender) -> None:
    answered = threading.Event()

    def late(body: bytes) -> tuple[int, dict[str, str], bytes]:
        answered.wait(5)
        return receipts(body)

    pretender.replies = [late, receipts]
    with Device(tmp_path, "tab-07", replace(pretender.address, timeout=0.2), "token") as device:
        device.record(rows(2))
        sent = device.send()
        answered.set()
        assert (sent.outcome, sent.why) == ("failed", "TimeoutError: timed out")
        accounted(device, rows(2), [])
        assert device.drain().counts == {"stored": 2}
    assert pretender.connections == 2


def test_addresses() -> None:
    assert Server.at("http://127.0.0.1:8000") == Server("127.0.0.1", 8000)
    assert Server.at("https://census.example") == Server("census.example", 443, tls=True)
    assert Server.at("http://census.example/") == Server("census.example", 80)


# ── recording ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_recording_twice_adds_nothing(device: Device) -> None:
    device.record(rows(3))
    device.record(rows(2) + rows(2))
    accounted(device, rows(3), [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"submission_id": None},
        {"submission_id": 7},
        {"submission_id": "x"},
        {"submission_id": "{11111111-1111-4111-8111-111111111111}"},
        {"lon": float("nan")},
        {"submission_id": rows(1)[0]["submission_id"], "result": "refused"},
    ],
)
def test_what_cannot_be_recorded_is_said_at_once(device: Device, wrong: dict[str, Any]) -> None:
    device.record(rows(1))
    with pytest.raises(ValueError, match=r"UUID|JSON|waits already"):
        device.record([*rows(2, 1), submission("wrong") | wrong])
    accounted(device, rows(1), [])


@pytest.mark.parametrize("name", ["", "../tab", "tab 07", "x" * 65])
def test_names_that_no_heartbeat_can_carry(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a device"):
        Device(tmp_path, name, Server("127.0.0.1", 9), "")


def test_a_heartbeat_that_is_not_heard(device: Device, pretender: Pretender, tmp_path: Path) -> None:
    pretender.replies = [page(200)]
    assert not device.heartbeat()
    with Device(tmp_path, "tab-08", Server("127.0.0.1", 9, timeout=1), "") as alone:
        assert not alone.heartbeat()
