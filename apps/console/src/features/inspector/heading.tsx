import type { ReactNode } from "react";

/** Top of each inspector view: what it is, its name, and one line on its state. */
export function Heading({ kind, title, children }: { kind: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="px-3 pt-3 pb-2.5">
      <div className="flex items-center gap-1.5 text-sm text-ink-3">{kind}</div>
      <h3 className="mt-0.5 text-[15px] leading-5 font-semibold">{title}</h3>
      {children && <div className="mt-1.5 flex flex-col gap-1.5">{children}</div>}
    </div>
  );
}
