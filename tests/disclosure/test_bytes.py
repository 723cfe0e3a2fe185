"""Not one byte that an outsider can get changes between two releases, whatever families do."""

from tests.app.matrix import PUBLISHED
from tests.disclosure.bytes import routes_asked
from tests.disclosure.stage import Stage


def test_nothing_moves_between_releases(played: Stage) -> None:
    """Sixty families were uploaded, corrected and deleted in between, and some two hundred and thirty judged again."""
    before, after = played.looked
    assert before.keys() == after.keys()
    changed = [asked for asked, answer in before.items() if after[asked] != answer]
    assert changed == []
    told = [asked for asked, (status, _, body) in before.items() if status == 200 and body]
    assert len(told) > len(before) / 3, "most of what was asked was not there at all"


def test_every_route_that_reads_releases_is_looked_at() -> None:
    assert routes_asked() == set(PUBLISHED)
