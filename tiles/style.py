"""Class breaks, colours and legend: one source for the web map, the folium report and print.

Colours are viridis, whose lightness rises steadily: told apart by colour-blind eyes and in grey. Dark is where work is
left, save for gaps, where light is little and dark is much. "No data" and "not shown" are hatched, never only coloured.
"""

import math
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from tiles.layers import LAYERS, MAX_ZOOM, Layer

#: Five viridis steps, dark to light.
RAMP = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")
NO_DATA_COLOUR, NOT_SHOWN_COLOUR, LINE = "#d9d9d9", "#f4f4f4", "#5a5a5a"
NOTHING = "rgba(0, 0, 0, 0)"

#: Eight viridis steps for the bands of `geo.publish.bands`, light where few families are poor, dark where many are.
BAND_COLOURS = ("#fde725", "#a0da39", "#4ac16d", "#1fa187", "#277f8e", "#365c8d", "#46327e", "#440154")


@dataclass(frozen=True)
class Measure:
    """What a map shows: the field, four breaks between five classes, their colours, and the unit of the breaks.

    Hours are an age: how long ago the field's hour was.
    """

    id: str
    breaks: tuple[float, float, float, float]
    colours: tuple[str, str, str, str, str]
    unit: Literal["share", "families", "hours"]

    def classify(self, value: float | None) -> int | None:
        """Position of the class a value falls into, None where there is no value."""
        if value is None or value < 0:
            return None
        return sum(value >= b for b in self.breaks)

    def colour(self, value: float | None) -> str:
        """Colour of a value."""
        at = self.classify(value)
        return NO_DATA_COLOUR if at is None else self.colours[at]

    def ranges(self) -> list[tuple[float | None, float | None]]:
        """Lower (included) and upper (excluded) bound of each class, None being open."""
        return list(zip((None, *self.breaks), (*self.breaks, None), strict=True))


_LIGHT_IS_LITTLE = (RAMP[4], RAMP[3], RAMP[2], RAMP[1], RAMP[0])

MEASURES = {
    measure.id: measure
    for measure in (
        Measure("coverage", (0.25, 0.5, 0.75, 0.95), RAMP, "share"),
        Measure("gap", (1, 10, 30, 100), _LIGHT_IS_LITTLE, "families"),
        Measure("resolved", (0.25, 0.5, 0.75, 0.95), RAMP, "share"),
        Measure("schedule", (0.5, 0.8, 1.0, 1.2), RAMP, "share"),
        Measure("seen", (24, 48, 96, 168), _LIGHT_IS_LITTLE, "hours"),
    )
}


def percent(rate: float) -> str:
    """A rate in text, cut and not rounded as on the pages, so that 100 % is never said too early."""
    return f"{math.floor(1000 * rate + 1e-6) / 10:.1f} %"


def legend() -> dict[str, Any]:
    """Classes of every measure, for clients that draw their own legend."""
    return {
        m.id: {
            "unit": m.unit,
            "classes": [
                {"from": low, "to": high, "colour": c} for (low, high), c in zip(m.ranges(), m.colours, strict=True)
            ],
            "no_data": NO_DATA_COLOUR,
            "not_shown": NOT_SHOWN_COLOUR,
        }
        for m in MEASURES.values()
    }


def _live(field: str) -> list[Any]:
    """A field's value: what the stream has said since, else what the tile says."""
    return ["coalesce", ["feature-state", field], ["get", field]]


def fill(measure: Measure, hours: float) -> list[Any]:
    """MapLibre expression for the colour of a measure at `hours` since the campaign began; ages grow with them."""
    value = _live(measure.id)
    if measure.unit == "hours":
        value = ["case", ["<", value, 0], value, ["max", 0, ["-", round(hours, 2), value]]]
    steps: list[Any] = ["step", value, NOTHING, -2.5, NOT_SHOWN_COLOUR, -1.5, NO_DATA_COLOUR, 0, measure.colours[0]]
    for low, colour in zip(measure.breaks, measure.colours[1:], strict=True):
        steps += [low, colour]
    return steps


