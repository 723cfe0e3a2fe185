"""Every household of the simulation accounted for: what truly went in against what the service has."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from app.demo.city import City
from app.demo.fieldwork import Fieldwork
from app.demo.month import submission
from app.demo.phones import Phones
from app.demo.truth import STATES, believed, expected_outcome
from geo.ground.areas import load_tree
from geo.ground.campaign import load
from geo.intake.recount import households


@dataclass(frozen=True)
class Settled:
    """How many households of the simulation should be in each of `truth.STATES`, and where the service differs."""

    counts: dict[str, int]
    differences: list[str]


async def reconcile(db: AsyncConnection, city: City, fieldwork: Fieldwork, on_phones: NDArray[np.bool_]) -> Settled:
    """Compare every household with the service: revision, result and block of what it should have by now.

    `on_phones` (V,): visits that no receipt has covered yet.
    """
    tree = await load_tree(db, await load(db))
    kept = await households(db)
    should = expected_outcome(fieldwork, ~on_phones)
    known = set(fieldwork.household_id)
    differences = [f"{key} is no household of the simulation" for key in (kept.counted.keys() | kept.held) - known]
    for key, due in should.of(city, fieldwork).items():
        found = kept.counted.get(key)
        if isinstance(due, str):
            right = found is None and (key in kept.held) == (due == "quarantined")
        else:
            right = found == (due[0], due[1], tree.number_of(due[2], "block"))
        if not right:
            differences.append(f"{key} should be {due}, the service has {found or key in kept.held}")
    good = int((~on_phones & believed(fieldwork)).sum())
    for what, many, should_be in (
        ("submissions", kept.submissions, good),
        ("rows in quarantine", kept.quarantined, int((~on_phones).sum()) - good),
    ):
        if many != should_be:
            differences.append(f"the service has {many:,} {what}, and should have {should_be:,}")
    counts = np.bincount(should.state, minlength=len(STATES)).tolist()
    return Settled(dict(zip(STATES, counts, strict=True)), differences)


def waiting(city: City, fieldwork: Fieldwork, phones: Phones) -> NDArray[np.bool_]:
    """Which visits (V,) still wait on a phone."""
    found = np.zeros(len(fieldwork.visits), dtype=bool)
    for enumerator, name in enumerate(fieldwork.staff.enumerators):
        if ids := set(phones.waiting(name)):
            for i in np.flatnonzero(fieldwork.visits.enumerator == enumerator).tolist():
                found[i] = submission(city, fieldwork, i)["submission_id"] in ids
    return found
