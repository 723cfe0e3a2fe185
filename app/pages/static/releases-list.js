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

/** A table of what changed from the `earlier` release to the `later`, by number. */
export function changes(rows, { earlier, later }, told) {
  const columns = ["name", "both", "change"];
  return h("table", { class: "changes", "aria-labelledby": "list-title" },
    h("thead", {}, h("tr", {}, columns.map((one) => h("th", { scope: "col", class: one }, t(`releases.column_${one}`))))),
    h("tbody", {}, rows.map((row) => h("tr", {},
      name(row, [], told),
      h("td", { class: "both" }, side(row, "before", earlier), side(row, "after", later)),
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
function side(row, when, release) {
  const part = Object.fromEntries(["households", "poor_shown", "error", "notes"].map((key) => [key, row[`${when}_${key}`]]));
  const said = part.poor_shown === null ? t(`releases.short_${part.notes[0]}`) : h("b", {}, poor(part));
  return h("p", {}, h("span", { class: "small" }, `${t("releases.one", { release })}: `), said,
    part.poor_shown === null ? null : h("span", { class: "small" }, ` ${of(part)}`));
}

function changed(row) {
  if (row.change === null || row.after_poor_shown === null || row.before_notes.includes("fewer_than_10")) return ["–"];
  return [h("b", {}, change(row)), h("span", { class: row.clear ? "clear" : "small" }, t(row.clear ? "releases.clear" : "releases.unclear"))];
}
