// The same committed bytes as the gateway's own test (apps/api-gateway/tests/test_stream_positions.py).
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { readPositions } from "@/stream/positions";

const FIXTURES = resolve(process.cwd(), "../api-gateway/tests/fixtures");
const bytes = readFileSync(resolve(FIXTURES, "positions.bin"));
const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
const expected = JSON.parse(readFileSync(resolve(FIXTURES, "positions.json"), "utf8"));

it("reads the committed frame", () => {
  const frame = readPositions(buffer);
  expect(frame?.seq).toBe(expected.seq);
  expect(frame?.timeMs).toBe(expected.time_ms);
  const found = frame?.positions.map(({ altM, courseDeg, speedMps, ...rest }) => ({
    ...rest,
    alt_m: altM,
    course_deg: courseDeg,
    speed_mps: speedMps,
  }));
  expect(found).toEqual(expected.cases.map((one: { position: object }) => one.position));
});

it("refuses what is no frame, or cut short, or of a later version", () => {
  expect(readPositions(new ArrayBuffer(10))).toBeNull();
  expect(readPositions(buffer.slice(0, -1))).toBeNull();
  const later = buffer.slice(0);
  new DataView(later).setUint8(2, 2);
  expect(readPositions(later)).toBeNull();
});
