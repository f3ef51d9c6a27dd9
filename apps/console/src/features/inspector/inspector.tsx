"use client";

import { ShieldCheck, X } from "lucide-react";
import { Empty } from "@/kit/notice";
import { PanelHead } from "@/kit/section";
import { shortId } from "@/lib/format";
import { mainIncident } from "@/lib/incidents";
import { isOver, pendingTasks } from "@/lib/tasks";
import { type Selection, useUi } from "@/state/ui";
import { useList, useObject, useReady } from "@/stream/use-stream";
import { AdvisoryView } from "./advisory-view";
import { AlertView } from "./alert-view";
import { EntityView } from "./entity-view";
import { IncidentView } from "./incident-view";
import { TaskView } from "./task-view";

/** The selected object; with no selection, what matters most now. */
export function Inspector() {
  const { selection, select } = useUi();
  const { title, shown } = useShown(selection);
  return (
    <section aria-label="Inspector" className="flex min-h-0 flex-1 flex-col">
      <PanelHead
        title={title}
        aside={
          shown && (
            <span className="flex items-center gap-1">
              <span className="font-mono text-sm text-ink-3">{shortId(shown.key)}</span>
              {selection && (
                <button
                  type="button"
                  aria-label="Clear selection"
                  title="Clear selection (Esc)"
                  onClick={() => select(null)}
                  className="grid size-6 place-items-center rounded-sm text-ink-3 hover:bg-overlay hover:text-ink"
                >
                  <X size={14} aria-hidden />
                </button>
              )}
            </span>
          )
        }
      />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section className="min-h-0 flex-1 overflow-y-auto" tabIndex={0} aria-label="Details">
        {shown ? <Body key={`${shown.type}/${shown.key}`} selection={shown} /> : <Nothing />}
      </section>
    </section>
  );
}

/** With no selection: the decision that waits most urgently, else a task under way, else the main incident. */
function useShown(selection: Selection | null): { title: string; shown: Selection | null } {
  const tasks = useList("tasks");
  const incident = mainIncident(useList("incidents"));
  if (selection) return { title: "Selection", shown: selection };
  const [urgent] = pendingTasks(tasks);
  if (urgent) return { title: "Decision waiting", shown: { type: "tasks", key: urgent.id } };
  const running = tasks.find(({ state }) => !isOver(state));
  if (running) return { title: "Task under way", shown: { type: "tasks", key: running.id } };
  if (incident) return { title: "Incident", shown: { type: "incidents", key: incident.id } };
  return { title: "Selection", shown: null };
}

function Body({ selection: { type, key } }: { selection: Selection }) {
  const body = useObject(type, key);
  if (!body) {
    return (
      <Empty icon={<X size={22} aria-hidden />} title="No longer in the picture">
        It was deleted or has expired. Its history stays with the gateway.
      </Empty>
    );
  }
  switch (type) {
    case "entities":
      return <EntityView id={key} />;
    case "alerts":
      return <AlertView id={key} />;
    case "incidents":
      return <IncidentView id={key} />;
    case "advisories":
      return <AdvisoryView id={key} />;
    default:
      return <TaskView id={type === "approvals" ? (body as { task: string }).task : key} />;
  }
}

function Nothing() {
  const ready = useReady();
  return (
    <Empty
      icon={<ShieldCheck size={22} aria-hidden />}
      title={ready ? "No decision is waiting" : "Waiting for the picture"}
    >
      {ready
        ? "Select something on the map or an alert to see what is known and why. A proposal that needs you will open here."
        : "The gateway sends its snapshot first."}
    </Empty>
  );
}
