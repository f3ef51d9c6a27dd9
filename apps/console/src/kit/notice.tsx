import { CircleAlert, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import type { Problem } from "@/lib/api";

/** Empty and waiting states: says what is so, and what will happen next. */
export function Empty({ icon, title, children }: { icon: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-1.5 px-6 py-10 text-center">
      <div className="mb-1 text-ink-3">{icon}</div>
      <p className="font-medium text-ink-2">{title}</p>
      <p className="text-sm text-ink-3">{children}</p>
    </div>
  );
}

const WHAT_TO_DO: Record<string, string> = {
  plan_changed: "The plan is another one now. Read the new plan before you decide.",
  conflict: "Someone else may have decided already; the picture above is the latest.",
  forbidden: "Ask a commander or an administrator to decide.",
};

export function ProblemNotice({ problem }: { problem: Problem }) {
  return (
    <div role="alert" className="flex gap-2 rounded-sm border border-critical/50 bg-critical/10 p-2 text-sm">
      <CircleAlert size={14} className="mt-px shrink-0 text-critical" aria-hidden />
      <div className="min-w-0">
        <p className="font-medium text-ink">
          {problem.title} {problem.status > 0 && <span className="font-mono text-ink-2">{problem.status}</span>}
        </p>
        <p className="break-words text-ink-2">{problem.detail}</p>
        {WHAT_TO_DO[problem.code] && <p className="mt-1 text-ink-2">{WHAT_TO_DO[problem.code]}</p>}
      </div>
    </div>
  );
}

export function Warning({ children }: { children: ReactNode }) {
  return (
    <p className="flex items-start gap-1.5 text-sm text-medium">
      <TriangleAlert size={13} className="mt-px shrink-0" aria-hidden />
      <span>{children}</span>
    </p>
  );
}
