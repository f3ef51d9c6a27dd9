import { expect, it } from "vitest";
import { distanceM } from "@/lib/geo";
import type { Zone } from "@/lib/model";
import { zones } from "@/map/overlays";
import { World } from "@/stream/world";

const RING: [number, number][] = [
  [-121.4, 39.8],
  [-121.3, 39.8],
  [-121.3, 39.9],
  [-121.4, 39.8],
];
const polygon: Zone = {
  id: "z1",
  name: "Dam",
  rule: "exclusion",
  geometry: { type: "Polygon", coordinates: [RING] },
};

it("draws a polygon as it is and a circle by its radius, with its holes", () => {
  const circle: Zone = {
    id: "z2",
    name: "Camp",
    rule: "inclusion",
    circle: { lat: 39.8, lon: -121.4, radius_m: 500, holes: [RING] },
  };
  const [first, second] = zones([polygon, circle], () => null).features;
  expect(first?.geometry).toEqual(polygon.geometry);
  expect(first?.properties).toEqual({ key: "z1", name: "Dam", rule: "exclusion" });
  const [outer, hole] = second?.geometry.type === "Polygon" ? second.geometry.coordinates : [];
  expect(hole).toEqual(RING);
  for (const [lon = 0, lat = 0] of outer ?? []) {
    expect(distanceM({ lat: 39.8, lon: -121.4 }, { lat, lon })).toBeCloseTo(500, 0);
  }
});

it("draws a zone where its anchor is, and not at all while that is nowhere", () => {
  const moving: Zone = { ...polygon, anchor: "truck", anchor_at: [-121.4, 39.8] };
  expect(zones([moving], () => null).features).toEqual([]);
  const [feature] = zones([moving], () => ({ lat: 40.8, lon: -120.4 })).features;
  const [ring] = feature?.geometry.type === "Polygon" ? feature.geometry.coordinates : [];
  expect(ring?.[0]).toEqual([-120.4, 40.8]);
  const [lon = 0, lat = 0] = ring?.[1] ?? [];
  const before = distanceM({ lat: 39.8, lon: -121.4 }, { lat: 39.8, lon: -121.3 });
  expect(distanceM({ lat: 40.8, lon: -120.4 }, { lat, lon }) / before).toBeCloseTo(1, 2);
});

it("takes zones from the stream", () => {
  const world = new World();
  world.apply({ op: "upsert", type: "zones", key: "z1", seq: 1, body: polygon }, 0);
  world.publish();
  expect(world.list("zones")).toEqual([polygon]);
});
