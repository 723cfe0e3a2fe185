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

/** What the API said against a request: `code` as in its problem documents, "network" where it could not be reached. */
export class Problem extends Error {
  constructor(code, message, said = {}) {
    super(message);
    this.code = code;
    this.said = said; // the whole document
  }
}

/** The JSON at an address of our own. Goes to the log-in page where the session has ended. Throws Problem. */
export const get = (path, parameters = {}, signal = undefined) => ask(address(path, parameters), { signal });

/** The JSON that answers a POST of `body` (a file, or what becomes JSON) as `type`; null for no content. Throws Problem. */
export const post = (path, body = undefined, type = "application/json") =>
  ask(path, { method: "POST", body: body instanceof Blob ? body : JSON.stringify(body), headers: { "content-type": type } });

/** Delete what lies at an address. Throws Problem. */
export const remove = (path) => ask(path, { method: "DELETE" });

async function ask(path, { headers = {}, ...more }) {
  let answer;
  try {
    answer = await fetch(path, { ...more, headers: { accept: "application/json", ...headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("network", String(error));
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  if (answer.status === 401) logIn();
  const said = await answer.json().catch(() => ({}));
  throw new Problem(String(said.type ?? "").split(":").pop() || `http-${answer.status}`, said.detail ?? "", said);
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

/** Links to the same list as files. */
export function exports(label, path, parameters) {
  return [
    h("span", { class: "label" }, label),
    ...["csv", "xlsx", "geojson"].map((format) =>
      h("a", { href: address(path, { ...parameters, format }), download: true }, format === "geojson" ? "GeoJSON" : format.toUpperCase()),
    ),
  ];
}
