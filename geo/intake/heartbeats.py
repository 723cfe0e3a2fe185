"""What devices say of themselves between uploads: how much waits there, and when something last happened.

By this a block where nobody works can be told from one whose phone has no signal. Counts nothing and decides nothing.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.intake.submissions import AHEAD

SQL = queries.load(__file__)

#: Devices of one account that are remembered, those heard last.
MOST = 20


async def store(
    db: AsyncConnection,
    actor: int,
    device: str,
    queued: int,
    last_event_at: datetime | None,
    blocks: Mapping[str, int] | None = None,
) -> None:
    """Keep the latest word of the actor's `device`: `queued` submissions wait there, the last event was then.

    `blocks` says how many of them wait by the code of the block that they declare; None where the device does not say.
    Codes are kept as they were sent: whether the edition has them is the reader's question.

    A word carries no number by which to order it, so the one that arrives last wins, also where it was said earlier;
    the next one sets that right. `heard_at` is the campaign's time. A `last_event_at` before the campaign, or more than
    AHEAD of its clock, comes from a wrong clock and is stored as null, "not known": it would let a silent device look
    busy for months. The rest of the word still counts, and `heard_at` says that the device lives.
    """
    word = {
        "actor": actor,
        "device": device,
        "queued": queued,
        "blocks": None if blocks is None else queries.as_json(blocks),
        "last_event_at": last_event_at,
        "ahead": AHEAD,
    }
    await db.execute(SQL["store"], word)
    await db.execute(SQL["bound"], {"actor": actor, "most": MOST})
