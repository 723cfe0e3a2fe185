// Whom to send where: the plan of one team for one day, as it is proposed or as somebody changed it, and the saving of changes.

import { Asked } from "./asked.js";
import { copied, dismiss, newId, outbox, send } from "./copies.js";
import { Draft } from "./draft.js";
import { Live } from "./live.js";
import { moment } from "./moments.js";
import { age } from "./outbox.js";
import { exports, get, h } from "./page.js";
import { route } from "./route.js";
import { said, stop } from "./stop.js";
import { number, setup, t, time, weekday } from "./texts.js";

const PATH = "/v1/plan";
const KINDS = ["callback", "hole", "block"];
/** How many of the stops that found no room are shown at first. */
const FEW = 10;

const place = (id) => document.getElementById(id);
const wide = matchMedia("(width >= 60rem)");

let draft = null;
/** The plan that changes rest on, null where it is the proposal; and the order that is saved, or waits to be. */
let base = null;
let settled = "";
let editing = false;
let sending = false;
let all = false;
let turn = 0;
let waits = [];
const open = new Set();
const mapped = new Set();

const order = () => JSON.stringify(draft.routes);
const unsaved = () => draft !== null && order() !== settled;

// ── what is shown ───────────────────────────────────────────────────────────────────────────────────────────────────

async function load() {
  const mine = ++turn;
  place("routes").setAttribute("aria-busy", "true");
  try {
    const found = await copied(PATH, asked.question);
    if (mine !== turn) return;
    live.epoch ??= found.answer.epoch;
    take(found.answer);
    age(load, found);
    place("problem").replaceChildren();
  } catch (error) {
    if (mine === turn) failed(error);
  } finally {
    if (mine === turn) place("routes").setAttribute("aria-busy", "false");
  }
}

/** Show a plan as it was answered; what somebody is changing, or what waits to be sent, stays on top of it. */
function take(plan) {
  const held = unsaved() && draft.plan.day === plan.day && draft.plan.supervisor === plan.supervisor ? draft.routes : null;
  const seen = plan.saved?.plan_id ?? null;
  if (!held && (draft?.plan.day !== plan.day || draft?.plan.supervisor !== plan.supervisor)) open.clear();
  draft = new Draft(plan);
  if (!held) base = seen;
  const waiting = waits.findLast((body) => about(body));
  if (waiting) {
    if (waiting.routes) draft.apply(waiting.routes);
    base = waiting.plan_id;
  }
  settled = order();
  if (held) draft.apply(held);
  if (wide.matches && !open.size) plan.routes.forEach((row) => open.add(row.enumerator));
  asked.show(plan);
  tell();
  draw();
}

const about = ({ supervisor, day }) => draft && supervisor === draft.plan.supervisor && day === draft.plan.day;

/** What the whole day comes to, and whose word it is. */
function tell() {
  const { plan } = draft;
  const day = weekday(plan.day);
  document.title = `${t("plan.title")} ${day} · ${plan.supervisor}`;
  place("whose").textContent = t("plan.whose", { name: plan.supervisor, day });
  const won = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
  for (const one of plan.routes.flatMap((row) => row.stops)) won[one.kind] += one.won;
  place("answer").replaceChildren(
    h("p", { class: "still" }, h("b", {}, number(Math.round(plan.families))), " ", h("span", {}, t("plan.expected", { n: number(plan.routes.length) }))),
    h("ul", { class: "of-which" }, KINDS.filter((kind) => won[kind]).map((kind) =>
      h("li", {}, h("i", { class: `kind ${kind}`, "aria-hidden": "true" }), h("b", {}, number(Math.round(won[kind]))), " ", t(`plan.from_${kind}`)))));
  const { saved } = plan;
  place("standing").replaceChildren(...(saved
    ? [h("span", {}, t("plan.changed", { name: saved.saved_by, when: moment(saved.saved_at) })), " ",
        h("button", { type: "button", class: "quiet", onclick: () => save(null) }, t("plan.to_proposal"))]
    : [h("span", {}, t("plan.proposal", { time: time(plan.as_of) }))]));
  const gone = plan.gone?.length ?? 0;
  if (gone) place("standing").append(" ", t(gone === 1 ? "plan.gone_one" : "plan.gone", { n: number(gone) }));
  if (place("odds").parentElement.open) tellOdds();
  place("exports").replaceChildren(...exports(t("table.export"), PATH, { supervisor: plan.supervisor, day: plan.day, hours: plan.hours }, ["xlsx", "gpx"]));
}

