// Numbers as people read them: a rate never without its numerator, its denominator and its time.

import { h } from "./page.js";
import { basis, number, percent, setup, t, time } from "./texts.js";

/** The share of the campaign's days begun; `live` moves the day on. */
export const elapsed = () => setup.campaign.day / setup.campaign.days;

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

/** The heart of every panel: coverage large, the bar, what it rests on, and its two parts where it exceeds 100 %. */
export function summary(row, asOf, due = null) {
  const over = row.coverage !== null && row.coverage > 1;
  // cut like `percent` cuts, so that the two parts make up the whole that is shown
  const prelist = over ? Math.floor((1000 * (matched(row) - row.new)) / row.expected) / 1000 : null;
  return [
    h("p", { class: "rate" }, h("b", {}, percent(row.coverage)), " ", h("span", {}, t("measure.coverage").toLowerCase())),
    bar(row, due),
    h("p", { class: "counted" }, h("b", {}, counted(row)), " ", h("span", { class: "basis" }, basis(asOf))),
    over
      ? h("p", { class: "parts" }, t("figures.parts", {
          total: percent(row.coverage), prelist: percent(prelist), new: percent(row.coverage - prelist),
        }))
      : null,
  ];
}

/** The figures of the caller's whole part of the country, with the bar explained. */
export function whole(row, asOf) {
  const due = elapsed();
  return [...summary(row, asOf, due), h("p", { class: "small due-note" }, t("figures.due", { value: percent(due) }))];
}

/** Every other figure of an area or cell as a list. */
export function details(row) {
  const lines = [
    [t("figures.gap"), number(row.gap), "strong"],
    [t("measure.resolved"), percent(row.resolved)],
    [t("measure.schedule"), percent(row.schedule)],
    [t("count.new"), number(row.new)],
    ...(row.apart > 0 && row.expected !== null ? [[t("count.apart"), number(row.apart)]] : []),
    [t("count.dropped"), number(row.dropped)],
    ...(row.level ? [[t("figures.last_at"), row.last_at ? time(row.last_at) : t("figures.never")]] : []), // cells keep none
  ];
  const others = OTHERS.filter((name) => row[name] > 0).map((name) => [t(`count.${name}`), number(row[name])]);
  return [list(lines), others.length ? h("details", {}, h("summary", {}, t("figures.visits")), list(others)) : null];
}

function list(lines) {
  return h("dl", {}, lines.map(([name, value, kind]) => h("div", { class: kind }, h("dt", {}, name), h("dd", {}, value))));
}
