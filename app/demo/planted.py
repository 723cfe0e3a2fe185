"""The faults that are planted into the month: each kind at its rate, none on top of another, all of them listed.

Holes and blocks left out must be known before anybody sets out; everything else changes the finished month.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo import planted_edge, planted_points, planted_work
from app.demo.city import City
from app.demo.draft import Draft, stream
from app.demo.fieldwork import PLANTED, Plant, Staff
from app.demo.hours import Crew, how_many
from app.demo.plane import over
from app.demo.rates import Planted
from geo.ground.inspection import AreaRow

#: A hole: at least so many families, and this share of the block's; the block must be this much larger.
HOLE_LEAST, HOLE_SHARE, AROUND = 10, (0.12, 0.25), 3.0
#: Only steady people finish a block with a hole in it for certain: pace at least, first day at most.
STEADY, PUNCTUAL = 0.9, 2


@dataclass(frozen=True)
class Hole:
    """A corner that prelist and enumerator passed over. `outline` in degrees; families are places in City."""

    buildings: NDArray[np.intp]
    families: NDArray[np.intp]
    outline: shapely.Geometry


@dataclass(frozen=True)
class Ground:
    """What is wrong before anybody sets out. `passed_over` (U,): buildings in holes; `holes` by block."""

    passed_over: NDArray[np.bool_]
    holes: dict[int, Hole] = field(default_factory=dict)
    left_out: list[int] = field(default_factory=list)


def ground(city: City, staff: Staff, crew: Crew, rates: Planted, rng: np.random.Generator) -> Ground:
    """Holes and blocks left out. An enumerator has one of them at most."""
    made = Ground(np.zeros(len(city.buildings), dtype=np.bool_))
    busy: set[int] = set()
    inhabited = rng.permutation(np.unique(city.families.block))
    wanted = how_many(rates.hole, len(inhabited))
    for block in inhabited.tolist():
        who = int(staff.enumerator[block])
        if len(made.holes) == wanted:
            break
        if who in busy or city.blocks.gated[block] or not _steady(crew, who):
            continue
        if hole := _hole(city, block, rng):
            made.holes[block] = hole
            made.passed_over[hole.buildings] = True
            busy.add(who)
    wanted = how_many(rates.left_out, len(inhabited))
    for block in inhabited.tolist():
        who = int(staff.enumerator[block])
        if len(made.left_out) == wanted:
            break
        if who not in busy and np.count_nonzero(staff.enumerator == who) > 1:
            made.left_out.append(block)
            busy.add(who)
    return made


def _steady(crew: Crew, who: int) -> bool:
    return bool(crew.pace[who] >= STEADY and crew.first_day[who] <= PUNCTUAL and np.isinf(crew.silent_from[who]))


def _hole(city: City, block: int, rng: np.random.Generator) -> Hole | None:
    """The houses around one at the edge of the block, until there are families enough; None in blocks too small."""
    houses, homes = city.buildings_of(block), city.families_of(block)
    families = homes.stop - homes.start
    wanted = max(HOLE_LEAST, round(families * rng.uniform(*HOLE_SHARE)))
    if families < AROUND * wanted:
        return None
    plane = over(city.buildings.lon[houses], city.buildings.lat[houses])
    x, y = plane.metres(city.buildings.lon[houses], city.buildings.lat[houses])
    angle = rng.uniform(0, 2 * np.pi)
    seed = int(np.argmax(x * np.cos(angle) + y * np.sin(angle)))
    nearest = np.argsort(np.hypot(x - x[seed], y - y[seed]), kind="stable")
    held = np.bincount(city.families.building[homes] - houses.start, minlength=len(x))[nearest]
    inside = nearest[: int(np.searchsorted(np.cumsum(held), wanted)) + 1]
    if held[: len(inside)].sum() > families / 2:
        return None
    hull = shapely.MultiPoint(np.column_stack([x[inside], y[inside]])).convex_hull
    hull = hull if hull.geom_type == "Polygon" and hull.area > 1 else hull.buffer(2.0)
    of = np.isin(city.families.building[homes], inside + houses.start)
    return Hole(inside + houses.start, np.flatnonzero(of) + homes.start, plane.round(hull))


def plant(draft: Draft, made: Ground, rates: Planted) -> list[AreaRow]:
    """Every fault but those of the ground, which are listed; the areas of the edition as it was published.

    Large faults come first: they need whole days and blocks that nothing else has touched.
    """
    _list_ground(draft, made)
    areas = planted_edge.wrong_boundary(draft, rates.wrong_boundary, stream(draft.seed, "wrong_boundary"))
    kinds: dict[str, Callable[[Draft, float, np.random.Generator], None]] = {
        "miscoded_batch": planted_work.miscoded_batch,
        "fabricated_cluster": planted_work.fabricated_cluster,
        "fabricated_strand": planted_work.fabricated_strand,
        "over_reporting": planted_work.over_reporting,
        "impossible_travel": planted_work.impossible_travel,
        "outside_block": planted_points.outside_block,
        "low_accuracy": planted_points.low_accuracy,
        "swapped_axes": planted_points.swapped_axes,
        "null_island": planted_points.null_island,
        "copied": planted_points.copied,
        "repaired": planted_points.repaired,
        "duplicate": planted_work.duplicate,
    }
    for kind, put in kinds.items():
        rate = getattr(rates, kind)
        if rate > 0:
            put(draft, rate, stream(draft.seed, kind))
    draft.plants.sort(key=lambda planted: PLANTED.index(planted.kind))
    return areas


def _list_ground(draft: Draft, made: Ground) -> None:
    """Puts holes and blocks left out on the list, and keeps other faults away from them."""
    city, staff = draft.city, draft.people.staff
    for block, hole in made.holes.items():
        detail = {
            "families": len(hole.families),
            "buildings": len(hole.buildings),
            "doors": [[float(city.families.lon[f]), float(city.families.lat[f])] for f in hole.families.tolist()],
            "polygon": json.loads(shapely.to_geojson(hole.outline)),
        }
        draft.plants.append(_at(city, staff, "hole", block, detail))
    listed = np.bincount(draft.people.prelist.block, minlength=len(city.blocks))
    for block in made.left_out:
        draft.plants.append(_at(city, staff, "left_out", block, {"expected": int(listed[block])}))
    draft.closed.update(made.holes, made.left_out)


def _at(city: City, staff: Staff, kind: str, block: int, detail: dict[str, object]) -> Plant:
    return Plant(kind, [city.blocks.code[block]], [staff.enumerators[staff.enumerator[block]]], [], detail)
