"use client";

import { Facts } from "@/kit/facts";
import { Warning } from "@/kit/notice";
import { MapSymbol } from "@/kit/symbol";
import { age, bearing, capital, distance, duration, latLon, percent, speed, words } from "@/lib/format";
import { uncertainty95 } from "@/lib/geo";
import type { BearingEvidence, Entity, Evidence } from "@/lib/model";
import { appearance, mainClass, nameOf } from "@/lib/symbology";
import { useList, useObject, useServerNow, world } from "@/stream/use-stream";
import { Heading } from "./heading";
import { plusMinus } from "./incident-view";
import { LinkTo } from "./link-to";
import { Related } from "./related";
import { Why } from "./why";

export function EntityView({ id }: { id: string }) {
  const entity = useObject("entities", id);
  const now = useServerNow();
  const incident = useList("incidents").find(({ entities }) => entities?.includes(id));
  if (!entity) return null;
  const [symbol, colour] = appearance(entity);
  const kind = mainClass(entity) ? `${words(mainClass(entity))} · ${entity.kind}` : entity.kind;
  return (
    <>
      <Heading
        kind={
          <>
            <MapSymbol symbol={symbol} colour={colour} size={14} /> {capital(kind)}
          </>
        }
        title={nameOf(entity)}
      >
        <FreshnessNote entity={entity} now={now} />
        {entity.disputed && <Warning>Something else, far away, tells the same identity.</Warning>}
        {entity.ambiguous && <Warning>{entity.ambiguity ?? "More than one place fits the bearings."}</Warning>}
      </Heading>
      <div className="px-3 pb-3">
        <EntityFacts entity={entity} now={now} />
        {incident && (
          <p className="mt-2 text-sm text-ink-3">
            Part of <LinkTo type="incidents" id={incident.id} name={incident.title} />
          </p>
        )}
      </div>
      {entity.kind === "asset" ? <Related incident={null} asset={id} /> : <Related incident={incident?.id ?? null} />}
      <Why id={id} evidence={bearingEvidence(entity.bearings ?? [])} />
    </>
  );
}

function FreshnessNote({ entity, now }: { entity: Entity; now: number | null }) {
  const silent = now === null ? "" : ` for ${age(now - Date.parse(entity.heard_at))}`;
  if (entity.freshness === "stale") return <Warning>Late: no update{silent}. Shown where it was last heard.</Warning>;
  if (entity.freshness === "lost") return <Warning>Lost: silent{silent}. Its position is the last known one.</Warning>;
  if (entity.freshness === "expired") return <Warning>Expired: ended by its time to live.</Warning>;
  return null;
}

function EntityFacts({ entity, now }: { entity: Entity; now: number | null }) {
  const { location, kinematics: motion, health } = entity;
  const sources = (entity.sources ?? []).map(sourceName).join(", ");
  return (
    <Facts
      items={[
        location
          ? { name: "Position", value: latLon(location.lat, location.lon) }
          : { name: "Position", value: "none" },
        location?.alt_m !== undefined ? { name: "Altitude", value: `${Math.round(location.alt_m)} m` } : null,
        location ? { name: "Uncertainty (95 %)", value: plusMinus(uncertainty95(location)) } : null,
        motion ? { name: "Course / speed", value: `${bearing(motion.course_deg)} · ${speed(motion.speed_mps)}` } : null,
        entity.existence !== undefined ? { name: "Existence", value: entity.existence.toFixed(2) } : null,
        entity.classes && Object.keys(entity.classes).length > 0
          ? { name: "Class", value: classText(entity.classes) }
          : null,
        health?.battery !== undefined
          ? { name: "Battery", value: percent(health.battery), tone: health.battery < 0.25 ? "text-high" : "" }
          : null,
        health?.endurance_s !== undefined ? { name: "Endurance", value: duration(health.endurance_s) } : null,
        health?.activity ? { name: "Activity", value: words(health.activity), prose: true } : null,
        entity.task ? { name: "Task", value: <LinkTo type="tasks" id={entity.task} name="open" />, prose: true } : null,
        entity.capabilities?.length
          ? { name: "Can", value: entity.capabilities.map(words).join(", "), prose: true }
          : null,
        sources ? { name: "Sources", value: sources, prose: true } : null,
        entity.updates ? { name: "Updates", value: String(entity.updates) } : null,
        { name: "Age of data", value: now === null ? "–" : age(now - Date.parse(entity.observed_at)) },
      ]}
    />
  );
}

/** A source is most often an entity too: its label says more than its id. */
function sourceName(id: string): string {
  const entity = world.get("entities", id);
  return entity ? nameOf(entity) : id;
}

function classText(classes: Record<string, number>): string {
  return Object.entries(classes)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 2)
    .map(([name, weight]) => `${name} ${weight.toFixed(2)}`)
    .join(", ");
}

function bearingEvidence(bearings: readonly BearingEvidence[]): Evidence[] {
  return bearings.map((item) => {
    const residual = item.residual_sigma === null || item.residual_sigma === undefined;
    const fit = residual ? "" : `, residual ${item.residual_sigma?.toFixed(1).replace("-", "−")} σ`;
    const along = (item.ranges ?? []).map((range) => `${distance(range.near_m)} to ${distance(range.far_m)}`);
    const where = along.length > 0 ? `, ${along.join(" or ")} away by the ground` : "";
    const used = item.used === false ? ": left out, an outlier" : "";
    const text = `${sourceName(item.source)} sees it at ${item.azimuth_deg.toFixed(1)}° ± ${item.sigma_deg.toFixed(1)}°${fit}${where}${used}`;
    return { id: item.observation, kind: "bearing", text };
  });
}
