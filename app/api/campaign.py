"""The campaign: its name, dates, time zone and clock."""

from typing import Any

from fastapi import APIRouter

from app.access import CallerDep, HouseDep
from app.errors import documented
from geo.watch.live import Snapshot

router = APIRouter(tags=["campaign"], responses=documented(401, 503))


@router.get("/v1/campaign")
async def campaign(house: HouseDep, _: CallerDep) -> dict[str, Any]:
    """The one campaign of this service, and how far it is: day `day` of `days` by its own clock."""
    return about(house.current) or {}


def about(live: Snapshot | None) -> dict[str, Any] | None:
    """What everybody may know of the campaign; None before there is one."""
    if live is None:
        return None
    of = live.campaign
    return {
        "name": of.name,
        "starts_on": of.starts_on.isoformat(),
        "ends_on": of.ends_on.isoformat(),
        "time_zone": of.time_zone,
        "edition": of.edition,
        "series": of.series,
        "simulated": of.simulated,
        "now": of.now().isoformat(timespec="seconds"),
        "day": of.elapsed(),
        "days": of.days,
    }
