"""What the consultation moved, forum by forum, and what another cut-off would change in a programme's list.

Inside the house only: neither is in any release. What is told are counts of areas and no single households; a list that
leaves as a file is noted, as all are.
"""

import asyncio
from dataclasses import asdict, replace
from datetime import date
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Response
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from app.answers import Place, Said, listed
from app.api.areas import said_of_all, shapes
from app.api.quarantine import Decider
from app.errors import documented
from app.outgoing import Outgoing, OutgoingDep
from geo.publish import cutoffs as lists
from geo.publish import movements as moves
from geo.publish.cutoffs import Question, Scale
from geo.publish.paging import Wanted
from geo.watch import coverage
from geo.watch.live import Snapshot

router = APIRouter(tags=["welfare"], responses=documented(401, 403, 404, 422, 503))

AreaLevel = Literal["regency", "district", "village", "block"]
AfterArea = Annotated[int | None, Query(ge=0, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=0, le=10_000, description="0: only what all of it comes to")]


class Moved(BaseModel):
    """Families at the consultation. Null where the area is not wholly the caller's."""

    families: int | None = Field(description="consulted on")
    moved: int | None = Field(description="to another group")
    poorer: int | None = Field(description="of those, to a poorer group")
    richer: int | None
    stayed: int | None
    unknown: int | None = Field(description="whose group before is not known; in no share")
    share: float | None = Field(description="moved over moved and stayed")
    net: int | None = Field(description="richer less poorer")
    forums: int | None
    outliers: int | None = Field(description="forums that stand out from the others: to be asked, not judged")


class MovedArea(Place, Moved):
    """One area. What is told of a single forum alone is null above the blocks."""

    place: str | None = Field(description="the areas above, nearest first")
    outlier: bool | None = Field(description="whether it, or a forum in it, stands out")
    odds: float | None = Field(
        description="one in so many forums like the others would move as many, up to a thousand million; null with "
        "fewer than 8 families, or fewer than 12 forums to compare with"
    )
    usual: float | None = Field(description="families that the others would move of as many, on average")
    seldom: int | None = Field(description="99 of 100 of the others would not move more")
    reasons: dict[str, int] | None = Field(
        description="families moved, by reason; without one under an empty name, beyond the commonest ten under `*`"
    )
    matrix: list[list[int]] | None = Field(description="families by group before (rows) and after; in JSON only")


class Ordinary(BaseModel):
    """What the forums in the caller's scope ordinarily do, the odd ones left aside."""

    model_config = ConfigDict(extra="forbid")
    share: float = Field(description="of its families that a forum moves, on average")
    spread: float = Field(description="how forums differ beyond accident: an intra-class correlation")
    forums: int


class MovementsOut(Said):
    """Areas, those with forums that stand out first."""

    since: date | None = Field(description="`from`")
    until: date = Field(description="`to`, or the campaign's day")
    whole: Moved = Field(description="what all of the caller's areas in `within` come to")
    ordinary: Ordinary | None = Field(description="null with fewer than 12 forums of 8 families")
    total: int = Field(description="areas on all pages")
    next: int | None = Field(description="`after` of the next page")
    movements: list[MovedArea]


class Listed(BaseModel):
    """Families in and out of a programme's list. Null where the area is not wholly the caller's."""

    families: int | None = Field(description="of which any of the scales says something")
    unknown: int | None = Field(description="of which the asked scale says nothing: in no list")
    before: int | None = Field(description="in the list under the cut-off `from`")
    after: int | None = Field(description="under `to`")
    added: int | None
    dropped: int | None
    added_poor_field: int | None = Field(description="of those added, poor or very poor by field status")
    added_poor_consultation: int | None = Field(description="in group 1 or 2 after the forum")
    dropped_poor_field: int | None
    dropped_poor_consultation: int | None
    outside_poor_field: int | None = Field(description="poor by field status, and not in the list under `to`")
    outside_poor_consultation: int | None


class ListedArea(Place, Listed):
    """One area."""

    place: str | None = Field(description="the areas above, nearest first")


class ProgrammeCutOff(BaseModel):
    """A programme's cut-off in 2025."""

    model_config = ConfigDict(extra="forbid")
    programme: str
    scale: Scale
    cut_off: int


