"""What making the next release would publish and cost, before anything is made. No household's value is looked at.

Whoever looked at values before deciding whether to publish would publish that decision too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.ground.campaign import Campaign
from geo.ground.campaign import load as load_campaign
from geo.publish import cost, freeze, making, publisher, terms
from geo.publish.freeze import GATE
from geo.publish.terms import Slot

SQL = queries.load(__file__)


@dataclass(frozen=True)
class Entering:
    """What a release does in one system of leaves.

    `opens` of `leaves` get new figures, in which `households` enter; `waiting` ones stand in leaves that stay as they
    are. `outside` counts those in no leaf, by reason; they are in no release.
    """

    system: str
    leaves: int
    opens: int
    households: int
    waiting: int
    outside: Mapping[str, int]


@dataclass(frozen=True)
class Preview:
    """What making the next release would publish and cost.

    `resumed`: it is frozen already and only to be finished. `fixed_now`: nobody fixed terms, so the usual ones hold.
    `passed_over` are releases that will never be made. `now`, `after` and `whole` are costs (see `geo.publish.cost`)
    before it, after it and of the whole calendar. `block_error` and `village_error` are ± families of the median block
    and village that have a figure after it. `judged`: for the final table, households of which its measure says
    anything; all others count as not poor.
    """

    slot: Slot
    today: date
    resumed: bool
    fixed_now: bool
    passed_over: tuple[Slot, ...]
    entering: tuple[Entering, Entering]
    now: Mapping[str, float]
    after: Mapping[str, float]
    whole: Mapping[str, float]
    block_error: float | None
    village_error: float | None
    judged: int | None


async def preview(db: AsyncConnection, path: Path) -> Preview:
    """Look ahead, in a transaction of the worker that is rolled back afterwards.

    Raises what making the release would: Refused (`not-due`, `edition-changed`, `not-the-publisher`).
    """
    await freeze.begin(db)
    fixed_now = not await db.scalar(terms.SQL["fixed"])
    fixed = await terms.ready(db)
    campaign = await load_campaign(db)
    begun = await freeze.under_way(db)
    await publisher.check(db, path, begun.release if begun else None)
    slot = Slot(begun.release, begun.kind, begun.due) if begun else await freeze.next_slot(db, fixed, campaign)
    counts = await _counts(db, campaign, slot, frozen=begun is not None)
    blocks, cells = await _leaves(db, slot)
    opens = {system: _opens(leaves["leaf"], counts[system], slot) for system, leaves in (blocks, cells)}
    errors = await _errors(db, blocks[1]["leaf"], blocks[1]["draws"] + opens["block"])
    outside = dict((await db.execute(freeze.SQL["outside"], {"edition_id": campaign.edition_id})).mappings().one())
    last = (await db.execute(freeze.SQL["last"])).scalar_one()
    kinds = set((await db.execute(SQL["kinds"])).scalars())
    return Preview(
        slot=slot,
        today=fixed.today(campaign),
        resumed=begun is not None,
        fixed_now=fixed_now,
        passed_over=tuple(s for s in fixed.calendar if last < s.release < slot.release),
        entering=(
            _entering("block", counts["block"], opens["block"], slot, outside),
            _entering("cell", counts["cell"], opens["cell"], slot, outside),
        ),
        now=cost.of(len(kinds)),
        after=cost.of(len(kinds | {slot.kind})),
        whole=cost.of(len({s.kind for s in fixed.calendar})),
        block_error=errors[0],
        village_error=errors[1],
        judged=await db.scalar(SQL["judged"], {"measure": fixed.measure}) if slot.kind == "final" else None,
    )


async def _counts(db: AsyncConnection, campaign: Campaign, slot: Slot, *, frozen: bool) -> dict[str, dict[int, int]]:
    """How many households newly enter each leaf, or were frozen to do so, by system and leaf; leaves of none left out.

    Without what is frozen these are all who wait, whether their leaf opens or not.
    """
    if not frozen:
        await freeze.choose(db, campaign, slot.kind)
    found: dict[str, dict[int, int]] = {"block": {}, "cell": {}}
    for system, leaf, n in await db.execute(SQL["frozen" if frozen else "waiting"], {"release": slot.release}):
        found[system][leaf] = n
    return found


async def _leaves(db: AsyncConnection, slot: Slot) -> tuple[tuple[str, NDArray[Any]], tuple[str, NDArray[Any]]]:
    """The leaves of both systems, with the draws that are in their figures until now."""
    before = (await db.execute(making.SQL["before"])).scalar_one() if slot.kind == "field" else 0
    of = {"release": before}
    areas = await queries.arrays(db, making.SQL["areas"], of, {"number": "i4", "last": "i4", **making.FIGURE})
    cells = await queries.arrays(db, making.SQL["cells"], of, {"cell": "i8", **making.FIGURE})
    blocks = areas[areas["number"] == areas["last"]]
    kinds = [("leaf", np.int64), ("draws", np.int64)]
    made = (np.empty(len(blocks), kinds), np.empty(len(cells), kinds))
    made[0]["leaf"], made[0]["draws"] = blocks["number"], blocks["draws"]
    made[1]["leaf"], made[1]["draws"] = cells["cell"], cells["draws"]
    return ("block", made[0]), ("cell", made[1])


async def _errors(
    db: AsyncConnection, blocks: NDArray[np.int64], draws: NDArray[np.int64]
) -> tuple[float | None, float | None]:
    """± of the median block and of the median village, given the draws in each block."""
    villages = (await db.execute(SQL["villages"])).all()
    first, last = np.array([tuple(village) for village in villages], np.int64).reshape(-1, 2).T
    upto = np.concatenate([[0], np.cumsum(draws)])
    of_villages = upto[np.searchsorted(blocks, last, "right")] - upto[np.searchsorted(blocks, first, "left")]
    return _median_error(draws), _median_error(of_villages)


def _opens(leaves: NDArray[Any], counts: Mapping[int, int], slot: Slot) -> NDArray[np.bool_]:
    """Which leaves get new figures: in the final table all, in the field table those that enough households enter."""
    entering = np.array([counts.get(leaf, 0) for leaf in leaves.tolist()], np.int64)
    return entering >= (GATE if slot.kind == "field" else 0)


def _entering(
    system: str, counts: Mapping[int, int], opens: NDArray[np.bool_], slot: Slot, outside: Mapping[str, int]
) -> Entering:
    households = sum(n for n in counts.values() if slot.kind == "final" or n >= GATE)
    if system == "block":
        lost = {"in no block": outside["unplaced"], "in a block not listed": outside["unlisted_block"]}
    else:
        lost = {"without a point": outside["without_point"], "in a cell not listed": outside["unlisted_cell"]}
    waiting = sum(counts.values()) - households
    return Entering(system, len(opens), int(opens.sum()), households, waiting, lost)


def _median_error(draws: NDArray[Any]) -> float | None:
    """± of the median figure among those that have any noise, hence any figure."""
    drawn = draws[draws > 0]
    return cost.error(round(float(np.median(drawn)))) if len(drawn) else None
