// Accounts for administrators: find one, make one, give and end grants, set a password, shut out and let in.

import { agreed, grantForm, since, trouble, until, where } from "./grants.js";
import { get, h, post, remove } from "./page.js";
import { secretBox } from "./secret.js";
import { sure } from "./sure.js";
import { date, number, t } from "./texts.js";

const PAGE = 20;
const PAUSE = 250;

const place = (id) => document.getElementById(id);
const path = (row, act) => `/v1/accounts/${encodeURIComponent(row.name)}/${act}`;
let next = null;
let turn = 0;
let changed = () => null;
const opened = new Set();

/** Start the list; `onChange` is called whenever somebody may see more or less than before. */
export function begin(onChange) {
  changed = onChange;
  let timer = null;
  place("find").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(load, PAUSE);
  });
  place("people-more").addEventListener("click", () => load(true));
  place("new").replaceChildren(grantForm({ named: true, words: t("access.create"), send: create }));
  load();
}

/** Show one account in the list, opened. */
export function look(name) {
  opened.add(name);
  place("find").value = name;
  place("accounts").scrollIntoView();
  place("find").focus({ preventScroll: true });
  load();
}

async function load(more = false) {
  const mine = ++turn;
  const list = place("people");
  list.setAttribute("aria-busy", "true");
  try {
    const answer = await get("/v1/accounts", { q: place("find").value.trim(), limit: PAGE, after: more === true ? next : null });
    if (mine !== turn) return;
    const items = answer.accounts.map(item);
    if (more === true) list.append(...items);
    else list.replaceChildren(...(items.length ? items : [h("li", { class: "empty" }, t("access.nobody"))]));
    if (more === true) items[0]?.focus();
    next = answer.next;
    place("people-more").hidden = next === null;
    place("found-accounts").textContent = t("access.found", { n: number(list.querySelectorAll(".person").length) });
  } catch (error) {
    if (mine !== turn) return;
    list.replaceChildren(h("li", { class: "notice bad", role: "alert" }, trouble(error), " ",
      h("button", { type: "button", class: "quiet", onclick: () => load() }, t("act.again"))));
  } finally {
    if (mine === turn) list.setAttribute("aria-busy", "false");
  }
}

/** An account: closed it says who may do what where; opened also since when, and what can be done about it. */
function item(row) {
  const inside = h("details", { open: opened.has(row.name), ontoggle: () => opened[inside.open ? "add" : "delete"](row.name) },
    h("summary", {},
      h("h3", {}, row.name, row.own ? ` ${t("access.you")}` : "", " ", state(row)),
      row.grants.length
        ? h("ul", {}, row.grants.map((grant) => h("li", {}, h("b", {}, t(`role.${grant.role}`)), ": ", where(grant))))
        : h("p", {}, t("access.no_grants"))),
    h("p", { class: "small" }, row.logged_in_at ? t("access.logged_in", { date: date(row.logged_in_at) }) : t("access.never_in")),
    row.grants.length ? h("ul", { class: "rows" }, row.grants.map((grant) => held(row, grant))) : null,
    row.own || row.yours ? null : h("p", { class: "small" }, t("access.wider")),
    row.own ? h("p", { class: "small" }, t("access.own"), " ", h("a", { href: "/account" }, t("app.account"))) : acts(row));
  return h("li", { class: `person${row.disabled_at ? " shut" : ""}`, "data-account": row.name, tabindex: "-1" }, inside);
}

const held = (row, grant) => h("li", {},
  h("div", {},
    h("p", {}, h("b", {}, t(`role.${grant.role}`)), ": ", where(grant)),
    agreed(grant) ? h("p", { class: "small" }, agreed(grant)) : null,
    h("p", { class: "small" }, `${until(grant)} · ${since(grant)}`)),
  grant.yours && !row.own ? h("button", { type: "button", class: "danger", onclick: () => end(row, grant) }, t("access.end"),
    h("span", { class: "unseen" }, ` ${t(`role.${grant.role}`)} ${row.name}`)) : null);

