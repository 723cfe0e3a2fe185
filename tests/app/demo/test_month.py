"""The ordinary month: its shape follows real figures, and nobody is in two places at once."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from app.demo import hours
from app.demo.city import City, build
from app.demo.fieldwork import PLANTED, Fieldwork
from app.demo.month import plan, submission
from app.demo.plane import over
from app.demo.rates import CLEAN, Rates
from app.demo.truth import sent
from geo.intake.reasons import Fault, Reason
from geo.intake.submissions import Limits, Submission, parse
from geo.schema import RESULTS
from tests.app.demo import grid

FINAL = [RESULTS.index(name) for name in ("completed", "not_found", "moved", "deceased", "ineligible")]
LIMITS = Limits(
    now=datetime.fromtimestamp(hours.START + hours.DAYS * hours.DAY, hours.ZONE),
    not_before=datetime.fromtimestamp(hours.START, hours.ZONE),
    zone=hours.ZONE,
)


@pytest.fixture(scope="module")
def city() -> City:
    return grid.city(villages=4)


@pytest.fixture(scope="module")
def month(city: City) -> Fieldwork:
    return plan(city)


@pytest.fixture(scope="module")
def clean(city: City) -> Fieldwork:
    return plan(city, CLEAN)


@pytest.fixture(scope="module")
def district() -> City:
    return build(scale="district")


def share_done(made: Fieldwork, days: float) -> float:
    """Share of prelist families with a final result by the end of that day."""
    visits, listed = made.visits, len(made.prelist.household_id)
    done = (
        np.isin(visits.result, FINAL) & (visits.case < listed) & (visits.captured_at < hours.START + days * hours.DAY)
    )
    return len(np.unique(visits.case[done])) / listed


def by_enumerator(made: Fieldwork) -> Iterator[NDArray[np.intp]]:
    """Places of each enumerator's visits, in the order of the clock."""
    order = np.lexsort((made.visits.captured_at, made.visits.enumerator))
    yield from np.split(order, np.flatnonzero(np.diff(made.visits.enumerator[order])) + 1)


@pytest.mark.parametrize("seed", [22, 5])
def test_progress_resembles_the_real_census(district: City, seed: int) -> None:
    made = plan(district, seed=seed)
    assert share_done(made, 12) == pytest.approx(0.25, abs=0.05)  # Tangerang
    assert share_done(made, 18.5) == pytest.approx(
        0.555, abs=0.06
    )  # Central Java 57 % on day 18, Karanganyar 54 % on 19
    assert share_done(made, 31) == pytest.approx(0.90, abs=0.03)  # East Kalimantan
    assert share_done(made, 1) < 0.03


