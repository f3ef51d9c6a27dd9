// Moving entities as a struct of arrays, outside React: what the map layer uploads and what hit tests read.
// Dense: removing swaps the last entity into the hole, so that one instanced draw covers 0 … size.
import { mercator, mercatorPerMetre } from "@/lib/geo";
import type { Entity } from "@/lib/model";
import { lookOf } from "@/lib/symbology";

const TRAIL_POINTS = 60;
const TRAIL_STEP_MS = 2000;

export class EntityStore {
  size = 0;
  /** Grows with each change: the layer uploads when it differs from what it drew. */
  version = 0;
  keys: string[] = [];
  x = new Float64Array(256);
  y = new Float64Array(256);
  /** Mercator units a second. */
  vx = new Float32Array(256);
  vy = new Float32Array(256);
  /** Radians clockwise from north; NaN when the course is unknown. */
  course = new Float32Array(256);
  symbol = new Uint8Array(256);
  colour = new Uint8Array(256);
  state = new Uint8Array(256);
  /** Local clock of the last change, milliseconds. */
  heard = new Float64Array(256);
  readonly trails = new Map<string, { at: number; points: [number, number][] }>();
  private readonly slots = new Map<string, number>();

  slot(key: string): number | undefined {
    return this.slots.get(key);
  }

  put(entity: Entity, now: number): void {
    const { location } = entity;
    if (!location) {
      this.remove(entity.id);
      return;
    }
    const slot = this.slots.get(entity.id) ?? this.append(entity.id);
    const [x, y] = mercator(location.lat, location.lon);
    this.x[slot] = x;
    this.y[slot] = y;
    const [east, north] = velocity(entity);
    const scale = mercatorPerMetre(location.lat);
    this.vx[slot] = east * scale;
    this.vy[slot] = -north * scale;
    const course = entity.kinematics?.course_deg;
    const moving = Math.hypot(east, north) > 0.3;
    this.course[slot] = course !== undefined ? (course * Math.PI) / 180 : moving ? Math.atan2(east, north) : Number.NaN;
    const look = lookOf(entity);
    this.symbol[slot] = look.symbol;
    this.colour[slot] = look.colour;
    this.state[slot] = look.state;
    this.heard[slot] = now;
    this.version++;
    if (entity.kind === "asset" || entity.kind === "track")
      this.extendTrail(entity.id, location.lon, location.lat, now);
  }

  remove(key: string): void {
    this.trails.delete(key);
    const slot = this.slots.get(key);
    if (slot === undefined) return;
    const last = this.size - 1;
    for (const column of this.columns()) column[slot] = column[last] as number;
    const moved = this.keys[last] as string;
    this.keys[slot] = moved;
    this.slots.set(moved, slot);
    this.slots.delete(key);
    this.keys.length = last;
    this.size = last;
    this.version++;
  }

  /** Mercator position carried forward by its speed, as the layer draws it. */
  position(slot: number, now: number): [number, number] {
    const dt =
      this.state[slot] === 0 ? Math.min(DEAD_RECKON_S, Math.max(0, (now - (this.heard[slot] ?? now)) / 1000)) : 0;
    return [(this.x[slot] ?? 0) + (this.vx[slot] ?? 0) * dt, (this.y[slot] ?? 0) + (this.vy[slot] ?? 0) * dt];
  }

  private extendTrail(key: string, lon: number, lat: number, now: number): void {
    const trail = this.trails.get(key);
    if (!trail) {
      this.trails.set(key, { at: now, points: [[lon, lat]] });
    } else if (now - trail.at >= TRAIL_STEP_MS) {
      trail.at = now;
      trail.points.push([lon, lat]);
      if (trail.points.length > TRAIL_POINTS) trail.points.shift();
    }
  }

  private append(key: string): number {
    const slot = this.size++;
    if (slot >= this.x.length) this.grow(this.x.length * 2);
    this.keys[slot] = key;
    this.slots.set(key, slot);
    return slot;
  }

  private columns() {
    return [this.x, this.y, this.vx, this.vy, this.course, this.symbol, this.colour, this.state, this.heard];
  }

  private grow(capacity: number): void {
    const wider = <T extends Float64Array | Float32Array | Uint8Array>(old: T, fresh: T): T => {
      fresh.set(old);
      return fresh;
    };
    this.x = wider(this.x, new Float64Array(capacity));
    this.y = wider(this.y, new Float64Array(capacity));
    this.vx = wider(this.vx, new Float32Array(capacity));
    this.vy = wider(this.vy, new Float32Array(capacity));
    this.course = wider(this.course, new Float32Array(capacity));
    this.symbol = wider(this.symbol, new Uint8Array(capacity));
    this.colour = wider(this.colour, new Uint8Array(capacity));
    this.state = wider(this.state, new Uint8Array(capacity));
    this.heard = wider(this.heard, new Float64Array(capacity));
  }
}

/** Longest time that a position is carried forward without news, seconds. */
export const DEAD_RECKON_S = 5;

function velocity(entity: Entity): [number, number] {
  const motion = entity.kinematics;
  if (motion?.velocity_enu_mps) return motion.velocity_enu_mps;
  if (motion?.speed_mps === undefined || motion.course_deg === undefined) return [0, 0];
  const course = (motion.course_deg * Math.PI) / 180;
  return [motion.speed_mps * Math.sin(course), motion.speed_mps * Math.cos(course)];
}
