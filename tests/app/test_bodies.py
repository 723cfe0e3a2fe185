"""What comes of one body: its rows, their notices, the ids made for a list without them, the digest in the receipt.

Bodies that are made to hurt are in `tests/hostile`.
"""

import gzip
import hashlib
from datetime import UTC, timedelta, timezone
from typing import Any

import orjson
import pytest

from app import bodies
from app.bodies import GEOJSON, JSON, LINES, TABLE, WORKBOOK, Lacking
from geo.intake.reasons import Fault, Reason
from tests.conftest import Service
from tests.hostile.corpus import features, point, rows_of
from tests.hostile.tables import COLUMNS, book, table
from tests.world import submission

MAKASSAR = timezone(timedelta(hours=8))
ROWS = [submission(n) for n in range(3)]
SHOWN = tuple(ROWS[0])


def cells(rows: list[dict[str, Any]], columns: tuple[str, ...] = SHOWN) -> list[list[Any]]:
    return [list(columns), *([row.get(c) for c in columns] for row in rows)]


BODIES = [
    (rows_of(*ROWS), JSON),
    (b"\n".join(map(orjson.dumps, ROWS)), LINES),
    (table(*ROWS, columns=SHOWN).encode(), TABLE),
    (table(*ROWS, columns=SHOWN, between=";").encode("utf-16"), f"{TABLE}; charset=utf-16"),
    (features(*(point([r["lon"], r["lat"]], **r) for r in ROWS)), GEOJSON),
    (book(cells(ROWS)), WORKBOOK),
]


@pytest.mark.parametrize(("content", "kind"), BODIES, ids=[kind for _, kind in BODIES])
def test_every_format_gives_the_same_rows(content: bytes, kind: str) -> None:
    assert bodies.decode(content, kind).rows == ROWS


def test_decoding_is_told_in_a_notice(service: Service) -> None:
    for mark, encoding in (("DECODED utf-8-sig", "utf-8-sig"), ("DECODED utf-16", "utf-16")):
        body = rows_of(submission(encoding, x=1)).decode().encode(encoding)
        with service.client() as client:
            answer = client.post("/v1/submissions", content=body, headers={"Content-Type": JSON})
        assert answer.json()["results"][0]["notices"] == [mark, "UNKNOWN_FIELD x"]


def test_a_workbook_of_two_sheets_says_which_was_read() -> None:
    found = bodies.decode(book(cells(ROWS), sheets=2), WORKBOOK)
    assert found.notices == ("WORKBOOK the workbook has 2 sheets; Sheet1 was read",)


def test_the_receipt_names_the_bytes_as_they_were_sent(service: Service) -> None:
    packed = gzip.compress(rows_of(submission("packed")))
    with service.client() as client:
        answer = client.post(
            "/v1/submissions", content=packed, headers={"Content-Type": JSON, "Content-Encoding": "gzip"}
        )
    assert answer.status_code == 201
    assert answer.json()["body_sha256"] == hashlib.sha256(packed).hexdigest()


def test_a_list_without_ids_gets_the_same_ones_in_every_file() -> None:
    less = tuple(column for column in SHOWN if column != "submission_id")
    by = Lacking(UTC, "api 7")
    first = bodies.decode(table(*ROWS, columns=less).encode(), TABLE, by).rows
    other = bodies.decode(book(cells(ROWS[::-1], less)), WORKBOOK, by).rows
    assert first == other[::-1]
    assert len({row["submission_id"] for row in first if isinstance(row, dict)}) == len(ROWS)
    assert first != bodies.decode(table(*ROWS, columns=less).encode(), TABLE, Lacking(UTC, "api 8")).rows


def test_local_times_are_the_campaigns() -> None:
    content = table(submission(1, captured_at="2022-10-20 09:30:00"), columns=COLUMNS).encode()
    (row,) = bodies.decode(content, TABLE, Lacking(MAKASSAR)).rows
    assert isinstance(row, dict)
    assert row["captured_at"] == "2022-10-20T09:30:00+08:00"


def test_a_broken_line_is_kept_as_it_was_sent() -> None:
    content = f"{','.join(COLUMNS)}\na,b,c\n".encode()
    (fault,) = bodies.decode(content, TABLE).rows
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.detail) == (Reason.MALFORMED, "has 3 cells, the first line 8: a,b,c")


def test_a_thousand_unknown_fields_are_told_of_briefly(service: Service) -> None:
    answer = service.send(submission("many", **{f"f{n}": 1 for n in range(1000)}))
    (row,) = answer.json()["results"]
    assert len(row["notices"]) == 51
    assert row["notices"][-1] == "AND_MORE 950"
