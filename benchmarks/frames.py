"""Frame times of the map while changes arrive: 20,000 areas shown, one in a hundred changed each quarter second.

Drives the page's own drawing (app/pages/static) in Chromium without a service: tiles of squares are made here, changes
are handed in as the stream would. A frame is the time between two calls of requestAnimationFrame; a change that does
not fit into one shows as a longer frame. `still` is the same page without changes, `forced` one that only paints again
as often, so that what the graphics cost (software rendering, on a server) can be told from what changes cost. `main`
is what the page's own thread worked for each quarter second, which no graphics card takes off it.

    python benchmarks/frames.py [--seconds 20] [--features 20000] [--share 0.01]
"""

import argparse
import json
import math
import os
import re
import shutil
from pathlib import Path

import mapbox_vector_tile
from playwright.sync_api import Page, Route, sync_playwright

from geo.watch.changes import FIELDS
from geo.watch.coverage import STATES
from tiles.style import MEASURES, legend, style

PAGES = Path(__file__).parent.parent / "app" / "pages"
ORIGIN = "http://frames.invalid"
ZOOM, WIDTH, HEIGHT = 12, 1536, 1024  # six tiles of 512 pixels, exactly
WEST, NORTH = 3383, 2051  # the first of them, near Samarinda
COLUMNS, ROWS = 3, 2
EXTENT = 4096
PAUSE_MS = 250
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}

PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/static/page.css">
<style>html, body, #map { margin: 0; width: 100%; height: 100% }</style>
<script type="application/json" id="setup">{"lang": "en", "campaign": null}</script>
<script type="application/json" id="texts">{}</script>
<div id="map"></div>
<script type="module">
import { Drawing } from "/static/drawing.js";
const library = await import("/vendor/maplibre-gl.mjs");
const style = await (await fetch("/style.json")).json();
const drawing = new Drawing(library, document.getElementById("map"), style);
await drawing.ready();
drawing.map.jumpTo({ center: style.center, zoom: style.zoom });
drawing.map.once("idle", () => { document.body.dataset.ready = "yes"; });
globalThis.measure = async (kind, ids, share, seconds) => {
  const frames = [];
  let sent = 0, running = true, before = performance.now();
  const frame = (now) => {
    frames.push(now - before);
    before = now;
    if (running) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const pick = () => ids[Math.floor(Math.random() * ids.length)];
  const timer = setInterval(() => {
    if (kind === "forced") drawing.map.triggerRepaint();
    if (kind !== "changes") return;
    const rows = Array.from({ length: Math.round(ids.length * share) }, () => {
      const [done, gap] = [Math.round(120 * Math.random()), Math.round(100 * Math.random())];
      return [pick(), 100, done, gap, done / 100, done / 100, done / 100, 7, 100];
    });
    sent += rows.length;
    drawing.apply(rows, []);
  }, PAUSE);
  await new Promise((done) => setTimeout(done, seconds * 1000));
  clearInterval(timer);
  running = false;
  return { frames: frames.slice(2), sent };
};
</script>""".replace("PAUSE", str(PAUSE_MS))


def side_of(features: int) -> int:
    """Squares along the side of a tile, so that the screen shows at least so many."""
    side = 1
    while side * side * COLUMNS * ROWS < features:
        side += 1
    return side


def square(side: int, column: int, row: int) -> list[tuple[int, int]]:
    step = EXTENT / side
    west, east = round(column * step), round((column + 1) * step)
    south, north = round(row * step), round((row + 1) * step)
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


def number(side: int, tile: int, column: int, row: int) -> int:
    return 1 + tile * side * side + row * side + column


def tile_of(side: int, tile: int) -> bytes:
    """A tile of squares with figures, as the service's are."""
    features = []
    for row in range(side):
        for column in range(side):
            share = (row * 7 + column * 13) % 120 / 100
            values = {"expected": 100, "completed": round(100 * share), "gap": max(0, 100 - round(100 * share))}
            rates = {"coverage": share, "resolved": share, "schedule": share, "state": 7, "seen": 90.0}
            features.append(
                {
                    "geometry": {"type": "Polygon", "coordinates": [square(side, column, row)]},
                    "properties": {"code": "1", "name": "A"} | values | rates,
                    "id": number(side, tile, column, row),
                }
            )
    layer = {"name": "blocks", "features": features}
    made: bytes = mapbox_vector_tile.encode(layer, default_options={"extents": EXTENT, "y_coord_down": True})
    return made


def degrees(x: float, y: float) -> list[float]:
    """Longitude and latitude of a corner of the grid of tiles."""
    n = 2**ZOOM
    return [x / n * 360 - 180, math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / n))))]


