"""Odd and hostile questions about single households."""

from datetime import date

import pytest

from geo.watch import households as watch
from tests.app import test_households
from tests.app.test_households import PATH, SEEN, ids, truth
from tests.conftest import Service

filled = test_households.filled

WRONG = [
    "limit=0", "limit=-1", "limit=10001", "limit=1e3", "limit=x", "limit=99999999999999999999",
    "after=", "after=x", "after=n", "after=n1", "after=n-1~a", "after=m1~a", "after=n1~%00", "after=n1~a%27--",
    "after=n99999999999999999999~a", f"after=n1~{'a' * 200}", "after=n9223372036854775808~", "after=c1~a",
    "after=n%D9%A1~a", "after=n1~%F0%9F%8F%A0", "after=n1~a%0A",
    "bbox=", "bbox=1,2,3", "bbox=1,2,3,4,5", "bbox=nan,0,1,1", "bbox=inf,0,1,1", "bbox=2,0,1,1", "bbox=0,-91,1,1",
    "bbox=0,0,181,1", "bbox=a,b,c,d", "bbox=1;2;3;4", f"bbox={'1' * 200}",
    "result=gone", "result=", "result=completed&result=x", "origin=x", "origin=", "from=yesterday", "until=2022-13-01",
    "from=2022-02-30", "from=%00", "flag=", "flag=A", "flag=a%20b", "flag=%25", f"flag={'a' * 33}", "flag=%00",
    "unplaced=perhaps", "format=exe", "format=", "within_level=planet&within=64",
]  # fmt: skip


@pytest.mark.parametrize("query", WRONG)
def test_questions_that_are_none(filled: Service, query: str) -> None:
    for who in ("admin", "enumerator"):
        with filled.client(who) as client:
            answer = client.get(f"{PATH}?{query}")
        assert answer.status_code in ({404} if "within" in query else {422}), answer.text
        assert answer.json()["type"].startswith("urn:cakupan:problem:")
        for word in ("SELECT", "psycopg", "intake."):
            assert word not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "after=n2147483647~a", "after=n9223372036854775807~", "after=n0~", "after=n5~~", "limit=10000", "unplaced=1",
        "from=0001-01-01&until=9999-12-31", "from=2022-12-01&until=2022-01-01", "bbox=-180,-90,180,90", "bbox=0,0,0,0",
        "unknown=1",
        "bbox=116,-2,118,1&after=c9223372036854775807~z", "bbox=116,-2,118,1&after=c0~", "within=64&unplaced=true",
    ],
)  # fmt: skip
def test_odd_questions_are_answered(filled: Service, query: str) -> None:
    for who in SEEN:
        with filled.client(who) as client:
            answer = client.get(f"{PATH}?{query}")
        wrong_kind = "after=c" in query and who != "admin"  # only those who see everything read so large a box by cells
        assert answer.status_code == (422 if wrong_kind or "~~" in query else 200), answer.text
        if answer.status_code == 200:
            assert set(ids(answer.json())) <= truth(who)


def test_days_reach_as_far_as_dates_do() -> None:
    assert (watch.Question().since, watch.Question().until) == (date.min, date.max)
    assert not watch.Question().filtered
