"""Releases of the same city made over and over, each with a key of its own, and read through the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from app.database import Logins
from app.settings import Settings
from geo.publish import cost, noise
from tests.conftest import closed, database_on, logins_of, serving
from tests.disclosure import doors, making
from tests.disclosure.attacks.knowledge import Guess, likely, measured
from tests.disclosure.bytes import elsewhere
from tests.disclosure.city import FIELD
from tests.disclosure.doors import FIRST, LEAF, Door, Figures
from tests.disclosure.naive import above, parent
from tests.disclosure.stage import OURS, Office, Peopled, Truth, leaves_of

ROUNDS = 4

#: Says when the token was used last.
APART = {"/v1/tokens", "/v1/me"}

#: Those that answer by the figures of a release.
OF_THE_RELEASE = ("/v1/releases/1/areas", "/v1/releases/1/placements")


@pytest.fixture
def copy(cluster: str, before: Peopled, passwords: dict[str, str]) -> Iterator[Logins]:
    """A copy of the city before its first release."""
    with database_on(cluster, f"{before.template}_copy", before.template) as owner:
        yield logins_of(owner, passwords)


@contextmanager
def outside(settings: Settings, logins: Logins, of: Peopled) -> Iterator[Door]:
    with serving(settings, logins) as url, doors.clients(url, of.tokens) as clients:
        yield Door(OURS, "", clients)


def truth(of: Peopled) -> Truth:
    """Who enters the first release."""
    found = Truth()
    found.count(of.city, 1)
    found.enter(1)
    return found


def game(
    settings: Settings, cluster: str, of: Peopled, passwords: dict[str, str], folder: Path, rounds: int
) -> list[Guess]:
    """The game end to end: each victim of each round is judged by both of its leaves, everybody else known."""
    known = truth(of).entered[1]
    found: list[Guess] = []
    for n in range(rounds):
        with database_on(cluster, f"{of.template}_{n}", of.template) as owner:
            logins = logins_of(owner, passwords)
            assert making.make(logins, folder / f"{n}.json") == 1
            with outside(settings, logins, of) as door:
                leaves = door.leaves(1)
        for victim in of.city.victims("wave 1"):
            left = [leaves[leaf]["poor"] - sum(poor for f, poor in known[leaf] if f is not victim)
                    for leaf in leaves_of(victim)]  # fmt: skip
            found.append((victim.poor, likely(left)))
    return found


def test_what_is_gained_end_to_end(
    settings: Settings, cluster: str, before: Peopled, passwords: dict[str, str], tmp_path: Path
) -> None:
    found = measured(game(settings, cluster, before, passwords, tmp_path, ROUNDS), 4.9)
    assert found.trials == len(before.city.blocks) * ROUNDS
    assert found.low <= cost.advantage(1) <= found.high, found


def test_two_worlds_differ_in_the_victims_leaves_and_in_the_sums_above(
    settings: Settings,
    cluster: str,
    before: Peopled,
    passwords: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the same key for both, which never happens: whatever else moved would be a leak beside the noise."""
    monkeypatch.setattr(noise, "new_key", lambda: bytes(range(noise.KEY_BYTES)))
    victim = before.city.victims("wave 1")[20]
    worlds: list[tuple[Figures, dict[str, tuple[int, bytes]]]] = []
    for poor in (2, 3):
        with database_on(cluster, f"{before.template}_{poor}", before.template) as owner:
            logins = logins_of(owner, passwords)
            engine = create_engine(owner)
            with engine.begin() as db:
                for table in ("household", "submission"):
                    update = f"UPDATE intake.{table} SET welfare = {poor} WHERE household_id = '{victim.name}'"
                    assert db.execute(text(update)).rowcount == 1
            engine.dispose()
            making.make(logins, tmp_path / f"{poor}.json")
            with outside(settings, logins, before) as door:
                url = str(door.clients[FIRST].base_url).rstrip("/").encode()
                said = {address: door.get(address, FIRST) for address in elsewhere() if address not in APART}
                bodies = {at: (one.status_code, one.content.replace(url, b"")) for at, one in said.items()}
                worlds.append((door.leaves(1) | door.above(1), bodies))
    (first, first_said), (second, second_said) = worlds
    block, (_, cell) = leaves_of(victim)
    own = {block, ("8", cell)} | {(level, above(level)(block[1])) for level in doors.LEVELS}
    own |= {(resolution, parent(cell, int(resolution))) for resolution in doors.RESOLUTIONS}
    differ = {leaf for leaf, row in first.items() if row != second[leaf]}
    assert differ <= own
    for leaf in differ:
        changed = {name for name, told in first[leaf].items() if told != second[leaf][name]}
        assert changed <= {"poor", "poor_shown", "share_band"}
    differ_too = [address for address, told in first_said.items() if told != second_said[address]]
    assert [address for address in differ_too if not address.startswith(OF_THE_RELEASE)] == []


def test_what_is_frozen_cannot_be_changed(settings: Settings, copy: Logins, before: Peopled, tmp_path: Path) -> None:
    """Somebody who may write to the database puts the victim right before the release is sealed: there is none."""
    making.freeze(copy, tmp_path / "publisher.json")
    engine = create_engine(copy.owner)
    with engine.begin() as db:
        victim = before.city.victims("wave 1")[0].name
        db.execute(text(f"UPDATE welfare.frozen SET poor = NOT poor WHERE household_id = '{victim}'"))
    engine.dispose()
    assert making.refused(copy, tmp_path / "publisher.json") == "input-changed"
    with outside(settings, copy, before) as door:
        assert door.get("/v1/releases").json()["releases"] == []
        assert door.areas(1, LEAF, FIRST) == []


def test_a_copy_never_publishes(cluster: str, copy: Logins, passwords: dict[str, str], tmp_path: Path) -> None:
    """Else it would draw a second time for the same families, and the mean of both says more than each."""
    mine, theirs = tmp_path / "mine.json", tmp_path / "theirs.json"
    making.freeze(copy, mine)
    name = copy.owner.rpartition("/")[2].partition("?")[0]
    closed(cluster, name)
    with database_on(cluster, f"{name}_of_it", name) as owner:
        again = logins_of(owner, passwords)
        assert making.refused(again, mine) == "not-the-publisher"
        theirs.write_bytes(mine.read_bytes())
        assert making.refused(again, theirs) == "not-the-publisher"
        assert making.refused(again, tmp_path / "none.json") == "not-the-publisher"


def test_before_its_day_no_release_is_made(settings: Settings, copy: Logins, before: Peopled, tmp_path: Path) -> None:
    publisher = tmp_path / "publisher.json"
    office = Office("", copy, "")
    office.clock(FIELD[0] - timedelta(days=1))
    assert making.refused(copy, publisher) == "not-due"
    office.clock(FIELD[0])
    assert making.make(copy, publisher) == 1
    assert making.refused(copy, publisher) == "not-due"
    with outside(settings, copy, before) as door:
        assert [release["release"] for release in door.get("/v1/releases").json()["releases"]] == [1]
