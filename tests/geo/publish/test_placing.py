"""Proposed places against every choice there is, against another solver, and against spopt on the whole question."""

import itertools
import warnings

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, eye_array, hstack, vstack

from geo.errors import BadInput
from geo.publish import placing, reach, savings
from geo.publish.placing import Demand, Method, Placed, Spots, Wish, place

NOBODY = Spots(np.empty(0), np.empty(0))
Case = tuple[Demand, Spots, Spots, Wish]


def a_case(seed: int, points: int, candidates: int, wish: Wish, existing: int = 2) -> Case:
    """Demand, sites and candidates at random in a square of 16 km."""
    rng = np.random.default_rng(seed)

    def some(many: int) -> tuple[np.ndarray, np.ndarray]:
        return 117 + rng.random(many) * 0.144, -0.5 + rng.random(many) * 0.144

    return Demand(*some(points), rng.integers(0, 60, points)), Spots(*some(existing)), Spots(*some(candidates)), wish


def distances(demand: Demand, others: Spots, method: Method) -> np.ndarray:
    """Metres, whole ones where they are added up."""
    metres = reach.kilometres(reach.chords2(demand, others, slice(None))) * 1_000
    return np.rint(metres) if method == "median" else metres


def worth(case: Case, chosen: tuple[int, ...]) -> float:
    """What a choice is worth, most is best: families within reach, or less distance of all."""
    demand, existing, candidates, wish = case
    had, far = (distances(demand, others, wish.method) for others in (existing, candidates))
    near = np.hstack([had, far[:, list(chosen)]]).min(axis=1)
    if wish.method == "median":
        return -float(demand.poor @ near)
    return float(demand.poor[near < wish.km * 1_000].sum())


def told(placed: Placed, wish: Wish) -> float:
    if wish.method == "cover":
        return placed.covered_after
    assert placed.distance_after is not None
    return -round(placed.distance_after * 1_000)


@pytest.fixture
def weak_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prices after a single step settle next to nothing, so that the solver has to decide."""
    monkeypatch.setattr(savings, "_STEPS", 1)


METHODS = pytest.mark.parametrize("method", ["cover", "median"])


@METHODS
@pytest.mark.parametrize("seed", range(12))
def test_no_choice_is_better(method: Method, seed: int) -> None:
    case = a_case(seed, 30, 9, Wish(method, 1 + seed % 4, (1, 2, 5)[seed % 3]), existing=1 + seed % 3)
    placed = place(*case)
    every = itertools.combinations(range(9), case[3].sites)
    assert told(placed, case[3]) == max(worth(case, chosen) for chosen in every)
    assert told(placed, case[3]) == worth(case, placed.chosen)
    assert placed.optimal
    assert placed.gap == 0


@METHODS
@pytest.mark.usefixtures("weak_bounds")
@pytest.mark.parametrize("seed", range(3))
def test_where_bounds_are_weak_the_solver_decides(method: Method, seed: int) -> None:
    case = a_case(seed, 40, 12, Wish(method, 3, 2))
    placed = place(*case)
    assert placed.solver == "spopt-highs"
    assert told(placed, case[3]) == max(worth(case, chosen) for chosen in itertools.combinations(range(12), 3))
    assert placed.optimal


@METHODS
@pytest.mark.parametrize("seed", [1, 2])
def test_another_solver_comes_to_the_same(method: Method, seed: int) -> None:
    case = a_case(seed, 90, 60, Wish(method, 6, 2))
    placed = place(*case)
    assert placed.optimal
    assert told(placed, case[3]) == pytest.approx(_by_scipy(case), abs=0.5)


def _by_scipy(case: Case) -> float:
    """The optimum by scipy's interface to its own solver, from another statement: savings, each point served once."""
    demand, existing, candidates, wish = case
    had = distances(demand, existing, wish.method).min(axis=1)
    far = distances(demand, candidates, wish.method)
    if wish.method == "cover":
        saved = ((far < wish.km * 1_000) & (had >= wish.km * 1_000)[:, None]) * demand.poor[:, None]
    else:
        saved = np.maximum(had[:, None] - far, 0) * demand.poor[:, None]
    point, candidate = np.nonzero(saved)
    pairs, many = len(point), far.shape[1]
    each = np.arange(pairs)
    once = coo_array((np.ones(pairs), (point, each)), (len(had), pairs))
    built = coo_array((-np.ones(pairs), (each, candidate)), (pairs, many))
    rules = vstack([hstack([eye_array(pairs), built]),
                    hstack([once, coo_array((len(had), many))]),
                    coo_array(np.concatenate([np.zeros(pairs), np.ones(many)])[None])])  # fmt: skip
    most = np.concatenate([np.zeros(pairs), np.ones(len(had)), [wish.sites]])
    answer = milp(-np.concatenate([saved[point, candidate], np.zeros(many)]).astype(float),
                  constraints=LinearConstraint(rules, -np.inf, most), bounds=Bounds(0, 1),
                  integrality=np.concatenate([np.zeros(pairs), np.ones(many)]), options={"mip_rel_gap": 0})  # fmt: skip
    assert answer.status == 0
    without = worth(case, ())
    return float(without - answer.fun)


