"use client";

import { Facts } from "@/kit/facts";
import { Warning } from "@/kit/notice";
import { SeverityTag } from "@/kit/severity";
import { age, capital, distance, latLon, words } from "@/lib/format";
import { uncertainty95 } from "@/lib/geo";
import { useObject, useServerNow } from "@/stream/use-stream";
import { Heading } from "./heading";
import { Log } from "./log";
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
      <Log entries={incident.timeline} />
    </>
  );
}

export function plusMinus(metres: number | null): string {
  return metres === null ? "not stated" : `± ${distance(metres)}`;
}
