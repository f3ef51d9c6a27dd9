"use client";

import { Section } from "@/kit/section";
import type { Task } from "@/lib/model";
import { nameOf } from "@/lib/symbology";
import { useObject } from "@/stream/use-stream";
import { LinkTo } from "./link-to";
import { TaskSteps } from "./task-steps";

export function TaskSummary({ task }: { task: Task }) {
  const asset = useObject("entities", task.asset);
  return (
    <Section title="Task" aside={<LinkTo type="tasks" id={task.id} name="Open" />}>
      <p className="mb-2 text-base">
        {task.title} <span className="text-ink-3">· {asset ? nameOf(asset) : task.asset}</span>
      </p>
      <TaskSteps task={task} />
      {task.note && <p className="mt-1.5 text-sm text-ink-2">{task.note}</p>}
    </Section>
  );
}
