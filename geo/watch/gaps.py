"""Where families are still to be found: blocks in the order in which somebody should be sent, each with the reason.

What every block of a nation is worth is kept from question to question, and brought up to date with the few that
changed: so that its first page takes milliseconds.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.errors import BadInput
from geo.scope import OPERATOR, Scope
from geo.watch import coverage
from geo.watch.coverage import STATES
from geo.watch.live import Snapshot
from geo.watch.news import News

#: States of blocks where somebody still has to go, listed when no state is asked for.
OPEN = ("silent", "unvisited", "behind", "started")

#: Why a block is on the list, by state; `app/locales` puts it in words. Where nothing has arrived the devices say why.
REASONS = {
    "unknown": "no_expected",
    "empty": "nothing_expected",
    "over": "more_than_expected",
    "done": "all_accounted_for",
    "behind": "behind_schedule",
    "started": "on_course",
}

#: By what a list can be put in order. `gap`: most families to be found first; `winnable`: most that can still be won;
#: `coverage`: least first; `last_at`, `heard_at`: longest ago first, never before all; `code`: as areas are numbered.
ORDERS = ("gap", "winnable", "coverage", "last_at", "heard_at", "code")

#: Blocks up to which it takes no longer to work out what they are worth than to keep up with all.
FEW = 50_000

_UNTOLD = dict.fromkeys(("enumerator", "supervisor", "heard_at", "queued", "waiting"))


@dataclass(frozen=True)
class Question:
    """Which blocks: `within` an area's number (0: everywhere), in any of `states` (the open ones where empty).

    `words` are looked for in name, code and, where the caller answers for the block, enumerator; `least` is the least
    gap. `after` is the `next` of the page before.
    """

    within: int = 0
    states: Collection[str] = ()
    words: str = ""
    least: int = 0
    order: str = "gap"
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True)
class Gaps:
    """One page of blocks, what all blocks of the question come to, and where the next page begins."""

    blocks: list[dict[str, Any]]
    total: int
    gap: int
    winnable: int
    states: dict[str, int]
    next: str | None


@dataclass(frozen=True)
class _Worth:
    """What blocks are worth: gap (−1 unknown), what of it can still be won, and place in STATES."""

    gap: NDArray[np.int32]
    winnable: NDArray[np.int32]
    state: NDArray[np.int8]

    def some(self, at: NDArray[Any]) -> "_Worth":
        """Some of them."""
        return _Worth(self.gap[at], self.winnable[at], self.state[at])


@dataclass(frozen=True)
class _Standing:
    """What every number was worth at an epoch, on a day of the campaign, by the news of then."""

    epoch: int
    day: int
    news: News
    worth: _Worth


def listing(live: Snapshot, scope: Scope, question: Question, answered: Scope | None = None) -> Gaps:
    """Blocks of the scope that a question is about, in its order, then by number.

    Who works in a block, and what its devices say, is told of those in `answered`, what the caller answers for. Raises
    BadInput for an unknown state or order, or a broken `after`.
    """
    if unknown := set(question.states) - set(STATES):
        raise BadInput(f"no state {sorted(unknown)[0]}: take one of {', '.join(STATES)}", code="bad-state")
    if question.order not in ORDERS:
        raise BadInput(f"no order {question.order}: take one of {', '.join(ORDERS)}", code="bad-order")
    numbers = coverage.visible(live, scope, "block", question.within)
    worth = _worth_of(live, scope, numbers)
    tally = np.bincount(worth.state, minlength=len(STATES))
    wanted = np.zeros(len(STATES), dtype=np.bool_)
    wanted[[STATES.index(s) for s in question.states or OPEN]] = True
    keep = wanted[worth.state]
    if question.least > 0:
        keep &= worth.gap >= question.least
    if question.words:
        keep[keep] = _named(live, numbers[keep], question.words.casefold(), answered)
    numbers, worth = numbers[keep], worth.some(keep)
    key = _key(live, scope, numbers, worth, question.order)
    page, more = _page(key, numbers, question)
    return Gaps(
        _rows(live, scope, numbers[page], worth.winnable[page], answered),
        total=len(numbers),
        gap=int(np.maximum(worth.gap, 0).sum(dtype=np.int64)),
        winnable=int(worth.winnable.sum(dtype=np.int64)),
        states={s: int(tally[i]) for i, s in enumerate(STATES)},
        next=f"{float(key[page[-1]])!r}~{int(numbers[page[-1]])}" if more and len(page) else None,
    )


def _worth_of(live: Snapshot, scope: Scope, numbers: NDArray[np.intp]) -> _Worth:
    """What blocks are worth: worked out for a few, taken from what is kept of all for many."""
    if len(numbers) < FEW:
        return _worth(live, scope, numbers)
    return _standing(live).some(numbers)


def _standing(live: Snapshot) -> _Worth:
    """What every number is worth. Of the epoch before only what changed is worked out anew.

    Sees everything, like the mirror; `listing` takes from it what lies in a scope.
    """
    day, latest = live.campaign.elapsed(), live.news.latest
    before: _Standing | None = live.lasting.get(_Standing)
    if before and (before.day, before.news.latest) == (day, latest) and before.epoch <= live.epoch:
        if before.epoch == live.epoch:
            return before.worth
        changed = np.flatnonzero(live.changed > before.epoch)
        old, new = before.worth, _worth(live, OPERATOR, changed)
        worth = _Worth(old.gap.copy(), old.winnable.copy(), old.state.copy())
        worth.gap[changed], worth.winnable[changed], worth.state[changed] = new.gap, new.winnable, new.state
    else:
        worth = _worth(live, OPERATOR, np.arange(len(live.tree)))
    live.lasting[_Standing] = _Standing(live.epoch, day, live.news, worth)
    return worth


def _worth(live: Snapshot, scope: Scope, numbers: NDArray[np.intp]) -> _Worth:
    figures = coverage.of_blocks(live, scope, numbers)
    gap = figures.gap.astype(np.int32)
    winnable = np.maximum(gap - figures.count("spent"), 0).astype(np.int32)
    return _Worth(gap, winnable, figures.states(live.campaign.elapsed() / live.campaign.days))


def _key(live: Snapshot, scope: Scope, numbers: NDArray[np.intp], worth: _Worth, order: str) -> NDArray[Any]:
    """By what rows are put in order, ascending; what is not known comes last, what never was before all."""
    if order == "gap":
        return -np.maximum(worth.gap, 0)
    if order == "winnable":
        return -worth.winnable
    if order == "code":
        return np.zeros(len(numbers), dtype=np.int32)
    if order == "coverage":
        return np.nan_to_num(coverage.of_blocks(live, scope, numbers).coverage, nan=np.inf)
    times = live.last_at if order == "last_at" else live.news.heard
    return np.nan_to_num(times[numbers], nan=0.0)


def _page(key: NDArray[Any], numbers: NDArray[np.intp], question: Question) -> tuple[NDArray[np.intp], bool]:
    """Places of the rows of a page, in order, and whether there are more. `numbers` ascend."""
    places = np.arange(len(numbers))
    if question.after is not None:
        at_key, at_number = _after(question.after)
        places = places[(key > at_key) | ((key == at_key) & (numbers > at_number))]
    if len(places) > question.limit:
        last = np.partition(key[places], question.limit)[question.limit]
        near = places[key[places] <= last]  # with all that are equal to the last: the number decides among these
        return near[np.argsort(key[near], kind="stable")][: question.limit], True
    return places[np.argsort(key[places], kind="stable")], False


def _after(after: str) -> tuple[float, int]:
    at_key, divided, at_number = after.partition("~")
    try:
        if not divided:
            raise ValueError(after)
        return float(at_key), int(at_number)
    except ValueError as broken:
        raise BadInput("after must be the `next` of the page before", code="bad-after") from broken


def _named(live: Snapshot, numbers: NDArray[np.intp], words: str, answered: Scope | None) -> NDArray[np.bool_]:
    """Which blocks have these words in their name, code or enumerator's name, in small letters."""
    both = zip(live.tree.name, live.tree.code, strict=True)
    texts: list[str] = live.once("folded", lambda: [f"{name}\n{code}".casefold() for name, code in both])
    found = np.fromiter((words in texts[n] for n in numbers.tolist()), np.bool_, len(numbers))
    if answered is not None:
        staff = live.news.staff
        theirs = np.array([words in name.casefold() for name in staff.enumerators] + [False])
        found |= theirs[staff.who[numbers]] & answered.mask(numbers, numbers)
    return found


