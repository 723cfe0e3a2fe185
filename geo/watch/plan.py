"""Tomorrow's plan of a supervisor: who goes where in which order, by the families that can be won in an hour.

`stops` says what could be done in the team's blocks, `odds` how visits go and how long they take, `routing` puts the
day together. What was read for a team, and the day proposed for it, are kept until something arrives from its blocks,
its devices say something else, or half an hour has passed. A plan changed by hand keeps its order: times are worked out
anew, what was done since is dropped and named, and an appointment that would be missed is marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput
from geo.intake import plans
from geo.intake.plans import Route, Saved
from geo.scope import OPERATOR, Scope
from geo.trust import audit
from geo.watch import coverage, odds, routing, stops
from geo.watch.doors import metres
from geo.watch.live import Snapshot
from geo.watch.odds import DETOUR, Odds, Outcomes, Pace, Records
from geo.watch.routing import Crew, Places, Worth
from geo.watch.stops import Ground, Stop
from geo.watch.teams import Team, day_of, team_of
from geo.watch.villages import Kept

SQL = queries.load(__file__)

#: Hours of walking and working a day where nothing else is asked.
HOURS = 7.0
#: Local minutes after midnight between which somebody is out.
BEGINS, ENDS = 8 * 60.0, 20.5 * 60.0
#: An hour is worth this share of what the team's stops yield in one: a stop that brings less is not worth its way. With
#: more than 0.7 days stay half empty, with less than 0.5 they are filled with single doors far away (decision 0025).
HOUR = 0.6
#: Stops without room that are told.
MOST_LEFT = 100
#: Teams whose ground a process keeps; half hours after which it is read anew.
KEPT, FRESH = 200, timedelta(minutes=30)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """Whose plan, for which local day, of how many hours; None each for what is usual."""

    supervisor: str | None = None
    day: date | None = None
    hours: float | None = None


@dataclass(frozen=True)
class Ready:
    """All that a day is planned from: stops with the families to be won at each, and where everybody sets out."""

    team: Team
    day: date
    dawn: datetime
    stops: list[Stop]
    odds: Odds
    pace: Pace
    won: Floats
    places: Places
    starts: list[tuple[float, float] | None]
    crew: Crew

    @property
    def way(self) -> tuple[routing.Walk, float]:
        """Minutes of a way, and how much longer it is than straight."""
        return self.pace.walk, DETOUR


@dataclass(frozen=True)
class Read:
    """What a plan is answered from. `ready` is kept, or to be made of `ground` and `records`."""

    team: Team
    day: date
    hours: float | None
    saved: Saved | None
    key: tuple[Any, ...]
    ready: Ready | None
    ground: Ground | None
    records: Records | None


@dataclass(frozen=True)
class Plan:
    """The answer: rows of each enumerator in walking order, what found no room, and what is done since it was saved."""

    ready: Ready
    hours: float
    saved: Saved | None
    routes: list[dict[str, Any]]
    left: list[dict[str, Any]]
    gone: list[dict[str, str]]


async def read(db: AsyncConnection, live: Snapshot, scope: Scope, question: Question, format_: str = "json") -> Read:
    """What the plan of a team is made of, as the transaction's actor may see it, as far as it is not kept.

    Raises WhichSupervisor, NotFound outside the scope (what the caller answers for), BadInput (`bad-day`, `too-wide`).
    """
    team, day = team_of(live, scope, question.supervisor), day_of(live, question.day)
    saved = await plans.newest(db, scope, (team.supervisor, day, team.numbers))
    key = _key(live, team, day)
    ready: Ready | None = _memory(live).get(key)
    if ready is not None:
        return Read(team, day, question.hours, saved, key, ready, None, None)
    own = replace(scope, ranges=plans.ranges_of(team.numbers))
    ground = await stops.read(db, live, own, team.numbers, format_)
    records = await odds.read(db, own, team.numbers, team.names)
    return Read(team, day, question.hours, saved, key, None, ground, records)


async def known(db: AsyncConnection, scope: Scope, team: Team, ids: Sequence[str]) -> set[str]:
    """Stops among `ids` that name a household in the team's blocks, whatever came of it meanwhile."""
    if not all(scope.covers(number, number) for number in team.numbers):
        raise ValueError("a block lies outside the scope")
    asked = [one.removeprefix("callback.") for one in ids if one.startswith("callback.")]
    if not asked:
        return set()
    rows = await db.scalars(SQL["households"], {"ids": asked, "numbers": team.numbers})
    return {f"callback.{household}" for household in rows}