function acts(row) {
  const form = h("div", { class: "form" });
  const act = (words, onclick, danger = false) => h("button", { type: "button", class: danger ? "danger" : null, onclick }, words,
    h("span", { class: "unseen" }, ` ${row.name}`));
  return h("div", {},
    h("div", { class: "acts" },
      act(t("access.give"), () => open(form, row)),
      row.yours ? act(t("access.password"), () => password(row)) : null,
      row.yours && !row.disabled_at ? act(t("access.disable"), () => disable(row), true) : null,
      row.yours && row.disabled_at ? act(t("access.enable"), () => enable(row)) : null),
    form);
}

function state(row) {
  if (row.disabled_at) return h("span", { class: "mark-bad" }, t("access.shut", { date: date(row.disabled_at) }));
  return row.locked ? h("span", { class: "mark-bad" }, t("access.locked")) : "";
}

/** The form of a further grant, below its account; a second press closes it. */
function open(form, row) {
  if (form.firstChild) return form.replaceChildren();
  form.replaceChildren(grantForm({ words: t("access.give_send"), send: async ({ grant }) => {
    if (!(await meant(row.name, grant))) return;
    await post(path(row, "grants"), grant);
    say(h("p", { class: "notice" }, t("access.given", { name: row.name })));
    refresh();
  } }));
  return form.querySelector("select").focus();
}

/** Whoever gives a role is told what it opens. */
const meant = (name, grant) => sure({
  title: t("access.give_sure", { name, role: t(`role.${grant.role}`) }),
  means: [t(`can.${grant.role}`), t(grant.code ? "access.give_area" : grant.assigned ? "access.give_assigned" : "access.give_everything", { code: grant.code ?? "" }),
    grant.expires_at ? t("grant.until", { date: date(grant.expires_at) }) : t("access.give_no_end")],
  yes: t("access.give_send"),
});

async function create({ name, grant }) {
  if (!(await meant(name, grant))) return;
  const made = await post("/v1/accounts", { name, grant });
  place("fresh").open = false;
  place("new").replaceChildren(grantForm({ named: true, words: t("access.create"), send: create }));
  shown(made, t("access.made", { name: made.name }));
  refresh();
}

async function password(row) {
  if (!(await sure({ title: t("access.password_sure", { name: row.name }), means: t("access.password_means"), yes: t("access.password_yes") }))) return;
  await tried(async () => shown(await post(path(row, "password")), t("access.password_made", { name: row.name })));
}

async function disable(row) {
  if (!(await sure({ title: t("access.disable_sure", { name: row.name }), means: t("access.disable_means"), yes: t("access.disable") }))) return;
  await tried(async () => { await post(path(row, "disable")); say(h("p", { class: "notice" }, t("access.disabled", { name: row.name }))); });
}

async function enable(row) {
  if (!(await sure({ title: t("access.enable_sure", { name: row.name }), means: t("access.enable_means"), yes: t("access.enable") }))) return;
  await tried(async () => { await post(path(row, "enable")); say(h("p", { class: "notice" }, t("access.enabled", { name: row.name }))); });
}

async function end(row, grant) {
  const said = { name: row.name, role: t(`role.${grant.role}`), where: where(grant) };
  if (!(await sure({ title: t("access.end_sure", said), means: t("access.end_means", said), yes: t("access.end") }))) return;
  await tried(async () => { await remove(`/v1/grants/${grant.id}`); say(h("p", { class: "notice" }, t("access.ended", said))); });
}

async function tried(work) {
  try {
    await work();
  } catch (error) {
    say(h("p", { class: "notice bad", role: "alert" }, trouble(error)));
  }
  refresh();
}

/** A new password, and what to do with it. */
function shown(made, title) {
  const box = secretBox({ title, secret: made.password, lines: [t("access.hand_over")], onDone: () => place("find").focus() });
  say(box);
  box.focus();
}

function say(what) {
  place("said").replaceChildren(what);
  what.scrollIntoView({ block: "center" });
}

function refresh() {
  load();
  changed();
}
