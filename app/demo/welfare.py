"""How well the simulated families live, on the three scales of the census, and what the consultation changed.

Behind the scales stands one wellbeing, a number that nobody in the campaign knows: the RT head judges it, the proxy
means test estimates it, and the forum corrects some of the estimates. No scale is computed from another one but
`before`, which the office derives from the rank.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.demo import clusters
from app.demo.city import KINDS, City
from app.demo.clusters import Cluster, Disc
from app.demo.terrain import Terrain, survey
from geo.errors import BadInput

#: Keeps these draws apart from those of other parts of the simulation that begin from the same seed.
_SALT = 0x57454C46

#: Poor or very poor by field status, of all families: least and most; the very poor among them.
POOR = (0.11, 0.13)
VERY_POOR = 0.35
#: Share of a cluster's families that are poor: as much as gives half of all the poor, within these bounds.
CLUSTER_POOR = (0.35, 0.60)
#: How likely poverty is in a block, by `city.KINDS`, relative to a kampung; with a gate it is an estate of the rich.
KIND_WEIGHT = dict(zip(KINDS, (1.0, 0.35, 0.5, 1.1, 1.0), strict=True))
GATED_WEIGHT = 0.15
RIVERSIDE_M = 250.0
RIVERSIDE_WEIGHT = 1.4
#: From the middle of a regency to its fringe.
FRINGE_WEIGHT = (0.75, 1.25)
#: Standard deviation of the logarithm by which blocks differ beside all that.
BLOCK_SPREAD = 0.2
BASE_BOUNDS = (0.003, 0.30)

#: The RT head's judgement: how lenient one is, and how unsure (least and most), on the scale of wellbeing.
LENIENCE = 0.3
UNSURE = (0.3, 0.9)
#: The proxy means test: its error on that scale, and its points.
SCORE_ERROR = 0.6
SCORE_MIDDLE, SCORE_STEP = 40.0, 5.0

#: Upper ends of consultation groups 1–3, as shares of the regency's ranks.
GROUPS = (0.04, 0.12, 0.30)
#: Families a forum moves, as shares of its own.
MOVED = (0.03, 0.08)
#: Smaller ones move nobody: one of a handful would look like a forum that moves everybody.
SMALL_FORUM = 8
#: How much likelier a wrongly placed family is moved, and how much less likely a rightly placed one that is not poor.
WRONG_WEIGHT, WELL_OFF_WEIGHT = 8.0, 0.3
TWO_GROUPS = 0.06
#: The one forum that moves nearly all of its families towards poorer.
OUTLIER_MOVED = 0.94
OUTLIER_LEAST = 0.85
OUTLIER_FAMILIES = 40

#: Why a forum moved a family; the position is the code. 0: not moved.
REASONS = ("", "wrong_income", "lost_work", "has_business", "double", "has_assets")
_POORER = (1, 2)
_RICHER = (1, 3, 4, 5)

Bytes = NDArray[np.int8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Welfare:
    """Arrays (F,) in the order of City.families.

    `score`: points of the proxy means test, lower is poorer. `rank`: 1…N within the regency, 1 the poorest. `decile`
    1–10. `status`: field status 1 very poor, 2 poor, 3 not poor. `before`, `after`: consultation group 1 very poor … 4
    not poor, before and after the forum. `forum`: its block, place in City.blocks. `reason`: position in REASONS.
    `cluster`: place in `clusters`, −1 outside. `outlier`: code of the block whose forum moved nearly all.
    """

    seed: int
    score: NDArray[np.float32]
    rank: NDArray[np.int32]
    decile: Bytes
    status: Bytes
    before: Bytes
    after: Bytes
    forum: NDArray[np.int32]
    reason: Bytes
    cluster: NDArray[np.int16]
    clusters: list[Cluster]
    outlier: str
    outlier_forum: int

    @property
    def poor(self) -> NDArray[np.bool_]:
        """Which families (F,) are poor or very poor by field status."""
        return self.status <= 2


def draw(city: City, seed: int | None = None) -> Welfare:
    """Welfare of every family; the same city and seed give the same. `seed`: the city's own if left out.

    Raises `BadInput` where no block could hold a forum that moves nearly all, as in a city of a few families.
    """
    seed = city.seed if seed is None else seed
    rng = np.random.default_rng([_SALT, seed])
    terrain, forum = survey(city), city.families.block.astype(np.int32)
    discs = clusters.place(city, terrain, rng)
    member = np.full(len(city.families), -1, np.int16)
    for number, disc in enumerate(discs):
        member[disc.inside] = number
    share = rng.uniform(*POOR)
    chance = _chances(city, terrain, discs, share, rng)
    wellbeing = np.log1p(-chance) - np.log(chance) + rng.logistic(size=len(chance))  # below 0 with just this chance
    regency = _regencies(city)
    status = _judged(city, wellbeing, share, rng)
    score = (SCORE_MIDDLE + SCORE_STEP * (wellbeing + rng.normal(0, SCORE_ERROR, len(chance)))).astype(np.float32)
    rank, size = _ranks(score, regency)
    before, ideal = _groups(rank, size), _groups(*_ranks(wellbeing, regency))
    outlier = _outlier(city, before, member, rng)
    after = _consulted(forum, before, ideal, rng)
    _overturn(after, before, city.families_of(outlier), rng)
    reason = _reasons(after - before, forum == outlier, rng)
    decile = ((rank - 1) * 10 // size + 1).astype(np.int8)
    known = clusters.describe(city, terrain, discs, status <= 2, after <= 2)
    code = city.blocks.code[outlier]
    return Welfare(seed, score, rank, decile, status, before, after, forum, reason, member, known, code, outlier)


def _regencies(city: City) -> NDArray[np.intp]:
    """The regency of each family, numbered from 0."""
    codes = np.array([code[:4] for code in city.blocks.code])
    return np.unique(codes, return_inverse=True)[1][city.families.block]


def _chances(city: City, terrain: Terrain, discs: list[Disc], share: float, rng: np.random.Generator) -> Floats:
    """How likely each family is poor, so that `share` of all are expected to be."""
    block = city.families.block
    held = sum(len(disc.inside) for disc in discs) / len(block)
    inside = float(np.clip(share / 2 / held, *CLUSTER_POOR)) if held else 0.0
    weight = _weights(city, terrain, rng)[block]
    outside = np.ones(len(block), bool)
    for disc in discs:
        outside[disc.inside] = False
    rest = max(share - held * inside, share / 10) / (1 - held)
    chance: Floats = np.clip(weight * rest / weight[outside].mean(), *BASE_BOUNDS)
    chance[~outside] = inside
    return chance


def _weights(city: City, terrain: Terrain, rng: np.random.Generator) -> Floats:
    """How likely poverty is in each block (B,), relative to one another."""
    blocks, block = city.blocks, city.families.block
    size = np.maximum(np.bincount(block, minlength=len(blocks)), 1)
    middle = np.column_stack([np.bincount(block, terrain.door[:, i], len(blocks)) / size for i in (0, 1)])
    weight: Floats = np.array([KIND_WEIGHT[kind] for kind in KINDS])[blocks.kind]
    weight[blocks.gated] = GATED_WEIGHT
    weight[terrain.water_m(middle) < RIVERSIDE_M] *= RIVERSIDE_WEIGHT
    weight *= rng.lognormal(0, BLOCK_SPREAD, len(blocks))
    regency = np.array([code[:4] for code in blocks.code])
    for code in np.unique(regency):
        here = regency == code
        away = np.hypot(*(middle[here] - np.median(middle[here], axis=0)).T)
        fringe = np.clip(away / max(np.quantile(away, 0.9), 1.0), 0, 1)
        weight[here] *= FRINGE_WEIGHT[0] + fringe * (FRINGE_WEIGHT[1] - FRINGE_WEIGHT[0])
    return weight


def _judged(city: City, wellbeing: Floats, share: float, rng: np.random.Generator) -> Bytes:
    """Field status: the RT heads know their families, but each in his own way. `share` of all end up poor."""
    block, heads = city.families.block, len(city.blocks)
    lenience, unsure = rng.normal(0, LENIENCE, heads), rng.uniform(*UNSURE, heads)
    seen = wellbeing + lenience[block] + unsure[block] * rng.normal(size=len(block))
    return np.searchsorted(np.quantile(seen, [share * VERY_POOR, share]), seen).astype(np.int8) + np.int8(1)


def _ranks(value: NDArray[np.floating], regency: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The rank of each family in its regency, 1 the lowest value, and how many families the regency has."""
    order = np.lexsort((value, regency))
    size = np.bincount(regency)
    rank = np.empty(len(value), np.int32)
    rank[order] = np.arange(len(value)) - np.repeat(np.cumsum(size) - size, size) + 1
    return rank, size[regency]


