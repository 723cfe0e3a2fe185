"""The month of fieldwork as it truly went, in arrays: who was listed, who works where, every visit, what was planted.

These are the words that the modules of the month share; `month` plays it.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.ground.inspection import AreaRow

#: Kinds of planted faults, as in `rates.Planted`; 0 is none. A visit carries the kind that changed it.
PLANTED = (
    "",
    "hole",
    "left_out",
    "outside_block",
    "low_accuracy",
    "swapped_axes",
    "null_island",
    "duplicate",
    "copied",
    "repaired",
    "fabricated_cluster",
    "fabricated_strand",
    "impossible_travel",
    "wrong_boundary",
    "miscoded_batch",
    "over_reporting",
)


@dataclass(frozen=True)
class Prelist:
    """Entries (P,), ordered by block: what the campaign expects. Partly wrong, as real ones are.

    `block`: as listed. `building`: place in City.buildings, −1 where it is gone. `sequence`: from 1 in its building.
    `family`: place in City.families, −1 where nobody is behind the entry any more; `gone` then says as what it will be
    found: position in geo.schema.RESULTS (`not_found moved deceased ineligible`), −1 otherwise.
    """

    household_id: list[str]
    block: NDArray[np.int32]
    building: NDArray[np.int32]
    sequence: NDArray[np.int32]
    family: NDArray[np.int32]
    gone: NDArray[np.int8]


@dataclass(frozen=True)
class Staff:
    """Who works where. Names are account names; numbers are places in the lists; −1 where nobody is assigned.

    `enumerator` (B,): of each block. `supervisor` (E,): of each enumerator. `coordinator` (S,): of each supervisor.
    """

    enumerators: list[str]
    supervisors: list[str]
    coordinators: list[str]
    enumerator: NDArray[np.int32]
    supervisor: NDArray[np.int32]
    coordinator: NDArray[np.int32]


@dataclass(frozen=True)
class Visits:
    """Visits (V,), ordered by `captured_at` (Unix seconds); each becomes one submission.

    `case`: place in Fieldwork.household_id. `enumerator`: whose phone. `block`: declared. `lon`, `lat`: as the phone
    will send them, degrees. `result`, `origin`: positions in geo.schema.RESULTS and ORIGINS. `visit` 1–3.
    `revisit_at`: NaN where no appointment was made. `welfare`: field status 1–3, 0 where it is not known.
    `planted`: position in PLANTED.
    """

    case: NDArray[np.int32]
    revision: NDArray[np.int32]
    enumerator: NDArray[np.int32]
    captured_at: NDArray[np.float64]
    minutes: NDArray[np.float32]
    block: NDArray[np.int32]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    accuracy_m: NDArray[np.float32]
    result: NDArray[np.int8]
    origin: NDArray[np.int8]
    visit: NDArray[np.int8]
    revisit_at: NDArray[np.float64]
    welfare: NDArray[np.int8]
    planted: NDArray[np.int8]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.case)


@dataclass(frozen=True)
class Plant:
    """One planted fault: its `kind` (of PLANTED), whom and what it touches, and what is true instead in `detail`.

    `blocks` are codes, `enumerators` account names, `households` identifiers; `detail` is ready for JSON.
    """

    kind: str
    blocks: list[str] = field(default_factory=list)
    enumerators: list[str] = field(default_factory=list)
    households: list[str] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fieldwork:
    """The month. Cases (H,) are households as the campaign knows them: first the prelist, in its order, then new ones.

    `household_id`, `family` (H,): −1 where no family is behind it. `syncs`: moments at which a phone has a line, as
    (S,) `sync_enumerator` and `sync_at` (Unix seconds), in the order of the clock. What a phone has recorded by then it
    tries to send. `planted`: every planted fault. `areas`: the edition as the office published it, which is
    `City.areas` unless a wrong boundary is planted. `seed`: what the month was made from.
    """

    prelist: Prelist
    staff: Staff
    household_id: list[str]
    family: NDArray[np.int32]
    visits: Visits
    sync_enumerator: NDArray[np.int32]
    sync_at: NDArray[np.float64]
    planted: list[Plant]
    areas: list[AreaRow]
    seed: int
