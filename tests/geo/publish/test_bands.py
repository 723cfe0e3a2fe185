"""What is shown of a figure: a band and a word, never a share that says too much."""

import pytest

from geo.publish import bands


@pytest.mark.parametrize(("poor", "households", "band"), [
    (-9, 100, "<5"), (0, 100, "<5"), (4, 100, "<5"), (5, 100, "5-10"), (10, 100, "10-15"), (19, 100, "15-20"),
    (20, 100, "20-30"), (30, 100, "30-40"), (3, 10, "30-40"), (49, 100, "40-50"), (50, 100, ">=50"), (130, 100, ">=50"),
])  # fmt: skip
def test_bands_hold_every_share(poor: int, households: int, band: str) -> None:
    assert bands.BANDS[bands.band(poor, households, 1)] == band
    assert bands.poor_shown(poor, households, 1) == min(max(poor, 0), households)


@pytest.mark.parametrize(("households", "draws"), [(9, 1), (0, 1), (100, 0), (0, 0)])
def test_no_share_of_few_nor_without_a_draw(households: int, draws: int) -> None:
    assert bands.band(5, households, draws) == bands.NO_BAND
    assert bands.poor_shown(5, households, draws) is None


@pytest.mark.parametrize(("households", "draws", "expected", "said"), [
    (0, 0, 60, ["none_yet"]), (0, 0, None, ["none_yet"]), (0, 1, 0, ["fewer_than_10"]), (9, 1, 9, ["fewer_than_10"]),
    (9, 1, 60, ["fewer_than_10", "low_coverage"]), (10, 1, 10, []), (79, 1, 100, ["low_coverage"]), (80, 1, 100, []),
    (80, 4, 0, []), (80, 1, None, ["coverage_unknown"]),
])  # fmt: skip
def test_what_is_said_beside_a_figure(households: int, draws: int, expected: int | None, said: list[str]) -> None:
    assert bands.notes(households, draws, expected) == said
