// The map of a release: areas, near ones' blocks where the reader may see them, or cells, by the band of the share of poor families.

import { byTouch, chart, dress, fly } from "./chart.js";
import { FADED, SHOWN, namesOf, shapeOf } from "./dress.js";
import { picture } from "./hatch.js";
import { entries } from "./legend.js";
import { get, h } from "./page.js";
import { HATCHES, boundsOf, classes, layersOf, names, ring, roomBeside } from "./released-layers.js";
import { answer } from "./releases-words.js";
import { setup, t } from "./texts.js";

/** Beyond every zoom. */
const FARTHEST = 24;
const SOURCES = ["areas", "blocks", "cells"];
/** Whether whoever looks has blocks of their own: the public has none. */
const BLOCKS = Boolean(setup.me && setup.me.role !== "none");
/** Milliseconds after which tiles that failed are asked for again. */
const AGAIN = 4000;

/** Owns the map in `place`. `onOpen({code, level})` for an area somebody opens, `onView(changes)` for switches of the view. */
export class ReleaseMap {
  constructor(place, told) {
    Object.assign(this, { place, told, base: SHOWN, view: null });
  }

  /** Load library and shapes, and draw the release of `view`; blocks where `level` is theirs. Says so in its place where that cannot be. */
  async open(view, level) {
    Object.assign(this, { view, level });
    const placed = location.hash.length > 1; // the map writes its own place there once it is made
    this.#furnish();
    const [library] = await Promise.all([import("../vendor/maplibre-gl.mjs").catch(() => null), dress("vendor/maplibre-gl.css", "static/map.css")]);
    if (!library) return this.#say(t("map.failed_library"));
    try {
      const [{ bounds }, blocks] = await Promise.all(["areas", "blocks"].map((layer) => get(`/tiles/release/${view.release}/${layer}.json`)));
      this.blocksFrom = blocks.minzoom;
      this.map = chart(library, this.chart, this.#style(), bounds, { padding: roomBeside(this.legend), hash: true, ...byTouch() });
    } catch (error) {
      return this.#say(error.code ? `${t("map.failed")}: ${error.message}` : t("map.failed_webgl"));
    }
    this.chart.map = this.map; // for tests and for the console
    this.map.on("error", (error) => this.#failed(error));
    await new Promise((done) => this.map.once("style.load", done));
    for (const kind of Object.keys(HATCHES)) this.map.addImage(kind, picture(kind));
    this.#paint();
    if (setup.basemap) import("./basemap.js").then(async ({ underlay }) => {
      this.base = (await underlay(this.map, library, setup.basemap)) ?? SHOWN;
      this.#paint();
    });
    this.map.on("click", (event) => this.#pointed(event));
    this.map.on("mousemove", (event) => { this.map.getCanvas().style.cursor = this.#at(event.point) ? "pointer" : ""; });
    this.map.on("idle", () => { this.#say(null); this.chart.dataset.state = "ready"; });
    return this.#reach(placed);
  }

  /** Show the release, area and switches of a view, and blocks where `level` is theirs. */
  async show(view, level) {
    const moved = this.release !== view.release;
    Object.assign(this, { view, level });
    this.#close();
    if (!this.map) return;
    if (moved) for (const name of this.#sources()) this.map.getSource(name).setUrl(this.#url(name));
    this.release = view.release;
    this.#paint();
    await this.#reach(false);
  }

  /** Names at points, from rows of a list. */
  label(rows) {
    this.rows = rows;
    this.map?.getSource("labels")?.setData(namesOf(rows.filter(({ lon }) => lon !== undefined)));
  }

  /** Outline one area of a list and go there. */
  async pick(row) {
    await this.#outline(row);
    this.#tell(row, row.name);
  }

  // ── how it looks ──────────────────────────────────────────────────────────────────────────────────────────────────

  #furnish() {
    this.chart = h("div", { class: "map", id: "chart", "data-state": "loading" });
    this.state = h("div", { class: "map-state" }, h("p", { role: "status" }, t("map.loading")));
    const cells = h("input", { type: "checkbox", role: "switch", id: "cells", checked: this.view.cells, onchange: () => {
      this.view.cells = cells.checked;
      this.told.onView({ cells: cells.checked });
      this.#close();
      this.#paint();
    } });
    this.panel = h("section", { class: "panel", "aria-label": t("releases.picked"), tabindex: "-1", hidden: true });
    this.panel.addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
    this.legend = h("section", { class: "legend", "aria-label": t("legend.title") },
      h("h2", {}, t("releases.legend")), h("p", { class: "small" }, t("releases.legend_is")), this.#entries(),
      h("p", { class: "small hint" }, t("legend.filter")));
    this.place.replaceChildren(h("div", { class: "sheet" }, h("div", { class: "ground" }, this.chart, this.state,
      h("div", { class: "switches" }, h("label", { class: "switch" }, cells, h("span", {}, t("releases.cells")))), this.legend, this.panel)));
    this.release = this.view.release;
  }

  #entries() {
    return entries(classes(), this.view.hidden, (hidden) => {
      this.view.hidden = hidden;
      this.told.onView({ hidden });
      this.#paint();
    });
  }

  #sources() {
    return SOURCES.filter((name) => BLOCKS || name !== "blocks");
  }

  #url(name) {
    return `${location.origin}/tiles/release/${this.view.release}/${name}.json`;
  }

  #style() {
    const ground = getComputedStyle(document.documentElement).getPropertyValue("--map-ground").trim();
    const zooms = { blocks: { minzoom: this.blocksFrom } };
    const layers = this.#sources().flatMap((source) => layersOf(source, source === "cells" ? 0.4 : 0.7, zooms[source]));
    const geojson = { type: "geojson", data: shapeOf(null) };
    return {
      version: 8,
      sources: { ...Object.fromEntries(this.#sources().map((name) => [name, { type: "vector", url: this.#url(name) }])), selected: geojson, labels: geojson },
      layers: [{ id: "ground", type: "background", paint: { "background-color": ground } }, ...layers, ring("under", "#ffffff", 6), ring("over", "#101c24", 2.6), names("labels")],
    };
  }

  /** Which fills are seen: cells or areas, and of them the classes that are not switched off. */
  #paint() {
    if (!this.map?.getLayer("areas-fill")) return;
    const { cells, hidden } = this.view;
    const off = hidden.filter((name) => /^\d$/.test(name)).map(Number);
    const opacity = off.length ? ["case", ["in", ["get", "band"], ["literal", off]], FADED, this.base] : this.base;
    const blocks = BLOCKS && this.level === "block";
    const seen = (id, on) => this.map.setLayoutProperty(id, "visibility", on ? "visible" : "none");
    for (const source of this.#sources()) {
      const on = cells ? source === "cells" : source === "areas" || (source === "blocks" && blocks);
      seen(`${source}-fill`, on);
      seen(`${source}-line`, on || source === "areas");
      this.map.setPaintProperty(`${source}-fill`, "fill-opacity", opacity);
      for (const kind of Object.keys(HATCHES)) seen(`${source}-${kind}`, on && !hidden.includes(kind));
    }
    const last = blocks && !cells ? this.blocksFrom : FARTHEST;
    for (const id of ["fill", "line", ...Object.keys(HATCHES)]) this.map.setLayerZoomRange(`areas-${id}`, 0, last);
  }

  // ── where it is, and what is picked ───────────────────────────────────────────────────────────────────────────────

  /** Outline the view's area and go there, unless the address has `placed` the map already. */
  async #reach(placed) {
    if (this.view.within) return this.#outline(this.view.within, placed);
    this.map.getSource("selected").setData(shapeOf(null));
    if (!placed) fly(this.map, (await get(this.#url("areas"))).bounds, roomBeside(this.legend));
    return undefined;
  }

  async #outline({ code, level }, placed = false) {
    const asked = { level, within: code, within_level: level, limit: 1, format: "geojson" };
    const found = await get(`/v1/releases/${this.view.release}/areas`, asked).catch(() => null);
    const [feature] = found?.features ?? [];
    if (!feature) return;
    this.map.getSource("selected").setData(feature);
    if (!placed) fly(this.map, boundsOf(feature), roomBeside(this.legend));
  }

  #at(point) {
    const areas = this.level === "block" ? ["blocks-fill", "areas-fill"] : ["areas-fill"];
    const layers = this.view.cells ? ["cells-fill"] : areas.filter((id) => this.map.getLayer(id));
    return this.map.queryRenderedFeatures(point, { layers })[0] ?? null;
  }

  #pointed(event) {
    const found = this.#at(event.point);
    if (!found) return this.#close();
    const { code, name, households, poor, error, band, notes } = found.properties;
    const row = {
      households, error, notes: notes ? notes.split(",") : [], share_band: setup.bands[band]?.[0] ?? null,
      poor_shown: band < 0 ? null : Math.min(Math.max(poor, 0), households),
    };
    return this.#tell(row, name, code && found.source === "areas" ? code : null);
  }

  /** Say of one area or cell what is known, beside the map. */
  #tell(row, name, code = null) {
    const said = answer({ ...row, notes: row.notes.filter((note) => note !== "low_coverage") }, name ?? t("releases.this_cell"), "");
    if (row.notes.includes("low_coverage")) said.push(h("p", { class: "warn" }, t("releases.legend_low")));
    this.panel.replaceChildren(...[
      h("button", { type: "button", class: "close", "aria-label": t("releases.close"), onclick: () => this.#close() }, "×"),
      h("h2", {}, name ?? t("releases.cell")),
      ...said,
      code ? h("p", { class: "go" }, h("button", { type: "button", onclick: () => this.#open(code) }, t("releases.open_area"))) : null,
    ].filter(Boolean));
    this.panel.hidden = false;
  }

  /** A tile says no level: that of the area on the screen is asked for. */
  async #open(code) {
    for (const level of ["village", "district", "regency", "province"]) {
      const found = await get(`/v1/releases/${this.view.release}/areas`, { level, within: code, within_level: level, limit: 1 }).catch(() => null);
      if (found?.areas.length) return this.told.onOpen({ code, level, name: found.areas[0].name, parent: found.areas[0].parent });
    }
    return undefined;
  }

  #close() {
    this.panel.hidden = true;
  }

  #say(words) {
    this.state.replaceChildren(...(words ? [h("p", { role: "alert" }, words)] : []));
  }

  #failed({ sourceId, error }) {
    if (error?.status === 403 || !this.#sources().includes(sourceId)) return;
    this.#say(t("map.tiles_failed"));
    setTimeout(() => this.map.getSource(sourceId).setUrl(this.#url(sourceId)), AGAIN);
  }
}
