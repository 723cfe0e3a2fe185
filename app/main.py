"""Wires the service together; nothing is wired anywhere else."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from app import basemap, errors
from app.analysis import Analysis
from app.api import (
    access,
    accounts,
    areas,
    audit,
    callbacks,
    campaign,
    coverage,
    enumerators,
    flags,
    footprints,
    gaps,
    health,
    heartbeats,
    holes,
    households,
    jobs,
    me,
    movements,
    plan,
    prelist,
    programmes,
    progress,
    proposals,
    quarantine,
    reinterviews,
    release_tiles,
    releases,
    session,
    sheets,
    site_tiles,
    sites,
    stream,
    submissions,
    tiles,
    tokens,
    welfare,
)
from app.api import basemap as basemap_file
from app.compression import Compressed
from app.database import Database, Logins
from app.headers import SecurityHeaders
from app.heads import Heads
from app.hosts import TrustedHosts
from app.house import House
from app.jobs import Jobs
from app.limits import Limits
from app.pages import routes as pages
from app.settings import Settings
from tiles.kept import Kept, Shelf


def create_app(settings: Settings, logins: Logins, *, heads: Heads | None = None, may_lose: bool = False) -> FastAPI:
    """The service over the database that `logins` lead to.

    `heads` is where ends of the audit's chain are written down, if anywhere. `may_lose` lets it be ready on a database
    that is not durable: for tests only.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        house = House(settings, Database(logins, settings.pool_size), _kept(settings), heads)
        app.state.house = house
        app.state.jobs = jobs_here = Jobs()
        app.state.analysis = apart = Analysis(settings.home / "analysis" if settings.tile_disk_mb else None)
        async with house.living(), jobs_here.living(), apart.living():
            yield

    app = FastAPI(
        title="Cakupan",
        summary="Live coverage of a registration census, by census block and H3 cell",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    app.state.believed = {}
    app.state.released = {}
    app.state.basemap = beneath = basemap.of(settings.basemap, settings.basemap_attribution)
    app.state.limits = Limits(settings)
    app.state.viewers = 0
    app.state.may_lose = may_lose
    errors.install(app)
    # an id may hold slashes: what lies beneath a household comes before it
    about_households = (submissions, heartbeats, welfare, households, callbacks, prelist, quarantine, plan)
    about_doubts = (flags, proposals, reinterviews)
    about_areas = (areas, campaign, coverage, enumerators, gaps, holes, progress, stream)
    drawn = (site_tiles, tiles, releases, release_tiles, footprints, sheets, jobs, basemap_file)
    about_welfare = (movements, sites, programmes)
    about_people = (session, me, tokens, access, accounts, audit)
    for noun in (*about_households, *about_doubts, *about_areas, *drawn, *about_welfare, health, *about_people):
        app.include_router(noun.router)
    app.include_router(pages.router)
    if settings.oidc_issuer and settings.oidc_client_id:
        from app import oidc  # noqa: PLC0415  # loads much that a service without a provider can do without

        oidc.install(app, settings, logins.internal)
    app.add_middleware(Compressed)
    app.add_middleware(TrustedHosts, settings=settings)
    app.add_middleware(SecurityHeaders, elsewhere=beneath.origin if beneath else None)
    return app


def _kept(settings: Settings) -> Kept:
    """Where unchanging halves of tiles are kept."""
    disk = Shelf(settings.home / "tiles", settings.tile_disk_mb) if settings.tile_disk_mb else None
    return Kept(settings.tile_cache_mb, disk)