def tilejson(layer: str, address: str, bounds: tuple[float, float, float, float], first_zoom: int) -> dict[str, Any]:
    """TileJSON 3 of a layer; `address` is a template with {z}, {x} and {y}, `bounds` in degrees."""
    of = LAYERS[layer]
    return {
        "tilejson": "3.0.0",
        "name": f"Cakupan {layer}",
        "description": of.description,
        "tiles": [address],
        "minzoom": first_zoom,
        "maxzoom": of.max_zoom,
        "bounds": list(bounds),
        "vector_layers": [
            {
                "id": layer,
                "description": of.description,
                "minzoom": first_zoom,
                "maxzoom": of.max_zoom,
                "fields": dict.fromkeys(of.texts, "text") | of.fields,
            }
        ],
    }


def style(
    address: str, measure: Measure, view: dict[str, Any], hours: float, *, households: bool, day: date | None = None
) -> dict[str, Any]:
    """A MapLibre style over our own tiles; `address` is the service's root.

    `view` has `center`, `zoom`, and `blocks_from`, the zoom that begins to draw blocks. `hours` are those of the
    campaign's clock. With `day` areas and blocks are shown as at its end. Areas are drawn far and blocks near; cells
    and households are there, switched off. No glyph or sprite is loaded: labels use the browser's own fonts.
    """
    shown = [layer for layer in LAYERS.values() if households or not layer.households]
    colour, near = fill(measure, hours), view["blocks_from"]
    layers: list[dict[str, Any]] = [
        {"id": "background", "type": "background", "paint": {"background-color": "#eef1f3"}},
        _fill("areas", colour, maxzoom=near),
        _fill("blocks", colour, minzoom=near),
        _fill("cells", colour, visible=False),
        _line("areas", maxzoom=near),
        _line("blocks", minzoom=near),
    ]
    if households:
        layers.append(_points())
    return {
        "version": 8,
        "name": f"Cakupan {measure.id}",
        "center": view["center"],
        "zoom": view["zoom"],
        "sources": {
            layer.id: {"type": "vector", "url": f"{address}/tiles/{layer.id}.json{of_day(layer, day)}"}
            for layer in shown
        },
        "layers": layers,
    }


def of_day(layer: Layer, day: date | None) -> str:
    """The end of an address for a layer at a day's end: nothing where the layer has no days."""
    return f"?day={day}" if day and layer.days else ""


def _fill(
    source: str, colour: list[Any], *, minzoom: float = 0, maxzoom: float = MAX_ZOOM + 8, visible: bool = True
) -> dict[str, Any]:
    return {
        "id": f"{source}-fill",
        "type": "fill",
        "source": source,
        "source-layer": source,
        "minzoom": minzoom,
        "maxzoom": maxzoom,
        "layout": {"visibility": "visible" if visible else "none"},
        "paint": {"fill-color": colour, "fill-opacity": 0.85},
    }


def _line(source: str, *, minzoom: float = 0, maxzoom: float = MAX_ZOOM + 8) -> dict[str, Any]:
    return {
        "id": f"{source}-line",
        "type": "line",
        "source": source,
        "source-layer": source,
        "minzoom": minzoom,
        "maxzoom": maxzoom,
        "paint": {"line-color": LINE, "line-width": 0.7},
    }


def _points() -> dict[str, Any]:
    return {
        "id": "households-point",
        "type": "circle",
        "source": "households",
        "source-layer": "households",
        "minzoom": LAYERS["households"].min_zoom,
        "layout": {"visibility": "none"},
        "paint": {
            "circle-radius": 4,
            "circle-color": ["match", ["get", "result"], "completed", "#ffffff", "#e66101"],
            "circle-stroke-color": "#111111",
            "circle-stroke-width": 1.2,
        },
    }
