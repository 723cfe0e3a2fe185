// Puts the map on the page, or says in its place why there is none.

import { Drawing } from "./drawing.js";
import { get, h, logIn } from "./page.js";
import { setup, t } from "./texts.js";

/** Milliseconds after which tiles that failed are asked for again. */
const AGAIN = 4000;

const place = (id) => document.getElementById(id);

/** Say something in the map's place, with a button to try `again`; null takes it away. */
export function say(message, again = null) {
  const button = again && h("button", { type: "button", class: "quiet", onclick: again }, t("map.retry"));
  place("map-state").replaceChildren(...(message ? [h("p", { role: "alert" }, message, " ", button ?? "")] : []));
}

/** The drawing of a measure on a day, ready to be changed; null where this browser or machine cannot. */
export async function draw(measure, day) {
  const library = await import("../vendor/maplibre-gl.mjs").catch(() => null);
  if (!library) return void say(t("map.failed_library"), () => location.reload()) ?? null;
  const style = await get("/style.json", { measure, day });
  let drawing;
  try {
    drawing = new Drawing(library, place("map"), style, { measure, day, room });
  } catch {
    return void say(t("map.failed_webgl")) ?? null;
  }
  const { map } = drawing;
  place("map").map = map; // for tests and for the console
  map.on("error", (error) => failed(drawing, error));
  await drawing.ready();
  if (setup.basemap) import("./basemap.js").then(async ({ underlay }) => drawing.over(await underlay(map, library, setup.basemap)));
  map.on("mousemove", (event) => { map.getCanvas().style.cursor = drawing.at(event.point) ? "pointer" : ""; });
  map.on("idle", () => { say(null); place("map").dataset.state = "ready"; });
  return drawing;
}

/** Pixels at each side of the map that legend and panel lie over: on a phone they lie below it. */
function room() {
  if (place("map").clientWidth < 900) return { top: 28, bottom: 28, left: 28, right: 28 };
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const legend = document.body.classList.contains("projector") ? 19 : 17.5;
  return { top: 40, bottom: 40, left: legend * rem, right: place("panel").hidden ? 60 : 23 * rem };
}

function failed(drawing, error) {
  const { status } = error.error ?? {};
  if (status === 401) return logIn();
  if (status === 403 || !(error.sourceId in drawing.style.sources)) return undefined; // a basemap is not needed
  say(t("map.tiles_failed"));
  setTimeout(() => drawing.reload([error.sourceId]), AGAIN);
  return undefined;
}
