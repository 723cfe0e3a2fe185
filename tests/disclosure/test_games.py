"""What the best attacker gains who knows everybody else, on the house's own noise, against what is promised."""

from collections.abc import Sequence

import pytest

from geo.publish import cost
from geo.publish.noise import Purpose
from tests.disclosure.attacks.knowledge import measured
from tests.disclosure.games import FIELD, FINAL, Publisher, every_level, on_demand, only_poor, ours, play

TRIALS, NAIVE = 5_000, 160


@pytest.mark.parametrize(
    ("purposes", "alone"),
    [((FIELD,), False), ((FIELD,), True), ((FIELD, FINAL), False)],
    ids=["one table", "one table, nobody else poor", "both tables"],
)
def test_what_is_gained(purposes: Sequence[Purpose], alone: bool) -> None:
    bound = cost.advantage(len(purposes))
    found = measured(play(ours, TRIALS, purposes, alone=alone), 4.9)
    assert found.low <= bound, found
    assert found.high >= 0.98 * bound, f"the attacker is weaker than the one who is promised about: {found}"


@pytest.mark.parametrize(
    ("publish", "alone"),
    [(every_level, False), (on_demand, False), (only_poor, True)],
    ids=["each level drawn", "on demand", "only poor"],
)
def test_the_game_can_be_won(publish: Publisher, alone: bool) -> None:
    assert measured(play(publish, NAIVE, alone=alone), 4.9).low > cost.advantage(1)
    assert measured(play(publish, NAIVE, alone=alone)).advantage > 0.5
