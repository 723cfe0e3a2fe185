"""Tomorrow's plan of a supervisor: as it is proposed, as it was changed by hand, and as a file for phone and paper.

Visits due are single households: who was given a plan is audited.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app import plan_files, small_bodies
from app.access import HouseDep, one_of
from app.answers import Result, Said, State, listed
from app.api.areas import said_of_all
from app.api.quarantine import DECIDERS
from app.errors import documented, problem
from app.formats import Format
from app.house import House
from app.outgoing import Outgoing, ReaderDep
from geo.intake import plans
from geo.intake.plans import Draft, Route
from geo.scope import Scope
from geo.trust import audit
from geo.trust.credentials import Caller
from geo.watch import plan, teams
from geo.watch.live import Snapshot
from geo.watch.plan import Plan, Question
from geo.watch.teams import WhichSupervisor

router = APIRouter(tags=["plan"], responses=documented(401, 403, 404, 422, 503))

#: A plan names at most some hundred stops.
MAX_BYTES = 100_000
#: Hours of an enumerator's day.
LEAST, MOST = 1.0, 12.0

Planner = Annotated[Caller, Depends(one_of(*DECIDERS))]
Name = Annotated[str, Field(max_length=64)]

#: One day is planned at a time, on one core; the others wait.
_PLANNING = ThreadPoolExecutor(1, thread_name_prefix="plan")


class SavedOut(BaseModel):
    """By whom the order was changed, and when."""

    model_config = ConfigDict(title="SavedPlan", extra="forbid")
    plan_id: UUID
    saved_at: datetime
    saved_by: str | None


class OddsRow(BaseModel):
    """How often a visit is won: it ends with a final result, an interview or that there is no family."""

    model_config = ConfigDict(extra="forbid")
    what: str = Field(description="what came of the visit before, and perhaps a visit's number or a part of the day")
    share: float
    low: float = Field(description="with `high`, where the share lies four times of five")
    high: float
    before: float = Field(description="the share without the day before the one that is planned")
    of: int = Field(description="the team's own visits behind it; the campaign's stand behind these")


class StopRow(BaseModel):
    """One stop. `code`, `name`, `n` and `place` are of its block; what is of a single family is null elsewhere."""

    model_config = ConfigDict(extra="forbid")
    stop: str = Field(description="the same as long as there is something to be done")
    kind: Literal["callback", "hole", "block"]
    code: str
    name: str
    n: int
    place: str
    lon: float = Field(description="where to go, degrees, WGS 84")
    lat: float
    arrive: datetime | None = Field(description="null where it found no room")
    leave: datetime | None
    walk_m: int | None = Field(description="from the stop before, the detours of ways included")
    walk_minutes: float | None
    work_minutes: float = Field(description="there, the ways from door to door included")
    inside_m: int = Field(description="on foot from door to door there")
    families: int = Field(description="to be asked for")
    odds: float = Field(description="of winning each of them, at this part of the day")
    won: float = Field(description="families that can be expected to be won")
    household_id: str | None
    building: str | None
    sequence: int | None
    appointment: datetime | None
    earliest: datetime | None = Field(description="from when the next visit counts")
    result: Result | None = Field(description="of the visit before")
    visits: int | None = Field(description="visits used")
    reason: Literal["appointment", "missed", "callback", "hole"] | State = Field(
        description="`missed`: an appointment that nobody kept, due at any hour now; of the rest of a block its state"
    )
    assigned: str | None = Field(description="whose block it is")
    late: bool = Field(description="the appointment would be missed")


class Start(BaseModel):
    """Where somebody sets out: where it was last seen, else amid its blocks."""

    model_config = ConfigDict(extra="forbid")
    lon: float
    lat: float


class RouteRow(BaseModel):
    """The day of one enumerator, its stops in walking order."""

    model_config = ConfigDict(extra="forbid")
    enumerator: str
    start: Start | None
    hours: float = Field(description="from setting out to the end of the last stop")
    walk_m: int = Field(description="in all, inside of stops too")
    families: float = Field(description="that can be expected to be won")
    stops: list[StopRow]


class GoneRow(BaseModel):
    """A stop of the saved plan where nothing is to be done any more."""

    model_config = ConfigDict(extra="forbid")
    stop: str
    enumerator: str


class PlanOut(Said):
    """The plan of a day."""

    supervisor: str
    day: date
    hours: float = Field(description="of each enumerator")
    saved: SavedOut | None = Field(description="null: it is the proposal")
    supervisors: list[str] = Field(description="whose plans the caller may ask for")
    families: float = Field(description="that can be expected to be won")
    odds: list[OddsRow]
    routes: list[RouteRow]
    left: list[StopRow] = Field(description="stops that found no room, most families a minute first; at most 100")
    gone: list[GoneRow] = Field(description="stops of the saved plan that are done since, or were taken up otherwise")


class RouteIn(BaseModel):
    """The stops of one enumerator, in the order in which they are to be walked."""

    model_config = ConfigDict(extra="forbid")
    enumerator: Name
    stops: list[Annotated[str, Field(max_length=120)]] = Field(max_length=500)


class PlanIn(BaseModel):
    """A plan changed by hand; whoever is not named stays without stops."""

    model_config = ConfigDict(title="PlanIn", extra="forbid")
    plan_id: UUID = Field(description="made by whoever saves; the same plan sent again keeps it, and is saved once")
    base: UUID | None = Field(description="the plan it was made upon, as `saved` had it")
    supervisor: Name
    day: date
    hours: float = Field(ge=LEAST, le=MOST)
    routes: list[RouteIn] | None = Field(max_length=100, description="null: back to the proposal")


@router.get("/v1/plan", responses=listed(PlanOut))
async def proposed(
    house: HouseDep,
    planner: Planner,
    reader: ReaderDep,
    supervisor: Annotated[str | None, Query(max_length=64, description="left out: the caller")] = None,
    day: Annotated[date | None, Query(description="left out: today until noon, else tomorrow")] = None,
    hours: Annotated[float | None, Query(ge=LEAST, le=MOST, description="of each enumerator; 7 where left out")] = None,
    format: Format = "json",  # noqa: A002  # the contract's name
) -> Response:
    """Who goes where in which order, by families that can be won in an hour; as it was changed by hand, if it was.

    For those who answer for all blocks of the team. 422 `which-supervisor` names the teams where none was named.
    """
    out = Outgoing(house, planner.scope, 0, format, reader)
    try:
        found = await _planned(out.house, out.scope, Question(supervisor, day, hours), out.format)
    except WhichSupervisor as which:
        return problem(422, which.code, str(which), supervisors=which.names)
    return await _answered(out, found)


@router.put(
    "/v1/plan",
    openapi_extra=small_bodies.described(PlanIn),
    response_model=PlanOut,
    responses=documented(409, 413),
)
async def changed(
    house: HouseDep,
    planner: Planner,
    said: Annotated[PlanIn, Depends(small_bodies.said(PlanIn, MAX_BYTES))],
) -> Response:
    """Save a plan changed by hand, or take the changes back. Times are worked out anew; the order stays.

    409 `plan-changed` where somebody saved another plan since `base`.
    """
    scope = planner.scope
    routes = None if said.routes is None else [Route(one.enumerator, one.stops, said.hours) for one in said.routes]
    found = await _planned(house, scope, Question(said.supervisor, said.day), "json")
    team = found.ready.team
    if routes:
        ids = [one for route in routes for one in route.stops]
        async with house.db.as_actor(scope.actor, scope.credential) as connection:
            named = await plan.known(connection, scope, team, ids)
        plan.checked(house.current, found.ready, routes, named)
    draft = Draft(said.plan_id, said.base, said.supervisor, said.day, team.numbers, routes)
    async with house.db.for_actor(planner.account_id, planner.credential_id) as connection:
        await plans.save(connection, scope, draft)
    hours = said.hours if routes is None else None
    found = await _planned(house, scope, Question(said.supervisor, said.day, hours), "json")
    return await _answered(Outgoing(house, scope, 0, "json"), found)


async def _planned(house: House, scope: Scope, question: Question, format_: str) -> Plan:
    """A plan: read as far as it is not kept, then put together in a thread."""
    live = house.current
    async with house.db.as_actor(scope.actor, scope.credential) as connection:
        found = await plan.read(connection, live, scope, question, format_)
    if found.ready is None and plan.elsewhere(live) is None:
        async with house.db.worker.begin() as connection:
            await plan.look_around(connection, live)
    return await asyncio.get_running_loop().run_in_executor(_PLANNING, plan.answer, live, scope, found)


async def _answered(out: Outgoing, found: Plan) -> Response:
    """A plan in the format asked for, noted before it leaves."""
    live, scope = out.house.current, out.scope
    async with out.house.db.as_actor(scope.actor, scope.credential) as connection:
        await plan.told(connection, scope, found, out.format)
        if out.format in plan_files.FORMATS:
            rows = sum(len(route["stops"]) for route in found.routes)
            of = {"format": out.format, "rows": rows, "edition": live.tree.edition}
            await audit.note(connection, scope.actor, "export", what="plan", **of)
    head = _head(live, scope, found)
    if out.format == "json":
        answer = Response(orjson.dumps(head | {"routes": found.routes, "left": found.left, "gone": found.gone}),
                          media_type="application/json")  # fmt: skip
    elif out.format in plan_files.FORMATS:
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(_PLANNING, plan_files.respond, out.format, head, found.routes, out.reader)
    else:
        flat = {name: value for name, value in head.items() if name not in {"saved", "supervisors", "odds"}}
        answer = await out.answer("plan", plan_files.rows_of(found.routes), flat, key="stop")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _head(live: Snapshot, scope: Scope, found: Plan) -> dict[str, Any]:
    """What is said of the whole plan."""
    saved = found.saved
    return said_of_all(live) | {
        "supervisor": found.ready.team.supervisor,
        "day": found.ready.day,
        "hours": found.hours,
        "saved": {name: getattr(saved, name) for name in SavedOut.model_fields} if saved else None,
        "supervisors": teams.supervisors(live, scope),
        "families": round(sum(route["families"] for route in found.routes), 1),
        "odds": found.ready.odds.rows(),
    }
