// Which county, state or country is this? Point in polygon over the base map, with a bounding box before each test.
import type { Feature, FeatureCollection, Geometry, Position } from "geojson";

export type Named = { name: string };
export type PlaceFinder = (lat: number, lon: number) => string;
type Areas = FeatureCollection<Geometry, Named>;

interface Area {
  name: string;
  rings: Position[][];
  box: [number, number, number, number];
}

/** `parts` from the smallest: their names are joined, "Butte County, California"; `countries` answers elsewhere. */
export function placeFinder([counties, states]: [Areas, Areas], countries: Areas): PlaceFinder {
  const levels = [counties, states, countries].map(({ features }) => features.map(toArea));
  const at = (level: number, lat: number, lon: number): string | undefined =>
    levels[level]?.find((area) => contains(area, lon, lat))?.name;
  return (lat, lon) => {
    const county = at(0, lat, lon);
    if (county) return [`${county} County`, at(1, lat, lon)].filter(Boolean).join(", ");
    return at(2, lat, lon) ?? "";
  };
}

function toArea({ geometry, properties }: Feature<Geometry, Named>): Area {
  const polygons =
    geometry.type === "Polygon" ? [geometry.coordinates] : geometry.type === "MultiPolygon" ? geometry.coordinates : [];
  const rings = polygons.flat();
  const box: Area["box"] = [180, 90, -180, -90];
  for (const ring of rings) {
    for (const [lon = 0, lat = 0] of ring) {
      box[0] = Math.min(box[0], lon);
      box[1] = Math.min(box[1], lat);
      box[2] = Math.max(box[2], lon);
      box[3] = Math.max(box[3], lat);
    }
  }
  return { name: properties.name, rings, box };
}

/** Even-odd rule over all rings: holes count themselves out. */
function contains({ rings, box }: Area, lon: number, lat: number): boolean {
  if (lon < box[0] || lat < box[1] || lon > box[2] || lat > box[3]) return false;
  let inside = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [xi = 0, yi = 0] = ring[i] ?? [];
      const [xj = 0, yj = 0] = ring[j] ?? [];
      if (yi > lat !== yj > lat && lon < ((xj - xi) * (lat - yi)) / (yj - yi) + xi) inside = !inside;
    }
  }
  return inside;
}
