// Who may see an area: one table that says who, what they may do, where and until when.

import { agreed, since, trouble, until, where } from "./grants.js";
import { exports, get, h } from "./page.js";
import { number, setup, t } from "./texts.js";
import { Within } from "./within.js";

const PAGE = 100;
const HEADS = ["who", "where", "until"];

const place = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const view = { within: asked.get("within"), level: asked.get("within_level"), next: null };
const people = setup.me.administers ? await import("./people.js") : null;
let area = null;
let turn = 0;

const question = () => ({ within: view.within, within_level: view.level });

async function load(more = false) {
  const mine = ++turn;
  place("holders").setAttribute("aria-busy", "true");
  try {
    const answer = await get("/v1/access", { ...question(), limit: PAGE, after: more ? view.next : null });
    if (mine !== turn) return;
    show(answer, more);
    place("problem").replaceChildren();
  } catch (error) {
    if (mine !== turn) return;
    place("holders").replaceChildren();
    place("more").hidden = true;
    place("holders-title").textContent = area.name ?? t("access.heading");
    const again = error.code === "not-found" ? null : h("button", { type: "button", class: "quiet", onclick: () => load(more) }, t("act.again"));
    place("problem").replaceChildren(h("p", { class: "notice bad", role: "alert" },
      error.code === "not-found" ? t("access.not_yours") : trouble(error), " ", again ?? ""));
  } finally {
    if (mine === turn) place("holders").setAttribute("aria-busy", "false");
  }
}

function show(answer, more) {
  if (!more) place("holders").replaceChildren(table());
  const rows = answer.access.map((row) => [row, line(row, answer.blocks)]);
  for (const [row, made] of rows) group(row.role).append(made);
  if (more) rows[0]?.[1].querySelector("th").focus();
  else {
    place("holders-title").textContent = t("access.total", {
      n: number(answer.accounts), where: area.name ?? t("access.your_area"), blocks: number(answer.blocks),
    });
    place("exports").replaceChildren(...exports(t("table.export"), "/v1/access", { ...question(), limit: 1000 }).slice(0, 3));
  }
  view.next = answer.next;
  place("more").hidden = answer.next === null;
}

const table = () => h("table", { class: "holders", role: "table" },
  h("caption", { class: "unseen" }, t("access.heading")),
  h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, HEADS.map((name) => h("th", { scope: "col", role: "columnheader" }, t(`access.${name}`))))));

/** The rows of one role, under a line that says once what it may do. */
function group(role) {
  const found = place("holders").querySelector(`tbody[data-role="${role}"]`);
  if (found) return found;
  const made = h("tbody", { role: "rowgroup", "data-role": role },
    h("tr", { role: "row", class: "kind" }, h("th", { scope: "rowgroup", role: "rowheader", colspan: HEADS.length }, h("b", {}, t(`role.${role}`)), " ", h("span", {}, t(`can.${role}`)))));
  place("holders").querySelector("table").append(made);
  return made;
}

function line(row, blocks) {
  const name = people && !row.own
    ? h("button", { type: "button", class: "quiet name", "aria-label": t("access.manage", { name: row.account }), onclick: () => people.look(row.account) }, row.account)
    : h("b", {}, row.account);
  const reach = row.role === "local_government" ? ""
    : h("p", { class: "small" }, row.whole ? t("access.all_blocks") : t("access.some_blocks", { n: number(row.blocks), of: number(blocks) }));
  const cell = (head, ...inside) => h("td", { role: "cell" }, h("span", { class: "head", "aria-hidden": "true" }, t(`access.${head}`)), h("div", {}, inside));
  return h("tr", { role: "row" },
    h("th", { scope: "row", role: "rowheader", tabindex: "-1" }, name, row.own ? ` ${t("access.you")}` : ""),
    cell("where", h("p", {}, where(row)), agreed(row) ? h("p", { class: "small" }, agreed(row)) : "", reach),
    cell("until", h("p", {}, until(row)), h("p", { class: "small" }, since(row))));
}

function narrow(to) {
  Object.assign(view, to);
  const query = new URLSearchParams(Object.entries(question()).filter(([, value]) => value));
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  area.show(view);
  load();
}

async function begin() {
  area = new Within(place("search"), place("within"), narrow);
  place("more").addEventListener("click", () => load(true));
  await area.show(view);
  await load();
}

people?.begin(() => setup.campaign && load());
if (setup.campaign) begin();
