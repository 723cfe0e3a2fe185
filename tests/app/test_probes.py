"""Thousands of random probes find nothing that is foreign; and each safeguard taken away is found by them at once."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from uuid import uuid4

import pytest
from fastapi import FastAPI

from app.database import Database, Logins
from app.main import create_app
from app.settings import Settings
from geo.scope import LAST, Scope
from geo.trust.credentials import Caller
from geo.watch.live import Snapshot
from tests.app.asking import living
from tests.app.matrix import GUARDED, PUBLISHED
from tests.app.probes import PROBES, Prober
from tests.app.realm import Realm, build
from tests.conftest import database_on, logins_of

#: Probes of each run; ten thousand in the slow tier.
PROBED, ALL, AT_ONCE = 3_000, 10_000, 8

#: Probes within which a missing safeguard must be found.
SOON = 1_500


@pytest.fixture(scope="module")
def bare(cluster: str, migrated: str, passwords: dict[str, str]) -> Iterator[Logins]:
    """A migrated database with nothing in it."""
    with database_on(cluster, f"t_{uuid4().hex[:12]}", migrated) as owner:
        yield logins_of(owner, passwords)


@pytest.fixture(scope="module")
async def realm(bare: Logins) -> Realm:
    """The world that is probed."""
    db = Database(bare, 1)
    made = await build(db)
    await db.close()
    return made


@pytest.fixture(scope="module")
async def app(bare: Logins, realm: Realm, settings: Settings) -> AsyncIterator[FastAPI]:
    """The service over it, without a line between; everything sent is counted."""
    freely = settings.model_copy(update={"requests_per_minute": 0, "failures_per_minute": 0, "fold_seconds": 2.0})
    made = create_app(freely, bare, may_lose=True)
    async with living(made):
        limit = time.monotonic() + 20
        while int(made.state.house.current.counts[:, 0].sum()) < sum(realm.completed.values()):
            assert time.monotonic() < limit, "it was not counted"
            await made.state.house.newer(made.state.house.current, 0.2)
        yield made


@pytest.fixture(scope="module")
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run, said at the start; `CAKUPAN_SEED` gives one that was said before."""
    found = int(os.environ.get("CAKUPAN_SEED") or random.SystemRandom().randrange(10**6))
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\nprobes: CAKUPAN_SEED={found}")  # noqa: T201 -- replays this run
    return found


def test_every_reading_route_is_probed() -> None:
    probed = {route for routes in PROBES for route in routes}
    reading = {route for route in (*GUARDED, *PUBLISHED) if route.startswith("GET ")}
    assert probed == reading | {"POST /v1/quarantine/{row_id}/resolve"}


@pytest.mark.parametrize("many", [PROBED, pytest.param(ALL, marks=pytest.mark.slow)])
async def test_probes_find_nothing_foreign(app: FastAPI, realm: Realm, seed: int, many: int) -> None:
    probers = [Prober(app, realm, seed + at) for at in range(AT_ONCE)]  # callers meet in caches and on connections
    found = await asyncio.gather(*(prober.go(many // AT_ONCE) for prober in probers))
    assert [wrong for each in found for wrong in each] == []
    statuses = Counter[tuple[str, int]]()
    for prober in probers:
        statuses.update(prober.statuses)
    assert statuses.total() == many
    answered = {name for (name, status) in statuses if status == 200}
    assert answered >= {
        "coverage",
        "gaps",
        "enumerators",
        "cells",
        "areas",
        "households",
        "quarantine",
        "submissions",
        "stream",
        "tiles",
        "releases",
    }


# ── each safeguard is needed ──────────────────────────────────────────────────────────────────────────────────────


def _all_seen(self: Scope, first: object, last: object) -> object:
    return first == first  # noqa: PLR0124 -- an array of truth


def _is_scope(part: object) -> bool:
    return isinstance(part, tuple) and bool(part) and all(isinstance(span, tuple) for span in part)


def _forgetful(remember: Callable[..., object]) -> Callable[..., object]:
    """Caches whose keys leave out for whom they hold."""

    def remembered(self: Snapshot, key: tuple[object, ...], make: object) -> object:
        return remember(self, tuple(part for part in key if not _is_scope(part)), make)

    return remembered


def _as_the_first(self: Database, _actor: int | None, as_reader: Callable[..., object] = Database.as_reader) -> object:
    """Everybody reads as the administrator of all."""
    return as_reader(self, 1)


MISSING: dict[str, tuple[type, str, object]] = {
    "masks of areas": (Scope, "mask", _all_seen),
    "the mask of one area": (Scope, "covers", lambda _self, _number, _last: True),
    "clipping to the scope": (Scope, "clip", lambda _self, number, last: [(max(number, 0), last)]),
    "the scope of a decision": (Scope, "multirange", property(lambda _self: f"{{[0,{LAST}]}}")),
    "row-level security": (Database, "as_actor", Database.for_actor),
    "who reads releases": (
        Database,
        "as_reader",
        lambda self, _actor, as_reader=Database.as_reader: as_reader(self, 1),
    ),
    "scopes in the keys of caches": (Snapshot, "remember", _forgetful(Snapshot.remember)),
    "roles at routes": (Caller, "only", lambda self, _roles: self),
}


@pytest.mark.parametrize("what", MISSING)
async def test_without_a_safeguard_something_is_found(
    app: FastAPI, realm: Realm, seed: int, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    owner, name, instead = MISSING[what]
    memory = app.state.house.current.memory
    memory.clear()
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, instead)
        found = await Prober(app, realm, seed).go(SOON, enough=1)
    memory.clear()
    assert found, f"nobody noticed that {what} was gone"
