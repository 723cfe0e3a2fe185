"""Files of the pages: compressed once, named by their content, without comments, and asked for all at once."""

import gzip
import re

import pytest

from app.pages import assets
from app.pages.assets import _read, _takes_gzip


@pytest.fixture
def fetch(service):
    """Fetches a file of the pages with the headers given."""

    def get(name, **headers):
        with service.client(None) as client:
            return client.get(f"{assets.root()}/{name}", headers={"accept-encoding": "gzip"} | headers)

    return get


@pytest.mark.parametrize("name", ["static/page.js", "static/page.css", "static/icon.svg", "vendor/maplibre-gl.mjs"])
def test_both_forms_say_the_same_under_different_tags(fetch, name):
    if name not in assets.files():
        pytest.skip("the map library is not installed")
    pressed, plain = fetch(name), fetch(name, **{"accept-encoding": "identity"})
    assert pressed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert pressed.content == plain.content
    assert int(pressed.headers["content-length"]) < int(plain.headers["content-length"])
    assert pressed.headers["etag"] != plain.headers["etag"]
    for answer in (pressed, plain):
        assert answer.headers["vary"] == "Accept-Encoding"
        assert "immutable" in answer.headers["cache-control"]


def test_what_is_known_is_not_sent_again(fetch):
    tag = fetch("static/page.js").headers["etag"]
    again = fetch("static/page.js", **{"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    other = fetch("static/page.js", **{"if-none-match": tag, "accept-encoding": "identity"})
    assert other.status_code == 200, "the other form has a tag of its own"


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("br", False),
        ("", False),
    ],
)
def test_whether_a_browser_takes_gzip(accepted, takes):
    assert _takes_gzip(accepted) is takes


def test_comments_stay_here_and_nothing_else_does():
    for name, file in assets.files().items():
        if not name.startswith("static/") or file.suffix not in {".js", ".css"}:
            continue
        before, after = file.read_text(encoding="utf-8").split("\n"), _read(name, False)[0].decode().split("\n")
        assert len(before) == len(after), f"{name}: lines keep their numbers"
        gone = [was for was, now in zip(before, after, strict=True) if was != now]
        assert all(re.match(r"\s*(//|/\*|\*|[^;{}]*$|.*\*/\s*$)", line) for line in gone), name
        assert not any(now for was, now in zip(before, after, strict=True) if was != now), f"{name}: whole lines only"
        inside = False  # what is left out lies in comments, as a reader of lines would tell
        for was, now in zip(before, after, strict=True):
            starts = was.lstrip().startswith("/*")
            comment = inside or starts or (was.lstrip().startswith("//") and file.suffix == ".js")
            assert now == was or comment, f"{name}: {was}"
            inside = (inside or starts) and "*/" not in was


def test_compressing_is_the_same_every_time():
    assert _read("static/page.css", True)[0] == gzip.compress(_read("static/page.css", False)[0], 9, mtime=0)


def test_a_page_names_every_module_that_its_script_needs(service):
    with service.client() as client:
        page = client.get("/gaps").text
    named = set(re.findall(r'rel="modulepreload" href="/assets/\w+/static/([\w-]+\.js)"', page))
    assert named == set(assets.needed_by("gaps.js"))
    assert {"page.js", "texts.js", "live.js", "calendar.js"} <= named
    for name in (*named, "gaps.js"):
        code = assets.files()[f"static/{name}"].read_text(encoding="utf-8")
        assert set(re.findall(r"""\bfrom ["']\./([\w-]+\.js)["']""", code)) <= named | {"gaps.js"}
    assert "plot.js" not in assets.needed_by("block.js"), "the map waits until it is wanted"
