// What the screen shows, and how the address says it: one link is one view. The map keeps its position in the fragment.

import { dateOf, dayOf } from "./calendar.js";
import { setup } from "./texts.js";

export const LEVELS = ["province", "regency", "district", "village", "block"];
export const MEASURES = ["coverage", "gap", "resolved", "schedule", "seen"];
const HIDEABLE = ["0", "1", "2", "3", "4", "no_data", "not_shown"];
const SORT = "-gap";
/** States of a block, as the service names them. */
const STATES = ["unknown", "empty", "over", "done", "silent", "unvisited", "behind", "started"];

/** What the address asks for. `day` is a past day of the campaign, null for now; `choice` an area or a cell, or null. */
export function read() {
  const asked = new URLSearchParams(location.search);
  const [lon, lat, res] = (asked.get("cell") ?? "").split(",").map(Number);
  const cell = asked.get("cell") && [lon, lat, res].every(Number.isFinite) ? { lon, lat, res } : null;
  const one = (of, level) => (asked.get(of) ? { code: asked.get(of), level: LEVELS.find((name) => name === asked.get(level)) } : null);
  return {
    measure: MEASURES.includes(asked.get("measure")) ? asked.get("measure") : MEASURES[0],
    cells: asked.get("cells") === "1",
    points: asked.get("points") === "1",
    projector: asked.get("projector") === "1",
    day: pastDay(asked.get("day")),
    choice: one("area", "level") ?? cell,
    within: one("within", "within_level"),
    list: LEVELS.find((name) => name === asked.get("list")) ?? null,
    sort: asked.get("sort") ?? SORT,
    hidden: (asked.get("hide") ?? "").split(",").filter((name) => HIDEABLE.includes(name)),
    states: asked.getAll("state").filter((name) => STATES.includes(name)),
    placed: location.hash.length > 1,
  };
}

function pastDay(date) {
  if (!/^\d{4}-\d\d-\d\d$/.test(date ?? "")) return null;
  const day = dayOf(date);
  return day >= 1 && day < setup.campaign.day ? day : null; // today is not over: it is now
}

/** The address of a view; the map's position stays as it is. */
export function written(view) {
  const query = new URLSearchParams(new URLSearchParams(location.search).has("lang") ? { lang: setup.lang } : {});
  const set = (name, value) => value && query.set(name, value);
  set("measure", view.measure !== MEASURES[0] && view.measure);
  set("hide", view.hidden.join());
  set("cells", view.cells && "1");
  set("points", view.points && "1");
  set("projector", view.projector && "1");
  set("day", view.day && dateOf(view.day));
  set("area", view.choice?.code);
  set("level", view.choice?.level);
  set("cell", view.choice?.res && [view.choice.lon, view.choice.lat, view.choice.res].join());
  set("within", view.within?.code);
  set("within_level", view.within?.level);
  view.states.forEach((name) => query.append("state", name));
  set("list", view.list);
  set("sort", view.sort !== SORT && view.sort);
  return `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`;
}
