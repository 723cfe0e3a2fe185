// To which area a list is narrowed: a search field that chooses one, and the line that says so and leads back to everything.

import { get, h } from "./page.js";
import { search } from "./search.js";
import { t } from "./texts.js";

/**
 * Owns the search in `field` and what stands in `line`. `onNarrow({within, level})` gets the area somebody chose, nulls for
 * everything; it is shown only by `show`. `ask(path, parameters)` gives the JSON at an address, `find` areas as `search` takes it.
 */
export class Within {
  constructor(field, line, onNarrow, ask = get, find = undefined) {
    Object.assign(this, { line, onNarrow, ask, area: null });
    search(field, (area) => this.#choose(area), find);
  }

  /** What the area is called; its code where that is not known, null where there is none. */
  get name() {
    return this.area?.name ?? this.area?.code ?? null;
  }

  /** Say to which area the list is narrowed. Resolves once its name is known, or cannot be. */
  async show({ within, level }) {
    if ((this.area?.code ?? null) !== within) this.area = within ? { code: within, level } : null;
    this.#say();
    const { area } = this;
    if (!area || area.name) return;
    const found = await this.ask(`/v1/areas/${encodeURIComponent(within)}`, { level }).catch(() => null);
    area.name = found?.area.name ?? area.code;
    if (area === this.area) this.#say();
  }

  #choose(area) {
    this.area = area;
    this.onNarrow({ within: area?.code ?? null, level: area?.level ?? null });
  }

  #say() {
    this.line.replaceChildren(...(this.area
      ? [h("p", { class: "within" }, t("app.only_in", { name: this.name }), " ",
          h("button", { type: "button", class: "quiet", onclick: () => this.#choose(null) }, t("app.everywhere")))]
      : []));
  }
}
