// One's own account: what it may see, its tokens, where it is logged in, its password.

import { agreed, since, trouble, until, where } from "./grants.js";
import { get, h, post, remove } from "./page.js";
import { secretBox } from "./secret.js";
import { sure } from "./sure.js";
import { date, number, t, time } from "./texts.js";

const place = (id) => document.getElementById(id);

/** Fill a place with what the server says; a fault stands there with a button that tries again. */
async function load(id, path, show) {
  try {
    place(id).replaceChildren(...[show(await get(path))].flat().filter(Boolean));
  } catch (error) {
    place(id).replaceChildren(h("p", { class: "notice bad", role: "alert" }, trouble(error), " ",
      h("button", { type: "button", class: "quiet", onclick: () => load(id, path, show) }, t("act.again"))));
  } finally {
    place(id).setAttribute("aria-busy", "false");
  }
}

const seen = () => load("sees", "/v1/me", (me) => {
  place("password-part").hidden = !me.by_password;
  if (!me.grants.length) return h("p", { class: "notice" }, t("account.no_role"));
  return [
    h("ul", { class: "rows" }, me.grants.map((grant) => h("li", {},
      h("div", {},
        h("p", {}, h("b", {}, t(`role.${grant.role}`)), ": ", where(grant, true)),
        h("p", {}, t(`can.${grant.role}`)),
        agreed(grant) ? h("p", { class: "small" }, agreed(grant)) : null,
        h("p", { class: "small" }, h("b", {}, until(grant)), ` · ${since(grant)}`))))),
    me.blocks === null || me.role === "local_government" ? null : h("p", {}, t("account.blocks", { n: number(me.blocks) })),
  ];
});

const tokens = () => load("tokens", "/v1/tokens", (answer) => (answer.tokens.length
  ? h("ul", { class: "rows" }, answer.tokens.map((row) => h("li", { "data-token": row.id },
      h("div", {},
        h("p", {}, h("b", {}, row.name)),
        h("p", { class: "small" }, `${row.expires_at ? t("grant.until", { date: date(row.expires_at) }) : t("grant.no_end")} · ${used(row)}`)),
      h("button", { type: "button", class: "danger", "aria-label": t("account.revoke_named", { name: row.name }), onclick: () => revoke(row) }, t("account.revoke")))))
  : h("p", { class: "small" }, t("account.no_tokens"))));

const sessions = () => load("sessions", "/v1/sessions", (answer) =>
  h("ul", { class: "rows" }, answer.sessions.map((row) => h("li", { "data-session": row.id },
    h("div", {},
      h("p", {}, h("b", {}, row.this ? t("account.session_this") : t("account.session_other"))),
      h("p", { class: "small" }, `${t(row.how === "provider" ? "account.session_provider" : "account.session_password", { time: time(row.created_at) })} · ${used(row)}`)),
    row.this ? null : h("button", { type: "button", class: "danger", onclick: () => endSession(row) }, t("account.session_end"))))));

const used = (row) => (row.used_at ? t("account.used", { date: date(row.used_at) }) : t("account.unused"));

async function revoke(row) {
  if (!(await sure({ title: t("account.revoke_sure", { name: row.name }), means: t("account.revoke_means"), yes: t("account.revoke") }))) return;
  await tried("made", () => remove(`/v1/tokens/${row.id}`), t("account.revoked", { name: row.name }));
  tokens();
}

async function endSession(row) {
  if (!(await sure({ title: t("account.session_sure"), means: t("account.session_means"), yes: t("account.session_end") }))) return;
  await tried("sessions", () => remove(`/v1/sessions/${row.id}`), "");
  sessions();
}

/** Do it, and say what came of it. */
async function tried(id, work, done) {
  try {
    await work();
    if (done) place(id).replaceChildren(h("p", { class: "notice", role: "status" }, done));
  } catch (error) {
    place(id).replaceChildren(h("p", { class: "notice bad", role: "alert" }, trouble(error)));
  }
}

place("make")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  try {
    const made = await post("/v1/tokens", { name: place("token-name").value.trim(), days: Number(place("token-days").value) });
    const box = secretBox({
      title: t("account.token_made", { name: made.name }),
      secret: made.token,
      lines: [t("account.token_phone"), t("account.token_office"), t("account.token_lost")],
      onDone: () => place("token-name").focus(),
    });
    place("made").replaceChildren(box);
    box.focus();
    event.target.reset();
    tokens();
  } catch (error) {
    place("made").replaceChildren(h("p", { class: "notice bad", role: "alert" }, trouble(error)));
  } finally {
    button.disabled = false;
  }
});

place("password").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  const said = place("password-said");
  try {
    await post("/v1/password", { old: place("old").value, new: place("new").value });
    said.replaceChildren(h("p", { class: "notice" }, t("account.password_done")));
    event.target.reset();
    shown(false);
    sessions();
  } catch (error) {
    said.replaceChildren(h("p", { class: "notice bad", role: "alert" }, trouble(error)));
    if (error.code === "wrong-password") place("old").focus();
  } finally {
    button.disabled = false;
  }
});

function shown(yes) {
  for (const id of ["old", "new"]) place(id).type = yes ? "text" : "password";
}

place("show").addEventListener("change", (event) => shown(event.target.checked));
seen();
tokens();
sessions();
