// The live map: puts drawing, legend, slider, table, panel and stream together. What is shown stands in the address.

import { dateOf } from "./calendar.js";
import { Days } from "./days.js";
import { whole } from "./figures.js";
import { legend } from "./legend.js";
import { Live } from "./live.js";
import { address, get, h, paced } from "./page.js";
import { Panel } from "./panel.js";
import { search } from "./search.js";
import { draw, say } from "./stage.js";
import { Table } from "./table.js";
import { t } from "./texts.js";
import { Tools } from "./tools.js";
import { LEVELS, read, written } from "./view.js";

const place = (id) => document.getElementById(id);

const view = read();
let drawing = null;
/** Up to which epoch each level and resolution is known, so that one that was left for a while catches up. */
const known = new Map();
let streamed = "";
/** Level of the map when the table was last loaded for it. */
let tabled = null;
/** Who had the focus before the panel opened, to give it back. */
let opener = null;

/** What can be shown of a past day: cells, single households and what was last seen are known of now alone. */
const measure = () => (view.day && view.measure === "seen" ? "coverage" : view.measure);
const cells = () => view.cells && !view.day;
const points = () => view.points && !view.day;
const date = () => (view.day ? dateOf(view.day) : null);

/** Keep the view in the address; `push` for what the Back button is to undo. */
function remember(push = false) {
  history[push ? "pushState" : "replaceState"](null, "", written(view));
}

const panel = new Panel(place("panel"), { onChoose: choose, onClose: leave, onShape: (shape) => drawing?.select(shape) });
const table = new Table(place("table"), {
  onChoose: choose,
  onWiden: widen,
  onLevel: (level) => { view.list = level; remember(); loadTable(); },
  onSort: (sort) => { view.sort = sort; remember(); },
});
const live = new Live(change);
const days = new Days(place("days"), goTo);
const tools = new Tools({ onMeasure: setMeasure, onFlip: flip });

// ── what is selected ────────────────────────────────────────────────────────────────────────────────────────────────

/** Select an area (a row, or {code, level}) or a cell: the map goes there, the table lists what lies inside. */
async function choose(row) {
  view.choice = row.res === undefined ? { code: row.code, level: row.level } : { lon: row.lon, lat: row.lat, res: row.res };
  remember(true);
  if (!place("panel").contains(document.activeElement)) opener = document.activeElement;
  const found = await panel.open(view.choice);
  if (!found) return;
  arrive(found);
  if (opener && opener !== document.body) panel.place.focus({ preventScroll: true });
}

/** Keep what was found in the address, go there unless the map is `placed` already, and let the table follow. */
function arrive({ row, path, bounds, leaf }, placed = false) {
  if (row.level) view.choice.level = row.level;
  if (bounds && !placed && leaf) drawing?.reveal(bounds);
  else if (bounds && !placed) drawing?.fly(bounds, row.level);
  if (row.level && !leaf) listInside({ code: row.code, level: row.level, name: row.name, path });
  else if (row.level && !table.rows.has(row.n) && path.length) listInside({ ...path.at(-1), path: path.slice(0, -1) });
  remember();
  table.mark(row.n);
}

function listInside(area) {
  const now = view.within;
  if (area.code === now?.code && area.level === now.level && now.name) return;
  if (area.code !== now?.code || area.level !== now.level) view.list = null;
  view.within = area;
  loadTable();
}

function leave() {
  const inside = place("panel").contains(document.activeElement);
  if (view.choice) {
    view.choice = null;
    remember(true);
  }
  panel.close();
  table.mark(null);
  if (inside) (opener?.isConnected ? opener : drawing?.map.getCanvas())?.focus({ preventScroll: true });
}

/** Back to everything the account may see. */
function widen() {
  Object.assign(view, { within: null, choice: null, list: null });
  remember(true);
  panel.close();
  table.mark(null);
  drawing?.fly(drawing.said.bounds);
  loadTable();
}

