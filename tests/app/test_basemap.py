"""A basemap by setting: none unless wanted, a file for those who are logged in, one more host and only then."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pmtiles.reader import Reader
from pmtiles.tile import TileType
from pydantic import ValidationError
from typer.testing import CliRunner

from app.cli import app as commands
from app.headers import POLICY
from app.main import create_app
from app.settings import Settings
from tests import basemaps
from tests.app.asking import Answer, ask, living
from tests.conftest import Service
from tests.world import SOUTH, WEST

HERE = (WEST, SOUTH)
GREEN = (20, 160, 60)
TEMPLATE = "https://tiles.example.id:8443/streets/{z}/{x}/{y}.png?key=a1"
PATH = "/basemap.pmtiles"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return basemaps.raster(tmp_path_factory.mktemp("basemap") / "raster.pmtiles", HERE, GREEN)


def settled(settings: Settings, **changes: str) -> Settings:
    """The settings with a basemap, checked as at a start."""
    return Settings(_env_file=None, home=settings.home, database_url=None, **changes)  # type: ignore[arg-type]  # settings of any name


@pytest.fixture(scope="module")
async def with_file(service: Service, settings: Settings, file: Path) -> AsyncIterator[FastAPI]:
    app = create_app(settled(settings, basemap=str(file)), service.logins, may_lose=True)
    async with living(app):
        yield app


@pytest.fixture(scope="module")
async def with_server(service: Service, settings: Settings) -> AsyncIterator[FastAPI]:
    wanted = settled(settings, basemap=TEMPLATE, basemap_attribution="© Tests <b>")
    app = create_app(wanted, service.logins, may_lose=True)
    async with living(app):
        yield app


async def fetch(app: FastAPI, service: Service, who: str | None = "admin", **headers: str) -> Answer:
    token = {"authorization": f"Bearer {service.tokens[who]}"} if who else {}
    said = token | {name.replace("_", "-"): value for name, value in headers.items()}
    return await ask(app, PATH, headers=said, events=10**9)  # whatever stands in it: to its end


async def setup_of(app: FastAPI, service: Service, path: str = "/") -> Any:
    answer = await ask(app, path, headers={"authorization": f"Bearer {service.tokens['admin']}"})
    page = answer.body.decode()
    found = re.search(r'<script type="application/json" id="setup">(.*?)</script>', page, re.DOTALL)
    assert found, page[:500]
    return json.loads(found[1])


def rules(answer: Answer) -> dict[str, set[str]]:
    parts = (rule.strip().partition(" ") for rule in answer.headers["content-security-policy"].split(";"))
    return {what: set(sources.split()) for what, _, sources in parts}


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_whole_and_by_range(with_file: FastAPI, service: Service, file: Path) -> None:
    body = file.read_bytes()
    answer = await fetch(with_file, service, accept_encoding="gzip")
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["accept-ranges"] == "bytes"
    assert "content-encoding" not in answer.headers, "a part of what was pressed is of no use"
    etag = answer.headers["etag"]
    for asked, first, last in (("bytes=0-126", 0, 126), ("bytes=100-199", 100, 199), ("bytes=-5", len(body) - 5, None)):
        part = await fetch(with_file, service, range=asked, accept_encoding="gzip")
        assert part.status == 206
        assert part.body == body[first : None if last is None else last + 1]
        assert part.headers["content-range"] == f"bytes {first}-{last or len(body) - 1}/{len(body)}"
        assert part.headers["etag"] == etag
        assert "content-encoding" not in part.headers
    beyond = await fetch(with_file, service, range=f"bytes={len(body)}-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(body)}")
    assert (await fetch(with_file, service, if_none_match=etag)).status == 304
    assert (await fetch(with_file, service, if_none_match='"other"')).status == 200
    assert (await fetch(with_file, service, range="bytes=0-9", if_range='"other"')).status == 200
    assert "private" in answer.headers["cache-control"]


async def test_a_reader_reads_it_over_http(with_file: FastAPI, service: Service, file: Path) -> None:
    parts: dict[tuple[int, int], bytes] = {}
    body = file.read_bytes()
    tile = Reader(lambda offset, length: body[offset : offset + length]).get(13, 6761, 4107)

    def noted(offset: int, length: int) -> bytes:
        parts[offset, length] = body[offset : offset + length]
        return parts[offset, length]

    assert Reader(noted).get(13, 6761, 4107) == tile == basemaps.png(GREEN)
    for (offset, length), wanted in parts.items():
        part = await fetch(with_file, service, range=f"bytes={offset}-{offset + length - 1}")
        assert part.body == wanted


async def test_only_for_who_is_logged_in_and_watches(with_file: FastAPI, service: Service) -> None:
    for who, status in (("enumerator", 200), ("supervisor", 200), ("local_government", 403), (None, 401)):
        assert (await fetch(with_file, service, who, range="bytes=0-9")).status == (206 if status == 200 else status)


async def test_a_file_that_went_away_is_not_found(
    service: Service, settings: Settings, file: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved.pmtiles"
    moved.write_bytes(file.read_bytes())
    app = create_app(settled(settings, basemap=str(moved)), service.logins, may_lose=True)
    async with living(app):
        moved.unlink()
        assert (await fetch(app, service)).status == 404


# ── the page and the policy ───────────────────────────────────────────────────────────────────────────────────────


async def test_the_page_says_what_there_is(with_file: FastAPI, service: Service, file: Path) -> None:
    said = (await setup_of(with_file, service))["basemap"]
    assert said == {
        "kind": "raster",
        "url": f"/basemap.pmtiles?v={file.stat().st_mtime_ns:x}",
        "attribution": "© Tests",
        "bounds": [-180, -90, 180, 90],
        "minzoom": 0,
        "maxzoom": 14,
    }
    assert (await setup_of(with_file, service, "/gaps"))["basemap"] is None
    with service.client("admin") as client:
        assert '"basemap": null' in client.get("/").text, "none unless one is set"
    own = await ask(with_file, "/", headers={"authorization": f"Bearer {service.tokens['admin']}"})
    assert own.headers["content-security-policy"] == POLICY


async def test_a_server_enters_the_policy_with_its_origin_alone(with_server: FastAPI, service: Service) -> None:
    answer = await ask(with_server, "/", headers={"authorization": f"Bearer {service.tokens['admin']}"})
    strict = {what: set(of.split()) for what, _, of in (r.strip().partition(" ") for r in POLICY.split(";"))}
    added = {what: sources - strict[what] for what, sources in rules(answer).items()}
    origin = {"https://tiles.example.id:8443"}
    assert {what: more for what, more in added.items() if more} == {"img-src": origin, "connect-src": origin}
    assert {what: strict[what] - sources for what, sources in rules(answer).items() if strict[what] - sources} == {}
    said = (await setup_of(with_server, service))["basemap"]
    assert (said["kind"], said["url"], said["attribution"]) == ("raster", TEMPLATE, "© Tests <b>")
    assert "© Tests <b>" not in answer.body.decode(), "nobody's text becomes markup"
    assert (await fetch(with_server, service)).status == 404


# ── wrong settings ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("http://tiles.example.id/{z}/{x}/{y}.png", "https"),
        ("ftp://tiles.example.id/{z}/{x}/{y}.png", "https"),
        ("https://tiles.example.id/{z}/{x}.png", "{y}"),
        ("https://{s}.tiles.example.id/{z}/{x}/{y}.png", "nothing else"),
        ("https://tiles.example.id/{z}/{x}/{y}/{y}.png", "each once"),
        ("https://me:secret@tiles.example.id/{z}/{x}/{y}.png", "plain host"),
        ("https://tiles.example.id;script-src/{z}/{x}/{y}.png", "plain host"),
        ("https://tiles.example.id 'unsafe-inline'/{z}/{x}/{y}.png", "plain host"),
        ("https:///{z}/{x}/{y}.png", "plain host"),
        ("https://tiles.example.id:99999/{z}/{x}/{y}.png", "address"),
        ("/nowhere/at-all.pmtiles", "cannot be read"),
        ("/", "cannot be read"),
    ],
)
def test_wrong_settings_stop_the_start(
    wrong: str, said: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        settled(settings, basemap=wrong)
    monkeypatch.setenv("CAKUPAN_BASEMAP", wrong)
    done = CliRunner().invoke(commands, ["serve"])
    assert done.exit_code == 2
    assert "setting basemap" in done.output
    assert "Traceback" not in done.output


def test_files_that_cannot_be_drawn_stop_the_start(settings: Settings, file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pmtiles"
    broken.write_text("PMTiles\x02 or something else" * 20)
    picture = tmp_path / "map.png"
    picture.write_bytes(basemaps.png(GREEN))
    unknown = basemaps.of_type(tmp_path / "unknown.pmtiles", HERE, TileType.UNKNOWN)
    other = basemaps.vector(tmp_path / "other.pmtiles", HERE, "transportation")
    for wrong, said in (
        (broken, "no PMTiles file"),
        (picture, "no PMTiles file"),
        (basemaps.cut(file, 60), "no PMTiles file"),
        (basemaps.cut(file, 130), "no PMTiles file"),
        (unknown, "neither pictures nor vector tiles"),
        (other, "no layer earth"),
    ):
        with pytest.raises(ValidationError, match=said):
            settled(settings, basemap=str(wrong))
    assert settled(settings, basemap=str(basemaps.vector(tmp_path / "good.pmtiles", HERE))).basemap
    assert settled(settings, basemap="http://127.0.0.1:9000/{z}/{x}/{y}.png").basemap
    assert settled(settings, basemap="").basemap == ""
