// What every map of ours begins with: north up, controls in the reader's words, and a calm way to go somewhere.

import { h } from "./page.js";
import { t } from "./texts.js";

/** Pixels at each side of a map that nothing lies over. */
export const ROOM = { top: 28, bottom: 28, left: 28, right: 28 };
/** Nearest zoom that going somewhere ends at, and milliseconds that it takes. */
const NEAREST = 16;
const GOING = 700;

/**
 * A map in `container` that opens on bounds (west, south, east, north in degrees). `library` is MapLibre's module; `more`
 * are further options of its maps.
 */
export function chart(library, container, style, [west, south, east, north], { padding = ROOM, locale = {}, ...more } = {}) {
  const words = {
    "NavigationControl.ZoomIn": t("map.zoom_in"), "NavigationControl.ZoomOut": t("map.zoom_out"), "Map.Title": t("map.region"),
  };
  const map = new library.Map({
    container, style, attributionControl: false, dragRotate: false, touchPitch: false, pitchWithRotate: false,
    renderWorldCopies: false, fadeDuration: 0, maxZoom: 19, bounds: [[west, south], [east, north]],
    fitBoundsOptions: { padding }, locale: { ...words, ...locale }, ...more,
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new library.NavigationControl({ showCompass: false }), "bottom-right");
  map.addControl(new library.ScaleControl({ maxWidth: 90 }), "bottom-right");
  return map;
}

/** Options of a map within a page that scrolls: on a touch screen two fingers move it, one the page. */
export const byTouch = () => ({
  cooperativeGestures: matchMedia("(pointer: coarse)").matches,
  locale: { "CooperativeGesturesHandler.MobileHelpText": t("map.two_fingers") },
});

/** Go to bounds, at least as near as zoom `least`. */
export function fly(map, [west, south, east, north], padding = ROOM, least = 0) {
  const camera = map.cameraForBounds([[west, south], [east, north]], { padding, maxZoom: NEAREST });
  const zoom = Math.max(camera?.zoom ?? 0, least);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const center = zoom > camera.zoom ? [(west + east) / 2, (south + north) / 2] : camera.center;
  map.easeTo({ center, zoom: Math.min(zoom, NEAREST), duration: calm ? 0 : GOING });
}

/** The library's style sheet, or others, once and only when a map is wanted. Resolves when they are there. */
export function dress(...sheets) {
  return Promise.all((sheets.length ? sheets : ["vendor/maplibre-gl.css"]).map((sheet) => new Promise((done) => {
    const href = `${document.body.dataset.assets}/${sheet}`;
    if (document.querySelector(`link[href="${href}"]`)) return void done();
    document.head.append(h("link", { rel: "stylesheet", href, onload: done, onerror: done }));
  })));
}
