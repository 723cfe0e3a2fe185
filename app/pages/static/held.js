// One row held back: what is wrong and what to do, in words; opened, what was sent, where it lies, and the decisions.

import { correction, fieldOf, label, maskedIn, rejection, shown } from "./decide.js";
import { h, post } from "./page.js";
import { Spot, drawable } from "./spot.js";
import { setup, t, time } from "./texts.js";

/** Reasons of a point that cannot be used: the family still counts in a block that is known. */
const POINTLESS = ["NULL_ISLAND", "OUTSIDE_CAMPAIGN", "WRONG_CRS", "OUT_OF_RANGE"];
/** Reasons whose own words, map or comparison say where the fault lies. */
const TOLD = ["AXES_SWAPPED", "NULL_ISLAND", "OUTSIDE_CAMPAIGN", "WRONG_CRS", "CONFLICT"];
/** Reasons that time, a corrected campaign or new areas may have removed: only then is checking again of use. */
const PASSING = ["CLOCK_AHEAD", "BEFORE_CAMPAIGN", "UNKNOWN_BLOCK", "OUTSIDE_CAMPAIGN"];
/** Fields that a record cannot do without. */
const NEEDED = ["submission_id", "household_id", "block"];
const COMPARED = ["household_id", "revision", "result", "captured_at", "block", "lon", "lat", "enumerator"];

/** Owns the list item of one row. `onDecided` is called after each decision, `onReload` to load the list anew. */
export class Held {
  constructor(row, { onDecided, onReload }) {
    Object.assign(this, { row, onDecided, onReload, raw: plain(row.raw), spot: null });
    this.id = `row-${row.id}`;
    this.look = h("button", { type: "button", class: "look", "aria-expanded": "false", "aria-controls": this.id, onclick: () => this.#toggle() },
      t("quarantine.open"), h("span", { class: "unseen" }, ` ${this.#about()}`));
    this.inside = h("div", { id: this.id, class: "opened", tabindex: "-1", hidden: true });
    this.said = h("div", { class: "answer", role: "status" });
    this.item = h("li", { class: `held ${row.state}`, "data-row": row.id },
      h("h3", {}, t(`held.${row.reason}`)),
      this.#facts(),
      h("p", {}, t(`fault.${row.reason}`)),
      this.#wrong(),
      this.#decided(),
      this.look, this.inside, this.said);
  }

  #about() {
    return t("quarantine.about", { reason: t(`held.${this.row.reason}`), household: this.row.household_id ?? this.row.name ?? "" });
  }

