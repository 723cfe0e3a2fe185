"""What the columns of a boundary file say about its rows: codes, names and the areas above.

BPS, HDX and Kemendagri layers name their columns each in their own way, Shapefiles cut names to ten characters, and
spreadsheets turn codes into numbers. That is settled here, so that `inspection` sees text codes only.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from geo.errors import BadInput
from geo.ground.levels import LEVELS, coarser, parent_code

CODES: dict[str, tuple[str, ...]] = {
    "province": ("province_code", "idprov", "adm1_pcode", "kode_prov", "prov_code"),
    "regency": ("regency_code", "idkab", "adm2_pcode", "kode_kab", "kab_code"),
    "district": ("district_code", "idkec", "adm3_pcode", "kode_kec", "kec_code"),
    "village": ("village_code", "iddesa", "adm4_pcode", "kode_desa", "kel_code", "desa_code"),
    "block": ("idsubsls", "idsls", "block_code", "block_id"),
}
"""Recognised names of code columns, first match wins; compared without case."""

NAMES: dict[str, tuple[str, ...]] = {
    "province": ("province", "nmprov", "adm1_en", "adm1_id", "adm1_name", "prov_name", "provinsi"),
    "regency": ("regency", "nmkab", "adm2_en", "adm2_id", "adm2_name", "kab_name", "kabupaten", "kab_kota"),
    "district": ("district", "nmkec", "adm3_en", "adm3_id", "adm3_name", "kec_name", "kecamatan"),
    "village": ("village", "nmdesa", "adm4_en", "adm4_id", "adm4_name", "kel_name", "desa", "kelurahan"),
    "block": ("nmsls", "nmsubsls", "block_name", "nama_sls", "sls", "rw"),
}

OWN_CODE = ("code", "kode", "kemendagri_code", "pcode")
"""Columns that hold the code of the row's own level, whatever that is."""

OWN_NAME = ("name", "nama")

PARTS = (("kdprov", 2), ("kdkab", 2), ("kdkec", 3), ("kddesa", 3), ("kdsls", 4), ("kdsubsls", 2))
"""Columns of BPS layers whose texts, joined, make the code; with the digits of each."""

_LENGTH = {"province": 1, "regency": 2, "district": 3, "village": 4, "block": 5}
_NOTHING = {"", "nan", "none", "null", "<na>", "na", "-"}
_LOST = re.compile(r"-(nan|none|null)$", re.IGNORECASE)
_FLOATED = re.compile(r"^(\d+)\.0+$")
_PCODE = re.compile(r"^ID(\d{2,16})$")


@dataclass(frozen=True)
class Identities:
    """Codes and names of the rows of one frame, in its order.

    `above[level]` and `above_names[level]` are the areas that contain each row, by coarser level.
    """

    codes: list[str | None]
    names: list[str | None]
    above: dict[str, list[str | None]]
    above_names: dict[str, list[str | None]]


