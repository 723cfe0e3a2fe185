// Instants as people say them, by the campaign's own clock: "today 16:30", "yesterday", "Wed 26 Oct 09:00".

import { hours, instantAt } from "./calendar.js";
import { setup } from "./texts.js";

const DAY = 86_400_000;
/** Days for which there are words of their own. */
const NEAR = 1;

const locale = setup.lang === "id" ? "id-ID" : "en-GB";
const zone = setup.campaign.time_zone;
const day = new Intl.DateTimeFormat("sv-SE", { timeZone: zone });
const clock = new Intl.DateTimeFormat(locale, { timeZone: zone, hour: "2-digit", minute: "2-digit" });
const dated = new Intl.DateTimeFormat(locale, { timeZone: zone, weekday: "short", day: "numeric", month: "short" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

/** Whether an instant lies behind the campaign's clock. */
export const passed = (instant) => Date.parse(instant) <= Date.parse(instantAt(hours()));

/** Today by the campaign's clock (2022-10-26), or the day so many days later. */
export const today = (later = 0) => day.format(new Date(Date.parse(instantAt(hours())) + later * DAY));

/** Local days from today to an instant; below zero in the past. */
export const daysTo = (instant) => Math.round((Date.parse(day.format(new Date(instant))) - Date.parse(day.format(new Date(instantAt(hours()))))) / DAY);

/** The day of an instant: "yesterday", "4 days ago", "tomorrow". */
export const dayWords = (instant) => relative.format(daysTo(instant), "day");

/** The day and the hour. */
export function moment(instant) {
  const at = new Date(instant);
  const days = daysTo(instant);
  return `${Math.abs(days) <= NEAR ? relative.format(days, "day") : dated.format(at)} ${clock.format(at)}`;
}
