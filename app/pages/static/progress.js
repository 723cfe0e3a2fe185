// How the campaign goes against its deadline: in words, as a curve, where it is stuck, and of whom nothing is heard.

import { dateOf } from "./calendar.js";
import { Charts, series, steps } from "./curve.js";
import { Live } from "./live.js";
import { address, get, h, paced } from "./page.js";
import { search } from "./search.js";
import { number, percent, percentBreak, percentRange, shortDate, t } from "./texts.js";
import { facts, lead, reason, verdict } from "./verdict.js";
import { ORDERS, areas, below, person, silence, span } from "./worst.js";

/** Milliseconds between two loads while figures change; people are asked about more seldom. */
const PAUSE = 10_000;
const PEOPLE_PAUSE = 60_000;

const PEOPLE = 10;
const TARGETS = [0.9, 0.95, 0.99];
const QUIETS = [24, 48, 72];

const place = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const one = (name, allowed, otherwise) => (allowed.includes(Number(asked.get(name))) ? Number(asked.get(name)) : otherwise);
const view = {
  within: asked.get("within"),
  level: asked.get("within_level"),
  target: one("target", TARGETS, 0.95),
  quiet: one("quiet", QUIETS, 24),
  order: asked.get("order") in ORDERS ? asked.get("order") : "gap",
  all: false,
  people: PEOPLE,
};
const charts = new Charts(place("curve"), place("bars"), place("readout"));
let turn = 0;
let peopleTurn = 0;
let lastTotal = null;
let shown = null;

const where = () => ({ within: view.within, within_level: view.level });

