"""Whether the service lives and is ready, and its metrics. These say nothing of any household."""

import asyncio

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError

import migrations
from app.access import HouseDep
from app.errors import documented, problem
from geo.intake import durability

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz", response_model=None, responses=documented(503))
async def readyz(request: Request, house: HouseDep) -> Response | dict[str, object]:
    """The database answers, is durable, and has the schema this version needs; uploads would be kept."""
    if house.closing:
        return problem(503, "closing", "the service is closing")
    try:
        async with asyncio.timeout(5), house.db.health.begin() as connection:
            wanting = await durability.wanting(connection)
            revision = await connection.run_sync(migrations.current)
    except (SQLAlchemyError, OSError, TimeoutError):
        return problem(503, "database", "the database does not answer")
    if revision != migrations.head():
        return problem(503, "schema", "the schema is not current: run ./cakupan migrate")
    if wanting and not request.app.state.may_lose:
        return problem(503, "not-durable", f"the database could lose what it took: switch on {', '.join(wanting)}")
    return {"status": "ready", "campaign": house.snapshot is not None, "revision": revision}


@router.get("/metrics", response_class=Response)
async def metrics() -> Response:
    """Metrics in Prometheus's format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
