// How it goes, in words: first whether it is on course, then what that rests on, the pace, and what is to come.

import { h } from "./page.js";
import { basis, dateRange, number, percent, percentBreak, percentRange, setup, shortDate, t, tenths } from "./texts.js";

/** Below this share of what was due it is behind, as for blocks on the map; above, but short, a little. */
const BEHIND = 0.8;

const LATELY = 7;

/** What is to be said first of an answer of /v1/progress: `{state, words}`. */
export function verdict(answer) {
  const { expected, gap, day, days_left: left, progress } = answer;
  if (answer.completed === null) return { state: "unknown", words: t("progress.hidden") };
  if (day === 0) return { state: "unknown", words: t("progress.not_begun", { date: shortDate(setup.campaign.starts_on) }) };
  if (!expected) return { state: "unknown", words: t("progress.no_expected") };
  if (gap === 0) return { state: "good", words: t("progress.finished") };
  if (left === 0) return { state: "bad", words: t("progress.over", { n: number(gap) }) };
  const last = progress.findLast((row) => row.whole);
  if (!last) return { state: "unknown", words: t("progress.first_day") };
  const short = last.due - last.done;
  if (short === 0) return { state: "good", words: t("progress.exactly") };
  if (short < 0) return { state: "good", words: t("progress.on_course", { n: number(-short) }) };
  const little = last.done >= BEHIND * last.due;
  return { state: little ? "fair" : "bad", words: t(little ? "progress.a_little" : "progress.behind", { n: number(short) }) };
}

/** The sentence below: how much of what was due was done by the last whole day. Empty where that says nothing. */
export function lead(answer) {
  if (answer.completed === null) return t("progress.hidden_lead");
  if (!answer.expected) return t("progress.no_expected_lead", { completed: number(answer.completed) });
  const last = answer.progress.findLast((row) => row.whole);
  if (!last) return "";
  return t("progress.lead", {
    date: shortDate(last.date), done: number(last.done), expected: number(answer.expected), due: number(last.due),
    share: percent(last.done / answer.expected), due_share: percent(last.due / answer.expected),
  });
}

/** Facts as a list of `dt` and `dd`: now, pace, pace needed, what to expect at the deadline, and of the target. */
export function facts(answer) {
  if (answer.completed === null || !answer.expected || answer.day === 0) return [];
  return [now, pace, needed, end, ahead].map((fact) => fact(answer)).filter(Boolean).map(([name, value, ...lines]) =>
    h("div", {}, h("dt", {}, name), h("dd", { class: "value" }, value),
      lines.filter(Boolean).map((line) => h("dd", {}, line))));
}

function now({ expected, gap, as_of: asOf }) {
  const done = expected - gap;
  const counted = t("progress.now_of", { done: number(done), expected: number(expected), gap: number(gap) });
  return [t("progress.now"), percent(done / expected), counted, basis(asOf)];
}

function pace({ pace: perDay, pace_needed: wanted, progress }) {
  const whole = Math.min(progress.filter((row) => row.whole).length, LATELY);
  const name = whole === 1 ? t("progress.pace_one") : t("progress.pace", { n: whole || LATELY });
  if (perDay === null) return [name, "–", t("progress.pace_none")];
  const enough = wanted !== null && perDay >= wanted ? t("progress.slower") : null;
  return [name, t("progress.per_day_unit", { n: number(perDay) }), enough];
}

function needed({ pace: perDay, pace_needed: wanted, days_left: left }) {
  const date = shortDate(setup.campaign.ends_on);
  if (wanted === null) return [t("progress.pace_needed"), "–", t("progress.needed_over", { date })];
  const until = left === 1 ? t("progress.needed_last", { date }) : t("progress.needed_until", { date, n: left });
  const times = perDay > 0 && wanted > perDay ? t("progress.times", { n: tenths(wanted / perDay) }) : null;
  return [t("progress.pace_needed"), t("progress.per_day_unit", { n: number(wanted) }), until, times];
}

function end({ forecast, why }) {
  const name = t("progress.at_deadline", { date: shortDate(setup.campaign.ends_on) });
  if (!forecast) return [name, t("progress.none_yet"), reason(why)];
  if (!forecast.at_end) return null;
  return [name, percentRange(forecast.at_end.low, forecast.at_end.high), t("progress.interval", { share: percentBreak(forecast.share) })];
}

function ahead({ forecast, target }) {
  if (!forecast) return null;
  const name = t("progress.forecast", { share: percentBreak(target) });
  const { low, high } = forecast.on;
  if (!low) return [name, t("progress.not_in_sight"), t("progress.not_in_sight_why")];
  if (low === high && high <= last(forecast)) return [name, t("progress.reached", { date: shortDate(low) })];
  const interval = t("progress.interval", { share: percentBreak(forecast.share) });
  if (!high) return [name, t("progress.open_end", { date: shortDate(low) }), t("progress.open_end_why"), interval];
  return [name, dateRange(low, high), interval];
}

/** The last day that the forecast did not look ahead of. */
const last = ({ ahead: days }) => new Date(Date.parse(days[0].date) - 86_400_000).toISOString().slice(0, 10);

/** Why there is no forecast. */
export const reason = (why) => t(`progress.why_${why.replaceAll("-", "_")}`);
