// The page of releases: which one it is, what it says in a sentence, areas as a list, and a map once somebody wants one.

import { address, exports, get, h } from "./page.js";
import { dated, edition, of, ownArea, placed, rowOf } from "./released.js";
import { changes, table } from "./releases-list.js";
import { read, written } from "./releases-view.js";
import { answer, dateOf, together } from "./releases-words.js";
import { number, setup, t } from "./texts.js";

const PAGE = 50;
const PAUSE = 300;
/** From this width on there is room for a map beside the list; where there is less, it comes when it is asked for. */
const WIDE = matchMedia("(width >= 60rem)");

const place = (id) => document.getElementById(id);
const view = read();
/** The one area that is the reader's, where there is exactly one: the list begins there. */
let own = null;
/** What /v1/releases said, the release that is shown, and the map, once there is one. */
let all = null;
let shown = null;
let map = null;
let rows = [];
let turn = 0;
/** What the list was last drawn from. */
let drawn = null;

const levels = () => all.levels;
/** Levels that lie within an area, or all. */
const below = () => levels().slice(view.within ? levels().indexOf(view.within.level) + 1 : 0);
/** Level of the list: the one asked for, else villages, else the first there is. */
const level = () => [view.level, "village", below()[0]].find((one) => below().includes(one)) ?? view.within?.level;
const inside = () => (view.within ? { within: view.within.code, within_level: view.within.level } : {});

function remember(push = false) {
  history[push ? "pushState" : "replaceState"](null, "", written(view, all.releases.at(-1)?.release, own));
}

function fail(error, again) {
  const words = error?.status === 404 ? t("releases.gone") : t("releases.failed");
  place("problem").replaceChildren(h("p", { class: "notice bad", role: "alert" }, words, " ",
    h("button", { type: "button", class: "quiet", onclick: again }, t("map.retry"))));
  for (const one of document.querySelectorAll("[aria-busy=true]")) one.setAttribute("aria-busy", "false");
}

// ── which release ───────────────────────────────────────────────────────────────────────────────────────────────────

async function start() {
  try {
    [all, own] = await Promise.all([get("/v1/releases"), ownArea()]);
  } catch (error) {
    return fail(error, () => location.reload());
  }
  schedule();
  if (!all.releases.length) return none();
  Object.assign(view, read(own));
  view.within = await placed(view.within, all.releases.at(-1).release, levels());
  for (const id of ["guide", "areas", "files"]) place(id).hidden = false;
  place("cost").textContent = t("releases.guide_cost", {
    points: number(100 * all.cost.now.advantage), whole: number(100 * all.cost.whole.advantage),
  });
  listen();
  await show();
  if (WIDE.matches) openMap();
  return undefined;
}

/** Nothing is published yet: say when something will be. */
function none() {
  const next = all.calendar.find(({ state }) => state === "planned");
  place("which").replaceChildren(h("p", { class: "says" }, next ? t("releases.none_yet", { date: dateOf(next.due) }) : t("releases.none_planned")));
  place("which").setAttribute("aria-busy", "false");
  place("list").setAttribute("aria-busy", "false");
  place("calendar").open = true;
}

function schedule() {
  place("calendar").hidden = !all.calendar.length;
  place("calendar").querySelector("ol").replaceChildren(...all.calendar.map((one) => h("li", { class: one.state },
    h("b", {}, t("releases.one", { release: one.release })), ` · ${t(`releases.kind_${one.kind}`)} · ${dateOf(one.due)} · `,
    h("span", {}, t(`releases.state_${one.state}`)))));
}

function name() {
  place("which").replaceChildren(...edition(all, shown, (release) => go({ release, before: null })));
  place("which").setAttribute("aria-busy", "false");
}

// ── what it says ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Everything for the view as it is. */
async function show() {
  shown = all.releases.find(({ release }) => release === view.release) ?? all.releases.at(-1);
  view.release = shown.release;
  if (view.before >= shown.release) view.before = null;
  name();
  choices();
  files();
  place("q").hidden = Boolean(view.before);
  map?.show(view, level()).catch(() => null);
  await Promise.all([sentence(), list(), path()]);
}

/** Somebody changed the view. */
function go(changed) {
  Object.assign(view, changed);
  remember(true);
  show();
}

async function sentence() {
  const now = { ...view };
  const { within } = view;
  const whole = within ? null : await get(`${of(view.release)}/areas`, { level: levels()[0], limit: 1000 }).catch(() => null);
  const row = within ? await rowOf(within, view.release) : whole && together(whole.areas);
  if (now.release !== view.release || now.within !== view.within) return;
  const where = within ? row?.name : t("releases.everywhere");
  const measure = t(`releases.measure_${shown.measure}`, { cut_off: all.terms?.cut_off ?? "" });
  place("answer").hidden = !row;
  place("answer").replaceChildren(...(row ? answer(row, where, measure) : []));
}

/** Load the list from its first page, or `after` a page. */
async function list(after = null) {
  const mine = ++turn;
  const asked = { level: level(), ...inside(), limit: PAGE, after };
  place("list").setAttribute("aria-busy", "true");
  try {
    const found = view.before
      ? await get(`${of(view.release)}/compare`, { ...asked, with: view.before })
      : await get(`${of(view.release)}/areas`, { ...asked, q: view.q, sort: view.sort });
    if (mine !== turn) return;
    const page = found.areas ?? found.compare;
    rows = after ? [...rows, ...page] : page;
    draw(found);
    place("problem").replaceChildren();
  } catch (error) {
    if (mine === turn) fail(error, show);
  }
}

