"""What is probably on phones: nothing at night, one's own pace, never more than is left, and doubt that grows."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.watch.unsent import DRAWN, RECORDS, Heard, estimate, pace, worked

ZONE = ZoneInfo("Asia/Makassar")
OFFSET = 8 * 3600.0
START = datetime(2022, 10, 15, tzinfo=ZONE)


def at(day: int, hour: float) -> float:
    """Seconds since 1970 of an hour of a day of the campaign, from 1."""
    return (START + timedelta(days=day - 1, hours=hour)).timestamp()


def crew(*words: float, each: float = 8.0, left: float = 100.0, queued: float = 0.0) -> Heard:
    """Enumerators with the same pace: so many families on every whole day before the last word, NaN for never."""
    made = np.zeros((len(words), 31))
    for who, word in enumerate(words):
        if not np.isnan(word):
            made[who, : int((word - at(1, 0)) // 86_400)] = each
    many = len(words)
    return Heard(
        at(1, 0), OFFSET, np.array(words), np.full(many, at(1, 0)), np.full(many, queued), made,
        np.full(many, left), np.full(many, each),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        ((9, 0), (10, 0), 1.0),
        ((9, 20.5), (10, 8), 0.0),
        ((9, 12), (9, 13), 0.0),
        ((9, 8), (9, 12), 0.4),
        ((9, 10), (9, 15.5), 0.2 + 0.265),
        ((9, 18), (12, 18), 3.0),
    ],
)
def test_work_goes_by_local_hours(since: tuple[int, float], until: tuple[int, float], days: float) -> None:
    assert worked(at(*until), OFFSET) - worked(at(*since), OFFSET) == pytest.approx(days)


def test_nothing_is_made_at_night() -> None:
    found = estimate(crew(at(9, 20.5), at(9, 23)), at(10, 7.5))
    assert found.held.tolist() == found.high.tolist() == [0, 0]
    assert (found.total, found.total_low, found.total_high) == (0, 0, 0)


def test_ones_own_pace_drawn_towards_the_others() -> None:
    known = crew(at(9, 0), at(9, 0))
    known.made[1] *= 3
    slow, quick = pace(known)
    assert RECORDS * 8 < slow < quick < RECORDS * 24
    theirs = (DRAWN + 3) * slow - 3 * RECORDS * 8
    assert quick == pytest.approx((3 * RECORDS * 24 + theirs) / (3 + DRAWN)), (
        "days of the others' pace beside one's own"
    )
    lately = replace(known, made=np.where(np.arange(31) < 5, 100.0, known.made))
    assert pace(lately).tolist() == [slow, quick], "what was long ago does not count"


def test_days_without_a_word_are_days_of_work() -> None:
    found = estimate(crew(at(9, 0)), at(11, 0))
    assert found.held[0] == pytest.approx(2 * RECORDS * 8)
    assert found.low[0] < 20 < found.high[0]
    assert found.total_low < 20 < found.total_high
    longer = estimate(crew(at(9, 0)), at(12, 0))
    assert longer.held[0] > found.held[0]
    assert longer.high[0] - longer.low[0] > found.high[0] - found.low[0]


def test_who_never_spoke_works_like_the_others_or_not_at_all() -> None:
    found = estimate(crew(np.nan, at(5, 0)), at(5, 0))
    assert (found.held[1], found.low[0]) == (0, 0)
    assert found.held[0] == pytest.approx(4 * RECORDS * 8)
    alone = estimate(crew(np.nan), at(5, 0))
    assert alone.held[0] == pytest.approx(4 * RECORDS * 8), "as planned"
    late = replace(crew(np.nan, at(5, 0)), begun=np.array([at(4, 0), at(1, 0)]))
    assert estimate(late, at(5, 0)).held[0] == pytest.approx(RECORDS * 8), "since it was assigned"


def test_never_more_than_is_left_to_find() -> None:
    found = estimate(crew(at(3, 0), at(3, 0), left=4.0, queued=6.0), at(20, 0))
    assert found.held.tolist() == found.high.tolist() == [6 + RECORDS * 4] * 2
    assert found.low.tolist() <= found.held.tolist()
    done = estimate(crew(at(3, 0), left=0.0, queued=6.0), at(20, 0))
    assert (done.held[0], done.low[0], done.high[0]) == (6, 6, 6), "what waits is known"
    assert done.total_low == done.total == done.total_high == 6
    unknown = estimate(crew(at(3, 0), left=np.inf), at(20, 0))
    assert unknown.held[0] == pytest.approx(17 * RECORDS * 8)


def test_nobody() -> None:
    found = estimate(crew(), at(5, 0))
    assert (len(found.held), found.total) == (0, 0)


@given(
    st.lists(st.one_of(st.none(), st.floats(-5, 40)), min_size=1, max_size=5),
    st.floats(-2, 40),
    st.floats(0, 300),
    st.floats(0, 300),
)
def test_bounds_are_in_order(words: list[float | None], now: float, left: float, queued: float) -> None:
    """Whatever the clocks say: before the campaign, after it, and a word from the future."""
    known = crew(*(np.nan if word is None else at(1, 0) + word * 86_400 for word in words), left=left, queued=queued)
    found = estimate(known, at(1, 0) + now * 86_400)
    assert np.isfinite(found.held).all()
    assert (queued <= found.low + 1e-9).all()
    assert (found.low <= found.held + 1e-9).all()
    assert (found.held <= found.high + 1e-9).all()
    assert found.total_low <= found.total + 1e-9
    assert found.total <= found.total_high + 1e-9
