// What is said of one thing on the map: a cluster, a site, a village, a proposed place.

import { h } from "./page.js";
import { counted, distanceWords, fullness, isWithout, placesOf, servedBy, siteOf, sureness, told } from "./programmes-words.js";
import { number, t } from "./texts.js";

/** Elements that say of a `{kind, row}` what it is, and to whom it matters. */
export const said = ({ kind, row }, asked) => SAY[kind](row, asked).filter(Boolean);

const MANY = 12;

const SAY = {
  cluster: (row, { programme, programmes, km }) => [
    h("h2", {}, t("programmes.cluster_of", { n: row.cluster })),
    h("p", {}, placesOf(row.places, MANY)),
    h("p", { class: "says" }, told("programmes.said_cluster", { poor: counted(row), households: number(row.households) })),
    row.excess > 0 ? h("p", {}, t("programmes.said_excess", { n: number(row.excess), error: number(Math.ceil(row.excess_error)) })) : null,
    sureness(row) ? h("p", {}, t(`programmes.said_${sureness(row)}`)) : null,
    ...(programme ? [programme] : programmes).map((one) => {
      const without = isWithout(row, one, programmes);
      return h("p", { class: without ? "warn" : null }, t(without ? "programmes.said_without" : "programmes.said_served", {
        site: siteOf(one), km, distance: distanceWords(servedBy(row, one)),
      }));
    }),
  ],
  site: (row, { km }) => [
    h("h2", {}, row.name),
    h("p", { class: "small" }, `${row.programme} · ${row.kind}`),
    h("p", { class: "says" }, told("programmes.said_site", { poor: counted(row), km })),
    h("p", { class: row.fullness === "over" ? "warn" : null }, row.capacity === null ? t("programmes.full_unknown")
      : t("programmes.said_capacity", { n: number(row.capacity), full: fullness(row) })),
  ],
  area: (row, { programme, km }) => [
    h("h2", {}, row.name),
    h("p", { class: "says" }, told("programmes.said_area", { far: counted(row.beyond), near: counted(row.reached), site: siteOf(programme), km })),
  ],
  place: (row, { programme, km }) => [
    h("h2", {}, t("programmes.place_of", { n: row.place })),
    h("p", {}, placesOf(row.places, MANY)),
    h("p", { class: "says" }, t("programmes.said_place", { n: number(row.poor_gained), error: number(Math.ceil(row.error)), site: siteOf(programme), km })),
    h("p", { class: "small" }, t("programmes.place_check")),
  ],
};
