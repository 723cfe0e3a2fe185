"""Clusters against PySAL called directly, against all that can be drawn, and on maps whose truth is known."""

import itertools
import warnings
from importlib import import_module
from types import SimpleNamespace

import h3.api.basic_int as h3
import numpy as np
import pytest

from geo.errors import BadInput
from geo.ground import cells
from geo.publish import clusters
from geo.publish.clusters import QUADRANTS, REASONS, STATES, Found, Rules
from geo.publish.leaves import Leaves

SAMARINDA = h3.latlng_to_cell(-0.5022, 117.1537, 8)
QUICK = Rules(permutations=9_999, moran_permutations=999, redraws=20, redraw_permutations=999)
EVEN = 0.1


def disk(rings: int) -> np.ndarray:
    return np.sort(np.array(h3.grid_disk(SAMARINDA, rings), np.int64))


def leaves(key: np.ndarray, n: np.ndarray, value: np.ndarray, **other) -> Leaves:
    lon, lat = cells.centres(key)
    columns = {"number": np.zeros(len(key), np.int64), "draws": np.ones(len(key), np.int64)}
    columns |= {"expected": np.full(len(key), -1, np.int64)} | other
    return Leaves("cell", 8, key, lon=lon, lat=lat, n=n, value=value, **columns)


def city(seed: int = 1, planted: float = 0.4, rings: int = 9, **other) -> tuple[Leaves, np.ndarray]:
    """Even poverty with noise of one draw, and seven cells in which more are poor; which these are."""
    rng, key = np.random.default_rng(seed), disk(rings)
    inside = np.isin(key, h3.grid_disk(SAMARINDA, 1))
    n = rng.integers(20, 900, len(key))
    value = rng.binomial(n, np.where(inside, planted, EVEN)) + np.rint(rng.normal(0, 3, len(key))).astype(int)
    return leaves(key, n, value, **other), inside


@pytest.fixture(scope="module")
def book() -> SimpleNamespace:
    """PySAL and scipy, imported late: whoever only collects tests does not wait for them."""
    esda, weights, stats = (import_module(name) for name in ("esda", "libpysal.weights", "scipy.stats"))
    return SimpleNamespace(esda=esda, weights=weights.W, adjusted=stats.false_discovery_control, normal=stats.norm)


@pytest.fixture(scope="module")
def found() -> tuple[Leaves, np.ndarray, Found]:
    seen, inside = city()
    return seen, inside, clusters.find(seen, QUICK)


def scored(seen: Leaves) -> clusters.Usual:
    return clusters.usual(seen.n, seen.value, seen.draws, QUICK.discoveries)


def test_a_planted_cluster_is_found_and_nothing_else(found) -> None:
    seen, inside, told = found
    (one,) = told.clusters
    positions = np.array(one.positions)
    assert set(np.flatnonzero(inside).tolist()) <= set(one.positions)
    assert len(positions) <= 10  # beside it, what is high by chance
    assert np.isin(seen.key[positions], h3.grid_disk(SAMARINDA, 2)).all()
    assert np.flatnonzero(told.cluster).tolist() == list(one.positions)
    assert {STATES[code] for code in told.state[inside].tolist()} == {"hot"}
    assert (one.n, one.value, one.draws) == tuple(int(c[positions].sum()) for c in (seen.n, seen.value, seen.draws))
    assert one.expected == -1
    assert one.excess == pytest.approx(one.value - one.n * seen.value.sum() / seen.n.sum(), abs=0.06)
    assert one.excess_error == pytest.approx(1.96 * 3 * np.sqrt(len(positions)), rel=0.05)
    assert one.sure == 1.0
    assert one.agree >= 0.8
    assert told.method | {"permutations": 9_999, "seed": 2022, "discoveries": 0.05} == told.method
    assert told.method["usual_share"] == pytest.approx(EVEN, abs=0.01)


def test_the_same_question_has_the_same_answer(found) -> None:
    seen, _, told = found
    again = clusters.find(seen, QUICK)
    assert again.clusters == told.clusters
    assert np.array_equal(again.p, told.p)
    other = clusters.find(seen, Rules(**(QUICK.__dict__ | {"seed": 7})))
    assert not np.array_equal(other.p, told.p)


def test_nothing_is_found_where_nothing_is_planted() -> None:
    maps = [clusters.find(city(seed, planted=EVEN, rings=6)[0], Rules(9_999, 99, redraws=0)) for seed in range(8)]
    assert not any(one.clusters for one in maps)
    assert sum(int((one.state == clusters.HOT).sum()) for one in maps) <= 1


def test_noise_alone_lights_nothing_up() -> None:
    """Cells of few households, in which the noise of five draws is larger than everything else."""
    rng, key = np.random.default_rng(5), disk(7)
    n = np.where(rng.random(len(key)) < 0.5, 12, 600)
    value = rng.binomial(n, EVEN) + np.rint(rng.normal(0, 3 * np.sqrt(5), len(key))).astype(int)
    seen = leaves(key, n, value, draws=np.full(len(key), 5))
    few = n == 12
    assert np.abs(value / n - EVEN)[few].max() > 1  # what is published there would be the highest rates of all
    usual = scored(seen)
    assert np.abs(usual.score[few]).std() < 1.5
    assert not clusters.find(seen, QUICK).clusters


