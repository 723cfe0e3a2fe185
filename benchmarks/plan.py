"""Tomorrow's plan against "lowest coverage first": families recovered in an hour, at the same doors.

    python benchmarks/plan.py --seeds 3 --days 20 26

A simulated district is played to a day. From there each team works some days (`--played`) in three ways, the same
hours from the same places: by the plan (`geo/watch/plan.py`), by the plan with odds that nothing was learnt from, and
with each enumerator in its block of the lowest coverage, from door to nearest door of the list, then in the next. Who
comes to the end of a plan goes on as the latter do; who finds no door left goes home. Recovered is whoever has a final
result.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from app.demo import hours
from app.demo.city import City, build
from app.demo.fieldwork import Fieldwork
from app.demo.month import plan as month
from app.demo.plane import over
from app.demo.rates import Rates
from benchmarks.field import ACCURACY, Field, Walker, stopped
from geo.ground import cells
from geo.intake.visits import BETWEEN, MOST
from geo.schema import RESULTS
from geo.watch import doors as matching
from geo.watch import holes, odds, plan, routing, stops
from geo.watch.callbacks import GRACE
from geo.watch.doors import Houses, Points, metres
from geo.watch.odds import Records
from geo.watch.stops import Block, Stop
from geo.watch.teams import Team
from tests.geo.watch.planted_holes import Month

#: Hours of each enumerator's day, and the hour at which the others set out.
OUT, BEGINS = 7.0, 8.0
OPEN = [RESULTS.index(name) for name in ("partial", "not_met", "refused")]
FIRST = date(2022, 10, 15)
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Place:
    """What stays the same for all policies: the month, its teams, what was found of holes, houses by block."""

    city: City
    work: Fieldwork
    month: Month
    holes: list[dict[str, Any]]
    teams: list[Team]
    who: list[list[int]]


@dataclass(frozen=True)
class Day:
    """A team's work: hours out, metres, families recovered, appointments kept."""

    hours: float
    metres: float
    won: int
    kept: int


def prepared(seed: int, day: int, *, hold: bool) -> tuple[Place, Field]:
    """A district at the midnight after `day` days."""
    city = build(seed, "district")
    work = month(city, Rates(), seed)
    at = Month(city, work, day - 1)
    found, staff, teams, who = [], work.staff, [], []
    for hole in at.found:
        group, code = hole.group, city.blocks.code[hole.group.number]
        name = cells.to_hex(int(cells.index(np.array([hole.lon]), np.array([hole.lat]), holes.RESOLUTION)[0]))
        found.append({
            "hole": f"{code}.{name}", "n": group.number,
            "missing": round(group.missing), "buildings": len(group.houses),
            "lon": hole.lon, "lat": hole.lat, "cells": [cells.to_hex(cell) for cell in hole.cells.tolist()],
        })  # fmt: skip
    for leader, name in enumerate(staff.supervisors):
        people = np.flatnonzero(staff.supervisor == leader).tolist()
        owner = {b: people.index(e) for b, e in enumerate(staff.enumerator.tolist()) if e in people}
        teams.append(Team(name, [staff.enumerators[e] for e in people], sorted(owner), owner))
        who.append(people)
    return Place(city, work, at, found, teams, who), stopped(city, work, day, seed, hold=hold)


# ── lowest coverage first ─────────────────────────────────────────────────────────────────────────────────────────


def lowest(place: Place, state: Field, team: Team, walker: Walker, until: float) -> None:
    """From door to nearest door of the own block with the lowest coverage, then of the next; at last of the team's."""
    me = place.who[place.teams.index(team)].index(walker.who)
    expected = place.month.expected
    while walker.now < until:
        todo = state.doors.walked & ~state.done & (state.used < MOST)
        todo &= state.at + BETWEEN.total_seconds() <= walker.now
        open_ = np.bincount(state.doors.block[todo], minlength=len(expected))
        finished = np.bincount(state.doors.block[state.done & state.doors.listed], minlength=len(expected))
        mine = [b for b in team.numbers if open_[b] and team.owner[b] == me] or [b for b in team.numbers if open_[b]]
        if not mine:
            return
        block = min(mine, key=lambda b: (finished[b] / max(expected[b], 1), b))
        left = np.flatnonzero(todo & (state.doors.block == block))
        while len(left) and walker.now < until:
            door = walker.nearest(state, left)
            walker.visit(state, door)
            left = left[left != door]


