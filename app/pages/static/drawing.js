// The map itself: the service's own style, hatches over it, and values laid in by feature id as the stream brings them.

import { get } from "./page.js";

const EMPTY = { type: "FeatureCollection", features: [] };
const SHAPES = ["areas", "blocks", "cells"];
const FADED = 0.07;

/** A hatch as an image: `wide` strokes for "no data", fine dots for "not shown". Told apart without any colour. */
export function hatch(kind, size = 16) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  pen.strokeStyle = pen.fillStyle = "rgba(70, 78, 86, 0.85)";
  if (kind === "no_data") {
    pen.lineWidth = size / 9;
    for (const shift of [-size, 0, size]) {
      pen.beginPath();
      pen.moveTo(shift, size);
      pen.lineTo(shift + size, 0);
      pen.stroke();
    }
  } else {
    for (const [x, y] of [[0.25, 0.25], [0.75, 0.75]]) pen.fillRect(x * size - 1, y * size - 1, 2, 2);
  }
  return canvas;
}

function pixels(canvas) {
  const { width, height } = canvas;
  return canvas.getContext("2d").getImageData(0, 0, width, height);
}

/** What is on the map: owns the MapLibre map; knows nothing of the page around it. */
export class Drawing {
  /** `library` is MapLibre's module, `style` the answer of /style.json. */
  constructor(library, container, style, words) {
    this.said = Object.fromEntries(Object.entries(style.metadata).map(([k, v]) => [k.replace("cakupan:", ""), v]));
    this.style = style;
    this.measure = style.name.split(" ").pop();
    this.hidden = new Set();
    this.waiting = new Map();
    this.blocksFrom = style.layers.find((layer) => layer.id === "blocks-fill").minzoom;
    const [west, south, east, north] = this.said.bounds;
    this.map = new library.Map({
      container, style: dressed(style), hash: true, attributionControl: false, dragRotate: false, touchPitch: false,
      pitchWithRotate: false, renderWorldCopies: false, fadeDuration: 0, maxZoom: 19,
      bounds: [[west, south], [east, north]], fitBoundsOptions: { padding: room(container, false) }, locale: words,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new library.NavigationControl({ showCompass: false }), "bottom-right");
    this.map.addControl(new library.ScaleControl({ maxWidth: 90 }), "bottom-right");
  }

  /** Resolves once layers can be changed. */
  async ready() {
    await new Promise((done) => this.map.once("style.load", done));
    for (const kind of ["no_data", "not_shown"]) this.map.addImage(kind, pixels(hatch(kind)));
    this.#opacities();
    this.select(this.shape);
  }

  /** Level of the areas on the screen. */
  get level() {
    return this.map.getZoom() >= this.blocksFrom ? "block" : this.#byZoom(this.said.levels);
  }

  /** Resolution of the cells that the map would show. */
  get resolution() {
    return this.#byZoom(this.said.resolutions);
  }

  #byZoom(table) {
    const zoom = Math.floor(this.map.getZoom());
    return table.filter(([first]) => zoom >= first).pop()[1];
  }

  /** Show another measure: colours come from the service, as everything about classes does. */
  async setMeasure(measure) {
    this.measure = measure;
    const style = await get("/style.json", { measure });
    if (this.measure !== measure) return;
    this.style = style;
    for (const source of SHAPES) this.map.setPaintProperty(`${source}-fill`, "fill-color", this.#colour(source));
    this.#opacities();
  }

  #colour(source) {
    return this.style.layers.find((layer) => layer.id === `${source}-fill`).paint["fill-color"];
  }

  /** Fade classes out: positions in the legend, or "no_data" and "not_shown". */
  hide(classes) {
    this.hidden = classes;
    this.#opacities();
  }

