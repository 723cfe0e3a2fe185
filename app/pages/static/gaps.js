// The list of blocks: where families are still to be found. Light on purpose: no map library, one small page of rows at a time.

import { card } from "./card.js";
import { copied } from "./copies.js";
import { Filters } from "./filters.js";
import { whole } from "./figures.js";
import { Live } from "./live.js";
import { Missed } from "./missed.js";
import { age } from "./outbox.js";
import { exports, h, paced } from "./page.js";
import { Phones } from "./phones.js";
import { OPEN, narrowed, onMap, parameters, read, remember } from "./question.js";
import { number, t } from "./texts.js";

const PAGE = 50;
/** Milliseconds between two loads that only the stream asks for: a phone pays for each. */
const PAUSE = 10_000;
const FORMATS = ["csv", "xlsx", "geojson", "gpkg", "gpx", "kml"];

const place = (id) => document.getElementById(id);
const question = read();
let loaded = PAGE;
let lastTotal = "";
/** Blocks of the area by state, and what prints their sheets once somebody wants to. */
let states = null;
let printing = null;
let turn = 0;

const area = () => ({ within: question.within, within_level: question.level });

/** Load as many rows as are on the screen and show them in place. */
async function load() {
  const mine = ++turn;
  try {
    const [list, total] = await Promise.all([
      copied("/v1/gaps", { ...parameters(question), limit: loaded }),
      copied("/v1/coverage", { level: "scope", ...area() }),
    ]);
    if (mine !== turn) return;
    live.epoch ??= list.answer.epoch;
    showTotal(total.answer.coverage[0], total.answer.as_of, list.answer);
    show(list.answer);
    age(again, list, total);
    place("problem").replaceChildren();
  } catch {
    if (mine !== turn) return;
    for (const id of ["list", "more", "total"]) place(id).setAttribute("aria-busy", "false");
    age(again, null);
    place("problem").replaceChildren(
      h("p", { class: "notice bad", role: "alert" }, t("gaps.failed"), " ",
        h("button", { type: "button", class: "quiet", onclick: load }, t("map.retry"))),
    );
  }
}

/** Everything once more: the network may be back. */
function again() {
  load();
  beside();
}

/** What stands beside the list: the phones, and holes inside blocks. */
function beside() {
  phones.load(area());
  missed.load(area());
}

/** How many families are missing in the area, whatever the list is narrowed to, and how many can still be won. */
function showTotal(row, asOf, { states }) {
  lastTotal = JSON.stringify(row);
  const blocks = OPEN.reduce((sum, name) => sum + states[name], 0);
  const spent = Math.min(row.spent ?? 0, row.gap ?? 0);
  place("answer").replaceChildren(...[
    h("p", { class: "still" }, h("b", {}, number(row.gap)), " ", h("span", {}, `${t("gaps.still")} ${t("gaps.in_blocks", { n: number(blocks) })}`)),
    spent ? h("p", { class: "can-win" }, h("b", {}, t("gaps.can_win", { n: number(row.gap - spent) })), "; ", t("gaps.used_up", { n: number(spent) })) : null,
  ].filter(Boolean));
  place("total").replaceChildren(...whole(row, asOf).filter(Boolean));
  place("total").setAttribute("aria-busy", "false");
}

function show(answer) {
  const sums = { gap: number(answer.gap), total: number(answer.total), sort: t(`gaps.sort_${question.sort}`) };
  const said = t(narrowed(question) ? "gaps.summary" : "gaps.blocks", sums);
  if (place("list-title").textContent !== said) place("list-title").textContent = said;
  const list = place("list");
  const held = document.activeElement?.dataset?.key;
  list.replaceChildren(...(answer.gaps.length ? answer.gaps.map(card) : [empty(answer)]));
  list.setAttribute("aria-busy", "false");
  if (held) list.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  place("more").hidden = !answer.next;
  place("more").setAttribute("aria-busy", "false");
  filters.show(question, answer.states);
  states = answer.states;
  printing?.then((it) => it.show(question, states));
  place("these").href = onMap(question);
  place("exports").replaceChildren(...exports(t("table.export"), "/v1/gaps", { ...parameters(question), limit: 100000 }, FORMATS).slice(1));
}

function empty(answer) {
  const open = OPEN.reduce((sum, name) => sum + answer.states[name], 0);
  const { unknown } = answer.states;
  const narrow = narrowed(question);
  const key = open || question.states.length || question.q ? "gaps.none" : unknown ? "gaps.unknown" : "gaps.all_done";
  return h("li", { class: "empty" }, h("p", {}, t(key, { n: number(unknown) })),
    narrow ? h("button", { type: "button", onclick: () => filters.clear() }, t("gaps.clear")) : null);
}

/** The question changed: ask anew, from the first page. */
function ask(changes) {
  const moved = "within" in changes && (changes.within !== question.within || changes.level !== question.level);
  Object.assign(question, changes);
  loaded = PAGE;
  remember(question);
  place("list").setAttribute("aria-busy", "true");
  load();
  if (moved) {
    follow();
    beside();
  }
}

const reload = paced(PAUSE, load);
const live = new Live((change) => {
  const total = JSON.stringify(change.total ?? null);
  if (change.resync || total !== lastTotal) reload();
});

/** Rows are not wanted of the stream, only that something changed in our part: the coarsest level says it cheapest. */
function follow() {
  live.follow({ level: "province", ...area() });
}

const filters = new Filters(place("filters"), ask);
const missed = new Missed(place("holes"));
const phones = new Phones(place("phones"), (name) => {
  ask({ q: name, states: [] });
  place("list-title").scrollIntoView({ block: "start" });
});

place("more").addEventListener("click", () => {
  loaded += PAGE;
  place("more").setAttribute("aria-busy", "true");
  load();
});
place("print").addEventListener("toggle", () => {
  printing = import("./printing.js").then(({ Printing }) => new Printing(place("print").lastElementChild));
  printing.then((it) => it.show(question, states));
}, { once: true });
filters.show(question, null);
load().then(() => {
  follow();
  beside();
});
