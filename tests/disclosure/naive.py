"""Naive services over the same database, each with one of the flaws that gave families away elsewhere.

Every attack must succeed against one of them, else it proves nothing of ours. `/{flaw}/v1/releases/…` answers in the
form of our own service. Live ones look at the households whenever they are asked; the others are made at the moments at
which our releases are (`Naive.make`) and keep what they said.
"""

import hashlib
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import psycopg
import shapely
from fastapi import FastAPI, Header, Request, Response

from geo.ground import cells as h3cells
from geo.publish.noise import SIGMA

GATE, HIDDEN_BELOW = 20, 10
LIVE = ("live", "cell_key", "fresh", "by_part", "sorted", "hulls", "centroids", "nearest")
MADE = ("grouped", "changed", "exact", "seeded", "undrawn", "corrected", "rerun")

_LEVELS = {"block": None, "village": 10, "district": 7, "regency": 4, "province": 2}

HOUSEHOLDS = """
SELECT h.household_id, coalesce(h.block, ''), h.cell, coalesce(h.welfare, 3) <= 2, ST_X(h.geom), ST_Y(h.geom),
       coalesce((SELECT e.consultation FROM welfare.event e
                 WHERE e.household_id = h.household_id AND e.scale = 'consultation'
                 ORDER BY e.dated DESC, e.revision DESC LIMIT 1), 4) <= 2
FROM intake.household h WHERE h.result = 'completed'"""

ARRIVED = "SELECT (SELECT count(*) FROM intake.batch), (SELECT count(*) FROM welfare.event)"

BLOCKS = "SELECT a.code FROM ground.area a WHERE a.level = 'block' ORDER BY a.number"

Leaf = tuple[str, str]
#: A figure: households behind it, and the value shown, if any.
Figure = tuple[int, int | None]


@dataclass(frozen=True)
class Household:
    """One family as the naive services read it."""

    name: str
    leaves: tuple[Leaf, Leaf]
    poor: bool
    lon: float
    lat: float
    consulted: bool

    @property
    def block(self) -> str:
        return self.leaves[0][1]


def parent(cell: str, resolution: int) -> str:
    """The cell above, by names."""
    above = h3cells.parents(np.array([h3cells.from_hex(cell)], np.int64), resolution)
    return h3cells.to_hex(int(above[0]))


def gaussian(*seed: object) -> int:
    """A rounded normal number that is the same for the same seed, another one without any."""
    words = hashlib.sha256(repr(seed).encode()).digest() if seed else None
    chance = random.Random(words) if words else random.SystemRandom()  # noqa: S311 -- naive on purpose
    return round(chance.gauss(0, SIGMA))


