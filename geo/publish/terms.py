"""What is published of a campaign, fixed before it begins: when, by which measure, for which areas and cells.

At most five releases of the *field table* and one *final table*. Leaves are the blocks and the H3 cells of resolution 8
that there are when the terms are fixed. Nobody who knows any count can choose among these: terms are fixed before the
first day, and where nobody did so, the usual ones hold, which depend on nothing that is counted.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound, NotReady, Refused
from geo.ground import cells
from geo.ground.campaign import Campaign
from geo.ground.campaign import load as load_campaign
from geo.schema_release import COARSEST, LEAF
from geo.scope import OPERATOR
from geo.trust import audit

SQL = queries.load(__file__)

#: Most releases of the field table; there is one of the final table.
FIELD_RELEASES = 5

#: Days between the campaign's end and the final table: processing and the public consultation lie between them.
FINAL_AFTER = timedelta(days=180)

Kind = Literal["field", "final"]
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Slot:
    """One release of the calendar: its number from 1, its table, and the first day on which it may be made."""

    release: int
    kind: Kind
    due: date


@dataclass(frozen=True)
class Terms:
    """What is published, fixed beforehand. `measure` and `cut_off` are those of the final table.

    `measure`: consultation (groups 1 and 2 are poor) or score (poor below `cut_off`). The calendar is in order, the
    final table last.
    """

    campaign: str
    edition: str
    series: str
    time_zone: str
    simulated: bool
    measure: str
    cut_off: float | None
    fixed_at: datetime
    calendar: tuple[Slot, ...]

    def measure_of(self, kind: Kind) -> str:
        """What counts as poor in a table."""
        return "field_status" if kind == "field" else self.measure

    def today(self, campaign: Campaign) -> date:
        """The day it is by the campaign's clock, in the time zone of the calendar."""
        return campaign.now().astimezone(ZoneInfo(self.time_zone)).date()

    def due(self, today: date, last: int) -> Slot | None:
        """What is to be made now: of those after release `last` the newest whose day has come. None where none has.

        Older ones that were not made by then are passed over for good.
        """
        return next((slot for slot in reversed(self.calendar) if slot.release > last and slot.due <= today), None)

    def coming(self, last: int) -> Slot | None:
        """The next one after release `last`; None where there is none left."""
        return next((slot for slot in self.calendar if slot.release > last), None)


