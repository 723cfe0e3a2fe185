"""The hostile corpus: bodies that somebody unknown might send, and what each must be answered. Made in code, small.

A case either becomes receipts, one word a row (its status, or the reason it is held back for), or a problem's code.
"""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import orjson

from app.bodies import GEOJSON, JSON, LINES, TABLE
from tests.world import BLOCKS, SIDE, SOUTH, WEST, submission

#: Looks like a national number: born on the 12th of October.
NIK = "6472031210850001"
LON, LAT = BLOCKS[0].at(0.5, 0.5)


@dataclass(frozen=True)
class Case:
    """A body, how it is sent, and the answer: `words` of the rows for 201, one problem code for anything else.

    One word for many rows means that each of them gets it.
    """

    name: str
    made: bytes | Callable[[], bytes]
    words: tuple[str, ...]
    status: int = 201
    kind: str = JSON
    encoding: str | None = None

    @property
    def body(self) -> bytes:
        """The bytes; large ones are made when they are wanted."""
        return self.made if isinstance(self.made, bytes) else self.made()

    def zipped(self) -> "Case":
        """The same, compressed."""
        packed = gzip.compress(self.body, mtime=0)
        return replace(self, name=f"{self.name}, gzip", made=packed, encoding="gzip")


def good(name: str, /, **changes: Any) -> dict[str, Any]:
    """A believable record of a household that no other case has."""
    return submission(f"h-{name}", BLOCKS[0], 1, **changes)


def rows_of(*rows: object) -> bytes:
    return orjson.dumps({"submissions": rows})


