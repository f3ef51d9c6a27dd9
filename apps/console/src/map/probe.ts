// A read-only view of the picture for browser tests: `window.__summit`, only on a page opened with `?probe=1`.
import { fromMercator } from "@/lib/geo";
import { WORLD_TYPES } from "@/lib/model";
import type { World } from "@/stream/world";
import type { MapView } from "./map-view";

export function installProbe(world: World, view: MapView): void {
  if (new URLSearchParams(window.location.search).get("probe") !== "1") return;
  const position = (key: string): { lat: number; lon: number } | null => {
    const slot = world.entities.slot(key);
    return slot === undefined ? null : fromMercator(world.entities.x[slot] ?? 0, world.entities.y[slot] ?? 0);
  };
  const probe = {
    ready: () => world.ready && view.loaded,
    seq: () => world.lastSeq,
    counts: () => Object.fromEntries(WORLD_TYPES.map((type) => [type, world.count(type)])),
    kinds: () => {
      const kinds: Record<string, number> = {};
      for (const { kind } of world.list("entities")) kinds[kind] = (kinds[kind] ?? 0) + 1;
      return kinds;
    },
    positions: () => Object.fromEntries(world.entities.keys.map((key) => [key, position(key)])),
    position,
    tasks: () => world.list("tasks").map(({ id, asset, state, title }) => ({ id, asset, state, title })),
    alerts: () => world.list("alerts").map(({ id, state, severity, title }) => ({ id, state, severity, title })),
    screen: (key: string) => {
      const at = position(key);
      return at ? view.map.project([at.lon, at.lat]) : null;
    },
  };
  Object.defineProperty(window, "__summit", { value: Object.freeze(probe), configurable: true });
}
