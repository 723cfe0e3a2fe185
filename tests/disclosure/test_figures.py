"""What was published is what was promised: who stands behind each figure, how often it was drawn, nothing else."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import fmean, pstdev

import pytest

from geo.ground import cells as h3cells
from geo.publish import cost
from geo.publish.noise import SIGMA
from tests.disclosure import making
from tests.disclosure.attacks.arithmetic import everything
from tests.disclosure.attacks.knowledge import Leaf
from tests.disclosure.doors import FINEST, FIRST, LEAF, LEVELS, RESOLUTIONS, SECOND, Figures, Row
from tests.disclosure.naive import above as code_above
from tests.disclosure.naive import parent
from tests.disclosure.stage import FINAL_RELEASE, OURS, Seen, Stage

RELEASES = range(1, FINAL_RELEASE + 1)


@pytest.fixture(scope="module")
def seen(played: Stage) -> Seen:
    return played.seen[OURS]


def test_every_leaf_is_there_from_the_first_release_on(seen: Seen) -> None:
    blocks = {(LEAF, block.code) for block in seen.city.blocks}
    for release in RELEASES:
        assert seen.leaves[release].keys() == seen.leaves[1].keys()
        assert {leaf for leaf in seen.leaves[release] if leaf[0] == LEAF} == blocks
        assert {leaf for leaf in seen.truth.counted[release]} <= set(seen.leaves[release])  # noqa: C416
        assert None not in {row["poor"] for row in seen.leaves[release].values()}


def test_households_and_draws_are_those_of_the_rules(seen: Seen) -> None:
    """Told by a second reckoning: who enters, once each, where twenty newly do; in the final table everybody."""
    for release in RELEASES:
        for leaf, row in seen.leaves[release].items():
            behind = len(seen.truth.entered[release].get(leaf, []))
            draws = 1 if release == FINAL_RELEASE else seen.truth.draws[release].get(leaf, 0)
            assert (row["households"], row["draws"]) == (behind, draws), (release, leaf)


def test_a_leaf_where_nobody_enters_stays_as_it_is(seen: Seen) -> None:
    stood = 0
    for release in RELEASES[1:-1]:
        for leaf, row in seen.leaves[release].items():
            before = seen.leaves[release - 1][leaf]
            if row["draws"] == before["draws"]:
                stood += 1
                assert row == before
    assert stood > 100


def test_everything_above_is_a_sum_of_leaves(seen: Seen) -> None:
    for release in RELEASES:
        leaves, above = seen.leaves[release], seen.above[release]
        for level in LEVELS:
            for code in {code for kind, code in above if kind == level}:
                own = [row for (kind, leaf), row in leaves.items() if kind == LEAF and code_above(level)(leaf) == code]
                assert _sums(own) == _sums([above[level, code]]), (release, level, code)
        for resolution in RESOLUTIONS:
            for cell in {name for kind, name in above if kind == resolution}:
                own = [row for (kind, leaf), row in leaves.items()
                       if kind == FINEST and parent(leaf, int(resolution)) == cell]  # fmt: skip
                assert _sums(own) == _sums([above[resolution, cell]]), (release, resolution, cell)


def _sums(rows: list[Row]) -> tuple[int, int, int]:
    return sum(r["households"] for r in rows), sum(r["poor"] for r in rows), sum(r["draws"] for r in rows)


def _draws(seen: Seen, release: int) -> dict[Leaf, int]:
    """What was drawn in a release: the change of each figure less the poor who entered."""

    def rest(at: int, leaf: Leaf) -> int:
        poor = sum(poor for _, poor in seen.truth.entered[at].get(leaf, []))
        return int(seen.leaves[at][leaf]["poor"]) - poor

    field = 1 < release < FINAL_RELEASE
    return {
        leaf: rest(release, leaf) - (rest(release - 1, leaf) if field else 0)
        for leaf, row in seen.leaves[release].items()
        if row["draws"] > (seen.leaves[release - 1][leaf]["draws"] if field else 0)
    }


def test_draws_have_the_width_they_should_and_nothing_in_common(seen: Seen) -> None:
    """Between releases, tables and systems. Limits are five standard errors."""
    drawn = {release: _draws(seen, release) for release in RELEASES}
    every = [float(draw) for draws in drawn.values() for draw in draws.values()]
    assert len(every) > 500
    assert abs(fmean(every)) < 5 * SIGMA / len(every) ** 0.5
    assert abs(pstdev(every) / SIGMA - 1) < 5 / (2 * len(every)) ** 0.5
    pairs = [(drawn[a][leaf], drawn[b][leaf]) for a in RELEASES for b in RELEASES if a < b
             for leaf in drawn[a].keys() & drawn[b].keys()]  # fmt: skip
    pairs += [(draws[LEAF, block.code], draws[FINEST, f"{block.cell:x}"]) for draws in drawn.values()
              for block in seen.city.blocks if (LEAF, block.code) in draws]  # fmt: skip
    assert abs(fmean(a * b for a, b in pairs)) < 5 * SIGMA**2 / len(pairs) ** 0.5


def test_every_copy_says_the_same(seen: Seen) -> None:
    copies = everything(seen)
    assert len(copies) == 20
    told: dict[Leaf, set[float]] = {}
    for copy in copies:
        for leaf, row in copy.items():
            told.setdefault(leaf, set()).add(float(row["poor"]))
    assert told == {leaf: {float(row["poor"])} for leaf, row in seen.leaves[1].items()}


def test_each_local_government_sees_its_own_leaves_and_the_public_none(seen: Seen) -> None:
    hidden = dict.fromkeys(("households", "poor", "draws", "error", "expected", "covered", "poor_shown", "share_band"))
    for who, villages in ((FIRST, {0}), (SECOND, {1}), ("public", set())):
        mine = {block.code for block in seen.city.blocks if block.village in villages}
        for row in seen.door.areas(1, LEAF, who):
            assert (row["poor"] is not None) == (row["code"] in mine)
            if row["code"] not in mine:
                assert row.items() >= hidden.items()
                assert row["notes"] == ["not_shown"]
    cells = [{row["cell"] for row in seen.door.cells(1, FINEST, who) if row["poor"] is not None}
             for who in (FIRST, SECOND, "public")]  # fmt: skip
    assert not cells[0] & cells[1]
    assert cells[2] == set()
    assert cells[0] | cells[1] == {name for kind, name in seen.leaves[1] if kind == FINEST}


def test_the_digest_is_of_what_is_published_and_of_nothing_else(seen: Seen) -> None:
    """Two local governments together write the bytes down that it is of: no input, no key is in it to be guessed at."""
    for release in seen.door.get("/v1/releases").json()["releases"]:
        found = "".join(_canonical(release, seen.leaves[release["release"]] | seen.above[release["release"]]))
        assert hashlib.sha256(found.encode()).hexdigest() == release["digest"]


def _canonical(release: Row, figures: Figures) -> Iterator[str]:
    as_of = datetime.fromisoformat(release["as_of"]).astimezone(UTC).isoformat(timespec="microseconds")
    head = [release[name] for name in ("release", "kind", "measure", "due")]
    yield "\t".join(map(str, ["cakupan release", *head, as_of])) + "\n"
    areas = [row for (kind, _), row in figures.items() if kind in {*LEVELS, LEAF}]
    cells = [(int(kind), name, row) for (kind, name), row in figures.items() if kind in {*RESOLUTIONS, FINEST}]
    for row in sorted(areas, key=lambda row: int(row["n"])):
        yield "\t".join(("area", row["level"], row["code"], *_told(row))) + "\n"
    for resolution, name, row in sorted(cells, key=lambda cell: (cell[0], h3cells.from_hex(cell[1]))):
        yield "\t".join(("cell", str(resolution), name, *_told(row))) + "\n"


def _told(row: Row) -> list[str]:
    return [r"\N" if row[name] is None else str(row[name]) for name in ("households", "poor", "draws", "expected")]


def test_the_calendar_is_over(played: Stage, seen: Seen) -> None:
    overview = seen.door.get("/v1/releases").json()
    assert [slot["state"] for slot in overview["calendar"]] == ["sealed"] * 6
    assert [release["kind"] for release in overview["releases"]] == ["field"] * 5 + ["final"]
    assert overview["cost"]["now"] == overview["cost"]["whole"] == cost.of(2)
    assert making.refused(played.office.logins, played.publisher) == "not-due"
    assert seen.door.get("/v1/releases").json() == overview
