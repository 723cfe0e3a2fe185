// The map itself: the service's own style, hatches over it, and values laid in by feature id as the stream brings them.

import { ROOM, chart, fly } from "./chart.js";
import { FADED, HATCHES, SHOWN, bare, dressed, hatched, namesOf, shapeOf } from "./dress.js";
import { picture } from "./hatch.js";
import { Laid } from "./laid.js";
import { get } from "./page.js";

const SHAPES = ["areas", "blocks", "cells"];
/** Sources whose values are known for every day so far. */
const BY_DAY = ["areas", "blocks"];
/** Below this fraction of the map a block is too small to be looked at, and the map goes nearer. */
const SMALL = 0.04;
/** State of a block as of now: what the stream said, else what its tile says. */
const STATE = ["coalesce", ["feature-state", "state"], ["get", "state"]];

/** What is on the map: owns the MapLibre map; knows nothing of the page around it. */
export class Drawing {
  /**
   * `library` is MapLibre's module, `style` the answer of /style.json for `measure` and `day` (null: now). `room()` gives
   * the pixels on each side that something lies over.
   */
  constructor(library, container, style, { measure = "coverage", day = null, room = () => ROOM } = {}) {
    Object.assign(this, { style, measure, day, room, hidden: new Set(), base: SHOWN });
    this.said = said(style);
    this.blocksFrom = style.layers.find((layer) => layer.id === "blocks-fill").minzoom;
    this.map = chart(library, container, dressed(style, measure), this.said.bounds, { padding: room(), hash: true });
    this.laid = new Laid(this.map, (source) => this.reload([source]));
  }

  /** Resolves once layers can be changed. */
  async ready() {
    await new Promise((done) => this.map.once("style.load", done));
    for (const kind of HATCHES) this.map.addImage(kind, picture(kind));
    this.#opacities();
    this.select(this.shape);
  }

  /** Let the fills show what lies beneath them: `opacity`, null for none beneath. */
  over(opacity) {
    this.base = opacity ?? SHOWN;
    this.#opacities();
  }

  /** Level of the areas on the screen. */
  get level() {
    return this.map.getZoom() >= this.blocksFrom ? "block" : this.#byZoom(this.said.levels);
  }

  /** Levels that this edition has, from the largest areas to blocks. */
  get levels() {
    return [...new Set([...this.said.levels.map(([, level]) => level), "block"])];
  }

  /** Resolution of the cells that the map would show. */
  get resolution() {
    return this.#byZoom(this.said.resolutions);
  }

