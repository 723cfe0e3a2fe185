// A file of sites goes up twice: first only to be checked, row by row, then to be stored as it was checked.

import { address, get, h, post } from "./page.js";
import { doubtful } from "./sites-card.js";
import { distance, number, t } from "./texts.js";

const TYPES = {
  csv: "text/csv",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  geojson: "application/geo+json",
  json: "application/geo+json",
};
const TABLES = ["csv", "xlsx"];
/** What becomes of a row, the worst first. */
const STATUSES = ["refused", "doubtful", "changed", "stored", "closed", "unchanged"];
/** Of these something is stored. */
const STORES = ["doubtful", "changed", "stored", "closed"];
const STEP = 30;
const METRES_A_DEGREE = 111_195;

const ending = (file) => file?.name.toLowerCase().split(".").pop();

/** Make the form check its file, and store it once somebody has seen what would happen. `onDone()` is called after that. */
export function receive(form, onDone) {
  const one = (id) => form.querySelector(`#${id}`);
  const said = one("upload-said");
  const say = (...parts) => said.replaceChildren(...parts.filter(Boolean));
  const asked = (dry) => address("/v1/sites", {
    programme: one("for-programme").value.trim(), kind: one("for-kind").value.trim(), replace: one("replace").checked || null,
    note: dry ? null : one("file").files[0].name, dry_run: dry || null,
  });
  /** Send the file; null where it was refused as a whole. */
  const send = async (dry) => {
    const file = one("file").files[0];
    const type = TYPES[ending(file)];
    if (!type) return say(h("p", { class: "notice bad", role: "alert" }, t("sites.import_kinds"))), null;
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    say(h("p", { class: "notice" }, t(dry ? "sites.import_checking" : "sites.import_storing", { name: file.name })));
    try {
      return await post(asked(dry), file, type);
    } catch (error) {
      say(h("p", { class: "notice bad", role: "alert" }, whole(error)));
      return null;
    } finally {
      for (const button of form.querySelectorAll("button")) button.disabled = false;
    }
  };
  let before = new Map();
  const check = async () => {
    const answer = await send(true);
    if (!answer) return;
    before = answer.closed.length || answer.counts.changed || answer.counts.doubtful ? await stored() : new Map();
    say(...told(answer, one("file").files[0], true, before), acts(answer));
    said.querySelector("h3").focus();
  };
  const acts = ({ counts }) => {
    const n = STORES.reduce((sum, status) => sum + (counts[status] ?? 0), 0);
    const other = h("button", { type: "button", onclick: () => { say(); one("file").focus(); } }, t("sites.import_other"));
    if (!n) return h("div", {}, h("p", { class: "notice" }, t("sites.import_nothing")), h("div", { class: "acts" }, other));
    return h("div", { class: "acts" },
      h("button", { type: "button", class: "main", onclick: store }, t(n === 1 ? "sites.import_store_one" : "sites.import_store", { n: number(n) })), other);
  };
  const store = async () => {
    const answer = await send(false);
    if (!answer) return;
    say(...told(answer, one("file").files[0], false, before));
    form.reset();
    said.querySelector("h3").focus();
    onDone();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    check();
  });
  for (const id of ["file", "for-programme", "for-kind", "replace"]) one(id).addEventListener("change", () => say()); // what was checked is another thing
}

/** Why the file was not taken as a whole. */
function whole({ code, message }) {
  if (code === "network") return t("sites.refused_network");
  const key = { "household-list": "household_list", "body-too-large": "too_large", "unsupported-body": "kinds" }[code];
  return key ? t(`sites.import_${key}`) : t("sites.import_refused", { why: message || code });
}

/** The sites as they are before the file is stored, by their ids: what differs is told beside each row. */
async function stored() {
  const { sites } = await get("/v1/sites", { limit: 10_000 }).catch(() => ({ sites: [] }));
  return new Map(sites.map((site) => [site.site_id, site]));
}

