// What lies beneath our fills where the settings name a basemap: quiet, never louder than the figures, and never needed.

const SOURCE = "basemap";
const LIGHT = {
  earth: "#eceeed", cover: "#e1e7df", water: "#c6d4dc", road: "#ffffff", path: "#d3d7d6", building: "#d9dcda", border: "#8d9797",
};
const DARK = {
  earth: "#20292e", cover: "#233029", water: "#131c22", road: "#3a464c", path: "#2e383d", building: "#2b353a", border: "#6f7c80",
};

/** Opacity of our fills over a basemap, so that it shows through. */
export const OVER = 0.6;

/**
 * Lay a basemap beneath everything but the ground. `basemap` is what the page's setup says of it, null where there is
 * none; `library` is MapLibre's module. The map's style must be loaded.
 *
 * Gives the opacity that fills are to have above it, or null where there is none, or it cannot be read: nothing waits for
 * a basemap. Failures of its tiles come as errors of the source "basemap".
 */
export async function underlay(map, library, basemap) {
  if (!basemap) return null;
  let tiles = basemap.url;
  if (tiles.startsWith("/")) {
    try {
      await own(library);
    } catch {
      return null;
    }
    tiles = `pmtiles://${new URL(tiles, location.href)}/{z}/{x}/{y}`;
  }
  const { bounds, minzoom, maxzoom, attribution } = basemap;
  map.addSource(SOURCE, {
    type: basemap.kind, tiles: [tiles], minzoom, maxzoom, ...(bounds ? { bounds } : {}), ...(basemap.kind === "raster" ? { tileSize: 256 } : {}),
  });
  const above = map.getStyle().layers.find((layer) => layer.type !== "background")?.id;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  for (const layer of layers(basemap.kind, dark.matches)) map.addLayer({ ...layer, source: SOURCE }, above);
  dark.addEventListener("change", () => repaint(map, layers(basemap.kind, dark.matches)));
  if (attribution) map.addControl(new Credit(attribution), "bottom-right");
  return OVER;
}

let registered = null;

/** Teach MapLibre to read tiles out of one file: the library is a plain script, which leaves one name behind. */
function own(library) {
  registered ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/pmtiles.js", import.meta.url);
    script.onload = done;
    script.onerror = failed;
    document.head.append(script);
  }).then(() => library.addProtocol("pmtiles", new globalThis.pmtiles.Protocol().tile));
  return registered;
}

function repaint(map, now) {
  for (const { id, paint } of now) {
    for (const [name, value] of Object.entries(paint)) map.setPaintProperty(id, name, value);
  }
}

/** Whose map it is: text, whatever it holds. */
class Credit {
  constructor(text) {
    this.text = text;
  }

  onAdd() {
    this.place = document.createElement("div");
    this.place.className = "maplibregl-ctrl maplibregl-ctrl-attrib";
    this.place.textContent = this.text;
    return this.place;
  }

  onRemove() {
    this.place.remove();
  }
}

/** Layers of a basemap without their source; those of vector tiles after the schema of Protomaps, and without names. */
function layers(kind, dark) {
  if (kind === "raster") {
    return [{ id: "basemap", type: "raster", paint: { "raster-brightness-max": dark ? 0.55 : 1, "raster-fade-duration": 0 } }];
  }
  const ink = dark ? DARK : LIGHT;
  const what = ["coalesce", ["get", "kind"], ["get", "pmap:kind"]]; // as of version 4, and before
  const polygons = ["==", ["geometry-type"], "Polygon"];
  const lines = ["==", ["geometry-type"], "LineString"];
  const fill = (id, colour, filter = polygons) => ({
    id: `basemap-${id}`, type: "fill", "source-layer": id, filter, paint: { "fill-color": colour },
  });
  const line = (id, layer, colour, width, filter) => ({
    id: `basemap-${id}`, type: "line", "source-layer": layer, filter,
    layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": colour, "line-width": width },
  });
  const widening = (near, far) => ["interpolate", ["exponential", 1.6], ["zoom"], 8, far, 16, near];
  return [
    fill("earth", ink.earth),
    fill("landcover", ink.cover),
    fill("water", ink.water),
    line("rivers", "water", ink.water, widening(4, 0.6), lines),
    { ...fill("buildings", ink.building), minzoom: 13 },
    { ...line("paths", "roads", ink.path, widening(2, 0.2), ["in", what, ["literal", ["path", "rail", "other"]]]), minzoom: 13 },
    line("streets", "roads", ink.road, widening(6, 0.2), ["==", what, "minor_road"]),
    line("roads", "roads", ink.road, widening(12, 0.8), ["in", what, ["literal", ["highway", "major_road", "medium_road"]]]),
    line("borders", "boundaries", ink.border, 0.8, lines),
  ];
}
