"""What the audit keeps, and how it is read."""

from datetime import UTC, datetime, timedelta

import pytest

from app.database import Database
from geo.trust import accounts, audit, credentials, seals
from geo.trust.grants import Grant
from tests.world import BLOCKS, EDITION


async def test_what_is_noted_happened(db: Database) -> None:
    async with db.worker.begin() as connection:
        await audit.note(connection, 0, "export", what="gaps", area=None, rows=3)
    async with db.worker.connect() as connection:
        await audit.note(connection, 0, "export", what="coverage")
        await connection.rollback()
    async with db.worker.begin() as connection:
        (row,) = await audit.listing(connection)
    assert row["subject"] == {"what": "gaps", "rows": 3}  # what is not known is not said
    assert (row["act"], row["account"], row["credential"], row["sealed"]) == ("export", None, None, False)
    assert abs(row["at"] - datetime.now(UTC)) < timedelta(minutes=1)


async def test_many_are_noted_as_one_would_be(db: Database) -> None:
    async with db.worker.begin() as connection:
        await audit.note(connection, 0, "x.one", a=1, b=None)
        await audit.notes(
            connection, 0, [("x.two", {"a": 1, "b": None}), ("x.three", {"until": datetime(2022, 1, 1, tzinfo=UTC)})]
        )
        await audit.notes(connection, 0, [])
        three, two, one = await audit.listing(connection)
    assert (one["subject"], two["subject"]) == ({"a": 1}, {"a": 1})
    assert three["subject"] == {"until": "2022-01-01T00:00:00+00:00"}
    assert [row["act"] for row in (one, two, three)] == ["x.one", "x.two", "x.three"]


async def test_the_credential_comes_from_the_transaction(db: Database) -> None:
    async with db.worker.begin() as connection:
        made = await accounts.create(connection, "sari", Grant("enumerator", ("block", BLOCKS[0].code)))
        await credentials.issue(connection, made, "token", "phone", None)
        (kept,) = await credentials.tokens(connection, made)
    number = kept["credential_id"]
    async with db.as_actor(made, number) as connection:  # the login that answers people may add, and nothing else
        await audit.read(connection, made, "households.tile", [5, 7, 6, 5, 10], 4, z=14)
    async with db.as_actor(made) as connection:
        await audit.note(connection, made, "log-out")
    async with db.worker.begin() as connection:
        out, read, *_ = await audit.listing(connection)
        assert await seals.seal(connection) is not None  # and what it added waits for its seal
        assert (await audit.listing(connection))[1]["sealed"]
    assert (read["account"], read["credential"], out["credential"]) == ("sari", number, None)
    assert read["subject"] == {"z": 14, "blocks": [[5, 7], [10, 10]], "households": 4, "edition": EDITION}


async def test_listing_narrows_and_pages(db: Database) -> None:
    async with db.worker.begin() as connection:
        ani = await accounts.create(connection, "ani")
        for n in range(5):
            await audit.note(connection, ani, "token.create", n=n)
        await audit.note(connection, ani, "tokens.other")
        start = datetime.now(UTC) - timedelta(minutes=1)
        assert len(await audit.listing(connection)) == 7
        assert len(await audit.listing(connection, account=0)) == 1
        assert len(await audit.listing(connection, account=ani)) == 6
        assert [r["subject"]["n"] for r in await audit.listing(connection, act="token.create")] == [4, 3, 2, 1, 0]
        assert len(await audit.listing(connection, act="token.")) == 5  # with a dot all that begin so
        assert await audit.listing(connection, act="token") == []
        assert len(await audit.listing(connection, since=start)) == 7
        assert await audit.listing(connection, until=start) == []
        found: list[int] = []
        while page := await audit.listing(connection, after=found[-1] if found else None, limit=3):
            found += [row["id"] for row in page]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 7


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ([], []),
        ([0], [(0, 0)]),
        ([3, 1, 2, 2, 7, 9, 8], [(1, 3), (7, 9)]),
        (range(1, 1_000), [(1, 999)]),
    ],
)
def test_ranges(numbers: list[int], found: list[tuple[int, int]]) -> None:
    assert audit.ranges(numbers) == found
