"""Files of clusters, sites and reach: every row with what it means, readable by QGIS, the same bytes each time."""

import io
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyogrio
import pytest
import shapely
from python_calamine import CalamineWorkbook

from app import locales, programme_files
from geo.ground import cells as h3cells
from geo.publish.programmes import Overlay
from geo.publish.published import Sealed
from tests.app.published import FIELD, FINAL, publish
from tests.app.reading import layer_of
from tests.app.sited import place_sites
from tests.conftest import Service
from tests.tiles import briefing
from tests.tiles.drawing import texts
from tests.world import VILLAGES

Book = dict[str, list[list[Any]]]


def sealed(*, public: bool = False) -> Sealed:
    """A release that is not in any database."""
    about = {name: value for name, value in briefing.HEAD.items() if name != "digest"}
    about |= {"series": "prelist", "time_zone": "Asia/Makassar", "cut_off": None, "fixed_at": briefing.AS_OF}
    return Sealed(about | {"digest": bytes.fromhex(briefing.HEAD["digest"])}, "{}" if public else "{[1,100)}")


def overlay(clusters: int = 4, **more: Any) -> Overlay:
    """What is told of the town, with outlines."""
    told = briefing.told(clusters, **more)
    areas = {row["n"]: shapely.to_geojson(shapely.box(0, 0, 0.01, 0.01)) for row in told.reach["areas"]}
    hexagons = {
        row["n"]: shapely.to_geojson(h3cells.boundaries([h3cells.from_hex(row["cell"])])[0]) for row in told.leaves
    }
    groups = {row["n"]: row["cells"] for row in told.clusters["clusters"]}
    shapes = {n: shapely.to_geojson(briefing.union(names)) for n, names in groups.items()}
    leaves = {"total": len(told.leaves), "leaves": list(told.leaves)}
    of = (dict(told.clusters), leaves, dict(told.sites), dict(told.reach), told.placements)
    return Overlay(dict(told.head), *of, shapes, hexagons, areas)


def layers_in(body: bytes, folder: Path) -> dict[str, str | None]:
    """Names of layers, and what each has for shapes."""
    path = folder / "programmes.gpkg"
    path.write_bytes(body)
    return {str(name): kind for name, kind in pyogrio.list_layers(path)}


def book_of(body: bytes) -> Book:
    book = CalamineWorkbook.from_filelike(io.BytesIO(body))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


CASES = {
    "all": overlay(compared=True),
    "none": overlay(0),
    "no sites": overlay(2, sites=False),
    "public": overlay(2, public=True),
}


@pytest.mark.parametrize("language", locales.LANGUAGES)
@pytest.mark.parametrize("case", CASES)
def test_every_column_of_a_workbook_is_explained(case: str, language: Any) -> None:
    book = book_of(programme_files.workbook(language, sealed(), CASES[case]))
    said = locales.texts(language)
    dictionary = {line[0] for line in book[said["published.sheet_dictionary"]]}
    *tables, _, _ = book
    assert len(tables) == {"all": 8, "none": 7, "no sites": 6, "public": 6}[case]
    for name in tables:
        assert book[name], f"{name} says at least what it would hold"
        assert set(book[name][0]) <= dictionary
    assert said["published.clusters"] in tables
    assert (said["published.placements"] in tables) is (case in {"all", "none"})


def test_a_workbook_says_what_was_told() -> None:
    of = CASES["all"]
    book = book_of(programme_files.workbook("en", sealed(), of))
    head, *lines = book["clusters"]
    first = dict(zip(head, lines[0], strict=True))
    told = of.clusters["clusters"][0]
    assert len(lines) == 4
    assert {name: first[name] for name in ("cluster", "poor", "error", "before_poor", "state")} == {
        "cluster": "1", "poor": 1310, "error": told["error"], "before_poor": 1000, "state": "still"
    }  # fmt: skip
    assert first["served"] == "PKH <1,Sembako <1"
    assert first["cells"] == ",".join(told["cells"])
    head, *lines = book["reach by area"]
    assert dict(zip(head, lines[0], strict=True))["beyond_poor"] == 50
    terms = dict(line[:2] for line in book["terms"])
    assert terms["Area asked about"] == "Kota Samarinda (6472)"
    assert terms["Distance asked about"] == "2 km"
    assert terms["Version of the sites"] in {3, "3"}
    assert "seed: 2022" in terms["How clusters were found"]
    assert terms["Simulated"] == "yes"


def test_no_name_of_a_site_runs() -> None:
    of = overlay(1)
    of.sites["sites"][0] |= {"name": "=1+1", "site_id": "@SUM(A1)"}
    _, first, *_ = book_of(programme_files.workbook("id", sealed(), of))["lokasi layanan"]
    assert {"'=1+1", "'@SUM(A1)"} <= set(first)


