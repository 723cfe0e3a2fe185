"""The families of the prelist, one by one: who is still missing, who was found, and who is there that no list has.

The order is that of a walk: block by block, in each by building as people count ("9" before "10", "12A" after "12"),
then by place in the building; who is on no list comes last. A page looks at a few blocks more each time until it is
full, so that it costs the same in a block and in a province. Where one begins is a key of the page before: a family
whose place does not change comes exactly once, whatever happens in between. Every page given out is audited.
"""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput
from geo.scope import Scope
from geo.trust import audit
from geo.watch.live import Snapshot

SQL = queries.load(__file__)

#: On the list and nothing known; met or refused without a result; completed or closed; found to be none; on no list.
STATES = ("missing", "open", "done", "dropped", "new")

#: Blocks of an area up to which its families are counted by state; they are some 50,000.
COUNTED = 500

#: Blocks that a page looks at first, then four times as many at a time up to MOST, and LOOK altogether: it may come
#: short of its limit, or empty, and still not be the last.
FIRST, MOST, LOOK = 4, 64, 500

_PARTS = re.compile(r"[0-9]+|[^0-9]+")
_LAST_NUMBER = 2**31 - 1
#: Comes after every place in a sequence, and after every building.
_NO_SEQUENCE = 2**31

Numbers = NDArray[np.int32]
Part = tuple[int, int, str]


@dataclass(frozen=True)
class Question:
    """Which families: those of the blocks `within` an area's number (0: everywhere), in any of `states`.

    `after` is the `next` of the page before; a `limit` of 0 only counts.
    """

    within: int = 0
    states: tuple[str, ...] = ("missing",)
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True)
class Page:
    """Rows in their order; families by state and on all pages, None where nobody counted; where the next page begins.

    `listed` tells whether any block of the area has a list that the caller may see.
    """

    rows: list[dict[str, Any]]
    listed: bool
    states: dict[str, int] | None
    total: int | None
    next: str | None


class _Key(NamedTuple):
    """Where a family stands: by block, those of a list first, by building, by place in it, at last by id."""

    number: int
    unlisted: bool
    building: str
    sequence: int
    household_id: str

    @property
    def order(self) -> tuple[Any, ...]:
        """What it is sorted by. Without a building it comes last; without a household it is where its block begins."""
        if not self.household_id:
            return (self.number,)
        building = (not self.building, natural(self.building), self.building)
        return (self.number, self.unlisted, *building, self.sequence, self.household_id)

    def __str__(self) -> str:
        return urlsafe_b64encode(orjson.dumps(list(self))).rstrip(b"=").decode()


def natural(text: str) -> tuple[Part, ...]:
    """What to sort numbers of buildings by: runs of digits as numbers, before letters in any case."""
    runs = _PARTS.findall(text)
    return tuple((0, int(run), "") if run[0] in "0123456789" else (1, 0, run.casefold()) for run in runs)


async def listing(db: AsyncConnection, live: Snapshot, scope: Scope, question: Question, format_: str = "json") -> Page:
    """One page of the families that the transaction's actor may see; giving it out is audited with its `format_`.

    Raises BadInput for an `after` that was not given out, or for an unknown state.
    """
    if unknown := set(question.states) - set(STATES):
        raise BadInput(f"no state {sorted(unknown)[0]}: take one of {', '.join(STATES)}", code="bad-state")
    key = _key(question.after)
    ranges, blocks = _blocks(live, scope, question.within)
    of = {"edition_id": live.campaign.edition_id}
    spans = {"los": [lo for lo, _ in ranges], "his": [hi for _, hi in ranges]}
    listed = bool(await db.scalar(SQL["any_listed"], of | spans))
    states = None
    if 0 < len(blocks) <= COUNTED:
        found = (await db.execute(SQL["counts"], of | {"numbers": blocks.tolist()})).mappings().one()
        states = {state: int(found[state]) for state in STATES}
    total = None if states is None else sum(states[state] for state in set(question.states))
    page: list[RowMapping] = []
    after = None
    if question.limit and total != 0:
        page, after = await _page(db, live, question, blocks, key)
    if page:
        numbers = {number for row in page for number in (row["number"], row["found"] or row["number"])}
        await audit.read(db, scope.actor, "prelist.list", numbers, len(page), format=format_)
    return Page([_shown(live, row) for row in page], listed, states, total, str(after) if after else None)


def _blocks(live: Snapshot, scope: Scope, within: int) -> tuple[list[tuple[int, int]], Numbers]:
    """The numbers asked for as far as they lie in the scope, and the blocks among them."""
    last = int(live.tree.last[within]) if within else len(live.tree) - 1
    ranges = scope.clip(max(within, 1), last)
    parts = [np.flatnonzero(live.tree.block[lo : hi + 1]) + lo for lo, hi in ranges]
    return ranges, np.concatenate(parts).astype(np.int32) if parts else np.empty(0, np.int32)


async def _page(
    db: AsyncConnection, live: Snapshot, question: Question, blocks: Numbers, key: _Key | None
) -> tuple[list[RowMapping], _Key | None]:
    """The rows of a page, and after which key the next one begins; None where nothing is left."""
    at = int(np.searchsorted(blocks, key.number)) if key else 0
    end, width = min(at + LOOK, len(blocks)), FIRST
    before: tuple[Any, ...] = key.order if key else ()
    found: list[tuple[tuple[Any, ...], _Key, RowMapping]] = []
    while at < end and len(found) <= question.limit:
        window = blocks[at : min(at + width, end)]
        asked = {"edition_id": live.campaign.edition_id, "numbers": window.tolist(), "states": list(question.states)}
        rows = (await db.execute(SQL["families"], asked)).mappings().all()
        keyed = ((own.order, own, row) for own, row in ((_key_of(row), row) for row in rows))
        found += sorted((one for one in keyed if one[0] > before), key=lambda one: one[0])
        at, width = at + len(window), min(width * 4, MOST)
    page = found[: question.limit]
    if len(found) > len(page):
        return [row for *_, row in page], page[-1][1]
    beyond = _Key(int(blocks[at]), False, "", 0, "") if at < len(blocks) else None
    return [row for *_, row in page], beyond


def _key_of(row: RowMapping) -> _Key:
    sequence = _NO_SEQUENCE if row["sequence"] is None else row["sequence"]
    return _Key(row["number"], not row["listed"], row["building"] or "", sequence, row["household_id"])


def _key(after: str | None) -> _Key | None:
    """The key that was given out as `next`."""
    if after is None:
        return None
    try:
        said = orjson.loads(urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except (ValueError, binascii.Error):  # neither base64 nor JSON
        said = None
    if (
        not isinstance(said, list)
        or [type(part) for part in said] != [int, bool, str, int, str]
        or not 0 <= said[0] <= _LAST_NUMBER
    ):
        raise BadInput("after must be the `next` of the page before", code="bad-after")
    return _Key(*said)


def _shown(live: Snapshot, row: RowMapping) -> dict[str, Any]:
    """A row in the order of the contract."""
    tree, number = live.tree, row["number"]
    return {
        "household_id": row["household_id"],
        "code": tree.code[number],
        "name": tree.name[number],
        "n": number,
        "building": row["building"],
        "sequence": row["sequence"],
        "state": row["state"],
        "result": row["result"],
        "visits": row["visit"] if row["result"] else 0,
        "lon": row["lon"],
        "lat": row["lat"],
        "listed": row["listed"],
        "origin": row["origin"],
        "found": tree.code[row["found"]] if row["found"] else None,
    }