def usual(campaign: Campaign) -> tuple[Slot, ...]:
    """The calendar where nobody fixed another: the day after each fifth of the campaign, and half a year after its end.

    A campaign of fewer than five days has fewer releases.
    """
    ends = {-(-campaign.days * fifth // FIELD_RELEASES) for fifth in range(1, FIELD_RELEASES + 1)}
    field = [campaign.starts_on + timedelta(days=days) for days in sorted(ends)]
    return _slots(field, campaign.ends_on + FINAL_AFTER)


async def load(db: AsyncConnection) -> Terms:
    """The terms as they were fixed. Raises NotFound (`no-terms`) before that."""
    row = (await db.execute(SQL["load"])).mappings().one_or_none()
    if row is None:
        raise NotFound("nothing has been fixed of what is published: see ./cakupan release calendar", code="no-terms")
    calendar = tuple(Slot(*slot) for slot in await db.execute(SQL["calendar"]))
    return Terms(**row, calendar=calendar)


async def fix(
    db: AsyncConnection,
    *,
    measure: str = "consultation",
    cut_off: float | None = None,
    field: Sequence[date] | None = None,
    final: date | None = None,
    progress: Progress = lambda _done, _of: None,
) -> Terms:
    """Fix what is published, in the caller's transaction, instead of what was fixed before; dates left out: the usual.

    `cut_off`: with the measure `score`, the score below which a family counts as poor. Copies the areas and lists the
    cells of the campaign's edition. Raises Refused (`terms-fixed`) from the first day of the campaign on, by its clock,
    and once a release was begun; BadInput (`bad-terms`) for a calendar or measure that cannot be.
    """
    await db.execute(SQL["alone"])
    campaign = await load_campaign(db)
    if campaign.today() >= campaign.starts_on:
        raise Refused(
            f"the campaign began on {campaign.starts_on}: what is published is fixed before anybody is counted",
            code="terms-fixed",
        )
    customary = usual(campaign)
    slots = _slots(
        [slot.due for slot in customary[:-1]] if field is None else field,
        customary[-1].due if final is None else final,
    )
    _sensible(campaign, slots, measure, cut_off)
    return await _fix(db, campaign, slots, (measure, cut_off), progress)


async def ready(db: AsyncConnection, progress: Progress = lambda _done, _of: None) -> Terms:
    """The terms; where nobody fixed any, the usual ones are fixed now, however late: they depend on nothing counted."""
    await db.execute(SQL["alone"])
    try:
        return await load(db)
    except NotFound:
        campaign = await load_campaign(db)
        return await _fix(db, campaign, usual(campaign), ("consultation", None), progress)


def _slots(field: Sequence[date], final: date) -> tuple[Slot, ...]:
    found = [Slot(at, "field", due) for at, due in enumerate(field, 1)]
    return (*found, Slot(len(found) + 1, "final", final))


def _sensible(campaign: Campaign, slots: tuple[Slot, ...], measure: str, cut_off: float | None) -> None:
    """Raise BadInput for terms that cannot be."""
    why = None
    dates = [slot.due for slot in slots]
    if measure not in {"consultation", "score"}:
        why = f"there is no measure {measure}: take consultation or score"
    elif (measure == "score") != (cut_off is not None):
        why = "the measure score, and no other, needs a cut-off"
    elif cut_off is not None and not math.isfinite(cut_off):
        why = "a cut-off is a number"
    elif len(slots) > FIELD_RELEASES + 1:
        why = f"the field table is released at most {FIELD_RELEASES} times"
    elif dates != sorted(set(dates)):
        why = "the days of a calendar ascend, and the final table comes last"
    elif dates[0] <= campaign.starts_on or dates[-1] <= campaign.ends_on:
        why = "a release comes after the campaign's first day, and the final table after its last"
    if why:
        raise BadInput(why, code="bad-terms")


async def _fix(
    db: AsyncConnection,
    campaign: Campaign,
    slots: tuple[Slot, ...],
    measure: tuple[str, float | None],
    progress: Progress,
) -> Terms:
    if await db.scalar(SQL["begun"]):
        raise Refused("a release was begun: what is published changes no more", code="terms-fixed")
    for table in ("calendar", "cells", "areas", "terms"):
        await db.execute(SQL[f"forget_{table}"])
    said = {"campaign": campaign.name, "edition": campaign.edition, "series": campaign.series}
    said |= {"time_zone": campaign.time_zone, "measure": measure[0]}
    await db.execute(SQL["write"], said | {"simulated": campaign.simulated, "cut_off": measure[1]})
    await db.execute(SQL["write_slot"], [vars(slot) for slot in slots])
    await db.execute(SQL["write_areas"], {"edition_id": campaign.edition_id})
    leaves = (await db.execute(SQL["leaves"])).all()
    if not leaves:
        raise NotReady(f"edition {campaign.edition} has no areas: run ./cakupan areas import", code="no-areas")
    shapes = np.asarray(shapely.from_wkb(np.array([bytes(leaf.geom) for leaf in leaves], dtype=object)))
    found = cells.holding(shapes, LEAF)
    await _write_cells(db, found, _blocks_of(found, shapes, np.array([leaf.number for leaf in leaves])), progress)
    fixed = {"edition": campaign.edition, "releases": len(slots), "measure": measure[0], "cut_off": measure[1]}
    await audit.note(db, OPERATOR.actor, "release.terms", **fixed)
    return await load(db)


def _blocks_of(found: cells.Cells, shapes: NDArray[np.object_], numbers: NDArray[np.integer]) -> NDArray[np.int32]:
    """The block to which each cell belongs: the one its centre lies in, of several the first, else the nearest."""
    tree = shapely.STRtree(shapes)
    shapely.prepare(shapes)
    centres = np.asarray(shapely.points(*cells.centres(found)))
    cell, place = tree.query(centres, predicate="intersects")
    owner = np.full(len(found), len(shapes), np.intp)
    np.minimum.at(owner, cell, place)
    outside = np.flatnonzero(owner == len(shapes))
    at, near = tree.query_nearest(centres[outside], all_matches=True)
    np.minimum.at(owner, outside[at], near)
    return np.asarray(numbers, np.int32)[owner]


async def _write_cells(
    db: AsyncConnection, leaves: cells.Cells, numbers: NDArray[np.int32], progress: Progress
) -> None:
    """Write the leaves and all cells above them, to the coarsest that is published."""
    layers = [(LEAF, leaves, numbers)]
    for resolution in range(LEAF - 1, COARSEST - 1, -1):
        above = np.unique(cells.parents(leaves, resolution))
        layers.append((resolution, above, np.zeros(len(above), np.int32)))
    done, total = 0, sum(len(layer) for _, layer, _ in layers)
    await db.execute(SQL["forget_arriving"])
    await db.execute(SQL["arriving"])
    raw = await db.get_raw_connection()
    driver: Any = raw.driver_connection
    statement = "COPY arriving_cell (cell, resolution, number, lon, lat, wkb) FROM STDIN (FORMAT BINARY)"
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "int2", "int4", "float8", "float8", "bytea"])
        for resolution, layer, owners in layers:
            lon, lat = cells.centres(layer)
            outlines = shapely.to_wkb(cells.boundaries(layer)).tolist()
            columns = (layer.tolist(), owners.tolist(), lon.tolist(), lat.tolist(), outlines)
            for cell, owner, x, y, wkb in zip(*columns, strict=True):
                await copy.write_row((cell, resolution, owner, x, y, wkb))
            done += len(layer)
            progress(done, total)
    await db.execute(SQL["write_cells"])
