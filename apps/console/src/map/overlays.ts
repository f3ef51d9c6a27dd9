// The slow geometry as GeoJSON: uncertainty ellipses, hypotheses, bearing lines, task routes, trails, labels.
// Pure functions of the world model; the map view hands the result to its sources at 1 to 4 Hz.
import type { Feature, FeatureCollection, Position } from "geojson";
import { distance } from "@/lib/format";
import { destination, distanceM, ellipse95, ellipseRing, fromMercator, type LatLon, uncertainty95 } from "@/lib/geo";
import type { BearingEvidence, Entity, Task, Zone } from "@/lib/model";
import { isFire, nameOf } from "@/lib/symbology";
import { isOver } from "@/lib/tasks";
import type { EntityStore } from "@/stream/entity-store";

const MAX_LABELS = 60;
const MAX_BEARING_M = 40_000;

const collection = (features: Feature[]): FeatureCollection => ({ type: "FeatureCollection", features });
const line = (coordinates: Position[], properties: Record<string, unknown>): Feature => ({
  type: "Feature",
  properties,
  geometry: { type: "LineString", coordinates },
});
const area = (ring: Position[], properties: Record<string, unknown>): Feature => ({
  type: "Feature",
  properties,
  geometry: { type: "Polygon", coordinates: [ring] },
});

/** Where along the line of one camera the ground lets it be: two standard deviations of azimuth to each side. */
function sectors(bearing: BearingEvidence, key: string): Feature[] {
  const half = 2 * bearing.sigma_deg;
  const across = Array.from({ length: 9 }, (_, index) => bearing.azimuth_deg + half * (index / 4 - 1));
  return (bearing.ranges ?? []).map(({ near_m, far_m }) => {
    const far = across.map((azimuth) => destination(bearing, azimuth, far_m));
    const near = across.toReversed().map((azimuth) => destination(bearing, azimuth, near_m));
    const ring: Position[] = [...far, ...near, ...far.slice(0, 1)].map(({ lon, lat }) => [lon, lat]);
    return area(ring, { role: "hypothesis", key });
  });
}

/** 95 % ellipse of each hazard, its hypotheses when ambiguous, and that of the selected entity. */
export function uncertainty(entities: readonly Entity[], selected: string | null): FeatureCollection {
  const features: Feature[] = [];
  for (const entity of entities) {
    const { location } = entity;
    features.push(...(entity.bearings ?? []).flatMap((bearing) => sectors(bearing, entity.id)));
    const role = isFire(entity) ? "hazard" : "selected";
    if (!location || (role === "selected" && entity.id !== selected)) continue;
    for (const option of entity.ambiguous ? (entity.hypotheses ?? []) : []) {
      features.push(area(ellipseRing(option, ellipse95(option.cov_m2)), { role: "hypothesis", key: entity.id }));
    }
    if (location.cov_m2 && !(entity.ambiguous && entity.hypotheses?.length)) {
      features.push(area(ellipseRing(location, ellipse95(location.cov_m2)), { role, key: entity.id }));
    }
  }
  return collection(features);
}

/** From each camera along its bearing to a little past the fix. */
export function bearingLines(entities: readonly Entity[]): FeatureCollection {
  const features: Feature[] = [];
  for (const entity of entities) {
    for (const bearing of entity.bearings ?? []) {
      const reach = entity.location ? distanceM(bearing, entity.location) * 1.12 : MAX_BEARING_M / 2;
      const end = destination(bearing, bearing.azimuth_deg, Math.min(MAX_BEARING_M, reach));
      const properties = { used: bearing.used ?? true, key: entity.id };
      features.push(
        line(
          [
            [bearing.lon, bearing.lat],
            [end.lon, end.lat],
          ],
          properties,
        ),
      );
    }
  }
  return collection(features);
}

export function rangeRings(entities: readonly Entity[]): FeatureCollection {
  const features: Feature[] = [];
  for (const { kind, location } of entities) {
    if (kind !== "hazard" || !location) continue;
    for (const km of [1, 2, 5, 10]) {
      const ring = ellipseRing(location, { major_m: km * 1000, minor_m: km * 1000, azimuth_deg: 0 }, 96);
      features.push(line(ring, { name: `${km} km` }));
    }
  }
  return collection(features);
}

