// The page of sites: which there are by programme, which are doubtful and what to do about it, and one list to search.
// Whoever keeps the list gets more: a file, one site by hand, earlier versions. Each is loaded when it is opened.

import { exports, get, h } from "./page.js";
import { card } from "./sites-card.js";
import { date, number, setup, t } from "./texts.js";

const PAGE = 50;
/** So many doubtful sites are shown before the list; the others when they are asked for. */
const FIRST = 3;
const MOST_DOUBTFUL = 200;
const PAUSE = 300;
const FORMATS = ["xlsx", "csv", "geojson", "gpkg"];

const place = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const view = {
  programme: asked.get("programme"),
  q: asked.get("q") ?? "",
  within: asked.get("within"),
  level: asked.get("within_level"),
  version: /^[1-9]\d{0,8}$/.test(asked.get("version") ?? "") ? Number(asked.get("version")) : null,
  next: null,
};
/** What nobody keeps up to date any more is not to be changed either. */
const keeps = Boolean(setup.me?.keeps_sites) && view.version === null;
let turn = 0;

const question = () => ({ programme: view.programme, q: view.q, within: view.within, within_level: view.within && view.level, version: view.version });

function remember() {
  const query = new URLSearchParams(asked.has("lang") ? { lang: setup.lang } : {});
  for (const [name, value] of Object.entries(question())) if (value) query.set(name, value);
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

/** All of it anew: at the beginning, and after every change. */
async function start() {
  place("answer").setAttribute("aria-busy", "true");
  await Promise.all([list(), overview()]);
}

/** What there is in all, whatever the list is narrowed to. */
async function overview() {
  try {
    const [all, doubtful] = await Promise.all([
      get("/v1/sites", { version: view.version, limit: 1 }),
      keeps ? get("/v1/sites", { doubts: true, limit: MOST_DOUBTFUL }) : null,
    ]);
    tell(all, all.doubtful ?? 0);
    check(doubtful);
    choices(all.programmes);
    if (all.sites[0]?.place) areas();
  } catch (error) {
    place("answer").replaceChildren();
    failed(error, start);
  } finally {
    place("answer").setAttribute("aria-busy", "false");
  }
}

/** The answer in a sentence, and each programme in a row that narrows the list to it. */
function tell(all, doubtful) {
  older(all);
  const sites = all.programmes.reduce((sum, one) => sum + one.sites, 0);
  place("answer").replaceChildren(...(sites ? [
    h("p", { class: "says" }, says(sites, all.programmes.length)),
    keeps ? h("p", { class: doubtful ? "warn" : "" }, doubtful ? t(doubtful === 1 ? "sites.says_doubtful_one" : "sites.says_doubtful", { n: number(doubtful) }) : t("sites.says_no_doubts")) : null,
    table(all.programmes),
    h("p", { class: "small" }, t("sites.capacity_is")),
  ].filter(Boolean) : [h("p", { class: "says" }, t("sites.none")), h("p", {}, t(keeps ? "sites.none_keep" : "sites.none_read"))]));
  if (!sites && keeps) place("import").open = true;
}

function says(sites, programmes) {
  if (sites === 1) return t("sites.says_single");
  return t(programmes === 1 ? "sites.says_one" : "sites.says", { n: number(sites), programmes: number(programmes) });
}

function older({ version, recorded_at: at }) {
  if (view.version === null) return;
  const now = h("a", { href: location.pathname }, t("sites.to_now"));
  place("older").replaceChildren(h("p", { class: "notice" }, t("sites.older", { version: number(version), date: at ? date(at) : "–" }), " ", now));
}

function table(programmes) {
  const line = (one) => h("tr", {},
    h("th", { scope: "row" }, h("button", { type: "button", onclick: () => narrow(one.programme) }, h("b", {}, one.programme), h("span", {}, one.kinds.join(", ")))),
    h("td", {}, number(one.sites)), h("td", {}, one.capacity === null ? t("sites.unknown") : number(one.capacity)));
  const heads = ["programme", "sites", "capacity"].map((name) => h("th", { scope: "col" }, t(`sites.head_${name}`)));
  return h("table", { class: "programmes" }, h("caption", { class: "unseen" }, t("sites.answer")),
    h("thead", {}, h("tr", {}, heads)), h("tbody", {}, programmes.map(line)));
}

function narrow(programme) {
  place("programme").value = programme;
  ask({ programme });
  place("list-title").scrollIntoView({ block: "start" });
}

/** Doubtful sites come first: some at once, the others on demand. */
function check(answer) {
  const sites = answer?.sites ?? [];
  place("check").hidden = !sites.length;
  place("check-title").textContent = t("sites.check", { n: number(answer?.total ?? 0) });
  const show = (many) => {
    place("doubtful").replaceChildren(...sites.slice(0, many).map((site) => item(site, "check-said")));
    place("more-doubtful").hidden = many >= sites.length;
  };
  place("more-doubtful").textContent = t("sites.more_doubtful", { n: number(sites.length) });
  place("more-doubtful").onclick = () => {
    show(sites.length);
    place("doubtful").children[FIRST]?.querySelector("button")?.focus();
  };
  show(FIRST);
}

const item = (site, said = "problem") => card(site, { keeps, onChanged: (words) => changed(words, said) });

/** The list has changed: load it anew, and say so where it was done, if that is still there. */
async function changed(words, said = "problem") {
  await start();
  const at = place("check").hidden ? "problem" : said;
  place(at).replaceChildren(h("p", { class: "notice", tabindex: "-1" }, words));
  place(at).firstChild.focus();
}

function choices(programmes) {
  const named = programmes.map(({ programme }) => programme);
  const all = view.programme && !named.includes(view.programme) ? [...named, view.programme] : named;
  place("programme").replaceChildren(h("option", { value: "" }, t("sites.every_programme")),
    ...all.map((name) => h("option", { value: name, selected: name === view.programme }, name)));
  place("programmes-known")?.replaceChildren(...named.map((value) => h("option", { value })));
}

/** Whoever answers for some areas may narrow the list to one of them. */
async function areas() {
  if (!keeps || place("within").options.length) return;
  const { grants } = await get("/v1/me").catch(() => ({ grants: [] }));
  const own = grants.filter(({ code, level }) => code && level !== "block");
  place("within").hidden = !own.length;
  place("within").replaceChildren(h("option", { value: "" }, t("app.everywhere")),
    ...own.map(({ code, level, area }) => h("option", { value: `${level}/${code}`, selected: code === view.within }, area ?? code)));
}

/** Load the first page of the list, or the one after what is shown. */
async function list(more = false) {
  const mine = ++turn;
  place("list").setAttribute("aria-busy", "true");
  try {
    const answer = await get("/v1/sites", { ...question(), limit: PAGE, after: more ? view.next : null });
    if (mine !== turn) return;
    show(answer, more);
    place("problem").replaceChildren();
  } catch (error) {
    if (mine === turn) failed(error, () => list(more));
  } finally {
    if (mine === turn) place("list").setAttribute("aria-busy", "false");
  }
}

function show(answer, more) {
  const items = answer.sites.map((site) => item(site));
  const narrowed = view.q || view.programme || view.within;
  if (more) place("list").append(...items);
  else place("list").replaceChildren(...(items.length ? items : [h("li", { class: "empty" }, t(narrowed ? "sites.nothing_found" : "sites.nothing"))]));
  const title = t(answer.total === 1 ? "sites.total_one" : "sites.total", { n: number(answer.total) });
  if (place("list-title").textContent !== title) place("list-title").textContent = title;
  view.next = answer.next;
  place("more").hidden = answer.next === null;
  place("exports").replaceChildren(...exports(t("table.export"), "/v1/sites", { ...question(), lang: setup.lang }, FORMATS));
  if (more) items[0]?.querySelector("button")?.focus();
}

function failed(error, again) {
  const words = t({ "no-version": "sites.no_version", "no-programme": "sites.no_programme" }[error.code] ?? "sites.failed");
  place("problem").replaceChildren(h("p", { class: "notice bad", role: "alert" }, words, " ",
    h("button", { type: "button", class: "quiet", onclick: again }, t("map.retry"))));
}

/** Something else is asked for: from the first page on. */
function ask(changes) {
  Object.assign(view, changes);
  remember();
  list();
}

/** What whoever keeps the list can do beside it: the module of each part comes when it is first opened. */
function tools() {
  const first = (id, load) => place(id).addEventListener("toggle", load, { once: true });
  first("import", async () => (await import("./sites-file.js")).receive(place("upload"), () => start()));
  first("add", async () => {
    const { form } = await import("./sites-form.js");
    const begin = () => place("add").querySelector("div").replaceChildren(form(null, { onDone, onCancel: shut }));
    const shut = () => { place("add").open = false; begin(); };
    const onDone = (words) => { shut(); changed(words); };
    begin();
  });
  first("versions", async () => (await import("./sites-versions.js")).versions(place("versions").querySelector("div")));
}

let timer = null;
place("q").value = view.q;
place("q").addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => ask({ q: place("q").value.trim() }), PAUSE);
});
place("programme").addEventListener("change", () => ask({ programme: place("programme").value || null }));
place("within").addEventListener("change", () => {
  const [level, within] = place("within").value.split("/");
  ask({ within: within ?? null, level: within ? level : null });
});
place("more").addEventListener("click", () => list(true));
if (keeps) tools();
else place("keep")?.remove();
start();
