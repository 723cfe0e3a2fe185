// Asks why a family is closed.

import { h } from "./page.js";
import { t } from "./texts.js";

const REASONS = ["refused_for_good", "absent_until_the_end", "no_access", "unsafe", "moved_away_unconfirmed", "other"];

/** `{reason, note}` as the reader says; null where it was thought better of. */
export function ask() {
  return new Promise((resolve) => {
    const reason = h("select", { id: "close-reason", required: true, autofocus: true }, h("option", { value: "" }, t("callbacks.choose")),
      REASONS.map((name) => h("option", { value: name }, t(`callbacks.reason_${name}`))));
    const optional = h("span", {}, ` (${t("callbacks.note_optional")})`);
    const note = h("textarea", { id: "close-note", rows: "2", maxlength: "500", "aria-describedby": "note-hint" });
    reason.addEventListener("change", () => {
      note.required = reason.value === "other";
      optional.hidden = note.required;
    });
    const form = h("form", { method: "dialog" },
      h("div", {}, h("label", { for: "close-reason" }, t("callbacks.reason")), reason),
      h("div", {}, h("label", { for: "close-note" }, t("callbacks.note_label"), optional), note),
      h("p", { id: "note-hint", class: "small" }, t("callbacks.note_hint")),
      h("div", { class: "acts" },
        h("button", { type: "button", onclick: () => dialog.close() }, t("callbacks.cancel")),
        h("button", { type: "submit", class: "main", value: "yes" }, t("callbacks.close_send"))));
    const dialog = h("dialog", { class: "ask close-it", "aria-labelledby": "close-title", "aria-describedby": "close-means" },
      h("h2", { id: "close-title" }, t("callbacks.close_title")),
      h("p", { id: "close-means" }, t("callbacks.close_means")), form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? { reason: reason.value, note: note.value.trim() || null } : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
