// The frames of `/v1/stream` (docs/reference/interfaces.md) and their check at the door.
import { type Bodies, WORLD_TYPES, type WorldType } from "@/lib/model";

export type Upsert = {
  [T in WorldType]: { op: "upsert"; type: T; key: string; seq: number; body: Bodies[T] };
}[WorldType];

export type Frame =
  | { op: "snapshot" | "snapshot-end"; seq: number; server_time: string }
  /** `stale`: the gateway is up but has itself lost the world stream. */
  | { op: "heartbeat"; seq: number; server_time: string; stale?: boolean }
  | Upsert
  | { op: "leave"; type: WorldType; key: string; seq: number; reason: string }
  | { op: "skipped"; count: number; seq: number };

const OPS = new Set(["snapshot", "snapshot-end", "heartbeat", "upsert", "leave", "skipped"]);

/** The frame, or null for what this console does not know: a newer gateway may say more than we understand. */
export function parseFrame(text: string): Frame | null {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof frame !== "object" || frame === null) return null;
  const { op, seq, type, key, body } = frame as Record<string, unknown>;
  if (typeof op !== "string" || !OPS.has(op) || typeof seq !== "number") return null;
  if (op === "upsert" || op === "leave") {
    if (typeof key !== "string" || !WORLD_TYPES.includes(type as WorldType)) return null;
    if (op === "upsert" && (typeof body !== "object" || body === null)) return null;
  }
  return frame as Frame;
}
