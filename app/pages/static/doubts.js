// Points to look at again: which kinds, whose, and one card for each. A doubt is a reason to look and never a verdict.

import { Card, said, spell } from "./evident.js";
import { address as link, h } from "./page.js";
import { number, percent, t } from "./texts.js";

const KINDS = [
  "cluster", "strand", "stacked", "duplicate", "travel", "night", "short", "midpoint", "shifted", "centroid",
  "outside_block", "low_accuracy", "no_point",
];
const STATES = ["open", "revisit", "explained", "all"];

export const path = "/v1/flags";
export const view = { kinds: [], enumerator: null, state: "open" };

/** Take what the address asks for. */
export function begin(asked) {
  view.kinds = asked.getAll("kind").filter((kind) => KINDS.includes(kind));
  view.enumerator = asked.get("enumerator");
  if (STATES.includes(asked.get("state"))) view.state = asked.get("state");
}

export const question = () => ({ kind: view.kinds, enumerator: view.enumerator, state: view.state });
export const address = () => ({ ...question(), state: view.state === "open" ? null : view.state });
export const rows = (answer) => answer.flags;

export function title({ total, records }) {
  const what = t(total === 1 ? "flag.total_one" : "flag.total", { n: number(total) });
  return view.state === "open" ? `${what} ${t("flag.of_records", { n: number(records) })}` : what;
}

export function empty({ records }) {
  if (!records) return t("flag.no_records");
  return t(view.kinds.length || view.enumerator || view.state !== "open" ? "quality.none_filter" : "flag.none");
}

/** Kinds as chips that filter, what has been decided, and whose. */
export function narrow({ kinds }, ask) {
  const open = view.state === "open";
  const chip = (kind, words, n, on, to) =>
    h("button", { type: "button", class: "chip", "data-key": `kind-${kind}`, "aria-pressed": String(on), onclick: () => ask({ kinds: to }) },
      words, " ", open ? h("b", {}, number(n)) : null);
  const all = KINDS.reduce((sum, kind) => sum + (kinds[kind] ?? 0), 0);
  const shown = KINDS.filter((kind) => kinds[kind] || view.kinds.includes(kind) || !open);
  const other = (kind) => (view.kinds.includes(kind) ? view.kinds.filter((one) => one !== kind) : [...view.kinds, kind]);
  const state = h("select", { "data-key": "state", "aria-label": t("quality.state"), onchange: (event) => ask({ state: event.target.value }) },
    STATES.map((name) => h("option", { value: name, selected: name === view.state }, t(`flag.state_${name}`))));
  return [
    h("div", { class: "chips", role: "group", "aria-label": t("flag.kinds") },
      chip("", t("flag.all"), all, !view.kinds.length, []),
      shown.map((kind) => chip(kind, t(`flag.${kind}`), kinds[kind] ?? 0, view.kinds.includes(kind), other(kind)))),
    state,
    ...(view.enumerator ? [h("p", { class: "within" }, t("flag.only", { name: view.enumerator }), " ",
      h("button", { type: "button", class: "quiet", onclick: () => ask({ enumerator: null }) }, t("flag.everybody")))] : []),
  ];
}

/** Whose points they are, most doubtful first, and what that does not mean. */
export function beside({ enumerators }, ask) {
  if (!enumerators.length || view.enumerator) return [];
  const one = ({ enumerator, flags, households, records, share }) =>
    h("li", {}, h("button", { type: "button", class: "person", "data-key": `of-${enumerator}`, onclick: () => ask({ enumerator }) },
      h("b", {}, enumerator ?? "–"),
      h("span", { class: "small" }, t("flag.of_person", { flags: number(flags), households: number(households), records: number(records), share: percent(share) }))));
  return [h("details", { class: "phones" },
    h("summary", {}, t("flag.people", { n: number(enumerators.length) })),
    h("p", { class: "notice" }, t("flag.no_verdict")),
    h("ol", {}, enumerators.map(one)))];
}

/** The card of one flag. */
export function card(row, { onDecided }) {
  const kind = t(`flag.${row.kind}`);
  const name = [kind, row.name, row.enumerator].filter(Boolean).join(", ");
  return new Card({
    row, name, onDecided,
    heading: kind,
    sentence: said(`flag.said_${row.kind}`, spell(row)),
    codes: [row.code], points: true,
    inside: [h("details", { open: true }, h("summary", {}, t("flag.innocent")), h("p", {}, t(`flag.why_${row.kind}`)))],
    path: `${path}/${encodeURIComponent(row.flag)}/review`,
    places: [h("a", { href: link("/block", { code: row.code, level: "block" }) }, row.name), " ", h("span", { class: "code" }, row.code)],
    who: row.enumerator ? [h("b", {}, row.enumerator)] : [],
    choices: [
      { decision: "explained", words: t("flag.explained"), done: t("flag.done_explained"), title: t("flag.explained_title"), means: t("flag.explained_means") },
      { decision: "revisit", words: t("flag.revisit"), done: t("flag.done_revisit"), title: t("flag.revisit_title"), means: t("flag.revisit_means") },
    ],
  });
}
