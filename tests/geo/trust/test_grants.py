"""Who may give what to whom, and what a grant opens while it is in force."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from geo.errors import BadInput, NotFound, Refused
from geo.ground import assignments
from geo.ground.tables import read_table
from geo.scope import LAST, OPERATOR, Ranges, Scope
from geo.trust import accounts, credentials, grants
from geo.trust.credentials import Caller
from geo.trust.grants import Grant
from tests.world import BLOCKS, EDITION, VILLAGES

UPPER, LOWER = ("village", VILLAGES[0]), ("village", VILLAGES[1])


async def caller(db: Database, account: int) -> Caller:
    """Who holds a new token of the account."""
    async with db.worker.begin() as connection:
        secret = await credentials.issue(connection, account, "token", "t", None)
    async with db.internal.begin() as connection:
        found = await credentials.authenticate(connection, secret)
    assert found is not None
    return found


async def seen(db: Database, account: int) -> dict[str, Ranges]:
    return dict((await caller(db, account)).scopes)


async def admin(db: Database, *areas: tuple[str, str], name: str = "ketua") -> Scope:
    """An administrator of these areas, in that role alone, as routes ask for it."""
    async with db.worker.begin() as connection:
        made = await accounts.create(connection, name)
        for area in areas:
            await grants.give(connection, made, Grant("admin", area), OPERATOR)
    acting = (await caller(db, made)).only(("admin",))
    assert acting is not None
    return acting.scope


async def somebody(db: AsyncConnection, name: str, *given: Grant) -> int:
    made = await accounts.create(db, name)
    for grant in given:
        await grants.give(db, made, grant, OPERATOR)
    return made


# ── who may give what ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "grant",
    [
        Grant("admin", UPPER),
        Grant("coordinator", UPPER),
        Grant("enumerator", ("block", BLOCKS[2].code)),
    ],
)
async def test_an_administrator_gives_within_its_areas(db: Database, grant: Grant) -> None:
    by = await admin(db, UPPER)
    async with db.worker.begin() as connection:
        made = await accounts.create(connection, "sari", grant, by=by)
        (held,) = await grants.of_accounts(connection, [made])
    assert held["granted_by"] == "ketua"


@pytest.mark.parametrize(
    "grant",
    [
        Grant("enumerator", ("block", BLOCKS[3].code)),
        Grant("supervisor", LOWER),
        Grant("supervisor", ("district", "6472030")),
        Grant("admin", ("province", "64")),
        Grant("coordinator"),
        Grant("admin"),
        Grant("enumerator", assigned=True),  # an import may assign blocks anywhere
    ],
)
async def test_an_administrator_gives_nothing_beyond_its_areas(db: Database, grant: Grant) -> None:
    by = await admin(db, UPPER)
    async with db.worker.begin() as connection:
        with pytest.raises(Refused) as refused:
            await accounts.create(connection, "sari", grant, by=by)
        assert refused.value.code == "not-yours"
        with pytest.raises(Refused):
            await grants.give(connection, by.actor, grant, by)  # nor to itself


async def test_two_areas_of_an_administrator_do_not_make_the_one_above(db: Database) -> None:
    by = await admin(db, UPPER, LOWER)
    async with db.worker.begin() as connection:
        made = await accounts.create(connection, "sari")
        await grants.give(connection, made, Grant("supervisor", LOWER), by)
        with pytest.raises(Refused):
            await grants.give(connection, made, Grant("supervisor", ("district", "6472030")), by)


async def test_only_the_role_of_an_administrator_counts(db: Database) -> None:
    """A coordinator of the district who is administrator of one village gives in that village alone."""
    by = await admin(db, UPPER)
    async with db.worker.begin() as connection:
        await grants.give(connection, by.actor, Grant("coordinator", ("district", "6472030")), OPERATOR)
    whole = await caller(db, by.actor)
    assert whole.scope.ranges == ((3, 11),)
    acting = whole.only(("admin",))
    assert acting is not None
    assert acting.scope.ranges == ((4, 7),)
    async with db.worker.begin() as connection:
        made = await accounts.create(connection, "sari")
        with pytest.raises(Refused):
            await grants.give(connection, made, Grant("supervisor", LOWER), acting.scope)


@pytest.mark.parametrize(
    "wider",
    [Grant("coordinator", ("district", "6472030")), Grant("enumerator", ("block", BLOCKS[4].code)), Grant("admin")],
)
async def test_nobody_takes_over_an_account_that_sees_more(db: Database, wider: Grant) -> None:
    by = await admin(db, UPPER)
    until = datetime.now(UTC) + timedelta(days=1)
    async with db.worker.begin() as connection:
        made = await somebody(connection, "sari", Grant("enumerator", ("block", BLOCKS[0].code)), wider)
        secret = await credentials.give_token(connection, made, "t", until, OPERATOR)
        (kept,) = await credentials.tokens(connection, made)
        for attempt in (
            lambda: accounts.set_password(connection, made, "simulasi-22-x", by),
            lambda: accounts.disable(connection, made, by),
            lambda: credentials.give_token(connection, made, "mine", until, by),
            lambda: credentials.revoke(connection, kept["credential_id"], by),
        ):
            with pytest.raises(Refused) as refused:
                await attempt()
            assert refused.value.code == "not-yours"
    async with db.internal.begin() as connection:
        assert await credentials.authenticate(connection, secret) is not None


async def test_an_administrator_helps_its_own_people(db: Database) -> None:
    by = await admin(db, UPPER)
    async with db.worker.begin() as connection:
        made = await somebody(connection, "sari", Grant("supervisor", UPPER))
        await accounts.set_password(connection, made, "simulasi-22-x", by)
        assert await accounts.is_password(connection, made, "simulasi-22-x")
        secret = await credentials.give_token(connection, made, "t", datetime.now(UTC) + timedelta(days=1), by)
        await accounts.disable(connection, made, by)
    async with db.internal.begin() as connection:
        found = await credentials.authenticate(connection, secret)
    assert found is None


@pytest.mark.parametrize("role", ["supervisor", "coordinator", "enumerator"])
async def test_no_other_role_sets_a_password(db: Database, role: str) -> None:
    by = Scope(999, "x", role, ((0, LAST),))
    async with db.worker.begin() as connection:
        made = await somebody(connection, "sari", Grant("enumerator", ("block", BLOCKS[0].code)))
        with pytest.raises(Refused):
            await accounts.set_password(connection, made, "simulasi-22-x", by)
        own = Scope(made, "sari", "enumerator", ())
        await accounts.set_password(connection, made, "simulasi-22-y", own)  # its own, everybody


async def test_who_ends_a_grant(db: Database) -> None:
    by = await admin(db, UPPER)
    async with db.worker.begin() as connection:
        made = await somebody(connection, "sari")
        own = await grants.give(connection, made, Grant("supervisor", UPPER), OPERATOR)
        other = await grants.give(connection, made, Grant("supervisor", LOWER), OPERATOR)
        assigned = await grants.give(connection, made, Grant("supervisor", assigned=True), OPERATOR)
        (mine,) = await grants.of_accounts(connection, [by.actor])
        for which, code in ((other, "not-yours"), (assigned, "not-yours"), (mine["granted_id"], "own-account")):
            with pytest.raises(Refused) as refused:
                await grants.end(connection, which, by)
            assert refused.value.code == code
        await grants.end(connection, own, by)
        for gone in (own, 123_456):
            with pytest.raises(NotFound):
                await grants.end(connection, gone, by)
        left = await grants.of_accounts(connection, [made])
        past = await grants.of_accounts(connection, [made], ended=True)
        with pytest.raises(Refused):
            await accounts.disable(connection, by.actor, by)
    assert [row["granted_id"] for row in left] == [other, assigned]
    assert [row["granted_id"] for row in past if row["ended_at"]] == [own]  # who could see what stays known


# ── what cannot be ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "grant",
    [
        Grant("chief"),
        Grant("coordinator", assigned=True),
        Grant("enumerator", UPPER, assigned=True),
        Grant("enumerator", UPPER, expires_at=datetime.now(UTC)),
        Grant("enumerator", UPPER, expires_at=datetime(2100, 1, 1)),  # noqa: DTZ001  # without an offset
        Grant("enumerator", UPPER, purpose="two\nlines"),
        Grant("enumerator", UPPER, agreement=" "),
        Grant("enumerator", UPPER, purpose="x" * 201),
    ],
)
async def test_grants_that_cannot_be(db: Database, grant: Grant) -> None:
    async with db.worker.begin() as connection:
        made = await accounts.create(connection, "sari")
        with pytest.raises(BadInput) as wrong:
            await grants.give(connection, made, grant, OPERATOR)
        assert wrong.value.code == "bad-grant"


async def test_an_area_that_the_edition_lacks(db: Database) -> None:
    async with db.worker.begin() as connection:
        made = await accounts.create(connection, "sari")
        for area in (("village", "9"), ("district", VILLAGES[0]), ("block", "6472030001")):
            with pytest.raises(NotFound):
                await grants.give(connection, made, Grant("supervisor", area), OPERATOR)


async def test_a_local_government_needs_purpose_agreement_and_end(db: Database) -> None:
    until = datetime.now(UTC) + timedelta(days=30)
    whole = {"purpose": "bantuan", "agreement": "PKS/1", "expires_at": until}
    async with db.worker.begin() as connection:
        made = await accounts.create(connection, "pemkot")
        for missing in whole:
            part = Grant("local_government", ("regency", "6472"), **{n: v for n, v in whole.items() if n != missing})
            with pytest.raises(BadInput):
                await grants.give(connection, made, part, OPERATOR)
        await grants.give(connection, made, Grant("local_government", ("regency", "6472"), **whole), OPERATOR)
    assert await seen(db, made) == {"local_government": ()}  # its areas' releases, and no number


# ── what a grant opens ────────────────────────────────────────────────────────────────────────────────────────────


async def test_roles_see_each_their_own(db: Database) -> None:
    async with db.worker.begin() as connection:
        made = await somebody(
            connection, "sari", Grant("supervisor", UPPER), Grant("enumerator", ("block", BLOCKS[4].code)),
            Grant("enumerator", ("block", BLOCKS[5].code)),
        )  # fmt: skip
        seen_now = await credentials.seen_by(connection, made, "sari")
    assert await seen(db, made) == {"supervisor": ((4, 7),), "enumerator": ((10, 11),)}
    assert (seen_now.ranges, seen_now.role) == (((4, 7), (10, 11)), "supervisor")


@pytest.mark.parametrize("how", ["ended", "expired"])
async def test_what_has_ended_opens_nothing(db: Database, how: str) -> None:
    async with db.worker.begin() as connection:
        made = await somebody(connection, "sari", Grant("admin", UPPER), Grant("enumerator", LOWER))
        wide = (await grants.of_accounts(connection, [made]))[0]["granted_id"]
    assert set(await seen(db, made)) == {"admin", "enumerator"}
    async with db.worker.begin() as connection:
        if how == "ended":
            await grants.end(connection, wide, OPERATOR)
        else:
            past = "UPDATE trust.granted SET expires_at = now() - interval '1 second' WHERE granted_id = :id"
            await connection.execute(text(past), {"id": wide})
    assert await seen(db, made) == {"enumerator": ((8, 11),)}
    by = (await caller(db, made)).only(("admin",))
    assert by is None
    async with db.worker.begin() as connection:
        assert {row["name"] for row in await grants.holders(connection, 5, 5)} == set()
        with pytest.raises(NotFound):
            await grants.end(connection, wide, OPERATOR)


async def assign(db: Database, folder: Path, *rows: tuple[int, str, str]) -> None:
    """Import who works in which block: position in BLOCKS, enumerator, supervisor."""
    text_ = io.StringIO()
    writer = csv.writer(text_)
    writer.writerow(["idsubsls", "ppl", "pml"])
    writer.writerows([BLOCKS[at].code, ppl, pml] for at, ppl, pml in rows)
    (folder / "staff.csv").write_text(text_.getvalue())
    async with db.worker.begin() as connection:
        await assignments.store(connection, EDITION, read_table(folder / "staff.csv"), starts_on=date(2022, 10, 15))


async def test_assigned_grants_follow_the_assignments(db: Database, tmp_path: Path) -> None:
    async with db.worker.begin() as connection:
        made = {
            name: await somebody(connection, name, Grant(role, assigned=True))
            for name, role in (("ani", "enumerator"), ("adi", "enumerator"), ("budi", "supervisor"))
        }
        await grants.give(connection, made["budi"], Grant("enumerator", assigned=True), OPERATOR)

    async def now() -> dict[str, Ranges]:
        return {name: (await caller(db, number)).scope.ranges for name, number in made.items()}

    assert await now() == {"ani": (), "adi": (), "budi": ()}
    await assign(db, tmp_path, (0, "ani", "budi"), (1, "ani", "budi"), (4, "adi", "other"))
    assert await now() == {"ani": ((5, 6),), "adi": ((10, 10),), "budi": ((5, 6),)}
    await assign(db, tmp_path, (1, "adi", "budi"), (3, "budi", "other"))  # says nothing of the other blocks
    assert await now() == {"ani": ((5, 5),), "adi": ((6, 6), (10, 10)), "budi": ((5, 6), (9, 9))}
    assert await seen(db, made["budi"]) == {"supervisor": ((5, 6),), "enumerator": ((9, 9),)}
    async with db.worker.begin() as connection:
        held = {row["name"] for row in await grants.holders(connection, 6, 6)}
    assert held == {"adi", "budi"}


async def test_who_may_see_an_area(db: Database) -> None:
    until = datetime.now(UTC) + timedelta(days=30)
    async with db.worker.begin() as connection:
        await somebody(connection, "sari", Grant("enumerator", ("block", BLOCKS[0].code)))
        await somebody(connection, "camat", Grant("coordinator", ("district", "6472030")))
        await somebody(connection, "ketua", Grant("admin"))
        await somebody(connection, "lain", Grant("supervisor", LOWER))
        await somebody(
            connection, "pemkot",
            Grant("local_government", ("regency", "6472"), expires_at=until, purpose="bantuan", agreement="PKS/1"),
        )  # fmt: skip
        gone = await somebody(connection, "keluar", Grant("admin"))
        await accounts.disable(connection, gone, OPERATOR)
        found = [(row["name"], row["whole"], row["numbers"]) for row in await grants.holders(connection, 4, 7)]
    assert found == [("ketua", True, 4), ("camat", True, 4), ("sari", False, 1), ("pemkot", True, 4)]
