// Whose plan, for which day, for how many hours: the controls above a plan, and the address that says the same.

import { today } from "./moments.js";
import { address, h } from "./page.js";
import { number, setup, t } from "./texts.js";

/** Hours of work that can be chosen. */
const HOURS = [2, 3, 4, 5, 6, 7, 8, 9, 10];
/** Days ahead that can be planned for. */
const AHEAD = 14;

/** Owns the controls in `place`. `may()` says whether another plan may be shown now; `onAsk()` is called once it is wanted. */
export class Asked {
  constructor(place, may, onAsk) {
    const query = new URLSearchParams(location.search);
    Object.assign(this, { place, may, onAsk, lang: query.has("lang") ? setup.lang : null });
    this.question = Object.fromEntries(["supervisor", "day", "hours"].map((name) => [name, query.get(name)]));
    this.names = [];
  }

  /** Set the controls as the plan is. */
  show({ supervisor, supervisors, day, hours }) {
    this.names = supervisors;
    this.#draw({ supervisor, day, hours });
  }

  /** Ask whose plan is wanted: the account leads no team of its own. */
  choose(names) {
    this.names = names;
    this.#draw({ supervisor: "", day: this.question.day, hours: this.question.hours });
  }

  #draw(shown) {
    const { supervisor, day, hours } = shown;
    this.shown = shown;
    const held = document.activeElement?.dataset?.key;
    const chip = (date, words) => h("button", { type: "button", class: "chip", "data-key": `day ${words}`, "aria-pressed": String(day === date),
      onclick: () => this.#ask({ day: date }) }, t(words));
    const other = h("input", { type: "date", "data-key": "day", value: day, min: today(), max: today(AHEAD),
      onchange: () => other.value && this.#ask({ day: other.value }) });
    const choices = [...new Set([...HOURS, Number(hours)].filter(Boolean))].sort((a, b) => a - b);
    this.place.replaceChildren(...[
      this.names.length > 1 || (this.names.length && !supervisor) ? this.#select("plan.supervisor", "supervisor", supervisor, [
        ...(supervisor ? [] : [["", t("plan.choose")]]), ...this.names.map((name) => [name, name])]) : null,
      day === null || !supervisor ? null : h("div", { class: "day", role: "group", "aria-label": t("plan.day") }, chip(today(), "plan.today"), chip(today(1), "plan.tomorrow"),
        h("label", {}, h("span", {}, t("plan.other_day")), other)),
      supervisor ? this.#select("plan.hours", "hours", String(hours), choices.map((n) => [String(n), t("plan.n_hours", { n: number(n) })])) : null,
    ].filter(Boolean));
    if (held) this.place.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  }

  #select(label, name, now, options) {
    const select = h("select", { "data-key": name, onchange: () => select.value && this.#ask({ [name]: select.value }) },
      options.map(([value, words]) => h("option", { value, selected: value === now }, words)));
    return h("label", {}, h("span", {}, t(label)), select);
  }

  #ask(change) {
    if (!this.may()) {
      this.#draw(this.shown);
      return;
    }
    Object.assign(this.question, change);
    history.replaceState(null, "", address(location.pathname, { lang: this.lang, ...this.question }));
    this.onAsk();
  }
}