/** The table of odds, once somebody wants to see it. */
async function tellOdds() {
  const { odds } = await import("./odds.js");
  if (draft) place("odds").replaceChildren(...odds(draft.plan.odds));
}

/** The routes and what is left, as they are now. The finger, or the key, stays where it was. */
function draw() {
  const held = document.activeElement?.dataset?.key;
  const { plan } = draft;
  const stops = editing ? { move, give } : null;
  const paper = t("plan.paper", {
    campaign: setup.campaign.name, name: plan.supervisor, day: weekday(plan.day), time: time(plan.as_of), epoch: number(plan.epoch),
  }) + (setup.campaign.simulated ? ` · ${t("app.simulated")}` : "") + (unsaved() ? ` · ${t("plan.unsaved")}` : "");
  place("routes").replaceChildren(...(plan.routes.length ? plan.routes.map((row) => route(row, draft, {
    open: open.has(row.enumerator), mapped: mapped.has(row.enumerator), paper, acts: { toggle, map, stops },
  })) : [h("li", { class: "empty" }, t("plan.nobody"))]));
  const left = draft.left;
  place("left-part").hidden = !left.length;
  place("left-title").textContent = t("plan.left", { n: number(left.length) });
  place("left").replaceChildren(...(all ? left : left.slice(0, FEW)).map((one) => stop(one, { timed: false, acts: stops })));
  place("all-left").hidden = all || left.length <= FEW;
  place("edit").setAttribute("aria-pressed", String(editing));
  place("edit").textContent = t(editing ? "plan.edit_done" : "plan.edit");
  place("edit").hidden = !plan.routes.length;
  place("saving").hidden = !unsaved();
  for (const name of mapped) sketch(name);
  if (held) document.querySelector(`[data-key="${CSS.escape(held)}"]:enabled`)?.focus({ preventScroll: true });
}

function toggle(name) {
  if (!open.delete(name)) open.add(name);
  draw();
}

function map(name) {
  if (!mapped.delete(name)) mapped.add(name);
  draw();
}

/** The way of one enumerator drawn; the code for it is loaded only now. */
async function sketch(name) {
  const onto = () => document.querySelector(`[data-way="${CSS.escape(name)}"]`);
  const { start } = draft.plan.routes.find((row) => row.enumerator === name);
  try {
    const { sketch: drawn } = await import("./sketch.js");
    const made = await drawn(draft.of(name), start, t("plan.map_of", { name }));
    if (mapped.has(name)) onto()?.replaceChildren(...made);
  } catch {
    onto()?.replaceChildren(h("p", { role: "alert" }, t("plan.map_failed")));
  }
}

// ── changes by hand ─────────────────────────────────────────────────────────────────────────────────────────────────

function move(id, by) {
  draft.move(id, by);
  after(id, `${by} ${id}`, "plan.said_moved");
}

async function give(id) {
  const { enumerator } = draft.where(id);
  const people = [...draft.order].map(([name, stops]) => ({ name, stops: stops.length }));
  const { giveTo } = await import("./giving.js");
  const picked = await giveTo(said(draft.stops.get(id)), people, enumerator);
  if (!picked) return;
  draft.give(id, picked.to);
  if (picked.to) open.add(picked.to);
  after(id, null, picked.to ? "plan.said_given" : "plan.said_out");
}

/** Show a change, say it aloud, and stay with the stop. */
function after(id, key, words) {
  draw();
  const { enumerator, at } = draft.where(id);
  place("aloud").textContent = t(words, { n: number(at + 1), name: enumerator ?? "" });
  const item = document.querySelector(`[data-stop="${CSS.escape(id)}"]`);
  (key && item?.querySelector(`[data-key="${CSS.escape(key)}"]:enabled`) || item)?.focus();
}

function undo() {
  draft.apply(JSON.parse(settled));
  draw();
  place("edit").focus();
}

