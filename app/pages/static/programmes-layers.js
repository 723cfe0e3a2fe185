// What lies over the released cells: outlines of clusters, signs of sites, numbers of proposed places, and their legend.

import { h } from "./page.js";
import { isWithout, siteOf } from "./programmes-words.js";
import { layersOf, names, ring } from "./released-layers.js";
import { shapeOf } from "./dress.js";
import { FULL, sign } from "./signs.js";
import { t } from "./texts.js";

const CLUSTER = "#8a1538";
const PLACE = "#ffb000";
const OWN = ["clusters", "sites", "places", "badges", "selected", "picked", "labels"];

/** The style of the map over tiles of areas (a TileJSON) and of cells (an address, and the zoom at which they are finest). */
export function layers(areas, cells, nearest) {
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--map-ground").trim();
  const geojson = { type: "geojson", data: shapeOf(null) };
  const joined = { layout: { "line-join": "round" } };
  const over = (id, width, filter, more = {}) =>
    ({ id, type: "line", source: "clusters", ...joined, filter, paint: { "line-color": CLUSTER, "line-width": width, ...more } });
  const dots = (id, colour, of) => [
    { id, type: "circle", source: id, paint: { "circle-radius": 11, "circle-color": colour, "circle-stroke-color": "#ffffff", "circle-stroke-width": 2 } },
    { ...names(id, { "text-allow-overlap": true, "text-ignore-placement": true }), paint: { "text-color": of } },
  ];
  return {
    version: 8,
    sources: {
      areas: { type: "vector", url: areas }, cells: { type: "vector", tiles: [cells], minzoom: 0, maxzoom: nearest },
      ...Object.fromEntries(OWN.map((name) => [name, geojson])),
    },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": ground } },
      ...layersOf("cells", 0.4),
      { id: "areas-line", type: "line", source: "areas", "source-layer": "areas", paint: { "line-color": "#3d464c", "line-width": 1 } },
      ring("under", "#ffffff", 5), ring("inner", "#101c24", 2),
      { id: "clusters-fill", type: "fill", source: "clusters", paint: { "fill-color": CLUSTER, "fill-opacity": 0.06 } },
      { ...ring("clusters-under", "#ffffff", 6.5, "clusters") },
      over("clusters-over", 3.2, ["!", ["get", "without"]]),
      over("clusters-without", 3.8, ["get", "without"], { "line-dasharray": [1.6, 1.1] }),
      names("labels", { "text-variable-anchor": ["center", "top", "bottom", "left", "right"], "text-radial-offset": 0.9 }),
      { id: "picked", type: "circle", source: "picked", paint: { "circle-radius": 20, "circle-color": "rgba(255, 255, 255, 0.5)", "circle-stroke-color": "#101c24", "circle-stroke-width": 3 } },
      {
        id: "sites", type: "symbol", source: "sites",
        layout: {
          "icon-image": ["get", "sign"], "icon-allow-overlap": true,
          "icon-size": ["interpolate", ["linear"], ["zoom"], 9, 0.5, 13, 1], "symbol-sort-key": ["case", ["get", "over"], 1, 0],
        },
      },
      ...dots("badges", CLUSTER, "#ffffff"), ...dots("places", PLACE, "#201500"),
    ],
  };
}

/** Things at points as features with what `told` says of each. */
export const points = (rows, told) => ({
  type: "FeatureCollection",
  features: rows.map((row) => ({ type: "Feature", properties: told(row), geometry: { type: "Point", coordinates: [row.lon, row.lat] } })),
});

/** Outlines of clusters as they came, with their keys and whether they have no site. */
export function outlines({ features }, clusters, { programme, programmes }) {
  const known = new Map(clusters.map((one) => [String(one.cluster), one]));
  return {
    type: "FeatureCollection",
    features: features.filter(({ properties }) => known.has(String(properties.cluster))).map((one) => {
      const row = known.get(String(one.properties.cluster));
      return { ...one, properties: { key: `cluster-${row.n}`, without: isWithout(row, programme, programmes) } };
    }),
  };
}

/** The image of a site's sign. */
export const signsOf = (site, programmes) => `sign-${programmes.indexOf(site.programme) % 6}-${site.fullness}`;

const swatch = (kind) => h("i", { class: `swatch ${kind}`, "aria-hidden": "true" });

/** What the legend says of all this. */
export const NEW = {
  classes: ({ programmes, look }) => [
    ["clusters", t("programmes.legend_clusters"), swatch("ring")],
    ...(programmes.length ? [["sites", t("programmes.legend_sites"), marked(0, "within")]] : []),
    ...(look === "placements" ? [["places", t("programmes.legend_places"), h("i", { class: "badge new", "aria-hidden": "true" }, "1")]] : []),
  ],
  signs({ programme, programmes, km }) {
    const own = Math.max(programmes.indexOf(programme), 0);
    const list = (title, rows) => [h("h3", {}, title), h("ul", { class: "signs" }, rows.map(([one, words]) => h("li", {}, one, h("span", {}, words))))];
    return [
      h("ul", { class: "signs" }, h("li", {}, swatch("ring dashed"), h("span", {}, t("programmes.legend_without", { site: siteOf(programme), km })))),
      ...(programme ? [] : list(t("programmes.programme"), programmes.map((name, at) => [marked(at, "within"), name]))),
      ...list(t("programmes.column_capacity"), FULL.map((full) => [marked(own, full), t(`programmes.full_${full}`)])),
    ];
  },
};

function marked(at, full) {
  const canvas = sign(at, full);
  canvas.className = "swatch sign";
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}
