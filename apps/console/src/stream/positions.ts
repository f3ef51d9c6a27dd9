// Binary position frames of `/v1/stream?format=binary` (docs/reference/stream.md), read without copying.
import type { EntityKind, Freshness } from "@/lib/model";

const MAGIC = 0x5053; // "SP" as a little-endian number
const VERSION = 1;
const HEADER = 24;
const RECORD = 20;
const KINDS: readonly EntityKind[] = ["asset", "track", "sensor", "place", "zone", "hazard", "person", "structure"];
const FRESHNESS: readonly Freshness[] = ["live", "stale", "expired", "lost"];
const HAS_ALTITUDE = 1;
const HAS_COURSE = 2;
const HAS_SPEED = 4;
const CLAMPED = 32;

/** Degrees, metres and metres a second; null where the entity does not say. */
export interface Position {
  handle: number;
  lat: number;
  lon: number;
  altM: number | null;
  courseDeg: number | null;
  speedMps: number | null;
  kind: EntityKind | null;
  freshness: Freshness;
  /** A value was out of the range of the format. */
  clamped: boolean;
}

export interface Positions {
  /** All that happened up to it has been said. */
  seq: number;
  /** Server time, milliseconds since 1970. */
  timeMs: number;
  positions: Position[];
}

/** The frame, or null for bytes that are none, or of a version that this console does not know. */
export function readPositions(buffer: ArrayBuffer): Positions | null {
  if (buffer.byteLength < HEADER) return null;
  const view = new DataView(buffer);
  const size = view.getUint8(3);
  const count = view.getUint32(4, true);
  if (view.getUint16(0, true) !== MAGIC || view.getUint8(2) !== VERSION) return null;
  if (size < RECORD || buffer.byteLength !== HEADER + count * size) return null;
  const positions: Position[] = [];
  for (let at = HEADER; at < buffer.byteLength; at += size) positions.push(readRecord(view, at));
  return { seq: Number(view.getBigUint64(8, true)), timeMs: view.getFloat64(16, true), positions };
}

function readRecord(view: DataView, at: number): Position {
  const flags = view.getUint8(at + 19);
  return {
    handle: view.getUint32(at, true),
    lat: view.getInt32(at + 4, true) / 1e7,
    lon: view.getInt32(at + 8, true) / 1e7,
    altM: flags & HAS_ALTITUDE ? view.getInt16(at + 12, true) : null,
    courseDeg: flags & HAS_COURSE ? view.getUint16(at + 14, true) / 100 : null,
    speedMps: flags & HAS_SPEED ? view.getUint16(at + 16, true) / 100 : null,
    kind: KINDS[view.getUint8(at + 18)] ?? null,
    freshness: FRESHNESS[(flags >> 3) & 3] as Freshness,
    clamped: (flags & CLAMPED) !== 0,
  };
}
