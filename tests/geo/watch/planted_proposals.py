"""Holds what is proposed of edges, codes and points of a simulated month against what was planted, on arrays alone.

What the service would read is made from the month, village by village, as `geo.watch.suspects` reads it.
"""

import json
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo import hours
from app.demo.fieldwork import PLANTED, Fieldwork
from geo.watch import across
from geo.watch.across import Found, Points
from geo.watch.doors import Houses, metres
from tests.geo.watch.planted_holes import Month

#: Faults that put a single point where a stray one is looked for.
FAR_OFF = ("outside_block", "impossible_travel")
#: Share of a miscoded day's records by which it is found.
MOST_OF = 0.5

Places = NDArray[np.intp]


@dataclass(frozen=True)
class Told:
    """What is proposed in a month, each with places in Fieldwork.visits. Numbers of blocks begin with 1."""

    month: Month

    @cached_property
    def found(self) -> list[tuple[Found, Places]]:
        month, at = self.month, self.month.visits
        seen = month.fieldwork.visits
        lon, lat, number = seen.lon[at], seen.lat[at], seen.block[at].astype(np.int64) + 1
        located = month.located(lon, lat) + 1
        day, who = hours.day_of(seen.captured_at[at]).astype(np.int64), seen.enumerator[at].astype(np.int64) + 1
        every = Points(number, located, lon, lat, seen.accuracy_m[at].astype(np.float64), day, who)
        houses = month.houses
        told = []
        for village in np.unique(month.villages):
            own = np.flatnonzero(month.villages == village) + 1
            outside = np.flatnonzero(np.isin(number, own) & (located != number))
            others = np.setdiff1d(located[outside], np.append(own, 0))
            inside = np.flatnonzero(np.isin(number, np.append(own, others)) & (located == number))
            some = np.append(outside, inside)
            points = Points(*(getattr(every, name)[some] for name in Points.__dataclass_fields__))
            numbers = np.append(own, others)
            here = np.isin(houses.number + 1, numbers)
            near = Houses(houses.number[here] + 1, houses.lon[here], houses.lat[here], houses.area_m2[here])
            outlines = {int(n): month.outlines.geometries[n - 1] for n in numbers}
            told += [(one, at[some[one.points]]) for one in across.found(points, outlines, near)]
        return told

    @cached_property
    def households(self) -> NDArray[np.object_]:
        return np.array(self.month.fieldwork.household_id, dtype=object)

    def of(self, kind: str) -> list[tuple[Found, Places]]:
        return [one for one in self.found if one[0].kind == kind]


@dataclass(frozen=True)
class Score:
    """How well it was told. Counts; `overlap`: of each strip found, area of intersection with the true one over union.

    `edges_met` of `edges` planted; `codes_met` of `codes`; `false_edges` and `false_codes` meet none. `points`: stray
    points in proposals, `strays` of the planted ones (`planted_points`) among them. Days and edges that too little was
    recorded of are among the planted all the same.
    """

    edges: int = 0
    edges_met: int = 0
    false_edges: int = 0
    overlap: tuple[float, ...] = ()
    codes: int = 0
    codes_met: int = 0
    false_codes: int = 0
    planted_points: int = 0
    strays: int = 0
    points: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


def score(month: Month) -> Score:
    """Scores what is proposed in a month against what was planted."""
    told = Told(month)
    planted = month.fieldwork.visits.planted[month.visits]
    far = np.concatenate([np.zeros(0, dtype=np.intp), *(places for _, places in told.of("point"))])
    kinds = [PLANTED.index(kind) for kind in FAR_OFF]
    strays = int(np.isin(month.fieldwork.visits.planted[far], kinds).sum())
    total = Score(planted_points=int(np.isin(planted, kinds).sum()), strays=strays, points=len(far))
    return total + _edges(told) + _codes(told)


def _edges(told: Told) -> Score:
    codes = told.month.city.blocks.code
    found = {(one.number, one.other): one for one, _ in told.of("boundary")}
    many, overlap = len(found), []
    planted = [plant for plant in told.month.fieldwork.planted if plant.kind == "wrong_boundary"]
    for plant in planted:
        loser, winner = (codes.index(code) + 1 for code in plant.blocks)
        if one := found.pop((loser, winner), None):
            true = shapely.from_geojson(json.dumps(plant.detail["strip"]))
            overlap.append(float(one.shape.intersection(true).area / one.shape.union(true).area))
    met = many - len(found)
    return Score(edges=len(planted), edges_met=met, false_edges=len(found), overlap=tuple(overlap))


def _codes(told: Told) -> Score:
    visits = told.month.fieldwork.visits
    kind = PLANTED.index("miscoded_batch")
    counted = told.month.visits[visits.planted[told.month.visits] == kind]
    found = {at: set(told.households[visits.case[places]]) for at, (_, places) in enumerate(told.of("code"))}
    many, planted = len(found), 0
    for plant in told.month.fieldwork.planted:
        if plant.kind == "miscoded_batch":
            planted += 1
            true = set(plant.households) & set(told.households[visits.case[counted]])
            met = next((at for at, one in found.items() if true and len(one & true) >= MOST_OF * len(true)), None)
            if met is not None:
                del found[met]
    return Score(codes=planted, codes_met=many - len(found), false_codes=len(found))


# ── the same month, read otherwise ────────────────────────────────────────────────────────────────────────────────


def poorer(fieldwork: Fieldwork, times: float, seed: int = 7) -> Fieldwork:
    """The month with points so many times as far off as phones say."""
    seen = fieldwork.visits
    sigma = seen.accuracy_m / across.RADIUS * (times**2 - 1) ** 0.5
    off = np.random.default_rng(seed).normal(0, 1, (2, len(seen))) * sigma
    return replace(fieldwork, visits=replace(seen, **_off(seen.lon, seen.lat, off[0], off[1])))


def shifted(fieldwork: Fieldwork, east: float) -> Fieldwork:
    """The month with every point so many metres east of where it is: a map that is not where the ground is."""
    seen = fieldwork.visits
    return replace(fieldwork, visits=replace(seen, **_off(seen.lon, seen.lat, np.full(len(seen), east), np.zeros(1))))


def _off(
    lon: NDArray[np.float64], lat: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    one = np.array([lon.mean() + 1.0]), np.array([lat.mean() + 1.0])
    per_lon, per_lat = metres(*one, lon, lat)
    return {"lon": lon + x / per_lon, "lat": lat + y / per_lat}
