"""Faults of whole interviews: made up, made twice, made too fast, made up families, and a day under the wrong code."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo import hours
from app.demo.draft import ACCURACY, RADIUS, Draft
from app.demo.fieldwork import PLANTED, Plant
from app.demo.hours import how_many
from app.demo.people import next_to
from app.demo.planted_points import alone, put
from geo.schema import ORIGINS

#: Made-up interviews: how many at once, how long each "took" and how far they follow each other, in minutes.
MADE_UP, LENGTH, FOLLOWING = (8, 20), (0.6, 1.4), (1.5, 2.5)
CLUSTER = 3.4  # metres around one place, so that no two lie more than 7.6 m apart (US census study)
LONELY = 25.0  # metres without a house of several families
STRAND = (4.0, 14.0)  # metres between the points of a strand, at least and at most
TRAVEL = (2000.0, 4000.0)  # metres between two interviews; points over 5 km outside would not be believed
TRAVEL_SECONDS = (60, 120)
DAY_OF_WORK = 6  # interviews that make a day worth miscoding
PHANTOMS = (15, 40)  # families that do not exist, in one block
NEW = ORIGINS.index("new")


def miscoded_batch(draft: Draft, number: float, rng: np.random.Generator) -> None:
    """All records of one enumerator's day under the code of a block beside."""
    rows = draft.rows
    clear = ~draft.taken & np.isinf(draft.people.crew.silent_from)[rows["enumerator"]]
    clear &= ~np.isin(rows["block"], list(draft.closed))
    days = hours.day_of(rows["captured_at"])
    key = rows["enumerator"].astype(np.int64) * hours.DAYS + days
    all_of = np.bincount(key)
    whole = np.flatnonzero((np.bincount(key[clear], minlength=len(all_of)) == all_of) & (all_of >= DAY_OF_WORK))
    made = 0
    for day in rng.permutation(whole).tolist():
        if made == round(number):
            return
        here = np.flatnonzero(key == day)
        block = int(np.bincount(rows["block"][here]).argmax())
        other = int(next_to(draft.city, np.array([block], dtype=np.int32), rng)[0])
        if other in {*rows["block"][here].tolist(), *draft.closed} or not draft.spare(day // hours.DAYS):
            continue
        detail = {
            "day": days[here[0]].item() + 1,
            "true_blocks": [draft.city.blocks.code[b] for b in rows["block"][here].tolist()],
        }
        rows["block"][here], rows["planted"][here] = other, PLANTED.index("miscoded_batch")
        _take(draft, here)
        draft.plants.append(_about(draft, "miscoded_batch", here, detail))
        made += 1


def fabricated_cluster(draft: Draft, share: float, rng: np.random.Generator) -> None:
    """Interviews made up in one place, within minutes, where no house of several families stands."""
    city, plane = draft.city, draft.people.plane
    held = np.bincount(city.families.building, minlength=len(city.buildings))
    several = np.column_stack(plane.metres(city.buildings.lon[held > 1], city.buildings.lat[held > 1]))
    wanted = how_many(share, len(draft.people.crew))
    for block, here in _runs(draft, rng):
        if not wanted:
            return
        houses = city.buildings_of(block)
        x, y = plane.metres(city.buildings.lon[houses], city.buildings.lat[houses])
        for k in rng.permutation(len(x)).tolist():
            if not len(several) or np.hypot(several[:, 0] - x[k], several[:, 1] - y[k]).min() > LONELY:
                angle, off = rng.uniform(0, 2 * np.pi, len(here)), CLUSTER * np.sqrt(rng.random(len(here)))
                if _make_up(draft, here, x[k] + off * np.cos(angle), y[k] + off * np.sin(angle), rng):
                    _list(draft, "fabricated_cluster", here, {"place": _place(draft, x[k], y[k])})
                    wanted -= 1
                break


def fabricated_strand(draft: Draft, share: float, rng: np.random.Generator) -> None:
    """Interviews made up at even steps along a straight line across the block."""
    plane = draft.people.plane
    wanted = how_many(share, len(draft.people.crew))
    for block, here in _runs(draft, rng):
        if not wanted:
            return
        outline = plane.flat(draft.city.blocks.outline[block])
        start, end = _across(outline, rng)
        length = float(np.hypot(*(end - start)))
        step = min(STRAND[1], 0.85 * length / (len(here) - 1))
        if step < STRAND[0]:
            continue
        along = 0.06 + step * np.arange(len(here)) / length
        x, y = start[:, None] + (end - start)[:, None] * along
        if _make_up(draft, here, x, y, rng):
            _list(
                draft,
                "fabricated_strand",
                here,
                {"step_m": round(step, 2), "line": [_place(draft, x[0], y[0]), _place(draft, x[-1], y[-1])]},
            )
            wanted -= 1


def _across(outline: shapely.Geometry, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both ends of a long straight line inside a block, metres: the longest of a dozen through its middle."""
    middle, angle = shapely.point_on_surface(outline), rng.uniform(0, np.pi)
    longest = (np.zeros(2), np.zeros(2))
    for turn in angle + np.arange(0, np.pi, np.pi / 12):
        reach = 3000 * np.array([np.cos(turn), np.sin(turn)])
        at = np.array([middle.x, middle.y])
        for line in shapely.get_parts(shapely.intersection(shapely.LineString([at - reach, at + reach]), outline)):
            if line.length > np.hypot(*(longest[1] - longest[0])):
                longest = (np.array(line.coords[0]), np.array(line.coords[-1]))
    return longest


def impossible_travel(draft: Draft, share: float, rng: np.random.Generator) -> None:
    """The second of two consecutive interviews a minute or two after the first, and kilometres away."""
    rows, plane = draft.rows, draft.people.plane
    wanted = how_many(share, len(draft.people.crew))
    order = np.lexsort((rows["captured_at"], rows["enumerator"]))
    free = np.zeros(len(rows), dtype=np.bool_)
    free[alone(draft)] = True
    a, b = order[:-1], order[1:]
    near = (rows["enumerator"][a] == rows["enumerator"][b]) & (np.diff(rows["captured_at"][order]) < 2 * hours.HOUR)
    for at in rng.permutation(np.flatnonzero(free[a] & free[b] & near)).tolist():
        first, second = int(a[at]), int(b[at])
        who = int(rows["enumerator"][first])
        if not wanted:
            return
        if not draft.spare(who):
            continue
        seconds = int(rng.integers(*TRAVEL_SECONDS))
        x, y = plane.metres(rows["lon"][first], rows["lat"][first])
        away, angle = rng.uniform(*TRAVEL), rng.uniform(0, 2 * np.pi)
        rows["lon"][second], rows["lat"][second] = plane.degrees(x + away * np.cos(angle), y + away * np.sin(angle))
        rows["captured_at"][second] = rows["captured_at"][first] + seconds
        rows["minutes"][second] = min(float(rows["minutes"][second]), seconds / 60 - 0.25)
        put(
            draft,
            "impossible_travel",
            second,
            {"after": draft.household(int(rows["case"][first])), "seconds": seconds, "metres": round(away)},
        )
        draft.taken[[first, second]] = True
        draft.busy.add(who)
        wanted -= 1


def over_reporting(draft: Draft, share: float, rng: np.random.Generator) -> None:
    """Blocks in which families are reported, evening after evening, that do not exist."""
    rows, city, plane = draft.rows, draft.city, draft.people.plane
    wanted = how_many(share, len(np.unique(city.families.block)))
    rows_of = _by_block(draft, alone(draft))
    for block in rng.permutation(np.array(list(rows_of))).tolist():
        if not wanted:
            return
        models, who = rows_of[block], int(draft.people.staff.enumerator[block])
        if block in draft.closed or not draft.spare(who) or len(models) < PHANTOMS[1]:
            continue
        day, cases = int(np.median(hours.day_of(rows["captured_at"][models]))), []
        near = rng.choice(models, int(rng.integers(PHANTOMS[0], PHANTOMS[1] + 1)), replace=False)
        for k, model in enumerate(near.tolist()):
            minutes = float(rng.uniform(6, 12))
            at = draft.evening(who, day, minutes, after=rng.uniform(2, 6))
            if at is None:
                break
            x, y = plane.metres(rows["lon"][model], rows["lat"][model])
            off, angle = rng.uniform(6, 14), rng.uniform(0, 2 * np.pi)
            lon, lat = plane.degrees(x + off * np.cos(angle), y + off * np.sin(angle))
            case = draft.add_case(f"phantom/{block}/{k}", -1)
            draft.add(
                model,
                case=case,
                lon=lon,
                lat=lat,
                origin=NEW,
                captured_at=at,
                minutes=minutes,
                planted=PLANTED.index("over_reporting"),
            )
            cases.append(draft.household(case))
        draft.closed.add(block)
        draft.busy.add(who)
        draft.plants.append(
            Plant(
                "over_reporting",
                [city.blocks.code[block]],
                [draft.people.staff.enumerators[who]],
                cases,
                {"families": len(cases)},
            )
        )
        wanted -= 1


def duplicate(draft: Draft, share: float, rng: np.random.Generator) -> None:
    """Families recorded once more under a new identifier, by their enumerator or by a colleague."""
    rows, plane, staff = draft.rows, draft.people.plane, draft.people.staff
    free = rng.permutation(alone(draft))
    wanted = how_many(share, len(draft.city.families))
    silent = ~np.isinf(draft.people.crew.silent_from)
    for row in free.tolist():
        if not wanted:
            return
        own, family = int(rows["enumerator"][row]), draft.family[rows["case"][row]]
        team = np.flatnonzero((staff.supervisor == staff.supervisor[own]) & ~silent)
        who = own if rng.random() < 0.5 else int(rng.choice(team))
        day = int(hours.day_of(rows["captured_at"][row : row + 1])[0]) + int(rng.integers(1, 5))
        minutes = float(rng.uniform(10, 18))
        at = draft.evening(who, day, minutes, after=20.0)
        if at is None:
            continue
        home = draft.city.families
        x, y = plane.metres(home.lon[family], home.lat[family])
        off = rng.normal(0, ACCURACY / RADIUS, 2)
        lon, lat = plane.degrees(x + off[0], y + off[1])
        case = draft.add_case(f"duplicate/{family}", family)
        draft.add(
            row,
            case=case,
            enumerator=who,
            lon=lon,
            lat=lat,
            accuracy_m=ACCURACY,
            origin=NEW,
            captured_at=at,
            minutes=minutes,
            planted=PLANTED.index("duplicate"),
        )
        draft.taken[row] = True
        wanted -= 1
        draft.plants.append(
            Plant(
                "duplicate",
                [draft.city.blocks.code[rows["block"][row]]],
                [staff.enumerators[own], *([staff.enumerators[who]] if who != own else [])],
                [draft.household(int(rows["case"][row])), draft.household(case)],
                {"true": draft.door(case)},
            )
        )


def _runs(draft: Draft, rng: np.random.Generator) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Blocks, and interviews in them that one enumerator made one after another: as many as shall be made up."""
    rows = draft.rows
    listed = alone(draft)
    rows_of = _by_block(draft, listed[rows["origin"][listed] != NEW])
    for block in rng.permutation(np.array(list(rows_of))).tolist():
        mine = rows_of[block]
        who = int(draft.people.staff.enumerator[block])
        mine = mine[rows["enumerator"][mine] == who]
        count = int(rng.integers(MADE_UP[0], MADE_UP[1] + 1))
        if block in draft.closed or not draft.spare(who) or len(mine) < count:
            continue
        mine = mine[np.argsort(rows["captured_at"][mine], kind="stable")]
        first = int(rng.integers(0, len(mine) - count + 1))
        yield block, mine[first : first + count]


def _by_block(draft: Draft, chosen: NDArray[np.intp]) -> dict[int, NDArray[np.intp]]:
    """Rows by the block they declare."""
    order = chosen[np.argsort(draft.rows["block"][chosen], kind="stable")]
    blocks, first = np.unique(draft.rows["block"][order], return_index=True)
    return dict(zip(blocks.tolist(), np.split(order, first[1:]), strict=True))


def _make_up(
    draft: Draft, here: NDArray[np.intp], x: NDArray[np.float64], y: NDArray[np.float64], rng: np.random.Generator
) -> bool:
    """Puts these interviews on one evening, at these places (metres); False where the month is over."""
    rows = draft.rows
    who, last = int(rows["enumerator"][here[0]]), int(hours.day_of(rows["captured_at"][here[-1:]])[0])
    steps = np.ceil(rng.uniform(*FOLLOWING, len(here)) * 60)
    at = draft.evening(who, last, float(steps.sum() / 60))
    if at is None:
        return False
    rows["captured_at"][here] = at - steps.sum() + np.cumsum(steps)
    rows["minutes"][here] = np.round(rng.uniform(*LENGTH, len(here)) * 60) / 60
    rows["lon"][here], rows["lat"][here] = draft.people.plane.degrees(x, y)
    rows["accuracy_m"][here] = np.round(rng.uniform(3, 5, len(here)), 1)
    return True


def _list(draft: Draft, kind: str, here: NDArray[np.intp], detail: dict[str, Any]) -> None:
    """Marks and lists made-up interviews, with where their families truly live."""
    draft.rows["planted"][here] = PLANTED.index(kind)
    detail |= {"true": [draft.door(case) for case in draft.rows["case"][here].tolist()]}
    _take(draft, here)
    draft.plants.append(_about(draft, kind, here, detail))


def _take(draft: Draft, here: NDArray[np.intp]) -> None:
    draft.taken[here] = True
    draft.busy.add(int(draft.rows["enumerator"][here[0]]))


def _about(draft: Draft, kind: str, here: NDArray[np.intp], detail: dict[str, Any]) -> Plant:
    rows, staff = draft.rows, draft.people.staff
    return Plant(
        kind,
        [draft.city.blocks.code[b] for b in np.unique(rows["block"][here]).tolist()],
        [staff.enumerators[e] for e in np.unique(rows["enumerator"][here]).tolist()],
        [draft.household(case) for case in dict.fromkeys(rows["case"][here].tolist())],
        detail,
    )


def _place(draft: Draft, x: float, y: float) -> list[float]:
    lon, lat = draft.people.plane.degrees(np.array(x), np.array(y))
    return [float(lon), float(lat)]
