// Which places a view has to show.
import type { LatLon } from "@/lib/geo";
import { isOver } from "@/lib/tasks";
import type { World } from "@/stream/world";

const CORE = new Set(["hazard", "asset", "sensor"]);
/** An error ellipse of a few hundred metres must be seen as one: so much land around a hazard, in degrees. */
const AROUND = 0.012;

/** Hazards, assets and sensors if there are any, else all entities; `near`: hazards and the assets of their tasks. */
export function extent(world: World, near: boolean): LatLon[] {
  const entities = world.list("entities").filter(({ location }) => location);
  if (near) {
    const open = world.list("tasks").filter(({ state }) => !isOver(state));
    const going = new Set(open.map(({ asset }) => asset));
    return entities.flatMap(({ id, kind, location }) => {
      if (!location) return [];
      if (kind === "hazard") return corners(location);
      return going.has(id) ? [location] : [];
    });
  }
  const core = entities.filter(({ kind }) => CORE.has(kind));
  return (core.length > 0 ? core : entities).flatMap(({ location }) => (location ? [location] : []));
}

function corners({ lat, lon }: LatLon): LatLon[] {
  return [
    { lat: lat - AROUND, lon: lon - AROUND },
    { lat: lat + AROUND, lon: lon + AROUND },
  ];
}
