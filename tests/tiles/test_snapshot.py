"""The report: one file, nothing loaded from anywhere, the colours of the live map."""

import json
import re

import pytest

from geo.errors import NotReady
from tiles import snapshot
from tiles.snapshot import Page, html
from tiles.style import MEASURES, NO_DATA_COLOUR, Measure

PAGE = Page("Uji <b>", "prelist 2022_2, epoch 3", "coverage", simulated=True)


def row(number: int, coverage: float | None) -> dict[str, object]:
    return {
        "n": number, "code": f"647203000{number}", "name": "Kampung </script><script>alert(1)</script>",
        "expected": 120, "completed": 43, "new": 2, "dropped": 1, "gap": 78, "coverage": coverage,
        "resolved": coverage, "state": "started",
    }  # fmt: skip


def shape(number: int) -> str:
    ring = [[117 + number, 0], [118 + number, 0], [118 + number, 1], [117 + number, 0]]
    return json.dumps({"type": "Polygon", "coordinates": [ring]})


needs_leaflet = pytest.mark.skipif(
    not (snapshot.VENDOR / "leaflet.js").exists(),
    reason="the browser files are not installed: run ./cakupan serve once",
)


@needs_leaflet
def test_nothing_is_loaded_and_the_figures_are_in_it() -> None:
    made = html(PAGE, [row(1, 0.36), row(2, None)], {1: shape(1), 2: shape(2)})
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)\s*=\s*[\"']?(?:https?:)?//", made)
    assert "@import" not in made
    assert "url(http" not in made
    assert "sourceMappingURL" not in made
    assert MEASURES["coverage"].colour(0.36) in made
    assert NO_DATA_COLOUR in made
    assert "36.0 %" in made
    assert "Simulated data" in made


@needs_leaflet
def test_names_cannot_run() -> None:
    made = html(PAGE, [row(1, 0.36)], {1: shape(1)})
    assert "<b>" not in made.split("<body>")[1].split('class="cakupan"')[1].split("</h1>")[0].replace("<h1>", "")
    assert "<script>alert(1)" not in made


def test_a_map_without_areas_is_still_a_map() -> None:
    if not (snapshot.VENDOR / "leaflet.js").exists():
        pytest.skip("the browser files are not installed: run ./cakupan serve once")
    assert "Simulated data" in html(PAGE, [], {})


def test_says_what_to_do_without_leaflet(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(snapshot, "VENDOR", tmp_path)
    with pytest.raises(NotReady, match="cakupan"):
        html(PAGE, [], {})


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda m: m.id)
def test_classes_cover_every_value_once(measure: object) -> None:
    assert isinstance(measure, Measure)
    assert len(measure.ranges()) == len(measure.colours) == 5
    for at, (low, high) in enumerate(measure.ranges()):
        if low is not None:
            assert measure.classify(low) == at
        if high is not None:
            assert measure.classify(high) == at + 1
    assert measure.classify(None) is None
    assert measure.classify(-1) is None
    assert measure.colour(None) == NO_DATA_COLOUR
