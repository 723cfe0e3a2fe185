// A small drawing of the evidence, to scale: outlines of blocks, houses, where others were met, and what the doubt is about.
// Loaded when somebody opens a card; no map library.

import { get, h } from "./page.js";
import { svg } from "./svg.js";
import { number, t } from "./texts.js";

const WIDE = 320;
const HIGH = 240;
/** Metres across that are shown at the least: about the yard of one house and its neighbours. */
const LEAST = 60;
/** Free ground around the evidence, of its own size. */
const AROUND = 0.35;
const METRES = 111_320;
/** Households of the block that are drawn beside: more would be a blot. */
const OTHERS = 300;
const HOUSES = 1_000;
/** Points nearer to each other than so many pixels are one mark, with their number. */
const NEAR = 3;
/** Pixels outside the drawing where a house may begin that reaches into it. */
const EDGE = 30;
/** Half the width of a code, in pixels. */
const LABEL = 56;

/**
 * The figure for a row of /v1/flags or /v1/proposals: `shape` highlighted, over the blocks of `codes` (the first declared, others
 * beside). `points`: whether households of the first are drawn too; reading them is audited. `whole`: all of that block is seen.
 */
export async function figure({ shape, codes, name, points, whole }) {
  const inside = { within: codes[0], within_level: "block" };
  const [outlines, houses, others] = await Promise.all([
    Promise.all(codes.map((code) => get("/v1/areas", { within: code, within_level: "block", level: "block", limit: 1, format: "geojson" }).catch(() => null))),
    Promise.all(codes.map((code) => get("/v1/footprints", { within: code, within_level: "block", limit: HOUSES }).catch(() => null))),
    points ? get("/v1/households", { ...inside, limit: OTHERS }).catch(() => null) : null,
  ]);
  const blocks = outlines.map((found) => found?.features[0]?.geometry ?? null);
  const frame = new Frame([shape, whole ? blocks[0] : null].flatMap(parts).flatMap(({ places }) => places));
  const seen = (others?.households ?? []).filter(({ lon }) => lon !== null).map(({ lon, lat }) => [lon, lat]).filter((place) => frame.holds(place));
  const built = houses.flatMap((found) => found?.footprints ?? []).filter(({ lon, lat }) => frame.holds([lon, lat]));
  const drawing = svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "evidence", role: "img", "aria-label": t("quality.drawing", { name }) },
    ...blocks.map((block, at) => outline(frame, block, at)),
    ...built.map((one) => house(frame, one)),
    ...seen.map((point) => svg("circle", { class: "other", r: 2.5, ...centre(frame.at(point)) })),
    ...parts(shape).map((part) => mark(frame, part)),
    ...heaps(frame, shape),
    ...blocks.map((block, at) => label(frame, block, codes[at], at)),
    ...scale(frame), north());
  return h("figure", { class: "drawn" }, drawing, legend(shape, codes, seen.length, built.length));
}

/** Metres on the ground as pixels; so small a piece is flat. */
class Frame {
  constructor(places) {
    const lons = places.map(([lon]) => lon);
    const lats = places.map(([, lat]) => lat);
    this.lon = (Math.min(...lons) + Math.max(...lons)) / 2;
    this.lat = (Math.min(...lats) + Math.max(...lats)) / 2;
    this.x = METRES * Math.cos((this.lat * Math.PI) / 180);
    const wide = (Math.max(...lons) - Math.min(...lons)) * this.x * (1 + 2 * AROUND);
    const high = (Math.max(...lats) - Math.min(...lats)) * METRES * (1 + 2 * AROUND);
    this.metre = Math.min(WIDE / Math.max(wide, LEAST), HIGH / Math.max(high, (LEAST * HIGH) / WIDE));
  }

  /** Whether a place is seen, or nearly. */
  holds(place) {
    const [x, y] = this.at(place);
    return x > -EDGE && y > -EDGE && x < WIDE + EDGE && y < HIGH + EDGE;
  }

  at([lon, lat]) {
    const x = WIDE / 2 + (lon - this.lon) * this.x * this.metre;
    const y = HIGH / 2 - (lat - this.lat) * METRES * this.metre;
    return [Math.round(10 * x) / 10, Math.round(10 * y) / 10];
  }
}

