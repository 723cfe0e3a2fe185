"""What must hold after every fault, compared as sets: what the devices heard against what the database holds.

Uses its own arithmetic. Of the product it asks only the recount, beside a count made here from the submissions.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.database import Database, Logins
from geo.intake.recount import recount
from tests.faults.history import Answered, History, Upload
from tests.faults.rows import RESULTS, Row, content, exact
from tests.faults.stage import plain

Json = dict[str, Any]

#: Receipts of rows that were new.
STORED = {"stored", "superseded"}

#: Differences shown of one kind.
SHOWN = 3

_TABLES = {
    "submission": """
        SELECT submission_id::text, household_id, revision, batch_id::text, "row", block, number, lon, lat, cell,
            captured_at, result, origin, visit
        FROM intake.submission""",
    "household": """
        SELECT household_id, revision, submission_id::text, block, number, cell, result, origin, visit
        FROM intake.household""",
    "quarantine": "SELECT batch_id::text, reason, raw FROM intake.quarantine",
    "batch": """
        SELECT b.batch_id::text, encode(b.body_sha256, 'hex') AS sha256, b.counts, a.name AS who
        FROM intake.batch b LEFT JOIN trust.account a ON a.account_id = b.actor""",
    "epoch": "SELECT epoch FROM intake.epoch",
    "kept": f"""
        SELECT number, {", ".join(f"sum({name})::int AS {name}" for name in RESULTS)}, sum(located)::int AS located
        FROM (SELECT number, {", ".join(RESULTS)}, located FROM intake.tally
              UNION ALL SELECT number, {", ".join(RESULTS)}, located FROM intake.delta) t
        GROUP BY number""",
}


@dataclass(frozen=True)
class Held:
    """Everything the database holds of the intake, in one snapshot."""

    submission: list[Json]
    household: list[Json]
    quarantine: list[Json]
    batch: list[Json]
    epoch: list[Json]
    kept: list[Json]


def held(owner: str) -> Held:
    """Read it all. `owner` is an address as SQLAlchemy takes it."""
    with psycopg.connect(plain(owner), row_factory=dict_row) as db:
        db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return Held(**{name: db.execute(query.encode()).fetchall() for name, query in _TABLES.items()})


def differences(logins: Logins, history: History) -> list[str]:
    """Every way in which devices and database disagree; empty when all is well. The service may be running."""
    answers = list(history.answers)  # before the snapshot, which must hold all of them
    found = held(logins.owner)
    told = [*history.wrong, *_counted(logins)]
    told += _of_kind("acknowledged and lost", _lost(found, answers))
    told += _of_kind("acknowledged wrongly", _wrongly(found, history, answers))
    told += _of_kind("not once", _not_once(found, answers))
    told += _of_kind("never sent", _never_sent(found, history))
    told += _of_kind("half a batch", _half(found, history))
    told += _of_kind("household", _households(found))
    told += _of_kind("tally", _tallies(found))
    return told


def committed(logins: Logins) -> Counter[str]:
    """How often each body, by its SHA-256, was committed."""
    return Counter(row["sha256"] for row in held(logins.owner).batch)


def _of_kind(kind: str, told: Iterable[str]) -> list[str]:
    every = list(told)
    more = [f"{kind}: and {len(every) - SHOWN} more"] if len(every) > SHOWN else []
    return [f"{kind}: {what}" for what in every[:SHOWN]] + more


def _key(row: Json) -> tuple[str, int]:
    return row["household_id"], row["revision"]


def _results(answers: Iterable[Answered]) -> Iterator[tuple[Answered, Json, Row]]:
    """Every row of every receipt, with the row as it was sent."""
    for answer in answers:
        for result in answer.said["results"]:
            yield answer, result, answer.upload.rows[result["row"]]


def _lost(found: Held, answers: list[Answered]) -> Iterator[str]:
    """Rows with a receipt that lie nowhere."""
    by_id = {row["submission_id"]: row for row in found.submission}
    by_key = {_key(row): row for row in found.submission}
    quarantined = {(row["reason"], exact(row["raw"])) for row in found.quarantine}
    batches = {row["batch_id"]: row["sha256"] for row in found.batch}
    for answer in answers:
        if batches.get(answer.said["batch_id"]) != answer.upload.sha256:
            yield f"batch {answer.said['batch_id']} of {answer.upload.who}"
    for answer, result, sent in _results(answers):
        status, name = result["status"], result["submission_id"]
        kept = by_id.get(name)
        if status in STORED:
            if kept is None or content(kept) != sent.content:
                yield f"{name} was {status}"
            elif (kept["batch_id"], kept["row"]) != (answer.said["batch_id"], result["row"]):
                yield f"{name} was {status} by this batch, and lies there as another's"
        elif status == "duplicate":
            if kept is None:
                kept = by_key.get(_key(sent.raw))
            if kept is None or content(kept) != sent.content:
                yield f"{name} was a duplicate of something"
        else:
            if (result["reason"], sent.exact) not in quarantined:
                yield f"{name} was {status}: {result['reason']}"
            if status == "conflict" and kept is None and _key(sent.raw) not in by_key:
                yield f"{name} conflicts with nothing"


def _wrongly(found: Held, history: History, answers: list[Answered]) -> Iterator[str]:
    """Receipts that say something else than what the rows are."""
    by_id, by_key = defaultdict(set), defaultdict(set)
    for upload in list(history.sent.values()):
        for row in upload.rows:
            if row.fault is None:
                by_id[row.raw["submission_id"]].add(row.content)
                by_key[_key(row.raw)].add(row.content)
    counts = {row["batch_id"]: row["counts"] for row in found.batch}
    actors = {row["batch_id"]: row["who"] for row in found.batch}
    for answer in answers:
        said, rows = answer.said, answer.upload.rows
        if [result["row"] for result in said["results"]] != list(range(len(rows))):
            yield f"upload {answer.upload.number} has receipts for other rows than were sent"
        tallied = Counter(result["status"] for result in said["results"])
        batch = counts.get(said["batch_id"], said["counts"])
        if not {k: v for k, v in said["counts"].items() if v} == tallied == {k: v for k, v in batch.items() if v}:
            yield f"batch {said['batch_id']} counts {said['counts']}, {batch}, its receipts {dict(tallied)}"
        if actors.get(said["batch_id"], answer.upload.who) != answer.upload.who:
            yield f"batch {said['batch_id']} of {answer.upload.who} is kept as one of {actors[said['batch_id']]}"
    for _, result, row in _results(answers):
        raw, fault = row.raw, row.fault
        if (result["status"] == "quarantined") != (fault is not None) or (fault and result["reason"] != fault):
            yield f"{raw} is {result['status']} {result['reason']}, not {fault}"
        elif result["status"] == "conflict" and max(len(by_id[raw["submission_id"]]), len(by_key[_key(raw)])) < 2:
            yield f"{result['submission_id']} contradicts nothing that was ever sent"


def _not_once(found: Held, answers: list[Answered]) -> Iterator[str]:
    """Ids, revisions, quarantined rows and households that are there twice, or were said to be stored twice."""
    yield from _twice("submission", (row["submission_id"] for row in found.submission))
    yield from _twice("household and revision", (_key(row) for row in found.submission))
    yield from _twice("household", (row["household_id"] for row in found.household))
    yield from _twice("quarantined row", ((row["reason"], exact(row["raw"])) for row in found.quarantine))
    yield from _twice("epoch", (row["epoch"] for row in found.epoch))
    new = [
        result["submission_id"] for _, result, _ in _results(answers) if result["status"] in {"stored", "superseded"}
    ]
    yield from _twice("receipt that something was stored", new)


def _twice(what: str, names: Iterable[object]) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            yield f"{what} {name} {times} times"


def _never_sent(found: Held, history: History) -> Iterator[str]:
    """What lies in the database though no device sent it, or though no sane server could have taken it."""
    every = [row for upload in list(history.sent.values()) for row in upload.rows]
    good = {row.raw["submission_id"]: set[Any]() for row in every if row.fault is None}
    for row in every:
        if row.fault is None:
            good[row.raw["submission_id"]].add(row.content)
    sent = {row.exact for row in every}
    for kept in found.submission:
        if content(kept) not in good.get(kept["submission_id"], ()):
            yield f"submission {kept['submission_id']}"
    for kept in found.quarantine:
        if exact(kept["raw"]) not in sent:
            yield f"quarantined row {kept['raw']}"
    for sha, times in Counter(row["sha256"] for row in found.batch).items():
        if times > history.tries[sha]:
            yield f"batch {sha} {times} times, sent {history.tries[sha]} times (refused ones apart)"


def _half(found: Held, history: History) -> Iterator[str]:
    """Batches of which one part was stored and another was not."""
    bodies = {row["batch_id"]: row for row in found.batch}
    mine = Counter(row["batch_id"] for row in found.submission)
    for batch_id in mine.keys() | {row["batch_id"] for row in found.quarantine}:
        if batch_id not in bodies:
            yield f"{mine[batch_id]} submissions of batch {batch_id}, which is not there"
    for batch_id, row in bodies.items():
        new = row["counts"]["stored"] + row["counts"]["superseded"]
        if new != mine[batch_id]:
            yield f"batch {batch_id} stored {new} submissions, {mine[batch_id]} are there"
    ids = {row["submission_id"] for row in found.submission}
    keys = {_key(row) for row in found.submission}
    quarantined = {exact(row["raw"]) for row in found.quarantine}
    uploads: dict[str, Upload] = {upload.sha256: upload for upload in list(history.sent.values())}
    for sha in {row["sha256"] for row in found.batch}:
        if upload := uploads.get(sha):
            for sent in upload.rows:
                here = sent.fault is None and (sent.raw["submission_id"] in ids or _key(sent.raw) in keys)
                if not here and sent.exact not in quarantined:
                    yield f"upload {upload.number} was stored without {sent.raw}"


def _tops(found: Held) -> dict[str, Json]:
    tops: dict[str, Json] = {}
    for row in found.submission:
        top = tops.get(row["household_id"])
        if top is None or row["revision"] > top["revision"]:
            tops[row["household_id"]] = row
    return tops


def _households(found: Held) -> Iterator[str]:
    """Households whose state is not that of their highest stored revision."""
    told = ("revision", "submission_id", "block", "number", "cell", "result", "origin", "visit")
    wanted = {name: tuple(row[t] for t in told) for name, row in _tops(found).items()}
    there = {row["household_id"]: tuple(row[t] for t in told) for row in found.household}
    for name in wanted.keys() | there.keys():
        if wanted.get(name) != there.get(name):
            yield f"{name} is {there.get(name)}, its highest revision {wanted.get(name)}"


def _tallies(found: Held) -> Iterator[str]:
    """Blocks whose tally and pending deltas are not what the submissions come to."""
    wanted: dict[int, Counter[str]] = defaultdict(Counter)
    for row in _tops(found).values():
        wanted[row["number"]][row["result"]] += 1
        wanted[row["number"]]["located"] += row["cell"] is not None
    there = {row["number"]: {k: v for k, v in row.items() if k != "number" and v} for row in found.kept}
    for number in wanted.keys() | there.keys():
        right = {k: v for k, v in wanted[number].items() if v}
        if there.get(number, {}) != right:
            yield f"block {number} counts {there.get(number, {})}, the submissions come to {right}"


def _counted(logins: Logins) -> list[str]:
    """What `cakupan check` would say."""

    async def ask() -> list[str]:
        db = Database(logins, 1)
        try:
            async with db.worker.connect() as connection:
                found = await recount(connection)
        finally:
            await db.close()
        return [f"recount: {d.kind} {d.key} by {d.by}" for d in found.differences]

    return _of_kind("check", asyncio.run(ask()))
