"use client";

import { useEffect, useRef, useState } from "react";
import { SEVERITY } from "@/kit/severity";
import type { Alert } from "@/lib/model";

const BATCH_MS = 5000;

/** Reads new alerts to a screen reader: critical ones at once, the others together every five seconds. */
export function Announcer({ alerts }: { alerts: readonly Alert[] }) {
  const known = useRef<Set<string> | null>(null);
  const waiting = useRef<string[]>([]);
  const [urgent, setUrgent] = useState("");
  const [polite, setPolite] = useState("");

  useEffect(() => {
    const before = known.current;
    known.current = new Set(alerts.map(({ id }) => id));
    if (!before) return;
    for (const alert of alerts) {
      if (before.has(alert.id) || alert.state !== "open") continue;
      const text = `${SEVERITY[alert.severity].word} alert: ${alert.title}`;
      if (alert.severity === "extreme") setUrgent(text);
      else waiting.current.push(text);
    }
  }, [alerts]);

  useEffect(() => {
    const timer = setInterval(() => {
      if (waiting.current.length > 0) setPolite(waiting.current.splice(0).join(". "));
    }, BATCH_MS);
    return () => clearInterval(timer);
  }, []);

  return (
    <div className="sr-only">
      <div aria-live="assertive">{urgent}</div>
      <div aria-live="polite">{polite}</div>
    </div>
  );
}
