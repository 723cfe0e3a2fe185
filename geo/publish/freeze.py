"""Freezes what a release is made of, in one transaction: which households enter which leaf, and whether they are poor.

From then on the release is a function of what is frozen and of its key. Whatever arrives later is for the next one;
whoever is killed on the way goes on from here and comes to the same bytes.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import Refused
from geo.ground.campaign import Campaign
from geo.ground.campaign import load as load_campaign
from geo.publish import ledger, noise, publisher
from geo.publish.terms import SQL as TERMS_SQL
from geo.publish.terms import Kind, Slot, Terms
from geo.publish.terms import load as load_terms

SQL = queries.load(__file__)

#: Households that must newly enter a leaf before its figure in the field table moves. The number is public anyway, and
#: nothing else is asked: a test on values that changed would tell something of them.
GATE = 20

#: Field status and consultation group below which a family counts as poor: very poor is 1, poor is 2.
POOR_BELOW = 3


@dataclass(frozen=True)
class Frozen:
    """A release that is being made: what it is, as of when, the key of its noise, and the digest of what is frozen."""

    release: int
    kind: Kind
    due: date
    as_of: datetime
    key: bytes = field(repr=False)
    digest: bytes


async def begin(db: AsyncConnection) -> None:
    """Begin a transaction that is alone at making releases and looks at one snapshot. Nothing may come before it."""
    await db.execute(SQL["still"])
    await db.execute(TERMS_SQL["alone"])
    await db.execute(SQL["patient"])


async def under_way(db: AsyncConnection) -> Frozen | None:
    """The release that was frozen and not yet sealed, if there is one."""
    row = (await db.execute(SQL["making"])).mappings().one_or_none()
    return Frozen(**row) if row else None


async def next_slot(db: AsyncConnection, terms: Terms, campaign: Campaign) -> Slot:
    """Which release is to be made now.

    Raises Refused: `not-due`, which says when the next one is, and `edition-changed` where the campaign has gone over
    to areas other than those that are published.
    """
    last = (await db.execute(SQL["last"])).scalar_one()
    slot = terms.due(terms.today(campaign), last)
    if slot is None:
        coming = terms.coming(last)
        when = f"the next one, release {coming.release}, is due on {coming.due}" if coming else "none is left to make"
        raise Refused(f"no release is due on {terms.today(campaign)}: {when}", code="not-due")
    if campaign.edition != terms.edition:
        raise Refused(
            f"the campaign counts in edition {campaign.edition}, and what is published was fixed for {terms.edition}: "
            "its blocks and cells cannot be changed any more",
            code="edition-changed",
        )
    return slot


async def choose(db: AsyncConnection, campaign: Campaign, kind: Kind) -> None:
    """Make the temporary table `candidate`: who has not entered this table yet, by leaf. No value is looked at."""
    of = {"edition_id": campaign.edition_id, "kind": kind}
    await db.execute(SQL["candidate_table"])
    await db.execute(SQL["candidates_block"], of)
    await db.execute(SQL["candidates_cell"], of)
    await db.execute(SQL["look"])


async def freeze(db: AsyncConnection, path: Path) -> Frozen:
    """Freeze the release that is due, in a transaction that `begin` began; or give the one that is frozen already.

    `path` is the publisher's file. Raises Refused (`not-the-publisher`, `not-due`, `edition-changed`).
    """
    terms = await load_terms(db)
    if found := await under_way(db):
        await publisher.check(db, path, found.release)
        return found
    bound = await publisher.check(db, path)
    campaign = await load_campaign(db)
    slot = await next_slot(db, terms, campaign)
    if not bound:
        await publisher.bind(db, path)
    as_of = (await db.execute(SQL["now"])).scalar_one()
    await _freeze(db, terms, campaign, slot, as_of)
    digest = digest_of(slot.release, slot.kind, as_of, await contents(db, slot.release))
    made = Frozen(slot.release, slot.kind, slot.due, as_of, noise.new_key(), digest)
    await db.execute(SQL["begin"], {"release": made.release, "key": made.key, "as_of": as_of, "digest": digest})
    return made


async def _freeze(db: AsyncConnection, terms: Terms, campaign: Campaign, slot: Slot, as_of: datetime) -> None:
    """Write down households and leaves."""
    measure = terms.measure_of(slot.kind)
    await choose(db, campaign, slot.kind)
    await ledger.known(db, _SCALES[measure], as_of.astimezone(ZoneInfo(terms.time_zone)).date())
    if slot.kind == "field":
        await db.execute(SQL["wait"], {"gate": GATE})
    below = terms.cut_off if measure == "score" else float(POOR_BELOW)
    await db.execute(SQL["freeze_households"], {"release": slot.release, "below": below})
    of = {"release": slot.release, "edition_id": campaign.edition_id, "series": terms.series}
    await db.execute(SQL["freeze_blocks"], of)
    await db.execute(SQL["freeze_cells"], of)


_SCALES: dict[str, ledger.Measure] = {"field_status": "field_status", "consultation": "consultation", "score": "score"}


async def contents(db: AsyncConnection, release: int) -> list[Row[Any]]:
    """What enters each leaf, by system and leaf: `system leaf expected listed n poor content`.

    Every leaf is there; `content` is null where nobody enters.
    """
    return list((await db.execute(SQL["contents"], {"release": release})).all())


def digest_of(release: int, kind: str, as_of: datetime, leaves: list[Row[Any]]) -> bytes:
    """SHA-256 of all that a release is made of, save its key."""
    found = hashlib.sha256(f"{release} {kind} {as_of.astimezone(UTC).isoformat(timespec='microseconds')}\n".encode())
    for leaf in leaves:
        content = leaf.content.hex() if leaf.content else "-"
        found.update(f"{leaf.system} {leaf.leaf} {leaf.expected} {leaf.listed} {content}\n".encode())
    return found.digest()