def text(value: Any) -> str | None:
    """The text of one cell, without the `.0` that a numeric column adds; None for null, NaN and blanks."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    found = str(value).strip()
    return None if found in {"", "<NA>", "NaT"} else found


def code_text(value: Any) -> str | None:
    """The text of a code: as `text`, HDX's country prefix removed, and words that stand for nothing taken as None.

    A code that ends in `-NAN` was glued together from a number that was not there; it is no code either.
    """
    found = text(value)
    if found is None or found.lower() in _NOTHING or _LOST.search(found):
        return None
    if floated := _FLOATED.match(found):
        return floated[1]
    pcode = _PCODE.match(found)
    return pcode[1] if pcode else found


def identify(level: str, frame: Any, given: Mapping[str, str]) -> Identities:
    """The identities of the rows of `frame`, a (Geo)DataFrame whose rows are areas of `level`.

    `given` names columns where the recognised names do not fit: `code`, `name` and `parent` of the rows themselves, or
    `<level>_code` and `<level>_name`. Names of columns the frame lacks are passed over. A column wins over a prefix.
    Raises `BadInput` (`no-code-column`) where nothing holds the codes.
    """
    columns = _Columns(frame, given)
    codes = columns.codes(level, ("code", f"{level}_code"), OWN_CODE)
    if codes is None:
        listed = ", ".join(str(name) for name in frame.columns) or "none"
        raise BadInput(
            f"no column holds the codes of the {level} rows; name it with the option code=COLUMN. Columns: {listed}",
            code="no-code-column",
        )
    blank: list[str | None] = [None] * len(frame)
    names = columns.names((*NAMES[level], *OWN_NAME), ("name", f"{level}_name"))
    above: dict[str, list[str | None]] = {}
    above_names: dict[str, list[str | None]] = {}
    options: tuple[str, ...] = ("parent",)
    finer, finer_codes = level, codes
    while (here := coarser(finer)) is not None:
        stated = columns.codes(here, (*options, f"{here}_code"), ()) or blank
        above[here] = [
            said or (parent_code(finer, code) if code else None) for said, code in zip(stated, finer_codes, strict=True)
        ]
        above_names[here] = columns.names(NAMES[here], (f"{here}_name",)) or blank
        finer, finer_codes, options = here, above[here], ()
    return Identities(codes, names or blank, above, above_names)


def check_given(given: Mapping[str, str], frames: Sequence[Any]) -> None:
    """Raise `BadInput` for an option that is none, or that names a column which no frame has."""
    options = {"code", "name", "parent", *(f"{level}_{kind}" for level in LEVELS for kind in ("code", "name"))}
    for option, column in given.items():
        if option not in options:
            raise BadInput(
                f"{option} is no column option; there are {', '.join(sorted(options))}", code="no-such-option"
            )
        if not any(column in frame.columns for frame in frames):
            raise BadInput(f"no column is called {column}, given as {option}", code="no-such-column")


class _Columns:
    """Finds columns of one frame by option or by recognised name."""

    def __init__(self, frame: Any, given: Mapping[str, str]) -> None:
        self.frame = frame
        self.given = given
        self.by_name = {str(name).lower(): name for name in frame.columns}

    def find(self, options: Sequence[str], recognised: Sequence[str]) -> Any | None:
        """The first column that an option names, or that is recognised, even when cut to ten characters."""
        for option in options:
            if (column := self.given.get(option)) is not None and column in self.frame.columns:
                return column
        for name in recognised:
            for spelt in (name, name[:10]):
                if spelt in self.by_name:
                    return self.by_name[spelt]
        return None

    def codes(self, level: str, options: Sequence[str], own: Sequence[str]) -> list[str | None] | None:
        """The codes of `level`: from an option or a recognised column, else joined from BPS parts, else from `own`."""
        column = self.find(options, CODES[level])
        if column is None and (joined := self.joined(level)) is not None:
            return joined
        if column is None:
            column = self.find((), own)
        return None if column is None else [code_text(value) for value in self.frame[column]]

    def names(self, recognised: Sequence[str], options: Sequence[str]) -> list[str | None] | None:
        """The names in the first fitting column; None where there is none."""
        column = self.find(options, recognised)
        return None if column is None else [text(value) for value in self.frame[column]]

    def joined(self, level: str) -> list[str | None] | None:
        """Codes joined from `kdprov`, `kdkab` and so on, zeros that a numeric column lost put back."""
        parts = [(self.by_name.get(name), width) for name, width in PARTS[: _LENGTH[level]]]
        if any(column is None for column, _ in parts):
            return None
        if level == "block" and "kdsubsls" in self.by_name:
            parts.append((self.by_name["kdsubsls"], 2))
        cells = [[code_text(value) for value in self.frame[column]] for column, _ in parts]
        return [_join(row, [width for _, width in parts]) for row in zip(*cells, strict=True)]


def _join(parts: Sequence[str | None], widths: Sequence[int]) -> str | None:
    """One code from its parts; None if any part is missing or too long."""
    whole = ""
    for part, width in zip(parts, widths, strict=True):
        if part is None:
            return None
        if len(part) > width and part.startswith(whole):  # some layers repeat the code so far: kdkab 6472
            whole = part
        elif len(part) > width:
            return None
        else:
            whole += part.zfill(width)
    return whole
