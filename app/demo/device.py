"""The reference client: a phone that loses no submission and sends none that counts twice, whatever the line does.

Meant to be read and ported, so it uses the standard library only; `docs/guide/devices.md` explains the protocol by it.
What is recorded is on disk before `record` returns, and leaves the queue only when a receipt names it. Everything that
is not such a receipt (no answer, half an answer, the page of a captive portal) means: send the same again later. That
is safe, because the server knows a submission by its id.
"""

import hashlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from types import TracebackType
from typing import Any, Literal
from uuid import UUID

from app.demo.wire import Answer, Server, Wire, undisturbed

#: Receipts after which the server keeps the row for good. Each of them lets the device forget it.
STATUSES = frozenset({"stored", "duplicate", "superseded", "conflict", "quarantined"})

#: Receipts that also need somebody to look: the row is safe, but does not count as it is.
DOUBTED = frozenset({"conflict", "quarantined"})

#: Answers that speak of the body as a whole: nothing of it was stored, and sending the same again cannot help.
UNACCEPTABLE = frozenset({413, 415, 422})

#: Seconds between attempts after failures: doubled each time from the first to the longest.
FIRST_WAIT, LONGEST_WAIT = 2.0, 600.0

#: Blocks that a heartbeat names at most, and what their codes look like; the server takes no others.
MOST_BLOCKS = 200
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,63}")

