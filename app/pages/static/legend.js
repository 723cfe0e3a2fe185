// What the colours mean, and a filter: each class can be switched off.

import { hatch } from "./hatch.js";
import { h } from "./page.js";
import { number, percentBreak, t } from "./texts.js";

const HOURS_A_DAY = 24;

/**
 * Fill `place` with the classes of a measure and some notes. `off` are the classes switched off, as text; `onHide(list)`
 * gets them when that changes.
 */
export function legend(place, measure, of, notes, off, onHide) {
  const classes = of.classes.map((one, at) => [String(at), range(measure, one, of.unit), coloured(one.colour)]);
  const none = ["no_data", "not_shown"].map((kind) => {
    const words = t(measure === "seen" && kind === "no_data" ? "legend.nothing_yet" : `legend.${kind}`);
    return [kind, words, hatched(kind, of[kind])];
  });
  place.replaceChildren(...[
    h("h2", { id: "legend-title" }, t(`measure.${measure}`), of.unit === "families" ? h("span", {}, ` (${t("legend.families")})`) : ""),
    h("p", { class: "small" }, t(`measure.${measure}_is`)),
    entries([...classes, ...none], off, onHide),
    ...notes.map((note) => h("p", { class: "small hint" }, note)),
  ]);
}

/** A list of classes `[key, words, swatch]`, each of which can be switched off; told as in `legend`. */
export function entries(classes, off, onHide) {
  const hidden = new Set(off);
  return h("ul", {}, classes.map(([key, words, swatch]) => {
    const button = h("button", { type: "button", class: "entry", "aria-pressed": String(!hidden.has(key)), onclick: () => {
      if (!hidden.delete(key)) hidden.add(key);
      button.setAttribute("aria-pressed", String(!hidden.has(key)));
      onHide([...hidden]);
    } }, swatch, h("span", {}, words));
    return h("li", {}, button);
  }));
}

function range(measure, { from, to }, unit) {
  if (unit === "hours") return ages(from, to);
  const share = unit === "share";
  const say = share ? percentBreak : number;
  if (from === null) return measure === "gap" ? t("legend.none") : t("legend.below", { high: say(to) });
  if (to === null) return t("legend.above", { low: say(from) });
  const high = share ? say(to) : number(to - 1);
  return share || to - 1 > from ? t("legend.range", { low: say(from), high }) : number(from);
}

function ages(from, to) {
  const [low, high] = [from, to].map((hours) => hours === null ? null : number(hours / HOURS_A_DAY));
  if (low === null) return t("legend.under_days", { high });
  return high === null ? t("legend.days_or_more", { low }) : t("legend.days", { low, high });
}

/** A swatch of a colour. */
export function coloured(colour) {
  const swatch = h("i", { class: "swatch", "aria-hidden": "true" });
  swatch.style.backgroundColor = colour;
  return swatch;
}

/** A swatch of a hatch over a colour. */
export function hatched(kind, colour) {
  const swatch = h("canvas", { class: "swatch", width: 44, height: 28, "aria-hidden": "true" });
  const pen = swatch.getContext("2d");
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 44, 28);
  pen.fillStyle = pen.createPattern(hatch(kind), "repeat");
  pen.fillRect(0, 0, 44, 28);
  return swatch;
}