def style_of() -> dict[str, object]:
    """The service's own style over our tiles."""
    centre = degrees(WEST + COLUMNS / 2, NORTH + ROWS / 2)
    view = {"center": centre, "zoom": ZOOM, "blocks_from": 11}
    made = style(ORIGIN, MEASURES["coverage"], view, 100.0, households=False)
    west, north = degrees(WEST, NORTH)
    east, south = degrees(WEST + COLUMNS, NORTH + ROWS)
    said = {
        "legend": legend(),
        "bounds": [west, south, east, north],
        "hours": 100.0,
        "levels": [(0, "block")],
        "resolutions": [(0, 8)],
        "fields": FIELDS,
        "states": STATES,
    }
    return made | {"metadata": {f"cakupan:{name}": value for name, value in said.items()}}


def serve(route: Route, tiles: dict[tuple[int, int], bytes]) -> None:
    """Answer a request of the page."""
    path = route.request.url.removeprefix(ORIGIN).split("?")[0]
    if path == "/":
        return route.fulfill(body=PAGE, content_type="text/html")
    if path == "/style.json":
        return route.fulfill(json=style_of())
    if found := re.fullmatch(r"/tiles/(\w+)\.json", path):
        template = f"{ORIGIN}/tiles/{found[1]}/{{z}}/{{x}}/{{y}}.mvt"
        return route.fulfill(json={"tilejson": "3.0.0", "tiles": [template], "minzoom": ZOOM, "maxzoom": ZOOM})
    if found := re.fullmatch(r"/tiles/blocks/(\d+)/(\d+)/(\d+)\.mvt", path):
        body = tiles.get((int(found[2]), int(found[3])), b"")
        return route.fulfill(status=200 if body else 204, body=body)
    file = PAGES / path.lstrip("/")
    if file.suffix in TYPES and file.is_file():
        return route.fulfill(path=file, content_type=TYPES[file.suffix])
    return route.fulfill(status=204, body="")


def figures(frames: list[float]) -> dict[str, float]:
    """Milliseconds between frames."""
    ordered = sorted(frames)
    parts = {f"p{share}": ordered[min(len(ordered) - 1, share * len(ordered) // 100)] for share in (50, 95, 99)}
    return {"frames": len(ordered)} | {name: round(value, 1) for name, value in (parts | {"max": ordered[-1]}).items()}


def measured(page: Page, ids: list[int], share: float, seconds: float) -> None:
    """Print a line for each way to look at it; they take turns."""
    print(f"{len(ids)} features; {round(len(ids) * share)} changes every {PAUSE_MS} ms; milliseconds between frames")
    line = page.context.new_cdp_session(page)
    line.send("Performance.enable")

    def worked() -> float:
        found = line.send("Performance.getMetrics")["metrics"]
        return next(float(metric["value"]) for metric in found if metric["name"] == "TaskDuration")

    for kind in ("still", "forced", "changes", "changes", "forced"):
        before = worked()
        found = page.evaluate("([k, i, s, t]) => measure(k, i, s, t)", [kind, ids, share, seconds])
        main = 1000 * (worked() - before) / (1000 * seconds / PAUSE_MS)
        print(f"{kind:8} {json.dumps(figures(found['frames']) | {'main': round(main, 1)})}", flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seconds", type=float, default=20)
    asked.add_argument("--features", type=int, default=20_000)
    asked.add_argument("--share", type=float, default=0.01)
    given = asked.parse_args()
    side = side_of(given.features)
    tiles = {
        (WEST + column, NORTH + row): tile_of(side, row * COLUMNS + column)
        for row in range(ROWS)
        for column in range(COLUMNS)
    }
    ids = list(range(1, side * side * COLUMNS * ROWS + 1))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=os.environ.get("CAKUPAN_CHROMIUM") or shutil.which("chromium"), args=FLAGS
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.on("pageerror", lambda error: print("exception:", error))
        page.on("console", lambda m: print("console:", m.text) if m.type == "error" else None)
        page.route("**/*", lambda route: serve(route, tiles))
        page.goto(f"{ORIGIN}/")
        page.locator("body[data-ready=yes]").wait_for(timeout=60_000)
        measured(page, ids, given.share, given.seconds)
        browser.close()


if __name__ == "__main__":
    main()
