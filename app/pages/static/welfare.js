// The week after the consultation: which forums to ring up, what another cut-off changes, which rows were not taken.
// One list at a time, in the same frame; which one is in the address. Nothing but the list itself is loaded before it is wanted.

import { Live } from "./live.js";
import { exports, get, h } from "./page.js";
import { t } from "./texts.js";
import { Within } from "./within.js";

const PAGE = 20;
/** The three parts: the module of each says what is asked for, what stands above its list, and what a card is. */
const LOOKS = {
  movements: () => import("./moved.js"),
  cutoffs: () => import("./cutoff.js"),
  held: () => import("./untaken.js"),
};
const FORMATS = ["xlsx", "csv", "geojson"];

const place = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const look = Object.hasOwn(LOOKS, asked.get("look") ?? "") ? asked.get("look") : "movements";
const view = { within: asked.get("within"), level: asked.get("within_level"), next: null };
let part = null;
let turn = 0;

const where = () => ({ within: view.within, within_level: view.within && view.level });
const question = () => ({ ...where(), ...part.question() });

/** The address says what is shown; the other parts keep the area. */
function remember() {
  const query = (values) => {
    const made = new URLSearchParams();
    for (const [name, value] of Object.entries(values)) if (value !== null && value !== undefined && value !== "") made.append(name, value);
    return `?${made}`;
  };
  history.replaceState(null, "", query({ look, ...where(), ...part.address() }));
  for (const link of document.querySelectorAll("#looks a")) link.href = `/welfare${query({ look: link.dataset.look, ...where() })}`;
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
  if (!more) {
    place("list").replaceChildren();
    place("more").hidden = true;
    title(t("welfare.failed_title"));
  }
  const words = part.refused?.(error) ?? t("welfare.failed");
  place("problem").replaceChildren(h("p", { class: "notice bad", role: "alert" }, words, " ",
    h("button", { type: "button", class: "quiet", onclick: () => load(more) }, t("map.retry"))));
}

function title(words) {
  if (place("list-title").textContent !== words) place("list-title").textContent = words;
}

/** Rows of which nothing may be told stay out of sight: they lie partly in areas of others. */
const shown = (row) => row.families !== null;

function show(answer, more) {
  const items = part.rows(answer).filter(shown).map((row) => part.card(row, go));
  if (more) place("list").append(...items);
  else place("list").replaceChildren(...(items.length ? items : [h("li", { class: "empty" }, part.empty(answer))]));
  view.next = answer.next;
  place("more").hidden = answer.next === null;
  tell(answer);
  place("exports").replaceChildren(...exports(t("table.export"), part.path, { ...question(), limit: part.most ?? 10_000 }, FORMATS).slice(1));
  if (more) items[0]?.querySelector("button, a")?.focus();
}

/** What every answer says of the whole list. Whoever holds the focus keeps it. */
function tell(answer) {
  title(part.title(answer));
  const held = document.activeElement?.dataset?.key;
  const open = place("beside").querySelector("details")?.open;
  place("narrow").replaceChildren(...part.narrow(answer, ask));
  place("beside").replaceChildren(...part.beside(answer, ask));
  const details = place("beside").querySelector("details");
  if (details && open !== undefined) details.open = open;
  if (held) document.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}

/** Something else is asked for: from the first page on. */
function ask(changes = {}) {
  Object.assign(part.view, changes);
  remember();
  load();
}

/** What lies inside an area of the list. */
function go(row, changes) {
  Object.assign(view, { within: row.code, level: row.level });
  area.show(view);
  ask(changes);
  place("list-title").scrollIntoView({ block: "start" });
}

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
place("lead").textContent = t(`welfare.lead_${look}`);
LOOKS[look]().then((module) => {
  part = module;
  part.begin(asked);
  remember();
  return load();
}).then(() => live.follow({ level: "province" }));
if (look === "held" && place("import")) {
  place("import").hidden = false;
  import("./ledger-file.js").then(({ receive }) => receive(place("upload"), () => load()));
}