def elsewhere(live: Snapshot) -> Outcomes | None:
    """How visits go in the campaign, as it was learnt today; None where it is yet to be read."""
    found = live.lasting.get(Outcomes)
    return found[1] if found and found[0] == live.campaign.today() else None


async def look_around(db: AsyncConnection, live: Snapshot) -> None:
    """Learn how visits go in the campaign, once a day, from blocks all over it; `db` is the worker's.

    Nothing of it is told but shares that a team's own lean on.
    """
    records = await odds.read(db, OPERATOR, odds.sample(live))
    live.lasting[Outcomes] = (live.campaign.today(), odds.outcomes(records, live.campaign.zone))


def answer(live: Snapshot, scope: Scope, found: Read) -> Plan:
    """The plan of what was `read`, in the scope it was read with. Takes a core for a second or two where it is new."""
    ready = found.ready or _memory(live).get(found.key) or _ready(live, scope, found)
    saved = found.saved
    if saved is None or saved.routes is None:  # nothing was changed by hand
        hours = found.hours or HOURS
        routes: Sequence[Sequence[int]] = _proposed(live, found.key, ready, hours)
        return _plan(live, ready, saved, (hours, routes, []))
    hours = found.hours or max((route.hours for route in saved.routes), default=HOURS)
    place = {one.stop: at for at, one in enumerate(ready.stops)}
    mine = {name: at for at, name in enumerate(ready.team.names)}
    ordered: list[list[int]] = [[] for _ in ready.team.names]
    gone = []
    for route in saved.routes:
        if route.enumerator in mine:
            ordered[mine[route.enumerator]] = [place[one] for one in route.stops if one in place]
            gone += [{"stop": one, "enumerator": route.enumerator} for one in route.stops if one not in place]
    return _plan(live, ready, saved, (hours, ordered, gone))


def checked(live: Snapshot, ready: Ready, routes: Sequence[Route], named: set[str]) -> None:
    """Raises BadInput where routes name an enumerator or stop that is none of the team's (`named` are) or one twice."""
    people = [route.enumerator for route in routes]
    if len(set(people)) < len(people) or set(people) - set(ready.team.names):
        raise BadInput("name each enumerator of the team once", code="bad-plan")
    ids = [one for route in routes for one in route.stops]
    if len(set(ids)) < len(ids):
        raise BadInput("a stop stands in the plan twice", code="bad-plan")
    there = named | {one.stop for one in ready.stops}
    codes = {live.tree.code[number] for number in ready.team.numbers}
    for one in set(ids) - there:
        kind, _, rest = one.partition(".")
        if kind not in {"block", "hole"} or rest.rpartition(".")[0] not in codes:  # perhaps done meanwhile
            raise BadInput("there is no such stop in this team's blocks: load the plan anew", code="unknown-stop")


async def told(db: AsyncConnection, scope: Scope, plan: Plan, format_: str) -> None:
    """Note that the visits due in a plan, single households, were given out."""
    rows = [row for route in plan.routes for row in route["stops"]] + plan.left
    numbers = [row["n"] for row in rows if row["household_id"]]
    if numbers:
        of = {"format": format_, "supervisor": plan.ready.team.supervisor, "day": plan.ready.day}
        await audit.read(db, scope.actor, "plan.read", numbers, len(numbers), **of)


# ── what a day is planned from ────────────────────────────────────────────────────────────────────────────────────


