// What the page of programmes is asked to show, kept in its address, so that one link is one view.

import { setup } from "./texts.js";

/** Distances that can be asked about, kilometres; the second is the usual one. */
export const DISTANCES = [1, 2, 5, 10];
const USUAL = DISTANCES[1];
/** What the table can show. */
export const LOOKS = ["clusters", "sites", "reach", "placements"];
/** How new places can be chosen, and how many at once. */
export const METHODS = ["cover", "median"];
export const MOST = 20;
const FEW = 3;

/** What the address asks for. `programme` is "" for all together; it and `look` are null where nobody chose. */
export function read(own = null) {
  const asked = new URLSearchParams(location.search);
  const numbered = (name) => (/^[1-6]$/.test(asked.get(name) ?? "") ? Number(asked.get(name)) : null);
  const one = (name, of) => of.find((known) => String(known) === asked.get(name)) ?? null;
  const within = asked.get("within") ? { code: asked.get("within"), level: asked.get("within_level") } : null;
  const sites = Number(asked.get("sites"));
  return {
    release: numbered("release"),
    before: numbered("with"),
    within: asked.get("within") === "" ? null : within ?? (own && { ...own }),
    programme: asked.get("programme"),
    km: one("km", DISTANCES) ?? USUAL,
    look: one("look", LOOKS),
    method: one("method", METHODS) ?? METHODS[0],
    sites: Number.isInteger(sites) && sites >= 1 && sites <= MOST ? sites : FEW,
    hidden: (asked.get("hide") ?? "").split(",").filter((name) => /^\w+$/.test(name)),
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
  if (view.programme !== null) query.set("programme", view.programme);
  set("km", view.km !== USUAL && view.km);
  set("look", view.look);
  set("method", view.method !== METHODS[0] && view.method);
  set("sites", view.sites !== FEW && view.sites);
  set("hide", view.hidden.join());
  return `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`;
}
