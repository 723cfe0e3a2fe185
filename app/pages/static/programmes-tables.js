// Tables of clusters and of reach by village. Each row can be found on the map.

import { h } from "./page.js";
import { distanceWords, isWithin, isWithout, placesOf, servedBy, sureness, told } from "./programmes-words.js";
import { band, poor, together } from "./releases-words.js";
import { number, t } from "./texts.js";

/** A figure in a few words, or why there is none. */
const figure = (row) => (!row.households ? t("programmes.nobody") : row.poor_shown === null ? t(`releases.short_${row.notes[0]}`) : poor(row));

/** A table of `rows` `{key, name, cells}` under `columns` (keys of texts); `onPick(key)` for a row somebody chooses. */
export function grid(columns, rows, onPick) {
  return h("table", { "aria-labelledby": "list-title" },
    h("thead", {}, h("tr", {}, columns.map((words, at) => h("th", { scope: "col", class: at ? null : "name" }, words)))),
    h("tbody", {}, rows.map(({ key, name, more = [], cells }) => h("tr", { "data-row": key },
      h("th", { scope: "row", class: "name" },
        h("button", { type: "button", "data-hold": key, onclick: () => onPick(key) }, name), more.length ? h("div", { class: "more" }, more) : null),
      cells.map((cell) => h("td", {}, cell))))));
}

export const small = (...words) => h("span", { class: "small" }, words);
/** A figure with what it is of. */
export const amount = (row) => (!row.households ? [small(t("programmes.nobody"))] : [h("b", {}, figure(row)), row.poor_shown === null ? null : small(t("releases.of", { households: number(row.households) }))]);

/** A number in a ring, as on the map. */
export const badge = (n, kind = "") => h("i", { class: `badge ${kind}`.trim() }, String(n));

// ── clusters ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Clusters, most families first, and what became of those of an earlier release. */
export function clusters({ clusters: rows, gone }, { programme, programmes, km, before }, onPick) {
  if (!rows.length && !gone.length) return [h("p", { class: "empty" }, t("programmes.clusters_none"))];
  const site = t("programmes.column_site");
  const table = grid([t("programmes.column_cluster"), t("releases.column_poor"), ...(programmes.length ? [site] : [])], rows.map((one) => ({
    key: `cluster-${one.n}`,
    name: [badge(one.cluster), h("span", {}, placesOf(one.places))],
    more: [state(one, before), sureness(one) && small(t(`programmes.${sureness(one)}`))].filter(Boolean),
    cells: [
      [...amount(one), band(one.share_band), before && one.before ? small(t("programmes.before", { release: before, poor: figure(one.before) })) : null],
      ...(programmes.length ? [nearest(one, programme, programmes, km)] : []),
    ],
  })), onPick);
  return [rows.length ? table : null, ...goneSay(gone, before)].filter(Boolean);
}

function state(one, before) {
  if (!before || !one.state) return null;
  return h("span", { class: `chip ${one.state}` }, t(`programmes.state_${one.state}`));
}

function nearest(one, programme, programmes, km) {
  const without = isWithout(one, programme, programmes);
  const served = servedBy(one, programme);
  return [
    h("b", { class: without ? "without" : "reached" }, distanceWords(served)),
    without ? small(t("programmes.none_within", { km })) : null,
  ];
}

function goneSay(gone, before) {
  if (!before || !gone.length) return [];
  const names = gone.map((one) => h("li", {}, placesOf(one.places), small(` ${t("programmes.before", { release: before, poor: figure(one.before) })}`)));
  return [h("div", { class: "gone" }, h("h3", {}, t("programmes.gone")), h("ul", {}, names))];
}

// ── reach ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Poor families by how far the nearest site is, by how many programmes reach them, and village by village. */
export function reach(found, { programme, programmes, km, before }, onPick) {
  if (!programmes.length) return [h("p", { class: "empty" }, t("programmes.sites_none"))];
  const { areas } = found;
  return [
    bars(found.classes, km, before),
    programmes.length > 1 && !programme ? byProgrammes(found.overlap, programmes, km) : null,
    areas.some(({ measured }) => measured === "point") ? h("p", { class: "small by" }, t("programmes.by_point")) : null,
    areas.length ? grid([t("releases.column_name"), t("programmes.column_far", { km }), t("programmes.column_near", { km })], areas.map((one) => ({
      key: `area-${one.n}`,
      name: [h("span", {}, one.name)],
      cells: [amount(one.beyond), amount(one.reached)],
    })), onPick) : null,
  ].filter(Boolean);
}

function bars(classes, km, before) {
  const most = Math.max(...classes.map(({ poor_shown: value }) => value ?? 0), 1);
  return h("ul", { class: "classes" }, classes.map((one) => {
    const bar = h("i", { class: "length", "aria-hidden": "true" });
    bar.style.width = `${(100 * (one.poor_shown ?? 0)) / most}%`;
    const far = !isWithin(one.class, km);
    return h("li", { class: far ? "far" : null }, h("span", {}, distanceWords(one.class)), h("span", { class: "track" }, bar),
      h("span", {}, one.households ? h("b", {}, figure(one)) : small(figure(one)),
        before && one.before ? small(t("programmes.before", { release: before, poor: figure(one.before) })) : null));
  }));
}

/** None, some, or all of the programmes within the distance. */
function byProgrammes(overlap, programmes, km) {
  const kinds = { none: [], some: [], all: [] };
  for (const one of overlap) kinds[!one.programmes.length ? "none" : one.programmes.length < programmes.length ? "some" : "all"].push(one);
  const rows = Object.entries(kinds).filter(([, rows]) => rows.length);
  if (!rows.length) return null;
  return h("ul", { class: "overlap" }, rows.map(([kind, rows]) => h("li", {}, told(`programmes.overlap_${kind}`, { poor: h("b", {}, poor(together(rows))), km }))));
}
