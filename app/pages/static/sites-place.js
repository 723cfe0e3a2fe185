// A small map on which one place is chosen: where the site stands now, where it is to stand, the other sites, and outlines.

import { byTouch, chart, dress } from "./chart.js";
import { get, h } from "./page.js";
import { setup, t } from "./texts.js";

const EMPTY = { type: "FeatureCollection", features: [] };
/** Degrees around a site that are shown at first, about 200 m: two sites that may be one are told apart. */
const AROUND = 0.002;

const onEarth = ([lon, lat]) => Math.abs(lon) <= 180 && Math.abs(lat) <= 90;

/** Owns the map. `onPick(lon, lat)` gets the place that somebody touched. `site` is null for a new one. */
export class Place {
  constructor(site, onPick) {
    Object.assign(this, { site, onPick, marks: {} });
    this.box = h("div", { class: "spot", role: "group", "aria-label": t("sites.map") }, h("p", { role: "status" }, t("sites.map_loading")));
    this.place = h("div", { class: "where" }, this.box, h("p", { class: "small" }, t("sites.map_hint")), h("ul", { class: "points" },
      site ? h("li", {}, h("span", { class: "mark sent", "aria-hidden": "true" }, "1"), t("sites.point_now")) : null,
      h("li", {}, h("span", { class: "mark new", "aria-hidden": "true" }, "2"), t("sites.point_new")),
      h("li", {}, h("span", { class: "mark other", "aria-hidden": "true" }), t("sites.point_other"))));
  }

  /** Load the library and draw, with `at` as the place that is chosen so far. Where that fails the numbers stay. */
  async draw(at) {
    try {
      const [library, lines] = await Promise.all([import("../vendor/maplibre-gl.mjs"), outlines(), dress()]);
      if (!this.box.isConnected) return;
      this.library = library;
      this.box.replaceChildren();
      this.map = chart(library, this.box, style(lines, this.site), this.#bounds(at, lines), byTouch());
      this.box.map = this.map; // for tests and for the console
      this.map.on("error", () => null); // tiles that fail leave the map without them
      this.map.on("click", ({ lngLat }) => this.onPick(lngLat.lng, lngLat.lat));
      this.map.getCanvas().style.cursor = "crosshair";
      await new Promise((done) => this.map.once("style.load", done));
      if (setup.basemap) import("./basemap.js").then(({ underlay }) => underlay(this.map, library, setup.basemap));
      if (this.site) this.#mark("sent", "1", [this.site.lon, this.site.lat]);
      this.move(...at);
      this.map.once("idle", () => { this.box.dataset.state = "ready"; });
    } catch {
      this.box.replaceChildren(h("p", { role: "alert" }, t("sites.map_failed")));
    }
  }

  /** Show the place that is chosen, degrees; nothing where that is no place on earth. */
  move(lon, lat) {
    const same = this.site && lon === this.site.lon && lat === this.site.lat;
    if (this.map) this.#mark("new", "2", same ? [NaN, NaN] : [lon, lat]);
  }

  #mark(kind, sign, point) {
    this.marks[kind]?.remove();
    this.marks[kind] = null;
    if (!onEarth(point)) return;
    const element = h("div", { class: `mark ${kind}`, "aria-hidden": "true" }, sign);
    this.marks[kind] = new this.library.Marker({ element }).setLngLat(point).addTo(this.map);
    if (!this.map.getBounds().contains(point)) this.map.setCenter(point);
  }

  #bounds(at, { bounds }) {
    const [lon, lat] = onEarth(at) ? at : [];
    return lon === undefined ? bounds ?? [95, -11, 141, 6] : [lon - AROUND, lat - AROUND, lon + AROUND, lat + AROUND];
  }
}

/** Outlines to find one's way by: blocks for who watches the census, else those of the newest release; none before there is one. */
async function outlines() {
  if (setup.me.watches) return named("/tiles/blocks.json", "blocks");
  const { releases } = await get("/v1/releases");
  const newest = releases.at(-1)?.release;
  return newest ? named(`/tiles/release/${newest}/blocks.json`, "blocks") : {};
}

async function named(address, layer) {
  const { bounds } = await get(address);
  return { layer, bounds, url: location.origin + address };
}

function style({ layer, url }, site) {
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--map-ground").trim();
  const other = ["!=", ["get", "site_id"], site?.site_id ?? ""];
  const sites = { source: "sites", "source-layer": "sites", filter: other };
  return {
    version: 8,
    sources: {
      lines: url ? { type: "vector", url } : { type: "geojson", data: EMPTY },
      sites: { type: "vector", url: `${location.origin}/tiles/sites.json` },
    },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": ground } },
      { id: "lines", type: "line", source: "lines", ...(url ? { "source-layer": layer } : {}), paint: { "line-color": "#7b8a92", "line-width": 0.8 } },
      ...(url ? [{ id: "areas", type: "symbol", source: "lines", "source-layer": layer, minzoom: 14.5,
        layout: { "text-field": ["get", "name"], "text-size": 11, "text-max-width": 7 },
        paint: { "text-color": "#4c5d67", "text-halo-color": "rgba(255, 255, 255, 0.9)", "text-halo-width": 1.4 } }] : []),
      { id: "others", type: "circle", ...sites, paint: { "circle-radius": 6, "circle-color": "#5b6b74", "circle-stroke-color": "#ffffff", "circle-stroke-width": 1.5 } },
      { id: "names", type: "symbol", ...sites, minzoom: 13,
        layout: { "text-field": ["get", "name"], "text-size": 12, "text-max-width": 9, "text-anchor": "top", "text-offset": [0, 0.6], "text-optional": true },
        paint: { "text-color": "#0d1b22", "text-halo-color": "rgba(255, 255, 255, 0.92)", "text-halo-width": 1.6 } },
    ],
  };
}
