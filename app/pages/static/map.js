// The live map: puts drawing, legend, table, panel and stream together. What is shown stands in the address.

import { Drawing } from "./drawing.js";
import { whole } from "./figures.js";
import { legend } from "./legend.js";
import { Live } from "./live.js";
import { get, h, logIn, paced } from "./page.js";
import { Panel } from "./panel.js";
import { search } from "./search.js";
import { Table } from "./table.js";
import { setup, t } from "./texts.js";

const MEASURES = ["coverage", "gap", "resolved", "schedule"];
const place = (id) => document.getElementById(id);

/** What the address says: measure, switches, and what is selected. The map keeps its position in the fragment. */
const view = read();
let drawing = null;
/** Up to which epoch each level and resolution is known, so that one that was left for a while catches up. */
const known = new Map();
let shownLevel = null;
let streamed = "";
/** Who had the focus before the panel opened, to give it back. */
let opener = null;

function read() {
  const asked = new URLSearchParams(location.search);
  const [lon, lat, res] = (asked.get("cell") ?? "").split(",").map(Number);
  const cell = asked.get("cell") && [lon, lat, res].every(Number.isFinite) ? { lon, lat, res } : null;
  const area = asked.get("area") ? { code: asked.get("area"), level: asked.get("level") ?? undefined } : null;
  return {
    measure: MEASURES.includes(asked.get("measure")) ? asked.get("measure") : MEASURES[0],
    cells: asked.get("cells") === "1",
    points: asked.get("points") === "1",
    choice: area ?? cell,
    placed: location.hash.length > 1,
  };
}

