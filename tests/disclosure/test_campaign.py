"""A whole campaign as the outsider sees it: attacks, bytes, figures and side doors, over one city played once."""

import base64
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from statistics import fmean, pstdev

import pytest

from app.main import create_app
from app.settings import Settings
from geo.ground import cells as h3cells
from geo.publish import cost
from geo.publish.noise import SIGMA
from tests.app.matrix import GUARDED, PUBLISHED, request_of
from tests.disclosure import making
from tests.disclosure.attacks.arithmetic import everything
from tests.disclosure.attacks.knowledge import Attack, Leaf, measured
from tests.disclosure.attacks.listed import ATTACKS
from tests.disclosure.bytes import published, routes_asked
from tests.disclosure.doors import (
    EVERYBODY,
    FINEST,
    FIRST,
    LEAF,
    LEVELS,
    PUBLIC,
    RESOLUTIONS,
    SECOND,
    Door,
    Figures,
    Row,
)
from tests.disclosure.naive import above as code_above
from tests.disclosure.naive import parent
from tests.disclosure.planning import (  # noqa: F401  # run here, where the city is played
    test_a_local_government_brings_no_site_of_another_and_changes_none,
    test_an_import_does_not_tell_whether_a_family_is_there,
    test_clusters_are_sums_of_cells,
    test_files_of_programmes_hold_no_cell_of_others_and_no_family,
    test_outlines_are_unions_of_at_least_three_cells_of_thirty_households,
    test_placements_stand_on_leaves_and_gain_what_is_published_of_them,
    test_reach_is_a_sum_of_leaves,
    test_villages_are_sums_of_those_reached_and_those_beyond,
    test_what_comes_to_a_site_is_a_sum_of_leaves,
)
from tests.disclosure.stage import FINAL_RELEASE, OURS, Seen, Stage

# ── every attack: on naive services it must bite, on ours it must not ─────────────────────────────────────────────────

#: An attack that wins less on a naive service is a broken attack.
BITES = 0.5

#: Intervals that hold all but once in a million, lest a fair coin fail a test.
SURE = 4.9


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(played: Stage, attack: Attack) -> None:
    for flaw in attack.naive:
        found = measured(attack.run(played.seen[flaw]))
        assert found.advantage > BITES, f"on {flaw}: {found}"
    ours = measured(attack.run(played.seen[OURS]), SURE)
    if attack.bound == 0:
        assert ours.advantage == 0, ours
    assert ours.low <= attack.bound, ours


# ── not one byte changes between two releases, whatever families do ───────────────────────────────────────────────────


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


# ── what was published is what was promised ───────────────────────────────────────────────────────────────────────────

RELEASES = range(1, FINAL_RELEASE + 1)


@pytest.fixture(scope="module")
def seen(played: Stage) -> Seen:
    return played.seen[OURS]


def test_every_leaf_is_there_from_the_first_release_on(seen: Seen) -> None:
    blocks = {(LEAF, block.code) for block in seen.city.blocks}
    for release in RELEASES:
        assert seen.leaves[release].keys() == seen.leaves[1].keys()
        assert {leaf for leaf in seen.leaves[release] if leaf[0] == LEAF} == blocks
        assert set(seen.truth.counted[release]) <= set(seen.leaves[release])
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


# ── ways around the front door ────────────────────────────────────────────────────────────────────────────────────────

LEAVES = ("/v1/releases/1/areas?level=block&limit=1000", "/v1/releases/1/cells?res=8", "/v1/releases/6.xlsx",
          "/v1/releases/1/areas?level=block&format=csv", "/v1/releases/1.gpkg", "/v1/releases/1/reach?km=1",
          "/v1/releases/1/programmes.xlsx?km=1")  # fmt: skip


@pytest.fixture(scope="module")
def door(played: Stage) -> Door:
    return played.seen[OURS].door


