// Search of areas by name or code: a combobox as the ARIA Authoring Practices describe it, usable with keys alone.

import { get, h } from "./page.js";
import { t } from "./texts.js";

const PAUSE = 180;
const MOST = 12;

/** Search fields on the page so far: each needs ids of its own. */
let fields = 0;

/** Areas of the campaign by words, as many as a list shows. */
const known = async (q, signal) => (await get("/v1/areas", { q, limit: MOST }, signal)).areas;

/** Fill `place` with a search field; `onChoose(area)` gets the area chosen. `find(words, signal)` gives areas `{code, name, level}`. */
export function search(place, onChoose, find = known) {
  const id = `found-${(fields += 1)}`;
  const list = h("ul", { id, role: "listbox", "aria-label": t("search.label"), hidden: true });
  const input = h("input", {
    type: "search", role: "combobox", "aria-expanded": "false", "aria-controls": id, "aria-autocomplete": "list",
    autocomplete: "off", spellcheck: "false", placeholder: t("search.label"), "aria-label": t("search.label"),
    maxlength: "64",
  });
  const said = h("p", { class: "unseen", role: "status" });
  place.replaceChildren(input, list, said);
  let timer = null;
  let asked = null;
  let areas = [];
  let at = -1;

  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    at = -1;
  };
  const choose = (area) => {
    input.value = "";
    close();
    onChoose(area);
  };
  const point = (to) => {
    if (!areas.length) return;
    at = (to + areas.length) % areas.length;
    [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
    input.setAttribute("aria-activedescendant", `${id}-${at}`);
    list.children[at].scrollIntoView({ block: "nearest" });
  };
  const show = (items, message) => {
    list.replaceChildren(...items);
    if (message) list.append(h("li", { class: "message", role: "presentation" }, message));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    said.textContent = message || t("search.found", { n: items.length });
  };
  const ask = async () => {
    const q = input.value.trim();
    asked?.abort();
    if (!q) return close();
    asked = new AbortController();
    try {
      areas = await find(q, asked.signal);
      show(areas.map((area, i) => option(area, `${id}-${i}`, choose)), areas.length ? "" : t("search.none"));
      at = -1;
    } catch (error) {
      if (error.name === "AbortError") return;
      areas = [];
      show([], t("search.failed"));
    }
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    areas = []; // what was found for other words is not to be chosen by Enter
    timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    else if (event.key === "ArrowDown") point(at + 1);
    else if (event.key === "ArrowUp") point(at < 0 ? -1 : at - 1);
    else if (event.key === "Enter") { // sends no form that the field stands in
      if (areas.length && !list.hidden) choose(areas[Math.max(at, 0)]);
    } else return;
    event.preventDefault();
  });
  input.addEventListener("blur", () => setTimeout(close, 150));
}

function option(area, id, choose) {
  // mousedown comes before the field's blur, which closes the list
  return h(
    "li", { id, role: "option", "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); choose(area); } },
    h("b", {}, area.name), h("span", {}, `${t(`level.${area.level}`)} · ${area.code}`),
  );
}
