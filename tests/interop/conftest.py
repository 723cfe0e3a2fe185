"""A service over a town of difficult names, shown to readers that others wrote; and the browser of tests/browser."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from app.database import Logins
from app.settings import Settings
from tests.browser.conftest import browser, chromium, visit
from tests.conftest import PASSWORD, Service, people, serving
from tests.interop import town
from tests.interop.readers import Place

__all__ = ["browser", "chromium", "visit"]


@dataclass(frozen=True)
class Town:
    """A service whose tiles were built before anything was sent, and those first tiles by who asked and place."""

    service: Service
    first: dict[tuple[str, Place], bytes]


WHO = ("admin", "supervisor")


@pytest.fixture(scope="module")
def painted(settings: Settings, database: Logins) -> Iterator[Town]:
    """The town after some work; its geometry was built before."""
    town.paint(database)
    tokens = asyncio.run(people(database))
    with serving(settings, database) as url:
        service = Service(url, database, tokens, PASSWORD)
        first = {}
        for who in WHO:
            with service.client(who) as client:
                for place in town.PLACES:
                    first[who, place] = town.fetch(client, place, "identity")
        town.work(service)
        yield Town(service, first)
