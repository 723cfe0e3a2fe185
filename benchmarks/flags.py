"""Scores the doubts that are told of simulated months against the faults that were planted there.

    PYTHONPATH=. .venv/bin/python benchmarks/flags.py --seeds 3

For each seed a month of a district is planned and looked at when all has arrived; then the same with lists that do not
say who lives in which house, with coordinates of six decimals, and with people who criss-cross instead of walking from
house to house. At last months without any fault. Faults of whole enumerators are planted four times as often as in the
demo, so that there are enough of them to count. `recall`: planted faults of which a flag of the kind shows a household.
`precision`: flags of the kind that show one, of all but those that show another planted fault (`other`). False alarms
are flags that show none, per 1,000 families living in kampung, in blocks of flats, and elsewhere.

Innocents are planted too: in three of ten houses of several families, blocks of flats among them, one reading serves
all; and three families in a thousand are found days after their neighbours.
"""

import argparse
import time
from dataclasses import replace
from typing import Any

import numpy as np

from app.demo.city import City, build
from app.demo.fieldwork import Fieldwork
from app.demo.month import plan
from app.demo.rates import CLEAN, Planted, Rates
from tests.geo.watch.planted_doubts import PLACES, Month, Score, families, score

#: The demo's faults, with more of those of whole enumerators.
RATES = Rates(
    planted=replace(
        Planted(), fabricated_cluster=0.08, fabricated_strand=0.08, impossible_travel=0.08, miscoded_batch=3
    )
)
WAYS: dict[str, dict[str, Any]] = {
    "as the demo sends it": {},
    "lists without houses": {"listed": False},
    "six decimals": {"decimals": 6},
    "criss-cross walks": {"in_order": False},
}
#: What people make up without leaving a point that is odd in itself.
MADE_UP = ("over_reporting", "miscoded_batch")


def table(months: list[Month]) -> None:
    total: dict[str, Score] = {}
    lived = dict.fromkeys(PLACES, 0)
    for month in months:
        for kind, one in score(month).items():
            total[kind] = total.get(kind, Score()) + one
        for place, many in families(month.city).items():
            lived[place] += many
    print(f"{'kind':14s} planted found recall  flags right other precision  false alarms: {', '.join(PLACES)}")
    for kind, one in total.items():
        recall = f"{one.recall:6.2f}" if one.planted else "     -"
        precision = f"{one.precision:9.2f}" if one.told > one.other else "        -"
        alarms = "".join(f"{1000 * one.alarms[place] / lived[place]:11.2f}" for place in PLACES)
        counts = f"{one.told:6d} {one.right:5d} {one.other:5d}"
        print(f"{kind:14s} {one.planted:7d} {one.found:5d} {recall} {counts} {precision} {alarms}")
    every = {place: sum(one.alarms[place] for one in total.values()) for place in PLACES}
    print(f"{'all kinds':14s} {'':46s} " + "".join(f"{1000 * every[place] / lived[place]:11.2f}" for place in PLACES))


def made_up(months: list[Month]) -> None:
    """How much of what is made up in whole is shown by any flag."""
    for kind in MADE_UP:
        shown = []
        for month in months:
            told = {household for one in month.found for household in one.rows}
            for plant in month.fieldwork.planted:
                if plant.kind == kind:
                    shown.append(np.mean([month.place[name] in told for name in plant.households]))
        if shown:
            some = sum(share > 0 for share in shown)
            print(f"{kind}: {some} of {len(shown)} shown by some flag, {np.mean(shown):.0%} of their households")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=1, help="seed to begin with")
    given = parser.parse_args()
    planned: list[tuple[City, Fieldwork]] = []
    clean: list[tuple[City, Fieldwork]] = []
    for seed in range(given.first, given.first + given.seeds):
        city = build(seed, "district")
        planned.append((city, plan(city, RATES, seed)))
        clean.append((city, plan(city, CLEAN, seed)))
    for name, way in WAYS.items():
        months = [Month(*one, **way) for one in planned]
        begun = time.perf_counter()
        many = sum(len(month.records) for month in months)
        found = sum(len(month.found) for month in months)
        print(f"\n{name}: {many:,} records, {found:,} flags, {time.perf_counter() - begun:.1f} s")
        table(months)
        made_up(months)
    print("\nmonths without any fault")
    table([Month(*one, extras=False) for one in clean])


if __name__ == "__main__":
    main()
