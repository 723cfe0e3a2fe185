"""Bodies that are broken and clocks that are wrong: a reason or a refusal, and nothing is lost by it."""

import gzip
import json
from collections import Counter
from datetime import timedelta

import psycopg

from tests.faults.conftest import Play
from tests.faults.rows import Row, record, spoilt
from tests.faults.stage import plain
from tests.world import NOW


def test_broken_bodies_are_refused_whole_or_taken_whole(play: Play) -> None:
    play.service.start()
    rows = [Row(record(play.chance, f"K{n}", 1)) for n in range(5)]
    whole = json.dumps({"submissions": [row.raw for row in rows]}).encode()
    packed = gzip.compress(whole)
    zipped = {"Content-Encoding": "gzip"}
    latin = json.dumps({"submissions": [rows[0].raw | {"household_id": "Kéluarga"}]}, ensure_ascii=False)
    refused = [
        play.send(body=b""),
        play.send(*rows, body=whole[: len(whole) // 2]),
        play.send(*rows, body=packed[: len(packed) // 2], **zipped),
        play.send(*rows, body=whole, **zipped),
        play.send(*rows, body=b"\x1f\x8b" + whole, **zipped),
        play.send(*rows, body=whole + b"x"),
        play.send(*rows, body=latin.encode("latin-1")),
        play.send(*rows, body=whole, **{"Content-Type": "application/pdf"}),
    ]
    assert {status for status in refused if status is None or not 400 <= status < 500} == set()
    assert not play.history.lost
    assert rows_stored(play) == 0
    # A mark at the beginning may be refused, or be taken off.
    status = play.send(*rows, body=b"\xef\xbb\xbf" + whole)
    assert status in {201, 415, 422}
    assert rows_stored(play) == (5 if status == 201 else 0)
    play.look()
    assert play.send(*rows) == 201
    assert rows_stored(play) == 5
    play.settled()


def rows_stored(play: Play) -> int:
    with psycopg.connect(plain(play.logins.owner)) as db:
        found = db.execute("SELECT count(*) FROM intake.submission").fetchone()
    assert found
    return int(found[0])


def test_ten_thousand_rows_with_three_bad(play: Play) -> None:
    play.service.start()
    rows = [Row(record(play.chance, f"K{n}", 1)) for n in range(10_000)]
    for at in play.chance.sample(range(len(rows)), 3):
        rows[at] = spoilt(play.chance, f"K{at}")
    assert play.send(*rows) == 201
    assert play.history.answers[0].said["counts"] == {
        "stored": 9_997,
        "duplicate": 0,
        "superseded": 0,
        "conflict": 0,
        "quarantined": 3,
    }
    play.settled()


#: How far a device's clock is off when it records the second revision, and the reason for which it is not believed.
CLOCKS = (
    (timedelta(days=1), "CLOCK_AHEAD"),
    (timedelta(days=3652), "CLOCK_AHEAD"),
    (timedelta(days=-3652), "BEFORE_CAMPAIGN"),
    (timedelta(days=-1), None),
)


def test_a_wrong_clock_loses_nothing(play: Play) -> None:
    play.service.start()
    rows = []
    for at, (off, fault) in enumerate(CLOCKS):
        for n in range(20):
            first = record(play.chance, f"K{at}/{n}", 1) | {"captured_at": NOW.isoformat()}
            second = record(play.chance, f"K{at}/{n}", 2) | {"captured_at": (NOW + off).isoformat()}
            rows += [Row(first), Row(second, fault)]
    play.chance.shuffle(rows)
    assert play.send(*rows) == 201
    play.settled()
    found = Counter(result["reason"] for result in play.history.answers[0].said["results"])
    assert found == {"CLOCK_AHEAD": 40, "BEFORE_CAMPAIGN": 20, None: 100}
    with psycopg.connect(plain(play.logins.owner)) as db:
        counting = db.execute("SELECT DISTINCT left(household_id, 2), revision FROM intake.household").fetchall()
    # order is by revision, never by a clock: a second record counts though its clock says that it came first
    assert sorted(counting) == [("K0", 1), ("K1", 1), ("K2", 1), ("K3", 2)]
