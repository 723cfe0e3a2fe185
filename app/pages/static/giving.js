// Asks to whom a stop is given, or whether it is taken out.

import { h } from "./page.js";
import { number, t } from "./texts.js";

/**
 * `{to}`: a name, or null for nobody; null where it was thought better of. `people` are `{name, stops}`, `now` is who goes
 * there as yet; `what` says which stop it is.
 */
export function giveTo(what, people, now) {
  return new Promise((resolve) => {
    const choice = (to, words, more) => h("button", { type: "button", class: "choice", onclick: () => { picked = { to }; dialog.close(); } },
      h("b", {}, words), more ? h("span", { class: "small" }, more) : null);
    let picked = null;
    const dialog = h("dialog", { class: "ask giving", "aria-labelledby": "give-title" },
      h("h2", { id: "give-title" }, t(now === null ? "plan.put_title" : "plan.give_title")),
      h("p", { class: "small" }, what),
      h("div", { class: "choices" },
        people.filter(({ name }) => name !== now).map(({ name, stops }) => choice(name, name, t("plan.stops", { n: number(stops) }))),
        now === null ? null : choice(null, t("plan.take_out"))),
      h("div", { class: "acts" }, h("button", { type: "button", onclick: () => dialog.close() }, t("plan.cancel"))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(picked);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
