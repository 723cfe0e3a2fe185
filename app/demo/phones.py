"""All the phones of the campaign in one process: a few threads, each with phones of its own, behind a patchy line."""

import queue
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from app.demo.device import Device
from app.demo.rates import Ordinary
from app.demo.wire import Server
from geo.errors import NotReady

#: Threads that do what the phones do. A phone belongs to one of them, so that it never does two things at once.
THREADS = 4

#: Phones of a thread that are kept open; the others are closed and opened again when they are needed.
OPEN = 60

#: Times in a row that a phone with a line tries to get rid of what it holds.
TRIES = 4

Task = tuple[str, Callable[[Device], None]]


@dataclass
class Done:
    """What the phones have done so far. `lost`: requests and answers that the line swallowed."""

    recorded: int = 0
    receipts: Counter[str] = field(default_factory=Counter)
    lost: int = 0


class Phones:
    """Does things on phones, in the background. `tokens` by account name, which is the phone's name too."""

    def __init__(self, folder: Path, server: Server, tokens: Mapping[str, str], rates: Ordinary, seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.server, self.tokens, self.rates, self.seed = folder, server, tokens, rates, seed
        self.done = Done()
        self.now: Callable[[], datetime] = datetime.now
        self.patchy = True
        self._dropped: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._tasks: list[queue.SimpleQueue[Task | None]] = [queue.SimpleQueue() for _ in range(THREADS)]
        self._left = 0
        self._failed: BaseException | None = None
        self._threads = [threading.Thread(target=self._work, args=(tasks,), daemon=True) for tasks in self._tasks]
        for thread in self._threads:
            thread.start()

    @property
    def backlog(self) -> int:
        """How many tasks have not been done yet. Raises what went wrong in one of them."""
        if self._failed is not None:
            raise self._failed
        return self._left

    def record(self, name: str, make: Callable[[], Sequence[Mapping[str, Any]]]) -> None:
        """Put what `make` gives into a phone's queue."""

        def task(device: Device) -> None:
            made = make()
            device.record(made)
            with self._lock:
                self.done.recorded += len(made)

        self._give(name, task)

    def sync(self, name: str) -> None:
        """Let a phone send what it holds, and a heartbeat."""

        def task(device: Device) -> None:
            for _ in range(TRIES):
                before = self._dropped[name]
                sent = device.drain()
                with self._lock:
                    self.done.receipts.update(sent.counts)
                if sent.outcome == "denied":
                    raise NotReady(f"the service does not know the phone of {name}: {sent.why}", code="demo-phone")
                if self._dropped[name] == before:  # what the service said is not answered by asking again at once
                    break
            device.heartbeat()

        self._give(name, task)

    def waiting(self, name: str) -> list[str]:
        """Ids of the submissions that wait on a phone. Only while nothing is being done."""
        with self._device(name) as device:
            return device.waiting

    def close(self) -> None:
        """Finish what has been given, then end the threads."""
        for tasks in self._tasks:
            tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _give(self, name: str, task: Callable[[Device], None]) -> None:
        with self._lock:
            self._left += 1
        self._tasks[hash_of(name) % THREADS].put((name, task))

    def _work(self, tasks: "queue.SimpleQueue[Task | None]") -> None:
        kept: OrderedDict[str, Device] = OrderedDict()
        while (given := tasks.get()) is not None:
            name, task = given
            try:
                device = kept.pop(name, None) or self._device(name)
                kept[name] = device
                if self._failed is None:
                    task(device)
                if len(kept) > OPEN:
                    kept.popitem(last=False)[1].close()
            except BaseException as error:  # told to whoever asks for the backlog
                self._failed = error
            finally:
                with self._lock:
                    self._left -= 1
        for device in kept.values():
            device.close()

    def _moment(self) -> datetime:
        return self.now()

    def _device(self, name: str) -> Device:
        chance = Random(f"{self.seed} {name}")  # noqa: S311  # a simulation, and meant to be the same each time

        def line(moment: str) -> None:
            """Requests and answers get lost on the way."""
            rate = self.rates.lost_requests if moment == "request" else self.rates.lost_answers
            if self.patchy and chance.random() < rate:
                self._dropped[name] += 1
                with self._lock:
                    self.done.lost += 1
                raise ConnectionError("no line")

        return Device(self.folder, name, self.server, self.tokens[name], line=line, clock=self._moment)


def hash_of(name: str) -> int:
    """A number that a name has in every process."""
    return sum(name.encode())
