// A card that shows evidence: what is doubted and where, one sentence, a drawing when it is opened, and the decision.

import { Decision } from "./decision.js";
import { address, h } from "./page.js";
import { duration, kilometres, number, setup, t, tenths } from "./texts.js";
import { wayThere } from "./way.js";

const locale = setup.lang === "id" ? "id-ID" : "en-GB";
const span = new Intl.DateTimeFormat(locale, {
  timeZone: setup.campaign.time_zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});
const date = new Intl.DateTimeFormat(locale, { timeZone: "UTC", day: "numeric", month: "short" });

let cards = 0;

/** A distance as people say it: "5 m", "1,2 km". */
export const distance = (metres) =>
  metres < 1000 ? t("quality.metres", { n: metres < 10 ? tenths(metres) : number(metres) }) : t("quality.kilometres", { n: kilometres(metres / 1000) });

/** A stretch of time as people say it: "15 seconds", "3.5 minutes", "31 hours". */
function lasting(minutes) {
  if (minutes < 1.5) return t("quality.seconds", { n: number(60 * minutes) });
  return minutes < 120 ? t("quality.minutes", { n: minutes < 10 ? tenths(minutes) : number(minutes) }) : duration(minutes / 60);
}

/** Figures that say nothing where they are 0, and those that repeat another one where it is about a single family. */
const NOTHING = ["accuracy_m", "others", "metres"];
const OF_SEVERAL = ["farthest_m", "worst_m", "most_m"];

/** What stands in a sentence about a row: its evidence in words, each with its unit, and how many `families`. */
export function spell({ evidence, households, count }) {
  const n = typeof households === "number" ? households : households?.length || count;
  const words = { n: number(n), families: n === 1 ? t("quality.families_one") : t("quality.families", { n: number(n) }) };
  for (const [name, value] of Object.entries(evidence ?? {})) {
    if (value === null || (!value && NOTHING.includes(name)) || (n === 1 && OF_SEVERAL.includes(name))) continue;
    if (typeof value !== "number") words[name] = value;
    else if (/(^metres|_m)$/.test(name)) words[name] = distance(value);
    else if (/minutes$/.test(name)) words[name] = lasting(value);
    else words[name] = Number.isInteger(value) ? number(value) : tenths(value);
  }
  if (evidence?.seconds > 0) words.span = lasting(evidence.seconds / 60);
  return words;
}

/** A sentence of clauses between bars; those for which something is not known are left out. */
export const said = (key, values) =>
  t(key, values).split("|").filter((clause) => !clause.includes("{")).join(", ");

/** When something was: an instant, or from one to another. */
export function when({ at, until, day }) {
  if (!at) return day ? date.format(new Date(`${day}T12:00:00Z`)) : "";
  return until && until !== at ? span.formatRange(new Date(at), new Date(until)) : span.format(new Date(at));
}

/** Owns the list item of one row, and what is decided on it. */
export class Card {
  constructor(about) {
    Object.assign(this, about);
    const { row } = this;
    cards += 1;
    this.inner = h("div", { id: `inside-${cards}`, class: "opened", hidden: true });
    this.look = h("button", { type: "button", "aria-expanded": "false", "aria-controls": this.inner.id, onclick: () => this.#toggle() },
      t("quality.open"), h("span", { class: "unseen" }, `: ${this.name}`));
    this.decision = setup.me.decides ? new Decision({
      path: this.path, about: this.name, choices: this.choices, standing: row.state === "open" ? null : row.reviewed, onDecided: () => this.onDecided(),
    }) : null;
    this.item = h("li", { class: "doubt", "data-kind": row.kind },
      h("p", { class: "kind" }, h("b", {}, this.heading)),
      h("h3", {}, ...this.places),
      h("p", { class: "place" }, [...(row.place ?? "").split(", ").slice(0, 2)].join(", ")),
      h("p", { class: "evident" }, this.sentence),
      h("p", { class: "by" }, ...this.who, this.who.length && when(row) ? " · " : "", when(row)),
      ...(this.notes ?? []),
      h("div", { class: "go" }, this.look),
      this.inner, this.decision?.place ?? null);
  }

  #toggle() {
    const opening = this.inner.hidden;
    this.inner.hidden = !opening;
    this.look.setAttribute("aria-expanded", String(opening));
    this.look.firstChild.textContent = t(opening ? "quality.close" : "quality.open");
    if (opening && !this.inner.children.length) this.#fill();
  }

  async #fill() {
    const { row } = this;
    const drawing = h("div", { class: "drawing" }, h("p", { role: "status" }, t("quality.drawing_loading")));
    this.inner.replaceChildren(...[
      row.shape ? drawing : h("p", { class: "small" }, t("quality.no_drawing")),
      h("div", { class: "aside" }, ...this.inside,
        h("div", { class: "go" },
          row.lat === null ? null : wayThere({ ...row, name: this.name }),
          h("a", { href: address("/block", { code: row.code, level: "block" }), "aria-label": `${t("quality.to_block")}: ${row.name}` }, t("quality.to_block")),
          h("a", { href: address("/", { area: row.code, level: "block" }), "aria-label": `${t("quality.to_map")}: ${row.name}` }, t("quality.to_map")))),
    ]);
    if (!row.shape) return;
    try {
      const { figure } = await import("./evidence.js");
      drawing.replaceChildren(await figure({ shape: row.shape, codes: this.codes, name: this.name, points: this.points, whole: this.whole }));
    } catch {
      drawing.replaceChildren(h("p", { role: "alert" }, t("quality.drawing_failed")));
    }
  }
}
