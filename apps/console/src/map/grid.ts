// Graticule that adapts to the view: about six lines a side, at round minutes of arc.
import type { FeatureCollection } from "geojson";

const STEPS_DEG = [30, 10, 5, 2, 1, 1 / 2, 1 / 4, 1 / 6, 1 / 12, 1 / 30, 1 / 60, 1 / 120];

export interface Bounds {
  west: number;
  south: number;
  east: number;
  north: number;
}

/** The lines, and their names as points along the meridian `names.lon` (left) and the parallel `names.lat` (bottom). */
export function graticule(
  { west, south, east, north }: Bounds,
  names: { lat: number; lon: number },
  columns = 7,
): FeatureCollection {
  const wanted = (east - west) / columns;
  const step = STEPS_DEG.find((candidate) => candidate <= wanted) ?? 1 / 120;
  const features: FeatureCollection["features"] = [];
  const line = (name: string, side: string, coordinates: [number, number][], label: [number, number]): void => {
    features.push({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates } });
    // Two names meet in the corner, and one at the very edge would be cut: leave both out.
    const cut =
      side === "left" ? label[1] < names.lat + (north - south) * 0.03 : label[0] < names.lon + (east - west) * 0.03;
    if (cut) return;
    features.push({ type: "Feature", properties: { name, side }, geometry: { type: "Point", coordinates: label } });
  };
  for (let i = Math.ceil(west / step); i * step <= east && features.length < 200; i++) {
    const lon = i * step;
    const coordinates: [number, number][] = [
      [lon, south],
      [lon, north],
    ];
    line(minutes(lon, "E", "W"), "bottom", coordinates, [lon, names.lat]);
  }
  for (let i = Math.ceil(south / step); i * step <= north && features.length < 200; i++) {
    const lat = i * step;
    const coordinates: [number, number][] = [
      [west, lat],
      [east, lat],
    ];
    line(minutes(lat, "N", "S"), "left", coordinates, [names.lon, lat]);
  }
  return { type: "FeatureCollection", features };
}

/** Degrees and decimal minutes, the way a radio operator reads a position: 121°24′W. */
function minutes(value: number, positive: string, negative: string): string {
  const total = Math.round(Math.abs(value) * 120) / 2;
  const whole = Math.floor(total / 60);
  const rest = total - whole * 60;
  const text = rest === 0 ? "" : `${rest.toFixed(rest % 1 === 0 ? 0 : 1).padStart(2, "0")}′`;
  return `${whole}°${text}${value < 0 ? negative : positive}`;
}
