"""Progress by day against a slow count, and forecasts against campaigns whose end is known."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from geo.scope import OPERATOR, Scope
from geo.watch import forecast, progress
from geo.watch.live import Snapshot
from tests.geo.watch.conftest import EXPECTED, Work
from tests.world import BLOCKS

NUMBER = {block.code: block.number for block in BLOCKS}
UPPER = Scope(7, "supervisor", "supervisor", ((4, 7),))


def on(live: Snapshot, day: date) -> Snapshot:
    """The mirror as of noon of a day by the campaign's clock."""
    clock = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
    return replace(live, campaign=replace(live.campaign, simulated=True, clock=clock, clock_at=None))


def slowly(work: Work, numbers: set[int], day: date) -> tuple[int, int]:
    """Families completed and done by the end of a day, counted one by one."""
    seen: dict[int, Counter[str]] = {number: Counter() for number in numbers}
    for row in work.households():
        number = NUMBER.get(row.get("block", ""), 0)
        if number in numbers and row["day"] <= day:
            dropped = row["result"] in {"not_found", "moved", "deceased", "ineligible"} and row["origin"] == "prelist"
            found = row["result"] == "completed" and row["origin"] != "new"
            seen[number].update(completed=int(row["result"] == "completed"), done=int(dropped or found))
    done = sum(min(seen[n]["done"], EXPECTED[n]) for n in numbers if n in EXPECTED)
    return sum(counts["completed"] for counts in seen.values()), done


@pytest.mark.parametrize(
    ("scope", "within", "numbers"),
    [
        (OPERATOR, 0, {0} | {block.number for block in BLOCKS}),  # what counts in no block as well
        (OPERATOR, BLOCKS[0].number, {BLOCKS[0].number}),
        (UPPER, 0, {block.number for block in BLOCKS[:3]}),
        (UPPER, 4, {block.number for block in BLOCKS[:3]}),
    ],
)
def test_each_day_is_what_was_done_by_then(work: Work, scope: Scope, within: int, numbers: set[int]) -> None:
    live = on(work.now, date(2022, 10, 24))
    found = progress.progress(live, scope, within)
    assert [row["day"] for row in found["progress"]] == list(range(1, len(found["progress"]) + 1))
    assert found["progress"][0]["date"] == live.campaign.starts_on
    for row in found["progress"]:
        completed, done = slowly(work, numbers, row["date"])
        assert (row["completed"], row["done"]) == (completed, done)
    expected = sum(EXPECTED[n] for n in numbers if n in EXPECTED)
    assert found["expected"] == expected
    assert found["gap"] == expected - found["progress"][-1]["done"]
    assert [row["whole"] for row in found["progress"]] == [True] * (len(found["progress"]) - 1) + [False]
    assert found["pace_needed"] == -(-found["gap"] // found["days_left"])


def test_of_what_is_not_the_callers_there_is_nothing(work: Work) -> None:
    live = on(work.now, date(2022, 10, 24))
    for within in (8, 1):  # the other village; the province above, of which a part is the caller's
        found = progress.progress(live, UPPER, within)
        assert found["progress"] == []
        assert found["forecast"] is None
        assert found["why"] == "not-shown"
        assert {found[name] for name in ("expected", "completed", "gap", "pace", "pace_needed")} == {None}


@pytest.mark.parametrize(
    ("day", "why"),
    [(date(2022, 10, 1), "too-early"), (date(2022, 10, 16), "too-early"), (date(2022, 10, 30), None)],
)
def test_a_forecast_waits_for_whole_days(work: Work, day: date, why: str | None) -> None:
    found = progress.progress(on(work.now, day), OPERATOR, BLOCKS[0].number)
    assert found["why"] == why
    assert (found["forecast"] is None) is (why is not None)


def test_before_the_first_and_after_the_last_day(work: Work) -> None:
    campaign = work.now.campaign
    early = progress.progress(on(work.now, campaign.starts_on - timedelta(days=3)), OPERATOR)
    assert (early["day"], early["progress"], early["pace"]) == (0, [], None)
    assert early["days_left"] == campaign.days
    late = progress.progress(on(work.now, campaign.ends_on + timedelta(days=9)), OPERATOR)
    assert (late["days_left"], late["pace_needed"]) == (0, None)
    assert late["progress"][-1]["date"] == campaign.ends_on
    assert late["progress"][-1]["due"] == late["expected"]
    assert late["forecast"]["at_end"] is None


def test_unknown_expected_is_no_zero(work: Work) -> None:
    found = progress.progress(on(work.now, date(2022, 10, 30)), OPERATOR, BLOCKS[5].number)
    assert (found["expected"], found["gap"], found["why"]) == (None, None, "unknown-expected")
    assert found["progress"][-1]["completed"] == 3


# ── forecasts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_forecast_goes_on_from_where_it_stands() -> None:
    observed = np.linspace(0.02, 0.5, 15)
    found = forecast.forecast(observed, 31, 0.9)
    assert len(found.low) == len(found.middle) == len(found.high) == 62 - 15
    assert (found.low <= found.middle).all()
    assert (found.middle <= found.high).all()
    assert (np.diff(found.middle) >= -1e-9).all()
    assert found.low[0] >= 0.5
    assert found.high[-1] <= 1
    assert found.day_low is not None
    assert found.day is not None
    assert 15 < found.day_low <= found.day


def test_quicker_work_is_done_sooner_and_less_work_later() -> None:
    quick, slow = (forecast.forecast(np.linspace(0.02, level, 14), 31, 0.85) for level in (0.6, 0.35))
    assert quick.middle[15] > slow.middle[15]
    assert (quick.day or 99) < (slow.day or 99)


def test_what_is_done_is_done_and_what_stands_still_is_never() -> None:
    done = forecast.forecast(np.array([0.3, 0.6, 0.92, 0.97]), 31, 0.9)
    assert (done.day_low, done.day, done.day_high) == (3, 3, 3)
    stuck = forecast.forecast(np.array([*np.linspace(0.05, 0.4, 10), *[0.4] * 12]), 31, 0.99)
    assert stuck.day is None
    assert stuck.middle[8] < 0.75


def test_long_after_every_other_campaign_nothing_is_promised() -> None:
    found = forecast.forecast(np.full(70, 0.5), 31, 0.9)
    assert found.day is None
    assert found.middle.tolist() == [0.5]


@pytest.mark.parametrize("observed", [[], [np.nan], [0.1, np.inf]])
def test_a_forecast_of_nothing_is_refused(observed: list[float]) -> None:
    with pytest.raises(ValueError, match="whole day"):
        forecast.forecast(np.array(observed), 31, 0.9)


@pytest.mark.parametrize(
    ("days", "many"),
    [pytest.param(10, 50, marks=pytest.mark.slow), (31, 100), pytest.param(45, 50, marks=pytest.mark.slow)],
)
def test_intervals_hold_as_often_as_they_say(days: int, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On campaigns of the library's own kind that it does not contain; those of the demo's are in benchmarks."""
    monkeypatch.setattr(forecast, "SEED", 4711)
    others = forecast._library.__wrapped__(days)[:many]
    monkeypatch.undo()
    held = asked = 0
    for path in others:
        for part in (0.3, 0.7):
            past = max(int(part * days), 2)
            found = forecast.forecast(path[:past], days, 0.9)
            at = days - past - 1
            held += found.low[at] <= path[days - 1] <= found.high[at]
            asked += 1
    assert 0.72 <= held / asked <= 0.92
