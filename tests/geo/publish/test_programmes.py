"""What an answer about programmes is made of, for whom, and how it is told."""

import dataclasses

import numpy as np
import orjson
import pytest

from app.database import Database, Logins
from geo.errors import BadInput, NotFound
from geo.ground import cells as h3cells
from geo.publish import placing, programmes, published, telling
from geo.publish.clusters import HOT, ORDINARY, TESTED, Cluster, Found
from geo.publish.leaves import Leaves
from geo.publish.programmes import Areas, Basis, Question
from geo.publish.published import EVERYWHERE, Sealed
from geo.publish.sites import Site, SiteList
from geo.scope import OPERATOR
from geo.trust import accounts, grants
from tests.app.published import FIELD, FINAL, lay
from tests.app.sited import lay_sites
from tests.conftest import PASSWORD, granted
from tests.world import BLOCKS, VILLAGES

SEALED = Sealed({"release": 6, "kind": "final"}, "{[1,100]}")


@pytest.fixture(scope="module")
async def db(database: Logins):
    made = Database(database, 2)
    async with made.worker.begin() as connection:
        await lay(connection)
        await lay_sites(connection)
    yield made
    await made.close()


@pytest.fixture(scope="module")
async def partly(db: Database) -> int:
    """An account that sees the first village and one block of the second."""
    async with db.worker.begin() as connection:
        made = await accounts.create(
            connection, "overlay", granted("local_government", ("village", VILLAGES[0])), PASSWORD
        )
        await grants.give(connection, made, granted("supervisor", ("block", BLOCKS[4].code)), OPERATOR)
    return made


async def basis_of(db: Database, actor: int | None, question: Question, earlier: int | None = None) -> Basis:
    async with db.as_reader(actor) as connection:
        sealed = await published.find(connection, FINAL)
        before = None if earlier is None else await published.find(connection, earlier)
        sites = await programmes.sites_of(connection, question)
        return await programmes.read(connection, sealed, question, sites, before)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_leaves_are_the_finest_of_which_all_are_seen(db: Database, partly: int) -> None:
    own = await basis_of(db, partly, Question())
    assert (own.leaves.system, len(own.leaves), own.cells.resolution) == ("block", 4, 8)
    assert own.every is own.leaves
    village = await basis_of(db, partly, Question(VILLAGES[0]))
    assert (village.leaves.system, len(village.leaves), len(village.every)) == ("block", 3, 4)
    assert village.within == {"code": VILLAGES[0], "name": "Kampung 1", "level": "village", "n": 4}
    for beyond in (VILLAGES[1], "6472"):  # some of its leaves are not seen: all of it as the public sees it
        wider = await basis_of(db, partly, Question(beyond))
        public = await basis_of(db, None, Question(beyond))
        for one in (wider.leaves, wider.cells, wider.every, public.leaves, public.cells, public.every):
            assert (one.system, one.resolution) == ("cell", 7)
        assert wider.leaves.value.tolist() == public.leaves.value.tolist()


async def test_sites_inside_and_villages(db: Database) -> None:
    found = await basis_of(db, None, Question(VILLAGES[0]))
    assert found.inside == {"PKH-1"}
    assert len(found.sites.rows) == 3
    assert [row["code"] for row in found.villages.rows] == [VILLAGES[0]]
    assert found.villages.of(np.array([4, 5, 7, 8, 3])).tolist() == [0, 0, 0, -1, -1]
    everywhere = await basis_of(db, None, Question(), FIELD)
    assert everywhere.inside == {"PKH-1", "PKH-2", "SHOP-1"}
    assert everywhere.within is None
    assert everywhere.earlier is not None
    assert everywhere.earlier.cells.key.tolist() == everywhere.cells.key.tolist()
    assert everywhere.earlier.cells.n.tolist() != everywhere.cells.n.tolist()


