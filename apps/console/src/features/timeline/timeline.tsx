"use client";

import { SEVERITY } from "@/kit/severity";
import { clockZ } from "@/lib/format";
import { useUi } from "@/state/ui";
import { BIN_MS, type Mark, SPAN_MS } from "@/stream/history";
import { useList, useServerNow, world } from "@/stream/use-stream";

const REFRESH_MS = 2000;
const SUPPORTED = new Set(["alerts", "incidents", "tasks", "advisories"]);

/** The last hour: marks for operations above, density of entity updates below, the playhead at now. */
export function Timeline() {
  const now = useServerNow(REFRESH_MS);
  // Operations change the marks without changing any list of their own.
  useList("tasks");
  if (now === null) return <Frame />;
  const start = Math.floor(now / BIN_MS) * BIN_MS - SPAN_MS + BIN_MS;
  const end = start + SPAN_MS;
  const x = (at: number): number => Math.max(0, Math.min(100, ((at - start) / (end - start)) * 100));
  const marks = [...world.history.marks.values()].filter(({ at, type }) => at >= start && SUPPORTED.has(type));
  return (
    <Frame since={world.history.since} marks={marks.length}>
      <Ticks start={start} x={x} />
      <Marks marks={marks} x={x} />
      <Density bins={world.history.density(now)} unseen={x(world.history.since ?? now)} />
      <div aria-hidden className="absolute inset-y-0 w-0.5 bg-accent" style={{ left: `calc(${x(now)}% - 1px)` }}>
        <span className="absolute -top-1 -left-[3px] size-2 rotate-45 bg-accent" />
      </div>
    </Frame>
  );
}

function Frame({ since, marks = 0, children }: { since?: number | null; marks?: number; children?: React.ReactNode }) {
  return (
    <section aria-label="Timeline of the last hour" className="flex h-[104px] flex-col border-t border-line bg-surface">
      <div className="flex h-7 shrink-0 items-center justify-between px-3">
        <h2 className="section-head">Timeline</h2>
        <p className="font-mono text-sm text-ink-3">
          {since ? `${marks} events · updates seen since ${clockZ(since)} · ` : ""}−60 min … now
        </p>
      </div>
      <div className="relative mx-3 mb-5 flex-1">{children}</div>
    </section>
  );
}

function Ticks({ start, x }: { start: number; x: (at: number) => number }) {
  const step = 600_000;
  const first = Math.ceil(start / step) * step;
  const ticks = Array.from({ length: 6 }, (_, index) => first + index * step);
  return ticks.map((at) => (
    <div key={at} aria-hidden className="absolute inset-y-0 w-px bg-line" style={{ left: `${x(at)}%` }}>
      <span className="absolute top-full left-0 mt-0.5 -translate-x-1/2 font-mono text-[10px] leading-4 text-ink-3">
        {new Date(at).toISOString().slice(11, 16)}
      </span>
    </div>
  ));
}

function Marks({ marks, x }: { marks: readonly Mark[]; x: (at: number) => number }) {
  const select = useUi((ui) => ui.select);
  return marks.map((mark) => {
    const look = mark.severity ? SEVERITY[mark.severity] : null;
    return (
      <button
        key={mark.id}
        type="button"
        aria-label={`${clockZ(mark.at)} ${mark.text}`}
        title={`${clockZ(mark.at)}  ${mark.text}`}
        onClick={() => select({ type: mark.type, key: mark.key })}
        className={`absolute top-0 z-10 grid h-4 w-3 -translate-x-1/2 place-items-center text-xs leading-none hover:scale-125 ${look?.text ?? "text-accent"}`}
        style={{ left: `${x(mark.at)}%` }}
      >
        <span aria-hidden>{look?.shape ?? (mark.type === "tasks" ? "▸" : "○")}</span>
      </button>
    );
  });
}

function Density({ bins, unseen }: { bins: readonly number[]; unseen: number }) {
  // The square root keeps quiet minutes visible beside a burst.
  const top = Math.sqrt(Math.max(1, ...bins));
  return (
    <div aria-hidden className="absolute inset-x-0 top-4 bottom-0">
      <div
        className="hatched absolute inset-y-0 left-0 border-r border-dashed border-line-strong"
        style={{ width: `${unseen}%` }}
      >
        {unseen > 20 && (
          <span className="absolute bottom-1 left-1/2 -translate-x-1/2 rounded-sm bg-surface px-2 text-xs text-ink-3">
            before this console connected
          </span>
        )}
      </div>
      <div className="absolute inset-0 flex items-end gap-px border-b border-line-strong">
        {bins.map((count, index) => (
          <div
            // biome-ignore lint/suspicious/noArrayIndexKey: a bin is its place
            key={index}
            className="flex-1 bg-[#3d6072]"
            style={{ height: count === 0 ? 0 : `${Math.max(6, (Math.sqrt(count) / top) * 100)}%` }}
          />
        ))}
      </div>
    </div>
  );
}
