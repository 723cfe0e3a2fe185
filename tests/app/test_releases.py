"""Releases as they are asked for: who sees what, in which format, how long it may be kept, and of what it is made."""

import asyncio
import io
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import locales
from app.access import PAGE_OF
from app.database import Database, Logins
from app.main import create_app
from app.release_answers import ComparisonOut, ReleaseAreasOut, ReleaseCellsOut, ReleasesOut
from app.settings import Settings
from geo.publish.published import FIGURE
from tests.app.asking import ask, living
from tests.app.callers import more_people
from tests.app.published import FIELD, FINAL, publish
from tests.app.reading import Row, layer_of, rows_of, text_of
from tests.app.townspeople import done
from tests.conftest import Service, serving
from tests.world import BLOCKS, VILLAGES, submission

FORMATS = ("json", "csv", "geojson", "xlsx", "gpkg")
UPPER, ALL = {block.code for block in BLOCKS[:3]}, {block.code for block in BLOCKS}
#: Whose blocks each sees; whoever is not named here is as the public.
SEES = {"local_government": ALL, "both_sides": {*UPPER, BLOCKS[4].code}, "supervisor": UPPER, "admin": ALL}
READERS = (None, *SEES, "expired")
LISTS: dict[str, tuple[str, type[BaseModel]]] = {
    "areas": (f"/v1/releases/{FIELD}/areas?level=block", ReleaseAreasOut),
    "cells": (f"/v1/releases/{FINAL}/cells?res=8", ReleaseCellsOut),
    "compare": (f"/v1/releases/{FINAL}/compare?with={FIELD}&level=block", ComparisonOut),
}
FILES = (f"/v1/releases/{FIELD}.xlsx", f"/v1/releases/{FIELD}.gpkg")
EVERYTHING = ("/v1/releases", f"/v1/releases/{FIELD}/areas", *(path for path, _ in LISTS.values()), *FILES)
FORMULA = "=1+1"


@pytest.fixture(scope="module")
def published(service: Service) -> Service:
    """The tiny world with two releases, one of whose blocks has a formula for a name."""

    async def rename(db: AsyncConnection) -> None:
        await db.execute(text("UPDATE ground.area SET name = :name WHERE number = 6"), {"name": FORMULA})

    done(service.logins, rename)
    publish(service.logins)
    tokens = asyncio.run(more_people(service.logins, ["both_sides", "expired"]))
    return replace(service, tokens=service.tokens | tokens)


def get(service: Service, path: str, who: str | None = None, **headers: str) -> Any:
    with service.client(who) as client:
        return client.get(path, headers=headers)


# ── who sees what ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", READERS)
def test_each_sees_its_blocks_and_everybody_villages(published: Service, who: str | None) -> None:
    blocks = get(published, LISTS["areas"][0], who).json()
    shown = {row["code"] for row in blocks["areas"] if row["households"] is not None}
    assert shown == SEES.get(who or "", set())
    assert {row["code"] for row in blocks["areas"]} == ALL, "which blocks there are is public"
    assert (blocks["total"], blocks["shown"]["areas"]) == (6, len(shown))
    for level in ("village", "district", "regency", "province"):
        rows = get(published, f"/v1/releases/{FIELD}/areas?level={level}", who).json()["areas"]
        assert all(row["households"] is not None for row in rows)
    assert {row["change"] is None for row in get(published, LISTS["compare"][0], who).json()["compare"]} >= {True}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("who", [None, "both_sides"])
