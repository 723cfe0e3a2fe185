"""What the devices know: every upload sent, every answer or its loss. Kept in memory and, line by line, in a file.

The checker believes nothing but this and the database. An event is written before what it tells of can matter: "sent"
before the first byte leaves, "answered" after the last byte came.
"""

import hashlib
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from tests.faults.rows import Row


@dataclass(frozen=True)
class Upload:
    """One batch as bytes, its rows, and the account that sends it."""

    number: int
    who: str
    rows: tuple[Row, ...]
    body: bytes

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True)
class Answered:
    """A receipt that reached the device: the upload and what the service said of it."""

    upload: Upload
    said: dict[str, Any]


@dataclass
class History:
    """What was sent and heard, by all devices of a test. Safe for many threads.

    `uploads` are all that were made, `sent` those that set out at least once, by number. `tries`: how often a body, by
    its SHA-256, set out and was not refused; hence how often it may have been stored.
    """

    path: Path
    seed: int
    uploads: list[Upload] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    lost: list[Upload] = field(default_factory=list)
    sent: dict[int, Upload] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    #: Rows for which a receipt came; those of an upload answered twice count once.
    acknowledged: int = 0
    _heard: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _file: IO[str] | None = None

    def upload(self, who: str, rows: list[Row], body: bytes | None = None) -> Upload:
        """A new upload of these rows, noted as about to be sent. `body` where it is not simply their JSON."""
        sent = body if body is not None else json.dumps({"submissions": [row.raw for row in rows]}).encode()
        with self._lock:
            made = Upload(len(self.uploads), who, tuple(rows), sent)
            self.uploads.append(made)
        self.note("upload", made, body=sent.decode("utf-8", "backslashreplace"))
        return made

    def note(self, event: str, upload: Upload | None = None, **more: object) -> None:
        """A line of the file."""
        line: dict[str, object] = {"at": round(time.time(), 4), "event": event}
        if upload is not None:
            line |= {"upload": upload.number, "who": upload.who, "sha256": upload.sha256}
        with self._lock:
            if self._file is None:
                self._file = self.path.open("a", encoding="utf-8")
                self._file.write(json.dumps({"event": "seed", "seed": self.seed}) + "\n")
            self._file.write(json.dumps(line | more) + "\n")
            self._file.flush()

    def sets_out(self, upload: Upload, port: int | None = None) -> None:
        """It is about to be sent, once more, to the service at `port`: from now on it may be stored once more."""
        with self._lock:
            self.sent[upload.number] = upload
            self.tries[upload.sha256] += 1
        self.note("sent", upload, port=port)

    def answered(self, upload: Upload, said: dict[str, Any]) -> None:
        """A whole receipt came."""
        with self._lock:
            self.answers.append(Answered(upload, said))
            if upload.number not in self._heard:
                self._heard.add(upload.number)
                self.acknowledged += len(upload.rows)
        self.note("answered", upload, said=said)

    def unanswered(self, upload: Upload, why: str) -> None:
        """It was sent, wholly or in part, and no whole answer came: it may have been stored or not."""
        with self._lock:
            self.lost.append(upload)
        self.note("lost", upload, why=why)

    def turned_down(self, upload: Upload, status: int, problem: str) -> None:
        """It was answered, but by no receipt. Below 500 it must not have been stored.

        503 is no proof: the server may have died between the commit and its word of it.
        """
        with self._lock:
            if status < 500:
                self.tries[upload.sha256] -= 1
            self.refused[f"{status} {problem}"] += 1
        self.note("refused", upload, status=status, problem=problem)

    def broke_the_rules(self, what: str) -> None:
        """An answer that no client should ever see; the checker fails for it."""
        with self._lock:
            self.wrong.append(what)
        self.note("wrong", what=what)

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