def test_a_local_government_is_refused_everywhere_else(door: Door) -> None:
    """Whatever it sends, to every route that is not for it."""
    for route, of in GUARDED.items():
        if "local_government" not in of.roles:
            asked = request_of(route)
            answer = door.clients[FIRST].request(asked["method"], asked["url"], json=asked.get("json"))
            assert answer.status_code == 403, route
            assert answer.json()["type"] in {f"urn:cakupan:problem:{why}" for why in ("not-allowed", "session-needed")}


def test_refusals_do_not_tell_whether_a_family_is_there(door: Door, played: Stage) -> None:
    family = played.city.families[0].name
    for who in EVERYBODY:
        for path in ("/v1/households/{}", "/v1/households/{}/welfare", "/v1/submissions/{}", "/v1/sheets/{}.pdf"):
            there, not_there = (door.get(path.format(name), who) for name in (family, "nobody"))
            assert there.status_code in {401, 403}
            assert (there.status_code, there.content) == (not_there.status_code, not_there.content)


def test_a_token_as_password_reads_the_same_and_a_wrong_one_nothing(door: Door) -> None:
    token = door.clients[FIRST].headers["Authorization"].removeprefix("Bearer ")
    basic = base64.b64encode(f"anybody:{token}".encode()).decode()
    client = door.clients[PUBLIC]
    for path in LEAVES[:2]:
        assert client.get(path, headers={"Authorization": f"Basic {basic}"}).content == door.get(path, FIRST).content
    for path, _ in PUBLISHED.values():
        assert client.get(path, headers={"Authorization": f"Bearer {token[:-1]}x"}).status_code == 401


def test_what_one_was_given_answers_no_other(door: Door) -> None:
    """The tag of a local government's answer is nobody else's, and what was kept for it is shown to nobody."""
    for path in (*LEAVES, "/tiles/release/1/blocks/13/6761/4109.mvt"):
        answers = {who: door.get(path, who) for who in (FIRST, SECOND, PUBLIC)}
        assert len({answer.headers["etag"] for answer in answers.values()}) == 3, path
        for who, answer in answers.items():
            kept = answer.headers["cache-control"]
            assert kept.startswith("public" if who == PUBLIC else "private"), path
            assert {"authorization", "cookie"} <= set(answer.headers["vary"].lower().replace(",", " ").split())
            for other in EVERYBODY:
                again = door.clients[other].get(path, headers={"If-None-Match": answer.headers["etag"]})
                assert again.status_code == (304 if other == who else answers[other].status_code), (path, who, other)
                assert again.content == (b"" if other == who else answers[other].content)


def test_many_at_once_are_not_taken_for_one_another(door: Door) -> None:
    paths = [path for path in published() if "level=block" in path or "res=8" in path or "/blocks/" in path]
    wanted = {(who, path): door.get(path, who).content for who in EVERYBODY for path in paths}

    def ask(asked: tuple[str, str]) -> bool:
        return door.get(asked[1], asked[0]).content == wanted[asked]

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(ask, list(wanted)))


def test_whole_files_hold_nothing_of_others(door: Door, played: Stage) -> None:
    """Not in a corner of a page of the file either: codes of blocks and cells stand in it only where they are shown."""
    blocks = {n: [b.code.encode() for b in played.city.blocks if b.village == n] for n in (0, 1)}
    files = {who: door.get("/v1/releases/1.gpkg", who).content for who in EVERYBODY}
    assert all(code in files[FIRST] for code in blocks[0])
    assert not any(code in files[FIRST] for code in blocks[1])
    assert not any(code in files[PUBLIC] for code in blocks[0] + blocks[1])
    names = [family.name.encode() for family in played.city.families]
    for file in files.values():
        assert not any(name in file for name in names)


def test_what_is_open_is_of_the_process_alone(door: Door, settings: Settings, played: Stage) -> None:
    metrics = door.get("/metrics").text
    assert {line.split("_")[0] for line in metrics.splitlines() if not line.startswith("#")} == {"python", "process"}
    document = create_app(settings, played.office.logins).openapi()
    assert door.get("/v1/openapi.json").json() == document
