// One map of clusters, sites and proposed places over the released cells; whoever points at something is told of it in words.

import { byTouch, chart, dress, fly } from "./chart.js";
import { FADED, SHOWN, namesOf, shapeOf } from "./dress.js";
import { picture } from "./hatch.js";
import { entries } from "./legend.js";
import { get, h } from "./page.js";
import { NEW, layers, outlines, points, signsOf } from "./programmes-layers.js";
import { INSIDE } from "./programmes-words.js";
import { said } from "./programmes-said.js";
import { HATCHES, boundsOf, classes, roomBeside } from "./released-layers.js";
import { of } from "./released.js";
import { answer } from "./releases-words.js";
import { FULL, drawn } from "./signs.js";
import { setup, t } from "./texts.js";

/** The nearest zoom at which tiles have cells that whoever looks may see: of resolution 8, and of 7 for the public. */
const NEAREST = INSIDE ? 11 : 9;
/** Outlines of programmes that can be told apart. */
const OUTLINES = 6;
/** Degrees around a point that is gone to. */
const AROUND = 0.012;
/** What lies over the cells and can be switched off, and its layers. */
const OVER = { clusters: ["clusters-under", "clusters-over", "clusters-without", "badges", "badges-names"], sites: ["sites"], places: ["places", "places-names"] };
/** The look of the table that has the rows of a kind. */
const LOOK = { cluster: "clusters", site: "sites", place: "placements", area: "reach" };
/** Milliseconds after which tiles that failed are asked for again. */
const AGAIN = 4000;

/** Owns the map in `place`. `onFind(key, look)` for a thing whose row is wanted, `onView(changes)` for switches of the view. */
export class ProgrammeMap {
  constructor(place, told) {
    Object.assign(this, { place, told, base: SHOWN, things: new Map(), where: null });
  }

