"""Tables by the column: whatever bytes a file holds, the same rows or the same refusal as row by row."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geo.errors import BadInput
from geo.ground import delimited
from geo.ground.delimited import text_batches
from geo.ground.tables import text_rows


def by_row(path: Path) -> Any:
    try:
        columns, rows = text_rows(path, lambda _: None)
        return columns, list(rows)
    except BadInput as refused:
        return refused.code, str(refused)


def by_column(path: Path) -> Any:
    try:
        return [batch.to_pylist() for batch in text_batches(path)]
    except BadInput as refused:
        return refused.code, str(refused)


def both(path: Path) -> None:
    first, second = by_row(path), by_column(path)
    if isinstance(first[0], str):
        assert second == first
    else:
        columns, rows = first
        assert [row for batch in second for row in batch] == rows
        assert all(list(row) == columns for batch in second for row in batch)


cell = st.sampled_from(
    ["", "a", "1.5", " b ", '"q"', '"q,r"', '"s\nt"', 'u"v', '""', '"', "é", "\u2003", "\x00", "\r", "x" * 40]
)
line = st.lists(cell, max_size=4).map(",".join)
table = st.lists(line, max_size=12).map("\n".join) | st.lists(line, max_size=12).map("\r\n".join)


@given(head=st.sampled_from(["a,b,c", "a,,c", '"a","b"', "a", "", '\n\n"a\nb",c']), body=table,
       encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]), block=st.integers(1, 60))  # fmt: skip
@example(head="a,b", body='1,"2"\n3\n4,"5\n6"\n7,8', encoding="utf-8", block=4)
@settings(max_examples=600, deadline=None)
def test_any_table_reads_the_same_both_ways(
    tmp_path_factory: pytest.TempPathFactory, head: str, body: str, encoding: str, block: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(f"{head}\n{body}".encode(encoding, errors="replace"))
    kept, delimited.BLOCK = delimited.BLOCK, block
    try:
        both(path)
    finally:
        delimited.BLOCK = kept


@given(body=st.binary(max_size=60), marked=st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_read_the_same_both_ways(tmp_path_factory: pytest.TempPathFactory, body: bytes, marked: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.csv"
    path.write_bytes((b"\xef\xbb\xbf" if marked else b"") + b"a,b\n1,2\n" + body)
    both(path)


def test_quotes_around_whole_cells_are_read_by_arrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text('"a","b"\n"1","x y"\n"2",""\n', encoding="utf-8")
    monkeypatch.setattr(delimited, "named", lambda *_: pytest.fail("read row by row"))
    assert by_column(path) == [[{"a": "1", "b": "x y"}, {"a": "2", "b": None}]]


def test_a_cell_beyond_all_measure_is_refused_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1," + "x" * 1_000_001 + "\n", encoding="utf-8")
    both(path)
    assert by_column(path)[0] == "unreadable"
