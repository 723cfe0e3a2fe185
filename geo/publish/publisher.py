"""The one system that publishes: a copied or restored one never does, for it would draw its noise a second time.

A word is kept in a file of the service's folder, its hash in the database beside the numbers by which a database server
and a database are known. What was sealed is written into the file before the database commits it, so that a database
restored from before then is told from one that never published.
"""

import hashlib
import os
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import Refused

SQL = queries.load(__file__)

_AND_NOW = "No release is made here, and what was published stays as it is"


@dataclass(frozen=True)
class Kept:
    """What the file says: the word, where the file was made, and the digests of what was sealed by number."""

    word: str = field(repr=False)
    place: str
    sealed: dict[int, str]


def file_of(home: Path, database: str) -> Path:
    """Where the word of a database is kept."""
    return home / "releases" / f"{database}.json"


def kept(path: Path) -> Kept | None:
    """What the file says; None where there is none. Raises Refused (`not-the-publisher`) where it cannot be read."""
    try:
        said = orjson.loads(path.read_bytes())
        return Kept(str(said["word"]), str(said["place"]), {int(n): str(d) for n, d in said["sealed"].items()})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as broken:
        raise _refused(f"{path} cannot be read ({type(broken).__name__})") from None


async def check(db: AsyncConnection, path: Path, making: int | None = None) -> bool:
    """Whether this database has published, or began to; then it is the one that the file belongs to.

    `making`: the release that is being made, which the file may name already. Raises Refused (`not-the-publisher`)
    where database and file do not belong together.
    """
    bound = (await db.execute(SQL["bound"])).one_or_none()
    sealed = {row.release: row.digest.hex() for row in await db.execute(SQL["sealed"])}
    file = kept(path)
    if bound is None:
        if file is not None and file.sealed:
            raise _refused(
                f"{path} says that a database of this name has published, and this one has not: it was restored from "
                "before that, or made anew. Of a new campaign nobody has seen a release: then move that file away"
            )
        return False
    here = (await db.execute(SQL["here"])).one()
    if file is None:
        raise _refused(f"{path} is gone: only the system that has it publishes. Put it back if you moved it")
    if hashlib.sha256(file.word.encode()).digest() != bound.nonce_sha256:
        raise _refused(f"{path} belongs to another database")
    if (bound.system_identifier, bound.database_oid) != tuple(here):
        raise _refused("this database is a copy of the one that publishes, or was restored from a backup of it")
    if file.place != str(path.resolve()):
        raise _refused(f"{path} was copied or moved from {file.place}: releases are made where they were begun")
    if missing := sorted(set(file.sealed) - set(sealed) - {making}):
        raise _refused(
            f"this database does not know release {missing[0]}, which was sealed: it was restored from before"
        )
    if any(file.sealed.get(release) != digest for release, digest in sealed.items()):
        raise _refused(f"{path} is older than the database, or says other digests: it was restored, or tampered with")
    return True


async def bind(db: AsyncConnection, path: Path) -> None:
    """Make this database the one that publishes, in the caller's transaction; `check` has found that none is yet.

    A word that was written by a run that died is taken. Raises Refused where the file cannot be written.
    """
    file = kept(path)
    if file is None or file.place != str(path.resolve()):
        file = Kept(secrets.token_hex(32), str(path.resolve()), {})
        _write(path, file)
    here = (await db.execute(SQL["here"])).mappings().one()
    await db.execute(SQL["bind"], {"nonce_sha256": hashlib.sha256(file.word.encode()).digest(), **here})


def note(path: Path, release: int, digest: bytes) -> None:
    """Write down what is about to be sealed; it is on the disk when this returns.

    Raises Refused (`input-changed`) where another digest was written down for that release.
    """
    file = kept(path)
    if file is None:
        raise _refused(f"{path} is gone")
    before = file.sealed.get(release)
    if before not in {None, digest.hex()}:
        raise Refused(
            f"release {release} was written down with digest {before} and now comes to {digest.hex()}: what was frozen "
            "has changed, so it is not sealed",
            code="input-changed",
        )
    if before is None:
        _write(path, Kept(file.word, file.place, file.sealed | {release: digest.hex()}))


def _write(path: Path, said: Kept) -> None:
    """Let the file appear complete, for its owner alone, and be on the disk. Raises Refused where it cannot be."""
    text = orjson.dumps(
        {"word": said.word, "place": said.place, "sealed": {str(n): d for n, d in sorted(said.sealed.items())}},
        option=orjson.OPT_INDENT_2,
    )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(draft)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as cause:
        raise Refused(f"{path} cannot be written ({cause.strerror}): no release is made without it") from None


def _refused(why: str) -> Refused:
    return Refused(f"{why}. {_AND_NOW}", code="not-the-publisher")