  #opacities() {
    const value = this.#colour("blocks")[1];
    const { classes } = this.said.legend[this.measure];
    const faded = [...this.hidden].filter(Number.isInteger).map((at) => {
      const { from, to } = classes[at];
      return ["all", [">=", value, from ?? 0], to === null ? true : ["<", value, to]];
    });
    const missing = { no_data: ["all", ["<", value, 0], [">=", value, -1.5]], not_shown: ["<", value, -1.5] };
    for (const source of SHAPES) {
      const [base, cells] = [0.85, this.cellsOn && source !== "cells"];
      const clear = faded.length ? ["case", ["any", ...faded], FADED, base] : base;
      this.map.setPaintProperty(`${source}-fill`, "fill-opacity", cells ? 0 : clear);
      for (const [kind, is] of Object.entries(missing)) {
        const shown = this.hidden.has(kind) || cells ? 0 : ["case", is, 1, 0];
        this.map.setPaintProperty(`${source}-${kind}`, "fill-opacity", shown);
      }
    }
  }

  /** Show cells in the place of areas; the outlines of the areas stay. */
  setCells(on) {
    this.cellsOn = on;
    for (const id of ["cells-fill", "cells-no_data", "cells-not_shown", "cells-line"]) this.#visible(id, on);
    this.#opacities();
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

  /** Queue changed rows; all of a frame are laid in together, the last one of each feature counts. */
  apply(areas, cells) {
    const { fields } = this.said;
    for (const [rows, sources] of [[areas, ["areas", "blocks"]], [cells, ["cells"]]]) {
      for (const [id, ...values] of rows) {
        const state = Object.fromEntries(fields.map((name, i) => [name, values[i]]));
        for (const source of sources) this.waiting.set(`${source}/${id}`, [source, id, state]);
      }
    }
    if (this.waiting.size && !this.frame) this.frame = requestAnimationFrame(() => this.#lay());
  }

  #lay() {
    this.frame = null;
    for (const [source, id, state] of this.waiting.values()) {
      this.map.setFeatureState({ source, sourceLayer: source, id }, state);
    }
    this.waiting.clear();
    this.map.getContainer().dataset.laid = String(Number(this.map.getContainer().dataset.laid ?? 0) + 1);
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
    for (const source of sources) {
      if (!this.map.getSource(source)) continue;
      if (SHAPES.includes(source)) this.map.removeFeatureState({ source, sourceLayer: source });
      this.map.getSource(source).setUrl(this.style.sources[source].url);
    }
  }

  /** Outline one area or cell, GeoJSON in degrees; null takes it away. */
  select(shape) {
    this.shape = shape;
    this.map.getSource("selected")?.setData(shape ?? EMPTY);
  }

  /** Names at points: rows with lon, lat, name. */
  label(rows) {
    const features = rows.map((row) => ({
      type: "Feature", properties: { name: row.name }, geometry: { type: "Point", coordinates: [row.lon, row.lat] },
    }));
    this.map.getSource("labels").setData({ type: "FeatureCollection", features });
  }

  /** Go to bounds: west, south, east, north in degrees. */
  fly([west, south, east, north]) {
    const padding = room(this.map.getContainer(), true);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.map.fitBounds([[west, south], [east, north]], { padding, maxZoom: 16, duration: calm ? 0 : 700 });
  }
}

/** Space to leave around what is shown: on a wide screen legend and panel lie over the map. */
function room(container, withPanel) {
  if (container.clientWidth < 900) return 28;
  return { top: 40, bottom: 40, left: 290, right: withPanel ? 370 : 60 };
}

/** The service's style with hatches above each fill, the selection, and names. */
function dressed(style) {
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--map-ground").trim();
  const layers = style.layers.flatMap((layer) => {
    if (layer.type === "background") return [{ ...layer, paint: { "background-color": ground } }];
    if (layer.type !== "fill") return [layer];
    const over = (kind) => ({
      ...layer, id: `${layer.source}-${kind}`, paint: { "fill-pattern": kind, "fill-opacity": 0 },
    });
    return [layer, over("no_data"), over("not_shown")];
  });
  const line = style.layers.find((layer) => layer.id === "blocks-line");
  const cells = {
    ...line, id: "cells-line", source: "cells", "source-layer": "cells", minzoom: 0, layout: { visibility: "none" },
    paint: { ...line.paint, "line-width": 0.35 },
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
