// The page of programmes: where poor families cluster and whether sites reach them. In words first, then one table, and a map.

import { Problem, address, get, h } from "./page.js";
import { read, written, DISTANCES, LOOKS } from "./programmes-view.js";
import { INSIDE, firstWords } from "./programmes-words.js";
import { clusters, reach } from "./programmes-tables.js";
import { dated, edition, of, ownArea, placed, rowOf } from "./released.js";
import { dateOf } from "./releases-words.js";
import { number, setup, t } from "./texts.js";

/** Milliseconds until what was busy is asked again, and how often. */
const AGAIN = 4000;
const TRIES = 15;
/** Areas of each level that the search shows. */
const FOUND = 5;
/** From this width on there is room for a map beside the table; where there is less, it comes when it is asked for. */
const WIDE = matchMedia("(width >= 60rem)");
/** Whether sites are theirs to change. */
const EDITS = Boolean(setup.me?.keeps_sites);

/** The table of each look; that of sites comes once it is wanted. */
const tables = { clusters, reach, sites: null };
const place = (id) => document.getElementById(id);
const view = read();
/** The one area that is the reader's, where there is exactly one; what /v1/releases said; the release that is shown. */
let own = null;
let all = null;
let shown = null;
let map = null;
let area = null;
/** Programmes that there are, and what has come of the answers to this view, by name. */
let programmes = [];
let found = {};
let turn = 0;
/** Answers and those on their way, by address. */
const kept = new Map();

const inside = () => (view.within ? { within: view.within.code, within_level: view.within.level } : {});
const programme = () => (view.programme === "" || programmes.includes(view.programme) ? view.programme : programmes[0] ?? "");
/** What the table shows: what was chosen, else clusters, and where there are none whom the sites reach. */
const look = () => view.look ?? (found.clusters && !found.clusters.clusters.length && !found.clusters.gone.length && programmes.length ? "reach" : "clusters");
const asked = () => ({ look: look(), programme: programme(), programmes, km: view.km, before: view.before, where: view.within?.name ?? t("releases.everywhere") });
const question = () => ({ ...inside(), programme: programme(), km: view.km, with: view.before });

function remember(push = false) {
  history[push ? "pushState" : "replaceState"](null, "", written(view, all.releases.at(-1)?.release, own));
}

// ── what is asked ───────────────────────────────────────────────────────────────────────────────────────────────────

/** The JSON at an address, asked once; again after a while where the service is busy working it out. */
function answerOf(path, parameters) {
  const key = address(path, parameters);
  if (!kept.has(key)) kept.set(key, patiently(key).catch((error) => { kept.delete(key); throw error; }));
  return kept.get(key);
}

async function patiently(key) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await get(key);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 503 || tries === TRIES) throw error;
      await new Promise((done) => setTimeout(done, AGAIN));
    }
  }
}

const ask = {
  sites: () => answerOf(`${of(view.release)}/sites`, { ...inside(), programme: programme(), km: view.km }),
  clusters: () => answerOf(`${of(view.release)}/clusters`, { ...inside(), km: view.km, with: view.before }),
  reach: () => answerOf(`${of(view.release)}/reach`, { ...question(), level: "village" }),
};

async function start() {
  try {
    let known;
    [all, own, known] = await Promise.all([get("/v1/releases"), ownArea(), get("/v1/sites", { limit: 1 })]);
    programmes = known.programmes.map((one) => one.programme);
  } catch (error) {
    return fail(error, () => location.reload());
  }
  if (!all.releases.length) return none();
  Object.assign(view, read(own));
  view.within = await placed(view.within, all.releases.at(-1).release, all.levels);
  for (const id of ["choices", "table", "files", "guide"]) place(id).hidden = false;
  place("edit").hidden = !EDITS;
  listen();
  narrow();
  await show();
  if (WIDE.matches) openMap();
  return undefined;
}

/** Areas of the release by words; the level of what is found is told with it. */
async function search(q, signal) {
  const levels = all.levels.filter((level) => level !== "block");
  const pages = await Promise.all(levels.map((level) => get(`${of(view.release)}/areas`, { level, q, limit: FOUND }, signal)));
  return pages.flatMap(({ areas }) => areas);
}

/** The area's name as the release has it. */
async function name() {
  const { within } = view;
  if (within && !within.name) within.name = (await rowOf(within, view.release))?.name ?? within.code;
  return { area: { name: within?.name } };
}

