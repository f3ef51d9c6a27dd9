import type { Incident, Severity } from "./model";

const RANK: readonly Severity[] = ["extreme", "severe", "moderate", "minor", "unknown"];

/** The open incident of the highest severity, the latest first. */
export function mainIncident(incidents: readonly Incident[]): Incident | undefined {
  const open = incidents.filter(({ state }) => state !== "closed" && state !== "false_alarm");
  return [...open].sort(
    (a, b) => RANK.indexOf(a.severity) - RANK.indexOf(b.severity) || b.opened_at.localeCompare(a.opened_at),
  )[0];
}
