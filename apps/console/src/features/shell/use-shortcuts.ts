"use client";

import { useEffect } from "react";
import { isActive, sortAlerts } from "@/lib/alerts";
import { api } from "@/lib/api";
import { currentMap } from "@/map/use-map";
import { useUi } from "@/state/ui";
import { world } from "@/stream/use-stream";
import { isTyping, neighbour } from "./keys";

export function useShortcuts(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const action = ACTIONS[event.key];
      if (!action) return;
      action();
      event.preventDefault();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}

function stepAlert(step: 1 | -1): void {
  const { selection, select, showClosed } = useUi.getState();
  const alerts = world.list("alerts");
  const ids = sortAlerts(showClosed ? alerts : alerts.filter(isActive)).map(({ id }) => id);
  const next = neighbour(ids, selection?.type === "alerts" ? selection.key : null, step);
  if (next === undefined) return;
  select({ type: "alerts", key: next });
  document.querySelector<HTMLElement>(`[data-alert="${CSS.escape(next)}"]`)?.focus();
}

function acknowledge(): void {
  const { selection } = useUi.getState();
  const alert = selection?.type === "alerts" ? world.get("alerts", selection.key) : undefined;
  // The row keeps its button while the alert is open: a refusal shows there, so nothing is swallowed here.
  if (alert?.state === "open") void api.acknowledge(alert.id).catch(() => undefined);
}

function follow(): void {
  const { selection, follow: on, setFollow } = useUi.getState();
  if (selection?.type === "entities") setFollow(!on);
}

function clear(): void {
  const { helpOpen, toggle, select } = useUi.getState();
  if (helpOpen) toggle("helpOpen");
  else select(null);
  document.getElementById("map")?.focus();
}

const ACTIONS: Record<string, () => void> = {
  j: () => stepAlert(1),
  k: () => stepAlert(-1),
  a: acknowledge,
  f: follow,
  "/": () => document.getElementById("finder")?.focus(),
  "0": () => currentMap()?.fit(),
  "[": () => useUi.getState().toggle("alertsOpen"),
  "]": () => useUi.getState().toggle("inspectorOpen"),
  "?": () => useUi.getState().toggle("helpOpen"),
  Escape: clear,
};
