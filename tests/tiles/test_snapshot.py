"""The report: one file, nothing loaded from anywhere, the colours of the live map."""

import dataclasses
import json
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from geo.errors import NotReady
from tiles import snapshot
from tiles.snapshot import Page, html
from tiles.style import MEASURES, NO_DATA_COLOUR, Measure, legend

NOW = datetime(2022, 10, 24, 17, 0, tzinfo=ZoneInfo("Asia/Makassar"))
PAGE = Page("Uji <b>", "prelist 2022_2, epoch 3", "coverage", simulated=True, now=NOW)


def row(number: int, coverage: float | None) -> dict[str, object]:
    return {
        "n": number, "code": f"647203000{number}", "name": "Kampung </script><script>alert(1)</script>",
        "expected": 120, "completed": 43, "new": 2, "dropped": 1, "gap": 78, "coverage": coverage,
        "resolved": coverage, "schedule": coverage, "state": "started", "last_at": None,
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


def drawn(made: str) -> tuple[list[str], list[str]]:
    """Colours of the areas in the order of their numbers, and of the legend from its top."""
    areas = re.findall(r'"colour": "(#[0-9a-f]{6})"', made)
    return areas, re.findall(r'<i style="background:(#[0-9a-f]{6})', made.split('class="cakupan"')[1])


def examples(measure: Measure) -> list[dict[str, object]]:
    """An area in each class of a measure, from the lowest up, and one without a value."""
    values = [0.0, *measure.breaks]
    if measure.unit == "hours":
        heard = [{"last_at": NOW.astimezone(UTC) - timedelta(hours=age)} for age in values]
        return [row(n, 0.5) | seen for n, seen in enumerate([*heard, {"last_at": None}])]
    return [row(n, 0.5) | {measure.id: value} for n, value in enumerate([*values, None])]


def of(measure: Measure) -> str:
    rows = examples(measure)
    return html(dataclasses.replace(PAGE, measure=measure.id), rows, {n: shape(n) for n in range(len(rows))})


@needs_leaflet
@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda m: m.id)
def test_classes_and_colours_are_those_of_the_live_map(measure: Measure) -> None:
    told = legend()[measure.id]
    colours = [c["colour"] for c in told["classes"]] + [told["no_data"]]
    assert drawn(of(measure)) == (colours, colours)


@needs_leaflet
@pytest.mark.parametrize("measure", MEASURES)
def test_other_classes_and_colours_are_followed(measure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = MEASURES[measure]
    breaks = tuple(b / 2 for b in before.breaks)
    other = dataclasses.replace(before, breaks=breaks, colours=tuple(f"#00000{n}" for n in range(5)))
    monkeypatch.setitem(MEASURES, measure, other)
    areas, shown = drawn(of(other))
    assert areas == shown == [*other.colours, NO_DATA_COLOUR]
    low, high = other.breaks[0], other.breaks[1]
    text = of(other).split('class="cakupan"')[1]
    ends = {"share": (f"{100 * low:.0f} %", f"{100 * high:.0f} %"), "hours": (f"{low:.0f} h", f"{high:.0f} h")}
    assert " – ".join(ends.get(other.unit, (f"{low:.0f}", f"{high:.0f}"))) in text


@needs_leaflet
def test_when_something_was_last_heard_is_local_time() -> None:
    heard = row(1, 0.36) | {"last_at": datetime(2022, 10, 24, 1, 30, tzinfo=UTC)}
    assert '"last_at": "2022-10-24 09:30"' in html(PAGE, [heard], {1: shape(1)})


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
