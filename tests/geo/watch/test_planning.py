"""What a plan is made of, without a database: odds, parts of blocks, and the day's routes."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from geo.schema import RESULTS
from geo.watch import odds, routing, stops
from geo.watch.odds import DETOUR, Outcomes, Pace, Records
from geo.watch.routing import Crew, Places, Worth
from geo.watch.stops import Block

ZONE = ZoneInfo("Asia/Makassar")
HOUR, DAY = 3_600.0, 86_400.0
#: A local midnight.
DAWN = 1_666_540_800.0  # 2022-10-24 in Makassar
TODAY = date(2022, 10, 24)
WALK = Pace(odds.MINUTES).walk


def records(*rows: tuple[int, int, str, float]) -> Records:
    """Records of (household, visit, result, hours since the midnight), in order."""
    household, visit, result, at = zip(*rows, strict=True)
    count = len(rows)
    return Records(
        np.array(household),
        np.array([sum(h == household[i] for h in household[: i + 1]) for i in range(count)]),
        np.array(visit),
        np.array([RESULTS.index(one) for one in result]),
        DAWN + np.array(at) * HOUR,
        np.full(count, 12.0),
        np.full(count, 117.0),
        np.full(count, -0.5),
        np.zeros(count, dtype=np.int64),
    )


def test_visits_are_told_from_corrections_and_from_what_came_too_soon() -> None:
    seen = odds.outcomes(
        records(
            (1, 1, "not_met", 9), (1, 2, "refused", 19), (1, 3, "completed", 33),
            (2, 1, "partial", 9), (2, 1, "completed", 15),
            (3, 1, "not_met", 9), (3, 2, "completed", 10),
            (4, 1, "completed", 13), (4, 2, "completed", 40),
        ),
        ZONE,
    )  # fmt: skip
    told = [(odds.KINDS[k], int(v), odds.PARTS[p], bool(w)) for k, v, p, w in zip(
        seen.kind.tolist(), seen.visit.tolist(), seen.part.tolist(), seen.won.tolist(), strict=True)]  # fmt: skip
    assert told == [
        ("first", 1, "morning", False), ("not_met", 2, "evening", False), ("refused", 3, "morning", True),
        ("first", 1, "morning", True),  # corrected
        ("first", 1, "morning", True),  # an hour later: the same visit
        ("first", 1, "afternoon", True),  # after a final result nothing is won any more
    ]  # fmt: skip


def outcomes(won: int, lost: int, day: int, kind: int = 0, part: int = 0) -> Outcomes:
    """So many first visits of a day, counted from today."""
    count, since = won + lost, (TODAY - date(1970, 1, 1)).days + day
    same = {
        name: np.full(count, value) for name, value in {"kind": kind, "visit": 1, "part": part, "day": since}.items()
    }
    return Outcomes(**same, won=np.arange(count) < won, minutes=np.full(count, 15.0))


def test_odds_lean_and_the_last_day_moves_them() -> None:
    nothing = outcomes(0, 0, 0)
    guess = odds.learn(nothing, nothing, TODAY).shares["first", 0, None]
    assert (guess.share, guess.of) == (pytest.approx(odds.GUESS["first"]), 0)
    wide = odds.learn(nothing, outcomes(300, 700, -3), TODAY).shares["first", 0, None]
    assert wide.share == pytest.approx(0.3, abs=0.02)
    yesterday = odds.learn(outcomes(0, 40, -1), outcomes(800, 200, -3), TODAY).shares["first", 0, None]
    older = odds.learn(outcomes(0, 40, -9), outcomes(800, 200, -9), TODAY).shares["first", 0, None]
    assert yesterday.share < older.share < 0.8
    assert yesterday.before == pytest.approx(0.8, abs=0.01)
    assert older.before < 0.8
    assert yesterday.low < yesterday.share < yesterday.high
    sure = odds.learn(outcomes(0, 400, -1), nothing, TODAY).shares["first", 0, None]
    assert sure.high - sure.low < yesterday.high - yesterday.low


def test_the_part_of_the_day_matters_where_it_was_seen_to() -> None:
    morning, evening = outcomes(20, 60, -1, 1, 0), outcomes(70, 10, -1, 1, 2)
    both = Outcomes(
        *(np.concatenate([getattr(morning, n), getattr(evening, n)]) for n in Outcomes.__dataclass_fields__)
    )
    found = odds.learn(both, both, TODAY)
    assert found.of("not_met", 2, "morning") < found.of("not_met", 2) < found.of("not_met", 2, "evening")
    assert found.of("refused", 2, "morning") == found.of("refused", 2, "evening")


def test_pace_comes_from_the_records() -> None:
    count, step = 60, 130 / 111_000
    at = (
        DAWN + 9 * HOUR + np.arange(count) * (10 + 1 + 130 * DETOUR / 80) * 60
    )  # ten minutes, one at the gate, 80 m/min
    seen = Records(
        np.arange(count), np.ones(count, int), np.ones(count, int), np.zeros(count, int), at % DAY % (12 * HOUR) + DAWN,
        np.full(count, 10.0), np.full(count, 117.0), np.arange(count) * step, np.zeros(count, int),
    )  # fmt: skip
    found = odds.pace(seen, odds.outcomes(seen, ZONE), ZONE)
    assert found.near == pytest.approx(80, rel=0.08)
    assert found.minutes["first"] == pytest.approx(10, rel=0.15)
    assert found.minutes["refused"] == odds.MINUTES["refused"]


def test_parts_keep_their_names_while_a_block_empties() -> None:
    side = np.arange(100)
    lon, lat = 117 + side % 10 * 1e-4, -0.5 + side // 10 * 1e-4
    whole = stops.of_block(Block("B", 5, 90, 90, "unvisited"), lon, lat, np.ones(100, dtype=bool))
    assert [one.stop for one in whole] == [f"block.B.{n}" for n in range(1, 11)]
    assert [one.families for one in whole] == [9.0] * 10
    empty = np.zeros(100, dtype=bool)
    empty[[3, 4, 97]] = True
    rest = stops.of_block(Block("B", 5, 90, 6, "behind"), lon, lat, empty)
    assert sum(one.families for one in rest) == 6
    before = {one.stop: one for one in whole}
    for one in rest:
        assert abs(one.lon - before[one.stop].lon) + abs(one.lat - before[one.stop].lat) < 3e-4
        assert one.inside_m < before[one.stop].inside_m


def places(*rows: tuple[float, float, float], **changes: list[float]) -> Places:
    """Stops of (metres east, families, minutes), all reachable at any hour, of nobody."""
    x, won, minutes = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    count = len(rows)
    given = {"opens": np.full(count, -np.inf), "closes": np.full(count, np.inf), "owner": np.full(count, -1)}
    given |= {"kept": np.zeros(count, dtype=bool)} | {name: np.array(value) for name, value in changes.items()}
    return Places(x, np.zeros(count), won, minutes, **given)


def crew(*x: float, hours: float = 3.0) -> Crew:
    return Crew(np.array(x), np.zeros(len(x)), 480.0, 1230.0, hours)


def best(some: Places, who: Crew, hour: float = 1.0) -> list[list[int]]:
    return routing.best(some, who, Worth(hour), WALK, DETOUR)


def test_a_day_takes_what_wins_most_in_its_hours_in_walking_order() -> None:
    some = places((300, 3, 55), (100, 3, 55), (200, 3, 55), (100, 1, 55), (9_000, 3, 55))
    assert best(some, crew(0)) == [[1, 2, 0]]
    assert best(some, crew(0)) == best(some, crew(0))
    assert best(places((5_000, 0.2, 10)), crew(0)) == [[]], "it is not worth the way"


def test_appointments_are_kept_and_waited_for_as_little_as_can_be() -> None:
    never = np.inf
    some = places(
        (0, 1, 15), (100, 2.5, 60), (200, 2.5, 60), (300, 2.5, 60),
        opens=[710, -never, -never, -never], closes=[750, never, never, never], kept=[True, False, False, False],
    )  # fmt: skip
    (route,) = best(some, crew(0, hours=4))
    assert set(route) == {0, 1, 2, 3}
    went = routing.timed(some, route, (0.0, 0.0), 480, (WALK, DETOUR))
    assert not went.late.any()
    at = route.index(0)
    assert went.leave[at] - some.minutes[0] >= 710
    assert went.leave[-1] - went.arrive[0] < 240
    late = routing.timed(some, [3, 2, 1, 0], (0.0, 0.0), 600, (WALK, DETOUR))
    assert late.late.tolist() == [False, False, False, True]


def test_another_ones_block_is_entered_only_where_it_wins_clearly() -> None:
    own = places((10, 3, 60), (20, 3, 60), (990, 3, 60), (980, 3, 60), owner=[0, 0, 1, 1])
    assert [set(route) for route in best(own, crew(1_000, 0))] == [{0, 1}, {2, 3}], "each its own, though it is far"
    idle = places((10, 3, 60), (20, 3, 60), (30, 3, 60), (40, 3, 60), owner=[0, 0, 0, 0])
    assert [len(route) for route in best(idle, crew(0, 0), 0.5)] == [2, 2]


def test_a_team_with_three_hundred_stops_is_bounded() -> None:
    rng = np.random.default_rng(3)
    count = routing.MOST + 40
    some = Places(
        *rng.uniform(0, 1_200, (2, count)), rng.uniform(0.3, 8, count), rng.uniform(8, 150, count),
        np.full(count, -np.inf), np.full(count, np.inf), rng.integers(0, 6, count), np.zeros(count, dtype=bool),
    )  # fmt: skip
    routes = best(some, Crew(*rng.uniform(0, 1_200, (2, 6)), 480.0, 1230.0, 7.0), 0.5)
    taken = [at for route in routes for at in route]
    assert len(set(taken)) == len(taken)
    for route in routes:
        assert some.minutes[route].sum() <= 7 * 60


def test_appointments_of_other_days_and_used_up_visits_are_no_stops() -> None:
    dawn = datetime(2022, 10, 24, tzinfo=ZONE)
    row = {
        "household_id": "H", "n": 5, "lon": 117.0, "lat": -0.5, "result": "not_met", "visits": 1, "building": None,
        "sequence": None, "earliest": dawn - timedelta(hours=3), "revisit_at": None, "due": "today",
    }  # fmt: skip
    day = (dawn, dawn + timedelta(days=1))
    live: Any = None  # what has a point needs nothing of it
    plain = stops.of_callback(live, row, day)
    assert plain is not None
    assert (plain.visit, plain.after, plain.closes) == (2, "not_met", None)
    for changes in (
        {"earliest": dawn + timedelta(days=1)},
        {"revisit_at": dawn + timedelta(days=1, hours=9), "due": "later"},
        {"revisit_at": dawn - timedelta(hours=5), "due": "today"},
    ):
        assert stops.of_callback(live, row | changes, day) is None
    agreed = row | {"revisit_at": dawn + timedelta(hours=9), "due": "later"}
    kept = stops.of_callback(live, agreed, day)
    assert kept is not None
    assert kept.reason == "appointment"
    assert (kept.opens, kept.closes) == (dawn + timedelta(hours=8, minutes=50), dawn + timedelta(hours=9, minutes=30))
    missed = stops.of_callback(live, row | {"revisit_at": dawn - timedelta(days=1), "due": "overdue"}, day)
    assert missed is not None
    assert (missed.reason, missed.closes) == ("missed", None)
    assert datetime.fromtimestamp(DAWN, UTC) == dawn
