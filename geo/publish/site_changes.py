"""Changes of the list of sites: a file brought in, one site put in or corrected, one closed. Each makes one version.

All of a change is one transaction of the worker, and one after another, so that a version stays what it was. Whoever
changes anything needs the place in its scope: where the site is to stand, and where it stood before.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound, Refused
from geo.ground.areas import Ground
from geo.intake import notes
from geo.publish import site_rows
from geo.publish.site_doubts import Doubt, Settled, doubts_of, numbers, settled
from geo.publish.site_rows import Limits, Misfit, SiteReason, Wanted, household_list, plain
from geo.publish.sites import Site, SiteList, current
from geo.scope import Scope
from geo.trust import audit

SQL = queries.load(__file__)

SiteStatus = Literal["stored", "changed", "unchanged", "doubtful", "refused"]
SITE_STATUSES: tuple[SiteStatus, ...] = get_args(SiteStatus)

#: A programme with more sites than these, and than one for so many expected families, is rather a list of families: a
#: health post (Posyandu), of which there are most, serves about a hundred. Where nobody knows how many are expected the
#: last is the most.
MOST_SITES, FAMILIES_A_SITE, MOST_ANYWHERE = 500, 20, 5_000


@dataclass(frozen=True, slots=True)
class SiteReceipt:
    """What became of one row. `site`: as it is, or would be, in the list; None where it was refused."""

    row: int
    site_id: str | None
    name: str | None
    status: SiteStatus
    reason: SiteReason | None = None
    detail: str | None = None
    doubts: tuple[Doubt, ...] = ()
    site: Site | None = None


@dataclass(frozen=True)
class Incoming:
    """Rows as sent, the columns of their fields, and what holds for all. `replace`: close what the file has no more."""

    rows: Sequence[object]
    columns: Mapping[str, str]
    programme: str | None = None
    kind: str | None = None
    note: str | None = None
    replace: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Outcome:
    """The newest version, made or not; receipts in the order of the rows; ids of the sites that were closed."""

    version: int
    receipts: list[SiteReceipt]
    closed: list[str]
    made: bool

    @property
    def counts(self) -> dict[str, int]:
        """How many rows met each status, zeros included, and how many sites were closed."""
        found = Counter(r.status for r in self.receipts)
        return {status: found[status] for status in SITE_STATUSES} | {"closed": len(self.closed)}


def judged(incoming: Incoming, ground: Ground, scope: Scope) -> list[Wanted | Misfit]:
    """What each row is by itself. Takes a second for thousands: before the transaction, and in a thread.

    Raises BadInput (`household-list`).
    """
    return site_rows.judge(incoming.rows, incoming.columns, Limits(ground, scope, incoming.programme, incoming.kind))


async def bring(
    db: AsyncConnection, scope: Scope, ground: Ground, incoming: Incoming, rows: Sequence[Wanted | Misfit]
) -> Outcome:
    """Bring rows in within the caller's transaction, the worker's; where nothing changes there is no new version.

    `rows` as from `judged`, by the same scope.
    Raises BadInput: `household-list`, and `bad-site`, `identity-number` for a note that may not be kept.
    """
    note = notes.kept(incoming.note, "bad-site")
    await db.execute(SQL["lock"])
    before, where = await current(db), await settled(db, ground.campaign)
    plan = await asyncio.to_thread(_planned, before, (incoming, rows), (ground, scope, where))
    changed = [r.site for r in plan.receipts if r.site and before.by_id.get(r.site.site_id) != r.site]
    gone = [before.by_id[site_id] for site_id in plan.closed]
    if incoming.dry_run or not (changed or gone):
        return replace(plan, version=before.version)
    version = await _write(db, scope, ("import", note), changed, gone)
    await audit.note(db, scope.actor, "site.import", version=version, counts=plan.counts)
    return replace(plan, version=version, made=True)


async def put(
    db: AsyncConnection, scope: Scope, ground: Ground, site_id: str, body: Mapping[str, Any]
) -> tuple[int, SiteReceipt]:
    """Put one site in, or correct it, within the worker's transaction; the newest version, and what became of it.

    `body`: the fields of a row, with `note`, and `version`, that of the site as it was read, None for a new one. Raises
    BadInput (`bad-site`), Refused (`changed-meanwhile`, `not-yours`), and as `bring`.
    """
    note = notes.kept(body.get("note"), "bad-site")
    await db.execute(SQL["lock"])
    before = await current(db)
    known = before.by_id.get(site_id)
    if (known.version if known else None) != body.get("version"):
        raise Refused("somebody has changed this site since: load it anew", code="changed-meanwhile")
    if known is not None:
        _must_reach(scope, ground, known)
    row = {name: body.get(name) for name in ("programme", "kind", "name", "lon", "lat", "capacity")}
    row["site_id"] = site_id
    where = await settled(db, ground.campaign)
    without = SiteList(before.version, [s for s in before.rows if s.site_id != site_id])  # its programme may change
    incoming = Incoming([row], {name: name for name in row})
    rows = judged(incoming, ground, scope)
    plan = await asyncio.to_thread(_planned, without, (incoming, rows), (ground, scope, where))
    (receipt,) = plan.receipts
    if receipt.reason is not None or receipt.site is None:
        raise BadSite(receipt)
    if known is not None and known.said == receipt.site.said:
        return before.version, replace(receipt, status="unchanged", site=known)
    version = await _write(db, scope, ("edit", note), [receipt.site], [])
    await audit.note(db, scope.actor, "site.edit", version=version)
    written = replace(receipt.site, version=version, n=known.n if known else 0)
    status: SiteStatus = "doubtful" if receipt.doubts else "changed" if known else "stored"
    return version, replace(receipt, status=status, site=written)


async def close(
    db: AsyncConnection, scope: Scope, ground: Ground, site_id: str, note: str | None, version: int | None = None
) -> int:
    """Close one site within the worker's transaction; the version that was made. Versions before it still have it.

    `version`: that of the site as it was read, None for whichever. Raises NotFound (`no-site`), Refused (`not-yours`,
    `changed-meanwhile`), BadInput for the note as `bring`.
    """
    kept = notes.kept(note, "bad-site")
    await db.execute(SQL["lock"])
    before = await current(db)
    known = before.by_id.get(site_id)
    if known is None:
        raise NotFound("there is no such site", code="no-site")
    _must_reach(scope, ground, known)
    if version is not None and version != known.version:
        raise Refused("somebody has changed this site since: load it anew", code="changed-meanwhile")
    made = await _write(db, scope, ("close", kept), [], [known])
    await audit.note(db, scope.actor, "site.close", version=made)
    return made


class BadSite(BadInput):
    """One site cannot be as it was given."""

    code = "bad-site"

    def __init__(self, receipt: SiteReceipt) -> None:
        super().__init__(f"{receipt.reason}: {receipt.detail}")
        self.more = {"reason": receipt.reason}


def _must_reach(scope: Scope, ground: Ground, site: Site) -> None:
    (number,) = numbers([site], ground).tolist()
    if not scope.covers(number, number):
        raise Refused("this site stands in an area that is not yours", code="not-yours")


# ── what a file would change ──────────────────────────────────────────────────────────────────────────────────────


def _planned(
    before: SiteList, sent: tuple[Incoming, Sequence[Wanted | Misfit]], around: tuple[Ground, Scope, Settled]
) -> Outcome:
    """What rows would make of a list."""
    (incoming, rows), (ground, scope, where) = sent, around
    known = {plain(name): name for name in before.programmes}
    rows = [
        replace(row, programme=known.get(plain(row.programme), row.programme)) if isinstance(row, Wanted) else row
        for row in rows
    ]
    found = _single(rows)
    stood = {s.site_id: n for s, n in zip(before.rows, numbers(before.rows, ground).tolist(), strict=True)}
    found = [_fitting(j, before, stood, scope) if isinstance(j, Wanted) else j for j in found]
    wanted = {j.site_id: _site(j, before) for j in found if isinstance(j, Wanted)}
    closed = _left_out(before, found, (stood, scope)) if incoming.replace else []
    after = [s for s in before.rows if s.site_id not in wanted and s.site_id not in set(closed)] + [*wanted.values()]
    _bounded(after, {site.programme for site in wanted.values()}, where)
    looked = dict(zip((s.site_id for s in after), doubts_of(after, ground, where), strict=True))
    receipts = [
        _refused(at, j) if isinstance(j, Misfit) else _receipt(j, wanted[j.site_id], before, tuple(looked[j.site_id]))
        for at, j in enumerate(found)
    ]
    return Outcome(before.version, receipts, closed, made=False)


def _single(judged: Sequence[Wanted | Misfit]) -> list[Wanted | Misfit]:
    """Rows that name one site and contradict each other are all refused: nobody knows which of them is right."""
    said: dict[str, set[tuple[Any, ...]]] = {}
    for j in judged:
        if isinstance(j, Wanted):
            said.setdefault(j.site_id, set()).add(j.said)
    detail = "stands in the file more than once, each time with something else"
    return [
        Misfit(SiteReason.DUPLICATE_ID, "site_id", detail, j.site_id, j.name)
        if isinstance(j, Wanted) and len(said[j.site_id]) > 1
        else j
        for j in judged
    ]


def _fitting(wanted: Wanted, before: SiteList, stood: Mapping[str, int], scope: Scope) -> Wanted | Misfit:
    """The row, or why it may not change the site that has its id."""
    known = before.by_id.get(wanted.site_id)
    if known is None:
        return wanted
    if known.programme != wanted.programme:
        detail = f"is the id of a site of {known.programme}; give this one another"
        return Misfit(SiteReason.DUPLICATE_ID, "site_id", detail, wanted.site_id, wanted.name)
    number = stood[wanted.site_id]
    if not scope.covers(number, number):
        detail = "is the id of a site in an area that is not yours"
        return Misfit(SiteReason.OUTSIDE_SCOPE, "site_id", detail, wanted.site_id, wanted.name)
    return wanted


def _left_out(
    before: SiteList, judged: Sequence[Wanted | Misfit], around: tuple[Mapping[str, int], Scope]
) -> list[str]:
    """Open sites of the file's programmes, in the scope, that no row names, be it a refused one."""
    stood, scope = around
    programmes = {j.programme for j in judged if isinstance(j, Wanted)}
    named = {j.site_id for j in judged}
    return [
        site.site_id
        for site in before.rows
        if site.programme in programmes
        and site.site_id not in named
        and scope.covers(stood[site.site_id], stood[site.site_id])
    ]