async def test_what_cannot_be_asked(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for question, code in (
        (Question(programme="nobody"), "no-programme"),
        (Question(sites_version=7), "no-version"),
        (Question("nowhere"), "no-area"),
    ):
        with pytest.raises(NotFound) as raised:
            await basis_of(db, None, question)
        assert raised.value.code == code
    assert (await basis_of(db, None, Question(programme="nobody", sites_version=0))).sites.rows == []
    with pytest.raises(BadInput, match="earlier"):
        await basis_of(db, None, Question(), FINAL)
    monkeypatch.setattr(programmes, "MOST_CELLS", 1)
    with pytest.raises(BadInput) as wide:
        await basis_of(db, None, Question())
    assert wide.value.code == "too-wide"


# ── telling ───────────────────────────────────────────────────────────────────────────────────────────────────────


def made_up(clustered: list[int], earlier: list[int] | None = None) -> tuple[Basis, Found, Found | None]:
    """A disc of cells; the first block's village holds its western half. Those named by position are a cluster."""
    keys = np.sort(h3cells.cover(programmes_area(), 8))
    lon, lat = h3cells.centres(keys)
    west = lon < np.median(lon)
    number = np.where(west, 3, 6).astype(np.int64)
    n, value = np.full(len(keys), 100), np.full(len(keys), 10)
    value[clustered] = 80
    one = np.ones(len(keys), np.int64)
    leaves = Leaves("cell", 8, keys, number, lon, lat, n, value, one, n)
    row = {"name": "", "code": "", "level": "village", "n": 0, "parent": None, "lon": 117.1, "lat": -0.5}
    areas = Areas(
        tuple(row | {"name": name, "code": name, "n": at} for name, at in (("West", 2), ("East", 5))),
        ({"n": 100, "value": 50, "draws": 2, "expected": 100}, {"n": 100, "value": 70, "draws": 2, "expected": 100}),
        np.array([2, 5]),
        np.array([4, 8]),
        np.array([2, 3]),
    )
    site = Site("S1", "PKH", "post", "Pos", float(lon[0]), float(lat[0]), 5, None, 1, 1)
    basis = Basis(
        SEALED, Question(programme="PKH"), EVERYWHERE, None, leaves, leaves, leaves,
        SiteList(1, [site]), frozenset({"S1"}), areas, (keys, number),
    )  # fmt: skip
    if earlier is not None:
        before = Sealed({"release": 1, "kind": "field"} | dict.fromkeys(_HEAD, 0) | {"digest": b""}, SEALED.scope)
        basis = dataclasses.replace(basis, earlier=programmes.Earlier(before, leaves, leaves))
    return basis, found_at(leaves, clustered), None if earlier is None else found_at(leaves, earlier)


_HEAD = ("measure", "as_of", "sealed_at", "edition", "campaign", "simulated")


def programmes_area():
    return h3cells.boundaries(h3cells.index(np.array([117.15]), np.array([-0.5]), 6))[0]


def found_at(leaves: Leaves, positions: list[int]) -> Found:
    of = np.zeros(len(leaves), np.int64)
    of[positions] = 1
    state = np.where(of > 0, HOT, ORDINARY).astype(np.int8)
    sums = [int(column[positions].sum()) for column in (leaves.n, leaves.value, leaves.draws, leaves.expected)]
    cluster = Cluster(1, tuple(positions), *sums, 99.0, 9.0, 1.0, 0.9)
    z, reason = np.zeros(len(leaves)), np.full(len(leaves), TESTED, np.int8)
    clusters = (cluster,) if positions else ()
    return Found(state, reason, z, z, np.zeros(len(leaves), np.int8), of, clusters, 0, {"seed": 1})


def test_a_cluster_is_named_after_the_villages_most_families_first() -> None:
    basis, _, _ = made_up([])
    west = np.flatnonzero(basis.cells.number == 3).tolist()
    east = np.flatnonzero(basis.cells.number == 6).tolist()
    for positions, names in ((west[:2] + east[:3], ["East", "West"]), (west[:2], ["West"])):
        basis, found, _ = made_up(sorted(positions))
        (row,) = telling.clusters(basis, found)["clusters"]
        assert row["places"] == names
        assert row["km2"] == pytest.approx(0.74 * len(positions), rel=0.15)
        assert (row["poor"], row["households"]) == (80 * len(positions), 100 * len(positions))


def test_new_still_and_gone_go_by_cells() -> None:
    for now, then, states, gone in (
        ([0, 1, 2], [2, 3, 4], ["still"], 0),
        ([0, 1, 2], [5, 6, 7], ["new"], 1),
        ([], [5, 6, 7], [], 1),
        ([0, 1, 2], [], ["new"], 0),
    ):
        said = telling.clusters(*made_up(now, then))
        assert [row["state"] for row in said["clusters"]] == states
        assert len(said["gone"]) == gone
        assert said["same_table"] is False


def test_areas_are_added_up_of_blocks_where_all_are_seen() -> None:
    basis, _, _ = made_up([])
    x, y = np.array([117.15, 117.151, 118.0, 118.001]), np.full(4, -0.5)
    number, one = np.array([3, 4, 6, 7]), np.ones(4, np.int64)
    blocks = Leaves("block", 0, number, number, x, y, one * 50, np.array([30, 20, 40, 10]), one, one * 50)
    site = Site("S1", "PKH", "post", "Pos", 117.15, -0.5, None, None, 1, 1)
    basis = dataclasses.replace(basis, leaves=blocks, sites=SiteList(1, [site]))
    east, west = telling.by_area(basis, basis.villages)
    # of the eastern three blocks two are seen; its point lies 5 km off, so that all of it is beyond
    assert (east["measured"], east["beyond"]["poor"], east["reached"]["households"]) == ("point", 70, 0)
    assert (west["measured"], west["reached"]["poor"], west["beyond"]["poor"]) == ("blocks", 50, 0)
    assert west["beyond"]["notes"] == []


def test_what_was_calculated_elsewhere_comes_back_as_it_was() -> None:
    _, found, _ = made_up([0, 1, 2])
    odd = dataclasses.replace(found, z=np.where(found.cluster > 0, found.z, np.nan))
    back = programmes.found_of(orjson.loads(orjson.dumps(odd, option=orjson.OPT_SERIALIZE_NUMPY)))
    for field in dataclasses.fields(Found):
        one, other = getattr(odd, field.name), getattr(back, field.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype
        else:
            assert one == other
    basis = dataclasses.replace(made_up([0, 1, 2])[0], question=Question(programme="PKH", km=1, new_sites=2))
    placed = placing.place(*basis.placing())
    again = programmes.placed_of(orjson.loads(orjson.dumps(placed, option=orjson.OPT_SERIALIZE_NUMPY)))
    assert again == placed
    said = telling.placements(basis, placed)
    assert [row["poor_gained"] for row in said["placements"]] == list(placed.gained)
    assert said["covered"]["before"] == placed.covered_before
    assert (said["covered"]["after"], said["covered"]["of"]) == (placed.covered_after, placed.total)
