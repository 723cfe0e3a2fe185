// What a person decides on one card: buttons, a note, the decision that stands, and undoing it. Nothing is shown as done before
// the server says so; without a network it waits in the outbox.

import { newId, send } from "./copies.js";
import { h } from "./page.js";
import { moment } from "./moments.js";
import { t } from "./texts.js";

/** Owns the buttons of one thing that can be decided on. */
export class Decision {
  /**
   * `path` is where decisions go, `about` what it is in words; `choices` are `{decision, words, done, title, means, sure}`, where
   * `done` is what stands afterwards and `sure()` asks once more. `standing` is what was decided so far, or null.
   */
  constructor({ path, about, choices, standing, onDecided }) {
    Object.assign(this, { path, about, choices, standing, onDecided, sending: false, queued: false });
    this.buttons = h("div", { class: "acts" });
    this.stands = h("p", { class: "stands" });
    this.said = h("div", { class: "said", role: "status" });
    this.place = h("div", { class: "decision" }, this.stands, this.buttons, this.said);
    this.#draw();
  }

  #draw() {
    const { standing } = this;
    const chosen = standing && this.choices.find(({ decision }) => decision === standing.decision);
    const about = () => h("span", { class: "unseen" }, `: ${this.about}`);
    this.stands.hidden = !standing;
    this.stands.replaceChildren(...(standing ? [
      h("b", {}, chosen?.done ?? standing.decision), " · ",
      t("quality.decided_by", { name: standing.decided_by ?? "?", when: moment(standing.decided_at) }),
      ...(standing.note ? [h("q", {}, standing.note)] : []),
    ] : []));
    this.buttons.replaceChildren(...(standing
      ? [h("button", { type: "button", class: "quiet", onclick: () => this.#send("reopened", null, t("quality.undo")) }, t("quality.undo"), about())]
      : this.choices.map((choice) => h("button", { type: "button", onclick: () => this.#choose(choice) }, choice.words, about()))));
  }

  /** Where a decision on it waits to be sent nothing else can be decided. `paths` are those of all that waits. */
  waits(paths) {
    const does = paths.has(this.path);
    if (this.sending || does === this.queued) return;
    this.queued = does;
    this.#busy(does);
    this.#tell(does ? t("quality.queued") : null);
  }

  async #choose(choice) {
    const note = await asked(choice);
    if (note === null || (choice.sure && !(await choice.sure()))) return;
    await this.#send(choice.decision, note || null, choice.words);
  }

  async #send(decision, note, words) {
    this.sending = true;
    this.#busy(true);
    this.#tell(t("quality.sending"));
    try {
      const sent = await send(this.path, { review_id: newId(), decision, note }, t("quality.about", { words, about: this.about }));
      if (sent.queued) {
        this.queued = true;
        return this.#tell(t("quality.queued"), true);
      }
      const kept = sent.answer ?? { decision, note, decided_by: null, decided_at: new Date().toISOString() };
      this.standing = decision === "reopened" ? null : kept;
      this.#draw();
      this.#tell(this.choices.find((one) => one.decision === decision)?.told?.(kept) ?? t(decision === "reopened" ? "quality.undone" : "quality.kept"), true);
    } catch (error) {
      this.#tell(refusal(error), false, true);
    } finally {
      this.sending = false;
    }
    this.#busy(false);
    this.onDecided();
    return undefined;
  }

  #busy(yes) {
    for (const button of this.buttons.children) button.disabled = yes;
  }

  #tell(words, focus = false, bad = false) {
    if (words === null) return this.said.replaceChildren();
    const notice = h("p", { class: bad ? "notice bad" : "notice", role: bad ? "alert" : null, tabindex: "-1" }, words);
    this.said.replaceChildren(notice);
    if (focus) notice.focus({ preventScroll: true });
    return undefined;
  }
}

/** Asks for a note; null where it was thought better of. */
function asked({ words, title, means }) {
  return new Promise((resolve) => {
    const note = h("textarea", { id: "note", rows: "2", maxlength: "500", autofocus: true, "aria-describedby": "note-hint" });
    const form = h("form", { method: "dialog" },
      h("div", {}, h("label", { for: "note" }, t("quality.note"), h("span", {}, ` (${t("quality.note_optional")})`)), note),
      h("p", { id: "note-hint", class: "small" }, t("quality.note_hint")),
      h("div", { class: "acts" },
        h("button", { type: "button", onclick: () => dialog.close() }, t("act.cancel")),
        h("button", { type: "submit", class: "main", value: "yes" }, words)));
    const dialog = h("dialog", { class: "ask", "aria-labelledby": "ask-title", "aria-describedby": "ask-means" },
      h("h2", { id: "ask-title" }, title ?? words), h("p", { id: "ask-means" }, means), form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? note.value.trim() : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Why the server refused it. */
function refusal({ code, message }) {
  const key = { "not-found": "gone", "identity-number": "identity", "not-drawn": "not_drawn", "reaches-further": "reaches" }[code];
  return key ? t(`quality.refused_${key}`) : t("quality.refused", { why: message || code });
}
