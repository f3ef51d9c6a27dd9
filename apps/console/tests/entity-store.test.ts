import { expect, it } from "vitest";
import { distanceM, fromMercator } from "@/lib/geo";
import { STATES, SYMBOLS } from "@/lib/symbology";
import { EntityStore } from "@/stream/entity-store";
import { entity } from "./builders";

it("stays dense when entities leave", () => {
  const store = new EntityStore();
  for (let n = 0; n < 600; n++) store.put(entity({ id: `e-${n}`, location: { lat: n / 100, lon: 0 } }), 0);
  store.remove("e-3");
  expect([store.size, store.keys.length, store.slot("e-599"), store.slot("e-3")]).toEqual([599, 599, 3, undefined]);
  expect(fromMercator(...store.position(3, 0)).lat).toBeCloseTo(5.99, 6);
});

it("carries a live entity forward by its velocity, five seconds at most", () => {
  const store = new EntityStore();
  store.put(entity({ kinematics: { speed_mps: 50, course_deg: 90 } }), 1000);
  const start = fromMercator(...store.position(0, 1000));
  const moved = (ms: number): number => distanceM(start, fromMercator(...store.position(0, 1000 + ms)));
  expect(moved(2000)).toBeCloseTo(100, 0);
  expect(moved(60_000)).toBeCloseTo(250, 0);
});

it("does not carry a stale one, and shows the outline of its freshness", () => {
  const store = new EntityStore();
  store.put(entity({ freshness: "stale", kinematics: { speed_mps: 50, course_deg: 90 } }), 0);
  expect(store.position(0, 5000)).toEqual(store.position(0, 0));
  expect(STATES[store.state[0] ?? 9]).toBe("stale");
});

it("chooses the symbol by class, and takes an entity without a place off the map", () => {
  const store = new EntityStore();
  store.put(entity({ class: "drone" }), 0);
  expect(SYMBOLS[store.symbol[0] ?? 9]).toBe("drone");
  store.put({ ...entity({ class: "drone" }), location: undefined } as never, 1);
  expect(store.size).toBe(0);
});

it("takes 10,000 positions in well under a frame's worth of patience", () => {
  const store = new EntityStore();
  const all = Array.from({ length: 10_000 }, (_, n) =>
    entity({ id: `t-${n}`, kind: "sensor", location: { lat: n / 200, lon: n / 100 } }),
  );
  for (const one of all) store.put(one, 0);
  const began = performance.now();
  for (const one of all) store.put(one, 1000);
  expect(performance.now() - began).toBeLessThan(250);
  expect(store.size).toBe(10_000);
});
