"use client";

import { Route } from "lucide-react";
import { Facts } from "@/kit/facts";
import { Section } from "@/kit/section";
import { clockZ, distance, duration, percent, shortHash } from "@/lib/format";
import { nameOf } from "@/lib/symbology";
import { useList, useObject } from "@/stream/use-stream";
import { DecisionCard } from "./decision-card";
import { Heading } from "./heading";
import { LinkTo } from "./link-to";
import { Log } from "./log";
import { TaskSteps } from "./task-steps";
import { Why } from "./why";

export function TaskView({ id }: { id: string }) {
  const task = useObject("tasks", id);
  const asset = useObject("entities", task?.asset ?? null);
  const incident = useObject("incidents", task?.incident ?? null);
  const decisions = useList("approvals").filter((approval) => approval.task === id);
  if (!task) return null;
  return (
    <>
      <Heading
        kind={
          <>
            <Route size={13} aria-hidden /> Task · {task.kind} · {task.risk} risk
          </>
        }
        title={task.title}
      />
      {task.state === "proposed" && <DecisionCard task={task} titled={false} />}
      <div className="px-3 pt-1 pb-3">
        <TaskSteps task={task} />
        {task.note && <p className="mt-2 text-sm text-ink-2">{task.note}</p>}
      </div>
      <Section title="Plan">
        <Facts
          items={[
            {
              name: "Asset",
              value: <LinkTo type="entities" id={task.asset} name={asset ? nameOf(asset) : task.asset} />,
              prose: true,
            },
            incident
              ? {
                  name: "Incident",
                  value: <LinkTo type="incidents" id={incident.id} name={incident.title} />,
                  prose: true,
                }
              : null,
            { name: "On scene in", value: duration(task.plan.arrive_s) },
            { name: "Distance", value: distance(task.plan.distance_m) },
            { name: "Whole task", value: duration(task.plan.duration_s) },
            {
              name: "Reserve on return",
              value: percent(task.plan.reserve),
              tone: task.plan.reserve < 0.2 ? "text-high" : "",
            },
            { name: "Waypoints", value: String(task.plan.waypoints.length) },
            { name: "Plan hash", value: shortHash(task.plan_hash) },
          ]}
        />
      </Section>
      {decisions.length > 0 && (
        <Section title="Decision">
          {decisions.map((approval) => (
            <p key={approval.id} className="text-sm text-ink-2">
              <span className={approval.decision === "approve" ? "text-ok" : "text-critical"}>
                {approval.decision === "approve" ? "Approved" : "Rejected"}
              </span>{" "}
              by {approval.by} ({approval.role}) at <span className="font-mono">{clockZ(Date.parse(approval.at))}</span>
              {approval.reason && `: ${approval.reason}`}
            </p>
          ))}
        </Section>
      )}
      <Why id={id} evidence={task.rationale ?? []} />
      <Log entries={task.timeline} />
    </>
  );
}
