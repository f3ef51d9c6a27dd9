"use client";

import { BellOff } from "lucide-react";
import { useState } from "react";
import { Empty, ProblemNotice } from "@/kit/notice";
import { PanelHead } from "@/kit/section";
import { isActive, sortAlerts } from "@/lib/alerts";
import { api, asProblem, type Problem } from "@/lib/api";
import { useUi } from "@/state/ui";
import { useList, useReady, useServerNow } from "@/stream/use-stream";
import { AlertRow } from "./alert-row";
import { Announcer } from "./announcer";

export function AlertsColumn() {
  const now = useServerNow();
  const alerts = useList("alerts");
  const ready = useReady();
  const { selection, select, showClosed, toggle } = useUi();
  const [problem, setProblem] = useState<Problem | null>(null);
  const active = alerts.filter(isActive);
  const shown = sortAlerts(showClosed ? alerts : active);

  const acknowledge = async (id: string): Promise<void> => {
    try {
      setProblem(null);
      await api.acknowledge(id);
    } catch (error) {
      setProblem(asProblem(error));
    }
  };

  return (
    <section aria-label="Alerts" className="flex min-h-0 flex-1 flex-col">
      <PanelHead
        title="Alerts"
        aside={
          <div className="flex items-center gap-1 text-sm">
            <Filter
              on={!showClosed}
              label={`Active ${active.length}`}
              onClick={() => showClosed && toggle("showClosed")}
            />
            <Filter on={showClosed} label={`All ${alerts.length}`} onClick={() => showClosed || toggle("showClosed")} />
          </div>
        }
      />
      {problem && (
        <div className="border-b border-line p-2">
          <ProblemNotice problem={problem} />
        </div>
      )}
      {shown.length === 0 ? (
        <Empty icon={<BellOff size={22} aria-hidden />} title={ready ? "No active alert" : "Waiting for the picture"}>
          {ready ? "Alerts appear here the moment one is raised." : "The gateway sends its snapshot first."}
        </Empty>
      ) : (
        <ul className="min-h-0 flex-1 overflow-y-auto" aria-label="Alerts, most urgent first">
          {shown.map((alert) => (
            <AlertRow
              key={alert.id}
              alert={alert}
              now={now}
              selected={selection?.type === "alerts" && selection.key === alert.id}
              onSelect={() => select({ type: "alerts", key: alert.id })}
              onAcknowledge={() => void acknowledge(alert.id)}
            />
          ))}
        </ul>
      )}
      <Announcer alerts={alerts} />
    </section>
  );
}

function Filter({ on, label, onClick }: { on: boolean; label: string; onClick: () => void }) {
  return (
    <button
      type="button"
      aria-pressed={on}
      onClick={onClick}
      className={`h-6 rounded-sm px-2 ${on ? "bg-overlay text-ink" : "text-ink-3 hover:text-ink"}`}
    >
      {label}
    </button>
  );
}
