// One block: what is missing there and why, who works there, which families, where inside. The map comes only when asked for.

import { worker } from "./card.js";
import { copied } from "./copies.js";
import { details, elapsed, state, summary } from "./figures.js";
import { missing } from "./families.js";
import { holes } from "./hole.js";
import { Live } from "./live.js";
import { age } from "./outbox.js";
import { address, h, paced } from "./page.js";
import { STATES } from "./question.js";
import { reason } from "./reasons.js";
import { number, setup, t } from "./texts.js";
import { wayThere } from "./way.js";

/** Milliseconds between two loads that only the stream asks for. */
const PAUSE = 10_000;
/** What the map library, its style and the tiles of one block come to, compressed. */
const MAP_KB = 350;

const place = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const code = asked.get("code");
const level = asked.get("level");
const area = { within: code, within_level: level };
const found = new Map();
let lastTotal = null;
let plot = null;
/** Families that are likely to be missing in holes. */
let passedOver = 0;

async function load() {
  try {
    const [one, list] = await Promise.all([
      copied(`/v1/areas/${encodeURIComponent(code)}`, { level }),
      copied("/v1/gaps", { ...area, state: STATES, limit: 1 }),
    ]);
    found.set("head", one).set("row", list);
    place("problem").replaceChildren();
    const { area: block, path, as_of: asOf } = one.answer;
    live.epoch ??= one.answer.epoch;
    showName(block, path);
    if (block.last !== block.n) return many();
    const row = list.answer.gaps[0];
    if (row) show(row, asOf);
    else hidden(block);
    tellAge();
    return { block, row, asOf };
  } catch (problem) {
    const none = problem.status === 404;
    say(t(none ? "block.none" : "block.failed", { code }), none ? null : start);
    if (!none) age(start, null);
    return null;
  } finally {
    place("answer").setAttribute("aria-busy", "false");
  }
}

const tellAge = () => age(start, ...found.values());

function say(words, again) {
  place("problem").replaceChildren(h("p", { class: "notice bad", role: "alert" }, words, " ",
    again ? h("button", { type: "button", class: "quiet", onclick: again }, t("map.retry")) : null));
}

function showName(block, path) {
  document.title = `${block.name} · ${document.title.split(" · ").pop()}`;
  place("name").replaceChildren(block.name, " ", h("span", { class: "code" }, block.code));
  const above = path.slice(0, -1).reverse();
  place("place").textContent = above.slice(0, 3).map((one) => one.name).join(", ");
}

/** What is to be done here, in the largest letters; then who does it, and the way there. */
function show(row, asOf) {
  place("answer").replaceChildren(...[
    row.gap === null ? null : h("p", { class: "still" }, h("b", {}, number(row.gap)), " ", h("span", {}, t("block.lead_one"))),
    row.gap && row.spent ? h("p", { class: "can-win" }, ...won(row)) : null,
    passedOver > row.gap ? h("p", { class: "beyond" }, h("a", { href: "#holes" }, t("block.in_holes", { n: number(passedOver) }))) : null,
    h("div", { class: "because" }, state(row.state), h("p", {}, reason(row))),
  ].filter(Boolean));
  place("who").replaceChildren(...[
    worker(row),
    row.supervisor ? h("p", { class: "small" }, t("block.led_by", { name: row.supervisor })) : null,
  ].filter(Boolean));
  reach(row);
  place("print").replaceChildren(h("span", { class: "label" }, t("print.one")), ...["a4", "a3"].map((paper) => h("a", {
    href: address(`/v1/sheets/${encodeURIComponent(row.code)}.pdf`, { level: row.level, paper, lang: setup.lang }), download: true,
  }, paper.toUpperCase())));
  reveal("figures", [...summary(row, asOf, elapsed()), ...details(row)].filter(Boolean));
}

const won = ({ winnable, spent }) => (winnable
  ? [h("b", {}, t("gaps.can_win", { n: number(winnable) })), "; ", t("gaps.used_up", { n: number(spent) })]
  : [h("b", {}, t("gaps.winnable_none"))]);

function hidden(block) {
  place("answer").replaceChildren(h("p", { class: "notice" }, t("figures.hidden")));
  reach(block);
}

const reach = (block) => place("go").replaceChildren(...wayThere(block),
  h("a", { href: address("/", { area: code, level: block.level }) }, t("block.in_live_map")));

/** An area that is no block: its blocks are listed elsewhere. */
function many() {
  place("answer").replaceChildren(h("p", {}, t("block.inside")), h("p", {}, h("a", { href: address("/gaps", area) }, t("block.list_inside"))));
  return null;
}

function reveal(id, children) {
  place(id).replaceChildren(...children);
  place(id).closest("section").hidden = false;
}

/** A part of its own request: left out where the reader may not see it, and said where it failed. */
async function part(id, path, parameters, draw) {
  try {
    const copy = await copied(path, { ...area, ...parameters });
    found.set(id, copy);
    tellAge();
    const drawn = draw(copy.answer);
    if (drawn) reveal(id, drawn);
    return copy.answer;
  } catch (problem) {
    if (problem.status !== 403 && problem.status !== 404) reveal(id, [h("p", { class: "small" }, t("block.section_failed"))]);
    return null;
  }
}

function callbacks({ due }) {
  const to = address("/callbacks", area);
  const kinds = ["overdue", "today", "later", "spent"].filter((kind) => due[kind]);
  if (!kinds.length) return [h("p", {}, t("block.callbacks_none"))];
  return [
    h("ul", { class: "due" }, kinds.map((kind) => h("li", { class: kind }, t(`block.due_${kind}`, { n: number(due[kind]) })))),
    h("p", {}, h("a", { class: "button", href: to }, t("block.to_callbacks"))),
  ];
}

/** The button that opens the map; nothing of it is loaded before. */
function offer({ block, row }, seen) {
  if (plot) return;
  const button = h("button", { type: "button", onclick: async () => {
    button.disabled = true;
    button.textContent = t("block.map_loading");
    try {
      const { Plot } = await import("./plot.js");
      plot = new Plot(place("plot"), block, row ? seen?.holes ?? [] : []);
      await plot.draw();
    } catch {
      plot = null;
      place("plot").replaceChildren(h("p", { role: "alert" }, t("block.map_failed")));
    }
  } }, t("block.open_map"));
  reveal("plot", [button, " ", h("span", { class: "small" }, t("block.map_cost", { kb: number(MAP_KB) }))]);
}

async function start() {
  const head = await load();
  if (!head) return;
  const parts = head.row ? await Promise.all([
    part("missing", "/v1/prelist", { limit: 200 }, (answer) => missing(answer, area)),
    part("holes", "/v1/holes", {}, (answer) => {
      passedOver = answer.missing;
      show(head.row, head.asOf);
      return holes(answer, head.block);
    }),
    part("callbacks", "/v1/callbacks", { limit: 0 }, callbacks),
  ]) : [];
  offer(head, parts[1]);
}

const live = new Live((change) => {
  const total = JSON.stringify(change.total ?? null);
  if (change.resync || total !== lastTotal) again();
  lastTotal = total;
});
const again = paced(PAUSE, load);

if (new URL(document.referrer || location.href).pathname === "/gaps") place("back").href = document.referrer;
if (code) start().then(() => live.follow({ level: "block", ...area }));
else {
  say(t("block.which"), null);
  place("answer").setAttribute("aria-busy", "false");
}