/** The Back button: the address says another view. The map's position is its own affair. */
async function back() {
  Object.assign(view, read());
  days.show(view.day);
  table.order(view.sort);
  if (!view.placed && !view.choice) drawing?.fly(drawing.said.bounds);
  await Promise.all([view.within && name(view.within), showAll()]);
  if (view.choice) {
    const found = await panel.open(view.choice);
    if (found) arrive(found, view.placed);
  } else {
    panel.close();
    table.mark(null);
  }
}

/** Learn the name and the place of an area that the address gives by its code. */
async function name(area) {
  const found = await get(`/v1/areas/${encodeURIComponent(area.code)}`, { level: area.level }).catch(() => null);
  Object.assign(area, found?.area ?? { name: area.code }, { path: found?.path.slice(0, -1) ?? [] });
  if (view.within === area) loadTable();
}

// ── what is shown ───────────────────────────────────────────────────────────────────────────────────────────────────

function showTotal(row, asOf) {
  place("total").replaceChildren(...whole(row, asOf, view.day).filter(Boolean));
  place("total").setAttribute("aria-busy", "false");
}

async function loadTotal() {
  const { day } = view;
  const total = await get("/v1/coverage", { level: "scope", day: date() });
  if (view.day === day) showTotal(total.coverage[0], total.as_of);
  return total;
}

async function loadTable() {
  tabled = drawing?.level ?? tabled ?? "block";
  if (view.within && !view.within.name) return; // `name` comes back here
  const there = drawing?.levels ?? LEVELS;
  const choices = view.within ? there.slice(there.indexOf(view.within.level) + 1) : there;
  const levels = view.list ? [view.list] : view.within && choices.length ? choices : [tabled];
  const rows = await table.load({ levels, within: view.within, day: view.day, states: view.states }, choices);
  if (!rows) return;
  drawing?.label(rows);
  follow();
  if (panel.n !== null) table.mark(panel.n);
}

/** Show a past day, or now (null). Resolves once map, total, table and panel show it. */
async function goTo(day) {
  if (day === view.day) return;
  view.day = day;
  if (day && view.choice?.res) leave();
  remember();
  await showAll();
}

async function showAll(total = true) {
  showTools();
  const drawn = drawing && drawing.show(measure(), date()).then(() => {
    drawing.setCells(cells());
    drawing.setPoints(points());
    drawing.enlarge(view.projector);
    showLegend();
    return drawing.settled();
  });
  await Promise.all([drawn, total && loadTotal(), loadTable(), panel.show(view.day)]).catch((error) => say(`${t("map.failed")}: ${error.message}`, () => showAll()));
}

function showTools() {
  const past = Boolean(view.day);
  document.body.classList.toggle("past", past);
  place("total-title").textContent = past ? t("total.day", { day: view.day }) : t("total.title");
  tools.show({ measure: measure(), cells: cells(), points: points(), projector: view.projector, past });
  table.measured(measure());
}

function showLegend() {
  const notes = [cells() ? t("legend.cells_note") : t("legend.filter"), ...(points() ? [t("map.points_legend")] : [])];
  const hide = (hidden) => drawing.hide(new Set(hidden.map((name) => (/^\d$/.test(name) ? Number(name) : name))));
  drawing.only(view.states);
  showStates();
  legend(place("legend"), measure(), drawing.said.legend[measure()], notes, view.hidden, (hidden) => {
    view.hidden = hidden;
    remember();
    hide(hidden);
  });
  hide(view.hidden);
}

/** Which blocks are left out, where the list of gaps asked for some only; the way back to it, and out of it. */
function showStates() {
  const said = { states: view.states.map((name) => t(`state.${name}`)).join(", ") };
  const list = address("/gaps", { state: view.states, within: view.within?.code, within_level: view.within?.level });
  place("states").hidden = !view.states.length;
  place("states").replaceChildren(...(view.states.length ? [
    h("p", {}, t("map.only_states", said)),
    h("a", { href: list }, t("map.as_list")),
    h("button", { type: "button", class: "quiet", onclick: () => { view.states = []; remember(true); showLegend(); loadTable(); } }, t("map.all_states")),
  ] : []));
}

async function setMeasure(chosen) {
  Object.assign(view, { measure: chosen, hidden: [] });
  remember();
  table.measured(measure());
  await drawing.show(measure(), date());
  showLegend();
}

