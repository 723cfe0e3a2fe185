"""What is true of a simulated campaign: the file of what was planted, and what the service should end up with."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from app.demo.city import EDITION, City
from app.demo.fieldwork import PLANTED, Fieldwork
from app.demo.rates import Rates
from geo.schema import RESULTS

#: Faults of a point for which the service holds a record back; nothing else keeps a record of this month out.
UNBELIEVABLE = ("swapped_axes", "null_island")

#: What becomes of a case: counted by its last believable revision; all its records held back; none sent; never visited.
STATES = ("counted", "quarantined", "unsent", "unvisited")


@dataclass(frozen=True)
class Outcome:
    """The end state of every case (H,), in the order of `Fieldwork.household_id`.

    `state`: position in STATES. `visit`: place in Fieldwork.visits of the record that counts, −1 where none does; of
    that record `revision`, `result` (position in geo.schema.RESULTS) and `block` (declared; place in City.blocks), else
    0, −1 and −1.
    """

    state: NDArray[np.int8]
    visit: NDArray[np.int64]
    revision: NDArray[np.int32]
    result: NDArray[np.int8]
    block: NDArray[np.int32]

    def of(self, city: City, fieldwork: Fieldwork) -> dict[str, tuple[int, str, str] | str]:
        """By household: revision, result and declared block code; or the state, where nothing counts."""
        rows = zip(
            fieldwork.household_id,
            self.state.tolist(),
            self.revision.tolist(),
            self.result.tolist(),
            self.block.tolist(),
            strict=True,
        )
        return {
            household: STATES[state] if state else (revision, RESULTS[result], city.blocks.code[block])
            for household, state, revision, result, block in rows
        }


def sent(fieldwork: Fieldwork, until: float = np.inf) -> NDArray[np.bool_]:
    """Visits (V,) whose phone had a line after them, up to and at `until` (Unix seconds)."""
    last = np.full(len(fieldwork.staff.enumerators), -np.inf)
    early = fieldwork.sync_at <= until
    np.maximum.at(last, fieldwork.sync_enumerator[early], fieldwork.sync_at[early])
    reached: NDArray[np.bool_] = fieldwork.visits.captured_at <= last[fieldwork.visits.enumerator]
    return reached


def believed(fieldwork: Fieldwork) -> NDArray[np.bool_]:
    """Visits (V,) that the service will not hold back."""
    held = [PLANTED.index(kind) for kind in UNBELIEVABLE]
    return ~np.isin(fieldwork.visits.planted, held)


def expected_outcome(fieldwork: Fieldwork, arrived: NDArray[np.bool_] | None = None) -> Outcome:
    """What the service should say of every case once the visits `arrived` (V,) are with it; by default all `sent`."""
    visits, cases = fieldwork.visits, len(fieldwork.household_id)
    arrived = sent(fieldwork) if arrived is None else arrived
    counts = np.flatnonzero(arrived & believed(fieldwork))
    counts = counts[np.argsort(visits.revision[counts], kind="stable")]
    visit = np.full(cases, -1, dtype=np.int64)
    visit[visits.case[counts]] = counts
    state = np.full(cases, STATES.index("unvisited"), dtype=np.int8)
    state[visits.case] = STATES.index("unsent")
    state[visits.case[arrived]] = STATES.index("quarantined")
    state[visit >= 0] = STATES.index("counted")
    counted = visit >= 0
    return Outcome(
        state,
        visit,
        np.where(counted, visits.revision[visit], 0).astype(np.int32),
        np.where(counted, visits.result[visit], -1).astype(np.int8),
        np.where(counted, visits.block[visit], -1).astype(np.int32),
    )


def write(
    path: Path, city: City, fieldwork: Fieldwork, rates: Rates | None = None, welfare: dict[str, Any] | None = None
) -> None:
    """Writes the truth file, one JSON object; a file already there is replaced. `welfare`: as `welfare_files.truth`."""
    found = _truth(city, fieldwork, rates or Rates()) | {"welfare": welfare}
    path.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))


def _truth(city: City, fieldwork: Fieldwork, rates: Rates) -> dict[str, Any]:
    """Everything that somebody who checks the service needs to know, and the service never sees."""
    outcome = expected_outcome(fieldwork)
    ends = np.bincount(outcome.state, minlength=len(STATES)).tolist()
    results = np.bincount(outcome.result[outcome.result >= 0], minlength=len(RESULTS)).tolist()
    planted = [plant.kind for plant in fieldwork.planted]
    return {
        "simulated": True,
        "note": "Everything here is made up: households, people and their month of work. Nobody real is described.",
        "seed": fieldwork.seed,
        "city_seed": city.seed,
        "scale": city.scale,
        "edition": EDITION,
        "rates": asdict(rates),
        "counts": {
            "blocks": len(city.blocks),
            "buildings": len(city.buildings),
            "families": len(city.families),
            "prelist": len(fieldwork.prelist.household_id),
            "cases": len(fieldwork.household_id),
            "visits": len(fieldwork.visits),
            "enumerators": len(fieldwork.staff.enumerators),
            "planted": {kind: planted.count(kind) for kind in PLANTED if kind in planted},
        },
        "expected": {
            "states": dict(zip(STATES, ends, strict=True)),
            "results": dict(zip(RESULTS, results, strict=True)),
        },
        "planted": [asdict(plant) for plant in fieldwork.planted],
    }
