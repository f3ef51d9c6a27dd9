import { expect, it } from "vitest";
import { backoffMs, linkView } from "@/stream/link";

const FACTS = { lastFrameAt: null, startedAt: 0, signedOut: false, sourceStale: false };

it.each([
  [0, "live"],
  [2999, "live"],
  [3000, "stale"],
  [9999, "stale"],
  [10_000, "down"],
])("a frame %i ms ago is %s", (ago, state) =>
  expect(linkView({ ...FACTS, lastFrameAt: 100_000 - ago }, 100_000).state).toBe(state),
);

it("is connecting before the first frame, and down when none came for ten seconds", () => {
  expect(linkView(FACTS, 5000).state).toBe("connecting");
  expect(linkView(FACTS, 10_001).state).toBe("down");
  expect(linkView({ ...FACTS, lastFrameAt: 1, signedOut: true }, 2).state).toBe("signed-out");
});

it("is stale while the gateway itself has lost its source, however fresh the frames", () => {
  expect(linkView({ ...FACTS, lastFrameAt: 100, sourceStale: true }, 150).state).toBe("stale");
});

it("backs off from half a second to ten, with jitter downwards only", () => {
  expect([0, 1, 2, 3, 4, 5, 20].map((attempt) => backoffMs(attempt, () => 1))).toEqual([
    500, 1000, 2000, 4000, 8000, 10_000, 10_000,
  ]);
  expect(backoffMs(0, () => 0)).toBe(350);
});
