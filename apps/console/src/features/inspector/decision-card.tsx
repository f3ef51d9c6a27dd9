"use client";

import { ShieldAlert } from "lucide-react";
import { useId, useState } from "react";
import { Button } from "@/kit/button";
import { ProblemNotice } from "@/kit/notice";
import { api, asProblem, type Problem } from "@/lib/api";
import { age, distance, duration, percent, shortHash } from "@/lib/format";
import type { Task } from "@/lib/model";
import { nameOf } from "@/lib/symbology";
import { mayApprove } from "@/lib/tasks";
import { useUi } from "@/state/ui";
import { useLink, useObject, useServerNow } from "@/stream/use-stream";
import { DecisionForm } from "./decision-form";

type Step = "choose" | "approve" | "reject" | "sent";

/** One plan that waits for a person. Approving takes two deliberate steps; the hash binds it to what is shown here. */
export function DecisionCard({ task, titled = true }: { task: Task; titled?: boolean }) {
  const asset = useObject("entities", task.asset);
  const role = useUi((ui) => ui.principal?.role);
  const select = useUi((ui) => ui.select);
  const link = useLink();
  const now = useServerNow();
  const [step, setStep] = useState<Step>("choose");
  const [problem, setProblem] = useState<Problem | null>(null);
  const headingId = useId();
  const left = task.approve_before && now !== null ? Date.parse(task.approve_before) - now : null;
  const blocked = blockedBecause(role, link.state, left);

  const decide = async (reason: string): Promise<void> => {
    const call = step === "approve" ? api.approve : api.reject;
    setProblem(null);
    try {
      await call(task.id, task.plan_hash, reason);
      setStep("sent");
      // Stay with what was decided: the next step is to watch it happen.
      select({ type: "tasks", key: task.id });
    } catch (error) {
      setProblem(asProblem(error));
      setStep("choose");
    }
  };

  return (
    <section
      aria-labelledby={headingId}
      data-decision={task.id}
      className="mx-3 mb-3 rounded-md border border-accent/55 bg-accent/8 p-3"
    >
      <div className="flex items-center justify-between">
        <h3
          id={headingId}
          className="flex items-center gap-1.5 text-xs font-semibold tracking-[0.08em] text-accent uppercase"
        >
          <ShieldAlert size={13} aria-hidden /> Needs approval
        </h3>
        {left !== null && (
          <span className={`text-sm ${left < 60_000 ? "text-high" : "text-ink-2"}`}>
            {left > 0 ? "expires in " : "expired "}
            <span className="font-mono">{left > 0 ? age(left) : ""}</span>
          </span>
        )}
      </div>
      {titled && <p className="mt-1.5 text-base">{task.title}</p>}
      <dl className="mt-2 grid grid-cols-3 gap-px overflow-hidden rounded-sm bg-line text-sm">
        <Cell name="Asset" value={asset ? nameOf(asset) : task.asset} />
        <Cell name="On scene in" value={duration(task.plan.arrive_s)} mono />
        <Cell name="Distance" value={distance(task.plan.distance_m)} mono />
        <Cell
          name="Reserve"
          value={percent(task.plan.reserve)}
          mono
          tone={task.plan.reserve < 0.2 ? "text-high" : ""}
        />
        <Cell name="Risk" value={task.risk} />
        <Cell name="Plan" value={shortHash(task.plan_hash)} mono />
      </dl>
      {problem && (
        <div className="mt-2">
          <ProblemNotice problem={problem} />
        </div>
      )}
      {step === "choose" && (
        <>
          <div className="mt-2.5 grid grid-cols-2 gap-2">
            <Button look="primary" disabled={blocked !== null} onClick={() => setStep("approve")} data-action="approve">
              Approve…
            </Button>
            <Button disabled={blocked !== null} onClick={() => setStep("reject")} data-action="reject">
              Reject…
            </Button>
          </div>
          {blocked && <p className="mt-2 text-sm text-ink-2">{blocked}</p>}
        </>
      )}
      {(step === "approve" || step === "reject") && (
        <DecisionForm
          kind={step}
          asset={asset ? nameOf(asset) : task.asset}
          hash={shortHash(task.plan_hash)}
          onConfirm={decide}
          onBack={() => setStep("choose")}
        />
      )}
      {step === "sent" && (
        <p role="status" className="mt-2 text-sm text-ok">
          Decision recorded. Waiting for the picture to follow.
        </p>
      )}
    </section>
  );
}

function blockedBecause(role: Parameters<typeof mayApprove>[0], link: string, left: number | null): string | null {
  if (link === "down" || link === "signed-out") return "The link is down: decide when the picture is live again.";
  if (left !== null && left <= 0) return "The time to decide has passed.";
  if (role && !mayApprove(role)) return `A commander decides; you are signed in as ${role}.`;
  return null;
}

function Cell({ name, value, mono, tone = "" }: { name: string; value: string; mono?: boolean; tone?: string }) {
  return (
    <div className="bg-raised px-2 py-1.5">
      <dt className="text-xs text-ink-3">{name}</dt>
      <dd className={`truncate ${mono ? "font-mono" : ""} ${tone}`} title={value}>
        {value}
      </dd>
    </div>
  );
}