def test_z_is_gi_star_of_pysal_where_nobody_stands_out(book) -> None:
    seen, _ = city(3, planted=EVEN, rings=5)
    usual, pairs = scored(seen), cells.neighbours(seen.key)
    assert usual.reference.all()
    z, _, _ = clusters.star(usual, pairs, 999, np.random.default_rng(1))
    beside = {i: [j for j in range(len(seen)) if h3.are_neighbor_cells(int(seen.key[i]), int(seen.key[j]))]
              for i in range(len(seen))}  # fmt: skip
    expected = book.esda.G_Local(
        usual.excess - usual.excess.min() + 1, book.weights(beside), transform="B", star=True, permutations=0
    )
    assert np.allclose(z, expected.Zs)


def test_p_is_the_share_of_all_that_can_be_drawn() -> None:
    """Every choice of cells from a small reference, counted out."""
    rng = np.random.default_rng(4)
    score = rng.normal(size=9).round(3)
    reference = np.arange(9) > 0
    pairs = np.array([[0, 1], [0, 2], [3, 4]])
    usual = clusters.Usual(0.1, 0.01, score, np.full(9, 1e-9), score, reference)
    _, p, few = clusters.star(usual, pairs, 200_000, np.random.default_rng(1))
    for cell, ring in ((0, [0, 1, 2]), (1, [0, 1]), (3, [3, 4]), (8, [8])):
        every = [sum(one) for one in itertools.combinations(score[1:].tolist(), len(ring))]
        many = np.mean([one >= score[ring].sum() - 1e-9 for one in every])
        less = np.mean([one <= score[ring].sum() + 1e-9 for one in every])
        total = score[ring].sum()  # chance alone, tiny here, hardly gives a sum of the other sign
        assert p[cell] == pytest.approx(max(many, float(total < 0)), abs=0.005)
        assert few[cell] == pytest.approx(max(less, float(total > 0)), abs=0.005)


def test_p_is_not_smaller_than_chance_and_noise_allow(book) -> None:
    excess = np.concatenate([[30.0, 25, 35], np.linspace(-1, 1, 40)])
    usual = clusters.Usual(0.1, 0.0, excess, np.full(43, 400.0), excess, np.arange(43) > 2)
    z, p, few = clusters.star(usual, np.array([[0, 1], [0, 2]]), 9_999, np.random.default_rng(1))
    assert z[0] > 50
    assert p[0] == pytest.approx(book.normal.sf(90 / np.sqrt(1_200)), rel=1e-6)
    assert few[0] == pytest.approx(1, abs=1e-2)


def test_quadrants_are_those_of_pysal(found, book) -> None:
    seen, _, told = found
    beside = {i: [] for i in range(len(seen))}
    for a, b in cells.neighbours(seen.key).tolist():
        beside[a].append(b)
        beside[b].append(a)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of esda, about a default
        moran = book.esda.Moran_Local(
            scored(seen).excess, book.weights(beside), permutations=999, seed=QUICK.seed, n_jobs=1
        )
    names = np.array(["", "HH", "LH", "LL", "HL"])[moran.q]
    expected = np.where(moran.p_sim <= 0.05, names, "none")
    assert [QUADRANTS[code] for code in told.moran.tolist()] == expected.tolist()
    assert {"HH", "none"} < set(expected.tolist())


@pytest.mark.parametrize("seed", range(5))
def test_discoveries_are_those_of_pysal_and_scipy(seed: int, book) -> None:
    rng = np.random.default_rng(seed)
    p = np.concatenate([rng.uniform(size=200), rng.uniform(0, 0.01, 20 * seed)])
    found = clusters.discovered(p, 0.05)
    assert np.array_equal(found, book.adjusted(p) <= 0.05)
    if found.any():
        assert np.array_equal(found, p <= book.esda.fdr(p, 0.05))


def test_usual_is_not_what_the_clusters_make_of_it() -> None:
    """A fifth of the cells with five times the poverty moves neither the usual share nor the spread by much."""
    rng = np.random.default_rng(2)
    n, draws = rng.integers(200, 900, 400), np.ones(400, np.int64)
    rate = rng.normal(EVEN, 0.03, 400).clip(0.01)
    plain = clusters.usual(n, rng.binomial(n, rate), draws, 0.05)
    rate[:80] = 0.5
    mixed = clusters.usual(n, rng.binomial(n, rate), draws, 0.05)
    assert (plain.share, plain.differ) == (pytest.approx(EVEN, abs=0.006), pytest.approx(0.03, abs=0.008))
    assert (mixed.share, mixed.differ) == (pytest.approx(EVEN, abs=0.015), pytest.approx(0.04, abs=0.012))
    assert not mixed.reference[:80].any()
    assert mixed.reference[80:].mean() > 0.97


