// The campaign so far as a slider: look at the evening of any day, let the days pass, and come back to now.

import { dateOf } from "./calendar.js";
import { h, paced } from "./page.js";
import { setup, shortDate, t } from "./texts.js";

/** Milliseconds between two looks while somebody drags, and for which a day stays while the days pass by themselves. */
const DRAGGED = 250;
const STAYS = 700;

/** Owns the slider in `place`. `onDay(day)` is called with a past day, null for now; it resolves once that is shown. */
export class Days {
  constructor(place, onDay) {
    Object.assign(this, { place, onDay, day: null, playing: false });
    this.look = paced(DRAGGED, () => this.onDay(this.day));
    this.range = h("input", {
      type: "range", min: 1, max: 1, step: 1, "aria-label": t("days.label"), oninput: () => this.#dragged(),
    });
    this.play = h("button", { type: "button", class: "play", onclick: () => (this.playing ? this.#stop() : this.#begin()) });
    this.said = h("p", { class: "said" });
    this.back = h("button", { type: "button", class: "main back", onclick: () => this.#choose(null) }, t("days.back"));
    this.status = h("p", { class: "unseen", role: "status" });
    place.replaceChildren(this.play, this.range, this.said, this.back, this.status);
    this.show(null);
  }

  /** Show a day without telling anybody: it came from the address, or the campaign went on. */
  show(day = this.day) {
    const today = setup.campaign.day;
    const was = this.day;
    this.day = day !== null && day < today ? day : null;
    this.range.max = today;
    this.range.disabled = this.play.disabled = today < 2;
    this.range.value = this.day ?? today;
    const words = { day: this.day ?? today, today, date: shortDate(dateOf(this.day ?? today)) };
    this.range.setAttribute("aria-valuetext", t(this.day ? "days.day" : "days.today", words));
    this.said.replaceChildren(t(this.day ? "days.past" : "days.now", words));
    this.back.hidden = !this.day;
    this.place.classList.toggle("past", Boolean(this.day));
    if (Boolean(was) !== Boolean(this.day)) this.status.textContent = t(this.day ? "days.past" : "days.now", words);
    this.#sign();
  }

  #sign() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const words = t(this.playing ? "days.pause" : calm ? "days.next" : "days.play");
    this.play.setAttribute("aria-label", words);
    this.play.title = words;
    this.play.textContent = this.playing ? "❚❚" : "▶";
  }

  #dragged() {
    this.#stop();
    this.show(Number(this.range.value));
    this.look();
  }

  #choose(day) {
    this.#stop();
    const held = document.activeElement === this.back;
    this.show(day);
    if (held) this.range.focus({ preventScroll: true });
    return this.onDay(this.day);
  }

  #stop() {
    this.playing = false;
    this.#sign();
  }

  /** Let the days pass from the one shown, or from the first. Who wants less motion goes one day on at each press. */
  async #begin() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const next = () => (this.day ?? 0) + 1;
    if (calm) return this.#choose(next());
    this.playing = true;
    while (this.playing) {
      this.show(next());
      await this.onDay(this.day);
      if (this.day === null) this.playing = false; // arrived at now
      else if (this.playing) await new Promise((done) => setTimeout(done, STAYS));
    }
    return this.#sign();
  }
}
