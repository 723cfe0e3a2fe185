// The numbers of the one area or cell that is selected, kept up to date while it is open.

import { dateOf, elapsed } from "./calendar.js";
import { details, state, summary } from "./figures.js";
import { address, get, h, paced } from "./page.js";
import { t } from "./texts.js";

/** Owns the panel. `choice` is {code, level} or {lon, lat, res}; null when closed. `day` is a past day, null for now. */
export class Panel {
  constructor(place, { onChoose, onClose, onShape }) {
    Object.assign(this, { place, onChoose, onClose, onShape, choice: null, n: null, found: null, day: null });
    this.refresh = paced(1000, () => this.choice && this.#load(this.choice, false));
    place.addEventListener("keydown", (event) => event.key === "Escape" && this.onClose());
  }

  /** Open on an area or a cell. Resolves to what it shows, null where it could not or was overtaken. */
  async open(choice) {
    this.choice = choice;
    this.n = null;
    this.place.hidden = false;
    this.place.setAttribute("aria-busy", "true");
    this.place.replaceChildren(this.#close(), h("p", { role: "status" }, t("panel.loading")));
    return this.#load(choice, true);
  }

  /** Close and forget. */
  close() {
    Object.assign(this, { choice: null, n: null, found: null });
    this.place.hidden = true;
    this.onShape(null);
  }

  /** Show the figures of another day (null: now). Resolves once they are there. */
  async show(day) {
    this.day = day;
    if (this.choice) await this.#load(this.choice, false);
  }

  /** Load anew where one of the changed rows is the selected one. */
  changed(rows) {
    if (this.n !== null && this.day === null && rows.some(([n]) => n === this.n)) this.refresh();
  }

  async #load(choice, first) {
    const { day } = this;
    try {
      const found = choice.res === undefined ? await area(choice, first, day) : await cell(choice);
      if (this.choice !== choice || this.day !== day || !found) {
        if (this.choice === choice && !found) this.onClose();
        return null;
      }
      this.n = found.row.n;
      this.found = found;
      if (found.shape) this.onShape(found.shape);
      this.#show(found);
      return found;
    } catch (error) {
      if (this.choice === choice) {
        this.place.replaceChildren(this.#close(), h("p", { class: "notice bad", role: "alert" }, t("panel.failed"), " ",
          h("button", { type: "button", class: "quiet", onclick: () => this.open(choice) }, t("map.retry"))));
      }
      return null;
    } finally {
      this.place.setAttribute("aria-busy", "false");
    }
  }

  #close() {
    return h("button", { type: "button", class: "close", "aria-label": t("panel.close"), onclick: () => this.onClose() }, "×");
  }

  #show({ row, path, asOf }) {
    const held = this.place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const opened = this.place.querySelector("details")?.open;
    const crumbs = path.map((one) => h("li", {}, h("button", {
      type: "button", "data-key": one.n, onclick: () => this.onChoose({ code: one.code, level: one.level }),
    }, one.name)));
    const shown = row.completed === null
      ? [h("p", { class: "notice" }, t("figures.hidden"))]
      : [
          ...summary(row, asOf, elapsed(this.day ?? undefined), this.day),
          row.state ? h("p", { class: "standing" }, state(row.state)) : null,
          ...details(row, this.day),
        ];
    this.place.replaceChildren(
      this.#close(),
      ...(crumbs.length ? [h("ol", { class: "path" }, crumbs)] : []),
      h("h2", {}, row.name ?? t("level.cell")),
      h("p", { class: "code" }, `${t(`level.${row.level ?? "cell"}`)} · ${row.code ?? row.cell}`),
      ...shown.filter(Boolean),
      h("p", { class: "go" },
        row.code ? h("a", { href: address("/gaps", { within: row.code, within_level: row.level }) }, t("panel.gaps")) : null,
        row.lon === undefined ? null : h("a", { href: `geo:${row.lat},${row.lon}` }, t("panel.open"))),
    );
    const more = this.place.querySelector("details");
    if (more && opened) more.open = true;
    if (held) this.place.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  }
}

async function area({ code, level }, first, day) {
  const said = await get(`/v1/areas/${encodeURIComponent(code)}`, { level });
  const one = said.area.level; // the level of the outline asked for, where the choice names none
  if (day !== null) {
    const then = await get("/v1/coverage", { within: code, within_level: one, level: one, day: dateOf(day), limit: 1 });
    Object.assign(said.area, then.coverage[0]);
  }
  const outline = { within: code, within_level: one, level: one, limit: 1, format: "geojson" };
  const shape = first ? await get("/v1/areas", outline) : null;
  return { row: said.area, path: said.path.slice(0, -1), asOf: said.as_of, shape, bounds: said.area.bounds, leaf: said.area.last === said.area.n };
}

/** The cell under a point. Its outline comes with its figures. */
async function cell({ lon, lat, res }) {
  const said = await get("/v1/cells", { res, bbox: [lon, lat, lon, lat].join(), format: "geojson" });
  const found = said.features.find((feature) => inside([lon, lat], feature.geometry.coordinates[0]));
  if (!found) return null;
  const row = { ...found.properties, n: found.id, lon, lat };
  return { row, path: [], asOf: said.as_of, shape: found, bounds: null };
}

function inside([x, y], ring) {
  let within = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [[xi, yi], [xj, yj]] = [ring[i], ring[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) within = !within;
  }
  return within;
}
