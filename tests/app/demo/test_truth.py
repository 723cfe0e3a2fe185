"""The truth file says all that was planted, and what the service should say at the end."""

from pathlib import Path

import numpy as np
import orjson
import pytest

from app.demo import hours
from app.demo.city import City
from app.demo.fieldwork import PLANTED, Fieldwork
from app.demo.month import plan
from app.demo.rates import CLEAN, Ordinary, Rates
from app.demo.truth import STATES, expected_outcome, sent, write
from geo.schema import RESULTS
from tests.app.demo import grid

RATES = Rates(ordinary=Ordinary(never_sent=0.1))


@pytest.fixture(scope="module")
def city() -> City:
    return grid.city(villages=2)


@pytest.fixture(scope="module")
def month(city: City) -> Fieldwork:
    return plan(city, RATES)


def test_the_file_lists_every_fault_and_says_that_it_is_made_up(city: City, month: Fieldwork, tmp_path: Path) -> None:
    write(tmp_path / "truth.json", city, month, RATES)
    read = orjson.loads((tmp_path / "truth.json").read_bytes())
    assert read["simulated"] is True
    assert read["seed"] == city.seed
    assert read["rates"]["ordinary"]["never_sent"] == 0.1
    assert read["counts"]["visits"] == len(month.visits)
    assert len(read["planted"]) == len(month.planted)
    assert set(read["counts"]["planted"]) == set(PLANTED[1:])
    for said, plant in zip(read["planted"], month.planted, strict=True):
        assert said["kind"] == plant.kind
        assert said["households"] == plant.households
        assert said["blocks"]
    assert sum(read["expected"]["states"].values()) == len(month.household_id)


def test_the_last_believable_record_counts(city: City, month: Fieldwork) -> None:
    """Against a plain loop over every record that was sent."""
    reached, seen = sent(month), month.visits
    best: dict[str, tuple[int, str, str] | str] = dict.fromkeys(month.household_id, "unvisited")
    for i in np.lexsort((seen.revision, seen.case)).tolist():
        household = month.household_id[seen.case[i]]
        before = best[household]
        if not reached[i]:
            best[household] = "unsent" if before == "unvisited" else before
        elif PLANTED[seen.planted[i]] in ("swapped_axes", "null_island"):
            best[household] = before if isinstance(before, tuple) else "quarantined"
        else:
            code = city.blocks.code[seen.block[i]]
            best[household] = (int(seen.revision[i]), RESULTS[seen.result[i]], code)
    assert expected_outcome(month).of(city, month) == best
    states = expected_outcome(month).state
    assert set(states.tolist()) == set(range(len(STATES)))


def test_mended_positions_count_and_others_are_held_back(city: City, month: Fieldwork) -> None:
    ends = expected_outcome(month).of(city, month)
    plants = [plant for plant in month.planted if plant.kind in ("swapped_axes", "null_island")]
    for plant in plants:
        end = ends[plant.households[0]]
        assert end == "quarantined" if not plant.detail["mended"] else end[1] == "completed"
    assert {plant.detail["mended"] for plant in plants} == {True, False}


def test_early_on_only_what_was_sent_is_expected(month: Fieldwork) -> None:
    at = hours.START + 10 * hours.DAY
    early, late = expected_outcome(month, sent(month, at)), expected_outcome(month)
    counted = early.visit >= 0
    assert 0 < counted.sum() < (late.visit >= 0).sum()
    assert month.visits.captured_at[early.visit[counted]].max() <= at
    assert not (expected_outcome(month, sent(month, hours.START)).visit >= 0).any()


def test_a_clean_campaign_counts_every_case_that_was_sent(city: City) -> None:
    made = plan(city, CLEAN)
    outcome = expected_outcome(made)
    visited = np.unique(made.visits.case)
    assert (outcome.state[visited] == STATES.index("counted")).all()
    assert (outcome.state == STATES.index("unvisited")).sum() == len(made.household_id) - len(visited)
