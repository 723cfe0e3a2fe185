"""What is ordinary among forums, and how far from it one of them is. Pure arithmetic on counts.

Forums differ more from each other than coins do, so how many of its families one moves is held against a beta-binomial
distribution, not a binomial one: all share a mean, and each has a share of its own around it. Share and spread are
learnt from the forums themselves by maximum likelihood; of the fifth that moved the largest shares only *that* they lie
above is used (a censored likelihood), so that the odd ones do not make themselves look ordinary.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Forums of fewer families say nothing: of three, all three are moved by accident now and then.
LEAST_FAMILIES = 8
#: Fewer forums to learn from say nothing of what is ordinary.
LEAST_PEERS = 12
#: Share of the forums, those that moved the largest shares, of which the share itself is not used.
CENSORED = 0.2
#: A spread that forums are taken to have as far as they do not say so themselves, and how loosely (in its logit).
USUAL_SPREAD, LOOSE = 0.02, 2.0
#: What is told as "seldom more": so many of a hundred ordinary forums move no more.
SELDOM = 0.99

#: Logits between which mean and spread are looked for, and how often the search is narrowed.
_MEAN, _SPREAD, _ROUNDS, _NARROW = (-7.0, 4.0), (-9.0, 1.5), 16, 0.6

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ordinary:
    """What forums ordinarily do: mean `share` moved and its `spread` (intra-class correlation), of so many `forums`."""

    share: float
    spread: float
    forums: int


def learn(families: Ints, moved: Ints) -> Ordinary | None:
    """What is ordinary among forums (n,), of which each has so many `families` and `moved` so many of them.

    Forums of fewer than LEAST_FAMILIES are left out. None where fewer than LEAST_PEERS remain.
    """
    enough = families >= LEAST_FAMILIES
    if int(enough.sum()) < LEAST_PEERS:
        return None
    seen = _Seen(families[enough], moved[enough])
    centre = np.array([(_MEAN[0] + _MEAN[1]) / 2, (_SPREAD[0] + _SPREAD[1]) / 2])
    wide = np.array([_MEAN[1] - _MEAN[0], _SPREAD[1] - _SPREAD[0]]) / 2
    steps = np.linspace(-1, 1, 5)
    for _ in range(_ROUNDS):
        tried = [(centre[0] + x * wide[0], centre[1] + y * wide[1]) for x in steps for y in steps]
        tried = [(float(np.clip(m, *_MEAN)), float(np.clip(s, *_SPREAD))) for m, s in tried]
        centre = np.array(max(tried, key=lambda at: seen.likelihood(*at)))
        wide *= _NARROW
    return Ordinary(_expit(centre[0]), _expit(centre[1]), int(enough.sum()))


def chances(of: Ordinary, families: Ints, moved: Ints) -> Floats:
    """For each forum (n,) how likely an ordinary one of its size moves as many families or more."""
    sizes, at = np.unique(families, return_inverse=True)
    if not len(sizes):
        return np.empty(0)
    tails = _tails(of, sizes)
    found: Floats = tails[at, np.minimum(moved, families)]
    return found


def seldom_more(of: Ordinary, families: Ints) -> Ints:
    """For each forum (n,) the number of families that SELDOM of ordinary ones of its size do not exceed."""
    sizes, at = np.unique(families, return_inverse=True)
    if not len(sizes):
        return np.empty(0, dtype=np.int64)
    above = _tails(of, sizes)[:, 1:] > 1 - SELDOM  # P(more than k), k = 0, 1, …
    found: Ints = above.sum(axis=1)[at]
    return found


def false_share(chance: Floats) -> Floats:
    """For each forum (n,) the share of accidents among those told, if it and all less likely ones are told.

    The false discovery rate of Benjamini and Hochberg (1995), which allows for how many forums were looked at.
    """
    order = np.argsort(chance, kind="stable")
    rate = chance[order] * len(chance) / np.arange(1, len(chance) + 1)
    found = np.empty(len(chance))
    found[order] = np.minimum(np.minimum.accumulate(rate[::-1])[::-1], 1.0)
    return found


class _Seen:
    """Forums as their likelihood is made of: those whose count is used, and those of which only "more" is."""

    def __init__(self, families: Ints, moved: Ints) -> None:
        limit = float(np.quantile(moved / families, 1 - CENSORED))
        most = np.floor(limit * families + 1e-9).astype(np.int64)
        above = moved > most
        self.pairs, self.weight = np.unique(
            np.column_stack((families[~above], moved[~above])), axis=0, return_counts=True
        )
        self.over, self.times = np.unique(np.column_stack((families[above], most[above])), axis=0, return_counts=True)
        self.largest = int(families.max())
        self.ways = np.append(0.0, np.cumsum(np.log(np.arange(1, self.largest + 1))))

    def likelihood(self, mean: float, spread: float) -> float:
        """Logarithm of the likelihood at logits of the mean and the spread, leaning a little on a usual spread."""
        table = _Logs(_expit(mean), _expit(spread), self.largest, self.ways)
        found = float((table.of(self.pairs[:, 0], self.pairs[:, 1]) * self.weight).sum())
        if len(self.over):
            families, most = self.over[:, :1], self.over[:, 1:]
            k = np.arange(self.largest + 1)[None, :]
            each = np.where((k > most) & (k <= families), np.exp(table.of(families, np.minimum(k, families))), 0.0)
            found += float((np.log(np.maximum(each.sum(axis=1), 1e-300)) * self.times).sum())
        lean = (spread - np.log(USUAL_SPREAD / (1 - USUAL_SPREAD))) / LOOSE
        return float(found - lean**2 / 2)


class _Logs:
    """Logarithms of beta-binomial probabilities, from sums of logarithms instead of gamma functions."""

    def __init__(self, share: float, spread: float, largest: int, ways: Floats) -> None:
        strength = (1 - spread) / spread
        i = np.arange(largest)
        self.ways = ways
        self.yes, self.no, self.all = (
            np.append(0.0, np.cumsum(np.log(start + i)))
            for start in (share * strength, (1 - share) * strength, strength)
        )

    def of(self, families: Ints, moved: Ints) -> Floats:
        """Of moving `moved` of `families`."""
        left = families - moved
        chosen: Floats = self.ways[families] - self.ways[moved] - self.ways[left]
        chosen += self.yes[moved] + self.no[left] - self.all[families]
        return chosen


def _tails(of: Ordinary, sizes: Ints) -> Floats:
    """P(k or more) for forums of `sizes` (n,), k = 0 … the largest + 1: an array (n, largest + 2)."""
    largest = int(sizes.max())
    ways = np.append(0.0, np.cumsum(np.log(np.arange(1, largest + 1))))
    table = _Logs(of.share, of.spread, largest, ways)
    k = np.arange(largest + 2)[None, :]
    size = sizes[:, None]
    each = np.where(k <= size, np.exp(table.of(size, np.minimum(k, size))), 0.0)
    found: Floats = np.minimum(np.cumsum(each[:, ::-1], axis=1)[:, ::-1], 1.0)
    return found


def _expit(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))