function remember() {
  const query = new URLSearchParams();
  if (view.measure !== MEASURES[0]) query.set("measure", view.measure);
  if (view.cells) query.set("cells", "1");
  if (view.points) query.set("points", "1");
  if (view.choice?.code) query.set("area", view.choice.code);
  if (view.choice?.level) query.set("level", view.choice.level);
  if (view.choice?.res) query.set("cell", [view.choice.lon, view.choice.lat, view.choice.res].join());
  history.replaceState(history.state, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
}

const panel = new Panel(place("panel"), { onChoose: choose, onClose: leave, onShape: (shape) => drawing?.select(shape) });
const table = new Table(place("table"), choose, () => { leave(); });
const live = new Live(change);

/** Select an area (a row, or {code, level}) or a cell; the map goes there unless told to stay. */
async function choose(row, stay = false) {
  view.choice = row.res === undefined ? { code: row.code, level: row.level } : row;
  remember();
  if (!place("panel").contains(document.activeElement)) opener = document.activeElement;
  const found = await panel.open(view.choice);
  if (!found) return;
  arrive(found, stay);
  if (opener && opener !== document.body) panel.place.focus({ preventScroll: true });
}

/** Keep what was found in the address, mark it in the table, and go there. */
function arrive(found, stay) {
  if (found.row.level) view.choice.level = found.row.level;
  remember();
  table.mark(found.row.n);
  if (!stay && found.bounds) drawing?.fly(found.bounds);
}

function leave() {
  const inside = place("panel").contains(document.activeElement);
  view.choice = null;
  panel.close();
  if (inside) (opener?.isConnected ? opener : drawing?.map.getCanvas())?.focus({ preventScroll: true });
  table.mark(null);
  remember();
}

function showTotal(row, asOf) {
  place("total").replaceChildren(...whole(row, asOf).filter(Boolean));
  place("total").setAttribute("aria-busy", "false");
}

const newCells = paced(2000, () => drawing.reload(["cells"]));
const newPoints = paced(5000, () => drawing.pointsOn && drawing.reload(["households"]));
const resync = paced(1000, () => {
  drawing?.reload();
  loadTable();
  panel.refresh();
});

function change(data) {
  if (data.resync) known.clear();
  for (const key of streamed.split(" ")) known.set(key, data.epoch);
  if (data.total) showTotal(data.total, data.as_of);
  if (data.resync) return void resync();
  drawing.apply(data.areas, data.cells);
  table.apply(data.areas, drawing.said.fields, drawing.said.states);
  panel.changed(view.choice?.res ? data.cells : data.areas);
  if (drawing.cellsOn && drawing.lacks(data.cells)) newCells();
  if (drawing.pointsOn) newPoints();
}

/** Ask the stream for what the screen shows; one stream, opened anew when that changes. */
function follow() {
  const res = view.cells ? drawing.resolution : null;
  const keys = [drawing.level, ...(res === null ? [] : [`res${res}`])];
  if (keys.join(" ") === streamed) return;
  streamed = keys.join(" ");
  for (const key of keys) if (!known.has(key)) known.set(key, live.epoch);
  live.follow({ level: drawing.level, res }, Math.min(...keys.map((key) => known.get(key))));
}

async function loadTable() {
  shownLevel = drawing?.level ?? shownLevel ?? "block";
  const rows = await table.load(shownLevel, null);
  if (!rows) return;
  drawing?.label(rows);
  if (panel.n !== null) table.mark(panel.n);
}

/** Drawn anew with every class shown. */
function showLegend() {
  drawing.hide(new Set());
  const notes = [view.cells ? t("legend.cells_note") : t("legend.filter"), ...(view.points ? [t("map.points_legend")] : [])];
  legend(place("legend"), view.measure, drawing.said.legend[view.measure], notes, (hidden) => drawing.hide(hidden));
}

function moved() {
  follow();
  if (drawing.level !== shownLevel) loadTable();
  if (place("points")) {
    const near = drawing.map.getZoom() >= drawing.pointsFrom;
    place("points").closest("label").title = near ? t("map.points_legend") : t("map.points_near");
    place("points").closest("label").classList.toggle("far", !near);
  }
}

function tools() {
  for (const radio of place("measures").querySelectorAll("input")) {
    radio.checked = radio.value === view.measure;
    radio.addEventListener("change", async () => {
      view.measure = radio.value;
      remember();
      drawing.hidden = new Set();
      await drawing.setMeasure(view.measure);
      showLegend();
    });
  }
  const flip = (id, act) => {
    const box = place(id);
    if (!box) return;
    box.checked = view[id];
    box.addEventListener("change", () => {
      view[id] = box.checked;
      act();
      remember();
    });
    act();
  };
  flip("cells", () => {
    drawing.setCells(view.cells);
    showLegend();
    follow();
  });
  flip("points", () => {
    drawing.setPoints(view.points);
    showLegend();
    if (view.points && drawing.map.getZoom() < drawing.pointsFrom) drawing.map.easeTo({ zoom: drawing.pointsFrom + 0.2 });
  });
}

function say(message, again = null) {
  const button = again && h("button", { type: "button", class: "quiet", onclick: again }, t("map.retry"));
  place("map-state").replaceChildren(...(message ? [h("p", { role: "alert" }, message, " ", button ?? "")] : []));
}

function failed(error) {
  const { status } = error.error ?? {};
  if (status === 401) return logIn();
  if (status === 403) return undefined;
  if (!error.sourceId) return undefined;
  say(t("map.tiles_failed"));
  setTimeout(() => drawing.reload([error.sourceId]), 4000);
  return undefined;
}

async function draw() {
  const library = await import("../vendor/maplibre-gl.mjs").catch(() => null);
  if (!library) return void say(t("map.failed_library"), () => location.reload());
  const style = await get("/style.json", { measure: view.measure });
  const words = {
    "NavigationControl.ZoomIn": t("map.zoom_in"), "NavigationControl.ZoomOut": t("map.zoom_out"), "Map.Title": t("map.region"),
  };
  try {
    drawing = new Drawing(library, place("map"), style, words);
  } catch (error) {
    return void say(t("map.failed_webgl"));
  }
  place("map").map = drawing.map; // for tests and for the console
  drawing.map.on("error", failed);
  await drawing.ready();
  tools();
  drawing.map.on("moveend", moved);
  drawing.map.on("click", pointed);
  drawing.map.on("mousemove", (event) => { drawing.map.getCanvas().style.cursor = drawing.at(event.point) ? "pointer" : ""; });
  drawing.map.on("idle", () => { say(null); place("map").dataset.state = "ready"; });
  return undefined;
}

function pointed(event) {
  const found = drawing.at(event.point);
  if (!found) return leave();
  const { lng, lat } = event.lngLat;
  if (found.source === "cells") return choose({ lon: Number(lng.toFixed(6)), lat: Number(lat.toFixed(6)), res: drawing.resolution }, true);
  return choose({ code: found.code, level: found.source === "blocks" ? undefined : drawing.level }, true);
}

async function start() {
  search(place("search"), choose);
  const opening = view.choice && panel.open(view.choice); // needs no map, so it does not wait for one
  const total = await get("/v1/coverage", { level: "scope" });
  live.epoch = total.epoch;
  showTotal(total.coverage[0], total.as_of);
  await draw();
  if (drawing) follow();
  loadTable();
  const found = await opening;
  if (!found || !view.choice) return;
  drawing?.select(found.shape);
  arrive(found, view.placed);
}

start().catch((error) => say(`${t("map.failed")}: ${error.message}`, () => location.reload()));
