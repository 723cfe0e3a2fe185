"""What is believed of one record: every reason code by some input, and no exception but Fault whatever comes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.database import Database, Logins
from geo.ground.areas import Ground, load_ground
from geo.intake import batch
from geo.intake.batch import Envelope, limits_of
from geo.intake.placing import Placed
from geo.intake.reasons import Fault, Reason
from geo.intake.submissions import FIELDS, MOST_KEPT, Limits, Submission, identity_in, mask, parse
from tests.world import BLOCKS, NOW, SIDE, SOUTH, WEST, submission

LIMITS = Limits(NOW, datetime(2022, 10, 14, 16, tzinfo=UTC), UTC)
#: Looks like a national number: born on the 12th of October.
NIK = "6472031210850001"
MIDDLE_LON, MIDDLE_LAT = BLOCKS[0].at(0.5, 0.5)
DEGREE_M = 111_195.0

CASES: list[tuple[Reason, object]] = [
    (Reason.MALFORMED, Fault(Reason.MALFORMED, "", "is not JSON")),
    (Reason.NOT_AN_OBJECT, None),
    (Reason.NOT_AN_OBJECT, [1, 2]),
    (Reason.NOT_AN_OBJECT, "text"),
    (Reason.NOT_AN_OBJECT, 7),
    *((Reason.MISSING_FIELD, submission(1, **{name: None})) for name in
      ("submission_id", "household_id", "revision", "captured_at", "result", "lon", "lat")),
    (Reason.MISSING_FIELD, submission(1, lon=None, lat=None, block=None)),
    (Reason.BAD_ID, submission(1, submission_id="4711")),
    (Reason.BAD_ID, submission(1, submission_id=4711)),
    (Reason.BAD_ID, submission(1, household_id="with space")),
    (Reason.BAD_ID, submission(1, household_id="x" * 65)),
    (Reason.BAD_ID, submission(1, household_id=12)),
    (Reason.BAD_VALUE, submission(1, result="done")),
    (Reason.BAD_VALUE, submission(1, result=["completed"])),
    (Reason.BAD_VALUE, submission(1, origin="elsewhere")),
    (Reason.BAD_TEXT, submission(1, block="a\x00b")),
    (Reason.BAD_TEXT, submission(1, block={"code": 1})),
    (Reason.BAD_TEXT, submission(1, enumerator="Siti\u202e")),
    (Reason.BAD_TIME, submission(1, captured_at="2022-10-20")),
    (Reason.BAD_TIME, submission(1, captured_at="2022-10-20T09:30:00")),
    (Reason.BAD_TIME, submission(1, captured_at="yesterday")),
    (Reason.BAD_TIME, submission(1, captured_at=1_666_000_000)),
    (Reason.BAD_TIME, submission(1, captured_at="0001-01-01T00:00:00+14:00")),
    (Reason.BAD_TIME, submission(1, revisit_at="2022-13-01T00:00:00Z")),
    (Reason.CLOCK_AHEAD, submission(1, captured_at=(NOW + timedelta(minutes=11)).isoformat())),
    (Reason.CLOCK_AHEAD, submission(1, captured_at="2032-10-20T09:30:00+08:00")),
    (Reason.BEFORE_CAMPAIGN, submission(1, captured_at="2022-10-13T23:59:00+08:00")),
    (Reason.BEFORE_CAMPAIGN, submission(1, captured_at="1970-01-01T00:00:00Z")),
    (Reason.NOT_A_NUMBER, submission(1, lon=str(MIDDLE_LON))),
    (Reason.NOT_A_NUMBER, submission(1, lat=True)),
    (Reason.NOT_A_NUMBER, submission(1, lat=float("nan"))),
    (Reason.NOT_A_NUMBER, submission(1, lon=float("inf"))),
    (Reason.NOT_A_NUMBER, submission(1, lon=10**400)),
    (Reason.NOT_A_NUMBER, submission(1, revision=1.0)),
    (Reason.NOT_A_NUMBER, submission(1, revision="1")),
    (Reason.NOT_A_NUMBER, submission(1, visit=True)),
    (Reason.OUT_OF_RANGE, submission(1, lat=91.0)),
    (Reason.OUT_OF_RANGE, submission(1, lon=181.0)),
    (Reason.OUT_OF_RANGE, submission(1, lon=-500.0, lat=91.0)),
    (Reason.OUT_OF_RANGE, submission(1, revision=0)),
    (Reason.OUT_OF_RANGE, submission(1, visit=4)),
    (Reason.OUT_OF_RANGE, submission(1, welfare=0)),
    (Reason.OUT_OF_RANGE, submission(1, accuracy_m=-1)),
    (Reason.WRONG_CRS, submission(1, lon=13_040_000.0, lat=-55_000.0)),
    (Reason.WRONG_CRS, submission(1, lon=515_600.5, lat=9_943_000.5)),
    (Reason.NULL_ISLAND, submission(1, lon=0, lat=0)),
    (Reason.NULL_ISLAND, submission(1, lon=0.0)),
    (Reason.NULL_ISLAND, submission(1, lat=-0.0)),
    (Reason.AXES_SWAPPED, submission(1, lon=MIDDLE_LAT, lat=MIDDLE_LON)),
    (Reason.OUTSIDE_CAMPAIGN, submission(1, lon=106.8, lat=-6.2)),
    (Reason.OUTSIDE_CAMPAIGN, submission(1, lon=WEST - 5100 / DEGREE_M, lat=MIDDLE_LAT)),
    (Reason.UNKNOWN_BLOCK, submission(1, block="6472030001-SIM99", lon=None, lat=None)),
    (Reason.IDENTITY_NUMBER, submission(1, household_id=NIK)),
    (Reason.IDENTITY_NUMBER, submission(1, nik=int(NIK))),
    (Reason.IDENTITY_NUMBER, submission(1, nik=float(NIK))),
    (Reason.IDENTITY_NUMBER, submission(1, enumerator=f"x {NIK}")),
    (Reason.IDENTITY_NUMBER, submission(1, note={"deep": [NIK]})),
    (Reason.IDENTITY_NUMBER, submission(1, **{NIK: 1})),
    (Reason.IDENTITY_NUMBER, submission(1, **{NIK: 1.5})),
    (Reason.IDENTITY_NUMBER, submission(1, nik="6472035210850001")),
]  # fmt: skip


@pytest.fixture(scope="module")
async def still_ground(database: Logins) -> Ground:
    """What intake knows of the tiny world, once for this file."""
    db = Database(database, 1)
    async with db.worker.begin() as connection:
        found = await load_ground(connection)
    await db.close()
    return found


def judged(ground: Ground, row: object) -> Placed | Fault:
    (answer,) = batch.judge(ground, [row])
    return answer


@pytest.mark.parametrize(("reason", "row"), CASES, ids=lambda value: value.value if isinstance(value, Reason) else "")
async def test_each_reason_by_its_input(still_ground: Ground, reason: Reason, row: object) -> None:
    answer = judged(still_ground, row)
    assert isinstance(answer, Fault)
    assert answer.reason is reason
    assert answer.detail
    assert NIK not in f"{answer.field}{answer.detail}"


def test_every_reason_has_a_case() -> None:
    # CONFLICT needs what is stored; test_path.py holds its cases
    assert {reason for reason, _ in CASES} == set(Reason) - {Reason.CONFLICT}


async def test_a_believable_record_is_believed(still_ground: Ground) -> None:
    answer = judged(still_ground, submission(1, note="a field of their own"))
    assert isinstance(answer, Placed)
    assert answer.number == BLOCKS[0].number == answer.located
    assert answer.submission.notices == ("UNKNOWN_FIELD note",)
    assert answer.flags is None


async def test_swapped_axes_bring_the_fix_along(still_ground: Ground) -> None:
    answer = judged(still_ground, submission(1, lon=MIDDLE_LAT, lat=MIDDLE_LON))
    assert isinstance(answer, Fault)
    assert answer.proposal == {"lon": MIDDLE_LON, "lat": MIDDLE_LAT}
    fixed = judged(still_ground, submission(1, **answer.proposal))
    assert isinstance(fixed, Placed)


@pytest.mark.parametrize(("metres", "believed"), [(1, True), (4900, True), (4990, True), (5010, False), (5100, False)])
@pytest.mark.parametrize("side", ["west", "north"])
async def test_five_kilometres_decide(still_ground: Ground, metres: float, believed: bool, side: str) -> None:
    # by the sphere of the locator; at the equator the ellipsoid differs by less than seven metres in a thousand
    lon, lat = BLOCKS[0].at(0.5, 0.5)
    if side == "west":
        lon = WEST - metres / DEGREE_M
    else:
        lat = SOUTH + 2 * SIDE + metres / DEGREE_M
    margin = 5000 * 0.0072
    answer = judged(still_ground, submission(1, block=None, lon=lon, lat=lat))
    if abs(metres - 5000) > margin:
        assert isinstance(answer, Placed) is believed
    if isinstance(answer, Placed):
        assert answer.number == answer.located == 0
    else:
        assert answer.reason is Reason.OUTSIDE_CAMPAIGN


async def test_doubts_are_flagged_and_stored(still_ground: Ground) -> None:
    lon, lat = BLOCKS[1].at(0.1, 0.5)
    cases = {
        "low_accuracy": submission(1, accuracy_m=51),
        "outside_block": submission(2, BLOCKS[0], lon=lon, lat=lat, accuracy_m=20),
        "unknown_block": submission(3, block="6472030001-SIM99"),
    }
    for flag, row in cases.items():
        answer = judged(still_ground, row)
        assert isinstance(answer, Placed)
        assert answer.flags == flag
    near = judged(still_ground, submission(4, BLOCKS[0], lon=lon, lat=lat, accuracy_m=49.9))
    assert isinstance(near, Placed)
    assert near.flags is None  # about 44 m outside its block, within its accuracy


# ── whatever comes ────────────────────────────────────────────────────────────────────────────────────────────────

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.just(NIK) | st.just(10**400)
    | st.sampled_from(["", "\x00", "\ud800", "2022-10-20T09:30:00Z", "9999-12-31T23:59:59-23:59", "2022-W40-7T00Z"])
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def tried(raw: object) -> Submission | Fault:
    try:
        return parse(0, raw, LIMITS)
    except Fault as fault:
        return fault


@given(name=st.sampled_from(FIELDS), value=values)
@settings(max_examples=400, deadline=None)
def test_any_value_in_any_field(name: str, value: object) -> None:
    answer = tried(submission(1) | {name: value})
    if isinstance(answer, Submission):
        answer.digest()
        assert 1 <= answer.revision <= 1_000_000
        assert not identity_in(submission(1) | {name: value})


@given(raw=values | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=20), values, max_size=6))
@settings(max_examples=400, deadline=None)
def test_any_object(raw: object) -> None:
    tried(raw)


@given(lon=st.floats(allow_nan=False, allow_infinity=False), lat=st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_point_is_placed_or_a_fault(still_ground: Ground, lon: float, lat: float) -> None:
    answer = judged(still_ground, submission(1, lon=lon, lat=lat))
    if isinstance(answer, Placed):
        assert abs(lon - WEST) < 0.1
        assert abs(lat - SOUTH) < 0.1
        assert answer.cell


def nested(depth: int, inside: object = 1) -> object:
    for _ in range(depth):
        inside = [inside]
    return inside


@pytest.mark.parametrize("depth", [10, 31, 200, 300, 1000, 5000])
def test_nesting_of_any_depth(depth: int) -> None:
    answer = tried(submission(1) | {"note": nested(depth)})
    assert isinstance(answer, Submission) is (depth < 32)
    orjson.dumps(mask(submission(1) | {"note": nested(depth)}))


# ── identities ────────────────────────────────────────────────────────────────────────────────────────────────────

wholes = st.integers(10**15, 10**16 - 1)
holders = st.recursive(
    st.sampled_from([NIK, int(NIK), float(NIK), f"NIK: {NIK}.", f"\x00{NIK}\\u0000", f"\x01{NIK}"]) | scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.just(NIK) | st.text(max_size=8), inner, max_size=4),
)  # fmt: skip


@given(raw=holders)
@settings(max_examples=400, deadline=None)
def test_nothing_that_is_kept_holds_an_identity(raw: object) -> None:
    kept = orjson.dumps(mask(raw)).decode()
    assert NIK not in kept
    assert "\\u0000" not in kept.replace("\\\\", "")  # jsonb cannot hold it


def test_of_a_huge_row_only_what_is_kept_is_looked_at() -> None:
    looked = 0

    class Long(list[str]):
        def __iter__(self) -> Iterator[str]:
            nonlocal looked
            for value in super().__iter__():
                looked += 1
                yield value

    kept = mask({"note": Long([NIK] * 400_000)})
    assert isinstance(kept, dict)
    assert list(kept) == ["cut"]
    assert (len(kept["cut"]), NIK in kept["cut"]) == (2_000, False)
    assert looked < MOST_KEPT


@given(number=wholes)
def test_a_plausible_date_in_places_seven_to_ten_decides(number: int) -> None:
    day, month = int(str(number)[6:8]), int(str(number)[8:10])
    plausible = (1 <= day <= 31 or 41 <= day <= 71) and 1 <= month <= 12
    assert bool(identity_in({"note": str(number)})) is plausible
    assert bool(identity_in({"note": number})) is plausible
    assert (str(number) not in orjson.dumps(mask({"note": number})).decode()) is plausible


def test_longer_numbers_and_block_codes_are_no_identities() -> None:
    assert not identity_in({"note": f"1{NIK}", "block": NIK, "lon": 117.1012108500012})
    assert identity_in({"note": f"a{NIK}b"}) == "note"


async def test_what_cannot_be_believed_is_kept_masked_and_once(db: Database, ground: Ground) -> None:
    assert limits_of(ground).now == NOW
    rows: list[object] = [row for _, row in CASES]
    rows.append(Fault(Reason.MALFORMED, "", f"is not JSON: \x00 {NIK}"))
    judgement = batch.judge(ground, rows)
    for _ in range(2):
        async with db.worker.begin() as connection:
            receipts = await batch.store(connection, ground, Envelope(1, "test", b"", 0), rows, judgement)
        assert [r.status for r in receipts] == ["quarantined"] * len(rows)
        assert not any(NIK in str(r.detail) for r in receipts)
    async with db.worker.begin() as connection:
        found = await connection.execute(text("SELECT quarantine::text AS line FROM intake.quarantine"))
        lines = list(found.scalars())
    assert len(lines) <= len(rows)
    assert len(lines) >= len({orjson.dumps(mask(row if not isinstance(row, Fault) else row.detail)) for row in rows})
    assert not any(NIK in line for line in lines)