function told({ version, counts, results, closed, ignored }, file, dry, before) {
  const chips = STATUSES.filter((status) => counts[status]);
  const title = dry ? t("sites.import_would", { name: file.name }) : t("sites.import_did", { version: number(version) });
  const list = h("table", { class: "rows" });
  const more = h("button", { type: "button", hidden: true }, t("sites.more"));
  const lines = [...results, ...closed.map((id) => gone(id, before.get(id)?.name))].sort((a, b) => STATUSES.indexOf(a.status) - STATUSES.indexOf(b.status) || a.row - b.row);
  let shown = null;
  let limit = STEP;
  const draw = () => {
    const kept = lines.filter(({ status }) => !shown || status === shown);
    list.replaceChildren(h("caption", { class: "unseen" }, title), head(), h("tbody", {}, kept.slice(0, limit).map((row) => line(row, file, dry, before.get(row.site_id)))));
    more.hidden = kept.length <= limit;
    for (const button of pick.children) button.setAttribute("aria-pressed", String((button.dataset.status || null) === shown));
  };
  const chip = (status, words, n) => h("button", { type: "button", class: "chip", "data-status": status ?? "", onclick: () => { shown = status; limit = STEP; draw(); } },
    words, " ", h("b", {}, number(n)));
  const pick = h("div", { class: "chips", role: "group", "aria-label": t("sites.import_pick") },
    chip(null, t("sites.import_all"), lines.length), ...chips.map((status) => chip(status, t(`sites.${dry ? "would" : "did"}_${status}`), counts[status])));
  more.addEventListener("click", () => { limit += STEP; draw(); });
  draw();
  return [h("h3", { tabindex: "-1" }, title), dry ? h("p", {}, t("sites.import_not_yet")) : null,
    ignored.length ? h("p", { class: "small" }, t("sites.import_ignored", { columns: ignored.join(", ") })) : null, pick, list, more];
}

/** A site that is in no row: it closes. */
const gone = (id, name = id) => ({ row: null, site_id: id, name, status: "closed", reason: null, doubts: [] });

const head = () => h("thead", {}, h("tr", {}, ["row", "site", "happens"].map((name) => h("th", { scope: "col" }, t(`sites.head_${name}`)))));

/** The number by which a spreadsheet knows a row: its first one names the columns. */
const numbered = (row, file) => (row === null ? "–" : TABLES.includes(ending(file)) ? number(row + 2) : number(row + 1));

/** Metres between two sites near each other. */
function apart(a, b) {
  const east = (a.lon - b.lon) * Math.cos((a.lat * Math.PI) / 180);
  return Math.hypot(east, a.lat - b.lat) * METRES_A_DEGREE;
}

/** What a row says that the stored site does not, in words. */
function differences({ name, site }, old) {
  const shown = (n) => (n === null ? t("sites.unknown") : number(n));
  const pairs = [["name", old.name, name], ["kind", old.kind || "–", site.kind || "–"], ["capacity", shown(old.capacity), shown(site.capacity)]];
  const said = pairs.filter(([, was, is]) => was !== is).map(([field, was, is]) => t(`sites.differs_${field}`, { was, is }));
  const metres = apart(old, site);
  return metres < 1 ? said : [...said, t("sites.differs_place", { far: distance(metres) })];
}

function line(row, file, dry, old) {
  const differs = old && row.site ? differences(row, old) : [];
  const why = row.reason ? [h("b", {}, t(`sites.reason_${row.reason}`)), " ", t(`sites.fix_${row.reason}`)] : [];
  return h("tr", { class: row.status, "data-row": row.row }, h("th", { scope: "row" }, row.row === null ? null : h("span", {}, `${t("sites.head_row")} `), numbered(row.row, file)), h("td", {}, row.name ?? row.site_id ?? "–"),
    h("td", {}, h("span", { class: "fate" }, t(`sites.${dry ? "would" : "did"}_${row.status}`)), why.length ? h("p", {}, why) : null,
      differs.length ? h("p", {}, differs.join("; ")) : null,
      row.doubts.length ? h("ul", {}, row.doubts.map(doubtful)) : null));
}
