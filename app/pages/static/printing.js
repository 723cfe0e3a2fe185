// Field sheets of the listed blocks as one PDF: made by the service in the background, fetched when they are ready.

import { get, h, post, remove } from "./page.js";
import { OPEN } from "./question.js";
import { number, setup, t } from "./texts.js";

/** Milliseconds between two looks at how far it is. */
const PAUSE = 700;
/** Where a tab keeps the job it began, so that another page in between loses nothing. */
const KEPT = "cakupan_sheets";
/** Blocks of one file, as the service has it. */
const MOST = 1000;

/** Owns the body of the part that prints, `place`. */
export class Printing {
  constructor(place) {
    this.said = h("div", { class: "prints" });
    this.aloud = h("p", { role: "status", class: "unseen" });
    place.replaceChildren(this.said, this.aloud);
    this.job = sessionStorage.getItem(KEPT);
    if (this.job) this.#follow();
  }

  /** What is listed now: the page's question, and all blocks of its area by state. */
  show(question, states) {
    if (!states) return;
    this.asked = question;
    this.wanted = question.states.length ? question.states : OPEN;
    this.blocks = this.wanted.reduce((sum, name) => sum + states[name], 0);
    if (!this.job) this.#offer();
  }

  #offer(problem = null) {
    if (!this.asked) return;
    const many = this.blocks > MOST;
    const begin = (paper) => h("button", { type: "button", disabled: !this.blocks || many, onclick: () => this.#begin(paper) },
      t("print.begin", { paper: paper.toUpperCase() }));
    const held = this.said.contains(document.activeElement);
    this.said.replaceChildren(
      h("p", {}, many ? t("print.too_many") : t("print.lead", { n: number(this.blocks) })),
      problem ? h("p", { class: "notice bad", role: "alert" }, problem) : "",
      h("p", { class: "go" }, begin("a4"), begin("a3")));
    if (held) this.said.querySelector("button:enabled")?.focus();
  }

  async #begin(paper) {
    for (const button of this.said.querySelectorAll("button")) button.disabled = true;
    const { within, level } = this.asked;
    try {
      const made = await post("/v1/sheets", { within, within_level: within && level, paper, lang: setup.lang, state: this.wanted });
      this.job = made.job;
      sessionStorage.setItem(KEPT, made.job);
      this.#draw(made);
      this.said.querySelector("button")?.focus();
      this.#follow();
    } catch ({ code }) {
      this.#end(t({ "too-wide": "print.too_many", "too-many-jobs": "print.busy" }[code] ?? "print.failed"));
    }
  }

  /** Look how far it is, again and again until it is finished. A broken line is no reason to give up. */
  async #follow() {
    const mine = this.job;
    while (this.job === mine) {
      try {
        const found = await get(`/v1/jobs/${mine}`);
        if (this.job !== mine) return;
        if (found.state === "running") this.#draw(found);
        else if (found.state === "done") return this.#done(found);
        else return this.#end(t(found.state === "stopped" ? "print.stopped" : "print.failed"));
      } catch ({ status }) {
        if (status) return this.#end(null); // forgotten: an hour has passed, or the service began anew
      }
      await new Promise((soon) => setTimeout(soon, PAUSE));
    }
  }

  #draw({ done, of, before }) {
    const words = before ? t("print.waiting", { n: number(before) }) : t("print.making", { done: number(done), of: number(of) });
    let bar = this.said.querySelector("progress");
    if (!bar) {
      bar = h("progress", { max: of, "aria-label": t("print.title") });
      this.said.replaceChildren(h("p", { class: "how-far" }, words), bar,
        h("p", { class: "go" }, h("button", { type: "button", onclick: () => this.#stop() }, t("print.stop"))));
      this.aloud.textContent = words;
    }
    bar.value = done;
    this.said.querySelector(".how-far").textContent = words;
  }

  #done({ job, of }) {
    const held = this.said.contains(document.activeElement);
    const words = t("print.done", { n: number(of) });
    this.aloud.textContent = words;
    this.said.replaceChildren(h("p", {}, words), h("p", { class: "go" },
      h("a", { href: `/v1/jobs/${job}/file`, download: true }, t("print.download")),
      h("button", { type: "button", onclick: () => this.#end(null) }, t("print.again"))));
    if (held) this.said.querySelector("a").focus();
  }

  async #stop() {
    const job = this.job;
    this.#end(t("print.stopped"));
    await remove(`/v1/jobs/${job}`).catch(() => null);
  }

  #end(problem) {
    this.job = null;
    sessionStorage.removeItem(KEPT);
    this.aloud.textContent = "";
    this.#offer(problem);
  }
}