# ── the plan ──────────────────────────────────────────────────────────────────────────────────────────────────────


def known(state: Field, team: Team, who: list[int]) -> Records:
    """Records of the team's enumerators, or of all where `who` is empty."""
    rows = np.array(state.records, dtype=np.float64)
    if who:
        rows = rows[np.isin(rows[:, 8], who)]
    rows = rows[np.lexsort((rows[:, 1], rows[:, 4], rows[:, 0]))]
    whole = [rows[:, at].astype(np.int64) for at in range(4)]
    place = np.array([who.index(int(e)) for e in rows[:, 8]] if who else [], dtype=np.int64)
    if not who:
        place = np.full(len(rows), -1, dtype=np.int64)
    return Records(*whole, rows[:, 4], rows[:, 5], rows[:, 6], rows[:, 7], place)


def todo(place: Place, state: Field, team: Team, dawn: float) -> tuple[list[Stop], dict[str, NDArray[np.int64]]]:
    """The stops of a team's day, and the doors behind each."""
    found, behind = _due(state, team, dawn), {}
    for one in found:
        behind[one.stop] = np.array([int(one.stop.partition(".")[2])])
    first = state.used == 0
    every = cells.index(state.doors.lon, state.doors.lat, holes.RESOLUTION)
    gone = np.zeros(len(first), dtype=bool)
    for row in place.holes:
        if row["n"] not in team.owner:
            continue
        parts = stops.of_hole(row)
        label = _of_hole(row, len(parts))
        for at, one in enumerate(parts):
            inside = np.isin(every, label[at]) & first
            gone |= inside
            if inside.any():
                found.append(one)
                behind[one.stop] = np.flatnonzero(inside)
    rest, houses = first & state.doors.walked & ~gone, place.month.houses
    empty = _empty(place, state, team)
    for block in team.numbers:
        here = np.flatnonzero(houses.number == block)
        listed = rest & (state.doors.block == block) & state.doors.listed
        if not listed.any() or not len(here):
            continue
        some = Block(
            place.city.blocks.code[block], block, int(place.month.expected[block]), int(listed.sum()), "behind"
        )
        found += stops.of_block(some, houses.lon[here], houses.lat[here], empty[here])
        x, y = metres(houses.lon[here], houses.lat[here], houses.lon[here], houses.lat[here])
        part = np.zeros(len(houses), dtype=np.int64)
        part[here] = stops.divided(x, y, max(1, round(some.expected / stops.PART)))
        mine = np.flatnonzero(rest & (state.doors.block == block))
        inside = np.where(state.doors.house[mine] >= 0, part[state.doors.house[mine]], 0)
        for at in range(int(part.max()) + 1):
            behind[f"block.{some.code}.{at + 1}"] = mine[inside == at]
    return found, behind


def _of_hole(row: dict[str, Any], parts: int) -> list[NDArray[np.int64]]:
    """The cells of each part of a hole."""
    key = np.array([cells.from_hex(cell) for cell in row["cells"]], dtype=np.int64)
    lon, lat = cells.centres(key)
    label = stops.divided(*metres(lon, lat, lon, lat), parts)
    return [key[label == at] for at in range(parts)]


def _due(state: Field, team: Team, dawn: float) -> list[Stop]:
    """Visits due, as `callbacks` lists them."""

    def moment(at: float) -> datetime:
        return datetime.fromtimestamp(at, UTC)

    found, day = [], (moment(dawn), moment(dawn + hours.DAY))
    open_ = np.isin(state.result, OPEN) & (state.used < MOST) & np.isin(state.doors.block, team.numbers)
    for door in np.flatnonzero(open_).tolist():
        agreed = None if np.isnan(state.agreed[door]) else moment(float(state.agreed[door]))
        row = {
            "household_id": str(door), "n": int(state.doors.block[door]) or len(state.city.blocks),
            "lon": float(state.doors.lon[door]), "lat": float(state.doors.lat[door]),
            "result": RESULTS[state.result[door]], "visits": int(state.used[door]), "building": None, "sequence": None,
            "earliest": moment(float(state.at[door])) + BETWEEN, "revisit_at": agreed,
            "due": "overdue" if agreed and agreed < moment(dawn) - GRACE + timedelta(hours=1) else "later",
        }  # fmt: skip
        if stop := stops.of_callback(cast("Any", None), row, day):
            found.append(stop)
    return found


