// The life of a task, and what of it waits for a person.
import type { Role, Task, TaskState } from "./model";

export const TASK_STEPS: readonly TaskState[] = [
  "proposed",
  "approved",
  "dispatched",
  "received",
  "accepted",
  "executing",
  "done",
];

const OVER: ReadonlySet<TaskState> = new Set([
  "done",
  "rejected",
  "refused",
  "failed",
  "timed_out",
  "expired",
  "cancelled",
]);

export function isOver(state: TaskState): boolean {
  return OVER.has(state);
}

/** Proposals that wait for a decision, the one that expires first in front. */
export function pendingTasks(tasks: readonly Task[]): Task[] {
  const until = (task: Task): string => task.approve_before ?? task.proposed_at;
  return tasks.filter((task) => task.state === "proposed").sort((a, b) => until(a).localeCompare(until(b)));
}

/** As the permission table of the services has it; the gateway decides, this only explains beforehand. */
export function mayApprove(role: Role | undefined): boolean {
  return role === "commander" || role === "administrator";
}

export function mayOperate(role: Role | undefined): boolean {
  return role === "operator" || mayApprove(role);
}
