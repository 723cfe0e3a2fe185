// One family to be visited again: where, what happened, what is due; opened, every visit; and closing it, or undoing that.

import { ask } from "./closing.js";
import { copied, newId, send } from "./copies.js";
import { dayWords, moment, passed } from "./moments.js";
import { address, h } from "./page.js";
import { number, t, tenths } from "./texts.js";
import { wayThere } from "./way.js";

/** Results that may be closed; who answered in part was met. */
const CLOSABLE = ["refused", "not_met"];

/** Owns the list item of one row of /v1/callbacks. `onDecided(true)` is called after each decision. */
export class Visit {
  constructor(row, { decides, onDecided }) {
    Object.assign(this, { row, decides, onDecided });
    this.path = `/v1/households/${encodeURIComponent(row.household_id)}`;
    this.id = `visits-${encodeURIComponent(row.household_id)}`;
    this.head = h("div", { class: "call-head" });
    this.go = h("div", { class: "go" });
    this.look = h("button", { type: "button", "aria-expanded": "false", "aria-controls": this.id, onclick: () => this.#toggle() },
      t("callbacks.history"), h("span", { class: "unseen" }, `: ${this.#where()}`));
    this.inside = h("div", { id: this.id, class: "visits", hidden: true });
    this.said = h("div", { class: "said", role: "status" });
    this.item = h("li", { class: "call" }, this.head, this.go, this.said, this.inside);
    this.#draw();
  }

  #draw() {
    const { row } = this;
    this.item.className = `call ${row.due}`;
    this.head.replaceChildren(...[
      h("p", { class: "when" }, h("i", { class: `due ${row.due}`, "aria-hidden": "true" }), h("b", {}, when(row)), h("span", { class: "unseen" }, ` (${t(`callbacks.due_${row.due}`)})`)),
      h("h3", {}, row.code ? h("a", { href: address("/block", { code: row.code, level: "block" }) }, row.name) : "–", " ", h("span", { class: "code" }, row.code)),
      h("p", { class: "place" }, (row.place ?? "").split(", ").slice(0, 2).join(", ")),
      h("p", { class: "door" }, door(row) ?? h("span", { class: "code" }, row.household_id)),
      h("p", { class: "last" }, t(row.enumerator ? "callbacks.last_by" : "callbacks.last", {
        n: number(row.visits), when: moment(row.captured_at), name: row.enumerator, result: t(`count.${row.result}`) })),
    ]);
    this.go.replaceChildren(...[...there(row), this.look, this.#act()].filter(Boolean));
  }

  #where() {
    return [this.row.name ?? this.row.code, door(this.row) ?? this.row.household_id].filter(Boolean).join(", ");
  }

  /** The button to close it, or to undo that; none where it cannot be. */
  #act() {
    const { row } = this;
    if (!this.decides) return null;
    const about = h("span", { class: "unseen" }, `: ${this.#where()}`);
    if (row.due === "closed") this.button = h("button", { type: "button", onclick: () => this.#reopen() }, t("callbacks.undo"), about);
    else if (row.due === "spent" && CLOSABLE.includes(row.result)) {
      this.button = h("button", { type: "button", onclick: () => this.#close() }, t("callbacks.close"), about);
    } else return null;
    return this.button;
  }

  /** Where something about it waits to be sent nothing else can be decided. `paths` are those of all that waits. */
  waits(paths) {
    const does = ["close", "reopen"].some((act) => paths.has(`${this.path}/${act}`));
    if (!this.button || does === this.button.disabled) return;
    this.button.disabled = does;
    this.#tell(does ? t("callbacks.queued") : null);
  }

  async #close() {
    const decision = await ask();
    if (!decision) return;
    const reason = t(`callbacks.reason_${decision.reason}`);
    await this.#send("close", decision, t("callbacks.about_close", { where: this.#where(), reason }), () => {
      this.row = { ...this.row, due: "closed", due_at: null, closed: true, reason: decision.reason, closed_at: null };
      return t("callbacks.done_close", { reason });
    });
  }

  async #reopen() {
    await this.#send("reopen", { note: null }, t("callbacks.about_reopen", { where: this.#where() }), () => {
      this.row = { ...this.row, due: "spent", closed: false, reason: null, closed_at: null };
      return t("callbacks.done_reopen");
    });
  }

  /** Send a decision and show the answer; nothing is shown as done before the server says so. */
  async #send(act, decision, about, done) {
    this.button.disabled = true;
    this.#tell(t("callbacks.sending"));
    try {
      const sent = await send(`${this.path}/${act}`, { closing_id: newId(), ...decision }, about);
      if (sent.queued) return this.#tell(t("callbacks.queued"), true);
      const words = done();
      this.#draw();
      this.#tell(words, true);
      if (!this.inside.hidden) this.#load();
      this.onDecided(true);
    } catch (error) {
      this.button.disabled = false;
      this.#tell(refusal(error), false, true);
      this.onDecided(true);
    }
    return undefined;
  }

  #tell(words, focus = false, bad = false) {
    if (words === null) return this.said.replaceChildren();
    const notice = h("p", { class: bad ? "notice bad" : "notice", role: bad ? "alert" : null, tabindex: "-1" }, words);
    this.said.replaceChildren(notice);
    if (focus) notice.focus({ preventScroll: true });
    return undefined;
  }

  #toggle() {
    const opening = this.inside.hidden;
    this.inside.hidden = !opening;
    this.look.setAttribute("aria-expanded", String(opening));
    if (opening) this.#load();
  }

  async #load() {
    this.inside.setAttribute("aria-busy", "true");
    try {
      const { answer } = await copied(this.path);
      this.inside.replaceChildren(...told(answer));
    } catch {
      this.inside.replaceChildren(h("p", { class: "notice bad", role: "alert" }, t("callbacks.history_failed"), " ",
        h("button", { type: "button", class: "quiet", onclick: () => this.#load() }, t("map.retry"))));
    }
    this.inside.setAttribute("aria-busy", "false");
  }
}

/** What is due, in words. */
function when(row) {
  const { due, due_at: at, revisit_at: agreed } = row;
  if (due === "closed") return row.closed_at ? t("callbacks.closed", { when: moment(row.closed_at), reason: t(`callbacks.reason_${row.reason}`) }) : t("callbacks.closed_plain");
  if (due === "spent") return t(`callbacks.spent_${row.result}`);
  if (agreed) return t(due === "overdue" ? "callbacks.missed" : "callbacks.appointment", { when: moment(agreed) });
  if (due === "overdue") return t("callbacks.was_due", { when: dayWords(at) });
  return passed(at) ? t("callbacks.now") : t("callbacks.from", { when: moment(at) });
}

/** Building and number of the prelist, null where they are not known. */
function door({ building, sequence }) {
  const parts = [building && t("callbacks.building", { n: building }), sequence !== null && t("callbacks.sequence", { n: sequence })].filter(Boolean);
  return parts.length ? parts.join(", ") : null;
}

/** The way to its point; says where none is known. */
const there = (row) => (row.lat === null ? [h("span", { class: "none" }, t("callbacks.no_point"))] : wayThere(row));

/** Every visit and every act, oldest first. */
function told({ household, history, closings, left }) {
  const open = CLOSABLE.includes(household.result) && !household.closed && left > 0;
  let n = 0;
  const acts = [
    ...history.map((row) => [row.captured_at, visit(row, row.counts ? (n += 1) : null)]),
    ...closings.map((act) => [act.decided_at, decision(act)]),
  ];
  acts.sort(([a], [b]) => Date.parse(a) - Date.parse(b));
  return [
    h("ol", {}, acts.map(([, item]) => item)),
    open ? h("p", { class: "small" }, left === 1 ? t("callbacks.left_one") : t("callbacks.left", { n: number(left) })) : null,
  ].filter(Boolean);
}

function visit(row, n) {
  const aside = row.too_soon ? t("callbacks.too_soon", { hours: tenths(row.hours) }) : n === null ? t("callbacks.correction") : null;
  return h("li", { class: row.too_soon ? "early" : null },
    h("p", {}, h("b", {}, n === null ? t("callbacks.record") : t("callbacks.visit", { n: number(n) })), " · ", moment(row.captured_at)),
    h("p", {}, [t(`count.${row.result}`), row.enumerator && t("callbacks.by", { name: row.enumerator }),
      row.revisit_at && t("callbacks.again_at", { when: moment(row.revisit_at) })].filter(Boolean).join(" · ")),
    aside ? h("p", { class: "small" }, aside) : null);
}

function decision(act) {
  const values = { name: act.decided_by ?? "?", reason: act.reason && t(`callbacks.reason_${act.reason}`) };
  return h("li", { class: "decision" },
    h("p", {}, h("b", {}, t(act.closed ? "callbacks.act_closed" : "callbacks.act_undone", values)), " · ", moment(act.decided_at)),
    act.note ? h("p", {}, t("callbacks.note", { note: act.note })) : null);
}

/** Why the server refused it. */
function refusal({ code, message, said }) {
  const words = {
    "visits-left": () => t("callbacks.no_visits_left", { n: number(said?.left) }),
    "not-closable": () => t("callbacks.not_closable"),
    "already-closed": () => t("callbacks.already"),
    "not-closed": () => t("callbacks.already"),
    "not-found": () => t("callbacks.gone"),
    "identity-number": () => t("callbacks.identity"),
  }[code];
  return words ? words() : t("callbacks.not_done", { why: message || code });
}
