// Pages without a network: the last copy of what they ask, and writes that wait until they can be sent.
//
// Copies belong to an account and to what it sees; whatever else is kept here is erased first. Writes belong to their
// account, leave in the order they were made, and carry ids of their own, so that the server does each of them once.

import { Problem, address, get, post, put } from "./page.js";
import { add, all, change, drop, erase, forget, keep, kept, own } from "./stored.js";
import { setup } from "./texts.js";

/** Milliseconds after which a slow line counts as none, and after which a request is given up. */
const PATIENCE = 6_000;
const LONG = 30_000;
/** Milliseconds before the next attempt to send, doubled after each. */
const SOON = 5_000;
const LATEST = 300_000;

/** What may be kept: answers about blocks, and for less long those about single households. Nothing else. */
const BLOCKS = /^\/v1\/(areas|campaign|coverage|enumerators|gaps|holes)\b/;
const HOUSEHOLDS = /^\/v1\/(callbacks|households|plan|prelist)\b/;

const HOUR = 3_600_000;
const hours = setup.copies?.hours ?? 0;
const me = setup.me.name;
const who = `${me} ${setup.me.sees}`;
const ready = hours ? own(who) : erase();
const lasts = (path) => HOUR * (BLOCKS.test(path) ? hours : HOUSEHOLDS.test(path) ? setup.copies?.households ?? 0 : 0);
const wait = (pause) => new Promise((resolve) => { setTimeout(resolve, pause); });

// ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Answers that came after their copy was shown: given at once where they are asked for soon. */
const late = new Map();

/** Whether a request did not get through, as against having been refused. */
const dropped = (error) => error.code === "network" || error.status === 429 || error.status >= 500;

/**
 * The JSON at an address, or the last copy where the network is down: `{answer, at, fresh}`, of a copy also `why`
 * ("network", "slow", "server") and `later`, a promise of the answer. Throws Problem; what is refused leaves no copy.
 */
export async function copied(path, parameters = {}) {
  await ready;
  const where = address(path, parameters);
  const came = taken(where);
  if (came) return came;
  const key = `${who} ${where}`;
  const asked = ask(path, parameters, key);
  let error = null;
  const first = await Promise.race([asked, wait(PATIENCE)]).catch((thrown) => { error = thrown; });
  if (first) return first;
  const copy = error && !dropped(error) ? null : await kept(key);
  if (!copy) return asked;
  const later = asked.then((found) => { late.set(where, found); });
  later.catch(() => null);
  return { ...copy, fresh: false, why: !error ? "slow" : error.code === "network" ? "network" : "server", later };
}

function taken(where) {
  const found = late.get(where);
  late.delete(where);
  return found && Date.now() - found.at < PATIENCE ? found : null;
}

async function ask(path, parameters, key) {
  try {
    const answer = await get(path, parameters);
    if (lasts(path)) keep(key, answer, Date.now() + lasts(path))?.catch(() => null);
    return { answer, at: new Date(), fresh: true };
  } catch (error) {
    if (error.status === 401 || error.code === "no-role") await erase();
    else if (!dropped(error)) await forget(key);
    throw error;
  }
}

// ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const listeners = new Set();
const tabs = globalThis.BroadcastChannel && new BroadcastChannel("cakupan-outbox");
const answers = new Map();
let running = null;
let more = false;
let timer = null;
let pause = SOON;

/** Whether a write is to wait and be sent again; everything else the server has decided on. */
const waits = (error) =>
  error.code === "network" || error.code === "other-account" || [401, 429, 502, 503, 504].includes(error.status);

/** An id for a write: the server does what carries the same id once. (`randomUUID` needs HTTPS.) */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/**
 * POST (or PUT) `body`, which carries an id made by `newId`; `about` says to people what it does. Resolves with `{queued:
 * false, answer}` once the server has it, `{queued: true}` where it waits for the network. Throws Problem where it is refused
 * now; what is refused later stays in the outbox with the reason.
 */
export async function send(path, body, about, method = "POST") {
  mark(true);
  const entry = { account: me, method, path, body, about, at: Date.now(), state: "waiting" };
  const place = await add(entry);
  tell();
  if (place === undefined) return { queued: false, answer: await write(entry) };
  await Promise.race([flush(), wait(PATIENCE)]);
  const left = (await all()).find((one) => one.place === place);
  if (!left) return { queued: false, answer: answers.get(place) ?? null };
  if (left.state === "waiting") return { queued: true };
  await dismiss(place);
  throw new Problem(left.why.code, left.why.message, left.why.said, left.why.status);
}

const write = ({ method, path, body }, signal = undefined) =>
  (method === "PUT" ? put(path, body, signal) : post(path, body, undefined, signal));

/**
 * Calls `onChange(entries)` now and after every change of the outbox. Entries in order: `place`, `account`, `mine`, `path`,
 * `body`, `about`, `at`, `state` ("waiting", "refused"), and of refused ones `why: {code, message}`. Returns what ends it.
 */
export function outbox(onChange) {
  listeners.add(onChange);
  tell(false);
  return () => listeners.delete(onChange);
}

/** Take a refused write out of the outbox: somebody has read why. */
export const dismiss = (place) => drop(place).then(() => tell());

/** Try a refused write once more. */
export const retry = (place) => change(place, { state: "waiting", why: null }).then(() => { tell(); return flush(); });

/** Send what waits, in order; one at a time in all tabs, where the browser can tell. */
function flush() {
  more = true;
  running ??= alone(async () => {
    while (more) {
      more = false;
      if (!(await sent())) break;
    }
    running = null;
  }).catch(() => { running = null; });
  return running;
}

const alone = (work) => (navigator.locks ? navigator.locks.request("cakupan-outbox", work) : work());

/** Send until nothing waits (true) or until nothing gets through (false). */
async function sent() {
  await ready;
  for (;;) {
    const next = (await all()).find((entry) => entry.account === me && entry.state === "waiting");
    clearTimeout(timer);
    if (!next) return true;
    try {
      answers.set(next.place, await write(next, AbortSignal.timeout?.(LONG)));
      pause = SOON;
    } catch (error) {
      if (waits(error)) {
        timer = setTimeout(flush, pause);
        pause = Math.min(2 * pause, LATEST);
        return false;
      }
      const { code, message, said, status } = error;
      await change(next.place, { state: "refused", why: { code, message, said, status } });
      tell();
      continue;
    }
    await drop(next.place);
    tell();
  }
}

/** Say to this page, and to other tabs, what the outbox holds now. */
async function tell(aloud = true) {
  const entries = (await all()).map((entry) => ({ ...entry, mine: entry.account === me }));
  mark(entries.length > 0);
  for (const listener of listeners) listener(entries);
  if (aloud) tabs?.postMessage(null);
}

/** A cookie says that something waits, so that a log-out from any page leaves it. */
function mark(something) {
  document.cookie = `cakupan_outbox=${something ? 1 : ""}; path=/; samesite=lax; max-age=${something ? 31_536_000 : 0}`;
}

function now() {
  pause = SOON;
  flush();
}

if (tabs) tabs.onmessage = () => tell(false);
addEventListener("online", now);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && now());
now();

// ── the service worker, which keeps the pages themselves; over plain HTTP there is none ─────────────────────────────

async function serve() {
  const erased = await ready;
  const found = await navigator.serviceWorker.register("/sw.js");
  if (erased) found.active?.postMessage("fill");
}

const begin = () => serve().catch(() => null);
if (hours && navigator.serviceWorker) {
  if (document.readyState === "complete") begin();
  else addEventListener("load", begin);
}
