"""The attacked city, played once for all attacks."""

from collections.abc import Iterator

import pytest

from app.settings import Settings
from tests.conftest import database_on, logins_of
from tests.disclosure.bytes import look
from tests.disclosure.stage import Peopled, Stage, peopled, staged

SEED = 9

pytest.register_assert_rewrite("tests.disclosure.planning")


@pytest.fixture(scope="session")
def before(settings: Settings, cluster: str, migrated: str, passwords: dict[str, str]) -> Iterator[Peopled]:
    """The city before its first release."""
    with peopled(settings, cluster, migrated, passwords, SEED) as made:
        yield made


@pytest.fixture(scope="session")
def played(
    settings: Settings,
    cluster: str,
    before: Peopled,
    passwords: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    """The campaign after its end, our service and the naive ones still answering."""
    with database_on(cluster, f"{before.template}_played", before.template) as owner:
        folder = tmp_path_factory.mktemp("publisher")
        with staged(settings, logins_of(owner, passwords), folder, before) as stage:
            stage.look = look
            stage.play()
            yield stage
