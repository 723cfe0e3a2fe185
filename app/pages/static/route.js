// One enumerator's day on the page: what it comes to, and the stops in walking order.

import { h } from "./page.js";
import { stop } from "./stop.js";
import { distance, hour, number, t, tenths } from "./texts.js";

/**
 * The card of a route of the plan. `draft` says the order now, `open` whether its stops are shown, `mapped` whether its map is;
 * `paper` is the line above it in print. `acts` has `toggle(name)` and `map(name)`, and of stops `move` and `give`, null where
 * nothing is being changed.
 */
export function route(row, draft, { open, mapped, paper, acts }) {
  const name = row.enumerator;
  const stops = draft.of(name);
  const timed = !draft.moved(name);
  const id = `stops-${encodeURIComponent(name)}`;
  const about = () => h("span", { class: "unseen" }, `: ${name}`);
  const last = stops.length - 1;
  return h("li", { class: "route", "data-route": name, "data-empty": !stops.length },
    h("p", { class: "on-paper paper-head" }, paper),
    h("h3", {}, name),
    h("p", { class: "sums" }, stops.length ? sums(row, stops, timed) : t("plan.nothing")),
    timed ? null : h("p", { class: "moved" }, t("plan.times_later")),
    stops.length ? h("div", { class: "go" },
      h("button", { type: "button", "data-key": `open ${name}`, "aria-expanded": String(open), "aria-controls": id, onclick: () => acts.toggle(name) },
        t("plan.show", { n: number(stops.length) }), about()),
      h("button", { type: "button", "data-key": `map ${name}`, "aria-pressed": String(mapped), onclick: () => acts.map(name) }, t("plan.map"), about())) : null,
    h("div", { class: "way", "data-way": name, hidden: !mapped }),
    h("ol", { id, class: "stops", hidden: !open }, stops.map((one, at) =>
      stop(one, { n: at + 1, who: name, timed, first: at === 0, last: at === last, acts: acts.stops }))));
}

function sums(row, stops, timed) {
  if (!timed) return t("plan.stops", { n: number(stops.length) });
  return [
    h("b", {}, t("plan.won", { n: number(Math.round(row.families)) })),
    ` · ${hour(row.stops[0].arrive)}–${hour(row.stops.at(-1).leave)} · ${t("plan.walk", { far: distance(row.walk_m) })}`,
    ` · ${t("plan.hours_used", { hours: tenths(row.hours) })}`,
  ];
}