@METHODS
def test_spopt_comes_to_the_same_on_the_whole_question(method: Method) -> None:
    pulp = pytest.importorskip("pulp")
    from spopt.locate import MCLP, PMedian  # noqa: PLC0415  # takes seconds to load

    case = a_case(5, 60, 20, Wish(method, 4, 2), existing=3)
    demand, existing, candidates, wish = case
    cost = np.hstack([distances(demand, others, method) for others in (existing, candidates)]) / 1_000
    stands = np.repeat([1, 0], [3, 20])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if method == "cover":
            model = MCLP.from_cost_matrix(cost, demand.poor, 2 - 1e-9, 7, predefined_facilities_arr=stands)
        else:
            model = PMedian.from_cost_matrix(cost, demand.poor, 7, predefined_facilities_arr=stands)
        model.solve(pulp.HiGHS(msg=False, threads=1, gapRel=0), results=False)
    optimum = float(model.problem.objective.value())
    assert told(place(*case), wish) == pytest.approx(optimum if method == "cover" else -optimum * 1_000, abs=0.5)


@METHODS
def test_too_many_candidates_come_in_rounds_and_the_bound_is_of_all(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = a_case(8, 200, 400, Wish(method, 5, 2))
    whole = place(*case)
    assert whole.optimal
    monkeypatch.setattr(placing, "PAIRS", 1_000)
    parts = place(*case)
    best = told(whole, case[3])
    assert told(parts, case[3]) <= best
    assert (parts.bound if method == "cover" else -parts.bound * 1_000) >= best - 0.5
    assert parts.gap < 0.1
    assert parts.optimal == (parts.gap == 0)


@METHODS
@pytest.mark.usefixtures("weak_bounds")
def test_an_answer_that_is_not_proven_tells_how_far_it_may_be_off(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "_COVER_PAIRS", 0)
    monkeypatch.setattr(placing, "_MEDIAN_PAIRS", 0)
    case = a_case(2, 60, 14, Wish(method, 4, 2))
    placed = place(*case)
    best = max(worth(case, chosen) for chosen in itertools.combinations(range(14), 4))
    assert placed.solver == "relaxation"
    assert not placed.optimal
    assert 0 < placed.gap < 1
    assert told(placed, case[3]) <= best
    assert (placed.bound if method == "cover" else -placed.bound * 1_000) >= best


@METHODS
@pytest.mark.usefixtures("weak_bounds")
def test_a_solver_that_is_stopped_leaves_the_answer_that_was_found(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "_NODES", 0)
    case = a_case(3, 60, 30, Wish(method, 6, 2))
    stopped = place(*case)
    monkeypatch.undo()
    best = told(place(*case), case[3])
    assert told(stopped, case[3]) <= best
    assert (stopped.bound if method == "cover" else -stopped.bound * 1_000) >= best - 0.5


def test_each_gains_beside_those_before_it() -> None:
    case = a_case(11, 120, 50, Wish("cover", 6, 1))
    placed = place(*case)
    assert list(placed.gained) == sorted(placed.gained, reverse=True)
    assert placed.covered_before == worth(case, ())
    for many in range(1, 1 + len(placed.chosen)):
        assert placed.covered_before + sum(placed.gained[:many]) == worth(case, placed.chosen[:many])
    assert placed.total == int(case[0].poor.sum())
    assert placed == place(*case)


def test_a_candidate_that_gains_nobody_is_not_proposed() -> None:
    demand = Demand(np.array([117.0, 117.1]), np.zeros(2), np.array([5, 7]))
    candidates = Spots(np.array([117.0, 117.0001, 117.1, 118.0]), np.zeros(4))
    placed = place(demand, NOBODY, candidates, Wish("cover", 4, 1))
    assert (placed.chosen, placed.gained, placed.optimal) == ((2, 0), (7, 5), True)
    served = place(demand, Spots(demand.lon, demand.lat), candidates, Wish("cover", 4, 1))
    assert (served.chosen, served.covered_before, served.covered_after, served.gap) == ((), 12, 12, 0)
    only = place(demand, NOBODY, Spots(np.array([117.0]), np.zeros(1)), Wish("median", 1, 1))
    assert (only.chosen, only.covered_after, only.distance_before) == ((0,), 5, None)


def test_what_cannot_be_asked_is_refused() -> None:
    for wrong in (("cover", 0, 1), ("cover", 21, 1), ("guess", 1, 1)):
        with pytest.raises(BadInput) as refused:
            Wish(*wrong)  # type: ignore[arg-type]  # wrong on purpose
        assert refused.value.code == "bad-wish"
    with pytest.raises(BadInput) as refused:
        Wish("cover", 1, 3)
    assert refused.value.code == "bad-km"
    demand, existing, candidates, wish = a_case(1, 5, 5, Wish("cover", 1, 1))
    with pytest.raises(BadInput) as refused:
        place(Demand(demand.lon, demand.lat, np.zeros(5, np.int64)), existing, candidates, wish)
    assert refused.value.code == "no-demand"
    with pytest.raises(BadInput) as refused:
        place(demand, existing, NOBODY, wish)
    assert refused.value.code == "no-candidates"
