"""Faults of single points: far off, poor, swapped, missing, copied, and moved to where they look better."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo import hours
from app.demo.draft import RADIUS, Draft
from app.demo.fieldwork import PLANTED, Plant
from app.demo.hours import how_many
from app.demo.people import rank
from app.demo.visits import COMPLETED

OUTSIDE = (150.0, 1500.0)  # metres from the declared block
INACCURATE = (55.0, 400.0)  # metres: beyond the hard limit of 50
MENDED = 0.5  # of points that cannot be believed, sent again rightly
BESIDE = 5.0  # metres: an old habit of offices that repair
DISTINCT = 15.0  # metres between two houses whose points shall be the same


def alone(draft: Draft) -> NDArray[np.intp]:
    """Rows that faults may change: finished interviews of one visit, untouched, on phones that send everything."""
    rows = draft.rows
    once = np.bincount(rows["case"], minlength=len(draft.family))[rows["case"]] == 1
    sent = np.isinf(draft.people.crew.silent_from)[rows["enumerator"]]
    free: NDArray[np.intp] = np.flatnonzero(once & sent & ~draft.taken & (rows["result"] == COMPLETED))
    return free


def _chosen(draft: Draft, share: float, rng: np.random.Generator) -> NDArray[np.intp]:
    """As many free rows as `share` of all families, at random; they are taken."""
    free = rng.permutation(alone(draft))[: how_many(share, len(draft.city.families))]
    draft.taken[free] = True
    return free


def put(draft: Draft, kind: str, row: int, detail: dict[str, Any]) -> None:
    """Marks a row as planted and lists it, with where the family truly lives and how far off the point is."""
    rows = draft.rows
    rows["planted"][row] = PLANTED.index(kind)
    door = draft.door(int(rows["case"][row]))
    if door is not None:
        x, y = draft.people.plane.metres(np.array([door[0], rows["lon"][row]]), np.array([door[1], rows["lat"][row]]))
        detail = {"true": door, "displaced_m": round(float(np.hypot(x[1] - x[0], y[1] - y[0])), 1)} | detail
    draft.plants.append(
        Plant(
            kind,
            [draft.city.blocks.code[rows["block"][row]]],
            [draft.people.staff.enumerators[rows["enumerator"][row]]],
            [draft.household(int(rows["case"][row]))],
            detail,
        )
    )


def outside_block(draft: Draft, share: float, rng: np.random.Generator) -> None:
    """Points far from the block they are declared in."""
    rows, plane = draft.rows, draft.people.plane
    for row in _chosen(draft, share, rng).tolist():
        outline = plane.flat(draft.city.blocks.outline[rows["block"][row]])
        x, y = plane.metres(rows["lon"][row], rows["lat"][row])
        wanted, angle = rng.uniform(OUTSIDE[0] * 1.2, OUTSIDE[1] * 0.8), rng.uniform(0, 2 * np.pi)
        steps = np.arange(50.0, 20_000.0, 25.0)
        away = shapely.distance(outline, shapely.points(x + steps * np.cos(angle), y + steps * np.sin(angle)))
        far = steps[np.argmax(away >= wanted)]
        rows["lon"][row], rows["lat"][row] = plane.degrees(x + far * np.cos(angle), y + far * np.sin(angle))
        put(draft, "outside_block", row, {"from_block_m": round(float(away[np.argmax(away >= wanted)]), 1)})


def low_accuracy(draft: Draft, share: float, rng: np.random.Generator) -> None:
    """Readings that their own phone calls poor, and that are."""
    rows, plane = draft.rows, draft.people.plane
    for row in _chosen(draft, share, rng).tolist():
        accuracy = round(float(np.exp(rng.uniform(*np.log(INACCURATE)))), 1)
        x, y = plane.metres(rows["lon"][row], rows["lat"][row])
        off = rng.normal(0, accuracy / RADIUS, 2)
        rows["lon"][row], rows["lat"][row] = plane.degrees(x + off[0], y + off[1])
        rows["accuracy_m"][row] = accuracy
        put(draft, "low_accuracy", row, {"accuracy_m": accuracy})


def swapped_axes(draft: Draft, share: float, rng: np.random.Generator) -> None:
    """Longitude where latitude belongs; half of them sent again rightly."""
    rows = draft.rows
    for row in _chosen(draft, share, rng).tolist():
        mended = _mend(draft, row, rng)
        rows["lon"][row], rows["lat"][row] = float(rows["lat"][row]), float(rows["lon"][row])
        _put_unbelievable(draft, "swapped_axes", row, mended)


def null_island(draft: Draft, share: float, rng: np.random.Generator) -> None:
    """0, 0: the phone had no position; half of them sent again rightly."""
    rows = draft.rows
    for row in _chosen(draft, share, rng).tolist():
        mended = _mend(draft, row, rng)
        rows["lon"][row] = rows["lat"][row] = 0.0
        _put_unbelievable(draft, "null_island", row, mended)


def _put_unbelievable(draft: Draft, kind: str, row: int, mended: bool) -> None:
    put(draft, kind, row, {"mended": mended})
    draft.plants[-1].detail.pop("displaced_m", None)  # half a world says nothing


def _mend(draft: Draft, row: int, rng: np.random.Generator) -> bool:
    """Every other time, a later revision with the point as it was, on an evening soon after."""
    if rng.random() >= MENDED:
        return False
    rows = draft.rows
    day = int(hours.day_of(rows["captured_at"][row : row + 1])[0]) + int(rng.integers(0, 3))
    at = draft.evening(int(rows["enumerator"][row]), day, 2.0)
    if at is not None:
        draft.add(row, captured_at=at, minutes=2.0, planted=0)
    return at is not None


def copied(draft: Draft, share: float, rng: np.random.Generator) -> None:
    """The exact point of another household of the same enumerator and block."""
    rows = draft.rows
    for row, (source,) in _with_sources(draft, share, rng, 1):
        for name in ("lon", "lat", "accuracy_m"):
            rows[name][row] = rows[name][source]
        put(draft, "copied", row, {"from": draft.household(int(rows["case"][source]))})


def repaired(draft: Draft, share: float, rng: np.random.Generator) -> None:
    """Points that somebody moved to look better: between two others, five metres beside one, or onto the centroid."""
    rows, plane = draft.rows, draft.people.plane
    for row, sources in _with_sources(draft, share, rng, 2):
        how = ("midpoint", "beside", "centroid")[int(rng.integers(3))]
        names = [draft.household(int(rows["case"][source])) for source in sources]
        x, y = plane.metres(rows["lon"][list(sources)], rows["lat"][list(sources)])
        if how == "midpoint":
            lon, lat = plane.degrees(x.mean(), y.mean())
        elif how == "beside":
            angle, names = rng.uniform(0, 2 * np.pi), names[:1]
            lon, lat = plane.degrees(x[0] + BESIDE * np.cos(angle), y[0] + BESIDE * np.sin(angle))
        else:
            centre, names = shapely.centroid(draft.city.blocks.outline[rows["block"][row]]), []
            lon, lat = np.round(centre.x, 7), np.round(centre.y, 7)
        rows["lon"][row], rows["lat"][row] = lon, lat
        put(draft, "repaired", row, {"how": how, "from": names})


def _with_sources(
    draft: Draft, share: float, rng: np.random.Generator, count: int
) -> list[tuple[int, tuple[int, ...]]]:
    """Free rows, each with `count` others of the same enumerator and block whose houses stand apart; all are taken."""
    rows, plane = draft.rows, draft.people.plane
    free = rng.permutation(alone(draft))
    free = free[np.argsort(rank(rows["block"][free]) // (count + 1), kind="stable")]
    wanted = how_many(share, len(draft.city.families))
    groups: dict[tuple[int, int], list[int]] = {}
    made: list[tuple[int, tuple[int, ...]]] = []
    for row in free.tolist():
        if len(made) == wanted:
            break
        group = groups.setdefault((int(rows["enumerator"][row]), int(rows["block"][row])), [])
        x, y = plane.metres(rows["lon"][[*group, row]], rows["lat"][[*group, row]])
        if len(group) and np.hypot(x[:-1] - x[-1], y[:-1] - y[-1]).min() < DISTINCT:
            continue
        group.append(row)
        if len(group) == count + 1:
            made.append((group[0], tuple(group[1:])))
            draft.taken[group] = True
            group.clear()
    return made
