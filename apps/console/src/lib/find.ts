// Search over what is in the picture, by name and id.
import { capital, words } from "./format";
import type { Alert, Entity, Incident, Task, WorldType } from "./model";
import { mainClass, nameOf } from "./symbology";

export interface Hit {
  type: WorldType;
  key: string;
  name: string;
  what: string;
}

interface Picture {
  entities: readonly Entity[];
  incidents: readonly Incident[];
  alerts: readonly Alert[];
  tasks: readonly Task[];
}

/** Best first: names that start with the text, then those that hold it; at most `limit`. */
export function find(text: string, picture: Picture, limit = 8): Hit[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return [];
  const scored: { hit: Hit; score: number }[] = [];
  for (const hit of all(picture)) {
    const name = hit.name.toLowerCase();
    const score = name.startsWith(wanted)
      ? 0
      : name.includes(wanted)
        ? 1
        : hit.key.toLowerCase().includes(wanted)
          ? 2
          : 3;
    if (score < 3) scored.push({ hit, score });
  }
  scored.sort((a, b) => a.score - b.score || a.hit.name.localeCompare(b.hit.name));
  return scored.slice(0, limit).map(({ hit }) => hit);
}

function* all({ entities, incidents, alerts, tasks }: Picture): Generator<Hit> {
  for (const entity of entities) {
    const what = capital(words(mainClass(entity) || entity.kind));
    yield { type: "entities", key: entity.id, name: nameOf(entity), what };
  }
  for (const { id, title } of incidents) yield { type: "incidents", key: id, name: title, what: "Incident" };
  for (const { id, title } of alerts) yield { type: "alerts", key: id, name: title, what: "Alert" };
  for (const { id, title } of tasks) yield { type: "tasks", key: id, name: title, what: "Task" };
}