def _groups(rank: NDArray[np.int32], size: NDArray[np.int64]) -> Bytes:
    return np.searchsorted(GROUPS, rank / size).astype(np.int8) + np.int8(1)


def _consulted(forum: NDArray[np.int32], before: Bytes, ideal: Bytes, rng: np.random.Generator) -> Bytes:
    """Groups after ordinary forums: each moves a few of its families, mostly wrongly placed ones, by one group."""
    wrong = np.sign(ideal - before)
    weight = np.where(wrong != 0, WRONG_WEIGHT, np.where(before == 4, WELL_OFF_WEIGHT, 1.0))
    order = np.lexsort((-(np.log(weight) + rng.gumbel(size=len(forum))), forum))  # a weighted draw in each forum
    size = np.bincount(forum)
    place = np.empty(len(forum), np.int64)
    place[order] = np.arange(len(forum)) - np.repeat(np.cumsum(size) - size, size)
    chosen = place < _movements(size, rng)[forum]
    way = np.where(wrong != 0, wrong, rng.choice([-1, 1], len(forum)))
    way = np.where(before == 1, 1, np.where(before == 4, -1, way))
    step = np.where(rng.random(len(forum)) < TWO_GROUPS, 2, 1)
    return np.where(chosen, np.clip(before + way * step, 1, 4), before).astype(np.int8)


