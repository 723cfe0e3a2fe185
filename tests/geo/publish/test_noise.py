"""The noise of releases: exactly the distribution it is said to be, bound to what it is for, the same everywhere."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product
from statistics import NormalDist
from typing import Any

import numpy as np
import opendp.prelude as dp
import pytest

from geo.publish import noise
from geo.publish.noise import SIGMA, THRESHOLDS, Purpose

KEY = bytes(range(32))
PURPOSE = Purpose("simulasi", "2022_2", "field", "field_status", 1)
BLOCK = "6472030001000100"
NOBODY = noise.content([])
WHOLE = 2**128
REACH = len(THRESHOLDS) // 2

#: Of two rows, and draws with and without them; whatever changes these changes every release.
CONTENT = "986e198ccb76c63c855b532c595e909ed992262a61fb203628793ad5923c9a4e"
DRAWN = [-3, 4, 1, 6, 1, 4, 6, -3, 1, 2, 0, 0]

#: How rarely a sound sample may be called unsound.
ONCE_IN = 1e-9


def pmf(k: int) -> float:
    at = REACH + k
    return (THRESHOLDS[at] - THRESHOLDS[at - 1]) / WHOLE


def exp(x: Fraction) -> Fraction:
    """e to the x, to sixty digits at least, without any library's exponential: e is a sum, and e^(n/18) a root."""
    term = total = Fraction(1)
    small = x / 2**12
    for n in range(1, 20):
        term = term * small / n
        total += term
    for _ in range(12):
        total = Fraction(round(total * total * 10**80), 10**80)
    return total


def chi_square(found: Counter[int], size: int) -> tuple[float, int]:
    """How far a sample is from the distribution, and degrees of freedom; everything beyond ±8 is one class each."""
    classes = {k: pmf(k) for k in range(-8, 9)}
    tail = (1 - sum(classes.values())) / 2
    seen = {k: found[k] for k in classes} | {
        -9: sum(n for k, n in found.items() if k < -8),
        9: sum(n for k, n in found.items() if k > 8),
    }
    expected = {k: size * p for k, p in (classes | {-9: tail, 9: tail}).items()}
    return sum((seen[k] - expected[k]) ** 2 / expected[k] for k in expected), len(expected) - 1


def limit(freedom: int) -> float:
    """What chi-square exceeds once in 1 / ONCE_IN times (Wilson and Hilferty 1931)."""
    part = 2 / (9 * freedom)
    root: float = 1 - part + NormalDist().inv_cdf(1 - ONCE_IN) * part**0.5
    return freedom * root**3


def draws(leaves: Iterable[int], *, key: bytes = KEY, purpose: Purpose = PURPOSE, system: str = "block") -> list[int]:
    return [noise.draw(key, purpose, system, f"{leaf:016d}", NOBODY) for leaf in leaves]


def test_thresholds_are_the_distribution_to_the_last_bit() -> None:
    weights = {k: 1 / exp(Fraction(k * k, 2 * SIGMA**2)) for k in range(REACH + 1)}
    total = 2 * sum(weights.values()) - 1
    up_to = Fraction(0)
    for threshold, k in zip(THRESHOLDS, range(-REACH, REACH + 1), strict=True):
        up_to += weights[abs(k)]
        assert abs(threshold - up_to / total * WHOLE) <= Fraction(501, 1000), k


def test_the_same_on_every_machine() -> None:
    told = ",".join(map(str, THRESHOLDS)).encode()
    assert hashlib.sha256(told).hexdigest() == "9624a509735fb30a2707451e6fff0c78a294c983e0d80dca610f494a6d6f5278"
    assert THRESHOLDS[REACH] == 192766687367108603758785804911848349387
    rows = [("SIM-2", 1, False), ("SIM-1", 3, True)]
    assert noise.content(rows).hex() == CONTENT
    assert [noise.draw(KEY, PURPOSE, "block", BLOCK, noise.content(rows)), *draws(range(11))] == DRAWN


