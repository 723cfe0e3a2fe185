"""The releases of a simulated district, made by the service's own code over a database, held against what was counted.

Called by `benchmarks/release.py --end-to-end`. The month is played into intake as files, in the order in which phones
had a line; on each day of the demo's calendar `geo.publish.making` makes the release that is due. What was counted is
looked up right after, before anything else arrives. Households behind a figure must agree exactly, and sums hold.
"""

import asyncio
import csv
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import AT_WORK, Database, Logins
from app.demo import stage as demo
from app.demo.city import Scale
from app.demo.hours import DAY, START
from app.demo.month import submission
from benchmarks.release import LEAF, PUBLIC, Figures, Measured, Month, note, scored
from benchmarks.stage import Stage, stage
from geo.ground import areas, campaign, cells
from geo.intake import files
from geo.intake.fold import fold
from geo.intake.submissions import FIELDS
from geo.publish import making, publisher

#: What was counted of those who entered a table in a release, by system, as things stand now.
ENTERED = text("""
SELECT e.system, e.household_id,
    CASE e.system WHEN 'block' THEN h.number ELSE ground.cell_parent(h.cell, 8) END AS leaf,
    coalesce(h.welfare <= 2, false) AS poor
FROM welfare.entered e JOIN intake.household h USING (household_id)
WHERE e.kind = :kind AND e.release = :release""")
#: Everybody who counts now.
COUNTED = text("""
SELECT s.system, h.household_id,
    CASE s.system WHEN 'block' THEN h.number ELSE ground.cell_parent(h.cell, 8) END AS leaf,
    coalesce(h.welfare <= 2, false) AS poor
FROM intake.household h CROSS JOIN (VALUES ('block'), ('cell')) s (system) WHERE h.result = 'completed'""")
PUBLISHED = text("""
SELECT 'block' AS system, number AS leaf, n, value, draws FROM release.area_figure
WHERE release = :release AND level = 'block'
UNION ALL
SELECT 'cell', cell, n, value, draws FROM release.cell_figure WHERE release = :release AND resolution = 8
ORDER BY 1, 2""")
SUMMED = text("""
SELECT a.level, a.code, f.n, f.value, f.draws FROM release.area_figure f JOIN release.area a USING (number)
WHERE f.release = :release AND a.level IN ('village', 'district')""")
CODES = text("SELECT number, code FROM release.area WHERE number = last")
CONSULTED = text("""
INSERT INTO welfare.event (event_id, household_id, number, scale, dated, consultation, batch_id, row, actor, digest)
VALUES (:event_id, :household_id, 1, 'consultation', :dated, :consultation, :event_id, 0, 0, ''::bytea)""")

#: Of a leaf: its households, and those of them that are poor.
Tally = dict[int, list[int]]
COLUMNS = ("leaf", "n", "value", "draws")


def measured(seed: int, scale: Scale) -> Measured:
    """As `benchmarks.release.measured`, of releases that the service made."""
    month = Month(seed, scale)

    async def lay(logins: Logins) -> str:
        db = Database(logins, 1, AT_WORK)
        async with db.worker.begin() as connection:
            await demo.lay(connection, month.city, month.work)
        await db.close()
        return ""

    with stage(lay=lay) as on, tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_month(on, month, Path(folder)))


async def _month(on: Stage, month: Month, folder: Path) -> Measured:
    db = Database(on.logins, 4, AT_WORK)
    behind: dict[str, Tally] = {"block": {}, "cell": {}}
    shares: dict[str, list[float]] = defaultdict(list)
    scores: dict[tuple[str, str], dict[str, float]] = {}
    since = -np.inf
    days = [*demo.FIELD_DAYS, demo.FINAL_DAY]
    for release, day in enumerate(days, 1):
        kind = "final" if day == demo.FINAL_DAY else "field"
        at = START + (day - 1) * DAY
        await arrive(db, month, folder, since, at)
        since = at
        async with db.worker.begin() as connection:
            await campaign.set_clock(connection, datetime.fromtimestamp(at + 60, UTC))
            if kind == "final":
                behind = {"block": {}, "cell": {}}
                await consult(connection, month)
        began = time.perf_counter()
        sealed = await making.make(db.worker, publisher.file_of(on.home, "benchmark"))
        print(f"release {sealed.release}, {sealed.kind}: made in {time.perf_counter() - began:.1f} s", flush=True)
        assert (sealed.release, sealed.kind) == (release, kind)
        async with db.worker.begin() as connection:
            made, above = await _read(connection, month, release, kind, behind)
        note(shares, made)
        if release in {len(days) - 1, len(days)}:
            levels = {"block": made["block"], f"cell, resolution {LEAF}": made["cell"]} | above
            scores |= {(level, kind): scored(figures) for level, figures in levels.items()}
    await db.close()
    return scores, shares


