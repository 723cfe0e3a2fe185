"""A folium map in one HTML file that opens without a network: the same classes and colours as the live map.

The only module that imports folium. Folium would load Leaflet and more from other hosts; here Leaflet's own files are
laid into the page, and nothing else is loaded.
"""

import html as escape
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import folium
from branca.element import Element

from geo.errors import NotReady
from tiles.style import LINE, MEASURES, NO_DATA_COLOUR, Measure, percent

#: Browser files that the launcher installs.
VENDOR = Path(__file__).parent.parent / "app" / "pages" / "vendor"

#: Fields shown when an area is clicked.
SHOWN = ("code", "name", "expected", "completed", "new", "dropped", "gap", "coverage", "resolved", "last_at", "state")


@dataclass(frozen=True)
class Page:
    """What stands beside the map. `now` is the campaign's clock in its own time zone, from which ages are counted."""

    title: str
    caption: str
    measure: str
    simulated: bool
    now: datetime


class OfflineMap(folium.Map):
    """A map that loads nothing."""

    default_js: list[tuple[str, str]] = []  # noqa: RUF012  # folium's own attribute
    default_css: list[tuple[str, str]] = []  # noqa: RUF012  # as above: the attribute of folium


def html(page: Page, rows: Sequence[dict[str, Any]], shapes: Mapping[int, str]) -> str:
    """The page. `rows` are areas with figures; `shapes` their outlines (GeoJSON text, EPSG:4326) by `n`.

    Raises NotReady where Leaflet has not been installed.
    """
    measure = MEASURES[page.measure]
    features = [_feature(row, shapes[row["n"]], measure, page.now) for row in rows if row["n"] in shapes]
    made = OfflineMap(tiles=None, zoom_control=True, prefer_canvas=True, attribution_control=False)
    folium.GeoJson(
        {"type": "FeatureCollection", "features": features},
        name=page.measure,
        style_function=_style,
        popup=folium.GeoJsonPopup(fields=list(SHOWN)) if features else None,
    ).add_to(made)
    if features:
        made.fit_bounds(_bounds(features))
    root: Any = made.get_root()  # typed as any element, but it is the figure
    root.header.add_child(Element(f"<title>{escape.escape(page.title)}</title>"), name="title")
    root.header.add_child(Element(_leaflet()), name="leaflet")
    root.html.add_child(Element(_legend(page, measure)), name="legend")
    rendered: str = root.render()
    return rendered


def _style(feature: dict[str, Any]) -> dict[str, Any]:
    colour = feature["properties"]["colour"]
    dashes = "2 5" if colour == NO_DATA_COLOUR else None  # never told by colour alone
    return {"fillColor": colour, "color": LINE, "weight": 0.7, "fillOpacity": 0.85, "dashArray": dashes}


def _feature(row: dict[str, Any], shape: str, measure: Measure, now: datetime) -> dict[str, Any]:
    # Names come from boundary files and end up as HTML in a pop-up: they must not be able to say anything there.
    shown = {name: escape.escape(value) if isinstance(value := row[name], str) else value for name in SHOWN}
    shown = {name: "–" if value is None else value for name, value in shown.items()}
    for name in ("coverage", "resolved"):
        if row[name] is not None:
            shown[name] = percent(row[name])
    if row["last_at"] is not None:
        shown["last_at"] = f"{row['last_at'].astimezone(now.tzinfo):%Y-%m-%d %H:%M}"
    return {
        "type": "Feature",
        "id": row["n"],
        "geometry": json.loads(shape),
        "properties": shown | {"colour": measure.colour(_value(row, measure, now))},
    }


def _value(row: dict[str, Any], measure: Measure, now: datetime) -> float | None:
    """What is classed: the measure's field, or how many hours ago the last submission was."""
    if measure.unit != "hours":
        value: float | None = row[measure.id]
        return value
    return None if row["last_at"] is None else max((now - row["last_at"]).total_seconds() / 3600, 0)


def _bounds(features: Sequence[dict[str, Any]]) -> list[list[float]]:
    lons: list[float] = []
    lats: list[float] = []

    def walk(coordinates: Any) -> None:
        if isinstance(coordinates[0], int | float):
            lons.append(coordinates[0])
            lats.append(coordinates[1])
        else:
            for part in coordinates:
                walk(part)

    for feature in features:
        walk(feature["geometry"]["coordinates"])
    return [[min(lats), min(lons)], [max(lats), max(lons)]]


def _leaflet() -> str:
    try:
        css = (VENDOR / "leaflet.css").read_text(encoding="utf-8")
        script = (VENDOR / "leaflet.js").read_text(encoding="utf-8")
    except FileNotFoundError as missing:
        raise NotReady("Leaflet is not installed: run ./cakupan serve once, it installs the browser files") from missing
    # Sprites that the style sheet names are not needed, and a file must not ask for them.
    css = "\n".join(line for line in css.splitlines() if "url(" not in line)
    script = script.replace("//# sourceMappingURL=leaflet.js.map", "")
    return f"<style>{css}</style><script>{script}</script>{_CSS}"


_CSS = """<style>
.cakupan { position: fixed; z-index: 1000; left: 12px; bottom: 12px; max-width: 20em; padding: 10px 14px;
  background: #fff; border: 1px solid #777; font: 14px/1.4 sans-serif; }
.cakupan h1 { font-size: 16px; margin: 0 0 4px; }
.cakupan i { display: inline-block; width: 18px; height: 14px; margin-right: 8px; border: 1px solid #555;
  vertical-align: -2px; }
.cakupan .simulated { font-weight: bold; color: #b00020; }
</style>"""


def _legend(page: Page, measure: Measure) -> str:
    def shown(value: float | None) -> str:
        if value is None:
            return ""
        return {"share": f"{100 * value:.0f} %", "families": f"{value:.0f}", "hours": f"{value:.0f} h"}[measure.unit]

    lines = [
        f'<div><i style="background:{colour}"></i>{shown(low) or "0"} – {shown(high) or "…"}</div>'
        for (low, high), colour in zip(measure.ranges(), measure.colours, strict=True)
    ]
    lines.append(f'<div><i style="background:{NO_DATA_COLOUR};border-style:dashed"></i>no data</div>')
    simulated = '<p class="simulated">Simulated data</p>' if page.simulated else ""
    return (
        f'<div class="cakupan"><h1>{escape.escape(page.title)}</h1>{simulated}<p>{escape.escape(page.measure)}: '
        f"{escape.escape(page.caption)}</p>{''.join(lines)}</div>"
    )
