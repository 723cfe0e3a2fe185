"""The reference client against the real service: nothing lost, nothing twice, and a person told of what is held."""

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from app import bodies
from app.demo.device import MOST_BLOCKS, STATUSES, Device
from app.demo.wire import Server, undisturbed
from tests.app.demo.pretender import accounted, ids, rows
from tests.app.test_access import until
from tests.conftest import REPOSITORY, Service
from tests.world import BLOCKS, NOW, submission

Line = Callable[[str], None]
_starts = itertools.count(1_000, 1_000)


class Killed(BaseException):
    """The process ends here: nothing of the device may catch this."""


@pytest.fixture
def start() -> int:
    """The first household of a test that shares the service with others."""
    return next(_starts)


def stored(service: Service, among: list[dict[str, Any]] | None = None) -> list[str]:
    """Ids of every submission the database holds, or of those among some."""
    engine = create_engine(service.logins.worker)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT CAST(submission_id AS text) FROM intake.submission")).scalars().all()
    engine.dispose()
    return [key for key in found if among is None or key in ids(among)]


@contextmanager
def phone(folder: Path, service: Service, line: Line = undisturbed, who: str = "enumerator") -> Iterator[Device]:
    with Device(folder, "tab-07", Server.at(service.url), service.tokens[who], line=line, clock=lambda: NOW) as made:
        yield made


# ── nothing lost, nothing twice ───────────────────────────────────────────────────────────────────────────────────