#: Changes to a believable record, and what becomes of the row.
CHANGES: list[tuple[str, dict[str, Any], str]] = [
    ("nothing changed", {}, "stored"),
    *((f"without {name}", {name: None}, "MISSING_FIELD") for name in
      ("submission_id", "household_id", "revision", "captured_at", "result", "lon", "lat")),
    ("without point and block", {"lon": None, "lat": None, "block": None}, "MISSING_FIELD"),
    ("without a point", {"lon": None, "lat": None}, "stored"),
    ("without a block", {"block": None}, "stored"),
    ("longitude as text", {"lon": str(LON)}, "NOT_A_NUMBER"),
    ("latitude as text", {"lat": "-0.5"}, "NOT_A_NUMBER"),
    ("latitude with a decimal comma", {"lat": "-0,5"}, "NOT_A_NUMBER"),
    ("longitude NaN as text", {"lon": "NaN"}, "NOT_A_NUMBER"),
    ("longitude infinite as text", {"lon": "Infinity"}, "NOT_A_NUMBER"),
    ("latitude true", {"lat": True}, "NOT_A_NUMBER"),
    ("longitude a list", {"lon": [LON]}, "NOT_A_NUMBER"),
    ("longitude an object", {"lon": {"value": LON}}, "NOT_A_NUMBER"),
    ("revision as text", {"revision": "1"}, "NOT_A_NUMBER"),
    ("revision true", {"revision": True}, "NOT_A_NUMBER"),
    ("revision with a point", {"revision": 1.5}, "NOT_A_NUMBER"),
    ("visit true", {"visit": True}, "NOT_A_NUMBER"),
    ("accuracy as text", {"accuracy_m": "5 m"}, "NOT_A_NUMBER"),
    ("welfare as text", {"welfare": "1"}, "NOT_A_NUMBER"),
    ("latitude 91", {"lat": 91.0}, "OUT_OF_RANGE"),
    ("latitude -90.0001", {"lat": -90.0001}, "OUT_OF_RANGE"),
    ("longitude 181", {"lon": 181.0}, "OUT_OF_RANGE"),
    ("longitude -500", {"lon": -500.0}, "OUT_OF_RANGE"),
    ("revision 0", {"revision": 0}, "OUT_OF_RANGE"),
    ("revision of ten million", {"revision": 10_000_000}, "OUT_OF_RANGE"),
    ("revision of 2^63", {"revision": 2**63}, "OUT_OF_RANGE"),
    ("visit 4", {"visit": 4}, "OUT_OF_RANGE"),
    ("welfare 0", {"welfare": 0}, "OUT_OF_RANGE"),
    ("accuracy -1", {"accuracy_m": -1}, "OUT_OF_RANGE"),
    ("accuracy 1e308", {"accuracy_m": 1e308}, "OUT_OF_RANGE"),
    ("metres, Web Mercator", {"lon": 13_040_000.0, "lat": -55_000.0}, "WRONG_CRS"),
    ("metres, UTM 50S", {"lon": 515_600.5, "lat": 9_943_000.5}, "WRONG_CRS"),
    ("longitude 1e308", {"lon": 1e308}, "WRONG_CRS"),
    ("null island", {"lon": 0, "lat": 0}, "NULL_ISLAND"),
    ("longitude 0", {"lon": 0.0}, "NULL_ISLAND"),
    ("latitude -0", {"lat": -0.0}, "NULL_ISLAND"),
    ("axes swapped", {"lon": LAT, "lat": LON}, "AXES_SWAPPED"),
    ("in Jakarta", {"lon": 106.8, "lat": -6.2}, "OUTSIDE_CAMPAIGN"),
    ("six kilometres off", {"lon": WEST - 0.055, "lat": LAT}, "OUTSIDE_CAMPAIGN"),
    ("four kilometres off", {"lon": LON, "lat": SOUTH + 2 * SIDE + 0.035}, "stored"),
    ("accuracy of a kilometre", {"accuracy_m": 1000}, "stored"),
    ("in another block than declared", {"lon": BLOCKS[5].west + 0.001, "lat": BLOCKS[5].south + 0.001}, "stored"),
    ("unknown block with a point", {"block": "6472030001-SIM99"}, "stored"),
    ("unknown block without a point", {"block": "6472030001-SIM99", "lon": None, "lat": None}, "UNKNOWN_BLOCK"),
    ("block a number", {"block": 6472030001}, "BAD_TEXT"),
    ("block with NUL", {"block": "a\x00b"}, "BAD_TEXT"),
    ("block with a newline", {"block": "a\nb"}, "BAD_TEXT"),
    ("block of 65 characters", {"block": "1" * 65}, "BAD_TEXT"),
    ("enumerator written right to left", {"enumerator": "Siti\u202e"}, "BAD_TEXT"),
    ("enumerator a formula", {"enumerator": "=cmd()"}, "BAD_TEXT"),
    ("result unknown", {"result": "done"}, "BAD_VALUE"),
    ("result in capitals", {"result": "COMPLETED"}, "BAD_VALUE"),
    ("result a list", {"result": ["completed"]}, "BAD_VALUE"),
    ("result an empty text", {"result": ""}, "BAD_VALUE"),
    ("origin unknown", {"origin": "elsewhere"}, "BAD_VALUE"),
    ("household_id with a space", {"household_id": "a b"}, "BAD_ID"),
    ("household_id a number", {"household_id": 12}, "BAD_ID"),
    ("household_id of 65 characters", {"household_id": "x" * 65}, "BAD_ID"),
    ("household_id SQL", {"household_id": "'; DROP TABLE intake.household; --"}, "BAD_ID"),
    ("household_id markup", {"household_id": "<script>alert(1)</script>"}, "BAD_ID"),
    ("submission_id no UUID", {"submission_id": "4711"}, "BAD_ID"),
    ("submission_id a number", {"submission_id": 4711}, "BAD_ID"),
    ("submission_id with braces", {"submission_id": "{5e0cbe7e-3c33-4d7e-9d2b-6f0a52c8f5a1}"}, "BAD_ID"),
    ("a date alone", {"captured_at": "2022-10-20"}, "BAD_TIME"),
    ("a time without offset", {"captured_at": "2022-10-20T09:30:00"}, "BAD_TIME"),
    ("a time of day 25", {"captured_at": "2022-10-20T25:30:00+08:00"}, "BAD_TIME"),
    ("the 30th of February", {"captured_at": "2022-02-30T09:30:00+08:00"}, "BAD_TIME"),
    ("seconds since 1970", {"captured_at": 1_666_000_000}, "BAD_TIME"),
    ("the year 1", {"captured_at": "0001-01-01T00:00:00+14:00"}, "BAD_TIME"),
    ("the year 9999", {"captured_at": "9999-12-31T23:59:59-23:59"}, "BAD_TIME"),
    ("captured in ten years", {"captured_at": "2032-10-20T09:30:00+08:00"}, "CLOCK_AHEAD"),
    ("captured tomorrow", {"captured_at": "2022-10-25T09:30:00+08:00"}, "CLOCK_AHEAD"),
    ("captured in 1970", {"captured_at": "1970-01-01T00:00:00Z"}, "BEFORE_CAMPAIGN"),
    ("captured in September", {"captured_at": "2022-09-20T09:30:00+08:00"}, "BEFORE_CAMPAIGN"),
    ("revisit no time", {"revisit_at": "tomorrow"}, "BAD_TIME"),
    ("household_id a national number", {"household_id": NIK}, "IDENTITY_NUMBER"),
    ("a national number in an unknown field", {"nik": NIK}, "IDENTITY_NUMBER"),
    ("a national number as a number", {"nik": int(NIK)}, "IDENTITY_NUMBER"),
    ("a national number as a float", {"nik": float(NIK)}, "IDENTITY_NUMBER"),
    ("a national number in the midst of text", {"note": f"x{NIK}y"}, "IDENTITY_NUMBER"),
    ("a national number deep inside", {"note": {"deep": [[NIK]]}}, "IDENTITY_NUMBER"),
    ("a national number as a name", {NIK: 1}, "IDENTITY_NUMBER"),
    ("a national number of a woman", {"nik": "6472035210850001"}, "IDENTITY_NUMBER"),
    ("sixteen digits with no date in them", {"note": "6472039999850001"}, "stored"),
    ("unknown fields", {"name": "x", "\x00": "\x01", "\u202e": 1}, "stored"),
    ("a field name of 10,000 characters", {"x" * 10_000: 1}, "stored"),
    ("a text of 100,000 characters", {"note": "y" * 100_000}, "stored"),
    ("a thousand unknown fields", {f"f{n}": n for n in range(1000)}, "stored"),
    ("NUL and control characters in a note", {"note": "\x00\x01\x1b[2J"}, "stored"),
    ("__proto__ and constructor", {"__proto__": {"x": 1}, "constructor": 1}, "stored"),
]  # fmt: skip