def test_what_cannot_be_ranked_is_not_tested_and_nobodys_neighbour(found) -> None:
    seen, inside, _ = found
    draws, n, expected = seen.draws.copy(), seen.n.copy(), np.full(len(seen), -1)
    ring = np.flatnonzero(inside)
    draws[ring[0]], n[ring[1]], expected[ring[2]] = 0, 9, 10 * n[ring[2]]
    expected[ring[3]] = n[ring[3]]
    told = clusters.find(leaves(seen.key, n, seen.value, draws=draws, expected=expected), QUICK)
    assert [REASONS[told.reason[i]] for i in ring[:3]] == ["none_yet", "fewer_than_10", "low_coverage"]
    assert told.untested == {"none_yet": 1, "fewer_than_10": 1, "low_coverage": 1}
    assert told.tested == len(seen) - 3
    assert [STATES[code] for code in told.state[ring].tolist()] == ["untested"] * 3 + ["hot"] * 4
    assert np.isnan(told.z[ring[:3]]).all()
    (one,) = told.clusters
    assert not set(ring[:3].tolist()) & set(one.positions)


def test_a_cell_without_neighbours_is_not_tested() -> None:
    seen, _ = city()
    far = h3.latlng_to_cell(0.5, 117.5, 8)
    key = np.sort(np.append(seen.key, far))
    at = int(np.searchsorted(key, far))
    told = clusters.find(leaves(key, np.insert(seen.n, at, 800), np.insert(seen.value, at, 700)), QUICK)
    assert REASONS[told.reason[at]] == "alone"
    assert len(told.clusters) == 1


def test_too_few_cells_are_not_tested_at_all() -> None:
    seen, _ = city(rings=2)
    told = clusters.find(seen, QUICK)
    assert len(seen) == 19
    assert (told.tested, told.untested, told.clusters) == (0, {"too_few": 19}, ())
    assert told.method["usual_share"] is None
    empty = clusters.find(leaves(seen.key[:0], seen.n[:0], seen.value[:0], draws=seen.n[:0], expected=seen.n[:0]))
    assert (empty.tested, empty.clusters, empty.untested) == (0, (), {})


def test_small_groups_are_told_and_not_outlined() -> None:
    seen, inside = city()
    ring = np.flatnonzero(inside)
    value = seen.value.copy()
    value[ring] = np.rint(seen.n[ring] * EVEN)
    pair = [ring[0], next(b for a, b in cells.neighbours(seen.key).tolist() if a == ring[0] and inside[b])]
    n = seen.n.copy()
    n[pair], value[pair] = 900, 700
    told = clusters.find(leaves(seen.key, n, value), QUICK)
    assert (told.clusters, told.too_small) == ((), 1)
    assert told.cluster.max() == 0
    assert (told.state == clusters.HOT).sum() == 2


def test_clusters_are_ranked_by_poor_families_beyond_the_usual() -> None:
    seen, inside = city(rings=12)
    others = np.isin(seen.key, h3.grid_disk(int(seen.key[20]), 1)) & ~inside
    n, value = seen.n.copy(), seen.value.copy()
    n[inside], value[inside] = 100, 60
    n[others], value[others] = 800, 400
    told = clusters.find(leaves(seen.key, n, value), QUICK)
    assert [one.number for one in told.clusters] == [1, 2]
    assert told.clusters[0].excess > told.clusters[1].excess
    assert set(told.cluster[others].tolist()) == {1}
    assert set(told.cluster[inside].tolist()) == {2}


def test_cold_is_where_few_are_poor() -> None:
    seen, inside = city(planted=0.0, rings=12)
    n, value = np.full(len(seen), 600), np.random.default_rng(1).binomial(600, 0.3, len(seen))
    value[inside] = 5
    told = clusters.find(leaves(seen.key, n, value), QUICK)
    assert {STATES[code] for code in told.state[inside].tolist()} == {"cold"}
    assert not told.clusters


def test_the_same_everywhere_is_nowhere_a_cluster() -> None:
    key = disk(4)
    told = clusters.find(leaves(key, np.full(len(key), 100), np.full(len(key), 10)), QUICK)
    assert {STATES[code] for code in told.state.tolist()} == {"ordinary"}
    assert not told.clusters


def test_a_faint_cluster_is_less_sure() -> None:
    """Few households a cell: what the noise of five draws leaves standing in one map and not in another."""
    key = disk(7)
    inside, n = np.isin(key, h3.grid_disk(SAMARINDA, 1)), np.full(len(key), 60)
    rng = np.random.default_rng(3)
    value = rng.binomial(n, np.where(inside, 0.45, EVEN)) + np.rint(rng.normal(0, 3, len(key))).astype(int)
    rules = Rules(9_999, 99, redraws=60, redraw_permutations=1_999)
    bold = clusters.find(leaves(key, n, value), rules).clusters
    faint = clusters.find(leaves(key, n, value, draws=np.full(len(key), 9)), rules).clusters
    assert bold
    assert bold[0].sure >= 0.7
    assert max((one.sure for one in faint), default=0) < bold[0].sure - 0.2


def test_blocks_are_refused() -> None:
    seen, _ = city(rings=3)
    with pytest.raises(BadInput):
        clusters.find(Leaves(**(seen.__dict__ | {"system": "block", "resolution": 0})))
