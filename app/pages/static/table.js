// The areas of the map as a table: the same level, area and day, the same numbers, changed by the same stream.

import { age, dateOf, instantAt } from "./calendar.js";
import { bar, matched } from "./figures.js";
import { exports, get, h } from "./page.js";
import { ago, number, percent, t } from "./texts.js";

const MOST = 2000;
const STEP = 100;
/** What each column sorts by, and whether the largest come first. */
const COLUMNS = {
  name: { of: (row) => row.name, down: false },
  coverage: { of: (row) => row.coverage, down: false },
  resolved: { of: (row) => row.resolved, down: false, say: (row) => percent(row.resolved) },
  schedule: { of: (row) => row.schedule, down: false, say: (row) => percent(row.schedule) },
  seen: { of: (row) => (row.last_at ? Date.parse(row.last_at) : null), down: false, say: (row) => (row.last_at ? ago(age(row.last_at)) : t("figures.never")) },
  gap: { of: (row) => row.gap, down: true },
};
/** Columns that are there only while the map shows their measure. */
const EXTRA = ["resolved", "schedule", "seen"];

/**
 * Owns the rows on the screen. `onChoose(row)` is called for a row's name and for an area of the path, `onWiden()` to
 * leave the area it is inside, `onLevel(level)` for another level, `onSort(sort)` when somebody sorts.
 */
export class Table {
  constructor(place, told) {
    Object.assign(this, { place, told, rows: new Map(), lines: new Map(), measure: "coverage", turn: 0 });
    this.order("-gap");
  }

  /** Sort by a column's name, with a minus for the largest first. */
  order(sort) {
    const name = sort.replace(/^-/, "");
    this.sort = name in COLUMNS ? name : "gap";
    this.down = name in COLUMNS ? sort.startsWith("-") : true;
  }

  /**
   * Load `asked`: {levels, within: {code, level, name, path} or null, day, states}. Of `levels` the first is taken that
   * has areas there beside the one it is inside; of blocks only those in `states`, where any are named. `choices` are the levels to choose from. Resolves to the rows, null when overtaken.
   */
  async load(asked, choices) {
    const mine = ++this.turn;
    const { within, day, states } = asked;
    this.place.setAttribute("aria-busy", "true");
    try {
      for (const level of asked.levels) {
        const query = { level, within: within?.code, within_level: within?.level, day: day && dateOf(day) };
        const answer = await get("/v1/coverage", { ...query, limit: MOST });
        if (mine !== this.turn) return null;
        const more = answer.coverage.some((row) => row.code !== within?.code || row.level !== within?.level);
        if (!more && level !== asked.levels.at(-1)) continue;
        Object.assign(this, { level, within, day, query, choices, cut: answer.next !== null, limit: STEP });
        const kept = level === "block" && states.length ? answer.coverage.filter((row) => states.includes(row.state)) : answer.coverage;
        this.rows = new Map(kept.map((row) => [row.n, row]));
        this.#draw();
        return answer.coverage;
      }
      return null;
    } catch (error) {
      if (mine !== this.turn) return null;
      this.place.replaceChildren(h("p", { class: "notice bad", role: "alert" }, t("table.failed"), " ",
        h("button", { type: "button", class: "quiet", onclick: () => this.load(asked, choices) }, t("map.retry"))));
      return null;
    } finally {
      if (mine === this.turn) this.place.setAttribute("aria-busy", "false");
    }
  }

  /** Show the column of a measure that has one of its own. */
  measured(measure) {
    this.measure = measure;
    if (EXTRA.includes(this.sort) && this.sort !== measure) this.order("-gap");
    if (this.query) this.#draw();
  }

