// Geodesy for drawing: degrees and metres, pure functions. Spherical where the error stays under a pixel.
import type { Location, Matrix2 } from "./model";

const EARTH_RADIUS_M = 6_371_008.8;
const CIRCUMFERENCE_M = 2 * Math.PI * 6_378_137;
/** 95 % quantile of chi-square with two degrees of freedom. */
export const CHI2_95 = 5.991;

const rad = (deg: number): number => (deg * Math.PI) / 180;
const deg = (angle: number): number => (angle * 180) / Math.PI;

export interface LatLon {
  lat: number;
  lon: number;
}

/** Web Mercator, 0 to 1, y down. */
export function mercator(lat: number, lon: number): [number, number] {
  const clamped = Math.max(-85.0511, Math.min(85.0511, lat));
  return [(lon + 180) / 360, (1 - Math.log(Math.tan(Math.PI / 4 + rad(clamped) / 2)) / Math.PI) / 2];
}

export function fromMercator(x: number, y: number): LatLon {
  return { lon: x * 360 - 180, lat: deg(2 * Math.atan(Math.exp(Math.PI * (1 - 2 * y))) - Math.PI / 2) };
}

/** Mercator units in one metre on the ground at this latitude. */
export function mercatorPerMetre(lat: number): number {
  return 1 / (CIRCUMFERENCE_M * Math.cos(rad(lat)));
}

/** Point at `distance_m` along the great circle from `from` in direction `azimuth_deg`. */
export function destination(from: LatLon, azimuth_deg: number, distance_m: number): LatLon {
  const angular = distance_m / EARTH_RADIUS_M;
  const phi = rad(from.lat);
  const theta = rad(azimuth_deg);
  const lat = Math.asin(Math.sin(phi) * Math.cos(angular) + Math.cos(phi) * Math.sin(angular) * Math.cos(theta));
  const east = Math.sin(theta) * Math.sin(angular) * Math.cos(phi);
  const lon = rad(from.lon) + Math.atan2(east, Math.cos(angular) - Math.sin(phi) * Math.sin(lat));
  return { lat: deg(lat), lon: deg(lon) };
}

export function distanceM(a: LatLon, b: LatLon): number {
  const h =
    Math.sin(rad(b.lat - a.lat) / 2) ** 2 +
    Math.cos(rad(a.lat)) * Math.cos(rad(b.lat)) * Math.sin(rad(b.lon - a.lon) / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(h)));
}

export interface Ellipse {
  major_m: number;
  minor_m: number;
  /** Direction of the major axis, degrees clockwise from north. */
  azimuth_deg: number;
}

/** Semi-axes of the 95 % ellipse of a covariance: eigenvalues times chi-square. */
export function ellipse95(cov: Matrix2): Ellipse {
  const [[ee, en], [, nn]] = cov;
  const mean = (ee + nn) / 2;
  const spread = Math.hypot((ee - nn) / 2, en);
  const axis = (value: number): number => Math.sqrt(Math.max(0, value) * CHI2_95);
  const fromEast = 0.5 * Math.atan2(2 * en, ee - nn);
  return {
    major_m: axis(mean + spread),
    minor_m: axis(mean - spread),
    azimuth_deg: (90 - deg(fromEast) + 360) % 180,
  };
}

/** Closed ring of [lon, lat] around `centre`. */
export function ellipseRing(centre: LatLon, shape: Ellipse, steps = 72): [number, number][] {
  const axis = rad(shape.azimuth_deg);
  const ring: [number, number][] = [];
  for (let step = 0; step <= steps; step++) {
    const t = (step / steps) * 2 * Math.PI;
    const along = shape.major_m * Math.cos(t);
    const across = shape.minor_m * Math.sin(t);
    const east = along * Math.sin(axis) + across * Math.cos(axis);
    const north = along * Math.cos(axis) - across * Math.sin(axis);
    const point = destination(centre, deg(Math.atan2(east, north)), Math.hypot(east, north));
    ring.push([point.lon, point.lat]);
  }
  return ring;
}

/** Largest 95 % semi-axis in metres, or null when the source gave no uncertainty. */
export function uncertainty95(location: Location | undefined): number | null {
  return location?.cov_m2 ? ellipse95(location.cov_m2).major_m : null;
}
