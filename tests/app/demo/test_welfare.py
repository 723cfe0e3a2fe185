"""Welfare of the simulated city: the planted clusters, the three scales and the forums are what their truth says."""

from dataclasses import replace

import numpy as np
import pytest

from app.demo import clusters
from app.demo.city import City
from app.demo.terrain import distances_m, survey
from app.demo.welfare import GROUPS, MOVED, REASONS, Welfare, draw
from geo.errors import BadInput
from geo.ground import cells
from tests.app.demo.town import squares


@pytest.fixture(scope="module")
def city() -> City:
    return squares()


@pytest.fixture(scope="module")
def welfare(city: City) -> Welfare:
    return draw(city)


def test_a_cluster_is_exactly_the_families_within_its_radius(city: City, welfare: Welfare) -> None:
    assert 3 <= len(welfare.clusters) <= 6
    families = city.families
    for number, cluster in enumerate(welfare.clusters):
        assert 300 <= cluster.radius_m <= 900
        away = distances_m(cluster.lon, cluster.lat, families.lon, families.lat)
        inside = welfare.cluster == number
        assert away[inside].max() < cluster.radius_m + 1
        assert away[~inside].min() > cluster.radius_m - 1
        assert cluster.families == inside.sum() >= 60
        assert cluster.poor == (welfare.status[inside] <= 2).sum()
        assert cluster.poor_final == (welfare.after[inside] <= 2).sum()


def test_blocks_and_cells_of_a_cluster_hold_mostly_its_families(city: City, welfare: Welfare) -> None:
    families = city.families
    code = np.array(city.blocks.code)[families.block]
    cell = cells.index(families.lon, families.lat, 9)
    for number, cluster in enumerate(welfare.clusters):
        for of, named in ((code, cluster.blocks), (cell, cluster.cells)):
            expected = [key for key in np.unique(of) if (welfare.cluster[of == key] == number).mean() > 0.5]
            assert sorted(named) == expected
            assert expected


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_poverty_in_clusters_is_several_times_that_around_them(city: City, seed: int) -> None:
    welfare = draw(city, seed)
    families = city.families
    assert len(welfare.clusters) >= 3
    for number, cluster in enumerate(welfare.clusters):
        away = distances_m(cluster.lon, cluster.lat, families.lon, families.lat)
        around = (welfare.cluster < 0) & (away < 2.5 * cluster.radius_m)
        for poor in (welfare.poor, welfare.after <= 2):
            inside, outside = poor[welfare.cluster == number].mean(), poor[around].mean()
            both = (cluster.families * inside + around.sum() * outside) / (cluster.families + around.sum())
            error = np.sqrt(both * (1 - both) * (1 / cluster.families + 1 / around.sum()))
            assert inside > 3 * outside
            assert (inside - outside) / error > 5  # standard errors of the difference


def test_clusters_keep_apart_and_off_water_and_forest(city: City) -> None:
    terrain = survey(city)
    for seed in range(6):
        welfare = draw(city, seed)
        found = welfare.clusters
        for i, one in enumerate(found):
            for other in found[:i]:
                apart = distances_m(one.lon, one.lat, np.array([other.lon]), np.array([other.lat]))[0]
                assert apart > one.radius_m + other.radius_m + 200
            centre = terrain.metres(np.array([one.lon]), np.array([one.lat]))
            ring = np.random.default_rng(0).uniform(-one.radius_m, one.radius_m, (4000, 2))
            disc = centre + ring[np.hypot(*ring.T) < one.radius_m]
            assert terrain.habitable(disc).mean() > clusters.HABITABLE - 0.05


def test_about_an_eighth_is_poor_least_in_the_gated_estate(city: City, welfare: Welfare) -> None:
    assert 0.10 < welfare.poor.mean() < 0.14
    assert 0.10 < (welfare.after <= 2).mean() < 0.14
    assert set(np.unique(welfare.status)) == {1, 2, 3}
    assert 0.3 < (welfare.status == 1).sum() / welfare.poor.sum() < 0.4
    gated = city.blocks.gated[city.families.block]
    usual = ~gated & (welfare.cluster < 0)
    assert welfare.poor[gated].mean() < 0.5 * welfare.poor[usual].mean()