def changed() -> Iterator[Case]:
    for number, (name, changes, word) in enumerate(CHANGES):
        yield Case(name, rows_of(good(f"change-{number}", **changes)), (word,))


def odd_rows() -> Iterator[Case]:
    """JSON bodies whose rows are no objects, or of which several meet."""
    for name, value in {
        "null": None,
        "a number": 7,
        "text": "x",
        "true": True,
        "a list": [1],
        "an empty list": [],
    }.items():
        yield Case(f"row is {name}", rows_of(value), ("NOT_AN_OBJECT",))
    yield Case("row is an empty object", rows_of({}), ("MISSING_FIELD",))
    pair = good("twice")
    yield Case("the same row twice", rows_of(pair, pair), ("stored", "duplicate"))
    yield Case("one id, two contents", rows_of(good("two"), good("two", result="moved")), ("stored", "CONFLICT"))
    other = "ffffffff-1111-4111-8111-111111111111"
    again = (good("rev"), good("rev", result="moved", submission_id=other))
    yield Case("one household and revision, two ids", rows_of(*again), ("stored", "CONFLICT"))
    yield Case(
        "a good row between bad ones", rows_of(1, good("between"), None), ("NOT_AN_OBJECT", "stored", "NOT_AN_OBJECT")
    )
    long = rows_of(good("thirty", lon=1)).replace(b'"lon":1', b'"lon":' + b"1" * 30)
    yield Case("a whole number of 30 digits", long, ("WRONG_CRS",))
    yield Case("unknown fields beside submissions", rows_of(good("beside"))[:-1] + b', "x": 1}', ("stored",))
    yield Case("10,000 rows", b'{"submissions": [' + b"1," * 9_999 + b"1]}", ("NOT_AN_OBJECT",))


def nested(depth: int) -> bytes:
    return b'{"submissions": [{"note": ' + b"[" * depth + b"]" * depth + b"}]}"


