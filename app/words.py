"""How commands say grants, and times: in the campaign's time zone."""

from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from geo.errors import NotReady
from geo.ground.campaign import load
from geo.trust.grants import Grant

Json = dict[str, Any]


async def zone(db: AsyncConnection) -> tzinfo:
    """The time zone in which days are meant: the campaign's, before there is one what a campaign has by default."""
    try:
        return (await load(db)).zone
    except NotReady:
        return ZoneInfo("Asia/Jakarta")


def row(given: Grant) -> Json:
    """A grant as the columns of one that is stored."""
    level, code = given.area or (None, None)
    return vars(given) | {"level": level, "code": code}


def meant(row: Json, where: tzinfo) -> str:
    """A grant in one line."""
    ends = f" until {until(row, where)}" if row["expires_at"] else ""
    return f"{row['role']} on {place(row)}{ends}"


def place(row: Json) -> str:
    """What a grant is on."""
    if row["code"] is None:
        return "assigned blocks" if row["assigned"] else "the whole campaign"
    edition = f" in edition {row['edition']}" if row.get("edition") else ""
    return f"{row['level']} {row['code']}{edition}"


def terms(row: Json) -> str | None:
    """The agreement that a grant is under."""
    return f"{row['agreement']}: {row['purpose']}" if row["agreement"] else None


def until(row: Json, where: tzinfo) -> str:
    """When a grant, token or session ends; the midnight after a last day is that day's 24:00."""
    if row["expires_at"] is None:
        return "without end"
    said = at(row["expires_at"], where)
    return f"{at(row['expires_at'] - timedelta(days=1), where)[:10]} 24:00" if said.endswith(" 00:00") else said


def ended(row: Json, now: datetime, where: tzinfo) -> str:
    """When a grant ended or will."""
    if row["ended_at"]:
        return f"ended {at(row['ended_at'], where)}"
    if row["expires_at"] and row["expires_at"] <= now:
        return f"expired {until(row, where)}"
    return until(row, where)


def at(moment: datetime | None, where: tzinfo) -> str:
    """A moment to the minute; a dash where there was none."""
    return "–" if moment is None else f"{moment.astimezone(where):%Y-%m-%d %H:%M}"
