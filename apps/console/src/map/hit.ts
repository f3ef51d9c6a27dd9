// Hit test in screen space: the nearest drawn entity within reach of the pointer.
import type { Map as MapLibreMap, Point } from "maplibre-gl";
import { fromMercator } from "@/lib/geo";
import type { EntityStore } from "@/stream/entity-store";

const REACH_PX = 16;

export function nearest(
  map: MapLibreMap,
  store: EntityStore,
  point: Point,
  visible: (slot: number) => boolean,
  now: number = Date.now(),
): number | null {
  let best: number | null = null;
  let reach = REACH_PX;
  for (let slot = 0; slot < store.size; slot++) {
    if (!visible(slot)) continue;
    const { lat, lon } = fromMercator(...store.position(slot, now));
    const at = map.project([lon, lat]);
    const distance = Math.hypot(at.x - point.x, at.y - point.y);
    if (distance < reach) {
      best = slot;
      reach = distance;
    }
  }
  return best;
}