def _movements(size: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """How many families each forum moves: whole numbers within `MOVED`; where none fits, sometimes one."""
    least, most = np.ceil(MOVED[0] * size).astype(int), np.floor(MOVED[1] * size).astype(int)
    sometimes = (size >= SMALL_FORUM) & (rng.random(len(size)) < size * sum(MOVED) / 2)
    return np.where(most >= least, rng.integers(least, np.maximum(least, most) + 1), sometimes)


def _outlier(city: City, before: Bytes, member: NDArray[np.int16], rng: np.random.Generator) -> int:
    """The block whose forum will move nearly all: of ordinary size, in no cluster, with hardly a very poor family."""
    block, blocks = city.families.block, len(city.blocks)
    size = np.bincount(block, minlength=blocks)
    movable = np.bincount(block, before > 1, blocks) / np.maximum(size, 1)
    enough = size >= OUTLIER_FAMILIES // 4
    clear = enough & (np.bincount(block, member >= 0, blocks) == 0) & (movable >= OUTLIER_MOVED)
    usual = clear & (size >= OUTLIER_FAMILIES)
    for fits in (usual & clusters.humble(city), usual, clear, enough & (movable >= OUTLIER_LEAST)):
        if fits.any():
            return int(rng.choice(np.flatnonzero(fits)))
    raise BadInput("no block has enough families for a forum that moves nearly all of them")


def _overturn(after: Bytes, before: Bytes, here: slice, rng: np.random.Generator) -> None:
    """Move nearly all families of one forum one group towards poorer, in place; the rest stay where they were."""
    old = before[here]
    movable = rng.permutation(np.flatnonzero(old > 1))
    moved = movable[: int(np.ceil(OUTLIER_MOVED * len(old)))]
    new = old.copy()
    new[moved] -= 1
    after[here] = new


def _reasons(change: Bytes, outlier: NDArray[np.bool_], rng: np.random.Generator) -> Bytes:
    """Why each family was moved; the one odd forum gives the same reason for everybody."""
    poorer, richer = rng.choice(_POORER, len(change)), rng.choice(_RICHER, len(change))
    poorer[outlier] = 1
    return np.where(change < 0, poorer, np.where(change > 0, richer, 0)).astype(np.int8)
