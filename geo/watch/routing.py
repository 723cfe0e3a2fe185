"""Who goes where in which order: a prize-collecting vehicle routing problem. The only module that imports pyvrp.

Enumerators set out from a place, are out for some hours, and may end anywhere. A stop brings the families that can be
expected to be won there; none must be made. The best day is the one that wins most, less what its hours are worth
(`Worth.hour`): with nothing for an hour a day would be filled with whatever is far away, with the full yield of an hour
everybody would go home after the best door. The search is bounded by iterations, not by seconds: the same question has
the same answer on every machine.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Stops that a search considers; what is worth least a minute is left out before.
MOST = 300
#: Iterations of each search, neighbours of a stop that it tries, and the seeds of its searches.
ITERATIONS, NEIGHBOURS, SEEDS = 250, 25, (1, 2)
#: What one family counts for, in the whole numbers of the search.
_FAMILY = 36_000
#: Seconds that are never reached: nobody goes back from where the day ends.
_NEVER = 10**7


@dataclass(frozen=True)
class Places:
    """Stops (n,): metres east and north, families to be won, minutes of work.

    One may be reached from `opens` to `closes`, minutes after midnight (±inf: whenever). `owner` is the enumerator of
    its block, −1 for none; `kept` says that somebody was promised this visit.
    """

    x: Floats
    y: Floats
    won: Floats
    minutes: Floats
    opens: Floats
    closes: Floats
    owner: Ints
    kept: NDArray[np.bool_]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.x)


@dataclass(frozen=True)
class Crew:
    """Enumerators (e,): where they set out, metres; all from `begins` to `ends`, minutes, at most `hours` each."""

    x: Floats
    y: Floats
    begins: float
    ends: float
    hours: float


@dataclass(frozen=True)
class Worth:
    """What counts besides families won, in families.

    `hour`: of walking and working. `other`: share of a stop that is lost in another one's block, where neither houses
    nor people are known. `promise`: breaking an appointment.
    """

    hour: float
    other: float = 0.25
    promise: float = 3.0


@dataclass(frozen=True)
class Timed:
    """A route as it would go: minutes after midnight of arriving at each stop and leaving it, metres and minutes there.

    `late` are stops reached after they close.
    """

    arrive: Floats
    leave: Floats
    away: Floats
    walk: Floats
    late: NDArray[np.bool_]


Walk = Any  # Callable[[Floats], Floats]: minutes for metres


def best(places: Places, crew: Crew, worth: Worth, walk: Walk, detour: float) -> list[list[int]]:
    """The stops of each enumerator in walking order. `walk` gives minutes for metres on the way, straight × `detour`.

    Takes up to a second or two of a core for six enumerators and MOST stops.
    """
    if not len(places) or not len(crew.x):
        return [[] for _ in crew.x]
    kept = _kept(places, crew, walk, detour)
    found = _searched(_some(places, kept), crew, worth, walk, detour)
    return [[int(kept[at]) for at in route] for route in found]


def timed(
    places: Places, route: Sequence[int], start: tuple[float, float], begins: float, way: tuple[Walk, float]
) -> Timed:
    """How a route goes that is walked in the order given, from a place (metres) and not before `begins`.

    Whoever would wait somewhere sets out later instead, as far as nothing closes meanwhile.
    """
    walk, detour = way
    at = np.array(route, dtype=np.intp)
    x, y = np.append(start[0], places.x[at]), np.append(start[1], places.y[at])
    away = np.hypot(np.diff(x), np.diff(y)) * detour
    minutes = walk(away)
    arrive, waits = _clocked(places, at, minutes, begins)
    later = _later(places, at, arrive, waits)
    if later > 0:
        arrive, waits = _clocked(places, at, minutes, begins + later)
    return Timed(arrive, arrive + waits + places.minutes[at], away, minutes, arrive > places.closes[at] + 1e-6)


def _clocked(places: Places, at: NDArray[np.intp], walk: Floats, begins: float) -> tuple[Floats, Floats]:
    """When each stop is reached, and how long one waits there."""
    arrive, waits, now = np.empty(len(at)), np.empty(len(at)), begins
    for place, stop in enumerate(at.tolist()):
        now += float(walk[place])
        arrive[place], waits[place] = now, max(float(places.opens[stop]) - now, 0.0)
        now += waits[place] + float(places.minutes[stop])
    return arrive, waits


def _later(places: Places, at: NDArray[np.intp], arrive: Floats, waits: Floats) -> float:
    """How much later one may set out so that less is waited and nothing more is late."""
    found, slack, waited = 0.0, np.inf, 0.0
    for place, stop in enumerate(at.tolist()):
        waited += float(waits[place])
        room = float(places.closes[stop] - arrive[place]) + (waited - float(waits[place]))
        slack = min(slack, max(room, 0.0))
        found = max(found, min(waited, slack)) if waits[place] > 0 else found
    return float(found)


def _kept(places: Places, crew: Crew, walk: Walk, detour: float) -> NDArray[np.intp]:
    """The stops that are worth most a minute, promised ones first, of those that can be reached at all."""
    away = np.hypot(places.x[:, None] - crew.x, places.y[:, None] - crew.y).min(axis=1) * detour
    there = crew.begins + walk(away)
    fits = (there <= places.closes) & (places.opens < crew.ends) & (places.won > 0)
    fits &= places.minutes + walk(away) <= crew.hours * 60
    value = places.won / (places.minutes + walk(away) + 1) + places.kept
    order = np.argsort(np.where(fits, -value, np.inf), kind="stable")[: min(MOST, int(fits.sum()))]
    return np.sort(order)


def _some(places: Places, kept: NDArray[np.intp]) -> Places:
    return Places(**{name: getattr(places, name)[kept] for name in places.__dataclass_fields__})


def _searched(places: Places, crew: Crew, worth: Worth, walk: Walk, detour: float) -> list[list[int]]:
    """The best of some searches, one from an empty day."""
    import pyvrp  # noqa: PLC0415  # a third of a second, and only who plans needs it
    import pyvrp.search  # noqa: PLC0415  # as above
    import pyvrp.stop  # noqa: PLC0415  # as above

    logging.getLogger("pyvrp").setLevel(logging.WARNING)  # it prints what it does
    people, count = len(crew.x), len(places)
    if not count:
        return [[] for _ in range(people)]
    data = _problem(pyvrp, places, crew, worth, _minutes(places, crew, walk, detour))
    params = pyvrp.SolveParams(neighbourhood=pyvrp.search.NeighbourhoodParams(num_neighbours=NEIGHBOURS))
    stop, found = pyvrp.stop.MaxIterations(ITERATIONS), []
    for seed in SEEDS:
        first = pyvrp.Solution(data, []) if seed == SEEDS[0] else None
        given: dict[str, Any] = {
            "seed": seed,
            "collect_stats": False,
            "display": False,
            "params": params,
            "initial_solution": first,
        }
        found.append(pyvrp.solve(data, stop, **given))
    found = [one for one in found if one.is_feasible()]
    routes: list[list[int]] = [[] for _ in range(people)]
    if found:
        for route in min(found, key=lambda one: one.cost()).best.routes():
            routes[route.vehicle_type()] = [one.idx for one in route.schedule() if one.is_client()]
    return routes


def _minutes(places: Places, crew: Crew, walk: Walk, detour: float) -> Floats:
    """Minutes between starts, the end, and stops (in this order), both ways; the day ends wherever one is."""
    people = len(crew.x)
    x = np.concatenate([crew.x, [0.0], places.x])
    y = np.concatenate([crew.y, [0.0], places.y])
    between: Floats = walk(np.hypot(x[:, None] - x, y[:, None] - y) * detour)
    between[:, people] = 0.0
    between[people, :] = _NEVER / 60
    np.fill_diagonal(between, 0.0)
    return between


def _problem(pyvrp: Any, places: Places, crew: Crew, worth: Worth, between: Floats) -> Any:
    """The problem in whole numbers: seconds since `begins`, and families times _FAMILY."""
    people, count = len(crew.x), len(places)
    seconds = np.ceil(between * 60).astype(np.int64)
    prize = np.round((places.won + worth.promise * places.kept) * _FAMILY).astype(np.int64)
    whole = round((crew.ends - crew.begins) * 60)
    opens = np.clip((places.opens - crew.begins) * 60, 0, whole).astype(np.int64)
    closes = np.clip((places.closes - crew.begins) * 60, 0, whole).astype(np.int64)
    work = np.ceil(places.minutes * 60).astype(np.int64)
    located = [pyvrp.Location(0.0, 0.0) for _ in range(people + 1 + count)]
    clients = [
        pyvrp.Client(
            people + 1 + at,
            service_duration=int(work[at]),
            tw_early=int(opens[at]),
            tw_late=int(closes[at]),
            prize=int(prize[at]),
            required=False,
        )
        for at in range(count)
    ]
    out = {"end_depot": people, "tw_late": whole, "shift_duration": round(crew.hours * 3600), "unit_distance_cost": 1}
    out["unit_duration_cost"] = max(round(worth.hour * _FAMILY / 3600), 1)
    vehicles = [pyvrp.VehicleType(1, start_depot=one, profile=one, **out) for one in range(people)]
    lost = np.round(worth.other * places.won * _FAMILY).astype(np.int64)
    entering = []
    for one in range(people):
        costs = np.zeros((len(located), len(located)), dtype=np.int64)
        costs[:, people + 1 :] = np.where((places.owner == one) | (places.owner < 0), 0, lost)
        np.fill_diagonal(costs, 0)
        entering.append(costs)
    depots = [pyvrp.Depot(at) for at in range(people + 1)]
    return pyvrp.ProblemData(located, clients, depots, vehicles, entering, [seconds] * people)
