"""Makes releases: counts what is frozen, adds the noise, sums upward, seals, and forgets key and input.

Every figure is a sum of leaves: a block's or a cell's count and its draws of noise. What was sealed is never touched
again; its digest is SHA-256 over a text of all its figures, which anybody can build anew from the tables (`canonical`).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from geo import queries
from geo.errors import NotFound, Refused
from geo.ground import cells
from geo.ground.areas import copy_arrays
from geo.publish import freeze, noise, publisher, terms
from geo.publish.freeze import Frozen
from geo.publish.terms import Terms
from geo.schema_release import COARSEST, LEAF
from geo.scope import OPERATOR
from geo.trust import audit

SQL = queries.load(__file__)

Progress = Callable[[int, int | None], None]
Integers = NDArray[np.int64]

#: Leaves between two words of progress.
_STEP = 5_000

#: Columns of an earlier figure, for `queries.arrays`.
FIGURE = {"n": "i4", "value": "i4", "draws": "i4"}


@dataclass(frozen=True)
class Sealed:
    """A sealed release; `digest` is SHA-256 of its canonical bytes."""

    release: int
    kind: str
    measure: str
    due: date
    as_of: datetime
    sealed_at: datetime
    digest: bytes


class Figures(NamedTuple):
    """Arrays (n,): households, the poor of them with noise, draws of noise, families expected (-1 unknown)."""

    n: Integers
    value: Integers
    draws: Integers
    expected: Integers


async def make(engine: AsyncEngine, path: Path, progress: Progress = lambda _done, _of: None) -> Sealed:
    """Make the release that is due, or go on with the one that was begun, and seal it.

    `engine` is the worker's; `path` the publisher's file. Whoever is killed on the way runs this again. Raises Refused:
    `not-due`, `edition-changed`, `not-the-publisher`, and `input-changed` where what was frozen has been altered.
    """
    async with engine.begin() as db:
        await terms.ready(db)
    async with engine.begin() as db:
        await freeze.begin(db)
        begun = await freeze.freeze(db, path)
    async with engine.begin() as db:
        await freeze.begin(db)
        found = await freeze.under_way(db)
        if found is not None and found.release == begun.release:
            await _seal(db, found, path, progress)
    async with engine.connect() as db:
        return next(done for done in await sealed(db) if done.release == begun.release)


async def sealed(db: AsyncConnection) -> list[Sealed]:
    """Every sealed release, in order."""
    return [Sealed(**row) for row in (await db.execute(SQL["sealed"])).mappings()]


async def _seal(db: AsyncConnection, frozen: Frozen, path: Path, progress: Progress) -> None:
    """Compute all figures and seal them, in one transaction; the file knows of it before the commit."""
    fixed = await terms.load(db)
    await publisher.check(db, path, frozen.release)
    leaves = await freeze.contents(db, frozen.release)
    if freeze.digest_of(frozen.release, frozen.kind, frozen.as_of, leaves) != frozen.digest:
        raise Refused(
            f"what was frozen for release {frozen.release} has been altered since: it is not sealed",
            code="input-changed",
        )
    await _write(db, fixed, frozen, leaves, progress)
    of: dict[str, Any] = {"release": frozen.release, "kind": frozen.kind, "due": frozen.due, "as_of": frozen.as_of}
    of |= {"measure": fixed.measure_of(frozen.kind)}
    found = hashlib.sha256(await _canonical(db, of)).digest()
    await db.execute(SQL["enter"], of)
    await db.execute(SQL["seal"], of | {"digest": found})
    await db.execute(SQL["forget"])
    said = {"release": frozen.release, "kind": frozen.kind, "digest": found.hex()}
    await audit.note(db, OPERATOR.actor, "release.make", **said)
    publisher.note(path, frozen.release, found)


async def _write(
    db: AsyncConnection, fixed: Terms, frozen: Frozen, leaves: Sequence[Row[Any]], progress: Progress
) -> None:
    """Write the figures of every leaf, and of every area and cell above them."""
    # The final table is a fresh count; the field table goes on from its last release.
    last = {"release": (await db.execute(SQL["before"])).scalar_one() if frozen.kind == "field" else 0}
    draws = _Draws(fixed, frozen, len(leaves), progress)

    areas = await queries.arrays(db, SQL["areas"], last, {"number": "i4", "last": "i4", **FIGURE})
    blocks = areas[areas["number"] == areas["last"]]
    codes = [row.code for row in await db.execute(SQL["codes"])]
    figures = draws.figures("block", blocks["number"], codes, blocks, _of_system(leaves, "block"))
    await _write_summed(
        db, "areas", frozen.release, areas["number"], _summed(blocks["number"], figures, areas["number"], areas["last"])
    )

    found = await queries.arrays(db, SQL["cells"], last, {"cell": "i8", **FIGURE})
    names = [cells.to_hex(cell) for cell in found["cell"].tolist()]
    figures = draws.figures("cell", found["cell"], names, found, _of_system(leaves, "cell"))
    for resolution in range(LEAF, COARSEST - 1, -1):
        above = np.unique(cells.parents(found["cell"], resolution))
        summed = _summed(found["cell"], figures, *cells.children_ranges(above, LEAF))
        await _write_summed(db, "cells", frozen.release, above, summed)


def _of_system(leaves: Sequence[Row[Any]], system: str) -> list[Row[Any]]:
    return [leaf for leaf in leaves if leaf.system == system]


class _Draws:
    """Draws the noise of one release, leaf by leaf, and tells how far it is."""

    def __init__(self, fixed: Terms, frozen: Frozen, total: int, progress: Progress) -> None:
        measure = fixed.measure_of(frozen.kind)
        self._purpose = noise.Purpose(fixed.campaign, fixed.edition, frozen.kind, measure, frozen.release)
        self._frozen, self._total, self._progress = frozen, total, progress
        self._nobody = noise.content([])
        self._done = 0

    def figures(
        self, system: str, numbers: Integers, names: Sequence[str], before: Any, leaves: Sequence[Row[Any]]
    ) -> Figures:
        """The figures of the leaves of one system, all in the same order: `before`, and what enters them now.

        In the final table every leaf is drawn; in the field table those whose gate is open, and the others stay as they
        were. Raises Refused (`input-changed`) where what is frozen is not of these leaves.
        """
        if [leaf.leaf for leaf in leaves] != numbers.tolist() or not all(leaf.listed for leaf in leaves):
            raise Refused("what was frozen is not of the leaves that are published", code="input-changed")
        added = np.zeros(len(leaves), np.int64)
        drawn = np.zeros(len(leaves), np.int64)
        for at, (name, leaf) in enumerate(zip(names, leaves, strict=True)):
            if leaf.n or self._frozen.kind == "final":
                content = leaf.content or self._nobody
                added[at] = leaf.poor + noise.draw(self._frozen.key, self._purpose, system, name, content)
                drawn[at] = 1
            self._done += 1
            if self._done % _STEP == 0 or self._done == self._total:
                self._progress(self._done, self._total)
        return Figures(
            before["n"] + np.array([leaf.n for leaf in leaves], np.int64),
            before["value"] + added,
            before["draws"] + drawn,
            np.array([-1 if leaf.expected is None else leaf.expected for leaf in leaves], np.int64),
        )


def _summed(leaves: Integers, figures: Figures, first: Integers, last: Integers) -> Figures:
    """Sums over the leaves from `first` to `last`, for each such pair; expected is unknown where that of any is."""
    lo, hi = np.searchsorted(leaves, first, "left"), np.searchsorted(leaves, last, "right")
    unknown = figures.expected < 0
    columns = [figures.n, figures.value, figures.draws, np.where(unknown, 0, figures.expected), unknown]
    upto = [np.concatenate([[0], np.cumsum(column, dtype=np.int64)]) for column in columns]
    n, value, draws, expected, lacking = (total[hi] - total[lo] for total in upto)
    return Figures(n, value, draws, np.where(lacking > 0, -1, expected))


async def _write_summed(db: AsyncConnection, what: str, release: int, places: Integers, figures: Figures) -> None:
    """Write figures of areas or of cells, by their numbers."""
    await db.execute(SQL["forget_figures"])
    await db.execute(SQL["figure_table"])
    columns = {name: column.astype(np.int32) for name, column in figures._asdict().items()}
    await copy_arrays(db, "figure", {"place": places.astype(np.int64), **columns})
    await db.execute(SQL[f"write_{what}"], {"release": release})


# ── what was sealed ───────────────────────────────────────────────────────────────────────────────────────────────


async def canonical(db: AsyncConnection, release: int) -> bytes:
    r"""All that a sealed release says as one text that never changes, save when it was sealed.

    A line for the release, then one for each area by number and each cell by resolution: level or resolution, code,
    households, value, draws, expected (`\N` unknown), with tabs between. Raises NotFound where it was not sealed.
    """
    for row in (await db.execute(SQL["sealed"])).mappings():
        if row["release"] == release:
            return await _canonical(db, row)
    raise NotFound(f"release {release} has not been sealed", code="no-release")


async def digest(db: AsyncConnection, release: int) -> bytes:
    """SHA-256 of the canonical bytes of a sealed release, computed anew."""
    return hashlib.sha256(await canonical(db, release)).digest()


async def _canonical(db: AsyncConnection, of: Any) -> bytes:
    as_of = of["as_of"].astimezone(UTC).isoformat(timespec="microseconds")
    head = f"cakupan release\t{of['release']}\t{of['kind']}\t{of['measure']}\t{of['due']}\t{as_of}\n"
    parts = [head.encode()]
    raw = await db.get_raw_connection()
    driver: Any = raw.driver_connection
    for name in ("canonical_areas", "canonical_cells"):
        select = str(SQL[name].compile(dialect=db.dialect))
        statement = f"COPY ({select}) TO STDOUT"
        async with driver.cursor() as cursor, cursor.copy(statement, {"release": of["release"]}) as copy:
            parts += [bytes(part) async for part in copy]
    return b"".join(parts)


@dataclass(frozen=True)
class Verdict:
    """What verification found: the releases gone over, whether the publisher's file was there, and what is wrong."""

    releases: tuple[Sealed, ...]
    compared: bool
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether every release says what it said when it was sealed."""
        return not self.faults


async def verify(db: AsyncConnection, path: Path, progress: Progress = lambda _done, _of: None) -> Verdict:
    """Compute every release's digest anew and compare it with the one sealed and the one in the publisher's file."""
    await db.execute(freeze.SQL["still"])
    found = await sealed(db)
    file = publisher.kept(path)
    faults = []
    for at, release in enumerate(found, 1):
        now = hashlib.sha256(await _canonical(db, vars(release))).digest()
        if now != release.digest:
            faults.append(f"release {release.release} comes to {now.hex()}, and was sealed as {release.digest.hex()}")
        if file is not None and file.sealed.get(release.release) != release.digest.hex():
            noted = file.sealed.get(release.release, "nothing")
            faults.append(f"release {release.release} was sealed as {release.digest.hex()}, and the file says {noted}")
        progress(at, len(found))
    making = await freeze.under_way(db)
    known = {release.release for release in found} | ({making.release} if making else set())
    for lost in sorted(set(file.sealed) - known) if file else ():
        faults.append(f"release {lost} was sealed, says the file, and is not there")
    return Verdict(tuple(found), file is not None, tuple(faults))
