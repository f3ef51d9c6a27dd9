// Is the picture still live? Judged by the age of the last frame on our own clock: server and browser clocks differ.
export const STALE_MS = 3000;
export const DOWN_MS = 10_000;

export type LinkState = "connecting" | "live" | "stale" | "down" | "signed-out";

export interface LinkView {
  state: LinkState;
  /** Milliseconds since the last frame, null before the first. */
  ageMs: number | null;
}

interface LinkFacts {
  lastFrameAt: number | null;
  startedAt: number;
  signedOut: boolean;
  /** The gateway answers, but its own picture is old. */
  sourceStale: boolean;
}

export function linkView({ lastFrameAt, startedAt, signedOut, sourceStale }: LinkFacts, now: number): LinkView {
  if (signedOut) return { state: "signed-out", ageMs: null };
  const ageMs = lastFrameAt === null ? null : Math.max(0, now - lastFrameAt);
  if (ageMs === null) return { state: now - startedAt > DOWN_MS ? "down" : "connecting", ageMs };
  if (ageMs >= DOWN_MS) return { state: "down", ageMs };
  return { state: sourceStale || ageMs >= STALE_MS ? "stale" : "live", ageMs };
}

/** Wait before attempt `n` (0 = first retry): doubles from half a second to ten, with up to 30 % of jitter. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  return Math.min(10_000, 500 * 2 ** attempt) * (0.7 + 0.3 * random());
}
