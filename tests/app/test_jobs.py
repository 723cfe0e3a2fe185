"""Work in the background: turns, progress, stopping, whose it is, why it failed, and that nothing is left behind."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy.exc import OperationalError

from app import jobs as module
from app.jobs import AT_ONCE, EACH, Jobs
from geo.errors import BadInput, NotFound, Refused
from geo.scope import Scope

SITI = Scope(7, "siti", "supervisor", ((5, 8),))
BUDI = replace(SITI, actor=8, name="budi")


@pytest.fixture
async def jobs() -> AsyncIterator[Jobs]:
    found = Jobs()
    async with found.living():
        yield found


async def until(met) -> None:
    async with asyncio.timeout(5):
        while not met():
            await asyncio.sleep(0.005)


async def test_a_job_counts_on_and_leaves_its_file(jobs):
    go = asyncio.Event()

    async def work(job, into):
        job.done = 1
        await go.wait()
        into.write(b"all of it")
        job.done = 2

    job = jobs.start(SITI, "x.pdf", 2, work)
    await until(lambda: job.done == 1)
    assert (job.state, job.file, job.made_at, jobs.before(job)) == ("running", None, None, 0)
    go.set()
    await until(lambda: job.state == "done")
    assert jobs.of(SITI, job.id) is job
    assert (job.done, job.reason) == (2, None)
    assert os.pread(job.file.fileno(), 99, 0) == b""  # what is written is the work's to flush
    job.file.flush()
    assert os.pread(job.file.fileno(), 99, 0) == b"all of it"
    assert os.fstat(job.file.fileno()).st_nlink == 0, "nobody else can open it"


async def test_a_job_is_its_owners_alone_and_only_while_it_may_see_as_much(jobs):
    async def work(_job, _into):
        return

    job = jobs.start(SITI, "x.pdf", 1, work)
    for scope, name in ((BUDI, job.id), (SITI, uuid4()), (replace(SITI, ranges=((5, 7),)), job.id)):
        with pytest.raises(NotFound) as refused:
            jobs.of(scope, name)
        assert refused.value.code == "no-job"
    assert jobs.of(replace(SITI, ranges=((1, 20),)), job.id) is job


async def test_a_few_run_at_once_and_the_others_wait_their_turn(jobs):
    go = asyncio.Event()

    async def work(_job, _into):
        await go.wait()

    mine = [jobs.start(SITI, "x.pdf", 1, work) for _ in range(EACH)]
    theirs = [jobs.start(BUDI, "x.pdf", 1, work) for _ in range(EACH)]
    with pytest.raises(Refused) as refused:
        jobs.start(SITI, "x.pdf", 1, work)
    assert refused.value.code == "too-many-jobs"
    await until(lambda: sum(job.begun for job in mine) == AT_ONCE)
    assert [jobs.before(job) for job in (*mine, *theirs)] == [0, 0, 2, 3, 4, 5]
    jobs.stop(mine[2])
    await until(lambda: mine[2].state == "stopped")
    assert [jobs.before(job) for job in theirs] == [2, 3, 4]
    go.set()
    await until(lambda: all(job.state == "done" for job in theirs))


async def test_stopping_ends_the_work_and_closes_its_file(jobs):
    written = []

    async def work(_job, into):
        written.append(into)
        await asyncio.sleep(60)

    job = jobs.start(SITI, "x.pdf", 1, work)
    await until(lambda: written)
    jobs.stop(job)
    await until(lambda: written[0].closed)
    assert (job.state, job.file) == ("stopped", None)
    assert jobs.of(SITI, job.id).state == "stopped"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BadInput("x", code="too-wide"), "too-wide"),
        (OperationalError("SELECT secret", {}, Exception("secret")), "database"),
        (OSError(errno.ENOSPC, "full"), "no-space"),
        (ZeroDivisionError("secret"), "internal"),
    ],
)
async def test_why_a_job_failed_is_a_code(jobs, error, reason):
    async def work(_job, _into):
        raise error

    job = jobs.start(SITI, "x.pdf", 1, work)
    await until(lambda: job.state == "failed")
    assert (job.reason, job.file) == (reason, None)


async def test_files_are_forgotten_in_time_and_never_too_many(jobs, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 3)

    async def work(_job, into):
        into.write(b"x")

    made = []
    for _ in range(5):
        made.append(jobs.start(SITI, "x.pdf", 1, work))
        await until(lambda: made[-1].state == "done")
    assert [job.file is None for job in made] == [True, True, False, False, False]
    monkeypatch.setattr(module, "KEPT_SECONDS", 0.02)
    last = jobs.start(SITI, "x.pdf", 1, work)
    await until(lambda: last.state == "done" and last.file is None)
    with pytest.raises(NotFound):
        jobs.of(SITI, last.id)


async def test_a_finished_job_is_thrown_away_when_its_owner_says_so(jobs):
    async def work(_job, into):
        into.write(b"x")

    job = jobs.start(SITI, "x.pdf", 1, work)
    await until(lambda: job.state == "done")
    jobs.stop(job)
    assert job.file is None
    with pytest.raises(NotFound):
        jobs.of(SITI, job.id)


async def test_a_service_that_ends_leaves_nothing_half():
    files = []

    async def work(_job, into):
        files.append(into)
        await asyncio.sleep(60)

    async def quick(_job, into):
        files.append(into)

    found = Jobs()
    async with found.living():
        job, done = found.start(SITI, "x.pdf", 1, work), found.start(SITI, "y.pdf", 1, quick)
        await until(lambda: done.state == "done" and len(files) == 2)
    assert job.state == "stopped"
    assert all(file.closed for file in files)
