// What happened when, for the timeline: counts of entity updates in bins, and marks for operations.
import type { Severity, WorldType } from "@/lib/model";
import type { Upsert } from "./frames";

export const BIN_MS = 30_000;
export const SPAN_MS = 3_600_000;
const MAX_MARKS = 2000;

export interface Mark {
  id: string;
  at: number;
  type: WorldType;
  key: string;
  text: string;
  severity: Severity | null;
}

export class History {
  /** Server time at which this console began to see updates; earlier ones were not seen, not absent. */
  since: number | null = null;
  readonly marks = new Map<string, Mark>();
  private readonly bins = new Map<number, number>();

  note(frame: Upsert, inSnapshot: boolean, at: number): void {
    if (frame.type === "entities") {
      if (!inSnapshot) this.count(at);
      return;
    }
    if (frame.type === "alerts" || frame.type === "incidents") {
      const { body, type, key } = frame;
      this.mark({ at: body.opened_at, type, key, text: body.title, severity: body.severity });
    } else if (frame.type === "tasks") {
      const { body, key } = frame;
      this.mark({ at: body.proposed_at, type: "tasks", key, text: `Proposed: ${body.title}`, severity: null });
      for (const entry of body.timeline ?? []) {
        this.mark({ at: entry.at, type: "tasks", key, text: `${body.title}: ${entry.what}`, severity: null });
      }
    } else if (frame.type === "advisories") {
      this.mark({ at: frame.body.made_at, type: "advisories", key: frame.key, text: frame.body.title, severity: null });
    }
  }

  /** Updates in each bin, oldest first; the last bin holds `now`. */
  density(now: number): number[] {
    const last = Math.floor(now / BIN_MS);
    const length = SPAN_MS / BIN_MS;
    return Array.from({ length }, (_, index) => this.bins.get(last - length + 1 + index) ?? 0);
  }

  private count(at: number): void {
    const bin = Math.floor(at / BIN_MS);
    this.bins.set(bin, (this.bins.get(bin) ?? 0) + 1);
    if (this.bins.size > (2 * SPAN_MS) / BIN_MS) {
      for (const old of this.bins.keys()) if (old < bin - SPAN_MS / BIN_MS) this.bins.delete(old);
    }
  }

  private mark(mark: Omit<Mark, "id" | "at"> & { at: string }): void {
    const at = Date.parse(mark.at);
    if (!Number.isFinite(at)) return;
    const id = `${mark.type}/${mark.key}/${at}`;
    this.marks.set(id, { ...mark, at, id });
    const [oldest] = this.marks.keys();
    if (this.marks.size > MAX_MARKS && oldest !== undefined) this.marks.delete(oldest);
  }
}
