"use client";

import { GitBranch } from "lucide-react";
import { useState } from "react";
import { ProblemNotice } from "@/kit/notice";
import { Section } from "@/kit/section";
import { api, asProblem, type Problem } from "@/lib/api";
import { clockZ, shortId, words } from "@/lib/format";
import type { Evidence, Lineage } from "@/lib/model";

/** The evidence chain: numbered reasons, and on request everything back to the raw observations. */
export function Why({ id, evidence }: { id: string; evidence: readonly Evidence[] }) {
  const [chain, setChain] = useState<Lineage | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);

  const load = async (): Promise<void> => {
    if (chain) {
      setChain(null);
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      setChain(await api.lineage(id));
    } catch (error) {
      setProblem(asProblem(error));
    }
    setBusy(false);
  };

  return (
    <Section
      title="Why"
      aside={
        <button
          type="button"
          onClick={load}
          disabled={busy}
          aria-expanded={chain !== null}
          className="flex h-6 items-center gap-1 rounded-sm px-1.5 text-sm text-accent hover:bg-overlay"
        >
          <GitBranch size={12} aria-hidden /> {chain ? "Hide chain" : busy ? "Loading…" : "Full chain"}
        </button>
      }
    >
      {evidence.length === 0 && (
        <p className="text-sm text-ink-3">No reason was recorded with it; see the full chain.</p>
      )}
      <ol className="flex flex-col gap-1.5">
        {evidence.map((item, index) => (
          <li key={`${item.id}/${item.text}`} className="grid grid-cols-[18px_1fr] text-sm">
            <span className="font-mono text-ink-3">{index + 1}</span>
            <span className="text-ink-2">
              {item.text} <span className="text-ink-3">{words(item.kind)}</span>
            </span>
          </li>
        ))}
      </ol>
      {problem && (
        <div className="mt-2">
          <ProblemNotice problem={problem} />
        </div>
      )}
      {chain && <Chain chain={chain} />}
    </Section>
  );
}

function Chain({ chain }: { chain: Lineage }) {
  const nodes = [...chain.nodes].sort((a, b) => b.at.localeCompare(a.at));
  return (
    <div className="mt-2.5">
      <p className="mb-1.5 text-sm text-ink-3">
        {chain.nodes.length} records, {chain.edges.length} links, latest first
      </p>
      <ol className="border-l border-line-strong pl-3" aria-label="Full chain">
        {nodes.map((node) => (
          <li key={node.id} className="relative pb-1.5 text-sm">
            <span aria-hidden className="absolute top-1.5 -left-[15.5px] size-1.5 rounded-full bg-ink-3" />
            <span className="text-ink">{node.title || words(node.type)}</span>
            <span className="block font-mono text-xs text-ink-3">
              {node.type} · {node.at ? clockZ(Date.parse(node.at)) : "–"} · {shortId(node.id)}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}
