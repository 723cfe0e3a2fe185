// The form of one site: name, capacity, and its place by numbers or on a small map. The map comes when it is wanted.

import { h, put } from "./page.js";
import { refusal } from "./sites-card.js";
import { number, t } from "./texts.js";

/** Two numbers as maps on phones copy them, latitude first: "-0.4948, 117.1436". */
const PAIR = /^\s*([-−]?\d{1,3}[.,]\d+)\s*[,;\s]\s*([-−]?\d{1,3}[.,]\d+)\s*$/;
/** From this width on there is room for a map that nobody asked for. */
const WIDE = matchMedia("(width >= 60rem)");

/** A number as people of Indonesia write it too; NaN for what is none. */
const decimal = (written) => (written.trim() ? Number(written.trim().replace(",", ".").replace("−", "-")) : NaN);
const degrees = (value) => String(Math.round(value * 1e6) / 1e6);

/** A form for `site`, or for a new one (null). `onDone(words)` is called once the server has it. */
export function form(site, { onDone, onCancel }) {
  const one = fields(site);
  const map = h("div", { class: "spot-place" });
  const said = h("div", { class: "said", role: "status" });
  const at = () => [decimal(one.lon.value), decimal(one.lat.value)];
  const set = (lon, lat) => {
    one.lon.value = degrees(lon);
    one.lat.value = degrees(lat);
    spot?.move(lon, lat);
  };
  let spot = null;
  const open = h("button", { type: "button", class: "quiet", onclick: async () => {
    open.hidden = true;
    const { Place } = await import("./sites-place.js");
    spot = new Place(site, set);
    map.replaceChildren(spot.place);
    await spot.draw(at());
  } }, t("sites.open_map"));
  for (const name of ["lat", "lon"]) {
    one[name].addEventListener("input", () => spot?.move(...at()));
    one[name].addEventListener("paste", (event) => pasted(event, set));
  }
  const made = h("form", { class: "decide", novalidate: true },
    h("div", { class: "fields" }, site ? null : [field("programme", one.programme), field("kind", one.kind)],
      field("name", one.name), field("capacity", one.capacity, t("sites.capacity_hint"))),
    h("fieldset", {}, h("legend", {}, t("sites.where")),
      h("p", { class: "small" }, t("sites.where_hint")),
      h("div", { class: "fields pair" }, field("lat", one.lat), field("lon", one.lon)),
      h("div", { class: "ways" }, open, here(set, said)), map),
    said,
    h("div", { class: "acts" }, h("button", { type: "submit", class: "main" }, t(site ? "sites.save" : "sites.add_send")),
      h("button", { type: "button", onclick: onCancel }, t("sites.cancel"))));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    send(site, one, made, said, onDone);
  });
  if (site && WIDE.matches) requestAnimationFrame(() => open.click());
  return made;
}

function fields(site) {
  const input = (value, more = {}) => {
    const made = h("input", { type: "text", maxlength: "200", autocomplete: "off", ...more });
    made.value = value ?? "";
    return made;
  };
  const plain = { autocapitalize: "none", spellcheck: "false" };
  return {
    programme: input(site?.programme, { list: "programmes-known", maxlength: "64", required: true }),
    kind: input(site?.kind, { maxlength: "64" }),
    name: input(site?.name, { required: true }),
    capacity: input(site?.capacity, { ...plain, inputmode: "numeric", maxlength: "9" }),
    lat: input(site && degrees(site.lat), { ...plain, maxlength: "40" }), // phones' number pads lack a minus
    lon: input(site && degrees(site.lon), { ...plain, maxlength: "40" }),
  };
}

const field = (name, made, hint = null) => h("label", {}, t(`sites.field_${name}`), hint ? h("span", {}, hint) : null, made);

/** A point copied from a map of a phone comes as one text: it fills both fields. */
function pasted(event, set) {
  const found = event.clipboardData?.getData("text").match(PAIR);
  if (!found) return;
  event.preventDefault();
  set(decimal(found[2]), decimal(found[1]));
}

/** Where the phone is: whoever stands at the site need not find it on a map. */
function here(set, said) {
  if (!navigator.geolocation) return null;
  const tell = (words) => said.replaceChildren(h("p", { class: "notice" }, words));
  return h("button", { type: "button", class: "quiet", onclick: () => {
    tell(t("sites.locating"));
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      set(coords.longitude, coords.latitude);
      tell(t("sites.located", { metres: number(coords.accuracy) }));
    }, () => tell(t("sites.not_located")), { enableHighAccuracy: true, timeout: 20_000 });
  } }, t("sites.here"));
}

/** The first thing that cannot be sent, as the key of its words and the field; null where all is well. */
function fault(one) {
  const capacity = one.capacity.value.trim();
  if (!one.programme.value.trim()) return ["fault_programme", one.programme];
  if (!one.name.value.trim()) return ["fault_name", one.name];
  if (capacity && !/^\d+$/.test(capacity.replaceAll(".", ""))) return ["fault_capacity", one.capacity];
  for (const [name, most] of [["lat", 90], ["lon", 180]]) {
    const value = decimal(one[name].value);
    if (!(Math.abs(value) <= most)) return [`fault_${name}`, one[name]];
  }
  return null;
}

async function send(site, one, made, said, onDone) {
  const wrong = fault(one);
  for (const input of Object.values(one)) input.removeAttribute("aria-invalid");
  if (wrong) {
    wrong[1].setAttribute("aria-invalid", "true");
    said.replaceChildren(h("p", { class: "notice bad", role: "alert" }, t(`sites.${wrong[0]}`)));
    return wrong[1].focus();
  }
  const capacity = one.capacity.value.trim().replaceAll(".", "");
  const body = {
    programme: one.programme.value.trim(), kind: one.kind.value.trim(), name: one.name.value.trim(),
    capacity: capacity ? Number(capacity) : null, lon: decimal(one.lon.value), lat: decimal(one.lat.value),
    version: site?.version ?? null,
  };
  const buttons = made.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  said.replaceChildren(h("p", {}, t("sites.sending")));
  try {
    const id = site?.site_id ?? `by-hand-${crypto.randomUUID()}`;
    await put(`/v1/sites/${encodeURIComponent(id)}`, body);
    onDone(t("sites.saved", { name: body.name }));
  } catch (error) {
    said.replaceChildren(h("p", { class: "notice bad", role: "alert" }, refusal(error)));
    for (const button of buttons) button.disabled = false;
  }
  return undefined;
}
