// How released figures are drawn on a map of ours: fills by the band of the share of poor families, hatches over them, names.

import { ROOM } from "./chart.js";
import { coloured, hatched } from "./legend.js";
import { bandWords } from "./releases-words.js";
import { setup, t } from "./texts.js";

const NO_BAND = "#d9d9d9";
/** Hatches, and the notes that they stand for. */
export const HATCHES = { no_data: ["none_yet"], few: ["fewer_than_10"], low: ["low_coverage", "coverage_unknown"], not_shown: ["not_shown"] };

/** Layers over a source of released tiles that has their name: `<source>-fill`, one for each hatch, `<source>-line`. */
export function layersOf(source, width, more = {}) {
  const colour = ["match", ["get", "band"], ...setup.bands.flatMap(([, shade], at) => [at, shade]), NO_BAND];
  const layer = (id, type, paint, filter = null) => ({ id: `${source}-${id}`, type, source, "source-layer": source, ...more, paint, ...(filter && { filter }) });
  return [
    layer("fill", "fill", { "fill-color": colour, "fill-antialias": false }),
    ...Object.entries(HATCHES).map(([kind, said]) => layer(kind, "fill", { "fill-pattern": kind, "fill-antialias": false },
      ["any", ...said.map((one) => ["in", one, ["get", "notes"]])])),
    layer("line", "line", { "line-color": "#5a5a5a", "line-width": width }),
  ];
}

/** A line of one colour around what is selected. */
export const ring = (id, shade, width, source = "selected") =>
  ({ id, type: "line", source, layout: { "line-join": "round" }, paint: { "line-color": shade, "line-width": width } });

/** Names at the points of a source, dark on light whatever lies beneath. */
export const names = (source, layout = {}) => ({
  id: source === "labels" ? "names" : `${source}-names`, type: "symbol", source,
  layout: { "text-field": ["get", "name"], "text-size": 12, "text-max-width": 8, "text-padding": 6, ...layout },
  paint: { "text-color": "#0d1b22", "text-halo-color": "rgba(255, 255, 255, 0.92)", "text-halo-width": 1.6 },
});

/** Classes of a legend: the bands, then the hatches. */
export function classes() {
  const bands = setup.bands.map(([name, colour], at) => [String(at), bandWords(name), coloured(colour)]);
  return [...bands, ...Object.keys(HATCHES).map((kind) => [kind, t(`releases.legend_${kind}`), hatched(kind, kind === "low" ? setup.bands[3][1] : NO_BAND)])];
}

/** Pixels at each side of a map that its legend lies over: on a phone it lies below. */
export function roomBeside(legend) {
  const { width } = legend.getBoundingClientRect();
  return getComputedStyle(legend).position === "absolute" ? { ...ROOM, left: width + ROOM.left } : ROOM;
}

/** West, south, east, north of a polygon or of several, degrees. */
export function boundsOf({ geometry: { type, coordinates } }) {
  const points = coordinates.flat(type === "Polygon" ? 1 : 2);
  const [lons, lats] = [0, 1].map((at) => points.map((point) => point[at]));
  return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
}
