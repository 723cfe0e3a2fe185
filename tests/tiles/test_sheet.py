"""Printed sheets, looked at with a ruler: what is on them and where, and whether a copy in black and white tells it."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import shapely

from geo.watch.sheets import Gone
from tests.tiles.drawing import DOTS, FIGURES, HEAD, block, call, houses, look, pdf, place, seen, square, texts
from tiles import paper as paper_of
from tiles import ticks
from tiles.bearings import bar
from tiles.frame import MARGIN, fitting


def frame_of(sheet, paper="a4"):
    return fitting(tuple(shapely.bounds(sheet.outline).tolist()), paper)


def corner(frame):
    """Where the map's lower left corner is on an upright page, millimetres from its left and lower edge."""
    return (frame.page[0] - frame.width) / 2, MARGIN


def patch(page, frame, at, half=2.0):
    """What is seen around metres from the block's middle, `half` millimetres to each side."""
    left, bottom = corner(frame)
    x = left + frame.width / 2 + at[0] * 1000 / frame.scale
    y = frame.page[1] - (bottom + frame.height / 2 + at[1] * 1000 / frame.scale)
    rows, columns = (slice(round((v - half) * DOTS), round((v + half) * DOTS)) for v in (y, x))
    return page[rows, columns] < 128


def test_the_sheet_says_which_block_who_when_and_how_many():
    (said,) = texts(pdf(block()))
    for words in ("6472030001-SIM01", "RT 01", "Kampung 1, Samarinda Ulu", "siti", "budi", "26 Okt 2022 14.05", "123",
                  "DATA SIMULASI", "Selesai 48 dari target 60", "Terlambat", "1 : 1.000", "U", "SIM02 RT 02",
                  "cakupan.example.id", "1/1"):  # fmt: skip
        assert words in said
    (said,) = texts(pdf(block(), how=look(language="en")))
    for words in ("26 Oct 2022 14:05", "SIMULATED DATA", "Done: 48 of 60 expected", "1 : 1,000", "N"):
        assert words in said


def test_the_code_leads_to_the_page_of_the_block():
    sheet = block()
    dark = paper_of.modules("https://cakupan.example.id/block?code=6472030001-SIM01&level=block")
    # 34 mm at the right of the panel, four modules of margin: the middle of every module, as it is seen
    page, side = seen(pdf(sheet)), 34.0
    left, _ = corner(frame_of(sheet))
    start = left + frame_of(sheet).width - side
    step = side / (len(dark) + 8)
    middle = (np.arange(len(dark)) + 4.5) * step
    found = page[np.ix_(((MARGIN + middle) * DOTS).astype(int), ((start + middle) * DOTS).astype(int))] < 128
    assert (found == dark).all()
    assert step > 0.5, "a phone must be able to read a copy"


def test_the_scale_bar_is_as_long_as_it_says():
    sheet = block()
    frame = frame_of(sheet)
    left, bottom = corner(frame)
    long = bar(frame.scale) * 1000 / frame.scale
    assert f"{bar(frame.scale)} m 1 : 1.000" in texts(pdf(sheet))[0]
    assert long == 50.0
    row = seen(pdf(sheet))[round((frame.page[1] - bottom - 3.0) * DOTS)] < 128
    start = round((left + 2) * DOTS)
    dark = np.flatnonzero(row[start - DOTS : start + 60 * DOTS]) / DOTS - 1
    assert (dark.min(), dark[dark < 51.5].max()) == pytest.approx((0, long), abs=0.2)
    quarters = [bool(row[start + round((part + 0.5) * long / 4 * DOTS)]) for part in range(4)]
    assert quarters == [True, False, True, False]


def test_the_outline_is_where_it_is_on_the_ground():
    sheet = block(120, 160, neighbours=())
    frame, page = frame_of(sheet), seen(pdf(sheet))
    for at in ((-60, 10), (60, 10), (10, 80), (10, -80), (-60, -80)):
        assert patch(page, frame, at, 0.3).all(), at
    assert not patch(page, frame, (13, 9), 2.0).any()