def _rows(
    live: Snapshot, scope: Scope, numbers: NDArray[np.intp], winnable: NDArray[np.int32], answered: Scope | None
) -> list[dict[str, Any]]:
    """Blocks as the contract has them."""
    figures = coverage.rows(coverage.of_blocks(live, scope, numbers), live.campaign.elapsed() / live.campaign.days)
    told = answered.mask(numbers, numbers) if answered else np.zeros(len(numbers), dtype=np.bool_)
    return [
        place
        | row
        | {"winnable": None if row["gap"] is None else won, "reason": REASONS.get(row["state"]) or live.news.reason(n)}
        | (_device(live, n) if tell else _UNTOLD)
        for n, place, row, won, tell in zip(
            numbers.tolist(), coverage.places(live, numbers), figures, winnable.tolist(), told.tolist(), strict=True
        )
    ]


def _device(live: Snapshot, number: int) -> dict[str, Any]:
    """Who works in a block and what is known of the device."""
    news = live.news
    heard, queued = float(news.heard[number]), int(news.queued[number])
    return {
        "enumerator": news.enumerator(number),
        "supervisor": news.supervisor(number),
        "heard_at": None if np.isnan(heard) else datetime.fromtimestamp(heard, UTC),
        "queued": queued if queued >= 0 else None,
        "waiting": int(news.waiting[number]),
    }
