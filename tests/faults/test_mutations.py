"""The suite can fail: with one safeguard switched off, its own scenarios find what goes wrong.

| safeguard switched off | scenario | what the check says |
|---|---|---|
| uniqueness of submissions | one batch 32 times at once | `not once`: a submission several times, stored several times |
| deltas only for inserted rows | one batch 32 times at once | `check`, `tally`: a block counts its families again |
| the fold's lock | two services fold at once | folds fail: both count the same epoch. No tally is wrong, since deltas are deleted by row and epochs are unique: the lock's own safety net |
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
from tests.faults.scenarios import killed_at_points, killed_at_random, one_batch_many_times, overtaken, two_fold_at_once
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


def test_with_folds_by_number(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "SQL", fold.SQL)  # to be put back at the end
    asyncio.run(overtaken(play, sabotage.fold_by_number()))
    assert kinds(play) == {"check", "tally"}


def test_without_one_transaction(play: Play) -> None:
    with pytest.raises(AssertionError, match="half a batch"):
        killed_at_points(play, 300, ["batch.rows"], "two transactions")


def test_with_receipts_before_the_commit(play: Play) -> None:
    with pytest.raises(AssertionError, match="acknowledged and lost"):
        killed_at_random(play, 1_000, 1, "receipts before commit")


def kinds(play: Play) -> set[str]:
    """The kinds of differences that the check finds."""
    return {what.partition(":")[0] for what in play.differences()}