def json_bodies() -> Iterator[Case]:
    """JSON bodies that cannot be taken as a whole."""
    row = orjson.dumps(good("plain"))
    for name, body, code in [
        ("0 bytes", b"", "malformed-body"),
        ("blanks", b"  \n ", "malformed-body"),
        ("truncated", rows_of(good("cut"))[:-20], "malformed-body"),
        ("a number", b"1", "malformed-body"),
        ("null", b"null", "malformed-body"),
        ("a list", b"[" + row + b"]", "malformed-body"),
        ("a bare row", row, "malformed-body"),
        ("submissions an object", b'{"submissions": {}}', "malformed-body"),
        ("submissions null", b'{"submissions": null}', "malformed-body"),
        ("two documents", rows_of(good("a")) * 2, "malformed-body"),
        ("a comma too many", b'{"submissions": [1,]}', "malformed-body"),
        ("single quotes", b"{'submissions': [1]}", "malformed-body"),
        ("a comment", b'{"submissions": [1]} // x', "malformed-body"),
        ("half a surrogate pair", b'{"submissions": ["\\ud800"]}', "malformed-body"),
        ("half a surrogate pair beside NaN", b'{"submissions": ["\\ud800", NaN]}', "malformed-body"),
        ("NaN that is none", b'{"submissions": [NaNa]}', "malformed-body"),
        ("a field twice beside NaN", b'{"submissions": [{"lon": NaN, "lon": 1}]}', "duplicate-key"),
        ("nested 900 deep with NaN", nested(900).replace(b"[]", b"[NaN]"), "too-deep"),
        ("NUL in a string", b'{"submissions": ["\x00"]}', "malformed-body"),
        ("XML", b"<submissions/>", "malformed-body"),
        ("a workbook", b"PK\x03\x04" + b"\0" * 100, "malformed-body"),
        ("random bytes", bytes(range(256)) * 4, "not-utf8"),
        ("Latin-1", '{"submissions": ["é"]}'.encode("latin-1"), "not-utf8"),
        ("overlong UTF-8", b'{"submissions": ["\xc0\xaf"]}', "not-utf8"),
        ("UTF-16 cut in half", '{"submissions": [1]}'.encode("utf-16")[:-1], "not-utf8"),
        ("UTF-16 without a mark", '{"submissions": [1]}'.encode("utf-16-le"), "malformed-body"),
        ("UTF-32", '{"submissions": [1]}'.encode("utf-32"), "malformed-body"),
        ("nested 33 deep", nested(30), "too-deep"),
        ("nested 900 deep", nested(900), "too-deep"),
        ("nested 5,000 deep", nested(5_000), "too-deep"),
        ("nested 100,000 deep and never closed", b'{"submissions": ' + b"[" * 100_000, "too-deep"),
        ("a field twice", b'{"submissions": [{"revision": 1, "revision": 2}]}', "duplicate-key"),
        ("a field twice, deep inside", b'{"submissions": [{"x": [{"a": 1, "a": 1}]}]}', "duplicate-key"),
        ("a field twice, one escaped", b'{"submissions": [{"lon": 1, "l\\u006fn": 2}]}', "duplicate-key"),
        ("submissions twice", b'{"submissions": [1], "submissions": [2]}', "duplicate-key"),
        (
            "a field twice behind a colon",
            b'{"submissions": [{"a": "\\u003a", "b": 1, "b": 2}]}',
            "duplicate-key",
        ),
        ("no rows", b'{"submissions": []}', "empty-batch"),
        ("10,001 rows", b'{"submissions": [' + b"1," * 10_000 + b"1]}", "too-many-rows"),
    ]:
        yield Case(f"JSON: {name}", body, (code,), 422)
    for name in ("NaN", "-Infinity", "1e400"):
        body = b'{"submissions": [' + unquoted(good(name, lon=name)) + b", " + orjson.dumps(good(f"by{name}")) + b"]}"
        yield Case(f"JSON: {name}", body, ("NOT_A_NUMBER", "stored"))
    yield Case("JSON: colons and brackets in strings", rows_of(good("colon", note=':{[":"]}"\\')), ("stored",))
    yield Case("JSON: nested 32 deep", nested(29), ("MISSING_FIELD",))
    yield Case(
        "JSON: more than 20 MB", lambda: b'{"submissions": ["' + b"x" * 20_000_000 + b'"]}', ("body-too-large",), 413
    )
    many = b'{"submissions": [[%s"\\n"]]}'
    yield Case("JSON: half a million small texts", lambda: many % (b'"",' * 499_999), ("NOT_AN_OBJECT",))
    yield Case("JSON: six million small texts", lambda: many % (b'"",' * 6_000_000), ("body-too-large",), 413)
    text = rows_of(good("bom")).decode()
    yield Case("JSON: UTF-8 with a mark", text.encode("utf-8-sig"), ("stored",))
    yield Case("JSON: UTF-16 LE", b"\xff\xfe" + rows_of(good("le")).decode().encode("utf-16-le"), ("stored",))
    yield Case("JSON: UTF-16 BE", b"\xfe\xff" + rows_of(good("be")).decode().encode("utf-16-be"), ("stored",))


