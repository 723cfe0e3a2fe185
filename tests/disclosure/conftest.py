"""The attacked city, played once for all attacks."""

from collections.abc import Iterator

import pytest

from app.settings import Settings
from tests.conftest import database_on, logins_of
from tests.disclosure.stage import Stage, staged

SEED = 9


@pytest.fixture(scope="session")
def played(
    settings: Settings,
    cluster: str,
    migrated: str,
    passwords: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    """The campaign after its end, our service and the naive ones still answering."""
    with database_on(cluster, f"{migrated}_city", migrated) as owner:
        folder = tmp_path_factory.mktemp("publisher")
        with staged(settings, logins_of(owner, passwords), folder, SEED) as stage:
            stage.play()
            yield stage
