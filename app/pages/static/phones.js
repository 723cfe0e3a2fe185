// How fresh each enumerator's data is, longest silent first, and how much is still on phones: for those who lead them.

import { age } from "./calendar.js";
import { copied } from "./copies.js";
import { h } from "./page.js";
import { ago, duration, number, setup, t } from "./texts.js";

/** How many are loaded at first, and at most. */
const FEW = 8;
const MOST = 1000;

/**
 * Owns the section at `place`, a <details> that opens on the names. `onBlocks(name)` shows somebody's blocks. Nothing is
 * shown to those who answer for nobody.
 */
export class Phones {
  constructor(place, onBlocks) {
    Object.assign(this, { place, onBlocks, turn: 0 });
    this.summary = place.querySelector("summary");
    this.body = place.querySelector("div");
  }

  /** Load what is known of those who work in an area ({within, within_level}). */
  async load(area) {
    if (!setup.me.oversees) return;
    const mine = ++this.turn;
    try {
      const { answer } = await copied("/v1/enumerators", { ...area, limit: FEW });
      if (mine === this.turn) this.#show(answer, area);
    } catch (problem) {
      if (mine !== this.turn) return;
      const none = ["not-allowed", "not-yours", "no-role"].includes(problem.code);
      this.place.hidden = none;
      if (!none) this.#say([t(problem.code === "too-wide" ? "phones.too_wide" : "phones.failed")], []);
    }
  }

  #show({ states, quiet, total, enumerators, ...sums }, area) {
    this.place.hidden = false;
    const silent = states.never + states.quiet;
    const all = Object.values(states).reduce((sum, n) => sum + n, 0);
    if (!all) return this.#say([t("phones.nobody")], []);
    const hours = duration(quiet);
    const first = silent
      ? h("b", { class: "bad" }, t("phones.quiet", { n: number(silent), total: number(all), hours }))
      : t("phones.fresh", { total: number(all), hours });
    const list = h("ol", {}, enumerators.map((row) => this.#person(row)));
    const rest = total > enumerators.length
      ? h("button", { type: "button", class: "quiet", onclick: () => this.#all(area, list, rest) }, t("phones.all", { n: number(total) }))
      : null;
    return this.#say([first, sums.held > 0 ? ` ${estimate("phones.held", sums)}` : ""],
      [h("p", { class: "small" }, t("phones.why")), list, rest].filter(Boolean));
  }

  /** The others too. */
  async #all(area, list, button) {
    button.setAttribute("aria-busy", "true");
    const found = await copied("/v1/enumerators", { ...area, limit: MOST }).catch(() => null);
    button.removeAttribute("aria-busy");
    if (!found) return;
    const { enumerators } = found.answer;
    const before = list.children.length;
    list.replaceChildren(...enumerators.map((row) => this.#person(row)));
    list.children[before]?.querySelector("button")?.focus();
    button.replaceWith(enumerators.length === MOST ? h("p", { class: "small" }, h("a", { href: "/progress" }, t("app.progress"))) : "");
  }

  #say(summary, body) {
    this.summary.querySelector("span").replaceChildren(...summary);
    this.body.replaceChildren(...body);
    this.summary.classList.toggle("bare", !body.length);
  }

  #person(row) {
    const word = [row.received_at, row.heard_at].filter(Boolean).sort((a, b) => Date.parse(b) - Date.parse(a))[0];
    const silent = row.state === "never" || row.state === "quiet";
    const said = !word
      ? t("phones.never")
      : silent ? t("phones.silent_for", { hours: duration(row.hours) }) : t("phones.last", { ago: ago(age(word)) });
    const about = [
      h("span", {}, h("b", {}, row.name), " ", h("span", { class: silent ? "bad" : null }, said)),
      h("span", { class: "small" }, [waits(row), left(row)].filter(Boolean).join(" · ")),
    ];
    return h("li", { "data-name": row.name }, row.blocks
      ? h("button", { type: "button", class: "person", onclick: () => this.onBlocks(row.name) }, about, h("span", { class: "unseen" }, t("phones.blocks")))
      : h("p", { class: "person" }, about));
  }
}

const left = ({ gap, blocks }) => (blocks ? t("phones.left", { gap: number(gap), blocks: number(blocks) }) : "");

const estimate = (key, { held, held_low: low, held_high: high }) =>
  t(key, { n: number(held), low: number(low), high: number(high) });

/** What is still on one phone: the estimate where there is one, else what the phone itself said. */
function waits(row) {
  if (row.held > 0) return estimate("phones.holds", row);
  return row.queued ? t("phones.waits", { n: number(row.queued) }) : "";
}
