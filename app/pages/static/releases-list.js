// Areas of a release as a table: families that are poor with what the noise may make of it, or two releases side by side.

import { h } from "./page.js";
import { band, change, notes, poor } from "./releases-words.js";
import { number, t } from "./texts.js";

/** Headings that put the list in an order, and that order. */
const COLUMNS = [["name", "code"], ["poor", "poor"], ["share", "share"]];

/** A table of areas. `sort` is the order it has; `told` is called back: `onSort(order)`, and `onOpen(row)` for a row. */
export function table(rows, sort, told) {
  const head = COLUMNS.map(([name, order]) => {
    const now = sort === order;
    return h("th", { scope: "col", class: name, "aria-sort": now ? (order === "code" ? "ascending" : "descending") : null },
      h("button", { type: "button", "data-hold": `sort-${order}`, onclick: () => told.onSort(order) }, t(`releases.column_${name}`)));
  });
  return h("table", { "aria-labelledby": "list-title" },
    h("thead", {}, h("tr", {}, head)),
    h("tbody", {}, rows.map((row) => h("tr", { class: row.notes.length ? "noted" : null },
      name(row, notes(row), told),
      h("td", { class: "poor" }, h("b", {}, poor(row)), row.households === null ? null : h("span", { class: "small" }, of(row))),
      h("td", { class: "share" }, band(row.share_band))))));
}

/** A table of what changed from one release to another. */
export function changes(rows, told) {
  const columns = ["name", "before", "after", "change"];
  return h("table", { class: "changes", "aria-labelledby": "list-title" },
    h("thead", {}, h("tr", {}, columns.map((one) => h("th", { scope: "col", class: one }, t(`releases.column_${one}`))))),
    h("tbody", {}, rows.map((row) => h("tr", {},
      name(row, [], told),
      ...["before", "after"].map((when) => h("td", { class: when }, side(row, when))),
      h("td", { class: "change" }, ...changed(row))))));
}

const of = (row) => t("releases.of", { households: number(row.households) });

function name(row, said, { onOpen }) {
  const words = [row.name, h("span", { class: "code" }, row.code)];
  return h("th", { scope: "row", class: "name" },
    onOpen ? h("button", { type: "button", "data-hold": `row-${row.n}`, onclick: () => onOpen(row) }, words) : h("span", { class: "plain" }, words),
    said.length ? h("ul", { class: "notes" }, said.map((one) => h("li", {}, one))) : null);
}

/** One release's figure in a comparison. */
function side(row, when) {
  const part = Object.fromEntries(["households", "poor_shown", "error", "expected", "notes"].map((key) => [key, row[`${when}_${key}`]]));
  if (part.poor_shown === null) return part.notes.map((note) => h("span", { class: "small" }, t(`releases.short_${note}`)))[0] ?? "–";
  return [h("b", {}, poor(part)), h("span", { class: "small" }, of(part))].flatMap((one) => [one, " "]);
}

function changed(row) {
  if (row.change === null || row.before_poor_shown === null || row.after_poor_shown === null) return ["–"];
  return [h("b", {}, change(row)), h("span", { class: row.clear ? "clear" : "small" }, t(row.clear ? "releases.clear" : "releases.unclear"))];
}