/** Send what was changed, or null: the proposal is to stand again. `on` is the plan that it takes the place of. */
async function save(routes = draft.routes, on = base) {
  const { supervisor, day, hours } = draft.plan;
  const body = { plan_id: newId(), base: on, supervisor, day, hours, routes };
  if (sending) return;
  sending = true;
  place("save").disabled = true;
  try {
    const sent = await send(PATH, body, t("plan.about", { name: supervisor, day: weekday(day) }), "PUT");
    settled = order();
    if (sent.queued) {
      base = body.plan_id;
      draw();
    } else if (sent.answer) take(sent.answer);
    else await load();
    editing = editing && sent.queued;
    draw();
    notice(t(sent.queued ? "plan.queued" : "plan.saved"));
  } catch (error) {
    if (error.code === "plan-changed") await conflict(body);
    else if (error.code === "unknown-stop") {
      await load();
      notice(t("plan.stops_gone"), true);
    } else notice(t("plan.not_saved", { why: error.message || error.code }), true);
  } finally {
    sending = false;
    place("save").disabled = false;
  }
}

/** Somebody else saved meanwhile: theirs, or mine on top of it. `kept` is the place in the outbox of what was refused. */
async function conflict(body, kept = null) {
  const { supervisor, day, hours } = body;
  const theirs = await get(PATH, { supervisor, day, hours }).catch(() => null);
  if (!theirs?.saved) return notice(t("plan.not_saved", { why: "plan-changed" }), true);
  const { saved_by: name, saved_at: at, plan_id: id } = theirs.saved;
  const settle = (how) => async () => {
    place("problem").replaceChildren();
    if (kept !== null) await dismiss(kept);
    how();
  };
  place("problem").replaceChildren(h("div", { class: "notice bad", role: "alert" },
    h("p", {}, t("plan.conflict", { name, when: moment(at) })),
    h("div", { class: "acts" },
      h("button", { type: "button", onclick: settle(() => { settled = order(); take(theirs); }) }, t("plan.use_theirs", { name })),
      h("button", { type: "button", onclick: settle(() => save(body.routes, id)) }, t("plan.use_mine")))));
  return undefined;
}

function notice(words, bad = false) {
  place("problem").replaceChildren(h("p", { class: bad ? "notice bad" : "notice", role: bad ? "alert" : null }, words));
}

function failed(error) {
  if (error.code === "which-supervisor") {
    const { supervisors } = error.said;
    asked.choose(supervisors);
    return notice(t(supervisors.length ? "plan.choose_first" : "plan.no_teams"));
  }
  age(load, null);
  place("problem").replaceChildren(h("p", { class: "notice bad", role: "alert" }, t("plan.failed", { why: error.code === "network" ? "" : error.message }), " ",
    h("button", { type: "button", class: "quiet", onclick: load }, t("map.retry"))));
  return undefined;
}

// ── whose plan, and what becomes of what was sent ───────────────────────────────────────────────────────────────────

/** Another team, day or number of hours. */
const asked = new Asked(place("asked"), () => !unsaved() || confirm(t("plan.lose")), () => {
  if (draft) draft.undo();
  settled = draft ? order() : "";
  load();
});

/** What waited and waits no longer was sent; what was refused as it came is decided on here. */
outbox((entries) => {
  const before = waits.length;
  const mine = entries.filter((entry) => entry.mine && entry.path === PATH);
  waits = mine.filter((entry) => entry.state === "waiting").map((entry) => entry.body);
  if (sending || !draft) return;
  const refused = mine.find((entry) => entry.state === "refused" && entry.why.code === "plan-changed" && about(entry.body));
  if (refused) conflict(refused.body, refused.place);
  else if (waits.length < before) load();
});

const live = new Live(() => null);
place("edit").addEventListener("click", () => { editing = !editing; draw(); });
place("save").addEventListener("click", () => save());
place("undo").addEventListener("click", undo);
place("print").addEventListener("click", () => print());
place("all-left").addEventListener("click", () => { all = true; draw(); });
place("odds").parentElement.addEventListener("toggle", () => tellOdds());
addEventListener("beforeunload", (event) => unsaved() && event.preventDefault());
load().then(() => live.follow({ level: "province" }));
