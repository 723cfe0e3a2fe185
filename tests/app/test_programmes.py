"""Clusters, sites, reach and proposed places as they are asked for: who is told what, of what it is made, and how."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from pydantic import BaseModel

from app.database import Database, Logins
from app.main import create_app
from app.programme_answers import ClustersOut, LeavesOut, OverlaySitesOut, PlacementsOut, ReachOut
from app.settings import Settings
from geo.ground import cells
from geo.publish.leaves import Leaves
from geo.publish.published import FIGURE
from geo.publish.reach import CLASSES
from tests.app.asking import ask, living
from tests.app.callers import more_people
from tests.app.published import FIELD, FINAL, publish
from tests.app.reading import PLACED, Row, layer_of, rows_of
from tests.app.sited import AROUND_KM, FAMILIES, FAR, LASTING, PASSING, SITES, lay_clusters, place_sites
from tests.conftest import Service
from tests.world import BLOCKS, VILLAGES, submission

AT = f"/v1/releases/{FINAL}"
#: Path, list of rows, model.
ANSWERS: dict[str, tuple[str, str, type[BaseModel]]] = {
    "clusters": (f"{AT}/clusters?with={FIELD}", "clusters", ClustersOut),
    "leaves": (f"{AT}/clusters/leaves", "leaves", LeavesOut),
    "sites": (f"{AT}/sites", "sites", OverlaySitesOut),
    "reach": (f"{AT}/reach?programme=PKH&with={FIELD}", "classes", ReachOut),
    "villages": (f"{AT}/reach?programme=PKH&level=village&km=1", "areas", ReachOut),
    "placements": (f"{AT}/placements?programme=Sembako&km=1&sites=2", "placements", PlacementsOut),
}
OPEN = [name for name in ANSWERS if name != "placements"]
FILES = [f"{AT}/programmes.{kind}?programme=Puskesmas&version=1&with={FIELD}" for kind in ("xlsx", "gpkg", "pdf")]
GOVERNMENT = "local_government"


@pytest.fixture(scope="module")
def overlaid(service: Service) -> Service:
    """Two releases, sites in two versions, and cells in which the poor live together."""
    publish(service.logins)
    place_sites(service.logins)
    lay_clusters(service.logins)
    tokens = asyncio.run(more_people(service.logins, ["both_sides", "expired"]))
    made = replace(service, tokens=service.tokens | tokens)
    for who in (None, GOVERNMENT):  # the process that calculates loads its libraries once, and that may take a while
        with made.client(who) as client:
            assert client.get(ANSWERS["clusters"][0], timeout=120).status_code == 200
    return made


def get(service: Service, path: str, who: str | None = None, **headers: str) -> Any:
    with service.client(who) as client:
        return client.get(path, headers=headers)


def told(service: Service, name: str, who: str | None = None, more: str = "") -> Row:
    """A whole answer, held against its model."""
    path, _, model = ANSWERS[name]
    answer = get(service, path + more, who)
    assert answer.status_code == 200, answer.text
    model.model_validate_json(answer.content)
    found: Row = answer.json()
    return found


def added(rows: list[Row], parts: tuple[str, ...] = ("households", "poor", "draws", "expected")) -> Row:
    return {part: sum(row[part] for row in rows) for part in parts}


def at(rows: list[Row], place: tuple[float, float]) -> Row:
    """The one cluster of the rows that lies around a place."""
    (found,) = (row for row in rows if np.hypot(row["lon"] - place[0], row["lat"] - place[1]) * 111.2 < AROUND_KM)
    return found


# ── clusters ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", [None, GOVERNMENT])
def test_clusters_are_sums_of_published_cells(overlaid: Service, who: str | None) -> None:
    said, leaves = told(overlaid, "clusters", who), told(overlaid, "leaves", who)
    resolution = 8 if who else 7
    assert said["resolution"] == leaves["resolution"] == resolution
    released = get(overlaid, f"{AT}/cells?res={resolution}", who).json()["cells"]
    by_cell = {row["cell"]: row for row in released}
    for row in leaves["leaves"]:
        assert {part: row[part] for part in FIGURE} == {part: by_cell[row["cell"]][part] for part in FIGURE}
    assert said["clusters"]
    for cluster in said["clusters"]:
        assert added([cluster]) == added([by_cell[cell] for cell in cluster["cells"]])
        assert {row["cluster"] for row in leaves["leaves"] if row["cell"] in cluster["cells"]} == {cluster["cluster"]}
    assert added([said["families"]]) == added(leaves["leaves"])
    assert added([said["inside"]]) == added(said["clusters"])
    assert said["tested"] + sum(said["untested"].values()) == leaves["total"] == len(leaves["leaves"])


def test_what_stays_and_what_went(overlaid: Service) -> None:
    said = told(overlaid, "clusters", GOVERNMENT)
    still, gone = at(said["clusters"], LASTING), at(said["gone"], PASSING)
    assert still["state"] == "still"
    assert still["before"]["households"] == still["households"] == FAMILIES * len(still["cells"])
    assert gone["poor"] < gone["before"]["poor"]
    assert (said["before_release"]["release"], said["same_table"]) == (FIELD, False)
    alone = get(overlaid, f"{AT}/clusters", GOVERNMENT).json()
    assert {(row["state"], row["before"]) for row in alone["clusters"]} == {(None, None)}
    assert at(alone["clusters"], LASTING)["cells"] == still["cells"]
    earlier = get(overlaid, f"/v1/releases/{FIELD}/clusters", GOVERNMENT).json()
    assert at(earlier["clusters"], PASSING)["cells"] == gone["cells"]


def test_an_outline_is_the_union_of_cells(overlaid: Service) -> None:
    features = get(overlaid, f"{AT}/clusters?format=geojson", GOVERNMENT).json()["features"]
    feature = next(one for one in features if one["properties"]["households"] % FAMILIES == 0)
    shape = shapely.from_geojson(json.dumps(feature["geometry"]))
    own = cells.boundaries(np.array([cells.from_hex(cell) for cell in feature["properties"]["cells"]], np.int64))
    assert shapely.area(shapely.symmetric_difference(shape, shapely.union_all(own))) < 1e-7
    corners = shapely.MultiPoint(np.concatenate([shapely.get_coordinates(one) for one in own]))
    assert max(shapely.distance(shapely.points(shapely.get_coordinates(shape)), corners)) < 1e-5
    assert feature["properties"]["places"] == ["Kampung 2"], "all cells of the country are the last block's"


def test_sites_near_a_cluster(overlaid: Service) -> None:
    cluster = at(told(overlaid, "clusters", GOVERNMENT)["clusters"], LASTING)
    assert cluster["served"] == [{"programme": "PKH", "class": ">10"}, {"programme": "Sembako", "class": ">10"}]
    assert cluster["without_site"] == ["PKH", "Sembako"]
    one = at(told(overlaid, "clusters", GOVERNMENT, "&programme=PKH")["clusters"], LASTING)
    assert one["without_site"] == ["PKH"]
    none = at(told(overlaid, "clusters", GOVERNMENT, "&version=0")["clusters"], LASTING)
    assert (none["served"], none["without_site"]) == ([], [])


# ── sites and reach ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_comes_to_a_site_is_a_sum_of_blocks(overlaid: Service) -> None:
    blocks = get(overlaid, f"{AT}/areas?level=block", GOVERNMENT).json()["areas"]
    said = told(overlaid, "sites", GOVERNMENT)
    assert (said["system"], said["sites_version"], said["total"], said["over"]) == ("block", 2, 3, 1)
    post, far, shop = said["sites"]
    assert [row["site_id"] for row in said["sites"]] == [site[0] for site in SITES]
    assert added([post]) == added(blocks) == added([shop]), "all are nearer to the first of the two posts"
    assert (post["fullness"], shop["fullness"]) == ("over", "unknown")
    assert (far["households"], far["notes"]) == (0, [])
    near = told(overlaid, "sites", GOVERNMENT, "?km=1&programme=Sembako")["sites"]
    assert added(near) == added(blocks), "the world is 1.3 km wide"
    part = told(overlaid, "sites", GOVERNMENT, f"?within={BLOCKS[0].code}")
    inside = {row["site_id"]: row["inside"] for row in part["sites"]}
    assert inside == {"PKH-1": True, "SHOP-1": False}, "the nearest shop lies elsewhere"
    assert added(part["sites"][:1]) == added(blocks), "it serves others too"
    old = told(overlaid, "sites", GOVERNMENT, "?version=1")
    assert [row["site_id"] for row in old["sites"]] == [FAR[0]]


@pytest.mark.parametrize("who", [None, GOVERNMENT])
def test_reach_divides_all_families(overlaid: Service, who: str | None) -> None:
    said = told(overlaid, "reach", who)
    assert [row["class"] for row in said["classes"]] == list(CLASSES)
    whole = added([said["families"]])
    assert added(said["classes"]) == added([said["reached"], said["beyond"]]) == added(said["overlap"]) == whole
    assert added([row["before"] for row in said["classes"]]) == added(list(said["before"].values()))
    assert said["system"] == ("block" if who else "cell")
    assert {tuple(row["programmes"]) for row in said["overlap"]} <= {("PKH", "Sembako"), ("PKH",), ("Sembako",), ()}
    clusters = {row["cluster"]: row for row in told(overlaid, "clusters", who)["clusters"]}
    assert {row["cluster"] for row in said["clusters"]} == set(clusters)
    for row in said["clusters"]:
        assert {"programme": "PKH", "class": row["class"]} in clusters[row["cluster"]]["served"]
        assert row["without_site"] is ("PKH" in clusters[row["cluster"]]["without_site"])
    none = get(overlaid, f"{AT}/reach?version=0", who).json()
    assert (none["classes"], none["overlap"], none["programmes"]) == ([], [], [])
    assert added([none["beyond"]]) == whole


def test_villages_by_whom_nobody_reaches(overlaid: Service) -> None:
    areas = {row["code"]: row for row in get(overlaid, f"{AT}/areas").json()["areas"]}
    for who, measured in ((None, "point"), (GOVERNMENT, "blocks")):
        rows = told(overlaid, "villages", who)["areas"]
        assert {row["code"]: row["measured"] for row in rows} == dict.fromkeys(VILLAGES, measured)
        for row in rows:
            assert {part: row[part] for part in FIGURE} == {part: areas[row["code"]][part] for part in FIGURE}
            assert added([row["reached"], row["beyond"]]) == added([row])
        beyond = [row["beyond"]["poor"] for row in rows]
        assert beyond == sorted(beyond, reverse=True)
    # of both_sides' second village one block is seen, which says nothing of the village
    mixed = told(overlaid, "villages", "both_sides")["areas"]
    assert {row["code"]: row["measured"] for row in mixed} == {VILLAGES[0]: "blocks", VILLAGES[1]: "point"}


# ── proposed places ───────────────────────────────────────────────────────────────────────────────────────────────


def test_places_are_proposed_to_those_who_plan(overlaid: Service) -> None:
    said = told(overlaid, "placements", GOVERNMENT)
    assert said["optimal"]
    assert said["gap"] == 0
    covered = said["covered"]
    assert covered["before"] + sum(row["poor_gained"] for row in said["placements"]) == covered["after"]
    assert covered["after"] <= covered["of"]
    assert [row["place"] for row in said["placements"]] == list(range(1, len(said["placements"]) + 1))
    far = get(overlaid, f"{AT}/placements?programme=Puskesmas&version=1&km=1&sites=1", GOVERNMENT).json()
    assert far["covered"]["before"] == 0
    assert far["covered"]["after"] == far["covered"]["of"] == far["placements"][0]["poor_gained"]
    assert far["placements"][0]["places"][0].startswith("Kampung")
    median = get(overlaid, f"{AT}/placements?programme=Sembako&method=median&sites=1", GOVERNMENT)
    PlacementsOut.model_validate_json(median.content)
    assert get(overlaid, ANSWERS["placements"][0]).status_code == 401
    assert get(overlaid, ANSWERS["placements"][0], "expired").status_code == 403


# ── forms ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ANSWERS)
def test_every_format_holds_the_same_rows(overlaid: Service, name: str) -> None:
    path, key, _ = ANSWERS[name]
    rows = told(overlaid, name, GOVERNMENT)[key]
    called = {"leaves": "clusters_leaves", "reach": "reach", "villages": "reach_villages"}.get(name, name)
    for format_ in PLACED[1:]:
        if (name, format_) == ("reach", "gpkg"):  # without shapes
            continue
        answer = get(overlaid, f"{path}{'&' if '?' in path else '?'}format={format_}", GOVERNMENT)
        assert answer.status_code == 200, answer.text
        assert f'_{called}.{format_}"' in answer.headers["content-disposition"]
        others = rows_of(answer.content, called, format_)
        assert [row.get("n") for row in others] == [row.get("n") for row in rows]
        for part in ("poor", "poor_gained"):
            assert [row.get(part) for row in others] == [row.get(part) for row in rows]


def test_files_hold_the_whole_question(overlaid: Service) -> None:
    book, package, paper = (get(overlaid, path, GOVERNMENT) for path in FILES)
    assert paper.content.startswith(b"%PDF")
    assert [answer.headers["content-language"] for answer in (book, package, paper)] == ["id"] * 3
    assert len(layer_of(package.content, "placements")) > 0
    assert layer_of(package.content, "sites")["site_id"].tolist() == [FAR[0]]
    assert set(layer_of(package.content, "clusters").geom_type) == {"MultiPolygon"}
    public = get(overlaid, FILES[1]).content
    assert b"placements" not in public
    assert layer_of(public, "clusters_leaves")["cell"].str.startswith("87").all()


def test_the_same_question_has_the_same_answer_until_something_of_it_changes(overlaid: Service) -> None:
    paths = [*(ANSWERS[name][0] for name in OPEN), *FILES]
    before = {(path, who): get(overlaid, path, who) for path in paths for who in (None, GOVERNMENT)}
    overlaid.send(*(submission(f"new-{n}", BLOCKS[n % 6], welfare=1) for n in range(30)))
    tags = set()
    for (path, who), answer in before.items():
        again = get(overlaid, path, who, **{"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), (path, who)
        assert get(overlaid, path, who).content == answer.content, (path, who)
        assert answer.headers["cache-control"] == ("private, no-cache" if who else "public, max-age=300")
        tags.add(answer.headers["etag"])
    assert len(tags) == len(before), "by what was asked, and by who sees how much"
    assert get(overlaid, f"{AT}/sites?version=1").headers["etag"] != get(overlaid, f"{AT}/sites").headers["etag"]


class Nothing:
    """Finds nothing, at once."""

    async def run(self, _function: object, leaves: Leaves, *_: object) -> Row:
        zeros = [0] * len(leaves)
        arrays: Row = dict.fromkeys(("state", "reason", "z", "p", "moran", "cluster"), zeros)
        return arrays | {"clusters": [], "too_small": 0, "method": {}}


async def test_only_the_pool_of_releases_is_asked(overlaid: Service, settings: Settings) -> None:
    """The public is answered while nobody else can log in to the database, and the mirror is gone."""
    app = create_app(settings, overlaid.logins, may_lose=True)
    nowhere = overlaid.logins.worker.replace("cakupan_worker", "cakupan_nobody")
    async with living(app):
        app.state.analysis = Nothing()
        house = app.state.house
        whole, broken = house.db, Database(Logins(nowhere, nowhere, nowhere, overlaid.logins.release), 1)
        house.db, snapshot, house.snapshot, house.ground = broken, house.snapshot, None, None
        try:
            for path in (*(ANSWERS[name][0] for name in OPEN), *FILES):
                where, _, query = path.partition("?")
                answer = await ask(app, where, dict(part.split("=") for part in query.split("&")) if query else {})
                assert answer.status == 200, path
        finally:
            house.db, house.snapshot = whole, snapshot
            await broken.close()


# ── what cannot be asked ──────────────────────────────────────────────────────────────────────────────────────────

WRONG = {
    "/v1/releases/2/clusters": (404, "no-release"),
    f"{AT}/clusters?with=2": (404, "no-release"),
    f"/v1/releases/{FIELD}/reach?with={FINAL}": (422, "not-earlier"),
    f"{AT}/sites?programme=nobody": (404, "no-programme"),
    f"{AT}/reach?programme=Puskesmas": (404, "no-programme"),
    f"{AT}/sites?version=9": (404, "no-version"),
    f"{AT}/clusters?within=nowhere": (404, "no-area"),
    f"{AT}/reach?km=3": (422, "bad-parameter"),
    f"{AT}/reach?level=block": (422, "bad-parameter"),
    f"{AT}/clusters?format=gpx": (422, "bad-parameter"),
    f"{AT}/programmes.pdf?sites=21": (422, "bad-parameter"),
    f"{AT}/programmes.xlsx?method=best": (422, "bad-parameter"),
}


@pytest.mark.parametrize("path", WRONG)
def test_what_cannot_be_asked(overlaid: Service, path: str) -> None:
    for who in (None, "admin"):
        answer = get(overlaid, path, who)
        assert (answer.status_code, answer.json()["type"]) == (WRONG[path][0], f"urn:cakupan:problem:{WRONG[path][1]}")
        assert answer.headers["cache-control"] == "no-store"
