// Groups of houses that were passed over, and where in the block they lie, as people say it.

import { h } from "./page.js";
import { number, shortDate, t } from "./texts.js";
import { wayThere } from "./way.js";

const WINDS = ["e", "ne", "n", "nw", "w", "sw", "s", "se"];
/** Nearer to the middle than this part of the way to the edge no direction helps. */
const NEAR = 0.3;

/** Where a point lies in bounds (west, south, east, north): one of `WINDS`, or "middle". */
export function direction({ lon, lat }, [west, south, east, north]) {
  const x = (2 * lon - west - east) / (east - west || 1);
  const y = (2 * lat - south - north) / (north - south || 1);
  if (Math.hypot(x, y) < NEAR) return "middle";
  return WINDS[(Math.round((4 * Math.atan2(y, x)) / Math.PI) + 8) % 8];
}

/** What an answer of /v1/holes says of one block, as elements. */
export function holes({ holes: rows, blocks, without_footprints: blind }, block) {
  if (!rows.length) {
    const key = blind ? "block.holes_unknown" : blocks ? "block.holes_none" : "block.holes_early";
    return [h("p", {}, t(key))];
  }
  return [
    h("p", { class: "small" }, t("block.holes_lead")),
    h("ol", { class: "holes" }, rows.map((row) => hole(row, block))),
  ];
}

function hole(row, block) {
  const where = t(`block.at_${direction(row, block.bounds)}`);
  const sums = { n: number(row.missing), low: number(row.low), high: number(row.high), where };
  const more = [
    t("block.hole_houses", { n: number(row.buildings) }),
    ...(row.since ? [t("block.since", { date: shortDate(row.since) })] : []),
  ];
  return h("li", {},
    h("p", {}, h("b", {}, t("block.hole", sums))),
    h("p", { class: "small" }, more.join(" · ")),
    h("div", { class: "go" }, wayThere({ ...row, name: where })));
}
