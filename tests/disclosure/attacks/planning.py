"""Attacks by those who plan: sites put at will, what they can serve, distances, areas, clusters, proposed places.

What a local government may choose itself are so many questions. It knows everybody but the victim, where they live too.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from math import cos, radians
from statistics import fmean, median
from typing import Any

from tests.disclosure.attacks.knowledge import Guess, attack, likely, others
from tests.disclosure.attacks.places import NEAR, vertices
from tests.disclosure.attacks.watching import ONE
from tests.disclosure.city import VILLAGES, Family
from tests.disclosure.doors import FIRST, SECOND, Row
from tests.disclosure.naive import metres
from tests.disclosure.sites import (
    ANCHORS,
    DISTANCES,
    MEANT_FOR,
    MIDDLES,
    WITHIN,
    Put,
    figures_of_sites,
    middle,
    planned,
    put,
    told,
)
from tests.disclosure.stage import OURS, Seen, leaves_of

OWNERS = (FIRST, SECOND)
_METRE = 1 / 111_320
#: Sites of three colluders around a victim: metres east and north of it.
AROUND = ((40, 40), (60, 20), (20, 60))
#: Steps beside a door, where nobody lives.
BESIDE_M = 45
#: How often the same is asked under another number that means nothing.
AGAIN = 8
#: A published figure is told to be over a capacity where it is so by more than its ±, 5.9 with one draw.
BEYOND_NOISE = 5


def _victims(seen: Seen) -> list[Family]:
    """Victims of the first wave in the blocks that have a site in their middle; nothing happens to them later."""
    return [f for f in seen.city.victims("wave 1") if f.block.part == MEANT_FOR]


def _site_of(victim: Family, programme: str = MIDDLES) -> str:
    return f"{programme[0]}-{victim.block.place:02d}"


def _by_owner(seen: Seen, **query: Any) -> dict[str, Row]:
    """The sites of both local governments, each as its own government is told of it."""
    if seen.door.name != OURS:
        return figures_of_sites(seen.door, FIRST, **query)
    found: dict[str, Row] = {}
    for village, who in enumerate(OWNERS):
        own = {one.site_id for one in planned(seen.city, village)}
        found |= {name: row for name, row in figures_of_sites(seen.door, who, **query).items() if name in own}
    assert found, "nothing is told of any site"
    return found


def _ways(seen: Seen, programme: str) -> dict[Family, tuple[float, int]]:
    """Of every poor family the way to the nearest site of a programme, metres, and the place of that site's block."""
    points = {b.place: b.anchor if programme == ANCHORS else (b.shape.centroid.x, b.shape.centroid.y)
              for b in seen.city.of(MEANT_FOR)}  # fmt: skip
    poor = [f for f in seen.city.families if f.poor and f.result == "completed"]
    return {f: min((metres(*at, f.lon, f.lat), place) for place, at in points.items()) for f in poor}


def _known(seen: Seen, programme: str = MIDDLES, km: float = 1) -> dict[Family, int]:
    """What of the figure of each victim's site is not the victim: ours is its block's, naive ones count points."""
    if seen.door.name == OURS:
        return {victim: others(seen, 1, leaves_of(victim)[0], victim) for victim in _victims(seen)}
    near = {f: place for f, (away, place) in _ways(seen, programme).items() if away < km * 1_000}
    came = Counter(near.values())
    return {v: came[v.block.place] - (near.get(v) == v.block.place) for v in _victims(seen)}


@attack("families around a site put at will", "around", bound=ONE)
def around(seen: Seen) -> Sequence[Guess]:
    """What comes to a site in the middle of the victim's block, or of its families, less everybody known."""
    ours = seen.door.name == OURS
    programme = MIDDLES if ours else ANCHORS
    rows, mine = _by_owner(seen, programme=programme, km=1), _known(seen) if ours else {}
    found = []
    for victim in _victims(seen):
        shown = rows.get(_site_of(victim, programme), {}).get("poor")
        if ours:
            known = mine[victim]
        else:
            at = victim.block.anchor
            near = [f for f in seen.city.families if metres(*at, f.lon, f.lat) < 1_000 and f is not victim]
            known = sum(f.poor for f in near if f.result == "completed")
        found.append((victim.poor, likely([None if shown is None else shown - known])))
    return found


@attack("distances from sites put at will", "metres", bound=0)
def trilateration(seen: Seen) -> Sequence[Guess]:
    """Three sites a few steps from a family: some number in what is told of each is the distance to it."""
    victims = _victims(seen)
    sites: dict[str, tuple[Family, Put]] = {}
    for victim, (n, (east, north)) in product(victims, enumerate(AROUND)):
        lon = victim.lon + east * _METRE / cos(radians(victim.lat))
        name = f"U-{victim.block.place:02d}-{n}"
        sites[name] = victim, Put(name, f"Ukur {n}", round(lon, 6), round(victim.lat + north * _METRE, 6))
    for village, who in enumerate(OWNERS):
        put(seen.door, who, [one for victim, one in sites.values() if victim.block.village == village])
    numbers: dict[str, set[float]] = {}
    for who, n in product(OWNERS, range(len(AROUND))):
        for name, row in figures_of_sites(seen.door, who, programme=f"Ukur {n}", km=1).items():
            said = {key: value for key, value in row.items() if key not in {"lon", "lat", "capacity", "n"}}
            numbers.setdefault(name, set()).update(_numbers(said))
    assert numbers.keys() == sites.keys(), "all of them are stored"
    found = []
    for victim in victims:
        mine = {name: one for name, (whose, one) in sites.items() if whose is victim}
        hits = [_told_of(numbers.get(name, set()), metres(one.lon, one.lat, victim.lon, victim.lat))
                for name, one in mine.items()]  # fmt: skip
        found.append((victim.poor, all(hits)))
    return found


