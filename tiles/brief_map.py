"""The map of the brief: clusters, places not to be ranked, sites and what they reach, told apart by form, not colour.

A copy in black and white must still tell: a numbered ring in a bold outline is a cluster, hatching is ground not to be
ranked, a black square a site, one with a letter a site over capacity, a diamond with +1 a proposed place, a dashed line
the limit of the distance asked about.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import shapely

from geo.ground import cells as h3cells
from tiles import bearings, signs
from tiles.brief_words import LETTERS, Row, Told, site
from tiles.frame import Box, View, viewing
from tiles.paper import Pages, lines, width
from tiles.wording import Wording

#: Millimetres: half a site's side, the ring around one over capacity, a cluster's ring, half a diamond.
SITE, FULL, RING, DIAMOND = 0.8, 1.7, 2.5, 2.6
#: Grey of cells in clusters: dark enough for a copy, light enough for what stands upon it.
SHADE = 0.84
#: Millimetres between the lines of hatching, and around the area on the map.
HATCH, ROOM = 1.6, 2.0
#: Square millimetres below which a cluster would lie hidden under its number.
HIDDEN = 60.0
#: Sizes of type, points.
NAME, NUMBER = 6.5, 8.5
#: Places to each side that are tried for the name of an area.
TRIED = 15
#: Share of the room for it that a map takes at least, however shallow the area.
SHALLOW = 0.6
#: Columns of the legend, height of its rows, room of scale and legend beneath the map: millimetres.
COLUMNS, KEY, UNDER = 3, 6.4, 33.0
#: Corners of a quarter of a circle that shows a distance.
_CORNERS = 12
#: Millimetres by which lines of outlines may be straightened.
_STRAIGHT = 0.08


@dataclass(frozen=True)
class Outline:
    """An area on the map, EPSG:4326; `named` are those of the coarser level drawn."""

    name: str
    shape: Any
    named: bool


def draw(pages: Pages, view: View, told: Told, outlines: Sequence[Outline], words: Wording) -> None:
    """The map in its frame, from the corner."""
    with pages.inside(view.width, view.height):
        _cells(pages, view, told)
        _outlines(pages, view, outlines)
        _limit(pages, view, told)
        _clusters(pages, view, told)
        labels = _labels(view, told)
        _names(pages, view, outlines, _taken(view, told, labels))
        _sites(pages, view, told)
        _label(pages, labels)
    pages.pen(0.4)
    pages.box(0, 0, view.width, view.height)


def seen(told: Told, outlines: Sequence[Outline], wide: float, high: float) -> View:
    """What the map shows: the area asked about, else the cells that were looked at; at most so wide and high.

    A shallow area has a shallow map.
    """
    bounds = _bounds(told, outlines)
    tall = viewing(bounds, wide, high, ROOM)
    west, south, east, north = tall.drawn(shapely.box(*bounds)).bounds if np.isfinite(bounds).all() else (0,) * 4
    needed = max(north - south + 2 * ROOM, SHALLOW * high)
    return replace(tall, height=min(high, needed)) if east > west else tall


def _bounds(told: Told, outlines: Sequence[Outline]) -> Box:
    """Of the area asked about, else of where there are figures; and of every cluster: their cells stick out of it."""
    looked_at = _hexagons([row["cell"] for row in told.leaves])
    areas = shapely.geometrycollections([one.shape for one in outlines])
    both = areas if told.area else shapely.intersection(shapely.envelope(areas), shapely.envelope(looked_at))
    known = [one for one in (both, looked_at, areas) if not shapely.is_empty(one)][:1]
    known += [_hexagons(one["cells"]) for one in told.clusters["clusters"]]
    west, south, east, north = shapely.bounds(shapely.geometrycollections(known)).tolist()
    return west, south, east, north


def _hexagons(names: Sequence[str]) -> Any:
    return h3cells.outline(np.array([h3cells.from_hex(name) for name in names], np.int64))


def _cells(pages: Pages, view: View, told: Told) -> None:
    for cluster in told.clusters["clusters"]:
        pages.outline(view.drawn(_hexagons(cluster["cells"])), fill=SHADE, edge=False)
    untested = view.drawn(_hexagons([row["cell"] for row in told.partly]))
    pages.pen(0.14, 0.35)
    pages.hatched(untested, HATCH)


def _outlines(pages: Pages, view: View, outlines: Sequence[Outline]) -> None:
    """Edges that two areas share once, the finer ones first."""
    for named, thick, grey in ((False, 0.12, 0.55), (True, 0.45, 0.4)):
        edges = [shapely.boundary(view.drawn(one.shape)) for one in outlines if one.named is named]
        if edges:
            pages.pen(thick, grey)
            pages.outline(shapely.simplify(shapely.line_merge(shapely.union_all(edges)), _STRAIGHT))


def _limit(pages: Pages, view: View, told: Told) -> None:
    """How far the distance asked about goes from the sites drawn."""
    sites = _drawn(told)
    if not sites:
        return
    radius = told.km * 1_000_000 / view.scale
    around = shapely.buffer(_points(view, sites), radius, quad_segs=_CORNERS)
    edge = shapely.boundary(shapely.union_all(around))
    pages.pen(0.3, 0.0, (1.4, 1.1))
    pages.outline(edge)


def _clusters(pages: Pages, view: View, told: Told) -> None:
    pages.pen(0.8)
    for cluster in told.clusters["clusters"]:
        pages.outline(view.drawn(_hexagons(cluster["cells"])))


def _drawn(told: Told) -> list[Row]:
    """Sites on the map: of the programme asked about, else all."""
    return [one for one in told.sites["sites"] if told.programme in {None, one["programme"]}]


def _points(view: View, rows: Sequence[Row]) -> Any:
    return shapely.points(np.column_stack(_places(view, rows)))


def _places(view: View, rows: Sequence[Row]) -> tuple[Any, Any]:
    lon, lat = (np.array([row[name] for row in rows], np.float64) for name in ("lon", "lat"))
    return view.at(lon, lat)


def _sites(pages: Pages, view: View, told: Told) -> None:
    rows, over = _drawn(told), {row["site_id"] for row in told.over}
    x, y = _places(view, rows)
    for row, at_x, at_y in zip(rows, x.tolist(), y.tolist(), strict=True):
        (_full if row["site_id"] in over else _site)(pages, at_x, at_y)


class _Label(NamedTuple):
    """What is written at (x, y) by `sign`, and the place (`of_x`, `of_y`) that it is about."""

    sign: Callable[[Pages, float, float, str], None]
    words: str
    of_x: float
    of_y: float
    x: float
    y: float


def _labels(view: View, told: Told) -> list[_Label]:
    """Numbers of clusters, proposed places, letters of sites over capacity: none upon another."""
    clusters, over = told.clusters["clusters"], told.over[: len(LETTERS)]
    placed = told.placements["placements"] if told.placements else []
    wanted = [_inside(view.drawn(_hexagons(one["cells"]))) for one in clusters]
    wanted += np.column_stack(_places(view, placed)).tolist()
    wanted += (np.column_stack(_places(view, over)) + FULL + 1.2).tolist()
    signs_ = [_ring] * len(clusters) + [_diamond] * len(placed) + [_letter] * len(over)
    said = [one["cluster"] for one in clusters] + [f"+{one['place']}" for one in placed] + list(LETTERS[: len(over)])
    at = np.array(wanted).reshape(-1, 2)
    x, y = signs.apart(at[:, 0], at[:, 1], RING)
    return [_Label(*one) for one in zip(signs_, said, *at.T.tolist(), x.tolist(), y.tolist(), strict=True)]


def _inside(shape: Any) -> list[float]:
    """Where the number of a cluster stands: in it, or beside it where it would hide it."""
    if shapely.area(shape) < HIDDEN:
        west, _, east, north = shapely.bounds(shape).tolist()
        return [(west + east) / 2, north + RING + 0.6]
    found: list[float] = shapely.get_coordinates(shapely.point_on_surface(shape))[0].tolist()
    return found


def _label(pages: Pages, labels: Sequence[_Label]) -> None:
    pages.pen(0.25)
    for one in labels:
        if (one.of_x, one.of_y) != (one.x, one.y):
            pages.line((one.of_x, one.of_y), (one.x, one.y))
            pages.ring(one.of_x, one.of_y, 0.4, fill=0, edge=False)
    for one in labels:
        one.sign(pages, one.x, one.y, one.words)


def _taken(view: View, told: Told, labels: Sequence[_Label]) -> Any:
    """What no name should lie upon: labels and sites."""
    rings = shapely.buffer(shapely.points([(one.x, one.y) for one in labels]), RING) if labels else np.empty(0, object)
    sites = _drawn(told)
    squares = shapely.buffer(_points(view, sites), FULL) if sites else np.empty(0, object)
    return shapely.union_all(np.concatenate((rings, squares)))


def _names(pages: Pages, view: View, outlines: Sequence[Outline], taken: Any) -> None:
    """Names of the coarser areas, or of the finer ones in a single coarser one: upon as little else as can be."""
    frame = shapely.box(1, 1, view.width - 1, view.height - 1)
    coarser = sum(one.named for one in outlines) > 1
    for one in outlines:
        inner = shapely.intersection(view.drawn(one.shape), frame)
        if one.named is not coarser or shapely.is_empty(inner):
            continue
        wide = width(one.name, NAME) / 2
        x, y = _tried(inner)
        boxes = shapely.box(x - wide, y - 1, x + wide, y + 2)
        fits = shapely.contains(frame, boxes)
        hidden = shapely.area(shapely.intersection(boxes, taken)) + shapely.area(shapely.difference(boxes, inner)) / 2
        best = int(np.argmin(np.where(fits, np.round(hidden, 3), np.inf)))
        if fits[best]:
            taken = shapely.union(taken, boxes[best])
            pages.haloed(float(x[best]), float(y[best]), one.name, NAME)


def _tried(shape: Any) -> tuple[Any, Any]:
    """Places in a shape, those nearest to its middle first."""
    west, south, east, north = shapely.bounds(shape).tolist()
    middle = shapely.point_on_surface(shape)
    x, y = (at.ravel() for at in np.meshgrid(np.linspace(west, east, TRIED), np.linspace(south, north, TRIED)))
    inside = shapely.contains_xy(shape, x, y)
    x, y = np.append(middle.x, x[inside]), np.append(middle.y, y[inside])
    order = np.argsort(np.hypot(x - middle.x, y - middle.y), kind="stable")
    return x[order], y[order]


# ── signs, alike on the map and in the legend ─────────────────────────────────────────────────────────────────────


def _site(pages: Pages, x: float, y: float) -> None:
    pages.box(x - SITE - 0.3, y - SITE - 0.3, 2 * SITE + 0.6, 2 * SITE + 0.6, fill=1, edge=False)
    pages.box(x - SITE, y - SITE, 2 * SITE, 2 * SITE, fill=0, edge=False)


def _full(pages: Pages, x: float, y: float) -> None:
    pages.pen(0.4)
    pages.ring(x, y, FULL, fill=1)
    pages.box(x - SITE, y - SITE, 2 * SITE, 2 * SITE, fill=0, edge=False)


def _letter(pages: Pages, x: float, y: float, words: str) -> None:
    pages.haloed(x, y - 1, words, NUMBER, bold=True)


def _ring(pages: Pages, x: float, y: float, words: str) -> None:
    pages.pen(0.5)
    pages.ring(x, y, RING, fill=1)
    size = NUMBER if len(words) < 3 else NUMBER - 2
    pages.text(x, y - 0.125 * size, words, size, bold=True, align="middle")


def _diamond(pages: Pages, x: float, y: float, words: str) -> None:
    size = DIAMOND + 0.5 * (len(words) > 2)
    pages.pen(0.45)
    pages.outline(shapely.Polygon([(x - size, y), (x, y + size), (x + size, y), (x, y - size)]), fill=0)
    pages.text(x, y - 0.125 * 7, words, 7, bold=True, grey=1, align="middle")


def _key_cluster(pages: Pages, x: float, y: float) -> None:
    pages.pen(0.8)
    pages.box(x - 3.4, y - 2, 6.8, 4, fill=SHADE)
    pages.pen(0.4)
    pages.ring(x, y, 1.6, fill=1)
    pages.text(x, y - 0.75, "1", 6, bold=True, align="middle")


def _key_untested(pages: Pages, x: float, y: float) -> None:
    pages.pen(0.14, 0.35)
    pages.hatched(shapely.box(x - 3.4, y - 1.8, x + 3.4, y + 1.8), HATCH)


def _key_full(pages: Pages, x: float, y: float) -> None:
    _full(pages, x - 1, y)
    _letter(pages, x + 1.9, y, "A")


def _key_limit(pages: Pages, x: float, y: float) -> None:
    pages.pen(0.3, 0.0, (1.4, 1.1))
    pages.line((x - 3.4, y), (x + 3.4, y))


def _key_coarse(pages: Pages, x: float, y: float) -> None:
    pages.pen(0.45, 0.4)
    pages.line((x - 3.4, y + 0.8), (x + 3.4, y + 0.8))
    pages.pen(0.12, 0.55)
    pages.line((x - 3.4, y - 0.8), (x + 3.4, y - 0.8))


#: The signs of the legend in their order, by the ends of their texts' keys.
_KEYS: dict[str, Callable[[Pages, float, float], None]] = {
    "cluster": _key_cluster,
    "untested": _key_untested,
    "borders": _key_coarse,
    "site": _site,
    "full": _key_full,
    "limit": _key_limit,
    "place": lambda pages, x, y: _diamond(pages, x, y, "+1"),
}


def legend(pages: Pages, y: float, view: View, told: Told, words: Wording) -> None:
    """Scale and north beneath the map that ends at y, where they hide nothing; then what the signs drawn mean."""
    with pages.moved(0, y - 8):
        bearings.scale(pages, view, words)
    bearings.arrow(pages, view.width - 3.5, y - 9.0, words)
    shown = [name for name in _KEYS if _occurs(name, told)]
    column, top = view.width / COLUMNS, y - 14
    said = {"site": site(words, told.programme), "km": told.km}
    for at, name in enumerate(shown):
        left, middle = at % COLUMNS * column, top - at // COLUMNS * KEY
        _KEYS[name](pages, left + 4, middle)
        parts = lines(words(f"brief.sign_{name}", **said), 8, column - 11, 2)
        for row, part in enumerate(parts):
            pages.text(left + 9, middle + 1.4 * (len(parts) - 1) - 0.9 - 2.9 * row, part, 8)


def _occurs(name: str, told: Told) -> bool:
    there = {
        "cluster": bool(told.clusters["clusters"]),
        "untested": bool(told.partly),
        "site": bool(_drawn(told)),
        "full": bool(told.over),
        "limit": bool(_drawn(told)),
        "place": bool(told.placements and told.placements["placements"]),
    }
    return there.get(name, True)
