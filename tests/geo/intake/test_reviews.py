"""What people decide on doubts and proposals: kept once, seen by scope, and taken back only by another act."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.database import Database, Logins
from geo.errors import BadInput, CakupanError, NotFound, Refused
from geo.intake import reviews
from geo.intake.reviews import Act, Review, Subject
from geo.schema_decided import REVIEWS
from geo.scope import Scope
from geo.trust import accounts, credentials
from tests.conftest import granted
from tests.world import BLOCKS, NOW, VILLAGES

HERE, THERE = BLOCKS[0].number, BLOCKS[5].number


class Desk:
    """A database and two supervisors of different villages."""

    def __init__(self, db: Database, scopes: dict[str, Scope]) -> None:
        self.db, self.scopes = db, scopes

    async def decide(self, about: str, decision: str = "explained", who: str = "own", **more: object) -> Review:
        given = more.get("review_id")
        act = Act(
            given if isinstance(given, UUID) else uuid4(), decision, str(more["note"]) if "note" in more else None
        )
        subject = Subject(str(more.get("kind", "flag")), about, HERE)
        async with self.db.for_actor(self.scopes[who].actor) as connection:
            return await reviews.decide(connection, self.scopes[who], subject, act)

    async def standing(self, who: str = "own", number: int = HERE, kind: str = "flag") -> dict[str, Review]:
        async with self.db.as_actor(self.scopes[who].actor) as connection:
            return await reviews.standing(connection, self.scopes[who], kind, [number])


@pytest.fixture(scope="module")
async def desk(database: Logins) -> AsyncIterator[Desk]:
    db = Database(database, 2)
    scopes = {}
    async with db.worker.begin() as connection:
        for name, village in (("own", VILLAGES[0]), ("other", VILLAGES[1])):
            made = await accounts.create(connection, name, granted("supervisor", ("village", village)))
            caller = await credentials.authenticate(
                connection, await credentials.issue(connection, made, "token", "t", None)
            )
            assert caller is not None
            scopes[name] = caller.scope
    yield Desk(db, scopes)
    await db.close()


async def test_the_newest_act_stands_until_it_is_taken_back(desk: Desk) -> None:
    first = await desk.decide("night.1", note="  pasar malam\n")
    assert (first.note, first.decided_by, first.decided_at) == ("pasar malam", "own", NOW)
    assert (await desk.standing())["night.1"] == first
    second = await desk.decide("night.1", "revisit")
    assert (await desk.standing())["night.1"] == second
    await desk.decide("night.1", "reopened")
    assert "night.1" not in await desk.standing()
    assert (await desk.standing(kind="proposal")) == {}


async def test_the_same_act_sent_again_happens_once(desk: Desk) -> None:
    name = uuid4()
    done = [await desk.decide("night.2", review_id=name) for _ in range(3)]
    assert done[0] == done[1] == done[2]
    async with desk.db.worker.begin() as connection:
        kept = await connection.scalar(text("SELECT count(*) FROM intake.review WHERE about = 'night.2'"))
        noted = await connection.scalar(
            text("SELECT count(*) FROM trust.audit a JOIN intake.review r ON (a.subject ->> 'row')::bigint = r.place "
                 "WHERE a.act = 'reviews.flag' AND r.about = 'night.2'")
        )  # fmt: skip
    assert (kept, noted) == (1, 1)
    with pytest.raises(Refused, match="names another act"):
        await desk.decide("night.3", review_id=name)
    with pytest.raises(Refused, match="names another act"):
        await desk.decide("night.2", review_id=name, note="and more")


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (BadInput, {"decision": "guilty"}),
        (BadInput, {"decision": "accepted"}),
        (BadInput, {"decision": "explained", "kind": "proposal"}),
        (BadInput, {"note": "x" * 501}),
        (BadInput, {"note": "6472031207850001"}),
        (NotFound, {"who": "other"}),
    ],
)
async def test_what_cannot_be_decided(desk: Desk, error: type[CakupanError], asked: dict[str, str]) -> None:
    with pytest.raises(error):
        await desk.decide("night.4", **asked)  # type: ignore[arg-type]  # who and note are words too
    assert "night.4" not in await desk.standing()


async def test_nobody_sees_what_was_decided_elsewhere(desk: Desk) -> None:
    await desk.decide("night.5")
    with pytest.raises(ValueError, match="outside the scope"):
        await desk.standing("other")
    async with desk.db.as_actor(desk.scopes["other"].actor) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM intake.review")) == 0
    assert await desk.standing("other", THERE) == {}


def test_every_kind_can_be_taken_back() -> None:
    assert all(words[-1] == "reopened" for words in REVIEWS.values())
