"use client";

import { Facts } from "@/kit/facts";
import { SeverityTag } from "@/kit/severity";
import { age, capital, latLon } from "@/lib/format";
import { useObject, useServerNow } from "@/stream/use-stream";
import { Heading } from "./heading";
import { LinkTo } from "./link-to";
import { Log } from "./log";
import { Related } from "./related";
import { Why } from "./why";

export function AlertView({ id }: { id: string }) {
  const alert = useObject("alerts", id);
  const incident = useObject("incidents", alert?.incident ?? null);
  const now = useServerNow();
  if (!alert) return null;
  const { location } = alert;
  return (
    <>
      <Heading
        kind={
          <>
            <SeverityTag severity={alert.severity} /> <span>alert · {alert.state}</span>
          </>
        }
        title={alert.title}
      >
        <p className="text-base text-ink-2">{alert.text}</p>
      </Heading>
      <div className="px-3 pb-3">
        <Facts
          items={[
            { name: "Raised", value: now === null ? "–" : `${age(now - Date.parse(alert.opened_at))} ago` },
            { name: "Urgency, certainty", value: `${capital(alert.urgency)}, ${alert.certainty}`, prose: true },
            location ? { name: "Position", value: latLon(location.lat, location.lon) } : null,
            alert.acknowledged_by ? { name: "Acknowledged by", value: alert.acknowledged_by, prose: true } : null,
            incident
              ? {
                  name: "Incident",
                  value: <LinkTo type="incidents" id={incident.id} name={incident.title} />,
                  prose: true,
                }
              : null,
          ]}
        />
      </div>
      <Related incident={alert.incident ?? null} />
      <Why id={alert.id} evidence={alert.evidence ?? []} />
      <Log entries={alert.timeline} />
    </>
  );
}
