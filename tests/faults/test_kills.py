"""kill -9 of the service and of PostgreSQL under load: nothing acknowledged is lost, nothing counts twice.

The long run, 100,000 rows over 50 kills, is `./cakupan test -m slow tests/faults/test_kills.py`; with `CAKUPAN_KILLS=4`
it is one of 8,000 rows over 4, to see that it still runs.
"""

import asyncio
import os

import pytest

from tests.faults.conftest import Play
from tests.faults.rows import campaign
from tests.faults.scenarios import DEVICES, POINTS, killed_at_points, killed_at_random, overtaken, two_fold_at_once


def test_ten_thousand_rows_over_eight_kills(play: Play) -> None:
    killed_at_random(play, 10_500, 8, seconds=300)
    play.settled()
    assert play.history.acknowledged >= 10_000
    play.figure("the service killed at any moment")


@pytest.mark.slow
def test_a_hundred_thousand_rows_over_fifty_kills(play: Play) -> None:
    kills = int(os.environ.get("CAKUPAN_KILLS", "50"))
    killed_at_random(play, 2_100 * kills, kills, seconds=60 * kills + 60, postgres_every=min(kills, 10))
    play.settled()
    assert play.history.acknowledged >= 2_000 * kills
    play.figure("the long run")


def test_killed_at_every_point_of_a_transaction_in_turn(play: Play) -> None:
    killed_at_points(play, 1_200, POINTS)
    play.settled()
    play.figure("killed at every point of a transaction")


def test_two_services_fold_in_turn(play: Play) -> None:
    two_fold_at_once(play, 2_000)
    play.look()


def test_a_batch_that_commits_during_a_fold_is_counted_by_the_next(play: Play) -> None:
    asyncio.run(overtaken(play))
    play.look()


def test_postgresql_killed_under_load(play: Play) -> None:
    play.service.start()
    with play.fleet() as fleet:
        for uploads in play.uploads(campaign(play.chance, 2_000), DEVICES):
            fleet.sends(uploads, play.chance.getrandbits(32))
        fleet.until(400)
        while fleet.busy and not play.stage.kill_backend(play.database):
            pass
        play.look()
        fleet.until(1_000)
        play.stage.kill_postgres()
        play.look()
        fleet.finish()
    play.settled()
    assert play.history.acknowledged >= 1_500
    play.figure("a backend and PostgreSQL killed")