  #byZoom(table) {
    const zoom = Math.floor(this.map.getZoom());
    return table.filter(([first]) => zoom >= first).pop()[1];
  }

  /** Show a measure on a day (null: now): classes and colours come from the service, and so do the day's tiles. */
  async show(measure, day) {
    const [other, moved] = [measure !== this.measure, day !== this.day];
    if (!other && !moved) return;
    Object.assign(this, { measure, day });
    const style = await get("/style.json", { measure, day });
    if (this.measure !== measure || this.day !== day) return;
    this.style = style;
    this.said = said(style);
    this.#colours();
    if (other) this.#hatches();
    if (moved) this.reload(BY_DAY);
  }

  /** Resolves once everything that was asked for is drawn. */
  settled() {
    return new Promise((done) => {
      this.map.once("idle", done);
      this.map.triggerRepaint();
    });
  }

  /** Colours as of now, for a measure that is an age. */
  async age() {
    const { measure, day } = this;
    const style = await get("/style.json", { measure, day }).catch(() => null);
    if (!style || this.measure !== measure || this.day !== day) return;
    this.style = style;
    this.#colours();
  }

  #colours() {
    for (const source of SHAPES) this.map.setPaintProperty(`${source}-fill`, "fill-color", this.#colour(source));
    this.#opacities();
  }

  #hatches() {
    for (const source of SHAPES) {
      for (const kind of HATCHES) this.map.setFilter(`${source}-${kind}`, hatched(kind, this.measure));
    }
  }

  #colour(source) {
    return this.style.layers.find((layer) => layer.id === `${source}-fill`).paint["fill-color"];
  }

  /** Fade classes out: positions in the legend, or "no_data" and "not_shown". */
  hide(classes) {
    this.hidden = classes;
    this.#opacities();
  }

  /** Fade out blocks in other states than these; none for all. The same question as that of the list of gaps. */
  only(states) {
    this.states = states.map((name) => this.said.states.indexOf(name));
    this.#opacities();
  }

  #opacities() {
    const value = this.#colour("blocks")[1]; // what the classes are of: the field, or the age that follows from it
    const { classes } = this.said.legend[this.measure];
    const faded = [...this.hidden].filter(Number.isInteger).map((at) => {
      const { from, to } = classes[at];
      return ["all", [">=", value, from ?? 0], to === null ? true : ["<", value, to]];
    });
    const clear = faded.length ? ["case", ["any", ...faded], FADED, this.base] : this.base;
    for (const source of SHAPES) {
      const covered = this.cellsOn && source !== "cells";
      const shown = source === "blocks" && this.states?.length ? ["case", ["in", STATE, ["literal", this.states]], clear, FADED] : clear;
      this.map.setPaintProperty(`${source}-fill`, "fill-opacity", covered ? 0 : shown);
      for (const kind of HATCHES) {
        const gone = covered || this.hidden.has(kind);
        this.map.setPaintProperty(`${source}-${kind}`, "fill-opacity", gone ? 0 : bare(this.measure));
      }
    }
  }

  /** Show cells in the place of areas; the outlines of the areas stay. */
  setCells(on) {
    this.cellsOn = on;
    for (const id of ["cells-fill", "cells-no_data", "cells-not_shown", "cells-line"]) this.#visible(id, on);
    this.#opacities();
  }

  /** Names and outlines for those who sit far from the screen. */
  enlarge(on) {
    this.map.setLayoutProperty("names", "text-size", on ? 19 : 12);
    for (const source of ["areas", "blocks"]) this.map.setPaintProperty(`${source}-line`, "line-width", on ? 1.2 : 0.7);
  }

  /** Show single households, near. */
  setPoints(on) {
    this.pointsOn = on;
    if (this.map.getLayer("households-point")) this.#visible("households-point", on);
  }

  /** First zoom that shows single households. */
  get pointsFrom() {
    return this.map.getLayer("households-point")?.minzoom ?? Infinity;
  }

  #visible(id, on) {
    this.map.setLayoutProperty(id, "visibility", on ? "visible" : "none");
  }

  /** What lies under a point of the screen: {source, id, code, name}, or null. */
  at(point) {
    const layers = this.cellsOn ? ["cells-fill"] : ["blocks-fill", "areas-fill"];
    const [found] = this.map.queryRenderedFeatures(point, { layers });
    return found ? { source: found.source, id: found.id, ...found.properties } : null;
  }

  /** Lay in changed rows. A past day stays as it was. */
  apply(areas, cells) {
    if (this.day) return;
    const { fields } = this.said;
    for (const [rows, sources] of [[areas, ["areas", "blocks"]], [cells, ["cells"]]]) {
      for (const [id, ...values] of rows) {
        const state = Object.fromEntries(fields.map((name, i) => [name, values[i]]));
        for (const source of sources) this.laid.lay(source, id, state);
      }
    }
  }

  /** Whether a cell is among the loaded tiles; one that nobody was expected in appears with its first household. */
  lacks(cells) {
    const unexpected = cells.filter(([, expected]) => expected <= 0);
    if (!unexpected.length) return false;
    const known = new Set(this.map.querySourceFeatures("cells", { sourceLayer: "cells" }).map((f) => f.id));
    return unexpected.some(([id]) => !known.has(id));
  }

  /** Load every value anew: what the stream told before is older than what the tiles will say. */
  reload(sources = SHAPES) {
    const there = sources.filter((source) => this.map.getSource(source));
    this.laid.clear(there.filter((source) => SHAPES.includes(source)));
    for (const source of there) this.map.getSource(source).setUrl(this.style.sources[source].url);
  }

  /** Outline one area or cell, GeoJSON in degrees; null takes it away. */
  select(shape) {
    this.shape = shape;
    this.map.getSource("selected")?.setData(shapeOf(shape));
  }

  /** Names at points: rows with lon, lat, name. */
  label(rows) {
    this.map.getSource("labels").setData(namesOf(rows));
  }

  /** Go to bounds (west, south, east, north in degrees), near enough that what lies inside an area of `level` is drawn. */
  fly(bounds, level = null) {
    fly(this.map, bounds, this.room(), this.#inside(level));
  }

  /** Go there only where it cannot be seen as it is: hidden, or too small. */
  reveal([west, south, east, north]) {
    const { clientWidth: width, clientHeight: height } = this.map.getContainer();
    const { left, right, top, bottom } = this.room();
    const [a, b] = [this.map.project([west, north]), this.map.project([east, south])];
    const seen = a.x >= left - 1 && b.x <= width - right + 1 && a.y >= top - 1 && b.y <= height - bottom + 1;
    if (!seen || Math.max(b.x - a.x, b.y - a.y) < SMALL * width) this.fly([west, south, east, north]);
  }

  /** The first zoom that draws what lies inside an area of a level. */
  #inside(level) {
    const at = this.levels.indexOf(level);
    if (at < 0) return 0;
    const next = this.said.levels.find(([, one]) => this.levels.indexOf(one) > at);
    return next ? Math.min(next[0], this.blocksFrom) : this.blocksFrom;
  }
}

const said = (style) => Object.fromEntries(Object.entries(style.metadata).map(([k, v]) => [k.replace("cakupan:", ""), v]));