class CutoffsOut(Said):
    """Areas, those in which the list changes most first."""

    scale: Scale
    before: float = Field(description="`from`")
    after: float = Field(description="`to`")
    day: date = Field(description="what was known on this day counts")
    presets: list[ProgrammeCutOff]
    whole: Listed = Field(description="what all of the caller's areas in `within` come to")
    total: int
    next: int | None
    cutoffs: list[ListedArea]


@router.get("/v1/movements", responses=listed(MovementsOut, places=False))
async def movements(
    out: OutgoingDep,
    decider: Decider,
    level: AreaLevel = "block",
    since: Annotated[date | None, Query(alias="from", description="first local day of a family's newest word")] = None,
    until: Annotated[date | None, Query(alias="to", description="last one; left out: today")] = None,
    after: AfterArea = None,
    limit: Limit = 100,
) -> Response:
    """How forums moved families to other groups, and which stand out from the others: a reason to ask, never a verdict.

    A forum's families are counted in the forum's block. Supervisors, coordinators and administrators, in their areas.
    """
    out = replace(out, scope=decider.scope)
    live, last = out.house.current, until or out.house.current.campaign.today()
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        found = await moves.read(connection, live.tree, out.scope, since or date.min, last)
    wanted = Wanted(coverage.select(live, level, out.within), out.within, after, limit)
    page = await asyncio.to_thread(moves.listing, live.tree, out.scope, found, wanted)
    ordinary = page.ordinary and {name: round(value, 4) for name, value in asdict(page.ordinary).items()}
    head = {"since": since, "until": last, "whole": page.whole, "ordinary": ordinary, **_pages(page)}
    return await _answer(out, "movements", _placed(live, page.numbers, page.rows), head)


@router.get("/v1/cutoffs", responses=listed(CutoffsOut, places=False))
async def cutoffs(
    out: OutgoingDep,
    decider: Decider,
    level: AreaLevel = "village",
    scale: Scale = "decile",
    before: Annotated[float, Query(alias="from", allow_inf_nan=False, description="the cut-off now")] = 4,
    then: Annotated[float, Query(alias="to", allow_inf_nan=False, description="the cut-off that might be")] = 5,
    after: AfterArea = None,
    limit: Limit = 100,
) -> Response:
    """What moving a programme's cut-off changes in its list, by area, and what the other scales say of those moved.

    A list holds whoever is at or below the cut-off; by score, below it. Supervisors, coordinators and administrators.
    """
    out = replace(out, scope=decider.scope)
    live = out.house.current
    asked = Question(scale, before, then, live.campaign.today(), live.campaign.time_zone, out.within)
    async with out.house.db.as_actor(out.scope.actor, out.scope.credential) as connection:
        found = await lists.read(connection, live.tree, out.scope, asked)
    wanted = Wanted(coverage.select(live, level, out.within), out.within, after, limit)
    page = await asyncio.to_thread(lists.listing, live.tree, out.scope, found, wanted)
    head = {"scale": scale, "before": before, "after": then, "day": asked.day, "whole": page.whole, **_pages(page)}
    head["presets"] = [asdict(one) for one in lists.PRESETS]
    return await _answer(out, "cutoffs", _placed(live, page.numbers, page.rows), head)


def _pages(page: moves.Page | lists.Page) -> dict[str, Any]:
    return {"total": page.total, "next": page.next}


def _placed(live: Snapshot, numbers: NDArray[Any], figures: list[Any]) -> list[dict[str, Any]]:
    """Rows of areas: where they are, and their figures."""
    return [
        place | {"place": coverage.above(live, place["n"])} | row
        for place, row in zip(coverage.places(live, numbers), figures, strict=True)
    ]


async def _answer(out: Outgoing, name: str, rows: list[dict[str, Any]], head: dict[str, Any]) -> Response:
    """The list in the format asked for; in tables without the matrix, and with what has parts as text."""
    if out.format != "json":
        rows = [{key: _flat(value) for key, value in row.items() if key != "matrix"} for row in rows]
        head = {key: _flat(value) for key, value in head.items()}
    drawn = await shapes(out.house, rows, out.format)
    answer = await out.answer(name, rows, said_of_all(out.house.current) | head, drawn)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _flat(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value
