// Grants in plain words, and the form that gives one.

import { h } from "./page.js";
import { search } from "./search.js";
import { date, setup, t, withOffset } from "./texts.js";

const ROLES = ["enumerator", "supervisor", "coordinator", "local_government", "admin"];
const ASSIGNABLE = ["enumerator", "supervisor"];

/** On what a role was given: "Kampung 1, village 6472030001". */
export function where(grant, own = false) {
  if (grant.assigned) return t(own ? "grant.assigned_own" : "grant.assigned");
  if (grant.code === null) return t("grant.everything");
  return t("grant.area", { name: grant.area ?? t("grant.old_area"), level: t(`level.${grant.level}`).toLowerCase(), code: grant.code });
}

/** Until when. */
export const until = (grant) => (grant.until ? t("grant.until", { date: date(grant.until) }) : t("grant.no_end"));

/** Since when and by whom. */
export const since = (grant) =>
  t("grant.since", { date: date(grant.since), name: grant.granted_by ?? t("grant.operator") });

/** What a local government may use it for; nothing for everybody else. */
export const agreed = (grant) =>
  (grant.agreement ? t("grant.agreed", { purpose: grant.purpose, agreement: grant.agreement }) : null);

/** What went wrong, in words. */
export const trouble = (error) => {
  const known = t(`trouble.${error.code}`);
  return known === `trouble.${error.code}` ? t("trouble.other", { why: `${error.message} (${error.code})` }) : known;
};

/** A form that gives a grant; with `named` also the name of a new account. `send({name, grant})` gets what was chosen. */
export function grantForm({ named = false, words, send }) {
  const only = (roles) => roles.filter((role) => role !== "admin" || setup.me.administers);
  const name = h("input", { name: "name", maxlength: "64", required: true, autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  const role = h("select", { name: "role" }, only(ROLES).map((one) => h("option", { value: one }, t(`role.${one}`))));
  const can = h("p", { class: "can whole", "aria-live": "polite" });
  const on = h("div", { class: "ticks" });
  const place = h("div", { class: "search" });
  const chosen = h("p", { class: "within", "aria-live": "polite" });
  const end = h("input", { name: "until", type: "date", min: new Date(Date.now() + 864e5).toISOString().slice(0, 10) });
  const purpose = h("input", { name: "purpose", maxlength: "200", autocomplete: "off" });
  const agreement = h("input", { name: "agreement", maxlength: "200", autocomplete: "off" });
  const government = h("div", { class: "pair whole" }, label("grant.purpose", purpose), label("grant.agreement", agreement));
  const fault = h("p", { class: "notice bad whole", role: "alert", hidden: true });
  const picked = { kind: "area", area: null };

  const show = () => {
    const kinds = setup.me.administers_all ? ["area", "everything", ...(ASSIGNABLE.includes(role.value) ? ["assigned"] : [])] : ["area"];
    if (!kinds.includes(picked.kind)) picked.kind = "area";
    const group = `on-${(counter += 1)}`;
    on.replaceChildren(...(kinds.length > 1 ? kinds.map((kind) => h("label", { class: "tick" },
      h("input", { type: "radio", name: group, value: kind, checked: kind === picked.kind, onchange: () => { picked.kind = kind; show(); } }),
      h("span", {}, t(`grant.on_${kind}`)))) : []));
    place.parentElement.hidden = picked.kind !== "area";
    can.textContent = t(`can.${role.value}`);
    const local = role.value === "local_government";
    government.hidden = !local;
    for (const field of [purpose, agreement, end]) field.required = local;
    chosen.textContent = picked.area
      ? t("grant.chosen", { name: picked.area.name, level: t(`level.${picked.area.level}`).toLowerCase(), code: picked.area.code })
      : t("grant.none_chosen");
  };
  const form = h("form", { class: "line-form" },
    named ? label("grant.name", name) : null,
    label("grant.role", role),
    can,
    h("fieldset", { class: "whole" }, h("legend", {}, t("grant.where")), on, h("div", {}, place, chosen)),
    label("grant.end", end, t("grant.end_hint")),
    government,
    fault,
    h("button", { type: "submit", class: "main" }, words));
  search(place, (area) => { picked.area = area; show(); });
  role.addEventListener("change", show);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    fault.hidden = picked.kind !== "area" || picked.area !== null;
    fault.textContent = t("grant.none_chosen");
    if (!fault.hidden) return;
    const button = form.querySelector("button[type=submit]");
    button.disabled = true;
    try {
      await send({ name: name.value.trim(), grant: made() });
    } catch (error) {
      fault.hidden = false;
      fault.textContent = trouble(error);
    } finally {
      button.disabled = false;
    }
  });
  const made = () => ({
    role: role.value,
    level: picked.kind === "area" ? picked.area.level : null,
    code: picked.kind === "area" ? picked.area.code : null,
    assigned: picked.kind === "assigned",
    expires_at: end.value ? withOffset(`${end.value}T23:59:59`) : null,
    ...(role.value === "local_government" ? { purpose: purpose.value.trim(), agreement: agreement.value.trim() } : {}),
  });
  show();
  return form;
}

let counter = 0;

const label = (key, field, hint = null) =>
  h("label", {}, t(key), field, hint ? h("span", {}, hint) : null);