function flip(id, on) {
  view[id] = on;
  remember();
  if (id === "projector") {
    document.body.classList.toggle("projector", on);
    drawing.map.resize();
    drawing.enlarge(on);
    return drawing.fly(panel.found?.bounds ?? drawing.said.bounds);
  }
  if (id === "cells") drawing.setCells(on);
  else drawing.setPoints(on);
  showLegend();
  if (id === "cells") return follow();
  return on && drawing.map.getZoom() < drawing.pointsFrom ? drawing.map.easeTo({ zoom: drawing.pointsFrom + 0.2 }) : undefined;
}

// ── what the stream brings ──────────────────────────────────────────────────────────────────────────────────────────

const newCells = paced(2000, () => drawing.reload(["cells"]));
const newPoints = paced(5000, () => drawing.pointsOn && drawing.reload(["households"]));
const older = paced(3000, () => {
  if (measure() !== "seen") return;
  drawing.age();
  table.measured("seen");
});
const resync = paced(1000, () => {
  if (view.day) return;
  drawing?.reload();
  loadTable();
  panel.refresh();
});

/** What the stream says is of now: it is not laid over a past day, whose return to now loads everything anew. */
function change(data) {
  if (data.resync) known.clear();
  for (const key of streamed.split(" ")) known.set(key, data.epoch);
  if (view.day) return;
  if (data.total) showTotal(data.total, data.as_of);
  if (data.resync || !drawing) return void resync();
  drawing.apply(data.areas, data.cells);
  table.apply(data.areas, drawing.said.fields, drawing.said.states);
  panel.changed(view.choice?.res ? data.cells : data.areas);
  if (drawing.cellsOn && drawing.lacks(data.cells)) newCells();
  if (drawing.pointsOn) newPoints();
}

/** The campaign's clock went on: another day is another mark on the slider, and what was last seen is longer ago. */
live.onTime = (newDay) => {
  if (newDay) days.show(view.day);
  if (measure() === "seen" && drawing) older();
};

/** Ask the stream for what the screen shows; one stream, opened anew when that changes. */
function follow() {
  if (live.epoch === null) return;
  const res = cells() && drawing ? drawing.resolution : null;
  const levels = [...new Set([drawing?.level, table.level])].filter(Boolean);
  const keys = [...levels, ...(res === null ? [] : [`res${res}`])];
  if (keys.join(" ") === streamed) return;
  streamed = keys.join(" ");
  for (const key of keys) if (!known.has(key)) known.set(key, live.epoch);
  live.follow({ level: levels, res }, Math.min(...keys.map((key) => known.get(key))));
}

function moved() {
  follow();
  if (!view.within && !view.list && drawing.level !== tabled) loadTable();
  const near = drawing.map.getZoom() >= drawing.pointsFrom;
  tools.near(near, near ? t("map.points_legend") : t("map.points_near"));
}

function pointed(event) {
  const found = drawing.at(event.point);
  if (!found) return view.choice ? leave() : undefined;
  const { lng, lat } = event.lngLat;
  if (found.source === "cells") return choose({ lon: Number(lng.toFixed(6)), lat: Number(lat.toFixed(6)), res: drawing.resolution });
  return choose({ code: found.code, level: found.source === "blocks" ? undefined : drawing.level });
}

async function start() {
  search(place("search"), choose);
  days.show(view.day);
  table.order(view.sort);
  panel.day = view.day;
  const opening = view.choice && panel.open(view.choice); // needs no map, so it does not wait for one
  const inside = view.within && name(view.within);
  showTools();
  const total = await loadTotal();
  live.epoch = total.epoch;
  drawing = await draw(measure(), date());
  if (drawing) {
    drawing.map.on("moveend", moved);
    drawing.map.on("click", pointed);
  }
  addEventListener("popstate", back);
  inside?.then(() => view.within?.bounds && !view.choice && !view.placed && drawing?.fly(view.within.bounds, view.within.level));
  follow();
  showAll(false);
  const found = await opening;
  if (!found || !view.choice) return;
  drawing?.select(found.shape);
  arrive(found, view.placed);
}

start().catch((error) => say(`${t("map.failed")}: ${error.message}`, () => location.reload()));
