import type { ReactNode } from "react";

export interface Fact {
  name: string;
  value: ReactNode;
  /** Words read in the text face; numbers, ids and times in the mono face. */
  prose?: boolean;
  tone?: string;
}

export function Facts({ items }: { items: readonly (Fact | null)[] }) {
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-[5px]">
      {items.map(
        (fact) =>
          fact && (
            <div key={fact.name} className="contents">
              <dt className="text-sm text-ink-3">{fact.name}</dt>
              <dd
                className={`min-w-0 text-right text-sm break-words ${fact.prose ? "" : "font-mono"} ${fact.tone ?? "text-ink"}`}
              >
                {fact.value}
              </dd>
            </div>
          ),
      )}
    </dl>
  );
}
