// The map of one block: its outline, its cells with what is missing in each, the holes, and families where they may be seen.

import { byTouch, chart, dress } from "./chart.js";
import { get, h, logIn } from "./page.js";
import { setup, t } from "./texts.js";

const EMPTY = { type: "FeatureCollection", features: [] };
const RESOLUTION = 10;
const ROOM = { top: 24, bottom: 40, left: 24, right: 64 };
/** Colours that stay apart for every eye; what is drawn also differs in line and number. */
const UNTOUCHED = "#b5482f";
const PART = "#e3a45a";
const HOLE = "#a3231b";

/** Owns a map in `place`. `block` is the area as /v1/areas says it, `holes` rows of /v1/holes. Nothing is loaded before `draw`. */
export class Plot {
  constructor(place, block, holes) {
    Object.assign(this, { place, block, holes });
    this.area = { within: block.code, within_level: block.level };
    this.box = h("div", { class: "plot", role: "group", "aria-label": t("block.map") }, h("p", { role: "status" }, t("block.map_loading")));
    place.replaceChildren(this.box);
  }

  /** Load library and shapes, and draw. Throws where that cannot be. */
  async draw() {
    dress();
    const asked = { ...this.area, format: "geojson" };
    const [library, outline, cells, holes, style] = await Promise.all([
      import("../vendor/maplibre-gl.mjs"),
      get("/v1/areas", { ...asked, level: this.block.level, limit: 1 }),
      get("/v1/cells", { ...asked, res: RESOLUTION }).catch(() => EMPTY),
      this.holes.length ? get("/v1/holes", asked).catch(() => EMPTY) : EMPTY,
      setup.me.households ? get("/style.json").catch(() => null) : null,
    ]);
    if (!this.box.isConnected) return;
    this.#begin(library, { outline, cells: seen(cells), holes }, style);
    await new Promise((done) => this.map.once("style.load", done));
    if (setup.basemap) import("./basemap.js").then(({ underlay }) => underlay(this.map, library, setup.basemap)).catch(() => null);
    this.map.once("idle", () => { this.box.dataset.state = "ready"; });
    this.place.append(this.#key(cells.features.length, Boolean(style)));
  }

  #begin(library, shapes, style) {
    const ground = getComputedStyle(document.documentElement).getPropertyValue("--map-ground").trim();
    const points = style?.layers.filter((layer) => layer.source === "households") ?? [];
    this.box.replaceChildren();
    const drawing = {
      version: 8,
      sources: {
        blocks: { type: "vector", url: `${location.origin}/tiles/blocks.json` },
        ...(points.length ? { households: style.sources.households } : {}),
        ...Object.fromEntries(Object.entries(shapes).map(([name, data]) => [name, { type: "geojson", data }])),
      },
      layers: [{ id: "ground", type: "background", paint: { "background-color": ground } }, ...drawn(), ...points.map(shown)],
    };
    this.map = chart(library, this.box, drawing, this.block.bounds, { padding: ROOM, ...byTouch() });
    this.map.on("error", ({ error }) => error?.status === 401 && logIn());
    this.box.map = this.map; // for tests and for the console
  }

  #key(cells, points) {
    const line = (kind, words) => h("li", {}, h("i", { class: kind, "aria-hidden": "true" }), h("span", {}, words));
    return h("ul", { class: "plot-key" }, [
      line("outline", t("block.key_outline")),
      this.holes.length ? line("hole", t("block.key_hole")) : null,
      ...(cells ? [line("untouched", t("block.key_untouched")), line("part", t("block.key_part"))] : []),
      points ? line("point", t("block.key_point")) : null,
    ]);
  }
}

/** Cells where something is missing, each with its kind and the number missing. */
function seen(cells) {
  const features = cells.features.filter(({ properties: { gap } }) => gap > 0).map((cell) => {
    const { completed, partial, not_met: notMet, refused, gap } = cell.properties;
    return { ...cell, properties: { kind: completed + partial + notMet + refused ? "part" : "untouched", missing: String(gap) } };
  });
  return { ...EMPTY, features };
}

function drawn() {
  const kind = ["match", ["get", "kind"], "untouched", UNTOUCHED, PART];
  const line = (id, paint, source = id) => ({ id, type: "line", source, layout: { "line-join": "round" }, paint });
  return [
    { id: "blocks", type: "line", source: "blocks", "source-layer": "blocks", paint: { "line-color": "#7b8a92", "line-width": 0.8 } },
    { id: "cells", type: "fill", source: "cells", paint: { "fill-color": kind, "fill-opacity": 0.5 } },
    line("cells-line", { "line-color": kind, "line-width": 1 }, "cells"),
    line("outline-under", { "line-color": "#ffffff", "line-width": 5 }, "outline"),
    line("outline", { "line-color": "#0d3b45", "line-width": 2.5 }),
    line("holes-under", { "line-color": "#ffffff", "line-width": 5 }, "holes"),
    line("holes", { "line-color": HOLE, "line-width": 3, "line-dasharray": [2, 1] }),
    {
      id: "numbers", type: "symbol", source: "cells",
      layout: { "text-field": ["get", "missing"], "text-size": 14 },
      paint: { "text-color": "#0d1b22", "text-halo-color": "rgba(255, 255, 255, 0.92)", "text-halo-width": 1.6 },
    },
  ];
}

/** A layer of the service's own style, whatever it hides on the large map. */
const shown = (layer) => ({ ...layer, layout: { ...layer.layout, visibility: "visible" } });
