// What the colours mean, and a filter: each class can be switched off.

import { hatch } from "./drawing.js";
import { h } from "./page.js";
import { number, percentBreak, t } from "./texts.js";

/** Fill `place` with the classes of a measure and some notes; `onHide(set)` gets the positions that are switched off. */
export function legend(place, measure, of, notes, onHide) {
  const hidden = new Set();
  const entry = (key, words, swatch) => {
    const button = h("button", { type: "button", class: "entry", "aria-pressed": "true", onclick: () => {
      if (!hidden.delete(key)) hidden.add(key);
      button.setAttribute("aria-pressed", String(!hidden.has(key)));
      onHide(new Set(hidden));
    } }, swatch, h("span", {}, words));
    return h("li", {}, button);
  };
  place.replaceChildren(...[
    h("h2", { id: "legend-title" }, t(`measure.${measure}`), of.unit === "families" ? h("span", {}, ` (${t("legend.families")})`) : ""),
    h("p", { class: "small" }, t(`measure.${measure}_is`)),
    h("ul", {},
      of.classes.map((one, at) => entry(at, range(measure, one, of.unit === "share"), coloured(one.colour))),
      ["no_data", "not_shown"].map((kind) => entry(kind, t(`legend.${kind}`), hatched(kind, of[kind])))),
    ...notes.map((note) => h("p", { class: "small hint" }, note)),
  ]);
}

function range(measure, { from, to }, share) {
  const say = share ? percentBreak : number;
  if (from === null) return measure === "gap" ? t("legend.none") : t("legend.below", { high: say(to) });
  if (to === null) return t("legend.above", { low: say(from) });
  const high = share ? say(to) : number(to - 1);
  return share || to - 1 > from ? t("legend.range", { low: say(from), high }) : number(from);
}

function coloured(colour) {
  const swatch = h("i", { class: "swatch", "aria-hidden": "true" });
  swatch.style.backgroundColor = colour;
  return swatch;
}

function hatched(kind, colour) {
  const swatch = h("canvas", { class: "swatch", width: 44, height: 28, "aria-hidden": "true" });
  const pen = swatch.getContext("2d");
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 44, 28);
  pen.fillStyle = pen.createPattern(hatch(kind), "repeat");
  pen.fillRect(0, 0, 44, 28);
  return swatch;
}