/** Where each zone lies now: one that moves goes with its anchor, and lies nowhere while that is nowhere. */
export function zones(all: readonly Zone[], placeOf: (key: string) => LatLon | null): FeatureCollection {
  const features: Feature[] = [];
  for (const { id, name, rule, geometry, circle, anchor, anchor_at } of all) {
    let rings: Position[][] = geometry?.coordinates ?? [];
    if (circle) {
      const round = { major_m: circle.radius_m, minor_m: circle.radius_m, azimuth_deg: 0 };
      rings = [ellipseRing(circle, round), ...(circle.holes ?? [])];
    }
    if (anchor && anchor_at) {
      const at = placeOf(anchor);
      if (!at) continue;
      rings = rings.map((ring) => moved(ring, anchor_at, at));
    }
    const properties = { key: id, name, rule };
    features.push({ type: "Feature", properties, geometry: { type: "Polygon", coordinates: rings } });
  }
  return collection(features);
}

/** As `start` goes to `end`, the metres between them kept. */
function moved(ring: readonly Position[], start: Position, end: LatLon): Position[] {
  const [startLon = 0, startLat = 0] = start;
  const narrower = Math.cos((startLat * Math.PI) / 180) / Math.cos((end.lat * Math.PI) / 180);
  return ring.map(([lon = 0, lat = 0]) => [end.lon + (lon - startLon) * narrower, end.lat + lat - startLat]);
}

/** From where the asset is now through its waypoints. */
export function routes(tasks: readonly Task[], assetAt: (key: string) => LatLon | null, selected: string | null) {
  const features: Feature[] = [];
  for (const task of tasks) {
    if (isOver(task.state)) continue;
    const start = assetAt(task.asset);
    const points: Position[] = task.plan.waypoints.map(({ lat, lon }) => [lon, lat]);
    if (points.length === 0 && task.target) points.push([task.target.lon, task.target.lat]);
    if (start) points.unshift([start.lon, start.lat]);
    if (points.length < 2) continue;
    features.push(line(points, { state: task.state, key: task.id, selected: task.id === selected }));
  }
  return collection(features);
}

export function trails(store: EntityStore): FeatureCollection {
  const features: Feature[] = [];
  for (const [key, { points }] of store.trails) {
    if (points.length > 1 && features.length < 400) {
      features.push(line(points, { colour: store.colour[store.slot(key) ?? 0] ?? 0 }));
    }
  }
  return collection(features);
}

const PRIORITY: Partial<Record<Entity["kind"], number>> = {
  hazard: 1,
  place: 2,
  asset: 3,
  sensor: 4,
  person: 5,
  track: 6,
};

/** At most sixty names: the selected first, then by importance. */
export function labels(
  entities: readonly Entity[],
  store: EntityStore,
  selected: string | null,
  now: number,
): FeatureCollection {
  const rank = (entity: Entity): number => (entity.id === selected ? 0 : (PRIORITY[entity.kind] ?? 7));
  const named = entities.filter(
    (entity) => entity.location && (entity.kind !== "track" || entity.label || rank(entity) === 0),
  );
  const chosen = [...named].sort((a, b) => rank(a) - rank(b)).slice(0, MAX_LABELS);
  return collection(
    chosen.flatMap((entity) => {
      const slot = store.slot(entity.id);
      if (slot === undefined) return [];
      const { lat, lon } = fromMercator(...store.position(slot, now));
      const radius = isFire(entity) && !entity.ambiguous ? uncertainty95(entity.location) : null;
      const name = radius === null ? nameOf(entity) : `${nameOf(entity)}\n± ${distance(radius)}`;
      const properties = { name, rank: rank(entity), fire: isFire(entity) };
      return [{ type: "Feature" as const, properties, geometry: { type: "Point" as const, coordinates: [lon, lat] } }];
    }),
  );
}