def _bounded(after: Sequence[Site], programmes: set[str], where: Settled) -> None:
    """Refuse more sites of a programme than places could be. Raises BadInput (`household-list`)."""
    most = max(MOST_SITES, where.families // FAMILIES_A_SITE) if where.families else MOST_ANYWHERE
    for programme, many in Counter(site.programme for site in after).items():
        if programme in programmes and many > most:
            expected = f" for the {where.families:,} families expected" if where.families else ""
            raise household_list(
                f"{programme} would have {many:,} sites, and no programme has more than {most:,}{expected}"
            )


def _site(wanted: Wanted, before: SiteList) -> Site:
    """The site as the row has it; the very one of the list where it says the same."""
    known = before.by_id.get(wanted.site_id)
    if known is not None and known.said == wanted.said:
        return known
    w, n = wanted, known.n if known else 0
    return Site(w.site_id, w.programme, w.kind, w.name, w.lon, w.lat, w.capacity, w.block, n)


def _receipt(wanted: Wanted, site: Site, before: SiteList, doubts: tuple[Doubt, ...]) -> SiteReceipt:
    known = before.by_id.get(site.site_id)
    status: SiteStatus = "doubtful" if doubts else "stored" if known is None else "changed"
    if known is site:
        status = "unchanged"
    return SiteReceipt(wanted.row, site.site_id, site.name, status, doubts=doubts, site=site)


def _refused(row: int, misfit: Misfit) -> SiteReceipt:
    return SiteReceipt(row, misfit.site_id, misfit.name, "refused", misfit.reason, misfit.said)


async def _write(
    db: AsyncConnection, scope: Scope, why: tuple[str, str | None], changed: Sequence[Site], gone: Sequence[Site]
) -> int:
    """One new version with rows of what changed and of what is closed."""
    change, note = why
    made = await db.execute(SQL["open"], {"change": change, "note": note, "actor": scope.actor})
    version = int(made.scalar_one())
    rows = {site.site_id: _row(site, closed=False) for site in changed} | {
        site.site_id: _row(site, closed=True) for site in gone
    }
    await db.execute(SQL["write"], {"version": version, "sites": queries.as_json(list(rows.values()))})
    return version


def _row(site: Site, *, closed: bool) -> dict[str, Any]:
    programme, kind, name, lon, lat, capacity = site.said
    said = {"programme": programme, "kind": kind, "name": name, "lon": lon, "lat": lat, "capacity": capacity}
    return said | {"site_id": site.site_id, "block": site.block, "closed": closed}