_TABLES = """
CREATE TABLE IF NOT EXISTS waiting (submission_id TEXT PRIMARY KEY, body TEXT NOT NULL, recorded_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS flight (body BLOB NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS held (submission_id TEXT PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL,
    received INTEGER NOT NULL, body TEXT NOT NULL, recorded_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS latest (recorded_at TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Sent:
    """What came of one attempt, and how long to wait before the next.

    `idle`      nothing waits
    `received`  a receipt came; `counts` has its rows by status
    `smaller`   the batch could not be taken: the next one has half the rows
    `set_aside` a single row could not be taken: it lies in `held`, with the reason
    `failed`    no receipt: everything is kept, wait `wait_seconds` and send again
    `denied`    the token is not, or no longer, good: everything is kept, nothing is sent before `log_in`
    """

    outcome: Literal["idle", "received", "smaller", "set_aside", "failed", "denied"]
    counts: Mapping[str, int]
    wait_seconds: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class Held:
    """A submission that somebody has to look at. `received`: the server keeps it too, in quarantine."""

    submission_id: str
    reason: str
    detail: str
    received: bool
    submission: dict[str, Any]


class Device:
    """One enumerator's device: a queue on disk, `<name>.queue` in `folder`, and a connection to the server.

    File and connection open when they are needed; `close` gives both back, and whatever is called next opens them
    again. `line` is the hook of `Wire`, `clock` tells the time. For one thread at a time. Raises ValueError where
    `name`, which heartbeats carry, is not 1 to 64 letters, digits and `. _ : -`.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        server: Server,
        token: str,
        *,
        line: Callable[[str], None] = undisturbed,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", name):
            raise ValueError(f"not the name of a device: {name}")
        self.path = folder / f"{name}.queue"
        self.name = name
        self.wire = Wire(server, line)
        self.clock = clock
        self.jitter: Callable[[], float] = SystemRandom().random
        self._token = token
        self._denied = ""
        self._failures = 0
        self._most = 0  # rows in the next batch after one that could not be taken; 0: as many as asked for
        self._file: sqlite3.Connection | None = None

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give file and connection back. Nothing is lost by it, nor by never calling it."""
        self.wire.hang_up()
        if self._file is not None:
            self._file.close()
            self._file = None

    # ── the queue ─────────────────────────────────────────────────────────────────────────────────────────────────

    def record(self, submissions: Sequence[Mapping[str, Any]]) -> None:
        """Put complete submissions into the queue, all or none. They are on disk when this returns.

        The same one twice adds nothing. Raises ValueError where one has no UUID, holds NaN or infinity, or has the id
        of another one that waits: a submission is never changed, a correction is a new revision with its own id.
        """
        moment = self.clock().astimezone(UTC).isoformat()
        rows = [(_id_of(s), _written(s), moment) for s in submissions]
        if not rows:
            return
        with self._writing() as file:
            file.executemany("INSERT INTO waiting VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)
            for key, body, _ in rows:
                if file.execute("SELECT body FROM waiting WHERE submission_id = ?", [key]).fetchone()[0] != body:
                    raise ValueError(f"another submission with the id {key} waits already")
            file.execute("DELETE FROM latest")
            file.execute("INSERT INTO latest VALUES (?)", [moment])

    @property
    def queued(self) -> int:
        """How many submissions wait, those in flight among them."""
        return int(self._open().execute("SELECT count(*) FROM waiting").fetchone()[0])

    @property
    def waiting(self) -> list[str]:
        """Their ids, in the order of recording."""
        return [key for (key,) in self._open().execute("SELECT submission_id FROM waiting ORDER BY rowid")]

    @property
    def by_block(self) -> dict[str, int]:
        """How many of them wait by the block they declare: those MOST_BLOCKS blocks where most do."""
        rows = self._open().execute("SELECT body FROM waiting")
        declared = (json.loads(body).get("block") for (body,) in rows)
        named = Counter(code for code in declared if isinstance(code, str) and CODE.fullmatch(code))
        return dict(named.most_common(MOST_BLOCKS))

    @property
    def held(self) -> list[Held]:
        """What somebody has to look at, oldest first."""
        rows = self._open().execute("SELECT submission_id, reason, detail, received, body FROM held ORDER BY rowid")
        return [Held(key, reason, detail, bool(received), json.loads(b)) for key, reason, detail, received, b in rows]

    def dismiss(self, submission_id: str) -> None:
        """Take a row out of `held` that has been dealt with: corrected by a new revision, or known to be void."""
        with self._writing() as file:
            file.execute("DELETE FROM held WHERE submission_id = ?", [submission_id])

    def send_again(self, submission_id: str) -> None:
        """Put a held row back into the queue as it is, where what was in its way is gone."""
        with self._writing() as file:
            file.execute(
                "INSERT INTO waiting SELECT submission_id, body, recorded_at FROM held WHERE submission_id = ? "
                "ON CONFLICT DO NOTHING",
                [submission_id],
            )
            file.execute("DELETE FROM held WHERE submission_id = ?", [submission_id])

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────────────────

    def log_in(self, token: str) -> None:
        """Use another token of the same account, after which a denied device sends again."""
        self._token, self._denied = token, ""

    def send(self, limit: int = 50) -> Sent:
        """One attempt to send the oldest rows, at most `limit`: the batch in flight if there is one, else a new one.

        Never sleeps and raises nothing for whatever line and server do; `Sent` says what came of it.
        """
        if self._denied:
            return Sent("denied", {}, why=self._denied)
        body, sha = self._batch(min(limit, self._most or limit))
        if not body:
            return Sent("idle", {})
        try:
            answer = self.wire.post("/v1/submissions", body, self._token)
        except OSError as lost:
            return self._failed(str(lost))
        if answer.status == 201 and (receipts := _receipts(answer.body, sha)):
            return self._received(body, receipts, limit)
        if answer.status in {401, 403} and answer.problem:
            self._denied = f"{answer.problem}: {answer.detail}"
            return Sent("denied", {}, why=self._denied)
        if answer.status == 413 or (answer.status in UNACCEPTABLE and answer.problem):
            return self._too_much(body, answer)
        if answer.status not in {429, 503}:
            self.wire.hang_up()  # whoever said this was perhaps not the server
        why = f"status {answer.status} {answer.problem}".rstrip()
        return self._failed(f"{why}, but no receipt for this batch" if answer.status < 300 else why, answer.retry_after)

    def drain(self, limit: int = 50) -> Sent:
        """Send until nothing waits or an attempt fails: the last attempt, with the receipts of all of them."""
        counts: Counter[str] = Counter()
        while True:
            sent = self.send(limit)
            counts.update(sent.counts)
            if sent.outcome in {"idle", "failed", "denied"}:
                return Sent(sent.outcome, counts, sent.wait_seconds, sent.why)

    def heartbeat(self) -> bool:
        """Say how much waits, of which blocks, and when something was last recorded.

        True when the server heard it; else never mind.
        """
        latest = self._open().execute("SELECT recorded_at FROM latest").fetchone()
        word = {"device": self.name, "queued": self.queued, "last_event_at": latest[0] if latest else None}
        body = json.dumps(word | {"blocks": self.by_block}).encode()
        try:
            return self.wire.post("/v1/heartbeats", body, self._token).status == 204
        except OSError:
            return False

    # ── what an answer means ──────────────────────────────────────────────────────────────────────────────────────

    def _received(self, body: bytes, receipts: Mapping[str, Mapping[str, Any]], limit: int) -> Sent:
        """Forget the rows of the batch that a receipt names, and note the doubted ones, in one transaction."""
        named = {key: receipts[key] for key in _keys(body) if key in receipts}
        if not named:
            return self._failed("a receipt that names none of the rows")
        with self._writing() as file:
            for key, receipt in named.items():
                if receipt["status"] in DOUBTED:
                    _hold(file, key, receipt.get("reason") or receipt["status"], receipt.get("detail"), received=True)
            file.executemany("DELETE FROM waiting WHERE submission_id = ?", [[key] for key in named])
            file.execute("DELETE FROM flight")
        self._failures = 0
        self._most = self._most * 2 if self._most * 2 < limit else 0
        return Sent("received", Counter(receipt["status"] for receipt in named.values()))

    def _too_much(self, body: bytes, answer: Answer) -> Sent:
        """Half as many rows next time; one row alone that the server itself refuses is set aside, never dropped.

        So one row that breaks every batch it is in keeps the others waiting for a few attempts only.
        """
        keys = _keys(body)
        why = f"{answer.problem}: {answer.detail}" if answer.problem else f"status {answer.status}"
        if len(keys) == 1 and not answer.problem:
            return self._failed(why)  # a proxy's limit, not the server's
        with self._writing() as file:
            file.execute("DELETE FROM flight")
            if len(keys) == 1:
                _hold(file, keys[0], answer.problem, answer.detail, received=False)
                file.execute("DELETE FROM waiting WHERE submission_id = ?", keys)
        self._failures = 0
        self._most = max(len(keys) // 2, 1)
        return Sent("set_aside" if len(keys) == 1 else "smaller", {}, why=why)

    def _failed(self, why: str, retry_after: float = 0.0) -> Sent:
        """Keep everything. Waits double and are spread, lest a thousand devices come back in the same second."""
        longest = min(FIRST_WAIT * 2.0 ** min(self._failures, 30), LONGEST_WAIT)
        self._failures += 1
        wait = (longest / 2 + longest / 2 * self.jitter()) if not retry_after else retry_after * (1 + self.jitter())
        return Sent("failed", {}, min(wait, LONGEST_WAIT), why)

    # ── the file ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _open(self) -> sqlite3.Connection:
        if self._file is None:
            file = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            # FULL: a commit is on disk. Without it a phone whose battery dies forgets what it has just confirmed.
            file.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 100;" + _TABLES
            )
            self._file = file
        return self._file

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it, on disk, or nothing."""
        file = self._open()
        file.execute("BEGIN IMMEDIATE")
        try:
            yield file
            file.execute("COMMIT")
        except BaseException:
            if file.in_transaction:  # a full disk may have ended it already
                file.execute("ROLLBACK")
            raise

    def _batch(self, rows: int) -> tuple[bytes, str]:
        """The batch in flight, to the byte, or a new one of the oldest rows, kept before it is sent; empty for none."""
        kept = self._open().execute("SELECT body, sha256 FROM flight").fetchone()
        if kept is not None:
            return bytes(kept[0]), str(kept[1])
        with self._writing() as file:
            oldest = file.execute("SELECT body FROM waiting ORDER BY rowid LIMIT ?", [rows]).fetchall()
            if not oldest:
                return b"", ""
            body = ('{"submissions":[' + ",".join(row for (row,) in oldest) + "]}").encode()
            sha = hashlib.sha256(body).hexdigest()
            file.execute("INSERT INTO flight VALUES (?, ?)", [body, sha])
        return body, sha