def test_what_is_missing_at_the_deadline_lies_in_few_blocks(district: City) -> None:
    made = plan(district, CLEAN)
    unvisited = np.ones(len(made.prelist.block), dtype=bool)
    unvisited[made.visits.case[made.visits.case < len(unvisited)]] = False
    missing = np.sort(np.bincount(made.prelist.block, weights=unvisited))[::-1]
    assert missing[: len(missing) // 8].sum() > 0.9 * missing.sum()  # not thinned evenly
    last = np.bincount(made.visits.enumerator[made.visits.case < len(unvisited)]) > 0
    ends = np.array([made.visits.captured_at[mine[-1]] for mine in by_enumerator(made)])
    assert last.all()
    assert (ends < hours.START + 24 * hours.DAY).any()  # some finish early


def test_nobody_does_two_things_at_once_or_by_night(month: Fieldwork, clean: Fieldwork) -> None:
    for made in (month, clean):
        visits = made.visits
        assert (np.diff(visits.captured_at) >= 0).all()
        for mine in by_enumerator(made):
            ended = visits.captured_at[mine]
            begun = ended - visits.minutes[mine].astype(float) * 60
            assert (begun[1:] >= ended[:-1] - 0.01).all()
        of_day = (visits.captured_at - hours.START) % hours.DAY / hours.HOUR
        assert of_day.min() >= 8
        assert of_day.max() <= 22.1
        assert 0 <= hours.day_of(visits.captured_at).min() <= hours.day_of(visits.captured_at).max() < hours.DAYS


def test_ordinary_enumerators_never_travel_impossibly(city: City, clean: Fieldwork) -> None:
    visits = clean.visits
    x, y = over(city.families.lon, city.families.lat).metres(visits.lon, visits.lat)
    for mine in by_enumerator(clean):
        seconds = np.diff(visits.captured_at[mine])
        metres = np.hypot(np.diff(x[mine]), np.diff(y[mine]))
        assert (metres[metres > 300] / seconds[metres > 300] < 17).all()  # 60 km/h


def test_callbacks_come_late_enough_and_at_most_twice(clean: Fieldwork) -> None:
    visits = clean.visits
    assert visits.visit.min() == 1
    assert visits.visit.max() == 3
    order = np.lexsort((visits.revision, visits.case))
    same = visits.case[order][1:] == visits.case[order][:-1]
    step = np.diff(visits.visit[order])[same]
    waited = np.diff(visits.captured_at[order])[same]
    assert set(step.tolist()) == {0, 1}
    assert (waited[step == 1] >= 4 * hours.HOUR).all()
    appointed = np.isfinite(visits.revisit_at)
    assert appointed.sum() > 100
    assert (visits.revisit_at[appointed] >= visits.captured_at[appointed] + 4 * hours.HOUR).all()
    assert not np.isin(visits.result[appointed], FINAL).any()


def test_revisions_are_numbered_without_gaps(month: Fieldwork) -> None:
    visits = month.visits
    order = np.lexsort((visits.captured_at, visits.case))
    first = np.r_[True, np.diff(visits.case[order]) > 0]
    assert (visits.revision[order][first] == 1).all()
    assert (np.diff(visits.revision[order])[~first[1:]] == 1).all()
    assert visits.revision.max() >= 4


def test_corrections_and_their_corrections_happen(clean: Fieldwork) -> None:
    visits = clean.visits
    order = np.lexsort((visits.revision, visits.case))
    again = (visits.case[order][1:] == visits.case[order][:-1]) & (np.diff(visits.visit[order]) == 0)
    completed = np.count_nonzero(visits.result == FINAL[0])
    assert 0.02 < again.sum() / completed < 0.04
    assert (again[1:] & again[:-1]).sum() > 3
    changed = order[1:][again], order[:-1][again]
    assert (visits.block[changed[0]] != visits.block[changed[1]]).any()
    assert (visits.lon[changed[0]] != visits.lon[changed[1]]).any()
    assert (visits.result[changed[0]] != visits.result[changed[1]]).any()


def test_the_prelist_is_partly_wrong(city: City, clean: Fieldwork) -> None:
    entries, families = clean.prelist, len(city.families)
    assert len(set(clean.household_id)) == len(clean.household_id)
    assert len(np.unique(entries.family[entries.family >= 0])) / families == pytest.approx(0.961, abs=0.01)
    gone = entries.family < 0
    assert gone.sum() / families == pytest.approx(0.049, abs=0.01)
    assert ((entries.gone >= 0) == gone).all()
    assert (np.diff(entries.block) >= 0).all()
    strayed = ~gone & (city.families.block[entries.family] != entries.block)
    assert 0 < strayed.sum() < 0.01 * families
    visits = clean.visits
    seen = np.isin(visits.case, np.flatnonzero(strayed)) & (visits.visit == 1) & (visits.revision == 1)
    home = city.families.block[clean.family[visits.case[seen]]]
    assert (visits.block[seen] == home).mean() > 0.95  # declared where found
    houses = entries.building[entries.building >= 0]
    assert entries.sequence[entries.building >= 0].max() <= np.bincount(houses).max()
    assert entries.household_id[0].startswith("SIM-6472030001-001-0001")


def test_new_and_moved_families_are_found_again(clean: Fieldwork) -> None:
    listed, visits = len(clean.prelist.household_id), clean.visits
    new = visits.case >= listed
    assert ((visits.origin == 1) == new).all()
    assert len(clean.household_id) - listed == pytest.approx(0.033 * listed, rel=0.3)
    assert not np.isin(clean.family[listed:], clean.prelist.family).any()
    moved = visits.result == RESULTS.index("moved")
    assert moved.sum() > 20
    assert (clean.family[visits.case[moved]] == -1).all()


def test_gated_blocks_are_harder(city: City, clean: Fieldwork) -> None:
    visits = clean.visits
    first = (visits.revision == 1) & (clean.family[visits.case] >= 0)
    refused = np.isin(visits.result, [RESULTS.index("refused"), RESULTS.index("not_met")])
    gated = city.blocks.gated[visits.block]
    assert refused[first & gated].mean() > 2 * refused[first & ~gated].mean()


def test_staff_have_neighbouring_blocks_and_supervisors(district: City) -> None:
    made = plan(district, CLEAN)
    staff = made.staff
    listed = np.bincount(made.prelist.block, minlength=len(district.blocks))
    assert (staff.enumerator[listed > 0] >= 0).all()
    assert (staff.enumerator[(listed == 0) & (district.blocks.kind == 4)] == -1).all()
    load = np.bincount(staff.enumerator[listed > 0], weights=listed[listed > 0])
    assert 250 <= np.median(load) <= 300
    assert np.percentile(load, 90) < 380
    team = np.bincount(staff.supervisor)
    assert 3 <= team.min() <= team.max() <= 5
    assert np.bincount(staff.coordinator).max() <= 13
    area = np.array([code[:7] for code in district.blocks.code])
    for e in range(len(staff.enumerators)):
        assert len(set(area[np.isin(staff.supervisor[staff.enumerator], [staff.supervisor[e]]) & (listed > 0)])) == 1
    assert {name.split("-")[0] for name in staff.enumerators + staff.supervisors + staff.coordinators} == {
        "ppl",
        "pml",
        "koseka",
    }


def test_every_phone_gets_through_but_those_that_never_send(district: City) -> None:
    made = plan(district, CLEAN)
    kept = ~sent(made)
    silent = np.unique(made.visits.enumerator[kept])
    assert len(silent) == 1  # a hundredth of the enumerators
    assert (made.visits.captured_at[kept] > hours.START + 24 * hours.DAY).all()
    assert (np.diff(made.sync_at) >= 0).all()
    days = [
        len(np.unique(hours.day_of(made.sync_at[made.sync_enumerator == e])))
        for e in range(len(made.staff.enumerators))
    ]
    rare = np.array(days) <= 17
    assert 0.02 < rare.mean() < 0.15
    delay = waiting(made)
    assert np.median(delay) < 4 * hours.HOUR
    assert delay.max() > 2 * hours.DAY


def waiting(made: Fieldwork) -> NDArray[np.float64]:
    """Seconds that visits lie on the phone, of those that are sent."""
    delays = []
    for mine in by_enumerator(made):
        lines = made.sync_at[made.sync_enumerator == made.visits.enumerator[mine[0]]]
        captured = made.visits.captured_at[mine]
        captured = captured[captured <= lines[-1]]
        delays.append(lines[np.searchsorted(lines, captured)] - captured)
    return np.concatenate(delays)


def test_every_submission_is_understood(city: City, month: Fieldwork) -> None:
    ids = set()
    null_island = PLANTED.index("null_island")
    for i in range(len(month.visits)):
        raw = submission(city, month, i)
        ids.add(raw["submission_id"])
        if month.visits.planted[i] == null_island:
            with pytest.raises(Fault) as refused:
                parse(0, raw, LIMITS)
            assert refused.value.reason is Reason.NULL_ISLAND
            continue
        read = parse(0, raw, LIMITS)
        assert isinstance(read, Submission)
        assert not read.notices
    assert len(ids) == len(month.visits)


def test_a_submission_says_what_the_visit_was(city: City, month: Fieldwork) -> None:
    at = int(np.flatnonzero(np.isfinite(month.visits.revisit_at))[0])
    read = parse(0, submission(city, month, at), LIMITS)
    assert read.captured_at.timestamp() == month.visits.captured_at[at]
    assert read.captured_at.utcoffset() == timedelta(hours=8)
    assert read.revisit_at is not None
    assert read.revisit_at > read.captured_at
    assert read.started_at is not None
    assert read.started_at < read.captured_at
    assert read.household_id == month.household_id[month.visits.case[at]]
    assert read.block == city.blocks.code[month.visits.block[at]]
    assert read.enumerator == month.staff.enumerators[month.visits.enumerator[at]]
    assert read.welfare is None  # nobody was met


def test_the_field_status_is_the_familys(city: City) -> None:
    status = np.random.default_rng(1).integers(1, 4, len(city.families)).astype(np.int8)
    made = plan(city, CLEAN, status=status)
    done = made.visits.result == FINAL[0]
    assert (made.visits.welfare[done] == status[made.family[made.visits.case[done]]]).all()
    assert (made.visits.welfare[~done] == 0).all()


def test_the_seed_decides_everything(city: City, month: Fieldwork) -> None:
    again, other = plan(city, Rates()), plan(city, Rates(), seed=99)
    for name in month.visits.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(month.visits, name), getattr(again.visits, name))
    assert month.household_id == again.household_id
    assert month.planted == again.planted
    np.testing.assert_array_equal(month.sync_at, again.sync_at)
    assert len(other.visits) != len(month.visits)
