"""Server-sent events: what changed since an epoch, to every open map."""

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, NamedTuple

import orjson
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from app import limits
from app.access import BELIEVED_SECONDS, HouseDep, Watcher, WithinDep, still
from app.answers import STREAMED
from app.api.areas import Level
from app.errors import Denied, documented
from app.house import House
from geo.scope import Scope
from geo.trust.credentials import Caller
from geo.watch import changes, coverage
from geo.watch.live import Snapshot

router = APIRouter(tags=["stream"], responses=documented(401, 403, 404, 422, 503))

#: Seconds after which a viewer hears that we are still there.
ALIVE_SECONDS = 5.0

#: A viewer that comes is told which blocks fell silent in these seconds before: its tiles may be as old.
HEARD_BEFORE = 60.0

#: Most viewers of one process.
MOST_VIEWERS = 2000


@router.get("/v1/stream", response_class=StreamingResponse, responses=STREAMED)
async def stream(
    request: Request,
    house: HouseDep,
    watcher: Watcher,
    within: WithinDep,
    level: Annotated[list[Level] | None, Query(max_length=5)] = None,
    res: Annotated[int | None, Query(ge=4, le=10)] = None,
    epoch: Annotated[int | None, Query(ge=0, description="the epoch the viewer has; left out: the newest")] = None,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> StreamingResponse:
    """Events `change` with rows of areas and cells changed since `Last-Event-ID` (an epoch), `alive` in between.

    Each brings the caller's own `total` along, as `/v1/coverage?level=scope` gives it.

    A viewer that falls behind skips epochs, never data: each event says all that changed since the last one it got.
    """
    if request.app.state.viewers >= MOST_VIEWERS:
        raise Denied("as many maps are open as this machine carries; try again", code="too-many-viewers")
    limits.of(request).may_watch(watcher.account_id)
    begun = int(last_event_id) if last_event_id and last_event_id.isdecimal() else epoch
    asked = Asked(tuple(level or ("block",)), res, within)
    return StreamingResponse(
        _while_open(_events(request, house, watcher.scope, asked, begun), request, house, watcher),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


class Asked(NamedTuple):
    """What a viewer shows. Equal viewers share one computation."""

    levels: tuple[str, ...]
    res: int | None
    within: int


async def _while_open(
    events: AsyncIterator[bytes], request: Request, house: House, watcher: Caller
) -> AsyncIterator[bytes]:
    """The events, until the caller's token, session or grant ends."""
    asked_at = time.monotonic()
    with limits.of(request).watching(watcher.account_id):
        async for event in events:
            if time.monotonic() - asked_at > BELIEVED_SECONDS:
                if not await still(request, house, watcher):
                    return
                asked_at = time.monotonic()
            yield event


async def _events(
    request: Request, house: House, scope: Scope, asked: Asked, begun: int | None
) -> AsyncIterator[bytes]:
    request.app.state.viewers += 1
    try:
        live = house.current
        epoch = live.epoch if begun is None else begun
        expected, day = live.expected, live.campaign.elapsed()
        heard = live.news.at - HEARD_BEFORE
        yield _event("alive", epoch, _said(live))
        silent = False
        while not house.closing:
            if live.expected is not expected or live.campaign.elapsed() != day:
                # Campaign, areas or expected families were loaded anew; or it is another day, by which every schedule
                # index and state is measured.
                expected, day, epoch = live.expected, live.campaign.elapsed(), live.epoch
                heard = live.news.at
                yield _event("change", epoch, _said(live) | {"resync": True, "total": _total(live, scope, asked)})
            elif epoch != live.epoch or live.flipped_blocks(heard, scope.ranges).size:
                yield _changes(live, scope, asked, epoch, heard)
                epoch, heard = live.epoch, live.news.at
            elif silent:
                yield _event("alive", None, _said(live))
            newer = await house.newer(live, ALIVE_SECONDS)
            live, silent = newer or live, True
    finally:
        request.app.state.viewers -= 1


def _changes(live: Snapshot, scope: Scope, asked: Asked, epoch: int, heard: float) -> bytes:
    """The event that brings a viewer from `epoch` to `live`, made once for all who ask the same."""
    body: bytes = live.remember(
        ("stream", scope.ranges, asked, epoch, heard),
        lambda: _event(
            "change",
            live.epoch,
            changes.since(live, scope, epoch, asked.levels, asked.res, asked.within, heard)
            | _said(live)
            | {"total": _total(live, scope, asked)},
        ),
    )
    return body


def _said(live: Snapshot) -> dict[str, Any]:
    """What every event says: up to when, and how far the campaign is: its day, and hours since its first midnight."""
    return {
        "epoch": live.epoch,
        "as_of": live.as_of,
        "day": live.campaign.elapsed(),
        "hours": round(live.campaign.hours(), 2),
    }


def _total(live: Snapshot, scope: Scope, asked: Asked) -> dict[str, Any]:
    return coverage.by_area(live, scope, "scope", asked.within)[0]


def _event(kind: str, identity: int | None, data: object) -> bytes:
    head = f"event: {kind}\n" + (f"id: {identity}\n" if identity is not None else "")
    return head.encode() + b"data: " + orjson.dumps(data) + b"\n\n"
