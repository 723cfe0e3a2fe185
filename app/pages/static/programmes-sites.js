// The table of sites: how many poor families each is the nearest for, and whether it has room for them.

import { h } from "./page.js";
import { amount, grid, small } from "./programmes-tables.js";
import { fullness } from "./programmes-words.js";
import { sign } from "./signs.js";
import { number, t } from "./texts.js";

/** Fullness, worst first. */
const WORST = ["over", "near", "within", "unknown"];

/** Sites of a programme ("": of all), the fullest first. */
export function sites({ sites: all }, { programme, programmes }, onPick) {
  const rows = all.filter((one) => !programme || one.programme === programme).sort((a, b) =>
    WORST.indexOf(a.fullness) - WORST.indexOf(b.fullness) || (b.poor_shown ?? 0) - (a.poor_shown ?? 0));
  if (!rows.length) return [h("p", { class: "empty" }, t("programmes.sites_none"))];
  return [grid([t("programmes.column_place"), t("programmes.column_load"), t("programmes.column_capacity")], rows.map((one) => ({
    key: `site-${one.n}`,
    name: [sign(programmes.indexOf(one.programme), one.fullness), h("span", {}, one.name)],
    more: [small(`${one.programme} · ${one.kind}${one.inside ? "" : ` · ${t("programmes.outside")}`}`)],
    cells: [amount(one), [
      h("b", {}, one.capacity === null ? "–" : number(one.capacity)),
      h("span", { class: one.fullness === "over" ? "without" : "small" }, fullness(one))]],
  })), onPick)];
}
