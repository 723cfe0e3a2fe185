// What the page of releases is asked to show, kept in its address, so that one link is one view.

import { setup } from "./texts.js";

export const LEVELS = ["province", "regency", "district", "village", "block"];
/** Orders that the list can have; the first is the usual one. */
export const SORTS = ["poor", "share", "households", "code"];
/** Classes of the map that can be switched off. */
const HIDEABLE = [...setup.bands.keys()].map(String).concat(["no_data", "few", "low", "not_shown"]);

/** What the address asks for. Without an area it is `own`, the reader's, where there is exactly one. */
export function read(own = null) {
  const asked = new URLSearchParams(location.search);
  const numbered = (name) => (/^[1-6]$/.test(asked.get(name) ?? "") ? Number(asked.get(name)) : null);
  const level = (name) => LEVELS.find((one) => one === asked.get(name)) ?? null;
  const within = asked.get("within") ? { code: asked.get("within"), level: level("within_level") } : null;
  return {
    release: numbered("release"),
    before: numbered("with"),
    within: asked.get("within") === "" ? null : within ?? (own && { ...own }),
    level: level("level"),
    q: asked.get("q") ?? "",
    sort: SORTS.find((one) => one === asked.get("sort")) ?? SORTS[0],
    cells: asked.get("cells") === "1",
    hidden: (asked.get("hide") ?? "").split(",").filter((name) => HIDEABLE.includes(name)),
  };
}

/** The address of a view; the map's position stays as it is. `newest` is the release shown without being asked for. */
export function written(view, newest, own = null) {
  const query = new URLSearchParams(new URLSearchParams(location.search).has("lang") ? { lang: setup.lang } : {});
  const set = (name, value) => value && query.set(name, value);
  set("release", view.release !== newest && view.release);
  set("with", view.before);
  set("within", view.within?.code);
  set("within_level", view.within?.level);
  if (!view.within && own) query.set("within", "");
  set("level", view.level);
  set("q", view.q);
  set("sort", view.sort !== SORTS[0] && view.sort);
  set("cells", view.cells && "1");
  set("hide", view.hidden.join());
  return `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`;
}
