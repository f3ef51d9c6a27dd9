import type { ReactNode } from "react";

export function Section({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="border-t border-line px-3 py-2.5 first:border-t-0">
      <div className="mb-1.5 flex items-center justify-between">
        <h3 className="section-head">{title}</h3>
        {aside}
      </div>
      {children}
    </section>
  );
}

/** Head of a column: same height everywhere, so that the columns line up. */
export function PanelHead({ title, aside }: { title: string; aside?: ReactNode }) {
  return (
    <div className="flex h-9 shrink-0 items-center justify-between border-b border-line px-3">
      <h2 className="section-head">{title}</h2>
      {aside}
    </div>
  );
}
