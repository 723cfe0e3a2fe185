// A file of the ledger goes up as it is, and every row's receipt comes back.

import { address, h, post } from "./page.js";
import { number, t } from "./texts.js";

const TYPES = { csv: "text/csv", xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" };
/** Rows that were not taken are listed here up to so many; the list above has them all. */
const MOST = 30;

/** Make the form send its file; `onDone()` is called when the server has it. */
export function receive(form, onDone) {
  const [scale, dated, file] = ["scale", "dated", "file"].map((id) => form.querySelector(`#${id}`));
  const button = form.querySelector("button");
  const said = form.querySelector("[aria-live]");
  const say = (...parts) => said.replaceChildren(...parts);
  const columns = () => { form.querySelector("#columns").textContent = t(`welfare.columns_${scale.value}`); };
  scale.addEventListener("change", columns);
  columns();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = file.files[0];
    const type = TYPES[chosen?.name.toLowerCase().split(".").pop()];
    if (!type) return say(h("p", { class: "notice bad", role: "alert" }, t("welfare.import_kind")));
    button.disabled = true;
    say(h("p", {}, t("welfare.import_sending", { name: chosen.name })));
    try {
      say(...told(chosen.name, await post(address(`/v1/welfare/${scale.value}`, { dated: dated.value }), chosen, type)));
      onDone();
    } catch (error) {
      const why = error.code === "network" ? t("welfare.import_lost") : `${error.message} (${error.code})`;
      say(h("p", { class: "notice bad", role: "alert" }, t("welfare.import_failed", { why })));
    } finally {
      button.disabled = false;
    }
    return undefined;
  });
}

function told(name, { results, counts }) {
  const held = results.filter((row) => row.reason);
  const lines = held.slice(0, MOST).map((row) => h("li", {}, h("b", {}, t("welfare.row", { n: number(row.row + 1) })), ` · ${t(`unfit.${row.reason}`)}. `,
    t(`welfare.todo_${row.reason}`), row.detail ? h("span", { class: "small" }, ` ${row.detail}`) : null));
  return [
    h("p", {}, h("b", {}, t("welfare.import_done", { name, rows: number(results.length) }))),
    h("p", { class: "said" }, Object.entries(counts).filter(([, n]) => n).map(([status, n]) => h("span", {}, h("b", {}, number(n)), ` ${t(`welfare.fate_${status}`)}`))),
    ...(held.length ? [h("h3", {}, t("welfare.import_held", { n: number(held.length) })), h("ul", {}, lines),
      held.length > MOST ? h("p", { class: "small" }, t("welfare.import_more", { n: number(held.length - MOST) })) : ""] : []),
  ];
}
