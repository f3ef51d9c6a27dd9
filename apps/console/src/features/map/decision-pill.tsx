"use client";

import { ShieldAlert } from "lucide-react";
import { pendingTasks } from "@/lib/tasks";
import { useUi } from "@/state/ui";
import { useList } from "@/stream/use-stream";

/** Where the inspector is a drawer, a waiting decision must still be seen. */
export function DecisionPill() {
  const { selection, select } = useUi();
  const pending = pendingTasks(useList("tasks"));
  const [first] = pending;
  if (!first || selection) return null;
  return (
    <button
      type="button"
      onClick={() => select({ type: "tasks", key: first.id })}
      className="absolute bottom-10 left-1/2 z-20 flex h-9 -translate-x-1/2 items-center gap-2 rounded-md bg-accent px-4 font-semibold whitespace-nowrap text-bg shadow-lg xl:hidden"
    >
      <ShieldAlert size={15} aria-hidden />
      {pending.length === 1 ? "1 decision waits" : `${pending.length} decisions wait`}
    </button>
  );
}
