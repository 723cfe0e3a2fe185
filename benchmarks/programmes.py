"""What of the truth the page of programmes shows: clusters, sites and reach of simulated districts, against the plants.

    PYTHONPATH=. .venv/bin/python benchmarks/programmes.py --seeds 3
    PYTHONPATH=. .venv/bin/python benchmarks/programmes.py --seeds 1 --scale small

End to end over a private database: the month is played into intake, the sites come in as `./cakupan sites import`
brings them, releases are made as the service makes them, and what a local government of the whole regency and the
public are told is read by the functions of the routes. The truth is that of `truth.json`: discs in which far more
families are poor, and sites that were planted badly.

Clusters: one of the truth is `found` where more than half of its families live in the cells of found ones, `touched`
where any do. `false` are found ones in whose cells no family of a planted one lives. `families in them, planted`: of
the families that live in found ones, those that belong to a planted one. Sites: `recall` is of the planted ones, those
said to be so; `precision` of those said to be so, the planted ones; with the kilometres within which families count. A
planted cluster without a site has none within a kilometre of any of its families; it is `said` where a found one that
touches it is told to have none of any programme within a kilometre.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

from app.database import AT_WORK, Database, Logins
from app.demo import publishing, welfare_files
from app.demo import stage as demo
from app.demo.city import SCALES, Scale
from app.demo.hours import DAY, START
from app.demo.sites import Site, draw_sites, unserved
from benchmarks.release import Month, span, table
from benchmarks.sealed import arrive, consult
from benchmarks.stage import Stage, stage
from geo.ground import campaign
from geo.ground import cells as h3cells
from geo.publish import clusters, making, programmes, published, publisher, reach, telling
from geo.publish.programmes import Basis, Question
from geo.publish.site_doubts import SiteDoubt
from geo.schema_release import LEAF
from geo.trust import accounts
from geo.trust.grants import Grant

#: Within so many kilometres families count for a site; at any distance, as capacities are planted.
WITHIN = (1, 2, 5, None)
LAST_FIELD, FINAL = len(demo.FIELD_DAYS), len(demo.FIELD_DAYS) + 1
PASSWORD = "simulasi-saja-22"  # noqa: S105  # of a server that is gone a moment later

NUMBERS = text("SELECT code, number FROM release.area WHERE level = 'block'")

Scores = dict[str, float]


@dataclass(frozen=True)
class Played:
    """A month, its sites, and what the list says of them: reasons of refusal and doubts by id."""

    month: Month
    sites: list[Site]
    said: dict[str, frozenset[str]]

    def planted(self, *kinds: str) -> set[str]:
        """Ids of the sites that were planted so, or why."""
        return {site.site_id for site in self.sites if site.planted in kinds or site.why in kinds}


def measured(seed: int, scale: Scale) -> Scores:
    """Scores of one city, by what they are of."""
    month = Month(seed, scale)

    async def lay(logins: Logins) -> str:
        db = Database(logins, 1, AT_WORK)
        async with db.worker.begin() as connection:
            await demo.lay(connection, month.city, month.work)
        await db.close()
        return ""

    with stage(lay=lay) as on, tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_played(on, month, seed, Path(folder)))


async def _played(on: Stage, month: Month, seed: int, folder: Path) -> Scores:
    drawn = draw_sites(month.city, month.welfare, seed)
    welfare_files.write(folder, month.city, month.welfare, drawn, [""] * len(month.city.families))
    db = Database(on.logins, 4, AT_WORK)
    brought = await publishing.bring_sites(publishing.Press(on.logins, on.home / "word", folder))
    said = {
        str(one.site_id): frozenset({str(one.reason)} if one.reason else {str(d.doubt) for d in one.doubts})
        for one in brought.outcome.receipts
    }
    played = Played(month, drawn, said)
    async with db.worker.begin() as connection:
        grant = Grant("local_government", ("regency", "6472"), purpose="benchmark", agreement="SIM/1",
                      expires_at=datetime(2099, 1, 1, tzinfo=UTC))  # fmt: skip
        reader = await accounts.create(connection, "pemda", grant, PASSWORD)
    since, scores = -np.inf, _listed(played)
    for release, day in enumerate([*demo.FIELD_DAYS, demo.FINAL_DAY], 1):
        at = START + (day - 1) * DAY
        await arrive(db, month, folder, since, at)
        since = at
        async with db.worker.begin() as connection:
            await campaign.set_clock(connection, datetime.fromtimestamp(at + 60, UTC))
            if release == FINAL:
                await consult(connection, month)
        await making.make(db.worker, publisher.file_of(on.home, "benchmark"))
        for name, who in (("regency", reader), ("public", None)):
            if release in {LAST_FIELD, FINAL}:
                found = await _read(db, played, release, who)
                kind = "final" if release == FINAL else "field"
                scores |= {f"{what}|{kind}, {name}": value for what, value in found.items()}
    await db.close()
    return scores


async def _read(db: Database, played: Played, release: int, reader: int | None) -> Scores:
    """What is told of a release, against the truth."""
    bases: dict[int | None, Basis] = {}
    async with db.as_reader(reader) as connection:
        numbers = {row.code: int(row.number) for row in await connection.execute(NUMBERS)}
        sealed = await published.find(connection, release)
        for km in WITHIN:
            question = Question(km=km)
            of = await programmes.sites_of(connection, question)
            bases[km] = await programmes.read(connection, sealed, question, of)
    found = await asyncio.to_thread(clusters.find, bases[1].cells)
    scores = _clusters(played, telling.clusters(bases[1], found))
    if reader is not None:
        scores |= _far(played, bases[1], numbers)
        busy = played.planted("over_capacity")
        for km, basis in bases.items():
            rows = telling.sites(basis)["sites"]
            for words in (("over",), ("over", "near")):
                told = {row["site_id"] for row in rows if row["fullness"] in words}
                name = f"sites {' or '.join(words)}, {f'{km} km' if km else 'any distance'}"
                scores |= _of(name, busy, told)
    return scores


def _clusters(played: Played, told: dict[str, Any]) -> Scores:
    """Found clusters against planted ones."""
    rows, resolution, untested = told["clusters"], told["resolution"], told["untested"]
    families, planted = played.month.city.families, played.month.welfare.cluster
    cell = h3cells.parents(h3cells.index(families.lon, families.lat, LEAF), min(resolution, LEAF))
    inside = [np.isin(cell, [h3cells.from_hex(name) for name in row["cells"]]) for row in rows]
    anywhere = np.any([*inside, np.zeros(len(cell), bool)], axis=0)
    many = len(played.month.welfare.clusters)
    shares = [float(anywhere[planted == number].mean()) for number in range(many)]
    without = unserved(played.month.welfare, played.sites)
    lonely = [number for number, one in enumerate(played.month.welfare.clusters) if one.id in without]
    alone = [where for where, row in zip(inside, rows, strict=True) if len(row["without_site"]) == len(row["served"])]
    hit = sum(any((where & (planted == number)).any() for where in alone) for number in lonely)
    return {
        "cells tested": told["tested"],
        "cells of low coverage": untested.get("low_coverage", 0),
        "planted clusters": many,
        "found, %": _percent(sum(share > 0.5 for share in shares), many),
        "touched, %": _percent(sum(share > 0 for share in shares), many),
        "clusters told": len(rows),
        "false": sum(not (planted[where] >= 0).any() for where in inside),
        "families in them, planted, %": _percent(int((planted[anywhere] >= 0).sum()), int(anywhere.sum())),
        "families of planted ones in them, %": _percent(int(anywhere[planted >= 0].sum()), int((planted >= 0).sum())),
        "without a site, planted": len(lonely),
        "without a site, said, %": _percent(hit, len(lonely)),
    }


def _far(played: Played, basis: Basis, numbers: dict[str, int]) -> Scores:
    """Of the families of planted clusters without a site, those in blocks told to be a kilometre off or more."""
    leaves, welfare = basis.leaves, played.month.welfare
    far = leaves.key[reach.classes(leaves, basis.places) > 0]
    block = np.array([numbers[code] for code in played.month.city.blocks.code])[played.month.city.families.block]
    lonely = set(unserved(welfare, played.sites))
    theirs = np.isin(welfare.cluster, [n for n, one in enumerate(welfare.clusters) if one.id in lonely])
    return {
        "families of those, told as beyond 1 km, %": _percent(int(np.isin(block[theirs], far).sum()), int(theirs.sum()))
    }


def _listed(played: Played) -> Scores:
    """What the import said of the sites, against what was planted."""

    def those(*words: str) -> set[str]:
        return {site for site, said in played.said.items() if said & set(words)}

    duplicates = played.planted("duplicate")
    twins = duplicates | {site.why for site in played.sites if site.planted == "duplicate"}
    told = those(SiteDoubt.POSSIBLE_DUPLICATE)
    all_said = {site for site, said in played.said.items() if said}
    return {
        "sites": len(played.sites),
        **_of("duplicates", duplicates, told & (duplicates | (told - twins))),
        "outside, refused, %": _recall(played.planted("outside"), those("OUTSIDE")),
        "in the river, doubted or refused, %": _recall(played.planted("river"), all_said),
        "far from the poor, doubted, %": _recall(played.planted("far"), all_said),
        "ordinary ones doubted or refused": len(all_said & played.planted("", "over_capacity") - twins),
    }


def _of(name: str, planted: Collection[str], told: Collection[str]) -> Scores:
    """Recall and precision, in %."""
    right = len(set(planted) & set(told))
    return {f"{name}: recall, %": _percent(right, len(planted)), f"{name}: precision, %": _percent(right, len(told))}


def _recall(planted: Collection[str], told: Collection[str]) -> float:
    return _percent(len(set(planted) & set(told)), len(planted))


def _percent(some: int, of: int) -> float:
    return 100 * some / of if of else np.nan


def tell(each: Iterable[Scores]) -> None:
    """Print the seeds' scores together: mean, least and greatest; a seed without the thing is left out."""
    listed = list(each)
    scores: dict[str, dict[str, str]] = {}
    for name in listed[0]:
        values = [one[name] for one in listed if not np.isnan(one[name])]
        what, _, column = name.partition("|")
        scores.setdefault(what, {})[column] = span(values, 0) if values else "–"
    table(["the list", "mean (least–greatest)"], [[what, of[""]] for what, of in scores.items() if "" in of])
    columns = list(dict.fromkeys(column for of in scores.values() for column in of if column))
    rows = [[what, *(of.get(column, "") for column in columns)] for what, of in scores.items() if "" not in of]
    table(["told of it", *columns], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scale", choices=SCALES, default="district")
    given = parser.parse_args()
    tell(measured(seed, given.scale) for seed in range(1, given.seeds + 1))


if __name__ == "__main__":
    main()
