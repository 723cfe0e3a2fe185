"""The corpus of tables: CSV bodies, and workbooks, some of them made to hurt."""

import csv
import io
import zipfile
from collections.abc import Iterator
from typing import Any

import xlsxwriter

from app.bodies import TABLE, WORKBOOK
from tests.hostile.corpus import LAT, LON, NIK, Case, good

COLUMNS = ("submission_id", "household_id", "revision", "block", "lon", "lat", "captured_at", "result")


def table(*rows: dict[str, Any], columns: tuple[str, ...] = COLUMNS, between: str = ",") -> str:
    """CSV text of rows."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=between, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def csv_bodies() -> Iterator[Case]:
    def row(name: str, /, **changes: Any) -> dict[str, Any]:
        return good(f"csv-{name}", **changes)

    one = table(row("one"))
    lines = table(*(row(f"l{n}") for n in range(3))).splitlines()
    apart = ("MALFORMED", "stored", "MALFORMED")
    mixed = f'{lines[0]}\n"x,1\n{table(row("mid")).splitlines()[1]}\ny",1'
    less = tuple(c for c in COLUMNS if c != "submission_id")
    for name, text, words in [
        ("commas", one, ("stored",)),
        ("semicolons", table(row("semi"), between=";"), ("stored",)),
        ("tabs", table(row("tab"), between="\t"), ("stored",)),
        ("lone carriage returns", table(row("cr")).replace("\r\n", "\r"), ("stored",)),
        ("without submission_id", table(row("less"), columns=less), ("stored",)),
        ("the same row without submission_id again", table(row("less"), columns=less, between=";"), ("duplicate",)),
        ("without household and id", table(row("no", household_id=None), columns=less), ("MISSING_FIELD",)),
        ("without revision", table(row("rev", revision=None), columns=less), ("MISSING_FIELD",)),
        ("local times", table(row("local", captured_at="2022-10-20 09:30:00")), ("stored",)),
        ("a date alone", table(row("date", captured_at="2022-10-20")), ("BAD_TIME",)),
        ("a time as Excel writes it", table(row("excel", captured_at="20/10/2022 09:30")), ("BAD_TIME",)),
        ("NaN", table(row("nan", lon="NaN")), ("NOT_A_NUMBER",)),
        ("inf", table(row("inf", lat="-inf")), ("NOT_A_NUMBER",)),
        ("1e400", table(row("e400", lon="1e400")), ("NOT_A_NUMBER",)),
        ("a decimal comma", table(row("comma", lon="117,14"), between=";"), ("NOT_A_NUMBER",)),
        ("hexadecimal", table(row("hex", revision="0x1")), ("NOT_A_NUMBER",)),
        ("Arabic digits", table(row("arab", revision="\u0661")), ("NOT_A_NUMBER",)),
        ("axes swapped", table(row("swap", lon=LAT, lat=LON)), ("AXES_SWAPPED",)),
        ("a formula", table(row("formula", result="=1+1")), ("BAD_VALUE",)),
        ("a national number", table(row("nik") | {"nama": NIK}, columns=(*COLUMNS, "nama")), ("IDENTITY_NUMBER",)),
        ("NUL in a cell", table(row("nul", result="a\x00")), ("BAD_VALUE",)),
        ("a cell too few", f"{lines[0]}\n{lines[1].rpartition(',')[0]}\n{lines[2]}", ("MALFORMED", "stored")),
        ("a cell too many", f"{lines[0]}\n{lines[3]},x", ("MALFORMED",)),
        ("a quote left open", f'{lines[0]}\n"{lines[1]}\n{lines[3]}', ("MALFORMED", "stored")),
        ("a quote out of place", f'{lines[0]}\n"a"b{lines[1]}', ("MALFORMED",)),
        ("two quotes that could swallow rows", mixed, apart),
        ("blank rows", f"\n\n{lines[0]}\n,,,,,,,\n\n{table(row('blank')).splitlines()[1]}\n", ("stored",)),
        ("a column without a name", f"{lines[0]},\n{table(row('unnamed')).splitlines()[1]},x", ("stored",)),
        ("a cell of 200,000 characters", f"{lines[0]}\n{'x' * 200_000},,,,,,,", ("MALFORMED",)),
        ("HTML", table(row("html", household_id="<b>")), ("BAD_ID",)),
    ]:  # fmt: skip
        yield Case(f"CSV: {name}", text.encode(), words, kind=TABLE)
    yield Case("CSV: UTF-8 with a mark", table(row("bom")).encode("utf-8-sig"), ("stored",), kind=TABLE)
    yield Case("CSV: UTF-16 with tabs", table(row("u16"), between="\t").encode("utf-16"), ("stored",), kind=TABLE)
    head = ",".join(COLUMNS)
    for name, body, code in [
        ("0 bytes", b"", "empty-batch"),
        ("a header alone", head.encode(), "empty-batch"),
        ("no header", one.splitlines()[1].encode() * 2, "no-header"),
        ("no header, one cell", b"x\ny\n", "no-header"),
        ("JSON", b'{"submissions": [1]}\n', "no-header"),
        ("two columns of one name", f"{head},result\n".encode(), "duplicate-column"),
        ("a million columns", lambda: b"household_id" + b";" * 1_000_000 + b"\n1", "malformed-body"),
        ("a quote left open in the header", f'{head},"x\ny"\n1'.encode(), "malformed-body"),
        ("Latin-1", f"{head}\né,,,,,,,".encode("latin-1"), "not-utf8"),
        ("Shift-JIS", f"{head}\n日本,,,,,,,".encode("shift-jis"), "not-utf8"),
        ("random bytes", bytes(range(256)), "not-utf8"),
        ("10,001 rows", f"{head}\n".encode() + b"1,,,,,,,\n" * 10_001, "too-many-rows"),
        ("10 million lines", lambda: b"household_id\n" + b"1\n" * 9_000_000, "too-many-rows"),
    ]:
        yield Case(f"CSV: {name}", body, (code,), 422, TABLE)


def book(rows: list[list[Any]], sheets: int = 1, at: tuple[int, int] = (0, 0)) -> bytes:
    """A workbook of rows."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as made:
        for _ in range(sheets):
            sheet = made.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(at[0] + number, at[1], row)
    return file.getvalue()


