"""Lists on their way out: written in the format asked for, and noted in the audit where they leave as a file.

Numbers of others' work are in most of them, so who took which away is kept. A list whose rows are all public needs none
of this: `formats.respond` writes it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Response

from app.access import HouseDep, ScopeDep, WithinDep
from app.formats import Format, respond
from app.house import House
from geo.scope import Scope
from geo.trust import audit


@dataclass(frozen=True)
class Outgoing:
    """How one list is answered: to whom, about which area (its number), in which format."""

    house: House
    scope: Scope
    within: int
    format: Format

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
        answer = await asyncio.to_thread(respond, self.format, name, rows, head, shapes, key)
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


async def outgoing(
    house: HouseDep,
    scope: ScopeDep,
    within: WithinDep,
    format: Format = "json",  # noqa: A002  # the contract's name
) -> Outgoing:
    """How the list of a request is answered."""
    return Outgoing(house, scope, within, format)


OutgoingDep = Annotated[Outgoing, Depends(outgoing)]
