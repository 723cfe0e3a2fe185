"""Naive services that plan: where sites are put, how full they are, where poverty clusters, where a site is missing.

Each has one of the flaws that planners' tools have, because they look at families' own points and at true counts. Sites
are kept for all of them together; they are public anyway.
"""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
from fastapi import FastAPI, Request

from tests.disclosure.naive import HIDDEN_BELOW, Household, Naive, counts, gaussian, metres
from tests.disclosure.naive import create as services

#: Flaws of this module; `live` clusters and reaches, too.
PLANNING = ("around", "metres", "full", "per_question", "member", "farthest", "doubted")
BESIDE_M = 30

Site = dict[str, Any]


def create(naive: Naive) -> FastAPI:  # noqa: C901 -- a row of routes
    """All naive services as one application, those that plan among them."""
    app = services(naive)
    kept: dict[str, Site] = {}

    @app.post("/doubted/v1/sites")
    async def doubted(request: Request) -> dict[str, Any]:
        """Doubts that a place is right where no poor family lives beside it."""
        rows = enumerate(_rows(await request.body()))
        poor = [h for h in naive.households() if h.poor]
        results = [{"row": n, "doubts": [] if any(_near(site, poor, BESIDE_M)) else ["FAR"]} for n, site in rows]
        return {"results": results}

    @app.post("/{flaw}/v1/sites")
    async def put(flaw: str, request: Request) -> dict[str, Any]:
        kept.update({site["site_id"]: site for site in _rows(await request.body())})
        return {"version": len(kept)}

    def of(programme: str | None) -> list[Site]:
        return [site for site in kept.values() if programme in {None, site["programme"]}]

    @app.get("/around/v1/releases/{release}/sites")
    def around(release: int, km: float, programme: str) -> dict[str, Any]:
        """Counts the poor families whose own points lie within a distance; hides what is below ten."""
        poor = [h for h in naive.households() if h.poor]
        found = [site | {"poor": sum(1 for _ in _near(site, poor, km * 1_000))} for site in of(programme)]
        return {"sites": [row | {"poor": row["poor"] if row["poor"] >= HIDDEN_BELOW else None} for row in found]}

    @app.get("/metres/v1/releases/{release}/sites")
    def distances(release: int, programme: str) -> dict[str, Any]:
        """How far the next poor family lives from each site, in metres."""
        poor = [h for h in naive.households() if h.poor]
        return {"sites": [site | {"nearest_m": min(_away(site, h) for h in poor)} for site in of(programme)]}

    @app.get("/full/v1/releases/{release}/sites")
    def full(release: int, km: float, programme: str) -> dict[str, Any]:
        """Shows no count; but whether more come than there is room for."""
        came = coming(of(programme), (h for h in naive.households() if h.poor), km)
        return {"sites": [site | {"poor": None, "fullness": "over" if came[site["site_id"]] > int(site["capacity"])
                                  else "within"} for site in of(programme)]}  # fmt: skip

    @app.get("/per_question/v1/releases/{release}/sites")
    def per_question(release: int, km: float, programme: str, request: Request) -> dict[str, Any]:
        """Noise that belongs to the question, so that nobody gains by asking the same one twice."""
        came = coming(of(programme), (h for h in naive.households() if h.poor), km)
        asked = sorted(request.query_params.items())
        return {"sites": [site | {"poor": came[site["site_id"]] + gaussian("question", release, asked, site["site_id"])}
                          for site in of(programme)]}  # fmt: skip

    @app.get("/member/v1/releases/{release}/clusters")
    def member(release: int, at: float = 0.5) -> dict[str, Any]:
        """Shows no counts; cells in which so large a share is poor, by the true counts of the release's day."""
        cells = naive.kept.get(("exact", release), {})
        rows = [cell for (system, cell), (n, poor) in sorted(cells.items()) if system == "8" and (poor or 0) >= at * n]
        return {"clusters": [{"cluster": "1", "cells": rows, "poor": None}]}

    @app.get("/live/v1/releases/{release}/clusters")
    def live_clusters(release: int) -> dict[str, Any]:
        """Cells in which more than half are poor now, and how many poor families they hold together."""
        true = counts(naive.households())
        hot = {cell: poor for (system, cell), (n, poor) in true.items() if system == "8" and 2 * poor > n}
        return {"clusters": [{"cluster": "1", "cells": sorted(hot), "poor": sum(hot.values())}]}

    @app.get("/live/v1/releases/{release}/reach")
    def live_reach(release: int, km: float, programme: str) -> dict[str, Any]:
        """How many poor families live within a distance now."""
        poor = [h for h in naive.households() if h.poor]
        within = sum(coming(of(programme), poor, km).values())
        return {"reached": {"poor": within}, "beyond": {"poor": len(poor) - within}}

    @app.get("/farthest/v1/releases/{release}/placements")
    def farthest(release: int, programme: str) -> dict[str, Any]:
        """Proposes a site where in each block the poor family lives that has the longest way."""
        blocks: dict[str, list[Household]] = defaultdict(list)
        for h in naive.households():
            if h.poor:
                blocks[h.block].append(h)
        sites = of(programme)
        worst = [max(block, key=lambda h: min(_away(site, h) for site in sites)) for block in blocks.values()]
        return {"placements": [{"place": n, "lon": h.lon, "lat": h.lat} for n, h in enumerate(worst, 1)]}

    return app


def coming(sites: Iterable[Site], poor: Iterable[Household], km: float) -> dict[str, int]:
    """How many poor families have each site as the nearest one, within a distance."""
    listed, at = list(sites), np.array([(h.lon, h.lat) for h in poor]).T
    ways = np.array([_ways(site, *at) for site in listed])
    near = ways.argmin(axis=0)[ways.min(axis=0) < km * 1_000]
    return {site["site_id"]: int((near == n).sum()) for n, site in enumerate(listed)}


def _ways(site: Site, lon: Any, lat: Any) -> Any:
    """As `metres`, to many at once."""
    wide = math.cos(math.radians(site["lat"]))
    return 111_320 * np.hypot((lon - site["lon"]) * wide, lat - site["lat"])


def _near(site: Site, poor: Iterable[Household], within_m: float) -> Iterable[Household]:
    return (h for h in poor if _away(site, h) < within_m)


def _away(site: Site, h: Household) -> float:
    return metres(site["lon"], site["lat"], h.lon, h.lat)


def _rows(body: bytes) -> list[Site]:
    return [row | {"lon": float(row["lon"]), "lat": float(row["lat"])}
            for row in csv.DictReader(io.StringIO(body.decode()))]  # fmt: skip
