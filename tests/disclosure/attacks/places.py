"""Attacks on drawings and distances: whatever is made of points gives points away."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from math import cos, radians
from typing import Any

import numpy as np

from tests.disclosure.attacks.knowledge import Guess, attack
from tests.disclosure.city import Family
from tests.disclosure.doors import FIRST, LEAF, SECOND
from tests.disclosure.naive import metres
from tests.disclosure.stage import OURS, Seen

_METRE = 1 / 111_320
#: Coordinates agree when they do to a tenth of a metre, distances to half of one.
NEAR = 1e-6


def _alone(seen: Seen) -> list[Family]:
    """Victims who live farther north-east than anybody else of their block."""
    return [f for f in seen.city.victims("wave 1") if f.block.part in {"moved", "edited"}]


def vertices(shape: Any) -> Iterator[tuple[float, float]]:
    """Every coordinate in GeoJSON."""
    if isinstance(shape, dict):
        for part in shape.values():
            yield from vertices(part)
    elif isinstance(shape, list):
        if len(shape) >= 2 and all(isinstance(number, int | float) for number in shape):
            yield shape[0], shape[1]
        else:
            for part in shape:
                yield from vertices(part)


def _drawn(seen: Seen) -> set[tuple[int, int]]:
    """Every vertex that anything shows, on a grid of a tenth of a metre."""
    found: list[tuple[float, float]] = []
    asked: dict[str, list[dict[str, Any]]] = {
        "clusters": [{"format": "geojson"}],
        "reach": [{"level": "village", "format": "geojson"}],
        "areas": [{"level": level, "format": "geojson"} for level in ("village", LEAF)],
        "cells": [{"res": res, "format": "geojson"} for res in (7, 8)],
    }
    for path, queries in asked.items():
        releases = (1, 6) if path == "clusters" and seen.door.name == OURS else (1,)
        for query, release, who in product(queries, releases, (FIRST, SECOND)):
            answer = seen.door.get(f"/v1/releases/{release}/{path}", who, **query)
            if answer.status_code == 200:
                found.extend(vertices(json.loads(answer.content)))
    return {(round(lon / NEAR), round(lat / NEAR)) for lon, lat in found}


@attack("corners of outlines against points", "hulls", bound=0)
def outlines(seen: Seen) -> Sequence[Guess]:
    """A corner lies where a family lives."""
    drawn = _drawn(seen)
    return [(f.poor, (round(f.lon / NEAR), round(f.lat / NEAR)) in drawn) for f in _alone(seen)]


@attack("the middle of an area moves with its families", "centroids", bound=0)
def middles(seen: Seen) -> Sequence[Guess]:
    """The point of a block is the mean of its poor families' points, with the victim's or without."""
    rows = [row for who in (FIRST, SECOND) for row in seen.door.areas(1, LEAF, who)]
    shown = {row["code"]: (row["lon"], row["lat"]) for row in rows}
    found = []
    for victim in _alone(seen):
        own = [f for f in seen.city.families if f.block is victim.block and f.poor and f is not victim]
        lon, lat = np.mean([(f.lon, f.lat) for f in [*own, victim]], axis=0)
        at = shown.get(victim.block.code, (0.0, 0.0))
        found.append((victim.poor, metres(lon, lat, *at) < 1))
    return found


@attack("distances from three sites", "nearest", bound=0)
def trilateration(seen: Seen) -> Sequence[Guess]:
    """Three sites north-east of a family: it lives where three circles meet, if it is the nearest that is poor."""

    @cache
    def points() -> list[tuple[float, float]]:
        rows = [row for who in (FIRST, SECOND) for row in seen.door.areas(1, LEAF, who)]
        return [(row["lon"], row["lat"]) for row in rows]

    def nearest(lon: float, lat: float) -> float:
        """What the service says of a site: its own word, or how far the nearest published point is."""
        answer = seen.door.get("/v1/releases/1/sites", FIRST, lon=lon, lat=lat)
        if seen.door.name != OURS:
            return float(answer.json()["nearest_m"])
        return min(metres(lon, lat, *point) for point in points())

    found = []
    for victim in _alone(seen):
        wide = _METRE / cos(radians(victim.lat))
        sites = [(victim.lon + x * wide, victim.lat + y * _METRE) for x, y in ((40, 40), (60, 20), (20, 60))]
        told = [abs(nearest(*site) - metres(*site, victim.lon, victim.lat)) < 0.5 for site in sites]
        found.append((victim.poor, all(told)))
    return found
