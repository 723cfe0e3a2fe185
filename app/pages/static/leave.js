// A log-out that would leave something behind: writes that wait here, or a session that cannot be ended without a network.

import { h } from "./page.js";
import { all, erase } from "./stored.js";
import { number, t } from "./texts.js";

/** Ask first, erase the copies, and end the session if the server can be reached. */
export async function leave(form) {
  const n = (await all()).filter((entry) => entry.state === "waiting" && entry.account === document.body.dataset.account).length;
  if (n && !(await agreed(t(n === 1 ? "leave.waiting_one" : "leave.waiting", { n: number(n) }), t("app.log_out")))) return;
  await erase();
  if (navigator.onLine) form.submit();
  else await agreed(t("leave.offline"));
}

/** Whether the reader says `yes`; where that is left out there is nothing to say but that it was read. */
function agreed(sentence, yes = null) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "ask", "aria-labelledby": "ask-why" },
      h("p", { id: "ask-why" }, sentence),
      h("div", { class: "acts" },
        h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, t(yes ? "leave.stay" : "leave.read")),
        yes ? h("button", { type: "button", onclick: () => dialog.close("yes") }, yes) : null));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