def _memory(live: Snapshot) -> Kept[Any]:
    """What this process keeps of these areas: what days are planned from, and days proposed."""
    found: Kept[Any] = live.once(("plans",), lambda: Kept(KEPT))
    return found


def _key(live: Snapshot, team: Team, day: date) -> tuple[Any, ...]:
    """What a team's ground goes by: where any of it moves, it is read anew."""
    numbers = np.array(team.numbers, dtype=np.intp)
    moved, waiting = int(live.changed[numbers].max(initial=0)), tuple(live.news.waiting[numbers].tolist())
    bucket = int(live.campaign.now().timestamp() // FRESH.total_seconds())
    return (team.supervisor, day, moved, waiting, bucket, live.news.staff.digest)


def _ready(live: Snapshot, scope: Scope, found: Read) -> Ready:
    """Works out what a day is planned from, and keeps it."""
    if found.ground is None or found.records is None:
        raise ValueError("neither kept nor read")
    team, zone = found.team, live.campaign.zone
    dawn = datetime.combine(found.day, time.min, zone)
    own = replace(scope, ranges=plans.ranges_of(team.numbers))
    todo = stops.found(live, own, found.ground, (dawn, datetime.combine(found.day + timedelta(1), time.min, zone)))
    seen = odds.outcomes(found.records, zone)
    shares = odds.learn(seen, elsewhere(live) or seen, found.day)
    pace = odds.pace(found.records, seen, zone)
    ready = made(team, found.day, dawn, todo, (shares, pace), _starts(live, team, found.records))
    now = (live.campaign.now() - dawn) / timedelta(minutes=1)
    ready = replace(ready, crew=replace(ready.crew, begins=min(max(BEGINS, float(np.ceil(now / 15) * 15)), ENDS)))
    _memory(live).put(found.key, ready)
    return ready


def made(
    team: Team,
    day: date,
    dawn: datetime,
    todo: list[Stop],
    learnt: tuple[Odds, Pace],
    starts: list[tuple[float, float] | None],
) -> Ready:
    """A day's stops in the metres and minutes that it is planned with. Who has no start sets out amid the stops."""
    shares, pace = learnt
    won = np.array([one.families * shares.of(one.after, one.visit) for one in todo], dtype=np.float64)
    there = [start for start in starts if start] or [(one.lon, one.lat) for one in todo] or [(0.0, 0.0)]
    about = np.array(there, dtype=np.float64)
    places = stops.places(todo, won, pace, (about[:, 0], about[:, 1]), dawn)
    owner = np.array([team.owner.get(one.number, -1) for one in todo], dtype=np.int64)
    at = np.array([start or tuple(about.mean(axis=0)) for start in starts], dtype=np.float64).reshape(-1, 2)
    x, y = metres(at[:, 0], at[:, 1], about[:, 0], about[:, 1])
    crew = Crew(x, y, BEGINS, ENDS, HOURS)
    return Ready(team, day, dawn, todo, shares, pace, won, replace(places, owner=owner), starts, crew)


def _starts(live: Snapshot, team: Team, records: Records) -> list[tuple[float, float] | None]:
    """Where each enumerator was last seen, else the middle of its blocks; None for one without either."""
    found: list[tuple[float, float] | None] = []
    for at in range(len(team.names)):
        mine = np.flatnonzero((records.who == at) & np.isfinite(records.lon))
        own = [number for number, owner in team.owner.items() if owner == at]
        if len(mine):
            last = mine[np.argmax(records.at[mine])]
            found.append((float(records.lon[last]), float(records.lat[last])))
        else:
            found.append((float(live.tree.lon[own].mean()), float(live.tree.lat[own].mean())) if own else None)
    return found


def proposed(ready: Ready, hours: float, other: float = Worth(0).other) -> list[list[int]]:
    """The day that wins most, as places in `ready.stops`. An hour is worth HOUR of what the stops yield in one."""
    spent = float(ready.places.minutes.sum()) / 60
    worth = Worth(HOUR * float(ready.won.sum()) / max(spent, 1 / 60), other)
    return routing.best(ready.places, replace(ready.crew, hours=hours), worth, *ready.way)


def _proposed(live: Snapshot, key: tuple[Any, ...], ready: Ready, hours: float) -> list[list[int]]:
    """The same, kept."""
    routes: list[list[int]] | None = _memory(live).get((key, hours))
    if routes is None:
        routes = proposed(ready, hours)
        _memory(live).put((key, hours), routes)
    return routes


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _plan(
    live: Snapshot,
    ready: Ready,
    saved: Saved | None,
    day: tuple[float, Sequence[Sequence[int]], list[dict[str, str]]],
) -> Plan:
    """A day as the contract has it: `day` are its hours, the stops of each enumerator, and what is done since."""
    hours, routes, gone = day
    rows = [_route(live, ready, at, route) for at, route in enumerate(routes)]
    taken = {at for route in routes for at in route}
    value = ready.won / np.maximum(ready.places.minutes, 1)
    order = [at for at in np.argsort(-value, kind="stable").tolist() if at not in taken]
    left = [_row(live, ready, at) for at in order[:MOST_LEFT]]
    return Plan(ready, hours, saved, rows, left, gone)


def _route(live: Snapshot, ready: Ready, who: int, route: Sequence[int]) -> dict[str, Any]:
    """The day of one enumerator."""
    start = (float(ready.crew.x[who]), float(ready.crew.y[who]))
    went = routing.timed(ready.places, route, start, ready.crew.begins, ready.way)
    rows = []
    for place, at in enumerate(route):
        one = ready.stops[at]
        hour = float(went.arrive[place]) / 60
        share = ready.odds.of(one.after, one.visit, odds.part_of(hour))
        rows.append(_row(live, ready, at) | {
            "arrive": _instant(ready, float(went.arrive[place])),
            "leave": _instant(ready, float(went.leave[place])),
            "walk_m": round(float(went.away[place])),
            "walk_minutes": round(float(went.walk[place]), 1),
            "odds": round(share, 3),
            "won": round(one.families * share, 2),
            "late": bool(went.late[place]),
        })  # fmt: skip
    out = float(went.leave[-1] - went.arrive[0] + went.walk[0]) / 60 if len(route) else 0.0
    lon, lat = ready.starts[who] or (None, None)
    inside = sum(ready.stops[at].inside_m for at in route)
    return {
        "enumerator": ready.team.names[who],
        "start": None if lon is None or lat is None else {"lon": round(lon, 6), "lat": round(lat, 6)},
        "hours": round(out, 2),
        "walk_m": round(float(went.away.sum()) + inside),
        "families": round(sum(row["won"] for row in rows), 1),
        "stops": rows,
    }


def _row(live: Snapshot, ready: Ready, at: int) -> dict[str, Any]:
    """One stop in the order of the contract, without a time."""
    one, tree = ready.stops[at], live.tree
    owner = ready.team.owner.get(one.number)
    share = ready.odds.of(one.after, one.visit)
    return {
        "stop": one.stop,
        "kind": one.kind,
        "code": tree.code[one.number],
        "name": tree.name[one.number],
        "n": one.number,
        "place": coverage.above(live, one.number),
        "lon": round(one.lon, 6),
        "lat": round(one.lat, 6),
        "arrive": None,
        "leave": None,
        "walk_m": None,
        "walk_minutes": None,
        "work_minutes": round(one.minutes(ready.pace), 1),
        "inside_m": round(one.inside_m),
        "families": round(one.families),
        "odds": round(share, 3),
        "won": round(one.families * share, 2),
        "household_id": one.household_id,
        "building": one.building,
        "sequence": one.sequence,
        "appointment": one.appointment,
        "earliest": one.earliest,
        "result": one.result,
        "visits": one.visits,
        "reason": one.reason,
        "assigned": None if owner is None else ready.team.names[owner],
        "late": False,
    }


def _instant(ready: Ready, minutes: float) -> datetime:
    """Minutes after the day's midnight as an instant, whole minutes."""
    return (ready.dawn + timedelta(minutes=round(minutes))).astimezone(UTC)
