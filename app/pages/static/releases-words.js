// Published figures in words: what a number, a band and a note of a release say to somebody who has never seen them.

import { h } from "./page.js";
import { number, setup, t } from "./texts.js";

const locale = setup.lang === "id" ? "id-ID" : "en-GB";
const named = (timeZone) => new Intl.DateTimeFormat(locale, { timeZone, day: "numeric", month: "long", year: "numeric" });

/** The day of an instant in the releases' own time zone: "27 October 2022". */
export const dayOf = (instant, timeZone) => named(timeZone).format(new Date(instant));

/** A date (2022-10-27) in full. */
export const dateOf = (date) => named("UTC").format(new Date(`${date}T12:00:00Z`));

/** Which of the bands of `setup.bands` a share falls into; null for none. */
export function bandOf(poor, households) {
  const low = ([name]) => Number(name.match(/^(?:>=)?(\d+)/)?.[1] ?? 0) / 100;
  return setup.bands.findLast((band) => poor / households >= low(band))?.[0] ?? null;
}

/** A band in words: "less than 5 %". */
export function bandWords(name) {
  const high = name.match(/^<(\d+)$/);
  const low = name.match(/^>=(\d+)$/);
  if (high) return t("releases.band_below", { high: high[1] });
  return low ? t("releases.band_from", { low: low[1] }) : t("releases.band_between", { low: name.split("-")[0], high: name.split("-")[1] });
}

/** A band with its colour; a dash where there is none. */
export function band(name) {
  if (name === null) return h("span", {}, "–");
  const swatch = h("i", { class: "swatch", "aria-hidden": "true" });
  swatch.style.backgroundColor = setup.bands.find(([one]) => one === name)[1];
  return h("span", { class: "band" }, swatch, h("span", {}, bandWords(name)));
}

/** "63 ± 15": families that are poor, or a dash. */
export const poor = (row) => (row.poor_shown === null ? "–" : `${number(row.poor_shown)} ±\u00a0${number(Math.ceil(row.error))}`);

/** "+12 ± 10": a change. */
export const change = (row) => `${row.change < 0 ? "−" : "+"}${number(Math.abs(row.change))} ±\u00a0${number(Math.ceil(row.change_error))}`;

/** How many of the families expected are behind a figure, whole: never none, and never all before they are. */
export function covered({ households, expected }) {
  return t("releases.percent", { n: Math.min(Math.max(Math.floor((100 * households) / expected), 1), 99) });
}

/** What is to be said beside a figure, in words; nothing for most. */
export function notes(row) {
  return row.notes.map((note) => t(`releases.note_${note}`, { covered: note === "low_coverage" ? covered(row) : "" }));
}

/** What the reader is told first: elements that say of `row` (a figure) at `where` how many are poor. */
export function answer(row, where, measure) {
  const first = row.notes.find((note) => ["none_yet", "fewer_than_10", "not_shown"].includes(note));
  if (first) return [h("p", { class: "says" }, t(`releases.says_${first}`, { where }))];
  const said = t("releases.says", { households: number(row.households), where, poor: "{poor}" }).split("{poor}");
  const share = row.share_band ?? bandOf(row.poor_shown, row.households);
  const later = row.notes.map((note) => t(`releases.says_${note}`, {
    covered: note === "low_coverage" ? covered(row) : "", expected: number(row.expected),
  }));
  return [
    h("p", { class: "says" }, said[0], h("b", {}, number(row.poor_shown)), ` (±\u00a0${number(Math.ceil(row.error))})`, said[1]),
    h("p", {}, t("releases.says_share", { band: bandWords(share) }), " ", measure),
    ...later.map((words) => h("p", { class: "warn" }, words)),
  ];
}

/** Several figures as one, exactly: their sums, and the error of as many draws. */
export function together(rows) {
  const sum = (name) => rows.reduce((total, row) => total + (row[name] ?? 0), 0);
  const [households, draws] = [sum("households"), sum("draws")];
  const one = rows.find((row) => row.draws);
  const expected = rows.some((row) => row.expected === null) ? null : sum("expected");
  const whole = { households, draws, expected, poor: sum("poor"), share_band: null, poor_shown: null, error: 0, notes: [] };
  if (!one) return { ...whole, notes: ["none_yet"] };
  if (households < setup.rules.shown_from) return { ...whole, notes: ["fewer_than_10"] };
  whole.error = (one.error / Math.sqrt(one.draws)) * Math.sqrt(draws);
  whole.poor_shown = Math.min(Math.max(whole.poor, 0), households);
  if (expected === null) whole.notes = ["coverage_unknown"];
  else if (households < setup.rules.low_coverage * expected) whole.notes = ["low_coverage"];
  return whole;
}
