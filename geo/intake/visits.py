"""Which records of a household were visits: up to three, at least four hours apart.

Each visit is a revision, but not each revision is a visit: one that states the number of a visit known before corrects
it. And a number is stated by whoever knocked: records too close to each other tell when it was said too early.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

#: The least time between two visits of a family (Regsosek 2022: at least four hours).
BETWEEN = timedelta(hours=4)

#: Visits before a refusal or a non-contact may be closed (Regsosek 2022: up to three).
MOST = 3


@dataclass(frozen=True)
class Told:
    """What one revision says of a visit: its number (1–3), or None where none is stated."""

    revision: int
    captured_at: datetime
    visit: int | None


@dataclass(frozen=True)
class Judged:
    """One revision as a visit. `hours` since the last visit that counts, None for the first record."""

    revision: int
    hours: float | None
    counts: bool
    too_soon: bool


@dataclass(frozen=True)
class Visits:
    """All of a household's, in the order they were captured.

    `used` are visits as far as stated or known, `valid` those without what is known to have come too soon; both 1 to 3.
    """

    judged: tuple[Judged, ...]
    used: int
    valid: int

    @property
    def left(self) -> int:
        """Visits still to be made before the household may be closed."""
        return MOST - self.valid


def judged(told: Iterable[Told]) -> Visits:
    """What the known revisions of a household, at least one, come to.

    A record is a visit if it was captured four hours after the visit before, and states no number that stood before
    (the third apart: who comes a fourth time has no other). What came sooner with a number of its own was too soon.
    """
    rows = sorted(told, key=lambda one: (one.captured_at, one.revision))
    found: list[Judged] = []
    early: set[int] = set()
    last, stated, known = None, 0, 0
    for one in rows:
        fresh = one.visit is None or one.visit > stated
        apart = last is None or one.captured_at - last >= BETWEEN
        counts = apart and (fresh or one.visit == MOST)
        too_soon = fresh and not apart and one.visit is not None
        hours = None if last is None else (one.captured_at - last) / timedelta(hours=1)
        if counts:
            last, stated, known = one.captured_at, max(stated, one.visit or 0), known + 1
            early.discard(one.visit or 0)
        elif too_soon:
            early.add(one.visit or 0)
        found.append(Judged(one.revision, hours, counts, too_soon))
    said = max(rows, key=lambda one: one.revision).visit or 1
    return Visits(tuple(found), min(max(said, known), MOST), min(max(said - len(early), known, 1), MOST))
