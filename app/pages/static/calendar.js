// Days and hours of the campaign: which date is day n, how long ago something was by the campaign's own clock.

import { setup, withOffset } from "./texts.js";

const DAY = 86_400_000;
const HOUR = 3_600_000;

/** Day of the campaign (from 1) of a date, as 2022-10-26. */
export const dayOf = (date) => Math.round((Date.parse(date) - Date.parse(setup.campaign.starts_on)) / DAY) + 1;

/** Date of a day of the campaign. */
export const dateOf = (day) => new Date(Date.parse(setup.campaign.starts_on) + (day - 1) * DAY).toISOString().slice(0, 10);

/** The share of the campaign's days begun by a day; left out: by now, which `live` moves on. */
export const elapsed = (day = setup.campaign.day) => day / setup.campaign.days;

const begins = () => Date.parse(withOffset(`${setup.campaign.starts_on}T00:00`));

/** The campaign's present hour since its first midnight; `live` moves it on. */
export const hours = () => setup.campaign.hours ?? (Date.parse(setup.campaign.now) - begins()) / HOUR;

/** The instant at an hour of the campaign. */
export const instantAt = (hour) => new Date(begins() + hour * HOUR).toISOString();

/** Hours since an instant, by the campaign's clock. */
export const age = (instant) => Math.max(0, hours() - (Date.parse(instant) - begins()) / HOUR);