def unquoted(row: dict[str, object]) -> bytes:
    """A row as JSON whose longitude, given as text, is written as if it were a number."""
    return orjson.dumps(row).replace(f'"lon":"{row["lon"]}"'.encode(), f'"lon":{row["lon"]}'.encode())


def line_bodies() -> Iterator[Case]:
    """NDJSON: a line is a row, and its faults are its own."""
    row = orjson.dumps(good("line"))
    for name, body, words in [
        ("a broken line", b'{"a": \n' + row, ("MALFORMED", "stored")),
        ("a truncated last line", orjson.dumps(good("last")) + b"\n" + row[:50], ("stored", "MALFORMED")),
        ("NUL in a line", b'{"a": "\x00"}', ("MALFORMED",)),
        ("NaN in a line", unquoted(good("nan", lon="NaN")) + b"\n{}", ("NOT_A_NUMBER", "MISSING_FIELD")),
        ("1e400 in a line", unquoted(good("e400", lon="1e400")), ("NOT_A_NUMBER",)),
        ("4,000 digits in a line", unquoted(good("digits", lon="1" * 4000)), ("NOT_A_NUMBER",)),
        ("two objects in a line", b"{} {}", ("MALFORMED",)),
        ("a field twice in a line", b'{"a": 1, "a": 2}\n{}', ("MALFORMED", "MISSING_FIELD")),
        ("nested 40 deep", b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", ("BAD_VALUE",)),
        ("nested 300 deep", b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", ("BAD_VALUE",)),
        ("nested 3,000 deep", b"[" * 3000 + b"]" * 3000, ("MALFORMED",)),
        ("blank lines and CRLF", b"\r\n\n" + orjson.dumps(good("crlf")) + b"\r\n  \r\n", ("stored",)),
        ("a national number in a broken line", b'{"nik": ' + NIK.encode(), ("MALFORMED",)),
        ("a line of a megabyte", b'{"a": "' + b"x" * 1_000_000, ("MALFORMED",)),
        ("CSV", b"household_id,revision\n1,2", ("MALFORMED", "MALFORMED")),
        ("10,000 lines", b"1\n" * 10_000, ("NOT_AN_OBJECT",)),
    ]:  # fmt: skip
        yield Case(f"NDJSON: {name}", body, words, kind=LINES)
    yield Case("NDJSON: UTF-16", orjson.dumps(good("nd16")).decode().encode("utf-16"), ("stored",), kind=LINES)
    for name, body, code in [
        ("0 bytes", b"", "empty-batch"),
        ("20 million line ends", lambda: b"\n" * 19_999_999, "empty-batch"),
        ("10,001 lines", b"1\n" * 10_001, "too-many-rows"),
        ("10 million lines", lambda: b"1\n" * 9_999_999, "too-many-rows"),
        ("Latin-1", '{"a": "é"}\n1'.encode("latin-1"), "not-utf8"),
    ]:
        yield Case(f"NDJSON: {name}", body, (code,), 422, LINES)


def point(at: object, **properties: Any) -> dict[str, Any]:
    geometry = None if at is None else {"type": "Point", "coordinates": at}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def features(*found: object, **more: Any) -> bytes:
    return orjson.dumps({"type": "FeatureCollection", "features": found, **more})


def crs(name: str) -> dict[str, Any]:
    return {"type": "name", "properties": {"name": name}}


def feature_bodies() -> Iterator[Case]:
    """GeoJSON: a feature is a row."""

    def props(name: str) -> dict[str, Any]:
        return good(f"geo-{name}", lon=None, lat=None)

    at = [LON, LAT]
    ring = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    for name, body, words in [
        ("a point", features(point(at, **props("p"))), ("stored",)),
        ("a point with a height", features(point([*at, 12.5], **props("h"))), ("stored",)),
        ("no geometry but a block", features(point(None, **props("n"))), ("stored",)),
        ("an empty point but a block", features(point([], **props("e"))), ("stored",)),
        ("no geometry, no block", features(point(None, **props("b") | {"block": None})), ("MISSING_FIELD",)),
        ("axes swapped", features(point(at[::-1], **props("s"))), ("AXES_SWAPPED",)),
        ("text as coordinates", features(point(["117", "-0.5"], **props("t"))), ("NOT_A_NUMBER",)),
        ("one coordinate", features(point([117.1], **props("o"))), ("NOT_A_NUMBER",)),
        ("coordinates null", features(point([None, None], **props("u") | {"block": None})), ("MISSING_FIELD",)),
        ("a polygon", features(point(None, **props("g")) | {"geometry": ring}), ("NOT_A_NUMBER",)),
        ("geometry a number", features(point(None, **props("m")) | {"geometry": 7}), ("MISSING_FIELD",)),
        ("coordinates nested", features(point([at], **props("c"))), ("NOT_A_NUMBER",)),
        ("properties null", features({"type": "Feature", "properties": None, "geometry": None}), ("MISSING_FIELD",)),
        ("properties a list", features({"type": "Feature", "properties": [1], "geometry": None}), ("MALFORMED",)),
        ("a feature null", features(None), ("NOT_AN_OBJECT",)),
        ("a geometry as a feature", features({"type": "Point", "coordinates": at}), ("MALFORMED",)),
        ("CRS84 named", features(point(at, **props("84")), crs=crs("urn:ogc:def:crs:OGC:1.3:CRS84")), ("stored",)),
    ]:  # fmt: skip
        yield Case(f"GeoJSON: {name}", body, words, kind=GEOJSON)
    link = {"type": "link", "properties": {"href": "file:///etc/passwd", "type": "proj4"}}
    for name, body, code in [
        ("no features", features(), "empty-batch"),
        ("a feature alone", orjson.dumps(point(at)), "malformed-body"),
        ("a geometry alone", orjson.dumps({"type": "Point", "coordinates": at}), "malformed-body"),
        ("our own JSON", rows_of(good("own")), "malformed-body"),
        ("features an object", b'{"type": "FeatureCollection", "features": {}}', "malformed-body"),
        ("another coordinate system", features(point(at), crs=crs("EPSG:32750")), "malformed-body"),
        ("a linked coordinate system", features(point(at), crs=link), "malformed-body"),
        ("a GDAL pipeline", b'{"type": "gdal_streamed_alg", "command_line": "gdal a b"}', "malformed-body"),
        ("coordinates nested 100 deep", features(point(None)).replace(b"null", b"[" * 100 + b"]" * 100), "too-deep"),
        ("10,001 features", features(*[None] * 10_001), "too-many-rows"),
    ]:  # fmt: skip
        yield Case(f"GeoJSON: {name}", body, (code,), 422, GEOJSON)


def unsupported() -> Iterator[Case]:
    """Media types that are no input."""
    kml = b"<kml><Placemark><Point><coordinates>117,-0.5</coordinates></Point></Placemark></kml>"
    for kind, body in {
        "": b"{}",
        "text/plain": b"x",
        "text/html": b"<p>",
        "application/xml": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        "application/vnd.google-earth.kml+xml": kml,
        "application/gpx+xml": b"<gpx/>",
        "application/vnd.ms-excel": b"\xd0\xcf\x11\xe0",
        "application/geopackage+sqlite3": b"SQLite format 3\0",
        "application/zip": b"PK\x05\x06" + b"\0" * 18,
        "multipart/form-data; boundary=x": b"--x--",
        "application/x-www-form-urlencoded": b"submissions=1",
        "application/json, text/csv": b"{}",
    }.items():
        yield Case(f"media type {kind!r}", body, ("unsupported-body",), 415, kind)
    for encoding in ("br", "zstd", "deflate", "gzip, gzip", "compress", "x"):
        yield Case(f"Content-Encoding {encoding}", rows_of(1), ("unsupported-body",), 415, JSON, encoding)


@cache
def corpus() -> tuple[Case, ...]:
    """Every case."""
    from tests.hostile import packed, tables  # noqa: PLC0415  # they build on this module

    parts = (changed, odd_rows, json_bodies, line_bodies, feature_bodies, unsupported, tables.cases, packed.cases)
    return tuple(case for part in parts for case in part())


__all__ = ["TABLE", "Case", "corpus", "good", "rows_of"]