  /** Where, who, when. */
  #facts() {
    const { row } = this;
    const where = row.name ? [h("b", {}, row.name), " ", h("span", { class: "code" }, row.code)] : [t("quarantine.area_unknown")];
    const values = { sender: row.sender ?? t("quarantine.sender_unknown"), time: time(row.received_at) };
    return h("p", { class: "facts" },
      h("span", {}, ...where, row.place ? `, ${row.place.split(", ")[0]}` : ""),
      row.block && row.block !== row.code ? h("span", {}, t("quarantine.block_sent", { code: row.block })) : null,
      row.household_id ? h("span", {}, `${t("quarantine.household")} `, h("b", {}, row.household_id)) : null,
      h("span", {}, t(row.own ? "quarantine.sent_by_you" : "quarantine.sent_by", values)));
  }

  /** The one field the fault lies in, and what was sent in it. */
  #wrong() {
    const field = fieldOf(this.row, this.raw);
    if (!field || TOLD.includes(this.row.reason)) return null;
    const sent = this.raw[field];
    return h("p", { class: "wrong" }, h("b", {}, t("quarantine.field_wrong", { field: label(field) })), ", ",
      sent === undefined || sent === null ? t("quarantine.sent_nothing") : t("quarantine.sent_value", { value: shown(field, sent) }));
  }

  #decided() {
    const { row } = this;
    if (row.state === "open") return null;
    const values = { state: t(`quarantine.state_${row.state}`), name: row.resolved_by ?? "?", time: time(row.resolved_at) };
    return h("p", {}, h("b", {}, t("quarantine.decided", values)), row.note ? `. ${t("quarantine.note_was", { note: row.note })}` : "");
  }

  #toggle() {
    const opening = this.inside.hidden;
    this.inside.hidden = !opening;
    this.look.setAttribute("aria-expanded", String(opening));
    this.look.firstChild.textContent = t(opening ? "quarantine.close" : "quarantine.open");
    if (!opening) return this.#close();
    this.spot = drawable(this.row) ? new Spot(this.row) : null;
    this.form = h("div");
    const decides = setup.me.decides && this.row.yours && this.row.state === "open";
    const doing = h("div", { class: "doing" }, this.#known(), decides ? this.#acts() : null, this.form, this.#sent());
    this.inside.replaceChildren(...[this.spot?.place, doing].filter(Boolean));
    this.spot?.draw();
    return undefined;
  }

  #close() {
    this.spot?.close();
    this.spot = null;
    this.inside.replaceChildren();
  }

  /** What is stored beside what is held: for a conflict line by line, else a word that this visit is known. */
  #known() {
    const { known, reason } = this.row;
    if (!known) return null;
    if (reason !== "CONFLICT") return h("p", { class: "notice" }, t("quarantine.known_already"));
    const held = { enumerator: this.row.sender, ...this.raw };
    const lines = COMPARED.map((field) => {
      const [old, fresh] = [known[field], held[field]].map((value) => shown(field, value));
      return h("tr", { class: old === fresh ? "" : "differs" }, h("th", { scope: "row" }, t(`field.${field}`)), h("td", {}, old), h("td", {}, fresh));
    });
    const heads = ["field", "known", "held"].map((name) => h("th", { scope: "col" }, t(`quarantine.${name}`)));
    return h("table", { class: "compare" }, h("caption", { class: "unseen" }, t("quarantine.compare")),
      h("thead", {}, h("tr", {}, heads)), h("tbody", {}, lines));
  }

  #acts() {
    const { row } = this;
    const act = (words, onclick, main = false) => h("button", { type: "button", class: main ? "main" : null, onclick }, words);
    const decide = (decision) => () => this.#decide(decision);
    const pointless = POINTLESS.includes(row.reason) && row.level === "block" && row.block === row.code && ["lon", "lat"].includes(fieldOf(row, this.raw));
    const masked = maskedIn(this.raw);
    const removable = masked.length > 0 && !masked.some((name) => NEEDED.includes(name));
    return h("div", { class: "acts" },
      row.proposal ? act(t(row.reason === "AXES_SWAPPED" ? "quarantine.accept_swap" : "quarantine.accept"),
        decide({ action: "amend", changes: row.proposal }), true) : null,
      pointless ? act(t("quarantine.without_point"), decide({ action: "amend", changes: { lon: null, lat: null } }), true) : null,
      removable ? act(t("quarantine.without_number"),
        decide({ action: "amend", changes: Object.fromEntries(masked.map((name) => [name, null])) }), true) : null,
      row.reason === "CONFLICT" ? act(t("quarantine.keep"), decide({ action: "reject", note: t("quarantine.keep_note") }), true) : null,
      row.reason === "CONFLICT" ? act(t("quarantine.take"), decide({ action: "take" })) : null,
      act(t("quarantine.amend"), () => this.#ask(correction(row, this.raw, this.spot, (changes) => this.#decide({ action: "amend", changes })))),
      PASSING.includes(row.reason) || (row.known && row.reason !== "CONFLICT")
        ? act(t("quarantine.revalidate"), decide({ action: "revalidate" })) : null,
      act(t("quarantine.reject"), () => this.#ask(rejection((note) => this.#decide({ action: "reject", note })))));
  }

  /** Put a form under the buttons; its second button takes it away again. */
  #ask(form) {
    const opener = document.activeElement;
    const cancel = h("button", { type: "button", class: "quiet", onclick: () => { this.form.replaceChildren(); this.spot?.settle(); opener?.focus(); } },
      t("quarantine.cancel"));
    form.querySelector(".acts").append(cancel);
    this.form.replaceChildren(form);
    form.querySelector("input, select, textarea").focus();
  }

  #sent() {
    const lines = Object.entries(this.raw).map(([name, value]) =>
      h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, typeof value === "string" ? value : JSON.stringify(value))));
    return h("details", {}, h("summary", {}, t("quarantine.all_sent")),
      h("table", { class: "as-sent" }, h("tbody", {}, lines)), h("p", { class: "small" }, this.row.detail));
  }

  /** Send a decision and show the server's answer; nothing is shown as done before it says so. */
  async #decide(decision) {
    const buttons = [...this.inside.querySelectorAll("button")];
    buttons.forEach((button) => { button.disabled = true; });
    this.said.replaceChildren(h("p", { class: "small" }, t("quarantine.working")));
    try {
      this.#done(await post(`/v1/quarantine/${this.row.id}/resolve`, decision));
    } catch (error) {
      buttons.forEach((button) => { button.disabled = false; });
      this.#refused(error);
    }
  }

  #done(answer) {
    this.#close();
    this.inside.hidden = true;
    this.look.remove();
    this.item.className = `held ${answer.state}`;
    this.said.replaceChildren(h("p", { class: "notice", tabindex: "-1" },
      t(`quarantine.done_${answer.receipt?.status ?? answer.state}`)));
    this.said.firstChild.focus();
    this.onDecided(true);
  }

  #refused(error) {
    const reason = error.said?.reason;
    const words = {
      "still-held": () => [h("b", {}, t("quarantine.still_held")), " ", t(`held.${reason}`), ". ", t(`fault.${reason}`),
        " ", h("span", { class: "small" }, error.message)],
      "already-resolved": () => [t("quarantine.too_late")],
      "not-found": () => [t("quarantine.gone")],
      network: () => [t("quarantine.not_sent")],
    }[error.code] ?? (() => [t("quarantine.still_held"), " ", `${error.message} (${error.code})`]);
    const reload = ["already-resolved", "not-found"].includes(error.code)
      ? h("button", { type: "button", class: "quiet", onclick: this.onReload }, t("quarantine.reload")) : null;
    this.said.replaceChildren(h("p", { class: "notice bad", role: "alert" }, words(), " ", reload));
    if (reload) this.inside.querySelectorAll("button").forEach((button) => { button.disabled = true; });
    this.onDecided(true);
  }
}

/** The fields of a row; of what is no object, what there is. */
function plain(raw) {
  if (raw !== null && typeof raw === "object" && !Array.isArray(raw)) return raw;
  return { "": raw };
}
