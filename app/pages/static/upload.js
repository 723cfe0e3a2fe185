// A list from a device that broke: the file goes up as it is, and every row's receipt comes back.

import { h, post } from "./page.js";
import { number, t } from "./texts.js";

const TYPES = {
  csv: "text/csv",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
};
const MOST = 50;

/** Make the form send its file; `onHeld` shows the rows that were held back in the list. */
export function upload(form, onHeld) {
  const file = form.querySelector("input[type=file]");
  const button = form.querySelector("button");
  const said = form.querySelector("[aria-live]");
  const say = (...parts) => said.replaceChildren(...parts);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = file.files[0];
    const type = TYPES[chosen?.name.toLowerCase().split(".").pop()];
    if (!type) return say(h("p", { class: "notice bad", role: "alert" }, t("quarantine.upload_kind")));
    button.disabled = true;
    say(h("p", {}, t("quarantine.upload_sending", { name: chosen.name })));
    try {
      say(...told(chosen.name, await post("/v1/submissions", chosen, type), onHeld));
      form.reset();
    } catch (error) {
      const why = error.code === "network" ? t("quarantine.not_sent") : `${error.message} (${error.code})`;
      say(h("p", { class: "notice bad", role: "alert" }, t("quarantine.upload_failed", { why })));
    } finally {
      button.disabled = false;
    }
    return undefined;
  });
}

function told(name, answer, onHeld) {
  const held = answer.results.filter((row) => row.reason);
  const counts = Object.entries(answer.counts).filter(([, n]) => n);
  return [
    h("p", {}, h("b", {}, t("quarantine.upload_done", { name, rows: number(answer.results.length) }))),
    h("p", { class: "said" }, counts.map(([status, n]) => h("span", {}, h("b", {}, number(n)), ` ${t(`receipt.${status}`)}`))),
    held.length
      ? h("div", {}, h("h3", {}, `${t("quarantine.upload_held")}: ${number(held.length)}`),
          h("ul", {}, held.slice(0, MOST).map((row) => h("li", {},
            h("b", {}, t("quarantine.upload_line", { n: number(row.row + 1) })), ` · ${t(`held.${row.reason}`)}. `,
            h("span", { class: "small" }, row.detail ?? "")))),
          h("button", { type: "button", onclick: onHeld }, t("quarantine.upload_show")))
      : "",
  ];
}
