"""The changing half of a vector tile: values laid into the tile in place.

A tile's layer is a protobuf message whose fields may come in any order (Mapbox Vector Tile 2.1, section 4). The layer
is written once with one `values` entry per feature and field, each a float of fixed width, all at the end: a live tile
is the stored bytes and one array. The unchanging part is deflated once, up to a full flush, so gzip is spliced too.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

#: In every field of a tile: "not shown", for it lies outside the caller's scope; "empty", a cell in which, of what lies
#: in the scope, nobody is expected and nothing was found.
NOT_SHOWN, EMPTY = -2.0, -3.0

#: One `values` entry: field 4 of the layer, five bytes long, a float (field 1 of 32 bits is 2).
_VALUE = np.dtype([("head", "u1", 3), ("value", "<f4")])
_HEAD = (0x22, 0x05, 0x15)
_GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@dataclass(frozen=True)
class Shape:
    """One feature of a layer: its id, its type (1 point, 2 line, 3 polygon) and its encoded geometry."""

    id: int
    type: int
    geometry: bytes


@dataclass(frozen=True)
class Still:
    """The unchanging half of a tile: ids of the features in order, bytes up to the values, the same deflated."""

    ids: NDArray[np.int64]
    fields: int
    head: bytes
    crc: int
    deflated: bytes

    @property
    def size(self) -> int:
        """Bytes held in memory, about; one that holds nothing takes room too."""
        return 1_000 + len(self.head) + len(self.deflated) + self.ids.nbytes


def shapes(tile: bytes) -> list[Shape]:
    """Features of the first layer of a tile as PostGIS writes it. Tags are left behind."""
    found: list[Shape] = []
    for field, _, body in _fields(tile):
        if field != 3:
            continue
        for part, _, feature in _fields(body):
            if part == 2:
                parts = {f: (number, data) for f, number, data in _fields(feature)}
                found.append(Shape(parts[1][0], parts[3][0], parts[4][1]))
    return found


def compile_layer(
    name: str, features: Sequence[Shape], fields: Sequence[str], texts: Mapping[str, Sequence[str]] | None = None
) -> Still:
    """The unchanging half of a tile with one layer.

    `fields` change with every answer; `texts` (one text per feature and name) do not.
    """
    texts = texts or {}
    still = list(texts)
    keys = [*still, *fields]
    base = len(features) * len(still)
    body = bytearray(_bytes(1, name.encode()) + _number(15, 2) + _number(5, 4096))
    for key in keys:
        body += _bytes(3, key.encode())
    for at, shape in enumerate(features):
        tags = [n for i in range(len(still)) for n in (i, at * len(still) + i)]
        tags += [n for j in range(len(fields)) for n in (len(still) + j, base + j * len(features) + at)]
        feature = (
            _number(1, shape.id)
            + _bytes(2, b"".join(_varint(t) for t in tags))
            + _number(3, shape.type)
            + _bytes(4, shape.geometry)
        )
        body += _bytes(2, feature)
    for at in range(len(features)):
        for key in still:
            body += _bytes(4, _bytes(1, texts[key][at].encode()))
    total = len(body) + len(features) * len(fields) * _VALUE.itemsize
    head = bytes(_varint(3 << 3 | 2) + _varint(total) + body)
    press = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return Still(
        ids=np.array([s.id for s in features], dtype=np.int64),
        fields=len(fields),
        head=head,
        crc=zlib.crc32(head),
        deflated=press.compress(head) + press.flush(zlib.Z_FULL_FLUSH),
    )


def changing(still: Still, values: NDArray[np.floating]) -> bytes:
    """The changing half: `values` has a row per feature and a column per field, and goes field by field.

    Values of one field resemble each other, so they deflate better beside each other.
    """
    entries = np.empty((still.fields, len(still.ids)), dtype=_VALUE)
    entries["head"] = _HEAD
    entries["value"] = values.T
    return entries.tobytes()


def plain(still: Still, tail: bytes) -> bytes:
    """The whole tile."""
    return still.head + tail


def gzipped(still: Still, tail: bytes) -> bytes:
    """The whole tile as one gzip member."""
    press = isal_zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)  # a fifth of zlib's time for the same size
    end = struct.pack("<II", zlib.crc32(tail, still.crc), (len(still.head) + len(tail)) & 0xFFFFFFFF)
    return _GZIP + still.deflated + press.compress(tail) + press.flush() + end


def etag(still: Still, tail: bytes) -> str:
    """Names the content, whoever asks for it."""
    return f'"{still.crc:08x}{zlib.crc32(tail):08x}"'


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _fields(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Field number, varint value and bytes of each field of a message of varints and byte strings."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(message):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint(), b""
        elif tag & 7 == 2:
            length = varint()
            yield tag >> 3, 0, message[at : at + length]
            at += length
        else:
            raise ValueError(f"wire type {tag & 7} has no place in a tile of shapes")
