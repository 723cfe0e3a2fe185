"""The whole way: a small city laid, its month played by phones to a real service, every household accounted for."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import text

from app.database import Database, Logins
from app.demo import files, play, publishing, reconcile, stage, welfare_files
from app.demo.city import City, build
from app.demo.clock import Clock
from app.demo.fieldwork import Fieldwork
from app.demo.hours import DAY, START, ZONE
from app.demo.month import plan
from app.demo.phones import Phones
from app.demo.publishing import Press
from app.demo.rates import Rates
from app.demo.run import AFTER
from app.demo.sites import draw_sites
from app.demo.welfare import Welfare, draw
from app.demo.wire import Server
from app.settings import Settings
from geo.ground import campaign
from geo.ground.areas import load_ground, load_tree
from geo.ground.campaign import load
from geo.intake.recount import recount
from geo.publish import making, published, site_changes, sites
from geo.publish.published import Question
from geo.scope import OPERATOR
from geo.trust import accounts, credentials
from tests.conftest import PASSWORD, serving

#: Campaign days in a second.
SPEED = 3.0
#: In the middle of a working day.
HALF = START + 12.62 * DAY


@dataclass(frozen=True)
class Show:
    """A small city whose month was played to its end with an interruption on day 13, and published from there on."""

    city: City
    welfare: Welfare
    fieldwork: Fieldwork
    press: Press
    said: list[str]
    url: str
    halfway: reconcile.Settled
    lost: int
    resumed_at: float
    end: reconcile.Settled
    told: play.Told
    tokens: dict[str, str]

    @property
    def logins(self) -> Logins:
        return self.press.logins


@pytest.fixture(scope="module")
def show(settings: Settings, empty_database: Logins, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    city = build(22, "small")
    welfare = draw(city)
    fieldwork = plan(city, Rates(), status=welfare.status)
    folder, office = tmp_path_factory.mktemp("phones"), tmp_path_factory.mktemp("office")
    press, said = Press(empty_database, office / "published.json", office), list[str]()
    tokens = asyncio.run(lay(empty_database, city, fieldwork))
    with serving(settings, empty_database) as url:
        halfway = asyncio.run(perform(press, said, city, fieldwork, folder, url, tokens, HALF))
        lost = sum(forget(phone) for phone in folder.glob("*.queue"))
        end = asyncio.run(perform(press, said, city, fieldwork, folder, url, tokens))
        yield Show(city, welfare, fieldwork, press, said, url, halfway[0], lost, end[1], end[0], end[2], tokens)


def forget(phone: Path) -> int:
    """Take from a phone what it recorded in the last hours, as if it had been killed before; how much that was."""
    with contextlib.closing(sqlite3.connect(phone)) as file, file:
        late = datetime.fromtimestamp(HALF - DAY / 2, ZONE).isoformat()
        done = file.execute("DELETE FROM waiting WHERE json_extract(body, '$.captured_at') > ?", [late])
        file.execute("DELETE FROM flight")
        return done.rowcount


async def lay(logins: Logins, city: City, fieldwork: Fieldwork) -> dict[str, str]:
    db = Database(logins, 1)
    async with db.worker.begin() as connection:
        await stage.lay(connection, city, fieldwork)
        tokens = await stage.employ(connection, city, fieldwork, PASSWORD)
    await db.close()
    return tokens


async def perform(
    press: Press,
    said: list[str],
    city: City,
    fieldwork: Fieldwork,
    folder: Path,
    url: str,
    tokens: dict[str, str],
    until: float = np.inf,
) -> tuple[reconcile.Settled, float, play.Told]:
    """Play on to the end, or stop as Ctrl-C does when the clock shows `until`; account for every household."""
    db, ended, heard = Database(press.logins, 2), threading.Event(), list[play.Told]()
    phones = Phones(folder, Server.at(url), tokens, Rates().ordinary, fieldwork.seed)

    def tell(told: play.Told) -> None:
        heard.append(told)
        if told.at >= until:
            ended.set()

    async with db.worker.begin() as connection:
        begun = await campaign.load(connection)
    assert begun.clock is not None
    begin = begun.clock.timestamp()
    releases = asyncio.create_task(following(press, said, ended, heard)) if np.isinf(until) else None
    done = await play.play(city, fieldwork, phones, Clock(db, SPEED * DAY), begin, tell, ended)
    assert done == np.isinf(until)
    assert releases is None or await releases, said
    phones.close()
    async with db.worker.begin() as connection:
        shown = (await campaign.load(connection)).now().timestamp()
    missing = reconcile.waiting(city, fieldwork, phones) | not_yet(fieldwork, heard[-1].at)
    async with db.worker.connect() as connection:
        assert (await recount(connection)).sound
        settled = await reconcile.reconcile(connection, city, fieldwork, missing)
    await db.close()
    assert shown >= heard[-1].at
    return settled, begin, heard[-1]


async def following(press: Press, said: list[str], ended: threading.Event, heard: list[play.Told]) -> bool:
    """Publish what comes due; only after the interruption, so that it stops where it should on a slow machine, too."""
    return await publishing.follow(press, lambda: heard[-1].at if heard else 0.0, ended, said.append)


def not_yet(fieldwork: Fieldwork, at: float) -> NDArray[np.bool_]:
    """Visits after the moment at which a month was stopped."""
    later: NDArray[np.bool_] = fieldwork.visits.captured_at > at
    return later if at < play.END - play.QUIET else np.zeros_like(later)


def test_every_household_is_accounted_for_halfway(show: Show) -> None:
    assert show.halfway.differences == []
    assert 0 < show.halfway.counts["counted"] < show.end.counts["counted"]


def test_it_goes_on_where_it_stopped(show: Show) -> None:
    assert show.lost > 0, "what a kill may lose is recorded again, as the end will show"
    assert HALF <= show.resumed_at < play.END, "neither from the beginning nor when all was over"


def test_every_household_is_accounted_for_at_the_end(show: Show) -> None:
    assert show.end.differences == []
    assert sum(show.end.counts.values()) == len(show.fieldwork.household_id)
    assert show.end.counts["counted"] > 600
    assert show.end.counts["quarantined"] > 0
    assert show.end.counts["unsent"] == 0, "nobody in so small a city keeps the last days on the phone"


def test_the_line_was_patchy_and_repeats_were_recognised(show: Show) -> None:
    assert show.told.lost > 0
    assert show.told.received >= show.told.recorded > 0


async def test_the_clock_stands_at_the_deadline(show: Show) -> None:
    db = Database(show.logins, 1)
    async with db.worker.begin() as connection:
        found = await campaign.load(connection)
        newest = (await connection.execute(text("SELECT max(as_of) FROM intake.epoch"))).scalar_one()
        first = (await connection.execute(text("SELECT min(received_at) FROM intake.submission"))).scalar_one()
    await db.close()
    assert (found.elapsed(), found.clock_speed) == (31, 0.0)
    assert found.now() == datetime.fromtimestamp(play.END, ZONE)
    assert datetime.fromtimestamp(START, ZONE) < first < datetime.fromtimestamp(START + 4 * DAY, ZONE)
    assert datetime.fromtimestamp(START + 25 * DAY, ZONE) < newest <= datetime.fromtimestamp(play.END, ZONE)


async def test_every_phone_was_heard(show: Show) -> None:
    db = Database(show.logins, 1)
    async with db.worker.begin() as connection:
        heard = (await connection.execute(text("SELECT device, queued FROM intake.heartbeat ORDER BY 1"))).all()
    await db.close()
    assert [row.device for row in heard] == sorted(show.tokens)


TAMPERINGS: dict[str, str] = {
    "a household that is gone": "DELETE FROM intake.household WHERE household_id = :of",
    "another revision": "UPDATE intake.household SET revision = revision + 1 WHERE household_id = :of",
    "another result": "UPDATE intake.household SET result = 'refused' WHERE household_id = :of",
    "another block": "UPDATE intake.household SET number = number + 1 WHERE household_id = :of",
    "one that never was": "UPDATE intake.household SET household_id = 'SIM-nobody' WHERE household_id = :of",
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_what_differs_is_seen(show: Show, tampering: str) -> None:
    db = Database(show.logins, 1)
    async with db.worker.connect() as connection:
        of = (await connection.execute(text("SELECT min(household_id) FROM intake.household"))).scalar_one()
        await connection.execute(text(TAMPERINGS[tampering]), {"of": of})
        nothing = np.zeros(len(show.fieldwork.visits), dtype=bool)
        found = await reconcile.reconcile(connection, show.city, show.fieldwork, nothing)
        await connection.rollback()
    await db.close()
    assert found.differences
    assert any(of in line for line in found.differences)


async def test_everybody_sees_what_is_theirs(show: Show) -> None:
    db = Database(show.logins, 1)
    async with db.worker.begin() as connection:
        tree = await load_tree(connection, await load(connection))
        for person in stage.logins(show.city, show.fieldwork):
            made = (await accounts.find(connection, person.name)).account_id
            secret = await credentials.issue(connection, made, "token", "test", None)
            caller = await credentials.authenticate(connection, secret)
            assert caller is not None
            assert caller.role == person.grant.role
            seen = {n for lo, hi in caller.scope.ranges for n in range(lo, min(hi, len(tree) - 1) + 1)}
            if person.grant.assigned:
                assert {tree.code[n] for n in seen} == set(person.codes)
            elif person.grant.role == "coordinator":
                assert {tree.number_of(code, None) for code in person.codes} < seen
            else:
                assert seen == (set() if person.grant.role == "local_government" else set(range(len(tree))))
    await db.close()


async def test_what_is_published_meanwhile_and_after_the_consultation(show: Show) -> None:
    """Each release once its day has come; then the final table, of everybody counted, as the truth file says."""
    ids = files.ids_of_families(show.city, show.fieldwork)
    welfare_files.write(show.press.files, show.city, show.welfare, draw_sites(show.city, show.welfare), ids)
    truth = {row["code"]: row for row in welfare_files.by_block(show.city, show.fieldwork, show.welfare, ids)}
    db = Database(show.logins, 2)
    async with db.worker.begin() as connection:
        made = await making.sealed(connection)
    assert made, show.said
    assert made[-1].release == len(stage.FIELD_DAYS)
    assert [line for line in show.said if "no release" in line] == []
    for one in made:
        assert one.kind == "field"
        assert one.due == stage.day(stage.FIELD_DAYS[one.release - 1]) <= one.as_of.astimezone(ZONE).date()
    nobody, end = threading.Event(), datetime.fromtimestamp(play.END, ZONE)
    await Clock(db, 0).stop(AFTER)
    try:
        for again in (False, True):  # a start after a kill does it once more
            said = list[str]()
            assert await publishing.conclude(show.press, nobody, said.append), said
            assert any("the final table, is out" in line for line in said) is not again, said
            assert sum("held back" in line for line in said) == len(publishing.OFFICE)
        async with db.worker.connect() as connection:
            assert (await recount(connection)).sound
            nothing = np.zeros(len(show.fieldwork.visits), dtype=bool)
            found = await reconcile.reconcile(connection, show.city, show.fieldwork, nothing)
            assert found.differences == []
            reader = await accounts.find(connection, "pemda")
        async with db.as_reader(reader.account_id) as connection:
            sealed = await published.find(connection, len(stage.FIELD_DAYS) + 1)
            page = await published.areas(connection, sealed, Question("block"))
        assert sealed.about["kind"] == "final"
        assert {row["code"]: row["households"] for row in page.rows} == {c: b["households"] for c, b in truth.items()}
        assert all(abs(row["poor"] - truth[row["code"]]["poor_final"]) < 8 * 3 for row in page.rows), "σ is 3"
        assert sum(block["poor_final"] for block in truth.values()) > 50
    finally:
        async with db.worker.begin() as connection:
            await campaign.set_clock(connection, end)
        await db.close()


async def test_the_sites_come_in_once_before_anything_is_published(show: Show) -> None:
    """A list of the office with its mistakes; whoever puts it right is not overruled by the next start."""
    ids, drawn = files.ids_of_families(show.city, show.fieldwork), draw_sites(show.city, show.welfare)
    welfare_files.write(show.press.files, show.city, show.welfare, drawn, ids)
    said, db = list[str](), Database(show.logins, 1)
    assert await publishing.furnish(show.press, said.append)
    wrong = sum(site.why == "outside" for site in drawn)
    twice = {site.site_id for site in drawn if site.planted == "duplicate"}
    assert [f"{len(drawn) - wrong} sites are in the list" in line and f"{wrong} refused" in line for line in said] == [
        True
    ]
    async with db.worker.begin() as connection:
        found = await sites.current(connection)
        ground = await load_ground(connection)
        await site_changes.close(connection, OPERATOR, ground, min(twice), None)
    assert {one.site_id for one in found.rows} == {site.site_id for site in drawn if site.why != "outside"}
    assert await publishing.furnish(show.press, said.append)
    assert len(said) == 1
    async with db.worker.begin() as connection:
        after = await sites.current(connection)
    await db.close()
    assert after.version == 2
    assert not {min(twice)} & after.by_id.keys()


def test_a_task_that_fails_is_told(tmp_path: Path) -> None:
    phones = Phones(tmp_path, Server("127.0.0.1", 9), {"ppl-0001": "x"}, Rates().ordinary, 1)
    raising: Callable[[], list[dict[str, object]]] = lambda: [{"submission_id": "no uuid"}]  # noqa: E731  # a name for what `record` calls
    phones.record("ppl-0001", raising)
    phones.close()
    with pytest.raises(ValueError, match="UUID"):
        assert phones.backlog
