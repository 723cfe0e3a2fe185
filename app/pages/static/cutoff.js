// What another cut-off would change in a programme's list: two numbers to turn, what comes of it, and where.

import { h } from "./page.js";
import { date, number, percent, t } from "./texts.js";

const SCALES = { decile: 10, rank: null, score: null, consultation: 4 };
const LEVELS = ["village", "district", "regency", "block"];

export const path = "/v1/cutoffs";
export const view = { list: "village", scale: "decile", from: 4, to: 5 };

/** Take what the address asks for. */
export function begin(asked) {
  if (LEVELS.includes(asked.get("list"))) view.list = asked.get("list");
  if (asked.get("scale") in SCALES) view.scale = asked.get("scale");
  for (const name of ["from", "to"]) {
    const value = Number(asked.get(name));
    if (asked.has(name) && Number.isFinite(value)) view[name] = value;
  }
}

export const question = () => ({ level: view.list, scale: view.scale, from: view.from, to: view.to });
export const address = () => ({ list: view.list === "village" ? null : view.list, scale: view.scale, from: view.from, to: view.to });
export const rows = (answer) => answer.cutoffs;
export const title = ({ total }) => t("welfare.where_it_changes", { n: number(total) });
export const empty = () => t("welfare.no_lists");
export const refused = ({ code }) => (code === "bad-cut-off" ? t("welfare.bad_cut_off") : null);

/** Which programme or scale, and from where to where; the level of the areas below. */
export function narrow({ presets }, ask) {
  const preset = ({ programme, scale, cut_off }) => {
    const on = view.scale === scale && view.from === cut_off;
    return h("button", { type: "button", class: "chip", "data-key": `preset-${programme}`, "aria-pressed": String(on),
      onclick: () => ask({ scale, from: cut_off, to: Math.min(cut_off + 1, SCALES[scale]) }) }, t("welfare.preset", { programme, scale: t(`welfare.cut_${scale}`).toLowerCase(), n: number(cut_off) }));
  };
  const field = (words, control) => h("label", { class: "field" }, h("span", {}, words), control);
  const options = (names, now, words) => names.map((name) => h("option", { value: name, selected: name === now }, words(name)));
  const by = h("select", { "data-key": "scale", onchange: () => ask({ scale: by.value, ...FIRST[by.value] }) }, options(Object.keys(SCALES), view.scale, (name) => t(`welfare.cut_${name}`)));
  const level = h("select", { "data-key": "level", onchange: () => ask({ list: level.value }) }, options(LEVELS, view.list, (name) => t(`level.${name}`)));
  return [
    h("div", { class: "chips", role: "group", "aria-label": t("welfare.programmes") }, presets.map(preset)),
    field(t("welfare.cut_by"), by), field(t("welfare.now_up_to"), cut("from", ask)), field(t("welfare.then_up_to"), cut("to", ask)), field(t("welfare.by"), level),
  ];
}

/** Where somebody begins who changes the scale. */
const FIRST = { decile: { from: 4, to: 5 }, consultation: { from: 2, to: 3 }, rank: { from: 1000, to: 2000 }, score: { from: 40, to: 42 } };

function cut(name, ask) {
  const most = SCALES[view.scale];
  const done = (event) => event.target.value !== "" && ask({ [name]: Number(event.target.value) });
  if (most) {
    const choices = [...Array(most + 1).keys()];
    return h("select", { "data-key": name, onchange: done }, choices.map((n) => h("option", { value: n, selected: n === view[name] }, String(n))));
  }
  return h("input", { type: "number", "data-key": name, value: view[name], step: view.scale === "score" ? "0.1" : "1", inputmode: "decimal", onchange: done });
}

/** What changes, and what the other scales say of it. */
export function beside({ whole, day }) {
  if (!whole.families) return [];
  const { before, after, added, dropped } = whole;
  const net = after - before;
  const way = net > 0 ? "grows" : net < 0 ? "shrinks" : "stays";
  return [h("section", { class: "total" },
    h("p", { class: "still" }, h("b", {}, `${net > 0 ? "+" : net < 0 ? "−" : ""}${number(Math.abs(net))}`), h("span", {}, t(`welfare.list_${way}`, { before: number(before), after: number(after) }))),
    added ? poorOf("added", added, whole) : null,
    dropped ? poorOf("dropped", dropped, whole) : null,
    h("h2", {}, t("welfare.outside")),
    h("ul", { class: "plain" },
      h("li", {}, t("welfare.outside_field", { n: number(whole.outside_poor_field) })),
      h("li", {}, t("welfare.outside_consultation", { n: number(whole.outside_poor_consultation) })),
      whole.unknown ? h("li", {}, t("welfare.no_value", { n: number(whole.unknown), scale: t(`welfare.cut_${view.scale}`).toLowerCase() })) : null),
    h("p", { class: "small" }, t("welfare.cut_basis", { families: number(whole.families), day: date(`${day}T12:00:00Z`) })))];
}

function poorOf(which, n, whole) {
  const line = (scale) => {
    const poor = whole[`${which}_poor_${scale}`];
    return h("li", {}, t(`welfare.poor_by_${scale}`, { n: number(poor), share: percent(poor / n) }));
  };
  return [h("h2", {}, t(`welfare.of_${which}`, { n: number(n) })), h("ul", { class: "plain" }, line("field"), line("consultation"))];
}

/** One area: what is added or dropped there, and from how many to how many. */
export function card(row, go) {
  const change = row.added - row.dropped;
  const inner = LEVELS.indexOf(row.level) >= 0 && row.level !== "block";
  return h("li", { class: "changed", "data-code": row.code },
    h("b", { class: "change" }, `${change > 0 ? "+" : change < 0 ? "−" : ""}${number(Math.abs(change))}`),
    h("div", {},
      h("h3", {}, row.name, " ", h("span", { class: "code" }, row.code)),
      h("p", { class: "place" }, (row.place ?? "").split(", ").slice(0, 2).join(", ")),
      h("p", {}, t("welfare.from_to_n", { before: number(row.before), after: number(row.after) }), " ",
        h("span", { class: "small" }, t("welfare.left_outside", { field: number(row.outside_poor_field), consultation: number(row.outside_poor_consultation) })))),
    inner ? h("button", { type: "button", class: "quiet", onclick: () => go(row, { list: "block" }) }, t("welfare.inside"), h("span", { class: "unseen" }, `: ${row.name}`)) : null);
}

