"""Sites over HTTP: who reads, who changes what, files in every form, receipts, versions."""

import asyncio
import io
import json
from typing import Any

import httpx2
import mapbox_vector_tile
import pytest
import xlsxwriter

from app.api.sites import SitesOut
from app.bodies import GEOJSON, JSON, LINES, TABLE, WORKBOOK
from app.site_answers import SitePutOut, SiteReceiptsOut, VersionsOut
from tests.app.callers import more_people
from tests.app.published import publish
from tests.app.reading import rows_of
from tests.conftest import Service
from tests.world import BLOCKS

FIRST = BLOCKS[0].at(0.5, 0.5)
SECOND = BLOCKS[1].at(0.5, 0.5)
Row = dict[str, Any]


def row(site_id: str, at: tuple[float, float] = FIRST, **more: Any) -> Row:
    made = {"site_id": site_id, "programme": "PKH", "kind": "post", "name": f"Pos {site_id}"}
    return made | {"lon": at[0], "lat": at[1], "capacity": 100} | more


def sent(
    service: Service, rows: list[Row] | bytes, kind: str = JSON, who: str = "admin", **asked: Any
) -> httpx2.Response:
    content = rows if isinstance(rows, bytes) else json.dumps({"sites": rows}).encode()
    with service.client(who) as client:
        return client.post("/v1/sites", content=content, headers={"content-type": kind}, params=asked)


def listed(service: Service, who: str | None = None, **asked: Any) -> Any:
    with service.client(who) as client:
        answer = client.get("/v1/sites", params=asked)
    assert answer.status_code == 200, answer.text
    SitesOut.model_validate_json(answer.content)
    return answer.json()


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:cakupan:problem:")


@pytest.fixture(scope="module")
def stored(service: Service) -> Service:
    """Two sites in the first two blocks, and a published edition."""
    publish(service.logins)
    answer = sent(service, [row("A"), row("B", SECOND, capacity=None)], note="two posts")
    assert answer.status_code == 201, answer.text
    SiteReceiptsOut.model_validate_json(answer.content)
    assert answer.json()["counts"] == {
        "stored": 2, "changed": 0, "unchanged": 0, "doubtful": 0, "refused": 0, "closed": 0,
    }  # fmt: skip
    return service


def test_nothing_yet_is_an_empty_list(fresh_service: Service) -> None:
    found = listed(fresh_service)
    assert (found["version"], found["sites"], found["programmes"], found["recorded_at"]) == (0, [], [], None)


def test_everybody_reads_and_only_who_answers_for_a_place_sees_doubts(stored: Service) -> None:
    public, local = listed(stored), listed(stored, "local_government")
    assert (
        [s["doubts"] for s in public["sites"]]
        == [None, None]
        == [s["doubts"] for s in listed(stored, "enumerator")["sites"]]
    )
    assert [s["doubts"] for s in local["sites"]] == [[], []]
    assert (public["doubtful"], local["doubtful"]) == (None, 0)
    assert public["programmes"] == [{"programme": "PKH", "kinds": ["post"], "sites": 2, "capacity": 100}]
    first = public["sites"][0]
    assert (first["block"], first["place"].split(", ")[0], first["n"]) == (BLOCKS[0].code, "Kampung 1", 1)


@pytest.mark.parametrize("format_", ["csv", "geojson", "xlsx", "gpkg"])
def test_every_format_has_the_same_rows_and_the_same_bytes(stored: Service, format_: str) -> None:
    with stored.client(None) as client:
        first, again = (client.get(f"/v1/sites?version=1&format={format_}") for _ in range(2))
        unchanged = client.get(
            f"/v1/sites?version=1&format={format_}", headers={"if-none-match": first.headers["etag"]}
        )
    assert first.content == again.content
    assert unchanged.status_code == 304
    rows = rows_of(first.content, "sites", format_)
    assert [r["name"] for r in rows] == ["Pos A", "Pos B"]
    assert "cakupan_sites_version1" in first.headers["content-disposition"]


