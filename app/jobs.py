"""Work that outlasts a request: it goes on in the background of this process, and its file waits to be fetched.

A job is its owner's alone; to others it does not exist. A few run at once, the others wait their turn. Files have no
name on the disk: nobody else can open them, and they are gone with the process, however it ends.
"""

import asyncio
import contextlib
import errno
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO, Literal
from uuid import UUID, uuid4

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from geo.errors import CakupanError, NotFound, Refused
from geo.scope import Scope

log = structlog.get_logger()

State = Literal["running", "done", "failed", "stopped"]

#: Jobs that run at once in a process, and jobs of one owner that may run or wait.
AT_ONCE, EACH = 2, 3
#: Seconds for which a finished job is kept with its file, and how many at most in a process.
KEPT_SECONDS, KEPT = 3600.0, 40


@dataclass
class Job:
    """One job: `done` of `of` steps. `made_at` is when its file was; `reason` is the code of why it failed."""

    scope: Scope
    name: str
    of: int
    id: UUID = field(default_factory=uuid4)
    state: State = "running"
    done: int = 0
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    made_at: datetime | None = None
    reason: str | None = None
    file: BinaryIO | None = None
    task: asyncio.Task[None] | None = None
    begun: bool = False

    def close(self) -> None:
        """Let go of the file."""
        if self.file is not None:
            self.file.close()
            self.file = None


Work = Callable[[Job, BinaryIO], Awaitable[None]]


class Jobs:
    """The jobs of one process, oldest first."""

    def __init__(self) -> None:
        self._jobs: dict[UUID, Job] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    def start(self, scope: Scope, name: str, of: int, work: Work) -> Job:
        """Begin `work`, which writes the file called `name` in `of` steps, for the caller with this scope.

        Raises Refused where the caller has EACH jobs under way, or the process has no room for more.
        """
        under_way = [job for job in self._jobs.values() if job.state == "running"]
        if sum(job.scope.actor == scope.actor for job in under_way) >= EACH or len(under_way) >= KEPT:
            raise Refused("too many are being made already: wait for one, or stop it", code="too-many-jobs")
        job = Job(scope, name, of)
        self._jobs[job.id] = job
        finished = [other for other in self._jobs.values() if other.state != "running"]
        for other in finished[: max(len(self._jobs) - KEPT, 0)]:
            self._forget(other)
        job.task = asyncio.create_task(self._run(job, work))
        return job

    def of(self, scope: Scope, job_id: UUID) -> Job:
        """The caller's job. Raises NotFound for another's, and where the caller may no longer see what it is about."""
        job = self._jobs.get(job_id)
        if (
            job is None
            or job.scope.actor != scope.actor
            or not all(scope.covers(lo, hi) for lo, hi in job.scope.ranges)
        ):
            raise NotFound("there is no such job of yours: files are kept for an hour", code="no-job")
        return job

    def before(self, job: Job) -> int:
        """How many jobs have their turn before one that waits; 0 for one that runs or is finished."""
        if job.state != "running" or job.begun:
            return 0
        older = [other for other in self._jobs.values() if other.asked_at < job.asked_at]
        return max(sum(other.state == "running" for other in older), 1)

    def stop(self, job: Job) -> None:
        """Stop a job, or throw its file away."""
        if job.state == "running":
            job.state = "stopped"
            if job.task is not None:
                job.task.cancel()
            self._later(job)
        else:
            self._forget(job)

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """At the end of the block every job is stopped and every file gone."""
        try:
            yield
        finally:
            tasks = [job.task for job in self._jobs.values() if job.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for job in list(self._jobs.values()):
                self._forget(job)

    async def _run(self, job: Job, work: Work) -> None:
        file: BinaryIO | None = None
        try:
            async with self._turns:
                job.begun = True
                file = tempfile.TemporaryFile()  # noqa: SIM115  # outlives this function; closed where it is forgotten
                await work(job, file)
            job.file, file = file, None
            job.made_at = datetime.now(UTC)
            job.state = "done"
        except asyncio.CancelledError:
            job.state = "stopped"
            raise
        except Exception as error:
            job.state, job.reason = "failed", _reason(error)
            log.warning("job", reason=job.reason, kind=type(error).__name__)
        finally:
            if file is not None:
                file.close()
        self._later(job)

    def _later(self, job: Job) -> None:
        """Forget a finished job in time."""
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._forget, job)

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        job.close()


def _reason(error: Exception) -> str:
    """The code of why a job failed: never a message, which may be the database's."""
    if isinstance(error, CakupanError):
        return error.code
    if isinstance(error, SQLAlchemyError | psycopg.Error):
        return "database"
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "no-space"
    return "internal"
