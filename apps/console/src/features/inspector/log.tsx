import { Section } from "@/kit/section";
import { clockZ } from "@/lib/format";
import type { TimelineEntry } from "@/lib/model";

/** What happened to an object and who did it, newest first; nothing where nothing is told. */
export function Log({ entries = [] }: { entries?: TimelineEntry[] }) {
  if (entries.length === 0) return null;
  return (
    <Section title="Log">
      <ol className="flex flex-col gap-1">
        {[...entries].reverse().map((entry) => (
          <li key={`${entry.at}${entry.what}`} className="grid grid-cols-[84px_1fr] text-sm">
            <span className="font-mono text-ink-3">{clockZ(Date.parse(entry.at))}</span>
            <span className="text-ink-2">
              {entry.what} <span className="text-ink-3">{entry.by}</span>
            </span>
          </li>
        ))}
      </ol>
    </Section>
  );
}
