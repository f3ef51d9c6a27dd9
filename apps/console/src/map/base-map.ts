// The offline base map: Natural Earth countries and US Census states and counties, converted from TopoJSON here
// (a third of the bytes of GeoJSON). No tile, glyph or sprite server is ever asked.
import type { FeatureCollection, Geometry } from "geojson";
import type { GeoJSONSource, Map as MapLibreMap, StyleSpecification } from "maplibre-gl";
import { feature, mesh } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import { MAP_COLOURS as C } from "@/kit/tokens";
import { type Named, type PlaceFinder, placeFinder } from "./places";

export const NOTHING: FeatureCollection = { type: "FeatureCollection", features: [] };
export const FONT = ["IBM Plex Sans"];

const source = { type: "geojson", data: NOTHING } as const;
export const BASE_STYLE: StyleSpecification = {
  version: 8,
  sources: { land: source, borders: source, states: source, counties: source, grid: source, names: source },
  layers: [
    { id: "sea", type: "background", paint: { "background-color": C.sea } },
    { id: "land", type: "fill", source: "land", paint: { "fill-color": C.land, "fill-antialias": false } },
    { id: "grid", type: "line", source: "grid", paint: { "line-color": C.grid, "line-width": 1 } },
    { id: "coast", type: "line", source: "land", paint: { "line-color": C.coast, "line-width": 1 } },
    {
      id: "counties",
      type: "line",
      source: "counties",
      minzoom: 5,
      paint: { "line-color": C.county, "line-width": 1, "line-dasharray": [4, 2.5] },
    },
    { id: "states", type: "line", source: "states", paint: { "line-color": C.state, "line-width": 1.2 } },
    { id: "borders", type: "line", source: "borders", paint: { "line-color": C.border, "line-width": 1.2 } },
    {
      id: "names",
      type: "symbol",
      source: "names",
      filter: ["any", ["!=", ["get", "level"], "county"], [">=", ["zoom"], 7]],
      layout: {
        "text-font": FONT,
        "text-field": ["upcase", ["get", "name"]],
        "text-letter-spacing": 0.14,
        "text-max-width": 9,
        "text-size": 11,
        "text-padding": 12,
      },
      paint: { "text-color": "#6d8191", "text-halo-color": C.halo, "text-halo-width": 1.2 },
    },
    {
      id: "grid-names",
      type: "symbol",
      source: "grid",
      filter: ["has", "side"],
      layout: {
        "text-font": FONT,
        "text-field": ["get", "name"],
        "text-size": 10,
        "text-anchor": ["match", ["get", "side"], "left", "left", "bottom"],
        "text-allow-overlap": true,
      },
      paint: { "text-color": "#6d8191", "text-halo-color": C.halo, "text-halo-width": 1.4 },
    },
  ],
};

async function topology(name: string): Promise<Topology> {
  const response = await fetch(`/vendor/${name}.json`);
  if (!response.ok) throw new Error(`base map ${name}: ${response.status}`);
  return (await response.json()) as Topology;
}

/** Fills the base sources; answers a function that names the county or country at a position. */
export async function loadBaseMap(map: MapLibreMap): Promise<PlaceFinder> {
  const [world, us] = await Promise.all([topology("countries-50m"), topology("counties-10m")]);
  const set = (id: string, data: FeatureCollection | Geometry): void => {
    map.getSource<GeoJSONSource>(id)?.setData(data as FeatureCollection);
  };
  const countries = world.objects.countries as GeometryCollection<Named>;
  const states = us.objects.states as GeometryCollection<Named>;
  const counties = us.objects.counties as GeometryCollection<Named>;
  set("land", feature(world, world.objects.land as GeometryCollection));
  set(
    "borders",
    mesh(world, countries, (a, b) => a !== b),
  );
  set(
    "states",
    mesh(us, states, (a, b) => a !== b),
  );
  set(
    "counties",
    mesh(us, counties, (a, b) => a !== b),
  );
  const areas = {
    country: feature(world, countries),
    state: feature(us, states),
    county: feature(us, counties),
  };
  const features = Object.entries(areas).flatMap(([level, collection]) => names(collection, level));
  set("names", { type: "FeatureCollection", features });
  return placeFinder([areas.county, areas.state], areas.country);
}

function names(areas: FeatureCollection<Geometry, Named>, level: string): FeatureCollection["features"] {
  return areas.features.flatMap(({ geometry, properties }) => {
    const centre = centroid(geometry);
    if (!centre || properties.name === "United States of America") return [];
    const name = level === "county" ? `${properties.name} County` : properties.name;
    return [{ type: "Feature", properties: { name, level }, geometry: { type: "Point", coordinates: centre } }];
  });
}

/** Area centroid of the largest ring. */
function centroid(geometry: Geometry): [number, number] | null {
  const polygons =
    geometry.type === "Polygon" ? [geometry.coordinates] : geometry.type === "MultiPolygon" ? geometry.coordinates : [];
  let best: [number, number] | null = null;
  let largest = 0;
  for (const [ring] of polygons) {
    let area = 0;
    let cx = 0;
    let cy = 0;
    for (let i = 0; ring && i + 1 < ring.length; i++) {
      const [x0 = 0, y0 = 0] = ring[i] ?? [];
      const [x1 = 0, y1 = 0] = ring[i + 1] ?? [];
      const cross = x0 * y1 - x1 * y0;
      area += cross;
      cx += (x0 + x1) * cross;
      cy += (y0 + y1) * cross;
    }
    if (Math.abs(area) > largest) {
      largest = Math.abs(area);
      best = [cx / (3 * area), cy / (3 * area)];
    }
  }
  return best;
}
