"""The corpus of compressed bodies."""

import gzip
import zlib
from collections.abc import Iterator

import orjson

from app.bodies import GEOJSON, JSON, LINES, TABLE
from tests.hostile.corpus import Case, features, good, point, rows_of
from tests.hostile.tables import table


def cases() -> Iterator[Case]:
    """gzip, whole and broken."""
    yield Case("JSON", rows_of(good("z1")), ("stored",)).zipped()
    yield Case("NDJSON", orjson.dumps(good("z2")) + b"\nx", ("stored", "MALFORMED"), kind=LINES).zipped()
    yield Case("CSV", table(good("z3")).encode(), ("stored",), kind=TABLE).zipped()
    yield Case("GeoJSON", features(point(None, **good("z4"))), ("stored",), kind=GEOJSON).zipped()
    yield Case("JSON in UTF-16", rows_of(good("z5")).decode().encode("utf-16"), ("stored",)).zipped()
    half = rows_of(good("z6"))
    two = gzip.compress(half[:30], mtime=0) + gzip.compress(half[30:], mtime=0)
    yield Case("gzip in two members", two, ("stored",), encoding="gzip")
    yield Case("Content-Encoding X-GZIP", gzip.compress(rows_of(good("z7")), mtime=0), ("stored",), encoding="X-GZIP")
    good_one = gzip.compress(rows_of(good("z8")), mtime=0)
    wrong_sum = good_one[:-8] + b"\0\0\0\0" + good_one[-4:]
    wrong_size = good_one[:-4] + b"\1\2\3\4"
    for name, body, code, status in [
        ("0 bytes", b"", "malformed-body", 422),
        ("not gzip", rows_of(good("z9")), "malformed-body", 422),
        ("truncated", good_one[:-12], "malformed-body", 422),
        ("only a head", good_one[:10], "malformed-body", 422),
        ("a wrong checksum", wrong_sum, "malformed-body", 422),
        ("a wrong length", wrong_size, "malformed-body", 422),
        ("bytes after its end", good_one + b"x", "malformed-body", 422),
        ("zlib instead of gzip", zlib.compress(rows_of(1)), "malformed-body", 422),
        ("gzip within gzip", gzip.compress(good_one, mtime=0), "not-utf8", 422),
        ("nothing", gzip.compress(b"", mtime=0), "malformed-body", 422),
        ("a bomb of 400 MB", lambda: gzip.compress(bytes(400_000_000), 1, mtime=0), "body-too-large", 413),
        ("a bomb in members", lambda: gzip.compress(b" " * 5_000_000, 1, mtime=0) * 5, "body-too-large", 413),
        ("20,000,001 bytes", lambda: gzip.compress(b" " * 20_000_001, 1, mtime=0), "body-too-large", 413),
        ("100,000 members", gzip.compress(b"", mtime=0) * 100_000, "malformed-body", 422),
    ]:
        yield Case(f"gzip: {name}", body, (code,), status, JSON, "gzip")
