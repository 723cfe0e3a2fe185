"""Answers of the routes of clusters, sites, reach and proposed places, made up, for a town too small to have clusters.

In the forms that the service gives: `test_programmes` holds them against its models.
"""

from typing import Any

from playwright.async_api import Page, Request, Route

from tests.world import SIDE, SOUTH, VILLAGES, WEST

Row = dict[str, Any]

PROGRAMMES = ("PKH", "Sembako")
HEAD = {
    "release": 6,
    "kind": "final",
    "measure": "consultation",
    "as_of": "2023-05-13T16:00:00Z",
    "sealed_at": "2023-05-14T01:00:00Z",
    "edition": "2022_2",
    "campaign": "Regsosek",
    "simulated": True,
    "digest": "0" * 64,
    "within": None,
    "programme": None,
    "km": 2,
    "sites_version": 3,
    "sites_recorded_at": "2023-05-20T01:00:00Z",
    "system": "cell",
    "resolution": 7,
}
AT = {"lon": WEST + SIDE, "lat": SOUTH + SIDE}
EARLIER = {name: HEAD[name] for name in (*list(HEAD)[:9],)} | {"release": 1, "kind": "field", "measure": "field_status"}


def figure(poor: int, households: int, draws: int = 4, *notes: str) -> Row:
    """A figure as it is told."""
    return {
        "households": households,
        "poor": poor,
        "draws": draws,
        "error": round(5.9 * draws**0.5, 1),
        "expected": households,
        "covered": 1.0,
        "poor_shown": poor,
        "share_band": "20-30",
        "notes": list(notes),
    }


def clusters(*, compared: bool = False, none: bool = False) -> Row:
    """Two clusters, the second without a PKH site; with an earlier release one of them is new, and another gone."""
    before = figure(70, 300) if compared else None

    def one(n: int, places: list[str], without: list[str], sure: float, state: str) -> Row:
        served = [{"programme": name, "class": "2-5" if name in without else "<1"} for name in PROGRAMMES]
        return {
            "cluster": str(n),
            "n": n,
            "cells": ["8769a3a95ffffff"],
            "km2": 15.5,
            "places": places,
            "lon": AT["lon"] + n * SIDE,
            "lat": AT["lat"],
            **figure(120 - 20 * n, 400),
            "excess": 60.5,
            "excess_error": 12.0,
            "agree": 1.0,
            "sure": sure,
            "served": served,
            "without_site": without,
            "state": state if compared else None,
            "before": before,
        }

    found = [one(1, ["Kampung 1"], [], 0.99, "still"), one(2, ["Kampung 2", "Kampung 1"], ["PKH"], 0.6, "new")]
    past = {"cluster": "3", "n": 3, "cells": ["8769a3a95ffffff"], "km2": 5.1, "places": ["Kampung 3"], **AT}
    return HEAD | {
        "before_release": EARLIER if compared else None,
        "same_table": False if compared else None,
        "method": {"statistic": "Gi*"},
        "tested": 40,
        "untested": {"low_coverage": 50 if none else 2},
        "too_small": 0,
        "families": figure(400, 2_000, 40),
        "inside": figure(180, 800, 8),
        "clusters": [] if none else found,
        "gone": [past | figure(30, 200) | {"before": figure(50, 200)}] if compared else [],
    }


def outlines() -> Row:
    """Squares around the clusters, as GeoJSON."""

    def square(n: int) -> Row:
        west, south = AT["lon"] + (n - 0.6) * SIDE, AT["lat"] - SIDE
        ring = [[west + x * SIDE, south + y * SIDE] for x, y in ((0, 0), (1.2, 0), (1.2, 2), (0, 2), (0, 0))]
        shape = {"type": "Polygon", "coordinates": [ring]}
        return {"type": "Feature", "id": n, "geometry": shape, "properties": {"cluster": str(n), "n": n}}

    return {"type": "FeatureCollection", "features": [square(1), square(2)]}


def programmes() -> list[Row]:
    """The programmes and their sites."""
    return [{"programme": name, "kinds": ["post"], "sites": 2, "capacity": 150} for name in PROGRAMMES]