/** The search of areas comes once somebody wants to choose. */
async function narrow() {
  if (area || !place("choices").open) return;
  const { Within } = await import("./within.js");
  area ??= new Within(place("search"), place("within"), ({ within, level }) => go({ within: within && { code: within, level } }), name, search);
  area.show(where());
}

const where = () => ({ within: view.within?.code ?? null, level: view.within?.level ?? null });

// ── what is shown ───────────────────────────────────────────────────────────────────────────────────────────────────

/** Everything for the view as it is. */
async function show() {
  const mine = ++turn;
  shown = all.releases.find(({ release }) => release === view.release) ?? all.releases.at(-1);
  view.release = shown.release;
  if (view.before >= shown.release) view.before = null;
  found = {};
  const [said, pick] = edition(all, shown, (release) => go({ release, before: null }));
  place("which").replaceChildren(said);
  place("release").replaceChildren(...(pick ? [pick] : []));
  place("release").closest("label").hidden = !pick;
  place("which").setAttribute("aria-busy", "false");
  busy();
  choices();
  files();
  area?.show(where());
  try {
    const named = name();
    await Promise.all(Object.entries(ask).map(async ([key, asking]) => {
      const [answer] = await Promise.all([asking(), named]);
      if (mine !== turn) return;
      found[key] = answer;
      draw();
    }));
    if (mine === turn) place("problem").replaceChildren();
  } catch (error) {
    if (mine === turn) fail(error, show);
  }
}

/** Somebody changed the view. */
function go(changed) {
  Object.assign(view, changed);
  remember(true);
  show();
}

function busy() {
  place("answer").hidden = false;
  place("answer").setAttribute("aria-busy", "true");
  place("answer").replaceChildren(h("p", { class: "says" }, t("programmes.working")), h("p", { class: "small" }, t("programmes.working_why")));
  place("list").setAttribute("aria-busy", "true");
  map?.waits();
}

/** What has come so far. */
function draw() {
  const whole = ["sites", "clusters", "reach"].every((name) => found[name]);
  if (whole) {
    const measure = t(`releases.measure_${shown.measure}`, { cut_off: all.terms?.cut_off ?? "" });
    place("answer").replaceChildren(...firstWords(found, asked()), h("p", { class: "small" }, t("programmes.poor_is"), " ", measure));
    place("answer").setAttribute("aria-busy", "false");
    map?.show(view, found, asked());
  }
  list();
}

