// The odds that a plan rests on, and what yesterday did to them, as a small table.

import { h } from "./page.js";
import { number, percentRange, percentBreak, t } from "./texts.js";

const HEADS = ["what", "now", "moved", "of"];

/** Elements for the `odds` of a plan: shares of visits that were won, by what came before, number or part of the day. */
export function odds(rows) {
  return [
    h("p", { class: "small" }, t("plan.odds_lead")),
    h("table", { class: "chances" },
      h("thead", {}, h("tr", {}, HEADS.map((name) => h("th", { scope: "col" }, t(`plan.odds_${name}`))))),
      h("tbody", {}, rows.map((row) => h("tr", {},
        h("th", { scope: "row" }, kind(row.what)),
        h("td", {}, h("b", {}, t("plan.n_in_10", { n: number(10 * row.share) })), " ", h("span", { class: "small" }, percentRange(row.low, row.high))),
        h("td", {}, moved(row)),
        h("td", {}, number(row.of)))))),
  ];
}

/** "not_met", "not_met.2", "first.evening" in words. */
function kind(what) {
  const [after, finer] = what.split(".");
  if (!finer) return t(`plan.odds_${after}`);
  return `${t(`plan.odds_${after}`)}, ${/^\d$/.test(finer) ? t("plan.odds_visit", { n: finer }) : t(`plan.odds_${finer}`)}`;
}

function moved({ share, before }) {
  const [now, then] = [percentBreak(share), percentBreak(before)];
  return now === then ? t("plan.odds_same") : t(share > before ? "plan.odds_up" : "plan.odds_down", { before: then });
}
