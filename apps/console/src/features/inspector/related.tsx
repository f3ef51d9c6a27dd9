"use client";

import type { Task } from "@/lib/model";
import { isOver } from "@/lib/tasks";
import { useList } from "@/stream/use-stream";
import { AdvisoryCard } from "./advisory-view";
import { DecisionCard } from "./decision-card";
import { TaskSummary } from "./task-summary";

/** What hangs on an incident: decisions that wait, tasks under way, and the latest advice. */
export function Related({ incident, asset }: { incident: string | null; asset?: string }) {
  const tasks = useList("tasks").filter((task) => matches(task, incident, asset));
  const [advisory] = useList("advisories")
    .filter((item) => incident !== null && item.incident === incident)
    .sort((a, b) => b.made_at.localeCompare(a.made_at));
  const waiting = tasks.filter(({ state }) => state === "proposed");
  const running = tasks
    .filter(({ state }) => state !== "proposed")
    .sort((a, b) => Number(isOver(a.state)) - Number(isOver(b.state)));
  return (
    <>
      {waiting.map((task) => (
        <DecisionCard key={task.id} task={task} />
      ))}
      {running.slice(0, 3).map((task) => (
        <TaskSummary key={task.id} task={task} />
      ))}
      {advisory && <AdvisoryCard advisory={advisory} />}
    </>
  );
}

function matches(task: Task, incident: string | null, asset: string | undefined): boolean {
  return asset ? task.asset === asset : incident !== null && task.incident === incident;
}
