"""Clusters, sites, reach and proposed places as they are told: the rows of the routes, and of files and briefs alike.

Pure functions of a `Basis` and of what was calculated from it. Every figure is a sum of published leaves, in the words
of `published.figure`; a distance is told as its class and never in metres.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.ground import cells as h3cells
from geo.publish import compare, published, reach
from geo.publish.clusters import QUADRANTS, REASONS, STATES, TESTED, Found
from geo.publish.leaves import UNKNOWN, Leaves, Whole
from geo.publish.placing import Placed
from geo.publish.programmes import Areas, Basis
from geo.publish.published import Row
from geo.publish.reach import CLASSES, NO_CLASS, Places, Sums
from geo.schema_release import LEAF

#: Names of villages that are told of one place, most families first.
MOST_NAMES = 5

#: Length of a degree of latitude, kilometres.
_DEGREE_KM = math.pi * reach.EARTH_KM / 180


def head(basis: Basis) -> Row:
    """What every answer says beside its rows and the release's head."""
    asked = basis.question
    return {
        "within": basis.within,
        "programme": asked.programme,
        "km": asked.km,
        "sites_version": basis.sites.version,
        "sites_recorded_at": basis.sites.recorded_at,
    }


# ── clusters ──────────────────────────────────────────────────────────────────────────────────────────────────────


def clusters(basis: Basis, found: Found, before: Found | None = None) -> Row:
    """Clusters, those of the earlier release that are gone, how they were found and what stands in them.

    `before` is what was found in the earlier release of `basis`, if one is compared with.
    """
    cells, old = basis.cells, basis.earlier
    compared = old is not None and before is not None
    was = set() if old is None or before is None else set(old.cells.key[before.cluster > 0].tolist())
    now = set(cells.key[found.cluster > 0].tolist())
    of = [np.array(one.positions, np.int64) for one in found.clusters]
    rows = []
    for one, positions, served in zip(found.clusters, of, _served(basis, of), strict=True):
        row = _cluster(basis, cells, one.number, positions) | _figure(cells, positions)
        row |= {name: getattr(one, name) for name in ("excess", "excess_error", "agree", "sure")} | served
        state = None if not compared else "still" if was & set(cells.key[positions].tolist()) else "new"
        rows.append(row | {"state": state, "before": None if old is None else _at(old.cells, cells.key[positions])})
    gone = []
    for one in before.clusters if old is not None and before is not None else ():
        keys = old.cells.key[np.array(one.positions, np.int64)] if old is not None else cells.key[:0]
        if old is not None and not now & set(keys.tolist()):
            row = _cluster(basis, old.cells, one.number, np.array(one.positions, np.int64))
            gone.append(row | _at(cells, keys) | {"before": _at(old.cells, keys)})
    return {
        "system": cells.system,
        "resolution": cells.resolution,
        "method": found.method,
        "tested": found.tested,
        "untested": found.untested,
        "too_small": found.too_small,
        "families": _figure(cells, np.arange(len(cells))),
        "inside": _figure(cells, np.flatnonzero(found.cluster > 0)),
        **_compared(basis),
        "clusters": rows,
        "gone": gone,
    }


def leaves(basis: Basis, found: Found) -> Row:
    """Every cell that was looked at: its figure, what it is, and in which cluster it lies."""
    cells = basis.cells
    alone = reach.reached(cells, np.arange(len(cells)), len(cells))
    rows = []
    for at, n in enumerate(h3cells.feature_ids(cells.key, cells.resolution).tolist()):
        rows.append(
            {"cell": h3cells.to_hex(cells.key[at]), "n": n, **_point(cells.lon[at], cells.lat[at])}
            | _told(alone, at)
            | {
                "state": STATES[found.state[at]],
                "why": None if found.reason[at] == TESTED else REASONS[found.reason[at]],
                "z": _number(found.z[at], 3),
                "p": _number(found.p[at], 5),
                "moran": QUADRANTS[found.moran[at]],
                "cluster": str(found.cluster[at]) if found.cluster[at] else None,
            }
        )
    return {"system": cells.system, "resolution": cells.resolution, "total": len(rows), "leaves": rows}


