// Families to be visited again. Light on purpose: a phone in the street loads no map, and one small page at a time.

import { copied, outbox } from "./copies.js";
import { Live } from "./live.js";
import { age } from "./outbox.js";
import { exports, get, h } from "./page.js";
import { number, setup, t } from "./texts.js";
import { Visit } from "./visit.js";
import { Within } from "./within.js";

const PAGE = 25;
const DUE = ["overdue", "today", "later", "spent", "closed"];
/** Milliseconds after which the counts are asked for anew: reading rows is audited, so those wait for a hand. */
const LOOK = 60_000;

const place = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const view = {
  due: asked.getAll("due").filter((name) => DUE.includes(name)),
  within: asked.get("within"),
  level: asked.get("within_level"),
  next: null,
};
/** What waits to be sent, as addresses. */
let waiting = new Set();
let visits = [];
let counts = null;
let turn = 0;

const question = () => ({ within: view.within, within_level: view.level, due: view.due });

function remember() {
  const query = new URLSearchParams();
  view.due.forEach((name) => query.append("due", name));
  for (const [name, value] of [["within", view.within], ["within_level", view.within && view.level]]) {
    if (value) query.set(name, value);
  }
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

/** Load the first page, or the one after what is shown. */
async function load(more = false) {
  const mine = ++turn;
  place("list").setAttribute("aria-busy", "true");
  try {
    const found = await copied("/v1/callbacks", { ...question(), limit: PAGE, after: more ? view.next : null });
    if (mine !== turn) return;
    live.epoch ??= found.answer.epoch;
    show(found.answer, more);
    if (!more) age(() => load(), found);
    place("problem").replaceChildren();
  } catch (error) {
    if (mine !== turn) return;
    if (!more) age(() => load(), null);
    place("problem").replaceChildren(
      h("p", { class: "notice bad", role: "alert" }, t("callbacks.failed"), " ",
        h("button", { type: "button", class: "quiet", onclick: () => load(more) }, t("map.retry"))));
  } finally {
    if (mine === turn) place("list").setAttribute("aria-busy", "false");
  }
}

function show(answer, more) {
  const fresh = answer.callbacks.map((row) => new Visit(row, { decides: setup.me.decides, onDecided: count }));
  visits = more ? [...visits, ...fresh] : fresh;
  const items = fresh.map((visit) => visit.item);
  if (more) place("list").append(...items);
  else place("list").replaceChildren(...(items.length ? items : [empty(answer)]));
  fresh.forEach((visit) => visit.waits(waiting));
  view.next = answer.next;
  place("more").hidden = answer.next === null;
  tell(answer);
  place("exports").replaceChildren(...exports(t("table.export"), "/v1/callbacks", { ...question(), limit: 10_000 }, ["csv", "xlsx", "gpx", "kml"]).slice(1));
  if (more) items[0]?.querySelector("button, a")?.focus();
}

function empty({ due }) {
  const left = DUE.slice(0, -1).reduce((sum, name) => sum + due[name], 0);
  return h("li", { class: "empty" }, t(left || view.due.length ? "callbacks.none_filter" : "callbacks.none"));
}

/** What every answer says of the whole list. */
function tell({ due, total }) {
  counts = due;
  const said = total === 1 ? t("callbacks.total_one") : t("callbacks.total", { n: number(total) });
  if (place("list-title").textContent !== said) place("list-title").textContent = said;
  const held = document.activeElement?.dataset?.due;
  const all = DUE.slice(0, -1).reduce((sum, name) => sum + due[name], 0);
  const chip = (name, words, n, on) =>
    h("button", { type: "button", class: "chip", "data-due": name, "aria-pressed": String(on), onclick: () => pick(name) },
      name ? h("i", { class: `due ${name}`, "aria-hidden": "true" }) : null, words, " ", h("b", {}, number(n)));
  place("due").replaceChildren(
    chip("", t("callbacks.all"), all, !view.due.length),
    ...DUE.map((name) => chip(name, t(`callbacks.due_${name}`), due[name], view.due.includes(name))));
  if (held !== undefined) place("due").querySelector(`[data-due="${held}"]`)?.focus({ preventScroll: true });
}

function pick(name) {
  if (!name) view.due = [];
  else view.due = view.due.includes(name) ? view.due.filter((one) => one !== name) : [...view.due, name];
  start();
}

/** Only the counts: after a decision, and now and then. Says when the list is no longer what it was. */
async function count(decided = false) {
  const before = counts;
  const answer = await get("/v1/callbacks", { ...question(), limit: 0 }).catch(() => null);
  if (!answer) return;
  tell(answer);
  if (decided || !before || DUE.every((name) => before[name] === answer.due[name])) return;
  place("problem").replaceChildren(h("p", { class: "notice fresh" }, t("callbacks.changed"), " ",
    h("button", { type: "button", class: "quiet", onclick: () => load() }, t("callbacks.reload"))));
}

function start() {
  remember();
  load();
}

/** What waited and waits no longer was sent, or refused: then the list is another one. */
outbox((entries) => {
  const before = waiting;
  waiting = new Set(entries.filter((entry) => entry.mine && entry.state === "waiting").map((entry) => entry.path));
  visits.forEach((visit) => visit.waits(waiting));
  if ([...before].some((path) => !waiting.has(path))) count(true);
});

const live = new Live(() => null);
live.onTime = (newDay) => newDay && load();
place("more").addEventListener("click", () => load(true));
const area = new Within(place("search"), place("within"), (to) => {
  Object.assign(view, to);
  area.show(view);
  start();
}, (...asked) => copied(...asked).then(({ answer }) => answer));
area.show(view);
setInterval(() => document.visibilityState === "visible" && count(), LOOK);
load().then(() => live.follow({ level: "province" }));
