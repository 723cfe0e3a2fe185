"""The draw as arithmetic: every household has the same chance, in every block and with every enumerator."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.watch.reinterviews import fraction, interval

KEYS = [bytes.fromhex(key) for key in ("00112233445566778899aabbccddeeff", "5f" * 16, "01" + "00" * 15)]
FAMILIES = 40_000
BLOCKS = 100
#: Of the normal distribution: what one of a thousand draws exceeds.
RARE = 3.0902
IDS = [f"6472030001-{n % BLOCKS:04d}-{n // BLOCKS:05d}" for n in range(FAMILIES)]


def unlikely(degrees: int) -> float:
    """What chi-square exceeds once in a thousand times (Wilson and Hilferty, 1931)."""
    ninth = 2 / (9 * degrees)
    return degrees * (1 - ninth + RARE * math.sqrt(ninth)) ** 3


def chi_square(found: Counter[int], groups: int) -> float:
    """How far counts of equally large groups are from equal."""
    expected = found.total() / groups
    return sum((found[group] - expected) ** 2 / expected for group in range(groups))


@pytest.mark.parametrize("key", KEYS)
def test_the_draw_is_even(key: bytes) -> None:
    places = [fraction(key, household) for household in IDS]
    assert chi_square(Counter(int(place * 50) for place in places), 50) < unlikely(49)
    drawn = [n for n, place in enumerate(places) if place < 0.05]
    assert abs(len(drawn) - 0.05 * FAMILIES) < RARE * math.sqrt(0.05 * 0.95 * FAMILIES)
    by_block, by_order = Counter(n % BLOCKS for n in drawn), Counter(n // (FAMILIES // 20) for n in drawn)
    assert chi_square(by_block, BLOCKS) < unlikely(BLOCKS - 1), "enumerators work whole blocks"
    assert chi_square(by_order, 20) < unlikely(19), "early or late on the list"


def test_another_key_draws_others() -> None:
    first, second = ({one for one in IDS if fraction(key, one) < 0.1} for key in KEYS[:2])
    assert abs(len(first & second) - 0.01 * FAMILIES) < RARE * math.sqrt(0.01 * 0.99 * FAMILIES)


@pytest.mark.parametrize(("count", "of"), [(0, 20), (3, 30), (1, 1), (5, 12), (400, 400)])
def test_the_ends_of_an_interval_are_just_as_far_as_chance_goes(count: int, of: int) -> None:
    """What Wilson's interval is: at its ends the share found lies 1.28 standard errors of that end away."""
    found = interval(count, of)
    assert found is not None
    for end in (found["low"], found["high"]):
        away = 1.281552 * math.sqrt(end * (1 - end) / of)
        assert abs(count / of - end) == pytest.approx(away, abs=1e-6) or (end in {0, 1} and count / of == end)


def test_of_nothing_nothing_is_said() -> None:
    assert interval(0, 0) is None


@given(st.integers(1, 5_000), st.data())
def test_an_interval_holds_its_share(of: int, data: st.DataObject) -> None:
    found = interval(data.draw(st.integers(0, of)), of)
    assert found is not None
    assert 0 <= found["low"] <= found["share"] <= found["high"] <= 1
