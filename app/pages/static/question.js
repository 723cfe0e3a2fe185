// What the list of blocks is asked, and how the address says it: one link is one list, and the map takes the same words.

import { address } from "./page.js";
import { setup } from "./texts.js";

/** States in which somebody still has to go; what the list shows where none is chosen. */
export const OPEN = ["unvisited", "silent", "behind", "started"];
export const STATES = [...OPEN, "over", "done", "empty", "unknown"];
export const SORTS = ["gap", "winnable", "coverage", "heard_at", "last_at", "code"];
export const LEAST = [1, 5, 10, 20, 50];

/** The question that the address asks: {states, within, level, q, least, sort}. */
export function read() {
  const asked = new URLSearchParams(location.search);
  const least = Number(asked.get("least"));
  return {
    states: STATES.filter((name) => asked.getAll("state").includes(name)),
    within: asked.get("within"),
    level: asked.get("within") && asked.get("within_level"),
    q: asked.get("q") ?? "",
    least: Number.isInteger(least) && least > 0 ? least : 0,
    sort: SORTS.includes(asked.get("sort")) ? asked.get("sort") : SORTS[0],
  };
}

/** The question as the API takes it. */
export const parameters = ({ states, within, level, q, least, sort }) => ({
  within, within_level: level, state: states, q: q.trim(), least: least || null, sort: sort === SORTS[0] ? null : sort,
});

/** Keep the question in the address. */
export function remember(question) {
  const lang = new URLSearchParams(location.search).has("lang") ? setup.lang : null;
  history.replaceState(null, "", address(location.pathname, { lang, ...parameters(question) }));
}

/** The same blocks on the map: it filters by state and goes to an area; words to search for it does not know. */
export const onMap = ({ states, within, level }) => address("/", { state: states.length ? states : OPEN, within, within_level: level });

/** Whether the list is narrower than what the account may see. */
export const narrowed = ({ states, within, q, least }) => Boolean(states.length || within || q.trim() || least);
