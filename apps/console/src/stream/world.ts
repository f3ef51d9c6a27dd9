// The world model of this console: a pure reducer over frames. No sockets, no React, no clock of its own.
import type { Bodies, WorldType } from "@/lib/model";
import { WORLD_TYPES } from "@/lib/model";
import { EntityStore } from "./entity-store";
import type { Frame, Upsert } from "./frames";
import { History } from "./history";

interface Row {
  seq: number;
  body: Bodies[WorldType];
}

export class World {
  readonly entities = new EntityStore();
  readonly history = new History();
  /** Sequence to resume after; null until one snapshot is complete. */
  lastSeq: number | null = null;
  ready = false;
  skipped = 0;
  /** The gateway said that its own picture is old. */
  stale = false;
  /** Server clock minus local clock, milliseconds, from the last frame that carried it. */
  clockOffsetMs = 0;
  private readonly tables = new Map<WorldType, Map<string, Row>>(WORLD_TYPES.map((type) => [type, new Map()]));
  private readonly dirty = new Set<WorldType>();
  private readonly lists = new Map<WorldType, readonly unknown[]>();
  private readonly listeners = new Set<() => void>();
  /** Keys named by the snapshot under way; what it does not name is gone. */
  private snapshot: Set<string> | null = null;

  apply(frame: Frame, now: number): void {
    switch (frame.op) {
      case "snapshot":
        this.snapshot = new Set();
        this.clockOffsetMs = offset(frame.server_time, now);
        this.history.since ??= now + this.clockOffsetMs;
        break;
      case "snapshot-end":
        this.endSnapshot(frame.seq);
        break;
      case "upsert":
        this.upsert(frame, now);
        break;
      case "leave":
        this.remove(frame.type, frame.key);
        this.advance(frame.seq);
        break;
      case "heartbeat":
        this.clockOffsetMs = offset(frame.server_time, now);
        this.stale = frame.stale ?? false;
        this.advance(frame.seq);
        break;
      case "skipped":
        this.skipped += frame.count;
        this.advance(frame.seq);
        break;
    }
  }

  /** Drops the resume point: the next connection starts with a snapshot. */
  forget(): void {
    this.lastSeq = null;
    this.snapshot = null;
  }

  get<T extends WorldType>(type: T, key: string): Bodies[T] | undefined {
    return this.tables.get(type)?.get(key)?.body as Bodies[T] | undefined;
  }

  count(type: WorldType): number {
    return this.tables.get(type)?.size ?? 0;
  }

  /** All objects of a type. The same array until something of that type changed. */
  list<T extends WorldType>(type: T): readonly Bodies[T][] {
    let list = this.lists.get(type);
    if (!list) {
      list = [...(this.tables.get(type)?.values() ?? [])].map((row) => row.body);
      this.lists.set(type, list);
    }
    return list as readonly Bodies[T][];
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Tells React what changed since the last call. Called at 4 Hz at most; positions never wait for it. */
  publish(): void {
    if (this.dirty.size === 0) return;
    for (const type of this.dirty) this.lists.delete(type);
    this.dirty.clear();
    for (const listener of this.listeners) listener();
  }

  private upsert(frame: Upsert, now: number): void {
    const { type, key, seq, body } = frame;
    const table = this.table(type);
    const known = table.get(key);
    if (this.snapshot) this.snapshot.add(`${type}/${key}`);
    else this.advance(seq);
    // A snapshot always wins: after the world began anew its sequences are lower than those we know.
    if (!this.snapshot && known && known.seq > seq) return;
    table.set(key, { seq, body });
    if (type === "entities") this.entities.put(body, now);
    this.history.note(frame, this.snapshot !== null, now + this.clockOffsetMs);
    this.dirty.add(type);
  }

  private remove(type: WorldType, key: string): void {
    this.snapshot?.delete(`${type}/${key}`);
    if (!this.table(type).delete(key)) return;
    if (type === "entities") this.entities.remove(key);
    this.dirty.add(type);
  }

  private endSnapshot(seq: number): void {
    const named = this.snapshot;
    this.snapshot = null;
    for (const [type, table] of this.tables) {
      for (const key of [...table.keys()]) if (named && !named.has(`${type}/${key}`)) this.remove(type, key);
      this.dirty.add(type);
    }
    this.ready = true;
    this.lastSeq = seq;
    this.publish();
  }

  private advance(seq: number): void {
    if (this.lastSeq !== null && seq > this.lastSeq) this.lastSeq = seq;
  }

  private table(type: WorldType): Map<string, Row> {
    return this.tables.get(type) as Map<string, Row>;
  }
}

function offset(serverTime: string, now: number): number {
  const server = Date.parse(serverTime);
  return Number.isFinite(server) ? server - now : 0;
}
