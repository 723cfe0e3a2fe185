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

/** A day with its year. */
export const date = (instant) => whenever.format(new Date(instant));

/** A wall-clock time of the campaign's zone in RFC 3339. */
export function withOffset(written) {
  const full = written.length === 16 ? `${written}:00` : written;
  const part = offset.formatToParts(new Date(`${full}Z`)).find(({ type }) => type === "timeZoneName").value.replace("GMT", "");
  return `${full}${part || "+00:00"}`;
}

/** "prelist 2022_2, as of 14:05": what a number rests on. */
export function basis(asOf) {
  const { series, edition } = setup.campaign;
  return t("figures.basis", { series: t(`series.${series}`), edition, time: time(asOf) });
}
