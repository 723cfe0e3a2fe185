// The way to a point: what a phone opens in a map of its own; where there is a mouse, the point to paste.

import { h } from "./page.js";
import { t } from "./texts.js";

/** Elements for a point in degrees, none where it is not known. `name` says aloud what lies there; `n` tells it from others. */
export function wayThere({ lon, lat, name, n }) {
  if (lat === null) return [];
  const point = `${lat.toFixed(5)}, ${lon.toFixed(5)}`; // latitude first, as people paste it
  const said = h("span", {}, t("point.copy"));
  const copy = async () => {
    await navigator.clipboard?.writeText(point).catch(() => null);
    said.textContent = t("point.copied", { what: point });
    said.setAttribute("role", "status");
  };
  const label = (words) => name && `${words}: ${name}`;
  const open = t("point.open_in");
  return [
    h("a", { class: "with-touch", href: `geo:${lat},${lon}?q=${lat},${lon}`, "data-key": n && `geo-${n}`, "aria-label": label(open) }, open),
    h("button", { type: "button", class: "with-mouse", "data-key": n && `copy-${n}`, "aria-label": label(t("point.copy")), title: point, onclick: copy }, said),
  ];
}