def test_ranks_are_a_permutation_and_deciles_exact_tenths(welfare: Welfare) -> None:
    many = len(welfare.rank)
    assert np.array_equal(np.sort(welfare.rank), np.arange(1, many + 1))
    assert np.bincount(welfare.decile).tolist() == [0] + [many // 10] * 10
    order = np.argsort(welfare.rank)
    assert (np.diff(welfare.score[order]) >= 0).all()
    assert (np.diff(welfare.decile[order]) >= 0).all()
    before = np.searchsorted(GROUPS, welfare.rank / many) + 1
    assert np.array_equal(welfare.before, before)


def test_ranks_are_counted_in_each_regency(city: City) -> None:
    east = city.families.lon.mean()
    moved = [
        ("6471" if outline.centroid.x > east else "6472") + code[4:]
        for code, outline in zip(city.blocks.code, city.blocks.outline, strict=True)
    ]
    welfare = draw(replace(city, blocks=replace(city.blocks, code=moved)))
    regency = np.array([code[:4] for code in moved])[city.families.block]
    for code in ("6471", "6472"):
        here = welfare.rank[regency == code]
        assert np.array_equal(np.sort(here), np.arange(1, len(here) + 1))
        assert np.ptp(np.bincount(welfare.decile[regency == code])[1:]) <= 1


def test_the_rt_heads_err_each_in_his_own_way(city: City, welfare: Welfare) -> None:
    poorest = welfare.rank <= welfare.poor.sum()
    agreed = (poorest & welfare.poor).sum() / welfare.poor.sum()
    assert 0.5 < agreed < 0.9  # they know something, and are not the score
    missed = poorest & ~welfare.poor
    usual = (welfare.cluster < 0) & poorest
    size = np.bincount(city.families.block[usual], minlength=len(city.blocks))
    share = np.bincount(city.families.block[missed & usual], minlength=len(city.blocks))[size >= 4] / size[size >= 4]
    alike = missed[usual].mean()
    assert share.var() > 0.5 * alike * (1 - alike) / size[size >= 4].mean()


@pytest.mark.parametrize("seed", range(5))
def test_forums_move_a_few_and_one_moves_nearly_all(city: City, seed: int) -> None:
    welfare = draw(city, seed)
    assert np.array_equal(welfare.forum, city.families.block)
    change = welfare.after.astype(int) - welfare.before
    size = np.bincount(welfare.forum, minlength=len(city.blocks))
    share = np.bincount(welfare.forum, change != 0, len(city.blocks)) / np.maximum(size, 1)
    outlier = city.blocks.code.index(welfare.outlier)
    assert outlier == welfare.outlier_forum
    assert share[outlier] >= 0.85
    assert np.array_equal(np.flatnonzero(share > 0.5), [outlier])
    usual = (size > 0) & (np.arange(len(size)) != outlier)
    assert (share[usual] >= MOVED[0]).all()
    assert (share[usual] <= MOVED[1]).all()
    here = welfare.forum == outlier
    assert (change[here] <= 0).all()
    assert (welfare.cluster[here] < 0).all()
    ordinary = change[~here & (change != 0)]
    assert (np.abs(ordinary) == 1).mean() > 0.9
    assert (ordinary > 0).any()
    assert (ordinary < 0).any()


def test_who_was_moved_has_a_reason_that_fits(welfare: Welfare) -> None:
    change = welfare.after.astype(int) - welfare.before
    assert np.array_equal(welfare.reason != 0, change != 0)
    reason = np.array(REASONS)[welfare.reason]
    assert set(reason[change < 0]) == {"wrong_income", "lost_work"}
    assert set(reason[change > 0]) == {"wrong_income", "has_business", "double", "has_assets"}
    odd = (welfare.forum == welfare.outlier_forum) & (change != 0)
    assert set(reason[odd]) == {"wrong_income"}
    assert ((welfare.after >= 1) & (welfare.after <= 4)).all()


def test_small_blocks_do_not_look_like_forums_that_move_everybody(city: City) -> None:
    block = city.families.block
    few = np.isin(block, np.unique(block)[::5]) & (np.arange(len(block)) % 60 >= 3)
    kept = ~few
    families = replace(
        city.families,
        **{name: getattr(city.families, name)[kept] for name in ("block", "building", "lon", "lat")},
    )
    welfare = draw(replace(city, families=families))
    size = np.bincount(families.block)
    share = np.bincount(families.block, welfare.before != welfare.after) / np.maximum(size, 1)
    assert (size == 3).any()
    assert (share > 0.2).sum() == 1


def test_the_seed_decides_everything(city: City, welfare: Welfare) -> None:
    same, other = draw(city, city.seed), draw(city, city.seed + 1)
    for name in ("score", "rank", "decile", "status", "before", "after", "reason", "cluster"):
        assert np.array_equal(getattr(same, name), getattr(welfare, name))
        assert not np.array_equal(getattr(other, name), getattr(welfare, name))
    assert same.clusters == welfare.clusters
    assert same.outlier == welfare.outlier
    types = {"score": "float32", "rank": "int32", "decile": "int8", "status": "int8", "after": "int8", "forum": "int32"}
    assert {name: str(getattr(same, name).dtype) for name in types} == types


def test_a_handful_of_families_is_refused() -> None:
    with pytest.raises(BadInput, match="no block has enough families"):
        draw(squares(2, families=4))