def _numbers(said: object) -> Iterable[float]:
    """Every number in an answer that is none of a count."""
    if isinstance(said, dict):
        said = list(said.values())
    if isinstance(said, list):
        for part in said:
            yield from _numbers(part)
    elif isinstance(said, float):
        yield said


def _told_of(numbers: Iterable[float], distance_m: float) -> bool:
    """Whether one of the numbers is the distance, in metres or kilometres."""
    return any(abs(number - distance_m) < 0.5 or abs(1_000 * number - distance_m) < 0.5 for number in numbers)


@attack("what a site can serve, chosen to tell", "full", bound=ONE)
def capacity(seen: Seen) -> Sequence[Guess]:
    """As much room as the others need: the site is over capacity if the victim is poor too."""
    margin = BEYOND_NOISE if seen.door.name == OURS else 0
    room = {f.block: max(known - margin, 0) for f, known in _known(seen).items()}
    for village, who in enumerate(OWNERS):
        put(seen.door, who, [middle(block, most) for block, most in room.items() if block.village == village])
    rows = _by_owner(seen, programme=MIDDLES, km=1)
    return [(f.poor, rows.get(_site_of(f), {}).get("fullness") == "over") for f in _victims(seen)]


@attack("the mean over questions", "per_question", bound=ONE)
def questions(seen: Seen) -> Sequence[Guess]:
    """The same figure by other questions: other areas and distances, and such as mean nothing."""
    left: dict[Family, list[float | None]] = {f: [] for f in _victims(seen)}
    # Of ours only those questions are of any use whose answer is of the victim's block alone.
    distances, areas, times = ((1,), VILLAGES, 2) if seen.door.name == OURS else (DISTANCES, WITHIN, AGAIN)
    known = {km: _known(seen, km=km) for km in distances}
    for km, within, again in product(distances, areas, range(times)):
        rows = _by_owner(seen, programme=MIDDLES, km=km, within=within, again=again)
        for victim, parts in left.items():
            if seen.door.name == OURS and not victim.block.code.startswith(within):
                continue
            shown = rows.get(_site_of(victim), {}).get("poor")
            parts.append(None if shown is None else shown - known[km][victim])
    return [(victim.poor, likely([_mean(parts)])) for victim, parts in left.items()]


def _mean(parts: Iterable[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return fmean(known) if known else None


@attack("membership in a cluster", "member", bound=ONE)
def membership(seen: Seen) -> Sequence[Guess]:
    """The victim's cell belongs to a cluster if the victim is poor: by a threshold of one's own, or as it stands."""
    victims = seen.city.victims("wave 1")
    if seen.door.name == OURS:
        return _by_state(seen, victims)
    found = []
    for victim in victims:
        cell = leaves_of(victim)[1]
        known, n = others(seen, 1, cell, victim), len(seen.truth.counted[1][cell])
        rows = told(seen.door, "clusters", FIRST, at=(known + 0.5) / n)["clusters"]
        found.append((victim.poor, any(cell[1] in row["cells"] for row in rows)))
    return found


def _by_state(seen: Seen, victims: Sequence[Family]) -> list[Guess]:
    """Hot, or more so than half of them: whatever is said of a cell beside its figure."""
    said: dict[str, Row] = {}
    for who in OWNERS:
        said |= {row["cell"]: row for row in told(seen.door, "clusters/leaves", who)["leaves"]}
    rows = {f: said[leaves_of(f)[1][1]] for f in victims}
    half = median(row["z"] for row in rows.values() if row["z"] is not None)
    return [(f.poor, row["state"] == "hot" or (row["z"] or half) > half) for f, row in rows.items()]


@attack("clusters and reach before and after one correction", "live", bound=0)
def one_correction(seen: Seen) -> Sequence[Guess]:
    """Whatever is told of clusters and reach changed when one family did."""
    steps = seen.steps["planned"]
    assert all(told for step in steps for told in step.before.values()), "nothing is told"
    return [(step.victim.poor, step.before != step.after) for step in steps]


@attack("proposed places against points", "farthest", bound=0)
def proposals(seen: Seen) -> Sequence[Guess]:
    """A place is proposed where a family lives."""
    drawn: set[tuple[int, int]] = set()
    for who, programme, method in product(OWNERS, (MIDDLES, ANCHORS), ("cover", "median")):
        query = {"programme": programme, "km": 1, "sites": 20, "method": method}
        answer = seen.door.get("/v1/releases/1/placements", who, **query)
        points = list(vertices(answer.json())) if answer.status_code == 200 else []
        points += [(row["lon"], row["lat"]) for row in answer.json().get("placements", [])]
        drawn |= {(round(lon / NEAR), round(lat / NEAR)) for lon, lat in points}
    assert drawn, "nothing is proposed"
    return [(f.poor, (round(f.lon / NEAR), round(f.lat / NEAR)) in drawn) for f in _victims(seen)]


@attack("doubts of an import", "doubted", bound=0)
def doubts(seen: Seen) -> Sequence[Guess]:
    """A site is tried at the victim's door and some steps beside it, without being stored: what is said only there?"""
    found = []
    for village, who in enumerate(OWNERS):
        victims = [f for f in _victims(seen) if f.block.village == village]
        sites = [Put(f"D-{f.block.place:02d}", "Uji", f.lon, f.lat) for f in victims]
        beside = [replace(one, site_id=f"E{one.site_id}", lon=one.lon + BESIDE_M * _METRE) for one in sites]
        rows = json.loads(put(seen.door, who, sites + beside, dry_run=True).content)["results"]
        said = [bool(row["doubts"]) for row in rows]
        found += [
            (f.poor, not here and there) for f, here, there in zip(victims, said, said[len(sites) :], strict=False)
        ]
    return found
