// Elements and requests: the little that every page needs of the browser.

/** An element with attributes, listeners (`onclick: f`) and children; null children are left out. */
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * What the API said against a request: `code` as in its problem documents, "network" where it could not be reached, or where
 * what came back was not from it; `status` is HTTP's, 0 for those.
 */
export class Problem extends Error {
  constructor(code, message, said = {}, status = 0) {
    super(message);
    this.code = code;
    this.said = said; // the whole document
    this.status = status;
  }
}

/** The JSON at an address of our own. Goes to the log-in page where the session has ended. Throws Problem. */
export const get = (path, parameters = {}, signal = undefined) => ask(address(path, parameters), { signal });

/** The JSON that answers a POST of `body` (a file, or what becomes JSON) as `type`; null for no content. Throws Problem. */
export const post = (path, body = undefined, type = "application/json", signal = undefined) =>
  ask(path, { method: "POST", body: body instanceof Blob ? body : JSON.stringify(body), headers: { "content-type": type }, signal });

/** The same for a PUT of what becomes JSON. */
export const put = (path, body, signal = undefined) =>
  ask(path, { method: "PUT", body: JSON.stringify(body), headers: { "content-type": "application/json" }, signal });

/** Delete what lies at an address. Throws Problem. */
export const remove = (path) => ask(path, { method: "DELETE" });

/** Whose page this is. The server refuses what it sends where somebody else has logged in since, in another tab. */
const whose = document.body.dataset.account;
const said = { accept: "application/json", ...(whose && { "cakupan-account": encodeURIComponent(whose) }) };

async function ask(path, { headers = {}, ...more }) {
  let answer;
  try {
    answer = await fetch(path, { ...more, headers: { ...said, ...headers } });
    if (answer.ok) return answer.status === 204 ? null : await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("network", String(error)); // also where the line broke within the answer
  }
  if (answer.status === 401) logIn();
  const problem = await answer.json().catch(() => ({}));
  const code = String(problem.type ?? "").split(":").pop() || `http-${answer.status}`;
  if (code === "other-account") location.reload();
  throw new Problem(code, problem.detail ?? "", problem, answer.status);
}

/** An address with parameters; empty ones left out, lists repeated. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") query.append(name, one);
    }
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The session has ended: go to the log-in page, which says so, and come back here afterwards. */
export function logIn() {
  location.assign(address("/login", { ended: 1, to: location.pathname + location.search + location.hash }));
}

/** `work`, at most once every `pause` milliseconds however often it is asked for; the last request is never lost. */
export function paced(pause, work) {
  let last = -Infinity;
  let waiting = null;
  const run = () => {
    waiting = null;
    last = performance.now();
    work();
  };
  return () => {
    waiting ??= setTimeout(run, Math.max(0, last + pause - performance.now()));
  };
}

/** Something waits to be sent (copies.js says so): every page sends it. */
const waits = () => document.cookie.includes("cakupan_outbox=1");
if (waits()) import("./copies.js");

/** A log-out is asked about first where writes wait here, or where no network would end the session. */
document.querySelector('form[action="/logout"]')?.addEventListener("submit", (event) => {
  if (navigator.onLine && !waits()) return;
  event.preventDefault();
  import("./leave.js").then(({ leave }) => leave(event.target));
});

const FORMATS = { csv: "CSV", xlsx: "XLSX", geojson: "GeoJSON", gpkg: "GeoPackage", gpx: "GPX", kml: "KML" };

/** Links to the same list as files. */
export function exports(label, path, parameters, formats = ["csv", "xlsx", "geojson"]) {
  return [
    h("span", { class: "label" }, label),
    ...formats.map((format) => h("a", { href: address(path, { ...parameters, format }), download: true }, FORMATS[format])),
  ];
}
