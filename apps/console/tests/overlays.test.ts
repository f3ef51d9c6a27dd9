import { expect, it } from "vitest";
import { find } from "@/lib/find";
import { graticule } from "@/map/grid";
import { bearingLines, labels, routes, uncertainty } from "@/map/overlays";
import { placeFinder } from "@/map/places";
import { EntityStore } from "@/stream/entity-store";
import { entity, task } from "./builders";

const COV: [[number, number], [number, number]] = [
  [100, 0],
  [0, 100],
];
const hazard = entity({
  id: "haz-1",
  kind: "hazard",
  location: { lat: 39.82, lon: -121.37, cov_m2: COV },
  bearings: [true, false].map((used, index) => ({
    observation: `o-${index}`,
    source: `cam-${index}`,
    lat: 39.8,
    lon: -121.4,
    azimuth_deg: 48,
    sigma_deg: 1,
    observed_at: "2026-11-23T00:00:00Z",
    used,
  })),
});

it("draws one ellipse for a located hazard, and its hypotheses instead when it is ambiguous", () => {
  const roles = (...args: Parameters<typeof uncertainty>): unknown[] =>
    uncertainty(...args).features.map(({ properties }) => properties?.role);
  expect(roles([hazard], null)).toEqual(["hazard"]);
  const option = { lat: 39.8, lon: -121.3, cov_m2: COV, weight: 0.5 };
  expect(roles([{ ...hazard, ambiguous: true, hypotheses: [option, option] }], null)).toEqual([
    "hypothesis",
    "hypothesis",
  ]);
  expect(roles([entity({ location: { lat: 1, lon: 2, cov_m2: COV } })], "drone-1")).toEqual(["selected"]);
});

it("draws where along the line of a lone camera the ground lets it be, once for each stretch", () => {
  const ranges = [
    { near_m: 1000, far_m: 2000 },
    { near_m: 5000, far_m: 7000 },
  ];
  const [seen] = hazard.bearings ?? [];
  if (!seen) throw new Error("the hazard has bearings");
  const alone = { ...hazard, location: undefined, bearings: [{ ...seen, azimuth_deg: 90, ranges }] };
  const drawn = uncertainty([alone], null).features;
  expect(drawn.map(({ properties }) => properties?.role)).toEqual(["hypothesis", "hypothesis"]);
  const [first] = drawn;
  if (first?.geometry.type !== "Polygon") throw new Error("not an area");
  const east = first.geometry.coordinates[0]?.map(
    ([lon = 0]) => (lon + 121.4) * 111_320 * Math.cos(39.8 * (Math.PI / 180)),
  );
  expect(Math.min(...(east ?? []))).toBeCloseTo(1000, -2);
  expect(Math.max(...(east ?? []))).toBeCloseTo(2000, -2);
});

it("tells used bearings from outliers", () => {
  expect(bearingLines([hazard]).features.map(({ properties }) => properties?.used)).toEqual([true, false]);
});

it("routes start where the asset is now and end when the task does", () => {
  const here = () => ({ lat: 39.7, lon: -121.5 });
  const [route] = routes([task(), task({ id: "x", state: "done" })], here, null).features;
  expect(route?.geometry).toEqual({
    type: "LineString",
    coordinates: [
      [-121.5, 39.7],
      [-121.37, 39.82],
    ],
  });
  expect(routes([task({ state: "done" })], here, null).features).toHaveLength(0);
});

it("names at most sixty, the selected first, unlabelled tracks not at all", () => {
  const store = new EntityStore();
  const all = Array.from({ length: 80 }, (_, n) => entity({ id: `a-${n}`, label: `A ${n}` }));
  all.push(entity({ id: "trk", kind: "track" }));
  for (const one of all) store.put(one, 0);
  const names = labels(all, store, "a-79", 0).features.map(({ properties }) => properties?.name);
  expect(names).toHaveLength(60);
  expect(names[0]).toBe("A 79");
});

it("draws a graticule at round minutes and names it on the edges", () => {
  const { features } = graticule(
    { west: -121.5, east: -121.3, south: 39.7, north: 39.9 },
    { lat: 39.71, lon: -121.49 },
  );
  const names = features.map(({ properties }) => properties?.name).filter(Boolean);
  expect(names).toContain("121°24′W");
  expect(names).toContain("39°48′N");
  expect(features.length).toBeLessThan(60);
});

it("knows the county", () => {
  const square = (name: string) => ({
    type: "Feature" as const,
    properties: { name },
    geometry: {
      type: "Polygon" as const,
      coordinates: [
        [
          [0, 0],
          [2, 0],
          [2, 2],
          [0, 2],
          [0, 0],
        ],
      ],
    },
  });
  const areas = (name: string) => ({ type: "FeatureCollection" as const, features: [square(name)] });
  const find = placeFinder([areas("Butte"), areas("California")], areas("United States"));
  expect([find(1, 1), find(5, 5)]).toEqual(["Butte County, California", ""]);
});

it("finds by name first, then by id", () => {
  const entities = [entity({ id: "drone-1", label: "Sawmill drone" }), entity({ id: "x", label: "Drone 2" })];
  const hits = find("drone", { entities, incidents: [], alerts: [], tasks: [task({ title: "Send drone" })] });
  expect(hits.map(({ name }) => name)).toEqual(["Drone 2", "Sawmill drone", "Send drone"]);
  expect(find(" ", { entities, incidents: [], alerts: [], tasks: [] })).toEqual([]);
});