  /** Load library and shapes, and draw the cells of the release. Says so in its place where that cannot be. */
  async open(view) {
    Object.assign(this, { view, release: view.release });
    this.placed = location.hash.length > 1; // the map writes its own place there once it is made
    this.#furnish();
    const [library] = await Promise.all([import("../vendor/maplibre-gl.mjs").catch(() => null), dress("vendor/maplibre-gl.css", "static/map.css")]);
    if (!library) return this.#say(t("map.failed_library"));
    try {
      const { bounds } = await get(this.#areas());
      this.map = chart(library, this.chart, layers(this.#areas(), this.#cells(), NEAREST), bounds, { padding: roomBeside(this.legend), hash: true, ...byTouch() });
    } catch (error) {
      return this.#say(error.code ? `${t("map.failed")}: ${error.message}` : t("map.failed_webgl"));
    }
    this.chart.map = this.map; // for tests and for the console
    this.map.on("error", (error) => this.#failed(error));
    await new Promise((done) => this.map.once("style.load", done));
    for (const kind of Object.keys(HATCHES)) this.map.addImage(kind, picture(kind));
    for (let at = 0; at < OUTLINES; at += 1) for (const full of FULL) this.map.addImage(`sign-${at}-${full}`, drawn(at, full), { pixelRatio: 2 });
    this.#paint();
    if (setup.basemap) import("./basemap.js").then(async ({ underlay }) => {
      this.base = (await underlay(this.map, library, setup.basemap)) ?? SHOWN;
      this.#paint();
    });
    this.map.on("click", (event) => this.#pointed(event));
    this.map.on("mousemove", (event) => { this.map.getCanvas().style.cursor = this.#at(event.point) ? "pointer" : ""; });
    this.map.on("idle", () => { this.#say(null); this.chart.dataset.state = "ready"; });
    return undefined;
  }

  /** Lay over the cells what was `found`, and go to the area that was `asked` about. */
  async show(view, found, asked) {
    Object.assign(this, { view, found, asked });
    this.#close();
    this.things = this.#known();
    this.#legend();
    if (!this.map) return;
    if (this.release !== view.release) {
      this.release = view.release;
      this.map.getSource("areas").setUrl(this.#areas());
      this.map.getSource("cells").setTiles([this.#cells()]);
    }
    const all = ({ programme: one }) => !asked.programme || one === asked.programme;
    const places = asked.look === "placements" ? found.placements?.placements ?? [] : [];
    this.map.getSource("sites").setData(points(found.sites.sites.filter(all), (site) => ({ key: `site-${site.n}`, sign: signsOf(site, asked.programmes), over: site.fullness === "over" })));
    this.map.getSource("places").setData(points(places, (one) => ({ key: `place-${one.n}`, name: String(one.place) })));
    this.map.getSource("badges").setData(points(found.clusters.clusters, (one) => ({ key: `cluster-${one.n}`, name: String(one.cluster) })));
    this.map.getSource("labels").setData(namesOf((found.reach?.areas ?? []).filter(({ lon }) => lon !== undefined)));
    this.#paint();
    await Promise.all([this.#outline(), this.#reach()]);
  }

  /** The answers are being worked out anew. */
  waits() {
    this.#close();
  }

  /** Go to the thing of a row and say what it is. */
  pick(key) {
    const thing = this.things.get(key);
    if (!thing || !this.map) return;
    const { kind, row } = thing;
    this.#tell(said(thing, this.asked), key, kind);
    const shape = this.shapes?.get(key);
    const bounds = shape ? boundsOf(shape) : [row.lon - AROUND, row.lat - AROUND, row.lon + AROUND, row.lat + AROUND];
    fly(this.map, bounds, this.#room());
    if (kind === "area") this.#ring(row);
    this.map.getSource("picked").setData(["site", "place"].includes(kind) ? points([row], () => ({})) : shapeOf(null));
  }

  /** Pixels at each side that the legend, and the panel where it is open, lie over. */
  #room() {
    const { width } = this.panel.getBoundingClientRect();
    const beside = getComputedStyle(this.panel).position === "absolute" && this.chart.clientWidth > 2 * width + 150;
    const room = roomBeside(this.legend);
    return beside ? { ...room, right: room.right + width } : room;
  }

  // ── how it looks ──────────────────────────────────────────────────────────────────────────────────────────────────

  #furnish() {
    this.chart = h("div", { class: "map", id: "chart", "data-state": "loading" });
    this.state = h("div", { class: "map-state" }, h("p", { role: "status" }, t("map.loading")));
    this.panel = h("section", { class: "panel", "aria-label": t("releases.picked"), tabindex: "-1", hidden: true });
    this.panel.addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
    this.legend = h("section", { class: "legend", "aria-label": t("legend.title"), tabindex: "0" });
    this.place.replaceChildren(h("div", { class: "sheet" }, h("div", { class: "ground" }, this.chart, this.state, this.legend, this.panel)));
    this.#legend();
  }

  #legend() {
    const hide = (hidden) => {
      this.view.hidden = hidden;
      this.told.onView({ hidden });
      this.#paint();
    };
    this.legend.replaceChildren(...[
      ...(this.asked ? [h("h2", {}, t("programmes.legend_over")), entries(NEW.classes(this.asked), this.view.hidden, hide)] : []),
      ...(this.asked?.programmes.length ? NEW.signs(this.asked) : []),
      h("h2", {}, t("releases.legend")), h("p", { class: "small" }, t("releases.legend_is")),
      h("div", { class: "bands" }, entries(classes(), this.view.hidden, hide)),
    ]);
  }

  #areas() {
    return `${location.origin}/tiles/release/${this.release}/areas.json`;
  }

  #cells() {
    return `${location.origin}/tiles/release/${this.release}/cells/{z}/{x}/{y}.mvt`;
  }

  /** Which fills and signs are seen: those that are not switched off. */
  #paint() {
    if (!this.map?.getLayer("cells-fill")) return;
    const { hidden } = this.view;
    const off = hidden.filter((name) => /^\d$/.test(name)).map(Number);
    const base = 0.8 * this.base; // what lies over the cells is to be seen first
    this.map.setPaintProperty("cells-fill", "fill-opacity", off.length ? ["case", ["in", ["get", "band"], ["literal", off]], FADED, base] : base);
    const seen = (id, on) => this.map.setLayoutProperty(id, "visibility", on ? "visible" : "none");
    for (const kind of Object.keys(HATCHES)) seen(`cells-${kind}`, !hidden.includes(kind));
    for (const [name, ids] of Object.entries(OVER)) for (const id of ids) seen(id, !hidden.includes(name));
  }

  // ── where it is, and what is picked ───────────────────────────────────────────────────────────────────────────────

  /** What has a row, by its key. */
  #known() {
    const { clusters, sites, reach, placements } = this.found;
    const lists = [["cluster", clusters.clusters], ["site", sites.sites], ["area", reach?.areas ?? []], ["place", placements?.placements ?? []]];
    return new Map(lists.flatMap(([kind, rows]) => rows.map((row) => [`${kind}-${row.n}`, { kind, row }])));
  }

  async #outline() {
    const { view, found, asked } = this;
    const path = `${of(view.release)}/clusters`;
    const inside = view.within ? { within: view.within.code, within_level: view.within.level } : {};
    const drawn_ = await get(path, { ...inside, km: view.km, with: view.before, format: "geojson" }).catch(() => null);
    if (!drawn_ || found !== this.found) return;
    const shapes = outlines(drawn_, found.clusters.clusters, asked);
    this.shapes = new Map(shapes.features.map((one) => [one.properties.key, one]));
    this.map.getSource("clusters").setData(shapes);
    this.chart.dataset.outlines = String(shapes.features.length);
  }

  /** Go to the area, unless it is there already or the address has placed the map. */
  async #reach() {
    const where = this.view.within?.code ?? "";
    if (this.where === where) return;
    const first = this.where === null;
    this.where = where;
    if (!where) return void (first || fly(this.map, (await get(this.#areas())).bounds, roomBeside(this.legend)));
    const shape = await this.#ring(this.view.within);
    if (shape && !(first && this.placed)) fly(this.map, boundsOf(shape), roomBeside(this.legend));
  }

  /** Outline an area. Gives its shape. */
  async #ring({ code, level = "village" }) {
    const asked = { level, within: code, within_level: level, limit: 1, format: "geojson" };
    const found = await get(`${of(this.view.release)}/areas`, asked).catch(() => null);
    const [feature] = found?.features ?? [];
    this.map.getSource("selected").setData(feature ?? shapeOf(null));
    return feature;
  }

  #at(point) {
    for (const layers_ of [["places"], ["sites"], ["badges"], ["clusters-fill"], ["cells-fill"]]) {
      const [one] = this.map.queryRenderedFeatures(point, { layers: layers_ });
      if (one) return one;
    }
    return null;
  }

  #pointed(event) {
    const one = this.#at(event.point);
    if (!one) return this.#close();
    const thing = this.things.get(one.properties.key);
    if (thing) return this.#tell(said(thing, this.asked), one.properties.key, thing.kind);
    const { households, poor, error, band, notes } = one.properties;
    const list = notes ? notes.split(",") : [];
    const row = {
      households, error, notes: list.filter((note) => note !== "low_coverage"), share_band: setup.bands[band]?.[0] ?? null,
      poor_shown: band < 0 ? null : Math.min(Math.max(poor, 0), households),
    };
    const low = list.includes("low_coverage") ? [h("p", { class: "warn" }, t("releases.legend_low"))] : [];
    return this.#tell([h("h2", {}, t("releases.cell")), ...answer(row, t("releases.this_cell"), ""), ...low]);
  }

  /** Say of one thing what is known, beside the map, with the way to its row. */
  #tell(words, key = null, kind = null) {
    this.panel.replaceChildren(...[
      h("button", { type: "button", class: "close", "aria-label": t("releases.close"), onclick: () => this.#close() }, "×"), ...words,
      key ? h("p", { class: "go" }, h("button", { type: "button", onclick: () => { this.#close(); this.told.onFind(key, LOOK[kind]); } }, t("programmes.to_row"))) : null,
    ].filter(Boolean));
    this.panel.hidden = false;
  }

  #close() {
    this.panel.hidden = true;
    this.map?.getSource("picked")?.setData(shapeOf(null));
  }

  #say(words) {
    this.state.replaceChildren(...(words ? [h("p", { role: "alert" }, words)] : []));
  }

  #failed({ sourceId, error }) {
    if (error?.status === 403 || !["areas", "cells"].includes(sourceId)) return;
    this.#say(t("map.tiles_failed"));
    setTimeout(() => (sourceId === "areas" ? this.map.getSource("areas").setUrl(this.#areas()) : this.map.getSource("cells").setTiles([this.#cells()])), AGAIN);
  }
}