def test_every_format_says_the_same(published: Service, name: str, who: str | None) -> None:
    path, model = LISTS[name]
    answers = {format_: get(published, f"{path}&format={format_}", who) for format_ in FORMATS}
    model.model_validate_json(answers["json"].content)
    rows = {format_: rows_of(answer.content, name, format_) for format_, answer in answers.items()}
    assert len(rows["json"]) > 5
    places = {"lon", "lat"}  # of GeoJSON its geometry
    for format_ in FORMATS[1:]:
        assert f'release{path.split("/")[3]}_{name}.{format_}"' in answers[format_].headers["content-disposition"]
        for told, other in zip(rows["json"], rows[format_], strict=True):
            assert {k: _plain(v) for k, v in other.items() if k not in places} == {
                k: _plain(v) for k, v in told.items() if k not in places
            }, format_
        assert ("not_shown" in text_of(answers[format_].content, format_)) or who


def _plain(value: Any) -> Any:
    """A value as every format writes it."""
    value = ",".join(value) or None if isinstance(value, list) else value
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.startswith(("'=", "=")):
        return value.lstrip("'")
    if value in {"True", "False"}:
        return value == "True"
    return float(value) if isinstance(value, int | float) else value


def test_no_cell_of_a_table_runs(published: Service) -> None:
    assert f",'{FORMULA}," in get(published, f"{LISTS['areas'][0]}&format=csv").text
    book = CalamineWorkbook.from_filelike(io.BytesIO(get(published, FILES[0], "admin").content))
    assert f"'{FORMULA}" in str(book.get_sheet_by_name("SLS").to_python())


def test_the_overview_is_the_same_for_everybody(published: Service) -> None:
    bodies = {get(published, "/v1/releases", who).content for who in READERS}
    assert len(bodies) == 1
    said = ReleasesOut.model_validate_json(bodies.pop())
    assert [row.release for row in said.releases] == [FIELD, FINAL]


# ── whole files ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", [None, "both_sides"])
def test_a_workbook_holds_all_levels_a_dictionary_and_terms(published: Service, who: str | None) -> None:
    answers = {lang: get(published, f"{FILES[0]}?lang={lang}", who) for lang in locales.LANGUAGES}
    for lang, answer in answers.items():
        texts = locales.texts(lang)
        book = CalamineWorkbook.from_filelike(io.BytesIO(answer.content))
        levels = ["province", "regency", "district", "village", *(["block"] if who else [])]
        cells = [texts["published.sheet_cells"].format(resolution=r) for r in range(4, 9 if who else 8)]
        notes = [texts["published.sheet_dictionary"], texts["published.sheet_terms"]]
        assert book.sheet_names == [*(texts[f"published.{level}"] for level in levels), *cells, *notes]
        dictionary, terms = (book.get_sheet_by_name(name).to_python() for name in notes)
        described = {row[0] for row in dictionary}
        columns = {title for name in book.sheet_names[:-2] for title in book.get_sheet_by_name(name).to_python()[0]}
        assert columns <= described
        assert "{" not in str(dictionary + terms), "everything was filled in"
        assert answer.headers["content-language"] == lang
    assert "Kurang dari 10 keluarga" in text_of(answers["id"].content, "xlsx")
    assert "Fewer than 10 families" in text_of(answers["en"].content, "xlsx")


def test_a_package_holds_layers_that_gis_reads(published: Service) -> None:
    body = get(published, FILES[1], "both_sides").content
    blocks = layer_of(body, "block")
    assert set(blocks["code"]) == SEES["both_sides"]
    assert (blocks.crs.to_epsg(), set(blocks.geom_type)) == (4326, {"MultiPolygon"})
    assert set(FIGURE) <= set(blocks.columns)
    assert blocks["poor"].dtype.kind == "i"
    cells = layer_of(body, "cells_7")
    assert len(cells) == len(get(published, f"/v1/releases/{FIELD}/cells").json()["cells"])
    assert {"households", "none_yet"} <= set(layer_of(body, "dictionary")["name"])
    public = get(published, FILES[1]).content
    assert b"SIM01" not in public, "no block is in what the public takes"


@pytest.fixture
def restarted(published: Service, settings: Settings) -> Iterator[Service]:
    """The same releases, answered by another process."""
    with serving(settings, published.logins) as url:
        yield replace(published, url=url)


