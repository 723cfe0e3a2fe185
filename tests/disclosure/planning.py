"""Clusters, sites, reach and placements as the outsider sees them: sums of published leaves, and nothing beside them.

Everything is reckoned a second time from the lists of leaves that the same reader is shown, by other means: distances
by the haversine formula, sums by hand. Where that agrees, no answer can tell more than the release does. The tests are
run by `test_campaign`, where the city is played: a file of their own would play it again.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Any

import numpy as np
import pytest
import shapely

from geo.ground import cells as h3cells
from geo.publish.reach import CLASSES, LIMITS_KM
from tests.disclosure.city import VILLAGES
from tests.disclosure.doors import EVERYBODY, FIRST, LEAF, PUBLIC, SECOND, Door, Row
from tests.disclosure.sites import ANCHORS, MIDDLES, Put, planned, put, told
from tests.disclosure.stage import FINAL_RELEASE, Stage

EARTH_KM = 6371.0088
#: Releases looked at, and the one each is compared with.
COMPARED = {1: None, FINAL_RELEASE: 1}
#: Of a figure, what adds up.
ADDS = ("households", "poor", "draws", "expected")
#: Corners are told to a millionth of a degree.
CORNER = 1e-6


@dataclass(frozen=True)
class Asked:
    """One who asks about a release, within an area or not."""

    door: Door
    who: str
    release: int
    within: str | None = None

    @property
    def query(self) -> dict[str, Any]:
        return {} if self.within is None else {"within": self.within}

    def plan(self, path: str, **query: Any) -> Row:
        """What is told; it must be there."""
        found = told(self.door, path, self.who, self.release, **self.query, **query)
        assert found, (path, self, query)
        return found

    def leaves(
        self, system: str, resolution: int, *, everywhere: bool = False, release: int | None = None
    ) -> list[Row]:
        """The published leaves that this reader is shown, of one system."""
        query = {} if everywhere else self.query
        base = f"/v1/releases/{release or self.release}"
        if system == "block":
            rows = self.door.get(f"{base}/areas", self.who, level=LEAF, limit=1000, **query).json()["areas"]
        else:
            rows = self.door.get(f"{base}/cells", self.who, res=resolution, limit=10_000, **query).json()["cells"]
        return [row for row in rows if row["poor"] is not None]

    def sites(self, programme: str | None = None) -> dict[str, Row]:
        """The public list of sites."""
        rows: list[Row] = self.door.get("/v1/sites", self.who, limit=1000).json()["sites"]
        return {row["site_id"]: row for row in rows if programme in {None, row["programme"]}}


def everyone(door: Door) -> Iterable[Asked]:
    for release in COMPARED:
        for who in EVERYBODY:
            yield Asked(door, who, release)
        yield Asked(door, FIRST, release, VILLAGES[0])
        yield Asked(door, SECOND, release, "6472")


def kilometres(one: Row, other: Row) -> float:
    """The haversine formula."""
    x, y, to_x, to_y = (radians(v) for v in (one["lon"], one["lat"], other["lon"], other["lat"]))
    return 2 * EARTH_KM * asin(sqrt(sin((to_y - y) / 2) ** 2 + cos(y) * cos(to_y) * sin((to_x - x) / 2) ** 2))


def nearest(leaf: Row, sites: Sequence[Row]) -> tuple[float, str]:
    return min((kilometres(leaf, site), site["site_id"]) for site in sites)


def class_of(km: float) -> str:
    return CLASSES[sum(km >= limit for limit in LIMITS_KM)]


def summed(rows: Iterable[Row]) -> dict[str, int | None]:
    """What leaves add up to; the number expected is not known where that of a leaf is not."""
    listed = list(rows)
    found: dict[str, int | None] = {name: sum(row[name] for row in listed) for name in ADDS[:3]}
    known = [row["expected"] for row in listed]
    return found | {"expected": None if None in known else sum(known)}


def adds(row: Row) -> dict[str, int | None]:
    return {name: row[name] for name in ADDS}


def by(leaves: Sequence[Row], keys: Iterable[Any]) -> dict[Any, list[Row]]:
    """Leaves by a key, of each one."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for leaf, key in zip(leaves, keys, strict=True):
        found[key].append(leaf)
    return found


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("programme", "km"), [(MIDDLES, 1), (ANCHORS, 2), (None, 5)])
def test_reach_is_a_sum_of_leaves(door: Door, programme: str | None, km: int) -> None:
    for asked in everyone(door):
        query = {"km": km} | ({"programme": programme} if programme else {})
        earlier = COMPARED[asked.release]
        said = asked.plan("reach", **query, **({"with": earlier} if earlier else {}))
        sites = list(asked.sites(programme).values())
        for release, part in ((asked.release, "now"), (earlier, "before")):
            if release is None:
                continue
            leaves = asked.leaves(said["system"], said["resolution"], release=release)
            classes = by(leaves, [class_of(nearest(leaf, sites)[0]) for leaf in leaves])
            for row in said["classes"]:
                figure = row if part == "now" else row["before"]
                assert adds(figure) == summed(classes[row["class"]]), (asked, row["class"], part)
            within = [row["class"] for row in said["classes"]][: LIMITS_KM.index(km) + 1]
            sums = said if part == "now" else said["before"]
            assert adds(sums["reached"]) == summed(row for name in within for row in classes[name])
            assert adds(sums["beyond"]) == summed(row for name in set(CLASSES) - set(within) for row in classes[name])
        overlap(asked, said, km)


