// One site on a card: what it is, where, what is doubtful about it and what to do; correcting and closing it in place.

import { address, h, remove } from "./page.js";
import { number, t } from "./texts.js";
import { wayThere } from "./way.js";

/** The item of a list. `keeps`: whether whoever looks keeps the list; `onChanged(words)` is called when something is stored. */
export function card(site, { keeps, onChanged }) {
  const may = keeps && Array.isArray(site.doubts);
  const doubts = site.doubts ?? [];
  const below = h("div", { class: "opened", hidden: true });
  return h("li", { class: doubts.length ? "site doubtful" : "site", "data-site": site.site_id },
    h("h3", {}, site.name),
    h("p", { class: "kind" }, [h("b", {}, site.programme), site.kind ? ` · ${site.kind}` : "", site.place ? ` · ${site.place.split(", ").slice(0, 2).join(", ")}` : ""]),
    h("p", { class: "room" }, site.capacity === null ? t("sites.room_unknown") : t("sites.room", { n: number(site.capacity) })),
    doubts.length ? h("ul", { class: "doubts" }, doubts.map(doubtful)) : null,
    h("div", { class: "go" }, may ? acts(site, below, onChanged) : null, wayThere({ ...site, n: null })),
    may ? below : null);
}

/** Why a site is doubtful, and what to do about it. */
export const doubtful = ({ doubt, other }) =>
  h("li", {}, h("b", {}, t(`sites.doubt_${doubt}`)), " ", t(`sites.todo_${doubt}`, { other: other?.name ?? "" }));

function acts(site, below, onChanged) {
  const said = h("span", { class: "unseen" }, `: ${site.name}`);
  const open = h("button", { type: "button", "aria-expanded": "false", onclick: async () => {
    if (!below.hidden) return shut();
    below.hidden = false;
    open.setAttribute("aria-expanded", "true");
    const { form } = await import("./sites-form.js");
    below.replaceChildren(form(site, { onDone: onChanged, onCancel: shut }));
    below.querySelector("input")?.focus();
    return undefined;
  } }, t("sites.edit"), said);
  const shut = () => {
    below.replaceChildren();
    below.hidden = true;
    open.setAttribute("aria-expanded", "false");
    open.focus();
  };
  const close = h("button", { type: "button", onclick: async () => {
    const note = await why(site);
    if (note === null) return;
    try {
      await remove(address(`/v1/sites/${encodeURIComponent(site.site_id)}`, { note, version: site.version }));
      onChanged(t("sites.closed", { name: site.name }));
    } catch (error) {
      below.hidden = false;
      below.replaceChildren(h("p", { class: "notice bad", role: "alert" }, refusal(error)));
    }
  } }, t("sites.close"), said.cloneNode(true));
  return [open, close];
}

/** Asks why a site is closed; null where it was thought better of. */
function why(site) {
  return new Promise((resolve) => {
    const note = h("textarea", { id: "note", rows: "2", maxlength: "500", required: true, "aria-describedby": "note-hint" });
    const form = h("form", { method: "dialog" },
      h("label", { for: "note" }, t("sites.close_note")), note,
      h("p", { id: "note-hint", class: "small" }, t("sites.close_hint")),
      h("div", { class: "acts" },
        h("button", { type: "button", onclick: () => dialog.close() }, t("sites.cancel")),
        h("button", { type: "submit", class: "main", value: "yes" }, t("sites.close_yes"))));
    const dialog = h("dialog", { class: "ask", "aria-labelledby": "ask-title", "aria-describedby": "ask-means" },
      h("h2", { id: "ask-title" }, t("sites.close_title", { name: site.name })), h("p", { id: "ask-means" }, t("sites.close_means")), form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? note.value.trim() : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Why the server refused a change. */
export function refusal({ code, message, said }) {
  const key = { "changed-meanwhile": "meanwhile", "no-site": "gone", network: "network", "not-yours": "not_yours", forbidden: "not_yours" }[code];
  if (key) return t(`sites.refused_${key}`);
  if (said?.reason) return `${t(`sites.reason_${said.reason}`)} ${t(`sites.fix_${said.reason}`)}`;
  return t("sites.refused", { why: message || code });
}
