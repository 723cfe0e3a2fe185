// Clusters, sites and reach in words: what the head of an office reads first, before any table or map.

import { h } from "./page.js";
import { poor } from "./releases-words.js";
import { number, setup, t } from "./texts.js";

/** Distance classes, nearest first, and how far each goes, kilometres. */
const CLASSES = { "<1": 1, "1-2": 2, "2-5": 5, "5-10": 10, ">10": Infinity };
/** How sure a cluster is, from which share of redraws each word holds. */
const SURE = [[0.95, "sure_very"], [0.8, "sure_quite"], [0, "sure_hardly"]];
/** Whether whoever looks has an account with a role: the public sees larger cells, and no proposed places. */
export const INSIDE = Boolean(setup.me && setup.me.role !== "none");
/** Names of places told in a sentence; more are counted. */
const TOLD = 3;

/** A distance class: "1–2 km"; a dash where there is no site at all. */
export function distanceWords(name) {
  if (!name) return t("programmes.no_site");
  const [low, high] = name.replace(/[<>]/, "").split("-");
  if (name.startsWith("<")) return t("programmes.nearer", { km: low });
  return high ? t("programmes.between", { low, high }) : t("programmes.farther", { km: low });
}

/** Whether all of a class lies within a distance. */
export const isWithin = (name, km) => (CLASSES[name] ?? Infinity) <= km;

/** The nearest class of a site of the programme ("": of any) that a cluster has. */
export function servedBy({ served }, programme) {
  const all = served.filter((one) => !programme || one.programme === programme).map((one) => one.class);
  return Object.keys(CLASSES).find((name) => all.includes(name)) ?? null;
}

/** Whether a cluster has no site of the programme ("": of none at all) within the distance that was asked about. */
export const isWithout = (cluster, programme, programmes) =>
  programmes.length > 0 && (programme ? cluster.without_site.includes(programme) : programmes.every((one) => cluster.without_site.includes(one)));

/** "Sungai Pinang Dalam, Temindung and 2 more". */
export function placesOf(names, most = TOLD) {
  const rest = names.length - most;
  const list = new Intl.ListFormat(setup.lang, { type: "conjunction" });
  return list.format(rest > 0 ? [...names.slice(0, most), t("programmes.more_places", { n: number(rest) })] : names);
}

/** How sure it is that a cluster is one: a key of the texts. */
export const sureness = ({ sure }) => (sure === null || sure === undefined ? null : SURE.find(([from]) => sure >= from)[1]);

/** "a PKH site", or "a site of any programme". */
export const siteOf = (programme) => (programme ? t("programmes.site_of", { programme }) : t("programmes.site_any"));

/** A figure in a sentence: the number strong, ± behind it. */
export function counted(row) {
  if (!row.households) return [h("b", {}, t("programmes.nobody"))];
  if (row.poor_shown === null) return [t("programmes.few")];
  const [value, error] = poor(row).split(" ±");
  return [h("b", {}, value), ` (±${error})`];
}

/** A text whose `{name}`s are elements: t() for sentences with something strong in them. */
export function told(key, parts) {
  return t(key).split(/\{(\w+)\}/).flatMap((words, at) => (at % 2 ? parts[words] ?? `{${words}}` : words));
}

/**
 * What is said first, as paragraphs. `found` holds what has come of the answers `clusters`, `sites` and `reach`; `asked`
 * is `{programme, programmes, km, where}`.
 */
export function firstWords(found, asked) {
  return [
    ...(found.clusters ? clustersSay(found.clusters, asked) : []),
    ...(found.reach && asked.programmes.length ? reachSays(found.reach, asked) : []),
    ...(found.sites ? sitesSay(found.sites, asked) : []),
  ];
}

function clustersSay({ clusters, tested, untested, inside }, { where, programme, programmes, km }) {
  const low = untested.low_coverage ?? 0;
  const care = low > tested ? [h("p", { class: "warn" }, t("programmes.says_low", { n: number(low), all: number(low + tested) }))] : [];
  if (!clusters.length) {
    const key = tested ? "says_none" : INSIDE ? "says_untested" : "says_untested_outside";
    return [h("p", { class: "says" }, t(`programmes.${key}`, { where })), ...care];
  }
  const first = told(clusters.length === 1 ? "programmes.says_one" : "programmes.says", {
    n: h("b", {}, number(clusters.length)), where, poor: counted(inside),
  });
  const without = clusters.filter((one) => isWithout(one, programme, programmes)).length;
  const one = clusters.length === 1;
  const key = !without ? (one ? "says_one_served" : "says_all_served")
    : without < clusters.length ? "says_without" : one ? "says_one_unserved" : "says_none_served";
  const second = told(`programmes.${key}`, { n: h("b", {}, number(without)), site: siteOf(programme), km });
  const both = programmes.length ? [" ", h("span", { class: without ? "without" : null }, second)] : [];
  return [h("p", { class: "says" }, first, ...both), ...care];
}

function reachSays({ families, beyond, areas }, { programme, km }) {
  const farthest = areas.filter(({ beyond: far }) => far.poor_shown > far.error).slice(0, TOLD);
  if (!beyond.households) return [h("p", {}, t("programmes.says_all_reached", { site: siteOf(programme), km }))];
  const said = told("programmes.says_beyond", { all: counted(families), far: counted(beyond), site: siteOf(programme), km });
  const most = farthest.length ? ` ${t("programmes.says_most", { names: placesOf(farthest.map(({ name }) => name)) })}` : "";
  return [h("p", {}, said, most)];
}

function sitesSay({ sites }, { programme, programmes }) {
  if (!programmes.length) return [h("p", { class: "warn" }, t("programmes.says_no_sites"))];
  const over = sites.filter((one) => one.inside && one.fullness === "over" && (!programme || one.programme === programme)).length;
  return over ? [h("p", {}, told(over === 1 ? "programmes.says_over_one" : "programmes.says_over", { n: h("b", {}, number(over)), site: siteOf(programme) }))] : [];
}

/** How full a site is, in words; of a known capacity it may still not be told. */
export const fullness = (one) => t(`programmes.full_${one.fullness === "unknown" && one.capacity !== null ? "untold" : one.fullness}`);
