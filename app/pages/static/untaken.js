// Rows that were not taken into the ledger, the newest first: what was sent, what is wrong with it, and what to do.

import { h } from "./page.js";
import { number, t, time } from "./texts.js";

const SCALES = ["consultation", "rank", "field_status"];

export const path = "/v1/welfare/held";
export const most = 1000;
export const view = { scale: null };

/** Take what the address asks for. */
export function begin(asked) {
  if (SCALES.includes(asked.get("scale"))) view.scale = asked.get("scale");
}

export const question = () => ({ scale: view.scale });
export const address = () => ({ scale: view.scale });
export const rows = (answer) => answer.held;

const all = ({ reasons }) => Object.values(reasons).reduce((sum, n) => sum + n, 0);

export function title(answer) {
  const n = all(answer);
  return n ? t("welfare.rows_held", { n: number(n) }) : t("welfare.no_rows_held");
}

export const empty = () => t("welfare.none_held_why");

/** Of which scale. */
export function narrow(_answer, ask) {
  const select = h("select", { "data-key": "scale", onchange: () => ask({ scale: select.value || null }) },
    h("option", { value: "" }, t("welfare.all_scales")),
    SCALES.map((scale) => h("option", { value: scale, selected: scale === view.scale }, t(`welfare.scale_${scale}`))));
  return [h("label", { class: "field" }, h("span", {}, t("welfare.import_scale")), select)];
}

/** How many for which reason. */
export function beside({ reasons }) {
  const told = Object.entries(reasons).sort(([, a], [, b]) => b - a);
  if (told.length < 2) return [];
  return [h("section", { class: "total" }, h("ul", { class: "reasons" },
    told.map(([reason, n]) => h("li", {}, h("b", {}, number(n)), " ", t(`unfit.${reason}`)))))];
}

/** One row. */
export function card(row) {
  const sent = Object.entries(row.raw ?? {});
  return h("li", { class: "doubt untaken", "data-reason": row.reason },
    h("p", { class: "kind" }, h("b", {}, t(`unfit.${row.reason}`)), ` · ${t(`welfare.scale_${row.scale}`)}`),
    h("h3", {}, row.household_id ?? t("welfare.household_unknown")),
    h("p", { class: "place" }, [row.name, ...(row.place ?? "").split(", ").slice(0, 1)].filter(Boolean).join(", ") || t("welfare.area_unknown")),
    h("p", { class: "evident" }, t(`welfare.todo_${row.reason}`)),
    h("p", { class: "by" }, t("welfare.row_of", { n: number(row.row + 1), time: time(row.received_at) }), row.sender ? [" · ", h("b", {}, row.sender)] : null),
    h("details", {}, h("summary", {}, t("welfare.as_sent")),
      h("table", { class: "as-sent" }, h("tbody", {}, sent.map(([name, value]) =>
        h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, typeof value === "string" ? value : JSON.stringify(value)))))),
      row.detail ? h("p", { class: "small" }, row.detail) : null));
}
