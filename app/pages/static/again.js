// Families drawn to be interviewed once more: how far it is, how often the answers differ, and one card for each family.

import { Decision } from "./decision.js";
import { when } from "./evident.js";
import { address as link, h } from "./page.js";
import { number, percentBreak, percentRange, setup, t } from "./texts.js";
import { wayThere } from "./way.js";

const SHARES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
const USUAL = 0.05;
const STATES = ["open", "done", "all"];

export const path = "/v1/reinterviews";
export const view = { share: USUAL, state: "open" };

/** Take what the address asks for. */
export function begin(asked) {
  const share = Number(asked.get("share"));
  if (share >= 0.001 && share <= 0.5) view.share = share;
  if (STATES.includes(asked.get("state"))) view.state = asked.get("state");
}

export const question = () => ({ share: view.share, state: view.state });
export const address = () => ({ share: view.share === USUAL ? null : view.share, state: view.state === "open" ? null : view.state });
export const rows = (answer) => answer.reinterviews;
export const title = ({ total }) => t(total === 1 ? `again.total_${view.state}_one` : `again.total_${view.state}`, { n: number(total) });
export const empty = ({ of, drawn }) => t(!of ? "again.nothing" : drawn ? "again.none_left" : "again.none_drawn");

/** How many are drawn, and which of them are shown. */
export function narrow(_, ask) {
  const shares = SHARES.includes(view.share) ? SHARES : [...SHARES, view.share].sort((a, b) => a - b);
  const option = (value, on, words) => h("option", { value, selected: on }, words);
  return [
    h("label", { class: "field" }, h("span", {}, t("again.share")),
      h("select", { "data-key": "share", onchange: (event) => ask({ share: Number(event.target.value) }) },
        shares.map((share) => option(share, share === view.share, t("again.one_of", { n: number(1 / share), share: percentBreak(share) }))))),
    h("label", { class: "field" }, h("span", {}, t("quality.state")),
      h("select", { "data-key": "state", onchange: (event) => ask({ state: event.target.value }) },
        STATES.map((name) => option(name, name === view.state, t(`again.state_${name}`))))),
  ];
}

/** How far it is and what has been found; by enumerator on request. */
export function beside({ drawn, of, done, not_reached: missed, differs, enumerators }) {
  const line = ({ enumerator, drawn: theirs, done: made, differs: found }) =>
    h("tr", {}, h("th", { scope: "row" }, enumerator ?? "–"), h("td", {}, t("again.done_of", { done: number(made), drawn: number(theirs) })),
      h("td", {}, found ? t("again.between", { share: percentBreak(found.share), range: percentRange(found.low, found.high) }) : "–"));
  const heads = ["enumerator", "interviews", "differing"].map((name) => h("th", { scope: "col" }, t(`again.${name}`)));
  return [h("div", { class: "total" },
    h("p", { class: "still" }, h("b", {}, t("again.done_of", { done: number(done), drawn: number(drawn) })), " ", h("span", {}, t("again.done"))),
    h("progress", { max: Math.max(drawn, 1), value: done, "aria-label": t("again.done") }),
    h("p", {}, differs
      ? t("again.differs", { share: percentBreak(differs.share), range: percentRange(differs.low, differs.high) })
      : t("again.no_answer_yet")),
    h("p", { class: "small" }, t("again.drawn_of", { drawn: number(drawn), of: number(of) }), missed ? ` ${t("again.missed", { n: number(missed) })}` : ""),
    enumerators.length ? h("details", {}, h("summary", {}, t("again.by_enumerator")),
      h("p", { class: "small" }, t("again.few")),
      h("table", {}, h("caption", { class: "unseen" }, t("again.by_enumerator")), h("thead", {}, h("tr", {}, heads)), h("tbody", {}, enumerators.map(line)))) : null)];
}

/** Building and number of the prelist, else the household's own number. */
function door({ building, sequence, household_id: id }) {
  const words = [building && t("again.building", { n: building }), sequence !== null && t("again.sequence", { n: sequence })].filter(Boolean);
  return words.length ? words.join(", ") : id;
}

/** The card of one family. */
export function card(row, { onDecided }) {
  const name = [row.name, door(row)].filter(Boolean).join(", ");
  const choice = (decision) => ({ decision, words: t(`again.done_${decision}`), done: t(`again.done_${decision}`), means: t(`again.means_${decision}`) });
  const decision = setup.me.decides ? new Decision({
    path: `${path}/${encodeURIComponent(row.household_id)}/review`, about: name, standing: row.reviewed, onDecided,
    choices: ["agrees", "differs", "not_reached"].map(choice),
  }) : null;
  const item = h("li", { class: "doubt again" },
    h("h3", {}, row.code ? h("a", { href: link("/block", { code: row.code, level: "block" }) }, row.name) : "–", " ", h("span", { class: "code" }, row.code)),
    h("p", { class: "place" }, (row.place ?? "").split(", ").slice(0, 2).join(", ")),
    h("p", { class: "evident" }, door(row)),
    h("p", { class: "by" }, t(row.enumerator ? "again.first_by" : "again.first", { name: row.enumerator, when: when({ at: row.captured_at }) })),
    h("div", { class: "go" }, wayThere({ ...row, name })),
    decision?.place);
  return { item, decision };
}
