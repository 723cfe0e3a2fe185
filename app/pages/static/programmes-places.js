// Where new sites would reach the most poor families: how many to look for, by which rule, and what that would change.

import { h } from "./page.js";
import { grid, badge } from "./programmes-tables.js";
import { counted, placesOf, siteOf, told } from "./programmes-words.js";
import { METHODS, MOST } from "./programmes-view.js";
import { number, percentBreak, t } from "./texts.js";

/**
 * Fill `place`. `of` is `{view, asked, inside}`; `back` is called back: `load()` gives the answer, `onCome(answer)` when
 * it has come, `onAsk({sites, method})` for another question, `onPick(key)` for a row.
 */
export function placements(place, { view, asked, inside }, back) {
  if (!inside) {
    place.replaceChildren(h("p", { class: "empty" }, t("programmes.places_closed"), " ",
      h("a", { href: `/login?to=${encodeURIComponent(location.pathname + location.search)}` }, t("programmes.log_in"))));
    return void place.setAttribute("aria-busy", "false");
  }
  if (!asked.programmes.length) {
    place.replaceChildren(h("p", { class: "empty" }, t("programmes.sites_none")));
    return void place.setAttribute("aria-busy", "false");
  }
  const below = h("div", {}, h("p", { class: "empty", role: "status" }, t("programmes.places_working")));
  place.setAttribute("aria-busy", "true");
  place.replaceChildren(form(view, back.onAsk), below);
  return back.load().then((answer) => {
    below.replaceChildren(...drawn(answer, asked, back.onPick));
    back.onCome(answer);
  }, (error) => below.replaceChildren(h("p", { class: "notice bad", role: "alert" }, t("programmes.places_failed"), " ", h("span", { class: "small" }, error.message))))
    .finally(() => place.setAttribute("aria-busy", "false"));
}

function form({ sites, method }, onAsk) {
  const many = h("select", { id: "many", onchange: () => onAsk({ sites: Number(many.value) }) },
    Array.from({ length: MOST }, (_, at) => h("option", { value: at + 1, selected: at + 1 === sites }, number(at + 1))));
  const rule = h("select", { id: "rule", onchange: () => onAsk({ method: rule.value }) },
    METHODS.map((one) => h("option", { value: one, selected: one === method }, t(`programmes.method_${one}`))));
  return h("div", { class: "asks" },
    h("label", {}, h("span", {}, t("programmes.many")), many), h("label", {}, h("span", {}, t("programmes.method")), rule));
}

function drawn(answer, { km, programme }, onPick) {
  const { placements: rows, covered } = answer;
  if (!rows.length) return [h("p", { class: "empty" }, t("programmes.places_none"))];
  const said = told("programmes.places_say", {
    n: number(rows.length), site: siteOf(programme), km, before: h("b", {}, number(covered.before)), after: h("b", {}, number(covered.after)),
    error: number(Math.ceil(covered.error)), of: number(covered.of),
  });
  const best = answer.optimal || !answer.gap ? t("programmes.places_best") : t("programmes.places_gap", { gap: percentBreak(answer.gap) });
  return [
    h("p", { class: "says" }, said), h("p", { class: "small" }, best),
    grid([t("programmes.column_new"), t("programmes.column_gained"), t("programmes.column_of_all")], rows.map((one) => ({
      key: `place-${one.n}`,
      name: [badge(one.place, "new"), h("span", {}, placesOf(one.places))],
      cells: [[h("b", {}, `+${number(one.poor_gained)} ±\u00a0${number(Math.ceil(one.error))}`)], [percentBreak(one.share_of_all)]],
    })), onPick),
  ];
}
