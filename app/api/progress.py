"""How the campaign goes by day, and when it will be done."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.answers import Said, listed
from app.api.areas import said_of_all
from app.errors import documented
from app.outgoing import OutgoingDep
from geo.watch import progress as watch

router = APIRouter(tags=["progress"], responses=documented(401, 403, 404, 422, 503))


class ProgressDay(BaseModel):
    """A day of the campaign; counts are families up to its end."""

    model_config = ConfigDict(extra="forbid")
    date: date
    day: int = Field(description="of the campaign, from 1")
    completed: int
    done: int = Field(description="expected − gap: families nobody need look for any more")
    due: int = Field(description="`done` by then if every day brought as much")
    whole: bool = Field(description="false for today, which is not over")


class Band(BaseModel):
    """Shares done, of expected."""

    low: float
    middle: float
    high: float


class Ahead(Band):
    """A day to come."""

    date: date


class When(BaseModel):
    """Days on which the target is reached; null: not within another campaign's length."""

    low: date | None
    middle: date | None
    high: date | None


class ForecastOut(BaseModel):
    """What is to come, by campaigns that went like this one so far."""

    model_config = ConfigDict(title="Forecast")
    share: float = Field(description="of futures that `low … high` hold")
    at_end: Band | None = Field(description="on the evening of the deadline; null once it has passed")
    on: When
    ahead: list[Ahead]


class ProgressOut(Said):
    """The campaign's days, and a forecast."""

    day: int
    days: int
    days_left: int = Field(description="today included")
    expected: int | None
    completed: int | None
    gap: int | None
    pace: float | None = Field(description="families done a day, the mean of the last seven whole days")
    pace_needed: int | None = Field(description="families a day to close the gap by the deadline")
    target: float
    forecast: ForecastOut | None
    why: str | None = Field(
        description="why there is no forecast: `too-early`, `nothing-done`, `unknown-expected`, `not-shown`"
    )
    progress: list[ProgressDay]


@router.get("/v1/progress", responses=listed(ProgressOut, places=False))
async def progress(
    out: OutgoingDep,
    target: Annotated[float, Query(ge=0.1, le=1, description="share done that the forecast is about")] = 0.95,
) -> Response:
    """Families done by day against what was due, the pace needed, and a forecast of the end with an 80 % interval.

    Over the part of `within` that is the caller's; of an area that is not wholly the caller's there are no numbers.
    """
    live = out.house.current
    found = live.remember(
        ("progress", out.scope.ranges, out.within, target, live.campaign.today()),
        lambda: watch.progress(live, out.scope, out.within, target),
    )
    left = {"progress"} if out.format == "json" else {"progress", "forecast"}
    head = said_of_all(live) | {name: value for name, value in found.items() if name not in left}
    return await out.answer("progress", found["progress"], head, key="day")
