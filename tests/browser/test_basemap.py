"""A basemap in a real browser: beneath the fills, read out of one file in pieces, and never in anybody's way."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from app.settings import Settings
from tests import basemaps
from tests.browser.conftest import Open
from tests.conftest import PASSWORD, Logins, Service, people, serving
from tests.world import BLOCKS, SIDE, SOUTH, WEST

pytestmark = pytest.mark.browser

HERE = (WEST, SOUTH)
GREEN = (20, 160, 60)
#: Earth of the style for vector tiles, by day and by night.
EARTH, EARTH_AT_NIGHT = (0xEC, 0xEE, 0xED), (0x20, 0x29, 0x2E)
MAP = "document.getElementById('map').map"
#: Above the last column of the tiny world, where no area is and no switch lies; and in its first block.
OUTSIDE = (WEST + 2.5 * SIDE, SOUTH + 2.03 * SIDE)
INSIDE = BLOCKS[0].at(0.5, 0.2)

With = Callable[[Path], Service]


@pytest.fixture
async def with_basemap(settings: Settings, fresh_database: Logins) -> AsyncIterator[With]:
    """Starts a service over a file."""
    tokens = await asyncio.to_thread(lambda: asyncio.run(people(fresh_database)))
    with ExitStack() as stack:

        def start(file: Path) -> Service:
            wanted = Settings(_env_file=None, home=settings.home, tile_disk_mb=0, database_url=None, basemap=str(file))
            return Service(stack.enter_context(serving(wanted, fresh_database)), fresh_database, tokens, PASSWORD)

        yield start


async def colour(page: Page, place: tuple[float, float]) -> tuple[int, int, int]:
    """The colour of the page at a place of the map: a picture of one pixel needs no other decoder."""
    x, y = await page.evaluate(
        f"""(() => {{ const p = {MAP}.project([{place[0]}, {place[1]}]);
        const b = {MAP}.getCanvas().getBoundingClientRect(); return [p.x + b.x, p.y + b.y]; }})()"""
    )
    body = await page.screenshot(clip={"x": round(x), "y": round(y), "width": 1, "height": 1})
    at, data = 8, b""
    while at < len(body):
        (length,) = struct.unpack(">I", body[at : at + 4])
        data += body[at + 8 : at + 8 + length] if body[at + 4 : at + 8] == b"IDAT" else b""
        at += length + 12
    red, green, blue = zlib.decompress(data)[1:4]
    return red, green, blue


async def shows(page: Page, place: tuple[float, float], wanted: tuple[int, int, int]) -> None:
    """Wait until a place of the map has about a colour."""
    found = None
    for _ in range(100):
        found = await colour(page, place)
        if all(abs(a - b) <= 3 for a, b in zip(found, wanted, strict=True)):
            return
        await page.wait_for_timeout(100)
    pytest.fail(f"{found} at {place}, not {wanted}")


async def test_pictures_lie_beneath_the_fills(
    service: Service, with_basemap: With, visit: Open, tmp_path: Path
) -> None:
    bare = await (await visit(service)).ready()
    unlaid = await colour(bare, INSIDE)
    assert await bare.evaluate(f"{MAP}.getSource('basemap')") is None
    assert await bare.evaluate(f"{MAP}.getPaintProperty('blocks-fill', 'fill-opacity')") == 0.85

    view = await visit(with_basemap(basemaps.raster(tmp_path / "map.pmtiles", HERE, GREEN)))
    page = await view.ready()
    await shows(page, OUTSIDE, GREEN)
    beneath = await colour(page, INSIDE)
    assert beneath != unlaid, "it shows through"
    assert abs(beneath[1] - GREEN[1]) > 10, "and the fill lies over it"
    assert await page.evaluate(f"{MAP}.getPaintProperty('blocks-fill', 'fill-opacity')") == 0.6
    await expect(page.locator(".maplibregl-ctrl-attrib")).to_have_text("© Tests")
    order = await page.evaluate(f"{MAP}.getStyle().layers.map((layer) => layer.id)")
    assert order.index("background") < order.index("basemap") < order.index("areas-fill")
    assert view.seen.fetched["/basemap.pmtiles"] < 40_000, "read in pieces"


async def test_vector_tiles_get_a_quiet_style(with_basemap: With, visit: Open, tmp_path: Path) -> None:
    service = with_basemap(basemaps.vector(tmp_path / "map.pmtiles", HERE))
    page = await (await visit(service)).ready()
    await shows(page, OUTSIDE, EARTH)
    roads = f"{MAP}.queryRenderedFeatures({{layers: ['basemap-roads']}}).length"
    assert await page.evaluate(roads) > 0
    await page.emulate_media(color_scheme="dark")
    await shows(page, OUTSIDE, EARTH_AT_NIGHT)
    night = await (await visit(service, color_scheme="dark")).ready()
    await shows(night, OUTSIDE, EARTH_AT_NIGHT)


async def test_a_basemap_that_ends_elsewhere_is_in_nobodys_way(with_basemap: With, visit: Open, tmp_path: Path) -> None:
    page = await (await visit(with_basemap(basemaps.raster(tmp_path / "map.pmtiles", (10.0, 50.0), GREEN)))).ready()
    assert set(await page.evaluate(f"{MAP}.queryRenderedFeatures({{layers: ['blocks-fill']}}).map(f => f.id)")) == {
        block.number for block in BLOCKS
    }
    await expect(page.locator("#map-state p[role=alert]")).to_have_count(0)
