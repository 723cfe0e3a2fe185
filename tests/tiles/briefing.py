"""Answers about clusters and sites, made up for the brief and its files: a town of districts and villages on cells."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely

from app import locales
from geo.ground import cells as h3cells
from geo.publish import published
from tiles import brief
from tiles.brief import Brief, Outline, Told
from tiles.wording import Wording

Row = dict[str, Any]

WEST, SOUTH, SIDE = 117.05, -0.62, 0.054
AS_OF = datetime(2022, 11, 12, 10, 0, tzinfo=UTC)
HEAD = {
    "release": 3,
    "kind": "field",
    "measure": "field_status",
    "as_of": AS_OF,
    "sealed_at": AS_OF,
    "edition": "2022_2",
}
HEAD |= {"campaign": "Regsosek simulasi", "simulated": True, "digest": "ab12cd34" * 8}
WITHIN = {"code": "6472", "name": "Kota Samarinda", "level": "regency", "n": 2}
ADDRESS = "https://cakupan.example.id/programmes?release=3&within=6472&programme=PKH&km=2&sites=3&version=3"
CLASSES = ("<1", "1-2", "2-5", "5-10", ">10")
NAMES = ("Sungai Kunjang", "Samarinda Ulu", "Samarinda Utara", "Palaran", "Loa Janan Ilir", "Sambutan")
NAMES += ("Samarinda Seberang", "Sungai Pinang", "Samarinda Kota")


def figure(n: int, value: int, draws: int = 4, expected: int | None = None) -> Row:
    """A figure as it is told."""
    return published.figure({"n": n, "value": value, "draws": draws, "expected": n if expected is None else expected})


def outlines(many: int = 3) -> list[Outline]:
    """Districts in rows and columns, each of nine villages."""
    found = []
    for row in range(many):
        for column in range(many):
            west, south = WEST + column * SIDE, SOUTH + row * SIDE
            found.append(
                Outline(NAMES[(row * many + column) % 9], shapely.box(west, south, west + SIDE, south + SIDE), True)
            )
            third = SIDE / 3
            for at in range(9):
                x, y = west + at % 3 * third, south + at // 3 * third
                found.append(Outline(f"Kelurahan {at}", shapely.box(x, y, x + third, y + third), False))
    return found


def cells(resolution: int = 8) -> list[int]:
    """Cells of the town."""
    found = h3cells.cover(shapely.box(WEST, SOUTH, WEST + 3 * SIDE, SOUTH + 3 * SIDE), resolution)
    return sorted(int(cell) for cell in found)


def told(clusters: int = 5, *, sites: bool = True, placements: int = 3, public: bool = False, **more: Any) -> Told:
    """What is told of the town: so many clusters of three to five cells each, a fifth of the cells without a rank."""
    there = cells(7 if public else 8)
    rng = np.random.default_rng(7)
    groups = _groups(there, clusters, rng)
    of = {cell: number for number, group in enumerate(groups, start=1) for cell in group}
    leaves = [_leaf(cell, of.get(cell), rng) for cell in there]
    rows = [_cluster(number, group, more.get("compared", False)) for number, group in enumerate(groups, start=1)]
    head = {"within": WITHIN, "programme": more.get("programme", "PKH"), "km": 2}
    on = {"system": "cell", "resolution": 7 if public else 8}
    seen = on if public else {"system": "block", "resolution": 0}
    head |= {"sites_version": 3 if sites else 0}
    head |= {"sites_recorded_at": AS_OF if sites else None}
    earlier = HEAD | {"release": 2} if more.get("compared") else None
    answers = on | _clusters(rows, leaves) | {"before_release": earlier, "gone": rows[:1] if earlier else []}
    listed = [one for one in _sites(rng, rows) if head["programme"] in {None, one["programme"]}] if sites else []
    reach = seen | _reach(rows, sites=sites, compared=earlier is not None) | {"before_release": earlier}
    placed = None if public or not sites or head["programme"] is None else _placements(placements)
    return Told(head, answers, leaves, seen | _of_sites(listed), reach, placed, closed=public)


def _groups(there: list[int], many: int, rng: np.random.Generator) -> list[list[int]]:
    """Groups of neighbouring cells that do not touch each other."""
    at = np.array(there)
    lon, lat = h3cells.centres(at)
    near = np.hypot(lon[:, None] - lon, lat[:, None] - lat)
    step = np.sort(near[len(there) // 2])[1]
    free, found = np.ones(len(there), bool), []
    for start in rng.permutation(len(there)).tolist():
        if len(found) == many:
            break
        group = np.argsort(near[start], kind="stable")[: int(rng.integers(3, 6))]
        if free[group].all() and near[start][group].max() < 1.3 * step:
            found.append([there[place] for place in group.tolist()])
            free &= near[group].min(axis=0) > 1.6 * step
    return found


def _leaf(cell: int, cluster: int | None, rng: np.random.Generator) -> Row:
    lon, lat = h3cells.centres(np.array([cell]))
    untested = cluster is None and rng.random() < 0.15
    n = int(rng.integers(60, 400))
    row = {
        "cell": h3cells.to_hex(cell),
        "n": cell % 10**9,
        "lon": round(float(lon[0]), 6),
        "lat": round(float(lat[0]), 6),
    }
    row |= figure(n, n // (2 if cluster else 10), expected=2 * n if untested else n)
    state = "untested" if untested else "hot" if cluster else "ordinary"
    tested = {"z": None, "p": None} if untested else {"z": 4.2 if cluster else 0.1, "p": 0.0001 if cluster else 0.45}
    return row | {
        "state": state,
        **tested,
        "moran": "HH" if cluster else "none",
        "cluster": str(cluster) if cluster else None,
    }


def _cluster(number: int, group: list[int], compared: bool) -> Row:
    lon, lat = h3cells.centres(np.array(group[:1]))
    without = number % 3 == 2
    row: Row = {"cluster": str(number), "n": number, "cells": [h3cells.to_hex(cell) for cell in sorted(group)]}
    row |= {"km2": 0.74 * len(group), "places": ["Sungai Dama", "Selili", "Sidomulyo Timur"][: 1 + number % 3]}
    row |= {"lon": round(float(lon[0]), 6), "lat": round(float(lat[0]), 6)} | figure(
        2_900 // number, 1_310 // number, 12
    )
    row |= {"excess": 830.5 / number, "excess_error": 20.8, "agree": 1.0, "sure": (0.99, 0.9, 0.6)[number % 3]}
    row |= {
        "served": [{"programme": "PKH", "class": "2-5" if without else "<1"}, {"programme": "Sembako", "class": "<1"}]
    }
    row |= {"without_site": ["PKH"] if without else []}
    state = ("still" if number % 2 else "new") if compared else None
    return row | {"state": state, "before": figure(2_000 // number, 1_000 // number, 8) if compared else None}


def _clusters(rows: list[Row], leaves: list[Row]) -> Row:
    untested = sum(leaf["state"] == "untested" for leaf in leaves)
    inside = figure(sum(row["households"] for row in rows), sum(row["poor"] for row in rows), 40)
    made = {"method": {"statistic": "Gi*", "permutations": 9_999, "seed": 2022}, "tested": len(leaves) - untested}
    made |= {"untested": {"low_coverage": untested} if untested else {}, "too_small": 1, "same_table": None}
    return made | {"families": figure(58_000, 9_700, 900), "inside": inside, "clusters": rows}


def _sites(rng: np.random.Generator, clusters: list[Row]) -> list[Row]:
    found = []
    for n in range(1, 31):
        programme, kind = ("PKH", "posko") if n % 2 else ("Sembako", "e-warong")
        lon, lat = (WEST + SIDE * 3 * rng.random(), SOUTH + SIDE * 3 * rng.random())
        fullness = "over" if n in {3, 8, 11} else "within"
        row = {
            "site_id": f"{programme}-{n:02d}",
            "programme": programme,
            "kind": kind,
            "name": f"{kind.title()} Simulasi {n}",
        }
        row |= {"n": n, "lon": round(lon, 6), "lat": round(lat, 6), "capacity": 200 + n, "inside": True}
        found.append(row | figure(2_000 + n, 620 + n if fullness == "over" else 130, 30) | {"fullness": fullness})
    return found


def _of_sites(rows: list[Row]) -> Row:
    programmes = [
        {"programme": name, "kinds": [kind], "sites": sum(row["programme"] == name for row in rows), "capacity": 3_000}
        for name, kind in (("PKH", "posko"), ("Sembako", "e-warong"))
    ]
    over = sum(row["fullness"] == "over" for row in rows)
    return {"programmes": programmes if rows else [], "total": len(rows), "over": over, "sites": rows}


def _reach(clusters: list[Row], *, sites: bool, compared: bool) -> Row:
    shares = (5_200, 2_600, 1_400, 500, 0)
    classes = [
        {"class": name, **figure(6 * many, many, 90), "before": figure(5 * many, many, 60) if compared else None}
        for name, many in zip(CLASSES, shares, strict=True)
    ]
    whole, near, far = figure(58_200, 9_700, 900), figure(46_800, 7_800, 700), figure(11_400, 1_900, 200)
    sets = [(["PKH", "Sembako"], 5_000), (["PKH"], 2_800), (["Sembako"], 1_200), ([], 700)]
    areas = [
        {"code": f"647201000{at}", "name": f"Kelurahan {at}", "level": "village", "n": 10 + at, "parent": "6472010"}
        | {"lon": WEST + 0.01 * at, "lat": SOUTH, "measured": "blocks"}
        | figure(800, 130, 14)
        | {"reached": figure(500, 80, 9), "beyond": figure(300, 50, 5)}
        for at in range(3)
    ]
    return {
        "programmes": _of_sites([])["programmes"],
        "families": whole,
        "classes": classes if sites else [],
        "reached": near if sites else figure(0, 0, 0),
        "beyond": far if sites else whole,
        "overlap": [{"programmes": list(of), **figure(6 * many, many, 100)} for of, many in sets] if sites else [],
        "clusters": [
            {
                "cluster": row["cluster"],
                "class": row["served"][0]["class"] if sites else None,
                "without_site": bool(row["without_site"]) or not sites,
            }
            for row in clusters
        ],
        "same_table": None,
        "before": None,
        "areas": areas,
    }


def _placements(many: int) -> Row:
    rows = [
        {"place": n, "n": n, "lon": WEST + 0.03 * (n % 5) + 0.01, "lat": SOUTH + 0.031 * (n // 5 + n % 4) + 0.01}
        | {"places": ["Lempake", "Tanah Merah"][: 1 + n % 2], "poor_gained": 640 // n, "error": 61.0 / n}
        | {"share_of_all": round(0.066 / n, 4)}
        for n in range(1, many + 1)
    ]
    covered = {"before": 7_800, "after": 7_800 + sum(row["poor_gained"] for row in rows), "error": 140.1, "of": 9_700}
    made = {"method": "cover", "sites": many, "solver": "HiGHS", "optimal": True, "gap": 0.0, "bound": 9_000.0}
    made |= {"seconds_limit": 20, "candidates": 812, "points": 1_420}
    return made | {"covered": covered, "placements": rows}


def briefed(of: Told, language: str = "id", **more: Any) -> bytes:
    """The brief of what is told, as a PDF."""
    made = Brief(
        of,
        more.get("head", HEAD),
        ZoneInfo("Asia/Makassar"),
        more.get("outlines", outlines()),
        ADDRESS,
    )
    return brief.draw(made, Wording(language, locales.texts(language)))


def differing(of: Told, **changes: Row) -> Told:
    """What is told, with other values in one of its answers."""
    return replace(of, **{name: getattr(of, name) | change for name, change in changes.items()})


def union(names: list[str]) -> shapely.MultiPolygon:
    """The outline of cells given by name."""
    return h3cells.outline(np.array([h3cells.from_hex(name) for name in names], np.int64))


def crowded() -> Told:
    """More of everything than there is room for, under the longest of names."""
    of = told(13, placements=20, compared=True)
    rows = [*of.clusters["clusters"], *of.clusters["clusters"][:6]]
    for row in of.clusters["clusters"]:
        row["places"] = ["Kelurahan Simpang Tiga Sungai Pinang Dalam"] * 5
    site = of.sites["sites"][1] | {"fullness": "over", "name": "Pos Pelayanan Terpadu Simpang Tiga Sungai Pinang Dalam"}
    sets = [row | {"programmes": ["PBI-JKN", "PKH", "Puskesmas", "Sembako"]} for row in of.reach["overlap"]] * 3
    return differing(
        of,
        head={"within": WITHIN | {"name": "Kabupaten Penukal Abab Lematang Ilir dan sekitarnya"}},
        clusters={"clusters": rows},
        sites={"sites": [site | {"site_id": f"PKH-{n}"} for n in range(40)], "total": 40, "programmes": [{}, {}]},
        reach={"overlap": sets},
    )