function draw(found) {
  drawn = found;
  const { next, total = null } = found;
  const held = document.activeElement?.dataset?.hold;
  const finest = levels().at(-1) === level();
  const open = finest && !map ? null : (row) => (finest ? map.pick(row) : go({ within: { code: row.code, level: row.level, name: row.name, parent: row.parent }, level: null, q: "" }));
  const told = { onOpen: open, onSort: (sort) => go({ sort }) };
  const hidden = rows.length > 0 && rows.every(({ notes, after_notes: later }) => (notes ?? later).includes("not_shown"));
  document.querySelector(".narrow").hidden = hidden;
  const words = { n: `${number(total ?? rows.length)}${total === null && next ? "+" : ""}`, level: t(`level.${level()}`).toLowerCase() };
  place("list-title").textContent = t(below().length > 1 ? "releases.count" : "releases.count_level", words);
  place("last").hidden = hidden || Boolean(view.before) || !["poor", "share"].includes(view.sort) || !rows.some(({ notes }) => notes.length);
  place("list").replaceChildren(hidden ? h("p", { class: "empty" }, t("releases.blocks_closed"))
    : !rows.length ? h("p", { class: "empty" }, t(view.q ? "releases.nothing_found" : "releases.nothing_here"))
    : view.before ? changes(rows, { earlier: view.before, later: view.release }, told) : table(rows, view.sort, told));
  place("list").setAttribute("aria-busy", "false");
  place("more").hidden = !next || hidden;
  place("more").onclick = () => list(next);
  if (held) place("list").querySelector(`[data-hold="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  map?.label(named());
}

/** Rows whose names the map shows: not those that are closed to the reader. */
const named = () => rows.filter(({ notes, after_notes: later }) => !(notes ?? later).includes("not_shown"));

/** Where the list stands, from everything down to its area. Areas above an address's are asked for one by one. */
async function path() {
  const { within } = view;
  const crumbs = [];
  const say = () => place("path").replaceChildren(...(within ? [h("ol", { class: "path" },
    h("li", {}, h("button", { type: "button", onclick: () => go({ within: null, level: null, q: "" }) }, t("app.everywhere"))),
    crumbs.map((one) => h("li", {}, h("button", { type: "button", onclick: () => go({ within: one, level: null, q: "" }) }, one.name))),
    h("li", { "aria-current": "true" }, h("b", {}, within.name ?? within.code)))] : []));
  say();
  if (!within) return;
  let at = { ...within };
  for (const one of levels().slice(0, levels().indexOf(within.level) + 1).reverse()) {
    if (at.name === undefined || at.parent === undefined) {
      const found = await rowOf({ code: at.code, level: one }, view.release);
      if (within !== view.within || !found) return;
      at = { code: at.code, level: one, name: found.name, parent: found.parent };
    }
    if (one === within.level) Object.assign(within, at);
    else crumbs.unshift(at);
    say();
    if (!at.parent) return;
    at = { code: at.parent };
  }
}

// ── what can be chosen ──────────────────────────────────────────────────────────────────────────────────────────────

function choices() {
  const there = below();
  place("level").hidden = there.length < 2;
  place("level").replaceChildren(...there.map((one) => h("option", { value: one, selected: one === level() }, t(`level.${one}`))));
  const earlier = all.releases.filter(({ release }) => release < view.release).reverse();
  place("with").closest("label").hidden = !earlier.length;
  place("with").replaceChildren(h("option", { value: "" }, t("releases.compare_none")),
    ...earlier.map((one) => h("option", { value: one.release, selected: one.release === view.before }, dated(one, all))));
  const other = earlier.find(({ release }) => release === view.before);
  const same = other?.kind === shown.kind;
  place("comparing").replaceChildren(...(other ? [h("p", { class: "notice" }, t(same ? "releases.comparing_same" : "releases.comparing_other"))] : []));
  if (document.activeElement !== place("q")) place("q").value = view.q;
}

function files() {
  const whole = (format, words) => h("li", {}, h("a", { href: address(`${of(view.release)}.${format}`, { lang: setup.lang }), download: true }, h("b", {}, words)), " ",
    h("span", { class: "small" }, t(`releases.file_${format}`)));
  const one = { level: level(), ...inside() };
  const rowsOf = view.before ? [`${of(view.release)}/compare`, { ...one, with: view.before }] : [`${of(view.release)}/areas`, one];
  place("files").querySelector("ul").replaceChildren(whole("xlsx", "Excel (XLSX)"), whole("gpkg", "GeoPackage"),
    h("li", { class: "exports" }, exports(t("releases.file_list"), rowsOf[0], { ...rowsOf[1], lang: setup.lang }, ["csv", "xlsx"])));
}

function listen() {
  let timer = null;
  place("q").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      view.q = place("q").value;
      remember();
      list();
    }, PAUSE);
  });
  place("level").addEventListener("change", () => go({ level: place("level").value }));
  place("with").addEventListener("change", () => go({ before: Number(place("with").value) || null }));
  place("open-map").addEventListener("click", openMap);
  addEventListener("popstate", () => {
    Object.assign(view, read(own));
    show();
  });
  addEventListener("beforeprint", () => { place("guide").open = true; });
}

async function openMap() {
  if (map) return;
  place("open-map").hidden = true;
  place("side").hidden = false;
  const { ReleaseMap } = await import("./releases-map.js");
  map = new ReleaseMap(place("side"), {
    onOpen: (area) => go({ within: area, level: null, q: "" }),
    onView: (changed) => {
      Object.assign(view, changed);
      remember();
    },
  });
  await map.open(view, level());
  if (drawn) draw(drawn);
  if (!WIDE.matches) place("side").scrollIntoView({ block: "start" });
}

start();
