// Order and grouping of alerts: what needs a person first stands first.
import type { Alert, AlertState, Severity } from "./model";

const SEVERITY_RANK: Record<Severity, number> = { extreme: 0, severe: 1, moderate: 2, minor: 3, unknown: 4 };
const STATE_RANK: Record<AlertState, number> = { open: 0, acknowledged: 1, resolved: 2, expired: 3 };

export function isActive(alert: Alert): boolean {
  return alert.state === "open" || alert.state === "acknowledged";
}

export function sortAlerts(alerts: readonly Alert[]): Alert[] {
  return [...alerts].sort(
    (a, b) =>
      STATE_RANK[a.state] - STATE_RANK[b.state] ||
      SEVERITY_RANK[a.severity] - SEVERITY_RANK[b.severity] ||
      b.opened_at.localeCompare(a.opened_at),
  );
}