def rezipped(workbook: bytes, changes: dict[str, bytes | None], more: dict[str, bytes] | None = None) -> bytes:
    """The workbook with parts replaced, left out (None) or added."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = changes.get(entry.filename, old.read(entry))
            if content is not None:
                new.writestr(entry, content)
        for name, content in (more or {}).items():
            new.writestr(name, content)
    return file.getvalue()


def sheet_of(cells: bytes) -> bytes:
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    return b'<?xml version="1.0"?><worksheet ' + space + b"><sheetData>" + cells + b"</sheetData></worksheet>"


def lying(workbook: bytes) -> bytes:
    """A workbook whose directory declares ten bytes for a part that unpacks to 50 MB."""
    bomb = rezipped(workbook, {"xl/worksheets/sheet1.xml": b"0" * 50_000_000})
    size = (50_000_000).to_bytes(4, "little")
    return bomb.replace(size, (10).to_bytes(4, "little"))


def workbooks() -> Iterator[Case]:
    row = good("book")
    plain = book([list(COLUMNS), [row.get(c) for c in COLUMNS]])
    sheet, strings = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
    twice = book([list(COLUMNS), [row.get(c) for c in COLUMNS]], sheets=2)
    boolean = [good("bool", lon=True)[c] for c in COLUMNS]
    dated = good("dated", captured_at=None)
    for name, body, words in [
        ("a list", plain, ("stored",)),
        ("two sheets", twice, ("duplicate",)),
        ("not in the corner", book([list(COLUMNS), [row.get(c) for c in COLUMNS]], at=(5, 3)), ("duplicate",)),
        ("ids as numbers", book([["household_id", "revision"], [12345, 1.0]]), ("MISSING_FIELD",)),
        ("a code that lost its end", book([["household_id", "block"], ["x", 6472030001000012345]]), ("MISSING_FIELD",)),
        ("a boolean", book([list(COLUMNS), boolean]), ("NOT_A_NUMBER",)),
        ("a formula", book([["household_id", "revision"], ["=1/0", 1]]), ("MISSING_FIELD",)),
        ("without a time", book([list(dated), list(dated.values())]), ("MISSING_FIELD",)),
    ]:  # fmt: skip
        yield Case(f"XLSX: {name}", body, words, kind=WORKBOOK)
    far = sheet_of(b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    odd = sheet_of(b"<row><c><v>1</v></c></row>" + b"<row r='1000000'><c r='XFD1000000'><v>1</v></c></row>")
    long = b'<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>'
    long += b"x" * 1_000_000 + b"</t></si></sst>"
    repeated = sheet_of(b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (n, n) for n in range(1, 3000)))
    laughs = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + far[21:]
    for name, body, code, status in [
        ("0 bytes", b"", "malformed-body", 422),
        ("no archive", b"household_id", "malformed-body", 422),
        ("an empty archive", b"PK\x05\x06" + b"\0" * 18, "malformed-body", 422),
        ("truncated", plain[:-100], "malformed-body", 422),
        ("without its sheet", rezipped(plain, {sheet: None}), "malformed-body", 422),
        ("without a workbook", rezipped(plain, {"xl/workbook.xml": None}), "malformed-body", 422),
        ("an empty sheet", book([]), "empty-batch", 422),
        ("a header alone", book([list(COLUMNS)]), "empty-batch", 422),
        ("no header", book([[1, 2, 3]]), "no-header", 422),
        ("two columns of one name", book([["household_id", "household_id"]]), "duplicate-column", 422),
        ("a sheet of broken XML", rezipped(plain, {sheet: b"<worksheet><sheetData><row>"}), "malformed-body", 422),
        ("entities", rezipped(plain, {sheet: laughs}), "malformed-body", 422),
        ("two cells in opposite corners", rezipped(plain, {sheet: far}), "body-too-large", 413),
        ("the same, written otherwise", rezipped(plain, {sheet: odd}), "body-too-large", 413),
        ("a long text repeated", rezipped(plain, {sheet: repeated, strings: long}), "body-too-large", 413),
        ("a zip bomb", lambda: rezipped(plain, {sheet: bytes(120_000_000)}), "body-too-large", 413),
        ("a zip bomb that lies", lambda: lying(plain), "body-too-large", 413),
        ("65 entries", rezipped(plain, {}, {f"xl/{n}.xml": b"<a/>" for n in range(65)}), "body-too-large", 413),
        ("an OpenDocument sheet", rezipped(plain, {}, {"content.xml": b"<a/>"}), "malformed-body", 422),
        ("10,001 rows", lambda: book([["household_id"], *[["x"]] * 10_001]), "too-many-rows", 422),
    ]:  # fmt: skip
        yield Case(f"XLSX: {name}", body, (code,), status, WORKBOOK)
    climbing = rezipped(plain, {}, {"../../etc/passwd": b"x", "C:\\x": b"y", "nested.zip": plain})
    yield Case("XLSX: paths that climb, an archive inside", climbing, ("duplicate",), kind=WORKBOOK)


def cases() -> Iterator[Case]:
    """CSV and XLSX."""
    yield from csv_bodies()
    yield from workbooks()