def sites(*, none: bool = False) -> Row:
    """Two sites of each programme, one of PKH's over capacity."""
    rows = [
        {
            "site_id": f"S{n}",
            "programme": name,
            "kind": "post",
            "name": f"Pos {name} {n}",
            "n": n,
            "lon": AT["lon"] + n * SIDE / 2,
            "lat": AT["lat"] + n * SIDE / 3,
            "capacity": 50 if full == "over" else 100,
            "inside": True,
            **figure(90, 300),
            "fullness": full,
        }
        for n, (name, full) in enumerate(
            (("PKH", "within"), ("PKH", "over"), ("Sembako", "near"), ("Sembako", "unknown")), 1
        )
    ]
    return HEAD | {
        "programmes": [] if none else programmes(),
        "total": 0 if none else 4,
        "over": 0 if none else 1,
        "sites": [] if none else rows,
    }


def reach(*, compared: bool = False, none: bool = False) -> Row:
    """Most poor families near, some far, and two villages."""
    before = {"before": figure(10, 50) if compared else None}
    classes = [
        {"class": name, **figure(poor, 4 * poor), **before}
        for name, poor in (("<1", 200), ("1-2", 100), ("2-5", 80), ("5-10", 20), (">10", 0))
    ]
    parts = {"reached": figure(300, 1_200, 20), "beyond": figure(100, 400, 9)}
    villages = [
        {
            "code": code,
            "name": f"Kampung {n}",
            "level": "village",
            "n": n,
            "parent": "647203",
            **AT,
            **figure(200, 900),
            "measured": "blocks",
            "reached": figure(110 + 20 * n, 500),
            "beyond": figure(90 - 20 * n, 400),
        }
        for n, code in enumerate(VILLAGES[:2], 1)
    ]
    both = [
        {"programmes": list(of), **figure(poor, 500)} for of, poor in (((), 60), (("PKH",), 140), (PROGRAMMES, 200))
    ]
    return (
        HEAD
        | parts
        | {
            "before_release": EARLIER if compared else None,
            "same_table": False if compared else None,
            "programmes": [] if none else programmes(),
            "families": figure(400, 1_600, 29),
            "classes": [] if none else classes,
            "overlap": both,
            "clusters": [{"cluster": "1", "class": "<1", "without_site": False}],
            "before": parts if compared else None,
            "areas": villages,
        }
    )


def placements(many: int = 3) -> Row:
    """So many places, each gaining less than the one before."""
    rows = [
        {
            "place": n,
            "n": n,
            "lon": AT["lon"] + n * SIDE / 2,
            "lat": AT["lat"],
            "places": ["Kampung 2"],
            "poor_gained": 60 - 10 * n,
            "error": 9.5,
            "share_of_all": 0.1,
        }
        for n in range(1, many + 1)
    ]
    return HEAD | {
        "method": "cover",
        "sites": many,
        "solver": "HiGHS",
        "optimal": True,
        "gap": 0.0,
        "bound": 380.0,
        "seconds_limit": 20.0,
        "candidates": 6,
        "points": 6,
        "covered": {"before": 300, "after": 380, "error": 21.0, "of": 400},
        "placements": rows,
    }


async def laid(page: Page, *, none: bool = False, busy: int = 0) -> list[str]:
    """Let the page have these answers, after `busy` times "busy". Gives the addresses as they are asked."""
    asked: list[str] = []

    async def answer(route: Route, request: Request) -> None:
        asked.append(request.url)
        if len(asked) <= busy:
            problem = {"type": "urn:cakupan:problem:busy", "status": 503}
            return await route.fulfill(status=503, json=problem, headers={"Retry-After": "1"})
        name = request.url.partition("?")[0].rsplit("/", 1)[1]
        compared = "with=1" in request.url
        if "format=geojson" in request.url:
            return await route.fulfill(json=outlines())
        made = {
            "clusters": lambda: clusters(compared=compared, none=none),
            "sites": lambda: sites(none=none),
            "reach": lambda: reach(compared=compared, none=none),
            "placements": lambda: placements(2 if "sites=2" in request.url else 3),
        }
        return await route.fulfill(json=made[name]())

    for name in ("clusters", "sites", "reach", "placements"):
        await page.route(f"**/v1/releases/*/{name}?*", answer)
        await page.route(f"**/v1/releases/*/{name}", answer)
    return asked
