"""Jobs: how far work in the background is, its file, and how to stop it. Each is its owner's alone."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.access import ScopeDep
from app.errors import documented
from app.jobs import Job, Jobs, State
from geo.errors import NotFound

router = APIRouter(tags=["jobs"], responses=documented(401, 403, 404, 422, 503))

PDF = "application/pdf"
#: Bytes of a file that are read at once.
_PIECE = 256 * 1024


class JobOut(BaseModel):
    """A job. It is kept for an hour after its end, in the memory of the process that does it."""

    model_config = ConfigDict(extra="forbid")
    job: UUID
    state: State
    done: int = Field(description="sheets made")
    of: int = Field(description="sheets in all")
    before: int = Field(description="jobs that have their turn before this one; 0: it has begun")
    asked_at: datetime
    made_at: datetime | None = Field(description="when the file was whole")
    file: str | None = Field(description="address of the file, once it is whole")
    reason: str | None = Field(description="code of why it failed")


async def jobs(request: Request) -> Jobs:
    """The jobs of this process."""
    found: Jobs = request.app.state.jobs
    return found


JobsDep = Annotated[Jobs, Depends(jobs)]


def told(jobs: Jobs, job: Job) -> JobOut:
    """What is told of a job."""
    return JobOut(
        job=job.id,
        state=job.state,
        done=job.done,
        of=job.of,
        before=jobs.before(job),
        asked_at=job.asked_at,
        made_at=job.made_at,
        file=f"/v1/jobs/{job.id}/file" if job.file else None,
        reason=job.reason,
    )


@router.get("/v1/jobs/{job_id}")
async def one_job(jobs: JobsDep, scope: ScopeDep, job_id: UUID) -> JobOut:
    """How far a job of the caller is. Another's is answered as one that is not there."""
    return told(jobs, jobs.of(scope, job_id))


@router.get(
    "/v1/jobs/{job_id}/file",
    response_class=Response,
    responses={200: {"description": "the file", "content": {PDF: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def file_of(jobs: JobsDep, scope: ScopeDep, job_id: UUID) -> Response:
    """The file of a job that is done. Kept for an hour."""
    job = jobs.of(scope, job_id)
    if job.file is None:
        raise NotFound("this job has no file yet", code="no-file")
    handle = os.dup(job.file.fileno())  # the job may be forgotten before the last byte has left
    headers = {
        "Content-Disposition": f'attachment; filename="{job.name}"',
        "Content-Length": str(os.fstat(handle).st_size),
        "Cache-Control": "no-store",
    }
    return StreamingResponse(_pieces(handle), media_type=PDF, headers=headers)


@router.delete("/v1/jobs/{job_id}", status_code=204)
async def stop(jobs: JobsDep, scope: ScopeDep, job_id: UUID) -> None:
    """Stop a job; of one that is finished, throw the file away."""
    jobs.stop(jobs.of(scope, job_id))


async def _pieces(handle: int) -> AsyncIterator[bytes]:
    try:
        at = 0
        while piece := await asyncio.to_thread(os.pread, handle, _PIECE, at):
            yield piece
            at += len(piece)
    finally:
        os.close(handle)