def test_even_to_both_sides_and_never_beyond() -> None:
    assert all(low + high == WHOLE for low, high in zip(THRESHOLDS, THRESHOLDS[-2::-1], strict=False))
    assert (noise.quantile(0), noise.quantile(WHOLE - 1)) == (-39, 39)
    for k in (-39, -3, 0, 1, 39):
        first = THRESHOLDS[REACH + k - 1]
        assert noise.quantile(first) == k
        assert k == -39 or noise.quantile(first - 1) == k - 1
        assert noise.quantile(THRESHOLDS[REACH + k] - 1) == k


def test_agrees_with_opendp() -> None:
    size = 30_000
    dp.enable_features("contrib")
    made = dp.m.make_gaussian(
        dp.vector_domain(dp.atom_domain(T=int)), dp.l2_distance(T=float), scale=float(SIGMA)
    )  # the reference: an exact sampler of its own, seeded by the operating system
    for sample in (made([0] * size), draws(range(size))):
        far, freedom = chi_square(Counter(sample), size)
        assert far < limit(freedom)
        variance = sum(k * k for k in sample) / size
        assert abs(variance - SIGMA**2) < 6.2 * SIGMA**2 * (2 / size) ** 0.5
    exact = sum(k * k * pmf(k) for k in range(-REACH + 1, REACH))
    assert exact == pytest.approx(SIGMA**2, abs=1e-9)


def test_chi_square_tells_another_width() -> None:
    size = 30_000
    wider = np.random.default_rng(22).normal(0, SIGMA * 1.07, size).round().astype(int)
    assert chi_square(Counter(wider.tolist()), size)[0] > limit(18)


@pytest.mark.parametrize(
    ("field", "other"),
    [("campaign", "lain"), ("edition", "2023_1"), ("kind", "final"), ("measure", "consultation"), ("release", 2)],
)
def test_any_field_of_the_purpose_draws_anew(field: str, other: Any) -> None:
    chance(draws(range(4_000)), draws(range(4_000), purpose=replace(PURPOSE, **{field: other})))


def test_key_system_leaf_and_content_draw_anew() -> None:
    leaves = range(4_000)
    plain = draws(leaves)
    chance(plain, draws(leaves, key=bytes(32)))
    chance(plain, draws(leaves, system="cell"))
    chance(plain, draws(range(4_000, 8_000)))
    chance(plain, draws(range(1, 4_001)))
    for rows in ([("A", 1, True)], [("A", 1, False)], [("A", 2, True)]):
        entered = noise.content(rows)
        chance(plain, [noise.draw(KEY, PURPOSE, "block", f"{leaf:016d}", entered) for leaf in leaves])


def chance(a: list[int], b: list[int]) -> None:
    """Two lists of draws are equal as often as by accident, and not related otherwise."""
    size, likely = len(a), sum(pmf(k) ** 2 for k in range(-30, 31))
    equal = sum(x == y for x, y in zip(a, b, strict=True))
    assert abs(equal - size * likely) < 6.2 * (size * likely) ** 0.5
    assert abs(sum(x * y for x, y in zip(a, b, strict=True))) < 6.2 * SIGMA**2 * size**0.5


def test_fields_never_run_into_each_other() -> None:
    """What one field loses the next one wins: every such pair is another draw for somebody who sees the input."""
    seen = set()
    for campaign, edition, leaf in product(("a", "ab", ""), ("b", "", "ab"), (BLOCK, "")):
        purpose = Purpose(campaign, edition, "field", "field_status", 1)
        seen.add(tuple(noise.draw(bytes([n]) * 32, purpose, "block", leaf, NOBODY) for n in range(40)))
    assert len(seen) == 18
    contents = [[("a", 11, True)], [("a1", 1, True)], [("a", 1, True), ("1", 1, True)], [("a", 1, True)], []]
    assert all(noise.content(a) != noise.content(b) for a, b in combinations(contents, 2))


def test_content_knows_no_order() -> None:
    rows = [("SIM-é", 1, True), ("SIM-e", 2, False), ("SIM-z", 1, False)]
    assert noise.content(rows) == noise.content(reversed(rows)) != noise.content(rows[:2])


def test_keys_are_random_and_whole() -> None:
    assert noise.new_key() != noise.new_key()
    assert len(noise.new_key()) == noise.KEY_BYTES
    with pytest.raises(ValueError, match="32 bytes"):
        noise.draw(b"", PURPOSE, "block", BLOCK, NOBODY)