@dataclass
class Naive:
    """The naive services of one database (`address` as psycopg takes it); `parts` are codes of villages by token."""

    address: str
    parts: Mapping[str, str]
    blocks: list[str] = field(default_factory=list)
    now: list[Household] = field(default_factory=list)
    arrived: object = None
    kept: dict[tuple[str, int], dict[Leaf, Figure]] = field(default_factory=dict)
    values: dict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))

    def households(self) -> list[Household]:
        """Everybody who is counted now; read again whenever anything arrived."""
        with psycopg.connect(self.address) as db:
            arrived = db.execute(ARRIVED).fetchone()
            if arrived != self.arrived:
                self.arrived = arrived
                self.blocks = [str(code) for (code,) in db.execute(BLOCKS)]
                rows = db.execute(HOUSEHOLDS.encode()).fetchall()
                cells = h3cells.parents(np.array([row[2] for row in rows], np.int64), 8).tolist()
                self.now = [
                    Household(row[0], (("block", row[1]), ("8", h3cells.to_hex(cell))), *row[3:])
                    for row, cell in zip(rows, cells, strict=True)
                ]
        return self.now

    def make(self, release: int, flaws: Iterable[str] = MADE, *, final: bool = False) -> None:
        """Publish anew what is published at dates."""
        now = self.households()
        if final:
            now = [replace(h, poor=h.consulted) for h in now]
        for flaw in flaws:
            self.kept[flaw, release] = getattr(self, f"_{flaw}")(now, release)

    # Published at dates

    def _grouped(self, now: list[Household], release: int) -> dict[Leaf, Figure]:
        """GROUP BY: rows where somebody is poor get noise, the others are not there."""
        return {leaf: (n, poor + gaussian()) for leaf, (n, poor) in counts(now).items() if poor}

    def _exact(self, now: list[Household], release: int) -> dict[Leaf, Figure]:
        """True counts; those below ten are hidden, at every level by itself."""
        return {leaf: (n, poor) for leaf, (n, poor) in counts(now).items()}

    def _seeded(self, now: list[Household], release: int) -> dict[Leaf, Figure]:
        """Noise that belongs to the leaf: the same in every table."""
        return {leaf: (n, poor + gaussian("seeded", leaf)) for leaf, (n, poor) in counts(now).items()}

    def _rerun(self, now: list[Household], release: int) -> dict[Leaf, Figure]:
        """Noise that belongs to leaf and release, whatever is counted: made again, it is the same on another input."""
        return {leaf: (n, poor + gaussian("rerun", release, leaf)) for leaf, (n, poor) in counts(now).items()}

    def _undrawn(self, now: list[Household], release: int) -> dict[Leaf, Figure]:
        """A leaf in which nobody was judged otherwise than last time keeps its figure, to save noise."""
        before, last = self.kept.get(("undrawn", release - 1), {}), self.values["undrawn"]
        moved = {leaf for h in now if last.get(h.name) != h.poor for leaf in h.leaves}
        self.values["undrawn"] = {h.name: h.poor for h in now}
        return {
            leaf: before[leaf] if leaf in before and leaf not in moved else (n, poor + gaussian())
            for leaf, (n, poor) in counts(now).items()
        }

    def _changed(self, now: list[Household], release: int) -> dict[Leaf, Figure]:
        """A leaf is published anew where twenty households are new or judged otherwise."""
        before, last = self.kept.get(("changed", release - 1), {}), self.values["changed"]
        changed: dict[Leaf, int] = defaultdict(int)
        for h in now:
            for leaf in h.leaves:
                changed[leaf] += last.get(h.name) != h.poor
        told = {leaf for leaf, n in changed.items() if n >= GATE}
        self.values["changed"] |= {h.name: h.poor for h in now if set(h.leaves) <= told}
        fresh = {leaf: (n, poor + gaussian()) for leaf, (n, poor) in counts(now).items() if leaf in told}
        return before | fresh

    def _corrected(self, now: list[Household], release: int) -> dict[Leaf, Figure]:
        """Noise is drawn when households enter; a correction enters as it is, for the figure has noise already."""
        known = self.values["corrected"]
        before = dict(self.kept.get(("corrected", release - 1), {}))
        fresh = counts(h for h in now if h.name not in known)
        for h in now:
            for leaf in h.leaves:
                if h.name in known and leaf in before:
                    n, value = before[leaf]
                    before[leaf] = n, (value or 0) + h.poor - known[h.name]
        self.values["corrected"] = {h.name: h.poor for h in now}
        for leaf, (n, poor) in fresh.items():
            told, value = before.get(leaf, (0, 0))
            before[leaf] = told + n, (value or 0) + poor + gaussian()
        return before

    # Whenever it is asked

    def figures(self, flaw: str, release: int) -> dict[Leaf, Figure]:
        if flaw in MADE:
            return self.kept.get((flaw, release), {})
        now = self.households()
        true = counts(now)
        if flaw == "cell_key":
            poor: dict[Leaf, list[str]] = defaultdict(list)
            for h in now:
                for leaf in h.leaves if h.poor else ():
                    poor[leaf].append(h.name)
            return {leaf: (n, count + gaussian(leaf, sorted(poor[leaf]))) for leaf, (n, count) in true.items()}
        if flaw == "fresh":
            return {leaf: (n, count + gaussian()) for leaf, (n, count) in true.items()}
        return dict(true)

    def areas(self, flaw: str, release: int, level: str) -> list[dict[str, Any]]:
        found: dict[str, Figure] = {} if flaw == "grouped" else dict.fromkeys(map(above(level), self.blocks), (0, 0))
        for (system, code), (n, value) in self.figures(flaw, release).items():
            if system == "block":
                told, whole = found.get(above(level)(code), (0, 0))
                found[above(level)(code)] = told + n, (whole or 0) + (value or 0)
        return [{"code": code, "households": n, "poor": self._shown(flaw, v)} for code, (n, v) in found.items()]

    def cells(self, flaw: str, release: int, resolution: int) -> list[dict[str, Any]]:
        found: dict[str, Figure] = {}
        for (system, name), (n, value) in self.figures(flaw, release).items():
            if system == "8":
                cell = name if resolution == 8 else parent(name, resolution)
                told, whole = found.get(cell, (0, 0))
                found[cell] = told + n, (whole or 0) + (value or 0)
        return [{"cell": cell, "households": n, "poor": self._shown(flaw, v)} for cell, (n, v) in found.items()]

    def _shown(self, flaw: str, value: int | None) -> int | None:
        exact = flaw in {"live", "exact"}
        return None if exact and value is not None and value < HIDDEN_BELOW else value


