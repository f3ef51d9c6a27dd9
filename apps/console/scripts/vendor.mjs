// Copies what the page loads by URL into public/vendor: the map worker (a same-origin module worker needs no blob: in
// the content security policy) and the base map. Runs before each build, so that no copy is ever committed.
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const target = join(dirname(fileURLToPath(import.meta.url)), "..", "public", "vendor");

const files = {
  [fileURLToPath(import.meta.resolve("maplibre-gl/dist/maplibre-gl-worker.mjs"))]: "maplibre-gl-worker.mjs",
  [require.resolve("world-atlas/countries-50m.json")]: "countries-50m.json",
  [require.resolve("us-atlas/counties-10m.json")]: "counties-10m.json",
};

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
for (const [from, name] of Object.entries(files)) cpSync(from, join(target, name));