def _empty(place: Place, state: Field, team: Team) -> NDArray[np.bool_]:
    """Houses nobody has been to, by the points recorded."""
    houses, empty = place.month.houses, np.zeros(len(place.month.houses), dtype=bool)
    rows = np.array([(r[0], r[6], r[7]) for r in state.records])
    villages = place.month.villages
    for village in np.unique(villages[team.numbers]):
        at = np.isin(houses.number, np.flatnonzero(villages == village))
        some = Houses(*(getattr(houses, name)[at] for name in ("number", "lon", "lat", "area_m2")))
        mine = rows[villages[state.doors.block[rows[:, 0].astype(int)]] == village]
        points = Points(mine[:, 1], mine[:, 2], np.full(len(mine), ACCURACY), np.zeros(len(mine), dtype=np.int64))
        empty[at] = matching.matched(some, points)[0] == 0
    return empty


def planned(place: Place, state: Field, team: Team, walkers: list[Walker], dawn: float, *, learn: bool) -> None:
    """One day by the plan."""
    day = FIRST + timedelta(days=round((dawn - hours.START) / hours.DAY))
    found, behind = todo(place, state, team, dawn)
    people = place.who[place.teams.index(team)]
    records = known(state, team, people)
    seen = odds.outcomes(records, hours.ZONE)
    shares = odds.learn(seen, odds.outcomes(known(state, team, []), hours.ZONE) if learn else seen, day)
    pace = odds.pace(records, seen, hours.ZONE)
    if not learn:
        shares, pace = odds.flat(shares), odds.Pace(odds.MINUTES)
    plane = over_city(place)
    starts: list[tuple[float, float] | None] = [plane(walker.x, walker.y) for walker in walkers]
    ready = plan.made(team, day, datetime.fromtimestamp(dawn, hours.ZONE), found, (shares, pace), starts)
    routes = plan.proposed(ready, OUT)
    for at, (walker, route) in enumerate(zip(walkers, routes, strict=True)):
        start = (float(ready.crew.x[at]), float(ready.crew.y[at]))
        went = routing.timed(ready.places, route, start, ready.crew.begins, ready.way)
        begun = dawn + (float(went.arrive[0] - went.walk[0]) * 60 if route else BEGINS * hours.HOUR)
        walker.now, until = begun, begun + OUT * hours.HOUR
        work = [(behind[ready.stops[stop].stop], ready.stops[stop].opens) for stop in route]
        for place_, (left, opens) in enumerate(work):
            ahead = np.concatenate([np.empty(0, dtype=np.int64), *(d for d, o in work[place_ + 1 :] if o is None)])
            early(state, walker, (left, ahead, _own(place, state, walker)), opens.timestamp() if opens else -np.inf)
            for _ in range(len(left)):
                rest = left[(state.used[left] < MOST) & ~state.done[left] & (state.at[left] < begun)]
                if not len(rest) or walker.now >= until:
                    break
                walker.visit(state, walker.nearest(state, rest), opens.timestamp() if opens else -np.inf)
        lowest(place, state, team, walker, until)
        walker.out += (walker.now - begun) / 3600


def early(state: Field, walker: Walker, doors: tuple[Ints, Ints, Ints], opens: float) -> None:
    """Who is early for an appointment goes on with doors that come later, then with others of its blocks."""
    left, ahead, own = doors
    while len(left) and walker.now < opens:
        ahead, own = ahead[state.used[ahead] == 0], own[state.used[own] == 0]
        among = ahead if len(ahead) else own
        if not len(among):
            return
        walker.visit(state, walker.nearest(state, among))


