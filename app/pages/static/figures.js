// Numbers as people read them: a rate never without its numerator, its denominator and its time.

import { age, elapsed } from "./calendar.js";
import { h } from "./page.js";
import { ago, basis, number, percent, setup, t, time } from "./texts.js";

export { elapsed };

const OTHERS = ["partial", "not_met", "refused", "not_found", "moved", "deceased", "ineligible", "closed"];

/** A bar of coverage: families of the prelist, then new ones; the mark is 100 %, the tick where the calendar stands. */
export function bar(row, due = null) {
  const made = h("span", { class: "bar", role: "img", "aria-label": t("figures.bar", { value: percent(row.coverage) }) });
  if (row.coverage === null) return made;
  const scale = Math.max(1, row.coverage);
  const fresh = row.new === undefined ? 0 : row.new / row.expected;
  const parts = [["prelist", row.coverage - fresh], ["new", fresh]];
  for (const [name, part] of parts) {
    const piece = h("i", { class: name });
    piece.style.width = `${(100 * part) / scale}%`;
    made.append(piece);
  }
  const marks = [["full", scale > 1 ? 1 / scale : null], ["due", due === null ? null : due / scale]];
  for (const [name, at] of marks) {
    if (at === null) continue;
    const mark = h("i", { class: name });
    mark.style.left = `${100 * at}%`;
    made.append(mark);
  }
  return made;
}

/** Completed families that may be set against the expected: without those of blocks whose expected are unknown. */
export function matched(row) {
  return row.completed === null || row.expected === null ? row.completed : row.completed - row.apart;
}

/** "43 of 120 expected families". */
export function counted(row) {
  const values = { completed: number(matched(row)), expected: number(row.expected) };
  return t(row.expected === null ? "figures.no_expected" : "figures.of", values);
}

/** The state of a block: a sign and words, never a colour alone. */
export function state(name) {
  return h("span", { class: `state ${name}` }, h("i", { "aria-hidden": "true" }), t(`state.${name}`));
}

/**
 * The heart of every panel: coverage large, the bar, what it rests on, and its two parts where it exceeds 100 %.
 * `day` is the past day the figures are of, null for now.
 */
export function summary(row, asOf, due = null, day = null) {
  return [
    h("p", { class: "rate" }, h("b", {}, percent(row.coverage)), " ", h("span", {}, t("measure.coverage").toLowerCase())),
    bar(row, due),
    h("p", { class: "counted" }, h("b", {}, counted(row)), " ", h("span", { class: "basis" }, basis(asOf, day))),
    ...(row.coverage !== null && row.coverage > 1 ? over(row) : []),
  ];
}

/** More than 100 %: its two parts, and in words how there can be more families than expected. */
function over(row) {
  const listed = matched(row) - row.new;
  const prelist = Math.floor((1000 * listed) / row.expected) / 1000; // cut like `percent` cuts, so that the parts make up the whole
  const parts = { total: percent(row.coverage), prelist: percent(prelist), new: percent(row.coverage - prelist) };
  const beyond = listed - row.expected;
  return [
    h("p", { class: "parts" }, t("figures.parts", parts)),
    h("p", { class: "small why" },
      row.new > 0 ? t("figures.why_new", { new: number(row.new) }) : "",
      beyond > 0 ? ` ${t("figures.why_beyond", { n: number(beyond) })}` : ""),
  ];
}

/** The figures of the caller's whole part of the country, with the bar explained; `day` as in `summary`. */
export function whole(row, asOf, day = null) {
  const due = elapsed(day ?? undefined);
  const stats = [
    [t("figures.gap"), number(row.gap)],
    [t("measure.resolved"), percent(row.resolved)],
    [t("measure.schedule"), percent(row.schedule)],
  ];
  return [
    ...summary(row, asOf, due, day),
    h("p", { class: "small due-note" }, t("figures.due", { value: percent(due) })),
    h("dl", { class: "stats" }, stats.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
  ];
}

/** The other numbers that matter, each with what it rests on, and every count behind them. `day` as in `summary`. */
export function details(row, day = null) {
  const { expected } = row;
  const of = { expected: number(expected) };
  const lines = [
    [t("figures.gap"), number(row.gap), expected === null ? null : t("figures.gap_of", of), "strong"],
    [t("measure.resolved"), percent(row.resolved), resolvedOf(row)],
    [t("measure.schedule"), percent(row.schedule), row.schedule === null ? null : scheduleOf(row, day)],
    ...(row.level && day === null ? [[t("figures.last_at"), row.last_at ? time(row.last_at) : t("figures.never"), row.last_at ? ago(age(row.last_at)) : null]] : []), // cells and past days keep none
    [t("count.new"), number(row.new)],
    ...(row.apart > 0 && expected !== null ? [[t("count.apart"), number(row.apart)]] : []),
    [t("count.dropped"), number(row.dropped)],
  ];
  const others = OTHERS.filter((name) => row[name] > 0).map((name) => [t(`count.${name}`), number(row[name])]);
  return [list(lines), others.length ? h("details", {}, h("summary", {}, t("figures.visits")), list(others)) : null];
}

/** Where some blocks have no expected families the counts of the others are not told apart: then only the denominator. */
function resolvedOf(row) {
  if (row.resolved === null) return null;
  const done = row.completed - row.new + row.dropped + row.closed;
  return t(row.apart > 0 ? "figures.resolved_of" : "figures.resolved_done", { done: number(done), expected: number(row.expected) });
}

function scheduleOf(row, day) {
  const on = day ?? setup.campaign.day;
  return t("figures.schedule_of", { coverage: percent(row.coverage), due: percent(elapsed(on)), day: on, days: setup.campaign.days });
}

function list(lines) {
  const line = ([name, value, rests, kind]) =>
    h("div", { class: kind }, h("dt", {}, name), h("dd", {}, value), rests ? h("dd", { class: "rests" }, rests) : null);
  return h("dl", {}, lines.map(line));
}