def overlap(asked: Asked, said: Row, km: int) -> None:
    leaves, every = asked.leaves(said["system"], said["resolution"]), list(asked.sites().values())
    sites = by(every, [row["programme"] for row in every])
    assert sites.keys() >= {MIDDLES, ANCHORS}
    of = by(leaves, [frozenset(n for n, rows in sites.items() if nearest(leaf, rows)[0] < km) for leaf in leaves])
    assert {frozenset(row["programmes"]): adds(row) for row in said["overlap"]} == {k: summed(v) for k, v in of.items()}


@pytest.mark.parametrize("km", [1, 5, None])
def test_what_comes_to_a_site_is_a_sum_of_leaves(door: Door, km: int | None) -> None:
    for asked in everyone(door):
        said = asked.plan("sites", programme=MIDDLES, **({"km": km} if km else {}))
        leaves = asked.leaves(said["system"], said["resolution"], everywhere=True)
        sites = list(asked.sites(MIDDLES).values())
        near = [nearest(leaf, sites) for leaf in leaves]
        of = by(leaves, [name if km is None or away < km else None for away, name in near])
        assert said["sites"]
        for row in said["sites"]:
            assert adds(row) == summed(of[row["site_id"]]), (asked, row["site_id"])
            assert not {"distance", "km", "metres"} & set(row)


def test_clusters_are_sums_of_cells(door: Door) -> None:
    found = 0
    for asked in everyone(door):
        earlier = COMPARED[asked.release]
        said = asked.plan("clusters", **({"with": earlier} if earlier else {}))
        cells = {row["cell"]: row for row in asked.leaves("cell", said["resolution"])}
        before = {c["cell"]: c for c in asked.leaves("cell", said["resolution"], release=earlier)} if earlier else {}
        assert adds(said["families"]) == summed(cells.values())
        for row in said["clusters"] + said["gone"]:
            assert adds(row) == summed(cells[cell] for cell in row["cells"])
            if earlier:
                assert adds(row["before"]) == summed(before[cell] for cell in row["cells"] if cell in before)
        found += len(said["clusters"])
        inside = [cell for row in said["clusters"] for cell in row["cells"]]
        assert adds(said["inside"]) == summed(cells[cell] for cell in inside)
        by_leaf = {row["cell"]: row for row in asked.plan("clusters/leaves")["leaves"]}
        assert by_leaf.keys() == cells.keys()
        assert {cell for cell, row in by_leaf.items() if row["cluster"]} == set(inside)
        assert all(adds(row) == adds(cells[cell]) for cell, row in by_leaf.items())
    assert found, "the poor quarters are found"


def test_villages_are_sums_of_those_reached_and_those_beyond(door: Door) -> None:
    for asked in everyone(door):
        said = asked.plan("reach", programme=MIDDLES, km=1, level="village")
        whole = {row["code"]: row for row in asked.door.areas(asked.release, "village", asked.who, **asked.query)}
        for row in said["areas"]:
            assert adds(row) == adds(whole[row["code"]])
            assert {n: (row["reached"][n] or 0) + (row["beyond"][n] or 0) for n in ADDS[:3]} == {
                n: row[n] for n in ADDS[:3]}  # fmt: skip


