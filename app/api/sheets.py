"""Paper for the field: the sheet of one block at once, those of many as a job."""

import io
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, BinaryIO, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app import printing
from app.access import CallerDep, HouseDep, ScopeDep
from app.answers import State
from app.api.access import OVERSEERS
from app.api.jobs import JobOut, JobsDep, told
from app.errors import documented
from app.house import House
from app.jobs import Job
from app.outgoing import ReaderDep
from app.printing import Order, Paper
from geo.errors import BadInput, NotFound
from geo.scope import Scope
from geo.watch import sheets

router = APIRouter(tags=["sheets"], responses=documented(401, 403, 404, 409, 422, 503))

Language = Literal["id", "en"]
PDF = "application/pdf"
#: Names by which one reaches this machine only from itself.
_HERE = {"localhost", "127.0.0.1", "[::1]"}


class SheetsIn(BaseModel):
    """Which sheets are wanted: one for each block of the caller's scope `within` an area, in one of the states."""

    model_config = ConfigDict(extra="forbid")
    within: str | None = Field(default=None, max_length=64, description="code of an area; left out: the whole scope")
    within_level: str | None = Field(default=None, max_length=16, description="level of `within`, where codes repeat")
    paper: Paper = "a4"
    lang: Language | None = Field(default=None, description="left out: the reader's")
    state: list[State] = Field(default=[], max_length=8, description="only blocks in these; left out: all")


@dataclass(frozen=True)
class Printer:
    """Who prints, and how: scope, what the caller answers for, its language, the address that the QR codes lead to."""

    house: House
    scope: Scope
    answered: Scope | None
    language: str
    base: str

    def order(self, numbers: Sequence[int], paper: Paper, language: str | None, within: str | None = None) -> Order:
        """Sheets of some blocks in scope, as of now."""
        live = self.house.current
        look = printing.look(live, paper, language or self.language, self.base)
        return Order(live, self.scope, self.answered, numbers, look, within)

    def opened(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction in which the caller acts."""
        return self.house.db.as_actor(self.scope.actor, self.scope.credential)


async def printer(request: Request, house: HouseDep, asking: CallerDep, scope: ScopeDep, reader: ReaderDep) -> Printer:
    """How sheets are printed for whoever asks. Who works in a block is told to those who answer for it."""
    answering = asking.only(OVERSEERS)
    return Printer(house, scope, answering.scope if answering else None, reader.language, base(request, house))


PrinterDep = Annotated[Printer, Depends(printer)]


@router.get(
    "/v1/sheets/{code}.pdf",
    response_class=Response,
    responses={200: {"description": "the sheet", "content": {PDF: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def one_sheet(
    prints: PrinterDep,
    code: Annotated[str, Path(max_length=64, description="of the block")],
    level: Annotated[str | None, Query(max_length=16, description="level of the block, where codes repeat")] = None,
    paper: Paper = "a4",
    lang: Annotated[Language | None, Query(description="left out: the reader's")] = None,
) -> Response:
    """The sheet of one block as PDF: a map in squares with a QR code to the live page, then a list to tick off.

    Reading it is audited, and noted as an export.
    """
    tree = prints.house.current.tree
    number = tree.number_of(code, level)
    if not prints.scope.covers(number, number):
        raise NotFound("there is no such block, or it is not yours to see", code="no-blocks")
    if not tree.block[number]:
        raise BadInput("this is an area of many blocks: POST /v1/sheets prints them", code="not-a-block")
    order = prints.order([number], paper, lang)
    into = io.BytesIO()
    await printing.write(prints.opened, order, into)
    headers = {"Content-Disposition": f'attachment; filename="{order.name}"', "Cache-Control": "no-store"}
    return Response(into.getvalue(), media_type=PDF, headers=headers)


@router.post("/v1/sheets", status_code=202)
async def many_sheets(prints: PrinterDep, jobs: JobsDep, wanted: SheetsIn) -> JobOut:
    """Begin to print the sheets of all blocks asked about as one PDF: ask the job how far it is, and fetch its file.

    At most 1,000 blocks. What is read of households is audited, and the file noted as an export.
    """
    live = prints.house.current
    within = live.tree.number_of(wanted.within, wanted.within_level) if wanted.within else 0
    numbers = sheets.asked(live, prints.scope, within, wanted.state)
    order = prints.order(numbers, wanted.paper, wanted.lang, wanted.within)

    async def work(job: Job, into: BinaryIO) -> None:
        def tell(done: int) -> None:
            job.done = done

        await printing.write(prints.opened, order, into, tell)

    return told(jobs, jobs.start(prints.scope, order.name, len(numbers), work))


def base(request: Request, house: House) -> str:
    """The address that phones can open: the request's, or where that is this machine's own, the first of the settings.

    Whoever prints on the server itself would else hand out paper that leads nowhere.
    """
    names = house.settings.host_names
    if names and request.url.hostname in _HERE:
        return f"https://{names[0]}"
    return f"{request.url.scheme}://{request.url.netloc}"
