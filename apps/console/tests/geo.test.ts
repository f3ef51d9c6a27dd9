import { expect, it } from "vitest";
import { age, bearing, duration, latLon, shortHash, shortId } from "@/lib/format";
import { CHI2_95, destination, distanceM, ellipse95, ellipseRing, fromMercator, mercator } from "@/lib/geo";

it("turns a covariance into its 95 % ellipse", () => {
  const east = ellipse95([
    [10_000, 0],
    [0, 2500],
  ]);
  expect(east.major_m).toBeCloseTo(Math.sqrt(10_000 * CHI2_95), 6);
  expect(east.minor_m).toBeCloseTo(Math.sqrt(2500 * CHI2_95), 6);
  expect(east.azimuth_deg).toBeCloseTo(90, 6);
  expect(
    ellipse95([
      [1, 0.9],
      [0.9, 1],
    ]).azimuth_deg,
  ).toBeCloseTo(45, 6);
  expect(
    ellipse95([
      [1, -0.9],
      [-0.9, 1],
    ]).azimuth_deg,
  ).toBeCloseTo(135, 6);
});

it("draws the ring at the right distance and closes it", () => {
  const centre = { lat: 39.8, lon: -121.4 };
  const ring = ellipseRing(centre, { major_m: 500, minor_m: 200, azimuth_deg: 30 });
  const far = ring.map(([lon, lat]) => distanceM(centre, { lat, lon }));
  expect(Math.max(...far)).toBeCloseTo(500, 0);
  expect(Math.min(...far)).toBeCloseTo(200, 0);
  expect(ring[0]?.[0]).toBeCloseTo(ring.at(-1)?.[0] ?? 0, 9);
});

it("goes there and back", () => {
  const from = { lat: 39.8, lon: -121.4 };
  expect(distanceM(from, destination(from, 58, 7400))).toBeCloseTo(7400, 3);
  expect(fromMercator(...mercator(39.8, -121.4)).lat).toBeCloseTo(39.8, 9);
});

it("formats for reading aloud", () => {
  expect([age(4200), age(193_000), age(7_500_000)]).toEqual(["4 s", "03:13", "2 h 05"]);
  expect([duration(108), duration(3900), duration(undefined)]).toEqual(["1 min 48 s", "1 h 05", "–"]);
  expect([bearing(7.4), bearing(359.9)]).toEqual(["007°", "000°"]);
  expect(latLon(39.81, -121.4)).toBe("39.8100 −121.4000");
  expect(shortId("0198f2aa-0000-7000-8000-0000000000ab")).toBe("…0000ab");
  expect(shortHash("sha256:3f9a2c1b77d0")).toBe("3f9a2c1b");
});
