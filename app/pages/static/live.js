// The one stream of a page: what changed since an epoch, and an honest word on how old the figures are.

import { get, h, address } from "./page.js";
import { setup, t, time } from "./texts.js";

/** The server says something every 5 s; after LATE we say that we are behind, after DEAD we dial anew. */
const LATE = 8_000;
const DEAD = 20_000;
const REDIAL = 3_000;

const badge = document.getElementById("live");
const aloud = h("span", { class: "unseen", role: "status" }); // says when the line breaks and comes back, and nothing else
badge.after(aloud);

/**
 * Follows the stream. `onChange(data)` gets each change; `onTime(newDay)`, where set, is called when the campaign's clock
 * went on.
 */
export class Live {
  constructor(onChange) {
    Object.assign(this, { onChange, onTime: null });
    this.source = null;
    this.parameters = null;
    this.heard = Date.now();
    this.phase = "connecting";
    this.epoch = null;
    this.asOf = null;
    setInterval(() => this.#look(), 1000);
    addEventListener("online", () => this.parameters && this.follow(this.parameters));
    addEventListener("offline", () => this.#cut());
    addEventListener("visibilitychange", () => this.#look());
    addEventListener("pagehide", () => this.source?.close());
    addEventListener("pageshow", (event) => event.persisted && this.parameters && this.follow(this.parameters));
  }

  /** Start from what `epoch` showed, or from where we are. Closes the stream before. */
  follow(parameters, epoch = this.epoch) {
    this.source?.close();
    clearTimeout(this.redial);
    Object.assign(this, { parameters, epoch });
    const source = new EventSource(address("/v1/stream", { ...parameters, epoch }));
    source.addEventListener("alive", (event) => this.#hear(JSON.parse(event.data)));
    source.addEventListener("change", (event) => {
      const data = JSON.parse(event.data);
      this.#hear(data);
      this.epoch = data.epoch;
      this.onChange(data);
    });
    source.addEventListener("error", () => this.#lost(source));
    source.addEventListener("open", () => this.#back());
    this.source = source;
    this.dialled = Date.now();
  }

  #hear(data) {
    this.heard = Date.now();
    this.asOf = data.as_of;
    setup.campaign.hours = data.hours;
    const newDay = data.day !== setup.campaign.day;
    if (newDay) {
      setup.campaign.day = data.day;
      document.getElementById("day").textContent = t("app.day", setup.campaign);
    }
    this.onTime?.(newDay);
    this.#say("live");
  }

  /** The machine has no network: what the stream may still hold in store is no news. It is dialled anew when there is. */
  #cut() {
    this.source?.close();
    this.wasLost = true;
    this.#say("offline");
  }

  /** Browsers dial anew by themselves, except after an HTTP error: then we ask first who we still are. */
  #lost(source) {
    if (source !== this.source) return;
    this.#say("offline");
    this.wasLost = true;
    if (source.readyState !== EventSource.CLOSED) return;
    clearTimeout(this.redial);
    this.redial = setTimeout(() => this.#ask().then((same) => same && this.follow(this.parameters)), REDIAL);
  }

  /** The server ends a stream whose account may see something else now: what is on the screen is not to stay there. */
  #back() {
    if (!this.wasLost) return;
    this.wasLost = false;
    this.#ask();
  }

  /** Whether we still see what we saw. Without a session `get` leads to the log-in page; with another scope we load anew. */
  async #ask() {
    const me = await get("/v1/me").catch(() => null);
    if (me && me.sees !== setup.me.sees) {
      location.reload();
      return false;
    }
    return true;
  }

  #look() {
    if (!this.source) return;
    const silent = Date.now() - this.heard;
    if (this.phase !== "offline" && silent > LATE) this.#say(silent > DEAD ? "offline" : "behind", silent);
    if (silent > DEAD && Date.now() - this.dialled > DEAD && navigator.onLine) this.follow(this.parameters);
  }

  #say(phase, silent = 0) {
    const news = phase !== this.phase && (phase === "offline" || this.phase === "offline");
    this.phase = phase;
    const words = {
      live: () => [h("b", {}, t("live.live")), " ", h("span", { class: "as-of" }, t("live.as_of", { time: time(this.asOf) }))],
      behind: () => [t("live.behind", { seconds: Math.round(silent / 1000) })],
      offline: () => [t("live.offline", { time: time(this.heard) })],
    };
    badge.dataset.phase = phase;
    document.body.dataset.phase = phase;
    const said = h("span", {}, ...words[phase]());
    const before = badge.querySelector("span");
    if (before.textContent !== said.textContent) before.replaceWith(said);
    if (news) aloud.textContent = said.textContent;
  }
}