def _own(place: Place, state: Field, walker: Walker) -> Ints:
    """Doors of an enumerator's blocks where nobody has been."""
    blocks = np.flatnonzero(place.work.staff.enumerator == walker.who)
    return np.flatnonzero((state.used == 0) & state.doors.walked & np.isin(state.doors.block, blocks))


def over_city(place: Place) -> Any:
    """From metres to degrees."""
    plane = over(place.city.families.lon, place.city.families.lat)
    return lambda x, y: tuple(float(v) for v in plane.degrees(x, y))


# ── the comparison ────────────────────────────────────────────────────────────────────────────────────────────────


def played(place: Place, before: Field, at: int, days: range, policy: str) -> Day:
    """What a team does on some days by one policy."""
    state, team, people = before.copy(), place.teams[at], place.who[at]
    walkers = [_last_seen(place, state, who) for who in people]
    for day in days:
        dawn = hours.START + day * hours.DAY
        if policy == "lowest":
            for walker in walkers:
                walker.now = begun = dawn + BEGINS * hours.HOUR
                lowest(place, state, team, walker, begun + OUT * hours.HOUR)
                walker.out += (walker.now - begun) / 3600
        else:
            planned(place, state, team, walkers, dawn, learn=policy == "plan")
    sums = {name: sum(getattr(w, name) for w in walkers) for name in ("out", "metres", "won", "kept")}
    return Day(*sums.values())


def _last_seen(place: Place, state: Field, who: int) -> Walker:
    mine = [record for record in state.records if record[8] == who]
    if mine:
        door = int(max(mine, key=lambda record: record[4])[0])
    else:
        door = int(np.flatnonzero(np.isin(state.doors.block, np.flatnonzero(place.work.staff.enumerator == who)))[0])
    return Walker(who, float(state.doors.x[door]), float(state.doors.y[door]), 0.0)


POLICIES = ("lowest", "flat", "plan")


def compared(seed: int, days: range, most: int | None, hold: bool) -> list[dict[str, Day]]:
    """Every team by every policy."""
    place, state = prepared(seed, days.start, hold=hold)
    return [
        {policy: played(place, state, at, days, policy) for policy in POLICIES} for at in range(len(place.teams))[:most]
    ]


def told(name: str, teams: list[dict[str, Day]]) -> None:
    """A line for each policy: families an hour, and by how much more than `lowest` in the same team (95 %)."""

    def rate(one: dict[str, Day], policy: str) -> float:
        return one[policy].won / max(one[policy].hours, 1e-9)

    for policy in POLICIES:
        won, out = sum(one[policy].won for one in teams), sum(one[policy].hours for one in teams)
        walked, kept = sum(one[policy].metres for one in teams) / 1000, sum(one[policy].kept for one in teams)
        each = np.array([rate(one, policy) - rate(one, "lowest") for one in teams])
        half = 1.96 * each.std(ddof=1) / len(each) ** 0.5 if len(each) > 1 else float("nan")
        better = int((each > 0).sum())
        print(f"{name:16s} {policy:7s} {len(teams):4d} {won:7d} {out:8.0f} {walked:8.0f} {kept:5d} {won / out:7.2f} "
              f"{each.mean():+6.2f} ± {half:4.2f} {better:4d}", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--days", type=int, nargs="+", default=[20, 26], help="of the campaign that are over")
    parser.add_argument("--played", type=int, default=2, help="days that are played, at most to the deadline")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--hold", action="store_true", help="who has made an appointment is mostly at home")
    parser.add_argument("--teams", type=int, help="of each district; all where left out")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    begun = time.monotonic()
    print("after            policy  teams     won    hours  km away  kept  an hour  more than lowest  better")
    with ProcessPoolExecutor(given.processes) as pool:
        for day in given.days:
            seeds = range(given.first, given.first + given.seeds)
            asked = [
                pool.submit(compared, seed, range(day, min(day + given.played, hours.DAYS)), given.teams, given.hold)
                for seed in seeds
            ]
            every = []
            for seed, one in zip(seeds, asked, strict=True):
                told(f"day {day}, seed {seed}", one.result())
                every += one.result()
            told(f"day {day}, all", every)
    print(f"{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
