// What is worth a second look: points to doubt, edges and codes that may be wrong, and families drawn to be asked again.
// One list at a time, in the same frame; which one is in the address. Nothing but the list itself is loaded before it is wanted.

import { outbox } from "./copies.js";
import { Live } from "./live.js";
import "./outbox.js"; // says what waits to be sent
import { exports, get, h } from "./page.js";
import { t } from "./texts.js";
import { Within } from "./within.js";

const PAGE = 20;
/** The three parts: the module of each says what is asked for, what stands above its list, and what a card is. */
const LOOKS = {
  flags: () => import("./doubts.js"),
  boundaries: () => import("./edges.js"),
  again: () => import("./again.js"),
};
const FORMATS = ["xlsx", "csv", "geojson", "gpkg", "gpx", "kml"];

const place = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const look = Object.hasOwn(LOOKS, asked.get("look") ?? "") ? asked.get("look") : "flags";
const view = { within: asked.get("within"), level: asked.get("within_level"), next: null };
let part = null;
let cards = [];
/** What waits to be sent, as addresses. */
let waiting = new Set();
let turn = 0;

const where = () => ({ within: view.within, within_level: view.within && view.level });
const question = () => ({ ...where(), ...part.question() });

/** The address says what is shown; the other parts keep the area. */
function remember() {
  const query = (values) => {
    const made = new URLSearchParams();
    for (const [name, value] of Object.entries(values)) for (const one of [value].flat()) if (one) made.append(name, one);
    return `?${made}`;
  };
  history.replaceState(null, "", query({ look, ...where(), ...part.address() }));
  for (const link of document.querySelectorAll("#looks a")) link.href = `/quality${query({ look: link.dataset.look, ...where() })}`;
}

/** Load the first page, or the one after what is shown. */
async function load(more = false) {
  const mine = ++turn;
  place("list").setAttribute("aria-busy", "true");
  try {
    const answer = await get(part.path, { ...question(), limit: PAGE, after: more ? view.next : null });
    if (mine !== turn) return;
    live.epoch ??= answer.epoch;
    show(answer, more);
    place("problem").replaceChildren();
  } catch (error) {
    if (mine !== turn) return;
    failed(error, more);
  } finally {
    if (mine === turn) place("list").setAttribute("aria-busy", "false");
  }
}

function failed(error, more) {
  const wide = error.code === "too-wide";
  if (!more) {
    cards = [];
    for (const id of ["list", "beside"]) place(id).replaceChildren();
    place("more").hidden = true;
    title(t(wide ? "quality.which" : "quality.failed_title"));
  }
  place("problem").replaceChildren(wide
    ? h("p", { class: "notice" }, t("quality.too_wide"))
    : h("p", { class: "notice bad", role: "alert" }, t("quality.failed"), " ",
        h("button", { type: "button", class: "quiet", onclick: () => load(more) }, t("map.retry"))));
}

function title(words) {
  if (place("list-title").textContent !== words) place("list-title").textContent = words;
}

function show(answer, more) {
  const fresh = part.rows(answer).map((row) => part.card(row, { onDecided: count }));
  cards = more ? [...cards, ...fresh] : fresh;
  const items = fresh.map((card) => card.item);
  if (more) place("list").append(...items);
  else place("list").replaceChildren(...(items.length ? items : [h("li", { class: "empty" }, part.empty(answer))]));
  fresh.forEach(({ decision }) => decision?.waits(waiting));
  view.next = answer.next;
  place("more").hidden = answer.next === null;
  tell(answer);
  place("exports").replaceChildren(...exports(t("table.export"), part.path, { ...question(), limit: 10_000 }, FORMATS).slice(1));
  if (more) items[0]?.querySelector("button, a")?.focus();
}

/** What every answer says of the whole list. Whoever holds the focus keeps it. */
function tell(answer) {
  title(part.title(answer));
  const held = document.activeElement?.dataset?.key;
  const open = Boolean(place("beside").querySelector("details")?.open);
  const narrow = h("div", {}, ...part.narrow(answer, ask));
  if (narrow.innerHTML !== place("narrow").innerHTML) place("narrow").replaceChildren(...narrow.childNodes); // a finger may be on one
  place("beside").replaceChildren(...part.beside(answer, ask));
  const details = place("beside").querySelector("details");
  if (details && open) details.open = true;
  if (held) document.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}

/** Only the counts: after a decision the cards stay, so that it can be undone. */
async function count() {
  const answer = await get(part.path, { ...question(), limit: 0 }).catch(() => null);
  if (answer) tell(answer);
}

/** Something else is asked for: from the first page on. */
function ask(changes = {}) {
  Object.assign(part.view, changes);
  remember();
  load();
}

outbox((entries) => {
  const before = waiting;
  waiting = new Set(entries.filter((entry) => entry.mine && entry.state === "waiting").map((entry) => entry.path));
  const gone = [...before].filter((path) => !waiting.has(path));
  const sending = (path) => cards.some(({ decision }) => decision?.sending && decision.path === path);
  const late = gone.some((path) => !sending(path));
  cards.forEach(({ decision }) => decision?.waits(waiting));
  if (part && late) load(); // what waited has arrived, or was refused: the list is another one
});

const live = new Live(() => null);
live.onTime = (newDay) => newDay && part && load();
place("more").addEventListener("click", () => load(true));
const area = new Within(place("search"), place("within"), (to) => {
  Object.assign(view, to);
  area.show(view);
  ask();
});
area.show(view);
document.querySelector(`#looks [data-look="${look}"]`).setAttribute("aria-current", "page");
place("lead").textContent = t(`quality.lead_${look}`);
LOOKS[look]().then((module) => {
  part = module;
  part.begin(asked);
  remember();
  return load();
}).then(() => live.follow({ level: "province" }));
