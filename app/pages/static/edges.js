// Edges of blocks, codes and points that contradict each other: what is proposed, on what evidence, and what a person decides.

import { Card, said, spell } from "./evident.js";
import { moment } from "./moments.js";
import { address as link, h } from "./page.js";
import { sure } from "./sure.js";
import { number, t } from "./texts.js";

const KINDS = ["boundary", "code", "point"];
const STATES = ["open", "accepted", "rejected", "all"];

export const path = "/v1/proposals";
export const view = { kind: null, state: "open" };

/** Take what the address asks for. */
export function begin(asked) {
  if (KINDS.includes(asked.get("kind"))) view.kind = asked.get("kind");
  if (STATES.includes(asked.get("state"))) view.state = asked.get("state");
}

export const question = () => ({ kind: view.kind, state: view.state });
export const address = () => ({ ...question(), state: view.state === "open" ? null : view.state });
export const rows = (answer) => answer.proposals;
export const title = ({ total }) => t(total === 1 ? "proposal.total_one" : "proposal.total", { n: number(total) });
export const empty = () => t(view.kind || view.state !== "open" ? "quality.none_filter" : "proposal.none");
export const beside = () => [];

/** What is suspect as chips, and what has been decided. */
export function narrow({ kinds }, ask) {
  const chip = (kind, words, n) =>
    h("button", { type: "button", class: "chip", "data-key": `kind-${kind}`, "aria-pressed": String(view.kind === kind), onclick: () => ask({ kind }) },
      words, " ", view.state === "open" ? h("b", {}, number(n)) : null);
  return [
    h("div", { class: "chips", role: "group", "aria-label": t("proposal.kinds") },
      chip(null, t("proposal.all"), KINDS.reduce((sum, kind) => sum + kinds[kind], 0)),
      KINDS.map((kind) => chip(kind, t(`proposal.${kind}`), kinds[kind]))),
    h("select", { "data-key": "state", "aria-label": t("quality.state"), onchange: (event) => ask({ state: event.target.value }) },
      STATES.map((name) => h("option", { value: name, selected: name === view.state }, t(`proposal.state_${name}`)))),
  ];
}

const block = (code, name) => [h("a", { href: link("/block", { code, level: "block" }) }, name ?? code), " ", h("span", { class: "code" }, code)];

/** The card of one proposal. */
export function card(row, { onDecided }) {
  const kind = t(`proposal.${row.kind}`);
  const other = row.other_code !== null;
  const values = { ...spell({ ...row, count: row.households }), code: row.code, other: row.other_code, days: number(row.days), people: number(row.enumerators.length) };
  return new Card({
    row, onDecided,
    name: [kind, row.name, row.other_name].filter(Boolean).join(", "),
    heading: kind,
    sentence: said(`proposal.said_${row.kind}`, values),
    codes: [row.code, row.other_code].filter(Boolean), points: false, whole: row.kind !== "boundary",
    notes: before(row),
    inside: [h("p", {}, t(`proposal.why_${row.kind}`))],
    path: `${path}/${encodeURIComponent(row.proposal)}/review`,
    places: [...block(row.code, row.name), ...(other ? [" ", h("span", { class: "to", "aria-hidden": "true" }, "→"), h("span", { class: "unseen" }, t("proposal.lie_in")), " ", ...block(row.other_code, row.other_name)] : [])],
    who: row.enumerators.length ? [h("b", {}, row.enumerators.slice(0, 4).join(", ")), row.enumerators.length > 4 ? ` +${row.enumerators.length - 4}` : ""] : [],
    choices: [accept(row, values), { decision: "rejected", words: t("proposal.reject"), done: t("proposal.done_rejected"), title: t("proposal.reject_title"), means: t("proposal.reject_means") }],
  });
}

/** What was decided when there was less evidence. */
function before({ state, reviewed }) {
  if (state !== "open" || !reviewed) return [];
  const values = { decision: t(`proposal.done_${reviewed.decision}`), name: reviewed.decided_by ?? "?", when: moment(reviewed.decided_at) };
  return [h("p", { class: "small" }, t("proposal.before", values))];
}

/** Accepting a code changes where finished families are counted: that is asked twice. */
function accept(row, values) {
  const choice = { decision: "accepted", words: t("proposal.accept"), done: t("proposal.done_accepted"), title: t("proposal.accept_title"), means: t(`proposal.means_${row.kind}`, values) };
  if (row.kind !== "code") return choice;
  return {
    ...choice,
    sure: () => sure({
      title: t("proposal.sure_title"),
      means: [t("proposal.sure_count", values), t("proposal.sure_point"), t("proposal.sure_once")],
      yes: t("proposal.sure_yes", values),
    }),
    told: ({ corrected, left }) => (corrected === undefined ? t("quality.kept") : t("proposal.corrected", { n: number(corrected), left: number(left), other: row.other_code })),
  };
}
