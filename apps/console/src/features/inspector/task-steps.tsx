import { Check, X } from "lucide-react";
import { capital, words } from "@/lib/format";
import type { Task } from "@/lib/model";
import { isOver, TASK_STEPS } from "@/lib/tasks";

/** proposed → … → done as a line of steps; an early end is shown where it happened. */
export function TaskSteps({ task }: { task: Task }) {
  const failed = isOver(task.state) && task.state !== "done";
  const reached = failed ? lastStep(task) : TASK_STEPS.indexOf(task.state);
  return (
    <div>
      <ol className="grid grid-cols-7" aria-label="Progress of the task">
        {TASK_STEPS.map((step, index) => {
          const done = index < reached || task.state === "done";
          const current = index === reached && task.state !== "done";
          const tone = current ? (failed ? "text-critical" : "text-accent") : done ? "text-ok" : "text-line-strong";
          return (
            <li
              key={step}
              title={capital(step)}
              aria-current={current ? "step" : undefined}
              className={`relative grid place-items-center ${tone}`}
            >
              {index > 0 && (
                <span
                  aria-hidden
                  className={`absolute top-1/2 right-1/2 left-[-50%] h-px ${done || current ? "bg-ok/70" : "bg-line-strong"}`}
                />
              )}
              <span className="relative z-10 grid size-4 place-items-center rounded-full border-[1.5px] border-current bg-surface">
                {current && failed ? (
                  <X size={10} aria-hidden />
                ) : done ? (
                  <Check size={10} aria-hidden />
                ) : current ? (
                  <span className="size-1.5 rounded-full bg-current" />
                ) : null}
              </span>
              <span className="sr-only">
                {step}
                {done ? ", done" : current ? ", now" : ""}
              </span>
            </li>
          );
        })}
      </ol>
      <div className="mt-1.5 flex items-baseline justify-between text-sm">
        <span
          data-task-state={task.state}
          className={`font-medium ${failed ? "text-critical" : task.state === "done" ? "text-ok" : "text-accent"}`}
        >
          {capital(words(task.state))}
        </span>
        {task.state === "executing" && (
          <span className="font-mono text-ink-2">{Math.round((task.progress ?? 0) * 100)} %</span>
        )}
      </div>
      {task.state === "executing" && (
        <div className="mt-1 h-1 overflow-hidden rounded-sm bg-overlay">
          <div className="h-full bg-accent" style={{ width: `${(task.progress ?? 0) * 100}%` }} />
        </div>
      )}
    </div>
  );
}

/** How far it came before it ended: the number of dispatches and its log are all that is left to tell. */
function lastStep(task: Task): number {
  const log = (task.timeline ?? []).map(({ what }) => what.toLowerCase()).join(" ");
  for (let index = TASK_STEPS.length - 2; index > 0; index--) {
    if (log.includes(TASK_STEPS[index] ?? "-")) return index;
  }
  return 0;
}