@pytest.mark.parametrize("case", CASES)
def test_a_package_holds_layers_that_gis_reads(case: str, tmp_path: Path) -> None:
    body = programme_files.geopackage("id", sealed(), CASES[case])
    kinds = layers_in(body, tmp_path)
    told = {one.name: one for one in programme_files.tables(CASES[case], outlined=True)}
    assert set(kinds) == {*told, "dictionary", "terms"}
    for name, of in told.items():
        assert kinds[name] == of.geometry
        found = layer_of(body, name)
        assert len(found) == len(of.rows)
        assert set(of.columns) <= set(found.columns)
        if of.geometry and len(found):
            assert found.crs.to_epsg() == 4326
            assert found.geometry.is_valid.all()
            assert not found.geometry.is_empty.any()


def test_outlines_of_clusters_are_those_of_their_cells() -> None:
    of = CASES["all"]
    found = layer_of(programme_files.geopackage("id", sealed(), of), "clusters")
    for row, shape in zip(of.clusters["clusters"], found.geometry, strict=True):
        corners = {tuple(at) for at in shapely.get_coordinates(briefing.union(row["cells"])).round(9).tolist()}
        assert {tuple(at) for at in shapely.get_coordinates(shape).round(9).tolist()} == corners
    gone = layer_of(programme_files.geopackage("id", sealed(), of), "clusters_gone")
    assert gone.geometry.iloc[0].equals(briefing.union(of.clusters["gone"][0]["cells"]))


def test_the_same_question_gives_the_same_bytes() -> None:
    of, ground = CASES["all"], briefing.outlines()
    for make in (programme_files.workbook, programme_files.geopackage):
        assert make("id", sealed(), of) == make("id", sealed(), of)
    assert len({programme_files.brief("id", sealed(), of, "https://x.example.id", ground) for _ in range(2)}) == 1


def test_only_the_public_is_told_that_places_are_closed_to_it() -> None:
    said = locales.texts("id")["brief.fact_closed"]
    for public in (True, False):
        body = programme_files.brief("id", sealed(public=public), CASES["public"], "https://x.example.id", [])
        assert (said in texts(body)[0]) is public


def test_a_package_says_when_it_is_of_and_not_when_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "programmes.gpkg"
    path.write_bytes(programme_files.geopackage("id", sealed(), CASES["all"]))
    with closing(sqlite3.connect(path)) as connection:
        changed = {row[0] for row in connection.execute("SELECT last_change FROM gpkg_contents")}
    assert changed == {"2022-11-12T10:00:00.000Z"}


def test_no_column_without_a_type() -> None:
    of = CASES["all"]
    twice = replace(of, sites=of.sites | {"sites": [row | {"capacity": None} for row in of.sites["sites"]]})
    found = layer_of(programme_files.geopackage("id", sealed(), twice), "sites")
    assert found["capacity"].isna().all()
    assert found["inside"].all()


# ── as the service gives them ─────────────────────────────────────────────────────────────────────────────────────

ASKED = f"/v1/releases/{FINAL}/programmes"
QUESTION = {"programme": "PKH", "km": 1, "with": FIELD, "sites": 2}


@pytest.fixture(scope="module")
def sited(service: Service) -> Service:
    """The tiny world with two releases and three sites, one of which has a formula for a name."""
    publish(service.logins)
    place_sites(service.logins)
    return service


def get(service: Service, kind: str, who: str | None, **more: Any) -> Any:
    with service.client(who) as client:
        answer = client.get(f"{ASKED}.{kind}", params=QUESTION | more)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("who", [None, "local_government"])
def test_all_three_say_what_the_reader_may_know(sited: Service, who: str | None, tmp_path: Path) -> None:
    book = book_of(get(sited, "xlsx", who, lang="en").content)
    layers = layers_in(get(sited, "gpkg", who).content, tmp_path)
    brief = get(sited, "pdf", who, lang="en")
    first, second = texts(brief.content)
    plans = who is not None
    assert (
        "proposed places" in book,
        "placements" in layers,
        "Proposed places: most families within 1 km" in second,
    ) == (plans,) * 3
    assert ("are for local governments that are logged in" in first) is not plans
    names = [line[3] for line in book["sites"][1:]]
    assert names == ["Pos PKH", "'=Pos jauh"]
    head, *rows = book["reach by area"]
    assert len(rows) == len(VILLAGES)
    assert {"before_households", "reached_poor", "beyond_poor"} - set(head) == {"before_households"}
    assert dict(line[:2] for line in book["terms"])["Version of the sites"] in {2, "2"}
    assert "sites version 2" in first
    assert "Release 6 (final table)" in first
    assert "<1 km" in second
    assert brief.headers["content-type"] == "application/pdf"


def test_a_file_is_the_same_at_every_request_and_for_all_who_see_as_much(sited: Service) -> None:
    for kind in ("xlsx", "gpkg", "pdf"):
        first = get(sited, kind, None)
        assert get(sited, kind, None).content == first.content
        assert get(sited, kind, None, version=1, programme="Puskesmas").content != first.content
        assert get(sited, kind, "local_government").content != first.content
