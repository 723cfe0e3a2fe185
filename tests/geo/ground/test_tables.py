"""Tables as offices write them: encodings, delimiters, numbers that were codes."""

import zipfile
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
import xlsxwriter

from geo.errors import BadInput
from geo.ground.tables import read_table

PLAIN = [{"kode": "0123", "nama": "Jérôme"}, {"kode": "6472030001", "nama": None}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("encoding", "noticed"), [("utf-8", False), ("utf-8-sig", False), ("utf-16", False), ("latin-1", True)]
)
def test_csv_reads_the_same_in_every_encoding(tmp_path: Path, encoding: str, noticed: bool, delimiter: str) -> None:
    path = tmp_path / "a.csv"
    lines = ["kode,nama", ' 0123 ,"Jérôme"', "", ",", "6472030001,"]
    path.write_bytes("\r\n".join(lines).replace(",", delimiter).encode(encoding))
    table = read_table(path)
    assert table.columns == ["kode", "nama"]
    assert table.rows == PLAIN
    assert bool(table.notices) is noticed


def test_latin_1_is_noticed_however_late_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"kode,nama\n" + b"1,plain\n" * 300_000 + "2,Jérôme\n".encode("latin-1"))
    table = read_table(path)
    assert table.rows[-1]["nama"] == "Jérôme"
    assert table.notices


def test_quotes_protect_delimiters_and_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('"kode; a";nama\n1;"dua\nbaris; satu"\n', encoding="utf-8")
    assert read_table(path).rows == [{"kode; a": "1", "nama": "dua\nbaris; satu"}]


def test_short_rows_are_filled_and_long_ones_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,\n1\n1,2,,\n1,2,3,4\n", encoding="utf-8")
    table = read_table(path)
    assert table.rows == [{"a": "1", "b": None}, {"a": "1", "b": "2"}, {"a": "1", "b": "2"}]
    assert [notice.startswith("row 3 ") for notice in table.notices] == [True]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"),
        (b"\xef\xbb\xbf\r\n", "empty-file"),
        (b"a,b,a\n1,2,3\n", "duplicate-column"),
        (b"a,b\n1,\0\n", "not-text"),
        (b"\xff\xfea\x00,", "not-text"),
        (b'a,b\n1,"open\n', "unreadable"),
    ],
)
def test_what_cannot_be_a_table_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput) as error:
        read_table(path)
    assert error.value.code == code


def test_missing_files_and_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as error:
        read_table(tmp_path / "a.csv")
    assert error.value.code == "no-file"
    (tmp_path / "a.ods").write_bytes(b"PK")
    with pytest.raises(BadInput) as error:
        read_table(tmp_path / "a.ods")
    assert error.value.code == "unsupported-format"


def test_xlsx_cells_become_text(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(str(path), {"remove_timezone": True})
    sheet = book.add_worksheet("Daftar")
    book.add_worksheet("Kosong").write(0, 0, "x")
    for column, name in enumerate(["kode", "teks", "lon", "tanggal", "saat", "jam", "ya"]):
        sheet.write(0, column, name)
    sheet.write_number(1, 0, 6472030001)
    sheet.write_string(1, 1, "0064")
    sheet.write_number(1, 2, 117.1469)
    sheet.write_datetime(1, 3, datetime(2022, 10, 15), book.add_format({"num_format": "yyyy-mm-dd"}))  # noqa: DTZ001 Excel knows no zones
    sheet.write_datetime(
        1, 4, datetime(2022, 10, 15, 8, 30, tzinfo=UTC), book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    )
    sheet.write_datetime(1, 5, time(8, 30), book.add_format({"num_format": "hh:mm:ss"}))
    sheet.write_boolean(1, 6, True)
    sheet.write_number(3, 0, 6472030001000701)
    book.close()
    table = read_table(path)
    assert table.rows[0] == {
        "kode": "6472030001", "teks": "0064", "lon": "117.1469", "tanggal": date(2022, 10, 15).isoformat(),
        "saat": "2022-10-15T08:30:00", "jam": "08:30:00", "ya": "true",
    }  # fmt: skip
    assert len(table.rows) == 2
    assert any("fifteen digits" in notice for notice in table.notices)
    assert any("2 sheets" in notice for notice in table.notices)


@pytest.mark.parametrize("bomb", ["ratio", "entries"])
def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path: Path, bomb: str) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(65 if bomb == "entries" else 1):
            archive.writestr(f"xl/{number}.xml", b"0" * (10 if bomb == "entries" else 10_000_000))
    with pytest.raises(BadInput) as error:
        read_table(path)
    assert error.value.code == "too-large"


@pytest.mark.parametrize("content", [b"no zip", b"PK\x05\x06" + b"\0" * 18])
def test_a_broken_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(BadInput) as error:
        read_table(path)
    assert error.value.code == "unreadable"
