// The two forms of a decision: correct a row by hand, or reject it with a note. Only what was changed is sent.

import { h } from "./page.js";
import { number, setup, t, time, withOffset } from "./texts.js";

const FIELDS = ["household_id", "block", "lon", "lat", "captured_at", "result"];
const EVERY = [
  "submission_id", "household_id", "revision", "block", "lon", "lat", "accuracy_m", "captured_at", "result", "origin",
  "visit", "revisit_at", "welfare", "started_at", "finished_at", "enumerator",
];
const NUMBERS = ["revision", "lon", "lat", "accuracy_m", "visit", "welfare"];
const TIMES = ["captured_at", "revisit_at", "started_at", "finished_at"];
const CHOICES = {
  result: ["completed", "partial", "not_met", "refused", "not_found", "moved", "deceased", "ineligible"],
};
const MASK = "****************";

/** The field a fault lies in, from the server's sentence; null where it names none. */
export function fieldOf(row, raw) {
  const [field] = row.detail.split(":");
  return EVERY.includes(field) || field in raw ? field : null;
}

/** What a field is called; one that the contract does not know keeps its own name. */
export const label = (field) => (EVERY.includes(field) ? t(`field.${field}`) : field);

/** Fields that held what looked like an identity number, in their value or their name. */
export const maskedIn = (raw) => Object.keys(raw).filter((name) => String(raw[name]).includes(MASK) || name.includes(MASK));

/** A value as people read it. */
export function shown(field, value) {
  if (value === undefined || value === null) return "–";
  if (field === "result" && CHOICES.result.includes(value)) return t(`count.${value}`);
  if (TIMES.includes(field) && !Number.isNaN(Date.parse(value)) && typeof value === "string") return time(value);
  if (typeof value === "number" && !Number.isInteger(value)) return String(Math.round(value * 1e6) / 1e6);
  if (field === "revision" && Number.isInteger(value)) return number(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A form of the fields that matter, filled with what was sent. `send(changes)` gets what differs; `spot` follows it. */
export function correction(row, raw, spot, send) {
  const faulty = fieldOf(row, raw);
  const masked = maskedIn(raw);
  const names = [...new Set([...FIELDS, ...("revision" in raw ? [] : ["revision"]), ...(faulty ? [faulty] : []), ...masked])]
    .filter((name) => EVERY.includes(name));
  const inputs = new Map(names.map((name) => [name, input(name, raw[name])]));
  const before = new Map([...inputs].map(([name, made]) => [name, made.value]));
  const hint = h("p", { class: "notice bad", role: "alert", hidden: true }, t("quarantine.amend_nothing"));
  const moved = () => spot?.move(...["lon", "lat"].map((name) => inputs.get(name).value.trim()).map((v) => (v === "" ? NaN : decimal(v))));
  for (const name of ["lon", "lat"]) inputs.get(name).addEventListener("input", moved);
  spot?.pick((lon, lat) => {
    inputs.get("lon").value = lon.toFixed(6);
    inputs.get("lat").value = lat.toFixed(6);
    moved();
  });
  const form = h("form", { class: "decide" },
    h("p", { class: "small" }, t("quarantine.amend_hint")),
    h("div", { class: "fields" }, names.map((name) => h("label", { class: name === faulty || masked.includes(name) ? "faulty" : null },
      t(`field.${name}`), inputs.get(name), note(raw[name], before.get(name), masked.includes(name))))),
    hint,
    h("div", { class: "acts" }, h("button", { type: "submit", class: "main" }, t("quarantine.amend_send"))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const changes = Object.fromEntries(masked.map((name) => [name, null])); // what was removed is not kept as stars
    for (const [name, made] of inputs) {
      if (made.value !== before.get(name)) changes[name] = value(name, made.value.trim());
    }
    hint.hidden = Object.keys(changes).length > 0;
    if (hint.hidden) send(changes);
  });
  return form;
}

/** What was sent, where the field cannot show it. */
function note(sent, shows, masked) {
  if (masked) return h("span", {}, t("quarantine.masked"));
  if (shows) return null;
  return h("span", {}, missing(sent) ? t("quarantine.sent_nothing") : t("quarantine.sent_value", { value: text(sent) }));
}

const missing = (sent) => sent === undefined || sent === null;
const text = (sent) => (typeof sent === "string" ? sent : JSON.stringify(sent));

function input(name, sent) {
  const filled = missing(sent) || String(sent).includes(MASK) ? "" : text(sent);
  if (CHOICES[name]) {
    const known = CHOICES[name].includes(filled);
    const options = [...(known ? [] : [["", "–"]]), ...CHOICES[name].map((choice) => [choice, t(`count.${choice}`)])];
    const made = h("select", {}, options.map(([choice, words]) => h("option", { value: choice }, words)));
    made.value = known ? filled : "";
    return made;
  }
  if (TIMES.includes(name)) {
    const made = h("input", { type: "datetime-local", step: "1" });
    if (filled && !Number.isNaN(Date.parse(filled))) made.value = local(new Date(filled));
    return made;
  }
  const made = h("input", { type: "text", maxlength: "64", autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  if (NUMBERS.includes(name)) made.inputMode = name === "revision" ? "numeric" : "text"; // phones' decimal pads lack a minus
  made.value = filled;
  return made;
}

/** What the server gets: null takes a field away; numbers as numbers, with the comma of Indonesia too. */
function value(name, written) {
  if (written === "") return null;
  if (NUMBERS.includes(name)) return Number.isFinite(decimal(written)) ? decimal(written) : written;
  if (TIMES.includes(name)) return withOffset(written);
  return written;
}

const decimal = (written) => Number(written.replace(",", "."));

const zone = setup.campaign.time_zone;
const wall = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });

/** An instant as the campaign's wall clock shows it, for a datetime-local field. */
const local = (instant) => wall.format(instant).replace(" ", "T");

/** A form that asks why; `send(note)` gets the answer. */
export function rejection(send) {
  const why = h("textarea", { rows: "2", maxlength: "500", required: true });
  const form = h("form", { class: "decide" },
    h("label", {}, t("quarantine.reject_why"), why),
    h("div", { class: "acts" }, h("button", { type: "submit", class: "main" }, t("quarantine.reject_send"))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(why.value);
  });
  return form;
}