def test_files_are_the_same_bytes_at_every_request(published: Service, restarted: Service) -> None:
    paths = [*FILES, *(f"{LISTS['areas'][0]}&format={format_}" for format_ in ("xlsx", "gpkg"))]
    first = {path: get(published, path) for path in paths}
    time.sleep(1.1)  # files have dates to the second
    for path, answer in first.items():
        again = get(restarted, path)
        assert (again.content, again.headers["etag"]) == (answer.content, answer.headers["etag"]), path
    # whoever sees as much is given the same
    assert get(restarted, FILES[0], "expired").content == first[FILES[0]].content
    assert get(restarted, FILES[0], "admin").content == get(published, FILES[0], "local_government").content


# ── of what it is made ────────────────────────────────────────────────────────────────────────────────────────────


def test_no_upload_changes_a_byte(published: Service) -> None:
    asked = [(path, who) for path in EVERYTHING for who in (None, "both_sides")]
    before = [get(published, path, who) for path, who in asked]
    published.send(*(submission(f"new-{n}", BLOCKS[n % 6], welfare=1) for n in range(60)))
    with published.client() as client:
        limit = time.monotonic() + 10
        while client.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"] < 60:
            assert time.monotonic() < limit
    for (path, who), answer in zip(asked, before, strict=True):
        again = get(published, path, who)
        assert (again.content, again.headers["etag"]) == (answer.content, answer.headers["etag"]), (path, who)


async def test_only_the_pool_of_releases_is_asked(published: Service, settings: Settings) -> None:
    """The public is answered while nobody else can log in to the database, and the mirror is gone."""
    app = create_app(settings, published.logins, may_lose=True)
    nowhere = published.logins.worker.replace("cakupan_worker", "cakupan_nobody")
    async with living(app):
        house = app.state.house
        whole, broken = house.db, Database(Logins(nowhere, nowhere, nowhere, published.logins.release), 1)
        house.db, snapshot, house.snapshot, house.ground = broken, house.snapshot, None, None
        try:
            for path in EVERYTHING:
                where, _, query = path.partition("?")
                answer = await ask(app, where, dict(part.split("=") for part in query.split("&")) if query else {})
                assert answer.status == 200, path
            with_token = {"authorization": f"Bearer {published.tokens['admin']}"}
            assert (await ask(app, "/v1/releases", headers=with_token)).status == 503, "who asks, others must say"
        finally:
            house.db, house.snapshot = whole, snapshot
            await broken.close()


# ── how long it may be kept ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", EVERYTHING[:-1])
def test_what_may_be_kept_and_by_whom(published: Service, path: str) -> None:
    public, mine = get(published, path), get(published, path, "both_sides")
    assert public.headers["cache-control"] == "public, max-age=300"
    assert mine.headers["cache-control"] == "private, no-cache"
    for answer in (public, mine):
        assert {"Authorization", "Cookie"} <= {part.strip() for part in answer.headers["vary"].split(",")}
    for who, answer in ((None, public), ("both_sides", mine)):
        for tag in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}'):
            again = get(published, path, who, **{"If-None-Match": tag})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == answer.headers["etag"]
    if path == "/v1/releases":
        assert public.content == mine.content
        return
    assert public.headers["etag"] != mine.headers["etag"]
    assert get(published, path, "both_sides", **{"If-None-Match": public.headers["etag"]}).status_code == 200
    assert get(published, path, "supervisor").headers["etag"] not in {public.headers["etag"], mine.headers["etag"]}


