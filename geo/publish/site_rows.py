"""Rows of sites as files have them, judged one by one: a site to be, or why it is none.

Local governments bring places and never households: sites are public, and a list of poor families as "sites" would
publish who is poor. So a file with columns of such a list is refused whole, and so is what looks like one by its number
of rows (`geo.publish.sites`). Knows no database; whether a site is there already is decided there too.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import orjson
import shapely

from geo.errors import BadInput
from geo.ground.areas import Ground
from geo.identities import identity_number, masked_text
from geo.intake.reasons import Fault
from geo.intake.submissions import NAME_SHAPE
from geo.scope import Scope


class SiteReason(StrEnum):
    """Why a row is no site. Stable: clients branch on them."""

    MALFORMED = "MALFORMED"
    MISSING = "MISSING"
    BAD_PLACE = "BAD_PLACE"
    SWAPPED = "SWAPPED"
    NULL_ISLAND = "NULL_ISLAND"
    OUTSIDE = "OUTSIDE"
    OUTSIDE_SCOPE = "OUTSIDE_SCOPE"
    BAD_CAPACITY = "BAD_CAPACITY"
    BAD_ID = "BAD_ID"
    BAD_TEXT = "BAD_TEXT"
    DUPLICATE_ID = "DUPLICATE_ID"
    LOOKS_LIKE_IDENTITY = "LOOKS_LIKE_IDENTITY"


@dataclass(frozen=True, slots=True)
class Misfit(Exception):
    """One row that is no site: the reason, the field it lies in, what to do. `site_id` and `name` as far as known."""

    reason: SiteReason
    field: str
    detail: str
    site_id: str | None = None
    name: str | None = None

    @property
    def said(self) -> str:
        """What is told of it: it may quote what was sent, so it is masked and made printable."""
        return _printable(masked_text(f"{self.field}: {self.detail}" if self.field else self.detail), 1_000)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One believable row. `lon`, `lat`: degrees, EPSG:4326. `site_id` is made where the row gave none.

    `number` is that of its block, else of the nearest; `block` its code, None between blocks.
    """

    row: int
    site_id: str
    programme: str
    kind: str
    name: str
    lon: float
    lat: float
    capacity: int | None
    number: int = 0
    block: str | None = None
    notices: tuple[str, ...] = ()

    @property
    def said(self) -> tuple[Any, ...]:
        """What it says of the site, as `Site.said`."""
        return self.programme, self.kind, self.name, self.lon, self.lat, self.capacity


@dataclass(frozen=True)
class Limits:
    """What is believed of a row: the areas, the sender's scope, programme and kind for rows that say none."""

    ground: Ground
    scope: Scope
    programme: str | None = None
    kind: str | None = None


#: Names under which files have each field, the proper one first; compared as `plain` writes them.
FIELDS: dict[str, tuple[str, ...]] = {
    "site_id": ("site_id", "id_lokasi", "kode_lokasi", "kode_faskes", "npsn", "osm_id", "kode", "code", "id"),
    "programme": ("programme", "program", "nama_program", "program_bantuan", "bansos"),
    "kind": ("kind", "jenis", "jenis_lokasi", "site_type", "tipe", "kategori", "category", "amenity", "type"),
    "name": ("name", "nama", "nama_lokasi", "nama_faskes", "nama_tempat", "lokasi", "site_name", "nama_sekolah"),
    "lon": ("lon", "longitude", "long", "lng", "bujur", "bujur_timur", "koordinat_x", "x"),
    "lat": ("lat", "latitude", "lintang", "koordinat_y", "y"),
    "capacity": ("capacity", "kapasitas", "daya_tampung", "kuota", "quota"),
    "place": ("place", "koordinat", "titik_koordinat", "latlong", "lat_long", "coordinates", "geometry", "wkt"),
}
_ALIAS = {alias: (name, place) for name, aliases in FIELDS.items() for place, alias in enumerate(aliases)}

#: Columns of lists of families and people: where one of them is, the file is no list of sites.
_OF_HOUSEHOLDS = re.compile(
    r"nik|no_?nik|nomor_?nik|no_?kk|nomor_?kk|(?:no|nomor)_?kartu_?keluarga|no_?kks|(?:id|no)_?(?:pbdt|bdt|dtks|dtsen|kpm)"
    r"|household_?id|family_?id|id_?(?:keluarga|rumah_?tangga|krt|art|semesta|idv)|(?:nama_?)?kepala_?(?:keluarga|rumah_?tangga)"
    r"|nama_?(?:kk|krt|art|kpm|penerima(?:_manfaat)?|pengurus|ibu_?kandung|peserta)|head_?of_?household|beneficiary(?:_name)?"
    r"|desil|decile|field_?status|status_?kesejahteraan|(?:tanggal|tgl)_?lahir|date_?of_?birth"
)