def test_every_form_comes_to_the_same(stored: Service) -> None:
    table = f"site_id;Program;Jenis;Nama;Bujur;Lintang;Kapasitas\nA;pkh;post;Pos A;{FIRST[0]:.3f};{FIRST[1]:.3f};100\n"
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["site_id", "program", "jenis", "nama", "koordinat", "kapasitas", "alamat"])
        sheet.write_row(1, 0, ["A", "PKH", "post", "Pos A", f"{FIRST[1]}, {FIRST[0]}", 100, "Jl. Simulasi"])
    west, south = FIRST[0] - 0.0005, FIRST[1] - 0.0005
    ring = [[west, south], [west + 0.001, south], [west + 0.001, south + 0.001], [west, south + 0.001], [west, south]]
    said = {"site_id": "A", "programme": "PKH", "kind": "post", "name": "Pos A", "capacity": 100}
    features = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": said, "geometry": {
        "type": "Polygon", "coordinates": [ring]}}]}  # fmt: skip
    for body, kind in (
        (table.replace(".", ",").encode(), TABLE),
        (table.encode("utf-16"), TABLE),
        (file.getvalue(), WORKBOOK),
        (json.dumps(features).encode(), GEOJSON),
        (json.dumps(row("A")).encode(), LINES),
    ):
        answer = sent(stored, body, kind)
        assert answer.status_code == 200, (kind, answer.text)
        assert answer.json()["counts"]["unchanged"] == 1, (kind, answer.text)
        assert answer.json()["version"] == 1


def test_a_dry_run_tells_all_and_stores_nothing(stored: Service) -> None:
    near = (FIRST[0] + 0.0002, FIRST[1])
    answer = sent(stored, [row("A", capacity=7), row("TWIN", near)], dry_run=True, replace=True).json()
    assert (answer["dry_run"], answer["version"], answer["closed"]) == (True, 1, ["B"])
    told = {
        r["site_id"]: (r["status"], [(d["doubt"], d["other"]["site_id"]) for d in r["doubts"]])
        for r in answer["results"]
    }
    assert told == {
        "A": ("doubtful", [("POSSIBLE_DUPLICATE", "TWIN")]),
        "TWIN": ("doubtful", [("POSSIBLE_DUPLICATE", "A")]),
    }
    assert listed(stored)["version"] == 1
    assert [s["capacity"] for s in listed(stored)["sites"]] == [100, None]


def test_a_list_of_households_is_refused_whole(stored: Service) -> None:
    bodies = [
        (b"name,lon,lat,NIK\nIbu,117.142,-0.504,1\n", TABLE),
        (b"Nama Kepala Keluarga,lon,lat\nIbu,117.142,-0.504\n", TABLE),
        (json.dumps({"sites": [row("X", household_id="SIM-1")]}).encode(), JSON),
        (json.dumps({"sites": [row(f"X{n}", name="6472031505900001") for n in range(3)]}).encode(), JSON),
        (json.dumps({"sites": [row(f"X{n}") for n in range(501)]}).encode(), JSON),
    ]
    for body, kind in bodies:
        answer = sent(stored, body, kind, programme="PKH")
        assert code_of(answer) == (422, "household-list")
        assert "6472031505900001" not in answer.text
    assert listed(stored)["version"] == 1


def test_a_local_government_changes_nothing_beyond_its_areas(fresh_service: Service) -> None:
    """Neither puts sites there, nor moves or closes those that stand there, by whichever route."""

    service = fresh_service
    service.tokens.update(asyncio.run(more_people(service.logins, ["part_coordinator"])))  # of the lower village
    assert sent(service, [row("UP"), row("LOW", BLOCKS[4].at(0.5, 0.5))]).status_code == 201
    who = "part_coordinator"
    brought = sent(service, [row("UP", BLOCKS[4].at(0.2, 0.2)), row("NEW", FIRST)], who=who)
    assert [r["reason"] for r in brought.json()["results"]] == ["OUTSIDE_SCOPE", "OUTSIDE_SCOPE"]
    left = sent(service, [row("OWN", BLOCKS[5].at(0.5, 0.5))], who=who, replace=True).json()
    assert left["closed"] == ["LOW"]
    with service.client(who) as client:
        body = row("UP", BLOCKS[4].at(0.2, 0.2), version=1)
        assert code_of(client.put("/v1/sites/UP", json=body)) == (403, "not-yours")
        assert code_of(client.delete("/v1/sites/UP")) == (403, "not-yours")
        moved = client.put("/v1/sites/OWN", json=row("OWN", FIRST, version=2))
        assert code_of(moved) == (422, "bad-site")
        assert moved.json()["reason"] == "OUTSIDE_SCOPE"
    told = {s["site_id"]: s["doubts"] for s in listed(service, who)["sites"]}
    assert told == {"OWN": [], "UP": None}


