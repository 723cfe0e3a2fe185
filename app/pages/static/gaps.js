// The list of blocks, worst first. Light on purpose: no map library, and one small page of rows at a time.

import { state as stateChip, bar, counted, elapsed, whole } from "./figures.js";
import { Live } from "./live.js";
import { exports, get, h, paced } from "./page.js";
import { search } from "./search.js";
import { number, percent, setup, t, time } from "./texts.js";

const PAGE = 50;
const OPEN = ["unvisited", "behind", "started", "silent"];
const STATES = [...OPEN, "over", "done", "empty", "unknown"];

const place = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const view = {
  states: asked.getAll("state").filter((s) => STATES.includes(s)),
  within: asked.get("within"),
  level: asked.get("within_level"),
  name: null,
  loaded: PAGE,
};
let lastTotal = "";
let turn = 0;

const question = () => ({ within: view.within, within_level: view.level, state: view.states });

function remember() {
  const query = new URLSearchParams();
  view.states.forEach((s) => query.append("state", s));
  if (view.within) query.set("within", view.within);
  if (view.within && view.level) query.set("within_level", view.level);
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

/** Load as many rows as are on the screen and show them in place. */
async function load() {
  const mine = ++turn;
  try {
    const [answer, total] = await Promise.all([
      get("/v1/gaps", { ...question(), limit: view.loaded }),
      get("/v1/coverage", { level: "scope", within: view.within, within_level: view.level }),
    ]);
    if (mine !== turn) return;
    live.epoch ??= answer.epoch;
    showTotal(total.coverage[0], total.as_of);
    show(answer);
    place("problem").replaceChildren();
  } catch (error) {
    if (mine !== turn) return;
    place("problem").replaceChildren(
      h("p", { class: "notice bad", role: "alert" }, t("gaps.failed"), " ",
        h("button", { type: "button", class: "quiet", onclick: load }, t("map.retry"))),
    );
  }
}

function showTotal(row, asOf) {
  lastTotal = JSON.stringify(row);
  place("total").replaceChildren(...whole(row, asOf).filter(Boolean));
  place("total").setAttribute("aria-busy", "false");
}

function show(answer) {
  const said = t("gaps.summary", { gap: number(answer.gap), total: number(answer.total) });
  if (place("list-title").textContent !== said) place("list-title").textContent = said;
  const list = place("list");
  const held = document.activeElement?.dataset?.key;
  list.replaceChildren(...(answer.gaps.length ? answer.gaps.map(item) : [empty(answer)]));
  list.setAttribute("aria-busy", "false");
  if (held) list.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  place("more").hidden = !answer.next;
  place("more").setAttribute("aria-busy", "false");
  showStates(answer.states);
  place("exports").replaceChildren(...exports(t("table.export"), "/v1/gaps", { ...question(), limit: 100000 }));
}

function empty(answer) {
  const open = OPEN.reduce((sum, s) => sum + answer.states[s], 0);
  const unknown = answer.states.unknown;
  const key = open || view.states.length ? "gaps.none" : unknown ? "gaps.unknown" : "gaps.all_done";
  return h("li", { class: "empty" }, t(key, { n: number(unknown) }));
}

function item(row) {
  const onMap = `/?${new URLSearchParams({ area: row.code, level: row.level })}`;
  return h("li", { class: "gap" },
    h("div", { class: "left-over" }, h("b", {}, number(row.gap)), h("span", {}, t("gaps.left"))),
    h("div", { class: "what" },
      h("h3", {}, row.name, " ", h("span", { class: "code" }, row.code)),
      h("p", { class: "place" }, row.place.split(", ").slice(0, 2).join(", ")),
      h("p", { class: "why" }, stateChip(row.state), " ", t(`reason.${row.reason}`))),
    h("div", { class: "much" },
      h("p", {}, h("b", {}, percent(row.coverage)), " ", counted(row)),
      bar(row, elapsed()),
      h("p", { class: "small" }, `${t("figures.last_at")}: ${row.last_at ? time(row.last_at) : t("figures.never")}`)),
    h("div", { class: "go" },
      h("a", { href: onMap, "data-key": `map-${row.n}`, "aria-label": `${t("gaps.on_map")}: ${row.name}` }, t("gaps.on_map")),
      h("a", { href: `geo:${row.lat},${row.lon}`, "data-key": `geo-${row.n}`, "aria-label": `${t("gaps.open_in")}: ${row.name}` }, t("gaps.open_in"))));
}

function showStates(counts) {
  const held = document.activeElement?.dataset?.state;
  const open = OPEN.reduce((sum, s) => sum + counts[s], 0);
  const chip = (name, words, n, on) =>
    h("button", { type: "button", class: "chip", "data-state": name, "aria-pressed": String(on), onclick: () => pick(name) },
      words, " ", h("b", {}, number(n)));
  place("states").replaceChildren(
    chip("open", t("gaps.open"), open, !view.states.length),
    ...STATES.filter((s) => counts[s] || view.states.includes(s)).map((s) => chip(s, stateChip(s), counts[s], view.states.includes(s))),
  );
  if (held) place("states").querySelector(`[data-state="${held}"]`)?.focus({ preventScroll: true });
}

function pick(name) {
  if (name === "open") view.states = [];
  else view.states = view.states.includes(name) ? view.states.filter((s) => s !== name) : [...view.states, name];
  start();
}

function narrow(area) {
  Object.assign(view, { within: area?.code ?? null, level: area?.level ?? null, name: area?.name ?? null });
  showWithin();
  follow();
  start();
}

function showWithin() {
  place("within").replaceChildren(...(view.within
    ? [h("p", { class: "within" }, t("app.only_in", { name: view.name ?? view.within }), " ",
        h("button", { type: "button", class: "quiet", onclick: () => narrow(null) }, t("app.everywhere")))]
    : []));
}

function start() {
  view.loaded = PAGE;
  remember();
  place("list").setAttribute("aria-busy", "true");
  load();
}

const reload = paced(1000, load);
const live = new Live((change) => {
  const total = JSON.stringify(change.total ?? null);
  if (change.resync || total !== lastTotal) reload();
});

/** Rows are not wanted of the stream, only that something changed in our part: the coarsest level says it cheapest. */
function follow() {
  live.follow({ level: "province", within: view.within, within_level: view.level });
}

place("more").addEventListener("click", () => {
  view.loaded += PAGE;
  place("more").setAttribute("aria-busy", "true");
  load();
});
search(place("search"), narrow);
showWithin();
if (view.within) {
  get(`/v1/areas/${encodeURIComponent(view.within)}`, { level: view.level }).then(
    (found) => { view.name = found.area.name; showWithin(); },
    () => null,
  );
}
load().then(follow);
