"""A bad line, impatient devices and contradicting orders: every row counts once, whatever the way it came."""

import itertools
import threading
from collections import Counter

import psycopg

from tests.faults.conftest import SENDERS, Play
from tests.faults.line import line
from tests.faults.rows import Row, campaign, record
from tests.faults.scenarios import COPIES, DEVICES, one_batch_many_times
from tests.faults.stage import plain
from tests.world import BLOCKS

#: Revisions of one household, sent in every order.
REVISIONS = 4


def test_every_fifth_answer_is_swallowed_and_connections_are_cut(play: Play) -> None:
    play.service.start()
    with (
        line(play.service.port, play.chance.getrandbits(32), drop=0.2, half=0.05, cut=0.05) as bad,
        play.fleet(lambda: bad.port) as fleet,
    ):
        for uploads in play.uploads(campaign(play.chance, 1_500), DEVICES, largest=20):
            fleet.sends(uploads, play.chance.getrandbits(32))
        fleet.finish()
        assert min(bad.done["drop"], bad.done["half"], bad.done["cut"]) > 0
    play.settled()
    assert play.history.lost
    play.figure(f"a line that swallowed {bad.done['drop']} answers and cut {bad.done['half'] + bad.done['cut']} more")


def test_the_same_batch_many_times_at_once(play: Play) -> None:
    one_batch_many_times(play, 40)
    play.settled()
    said = Counter(result["status"] for answer in play.history.answers for result in answer.said["results"])
    assert len(play.history.answers) == COPIES
    assert said == {"stored": 40, "duplicate": 40 * (COPIES - 1)}


def test_every_order_of_four_revisions_from_two_devices(play: Play) -> None:
    play.service.start()
    orders = list(itertools.permutations(range(REVISIONS)))
    sent = {
        (at, paced): [Row(record(play.chance, f"K{at}{paced}", revision + 1)) for revision in range(REVISIONS)]
        for at in range(len(orders))
        for paced in (True, False)
    }
    for step in range(REVISIONS):  # in this order exactly, two devices at each step
        halves: tuple[list[Row], list[Row]] = ([], [])
        for at, order in enumerate(orders):
            halves[play.chance.randrange(2)].append(sent[at, True][order[step]])
        meet(play, *halves)
    for at, order in enumerate(orders):  # in this order by one device, while another sends the contrary
        rows = [sent[at, False][revision] for revision in order]
        meet(play, rows[:2], rows[2:][::-1])
    play.settled()
    with psycopg.connect(plain(play.logins.owner)) as db:
        there: dict[str, str] = dict(
            db.execute("SELECT household_id, submission_id::text FROM intake.household").fetchall()
        )
    assert there == {f"K{at}{paced}": rows[-1].raw["submission_id"] for (at, paced), rows in sent.items()}


def meet(play: Play, *batches: list[Row]) -> None:
    """Send batches at the same moment, each by another account."""
    together = threading.Barrier(len(batches))

    def send(who: str, rows: list[Row]) -> None:
        upload = play.history.upload(who, rows)
        together.wait(10)
        assert play.send_again(upload) == 201

    threads = [threading.Thread(target=send, args=(who, rows)) for who, rows in zip(SENDERS, batches, strict=False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def test_moves_between_blocks_from_two_devices_at_once(play: Play) -> None:
    play.service.start()
    households = range(30)
    for revision in range(1, 7):
        meet(
            play,
            [Row(record(play.chance, f"K{n}", revision * 2, BLOCKS[(n + revision) % 6])) for n in households],
            [Row(record(play.chance, f"K{n}", revision * 2 + 1, BLOCKS[(n - revision) % 6])) for n in households],
        )
    play.settled()