/** A geometry as simple parts: `{kind: "point" | "line" | "area", places}`. */
function parts(shape) {
  if (!shape) return [];
  const { type, coordinates } = shape;
  if (type === "GeometryCollection") return shape.geometries.flatMap(parts);
  if (type.startsWith("Multi")) return coordinates.flatMap((one) => parts({ type: type.slice(5), coordinates: one }));
  if (type === "Point") return [{ kind: "point", places: [coordinates] }];
  if (type === "LineString") return [{ kind: "line", places: coordinates }];
  return coordinates.map((places) => ({ kind: "area", places }));
}

const centre = ([cx, cy]) => ({ cx, cy });
const path = (frame, places) => places.map((place, at) => `${at ? "L" : "M"}${frame.at(place).join(" ")}`).join("");

function outline(frame, block, at) {
  const d = parts(block).map(({ places }) => `${path(frame, places)}Z`).join("");
  return d && svg("path", { class: at ? "block beside" : "block", d });
}

function mark(frame, { kind, places }) {
  if (kind === "point") return null;
  return svg("path", { class: `about ${kind}`, d: path(frame, places) + (kind === "area" ? "Z" : "") });
}

/** A house as a square of the ground it covers: its shape nobody has kept. */
function house(frame, { lon, lat, area_m2: area }) {
  const side = Math.max(Math.sqrt(area) * frame.metre, 1.5);
  const [x, y] = frame.at([lon, lat]);
  return svg("rect", { class: "house", x: (x - side / 2).toFixed(1), y: (y - side / 2).toFixed(1), width: side.toFixed(1), height: side.toFixed(1) });
}

/** Points of the evidence, those that fall together as one mark that says how many. */
function heaps(frame, shape) {
  const marks = [];
  for (const { kind, places } of parts(shape)) {
    if (kind !== "point") continue;
    const at = frame.at(places[0]);
    const near = marks.find((one) => Math.hypot(one.at[0] - at[0], one.at[1] - at[1]) < NEAR);
    if (near) near.n += 1;
    else marks.push({ at, n: 1 });
  }
  return marks.flatMap(({ at, n }) => [
    svg("circle", { class: "about", r: n > 1 ? 6 : 4.5, ...centre(at) }),
    n > 1 ? svg("text", { x: at[0] + 9, y: at[1] + 4, class: "n" }, `${number(n)}×`) : null,
  ].filter(Boolean));
}

/** The code of a block at the top of what is seen of it; of one whose edge is not seen, in the corner. */
function label(frame, block, code, at) {
  const places = parts(block).flatMap(({ places: all }) => all.map((place) => frame.at(place)));
  if (!places.length) return null;
  const xs = places.map(([x]) => Math.min(Math.max(x, 0), WIDE));
  const ys = places.map(([, y]) => Math.min(Math.max(y, 0), HIGH));
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  if (right - left < 20 || bottom - top < 20) return null;
  const x = Math.min(Math.max((left + right) / 2, LABEL), WIDE - LABEL - 24);
  return svg("text", { x, y: Math.min(Math.max(top + 16, 16 + 15 * at), HIGH - 24), class: "code", "text-anchor": "middle" }, code);
}

/** A bar of a round length, and its length in words. */
function scale(frame) {
  const room = WIDE / 3 / frame.metre;
  const power = 10 ** Math.floor(Math.log10(room));
  const metres = [5, 2, 1].find((n) => n * power <= room) * power;
  const long = metres * frame.metre;
  return [
    svg("path", { class: "scale", d: `M10 ${HIGH - 14}v6h${long.toFixed(1)}v-6` }),
    svg("text", { x: 10 + long + 6, y: HIGH - 8, class: "scale-said" }, metres < 1000 ? t("quality.metres", { n: number(metres) }) : t("quality.kilometres", { n: number(metres / 1000) })),
  ];
}

const north = () => svg("path", { class: "north", d: `M${WIDE - 16} 28V10m-5 6 5-6 5 6` });

function legend(shape, codes, others, houses) {
  const kinds = new Set(parts(shape).map(({ kind }) => kind));
  const line = (kind, words) => h("li", {}, h("i", { class: kind, "aria-hidden": "true" }), words);
  return h("figcaption", {}, h("ul", { class: "drawn-key" }, [
    kinds.has("point") ? line("about", t("quality.key_points")) : null,
    kinds.has("line") ? line("line", t("quality.key_line")) : null,
    kinds.has("area") ? line("area", t("quality.key_area")) : null,
    line("block", t("quality.key_block", { code: codes[0] })),
    codes.length > 1 ? line("beside", t("quality.key_block", { code: codes[1] })) : null,
    houses ? line("house", t("quality.key_houses")) : null,
    others ? line("other", t("quality.key_others")) : null,
  ]));
}