def test_signs_differ_in_form_and_not_in_colour():
    sheet = block(
        houses=houses([(-30, 5, 1), (30, 5, 0)]),
        calls=(call(-30, 52),),
        holes=(Gone(square(30, 30, 30, 52), 14),),
        strays=np.array([place(13, 9)]),
    )
    frame, page = frame_of(sheet), seen(pdf(sheet))
    visited, empty = patch(page, frame, (-30, 5), 3), patch(page, frame, (30, 5), 4.5)
    middle = len(visited) // 2
    assert visited[middle, middle]
    assert visited.mean() > 0.03
    assert not patch(page, frame, (30, 5), 2).any(), "an open square is empty inside"
    assert empty.mean() > 0.1, "and has a bold edge"
    ring = patch(page, frame, (-30, 52), 2.5)
    edge = patch(page, frame, (-30, 52), 2.2)
    assert edge[len(edge) // 2, 0] or edge[len(edge) // 2, 1]
    assert 0.1 < ring.mean() < 0.5
    hatched = patch(page, frame, (24, 46), 3)
    assert 0.05 < hatched.mean() < 0.5
    assert (np.diff(hatched[10].astype(int)) == 1).sum() >= 2, "several lines, not a field of grey"
    stray = patch(page, frame, (13, 9), 1)
    assert stray[len(stray) // 2, len(stray) // 2]
    assert "±14" in texts(pdf(sheet))[0]


def test_nothing_is_coloured():
    sheet = block(houses=houses([(0, 0, 1), (20, 0, 0)]), calls=(call(5, 30),), holes=(Gone(square(30, 30), 5),))
    body = pdf(sheet)
    import pypdfium2  # noqa: PLC0415  # here alone a page is wanted in colour

    shown = np.asarray(pypdfium2.PdfDocument(body)[0].render(scale=1).to_pil().convert("RGB")).astype(int)
    assert (np.ptp(shown, axis=2) <= 3).all()


def test_the_list_has_boxes_squares_and_numbers():
    sheet = block(
        calls=(
            call(-30, 50),
            call(0, 0, agreed=False, due="overdue", building=None, sequence=None, household_id="x" * 30 + "abcdef"),
            call(None, None, due="spent", due_at=None, result="refused", visits=3),
        ),
        missing=(("9", 1), ("9", 2), ("12A", None), (None, 7)),
        houses=houses([(-50, 70, 0), (-49, 60, 0), (50, -70, 0), (0, 0, 2)]),
    )
    first, second = texts(pdf(sheet))
    frame = frame_of(sheet)
    x, y = frame.at(np.array([sheet.calls[0].lon]), np.array([sheet.calls[0].lat]))
    assert f"1 {frame.square(float(x[0]), float(y[0]))} Bangunan 012, urut 3" in second
    for words in ("Kunjungan ulang (3)", "janji 26 Okt 16.05", "terlambat", "Baru, …xxxxxxabcdef", "3 - Bangunan 012",
                  "Menolak", "tiga kunjungan sudah terpakai", "prelist yang belum terdata (4)", "Bangunan 9", "1 2",
                  "Bangunan 12A", "Tanpa nomor", "per kotak peta (3)", "2/2"):  # fmt: skip
        assert words in second, words
    assert "1/2" in first
    assert "3 kunjungan ulang, 4 keluarga prelist, 3 rumah" in first


def test_what_is_not_known_is_said():
    bare = block(
        mapped=False, missing=None, holes=None, figures=FIGURES | {"expected": None, "gap": None, "state": "unknown"}
    )
    (said,) = texts(pdf(bare))
    assert "Belum diketahui: target keluarga, letak rumah, prelist per keluarga" in said
    nowhere = replace(bare, outline=shapely.MultiPolygon(), neighbours=())
    (said,) = texts(pdf(nowhere))
    assert "batas blok" in said
    (said,) = texts(pdf(block(figures=FIGURES | {"gap": 0, "state": "done"})))
    assert "Belum diketahui" not in said


def test_names_that_cannot_be_printed_become_question_marks():
    odd = replace(HEAD, name="RT \u4e2d <b>\x07", enumerator="Çelik", code="9" * 60)
    body = pdf(block(head=odd))
    (said,) = texts(body)
    assert "RT ? <b>" in said
    assert "Çelik" in said


@pytest.mark.parametrize("paper", ["a4", "a3"])
def test_thousands_of_houses_and_ten_kilometres_stay_within_bounds(paper):
    rng = np.random.default_rng(1)
    at = [
        (*place, int(n))
        for place, n in zip(rng.uniform(-4900, 4900, (2000, 2)).tolist(), rng.integers(0, 3, 2000), strict=True)
    ]
    sheet = block(
        10_000,
        9_900,
        houses=houses(at),
        calls=tuple(call(x, y) for x, y, _ in at[:300]),
        missing=tuple((str(n // 3), n % 3) for n in range(9_000)),
    )
    body = pdf(sheet, how=look(paper))
    pages = texts(body)
    assert len(pages) == ticks.MOST + 1
    assert f"{ticks.MOST + 1}/{ticks.MOST + 1}" in pages[-1]
    assert "baris lagi" in pages[-1]
    for number in (0, 1, 2, len(pages) - 1):
        page = seen(body, number, 2) < 200
        edge = 10  # five millimetres
        assert not page[:edge].any()
        assert not page[-edge:].any()
        assert not page[:, : edge // 2].any()
        assert not page[:, -edge // 2 :].any()


def test_the_same_data_give_the_same_bytes():
    sheet = block(houses=houses([(0, 0, 1)]), calls=(call(0, 30),))
    assert pdf(sheet) == pdf(sheet)
    later = replace(look(), printed_at=look().printed_at + timedelta(days=1))
    assert pdf(sheet) != pdf(sheet, how=later)


def test_many_sheets_are_one_file_with_a_table_of_contents():
    import pypdfium2  # noqa: PLC0415  # here alone the contents are wanted

    names = [replace(HEAD, code=f"6472030001-SIM{n:02d}") for n in range(3)]
    file = pypdfium2.PdfDocument(pdf(*(block(head=head, missing=(("1", 1),)) for head in names)))
    assert len(file) == 6
    assert [mark.get_title() for mark in file.get_toc()] == [f"{head.code} {head.name}" for head in names]
