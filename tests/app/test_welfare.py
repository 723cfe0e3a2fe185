"""The welfare ledger over HTTP: lists in, whatever they are; receipts; one household's history; rows held back."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import xlsxwriter

from app.api.welfare import LedgerHeldOut, LedgerOut, WelfareOut
from app.bodies import JSON, LINES, MAX_BYTES, TABLE, WORKBOOK
from tests.app.reading import page_of, rows_of
from tests.app.townspeople import done
from tests.conftest import Service
from tests.world import BLOCKS, submission

RANK, HELD = "/v1/welfare/rank?dated=2022-10-20", "/v1/welfare/held"
NIK = "6472031505900001"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def counted(service: Service) -> Service:
    """A household in each block, the first two with a status from the door."""
    rows = [submission(n, block, welfare=2 if n < 2 else None) for n, block in enumerate(BLOCKS)]
    assert service.send(*rows).json()["counts"]["stored"] == len(BLOCKS)
    return service


def sent(
    service: Service, body: object, kind: str = JSON, to: str = RANK, who: str = "admin", **headers: str
) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with service.client(who) as client:
        return client.post(to, content=content, headers={"content-type": kind, **headers})


def workbook(*rows: tuple[object, ...], formula: str | None = None) -> bytes:
    """A workbook of these rows; a formula as the last cell of the last row, which was never computed."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    sheet = book.add_worksheet()
    for at, row in enumerate(rows):
        sheet.write_row(at, 0, row)
    if formula:
        sheet.write_formula(len(rows) - 1, len(rows[-1]) - 1, formula, None, "")
    book.close()
    return file.getvalue()