class Patchy:
    """Loses a fifth of the requests and three of ten answers, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.dice = np.random.default_rng(seed)
        self.lost = {"request": 0, "answer": 0}

    def __call__(self, moment: str) -> None:
        if self.dice.random() < {"request": 0.2, "answer": 0.3}[moment]:
            self.lost[moment] += 1
            raise TimeoutError("the line is patchy")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_patchy_line(fresh_service: Service, tmp_path: Path, seed: int) -> None:
    line = Patchy(seed)
    recorded: list[dict[str, Any]] = []
    outcomes = set()
    for day in range(10):
        with phone(tmp_path, fresh_service, line) as device:  # each time a new process over the same file
            some = [*rows(29, day * 30), submission(f"bad-{day}", result="?")]
            device.record(some)
            recorded += some
            outcomes |= {device.send(limit=10).outcome for _ in range(4)}
            accounted(device, recorded, list(set(stored(fresh_service))))
    with phone(tmp_path, fresh_service, line) as device:
        while device.queued:
            device.drain(limit=10)
        accounted(device, recorded, stored(fresh_service))
        assert {h.submission_id for h in device.held} == ids([submission(f"bad-{day}") for day in range(10)])
    assert outcomes == {"received", "failed"}
    assert line.lost["request"] > 3
    assert line.lost["answer"] > 3
    assert len(stored(fresh_service)) == 290
    with fresh_service.client() as client:
        until(lambda: client.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"] == 290)


@pytest.mark.parametrize("moment", ["request", "answer"])
def test_killed_between_asking_and_forgetting(service: Service, tmp_path: Path, start: int, moment: str) -> None:
    recorded, more = rows(20, start), rows(5, start + 20)

    def line(now: str) -> None:
        if now == moment:
            raise Killed

    with phone(tmp_path, service, line) as killed:
        killed.record(recorded)
        with pytest.raises(Killed):
            killed.send(limit=12)
        with phone(tmp_path, service) as device:
            assert device.queued == 20
            assert len(stored(service, recorded)) == {"request": 0, "answer": 12}[moment]
            device.record(more)
            sent = device.send(limit=50)
            assert sent.counts == {{"request": "stored", "answer": "duplicate"}[moment]: 12}, "the same batch again"
            accounted(device, recorded + more, stored(service, recorded + more))
            assert device.drain().counts == {"stored": 13}
            accounted(device, recorded + more, stored(service, recorded + more))


def test_killed_while_recording(tmp_path: Path) -> None:
    script = (
        "import sys, uuid\nfrom pathlib import Path\n"
        "from app.demo.device import Device\nfrom app.demo.wire import Server\n"
        "device = Device(Path(sys.argv[1]), 'tab-07', Server('127.0.0.1', 9), '')\n"
        "while True:\n    made = str(uuid.uuid4())\n    device.record([{'submission_id': made}])\n"
        "    print(made, flush=True)"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, cwd=REPOSITORY)
    assert child.stdout is not None
    said = [child.stdout.readline().decode().strip() for _ in range(60)]
    child.kill()
    said += child.communicate()[0].decode().split()
    with Device(tmp_path, "tab-07", Server("127.0.0.1", 9), "") as device:
        assert device.waiting[: len(said)] == said
        assert device.queued <= len(said) + 1


def test_two_devices_one_household(service: Service, tmp_path: Path, start: int) -> None:
    mine, other = rows(4, start), rows(4, start, accuracy_m=30.0)
    assert service.send(*other[:2], who="enumerator").json()["counts"]["stored"] == 2
    with phone(tmp_path, service) as device:
        device.record(mine)
        assert device.drain().counts == {"conflict": 2, "stored": 2}
        assert [h.submission_id for h in device.held] == [s["submission_id"] for s in mine[:2]]
        assert device.held[0].reason == "CONFLICT"
        assert device.held[0].received
        accounted(device, mine, stored(service, mine))


def test_a_correction_overtakes_and_the_first_is_still_received(service: Service, tmp_path: Path, start: int) -> None:
    first, second = submission(start, BLOCKS[0], 1), submission(start, BLOCKS[0], 2)
    assert service.send(second, who="enumerator").status_code == 201
    with phone(tmp_path, service) as device:
        device.record([first])
        assert device.drain().counts == {"superseded": 1}
        assert (device.queued, device.held) == (0, [])
        accounted(device, [first, second], stored(service, [first, second]))


# ── what is held ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_in_quarantine(service: Service, tmp_path: Path, start: int) -> None:
    bad = submission("wrong-clock", captured_at="2032-10-24T09:00:00+08:00")
    recorded = [*rows(2, start), bad]
    with phone(tmp_path, service) as device:
        device.record(recorded)
        sent = device.send()
        assert sent.counts == {"stored": 2, "quarantined": 1}
        (held,) = device.held
        assert (held.submission_id, held.reason, held.received) == (bad["submission_id"], "CLOCK_AHEAD", True)
        assert "check the device's date" in held.detail
        assert held.submission == bad
        accounted(device, recorded, stored(service, recorded))
    with phone(tmp_path, service) as device:
        assert len(device.held) == 1, "also after a restart"
        device.record([submission("wrong-clock", BLOCKS[0], 2)])
        device.dismiss(held.submission_id)
        assert device.drain().counts == {"stored": 1}
        assert device.held == []


@pytest.mark.parametrize("place", [0, 7, 19])
def test_a_body_that_can_never_pass(service: Service, tmp_path: Path, start: int, place: int) -> None:
    recorded = rows(20, start)
    recorded[place] |= {"note": "\ud83d"}  # half an emoji: Python writes it, no reader of JSON takes it
    with phone(tmp_path, service) as device:
        device.record(recorded)
        attempts = [device.send(limit=20) for _ in range(14)]
        assert device.queued == 0
        assert sum(a.outcome == "set_aside" for a in attempts) == 1
        (held,) = device.held
        assert (held.submission_id, held.reason) == (recorded[place]["submission_id"], "malformed-body")
        assert not held.received
        assert held.submission == recorded[place], "whole, for whoever can mend it"
        accounted(device, recorded, stored(service, recorded))
        device.send_again(held.submission_id)
        assert (device.queued, device.held) == (1, [])
        accounted(device, recorded, stored(service, recorded))


# ── too much at once ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("limit", "most", "why"), [("MAX_ROWS", 10, "too-many-rows"), ("MAX_BYTES", 3_000, "body-too")]
)
def test_too_much_at_once(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int, limit: str, most: int, why: str
) -> None:
    recorded = rows(40, start)
    monkeypatch.setattr(bodies, limit, most)
    with phone(tmp_path, service) as device:
        device.record(recorded)
        first, second, third = (device.send(limit=40) for _ in range(3))
        assert first.outcome == second.outcome == "smaller"
        assert first.why.startswith(why)
        assert (third.outcome, third.counts) == ("received", {"stored": 10})
        accounted(device, recorded, stored(service, recorded))
        assert device.drain(limit=40).outcome == "idle"
        accounted(device, recorded, stored(service, recorded))
        assert device.held == []


def test_a_token_that_is_no_longer_good(service: Service, tmp_path: Path, start: int) -> None:
    recorded = rows(3, start)
    moments: list[str] = []
    with phone(tmp_path, service, moments.append) as device:
        device.record(recorded)
        device.log_in("not-a-token")
        sent = device.send()
        assert (sent.outcome, sent.why.partition(":")[0]) == ("denied", "not-logged-in")
        assert len(moments) == 2
        assert device.send() == device.drain() == sent
        assert len(moments) == 2, "nothing is sent until somebody logs in"
        accounted(device, recorded, stored(service, recorded))
        device.log_in(service.tokens["local_government"])
        assert device.send().why.startswith("not-allowed")
        device.log_in(service.tokens["enumerator"])
        assert device.drain().counts == {"stored": 3}
        accounted(device, recorded, stored(service, recorded))


def test_ids_in_capitals(service: Service, tmp_path: Path, start: int) -> None:
    (row,) = rows(1, start)
    with phone(tmp_path, service) as device:
        device.record([row | {"submission_id": row["submission_id"].upper()}])
        device.record([submission(1, result="?") | {"submission_id": "ABCDEF01-1111-4111-8111-111111111111"}])
        assert device.drain().counts == {"stored": 1, "quarantined": 1}
        assert device.queued == 0


# ── heartbeats ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_heartbeats(service: Service, tmp_path: Path, start: int) -> None:
    engine = create_engine(service.logins.worker)
    word = text("SELECT device, queued, last_event_at, blocks FROM intake.heartbeat")

    def heard() -> tuple[Any, ...]:
        with engine.connect() as connection:
            return tuple(connection.execute(word).one())

    with phone(tmp_path, service) as device:
        assert device.heartbeat()
        assert heard() == ("tab-07", 0, None, {})
        some = [submission(start + n, BLOCKS[n % 5 == 0]) for n in range(7)]
        device.record([*some, submission(start + 7, block=None)])
        assert device.heartbeat()
        assert heard() == ("tab-07", 8, NOW, {BLOCKS[0].code: 5, BLOCKS[1].code: 2})
        device.drain()
        assert device.heartbeat()
        assert heard() == ("tab-07", 0, NOW, {}), "sending is no event"
        device.log_in("not-a-token")
        assert not device.heartbeat()
    engine.dispose()


def test_blocks_that_no_heartbeat_can_name(service: Service, tmp_path: Path, start: int) -> None:
    """Rows that will be held back for it, and more blocks than may be named: the word is heard all the same."""
    odd = [submission(start + n, block=block) for n, block in enumerate(["", "RT 1", "x" * 65, "\0", 7, ["0012"]])]
    with phone(tmp_path, service) as device:
        device.record(odd)
        device.record([submission(start + 10 + n, block=f"{n % 250:04d}") for n in range(300)])
        assert (len(device.by_block), sum(device.by_block.values())) == (MOST_BLOCKS, 250)
        assert device.by_block["0049"] == 2, "those where most waits"
        assert device.heartbeat()


# ── the guide ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_example_in_the_guide(service: Service) -> None:
    guide = (REPOSITORY / "docs" / "guide" / "devices.md").read_text(encoding="utf-8")
    body, receipt = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)[:2]
    with service.client("enumerator") as client:
        answer = client.post("/v1/submissions", content=body.encode(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
    shown = json.loads(receipt)
    assert answer.json() | {"batch_id": shown["batch_id"]} == shown


def test_the_guide_names_what_is_there() -> None:
    guide = (REPOSITORY / "docs" / "guide" / "devices.md").read_text(encoding="utf-8")
    named = re.findall(r"`Device\.([a-z_]+)`", guide)
    assert set(named) >= {"record", "send", "held", "dismiss", "send_again", "log_in", "heartbeat"}
    assert all(hasattr(Device, name) for name in named)
    assert set(re.findall(r"^\| `([a-z]+)` \|", guide, re.MULTILINE)) == STATUSES