def test_a_tag_names_what_was_asked(published: Service) -> None:
    base = f"/v1/releases/{FIELD}/areas"
    asked = ("", "?level=block", "?sort=poor", "?q=Kampung", "?limit=1", "?format=csv", "?format=xlsx",
             "?format=xlsx&lang=en", f"?within={VILLAGES[0]}")  # fmt: skip
    tags = [get(published, base + query).headers["etag"] for query in asked]
    tags += [get(published, path).headers["etag"] for path in (f"/v1/releases/{FINAL}/areas", *FILES)]
    assert len(set(tags)) == len(tags)
    one, other = (get(published, f"{base}?{q}").headers["etag"] for q in ("limit=2&q=a", "q=a&limit=2"))
    assert one == other


# ── what cannot be asked ──────────────────────────────────────────────────────────────────────────────────────────

WRONG = {
    "/v1/releases/2/areas": (404, "no-release"),
    "/v1/releases/999/cells": (404, "no-release"),
    "/v1/releases/2.xlsx": (404, "no-release"),
    "/v1/releases/3.gpkg": (404, "no-release"),
    f"/v1/releases/{FINAL}/compare?with=2": (404, "no-release"),
    f"/v1/releases/{FIELD}/compare?with={FINAL}": (422, "not-earlier"),
    f"/v1/releases/{FIELD}/compare": (422, "bad-parameter"),
    "/v1/releases/one/areas": (422, "bad-parameter"),
    f"/v1/releases/{2**31}/areas": (422, "bad-parameter"),
    f"/v1/releases/{FIELD}/areas?level=scope": (422, "bad-parameter"),
    f"/v1/releases/{FIELD}/areas?sort=score": (422, "bad-parameter"),
    f"/v1/releases/{FIELD}/areas?format=gpx": (422, "bad-parameter"),
    f"/v1/releases/{FIELD}/areas?after=x": (422, "bad-after"),
    f"/v1/releases/{FIELD}/areas?within=nowhere": (404, "no-area"),
    f"/v1/releases/{FIELD}/cells?res=9": (422, "bad-parameter"),
    f"/v1/releases/{FIELD}/cells?res=3": (422, "bad-parameter"),
    f"/v1/releases/{FIELD}/cells?bbox=1,2,3": (422, "bad-bbox"),
    f"/v1/releases/{FIELD}/cells?bbox=3,2,1,4": (422, "bad-bbox"),
    f"/v1/releases/{FIELD}/cells?after=x": (422, "bad-input"),
    f"/v1/releases/{FIELD}.xlsx?lang=fr": (422, "bad-parameter"),
}


@pytest.mark.parametrize("path", WRONG)
def test_what_cannot_be_asked(published: Service, path: str) -> None:
    for who in (None, "admin"):
        answer = get(published, path, who)
        assert (answer.status_code, answer.json()["type"]) == (WRONG[path][0], f"urn:cakupan:problem:{WRONG[path][1]}")
        assert answer.headers["cache-control"] == "no-store"


def test_a_page_of_somebody_whose_session_ended_is_told_so(published: Service) -> None:
    assert get(published, "/v1/releases", **{PAGE_OF: "admin"}).status_code == 401
    assert get(published, "/v1/releases", Cookie="cakupan_session=over").status_code == 200


def test_pages_hold_every_row_once(published: Service) -> None:
    for path, name in ((LISTS["areas"][0] + "&sort=share", "areas"), *((LISTS[n][0], n) for n in ("cells", "compare"))):
        whole = get(published, path, "both_sides").json()[name]
        found: list[Row] = []
        after: Any = None
        while True:
            page = get(published, f"{path}&limit=2{'' if after is None else f'&after={after}'}", "both_sides").json()
            found += page[name]
            after = page["next"]
            if after is None:
                break
        assert found == whole, name


def test_layers_are_named_as_the_levels(published: Service) -> None:
    body = get(published, f"{LISTS['cells'][0]}&format=gpkg", "admin").content
    rows = json.loads(get(published, LISTS["cells"][0], "admin").content)["cells"]
    assert set(layer_of(body, "cells")["cell"]) == {row["cell"] for row in rows}
    assert {"households", "none_yet"} <= set(layer_of(body, "dictionary")["name"])
