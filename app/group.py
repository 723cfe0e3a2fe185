"""Small uploads that arrive together share a transaction: a commit costs the same for one row as for a thousand.

Nobody waits for a clock. While a transaction is under way, whatever arrives gathers and goes with the next one: an idle
service answers at once, a busy one commits rarely. Each batch keeps its actor, its row in the table of batches and its
receipts, as if it had been stored alone, in the order of arrival.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from geo.ground.areas import Ground
from geo.intake import batch
from geo.intake.batch import Batch, Envelope, Receipt

log = structlog.get_logger()

#: Transactions under way at once. With two, one is prepared while the disk confirms the other.
LANES = 2

#: Most rows of a shared transaction; a batch of more goes alone, beside the lanes.
MOST = 1000

#: Rows that are judged where we are; more go to a thread, so that maps being read do not wait for them.
FEW = 20


@dataclass(eq=False, slots=True)
class _Waiting:
    """A batch as it came, and where its sender waits for the receipts."""

    ground: Ground
    envelope: Envelope
    rows: Sequence[object]
    enumerator: str | None
    receipts: "asyncio.Future[list[Receipt]]"


class Together:
    """The batches of one process that wait to be stored, and the lanes that store them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: deque[_Waiting] = deque()
        self._lanes: set[asyncio.Task[None]] = set()

    async def commit(
        self, ground: Ground, envelope: Envelope, rows: Sequence[object], enumerator: str | None = None
    ) -> list[Receipt]:
        """Judge and store a batch of decoded rows; its receipts, after commit. `enumerator` as in `batch.judge`.

        Who stops waiting disturbs nobody else: its batch is dropped if it was not begun, else stored all the same.
        """
        if len(rows) > MOST:
            judged = await asyncio.to_thread(batch.judge, ground, rows, enumerator)
            return await batch.commit(self._engine, ground, envelope, rows, judged)
        mine = _Waiting(ground, envelope, rows, enumerator, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        if len(self._lanes) < LANES:
            lane = asyncio.create_task(self._work())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return await mine.receipts

    @property
    def busy(self) -> bool:
        """Whether something was taken and is not stored yet."""
        return bool(self._lanes) and not self._waiting

    async def close(self) -> None:
        """Wait until everything that was begun is stored."""
        while self._lanes:
            await asyncio.gather(*self._lanes, return_exceptions=True)

    async def _work(self) -> None:
        """One lane: transaction after transaction, until nothing waits."""
        await asyncio.sleep(0)  # whoever is to arrive in this turn of the loop comes along
        while taken := self._take():
            try:
                await self._store(taken)
            finally:
                for each in taken:  # the lane itself was cancelled
                    each.receipts.cancel()

    def _take(self) -> list[_Waiting]:
        """What goes next: in the order of arrival, over one ground, of at most `MOST` rows."""
        taken: list[_Waiting] = []
        rows = 0
        while self._waiting:
            each = self._waiting[0]
            if taken and (each.ground is not taken[0].ground or rows + len(each.rows) > MOST):
                break
            self._waiting.popleft()
            if not each.receipts.done():
                taken.append(each)
                rows += len(each.rows)
        return taken

    async def _store(self, taken: list[_Waiting]) -> None:
        """Store what was taken, together where that goes. Each sender gets receipts, or the error of its own batch."""
        try:
            ground = taken[0].ground
            sent = [(each.rows, each.enumerator) for each in taken]
            if sum(len(rows) for rows, _ in sent) <= FEW:
                answers = batch.judge_all(ground, sent)
            else:
                answers = await asyncio.to_thread(batch.judge_all, ground, sent)
            whose = {each.envelope.batch_id: each.receipts for each in taken}
            ready = [Batch(w.envelope, w.rows, judged) for w, judged in zip(taken, answers, strict=True)]
            for group in batch.apart(ready):
                for done, receipts in zip(group, await batch.commit_all(self._engine, ground, group), strict=True):
                    _tell(whose[done.envelope.batch_id], receipts)
        except Exception as error:  # whatever it is, the sender it belongs to gets it
            left = [each for each in taken if not each.receipts.done()]
            if len(taken) == 1 or _unreachable(error):
                for each in left:
                    each.receipts.set_exception(error)
                return
            log.warning("group", kind=type(error).__name__, batches=len(left))
            for each in left:
                await self._store([each])


def _tell(waiting: "asyncio.Future[list[Receipt]]", receipts: list[Receipt]) -> None:
    if not waiting.done():
        waiting.set_result(receipts)


def _unreachable(error: Exception) -> bool:
    """Whether no batch is to blame: the server or its pool does not answer. It may have committed; do not try again."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or error.statement is None  # while connecting or committing
    return isinstance(error, SQLAlchemyError | psycopg.OperationalError | OSError)
