// How the service's style becomes the page's: hatches for what has no value, the selection, and names of areas.

const EMPTY = { type: "FeatureCollection", features: [] };

/** Opacity of a fill, of one whose class is switched off, and the hatches that lie over fills. */
export const [SHOWN, FADED] = [0.85, 0.07];
export const HATCHES = ["no_data", "not_shown"];

/**
 * Which features of a tile a hatch may be needed for, by the tile's own values: few, so that the others cost nothing.
 * What the stream says later is looked at by the opacity. Nothing ever loses its value between two loads of a tile.
 */
export function hatched(kind, field) {
  const value = ["get", field];
  return kind === "not_shown" ? ["all", ["<", value, -1.5], [">=", value, -2.5]] : ["all", ["<", value, 0], [">=", value, -1.5]];
}

/** Opacity of a hatch: none once the stream has brought a value. */
export const bare = (field) => ["case", [">=", ["coalesce", ["feature-state", field], -1], 0], 0, 1];

/** The service's style of a measure with hatches above each fill, the selection, and names. */
export function dressed(style, measure) {
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--map-ground").trim();
  const layers = style.layers.flatMap((layer) => {
    if (layer.type === "background") return [{ ...layer, paint: { "background-color": ground } }];
    if (layer.type !== "fill") return [layer];
    const over = (kind) => ({
      ...layer, id: `${layer.source}-${kind}`, filter: hatched(kind, measure),
      paint: { "fill-pattern": kind, "fill-opacity": bare(measure), "fill-antialias": false },
    });
    // Outlines have a layer of their own: drawn by the fill as well they would cost as much again.
    return [{ ...layer, paint: { ...layer.paint, "fill-antialias": false } }, ...HATCHES.map(over)];
  });
  const line = style.layers.find((layer) => layer.id === "blocks-line");
  const cells = {
    ...line, id: "cells-line", source: "cells", "source-layer": "cells", minzoom: 0, layout: { visibility: "none" },
    // Every cell of a tile is there; one in which nobody is expected and nothing was found is not drawn.
    paint: { ...line.paint, "line-width": 0.35, "line-opacity": ["case", ["<", ["coalesce", ["feature-state", "expected"], ["get", "expected"]], -2.5], 0, 1] },
  };
  const ring = (id, colour, width) => ({
    id, type: "line", source: "selected", layout: { "line-join": "round" }, paint: { "line-color": colour, "line-width": width },
  });
  const names = {
    id: "names", type: "symbol", source: "labels",
    layout: { "text-field": ["get", "name"], "text-size": 12, "text-max-width": 8, "text-padding": 6 },
    paint: { "text-color": "#0d1b22", "text-halo-color": "rgba(255, 255, 255, 0.92)", "text-halo-width": 1.6 },
  };
  const geojson = { type: "geojson", data: EMPTY };
  return {
    ...style,
    sources: { ...style.sources, selected: geojson, labels: geojson },
    layers: [...layers, cells, ring("selected-under", "#ffffff", 6), ring("selected-over", "#101c24", 2.6), names],
  };
}

/** A set of features for a source: names at points, from rows with lon, lat, name. */
export function namesOf(rows) {
  const features = rows.map((row) => ({
    type: "Feature", properties: { name: row.name }, geometry: { type: "Point", coordinates: [row.lon, row.lat] },
  }));
  return { ...EMPTY, features };
}

/** The one shape that is outlined, or none. */
export const shapeOf = (shape) => shape ?? EMPTY;
