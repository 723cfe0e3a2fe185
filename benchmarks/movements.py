"""Scores which forums stand out after a simulated consultation against the ones that were planted there.

    PYTHONPATH=. .venv/bin/python benchmarks/movements.py --seeds 3

First the simulated city: one forum moves nearly all of its families, the others 3 to 8 of a hundred. Then forums drawn
by chance alone, which differ more or less from each other, with three in a hundred that move a given share; `false` are
those that stand out beside the planted ones. A supervisor sees ten forums, a city has a thousand.
"""

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.demo import welfare
from app.demo.city import build
from geo.publish import movements, peers

Ints = NDArray[np.int64]
#: Families of a forum: quartiles as of sub-SLS.
SIZES = (20, 170)
#: Worlds of forums: how many, what share they move, and how they differ beyond accident.
WORLDS = ((1_000, 0.06, 0.005), (1_000, 0.06, 0.03), (1_000, 0.06, 0.08), (1_000, 0.25, 0.03), (60, 0.06, 0.03))
#: Shares that a planted forum moves, and how many forums are planted in a hundred.
PLANTED, IN_A_HUNDRED = (0.3, 0.5, 0.7, 0.94), 3


def of_city(seed: int, scale: Any) -> tuple[int, int, bool, int]:
    """Forums, forums compared, whether the planted one stands out, and how many others do."""
    simulated = welfare.draw(build(seed, scale))
    forum, at = np.unique(simulated.forum, return_inverse=True)
    matrix = np.zeros((len(forum), 5, 5), dtype=np.int64)
    np.add.at(matrix, (at, simulated.before, simulated.after), 1)
    judged = movements.judge(matrix)
    planted = forum == simulated.outlier_forum
    compared = judged.ordinary.forums if judged.ordinary else 0
    return len(forum), compared, bool(judged.outlier[planted].all()), int(judged.outlier[~planted].sum())


def drawn(rng: np.random.Generator, many: int, share: float, spread: float) -> tuple[Ints, Ints]:
    """Families and moved families of forums whose shares differ as a beta distribution does."""
    families, strength = rng.integers(*SIZES, many), (1 - spread) / spread
    return families, rng.binomial(families, rng.beta(share * strength, (1 - share) * strength, many))


def of_world(seed: int, world: tuple[int, float, float], planted: float) -> tuple[int, int, int]:
    """Forums planted, found, and others that stand out."""
    rng = np.random.default_rng([seed, round(1000 * planted)])
    families, moved = drawn(rng, *world)
    odd = np.zeros(len(families), dtype=bool)
    odd[: max(1, len(families) * IN_A_HUNDRED // 100)] = True
    moved[odd] = rng.binomial(families[odd], planted)
    matrix = np.zeros((len(families), 5, 5), dtype=np.int64)
    matrix[:, 3, 3], matrix[:, 3, 2] = families - moved, moved
    found = movements.judge(matrix).outlier
    return int(odd.sum()), int((found & odd).sum()), int((found & ~odd).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scale", choices=("small", "district", "city"), default="district")
    given = parser.parse_args()
    print("simulated city      seed  forums  compared  planted one found  false")
    for scale in dict.fromkeys(("small", given.scale)):
        for seed in range(1, given.seeds + 1):
            forums, compared, found, false = of_city(seed, scale)
            print(f"{scale:18s} {seed:5d} {forums:7d} {compared:9d} {'yes' if found else 'no':>18s} {false:6d}")
    print(f"\nforums   move  spread   {'   '.join(f'move {share:.0%}: found' for share in PLANTED)}   false of all")
    for world in WORLDS:
        told, false, total = [], 0, 0
        for planted in PLANTED:
            scores = [of_world(seed, world, planted) for seed in range(given.seeds)]
            told.append(f"{sum(s[1] for s in scores):8d} of {sum(s[0] for s in scores):3d}")
            false, total = false + sum(s[2] for s in scores), total + given.seeds * world[0]
        print(f"{world[0]:6d} {world[1]:6.0%} {world[2]:7.3f}   {'    '.join(told)}   {false} of {total}")
    print(f"\nnot compared: fewer than {peers.LEAST_PEERS} forums; smaller than {peers.LEAST_FAMILIES} families")


if __name__ == "__main__":
    main()
