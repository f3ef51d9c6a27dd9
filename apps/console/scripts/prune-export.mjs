// Turbopack exports the development builds of maplibre-gl (3.7 MB) although nothing loads them: drop them.
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const out = join(dirname(fileURLToPath(import.meta.url)), "..", "out");
for (const file of readdirSync(out, { recursive: true, encoding: "utf8" })) {
  if (/-dev\.[\w-]*\.?mjs$/.test(file) || file.endsWith(".map")) rmSync(join(out, file));
}
