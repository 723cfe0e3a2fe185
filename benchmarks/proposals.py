"""Scores what is proposed of edges, codes and points in simulated months against what was planted there.

    PYTHONPATH=. .venv/bin/python benchmarks/proposals.py --seeds 3

For each seed the month of a district is planned with more wrong edges and miscoded days than usual, and looked at on
some day and at its end; then once more with points poorer than phones say, and with the whole map some metres off;
and once with nothing planted. `edges`, `codes`: planted ones found, and in brackets what was proposed where none was
planted. `overlap`: area of the strip proposed and of the true one in common, over both together. `points`: far points
proposed that were planted, of all planted; in brackets those that were not planted.
"""

import argparse
from time import perf_counter

import numpy as np

from app.demo.city import build
from app.demo.month import plan
from app.demo.rates import CLEAN, Planted, Rates
from tests.geo.watch.planted_holes import Month
from tests.geo.watch.planted_proposals import Score, poorer, score, shifted

MANY = Rates(planted=Planted(wrong_boundary=6, miscoded_batch=6))
HEAD = f"{'':34s} edges (false) overlap    codes (false)       points (others)"


def line(said: str, total: Score) -> str:
    overlap = f"{np.mean(total.overlap):.2f}" if total.overlap else "-"
    return (
        f"{said:34s} {total.edges_met:2d}/{total.edges:<2d} ({total.false_edges:3d}) {overlap:>7} "
        f"{total.codes_met:6d}/{total.codes:<2d} ({total.false_codes:3d}) "
        f"{total.strays:8d}/{total.planted_points:<4d} ({total.points - total.strays:3d})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--day", type=int, default=20, help="of the campaign, from 1")
    given = parser.parse_args()
    months, clean = [], []
    for seed in range(1, given.seeds + 1):
        city = build(seed, "district")
        months.append((city, plan(city, MANY, seed)))
        clean.append((city, plan(city, CLEAN, seed)))
    print(HEAD)
    for seed, (city, work) in enumerate(months, start=1):
        begun = perf_counter()
        one = score(Month(city, work))
        took = perf_counter() - begun
        print(line(f"seed {seed}, end ({took:.1f} s)", one), flush=True)
    ways = {
        "end": months,
        f"day {given.day}": months,
        "points twice as far off": [(city, poorer(work, 2.0)) for city, work in months],
        "map 3 m off": [(city, shifted(work, 3.0)) for city, work in months],
        "map 6 m off": [(city, shifted(work, 6.0)) for city, work in months],
        "nothing planted": clean,
        "nothing planted, twice as far off": [(city, poorer(work, 2.0)) for city, work in clean],
        "nothing planted, map 6 m off": [(city, shifted(work, 6.0)) for city, work in clean],
    }
    for said, some in ways.items():
        until = given.day - 1 if said.startswith("day") else None
        print(line(said, sum((score(Month(*one, until)) for one in some), Score())), flush=True)


if __name__ == "__main__":
    main()
