// Asks once more before something that cannot simply be taken back, and says what it means.

import { h } from "./page.js";
import { t } from "./texts.js";

/** Whether the reader says yes. `means` is a sentence, or several. Escape and Cancel say no; they come first. */
export function sure({ title, means, yes }) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "sure", "aria-labelledby": "sure-title", "aria-describedby": "sure-means" },
      h("h2", { id: "sure-title" }, title),
      h("div", { id: "sure-means" }, [means].flat().map((sentence) => h("p", {}, sentence))),
      h("div", { class: "acts" },
        h("button", { type: "button", autofocus: true, onclick: () => dialog.close("no") }, t("act.cancel")),
        h("button", { type: "button", class: "danger", onclick: () => dialog.close("yes") }, yes)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
