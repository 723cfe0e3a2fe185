// Where it is stuck, and of whom nothing is heard: the areas below the one shown, and its enumerators.

import { bar, counted, elapsed } from "./figures.js";
import { address, get, h } from "./page.js";
import { number, percent, percentBreak, t, tenths, time } from "./texts.js";

const LEVELS = ["province", "regency", "district", "village", "block"];
const FEW = 8;

/** Orders of areas: largest gap first, or least of its schedule first. */
export const ORDERS = {
  gap: (a, b) => b.gap - a.gap || a.n - b.n,
  schedule: (a, b) => (a.schedule ?? Infinity) - (b.schedule ?? Infinity) || b.gap - a.gap || a.n - b.n,
};

/**
 * The areas of the first level below that has several in sight: of a village its blocks, of a province its regencies.
 * What lies outside the caller's scope has no figures and is left out.
 */
export async function below(within, first) {
  const above = within ? LEVELS.indexOf(within.level) : -1;
  const levels = first ? [first] : LEVELS.slice(above + 1);
  let rows = [];
  for (const level of levels) {
    const answer = await get("/v1/coverage", { level, within: within?.code, within_level: within?.level });
    rows = answer.coverage.filter((row) => row.completed !== null && row.level !== within?.level);
    if (rows.length > 1 || level === "block") return { level, rows };
  }
  return { level: levels.at(-1), rows };
}

/** Rows of areas where something is missing, worst first; `all` shows more than a few. */
export function areas(rows, order, all) {
  const open = rows.filter((row) => row.gap > 0).sort(ORDERS[order]);
  return { total: open.length, items: (all ? open : open.slice(0, FEW)).map(area) };
}

function area(row) {
  const here = { within: row.code, within_level: row.level };
  const behind = row.schedule !== null && row.schedule < 0.8;
  return h("li", { "data-code": row.code },
    h("div", { class: "much" }, h("b", {}, number(row.gap)), h("span", {}, t("progress.missing"))),
    h("div", { class: "what" },
      row.level === "block"
        ? h("h3", {}, row.name, " ", h("span", { class: "code" }, row.code))
        : h("h3", {}, h("a", { href: address("/progress", here) }, row.name), " ", h("span", { class: "code" }, row.code)),
      h("p", {}, h("b", {}, percent(row.coverage)), " ", counted(row)),
      bar(row, elapsed())),
    h("p", { class: behind ? "pace behind" : "pace" },
      h("i", { "aria-hidden": "true" }), t("progress.of_schedule", { share: percentBreak(Math.floor(100 * (row.schedule ?? 0)) / 100) })),
    h("p", { class: "go" },
      h("a", { href: address("/", { area: row.code, level: row.level }), "aria-label": `${t("progress.on_map")}: ${row.name}` }, t("progress.on_map")),
      row.level === "block"
        ? null
        : h("a", { href: address("/gaps", here), "aria-label": `${t("progress.in_gaps")}: ${row.name}` }, t("progress.in_gaps"))));
}

/** Hours as people say them. */
export const span = (hours) =>
  hours < 48 ? t("progress.hours", { n: number(hours) }) : t("progress.days", { n: tenths(hours / 24) });

/** One enumerator: its state in a sign and words, how long nothing was heard, and what was heard last. */
export function person(row) {
  const sent = row.received_at
    ? t("progress.last_sent", { received: time(row.received_at), captured: time(row.captured_at) })
    : t("progress.never_sent");
  const said = row.heard_at
    ? t("progress.device_said", { heard: time(row.heard_at), queued: number(row.queued) })
    : t("progress.no_device");
  const work = row.blocks
    ? t("progress.their_blocks", { done: number(row.done), expected: number(row.expected), blocks: number(row.blocks) })
    : t("progress.no_blocks");
  return h("li", { "data-name": row.name },
    h("p", { class: `news ${row.state}` }, h("i", { "aria-hidden": "true" }), t(`progress.news_${row.state}`)),
    h("div", { class: "what" },
      h("h3", {}, row.name, " ", row.supervisor ? h("span", { class: "code" }, t("progress.led_by", { name: row.supervisor })) : null),
      h("p", {}, row.hours === null ? work : [h("b", {}, t("progress.silent_for", { ago: span(row.hours) })), " · ", work]),
      h("p", { class: "small" }, row.hours === null ? "" : `${sent}; ${said}`)));
}

/** How many gave no word, as sentences. */
export function silence({ states }, quiet) {
  const total = Object.values(states).reduce((sum, n) => sum + n, 0);
  if (!total) return t("progress.nobody_works");
  const silent = states.never + states.quiet;
  const said = [silent
    ? t("progress.silent_said", { n: number(silent), total: number(total), hours: span(quiet) })
    : t("progress.silent_none", { total: number(total), hours: span(quiet) })];
  if (states.never) said.push(t("progress.silent_never", { n: number(states.never) }));
  if (states.unsynced) said.push(t("progress.silent_unsynced", { n: number(states.unsynced) }));
  return said.join(" ");
}
