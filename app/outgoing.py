"""Lists on their way out: written in the format asked for, and noted in the audit where they leave as a file.

Numbers of others' work are in most of them, so who took which away is kept. A list whose rows are all public needs none
of this: `formats.respond` writes it.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from app import locales
from app.access import HouseDep, ScopeDep, WithinDep
from app.formats import Format, respond
from app.house import House
from app.mapfiles import Reader
from geo.scope import Scope
from geo.trust import audit

#: Files of many rows take seconds and memory: a few are made at once, and the others wait.
_MAKERS = ThreadPoolExecutor(2, thread_name_prefix="list")


@dataclass(frozen=True)
class Outgoing:
    """How one list is answered: to whom, about which area (its number), in which format, in whose words."""

    house: House
    scope: Scope
    within: int
    format: Format
    reader: Reader | None = None

    async def answer(
        self,
        name: str,
        rows: Sequence[dict[str, Any]],
        head: dict[str, Any],
        shapes: dict[int, Any] | None = None,
        key: str = "n",
    ) -> Response:
        """The list as `formats.respond` writes it. A file is made in a thread, and noted before it leaves."""
        if self.format == "json":
            return respond("json", name, rows, head)
        answer = await made(self.format, name, rows, head, shapes, key, self.reader)
        tree = self.house.current.tree
        async with self.house.db.as_actor(self.scope.actor, self.scope.credential) as connection:
            await audit.note(
                connection,
                self.scope.actor,
                "export",
                what=name,
                format=self.format,
                rows=len(rows),
                edition=tree.edition,
                within=tree.code[self.within] or None,
            )
        return answer


async def made(
    format_: Format,
    name: str,
    rows: Sequence[dict[str, Any]],
    head: dict[str, Any],
    shapes: dict[int, Any] | None = None,
    key: str = "n",
    reader: Reader | None = None,
) -> Response:
    """What `formats.respond` writes; a file in a thread, so that nobody else waits for it."""
    if format_ == "json":
        return respond("json", name, rows, head)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_MAKERS, respond, format_, name, rows, head, shapes, key, reader)


async def reader(request: Request, house: HouseDep) -> Reader:
    """Who reads what is asked for: in the language of the pages, else as the browser prefers."""
    accepted = request.headers.get("accept-language", "")[:500]
    language = locales.choose(None, request.cookies.get(locales.COOKIE), accepted)
    return Reader(language, house.current.campaign.zone)


ReaderDep = Annotated[Reader, Depends(reader)]


async def outgoing(
    house: HouseDep,
    scope: ScopeDep,
    within: WithinDep,
    reader: ReaderDep,
    format: Format = "json",  # noqa: A002  # the contract's name
) -> Outgoing:
    """How the list of a request is answered."""
    return Outgoing(house, scope, within, format, reader)


OutgoingDep = Annotated[Outgoing, Depends(outgoing)]