def _id_of(submission: Mapping[str, Any]) -> str:
    """The id in lower case, as receipts write it. Raises ValueError where there is none."""
    given = submission.get("submission_id")
    if not isinstance(given, str) or str(UUID(given)) != given.lower():
        raise ValueError("a submission needs a UUID as its submission_id")
    return given.lower()


def _written(submission: Mapping[str, Any]) -> str:
    """As JSON in ASCII, so that text broken by an input field cannot keep a record from being kept."""
    return json.dumps(submission, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _keys(body: bytes) -> list[str]:
    """The ids in a batch."""
    return [_id_of(row) for row in json.loads(body)["submissions"]]


def _hold(file: sqlite3.Connection, key: str, reason: object, detail: object, *, received: bool) -> None:
    """Note a waiting row for somebody to look at. What was said of it is believed only to be text of some kind."""
    file.execute(
        "INSERT OR REPLACE INTO held SELECT submission_id, ?, ?, ?, body, recorded_at FROM waiting "
        "WHERE submission_id = ?",
        [*(str(said or "").encode(errors="replace").decode() for said in (reason, detail)), received, key],
    )


def _receipts(content: bytes, sha: str) -> dict[str, Mapping[str, Any]]:
    """Receipts by id of the rows that the server has dealt with; empty for all but its answer to this very body."""
    with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        said = json.loads(content)
        if said["body_sha256"] == sha:
            results = said["results"]
            return {r["submission_id"].lower(): r for r in results if r["submission_id"] and r["status"] in STATUSES}
    return {}
