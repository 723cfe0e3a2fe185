// The point of one row on a small map: where it was sent from, where it is proposed to lie, and the outline of the block.

import { get, h } from "./page.js";
import { kilometres as shownKm, t } from "./texts.js";

const EMPTY = { type: "FeatureCollection", features: [] };
const EARTH_KM = 6371;

/** Beyond this the point as sent is told in words: a map of both would show nothing but empty ground. */
const SHOWN_KM = 60;

/** Six decimals: a tenth of a metre. */
const degrees = (value) => String(Math.round(value * 1e6) / 1e6).replace("-", "−");

/** Pixels around what is shown: the buttons of the map stand on the right. */
const ROOM = { top: 36, bottom: 44, left: 36, right: 76 };

const onEarth = (point) => point && Number.isFinite(point[0]) && Number.isFinite(point[1]) && Math.abs(point[0]) <= 180 && Math.abs(point[1]) <= 90;

/** Whether there is anything to draw: an area that is known, or a point that lies on earth. */
export const drawable = (row) => row.code !== null || onEarth([row.lon ?? NaN, row.lat ?? NaN]);

/** Owns a map beside the words that say the same. Nothing is loaded before `draw`. */
export class Spot {
  constructor(row) {
    this.row = row;
    this.sent = row.lon === null ? null : [row.lon, row.lat];
    this.proposed = row.proposed_lon === null ? null : [row.proposed_lon, row.proposed_lat];
    this.fresh = this.proposed;
    this.marks = {};
    this.box = h("div", { class: "spot", role: "group", "aria-label": t("quarantine.map") }, h("p", { role: "status" }, t("quarantine.map_loading")));
    this.list = h("ul", { class: "points", "aria-live": "polite" });
    this.place = h("div", { class: "where" }, this.box, this.list);
    this.#say();
  }

  /** Load library and outline, and draw. Where that fails the words stay. */
  async draw() {
    try {
      dress();
      const [library, area] = await Promise.all([import("../vendor/maplibre-gl.mjs"), this.#outline()]);
      if (!this.box.isConnected) return;
      this.area = area;
      this.library = library;
      this.#say();
      this.#begin();
      await new Promise((done) => this.map.once("style.load", done));
      this.map.getSource("outline").setData(area ?? EMPTY);
      this.#show();
      this.map.once("idle", () => { this.box.dataset.state = "ready"; });
    } catch (error) {
      this.box.replaceChildren(h("p", { role: "alert" }, t("quarantine.map_failed")));
      this.map = null;
    }
  }

  #begin() {
    const ground = getComputedStyle(document.documentElement).getPropertyValue("--map-ground").trim();
    const line = (id, source, paint) => ({ id, type: "line", source, paint });
    this.box.replaceChildren();
    this.map = new this.library.Map({
      container: this.box, attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false,
      renderWorldCopies: false, fadeDuration: 0, maxZoom: 19, bounds: this.#bounds(), fitBoundsOptions: { padding: ROOM, maxZoom: 17 },
      locale: { "NavigationControl.ZoomIn": t("map.zoom_in"), "NavigationControl.ZoomOut": t("map.zoom_out"), "Map.Title": t("quarantine.map") },
      style: {
        version: 8,
        sources: {
          blocks: { type: "vector", url: `${location.origin}/tiles/blocks.json` },
          outline: { type: "geojson", data: EMPTY }, arrow: { type: "geojson", data: EMPTY },
        },
        layers: [
          { id: "ground", type: "background", paint: { "background-color": ground } },
          { id: "blocks", type: "line", source: "blocks", "source-layer": "blocks", paint: { "line-color": "#7b8a92", "line-width": 0.8 } },
          { id: "inside", type: "fill", source: "outline", paint: { "fill-color": "#ffffff", "fill-opacity": 0.5 } },
          line("outline", "outline", { "line-color": "#0d3b45", "line-width": 2.5 }),
          line("arrow", "arrow", { "line-color": "#a3231b", "line-width": 2, "line-dasharray": [2, 2] }),
        ],
      },
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new this.library.NavigationControl({ showCompass: false }), "bottom-right");
    this.map.addControl(new this.library.ScaleControl({ maxWidth: 80 }), "bottom-left");
    this.map.on("click", (event) => this.onPick?.(event.lngLat.lng, event.lngLat.lat));
    this.box.map = this.map; // for tests and for the console
  }

  async #outline() {
    const { code, level } = this.row;
    if (!code) return null;
    const found = await get("/v1/areas", { within: code, within_level: level, level, limit: 1, format: "geojson" });
    return found.features[0] ?? null;
  }

  /** The middle of the block, degrees. */
  get #middle() {
    if (!this.area) return null;
    const [west, south, east, north] = this.area.properties.bounds;
    return [(west + east) / 2, (south + north) / 2];
  }

