"use client";

import { Facts } from "@/kit/facts";
import { Warning } from "@/kit/notice";
import { Section } from "@/kit/section";
import { SeverityTag } from "@/kit/severity";
import { age, capital, clockZ, distance, latLon, words } from "@/lib/format";
import { uncertainty95 } from "@/lib/geo";
import { useObject, useServerNow } from "@/stream/use-stream";
import { Heading } from "./heading";
import { Related } from "./related";
import { Why } from "./why";

export function IncidentView({ id }: { id: string }) {
  const incident = useObject("incidents", id);
  const now = useServerNow();
  if (!incident) return null;
  const { location } = incident;
  return (
    <>
      <Heading
        kind={
          <>
            <SeverityTag severity={incident.severity} /> <span>incident · {words(incident.class)}</span>
          </>
        }
        title={incident.title}
      >
        {incident.ambiguous && <Warning>The position is ambiguous: more than one place fits the bearings.</Warning>}
      </Heading>
      <div className="px-3 pb-3">
        <Facts
          items={[
            { name: "State", value: capital(words(incident.state)), prose: true },
            { name: "Open for", value: now === null ? "–" : age(now - Date.parse(incident.opened_at)) },
            location ? { name: "Position", value: latLon(location.lat, location.lon) } : null,
            location ? { name: "Uncertainty (95 %)", value: plusMinus(uncertainty95(location)) } : null,
            { name: "Sources", value: (incident.sources ?? []).join(", ") || "–" },
          ]}
        />
      </div>
      <Related incident={id} />
      <Why id={id} evidence={[]} />
      {incident.timeline && incident.timeline.length > 0 && (
        <Section title="Log">
          <ol className="flex flex-col gap-1">
            {[...incident.timeline].reverse().map((entry) => (
              <li key={`${entry.at}${entry.what}`} className="grid grid-cols-[84px_1fr] text-sm">
                <span className="font-mono text-ink-3">{clockZ(Date.parse(entry.at))}</span>
                <span className="text-ink-2">
                  {entry.what} <span className="text-ink-3">{entry.by}</span>
                </span>
              </li>
            ))}
          </ol>
        </Section>
      )}
    </>
  );
}

export function plusMinus(metres: number | null): string {
  return metres === null ? "not stated" : `± ${distance(metres)}`;
}