def cluster_shapes(cells: Leaves, found: Found) -> dict[int, str]:
    """Outlines of clusters by number, as GeoJSON text, EPSG:4326: unions of cells."""
    return {one.number: _geojson(h3cells.outline(cells.key[list(one.positions)])) for one in found.clusters}


def leaf_shapes(cells: Leaves) -> dict[int, str]:
    """Hexagons of cells by feature id, as GeoJSON text, EPSG:4326."""
    shapes = h3cells.boundaries(cells.key)
    ids = h3cells.feature_ids(cells.key, cells.resolution).tolist()
    return {n: _geojson(shape) for n, shape in zip(ids, shapes.tolist(), strict=True)}


def _cluster(basis: Basis, cells: Leaves, number: int, positions: Whole) -> Row:
    keys = cells.key[positions]
    shape = h3cells.outline(keys)
    point = shape.representative_point()
    return {
        "cluster": str(number),
        "n": number,
        "cells": [h3cells.to_hex(key) for key in keys.tolist()],
        "km2": round(shape.area * _DEGREE_KM**2 * math.cos(math.radians(point.y)), 1),
        "places": _names(basis, cells, positions),
        **_point(point.x, point.y),
    }


def _served(basis: Basis, of: Sequence[Whole]) -> Iterable[Row]:
    """For each cluster the class of the nearest site by programme, and the programmes without one within reach."""
    places = basis.asked
    if not of or not len(places):
        return [{"served": [], "without_site": []} for _ in of]
    found = reach.cluster_reach(basis.cells, places, of)
    missing = found.without_site(basis.km)
    told = []
    for at in range(len(of)):
        served = [
            {"programme": name, "class": CLASSES[found.nearest[at, i]]} for i, name in enumerate(found.programmes)
        ]
        without = [name for i, name in enumerate(found.programmes) if missing[at, i]]
        told.append({"served": served, "without_site": without})
    return told


def _names(basis: Basis, cells: Leaves, positions: Whole) -> list[str]:
    """Villages in which cells lie, most families first. A cell's families are spread evenly over its leaf cells."""
    spots, numbers = basis.spots
    above = spots if cells.resolution == LEAF else h3cells.parents(spots, cells.resolution)
    village = basis.villages.of(numbers)
    weights: dict[int, float] = {}
    for position in positions.tolist():
        lying = village[above == cells.key[position]]
        for at in lying[lying >= 0].tolist():
            weights[at] = weights.get(at, 0.0) + (float(cells.n[position]) + 1e-9) / len(lying)
    first = sorted(weights, key=lambda at: (-weights[at], at))[:MOST_NAMES]
    return [str(basis.villages.rows[at]["name"]) for at in first]


# ── sites ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def sites(basis: Basis) -> Row:
    """Sites that lie in the area or are the nearest to a leaf of it, with what comes to each and whether it is full."""
    asked, km = basis.asked, basis.question.km
    load = reach.loads(basis.every, asked, km)
    near = reach.loads(basis.leaves, asked, km).leaves > 0
    room = asked.capacity if basis.every.system == "block" else np.full_like(asked.capacity, UNKNOWN)
    full = reach.fullness(load, room)  # a cell of five square kilometres may hold many sites: it fills one of them
    rows = []
    for at, site_id in enumerate(asked.ids):
        inside = site_id in basis.inside
        if not (inside or near[at]):
            continue
        site = basis.sites.by_id[site_id]
        said = {"site_id": site_id, "programme": site.programme, "kind": site.kind, "name": site.name, "n": site.n}
        said |= _point(site.lon, site.lat) | {"capacity": site.capacity, "inside": inside}
        rows.append(said | _told(load, at) | {"fullness": full[at]})
    return {
        "system": basis.every.system,
        "resolution": basis.every.resolution,
        "programmes": programmes(basis),
        "total": sum(row["inside"] for row in rows),
        "over": sum(row["inside"] and row["fullness"] == "over" for row in rows),
        "sites": rows,
    }


