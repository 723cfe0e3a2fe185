"""Two services over one database, of which one dies or stands still: what one promised the other keeps.

A device that gets no answer sends the same batch to the other service at once, so that it may be under way in both, and
revisions of one household come to both at the same time. Sharing transactions is a matter of each process; that nothing
is lost or counted twice is one of the database alone.
"""

import pytest

from tests.faults import invariants
from tests.faults.conftest import Play
from tests.faults.scenarios import BETWEEN, POINTS, two_services

#: What befalls one of both, in an order that luck decides.
FAULTS = ("killed", "both killed", "held", "held and killed")

#: How often each fault comes in the long run.
TIMES = 3


def test_two_services_of_which_one_dies_or_stands_still(play: Play) -> None:
    faults = [*FAULTS, *play.chance.sample(POINTS, 2)]
    two_services(play, 12_000, play.chance.sample(faults, len(faults)))
    settled(play, "two services")
    assert play.history.acknowledged >= BETWEEN * len(faults)


@pytest.mark.slow
def test_two_services_for_long(play: Play) -> None:
    faults = [*FAULTS, *POINTS, "postgresql killed"] * TIMES
    two_services(play, 60_000, play.chance.sample(faults, len(faults)), seconds=900)
    settled(play, "two services for long")
    assert play.history.acknowledged >= BETWEEN * len(faults)


def settled(play: Play, what: str) -> None:
    """Wait until all is folded and look; what was meant to meet must have met."""
    play.settled()
    several = sum(times > 1 for times in invariants.committed(play.logins).values())
    assert several, "no batch was under way in both"
    play.figure(f"{what}, {several} batches committed by more than one try")
