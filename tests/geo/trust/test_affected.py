"""Whom a breach concerns: from the reads that the service itself notes, to villages and households."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from geo.ground import prelist
from geo.trust import accounts, audit
from geo.trust.affected import Affected, Question, affected, households
from tests.conftest import Service
from tests.world import BLOCKS, EDITION, VILLAGES, Block, submission

#: A tile is somewhat larger than the world, and cuts through it.
ZOOM = 14
T = TypeVar("T")

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def ask(service: Service, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async def at_once() -> T:
        db = Database(service.logins, 1)
        try:
            async with db.worker.begin() as connection:
                return await work(connection)
        finally:
            await db.close()

    return asyncio.run(at_once())


def of(service: Service, **question: Any) -> Affected:
    return ask(service, lambda db: affected(db, Question(**({"since": LONG_AGO} | question))))


def number(service: Service, name: str) -> int:
    return ask(service, lambda db: accounts.find(db, name)).account_id


def fill(service: Service) -> None:
    """Ten households in each block, three outside of all, and a row held back in each of the last two blocks."""
    rows = [submission(n, BLOCKS[n % 6]) for n in range(60)]
    rows += [submission(f"out{n}", block=None, lon=BLOCKS[0].west - 0.02) for n in range(3)]
    rows += [submission(f"bad{n}", BLOCKS[n], result="?") for n in (4, 5)]
    counts = service.send(*rows).json()["counts"]
    assert counts["stored"] == 63
    assert counts["quarantined"] == 2


def tile(service: Service, who: str, block: Block) -> int:
    """Fetch the tile of single households over the middle of a block; how many bytes came."""
    lon, lat = block.at(0.5, 0.5)
    x = int((lon + 180) / 360 * 2**ZOOM)
    y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**ZOOM)
    with service.client(who) as client:
        answer = client.get(f"/tiles/households/{ZOOM}/{x}/{y}.mvt")
    assert answer.status_code == 200
    return len(answer.content)


def by_village(found: Affected) -> dict[str | None, int]:
    return {row["village"]: row["households"] for row in found.villages}


def test_reads_lead_to_villages_and_households(fresh_service: Service) -> None:
    fill(fresh_service)
    assert of(fresh_service).readers == []
    tile(fresh_service, "supervisor", BLOCKS[1])  # the supervisor of the first village
    with fresh_service.client("coordinator") as client:
        assert len(client.get("/v1/quarantine").json()["quarantine"]) == 2

    found = of(fresh_service)
    readers = {row["account"]: row for row in found.readers}
    assert set(readers) == {"supervisor", "coordinator"}
    assert readers["coordinator"]["act"] == "quarantine.read"
    assert (readers["coordinator"]["reads"], readers["coordinator"]["households"]) == (1, 2)
    assert readers["supervisor"]["act"] == "households.tile"
    assert 0 < readers["supervisor"]["households"] < 30  # of a village of 30 a part lies in the tile
    assert found.edition == EDITION
    assert found.elsewhere == {}

    read = of(fresh_service, account=number(fresh_service, "supervisor"))
    assert read.blocks == [(5, 7)]  # no block outside of what the reader may see
    assert by_village(read) == {VILLAGES[0]: 30}  # all of the blocks, never fewer than were seen
    held = of(fresh_service, account=number(fresh_service, "coordinator"))
    assert held.blocks == [(BLOCKS[4].number, BLOCKS[5].number)]
    assert by_village(held) == {VILLAGES[1]: 22}  # those held back among them, who are nowhere else
    assert by_village(found) == by_village(read) | by_village(held)
    assert found.households == 52


def test_the_households_of_the_blocks_and_no_others(fresh_service: Service) -> None:
    fill(fresh_service)

    async def listed(db: AsyncConnection) -> tuple[Affected, list[tuple[str, str, str | None]]]:
        await audit.read(db, 1, "export", [BLOCKS[0].number, BLOCKS[3].number, 0], 9)
        found = await affected(db, Question(LONG_AGO))
        return found, [row async for row in households(db, found)]

    found, rows = ask(fresh_service, listed)
    expected = {(f"SIM-{n}", BLOCKS[n % 6].code[:10], BLOCKS[n % 6].code) for n in range(60) if n % 6 in {0, 3}}
    expected |= {(f"SIM-out{n}", "", None) for n in range(3)}  # those that count in no block, by themselves
    assert len(rows) == len(set(rows)) == found.households == 23
    assert set(rows) == expected
    assert by_village(found) == {VILLAGES[0]: 10, VILLAGES[1]: 10, None: 3}


def test_families_of_the_prelist_whom_nobody_has_found_are_affected_too(fresh_service: Service) -> None:
    """They were given out; one that counts in a block that was read stands there alone."""
    fill(fresh_service)
    listed = [("SIM-0", BLOCKS[0]), ("SIM-1", BLOCKS[0]), ("SIM-7", BLOCKS[2]), ("F-1", BLOCKS[0]), ("F-5", BLOCKS[5])]
    rows = [{"id": name, "block": block.code} for name, block in listed]
    ask(fresh_service, lambda db: prelist.store(db, EDITION, ["id", "block"], rows))
    with fresh_service.client("enumerator") as client:
        given = client.get("/v1/prelist").json()["prelist"]
    assert [row["household_id"] for row in given] == ["F-1", "SIM-1"]
    found = of(fresh_service)
    assert [(row["act"], row["households"]) for row in found.readers] == [("prelist.list", 2)]
    assert (found.blocks, by_village(found)) == ([(BLOCKS[0].number, BLOCKS[0].number)], {VILLAGES[0]: 12})

    async def every(db: AsyncConnection) -> set[str]:
        return {household async for household, _, _ in households(db, found)}

    assert ask(fresh_service, every) == {f"SIM-{n}" for n in range(0, 60, 6)} | {"SIM-1", "F-1"}


def ids(service: Service, found: Affected) -> dict[str, str | None]:
    """Everybody affected, and the block each is said to be in."""

    async def every(db: AsyncConnection) -> list[tuple[str, str | None]]:
        return [(household, block) async for household, _, block in households(db, found)]

    rows = ask(service, every)
    assert len(rows) == len(dict(rows)) == found.households, "each stands there once"
    return dict(rows)


def test_who_counted_there_when_it_was_read_is_affected_wherever_it_counts_now(fresh_service: Service) -> None:
    fresh_service.send(submission("stays", BLOCKS[0]), submission("moves", BLOCKS[0]), submission("other", BLOCKS[3]))
    with fresh_service.client("enumerator") as client:
        assert len(client.get("/v1/households").json()["households"]) == 2
    fresh_service.send(submission("moves", BLOCKS[4], 2))
    found = of(fresh_service)
    assert found.blocks == [(BLOCKS[0].number, BLOCKS[0].number)]
    assert ids(fresh_service, found) == {"SIM-stays": BLOCKS[0].code, "SIM-moves": BLOCKS[4].code}
    assert by_village(found) == {VILLAGES[0]: 1, VILLAGES[1]: 1}


def test_rows_held_back_are_affected_too_and_named_as_far_as_they_are(fresh_service: Service) -> None:
    bad = [submission("held", BLOCKS[0], result="?"), submission("x", BLOCKS[0]) | {"household_id": "=1+1"}]
    fresh_service.send(submission("held", BLOCKS[0]), *bad)
    with fresh_service.client("enumerator") as client:
        rows = client.get("/v1/quarantine").json()["quarantine"]
    (nameless,) = (f"row {row['id']} held back" for row in rows if row["household_id"] == "=1+1")
    assert ids(fresh_service, of(fresh_service)) == dict.fromkeys(["SIM-held", nameless], BLOCKS[0].code)


def test_the_record_shown_beside_one_in_conflict_was_read_too(fresh_service: Service) -> None:
    fresh_service.send(submission("double", BLOCKS[1]))
    (receipt,) = fresh_service.send(submission("double", BLOCKS[2], result="refused")).json()["results"]
    assert receipt["status"] == "conflict"
    with fresh_service.client("supervisor") as client:
        (row,) = client.get("/v1/quarantine").json()["quarantine"]
    assert (row["code"], row["known"]["block"]) == (BLOCKS[2].code, BLOCKS[1].code)
    assert of(fresh_service).blocks == [(BLOCKS[1].number, BLOCKS[2].number)]


def test_by_credential_and_by_time(fresh_service: Service) -> None:
    fill(fresh_service)
    tile(fresh_service, "supervisor", BLOCKS[0])
    tile(fresh_service, "enumerator", BLOCKS[0])
    (reader,) = of(fresh_service, account=number(fresh_service, "enumerator")).readers
    (credential,) = reader["credentials"]
    only = of(fresh_service, credential=credential)
    assert [row["account"] for row in only.readers] == ["enumerator"]
    assert only.blocks == [(BLOCKS[0].number, BLOCKS[0].number)]
    assert only.households == 10
    assert of(fresh_service, credential=credential + 999).readers == []
    other = number(fresh_service, "supervisor")
    assert of(fresh_service, credential=credential, account=other).readers == []

    now = datetime.now(UTC)
    assert of(fresh_service, since=now + timedelta(minutes=1)).households == 0
    assert of(fresh_service, until=now - timedelta(minutes=5)).households == 0
    at = reader["first_at"]
    assert of(fresh_service, since=at, credential=credential).households == 10  # from since on
    assert of(fresh_service, until=at, credential=credential).households == 0  # up to until, itself left out


def test_reads_of_other_editions_are_said(fresh_service: Service) -> None:
    fill(fresh_service)

    async def read(db: AsyncConnection) -> None:
        await audit.read(db, 1, "households.tile", [5, 7], 3)
        await db.execute(
            text(
                "INSERT INTO trust.audit (actor, act, subject) VALUES (1, 'households.tile', "
                '\'{"edition": "2020_1", "blocks": [[5, 9], [11, 11]], "households": 4}\')'
            )
        )

    ask(fresh_service, read)
    found = of(fresh_service)
    assert found.blocks == [(5, 5), (7, 7)]
    assert found.elsewhere == {"2020_1": 2}


def test_what_reads_no_household_affects_nobody(fresh_service: Service) -> None:
    fill(fresh_service)
    with fresh_service.client("admin") as client:
        for path in ("/v1/coverage", "/v1/gaps", "/v1/cells?res=8", "/v1/quarantine?limit=0"):
            client.get(path)
    assert of(fresh_service).readers == []
    assert of(fresh_service).villages == []