  /** Lay changed rows `[n, …fields]` in where they stand; the order changes only when somebody sorts. */
  apply(changed, fields, states) {
    for (const [n, ...values] of changed) {
      const row = this.rows.get(n);
      if (!row) continue;
      fields.forEach((name, i) => {
        const value = values[i] < 0 ? null : values[i];
        if (name === "state") row.state = states[value];
        else if (name === "seen") row.last_at = value === null ? null : instantAt(value);
        else row[name] = value;
      });
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

  #columns() {
    return Object.keys(COLUMNS).filter((name) => !EXTRA.includes(name) || (name === this.measure && !(name === "seen" && this.day)));
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
    const held = document.activeElement?.dataset?.hold;
    const sorted = this.#sorted();
    const shown = sorted.slice(0, this.limit);
    this.lines = new Map(shown.map((row) => [row.n, h("tr", { class: row.n === this.marked ? "selected" : "" }, this.#cells(row))]));
    this.place.replaceChildren(
      this.#head(sorted),
      this.cut ? h("p", { class: "notice" }, t("table.cut", { n: number(MOST) })) : "",
      sorted.length ? this.#table() : h("p", { class: "empty" }, t("table.empty")),
      shown.length < sorted.length
        ? h("button", { type: "button", class: "main", onclick: () => { this.limit += STEP; this.#draw(); } }, t("table.more"))
        : "",
    );
    if (held) this.place.querySelector(`[data-hold="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  }

  #head(sorted) {
    const level = sorted[0]?.level ?? this.level;
    const where = this.within ? t("table.inside", { name: this.within.name }) : t("table.everywhere");
    const day = this.day ? `, ${t("table.day", { day: this.day })}` : "";
    const choose = h("select", { "aria-label": t("table.level"), "data-hold": "level", onchange: () => this.told.onLevel(choose.value) },
      this.choices.map((one) => h("option", { value: one, selected: one === this.level }, t(`level.${one}`))));
    return h("header", {},
      this.#path(),
      this.choices.length > 1 ? choose : null,
      h("h2", { id: "table-title" },
        h("span", { class: this.choices.length > 1 ? "unseen" : null }, `${t(`level.${level}`)} `),
        `${number(sorted.length)}${this.cut ? "+" : ""}`, " ", h("span", {}, where + day)),
      h("div", { class: "exports" }, exports(t("table.export"), "/v1/coverage", { ...this.query, limit: 100000 })));
  }

  /** Where the table stands: the whole, and each area down to the one it is inside. */
  #path() {
    if (!this.within) return null;
    const crumb = (words, hold, go) => h("li", {}, h("button", { type: "button", "data-hold": hold, onclick: go }, words));
    const above = this.within.path.filter((one) => one.code !== this.within.code || one.level !== this.within.level);
    return h("nav", { "aria-label": t("table.path") }, h("ol", { class: "path" },
      crumb(t("table.widen"), "widen", this.told.onWiden),
      above.map((one) => crumb(one.name, `path-${one.n}`, () => this.told.onChoose(one))),
      h("li", { "aria-current": "true" }, h("b", {}, this.within.name))));
  }

  #table() {
    const head = this.#columns().map((name) => {
      const now = this.sort === name;
      return h("th", { scope: "col", class: name, "aria-sort": now ? (this.down ? "descending" : "ascending") : null },
        h("button", { type: "button", "data-sort": name, "data-hold": `sort-${name}`, onclick: () => this.#sortBy(name) },
          t(EXTRA.includes(name) ? `measure.${name}` : `table.${name}`)));
    });
    return h("table", { "aria-labelledby": "table-title" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, [...this.lines.values()]));
  }

  #sortBy(name) {
    const down = this.sort === name ? !this.down : COLUMNS[name].down;
    this.order(`${down ? "-" : ""}${name}`);
    this.#draw();
    this.told.onSort(`${down ? "-" : ""}${name}`);
  }

  #cells(row) {
    const pair = row.completed === null ? "–" : `${number(matched(row))} / ${number(row.expected)}`;
    const extra = this.#columns().find((name) => EXTRA.includes(name));
    return [
      h("th", { scope: "row", class: "name" },
        h("button", { type: "button", "data-hold": `row-${row.n}`, onclick: () => this.told.onChoose(row) }, row.name, h("span", { class: "code" }, row.code))),
      h("td", { class: "coverage" }, percent(row.coverage), bar({ coverage: row.coverage, expected: row.expected }), h("span", { class: "counted" }, pair)),
      extra ? h("td", { class: extra }, row.completed === null ? "–" : COLUMNS[extra].say(row)) : null,
      h("td", { class: "gap" }, number(row.gap)),
    ].filter(Boolean);
  }
}
