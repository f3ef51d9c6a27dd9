// Style of the slow geometry, bottom to top; the instanced entity layer is drawn above all of it but the names.
import type { LayerSpecification, Map as MapLibreMap } from "maplibre-gl";
import { KIND_COLOURS, MAP_COLOURS, TOKENS } from "@/kit/tokens";
import { COLOURS } from "@/lib/symbology";
import type { LayerName } from "@/state/ui";
import { FONT, NOTHING } from "./base-map";
import type { EntityLayer } from "./entity-layer";

export const OVERLAY_SOURCES = ["zones", "rings", "uncertainty", "bearings", "routes", "trails", "labels"] as const;
export type OverlaySource = (typeof OVERLAY_SOURCES)[number];

const trailColour = [
  "match",
  ["get", "colour"],
  ...COLOURS.flatMap((name, i) => [i, KIND_COLOURS[name]]),
  TOKENS["ink-2"],
];
const is = (role: string) => ["==", ["get", "role"], role];

const ofZone = ["match", ["get", "rule"], "exclusion", TOKENS.critical, TOKENS.accent];

const LAYERS = [
  {
    id: "zone-fill",
    type: "fill",
    source: "zones",
    paint: { "fill-color": ofZone, "fill-opacity": 0.06 },
  },
  {
    id: "zone-line",
    type: "line",
    source: "zones",
    paint: { "line-color": ofZone, "line-width": 1.4, "line-opacity": 0.8, "line-dasharray": [6, 2] },
  },
  {
    id: "zone-names",
    type: "symbol",
    source: "zones",
    layout: {
      "symbol-placement": "line",
      "symbol-spacing": 700,
      "text-field": ["get", "name"],
      "text-font": FONT,
      "text-size": 10.5,
    },
    paint: { "text-color": TOKENS["ink-2"], "text-halo-color": MAP_COLOURS.land, "text-halo-width": 2 },
  },
  {
    id: "rings",
    type: "line",
    source: "rings",
    paint: { "line-color": TOKENS.outline, "line-width": 1, "line-opacity": 0.5, "line-dasharray": [1.5, 4] },
  },
  {
    id: "ring-names",
    type: "symbol",
    source: "rings",
    layout: {
      "symbol-placement": "line",
      "symbol-spacing": 900,
      "text-field": ["get", "name"],
      "text-font": FONT,
      "text-size": 10,
    },
    paint: { "text-color": TOKENS["ink-3"], "text-halo-color": MAP_COLOURS.land, "text-halo-width": 2 },
  },
  {
    id: "hazard-fill",
    type: "fill",
    source: "uncertainty",
    paint: {
      "fill-color": ["match", ["get", "role"], "selected", TOKENS.accent, TOKENS.critical],
      "fill-opacity": ["match", ["get", "role"], "hazard", 0.16, 0.07],
    },
  },
  {
    id: "bearings-used",
    type: "line",
    source: "bearings",
    filter: ["get", "used"],
    paint: { "line-color": TOKENS.high, "line-width": 1.1, "line-opacity": 0.7 },
  },
  {
    id: "bearings-outlier",
    type: "line",
    source: "bearings",
    filter: ["!", ["get", "used"]],
    paint: { "line-color": TOKENS["ink-2"], "line-width": 1.1, "line-opacity": 0.75, "line-dasharray": [4, 3.5] },
  },
  {
    id: "hazard-glow",
    type: "line",
    source: "uncertainty",
    filter: is("hazard"),
    paint: { "line-color": TOKENS.critical, "line-width": 9, "line-blur": 9, "line-opacity": 0.4 },
  },
  {
    id: "hazard-line",
    type: "line",
    source: "uncertainty",
    filter: is("hazard"),
    paint: { "line-color": TOKENS.critical, "line-width": 1.8 },
  },
  {
    id: "hypothesis-line",
    type: "line",
    source: "uncertainty",
    filter: is("hypothesis"),
    paint: { "line-color": TOKENS.critical, "line-width": 1.4, "line-dasharray": [4, 3] },
  },
  {
    id: "selected-line",
    type: "line",
    source: "uncertainty",
    filter: is("selected"),
    paint: { "line-color": TOKENS.accent, "line-width": 1, "line-opacity": 0.8 },
  },
  {
    id: "trails",
    type: "line",
    source: "trails",
    layout: { "line-cap": "round", "line-join": "round" },
    paint: { "line-color": trailColour, "line-width": 1.5, "line-opacity": 0.45 },
  },
  {
    id: "routes",
    type: "line",
    source: "routes",
    paint: {
      "line-color": TOKENS.accent,
      "line-width": ["case", ["get", "selected"], 2.4, 1.7],
      "line-dasharray": [4, 2.5],
    },
  },
  {
    id: "labels",
    type: "symbol",
    source: "labels",
    layout: {
      "text-field": ["get", "name"],
      "text-font": FONT,
      "text-size": 11.5,
      "text-line-height": 1.15,
      "text-variable-anchor-offset": ["left", [1.35, 0], "right", [-1.35, 0], "top", [0, 1.2], "bottom", [0, -1.2]],
      "text-justify": "auto",
      "text-max-width": 14,
      "symbol-sort-key": ["get", "rank"],
    },
    paint: {
      "text-color": ["case", ["get", "fire"], "#ffb3a8", ["==", ["get", "rank"], 0], TOKENS.ink, "#c3ced8"],
      "text-halo-color": MAP_COLOURS.halo,
      "text-halo-width": 1.6,
    },
  },
];

/** Which style layers a switch of the layer menu turns off. Tracks and sensors are filtered in the entity layer. */
const SWITCHES: Partial<Record<LayerName, string[]>> = {
  uncertainty: ["hazard-fill", "hazard-glow", "hazard-line", "hypothesis-line", "selected-line"],
  bearings: ["bearings-used", "bearings-outlier"],
  routes: ["routes"],
  trails: ["trails"],
  zones: ["zone-fill", "zone-line", "zone-names"],
  rings: ["rings", "ring-names"],
  labels: ["labels"],
  grid: ["grid", "grid-names"],
};

export function addOverlays(map: MapLibreMap, entities: EntityLayer): void {
  for (const id of OVERLAY_SOURCES) map.addSource(id, { type: "geojson", data: NOTHING });
  for (const layer of LAYERS) {
    if (layer.id === "labels") map.addLayer(entities);
    // The expressions are data above; TypeScript widens their tuples to arrays.
    map.addLayer(layer as unknown as LayerSpecification);
  }
}

export function showLayers(map: MapLibreMap, hidden: ReadonlySet<LayerName>): void {
  for (const [name, ids] of Object.entries(SWITCHES)) {
    const visibility = hidden.has(name as LayerName) ? "none" : "visible";
    for (const id of ids) map.setLayoutProperty(id, "visibility", visibility);
  }
}
