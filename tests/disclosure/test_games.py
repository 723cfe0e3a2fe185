"""What the best attacker gains who knows everybody else, measured on the house's own noise, against what is promised."""

from collections.abc import Sequence

import pytest

from geo.publish import cost
from geo.publish.noise import Purpose
from tests.disclosure.attacks.knowledge import measured
from tests.disclosure.games import FIELD, FINAL, Publisher, every_level, on_demand, only_poor, ours, play

TRIALS, NAIVE = 12_000, 400


@pytest.mark.parametrize("alone", [False, True], ids=["among-others", "alone"])
@pytest.mark.parametrize("purposes", [(FIELD,), (FIELD, FINAL)], ids=["one-table", "both-tables"])
def test_what_is_gained(purposes: Sequence[Purpose], alone: bool) -> None:
    bound = cost.advantage(len(purposes))
    found = measured(play(ours, TRIALS, purposes, alone=alone), 4.9)
    assert found.low <= bound, found
    assert found.high >= 0.98 * bound, f"the attacker is weaker than the one who is promised about: {found}"


@pytest.mark.parametrize(
    ("publish", "alone"), [(every_level, False), (on_demand, False), (only_poor, True)], ids=lambda of: str(of)
)
def test_the_game_can_be_won(publish: Publisher, alone: bool) -> None:
    assert measured(play(publish, NAIVE, alone=alone), 4.9).low > cost.advantage(1)
    assert measured(play(publish, NAIVE, alone=alone)).advantage > 0.5
