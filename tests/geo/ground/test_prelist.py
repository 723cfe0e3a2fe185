"""The prelist: which rows become families of which lists, what is never stored, and whose list an import changes."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import shapely
import xlsxwriter
from sqlalchemy import text

from app.database import Database
from geo.errors import BadInput, NotFound
from geo.ground import areas, expected, prelist
from geo.ground.inspection import AreaRow
from geo.ground.prelist import Differing
from geo.ground.tables import read_table, text_rows
from geo.intake.submissions import NAME_SHAPE
from tests.world import BLOCKS, EDITION, FAMILIES, VILLAGES

CODES = [block.code for block in BLOCKS]
HELD = "holds what looks like a national or family-card number, which is never stored"
SHAPE = "a household id has 1 to 64 letters, digits and . _ : / @ + -, a letter or digit first"
BUILDING = "a building is a number: with a digit, of at most 20 letters, digits and . , / ( ) # & + -"

#: 31 December 1959 in places 7 to 12, as in a national number.
NATIONAL = "6472033112590004"

Row = tuple[Any, ...]


async def store(
    db: Database, columns: str, *lines: str, named: Mapping[str, str] | None = None, edition: str = EDITION
) -> prelist.Imported:
    names = columns.split(",")
    rows = [dict(zip(names, [cell or None for cell in line.split(",")], strict=True)) for line in lines]
    async with db.worker.begin() as connection:
        return await prelist.store(connection, edition, names, iter(rows), named=named)


async def store_file(db: Database, path: Path) -> prelist.Imported:
    columns, rows = text_rows(path, lambda _: None)
    async with db.worker.begin() as connection:
        return await prelist.store(connection, EDITION, columns, rows)


async def kept(db: Database) -> list[Row]:
    """Household, code, building and sequence of every family on a list."""
    async with db.worker.connect() as connection:
        found = await connection.execute(
            text("""SELECT p.household_id, a.code, p.building, p.sequence
                    FROM ground.prelist p JOIN ground.area a USING (edition_id, number) ORDER BY 1""")
        )
        return [tuple(row) for row in found]


async def test_families_by_block(db: Database) -> None:
    done = await store(
        db, "household_id,block,building,sequence", f"F-1,{CODES[0]},12A,1", f"F-2,{CODES[0]},,",
        f"F-3,{CODES[1]},9,02",
        f"F-4,{CODES[1]},Blok C2 No. 7,1.0",
    )  # fmt: skip
    assert (done.listed, done.families, done.replaced) == ({CODES[0]: 2, CODES[1]: 2}, 4, 0)
    assert (done.left_out, done.repeated, done.not_stored, done.untouched) == ([], [], [], 4)
    assert await kept(db) == [
        ("F-1", CODES[0], "12A", 1), ("F-2", CODES[0], None, None), ("F-3", CODES[1], "9", 2),
        ("F-4", CODES[1], "Blok C2 No. 7", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "columns",
    ["id_keluarga,idsubsls,no_bangunan,no_urut", "ID,Kode,Nomor_Bangunan,Nomor_Urut"],
)
async def test_columns_as_offices_call_them(db: Database, columns: str) -> None:
    await store(db, columns, f"F-1,{CODES[0]},3,2")
    assert await kept(db) == [("F-1", CODES[0], "3", 2)]


async def test_columns_that_are_named(db: Database) -> None:
    columns, line = "nomor,wilayah,rumah,ke", f"F-1,{CODES[0]},3,2"
    named = {"household": "nomor", "code": "wilayah", "building": "Rumah", "sequence": "ke"}
    for missing in ("household", "code"):
        with pytest.raises(BadInput, match=f"--{missing}-column"):
            await store(db, columns, line, named={k: v for k, v in named.items() if k != missing})
    for what in ("building", "sequence"):
        with pytest.raises(BadInput, match=f"--{what}-column"):
            await store(db, columns, line, named=named | {what: "nowhere"})
    with pytest.raises(BadInput, match="one column cannot be two things"):
        await store(db, columns, line, named=named | {"building": "ke"})
    assert await kept(db) == []
    await store(db, columns, line, named=named)
    assert await kept(db) == [("F-1", CODES[0], "3", 2)]


async def test_names_and_other_columns_are_passed_over(db: Database) -> None:
    done = await store(
        db, f"household_id,nama_kk,block,nik,alamat,no_hp,{NATIONAL}",
        f"F-1,Siti Aminah,{CODES[0]},{NATIONAL},Jl. Merdeka 1,081234567890,x",
    )  # fmt: skip
    assert done.not_stored == ["nama_kk", "nik", "alamat", "no_hp", "*" * 16]
    assert await kept(db) == [("F-1", CODES[0], None, None)]
    async with db.worker.connect() as connection:
        whole = str((await connection.execute(text("SELECT p::text FROM ground.prelist p"))).scalars().all())
    for word in ("Siti", NATIONAL, "Merdeka", "0812"):
        assert word not in whole


#: Rows that cannot be meant, and why.
FAULTS = [
    (f",{CODES[0]},1,1", "no household id"),
    (f"{NATIONAL},{CODES[0]},1,1", HELD),
    (f"KK-{NATIONAL},{CODES[0]},1,1", HELD),
    (f"F,{CODES[0]},{NATIONAL},1", HELD),
    (f"F,{CODES[0]},6472 0331 1259 0004,1", HELD),
    (f"F,{CODES[0]},6472033199990004,1", HELD),  # no date, but no number of a building either
    (f"Siti Aminah,{CODES[0]},1,1", SHAPE),
    (f"=1+1,{CODES[0]},1,1", SHAPE),
    (f"-F,{CODES[0]},1,1", SHAPE),
    (f"F\0,{CODES[0]},1,1", SHAPE),
    (f"{'F' * 65},{CODES[0]},1,1", SHAPE),
    (f"keluarga-é,{CODES[0]},1,1", SHAPE),
    (f"F,{CODES[0]},Siti Aminah,1", BUILDING),
    (f"F,{CODES[0]},=1+1,1", BUILDING),
    (f"F,{CODES[0]},1\0,1", BUILDING),
    (f"F,{CODES[0]},1\n2,1", BUILDING),
    (f"F,{CODES[0]},{'1' * 14}{'A' * 7},1", BUILDING),
    (f"F,{CODES[0]},1,satu", "the place in the sequence is no whole number"),
    (f"F,{CODES[0]},1,1.5", "the place in the sequence is no whole number"),
    (f"F,{CODES[0]},1,-1", "the place in the sequence is no whole number"),
    (f"F,{CODES[0]},1,٣", "the place in the sequence is no whole number"),
    (f"F,{CODES[0]},1,99999999999", "the place in the sequence is no whole number"),
    ("F,,1,1", "no code"),
    ("F,9999999999-X,1,1", "no block of the edition has this code"),
    (f"F,{VILLAGES[0]},1,1", "is a village with blocks below it: only its blocks can be named"),
]


async def test_rows_that_cannot_be_meant_are_left_out(db: Database) -> None:
    lines = [line for line, _ in FAULTS]
    done = await store(db, "household_id,block,building,sequence", *lines, f"F-1,{CODES[1]},1,1")
    assert [(row, why) for row, _, why in done.left_out] == [(at, why) for at, (_, why) in enumerate(FAULTS, 1)]
    assert [household for household, *_ in await kept(db)] == ["F-1"]
    assert done.listed == {CODES[1]: 1}


async def test_a_code_that_looks_like_a_person_is_masked_in_the_report(db: Database) -> None:
    done = await store(db, "household_id,block", f"F-1,{NATIONAL}")
    assert done.left_out == [(1, "*" * 16, "no block of the edition has this code")]


async def test_what_a_submission_may_be_called_a_family_may(db: Database) -> None:
    assert prelist.ID_SHAPE.pattern == NAME_SHAPE.pattern
    await store(db, "household_id,block", f"6472033199990004,{CODES[0]}")  # sixteen digits without a date are no number
    assert await kept(db) == [("6472033199990004", CODES[0], None, None)]


async def test_of_an_id_that_stands_twice_the_first_row_counts(db: Database) -> None:
    done = await store(
        db, "household_id,block,building", f"F-1,{CODES[0]},1", f"F-2,{CODES[0]},2", f"F-1,{CODES[1]},3",
        f"F-1,{CODES[0]},4", "F-2,nowhere,5", "F-3,nowhere,6", f"F-3,{CODES[2]},7",
    )  # fmt: skip
    assert done.repeated == [(1, CODES[0], "counts, though the household stands in a later row")]
    later = "the household stands in an earlier row, which counts"
    nowhere = "no block of the edition has this code"
    assert done.left_out == [
        (3, CODES[1], later),
        (4, CODES[0], later),
        (5, "nowhere", nowhere),
        (6, "nowhere", nowhere),
    ]
    assert await kept(db) == [
        ("F-1", CODES[0], "1", None), ("F-2", CODES[0], "2", None), ("F-3", CODES[2], "7", None),
    ]  # fmt: skip


async def test_lists_of_the_blocks_named_are_replaced_and_no_others(db: Database) -> None:
    columns = "household_id,block,building"
    await store(db, columns, *(f"F-{n},{CODES[n % 2]},1" for n in range(6)))
    done = await store(db, columns, f"F-1,{CODES[1]},2", f"F-9,{CODES[1]},3")
    assert (done.listed, done.replaced, done.untouched) == ({CODES[1]: 2}, 3, 5)
    assert await kept(db) == [
        ("F-0", CODES[0], "1", None), ("F-1", CODES[1], "2", None), ("F-2", CODES[0], "1", None),
        ("F-4", CODES[0], "1", None), ("F-9", CODES[1], "3", None),
    ]  # fmt: skip


async def test_a_block_is_named_by_a_row_that_can_be_meant(db: Database) -> None:
    columns = "household_id,block"
    await store(db, columns, f"F-1,{CODES[0]}", f"F-2,{CODES[1]}")
    done = await store(db, columns, f"?,{CODES[0]}", f"F-3,{CODES[1]}")
    assert done.listed == {CODES[1]: 1}
    assert [household for household, *_ in await kept(db)] == ["F-1", "F-3"]


async def test_a_household_on_the_list_of_another_block_stays_there(db: Database) -> None:
    """Else the list of a block would change that nobody named. One file with both moves it."""
    columns = "household_id,block"
    await store(db, columns, f"F-1,{CODES[0]}", f"F-2,{CODES[0]}")
    done = await store(db, columns, f"F-1,{CODES[1]}", f"F-3,{CODES[1]}")
    why = f"the household is on the list of block {CODES[0]}: import both in one file"
    assert (done.left_out, done.listed) == ([(1, CODES[1], why)], {CODES[1]: 1})
    assert [row[:2] for row in await kept(db)] == [("F-1", CODES[0]), ("F-2", CODES[0]), ("F-3", CODES[1])]
    done = await store(db, columns, f"F-1,{CODES[1]}", f"F-3,{CODES[1]}", f"F-2,{CODES[0]}")
    assert (done.left_out, done.replaced) == ([], 3)
    assert [row[:2] for row in await kept(db)] == [("F-1", CODES[1]), ("F-2", CODES[0]), ("F-3", CODES[1])]


async def test_each_edition_has_lists_of_its_own(db: Database) -> None:
    whole = shapely.MultiPolygon([shapely.box(117, -1, 117.1, -0.9)])
    async with db.worker.begin() as connection:
        await areas.store(connection, "2030", [AreaRow("block", CODES[5], "RT", None, whole, False, False)])
    await store(db, "household_id,block", f"F-1,{CODES[0]}")
    done = await store(db, "household_id,block", f"F-1,{CODES[5]}", f"F-2,{CODES[0]}", edition="2030")
    assert (done.listed, len(done.left_out)) == ({CODES[5]: 1}, 1)
    async with db.worker.connect() as connection:
        found = await connection.execute(text("SELECT count(*) FROM ground.prelist WHERE household_id = 'F-1'"))
        assert found.scalar_one() == 2
    with pytest.raises(NotFound):
        await store(db, "household_id,block", f"F-1,{CODES[0]}", edition="1999")


async def test_lists_are_compared_with_what_was_expected_and_may_take_its_place(db: Database) -> None:
    full = [f"A-{n},{CODES[0]}" for n in range(FAMILIES)]
    done = await store(db, "household_id,block", *full, f"B,{CODES[1]}")
    assert done.differing == [Differing(CODES[1], 1, FAMILIES)]
    async with db.worker.begin() as connection:
        await connection.execute(text("DELETE FROM ground.expected WHERE number = :n"), {"n": BLOCKS[2].number})
        wrote = await prelist.expect(connection, EDITION, done.listed, source="VK", dated=date(2022, 10, 2))
        said = await connection.execute(text("SELECT number, expected, source FROM ground.expected ORDER BY 1"))
        by_block = {row.number: (row.expected, row.source) for row in said}
        of_cells = await connection.scalar(
            text("SELECT sum(expected) FROM ground.expected_cell WHERE number = :n"), {"n": BLOCKS[1].number}
        )
        assert await expected.bases(connection, 1)
    assert (wrote.blocks, wrote.families, of_cells) == (2, FAMILIES + 1, 1)
    assert by_block[BLOCKS[1].number] == (1, "VK")
    assert by_block[BLOCKS[3].number] == (FAMILIES, "simulated")
    again = await store(db, "household_id,block", f"B,{CODES[1]}", f"C,{CODES[2]}")
    assert again.differing == [Differing(CODES[2], 1, None)]


async def test_families_go_with_their_block_when_areas_are_numbered_anew(db: Database) -> None:
    await store(db, "household_id,block", f"F-1,{CODES[0]}", f"F-5,{CODES[5]}")
    quarter = shapely.MultiPolygon([shapely.box(117, -1, 117.001, -0.999)])
    village = AreaRow("village", "6472020001", "Kampung 0", "6472", quarter, False, False)
    async with db.worker.begin() as connection:
        done = await areas.store(connection, EDITION, [village])
    assert done.listed_dropped == 0
    assert [row[:2] for row in await kept(db)] == [("F-1", CODES[0]), ("F-5", CODES[5])]
    await store(db, "household_id,block", f"F-8,{village.code}", f"F-9,{village.code}")
    inside = AreaRow("block", f"{village.code}-SIM01", "RT", village.code, quarter, False, False)
    async with db.worker.begin() as connection:
        done = await areas.store(connection, EDITION, [inside])
    assert done.listed_dropped == 2, "the village is a block no more, and who lived where in it nobody said"
    assert [row[:2] for row in await kept(db)] == [("F-1", CODES[0]), ("F-5", CODES[5])]


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────

GOOD = (
    f"id_keluarga;idsubsls;nama;no_bangunan;no_urut\r\nF-1;{CODES[0]};Siti;12A;1\r\n;;;;\r\nF-2;{CODES[1]};Budi;9;2\r\n"
)


@pytest.mark.parametrize(
    "body",
    [
        GOOD.encode(), GOOD.encode("utf-8-sig"), GOOD.replace(";", "\t").encode("utf-16"),
        GOOD.replace("Siti", "Bé").encode("latin-1"),
    ],
    ids=["utf-8", "bom", "utf-16", "latin-1"],
)  # fmt: skip
async def test_files_as_offices_save_them(db: Database, tmp_path: Path, body: bytes) -> None:
    (tmp_path / "list.csv").write_bytes(body)
    done = await store_file(db, tmp_path / "list.csv")
    assert (done.left_out, done.not_stored) == ([], ["nama"])
    assert await kept(db) == [("F-1", CODES[0], "12A", 1), ("F-2", CODES[1], "9", 2)]


async def test_a_workbook_with_formulas_numbers_and_names(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id_keluarga", "kode", "nama", "no_bangunan", "no_urut"])
        sheet.write_row(1, 0, ["F-1", CODES[0], "Siti Aminah", 12, 1])
        sheet.write_row(2, 0, [1002, CODES[0], "Budi", "12A", "2"])
        sheet.write_row(3, 0, ["F-3", CODES[1], "Adi"])
        sheet.write_formula(3, 3, '=HYPERLINK("x")', value="7")
        sheet.write_formula(4, 0, "=1/0", value="#DIV/0!")
        sheet.write(4, 1, CODES[1])
    done = await store_file(db, path)
    assert [row[0] for row in done.left_out] == [4]
    assert await kept(db) == [
        ("1002", CODES[0], "12A", 2), ("F-1", CODES[0], "12", 1), ("F-3", CODES[1], "7", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\0\0\0\0", b"household_id,block\0\nF-1,x\n", b"household_id,household_id,block\n1,2,3\n",
        b"household_id,block\n\"F-1,x\n", "household_id,block\nF-1,x\n".encode("utf-16-le"), b"<xml/>",
        f"F-1,{CODES[0]},Siti Aminah\n".encode(),
    ],
    ids=["empty", "nul", "nul-in-head", "twice", "open-quote", "utf-16-without-mark", "xml", "no-header"],
)  # fmt: skip
async def test_files_that_are_none(db: Database, tmp_path: Path, body: bytes) -> None:
    await store(db, "household_id,block", f"F-1,{CODES[0]}")
    (tmp_path / "list.csv").write_bytes(body)
    with pytest.raises(BadInput):
        await store_file(db, tmp_path / "list.csv")
    assert await kept(db) == [("F-1", CODES[0], None, None)]


async def test_a_file_that_breaks_off_changes_nothing(db: Database, tmp_path: Path) -> None:
    await store(db, "household_id,block", f"F-1,{CODES[0]}")
    lines = "".join(f"G-{n},{CODES[0]}\n" for n in range(20_000))
    (tmp_path / "list.csv").write_text(f'household_id,block\n{lines}"G,{CODES[0]}')
    with pytest.raises(BadInput, match="unexpected end of data"):
        await store_file(db, tmp_path / "list.csv")
    assert await kept(db) == [("F-1", CODES[0], None, None)]


async def test_rows_are_counted_as_they_go(db: Database) -> None:
    told: list[tuple[int, int | None]] = []
    rows = ({"id": f"F-{n}", "kode": CODES[n % 6]} for n in range(25_000))
    async with db.worker.begin() as connection:
        done = await prelist.store(
            connection, EDITION, ["id", "kode"], rows, progress=lambda n, of: told.append((n, of))
        )
    assert told == [(10_000, None), (20_000, None)]
    assert done.families == 25_000


def test_a_table_read_whole_has_the_same_columns(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(GOOD)
    assert text_rows(tmp_path / "list.csv", lambda _: None)[0] == read_table(tmp_path / "list.csv").columns
