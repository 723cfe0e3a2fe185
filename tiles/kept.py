"""Unchanging halves of tiles, kept in memory and on disk, so that a restart builds nothing again.

Shapes do not change within an edition, whose digest is part of every name, so nothing here expires: what belongs to
another edition is not asked for any more and goes first when room is needed. A half says what the ground looks like and
nothing about who lives there.
"""

import asyncio
import contextlib
import hashlib
import os
import struct
import tempfile
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import structlog

from tiles.layers import LAYERS
from tiles.splice import Still

log = structlog.get_logger()

#: Begins a file; another number wherever the bytes of a tile are put together in another way, for old halves under new
#: values would show wrong figures.
_MAGIC = b"CKT2"
#: After the magic: features, fields, check sum of the head; bytes of head and of the same deflated.
_SIZES = struct.Struct("<IIIQQ")


#: What a file takes of the disk at least, bytes.
_LEAST = 4096


class Kept:
    """Unchanging halves, least recently used thrown out first. Builds each missing one once, however many wait."""

    def __init__(self, megabytes: int, disk: "Shelf | None" = None) -> None:
        self._most = megabytes * 1_000_000
        self._disk = disk
        self._size = 0
        self._stills: OrderedDict[str, Still] = OrderedDict()
        self._building: dict[str, asyncio.Task[Still]] = {}

    async def get(self, name: str, build: Callable[[], Awaitable[Still]]) -> Still:
        """The half of a name like `digest/layer/z/x-y`, built by the first who asks for it."""
        if name in self._stills:
            self._stills.move_to_end(name)
            return self._stills[name]
        task = self._building.get(name)
        if task is None:
            task = asyncio.create_task(self._build(name, build))
            self._building[name] = task
        return await asyncio.shield(task)

    async def _build(self, name: str, build: Callable[[], Awaitable[Still]]) -> Still:
        try:
            still = await asyncio.to_thread(self._disk.read, name) if self._disk else None
            if still is None:
                still = await build()
                if self._disk:
                    await asyncio.to_thread(self._disk.write, name, still)
            self._stills[name] = still
            self._size += still.size
            while self._size > self._most and len(self._stills) > 1:
                self._size -= self._stills.popitem(last=False)[1].size
            return still
        finally:
            del self._building[name]


class Shelf:
    """A folder of unchanging halves, a file each. Several processes may share it: files come whole or not at all.

    A disk that is full or broken costs speed and nothing else: what cannot be read is built, what cannot be written is
    built again next time.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        # Another version of the fields or of the file has another folder; what is left of the old one is cleared away.
        says = repr([(layer.id, list(layer.fields), layer.texts) for layer in LAYERS.values()]).encode()
        self.folder = folder / hashlib.sha256(_MAGIC + says).hexdigest()[:12]
        self._all = folder
        self._most = megabytes * 1_000_000
        self._size: int | None = None

    def read(self, name: str) -> Still | None:
        """The half of a name; None where there is none, or none that is whole."""
        path = self.folder / name
        try:
            still = _unpacked(path.read_bytes())
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("tile kept on disk cannot be read", kind=type(error).__name__)
            return None
        return still

    def write(self, name: str, still: Still) -> None:
        """Keep a half; make room by throwing out what was not asked for longest."""
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
                try:
                    file.write(_packed(still))
                    file.close()
                    Path(file.name).replace(path)
                except OSError:
                    Path(file.name).unlink(missing_ok=True)
                    raise
            self._size = None if self._size is None else self._size + max(path.stat().st_size, _LEAST)
            if self._size is None or self._size > self._most:
                self._make_room()
        except OSError as error:
            log.warning("tile cannot be kept on disk", kind=type(error).__name__)

    def _make_room(self) -> None:
        """Count what lies there; where it is too much, leave nine tenths of what may lie there."""
        found = []
        for path in self._all.rglob("*"):
            with contextlib.suppress(OSError):  # another process may throw it out first
                if path.is_file():
                    told = path.stat()
                    found.append((told.st_mtime, max(told.st_size, _LEAST), path))
        size = sum(each for _, each, _ in found)
        if size > self._most:
            for _, each, path in sorted(found):
                path.unlink(missing_ok=True)
                size -= each
                if size <= self._most * 0.9:
                    break
        self._size = size


def _packed(still: Still) -> bytes:
    """A half as one file, its check sum last."""
    sizes = _SIZES.pack(len(still.ids), still.fields, still.crc, len(still.head), len(still.deflated))
    body = b"".join((_MAGIC, sizes, still.ids.astype("<i8").tobytes(), still.head, still.deflated))
    return body + zlib.crc32(body).to_bytes(4, "little")


def _unpacked(file: bytes) -> Still:
    """The half in a file. Raises ValueError where the file is not whole."""
    body, told = file[:-4], int.from_bytes(file[-4:], "little")
    if not body.startswith(_MAGIC) or zlib.crc32(body) != told:
        raise ValueError("not a whole tile")
    features, fields, crc, head, deflated = _SIZES.unpack_from(body, len(_MAGIC))
    at = len(_MAGIC) + _SIZES.size
    ids = np.frombuffer(body, dtype="<i8", count=features, offset=at).astype(np.int64)
    at += ids.nbytes
    return Still(ids, fields, body[at : at + head], crc, body[at + head : at + head + deflated])
