"""The prelist: which families should be found in each block, one row each. Names are never read, let alone stored.

Four columns are looked at: household, block, building, sequence. A list has one row for each family of a province, so
rows go to the database as they are read, and none is held here.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput
from geo.ground import expected
from geo.ground.matching import CODE_COLUMNS, Codes, LeftOut, codes_of, column
from geo.ground.tables import Row, Table
from geo.identities import identity_number, masked_text, sixteen_digits

SQL = queries.load(__file__)

#: Column names recognised, first match wins. None of them is a family-card number: that one has no place here.
HOUSEHOLD_COLUMNS = ("household_id", "id_keluarga", "idkeluarga", "id_rumah_tangga", "family_id", "id")
BUILDING_COLUMNS = ("building", "building_number", "no_bangunan", "nomor_bangunan", "nobangunan", "bangunan")
SEQUENCE_COLUMNS = ("sequence", "no_urut", "nomor_urut", "nourut", "no_urut_keluarga", "urutan")

#: What a household's id looks like: as in submissions, a room above, where it must be the same (a test compares them).
ID_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,63}")

#: Longest number of a building, like "Blok C2 No. 12A". Without a digit it may be anything, a name for instance.
LONGEST_BUILDING = 20

_BUILDING = re.compile(rf"(?=.*[0-9])[\w .,/()#&+-]{{1,{LONGEST_BUILDING}}}")
_SEQUENCE = re.compile(r"([0-9]{1,6})(?:\.0+)?")
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])[ .,/-]+(?=[0-9])")
_COPY = 'COPY listing ("row", household_id, number, building, sequence) FROM STDIN (FORMAT BINARY)'
_TYPES = ["int4", "text", "int4", "text", "int4"]
_ROWS_A_STEP = 10_000

#: Takes how many rows are done; how many there are is not known before the end.
Progress = Callable[[int, int | None], None]


class Entry(NamedTuple):
    """One family of the list: its row from 1 without header, its id, the number of its block."""

    row: int
    household_id: str
    number: int
    building: str | None
    sequence: int | None


class Differing(NamedTuple):
    """A block whose list has another number of families than the series `prelist` expects; None: it says nothing."""

    code: str
    listed: int
    expected: int | None


@dataclass(frozen=True)
class Imported:
    """What an import of a prelist did. `left_out` lists (row, code, why); rows count from 1 without header.

    `listed`: families by code of each block whose list was replaced, of `replaced` families before. `repeated`: rows
    that count, though their household stands in a later row too. `not_stored`: columns passed over. `differing`: blocks
    that differ from the expected series `prelist` as it was before. `untouched`: blocks of the edition not named.
    """

    listed: dict[str, int]
    replaced: int
    left_out: list[LeftOut]
    repeated: list[LeftOut]
    not_stored: list[str]
    differing: list[Differing]
    untouched: int

    @property
    def families(self) -> int:
        """Families that are on the lists now."""
        return sum(self.listed.values())


async def store(
    db: AsyncConnection,
    edition: str,
    columns: Sequence[str],
    rows: Iterable[Row],
    *,
    named: Mapping[str, str | None] | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Imported:
    """Make rows of text cells the prelist of the blocks they name, and of no others, in one transaction.

    `named` names columns that are not recognised: `household`, `code`, `building`, `sequence`. A household is on the
    list of one block of an edition: a row whose household is on that of a block not named here is left out, for the
    list of that block must not change. Raises BadInput for unknown columns, NotFound for the edition.
    """
    codes = await codes_of(db, edition)
    chosen = _columns(columns, named or {})
    left_out: list[LeftOut] = []
    await db.execute(SQL["incoming"])
    await _bring(db, _entries(rows, chosen, codes, left_out), progress)
    await db.execute(SQL["look"])
    of = {"edition_id": codes.edition_id, "numbers": list((await db.execute(SQL["named"])).scalars())}
    code = {number: block for block, number in codes.blocks.items()}
    again = (await db.execute(SQL["repeated"])).all()
    repeated = [
        (r.row, code[r.number], "counts, though the household stands in a later row") for r in again if r.counts
    ]
    later = [
        (r.row, code[r.number], "the household stands in an earlier row, which counts") for r in again if not r.counts
    ]
    await _drop(db, [row for row, *_ in later])
    replaced = (await db.execute(SQL["clear"], of)).rowcount
    strangers = (await db.execute(SQL["elsewhere"], of)).all()
    left_out += later
    left_out += [
        (s.row, code[s.number], f"the household is on the list of block {code[s.listed]}: import both in one file")
        for s in strangers
    ]
    await _drop(db, [s.row for s in strangers])
    await db.execute(SQL["write"], of)
    compared = [Differing(code[c.number], c.listed, c.expected) for c in await db.execute(SQL["compared"], of)]
    return Imported(
        listed={c.code: c.listed for c in compared},
        replaced=replaced,
        left_out=sorted(left_out),
        repeated=repeated,
        not_stored=[masked_text(name) for name in columns if name not in chosen.values()],
        differing=[c for c in compared if c.listed != c.expected],
        untouched=len(codes.blocks) - len(compared),
    )


async def expect(
    db: AsyncConnection,
    edition: str,
    listed: Mapping[str, int],
    *,
    source: str,
    dated: date,
    progress: Progress = lambda _done, _total: None,
) -> expected.Imported:
    """Write families by code of their block, as `Imported.listed` gives them, as the expected series `prelist`."""
    rows: list[Row] = [{"block": code, "families": str(families)} for code, families in listed.items()]
    table = Table(["block", "families"], rows, [])
    return await expected.store(db, edition, table, series="prelist", source=source, dated=dated, progress=progress)


def _columns(columns: Sequence[str], named: Mapping[str, str | None]) -> dict[str, str]:
    """Which column holds what; building and sequence may be missing unless they were named."""
    table = Table(list(columns), [], [])
    found = {
        "household": column(table, named.get("household"), HOUSEHOLD_COLUMNS, "household"),
        "code": column(table, named.get("code"), CODE_COLUMNS, "code"),
    }
    for what, known in (("building", BUILDING_COLUMNS), ("sequence", SEQUENCE_COLUMNS)):
        there = {name.strip().lower() for name in columns}
        if named.get(what) or there & {*known}:
            found[what] = column(table, named.get(what), known, what)
    if len({*found.values()}) < len(found):
        raise BadInput("one column cannot be two things: household, block, building and sequence need one each")
    return found


def _entries(rows: Iterable[Row], columns: Mapping[str, str], codes: Codes, left_out: list[LeftOut]) -> Iterator[Entry]:
    """The rows that can be meant; the others go to `left_out`."""
    household, code, building, sequence = (
        columns.get(what, "") for what in ("household", "code", "building", "sequence")
    )
    blocks = codes.blocks
    for at, row in zip(count(1), rows):
        of = row.get(code) or ""
        number, name, house, place = blocks.get(of), row.get(household), row.get(building), row.get(sequence)
        why = _no_block(of, codes) if number is None else _unfit(name, house)
        order = _SEQUENCE.fullmatch(place) if place and not why else None
        if why or number is None or name is None or (place and not order):
            left_out.append((at, masked_text(of)[:64], why or "the place in the sequence is no whole number"))
        else:
            yield Entry(at, name, number, house or None, int(order[1]) if order else None)


def _no_block(code: str, codes: Codes) -> str:
    """Why a code stands for no block."""
    if not code:
        return "no code"
    if code in codes.inner:
        return f"is a {codes.inner[code]} with blocks below it: only its blocks can be named"
    return "no block of the edition has this code"


def _unfit(household: str | None, building: str | None) -> str | None:
    """Why this cannot be a family of the list: what must not be stored, or what no submission could name."""
    if not household:
        return "no household id"
    if identity_number(household) or (building and _holds_sixteen(building)):
        return "holds what looks like a national or family-card number, which is never stored"
    if not ID_SHAPE.fullmatch(household):
        return "a household id has 1 to 64 letters, digits and . _ : / @ + -, a letter or digit first"
    if building and not _BUILDING.fullmatch(building):
        return (
            f"a building is a number: with a digit, of at most {LONGEST_BUILDING} letters, digits and . , / ( ) # & + -"
        )
    return None


def _holds_sixteen(building: str) -> bool:
    """Whether sixteen digits in a row stand in it, also where blanks or dots part them."""
    return len(building) >= 16 and sixteen_digits(_BETWEEN_DIGITS.sub("", building))


async def _bring(db: AsyncConnection, entries: Iterable[Entry], progress: Progress) -> None:
    """Send entries to the table `listing` as they come."""
    raw = await db.get_raw_connection()
    driver: Any = raw.driver_connection
    async with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_TYPES)
        for done, entry in enumerate(entries, start=1):
            await copy.write_row(entry)
            if done % _ROWS_A_STEP == 0:
                progress(done, None)


async def _drop(db: AsyncConnection, rows: Sequence[int]) -> None:
    """Take rows out of the table `listing`, if they are there."""
    if rows:
        await db.execute(SQL["drop_rows"], {"rows": list(rows)})