function remember() {
  const query = new URLSearchParams();
  const plain = { within: null, level: null, target: 0.95, quiet: 24, order: "gap" };
  for (const [name, usual] of Object.entries(plain)) {
    if (view[name] && view[name] !== usual) query.set(name === "level" ? "within_level" : name, view[name]);
  }
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

/** Load everything but the enumerators and show it in place. */
async function load() {
  const mine = ++turn;
  try {
    const answer = await get("/v1/progress", { ...where(), target: view.target });
    if (mine !== turn) return;
    live.epoch ??= answer.epoch;
    place("problem").replaceChildren();
    show(answer);
    await loadAreas(mine);
  } catch (error) {
    if (mine === turn) fail("problem", "progress.failed", load);
  }
}

function fail(id, key, again) {
  place(id).replaceChildren(h("p", { class: "notice bad", role: "alert" }, t(key), " ",
    h("button", { type: "button", class: "quiet", onclick: again }, t("map.retry"))));
}

function show(answer) {
  const found = verdict(answer);
  const title = place("verdict-title");
  if (title.textContent !== found.words) title.replaceChildren(h("i", { "aria-hidden": "true" }), found.words);
  Object.assign(place("verdict").dataset, { state: found.state });
  place("verdict").setAttribute("aria-busy", "false");
  place("lead").textContent = lead(answer);
  place("facts").replaceChildren(...facts(answer));
  const drawn = Boolean(answer.progress.length && answer.expected);
  place("curves").hidden = !drawn;
  if (!drawn) return;
  for (const id of ["key-ahead", "key-needed"]) place(id).hidden = id === "key-ahead" ? !answer.forecast : !answer.pace_needed;
  place("why").hidden = Boolean(answer.forecast);
  place("why").textContent = answer.forecast ? "" : reason(answer.why);
  charts.draw(answer);
  showTable(answer);
  place("exports").replaceChildren(...files("/v1/progress", { ...where(), target: view.target }));
}

/** The curve's numbers as a table: what was, and below it what is forecast. */
function showTable(answer) {
  const { day, low, middle, high } = series(answer);
  const made = steps(answer);
  const head = ["table_day", "table_done", "table_due", "table_apart", "table_made"];
  const share = (n) => `${number(n)} (${percent(n / answer.expected)})`;
  const signed = (n) => (n > 0 ? `+${number(n)}` : number(n).replace("-", "−"));
  const past = answer.progress.map((row, i) => h("tr", {},
    h("th", { scope: "row" }, row.whole ? shortDate(row.date) : t("progress.table_open", { date: shortDate(row.date) })),
    h("td", {}, share(row.done)), h("td", {}, share(row.due)), h("td", {}, signed(row.done - row.due)),
    h("td", {}, signed(made.whole[i] ?? made.today[i]))));
  const whole = answer.progress.filter((row) => row.whole).length;
  const ahead = day.filter((at) => at > whole && middle[at] !== null).map((at) => h("tr", {},
    h("th", { scope: "row" }, shortDate(dateOf(at))),
    h("td", { colspan: "4" }, percentRange(low[at], high[at]))));
  place("days").replaceChildren(
    h("caption", { class: "unseen" }, t("progress.curve")),
    h("thead", {}, h("tr", {}, head.map((name) => h("th", { scope: "col" }, t(`progress.${name}`))))),
    h("tbody", { class: "past" }, past),
    ...(ahead.length
      ? [h("tbody", { class: "ahead" }, h("tr", {}, h("th", { colspan: "5", scope: "rowgroup" }, t("progress.table_ahead"))), ahead)]
      : []),
  );
}

function files(path, parameters) {
  return [h("span", { class: "label" }, t("table.export")),
    ...["csv", "xlsx"].map((format) =>
      h("a", { href: address(path, { ...parameters, format }), download: true }, format.toUpperCase()))];
}

async function loadAreas(mine) {
  try {
    const found = await below(view.within && { code: view.within, level: view.level }, shown?.level);
    if (mine !== turn) return;
    shown = found;
    showAreas();
  } catch (error) {
    if (mine === turn) fail("worst", "progress.areas_failed", load);
  }
}

function showAreas() {
  const { total, items } = areas(shown.rows, view.order, view.all);
  const held = document.activeElement?.closest("#worst li")?.dataset.code;
  place("areas").hidden = shown.rows.length < 2 && !view.within;
  place("worst").replaceChildren(...(items.length ? items : [h("li", { class: "empty" }, t("progress.no_areas"))]));
  place("all-areas").hidden = items.length >= total;
  place("all-areas").textContent = t("progress.all_areas", { n: number(total) });
  if (held) place("worst").querySelector(`li[data-code="${CSS.escape(held)}"] a`)?.focus({ preventScroll: true });
}

/** Those without news; who is in touch is not listed. */
async function loadPeople() {
  if (!place("people")) return;
  const mine = ++peopleTurn;
  const question = { ...where(), quiet: view.quiet, state: ["never", "quiet", "unsynced"] };
  try {
    const answer = await get("/v1/enumerators", { ...question, limit: view.people });
    if (mine !== peopleTurn) return;
    place("silent-said").textContent = silence(answer, view.quiet);
    place("silent").replaceChildren(...answer.enumerators.map(person));
    place("more-people").hidden = !answer.next;
    place("people-exports").replaceChildren(...files("/v1/enumerators", { ...where(), quiet: view.quiet, limit: 10000 }));
  } catch (error) {
    if (mine !== peopleTurn) return;
    place("silent-said").textContent = "";
    if (error.code === "too-wide") place("silent").replaceChildren(h("li", { class: "empty" }, t("progress.too_wide")));
    else fail("silent", "progress.people_failed", loadPeople);
  }
  place("people").setAttribute("aria-busy", "false");
}

/** Buttons of which one is chosen. */
function segments(id, choices, name, words, then) {
  if (!place(id)) return;
  place(id).replaceChildren(...choices.map((choice) =>
    h("button", { type: "button", "aria-pressed": String(view[name] === choice), onclick: () => {
      view[name] = choice;
      remember();
      segments(id, choices, name, words, then);
      place(id).children[choices.indexOf(choice)].focus();
      then();
    } }, words(choice))));
}

/** Leave for another area; null is the whole scope. */
function narrow(area) {
  location.assign(address("/progress", { ...Object.fromEntries(new URLSearchParams(location.search)),
    within: area?.code ?? null, within_level: area?.level ?? null }));
}

/** Where we are, from the top, each area a link. */
function showPath(path) {
  const link = (area) => address("/progress", { target: view.target === 0.95 ? null : view.target, within: area?.code, within_level: area?.level });
  place("path").replaceChildren(h("ol", {},
    h("li", {}, view.within ? h("a", { href: link(null) }, t("app.everywhere")) : h("b", { "aria-current": "page" }, t("app.everywhere"))),
    path.map((area, i) => h("li", {}, i === path.length - 1
      ? h("b", { "aria-current": "page" }, area.name)
      : h("a", { href: link(area) }, area.name)))));
}

const reload = paced(PAUSE, load);
const reloadPeople = paced(PEOPLE_PAUSE, loadPeople);
const live = new Live((change) => {
  const total = JSON.stringify(change.total ?? null);
  if (!change.resync && total === lastTotal) return;
  lastTotal = total;
  reload();
  reloadPeople();
});

/** Rows are not wanted of the stream, only that something changed in our part: the coarsest level says it cheapest. */
const follow = () => live.follow({ level: "province", ...where() });

/** The area's name, its place, and its level where the link names none. */
async function begin() {
  showPath([]);
  if (view.within) {
    const found = await get(`/v1/areas/${encodeURIComponent(view.within)}`, { level: view.level }).catch(() => null);
    if (found) view.level = found.area.level;
    showPath(found ? found.path : [{ name: view.within }]);
  }
  await Promise.all([load(), loadPeople()]);
  follow();
}

search(place("search"), narrow);
segments("targets", TARGETS, "target", percentBreak, load);
segments("orders", Object.keys(ORDERS), "order", (order) => t(order === "gap" ? "progress.by_gap" : "progress.by_schedule"), () => shown && showAreas());
segments("quiets", QUIETS, "quiet", span, loadPeople);
place("all-areas").addEventListener("click", () => { view.all = true; showAreas(); });
place("more-people")?.addEventListener("click", () => { view.people += 5 * PEOPLE; loadPeople(); });
begin();