#: Characters of a programme's or kind's name, and of a site's.
LONGEST_WORD, LONGEST_NAME = 64, 200
MOST_CAPACITY = 10_000_000

#: A point so far from every block, metres, may stand between two of them: on a road, in a river, at the shore.
EDGE_M = 250.0
#: Degrees around 0, 0: where points lie whose numbers were lost.
_NULL_ISLAND = 0.01
#: Rows with a number of an identity from which a file is a list of people.
_IDENTITIES = 3

_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(?:[.,][0-9]{0,20})?")
_BROKEN = re.compile(r"[+-]?[0-9]{1,9}[.,][0-9]+")
_WHOLE = re.compile(r"[0-9]{1,9}(?:[.,]0+)?")
_PAIR = re.compile(r"\(?\s*([+-]?[0-9]{1,3}(?:\.[0-9]+)?)\s*[,;\s]\s*([+-]?[0-9]{1,3}(?:\.[0-9]+)?)\s*\)?")
_NOTHING = frozenset({"", "-", "nan", "none", "null", "n/a", "<na>"})


def plain(column: object) -> str:
    """The name of a column as names are compared: small letters, digits, one underscore for all else between them."""
    return re.sub(r"[^a-z0-9]+", "_", str(column).casefold()).strip("_")


def named(columns: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """The column of each field that a file has. `given` names columns itself, and wins.

    Raises BadInput: `household-list` for columns of a list of families, `no-such-field`, `no-such-column`.
    """
    listed = list(columns)
    if personal := next((c for c in listed if _OF_HOUSEHOLDS.fullmatch(plain(c))), None):
        raise household_list(f"it has the column {_printable(masked_text(personal), 64)}")
    if unknown := set(given) - set(FIELDS):
        raise BadInput(f"a site has no field {sorted(unknown)[0]}; it has {', '.join(FIELDS)}", code="no-such-field")
    if missing := set(given.values()) - set(listed):
        raise BadInput(
            f"the file has no column {sorted(missing)[0]}; it has {', '.join(listed)}", code="no-such-column"
        )
    taken = set(given.values())
    best: dict[str, tuple[int, str]] = {}
    for column in listed:
        name, rank = _ALIAS.get(plain(column), ("", 0))
        if name and column not in taken and (name not in best or rank < best[name][0]):
            best[name] = rank, column
    return {name: column for name, (_, column) in best.items()} | dict(given)


def columns_of(rows: Iterable[object]) -> list[str]:
    """The names of all fields that rows have, as they first come, as far as they can be told."""
    named_twice = (str(name) for row in rows if isinstance(row, Mapping) for name in row)
    return [_printable(masked_text(name), 64) for name in dict.fromkeys(named_twice)]


def household_list(why: str) -> BadInput:
    """What is said of a file that lists families."""
    return BadInput(
        f"this looks like a list of households, not of sites: {why}. Sites are public; bring places where a programme "
        "is delivered, never where families live",
        code="household-list",
    )


def judge(rows: Sequence[object], columns: Mapping[str, str], limits: Limits) -> list[Wanted | Misfit]:
    """Each row as a site to be, or why it is none, in order; `columns` as from `named`.

    Raises BadInput (`household-list`) where several rows hold a number of an identity.
    """
    programmes: dict[str, str] = {}  # as they are first written
    judged: list[Wanted | Misfit] = []
    for at, row in enumerate(rows):
        try:
            judged.append(_wanted(at, row, columns, limits, programmes))
        except Misfit as misfit:
            judged.append(misfit)
    personal = sum(isinstance(j, Misfit) and j.reason is SiteReason.LOOKS_LIKE_IDENTITY for j in judged)
    if personal >= _IDENTITIES:
        raise household_list(f"{personal} rows hold what looks like a national or family-card number")
    return _placed(judged, limits)


def made_id(programme: str, name: str, lon: float, lat: float) -> str:
    """The id of a site that came without one: of programme, name and place to about ten metres, so that it stays."""
    key = f"{plain(programme)}\n{plain(name)}\n{lon:.4f}\n{lat:.4f}"
    return f"site-{hashlib.blake2b(key.encode(), digest_size=6).hexdigest()}"


def _wanted(at: int, raw: object, columns: Mapping[str, str], limits: Limits, programmes: dict[str, str]) -> Wanted:
    if isinstance(raw, Fault):
        raise Misfit(SiteReason.MALFORMED, raw.field, raw.detail)
    if not isinstance(raw, Mapping):
        raise Misfit(SiteReason.MALFORMED, "", "a row is an object with named fields")
    said = {name: raw.get(column) for name, column in columns.items()}
    try:
        if personal := _identity_in(raw, columns, limits):
            raise Misfit(
                SiteReason.LOOKS_LIKE_IDENTITY, personal, "holds what looks like a national or family-card number"
            )
        lon, lat = _place(said)
        site_id = _id(said.get("site_id"))
        given = _word("programme", said.get("programme"), LONGEST_WORD) or limits.programme
        if not given:
            raise Misfit(SiteReason.MISSING, "programme", "say of which programme, in each row or for the whole file")
        programme = programmes.setdefault(plain(given), given)
        kind = _word("kind", said.get("kind"), LONGEST_WORD) or limits.kind or ""
        name = _word("name", said.get("name"), LONGEST_NAME)
        notices = () if name else ("NAME_MADE",)
        if name is None:
            if site_id is None:
                raise Misfit(SiteReason.MISSING, "name", "is required where there is no site_id either")
            name = f"{kind or programme} {site_id}"
        capacity = _capacity(said.get("capacity"))
    except Misfit as misfit:
        named_as = _name_of(said.get("name"))
        raise replace(misfit, site_id=_id(said.get("site_id"), strict=False), name=named_as) from None
    return Wanted(
        at, site_id or made_id(programme, name, lon, lat), programme, kind, name, lon, lat, capacity, notices=notices
    )


def _placed(judged: Sequence[Wanted | Misfit], limits: Limits) -> list[Wanted | Misfit]:
    """The same with their blocks; those that lie nowhere or are not the sender's are misfits."""
    found = [j for j in judged if isinstance(j, Wanted)]
    lon, lat = np.array([w.lon for w in found], float), np.array([w.lat for w in found], float)
    locator, tree = limits.ground.locator, limits.ground.tree
    inside, near = locator.locate(lon, lat), locator.nearest(lon, lat, EDGE_M)
    turned = locator.nearest(lat, lon, EDGE_M)
    fates = iter(zip(found, inside.tolist(), near.tolist(), turned.tolist(), strict=True))

    def fate(wanted: Wanted, block: int, beside: int, swapped: int) -> Wanted | Misfit:
        reason, detail = None, ""
        if not beside and swapped:
            reason, detail = SiteReason.SWAPPED, "longitude and latitude are exchanged: this is where it would be then"
        elif not beside and max(abs(wanted.lon), abs(wanted.lat)) < _NULL_ISLAND:
            reason, detail = SiteReason.NULL_ISLAND, "is 0, 0 in the Atlantic: the coordinates are missing"
        elif not beside:
            reason, detail = SiteReason.OUTSIDE, "lies in none of the areas, nor near one"
        elif not limits.scope.covers(beside, beside):
            reason, detail = SiteReason.OUTSIDE_SCOPE, "lies in an area that is not yours to bring sites of"
        if reason:
            return Misfit(
                reason, "lon, lat", f"{wanted.lon:.5f}, {wanted.lat:.5f} {detail}", wanted.site_id, wanted.name
            )
        return replace(wanted, number=beside, block=tree.code[block] if block else None)

    return [fate(*next(fates)) if isinstance(j, Wanted) else j for j in judged]


# ── single fields ─────────────────────────────────────────────────────────────────────────────────────────────────


def _text(value: object) -> str | None:
    """A cell as text; None where nothing is in it."""
    if value is None or isinstance(value, bool | dict | list):
        return None
    if isinstance(value, float):
        if math.isnan(value):
            return None
        value = int(value) if value.is_integer() else value
    found = str(value).strip()
    return None if found.casefold() in _NOTHING else found


def _name_of(value: object) -> str | None:
    """The name as it is told of a row that is refused."""
    found = _text(value)
    return None if found is None else _printable(masked_text(found), LONGEST_NAME)


def _word(name: str, value: object, longest: int) -> str | None:
    if isinstance(value, dict | list):
        raise Misfit(SiteReason.BAD_TEXT, name, "a field holds text or a number, nothing nested")
    found = _text(value)
    if found is not None and (len(found) > longest or not found.isprintable()):
        raise Misfit(SiteReason.BAD_TEXT, name, f"must be printable text of at most {longest} characters")
    return None if found is None else " ".join(found.split())


def _id(value: object, *, strict: bool = True) -> str | None:
    found = _text(value)
    if found is None or (NAME_SHAPE.fullmatch(found) and not identity_number(found)):
        return found
    if strict:
        said = "must be text of 1 to 64 letters, digits and . _ : / @ + -"
        raise Misfit(SiteReason.BAD_ID, "site_id", said)
    return None


def _capacity(value: object) -> int | None:
    found = _text(value)
    if found is None:
        return None
    if not _WHOLE.fullmatch(found) or int(re.split("[.,]", found)[0]) > MOST_CAPACITY:
        raise Misfit(SiteReason.BAD_CAPACITY, "capacity", "must be a whole number of families, or empty")
    return int(re.split("[.,]", found)[0])


def _place(said: Mapping[str, Any]) -> tuple[float, float]:
    """Longitude and latitude as the row means them, rounded to a tenth of a metre."""
    lon, lat, together = said.get("lon"), said.get("lat"), said.get("place")
    if isinstance(lon, dict):  # an outline of GeoJSON, which stands in the place of the point
        lon, lat = _inside(lon)
    elif _text(lon) is None and _text(lat) is None and together is not None:
        lon, lat = _both(together)
    x, y = _degrees("lon", lon), _degrees("lat", lat)
    if abs(y) > 90 and abs(x) <= 90 and abs(y) <= 180:
        raise Misfit(SiteReason.SWAPPED, "lon, lat", "longitude and latitude are exchanged: no latitude is beyond 90")
    if abs(x) > 180 or abs(y) > 90:
        raise Misfit(SiteReason.BAD_PLACE, "lon, lat", "are no degrees; metres of a map projection must be converted")
    return round(x, 6), round(y, 6)


def _degrees(name: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value)
    else:
        text = _text(value)
        if text is None:
            raise Misfit(SiteReason.MISSING, name, "is required: degrees, like 117.1536 and -0.5022")
        shaped = text.replace("−", "-")
        found = float(shaped.replace(",", ".")) if _NUMBER.fullmatch(shaped) else math.nan
    if not math.isfinite(found):
        raise Misfit(SiteReason.BAD_PLACE, name, "is no number of degrees, like 117.1536 or -0.5022")
    return found


def _both(value: object) -> tuple[object, object]:
    """A place in one cell, as maps on phones copy it: latitude first, unless that cannot be; or a point as WKT."""
    if isinstance(value, dict):
        return _inside(value)
    text = _text(value) or ""
    found = _PAIR.fullmatch(text.replace("−", "-"))
    if found is None:
        if re.match(r"\s*(?:SRID=4326;)?\s*(?:MULTI)?(?:POINT|POLYGON)", text, re.IGNORECASE):
            return _middle(lambda: shapely.from_wkt(text.partition(";")[2] or text))
        return math.nan, math.nan
    first, second = float(found[1]), float(found[2])
    return (first, second) if abs(first) > 90 >= abs(second) else (second, first)


def _inside(geometry: Mapping[str, Any]) -> tuple[object, object]:
    return _middle(lambda: shapely.from_geojson(orjson.dumps(geometry)))


def _middle(read: Any) -> tuple[object, object]:
    """A point inside a shape, the point itself of a point; no number where it is no shape."""
    try:
        shape = read()
        point = shape if shape.geom_type == "Point" else shapely.point_on_surface(shape)
        return (math.nan, math.nan) if point.is_empty else (float(point.x), float(point.y))
    except (shapely.errors.GEOSException, AttributeError, TypeError, ValueError):
        return math.nan, math.nan


def _identity_in(raw: Mapping[Any, Any], columns: Mapping[str, str], limits: Limits) -> str:
    """The first field that holds what looks like a national number; codes of areas and digits behind a point do not."""
    places = {columns.get(name) for name in ("lon", "lat", "place")}
    for name, value in raw.items():
        if identity_number(str(name)):
            return "the name of a field"
        if isinstance(value, dict | list) or name in places:
            continue  # a shape or a coordinate; whatever else stands there is refused there
        found = _text(value)
        if found is None or found in limits.ground.tree.by_code or _BROKEN.fullmatch(found):
            continue
        if identity_number(found):
            return _printable(str(name), 64)
    return ""


def _printable(text: str, longest: int) -> str:
    return "".join(c if c.isprintable() else "�" for c in text)[:longest]
