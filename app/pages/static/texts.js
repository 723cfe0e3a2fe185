// Words, numbers and times in the reader's language and the campaign's time zone.

const read = (id) => JSON.parse(document.getElementById(id).textContent);

export const setup = read("setup");
const texts = read("texts");
const locale = setup.lang === "id" ? "id-ID" : "en-GB";
const zone = setup.campaign?.time_zone; // before there is a campaign: the browser's own

/** The text of a key, `{name}` replaced by values. */
export function t(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const share = new Intl.NumberFormat(locale, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const round = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(locale, { timeZone: zone, hour: "2-digit", minute: "2-digit" });
const dated = new Intl.DateTimeFormat(locale, {
  timeZone: zone, day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});
const whenever = new Intl.DateTimeFormat(locale, { timeZone: zone, day: "numeric", month: "short", year: "numeric" });
const monthly = new Intl.DateTimeFormat(locale, { timeZone: "UTC", day: "numeric", month: "short" });
const weekly = new Intl.DateTimeFormat(locale, { timeZone: "UTC", weekday: "long", day: "numeric", month: "short" });
const since = new Intl.RelativeTimeFormat(locale, { numeric: "always" });
const just = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const lasting = Object.fromEntries(["hour", "day"].map((unit) => [unit, new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" })]));
const offset = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" });
const day = new Intl.DateTimeFormat("sv-SE", { timeZone: zone });

/** A count; a dash where there is none. */
export const number = (n) => (n === null || n === undefined ? "–" : whole.format(n));

/** A distance: tenths where they matter. */
export const kilometres = (km) => (km < 10 ? tenth : whole).format(km);

/** A rate with one decimal; rounded down, so that 100 % is never said too early. */
export const percent = (r) => (r === null || r === undefined ? "–" : share.format(Math.floor(r * 1000 + 1e-6) / 1000));

/** A class break. */
export const percentBreak = (r) => round.format(r);

/** A time of today, with its day where it is another day. */
export function time(instant) {
  const at = new Date(instant);
  return (day.format(at) === day.format(new Date()) ? clock : dated).format(at);
}

/** The date (2022-10-26) of an instant. */
export const dayOn = (instant) => day.format(new Date(instant));

/** The hour of an instant: "08.20". */
export const hour = (instant) => clock.format(new Date(instant));

/** Metres as people walk them: "350 m", "1.2 km". */
export const distance = (metres) => (metres < 995 ? `${whole.format(Math.round(metres / 10) * 10)} m` : `${kilometres(metres / 1000)} km`);

/** A date (2022-10-26) with its weekday: "Tuesday, 25 Oct". */
export const weekday = (date) => weekly.format(new Date(`${date}T12:00:00Z`));

/** A date (2022-10-26) without its year. */
export const shortDate = (date) => monthly.format(new Date(`${date}T12:00:00Z`));

/** Two such dates as "3–9 Nov". */
export const dateRange = (from, to) => monthly.formatRange(new Date(`${from}T12:00:00Z`), new Date(`${to}T12:00:00Z`));

/** A day with its year. */
export const date = (instant) => whenever.format(new Date(instant));

/** Two rates as "84–91 %", whole; one where they come to the same. */
export const percentRange = (low, high) =>
  round.format(low) === round.format(high) ? round.format(high) : `${whole.format(100 * low)}–${round.format(high)}`;

/** A number with one decimal where it has one. */
export const tenths = (n) => tenth.format(n);

/** A wall-clock time of the campaign's zone in RFC 3339. */
export function withOffset(written) {
  const full = written.length === 16 ? `${written}:00` : written;
  const part = offset.formatToParts(new Date(`${full}Z`)).find(({ type }) => type === "timeZoneName").value.replace("GMT", "");
  return `${full}${part || "+00:00"}`;
}

/** How long ago something was, in the largest unit that says it well: "4 hours ago". */
export function ago(hours) {
  if (hours < 1 / 60) return just.format(0, "second");
  if (hours < 1) return since.format(-Math.round(hours * 60), "minute");
  return hours < 48 ? since.format(-Math.floor(hours), "hour") : since.format(-Math.floor(hours / 24), "day");
}

/** Hours as people say them: "31 hours", from two days on "3 days". */
export const duration = (hours) =>
  hours < 48 ? lasting.hour.format(Math.max(1, Math.floor(hours))) : lasting.day.format(Math.floor(hours / 24));

/** "prelist 2022_2, as of 14:05": what a number rests on; with a past `day` of the campaign, as of its end. */
export function basis(asOf, day = null) {
  const { series, edition } = setup.campaign;
  const when = day === null ? time(asOf) : t("figures.end_of", { day });
  return t("figures.basis", { series: t(`series.${series}`), edition, time: when });
}
