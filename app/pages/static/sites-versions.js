// Earlier versions of the list: who changed what and when, newest first; each can be read again as it was.

import { address, get, h } from "./page.js";
import { number, setup, t, time } from "./texts.js";

const PAGE = 20;

/** Fill `place` with the newest versions, older ones on demand. */
export async function versions(place) {
  const list = h("ol", { class: "versions" });
  const more = h("button", { type: "button", class: "quiet", hidden: true }, t("sites.more"));
  place.replaceChildren(h("p", { class: "small" }, t("sites.versions_why")), list, more);
  const load = async (before = null) => {
    list.setAttribute("aria-busy", "true");
    try {
      const answer = await get("/v1/sites/versions", { limit: PAGE, before });
      list.append(...answer.versions.map(line));
      if (!list.children.length) list.append(h("li", {}, t("sites.no_versions")));
      more.hidden = (answer.next ?? null) === null;
      more.onclick = () => load(answer.next);
    } catch {
      list.append(h("li", { class: "notice bad", role: "alert" }, t("sites.failed")));
    } finally {
      list.setAttribute("aria-busy", "false");
    }
  };
  await load();
}

function line(one) {
  const lang = new URLSearchParams(location.search).has("lang") ? setup.lang : null;
  const what = [[one.sites - one.closed, "changed"], [one.closed, "shut"]].filter(([n]) => n);
  return h("li", {},
    h("b", {}, t("sites.version", { n: number(one.version) })), ` · ${time(one.recorded_at)} · ${one.actor ?? t("sites.operator")}`,
    h("p", {}, t(`sites.change_${one.change}`), " ", what.map(([n, key]) => t(n === 1 ? `sites.${key}_one` : `sites.${key}`, { n: number(n) })).join(", "), ".",
      one.note ? [" ", h("q", {}, one.note)] : ""),
    h("a", { href: address("/sites", { version: one.version, lang }) }, t("sites.see_version")));
}
