"""The stage for faults: one durable cluster for all of them, a fresh world, history and service for each test."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from app.database import Logins
from app.settings import Settings
from tests.faults import invariants
from tests.faults.devices import Address, Fleet, attempt, fleet
from tests.faults.history import History, Upload
from tests.faults.rows import Row, batches
from tests.faults.stage import Service, Stage, plain, staged

#: Accounts that devices send with. Rows of an enumerator are signed by its name, hence no repeat of another's.
SENDERS = ("admin", "coordinator", "supervisor")

FIGURES = "faults"


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run, said at the start; `CAKUPAN_SEED` gives one that was said before."""
    found = int(os.environ.get("CAKUPAN_SEED") or random.SystemRandom().randrange(10**6))
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\nfaults: CAKUPAN_SEED={found}")  # noqa: T201 -- replays this run
    return found


@pytest.fixture(scope="session")
def stage(settings: Settings) -> Iterator[Stage]:
    """The durable cluster."""
    with staged(settings.home) as made:
        yield made


@dataclass
class Play:
    """One test's world: its database, the service over it, what the devices know, and its own random numbers."""

    stage: Stage
    logins: Logins
    service: Service
    history: History
    chance: random.Random
    figures: list[str]
    more: list[Service] = field(default_factory=list)

    @property
    def database(self) -> str:
        return str(make_url(self.logins.owner).database)

    @property
    def services(self) -> list[Service]:
        """The service, and those over the same database beside it."""
        return [self.service, *self.more]

    def fleet(self, port: Address | None = None, seconds: float = 150) -> AbstractContextManager[Fleet]:
        """Devices that send straight to the services, wherever they are, or to `port`."""
        addresses = [port] if port else [service.port for service in self.services]
        return fleet(addresses, self.stage.tokens, self.history, seconds)

    def uploads(self, rows: Sequence[Row], devices: int, largest: int = 60) -> list[list[Upload]]:
        """`rows` as uploads for so many devices, dealt out in turn."""
        dealt: list[list[Upload]] = [[] for _ in range(devices)]
        for at, batch in enumerate(batches(self.chance, rows, largest)):
            dealt[at % devices].append(self.history.upload(SENDERS[at % devices % len(SENDERS)], batch))
        return dealt

    def send(self, *rows: Row, who: str = "admin", body: bytes | None = None, **headers: str) -> int | None:
        """One upload, once; the status of the answer."""
        upload = self.history.upload(who, list(rows), body)
        return self.send_again(upload, **headers)

    def send_again(self, upload: Upload, **headers: str) -> int | None:
        port = self.service.port()
        assert port is not None
        return attempt(port, self.stage.tokens[upload.who], self.history, upload, headers)

    def differences(self) -> list[str]:
        """What devices and database disagree about."""
        self.stage.until_up()
        return invariants.differences(self.logins, self.history)

    def another_service(self) -> Service:
        """A second service over the same database; stopped at the end as the first is."""
        made = Service(self.stage.home, self.database, self.history.path.with_name(f"service{len(self.more)}.log"))
        self.more.append(made)
        return made

    def look(self) -> None:
        """Raise AssertionError, with what replays this, where devices and database disagree."""
        told = "\n  ".join(self.differences())
        assert not told, f"CAKUPAN_SEED={self.history.seed}, history in {self.history.path}\n  {told}"

    def settled(self) -> None:
        """Wait until every delta is folded, then look."""
        end = time.monotonic() + 30
        with psycopg.connect(plain(self.logins.owner), autocommit=True) as db:
            while db.execute("SELECT 1 FROM intake.delta LIMIT 1").fetchone():
                assert time.monotonic() < end, f"deltas are not folded:\n{self.service.said[-2000:]}"
                time.sleep(0.05)
        self.look()

    def figure(self, what: str) -> None:
        """A line at the end of the run: acknowledged rows, lost answers, kills."""
        sure = Counter(answer.upload.sha256 for answer in self.history.answers)
        unheard = sum((invariants.committed(self.logins) - sure).values())
        lost = len(self.history.lost)
        kills = sum(service.kills for service in self.services)
        self.figures.append(
            f"{what}: 0 lost of {self.history.acknowledged:,} acknowledged rows over {kills} kills of the "
            f"service; {lost} answers lost, {unheard} uploads committed unheard; "
            f"{sum(self.history.refused.values())} told to try again"
        )


@contextmanager
def played(stage: Stage, request: pytest.FixtureRequest, seed: int, folder: Path) -> Iterator[Play]:
    """A fresh world on this stage, with a service that has not been started."""
    figures: list[str] = []
    history = History(folder / "history.jsonl", seed)
    chance = random.Random(f"{seed}/{request.node.name}")  # noqa: S311 -- luck, not secrecy
    with stage.world() as logins:
        service = Service(stage.home, str(make_url(logins.owner).database), folder / "service.log")
        made = Play(stage, logins, service, history, chance, figures)
        try:
            yield made
        finally:
            for each in (service, *made.services):
                each.stop()
            history.close()
            request.node.user_properties.extend((FIGURES, line) for line in figures)


@pytest.fixture
def play(request: pytest.FixtureRequest, stage: Stage, seed: int, tmp_path: Path) -> Iterator[Play]:
    """A fresh world for this test."""
    with played(stage, request, seed, tmp_path) as made:
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of this run; reports bring them along from whichever process ran the test."""
    for report in terminalreporter.stats.get("", []):
        for name, line in report.user_properties if report.when == "teardown" else ():
            if name == FIGURES:
                terminalreporter.write_line(f"faults: {line}")
