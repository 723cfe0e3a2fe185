"""Arbitrary values and bytes: nothing but a reason comes out of the parsers, and no identity stays in what is kept."""

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import bodies
from app.bodies import GEOJSON, JSON, LINES, MEDIA_TYPES, TABLE, WORKBOOK, Sent
from app.database import Database, Logins
from geo.errors import BadInput
from geo.ground.areas import Ground, load_ground
from geo.intake import batch
from geo.intake.placing import Placed
from geo.intake.reasons import Fault
from geo.intake.submissions import FIELDS, mask
from tests.hostile.corpus import NIK
from tests.hostile.tables import COLUMNS, book
from tests.world import BLOCKS, submission

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = 100
#: What a body may be refused with.
CODES = [
    "unsupported-body",
    "malformed-body",
    "not-utf8",
    "too-deep",
    "duplicate-key",
    "duplicate-column",
    "no-header",
    "body-too-large",
    "empty-batch",
    "too-many-rows",
]
WORKBOOK_BYTES = book([list(COLUMNS), [submission(1).get(column) for column in COLUMNS]])

scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.sampled_from([NIK, int(NIK), float(NIK), f"NIK {NIK}", "completed", BLOCKS[0].code, 117.141, -0.5, 1])
)  # fmt: skip
names = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.recursive(
    scalars,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(names, inside, max_size=4),
    max_leaves=12,
)
rows = st.dictionaries(st.sampled_from(FIELDS) | names, values, max_size=8)
almost = st.builds(
    lambda changes: submission(1) | changes, st.dictionaries(st.sampled_from(FIELDS), values, max_size=3)
)


@pytest.fixture(scope="module")
async def still_ground(database: Logins) -> Ground:
    """What intake knows of the tiny world, once for this file."""
    db = Database(database, 1)
    async with db.worker.begin() as connection:
        found = await load_ground(connection)
    await db.close()
    return found


def held(ground: Ground, content: bytes, kind: str, encoding: str = "identity") -> list[tuple[object, Placed | Fault]]:
    """Rows and what became of them; none where the body was refused with a documented code."""
    try:
        found = bodies.understand(Sent(content, encoding, kind))
    except BadInput as refused:
        if refused.code not in CODES:
            raise
        return []
    assert 0 < len(found.rows) <= bodies.MAX_ROWS
    return list(zip(found.rows, batch.judge(ground, found.rows), strict=True))


def check(ground: Ground, content: bytes, kind: str, encoding: str = "identity") -> None:
    for row, answer in held(ground, content, kind, encoding):
        assert isinstance(answer, Placed | Fault)
        if isinstance(answer, Fault):
            raw = {"fault": answer.detail} if isinstance(row, Fault) else row
            kept = orjson.dumps(mask(raw)).decode()
            assert NIK not in kept
            assert "\\u0000" not in kept.replace("\\\\", "")  # jsonb cannot hold it


fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(sent=st.lists(rows | almost | values, max_size=4))
@fuzzed
def test_any_json_rows(still_ground: Ground, sent: list[Any]) -> None:
    check(still_ground, orjson.dumps({"submissions": sent}), JSON)
    check(still_ground, b"\n".join(map(orjson.dumps, sent)), LINES)
    check(still_ground, orjson.dumps({"type": "FeatureCollection", "features": sent}), GEOJSON)


@given(
    properties=almost | values,
    geometry=values | st.fixed_dictionaries({"type": st.just("Point"), "coordinates": values}),
)
@fuzzed
def test_any_feature(still_ground: Ground, properties: Any, geometry: Any) -> None:
    feature = {"type": "Feature", "properties": properties, "geometry": geometry}
    check(still_ground, orjson.dumps({"type": "FeatureCollection", "features": [feature]}), GEOJSON)


@given(
    lines=st.lists(st.lists(st.text(max_size=12), max_size=9).map(",".join), max_size=5),
    between=st.sampled_from(",;\t|"),
)
@fuzzed
def test_any_cells(still_ground: Ground, lines: list[str], between: str) -> None:
    text = "\n".join([between.join(COLUMNS), *(line.replace(",", between) for line in lines)])
    check(still_ground, text.encode(errors="replace"), TABLE)


@given(
    content=st.binary(max_size=400),
    kind=st.sampled_from(MEDIA_TYPES),
    packed=st.sampled_from(["identity", "gzip", "whole"]),
)
@fuzzed
def test_any_bytes(still_ground: Ground, content: bytes, kind: str, packed: str) -> None:
    body = gzip.compress(content) if packed == "whole" else content
    check(still_ground, body, kind, "identity" if packed == "identity" else "gzip")


@given(
    places=st.lists(st.tuples(st.integers(0, len(WORKBOOK_BYTES) - 1), st.integers(0, 255)), max_size=6),
    end=st.integers(0, 40),
)
@fuzzed
def test_any_broken_workbook(still_ground: Ground, places: list[tuple[int, int]], end: int) -> None:
    broken = bytearray(WORKBOOK_BYTES)
    for place, byte in places:
        broken[place] = byte
    check(still_ground, bytes(broken[: len(broken) - end]), WORKBOOK)


@given(value=st.dictionaries(names, values, max_size=4), twice=st.booleans(), escaped=st.booleans())
@fuzzed
def test_a_field_named_twice_is_always_found_and_never_invented(
    value: dict[str, Any], twice: bool, escaped: bool
) -> None:
    inside = orjson.dumps(value)
    if twice and value:
        name = next(iter(value))
        again = f'"{escape(name)}"'.encode() if escaped else orjson.dumps(name)
        inside = inside[:-1] + b"," + again + b":1}"
    try:
        bodies.decode(b'{"submissions":[' + inside + b"]}", JSON)
        code = ""
    except BadInput as refused:
        code = refused.code
    assert code == ("duplicate-key" if twice and value else "")


def escape(text: str) -> str:
    """Text as JSON may write it, each letter in one escape or two."""
    pairs = text.encode("utf-16-be").hex()
    return "".join(f"\\u{pairs[at : at + 4]}" for at in range(0, len(pairs), 4))


@pytest.mark.slow
def test_atheris_finds_nothing() -> None:
    pytest.importorskip("atheris", reason="atheris has wheels for Python before 3.13 only")
    runs = os.environ.get("CAKUPAN_FUZZ_RUNS", "200000")
    options = [f"-runs={runs}", "-seed=20221015", "-max_len=4096", "-timeout=10"]
    command = [sys.executable, "-m", "tests.hostile.fuzz", *options]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Done {runs} runs" in done.stderr
