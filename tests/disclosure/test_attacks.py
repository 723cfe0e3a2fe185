"""Every attack, on naive services, where it must bite, and on ours, where it must not."""

import pytest

from tests.disclosure.attacks.knowledge import Attack, measured
from tests.disclosure.attacks.listed import ATTACKS
from tests.disclosure.stage import OURS, Stage

#: An attack that wins less on a naive service is a broken attack.
BITES = 0.5

#: Intervals that hold all but once in a million, lest a fair coin fail a test.
SURE = 4.9


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(played: Stage, attack: Attack) -> None:
    for flaw in attack.naive:
        found = measured(attack.run(played.seen[flaw]))
        assert found.advantage > BITES, f"on {flaw}: {found}"
    ours = measured(attack.run(played.seen[OURS]), SURE)
    if attack.bound == 0:
        assert ours.advantage == 0, ours
    assert ours.low <= attack.bound, ours
