"""Attacks by reckoning: rows that are missing, sums against their parts, two systems, many copies, colluders."""

from collections.abc import Sequence

import numpy as np

from tests.app.reading import rows_of
from tests.disclosure.attacks.knowledge import Guess, attack, left, likely, others, value
from tests.disclosure.attacks.watching import ONE
from tests.disclosure.city import Family
from tests.disclosure.doors import FIRST, LEAF, SECOND, Figures
from tests.disclosure.stage import OURS, Seen, leaves_of

#: How often a naive service that draws anew is asked; ours is asked in every format instead.
ASKED = 30
FORMATS = ("json", "csv", "geojson", "xlsx", "gpkg")


@attack("a leaf that is not listed", "grouped", bound=ONE)
def missing(seen: Seen) -> Sequence[Guess]:
    """Where nobody else is poor: whether there is a row at all; unless there is one of a block with nobody poor."""
    rich = seen.city.of("rich")
    victims = [f for f in seen.city.victims("wave 1") if f.block in rich]
    listed = {f: leaves_of(f)[0] in seen.leaves[1] for f in victims}
    found = []
    for victim in victims:
        telling = not any(listed[f] for f in victims if f is not victim and not f.poor)
        best = likely(left(seen, 1, leaf, victim) for leaf in leaves_of(victim))
        found.append((victim.poor, listed[victim] if telling else best))
    return found


@attack("a sum less its parts", "exact", bound=ONE)
def parents(seen: Seen) -> Sequence[Guess]:
    """A village less the blocks that are shown, less what is known of those that are hidden."""
    leaves = seen.leaves[1] if seen.door.name != OURS else {}  # the public is shown none of ours
    found = []
    for victim in (f for f in seen.city.victims("wave 1") if f.block.part == "rich"):
        village = victim.block.code[:10]
        rest = value(seen.above[1], ("village", village))
        for block in seen.city.blocks:
            own = ("block", block.code)
            if block.code.startswith(village) and rest is not None:
                shown = value(leaves, own)
                rest -= others(seen, 1, own, victim) if shown is None else shown
        found.append((victim.poor, likely([rest])))
    return found


@attack("block × cell as linear equations", "exact", bound=ONE)
def equations(seen: Seen) -> Sequence[Guess]:
    """Nothing is known of anybody but where each counts; figures of both systems are equations in (block, cell)."""
    behind = seen.truth.entered if seen.door.name == OURS else seen.truth.counted
    pairs = sorted({leaves_of(f) for leaf, rows in behind[1].items() if leaf[0] == LEAF for f, _ in rows})
    at = {pair: n for n, pair in enumerate(pairs)}
    rows, right = [], []
    for leaf in sorted({leaf for pair in pairs for leaf in pair}):
        shown = value(seen.leaves[1], leaf)
        if shown is not None:
            rows.append([float(leaf in pair) for pair in pairs])
            right.append(shown)
    solved = np.linalg.lstsq(np.array(rows), np.array(right, float), rcond=None)[0]
    known = [(f, leaves_of(f)) for f in seen.city.victims("stray")]
    return [(f.poor, bool(solved[at[pair]] > 0.5)) for f, pair in known if pair in at]


@attack("the mean over endpoints and formats", "fresh", bound=ONE)
def average(seen: Seen) -> Sequence[Guess]:
    """The same figure asked for again and again, in every way there is."""
    copies = everything(seen) if seen.door.name == OURS else [seen.door.leaves(1) for _ in range(ASKED)]
    release = 1 if seen.door.name == OURS else max(seen.truth.counted)
    behind = seen.truth.entered if seen.door.name == OURS else _now(seen)
    found = []
    for victim in (f for f in seen.city.victims("wave 1") if f.block.part == "moved"):
        rest = [
            shown - sum(poor for f, poor in behind[release].get(leaf, []) if f is not victim)
            for leaf in leaves_of(victim)
            for copy in copies
            if (shown := value(copy, leaf)) is not None
        ]
        found.append((victim.poor, likely(rest)))
    return found


def _now(seen: Seen) -> dict[int, dict[tuple[str, str], list[tuple[Family, bool]]]]:
    """Who is counted at the end, as live services judge: by the last field status."""
    found: dict[tuple[str, str], list[tuple[Family, bool]]] = {}
    for family in seen.city.families:
        for leaf in leaves_of(family) if family.result == "completed" else ():
            found.setdefault(leaf, []).append((family, family.poor))
    return {max(seen.truth.counted): found}


def everything(seen: Seen) -> list[Figures]:
    """Leaves of the first release by every list, in every format, and against every later release."""
    door, copies = seen.door, []
    for who in (FIRST, SECOND):
        for format_ in FORMATS:
            areas = door.get("/v1/releases/1/areas", who, level=LEAF, format=format_, limit=1000)
            cells = door.get("/v1/releases/1/cells", who, res=8, format=format_)
            rows = [((LEAF, str(row["code"])), row) for row in rows_of(areas.content, "areas", format_)]
            rows += [(("8", str(row["cell"])), row) for row in rows_of(cells.content, "cells", format_)]
            copies.append({leaf: row for leaf, row in rows if row.get("poor") is not None})
        for later in range(2, 7):
            answer = door.get(f"/v1/releases/{later}/compare", who, level=LEAF, limit=1000, **{"with": 1})
            rows = [((LEAF, row["code"]), {"poor": row["before_poor"]}) for row in answer.json()["compare"]]
            copies.append({leaf: row for leaf, row in rows if row["poor"] is not None})
    return copies


@attack("two local governments put their figures together", "by_part", bound=ONE)
def collusion(seen: Seen) -> Sequence[Guess]:
    """A family counted by one of them lives in a cell of the other."""
    release = 1
    cells = {who: {row["cell"]: row for row in seen.door.cells(release, "8", who)} for who in (FIRST, SECOND)}
    found = []
    for victim in seen.city.victims("stray"):
        _, (_, cell) = leaves_of(victim)
        mine, whole = (cells[who].get(cell, {}).get("poor") for who in (FIRST, SECOND))
        if mine is not None and whole is not None:
            found.append((victim.poor, whole - mine > 0.5))
        else:
            found.append((victim.poor, likely(left(seen, release, leaf, victim) for leaf in leaves_of(victim))))
    return found