  #bounds() {
    const points = [this.#near(this.sent) && this.sent, onEarth(this.fresh) && this.fresh].filter(Boolean);
    const [west, south, east, north] = this.area?.properties.bounds ?? [];
    if (west !== undefined) points.push([west, south], [east, north]);
    const lons = points.map(([lon]) => lon);
    const lats = points.map(([, lat]) => lat);
    return [[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]];
  }

  #near(point) {
    return onEarth(point) && (!this.#middle || kilometres(point, this.#middle) < SHOWN_KM);
  }

  /** Lay the marks, the arrow between them, and the words. */
  #show() {
    if (!this.map) return;
    const set = (kind, sign, point) => {
      this.marks[kind]?.remove();
      this.marks[kind] = null;
      if (!onEarth(point)) return;
      const element = h("div", { class: `mark ${kind}`, "aria-hidden": "true" }, sign);
      this.marks[kind] = new this.library.Marker({ element }).setLngLat(point).addTo(this.map);
    };
    set("sent", "1", this.#near(this.sent) ? this.sent : null);
    set("new", "2", this.fresh);
    const both = this.#near(this.sent) && onEarth(this.fresh);
    const arrow = { type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: both ? [this.sent, this.fresh] : [] } };
    this.map.getSource("arrow")?.setData(both ? arrow : EMPTY);
  }

  #say() {
    const item = (kind, sign, words, point) => h("li", {}, h("span", { class: `mark ${kind}`, "aria-hidden": "true" }, sign),
      h("span", {}, h("b", {}, words), this.#told(point)));
    this.list.replaceChildren(
      item("sent", "1", t("quarantine.point_sent"), this.sent),
      ...(this.fresh ? [item("new", "2", t(this.fresh === this.proposed ? "quarantine.point_new" : "quarantine.point_mine"), this.fresh)] : []));
  }

  #told(point) {
    if (!point) return t("quarantine.no_point");
    const said = t("quarantine.lon_lat", { lon: degrees(point[0]), lat: degrees(point[1]) });
    if (!onEarth(point)) return `${said}: ${t("quarantine.not_on_earth")}`;
    if (!this.#middle) return said;
    const km = kilometres(point, this.#middle);
    return `${said}, ${t(km < SHOWN_KM ? "quarantine.near" : "quarantine.far", { km: shownKm(km), name: this.row.name })}`;
  }

  /** Put the new point where a person says, degrees; NaN takes it away. */
  move(lon, lat) {
    this.fresh = Number.isFinite(lon) && Number.isFinite(lat) ? [lon, lat] : null;
    this.#say();
    this.#show();
  }

  /** Let taps on the map choose a point. */
  pick(onPick) {
    this.onPick = onPick;
    if (this.map) this.map.getCanvas().style.cursor = "crosshair";
  }

  /** Back to the proposal, and no more choosing. */
  settle() {
    this.onPick = null;
    if (this.map) this.map.getCanvas().style.cursor = "";
    this.fresh = this.proposed;
    this.#say();
    this.#show();
  }

  close() {
    this.map?.remove();
    this.map = null;
  }
}

/** Great-circle distance in kilometres, by the haversine formula on a sphere. */
function kilometres([lon1, lat1], [lon2, lat2]) {
  const rad = Math.PI / 180;
  const a = Math.sin(((lat2 - lat1) * rad) / 2) ** 2
    + Math.cos(lat1 * rad) * Math.cos(lat2 * rad) * Math.sin(((lon2 - lon1) * rad) / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.sqrt(a));
}

/** The library's style sheet, once and only when a map is wanted. */
function dress() {
  const href = `${document.body.dataset.assets}/vendor/maplibre-gl.css`;
  if (!document.querySelector(`link[href="${href}"]`)) document.head.append(h("link", { rel: "stylesheet", href }));
}
