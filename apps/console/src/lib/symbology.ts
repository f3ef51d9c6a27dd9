// What an entity looks like: symbol by role, colour by kind (Okabe-Ito), outline by freshness.
import type { Entity } from "./model";

export const SYMBOLS = ["track", "drone", "aircraft", "crew", "vehicle", "sensor", "hazard", "place"] as const;
export type SymbolName = (typeof SYMBOLS)[number];
export const COLOURS = ["air", "ground", "vehicle", "sensor", "detection", "neutral"] as const;
export type ColourName = (typeof COLOURS)[number];
/** Drawn filled, hollow with a dashed ring, crossed out, faint, and hollow. */
export const STATES = ["live", "stale", "lost", "expired", "tentative"] as const;

const BY_CLASS: Record<string, [SymbolName, ColourName]> = {
  drone: ["drone", "air"],
  uav: ["drone", "air"],
  aircraft: ["aircraft", "air"],
  helicopter: ["aircraft", "air"],
  crew: ["crew", "ground"],
  person: ["crew", "ground"],
  engine: ["vehicle", "vehicle"],
  vehicle: ["vehicle", "vehicle"],
  vessel: ["vehicle", "vehicle"],
  robot: ["vehicle", "vehicle"],
  sensor: ["sensor", "sensor"],
  camera: ["sensor", "sensor"],
  weather: ["sensor", "sensor"],
};

const BY_KIND: Partial<Record<Entity["kind"], [SymbolName, ColourName]>> = {
  sensor: ["sensor", "sensor"],
  hazard: ["hazard", "detection"],
  person: ["crew", "ground"],
  place: ["place", "neutral"],
  structure: ["place", "neutral"],
  zone: ["place", "neutral"],
};

/** Our own assets have their full symbol; what is only tracked is a chevron in the colour of its class. */
export function appearance(entity: Entity): [SymbolName, ColourName] {
  const byClass = BY_CLASS[mainClass(entity)];
  if (entity.kind === "track") return ["track", byClass?.[1] ?? "detection"];
  return BY_KIND[entity.kind] ?? byClass ?? ["track", "detection"];
}

/** The stated class, else the likeliest of the class distribution. */
export function mainClass(entity: Entity): string {
  if (entity.class) return entity.class;
  let best = "";
  for (const [name, weight] of Object.entries(entity.classes ?? {})) {
    if (best === "" || weight > (entity.classes?.[best] ?? 0)) best = name;
  }
  return best;
}

export function lookOf(entity: Entity): { symbol: number; colour: number; state: number } {
  const [symbol, colour] = appearance(entity);
  const freshness = entity.freshness ?? "live";
  const tentative = freshness === "live" && entity.kind === "track" && (entity.existence ?? 1) < 0.5;
  return {
    symbol: SYMBOLS.indexOf(symbol),
    colour: COLOURS.indexOf(colour),
    state: STATES.indexOf(tentative ? "tentative" : freshness),
  };
}

export function isFire(entity: Entity): boolean {
  return entity.kind === "hazard";
}

/** The name to show: the label where the source gave one, else the id. */
export function nameOf(entity: Entity): string {
  return entity.label || entity.id;
}
