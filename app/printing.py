"""Sheets of blocks on their way into a file: read a village at a time, drawn in a thread.

Reading waits for the database and lets others go on; matching and drawing take a core, and have threads of their own.
"""

import asyncio
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import BinaryIO, Literal
from urllib.parse import urlencode

from sqlalchemy.ext.asyncio import AsyncConnection

from app import locales
from geo.scope import Scope
from geo.trust import audit
from geo.watch import sheets
from geo.watch.live import Snapshot
from geo.watch.sheets import Read
from tiles import sheet
from tiles.frame import Box, fitting
from tiles.paper import Pages
from tiles.sheet import Look
from tiles.wording import Wording

Paper = Literal["a4", "a3"]
Open = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
Tell = Callable[[int], None]

_PRINTERS = ThreadPoolExecutor(2, thread_name_prefix="sheets")
_UNNAMED = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Order:
    """Which sheets: `numbers` of blocks in scope, as of `live`. `answered` is what the caller answers for."""

    live: Snapshot
    scope: Scope
    answered: Scope | None
    numbers: Sequence[int]
    look: Look
    within: str | None = None

    @property
    def name(self) -> str:
        """What the file is called."""
        one = self.live.tree.code[self.numbers[0]] if len(self.numbers) == 1 else self.within
        middle = f"{_UNNAMED.sub('-', one)}_" if one else ""
        return f"cakupan_sheets_{middle}{self.look.paper}_epoch{self.live.epoch}.pdf"

    def boxes(self, numbers: Sequence[int]) -> dict[int, Box]:
        """What the paper shows of some blocks."""
        return {n: fitting(self.bounds(n), self.look.paper).box for n in numbers}

    def bounds(self, number: int) -> Box:
        """Where a block lies, degrees."""
        west, south, east, north = self.live.tree.bounds[number].tolist()
        return west, south, east, north


def look(live: Snapshot, paper: Paper, language: str, base: str) -> Look:
    """How sheets are printed now. `base` is the address of the service, without a slash at its end."""
    words = Wording(language, locales.texts(language))

    def address(code: str, level: str) -> str:
        return f"{base}/block?{urlencode({'code': code, 'level': level})}"

    return Look(paper, words, live.campaign.now(), address)


async def write(opened: Open, order: Order, into: BinaryIO, tell: Tell = lambda _: None) -> None:
    """Write the sheets of an order as one PDF. `tell` gets how many are done, from whatever thread.

    What is read of households is noted in the audit as it is read, and that the file leaves before it is whole. Stopped
    by cancellation, drawing ends within a sheet.
    """
    loop, stopped = asyncio.get_running_loop(), threading.Event()
    pages = sheet.begin(into, order.look, order.within or order.live.tree.code[order.numbers[0]])
    done = 0
    try:
        for part in sheets.parts(order.live, order.scope, order.numbers):
            async with opened() as connection:
                found = await sheets.read(connection, order.live, order.scope, order.boxes(part))
            drawing = _Drawing(pages, order, stopped, tell, done)
            await loop.run_in_executor(_PRINTERS, drawing.draw, found)
            done += len(part)
        async with opened() as connection:
            await _note(connection, order)
        await loop.run_in_executor(_PRINTERS, pages.save)
        into.flush()
    finally:
        stopped.set()


@dataclass(frozen=True)
class _Drawing:
    """Some sheets on their way onto pages, `done` having come before."""

    pages: Pages
    order: Order
    stopped: threading.Event
    tell: Tell
    done: int

    def draw(self, found: Read) -> None:
        told = sheets.told(self.order.live, self.order.scope, found, self.order.answered)
        for at, one in enumerate(told, start=1):
            if self.stopped.is_set():
                return
            sheet.draw(self.pages, one, self.order.bounds(one.head.number), self.order.look)
            self.tell(self.done + at)


async def _note(connection: AsyncConnection, order: Order) -> None:
    live = order.live
    what = {"rows": len(order.numbers), "edition": live.tree.edition, "within": order.within, "epoch": live.epoch}
    await audit.note(connection, order.scope.actor, "export", what="sheets", format="pdf", **what)