def programmes(basis: Basis) -> list[Row]:
    """Every programme of the list, by name, with its sites in the area asked about."""
    found = []
    for name in basis.sites.programmes:
        all_of_it = basis.sites.of(name)
        own = [site for site in all_of_it if site.site_id in basis.inside]
        known = [site.capacity for site in own if site.capacity is not None]
        kinds = sorted({site.kind for site in all_of_it if site.kind})
        capacity = sum(known) if known else None
        found.append({"programme": name, "kinds": kinds, "sites": len(own), "capacity": capacity})
    return found


# ── reach ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def reached(basis: Basis, found: Found) -> Row:
    """Families by the class of the nearest site, within the distance and beyond, and by programmes together."""
    here, asked, km = basis.leaves, basis.asked, basis.km
    old = basis.earlier
    now, then = _by_class(here, asked), _by_class(old.leaves, asked) if old else None
    classes = [{"class": name, **now[at], "before": then[at] if then else None} for at, name in enumerate(CLASSES)]
    names, sums = reach.overlap(here, basis.places, km)
    both = [{"programmes": list(of), **_told(sums, at)} for at, of in enumerate(names)]
    return {
        "system": here.system,
        "resolution": here.resolution,
        "programmes": programmes(basis),
        "families": _figure(here, np.arange(len(here))),
        "classes": classes if len(asked) else [],
        **_within(here, asked, km),
        "overlap": both if len(basis.places) else [],
        "clusters": _near_clusters(basis, found),
        **_compared(basis),
        "before": _within(old.leaves, asked, km) if old else None,
    }


def by_area(basis: Basis, of: Areas) -> list[Row]:
    """Areas with the families within the distance and beyond, most poor families beyond first.

    An area of which all blocks are seen is added up of them; else all of it counts by a point inside of it.
    """
    here, asked = basis.leaves, basis.asked
    many = len(of.rows)
    held = of.of(here.key) if here.system == "block" else np.full(len(here), -1, np.int64)
    near = reach.within(reach.classes(here, asked), basis.km)
    added = [reach.reached(here, np.where(near == which, held, -1), many) for which in (True, False)]
    points = _points(of)
    close = reach.within(reach.classes(points, asked), basis.km)
    rows = []
    for at, row in enumerate(of.rows):
        whole = published.figure(of.parts[at])
        seen = int(added[0].leaves[at] + added[1].leaves[at])
        if seen and seen == of.blocks[at]:
            parts = [_told(sums, at) for sums in added]
            told = {"measured": "blocks", **whole, "reached": parts[0], "beyond": parts[1]}
        else:
            nobody = _figure(here, np.zeros(0, np.int64))
            one, other = (whole, nobody) if close[at] else (nobody, whole)
            told = {"measured": "point", **whole, "reached": one, "beyond": other}
        rows.append(row | told)
    return sorted(rows, key=lambda row: (-(row["beyond"]["poor"] or 0), row["n"]))


def _by_class(leaves: Leaves, places: Places) -> list[Row]:
    of = reach.classes(leaves, places)
    sums = reach.reached(leaves, np.where(of == NO_CLASS, -1, of), len(CLASSES))
    return [_told(sums, at) for at in range(len(CLASSES))]


def _within(leaves: Leaves, places: Places, km: int) -> Row:
    near = reach.within(reach.classes(leaves, places), km)
    return {"reached": _figure(leaves, np.flatnonzero(near)), "beyond": _figure(leaves, np.flatnonzero(~near))}


def _near_clusters(basis: Basis, found: Found) -> list[Row]:
    """The class of the nearest site of the programme asked about, or of any, for each cluster."""
    near, last = reach.classes(basis.cells, basis.asked), reach.limit(basis.km)
    rows = []
    for one in found.clusters:
        best = int(near[list(one.positions)].min())
        missing = best == NO_CLASS or best > last
        name = None if best == NO_CLASS else CLASSES[best]
        rows.append({"cluster": str(one.number), "class": name, "without_site": missing})
    return rows


# ── proposed places ───────────────────────────────────────────────────────────────────────────────────────────────


