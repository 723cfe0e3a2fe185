// One stop of a plan in words: what, where, when, why; and the buttons that move it.

import { address, h } from "./page.js";
import { moment } from "./moments.js";
import { dayOn, distance, hour, number, t, tenths } from "./texts.js";
import { wayThere } from "./way.js";

/** States of a block that say why somebody should go there. */
const STATES = ["unvisited", "silent", "behind"];
/** Minutes from which hours are said. */
const LONG = 90;

/**
 * The item of a stop. `n` is its number on the way of `who` (null: nobody goes there), `timed` whether its times still hold;
 * `acts` has `move(id, by)` and `give(id)`, null where nothing is being changed.
 */
export function stop(row, { n = null, who = null, timed = true, first = false, last = false, acts = null }) {
  const late = timed && row.late;
  return h("li", { class: `stop${late ? " late" : ""}`, "data-stop": row.stop, tabindex: "-1" },
    h("div", { class: "nth" },
      h("span", { class: "tick on-paper" }),
      n === null ? null : h("b", {}, number(n)),
      timed && row.arrive ? h("time", { datetime: row.arrive }, hour(row.arrive)) : null),
    h("div", { class: "told" },
      h("p", { class: "doing" }, sign(row.kind), what(row)),
      h("p", { class: "block-name" }, h("a", { href: address("/block", { code: row.code, level: "block" }) }, row.name), " ", h("span", { class: "code" }, row.code)),
      badges(row, late, who),
      h("p", {}, reason(row)),
      h("p", {}, expected(row)),
      h("p", { class: "small" }, effort(row, timed))),
    n === null ? null : h("p", { class: "on-paper note" }, t("plan.paper_note")),
    h("div", { class: "go" }, acts ? buttons(row, { n, first, last, acts }) : wayThere({ ...row, name: said(row), n: row.stop })));
}

/** The sign of a kind of stop: a ring to come back to, a gap to fill, a field to walk. */
export const sign = (kind) => h("i", { class: `kind ${kind}`, "aria-hidden": "true" });

/** A stop in one line. */
export const said = (row) => `${what(row)}, ${row.name}`;

/** What is to be done there: of a single family its building and number of the prelist, else its id; which part of a block. */
function what({ kind, stop: id, building, sequence, household_id: family }) {
  const door = [building && t("plan.building", { n: building }), sequence !== null && t("plan.sequence", { n: sequence })].filter(Boolean).join(", ");
  const which = { callback: door || family, block: t("plan.part", { n: id.split(".").pop() }), hole: null }[kind];
  return which ? `${t(`plan.kind_${kind}`)}: ${which}` : t(`plan.kind_${kind}`);
}

/** What binds a stop to an hour, and that it lies in a block of somebody else. */
function badges(row, late, who) {
  const said = [];
  if (row.reason === "appointment") said.push([late ? "late" : "", t(late ? "plan.late" : "plan.appointment", { time: hour(row.appointment) })]);
  else if (row.earliest && row.arrive && dayOn(row.earliest) === dayOn(row.arrive)) said.push(["", t("plan.earliest", { time: hour(row.earliest) })]);
  if (who !== null && row.assigned !== who) said.push(["other", row.assigned ? t("plan.not_own", { name: row.assigned }) : t("plan.not_own_nobody")]);
  return said.length ? h("p", { class: "badges" }, said.map(([kind, words]) => h("b", { class: `badge ${kind}` }, words))) : null;
}

/** Why it is worth going: what came of the visit before, or how the block stands. */
function reason(row) {
  if (row.kind === "hole") return t("plan.why_hole");
  if (row.kind === "block") return t(STATES.includes(row.reason) ? `plan.why_${row.reason}` : "plan.why_rest");
  const before = t("plan.why_last", { result: t(`count.${row.result}`), n: number(row.visits) });
  if (row.reason === "missed") return `${t("plan.why_missed", { when: moment(row.appointment) })} ${before}`;
  return row.reason === "appointment" ? `${t("plan.why_appointment")} ${before}` : before;
}

/** What it costs: the way there, where that is known, and the time there. */
function effort(row, timed) {
  const walk = timed && row.walk_m !== null ? t("plan.from_last", { walk: distance(row.walk_m) }) : null;
  const minutes = Math.round(row.work_minutes);
  const work = minutes < LONG ? t("plan.work", { n: number(minutes) }) : t("plan.work_hours", { n: tenths(minutes / 60) });
  return [walk, work].filter(Boolean).join(" · ");
}

/** What is expected of it: of one family the chance, of several how many. */
function expected(row) {
  if (row.families === 1) return chance(row.odds);
  return t("plan.of_families", { won: number(Math.max(1, Math.round(row.won))), n: number(row.families) });
}

/** A chance (from 0 to 1) as people say it. */
export function chance(share) {
  const tenths = Math.round(10 * share);
  if (tenths === 0) return t("plan.chance_hardly");
  return tenths === 10 ? t("plan.chance_surely") : t("plan.chance", { n: number(tenths) });
}

function buttons(row, { n, first, last, acts }) {
  const about = () => h("span", { class: "unseen" }, `: ${said(row)}`);
  const step = (by, arrow, words, off) => h("button", {
    type: "button", class: "step", "data-key": `${by} ${row.stop}`, disabled: off, title: words, onclick: () => acts.move(row.stop, by),
  }, h("span", { "aria-hidden": "true" }, arrow), h("span", { class: "unseen" }, words), about());
  return [
    ...(n === null ? [] : [step(-1, "↑", t("plan.up"), first), step(1, "↓", t("plan.down"), last)]),
    h("button", { type: "button", "data-key": `give ${row.stop}`, onclick: () => acts.give(row.stop) }, t(n === null ? "plan.put_in" : "plan.give"), about()),
  ];
}
