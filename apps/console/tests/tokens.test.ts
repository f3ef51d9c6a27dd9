import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { neighbour } from "@/features/shell/keys";
import { TOKENS } from "@/kit/tokens";
import { sortAlerts } from "@/lib/alerts";
import { pendingTasks } from "@/lib/tasks";
import { alert, task } from "./builders";

const SRC = join(process.cwd(), "src");
const sources = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file));
const text = (file: string): string => readFileSync(join(SRC, file), "utf8");

it("globals.css carries the same tokens", () => {
  const css = text("app/globals.css");
  for (const [name, value] of Object.entries(TOKENS)) expect(css).toContain(`--color-${name}: ${value};`);
});

it("keeps files short, and React out of stream and map but for their one door", () => {
  for (const file of sources) {
    expect(text(file).split("\n").length, file).toBeLessThanOrEqual(250);
    const door = /^(stream\/use-stream|map\/use-map)\.ts$/.test(file);
    if (/^(stream|map)\//.test(file) && !door) expect(text(file), file).not.toMatch(/from "react"/);
  }
});

it("kit never imports features, features never import app", () => {
  for (const file of sources) {
    if (file.startsWith("kit/")) expect(text(file), file).not.toMatch(/@\/(features|app|stream|map|state)\//);
    if (file.startsWith("features/")) expect(text(file), file).not.toMatch(/@\/app\//);
  }
});

it("orders alerts and pending decisions by what needs a person first", () => {
  const alerts = [
    alert({ id: "ack", state: "acknowledged" }),
    alert({ id: "low", severity: "minor" }),
    alert({ id: "crit" }),
  ];
  expect(sortAlerts(alerts).map(({ id }) => id)).toEqual(["crit", "low", "ack"]);
  const soon = task({ id: "soon", approve_before: "2026-11-23T00:01:00Z" });
  const late = task({ id: "late", approve_before: "2026-11-23T00:09:00Z" });
  expect(pendingTasks([late, task({ id: "done", state: "done" }), soon]).map(({ id }) => id)).toEqual(["soon", "late"]);
});

it("steps through alerts and stays at the ends", () => {
  expect([neighbour(["a", "b"], null, 1), neighbour(["a", "b"], "a", 1), neighbour(["a", "b"], "b", 1)]).toEqual([
    "a",
    "b",
    "b",
  ]);
  expect(neighbour([], null, 1)).toBeUndefined();
});
