// The work list of rows held back. Light on purpose: the map library comes only when a row is opened.

import { Held } from "./held.js";
import { Live } from "./live.js";
import { exports, get, h } from "./page.js";
import { number, setup, t } from "./texts.js";
import { upload } from "./upload.js";
import { Within } from "./within.js";

const PAGE = 25;
const STATES = ["open", "resolved", "rejected"];
const LOOK = 30_000;

const place = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const view = {
  state: STATES.includes(asked.get("state")) ? asked.get("state") : "open",
  reason: asked.get("reason"),
  within: asked.get("within"),
  level: asked.get("within_level"),
  next: null,
};
let turn = 0;
let open = null;

const question = () => ({ within: view.within, within_level: view.level, state: view.state, reason: view.reason });

function remember() {
  const query = new URLSearchParams();
  if (view.state !== "open") query.set("state", view.state);
  for (const [name, value] of [["reason", view.reason], ["within", view.within], ["within_level", view.within && view.level]]) {
    if (value) query.set(name, value);
  }
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

/** Load the first page, or the one after what is shown; rows that are open on the screen are never moved. */
async function load(more = false) {
  const mine = ++turn;
  place("list").setAttribute("aria-busy", "true");
  try {
    const answer = await get("/v1/quarantine", { ...question(), limit: PAGE, after: more ? view.next : null });
    if (mine !== turn) return;
    live.epoch ??= answer.epoch;
    show(answer, more);
    place("problem").replaceChildren();
  } catch (error) {
    if (mine !== turn) return;
    place("problem").replaceChildren(
      h("p", { class: "notice bad", role: "alert" }, t("quarantine.failed"), " ",
        h("button", { type: "button", class: "quiet", onclick: () => load(more) }, t("map.retry"))),
    );
  } finally {
    if (mine === turn) place("list").setAttribute("aria-busy", "false");
  }
}

function show(answer, more) {
  const rows = answer.quarantine.map((row) => new Held(row, { onDecided: count, onReload: () => load() }).item);
  const list = place("list");
  if (more) list.append(...rows);
  else list.replaceChildren(...(rows.length ? rows : [empty(answer)]));
  view.next = answer.next;
  place("more").hidden = answer.next === null;
  tell(answer);
  place("exports").replaceChildren(...exports(t("table.export"), "/v1/quarantine", { ...question(), limit: 1000 }));
  if (more) rows[0]?.querySelector("button")?.focus();
}

/** What every answer says of the whole list: its size, states and reasons. */
function tell(answer) {
  const n = view.reason ? answer.reasons[view.reason] ?? 0 : answer.states[view.state];
  const said = t(`quarantine.${view.state}_total`, { n: number(n) });
  if (place("list-title").textContent !== said) place("list-title").textContent = said;
  open = answer.states.open;
  const everywhere = !view.within;
  if (everywhere) badge(open);
  chips("states", STATES.map((s) => [s, t(`quarantine.state_${s}`), answer.states[s], view.state === s]), (state) => {
    Object.assign(view, { state, reason: null });
  });
  const reasons = Object.entries(answer.reasons).sort(([, a], [, b]) => b - a);
  if (view.reason && !answer.reasons[view.reason]) reasons.push([view.reason, 0]);
  const all = reasons.reduce((sum, [, count]) => sum + count, 0);
  chips("reasons", reasons.length > 1 || view.reason
    ? [["", t("quarantine.all_reasons"), all, !view.reason],
      ...reasons.map(([r, count]) => [r, t(`held.${r}`), count, view.reason === r])]
    : [], (reason) => { view.reason = reason || null; });
}

function badge(n) {
  const mark = place("waiting");
  mark.hidden = !n;
  mark.querySelector("b").textContent = n < 1000 ? String(n) : "999+";
}

function chips(id, items, pick) {
  const held = place(id).contains(document.activeElement) ? document.activeElement.dataset.key : null;
  place(id).replaceChildren(...items.map(([key, words, n, on]) =>
    h("button", { type: "button", class: "chip", "data-key": key, "aria-pressed": String(on), onclick: () => { pick(key); start(); } },
      words, " ", h("b", {}, number(n)))));
  if (held !== null) place(id).querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}

function empty(answer) {
  const nothing = view.state === "open" && !view.reason && !answer.states.open && !view.within;
  return h("li", { class: "empty" }, t(nothing ? "quarantine.empty_open" : "quarantine.empty_filter"));
}

/** Only the counts: after a decision, and now and then. Says when there is more to do than the list shows. */
async function count(decided = false) {
  const before = open;
  const answer = await get("/v1/quarantine", { ...question(), limit: 0 }).catch(() => null);
  if (!answer) return;
  tell(answer);
  if (decided || view.state !== "open" || before === null || answer.states.open <= before) return;
  place("problem").replaceChildren(h("p", { class: "notice fresh" }, t("quarantine.fresh"), " ",
    h("button", { type: "button", class: "quiet", onclick: () => load() }, t("quarantine.reload"))));
}

function start() {
  remember();
  load();
}

const live = new Live(() => null);
place("more").addEventListener("click", () => load(true));
const area = new Within(place("search"), place("within"), (to) => {
  Object.assign(view, to);
  area.show(view);
  start();
});
area.show(view);
if (setup.me.decides) upload(place("upload"), () => { Object.assign(view, { state: "open", reason: null }); start(); });
setInterval(() => document.visibilityState === "visible" && count(), LOOK);
load().then(() => live.follow({ level: "province" }));
