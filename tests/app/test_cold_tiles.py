"""Five hundred viewers open one tile that nobody has kept: the database is asked once, after a restart not at all."""

import asyncio
from pathlib import Path

import httpx2
from httpx2 import ASGITransport

from app.database import Logins
from app.main import create_app
from app.settings import Settings
from tests.conftest import people
from tests.plans import sent_on

VIEWERS = 500


async def opened(settings: Settings, logins: Logins, token: str, path: str) -> list[str]:
    """Statements sent while a service that has just started answers everybody the same tile at once."""
    app = create_app(settings, logins, may_lose=True)
    async with app.router.lifespan_context(app):
        headers = {"Authorization": f"Bearer {token}"}
        transport = ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
            assert (await client.get("/v1/me")).status_code == 200  # who asks is known; that is not the tile's doing
            house = app.state.house
            with sent_on(house.db.internal) as internal, sent_on(house.db.worker) as worker:
                answers = await asyncio.gather(*(client.get(path) for _ in range(VIEWERS)))
            assert {answer.status_code for answer in answers} == {200}
            assert len({answer.content for answer in answers}) == 1
    return [one.statement for one in (*internal, *worker) if "ST_AsMVT" in one.statement or one in internal]


async def test_one_build_and_none_after_a_restart(settings: Settings, fresh_database: Logins, tmp_path: Path) -> None:
    path = "/tiles/blocks/13/6761/4107.mvt"
    tokens = await people(fresh_database)
    changes = {"home": tmp_path, "tile_disk_mb": 100, "requests_per_minute": 0, "fold_seconds": 5.0}
    kept = settings.model_copy(update=changes)
    first = await opened(kept, fresh_database, tokens["admin"], path)
    assert len(first) == 1
    assert "ST_AsMVT" in first[0]
    assert await opened(kept, fresh_database, tokens["admin"], path) == []
