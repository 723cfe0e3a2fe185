// A password or token that is shown once: in letters that cannot be mistaken, with a button that copies it.

import { h } from "./page.js";
import { t } from "./texts.js";

/** The secret in a box of its own. `title` says what it is, `lines` what to do with it; `onDone` is called at its end. */
export function secretBox({ title, secret, lines, onDone = () => null }) {
  const said = h("span", { class: "small", role: "status" });
  const code = h("code", { class: "secret", tabindex: "0", "aria-label": t("secret.is") }, secret);
  const copy = h("button", { type: "button", class: "main", onclick: async () => {
    said.textContent = t((await copied(secret, code)) ? "secret.copied" : "secret.by_hand");
  } }, t("secret.copy"));
  const box = h("section", { class: "once", tabindex: "-1", "aria-label": title },
    h("h3", {}, title),
    h("p", {}, h("b", {}, t("secret.once"))),
    code,
    h("div", { class: "acts" }, copy, h("button", { type: "button", onclick: () => { box.remove(); onDone(); } }, t("secret.done"))),
    said,
    lines.map((line) => h("p", { class: "small" }, line)));
  return box;
}

/** Browsers open the clipboard only over HTTPS and on this machine; elsewhere the old way may still do it. */
async function copied(secret, shown) {
  try {
    await navigator.clipboard.writeText(secret);
    return true;
  } catch {
    getSelection().selectAllChildren(shown);
    return document.execCommand("copy");
  }
}