function list() {
  const now = look();
  for (const button of place("looks").children) button.setAttribute("aria-pressed", String(button.value === now));
  place("list-title").textContent = t(`programmes.title_${now}`, { km: view.km });
  place("list-lead").textContent = t(`programmes.lead_${now}`, { km: view.km });
  if (now === "placements") return void places();
  if (now === "sites" && !tables.sites) return void import("./programmes-sites.js").then(({ sites }) => { tables.sites = sites; list(); });
  const held = document.activeElement?.dataset?.hold;
  place("list").setAttribute("aria-busy", String(!found[now]));
  place("list").replaceChildren(...(found[now] ? tables[now](found[now], asked(), pick) : []));
  if (held) place("list").querySelector(`[data-hold="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  return undefined;
}

/** Proposed places are worked out once somebody wants them. */
async function places() {
  const mine = turn;
  const { placements } = await import("./programmes-places.js");
  if (mine !== turn || view.look !== "placements") return;
  placements(place("list"), { view, asked: asked(), inside: INSIDE }, {
    onPick: pick,
    onAsk: (changed) => { Object.assign(view, changed); remember(); files(); list(); },
    load: () => answerOf(`${of(view.release)}/placements`, { ...inside(), programme: programme(), km: view.km, sites: view.sites, method: view.method }),
    onCome: (answer) => { found.placements = answer; map?.show(view, found, asked()); },
  });
}

/** Show a row on the map, which is opened where it is not. */
async function pick(key) {
  await openMap();
  for (const row of place("list").querySelectorAll("tr")) row.classList.toggle("selected", row.dataset.row === key);
  if (!WIDE.matches) place("side").scrollIntoView({ block: "start" });
  map.pick(key);
}

/** The row of what was picked on the map. */
function find(key, wanted) {
  if (look() !== wanted) {
    view.look = wanted;
    remember();
    list();
  }
  const row = place("list").querySelector(`[data-row="${CSS.escape(key)}"]`);
  for (const one of place("list").querySelectorAll("tr")) one.classList.toggle("selected", one === row);
  row?.scrollIntoView({ block: "center" });
  row?.querySelector("button").focus({ preventScroll: true });
}

// ── what can be chosen ──────────────────────────────────────────────────────────────────────────────────────────────

function choices() {
  place("chosen").textContent = [
    ...(programmes.length ? [programme() ? `${t("programmes.programme")} ${programme()}` : t("programmes.all_programmes")] : []), t("programmes.km", { km: view.km }),
    view.before ? t("programmes.against", { release: view.before }) : null,
  ].filter(Boolean).join(" · ");
  const options = (select, pairs, now) => select.replaceChildren(...pairs.map(([value, words]) => h("option", { value, selected: value === String(now ?? "") }, words)));
  place("programme").closest("label").hidden = !programmes.length;
  options(place("programme"), [...programmes.map((one) => [one, one]), ...(programmes.length > 1 ? [["", t("programmes.all_programmes")]] : [])], programme());
  for (const input of place("km").querySelectorAll("input")) input.checked = Number(input.value) === view.km;
  const earlier = all.releases.filter(({ release }) => release < view.release).reverse();
  place("with").closest("label").hidden = !earlier.length;
  options(place("with"), [["", t("releases.compare_none")], ...earlier.map((one) => [String(one.release), dated(one, all)])], view.before);
  const other = earlier.find(({ release }) => release === view.before);
  place("comparing").replaceChildren(...(other ? [h("p", { class: "notice" }, t(other.kind === shown.kind ? "releases.comparing_same" : "releases.comparing_other"))] : []));
}

function files() {
  const asks = { ...question(), lang: setup.lang, ...(INSIDE ? { sites: view.sites, method: view.method } : {}) };
  const link = (format) => address(`${of(view.release)}/programmes.${format}`, asks);
  for (const format of ["pdf", "xlsx", "gpkg"]) place(`file-${format}`).href = link(format);
  place("brief").href = link("pdf");
  place("brief").hidden = false;
}

function listen() {
  place("km").replaceChildren(h("span", { "aria-hidden": "true" }, t("programmes.distance")), h("div", {}, DISTANCES.map((km) => h("label", {},
    h("input", { type: "radio", name: "km", value: km, onchange: () => go({ km }) }), h("span", {}, t("programmes.km", { km }))))));
  place("looks").replaceChildren(...LOOKS.map((one) => h("button", { type: "button", value: one, onclick: () => {
    view.look = one;
    remember();
    list();
    map?.show(view, found, asked());
  } }, t(`programmes.look_${one}`))));
  place("choices").addEventListener("toggle", narrow);
  place("programme").addEventListener("change", () => go({ programme: place("programme").value }));
  place("with").addEventListener("change", () => go({ before: Number(place("with").value) || null }));
  place("open-map").addEventListener("click", () => openMap().then(() => !WIDE.matches && place("side").scrollIntoView({ block: "start" })));
  place("print").addEventListener("click", () => print());
  addEventListener("popstate", () => {
    Object.assign(view, read(own));
    show();
  });
  addEventListener("beforeprint", () => { place("guide").open = true; });
}

let opening = null;

function openMap() {
  opening ??= (async () => {
    place("open-map").hidden = true;
    place("side").hidden = false;
    const { ProgrammeMap } = await import("./programmes-map.js");
    map = new ProgrammeMap(place("side"), {
      onFind: find,
      onView: (changed) => {
        Object.assign(view, changed);
        remember();
      },
    });
    await map.open(view);
    if (place("answer").getAttribute("aria-busy") === "false") await map.show(view, found, asked());
  })();
  return opening;
}

// ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Nothing is published yet: say when something will be. */
function none() {
  const next = all.calendar.find(({ state }) => state === "planned");
  place("which").replaceChildren(h("p", { class: "says" }, next ? t("releases.none_yet", { date: dateOf(next.due) }) : t("releases.none_planned")));
  idle();
}

function fail(error, again) {
  const words = { 404: t("releases.gone"), 503: t("programmes.busy") }[error?.status] ?? t("programmes.failed");
  place("problem").replaceChildren(h("p", { class: "notice bad", role: "alert" }, words, " ",
    h("button", { type: "button", class: "quiet", onclick: again }, t("map.retry"))));
  place("answer").hidden = true;
  idle();
}

function idle() {
  for (const one of document.querySelectorAll("[aria-busy=true]")) one.setAttribute("aria-busy", "false");
}

start();