def test_one_by_hand_and_versions(fresh_service: Service) -> None:
    service = fresh_service
    assert sent(service, [row("node/1")]).status_code == 201
    with service.client("local_government") as client:
        made = client.put("/v1/sites/by-hand", json=row("", SECOND, version=None, note="new"))
        assert made.status_code == 200, made.text
        SitePutOut.model_validate_json(made.content)
        assert (made.json()["status"], made.json()["version"], made.json()["site"]["n"]) == ("stored", 2, 2)
        body = row("", SECOND, name="Renamed", version=2)
        assert client.put("/v1/sites/by-hand", json=body).json()["status"] == "changed"
        assert code_of(client.put("/v1/sites/by-hand", json=body | {"name": "Late"})) == (409, "changed-meanwhile")
        same = client.put("/v1/sites/by-hand", json=body | {"version": 3})
        assert (same.json()["status"], same.json()["version"]) == ("unchanged", 3)
        swapped = client.put("/v1/sites/odd", json=row("", (FIRST[1], FIRST[0])))
        assert (code_of(swapped), swapped.json()["reason"]) == ((422, "bad-site"), "SWAPPED")
        assert code_of(client.delete("/v1/sites/node%2F1?version=9")) == (409, "changed-meanwhile")
        assert code_of(client.delete("/v1/sites/node%2F1?note=6472031505900001")) == (422, "identity-number")
        assert client.delete("/v1/sites/node/1?note=moved%20away").json() == {"version": 4}
        assert code_of(client.delete("/v1/sites/node/1")) == (404, "no-site")
        history = client.get("/v1/sites/versions?limit=3")
        VersionsOut.model_validate_json(history.content)
        told = [(v["version"], v["change"], v["note"], v["actor"], v["closed"]) for v in history.json()["versions"]]
        assert told == [
            (4, "close", "moved away", "local_government", 1),
            (3, "edit", None, "local_government", 0),
            (2, "edit", "new", "local_government", 0),
        ]
        assert client.get("/v1/sites/versions?before=2").json()["versions"][0]["actor"] == "admin"
        again = client.put("/v1/sites/node/1", json=row("", FIRST)).json()
        assert again["site"]["n"] == 1, "a number never means another site"
    assert [s["site_id"] for s in listed(service, version=3)["sites"]] == ["node/1", "by-hand"]
    assert [s["name"] for s in listed(service, version=2)["sites"]] == ["Pos", "Pos node/1"]
    with service.client("admin") as client:
        acts = [a["act"] for a in client.get("/v1/audit?act=site.").json()["audit"]]
        assert code_of(client.get("/v1/sites?version=99")) == (404, "no-version")
        assert code_of(client.get("/v1/sites?programme=Nothing")) == (404, "no-programme")
    assert acts == ["site.edit", "site.close", "site.edit", "site.edit", "site.import"]


def test_pages_and_filters(stored: Service) -> None:
    whole = listed(stored)
    first = listed(stored, limit=1)
    assert first["next"] == whole["sites"][0]["n"]
    rest = listed(stored, limit=1, after=first["next"])
    assert (rest["sites"], rest["next"], rest["total"]) == (whole["sites"][1:], None, 2)
    assert [s["site_id"] for s in listed(stored, q="pos b")["sites"]] == ["B"]
    assert [s["site_id"] for s in listed(stored, within=BLOCKS[1].code)["sites"]] == ["B"]
    assert listed(stored, who="admin", doubts=True)["sites"] == []
    with stored.client(None) as client:
        assert code_of(client.get("/v1/sites?after=77")) == (422, "bad-after")


def test_tiles_are_of_a_version_and_public(stored: Service) -> None:
    z, x, y = 13, 6761, 4107
    with stored.client(None) as client:
        newest = client.get(f"/tiles/sites/{z}/{x}/{y}.mvt")
        features = {f["id"]: f["properties"] for f in mapbox_vector_tile.decode(newest.content)["sites"]["features"]}
        known = client.get(f"/tiles/sites/{z}/{x}/{y}.mvt", headers={"if-none-match": newest.headers["etag"]})
        said = client.get("/tiles/sites.json?version=1").json()
        assert client.get(f"/tiles/sites/{z}/{x}/{y}.mvt?version=0").status_code == 204
        assert client.get(f"/tiles/sites/{z}/{x}/{y}.mvt?version=9").status_code == 404
    assert features == {
        1: {"site_id": "A", "programme": "PKH", "kind": "post", "name": "Pos A", "capacity": 100},
        2: {"site_id": "B", "programme": "PKH", "kind": "post", "name": "Pos B"},
    }
    assert known.status_code == 304
    assert said["bounds"] == pytest.approx([*FIRST, *SECOND])
    assert said["tiles"][0].endswith("/tiles/sites/{z}/{x}/{y}.mvt?version=1")
