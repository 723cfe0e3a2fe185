// One block of the list: how many families are left, why, who works there, and how to get there.

import { bar, counted, elapsed, state } from "./figures.js";
import { address, h } from "./page.js";
import { phone, reason } from "./reasons.js";
import { number, percent, t } from "./texts.js";
import { wayThere } from "./way.js";

/** A card for a row of /v1/gaps. */
export function card(row) {
  const of = { code: row.code, level: row.level };
  return h("li", { class: "gap", "data-code": row.code },
    h("div", { class: "left-over" }, h("b", {}, number(row.gap)), h("span", {}, t("gaps.left"))),
    h("div", { class: "what" },
      h("h3", {}, h("a", { href: address("/block", of), "data-key": `block-${row.n}` }, row.name), " ", h("span", { class: "code" }, row.code)),
      h("p", { class: "place" }, row.place.split(", ").slice(0, 2).join(", ")),
      winnable(row)),
    h("div", { class: "why" }, state(row.state), h("p", {}, reason(row))),
    h("div", { class: "much" },
      bar(row, elapsed()),
      h("p", {}, h("b", {}, percent(row.coverage)), " ", counted(row)),
      worker(row)),
    h("div", { class: "go" },
      link(row, "block", address("/block", of), "gaps.details"),
      link(row, "map", address("/", { area: row.code, level: row.level }), "gaps.on_map"),
      ...wayThere(row)));
}

const link = (row, key, href, words) =>
  h("a", { href, "data-key": `${key}-go-${row.n}`, "aria-label": `${t(words)}: ${row.name}` }, t(words));

function winnable({ gap, spent, winnable: n }) {
  if (!gap || n === undefined || n === null || !spent) return null;
  return h("p", { class: "winnable" }, n ? t("gaps.winnable", { n: number(n) }) : t("gaps.winnable_none"));
}

/** Who works there and how fresh the phone's word is. */
export function worker(row) {
  const parts = [row.enumerator && h("b", {}, row.enumerator), ...phone(row)].filter(Boolean);
  return parts.length ? h("p", { class: "worker" }, parts.flatMap((part, i) => (i ? [" · ", part] : [part]))) : null;
}
