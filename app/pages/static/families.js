// The single families of the prelist that are still missing: numbers to look for on paper, no names.

import { copied } from "./copies.js";
import { exports, h } from "./page.js";
import { number, t } from "./texts.js";

/** What an answer of /v1/prelist says of a block (`area`: within, within_level), as elements. */
export function missing({ listed, states, prelist, next }, area) {
  if (!states) return null;
  if (!listed) return [h("p", {}, t("block.unlisted"))];
  const total = Object.entries(states).reduce((sum, [name, n]) => sum + (name === "new" ? 0 : n), 0);
  const rest = states.missing - prelist.length;
  return [
    states.missing
      ? h("p", {}, t("block.missing_lead", { n: number(states.missing), total: number(total) }))
      : h("p", {}, t("block.missing_none")),
    buildings(prelist),
    next && rest > 0 ? h("p", { class: "small" }, t("block.more_missing", { n: number(rest) })) : null,
    states.open ? more("open", states.open, area) : null,
    states.new ? more("new", states.new, area) : null,
    states.missing ? h("div", { class: "exports" }, exports(t("block.print"), "/v1/prelist", { ...area, limit: 10000 }, ["csv", "xlsx"])) : null,
  ].filter(Boolean);
}

/** Families by building, in the order of the list. */
function buildings(rows) {
  const by = new Map();
  for (const row of rows) by.set(row.building, [...(by.get(row.building) ?? []), row]);
  return h("ul", { class: "buildings" }, [...by].map(([building, families]) => h("li", {},
    h("b", {}, building === null ? t("block.no_building") : t("block.building", { n: building })),
    h("span", {}, families.map(({ sequence }) => (sequence === null ? t("block.no_number") : t("block.sequence", { n: sequence }))).join(", ")))));
}

/** Those of another state: how many, and which once somebody wants to know. */
function more(state, n, area) {
  const body = h("div", {});
  const open = async ({ target }) => {
    if (!target.open || body.children.length) return;
    body.replaceChildren(h("p", { role: "status" }, t("block.loading_more")));
    try {
      const { answer } = await copied("/v1/prelist", { ...area, state, limit: 200 });
      body.replaceChildren(state === "new" ? fresh(answer.prelist) : buildings(answer.prelist));
    } catch {
      body.replaceChildren();
      target.open = false;
    }
  };
  return h("details", { ontoggle: open }, h("summary", {}, t(`block.${state}`, { n: number(n) })), body);
}

/** New families have no place on the list: their ids, and the way to each. */
const fresh = (rows) => h("ul", { class: "buildings" }, rows.map((row) => h("li", {},
  h("b", {}, row.household_id),
  row.lat === null ? null : h("a", { class: "with-touch", href: `geo:${row.lat},${row.lon}?q=${row.lat},${row.lon}` }, t("point.open_in")))));
