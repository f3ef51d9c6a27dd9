import { describe, expect, it, vi } from "vitest";
import { parseFrame } from "@/stream/frames";
import { World } from "@/stream/world";
import { alert, entity, leave, snapshot, snapshotEnd, task, upsert } from "./builders";

const NOW = Date.parse("2026-11-23T00:00:05Z");

function worldWith(...frames: Parameters<World["apply"]>[0][]): World {
  const world = new World();
  for (const frame of frames) world.apply(frame, NOW);
  world.publish();
  return world;
}

describe("snapshot", () => {
  it("is ready, and may be resumed, only when it is complete", () => {
    const world = worldWith(snapshot(10), upsert("entities", entity(), 7));
    expect([world.ready, world.lastSeq]).toEqual([false, null]);
    world.apply(snapshotEnd(10), NOW);
    expect([world.ready, world.lastSeq, world.count("entities")]).toEqual([true, 10, 1]);
  });

  it("drops what the next snapshot no longer names", () => {
    const world = worldWith(
      snapshot(10),
      upsert("entities", entity(), 7),
      upsert("alerts", alert(), 8),
      snapshotEnd(10),
    );
    for (const frame of [snapshot(20), upsert("alerts", alert(), 8), snapshotEnd(20)]) world.apply(frame, NOW);
    expect(world.count("entities")).toBe(0);
    expect(world.entities.size).toBe(0);
    expect(world.count("alerts")).toBe(1);
  });

  it("wins over what was known even at lower sequences: the world may begin anew", () => {
    const world = worldWith(snapshot(90), upsert("tasks", task({ state: "approved" }), 80), snapshotEnd(90));
    for (const frame of [snapshot(3), upsert("tasks", task(), 2), snapshotEnd(3)]) world.apply(frame, NOW);
    expect([world.get("tasks", "tsk-1")?.state, world.lastSeq]).toEqual(["proposed", 3]);
  });

  it("keeps the newer version when a change comes late", () => {
    const world = worldWith(snapshot(1), snapshotEnd(1), upsert("tasks", task({ state: "approved" }), 9));
    world.apply(upsert("tasks", task({ state: "proposed" }), 4), NOW);
    expect(world.get("tasks", "tsk-1")?.state).toBe("approved");
  });
});

describe("live frames", () => {
  it("advance the resume point: upsert, leave, heartbeat, skipped", () => {
    const world = worldWith(snapshot(10), snapshotEnd(10), upsert("entities", entity(), 11));
    expect(world.lastSeq).toBe(11);
    world.apply(leave("entities", "drone-1", 12), NOW);
    expect([world.lastSeq, world.entities.size]).toEqual([12, 0]);
    world.apply({ op: "skipped", count: 120, seq: 40 }, NOW);
    world.apply({ op: "heartbeat", seq: 41, server_time: "2026-11-23T00:00:09Z" }, NOW);
    expect([world.lastSeq, world.skipped, world.clockOffsetMs]).toEqual([41, 120, 4000]);
  });

  it("reach React once per publish, and the list stays the same array in between", () => {
    const world = worldWith(snapshot(1), snapshotEnd(1));
    const heard = vi.fn();
    world.subscribe(heard);
    const before = world.list("entities");
    for (let seq = 2; seq < 50; seq++) world.apply(upsert("entities", entity({ id: `e-${seq}` }), seq), NOW);
    expect(world.list("entities")).toBe(before);
    world.publish();
    world.publish();
    expect(heard).toHaveBeenCalledTimes(1);
    expect(world.list("entities")).toHaveLength(48);
  });

  it("forget() asks for a snapshot next time but keeps the picture", () => {
    const world = worldWith(snapshot(1), upsert("entities", entity(), 1), snapshotEnd(1));
    world.forget();
    expect([world.lastSeq, world.count("entities")]).toEqual([null, 1]);
  });
});

describe("history", () => {
  it("counts live updates but not the snapshot, and marks operations once", () => {
    const world = worldWith(snapshot(1), upsert("entities", entity(), 1), upsert("alerts", alert(), 1), snapshotEnd(1));
    world.apply(upsert("entities", entity(), 2), NOW);
    world.apply(upsert("alerts", alert({ state: "acknowledged" }), 3), NOW);
    const density = world.history.density(NOW + world.clockOffsetMs);
    expect(density).toHaveLength(120);
    expect(density.reduce((a, b) => a + b, 0)).toBe(1);
    expect(world.history.marks.size).toBe(1);
  });
});

describe("parseFrame", () => {
  it.each([
    "{",
    "null",
    '{"op":"upsert","type":"entities","key":"a","seq":1}',
    '{"op":"upsert","type":"ghosts","key":"a","seq":1,"body":{}}',
    '{"op":"dance","seq":1}',
    '{"op":"heartbeat"}',
  ])("refuses %s", (text) => expect(parseFrame(text)).toBeNull());

  it("takes a leave", () => expect(parseFrame(JSON.stringify(leave("tasks", "t", 3)))?.op).toBe("leave"));
});
