"""Devices of the fault suite: threads that send uploads and send them again until a receipt comes.

Simpler than the reference client on purpose: what they believe of an answer is all in `attempt`, to be read at once.
"""

import http.client
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.faults.history import History, Upload

Address = Callable[[], int | None]

#: Seconds a device waits for an answer.
PATIENCE = 20.0

#: Of a hundred uploads whose answer was lost, so many are never sent again: the device fell into a river.
GIVEN_UP = 4


def attempt(
    port: int,
    token: str,
    history: History,
    upload: Upload,
    headers: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
) -> int | None:
    """Send once. The status of the answer, None where no whole answer came. Everything is noted."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | dict(headers or {})
    history.sets_out(upload, port)
    try:
        line.request("POST", "/v1/submissions", upload.body, sent)
        answer = line.getresponse()
        body = answer.read()
        said = json.loads(body)
    except (OSError, http.client.HTTPException, ValueError) as lost:
        history.unanswered(upload, f"{type(lost).__name__}: {lost}")
        return None
    finally:
        line.close()
    if answer.status == 201:
        if said["body_sha256"] != upload.sha256:
            history.broke_the_rules(f"a receipt for another body: {said['body_sha256']} for {upload.sha256}")
        history.answered(upload, said)
        return 201
    history.turned_down(upload, answer.status, str(said.get("type", "")).rpartition(":")[2])
    if answer.status == 503 and not answer.headers.get("Retry-After"):
        history.broke_the_rules("503 without Retry-After")
    if answer.status < 400 or (answer.status >= 500 and answer.status != 503):
        history.broke_the_rules(f"status {answer.status}")
    return answer.status


class Fleet:
    """Devices at work, each in a thread with a generator of its own, and a way to wait for them.

    With several addresses a device begins at any of them, and where it gets no receipt it turns to the next at once.
    How long it waits for an answer is one of `patience`, seconds. Which address answered is counted in `answered`.
    """

    def __init__(
        self, addresses: Sequence[Address], tokens: Mapping[str, str], history: History, seconds: float = 240
    ) -> None:
        self._addresses, self._tokens, self._history = addresses, tokens, history
        self.patience: Sequence[float] = (PATIENCE,)
        self.answered: Counter[int] = Counter()
        self._end = time.monotonic() + seconds
        self._recalled = threading.Event()
        self._threads: list[threading.Thread] = []

    def sends(self, uploads: Iterable[Upload], seed: int, *, gives_up: int = GIVEN_UP) -> None:
        """One more device, with these uploads to send in this order."""
        work = (uploads, random.Random(seed), gives_up)  # noqa: S311 -- luck, not secrecy
        self._threads.append(threading.Thread(target=self._drain, args=work, daemon=True))
        self._threads[-1].start()

    def _drain(self, uploads: Iterable[Upload], chance: random.Random, gives_up: int) -> None:
        for upload in uploads:
            where = chance.randrange(len(self._addresses))
            for again in itertools.count(1):
                if self._recalled.is_set() or time.monotonic() > self._end:
                    return
                if (port := self._addresses[where]()) is not None:
                    patience = chance.choice(self.patience)
                    status = attempt(port, self._tokens[upload.who], self._history, upload, patience=patience)
                    self.answered[where] += status == 201
                    if status == 201 or (status is None and chance.uniform(0, 100) < gives_up):
                        break
                where = (where + 1) % len(self._addresses)
                if again % len(self._addresses) == 0:
                    self._recalled.wait(chance.uniform(0.02, 0.15))

    @property
    def busy(self) -> bool:
        """Whether a device still has something to send."""
        return any(thread.is_alive() for thread in self._threads)

    def until(self, rows: int) -> None:
        """Wait until so many rows are acknowledged, or all devices are done."""
        while self.busy and self._history.acknowledged < rows and time.monotonic() < self._end:
            time.sleep(0.01)

    def finish(self) -> None:
        """Wait until every device is done. Raises AssertionError where one is not in time."""
        for thread in self._threads:
            thread.join(max(0.1, self._end - time.monotonic() + PATIENCE))
        assert not self.busy, "a device is still sending"

    def recall(self) -> None:
        """Let every device stop after the upload it is at."""
        self._recalled.set()
        for thread in self._threads:
            thread.join(PATIENCE + 5)


@contextmanager
def fleet(
    addresses: Sequence[Address], tokens: Mapping[str, str], history: History, seconds: float = 240
) -> Iterator[Fleet]:
    """Devices for the time of the block."""
    made = Fleet(addresses, tokens, history, seconds)
    try:
        yield made
    finally:
        made.recall()
