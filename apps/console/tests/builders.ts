// Small valid objects for tests; each test states only what it is about.
import type { Alert, Bodies, Entity, Task, WorldType } from "@/lib/model";
import type { Frame, Upsert } from "@/stream/frames";

const AT = "2026-11-23T00:00:00Z";

export function entity(fields: Partial<Entity> = {}): Entity {
  return {
    id: "drone-1",
    kind: "asset",
    owner: "fabric",
    observed_at: AT,
    heard_at: AT,
    updated_at: AT,
    location: { lat: 39.8, lon: -121.4 },
    ...fields,
  };
}

export function alert(fields: Partial<Alert> = {}): Alert {
  return {
    id: "alr-1",
    title: "Fire located",
    text: "Three cameras agree.",
    state: "open",
    severity: "extreme",
    urgency: "immediate",
    certainty: "likely",
    opened_at: AT,
    updated_at: AT,
    ...fields,
  };
}

export function task(fields: Partial<Task> = {}): Task {
  return {
    id: "tsk-1",
    kind: "investigate",
    title: "Investigate the fire",
    state: "proposed",
    asset: "drone-1",
    plan: {
      waypoints: [{ lat: 39.82, lon: -121.37 }],
      distance_m: 7580,
      duration_s: 336,
      arrive_s: 108,
      reserve: 0.58,
    },
    plan_hash: "sha256:3f9a2c1b77d0",
    risk: "low",
    proposed_at: AT,
    updated_at: AT,
    ...fields,
  };
}

export function upsert<T extends WorldType>(type: T, body: Bodies[T] & { id: string }, seq: number): Upsert {
  return { op: "upsert", type, key: body.id, seq, body } as unknown as Upsert;
}

export const snapshot = (seq: number): Frame => ({ op: "snapshot", seq, server_time: AT });
export const snapshotEnd = (seq: number): Frame => ({ op: "snapshot-end", seq, server_time: AT });
export const leave = (type: WorldType, key: string, seq: number): Frame => ({
  op: "leave",
  type,
  key,
  seq,
  reason: "deleted",
});