async def arrive(db: Database, month: Month, folder: Path, since: float, until: float) -> None:
    """Let everything arrive that had a line between two moments, in that order."""
    arrived = month.arrival
    some = np.flatnonzero((arrived >= since) & (arrived < until))
    path = folder / f"until-{until:.0f}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, restval="")
        writer.writeheader()
        writer.writerows(
            submission(month.city, month.work, i) for i in some[np.argsort(arrived[some], kind="stable")].tolist()
        )
    async with db.worker.begin() as connection:
        await campaign.set_clock(connection, datetime.fromtimestamp(until, UTC))
        ground = await areas.load_ground(connection)
    told = await files.import_file(db.worker, ground, path, files.Reading())
    async with db.worker.begin() as connection:
        while await fold(connection) is not None:
            pass
    print(f"{len(some):,} submissions: {dict(told.counts)}", flush=True)


def _groups(month: Month) -> dict[str, int]:
    """The consultation group of every household that has a family behind it."""
    work = month.work
    return {
        name: int(month.welfare.after[family])
        for name, family in zip(work.household_id, work.family.tolist(), strict=True)
        if family >= 0
    }


async def consult(connection: AsyncConnection, month: Month) -> None:
    rows = [
        {"event_id": uuid4(), "household_id": name, "consultation": group, "dated": demo.ENDS_ON}
        for name, group in _groups(month).items()
    ]
    await connection.execute(CONSULTED, rows)


async def _read(
    connection: AsyncConnection, month: Month, release: int, kind: str, behind: dict[str, Tally]
) -> tuple[dict[str, Figures], dict[str, Figures]]:
    """Published figures beside what was counted: of the leaves, and above. `behind` is added to."""
    groups = _groups(month) if kind == "final" else {}

    def add(tally: Mapping[str, Tally], found: Sequence[Row[Any]]) -> None:
        for row in found:
            here = tally[row.system].setdefault(row.leaf, [0, 0])
            here[0] += 1
            here[1] += groups.get(row.household_id, 4) <= 2 if kind == "final" else row.poor

    add(behind, (await connection.execute(ENTERED, {"kind": kind, "release": release})).all())
    everybody: dict[str, Tally] = {"block": {}, "cell": {}}
    add(everybody, (await connection.execute(COUNTED)).all())
    rows = (await connection.execute(PUBLISHED, {"release": release})).all()
    made = {}
    for system in ("block", "cell"):
        own = [row for row in rows if row.system == system]
        leaf, n, value, draws = (np.array([getattr(row, c) for row in own], np.int64) for c in COLUMNS)
        exact = _beside(behind[system], leaf)
        assert (exact[0] == n).all(), "households behind a figure"
        made[system] = Figures(leaf, n, exact[1], value, draws, *_beside(everybody[system], leaf))
    return made, await _above(connection, release, made)


async def _above(connection: AsyncConnection, release: int, made: dict[str, Figures]) -> dict[str, Figures]:
    """Figures above the leaves, which must be the sums that are published."""
    above = {f"cell, resolution {PUBLIC}": made["cell"].summed(cells.parents(made["cell"].leaf, PUBLIC))}
    codes = {row.number: row.code for row in await connection.execute(CODES)}
    code = np.array([codes[number] for number in made["block"].leaf.tolist()])
    told = {(row.level, row.code): row for row in await connection.execute(SUMMED, {"release": release})}
    for level, digits in (("village", 10), ("district", 7)):
        names, at = np.unique(code.astype(f"U{digits}"), return_inverse=True)
        summed = above[level] = made["block"].summed(at)
        for name, *sums in zip(names, summed.n, summed.value, summed.draws, strict=True):
            row = told[level, str(name)]
            assert (row.n, row.value, row.draws) == tuple(sums), "a sum of leaves"
    return above


def _beside(tally: Tally, leaf: NDArray[np.int64]) -> NDArray[np.int64]:
    """Households and poor ones (2, L) of these leaves."""
    return np.array([tally.get(one, [0, 0]) for one in leaf.tolist()], np.int64).T