def above(level: str) -> Callable[[str], str]:
    """Codes begin with those of the areas above."""
    return lambda code: code[: _LEVELS[level]]


def counts(households: Iterable[Household]) -> dict[Leaf, tuple[int, int]]:
    """Households and poor ones in each leaf."""
    found: dict[Leaf, tuple[int, int]] = {}
    for h in households:
        for leaf in h.leaves:
            n, poor = found.get(leaf, (0, 0))
            found[leaf] = n + 1, poor + h.poor
    return found


def create(naive: Naive) -> FastAPI:  # noqa: C901 -- a row of routes
    """The naive services as one application."""
    app = FastAPI(openapi_url=None)

    @app.get("/by_part/v1/releases/{release}/cells")
    def by_part(release: int, res: int, authorization: str = Header("")) -> dict[str, Any]:
        """Each local government is told exactly of its own families; where they are few, of the whole cell instead."""
        village = naive.parts.get(authorization.removeprefix("Bearer "))
        now = naive.households() if village else []
        whole, own = counts(now), counts(h for h in now if h.block.startswith(str(village)))
        told = {leaf: figure if figure[0] >= HIDDEN_BELOW else whole[leaf] for leaf, figure in own.items()}
        rows = [(cell, n, poor) for (system, cell), (n, poor) in told.items() if system == str(res)]
        return {"cells": [{"cell": cell, "households": n, "poor": poor} for cell, n, poor in rows]}

    @app.get("/sorted/v1/releases/{release}/areas")
    def ordered(release: int, level: str, sort: str = "code", min_poor: int = -1) -> dict[str, Any]:
        """Counts of blocks are not shown; but one may sort and filter by them, and is told how many there are."""
        rows = naive.areas("sorted", release, level)
        rows = sorted((row for row in rows if row["poor"] >= min_poor), key=lambda row: str(row["code"]))
        if sort == "poor":
            rows.sort(key=lambda row: -row["poor"])
        return {"areas": [row | {"poor": None} for row in rows], "total": len(rows)}

    @app.get("/sorted/v1/releases/{release}/areas/{code}")
    def one(release: int, code: str) -> Response:
        """Says in the text of an error why a count is not shown."""
        found = next(row["poor"] for row in naive.areas("sorted", release, "block") if row["code"] == code)
        return Response(f'{{"detail": "a count of {found} is too small to be shown"}}', 403)

    @app.get("/hulls/v1/releases/{release}/clusters")
    def hulls(release: int) -> dict[str, Any]:
        """The outline of each block's poor families is the hull of their points."""
        points: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for h in naive.households():
            if h.poor:
                points[h.block].append((h.lon, h.lat))
        outlines = {b: shapely.MultiPoint(p).convex_hull for b, p in points.items() if len(p) >= 3}
        return {"features": [{"id": b, "geometry": shapely.geometry.mapping(s)} for b, s in outlines.items()]}

    @app.get("/centroids/v1/releases/{release}/areas")
    def centroids(release: int, level: str) -> dict[str, Any]:
        """An area's point is the mean of its poor families'."""
        points: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for h in naive.households():
            if h.poor:
                points[above(level)(h.block)].append((h.lon, h.lat))
        rows = [(code, *np.mean(p, axis=0)) for code, p in sorted(points.items())]
        return {"areas": [{"code": code, "poor": None, "lon": lon, "lat": lat} for code, lon, lat in rows]}

    @app.get("/nearest/v1/releases/{release}/sites")
    def nearest(release: int, lon: float, lat: float) -> dict[str, Any]:
        """How far the next poor family lives from a site, in metres."""
        return {"nearest_m": min(metres(lon, lat, h.lon, h.lat) for h in naive.households() if h.poor)}

    @app.get("/{flaw}/v1/releases/{release}/areas")
    def areas(flaw: str, release: int, level: str, request: Request) -> dict[str, Any]:
        return {"areas": naive.areas(flaw, release, level)}

    @app.get("/{flaw}/v1/releases/{release}/cells")
    def cells(flaw: str, release: int, res: int) -> dict[str, Any]:
        return {"cells": naive.cells(flaw, release, res)}

    return app


def metres(lon: float, lat: float, to_lon: float, to_lat: float) -> float:
    """Distance on a plane that touches the globe there."""
    north = (to_lat - lat) * 111_320
    return math.hypot((to_lon - lon) * 111_320 * math.cos(math.radians(lat)), north)
