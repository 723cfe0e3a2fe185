"""The campaign: one census, its dates, limits and clock. One campaign a database."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotReady, Refused

SQL = queries.load(__file__)


@dataclass(frozen=True)
class Campaign:
    """One census. Dates are local to `time_zone`; limits are metres."""

    name: str
    starts_on: date
    ends_on: date
    time_zone: str
    edition_id: int
    edition: str
    digest: str
    series: str
    accuracy_limit_m: float
    outside_limit_m: float
    simulated: bool
    clock: datetime | None
    clock_at: datetime | None
    clock_speed: float

    @property
    def zone(self) -> ZoneInfo:
        """The campaign's time zone."""
        return ZoneInfo(self.time_zone)

    def now(self) -> datetime:
        """The campaign's time, as `ground.now()` in SQL: real, except where a simulation or a test has set it.

        A clock that was set stands still, or goes `clock_speed` times as fast as the real one.
        """
        if self.clock is None or self.clock_at is None:
            return self.clock or datetime.now(UTC)
        return self.clock + (datetime.now(UTC) - self.clock_at) * self.clock_speed

    def today(self) -> date:
        """The local date by the campaign's clock."""
        return self.now().astimezone(self.zone).date()

    @property
    def begins(self) -> datetime:
        """The first local midnight, from which hours are counted."""
        return datetime.combine(self.starts_on, time.min, self.zone)

    def hours(self) -> float:
        """Hours since then, by the campaign's clock; below zero before."""
        return (self.now() - self.begins).total_seconds() / 3600

    @property
    def days(self) -> int:
        """Length of the campaign in days."""
        return (self.ends_on - self.starts_on).days + 1

    def elapsed(self, on: date | None = None) -> int:
        """Days begun by `on` (today where left out), between 0 and `days`."""
        return min(max(((on or self.today()) - self.starts_on).days + 1, 0), self.days)


async def load(db: AsyncConnection) -> Campaign:
    """The campaign of this database. Raises NotReady before there is one."""
    row = (await db.execute(SQL["load"])).mappings().one_or_none()
    if row is None:
        raise NotReady("there is no campaign yet: import areas, then run ./cakupan campaign set", code="no-campaign")
    return Campaign(**row)


async def save(db: AsyncConnection, changes: dict[str, Any]) -> Campaign:
    """Create the campaign, or change what `changes` names (columns of `ground.campaign`, `edition` by its code).

    Raises BadInput for an unknown time zone or edition or dates the wrong way round, Refused where households have
    been counted and the edition would change: their numbers belong to the old one.
    """
    if "time_zone" in changes:
        try:
            ZoneInfo(changes["time_zone"])
        except (ZoneInfoNotFoundError, ValueError) as unknown:
            raise BadInput(f"unknown time zone {changes['time_zone']}: use a name like Asia/Jakarta") from unknown
    edition = changes.pop("edition", None)
    if edition is not None:
        changes["edition_id"] = await db.scalar(SQL["edition"], {"edition": edition})
        if changes["edition_id"] is None:
            raise BadInput(f"there is no edition {edition}: import its areas first")
    try:
        before: Campaign | None = await load(db)
    except NotReady:
        before = None
    if before and changes.get("edition_id", before.edition_id) != before.edition_id and await db.scalar(SQL["counted"]):
        raise Refused("households have been counted in the current edition, so the campaign cannot change it")
    if "clock" in changes:
        changes |= {"clock_at": None, "clock_speed": 0.0}
    merged = {
        "time_zone": "Asia/Jakarta",
        "series": "prelist",
        "accuracy_limit_m": 50.0,
        "outside_limit_m": 5000.0,
        "simulated": False,
        "clock": None,
        "clock_at": None,
        "clock_speed": 0.0,
        **({} if before is None else {k: v for k, v in vars(before).items() if k not in {"edition", "digest"}}),
        **changes,
    }
    missing = {"name", "starts_on", "ends_on", "edition_id"} - merged.keys()
    if missing:
        raise BadInput(f"a new campaign needs {', '.join(sorted(missing))}")
    if merged["ends_on"] < merged["starts_on"]:
        raise BadInput("the campaign ends before it starts")
    if merged["clock"] is not None and not merged["simulated"]:
        raise Refused("only a simulated campaign may have its clock set")
    await db.execute(SQL["save"], merged)
    return await load(db)


async def set_clock(db: AsyncConnection, clock: datetime | None, speed: float = 0.0) -> datetime:
    """Set the clock of a simulated campaign and give what it shows; from now on it goes `speed` times as fast as real.

    Without `clock` it goes on from what it shows. Raises Refused for a real campaign, whose clock nobody sets.
    """
    shown: datetime | None = await db.scalar(SQL["set_clock"], {"clock": clock, "speed": speed})
    if shown is None:
        raise Refused("only a simulated campaign may have its clock set")
    return shown


async def fingerprint(db: AsyncConnection) -> str:
    """Changes whenever campaign, areas, expected families or footprints do: then a process loads them anew.

    The clock is left out: it moves all the time and changes no figure.
    """
    found: str = (await db.execute(SQL["fingerprint"])).scalar_one()
    return found
