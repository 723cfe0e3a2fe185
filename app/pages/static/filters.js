// What the list of blocks can be narrowed to and sorted by: words, states, an area, how many are left.

import { state as stateChip } from "./figures.js";
import { h } from "./page.js";
import { LEAST, OPEN, SORTS, STATES, narrowed } from "./question.js";
import { number, t } from "./texts.js";
import { Within } from "./within.js";

/** Milliseconds after the last letter before the list is asked for. */
const PAUSE = 300;

/** Owns the controls in `place`; `onAsk(changes)` gets what somebody changed of the question. */
export class Filters {
  constructor(place, onAsk) {
    const one = (id) => place.querySelector(`#${id}`);
    Object.assign(this, { place, onAsk, words: one("q"), states: one("states"), least: one("least"), sort: one("sort") });
    this.sort.replaceChildren(...SORTS.map((name) => h("option", { value: name }, t(`gaps.sort_${name}`))));
    this.least.replaceChildren(...[0, ...LEAST].map((n) => h("option", { value: n }, n ? t("gaps.families", { n }) : t("gaps.any"))));
    this.tune = one("tune");
    this.tune.addEventListener("click", () => {
      one("fields").hidden = !one("fields").hidden;
      this.tune.setAttribute("aria-expanded", String(!one("fields").hidden));
    });
    this.sort.addEventListener("change", () => onAsk({ sort: this.sort.value }));
    this.least.addEventListener("change", () => onAsk({ least: Number(this.least.value) }));
    this.words.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => onAsk({ q: this.words.value }), PAUSE);
    });
    this.within = new Within(one("search"), one("within"), onAsk);
  }

  /** Everything the account may see, in the usual order. */
  clear() {
    clearTimeout(this.timer);
    this.words.value = "";
    this.onAsk({ states: [], within: null, level: null, q: "", least: 0 });
    this.words.focus();
  }

  /** Set the controls as the question is. `counts` are blocks by state, null where they are not known yet. */
  show(question, counts) {
    if (document.activeElement !== this.words) this.words.value = question.q;
    this.sort.value = question.sort;
    if (question.least && !LEAST.includes(question.least) && ![...this.least.options].some(({ value }) => Number(value) === question.least)) {
      this.least.append(h("option", { value: question.least }, t("gaps.families", { n: question.least })));
    }
    this.least.value = String(question.least);
    this.within.show(question);
    if (!question.within && narrowed(question) && (question.q || question.least)) {
      this.within.line.replaceChildren(h("button", { type: "button", class: "quiet", onclick: () => this.clear() }, t("gaps.clear")));
    }
    if (counts) this.#states(question, counts);
  }

  #states({ states: chosen }, counts) {
    const shown = JSON.stringify([chosen, counts]);
    if (shown === this.shown) return; // a finger may be on one: what is put in its place would not feel it
    this.shown = shown;
    const held = document.activeElement?.dataset?.state;
    const open = OPEN.reduce((sum, name) => sum + counts[name], 0);
    const chip = (name, words, n, on) =>
      h("button", { type: "button", class: "chip", "data-state": name, "aria-pressed": String(on), onclick: () => this.#pick(name, chosen) },
        words, " ", h("b", {}, number(n)));
    this.states.replaceChildren(
      chip("open", t("gaps.open"), open, !chosen.length),
      ...STATES.filter((name) => counts[name] || chosen.includes(name)).map((name) => chip(name, stateChip(name), counts[name], chosen.includes(name))),
    );
    if (held) this.states.querySelector(`[data-state="${held}"]`)?.focus({ preventScroll: true });
  }

  #pick(name, chosen) {
    if (name === "open") this.onAsk({ states: [] });
    else this.onAsk({ states: chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name] });
  }
}
