"""What releases cost: the figures of the promise, held against sums over the noise itself and against opendp."""

from math import exp, sqrt
from typing import Any

import opendp.prelude as dp
import pytest

from geo.publish import cost
from geo.publish.noise import SIGMA, THRESHOLDS

REACH = len(THRESHOLDS) // 2
PMF = {k: (THRESHOLDS[REACH + k] - THRESHOLDS[REACH + k - 1]) / 2**128 for k in range(-REACH + 1, REACH)}


@pytest.mark.parametrize(
    ("tables", "rho", "epsilon", "advantage"), [(0, 0, 0, 0), (1, 0.11, 2.6, 0.19), (2, 0.22, 3.7, 0.26)]
)
def test_what_is_promised(tables: int, rho: float, epsilon: float, advantage: float) -> None:
    told = cost.of(tables)
    assert told.keys() == {"tables", "rho", "epsilon", "delta", "advantage"}
    assert (told["tables"], told["delta"]) == (tables, 1e-6)
    assert (round(told["rho"], 2), round(told["epsilon"], 1)) == (rho, epsilon)
    assert round(told["advantage"], 2) == advantage


@pytest.mark.parametrize("tables", [1, 2])
def test_nobody_gains_more_than_said(tables: int) -> None:
    """The whole distribution of all leaves of a household, moved by one in each, against itself unmoved."""
    leaves = 2 * tables
    alike = {0: 1.0}  # of the sum over leaves: the likelihood of a move depends on nothing else
    for _ in range(leaves):
        summed: dict[int, float] = {}
        for total, weight in alike.items():
            for k, p in PMF.items():
                summed[total + k] = summed.get(total + k, 0.0) + weight * p
        alike = summed
    gained = sum(max(p - alike.get(k - leaves, 0.0), 0.0) for k, p in alike.items())
    assert 0.99 * cost.advantage(tables) < gained <= cost.advantage(tables)


def test_two_leaves_by_every_pair() -> None:
    """The same for one table without the shortcut of sums."""
    gained = sum(max(PMF[x] * PMF[y] - PMF.get(x - 1, 0) * PMF.get(y - 1, 0), 0) for x in PMF for y in PMF)
    assert gained == pytest.approx(0.18549, abs=1e-5)
    assert gained <= cost.advantage(1)


def test_epsilon_holds_of_the_noise_itself() -> None:
    """Beyond a factor of e to the ε lies less than δ of what a table's two leaves can say."""
    bound = exp(cost.of(1)["epsilon"])
    beyond = sum(max(PMF[x] * PMF[y] - bound * PMF.get(x - 1, 0) * PMF.get(y - 1, 0), 0) for x in PMF for y in PMF)
    assert 0 < beyond <= cost.DELTA


def test_rho_is_opendps() -> None:
    dp.enable_features("contrib")
    made: Any = dp.m.make_gaussian(dp.vector_domain(dp.atom_domain(T=int)), dp.l2_distance(T=float), scale=float(SIGMA))
    for tables in (1, 2):
        assert made.map(sqrt(cost.DISTANCE_2 * tables)) == pytest.approx(cost.rho(tables), rel=1e-12)


def test_error_grows_with_the_root_of_draws() -> None:
    assert [round(cost.error(n), 2) for n in (0, 1, 4, 5)] == [0, 5.88, 11.76, 13.15]
    for n, within in ((1, 6), (2, 9)):
        assert within - 1 < cost.error(n) <= within
    assert sum(p for k, p in PMF.items() if abs(k) <= 6) > 0.95 > sum(p for k, p in PMF.items() if abs(k) <= 5)
