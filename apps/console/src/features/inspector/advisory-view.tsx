"use client";

import { ClipboardList } from "lucide-react";
import { Facts } from "@/kit/facts";
import { Section } from "@/kit/section";
import { age } from "@/lib/format";
import type { Advisory } from "@/lib/model";
import { useObject, useServerNow } from "@/stream/use-stream";
import { Heading } from "./heading";
import { Why } from "./why";

export function AdvisoryCard({ advisory }: { advisory: Advisory }) {
  return (
    <Section title="Advice">
      <p className="text-base font-medium">{advisory.title}</p>
      <p className="mt-0.5 text-sm text-ink-2">{advisory.text}</p>
      <Actions actions={advisory.actions ?? []} />
    </Section>
  );
}

export function AdvisoryView({ id }: { id: string }) {
  const advisory = useObject("advisories", id);
  const now = useServerNow();
  if (!advisory) return null;
  return (
    <>
      <Heading kind="Advisory" title={advisory.title}>
        <p className="text-base text-ink-2">{advisory.text}</p>
        <Actions actions={advisory.actions ?? []} />
      </Heading>
      <div className="px-3 pb-3">
        <Facts
          items={[
            { name: "Made", value: now === null ? "–" : `${age(now - Date.parse(advisory.made_at))} ago` },
            { name: "Rule", value: advisory.rule },
          ]}
        />
      </div>
      <Why id={id} evidence={advisory.reasons ?? []} />
    </>
  );
}

function Actions({ actions }: { actions: readonly string[] }) {
  if (actions.length === 0) return null;
  return (
    <ul className="mt-1.5 flex flex-col gap-1">
      {actions.map((action) => (
        <li key={action} className="grid grid-cols-[18px_1fr] items-start text-sm text-ink">
          <ClipboardList size={12} className="mt-0.5 text-accent" aria-hidden />
          {action}
        </li>
      ))}
    </ul>
  );
}
