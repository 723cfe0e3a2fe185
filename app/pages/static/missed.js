// Holes of an area: groups of houses that were passed over, most families first, also in blocks that look full.

import { copied } from "./copies.js";
import { address, h } from "./page.js";
import { number, t } from "./texts.js";
import { wayThere } from "./way.js";

/** How many are loaded at first, and at most. */
const FEW = 3;
const MOST = 100;

/** Owns the section at `place`, a <details> that opens on the holes. Hidden where there are none to be shown. */
export class Missed {
  constructor(place) {
    Object.assign(this, { place, turn: 0 });
    this.summary = place.querySelector("summary span");
    this.body = place.querySelector("div");
  }

  /** Load the holes of an area ({within, within_level}), as many as `limit`. */
  async load(area, limit = FEW) {
    const mine = ++this.turn;
    const found = await copied("/v1/holes", { ...area, limit }).catch((problem) => ({ problem }));
    if (mine !== this.turn) return;
    if (found.problem) return this.#say(found.problem.code === "too-wide" ? t("gaps.holes_too_wide") : "", []);
    const { holes, missing, total } = found.answer;
    if (!total) return this.#say("", []);
    const all = h("button", { type: "button", class: "quiet", onclick: () => this.load(area, MOST) }, t("phones.all", { n: number(total) }));
    this.#say(t("gaps.holes", { missing: number(missing), n: number(total) }), [
      h("p", { class: "small" }, t("gaps.holes_why")),
      h("ol", { class: "missed" }, holes.map(hole)),
      total > holes.length && limit < MOST ? all : "",
    ]);
  }

  #say(summary, body) {
    this.place.hidden = !summary;
    this.summary.replaceChildren(summary);
    this.body.replaceChildren(...body);
    this.place.firstElementChild.classList.toggle("bare", !body.length);
  }
}

function hole(row) {
  const sums = { n: number(row.missing), low: number(row.low), high: number(row.high) };
  return h("li", { "data-hole": row.hole },
    h("p", {}, h("a", { href: address("/block", { code: row.code, level: row.level }) }, row.name), " ",
      h("span", { class: "code" }, row.code), h("span", { class: "place" }, ` ${row.place.split(", ")[0]}`)),
    h("p", {}, h("b", {}, t("gaps.hole", sums)), " ", t(row.gap ? "gaps.hole_gap" : "gaps.hole_full", { gap: number(row.gap) })),
    h("div", { class: "go" }, wayThere(row)));
}
