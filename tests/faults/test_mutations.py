"""The suite can fail: with one safeguard switched off, its own scenarios find what goes wrong.

| safeguard switched off | scenario | what the check says |
|---|---|---|
| uniqueness of submissions | one batch 32 times at once | `not once`: a submission several times, stored several times |
| deltas only for inserted rows | one batch 32 times at once | `check`, `tally`: a block counts its families again |
| the fold's lock | two services fold at once | folds fail: both count the same epoch. No tally is wrong, since deltas are deleted by row and epochs are unique: the lock's own safety net |
| rows of households are locked in the database | two services, of which one dies or stands still | `household`, `tally`, `check`: a household is not at its highest revision, or was taken back twice. One service alone, with one lane, shows nothing of it |
| deltas deleted exactly as taken | a batch commits during a fold, after one with higher numbers | `check`, `tally`: late deltas are deleted uncounted |
| one transaction | the service dies once the rows are written | `half a batch`, `household`, `tally` |
| receipts after the commit | the service is killed under load | `acknowledged and lost` |
"""  # noqa: E501 -- a table is as wide as it is

import asyncio

import psycopg
import pytest

from geo.intake import fold
from tests.faults import sabotage
from tests.faults.conftest import Play
from tests.faults.scenarios import (
    killed_at_points,
    killed_at_random,
    one_batch_many_times,
    overtaken,
    two_fold_at_once,
    two_services,
)
from tests.faults.stage import plain


def test_without_uniqueness(play: Play) -> None:
    with psycopg.connect(plain(play.logins.owner)) as db:
        db.execute(sabotage.UNIQUE.encode())
    one_batch_many_times(play, 20)
    assert {"not once"} <= kinds(play)


def test_with_deltas_for_every_row(play: Play) -> None:
    one_batch_many_times(play, 20, "deltas for every row")
    assert kinds(play) == {"check", "tally"}


def test_without_the_lock_of_the_fold(play: Play) -> None:
    two_fold_at_once(play, 1_500, "fold without lock")
    assert any("folds failed" in what for what in play.differences())


@pytest.mark.parametrize("alone", [True, False], ids=["one service", "two services"])
def test_with_locks_that_the_other_process_does_not_see(play: Play, alone: bool) -> None:
    if alone:  # it does without
        killed_at_random(play, 1_000, 1, "locks of the process")
        play.settled()
    else:
        with pytest.raises(AssertionError, match=r"(household|tally|check): "):
            two_services(play, 12_000, ["killed"] * 12, "locks of the process")


def test_with_folds_by_number(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "SQL", fold.SQL)  # to be put back at the end
    asyncio.run(overtaken(play, sabotage.fold_by_number()))
    assert kinds(play) == {"check", "tally"}


def test_without_one_transaction(play: Play) -> None:
    with pytest.raises(AssertionError, match="half a batch"):
        killed_at_points(play, 300, ["batch.rows"], "two transactions")


def test_with_receipts_before_the_commit(play: Play) -> None:
    with pytest.raises(AssertionError, match="acknowledged and lost"):
        killed_at_random(play, 3_000, 6, "receipts before commit")  # the first kill nearly always tells


def kinds(play: Play) -> set[str]:
    """The kinds of differences that the check finds."""
    return {what.partition(":")[0] for what in play.differences()}
