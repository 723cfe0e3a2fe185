// Says at the top of a page what came of the network: how old is what is shown, what waits to be sent, what was refused.

import { dismiss, outbox, retry } from "./copies.js";
import { h } from "./page.js";
import { ago, number, setup, t, time } from "./texts.js";

/** Milliseconds before a page that shows copies asks again by itself, doubled each time. */
const SOON = 10_000;
const LATEST = 120_000;

/** Refusals that have words of their own; others say what the server said. */
const KNOWN = [
  "already-closed", "identity-number", "internal", "not-allowed", "not-closable", "not-closed", "not-found",
  "plan-changed", "visits-left",
];

const aged = h("p", { class: "notice kept", hidden: true });
const waiting = h("div", { class: "notice kept", role: "status", hidden: true });
const refused = h("div", { class: "notice bad kept", role: "status", hidden: true });
document.getElementById("main").prepend(aged, waiting, refused);

const expected = new WeakSet(); // late answers that will lead to a new question
let again = null;
let timer = null;
let pause = SOON;

/**
 * Say how old the oldest of these answers of `copied` is (null: there was neither answer nor copy); `ask` asks for them anew,
 * by hand, now and then, and once there is a network.
 */
export function age(ask, ...found) {
  const copies = found.filter((one) => one && !one.fresh);
  clearTimeout(timer);
  aged.hidden = !copies.length;
  again = found.every((one) => one?.fresh) ? null : ask;
  if (!again) {
    pause = SOON;
    return;
  }
  timer = setTimeout(retried, pause);
  if (!copies.length) return;
  const oldest = copies.reduce((a, b) => (a.at < b.at ? a : b));
  const since = ago(Math.max(0, Date.now() - oldest.at) / 3_600_000);
  aged.replaceChildren(
    h("span", {}, h("b", {}, t("copies.age", { time: time(oldest.at), ago: since })), " ", t(`copies.${oldest.why}`)),
    h("button", { type: "button", class: "quiet", onclick: ask }, t("copies.again")));
  for (const { later } of copies.filter((one) => !expected.has(one.later))) {
    expected.add(later);
    later.then(() => again?.(), () => null);
  }
}

function retried() {
  pause = Math.min(2 * pause, LATEST);
  again?.();
}

addEventListener("online", () => { pause = SOON; again?.(); });

function show(entries) {
  const mine = entries.filter((entry) => entry.mine);
  const waits = mine.filter((entry) => entry.state === "waiting");
  const others = [...new Set(entries.filter((entry) => !entry.mine).map((entry) => entry.account))];
  const not = mine.filter((entry) => entry.state === "refused");
  fill(waiting, [
    waits.length ? h("details", {},
      h("summary", {}, said("outbox.waiting", waits.length)),
      h("ul", {}, waits.map((entry) => h("li", {}, about(entry))))) : null,
    ...others.map((name) => h("p", {}, said("outbox.others", entries.filter((entry) => entry.account === name).length, { name }))),
  ]);
  fill(refused, not.length ? [
    h("p", {}, h("b", {}, said("outbox.refused", not.length))),
    h("ul", {}, not.map((entry) => h("li", {},
      h("span", {}, about(entry), h("br"), reason(entry.why)),
      h("span", { class: "acts" },
        h("button", { type: "button", class: "quiet", onclick: () => retry(entry.place) }, t("outbox.retry")),
        h("button", { type: "button", class: "quiet", onclick: () => dismiss(entry.place) }, t("outbox.dismiss")))))),
  ] : []);
}

function fill(place, children) {
  const open = place.querySelector("details")?.open;
  const there = children.filter(Boolean);
  place.replaceChildren(...there);
  if (open && place.querySelector("details")) place.querySelector("details").open = true;
  place.hidden = !there.length;
}

const about = (entry) => `${entry.about} (${time(entry.at)})`;
const reason = ({ code, message }) => (KNOWN.includes(code) ? t(`outbox.why_${code}`) : t("outbox.why_other", { why: message || code }));

/** A count with its words: one, or several. */
const said = (key, n, values = {}) => t(n === 1 ? `${key}_one` : key, { n: number(n), ...values });

outbox(show);
