// The areas of the map as a table: the same level, the same numbers, changed by the same stream.

import { bar, matched } from "./figures.js";
import { exports, get, h } from "./page.js";
import { number, percent, t } from "./texts.js";

const MOST = 2000;
const STEP = 100;
const COLUMNS = {
  name: { of: (row) => row.name, down: false },
  coverage: { of: (row) => row.coverage, down: false },
  counted: { of: (row) => row.completed, down: true },
  gap: { of: (row) => row.gap, down: true },
};

/** Owns the rows on the screen. `onChoose(row)` is called for a row's name, `onWiden()` to leave the area it is within. */
export class Table {
  constructor(place, onChoose, onWiden) {
    Object.assign(this, { place, onChoose, onWiden, rows: new Map(), lines: new Map(), sort: "gap", down: true });
    this.turn = 0;
  }

  /** Load areas of `level` inside `within` ({code, level, name} or null). Resolves to the rows, null when overtaken. */
  async load(level, within) {
    const mine = ++this.turn;
    Object.assign(this, { level, within });
    const asked = { level, within: within?.code, within_level: within?.level };
    this.place.setAttribute("aria-busy", "true");
    try {
      const answer = await get("/v1/coverage", { ...asked, limit: MOST });
      if (mine !== this.turn) return null;
      this.rows = new Map(answer.coverage.map((row) => [row.n, row]));
      this.cut = answer.next !== null;
      this.asked = asked;
      this.limit = STEP;
      this.#draw();
      return answer.coverage;
    } catch (error) {
      if (mine !== this.turn) return null;
      this.place.replaceChildren(h("p", { class: "notice bad", role: "alert" }, t("table.failed"), " ",
        h("button", { type: "button", class: "quiet", onclick: () => this.load(level, within) }, t("map.retry"))));
      return null;
    } finally {
      if (mine === this.turn) this.place.setAttribute("aria-busy", "false");
    }
  }

  /** Lay changed rows `[n, …fields]` in where they stand; the order changes only when somebody sorts. */
  apply(changed, fields, states) {
    for (const [n, ...values] of changed) {
      const row = this.rows.get(n);
      if (!row) continue;
      fields.forEach((name, i) => { row[name] = name === "state" ? states[values[i]] : values[i] < 0 ? null : values[i]; });
      const line = this.lines.get(n);
      if (!line) continue;
      line.replaceChildren(...this.#cells(row));
      line.classList.remove("changed");
      void line.offsetWidth; // start the animation anew
      line.classList.add("changed");
    }
  }

  /** Mark the area that is selected. */
  mark(n) {
    this.marked = n;
    for (const [at, line] of this.lines) line.classList.toggle("selected", at === n);
  }

  #sorted() {
    const { of } = COLUMNS[this.sort];
    const sign = this.down ? -1 : 1;
    return [...this.rows.values()].sort((a, b) => {
      const [x, y] = [of(a), of(b)];
      if (x === null || y === null) return (x === null) - (y === null) || a.n - b.n;
      return sign * (typeof x === "string" ? x.localeCompare(y) : x - y) || a.n - b.n;
    });
  }

  #draw() {
    const held = document.activeElement?.dataset?.sort;
    const sorted = this.#sorted();
    const shown = sorted.slice(0, this.limit);
    this.lines = new Map(shown.map((row) => [row.n, h("tr", { class: row.n === this.marked ? "selected" : "" }, this.#cells(row))]));
    const level = sorted[0]?.level ?? this.level;
    const where = this.within ? t("table.inside", { name: this.within.name }) : t("table.everywhere");
    this.place.replaceChildren(
      h("header", {},
        h("h2", { id: "table-title" }, `${t(`level.${level}`)} · ${number(sorted.length)}${this.cut ? "+" : ""}`, " ",
          h("span", {}, where)),
        this.within ? h("button", { type: "button", class: "quiet", onclick: this.onWiden }, t("table.widen")) : null,
        h("div", { class: "exports" }, exports(t("table.export"), "/v1/coverage", { ...this.asked, limit: 100000 }))),
      this.cut ? h("p", { class: "notice" }, t("table.cut", { n: number(MOST) })) : "",
      sorted.length ? this.#table() : h("p", { class: "empty" }, t("table.empty")),
      shown.length < sorted.length
        ? h("button", { type: "button", class: "main", onclick: () => { this.limit += STEP; this.#draw(); } }, t("table.more"))
        : "",
    );
    if (held) this.place.querySelector(`[data-sort="${held}"]`)?.focus({ preventScroll: true });
  }

  #table() {
    const head = Object.keys(COLUMNS).map((name) => {
      const now = this.sort === name;
      return h("th", { scope: "col", class: name, "aria-sort": now ? (this.down ? "descending" : "ascending") : null },
        h("button", { type: "button", "data-sort": name, onclick: () => this.#sortBy(name) }, t(`table.${name}`)));
    });
    return h("table", { "aria-labelledby": "table-title" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, [...this.lines.values()]));
  }

  #sortBy(name) {
    this.down = this.sort === name ? !this.down : COLUMNS[name].down;
    this.sort = name;
    this.#draw();
  }

  #cells(row) {
    const hidden = row.completed === null;
    const pair = hidden ? "–" : `${number(matched(row))} / ${number(row.expected)}`;
    return [
      h("th", { scope: "row", class: "name" },
        h("button", { type: "button", onclick: () => this.onChoose(row) }, row.name, h("span", { class: "code" }, row.code))),
      h("td", { class: "coverage" }, percent(row.coverage), bar({ coverage: row.coverage, expected: row.expected })),
      h("td", { class: "counted" }, pair),
      h("td", { class: "gap" }, number(row.gap)),
    ];
  }
}
