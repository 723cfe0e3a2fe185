// What forums did at the consultation, those that stand out first: the evidence in place, and what may well explain it.

import { address as link, h } from "./page.js";
import { number, percent, t, tenths } from "./texts.js";

const LEVELS = ["block", "village", "district", "regency"];
const GROUPS = [1, 2, 3, 4];
/** Where odds are no longer told as a number. */
const BEYOND = 1e9;

export const path = "/v1/movements";
export const view = { list: "block" };

let cards = 0;

/** Take what the address asks for. */
export function begin(asked) {
  if (LEVELS.includes(asked.get("list"))) view.list = asked.get("list");
}

export const question = () => ({ level: view.list });
export const address = () => ({ list: view.list === "block" ? null : view.list });
export const rows = (answer) => answer.movements;

export function title({ whole }) {
  if (!whole.forums) return t("welfare.no_forums");
  const forums = { n: number(whole.outliers), forums: number(whole.forums) };
  return t(whole.outliers ? "welfare.standing_out" : "welfare.none_stands_out", forums);
}

export const empty = () => t("welfare.no_forums_why");

/** Whether forums are listed one by one, or added up by area. */
export function narrow(_answer, ask) {
  return [h("label", { class: "field" }, h("span", {}, t("welfare.by")),
    h("select", { "data-key": "level", onchange: (event) => ask({ list: event.target.value }) },
      LEVELS.map((level) => h("option", { value: level, selected: level === view.list }, t(level === "block" ? "welfare.by_forum" : `level.${level}`)))))];
}

/** What the whole of it comes to, and what is ordinary here. */
export function beside({ whole, ordinary }) {
  if (!whole.families) return [];
  return [h("section", { class: "total" },
    h("p", { class: "still" }, h("b", {}, percent(whole.share)), h("span", {}, t("welfare.were_moved", { n: number(whole.moved), families: number(whole.moved + whole.stayed) }))),
    bar(whole),
    h("p", {}, directions(whole), whole.unknown ? ` ${t("welfare.unknown", { n: number(whole.unknown) })}` : ""),
    h("p", { class: "small" }, ordinary
      ? t("welfare.ordinary", { share: percent(ordinary.share), forums: number(ordinary.forums) })
      : t("welfare.no_peers")))];
}

const directions = (row) => t("welfare.directions", { poorer: number(row.poorer), richer: number(row.richer) });

/** Poorer, stayed and richer side by side; the words beside it say the same. */
function bar(row) {
  const known = row.moved + row.stayed;
  const made = h("span", { class: "three", "aria-hidden": "true" });
  for (const name of ["poorer", "stayed", "richer"]) {
    const piece = h("i", { class: name });
    piece.style.width = `${known ? (100 * row[name]) / known : 0}%`;
    made.append(piece);
  }
  return made;
}

/** The card of a forum, or of an area with its forums. */
export function card(row, go) {
  const block = row.level === "block" || row.forums <= 1 && view.list === "block";
  const known = row.moved + row.stayed;
  const kind = row.outlier ? t(block ? "welfare.stands_out" : row.outliers === 1 ? "welfare.one_stands_out" : "welfare.some_stand_out", { n: number(row.outliers) }) : null;
  return h("li", { class: `doubt forum${row.outlier ? " odd" : ""}`, "data-code": row.code },
    kind ? h("p", { class: "kind" }, h("b", {}, kind)) : null,
    h("h3", {}, block ? h("a", { href: link("/block", { code: row.code, level: "block" }) }, row.name) : row.name, " ", h("span", { class: "code" }, row.code)),
    h("p", { class: "place" }, (row.place ?? "").split(", ").slice(0, 2).join(", ")),
    row.families
      ? [h("p", { class: "evident" }, t("welfare.of_families", { n: number(row.moved), families: number(known) }), " ", h("span", { class: "code" }, percent(row.share))),
        bar(row),
        h("p", { class: "by" }, row.moved ? directions(row) : t("welfare.nobody_moved"), row.unknown ? ` ${t("welfare.unknown", { n: number(row.unknown) })}` : "")]
      : h("p", { class: "by" }, t("welfare.nothing_yet")),
    ...(row.families ? (block ? evidence(row) : [inside(row, go)]) : []));
}

/** A way to the forums of an area. */
function inside(row, go) {
  return h("div", { class: "go" }, h("button", { type: "button", onclick: () => go(row, { list: "block" }) },
    t("welfare.to_forums", { n: number(row.forums) }), h("span", { class: "unseen" }, `: ${row.name}`)));
}

/** A button, and what it opens. */
function evidence(row) {
  const inner = h("div", { id: `inside-${(cards += 1)}`, class: "opened", hidden: true });
  const look = h("button", { type: "button", "aria-expanded": "false", "aria-controls": inner.id, onclick: () => {
    inner.hidden = !inner.hidden;
    look.setAttribute("aria-expanded", String(!inner.hidden));
    look.firstChild.textContent = t(inner.hidden ? "welfare.open" : "welfare.close");
    if (!inner.children.length) inner.replaceChildren(...opened(row));
  } }, t("welfare.open"), h("span", { class: "unseen" }, `: ${row.name}`));
  return [h("div", { class: "go" }, look), inner];
}

function opened(row) {
  return [
    h("div", { class: "aside" },
      h("h4", {}, t("welfare.beside_others")),
      h("p", {}, compared(row)),
      h("h4", {}, t("welfare.from_to")),
      crossed(row),
      row.moved ? h("h4", {}, t("welfare.reasons")) : null,
      row.moved ? h("ul", { class: "reasons" }, Object.entries(row.reasons).map(([reason, n]) => h("li", {}, h("b", {}, number(n)), " ", worded(reason)))) : null),
    h("div", { class: "aside" },
      h("h4", {}, t("welfare.innocent")),
      h("p", {}, t("welfare.innocent_why")),
      h("h4", {}, t("welfare.what_to_ask")),
      h("ul", { class: "to-ask" }, ["who", "list", "minutes"].map((what) => h("li", {}, t(`welfare.ask_${what}`)))),
      h("p", { class: "notice" }, t("welfare.no_verdict"))),
  ];
}

const worded = (reason) => (reason === "" ? t("welfare.no_reason") : reason === "*" ? t("welfare.other_reasons") : reason);

/** What the others do, and how far from it this one is. */
function compared({ families, unknown, usual, seldom, odds }) {
  if (odds === null) return t(families - unknown < 8 ? "welfare.too_small" : "welfare.no_peers");
  const said = t("welfare.others", { families: number(families - unknown), usual: tenths(usual), seldom: number(seldom) });
  if (odds < 20) return `${said} ${t("welfare.odds_ordinary")}`;
  return `${said} ${odds >= BEYOND ? t("welfare.odds_beyond") : t("welfare.odds", { odds: number(rounded(odds)) })}`;
}

const rounded = (n) => Number(n.toPrecision(1));

/** Groups before in rows, after in columns. Those who stayed lie on the diagonal. */
function crossed({ matrix }) {
  return h("table", { class: "crossed" },
    h("caption", { class: "unseen" }, t("welfare.from_to")),
    h("thead", {}, h("tr", {}, h("td", {}), GROUPS.map((g) => h("th", { scope: "col" }, t(`welfare.group_${g}`))))),
    h("tbody", {}, GROUPS.map((from) => h("tr", {},
      h("th", { scope: "row" }, t(`welfare.group_${from}`)),
      GROUPS.map((to) => h("td", { class: from === to ? "stayed" : matrix[from - 1][to - 1] ? (to < from ? "poorer" : "richer") : null }, number(matrix[from - 1][to - 1])))))));
}
