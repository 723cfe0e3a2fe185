"""Tries the forecasts on the demo's months, and on ones of another temper: how often their intervals hold.

    PYTHONPATH=. .venv/bin/python benchmarks/forecast.py --seeds 5

For each temper (a quick or late start, few or many hands, doors that stay closed, steady work) and seed a month is
planned, and its share of families done is taken by day, for the whole district and for each village. From several days
on the rest of each is forecast and compared with what came: the share done on the last evening, and the day on which
93 % of that was reached. A forecast is honest where its 80 % intervals hold 75 to 85 times of a hundred.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.demo import hours
from app.demo.city import build
from app.demo.month import plan
from app.demo.rates import Ordinary, Rates
from geo.schema import ORIGINS, RESULTS
from geo.watch.forecast import forecast

#: What differs from the demo's own month: constants of `app.demo.hours`, and rates.
TEMPERS: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "usual": ({}, {}),
    "quick": ({"FIRST_DAYS": 0.85, "IN_FULL_SWING": 4.0}, {}),
    "late": ({"IN_FULL_SWING": 18.0}, {}),
    "few": ({"OUT": 0.6 * hours.OUT}, {}),
    "many": ({"OUT": 1.5 * hours.OUT}, {}),
    "closed": ({}, {"not_met": 0.35, "refused": 0.08}),
    "steady": ({"FIRST_DAYS": 1.0, "OUT": 0.8 * hours.OUT}, {}),
}
DROPPED = ("not_found", "moved", "deceased", "ineligible")
PASTS = (2, 4, 6, 9, 12, 16, 20, 24, 28)
SMALLEST = 500  # families of a village that is looked at


@contextmanager
def temper(constants: dict[str, float]) -> Iterator[None]:
    before = {name: getattr(hours, name) for name in constants}
    for name, value in constants.items():
        setattr(hours, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(hours, name, value)


def curves(seed: int, rates: Rates) -> list[NDArray[np.float64]]:
    """Shares done by day, of the district and of each village."""
    city = build(seed, "district")
    fieldwork = plan(city, rates, seed)
    seen, day = fieldwork.visits, hours.day_of(fieldwork.visits.captured_at)
    expected = np.bincount(fieldwork.prelist.block, minlength=len(city.blocks.code)).astype(float)
    order = np.lexsort((seen.revision, seen.case))
    done = np.zeros((len(expected), hours.DAYS))
    for at in range(hours.DAYS):
        sent = order[day[order] <= at]
        latest = sent[np.append(seen.case[sent][1:] != seen.case[sent][:-1], True)] if len(sent) else sent
        listed = seen.origin[latest] == ORIGINS.index("prelist")
        over = np.isin(seen.result[latest], [RESULTS.index(r) for r in ("completed", *DROPPED)])
        np.add.at(done[:, at], seen.block[latest[listed & over]], 1)
    villages = np.array([code.partition("-")[0] for code in city.blocks.code])
    parts = [np.ones(len(villages), dtype=bool), *(villages == v for v in np.unique(villages))]
    return [done[p].sum(axis=0) / expected[p].sum() for p in parts if expected[p].sum() >= SMALLEST]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    held: dict[tuple[str, int], list[bool]] = {}
    dated: list[bool] = []
    for name, (constants, rates) in TEMPERS.items():
        with temper(constants):
            paths = [c for seed in range(1, seeds + 1)
                     for c in curves(seed, Rates(ordinary=replace(Ordinary(), **rates)))]  # fmt: skip
        for path in paths:
            end = float(path[-1])
            target = round(0.93 * end, 3)
            for past in PASTS:
                found = forecast(path[:past], len(path), target)
                at = len(path) - past - 1
                held.setdefault((name, past), []).append(bool(found.low[at] <= end <= found.high[at]))
                if path[past - 1] < target:
                    reached = int(np.argmax(path >= target)) + 1
                    dated.append((found.day_low or 999) <= reached <= (found.day_high or 999))
        print(f"{name:8}", *(f"day {p}: {np.mean(held[name, p]):.2f}" for p in PASTS), sep="  ")
    whole = [one for each in held.values() for one in each]
    print(f"share on the last evening: {np.mean(whole):.3f} of {len(whole):,} intervals hold")
    print(f"day of the target: {np.mean(dated):.3f} of {len(dated):,}")


if __name__ == "__main__":
    main()