def test_placements_stand_on_leaves_and_gain_what_is_published_of_them(door: Door) -> None:
    for asked in everyone(door):
        if asked.who == PUBLIC:
            answer = asked.door.get(f"/v1/releases/{asked.release}/placements", programme=MIDDLES, km=1)
            assert answer.status_code == 401
            continue
        said = asked.plan("placements", programme=MIDDLES, km=1, sites=2, method="cover")
        leaves = asked.leaves(said["system"], said["resolution"])
        points = {(leaf["lon"], leaf["lat"]) for leaf in leaves}
        sites = list(asked.sites(MIDDLES).values())
        for row in said["placements"]:
            assert (row["lon"], row["lat"]) in points
            new = [leaf for leaf in leaves if kilometres(leaf, row) < 1 <= nearest(leaf, sites)[0]]
            assert row["poor_gained"] == max(sum(leaf["poor"] for leaf in new), 0)
            sites.append(row | {"site_id": "~"})


# ── outlines ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_outlines_are_unions_of_at_least_three_cells_of_thirty_households(door: Door) -> None:
    seen = 0
    for asked in everyone(door):
        rows = {row["n"]: row for row in asked.plan("clusters")["clusters"]}
        drawn = told(asked.door, "clusters", asked.who, asked.release, format="geojson", **asked.query)["features"]
        assert {feature["id"] for feature in drawn} == set(rows)
        for feature in drawn:
            row, shape = rows[feature["id"]], shapely.from_geojson(json.dumps(feature["geometry"]))
            hexagons = h3cells.boundaries(np.array([h3cells.from_hex(cell) for cell in row["cells"]], np.int64))
            assert len(row["cells"]) >= 3
            assert row["households"] >= 30
            corners = {grid(*at) for at in shapely.get_coordinates(hexagons).tolist()}
            assert {grid(*at) for at in shapely.get_coordinates(shape).tolist()} <= corners
            assert shape.area == pytest.approx(sum(shapely.area(hexagons)), rel=1e-4)
            seen += 1
    assert seen


def grid(lon: float, lat: float) -> tuple[int, int]:
    return round(lon / CORNER), round(lat / CORNER)


def test_files_of_programmes_hold_no_cell_of_others_and_no_family(door: Door, played: Stage) -> None:
    path = f"/v1/releases/{FINAL_RELEASE}/programmes.gpkg"
    files = {who: door.get(path, who, km=1).content for who in EVERYBODY}
    own = [{f"{block.cell:x}".encode() for block in played.city.blocks if block.village == n} for n in (0, 1)]
    assert all(cell in files[FIRST] for cell in own[0])
    assert all(cell in files[SECOND] for cell in own[1])
    for who, others in ((FIRST, own[1]), (SECOND, own[0]), (PUBLIC, own[0] | own[1])):
        assert not any(cell in files[who] for cell in others), who
        assert not any(family.name.encode() in files[who] for family in played.city.families)


# ── those who bring sites ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_local_government_brings_no_site_of_another_and_changes_none(door: Door, played: Stage) -> None:
    theirs = planned(played.city, 1)
    before = door.get("/v1/sites").json()
    moved = [Put(one.site_id, one.programme, one.lon + 0.001, one.lat, 1) for one in theirs]
    answer = put(door, FIRST, [*moved, Put("baru", MIDDLES, theirs[0].lon, theirs[0].lat)]).json()
    assert {row["reason"] for row in answer["results"]} == {"OUTSIDE_SCOPE"}
    assert door.get("/v1/sites").json() == before


def test_an_import_does_not_tell_whether_a_family_is_there(door: Door, played: Stage) -> None:
    """Not by its id, nor by what stands beside its point; and a list of families is refused, whoever is on it."""
    family = next(f for f in played.city.families if f.block.village == 0)
    answers = []
    for name in (family.name, "K-99-9-99"):
        one = Put(name, "Uji", family.lon, family.lat)
        answers.append(put(door, FIRST, [one], dry_run=True).text.replace(name, ""))
    assert _steady(answers[0]) == _steady(answers[1])
    for name in (family.name, "nobody"):
        body = f"household_id,lon,lat\n{name},{family.lon},{family.lat}\n".encode()
        said = door.clients[FIRST].post("/v1/sites", content=body, headers={"Content-Type": "text/csv"})
        assert said.status_code == 422
        assert said.json()["type"].endswith("household-list")
        assert name not in said.text


def _steady(text: str) -> str:
    """Without the digest of what was sent."""
    return json.dumps(json.loads(text) | {"body_sha256": ""})
