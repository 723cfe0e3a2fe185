// The service worker: the pages for the field open without a network, as they were last. `KEPT` is written before this
// file by app/pages/offline.py. It touches no figures, no tiles, nothing that is sent: only those pages and their files.

const { name, shells, files, hours } = KEPT;

/** Milliseconds after which a slow line counts as none. */
const PATIENCE = 3_000;
const EXACT = { ignoreVary: true };

addEventListener("install", (event) => {
  skipWaiting();
  if (!hours) return;
  const past = ["/v1/*", "/tiles/*", "/"].map((urlPattern) => ({ condition: { urlPattern }, source: "network" }));
  event.waitUntil(Promise.resolve(event.addRoutes?.(past)).catch(() => null));
  event.waitUntil(fill());
});

addEventListener("activate", (event) => event.waitUntil(hours ? others() : gone()));
addEventListener("message", (event) => event.data === "fill" && hours && event.waitUntil(fill()));

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (!hours || request.method !== "GET" || origin !== location.origin) return;
  if (files.includes(pathname)) event.respondWith(file(request));
  else if (request.mode === "navigate" && shells.includes(pathname)) event.respondWith(shell(event, pathname));
});

/** Caches of other versions. */
async function others() {
  await Promise.all((await caches.keys()).filter((one) => one !== name).map((one) => caches.delete(one)));
}

/** Copies were switched off: leave nothing behind. */
async function gone() {
  await Promise.all((await caches.keys()).map((one) => caches.delete(one)));
  await registration.unregister();
}

/** Get what is missing: the files, whose addresses never mean anything else, and pages that were not opened yet and may be. */
async function fill() {
  const cache = await caches.open(name);
  const there = new Set((await cache.keys()).map(({ url }) => new URL(url).pathname));
  await cache.addAll(files.filter((path) => !there.has(path)));
  await Promise.all(shells.filter((path) => !there.has(path)).map(async (path) => {
    const answer = await fetch(path, { redirect: "manual" }).catch(() => null);
    if (answer && answer.status !== 403) await judge(cache, path, answer);
  }));
}

/** Keep a page as it came; keep none at all once the session or the role has ended. */
async function judge(cache, path, answer) {
  if (answer.ok && answer.headers.get("content-type")?.startsWith("text/html")) await cache.put(path, answer);
  else if (answer.type === "opaqueredirect" || answer.status === 403) await Promise.all(shells.map((one) => cache.delete(one, EXACT)));
}

async function file(request) {
  return (await caches.match(request, { ...EXACT, cacheName: name })) ?? fetch(request);
}

async function shell(event, path) {
  const cache = await caches.open(name);
  const asked = fetch(event.request);
  event.waitUntil(asked.then(async (answer) => {
    await judge(cache, path, answer.clone());
    if (answer.ok) await fill();
  }).catch(() => null));
  const first = await Promise.race([asked.catch(() => null), new Promise((resolve) => { setTimeout(resolve, PATIENCE); })]);
  if (first && first.status < 500) return first;
  const kept = await cache.match(path, EXACT);
  if (kept && Date.now() - Date.parse(kept.headers.get("date")) < hours * 3_600_000) return kept;
  if (kept) await cache.delete(path, EXACT);
  return first ?? asked;
}