def placements(basis: Basis, placed: Placed) -> Row:
    """Places for new sites in the order in which they gain most, and who would be reached before and after.

    They are chosen by `reach.demand`, where no leaf is below zero; what is told of them are published sums, as
    everywhere, so that they agree with `reached`.
    """
    here, asked, km = basis.leaves, basis.asked, basis.km
    chosen = basis.candidates[list(placed.chosen)]
    near = reach.within(reach.classes(here, asked), km)
    before, total = _poor(here, near), _poor(here, np.ones(len(here), bool))
    rows = []
    for place, position in enumerate(chosen.tolist(), 1):
        new = _near_to(here, position, km) & ~near
        near = near | new
        gained = _poor(here, new)
        rows.append(
            {
                "place": place,
                "n": place,
                **_point(here.lon[position], here.lat[position]),
                "places": _around(basis, position),
                "poor_gained": gained,
                "error": published.error(int(here.draws[new].sum())),
                "share_of_all": round(gained / total, 4) if total else None,
            }
        )
    covered = {"before": before, "after": _poor(here, near), "of": total}
    told = {name: getattr(placed, name) for name in _PLACED}
    return {
        "system": here.system,
        "resolution": here.resolution,
        "method": basis.question.method,
        "sites": basis.question.new_sites,
        **told,
        "covered": covered | {"error": published.error(int(here.draws[near].sum()))},
        "placements": rows,
    }


_PLACED = ("solver", "optimal", "gap", "bound", "seconds_limit", "candidates", "points")


def _poor(leaves: Leaves, these: NDArray[np.bool_]) -> int:
    """Published poor families of some leaves together, as a number that can be."""
    return max(int(leaves.value[these].sum()), 0)


def _near_to(leaves: Leaves, position: int, km: int) -> NDArray[np.bool_]:
    one = np.array([position])
    unknown = np.array([-1], np.int64)
    return reach.within(reach.classes(leaves, Places(("",), ("",), leaves.lon[one], leaves.lat[one], unknown)), km)


def _around(basis: Basis, position: int) -> list[str]:
    leaves = basis.leaves
    if leaves.system == "cell":
        return _names(basis, leaves, np.array([position]))
    at = int(basis.villages.of(leaves.key[[position]])[0])
    return [str(basis.villages.rows[at]["name"])] if at >= 0 else []


# ── figures and shapes ────────────────────────────────────────────────────────────────────────────────────────────


def _figure(leaves: Leaves, positions: Whole) -> Row:
    groups = np.full(len(leaves), -1, np.int64)
    groups[positions] = 0
    return _told(reach.reached(leaves, groups, 1), 0)


def _told(sums: Sums, group: int) -> Row:
    """The figure of a group; where no leaf is in it there is nothing to be said beside it."""
    figure = published.figure(sums.parts(group))
    return figure if sums.leaves[group] else figure | {"notes": []}


def _at(leaves: Leaves, keys: Whole) -> Row:
    """The figure of the leaves with these keys."""
    return _figure(leaves, np.flatnonzero(np.isin(leaves.key, keys)))


def _compared(basis: Basis) -> Row:
    old = basis.earlier
    return {
        "before_release": old.sealed.head if old else None,
        "same_table": compare.same_table(old.sealed, basis.sealed) if old else None,
    }


def _points(of: Areas) -> Places:
    """A point inside each area, as places."""
    lon, lat = (np.array([row[axis] for row in of.rows], np.float64) for axis in ("lon", "lat"))
    names = tuple(str(row["n"]) for row in of.rows)
    return Places(names, names, lon, lat, np.full(len(names), -1, np.int64))


def _point(lon: float, lat: float) -> Row:
    return {"lon": round(float(lon), 6), "lat": round(float(lat), 6)}


def _number(value: float, digits: int) -> float | None:
    return None if math.isnan(value) else round(float(value), digits)


def _geojson(shape: shapely.Geometry) -> str:
    return str(shapely.to_geojson(shapely.set_precision(shape, 1e-6, mode="pointwise")))
