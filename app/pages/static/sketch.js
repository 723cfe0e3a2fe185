// A drawing of one enumerator's way: outlines of the blocks, the stops with their numbers, the way between them. Loaded when
// it is wanted; needs no map library and no network once the outlines were seen.

import { copied } from "./copies.js";
import { h } from "./page.js";
import { svg } from "./svg.js";
import { distance, t } from "./texts.js";

/** Width and greatest height of the drawing in its own units, and the room around what is drawn. */
const WIDE = 640;
const HIGH = 520;
const ROOM = 34;
/** Metres in a degree of latitude. */
const DEGREE = 111_320;
/** Marks nearer than this to each other become one. */
const APART = 24;
const SCALES = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

const outlines = new Map();

/** Elements: the drawing of `stops` in order from `start` (null: not known), called `label`. */
export async function sketch(stops, start, label) {
  const placed = stops.map((stop, at) => ({ ...stop, n: at + 1 })).filter(({ lon }) => lon !== null);
  const blocks = (await Promise.all([...new Set(placed.map(({ code }) => code))].map(outline))).filter(Boolean);
  if (!placed.length) return [h("p", {}, t("plan.map_empty"))];
  const { x, y, high, scale } = frame([...placed, ...(start ? [start] : [])], blocks);
  const at = ({ lon, lat }) => [x(lon), y(lat)];
  const way = [...(start ? [start] : []), ...placed].map((point) => at(point).map((v) => v.toFixed(1)).join(","));
  const drawn = svg("svg", { viewBox: `0 0 ${WIDE} ${high}`, role: "img", "aria-label": label, class: "sketch" },
    blocks.map((rings) => svg("path", { class: "block", d: rings.map((ring) => `M${ring.map(([lon, lat]) => `${x(lon).toFixed(1)} ${y(lat).toFixed(1)}`).join("L")}Z`).join("") })),
    svg("polyline", { class: "path", points: way.join(" ") }),
    start ? begin(at(start)) : null,
    gathered(placed, at).map(mark),
    ruler(scale, high),
    svg("path", { class: "north", d: `M${WIDE - 22} 34l7 -22l7 22l-7 -5z` }));
  return [drawn, h("p", { class: "small" }, t(start ? "plan.map_key_start" : "plan.map_key"))];
}

/** Rings of a block's outline, degrees; null where it cannot be had. */
async function outline(code) {
  if (!outlines.has(code)) {
    const asked = { within: code, within_level: "block", level: "block", limit: 1, format: "geojson" };
    const found = await copied("/v1/areas", asked).then(({ answer }) => answer.features[0]?.geometry, () => null);
    if (!found) return null;
    outlines.set(code, (found.type === "Polygon" ? [found.coordinates] : found.coordinates).flat());
  }
  return outlines.get(code);
}

/** How degrees become units of the drawing, so that everything that matters is in it. */
function frame(points, blocks) {
  const all = [...points.map(({ lon, lat }) => [lon, lat]), ...blocks.flat(2)];
  const lons = all.map(([lon]) => lon);
  const lats = all.map(([, lat]) => lat);
  const [west, south, east, north] = [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
  const squeeze = Math.cos((((south + north) / 2) * Math.PI) / 180);
  const [wide, tall] = [Math.max((east - west) * squeeze, 1e-5), Math.max(north - south, 1e-5)];
  const scale = Math.min((WIDE - 2 * ROOM) / wide, (HIGH - 2 * ROOM) / tall);
  const left = (WIDE - wide * scale) / 2;
  return {
    x: (lon) => left + (lon - west) * squeeze * scale,
    y: (lat) => ROOM + (north - lat) * scale,
    high: Math.round(tall * scale + 2 * ROOM),
    scale: scale / DEGREE,
  };
}

/** Stops whose marks would lie on each other as one mark: `{x, y, numbers, late}`. */
function gathered(stops, at) {
  const marks = [];
  for (const stop of stops) {
    const [x, y] = at(stop);
    const near = marks.find((one) => Math.hypot(one.x - x, one.y - y) < APART);
    if (near) near.numbers.push(stop.n);
    else marks.push({ x, y, numbers: [stop.n] });
  }
  return marks;
}

/** 1, 2, 3, 7 as "1–3, 7". */
function ranges(numbers) {
  const runs = [];
  for (const n of numbers) {
    if (runs.at(-1)?.[1] === n - 1) runs.at(-1)[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ");
}

function mark({ x, y, numbers }) {
  const words = ranges(numbers);
  const half = Math.max(12, 5 + 4.6 * words.length);
  return svg("g", { class: "mark" },
    svg("rect", { x: x - half, y: y - 12, width: 2 * half, height: 24, rx: 12 }),
    svg("text", { x, y: y + 5.5, "text-anchor": "middle" }, words));
}

const begin = ([x, y]) => svg("path", { class: "begin", d: `M${x - 9} ${y + 8}h18l-9 -17z` });

/** A ruler of a round length, about a fifth of the width. */
function ruler(scale, high) {
  const metres = SCALES.findLast((one) => one * scale <= WIDE / 4) ?? SCALES[0];
  return svg("g", { class: "ruler" },
    svg("path", { d: `M12 ${high - 18}v6h${(metres * scale).toFixed(1)}v-6` }),
    svg("text", { x: 18, y: high - 20 }, distance(metres)));
}
