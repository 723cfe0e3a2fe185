// Releases as every page of them reads them: whose area it is, the row of one area, and the line that says which release is shown.

import { get, h } from "./page.js";
import { dayOf } from "./releases-words.js";
import { setup, t } from "./texts.js";

/** Where the answers of a release begin. */
export const of = (release) => `/v1/releases/${release}`;

/** The time zone in which the days of releases are told. `all` is what /v1/releases said. */
export const zoneOf = (all) => all.terms?.time_zone ?? setup.campaign?.time_zone;

/** "Release 3 · 27 October 2022". */
export const dated = (one, all) => t("releases.short", { release: one.release, date: dayOf(one.as_of, zoneOf(all)) });

/** The area of the reader's grant; null for the public, and where there are several or none. */
export async function ownArea() {
  if (!setup.me) return null;
  const { grants } = await get("/v1/me").catch(() => ({ grants: [] }));
  const [one, other] = grants.filter(({ code, level }) => code && level !== "block");
  return one && !other ? { code: one.code, level: one.level } : null;
}

/** The row of an area in a release; undefined where it has none of that code and level. */
export async function rowOf({ code, level }, release) {
  const found = await get(`${of(release)}/areas`, { level, within: code, within_level: level, limit: 1 }).catch(() => null);
  return found?.areas[0];
}

/** An area of an address as a release has it, with its name; its level is looked for among `levels` where the address does not say it. Else null. */
export async function placed(area, release, levels) {
  if (!area) return null;
  for (const level of area.level ? [area.level, ...levels] : levels) {
    const row = await rowOf({ code: area.code, level }, release);
    if (row) return { code: area.code, level, name: row.name, parent: row.parent };
  }
  return null;
}

/** "Release 3 of 6 · field table · as of 27 October 2022", and the others to choose from: `onPick(number)`. */
export function edition(all, shown, onPick) {
  const said = t("releases.which", {
    release: shown.release, of: Math.max(...all.calendar.map((one) => one.release)), kind: t(`releases.kind_${shown.kind}`), date: dayOf(shown.as_of, zoneOf(all)),
  });
  const pick = h("select", { "aria-label": t("releases.pick"), onchange: () => onPick(Number(pick.value)) },
    [...all.releases].reverse().map((one) => h("option", { value: one.release, selected: one === shown }, dated(one, all))));
  return [h("p", { class: "edition" }, said), ...(all.releases.length > 1 ? [pick] : [])];
}