def bomb() -> bytes:
    """A workbook whose sheet is 30 MB of blanks."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 30_000_000)
    return file.getvalue()


def test_every_form_comes_to_the_same(counted: Service) -> None:
    table = b"household_id,score\nSIM-0,31.5\nSIM-1,40\n"
    first = sent(counted, table, TABLE)
    assert first.status_code == 201, first.text
    assert first.headers["cache-control"] == "no-store"
    LedgerOut.model_validate_json(first.content)
    assert first.json()["counts"] == {"stored": 2, "duplicate": 0, "conflict": 0, "held": 0}
    events = [{"household_id": "SIM-0", "score": 31.5}, {"household_id": "SIM-1", "score": 40, "dated": "2022-10-20"}]
    book = workbook(("household_id", "score"), ("SIM-0", 31.5), ("SIM-1", 40))
    for body, kind, more in (
        (table, TABLE, {}),
        (b"\xef\xbb\xbf" + table.replace(b",", b";"), TABLE, {}),
        (table.decode().encode("utf-16"), TABLE, {}),
        (gzip.compress(table), TABLE, {"content-encoding": "gzip"}),
        (book, WORKBOOK, {}),
        ({"events": events}, JSON, {}),
        (b"\n".join(json.dumps(event).encode() for event in events), LINES, {}),
    ):
        answer = sent(counted, body, kind, **more)
        assert answer.status_code == 201, answer.text
        assert answer.json()["counts"]["duplicate"] == 2, (kind, answer.text)


HOSTILE: dict[str, tuple[Callable[[], bytes], str, Json, int, str]] = {
    "not JSON": (lambda: b'{"events": [', JSON, {}, 422, "malformed-body"),
    "another list": (lambda: b'{"submissions": [{}]}', JSON, {}, 422, "malformed-body"),
    "a key twice": (lambda: b'{"events": [{"score": 1, "score": 2}]}', JSON, {}, 422, "duplicate-key"),
    "deep": (lambda: b'{"events": ' + b"[" * 40 + b"]" * 40 + b"}", JSON, {}, 422, "too-deep"),
    "nothing": (lambda: b"", JSON, {}, 422, "malformed-body"),
    "no rows": (lambda: b'{"events": []}', JSON, {}, 422, "empty-batch"),
    "too many": (lambda: b'{"events": [' + b",".join([b"{}"] * 10_001) + b"]}", JSON, {}, 422, "too-many-rows"),
    "Latin-1": (lambda: "household_id,score\nSIM-é,1\n".encode("latin-1"), TABLE, {}, 422, "not-utf8"),
    "no header": (lambda: b"SIM-0,1\n", TABLE, {}, 422, "no-header"),
    "a column twice": (lambda: b"household_id,score,score\nSIM-0,1,2\n", TABLE, {}, 422, "duplicate-column"),
    "no gzip": (lambda: b"household_id", TABLE, {"content-encoding": "gzip"}, 422, "malformed-body"),
    "half of gzip": (lambda: gzip.compress(b"household_id")[:-9], TABLE, {"content-encoding": "gzip"}, 422,
                     "malformed-body"),
    "gzip without end": (lambda: gzip.compress(b" " * (MAX_BYTES + 1)), TABLE, {"content-encoding": "gzip"}, 413,
                         "body-too-large"),
    "20 MB": (lambda: b" " * (MAX_BYTES + 1), TABLE, {}, 413, "body-too-large"),
    "a zip bomb": (bomb, WORKBOOK, {}, 413, "body-too-large"),
    "no workbook": (lambda: b"PK\x03\x04", WORKBOOK, {}, 422, "malformed-body"),
    "a map": (lambda: b'{"type": "FeatureCollection", "features": []}', "application/geo+json", {}, 415,
              "unsupported-body"),
    "XML": (lambda: b"<kml/>", "application/xml", {}, 415, "unsupported-body"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_list_is_refused(counted: Service, name: str) -> None:
    body, kind, headers, status, code = HOSTILE[name]
    answer = sent(counted, body(), kind, **headers)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:cakupan:problem:{code}")


def test_what_is_no_row_is_held_and_the_others_are_not(counted: Service) -> None:
    lines = [
        *("household_id,score", "SIM-2,7", "SIM-2,1e400", "SIM-2,=1+1", "SIM-2,NaN", 'SIM-2,"1', f"{NIK},1", "\x00,1"),
        "SIM-2,1,2",
    ]
    answer = sent(counted, "\n".join(lines).encode(), TABLE).json()
    assert [row["reason"] for row in answer["results"]] == [
        *(None, "NOT_A_NUMBER", "NOT_A_NUMBER", "NOT_A_NUMBER", "MALFORMED", "LOOKS_LIKE_IDENTITY", "BAD_ID"),
        "MALFORMED",
    ]
    assert answer["counts"] == {"stored": 1, "duplicate": 0, "conflict": 0, "held": 7}
    assert NIK not in json.dumps(answer)
    odd = b'{"events": [{"household_id": "SIM-3", "score": 1e400}, {"household_id": "SIM-3", "score": NaN}, 7, null]}'
    found = [row["reason"] for row in sent(counted, odd).json()["results"]]
    assert found == [*["NOT_A_NUMBER"] * 2, *["NOT_AN_OBJECT"] * 2]
    formula = workbook(("household_id", "score"), ("SIM-3", 0), formula="=HYPERLINK(1)")
    assert sent(counted, formula, WORKBOOK).json()["results"][0]["status"] == "held"
    with counted.client() as client:
        page = page_of(HELD, LedgerHeldOut, client, scale="rank", within=BLOCKS[2].code)
    assert {row["household_id"] for row in page["held"]} == {"SIM-2"}
    assert {row["code"] for row in page["held"]} == {BLOCKS[2].code}
    assert page["reasons"] == {"NOT_A_NUMBER": 3}


@pytest.mark.parametrize("to", ["/v1/welfare/wealth", "/v1/welfare/held", "/v1/welfare/rank?dated=tomorrow"])
def test_what_is_no_scale_or_no_day_is_refused(counted: Service, to: str) -> None:
    answer = sent(counted, {"events": [{}]}, to=to)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:cakupan:problem:bad-parameter")
    later = sent(counted, {"events": [{}]}, to="/v1/welfare/rank?dated=2022-10-25")
    assert later.json()["type"] == "urn:cakupan:problem:bad-day"


def test_one_household_on_three_scales(counted: Service) -> None:
    forum = {"household_id": "SIM-1", "after": 1, "before": 3, "forum": BLOCKS[1].code, "reason": "kehilangan kerja"}
    assert sent(counted, {"events": [forum]}, to="/v1/welfare/consultation?dated=2022-10-22").status_code == 201
    with counted.client("supervisor") as client:
        found = client.get("/v1/households/SIM-1/welfare")
        assert found.headers["cache-control"] == "no-store"
        WelfareOut.model_validate_json(found.content)
        said = found.json()
        assert said["on"] == "2022-10-24"
        assert said["consultation"] == {"value": 1, "dated": "2022-10-22", "source": "ledger"}
        assert said["field_status"] == {"value": 2, "dated": "2022-10-21", "source": "door"}
        told = next(event for event in said["events"] if event["scale"] == "consultation")
        assert (told["forum"], told["reason"], told["actor"]) == (BLOCKS[1].code, "kehilangan kerja", "admin")
        before = client.get("/v1/households/SIM-1/welfare", params={"on": "2022-10-21"}).json()
        assert (before["consultation"], before["field_status"]["value"]) == (None, 2)
        for other in ("SIM-5", "SIM-nobody"):
            assert client.get(f"/v1/households/{other}/welfare").status_code == 404
    acts = done(counted.logins, lambda db: db.exec_driver_sql(
        "SELECT a.name FROM trust.audit u JOIN trust.account a ON a.account_id = u.actor WHERE act = 'welfare.read'"
    )).scalars().all()  # fmt: skip
    assert acts == ["supervisor"] * 2


def test_a_coordinator_writes_of_its_own_and_reads_what_it_sent(counted: Service) -> None:
    rows = [{"household_id": "SIM-4", "field_status": 3}, {"household_id": "SIM-nobody", "field_status": 3}]
    to = "/v1/welfare/field_status?dated=2022-10-23"
    answer = sent(counted, {"events": rows}, to=to, who="coordinator").json()
    assert [row["reason"] or row["status"] for row in answer["results"]] == ["stored", "UNKNOWN_HOUSEHOLD"]
    with counted.client("coordinator") as client:
        page = page_of(HELD, LedgerHeldOut, client, scale="field_status")
        assert [(row["household_id"], row["own"], row["code"]) for row in page["held"]] == [("SIM-nobody", True, None)]
        for format_ in ("csv", "xlsx", "geojson"):
            body = client.get(HELD, params={"format": format_, "scale": "field_status"}).content
            assert [row["household_id"] for row in rows_of(body, "held", format_)] == ["SIM-nobody"]
        assert client.get(HELD, params={"limit": 0}).json()["held"] == []
    with counted.client("supervisor") as client:
        assert client.get(HELD, params={"scale": "field_status"}).json()["held"] == []
